"""The records that every capture format holds, and the one error that reading or writing a capture raises."""

import enum
from typing import NamedTuple

from twsprobe.wire.framing import Direction


class Close(enum.Enum):
    """How a connection, or one direction of it, ended; the second group ended before it was open."""

    FIN = "fin"
    RST = "rst"
    ABANDONED = "abandoned"
    """Our side ended without the end of the peer being seen."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"


class Opened(NamedTuple):
    """A connection was made."""

    connection: int
    time_ns: int
    """Nanoseconds since the epoch, UTC."""
    client: str
    """``ip:port`` as the server sees it; empty when that is not known."""
    server: str
    """``ip:port``."""


class Chunk(NamedTuple):
    """Bytes of one direction, as one read or write of a socket moved them."""

    connection: int
    direction: Direction
    time_ns: int
    """Nanoseconds since the epoch, UTC."""
    data: bytes


class Closed(NamedTuple):
    """A direction ended: with ``TO_CLIENT`` it was the server that closed."""

    connection: int
    time_ns: int
    """Nanoseconds since the epoch, UTC."""
    direction: Direction
    how: Close


class Gap(NamedTuple):
    """Bytes of a direction that the capture lacks, between those before and those after."""

    connection: int
    direction: Direction
    time_ns: int
    """Nanoseconds since the epoch, UTC, at which that was certain."""
    size: int | None
    """How many; None where that is unknown, as of what came before the capture began."""


class Note(NamedTuple):
    """What the recorder did to the next bytes of a direction, or has to say of them."""

    connection: int
    direction: Direction
    time_ns: int
    """Nanoseconds since the epoch, UTC."""
    text: str


Mark = Opened | Closed | Gap | Note
"""A record that is no bytes."""
Record = Chunk | Mark


class CaptureError(Exception):
    """A capture could not be read or written any further; the records before ``position`` are whole.

    ``position`` is an offset in bytes: in the file, or, for a line of a compressed capture, in what the file unpacks to.
    """

    def __init__(self, path: str, position: int, reason: str) -> None:
        super().__init__(path, position, reason)
        self.path = path
        self.position = position
        self.reason = reason

    def __str__(self) -> str:
        # A file's name may hold line breaks and escape codes, and this line goes to terminals and logs.
        name = self.path if self.path.isprintable() else ascii(self.path)
        return f"{name}: {self.reason}"
