"""Records as the packets that would have been seen on a network: raw IP, TCP, with sequence numbers and checksums.

Tools for packets follow a connection by its two addresses and by sequence numbers, so both are kept: each connection has addresses of its
own, and each direction counts its bytes. What was recorded are reads and writes of sockets, not packets, so the packets are made up:

- opened: SYN, SYN-ACK, ACK. Window scaling is agreed on, so that no sender ever seems to fill the other's window.
- a chunk: as many segments as IP's longest packet makes necessary; the last has PSH, and only the last of a chunk has.
- closed: FIN or RST from the side that closed. What never opened is a SYN, with an RST in answer where it was refused.
- a gap: the sequence numbers of its bytes are left out.
- whatever no packet can say (an empty chunk, a note, a connection left behind): an ACK without data.

Beside each packet stand the members (``capture.members``) that say what the packet cannot. They are with the last packet of a record, as
a record is there when it is whole; with the first packet if all that is missing is whose packet it is.

Checksums of IP are right, and those of TCP of segments with up to ``LONGEST_SUMMED`` bytes of data. In longer ones it is 0: the sum of
64 KiB takes longer than all else that is done with them, and captures of what a network card sums and cuts up lack it too. Tools know that,
and do not check it unless told. Whether data were changed later, the checksums of ``capture.pcapng`` tell.

Addresses are the recorded ones where those are IP addresses with ports and no other open connection has the same. Otherwise they come from
ranges that are nobody's: 198.18.0.0/15 (RFC 2544) and 2001:db8::/32 (RFC 3849).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct
from typing import NamedTuple

from twsprobe.capture.members import MAX_CHUNK, Members, members_of
from twsprobe.capture.model import Chunk, Close, Closed, Gap, Opened, Record
from twsprobe.wire.framing import Direction

_TO_SERVER = Direction.TO_SERVER
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
HEADER_4 = Struct(">HH6sH12sIIHHH2x")
"""An IPv4 and a TCP header: both addresses and both ports are one field, the path."""
HEADER_6 = Struct(">4sHH36sIIHHH2x")
"""An IPv6 and a TCP header."""

LONGEST_SUMMED = 1460
"""Bytes of data up to which a segment has a checksum: what fits an Ethernet frame."""

_IP_4, _IP_6, _TCP = 20, 40, 20
_LONGEST = 0xFFFF
"""Bytes of a packet: what IPv4 can have, and for IPv6 what some tools can read."""
_BEGINS_4 = 0x4500
_LONGEST_DATA = _LONGEST - _IP_6 - _TCP
_DATA = _TCP << 10 | PSH | ACK
_from_bytes = int.from_bytes
_DONT_FRAGMENT, _TTL, _PROTOCOL = 0x4000, 64, 6
_GOES_ON_4 = bytes((0, 0, _DONT_FRAGMENT >> 8, 0, _TTL, _PROTOCOL))
_BEGINS_6, _GOES_ON_6 = bytes((6 << 4, 0, 0, 0)), _PROTOCOL << 8 | _TTL
_WINDOW = 0xFFFF
_AGREED = bytes.fromhex("0204ffc3 0103030e")
"""The options of a SYN: segments of up to 65,475 bytes, no operation, windows multiplied by 2**14 (RFC 9293, RFC 7323)."""
_MOST_UNACKNOWLEDGED = 1 << 28
"""Bytes after which the receiver acknowledges, well below half of the sequence numbers and below the window."""
NEVER_OPENED = (Close.REFUSED, Close.TIMEOUT, Close.UNREACHABLE, Close.UNRESOLVED)
_SERVER_4, _SERVER_6 = IPv4Address("198.18.0.1"), IPv6Address("2001:db8::1")
_CLIENTS_4, _CLIENTS_6 = IPv4Address("198.18.0.2"), IPv6Address("2001:db8::1:0")
_MOST_CLIENTS_4 = (1 << 17) - 4
_FIRST_PORT, _PORTS = 49152, 16384
_SEQUENCES_APART = 64_000_000

Ip = IPv4Address | IPv6Address


class Segment(NamedTuple):
    """A packet, and what it leaves unsaid."""

    data: bytes
    members: Members | None


class Endpoint(NamedTuple):
    """One end of a connection."""

    ip: Ip
    port: int

    @property
    def is_4(self) -> bool:
        return self.ip.version == 4


@dataclass(slots=True)
class Way:
    """One direction: who sends to whom, the next sequence number, and sums for its checksums."""

    path: bytes
    """The sender's address, the receiver's, the sender's port, the receiver's."""
    next: int
    window: int = _WINDOW
    unacknowledged: int = 0
    is_4: bool = field(init=False)
    ip_sum: int = field(init=False)
    tcp_sum: int = field(init=False)

    def __post_init__(self) -> None:
        addresses, ports = int.from_bytes(self.path[:-4], "big"), int.from_bytes(self.path[-4:], "big")
        # Ones' complement sums of 16-bit words are remainders of division by 0xFFFF, and so do not mind in which units they are added.
        self.is_4 = len(self.path) == 12
        self.ip_sum = (_BEGINS_4 + _DONT_FRAGMENT + (_TTL << 8 | _PROTOCOL) + addresses) % 0xFFFF
        self.tcp_sum = (addresses + _PROTOCOL + ports) % 0xFFFF


@dataclass(slots=True)
class Flow:
    """An open connection: its two directions, and which of them ended."""

    to_server: Way
    to_client: Way
    ended: set[Direction] = field(default_factory=set)

    def ways(self, direction: Direction) -> tuple[Way, Way]:
        """A direction, and the other one."""
        return (self.to_server, self.to_client) if direction is Direction.TO_SERVER else (self.to_client, self.to_server)


class Segments:
    """Makes packets of records, in their order."""

    def __init__(self) -> None:
        self._flows: dict[int, Flow] = {}
        self._owners: dict[bytes, int] = {}
        self._made = 0

    def of(self, record: Record) -> list[list[Segment]]:
        """The packets of a record; of a chunk longer than ``MAX_CHUNK``, of each of the chunks that it is cut into.

        Raises ValueError for what ``members_of`` refuses.
        """
        members = members_of(record)
        match record:
            case Opened():
                return [self._opened(record, members)]
            case Chunk():
                parts = range(0, len(record.data) or 1, MAX_CHUNK)
                return [self._chunk(record, record.data[start : start + MAX_CHUNK], members) for start in parts]
            case Closed():
                return [self._closed(record, members)]
        way, back, _ = self._ways(record.connection, record.direction)
        if isinstance(record, Gap) and record.size is not None:
            way.next = (way.next + record.size) & 0xFFFFFFFF
        return [[_bare(way, back, members)]]

    def head_of(self, chunk: Chunk) -> bytes | None:
        """The head of the packet with a chunk's data, where ``of`` would give just that packet and no members; it counts as sent.

        None, and nothing is sent, where there is more to say. The chunk's time is not looked at.
        """
        number, direction, _, data = chunk
        flow = self._flows.get(number)
        length = len(data)
        if flow is None or not 0 < length <= _LONGEST_DATA:
            return None
        way, back = (flow.to_server, flow.to_client) if direction is _TO_SERVER else (flow.to_client, flow.to_server)
        if way.unacknowledged > _MOST_UNACKNOWLEDGED:
            return None
        # The same as ``_head`` does, without what other packets need.
        size, sequence, acknowledged, window = length + _TCP, way.next, back.next, way.window
        checksum = 0
        if length <= LONGEST_SUMMED:
            content = _from_bytes(data + b"\0" if length % 2 else data, "big")
            checksum = -(content + way.tcp_sum + size + sequence + acknowledged + _DATA + window) % 0xFFFF
        way.next = (sequence + length) & 0xFFFFFFFF
        way.unacknowledged += length
        back.unacknowledged = 0
        if not way.is_4:
            return HEADER_6.pack(_BEGINS_6, size, _GOES_ON_6, way.path, sequence, acknowledged, _DATA, window, checksum)
        size += _IP_4
        ip_checksum = -(way.ip_sum + size) % 0xFFFF
        return HEADER_4.pack(_BEGINS_4, size, _GOES_ON_4, ip_checksum, way.path, sequence, acknowledged, _DATA, window, checksum)

    def _opened(self, record: Opened, members: Members) -> list[Segment]:
        self._forget(record.connection)
        flow = self._new_flow(record.connection, _endpoint(record.client), _endpoint(record.server))
        way, back = flow.to_server, flow.to_client
        return [
            Segment(_packet(way, back, SYN, options=_AGREED), None),
            Segment(_packet(back, way, SYN | ACK, options=_AGREED), None),
            Segment(_packet(way, back, ACK), members),
        ]

    def _chunk(self, record: Chunk, data: bytes, members: Members) -> list[Segment]:
        way, back, is_new = self._ways(record.connection, record.direction)
        if not data:
            return [_bare(way, back, {**members, "data": ""})]
        found = []
        if way.unacknowledged > _MOST_UNACKNOWLEDGED:
            found.append(Segment(_packet(back, way, ACK), None))
        longest = _LONGEST - _TCP - (_IP_4 if way.is_4 else _IP_6)
        for start in range(0, len(data), longest):
            flags = PSH | ACK if start + longest >= len(data) else ACK
            whose = members if is_new and not start else None
            found.append(Segment(_packet(way, back, flags, data[start : start + longest]), whose))
        return found

    def _closed(self, record: Closed, members: Members) -> list[Segment]:
        if record.how in NEVER_OPENED and record.connection not in self._flows:
            return self._never_opened(record, members)
        way, back, is_new = self._ways(record.connection, record.direction)
        flow = self._flows[record.connection]
        flow.ended.add(record.direction)
        if len(flow.ended) == len(Direction):
            self._forget(record.connection)
        flags = {Close.FIN: FIN | ACK, Close.RST: RST | ACK}.get(record.how)
        if flags is None:
            return [_bare(way, back, members)]
        return [Segment(_packet(way, back, flags), members if is_new else None)]

    def _never_opened(self, record: Closed, members: Members) -> list[Segment]:
        flow = self._new_flow(record.connection, None, None)
        self._forget(record.connection)
        way, back = flow.to_server, flow.to_client
        asked = _packet(way, back, SYN, options=_AGREED)
        if record.how is not Close.REFUSED:
            return [Segment(asked, members)]
        back.next = 0
        return [Segment(asked, None), Segment(_packet(back, way, RST | ACK), members)]

    def _ways(self, connection: int, direction: Direction) -> tuple[Way, Way, bool]:
        """The direction, the other one, and whether no packet was there of the connection so far."""
        flow = self._flows.get(connection)
        is_new = flow is None
        if flow is None:
            flow = self._new_flow(connection, None, None)
        return *flow.ways(direction), is_new

    def _new_flow(self, connection: int, client: Endpoint | None, server: Endpoint | None) -> Flow:
        there, back = next(paths for paths in self._paths(client, server) if self._is_free(*paths))
        sequence = self._made * _SEQUENCES_APART & 0xFFFFFFFF
        flow = Flow(Way(there, sequence), Way(back, sequence))
        self._owners[there] = connection
        self._flows[connection] = flow
        self._made += 1
        return flow

    def _is_free(self, there: bytes, back: bytes) -> bool:
        owner = self._owners.get(there, self._owners.get(back))
        if owner is not None and self._flows[owner].ended:
            self._forget(owner)  # a port that is used again
            owner = None
        return owner is None and there != back

    def _paths(self, client: Endpoint | None, server: Endpoint | None) -> Iterator[tuple[bytes, bytes]]:
        """The paths to the server and back that a connection could have, the recorded ones first."""
        if client is not None and server is not None and client.is_4 == server.is_4:
            yield _path(client, server), _path(server, client)
        is_4 = server.is_4 if server is not None else client is None or client.is_4
        server = server or Endpoint(_SERVER_4 if is_4 else _SERVER_6, 1)
        for number in itertools.count(self._made):
            index, port = divmod(number, _PORTS)
            ip = _CLIENTS_4 + index % _MOST_CLIENTS_4 if is_4 else _CLIENTS_6 + index
            client = Endpoint(ip, _FIRST_PORT + port)
            yield _path(client, server), _path(server, client)

    def _forget(self, connection: int) -> None:
        flow = self._flows.pop(connection, None)
        if flow is not None:
            del self._owners[flow.to_server.path]


def reversed_path(path: bytes) -> bytes:
    """The path of the other direction."""
    half = (len(path) - 4) // 2
    return path[half:-4] + path[:half] + path[-2:] + path[-4:-2]


def _endpoint(text: str) -> Endpoint | None:
    """The address and port that a text names; None if it names none that a packet could come from."""
    host, _, digits = text.rpartition(":")
    try:
        ip = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    usable = not (ip.is_multicast or ip.is_unspecified or ip == IPv4Address(0xFFFFFFFF))
    if not (usable and digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) <= 0xFFFF):
        return None
    return Endpoint(ip, int(digits))


def _path(sender: Endpoint, receiver: Endpoint) -> bytes:
    return sender.ip.packed + receiver.ip.packed + sender.port.to_bytes(2, "big") + receiver.port.to_bytes(2, "big")


def _bare(way: Way, back: Way, members: Members) -> Segment:
    # With the window unchanged it would look like an acknowledgement that is there twice.
    way.window ^= 1
    return Segment(_packet(way, back, ACK), members)


def _packet(way: Way, back: Way, flags: int, data: bytes = b"", options: bytes = b"") -> bytes:
    return _head(way, back, flags, data, options) + data


def _head(way: Way, back: Way, flags: int, data: bytes, options: bytes = b"") -> bytes:
    """The headers of a packet, which is counted as sent with this."""
    length, sequence, window = len(data), way.next, way.window
    size = _TCP + len(options) + length
    acknowledged = back.next if flags & ACK else 0
    offset_flags = (_TCP + len(options)) << 10 | flags
    checksum = 0
    if length <= LONGEST_SUMMED:
        content = int.from_bytes(data + b"\0" if length % 2 else data, "big") + int.from_bytes(options, "big")
        checksum = -(way.tcp_sum + size + sequence + acknowledged + offset_flags + window + content) % 0xFFFF
    way.next = (sequence + length + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
    way.unacknowledged += length
    back.unacknowledged = 0
    if way.is_4:
        ip = _BEGINS_4, size + _IP_4, _GOES_ON_4, -(way.ip_sum + size + _IP_4) % 0xFFFF
        return HEADER_4.pack(*ip, way.path, sequence, acknowledged, offset_flags, window, checksum) + options
    return HEADER_6.pack(_BEGINS_6, size, _GOES_ON_6, way.path, sequence, acknowledged, offset_flags, window, checksum) + options
