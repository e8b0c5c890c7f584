"""What this machine tells about itself: its sockets, their queues, its processes. Nothing here opens a connection.

The rest of the local evidence asks a `System` and never psutil, so that a test can put a machine of its own in its place.

A command line may hold a password (IBC passes it as an argument). Whoever asks for one clears the list when done, and no exception leaves
here with a frame of psutil behind it, whose variables would keep the arguments alive: faults are noted inside the handler, raised outside.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from twsprobe.net.address import Address

if TYPE_CHECKING:
    import psutil

Result = TypeVar("Result")

LISTEN, ESTABLISHED, CLOSE_WAIT = "LISTEN", "ESTABLISHED", "CLOSE_WAIT"
"""States of a TCP socket, by psutil's names."""


class Unseen(Exception):
    """The system does not permit a look, or has nothing to look at; the text is a sentence that says what and why."""


class TcpSocket(NamedTuple):
    """A TCP socket of this machine. ``pid`` is None where the system does not name the owner."""

    ip: str
    port: int
    state: str
    remote: Address | None = None
    pid: int | None = None


class Sockets(NamedTuple):
    """The TCP sockets of this machine. ``whole``: all of them; otherwise only those of processes that this user may look into."""

    all: tuple[TcpSocket, ...]
    whole: bool = True


class Queue(NamedTuple):
    """A listening socket's connections that are not accepted yet, and their limit; ``user_id`` is the owner's, where it is told."""

    ip: str
    port: int
    length: int
    limit: int | None
    user_id: int | None = None


class Process(NamedTuple):
    """A process: its number, its program's name and when it started, in seconds since 1970."""

    pid: int
    name: str
    started: float


class System(Protocol):
    """A machine that can be looked at. Every method may raise Unseen."""

    def sockets(self) -> Sockets:
        """The TCP sockets."""

    def queues(self) -> tuple[Queue, ...]:
        """The accept queues of the listening sockets."""

    def processes(self) -> tuple[Process, ...]:
        """The processes."""

    def command_line(self, pid: int) -> list[str]:
        """A process's arguments. They may hold secrets: the caller clears the list."""

    def executable(self, pid: int) -> str:
        """The path of a process's program."""

    def addresses(self) -> frozenset[str]:
        """The literal addresses of this machine."""


class ThisSystem:
    """This machine, by psutil and, for accept queues, by the kernel of Linux."""

    def sockets(self) -> Sockets:
        """The TCP sockets. macOS tells them all only to root; then those of the processes that may be looked into."""
        import psutil

        try:
            return Sockets(tuple(map(plain_socket, psutil.net_connections(kind="tcp"))))
        except (psutil.Error, OSError, RuntimeError):
            pass
        found = tuple(own_sockets())
        if not found:
            raise Unseen("The sockets of this machine are shown to its administrator only.")
        return Sockets(found, whole=False)

    def queues(self) -> tuple[Queue, ...]:
        """The accept queues, which only Linux tells."""
        if sys.platform != "linux":
            raise Unseen("How many connections wait to be accepted is told on Linux only.")
        from twsprobe.net.accept_queues import accept_queues

        return accept_queues()

    def processes(self) -> tuple[Process, ...]:
        """The processes, as far as they can be seen."""
        import psutil

        listed = (each.info for each in psutil.process_iter(["pid", "name", "create_time"]))
        return tuple(Process(one["pid"], one["name"] or "", one["create_time"] or 0.0) for one in listed)

    def command_line(self, pid: int) -> list[str]:
        """A process's arguments."""
        return permitted(lambda process: process.cmdline(), pid, "command line")

    def executable(self, pid: int) -> str:
        """The path of a process's program."""
        return permitted(lambda process: process.exe(), pid, "program")

    def addresses(self) -> frozenset[str]:
        """The literal addresses of this machine, without zones."""
        import psutil

        try:
            interfaces = psutil.net_if_addrs()
        except (psutil.Error, OSError):
            return frozenset()
        return frozenset(each.address.partition("%")[0] for addresses in interfaces.values() for each in addresses)


def permitted(read: Callable[[psutil.Process], Result], pid: int, what: str) -> Result:
    """What a process tells. Raises Unseen, with nothing of psutil behind it."""
    import psutil

    try:
        return read(psutil.Process(pid))
    except (psutil.Error, OSError, ValueError, RuntimeError):
        pass
    raise Unseen(f"The {what} of process {pid} is not shown to this user.")


def own_sockets() -> Iterator[TcpSocket]:
    """The sockets of every process that may be looked into."""
    import psutil

    for process in psutil.process_iter():
        try:
            found = process.net_connections(kind="tcp")
        except (psutil.Error, OSError, AttributeError):  # AttributeError: psutil before 6 has another name for it
            continue
        for each in found:
            yield plain_socket(each)._replace(pid=process.pid)


def plain_socket(each: object) -> TcpSocket:
    """A socket of psutil's as ours; one without an address (never bound) has port 0."""
    local, remote = getattr(each, "laddr", None), getattr(each, "raddr", None)
    return TcpSocket(
        str(local.ip) if local else "",
        int(local.port) if local else 0,
        str(getattr(each, "status", "")),
        (str(remote.ip), int(remote.port)) if remote else None,
        getattr(each, "pid", None),
    )
