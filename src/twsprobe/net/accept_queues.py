"""How many connections wait in each listening socket of Linux until its program accepts them, and how many may.

The kernel tells both through netlink (sock_diag), without privileges: of a listening socket, ``idiag_rqueue`` is the length of the queue
and ``idiag_wqueue`` its limit (net/ipv4/tcp_diag.c). A queue is full when its length is above the limit. Where netlink is closed, as in
some sandboxes, /proc/net/tcp has the length alone, as the receive queue (net/ipv4/tcp_ipv4.c, ``get_tcp4_sock``).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from twsprobe.net.local_system import Queue, Unseen

_SOCK_DIAG, _BY_FAMILY = 4, 20  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY
_REQUEST_DUMP = 0x1 | 0x300  # NLM_F_REQUEST, NLM_F_DUMP
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_LISTEN = 10  # TCP_LISTEN
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_QUERY = struct.Struct("=BBBxI48x")  # inet_diag_req_v2, its socket id left open
_ANSWER = struct.Struct("=4B2s2s16s16sI8sIIIII")  # inet_diag_msg
_TIMEOUT = 0.5


def accept_queues() -> tuple[Queue, ...]:
    """The accept queue of every listening TCP socket. Raises Unseen."""
    try:
        return tuple(queue for family in (socket.AF_INET, socket.AF_INET6) for queue in asked(family))
    except (OSError, AttributeError, struct.error):
        pass
    found = [queue for name in ("tcp", "tcp6") for queue in read_table(Path("/proc/net") / name)]
    if not found:
        raise Unseen("How many connections wait to be accepted is not shown to this user.")
    return tuple(found)


def asked(family: int) -> Iterator[Queue]:
    """The queues of one address family, from the kernel. Raises OSError, and struct.error for an answer of another form."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
        kernel.settimeout(_TIMEOUT)
        query = _QUERY.pack(family, socket.IPPROTO_TCP, 0, 1 << _LISTEN)
        kernel.sendto(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + query, (0, 0))
        while True:
            data = kernel.recv(1 << 16)
            for kind, body in messages(data):
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError("the kernel does not answer this query")
                if kind == _BY_FAMILY:
                    yield queue_of(body)


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The netlink messages of a datagram: kind and body. Raises struct.error for one that is cut."""
    while data:
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        if length < _HEADER.size:
            raise struct.error("a netlink message is shorter than its header")
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def queue_of(body: bytes) -> Queue:
    """The answer about one socket. Raises struct.error."""
    family, _, _, _, port, _, source, _, _, _, _, length, limit, user_id, _ = _ANSWER.unpack_from(body)
    ip = socket.inet_ntop(family, source[:4] if family == socket.AF_INET else source)
    return Queue(ip, int.from_bytes(port, "big"), length, limit, user_id)


def read_table(path: Path) -> Iterator[Queue]:
    """The listening sockets of /proc/net/tcp or tcp6; none where the file is not there."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        parts = line.split()
        if len(parts) > 7 and parts[3] == "0A":
            address, _, port = parts[1].partition(":")
            yield Queue(literal(address), int(port, 16), int(parts[4].partition(":")[2], 16), None, int(parts[7]))


def literal(address: str) -> str:
    """An address of the table: hexadecimal, each 32-bit word in the byte order of the machine."""
    data = bytes.fromhex(address)
    if sys.byteorder == "little":
        data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return str(ipaddress.ip_address(data))
