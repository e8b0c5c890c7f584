"""Networks of the lab's own: every situation has this machine to itself, and other machines beside it.

The problem: a verdict depends on all that listens on a machine, and most situations want the same few ports. The rule: a situation runs in
a process of its own, in a network namespace of its own, where nothing else is and no packet gets out. Another machine is a second
namespace with a cable (veth) between; a socket stays in the namespace that it was made in, so that one process is on both machines.
Only Linux has namespaces; root may make them, and others too where the system allows user namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET of clone(2)
HERE, THERE, NOBODY = "198.18.0.1", "198.18.0.2", "198.18.0.9"
"""This machine, the other one, and an address that nobody has: all of the range for tests between networks (RFC 2544)."""
ELSEWHERE = "198.19.0.1"
"""An address of a network to which there is no route."""


def own_network() -> str:
    """Give this process a network of its own. Returns why that is not possible, or an empty text."""
    if sys.platform != "linux":
        return "Only Linux gives a situation a network of its own."
    if shutil.which("ip") is None:
        return "The program ip (iproute2) is missing, which sets networks up."
    user, group = os.getuid(), os.getgid()
    try:
        if user:
            _call("unshare", _NEW_USER | _NEW_NETWORK)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        else:
            _call("unshare", _NEW_NETWORK)
        _ip("link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError):
        return "This user may not make network namespaces."
    return ""


def _call(name: str, *arguments: int) -> None:
    """A call of the C library that returns 0 when it went well. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ip(*words: str) -> str:
    return subprocess.run([shutil.which("ip") or "ip", *words], check=True, capture_output=True, text=True).stdout


class OtherMachine(NamedTuple):
    """Another machine's network, at the other end of a cable."""

    file: int
    home: int

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """What the block makes is on the other machine. The block must not wait for anything."""
        _call("setns", self.file, _NEW_NETWORK)
        try:
            yield
        finally:
            _call("setns", self.home, _NEW_NETWORK)

    def listener(self, port: int, backlog: int = 50) -> socket.socket:
        """A socket that listens on the other machine."""
        with self.entered():
            return listener(THERE, port, backlog)


@contextlib.contextmanager
def other_machine() -> Iterator[OtherMachine]:
    """Another machine, and the cable to it."""
    with contextlib.ExitStack() as stack:
        home = _opened(stack)
        _call("unshare", _NEW_NETWORK)
        there = _opened(stack)
        _call("setns", home, _NEW_NETWORK)
        other = OtherMachine(there, home)
        _ip("link", "add", "near", "type", "veth", "peer", "name", "far")
        _ip("link", "set", "far", "netns", f"/proc/{os.getpid()}/fd/{there}")
        _ip("address", "add", f"{HERE}/24", "dev", "near")
        with other.entered():
            _ip("address", "add", f"{THERE}/24", "dev", "far")
            _ip("link", "set", "far", "up")
        _ip("link", "set", "near", "up")
        # Linux takes a moment to notice that a cable is plugged in, and drops what is sent before.
        while "state UP" not in _ip("link", "show", "dev", "near"):
            continue
        yield other


def _opened(stack: contextlib.ExitStack) -> int:
    """The namespace that this thread is in."""
    file = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    stack.callback(os.close, file)
    return file


def drop_what_goes_to(ip: str) -> None:
    """Packets to an address leave, and nobody takes them: what a firewall that drops looks like."""
    _ip("neighbour", "add", ip, "lladdr", "02:00:00:00:00:09", "dev", "near", "nud", "permanent")


def ask_once_for_neighbours() -> None:
    """Say that nobody has an address after one question for its owner, where Linux would ask three times in three seconds."""
    folder = Path("/proc/sys/net/ipv4/neigh/near")
    (folder / "mcast_solicit").write_text("1")
    (folder / "retrans_time_ms").write_text("50")


def listener(ip: str, port: int, backlog: int = 50) -> socket.socket:
    """A socket that listens."""
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((ip, port))
    sock.listen(backlog)
    return sock
