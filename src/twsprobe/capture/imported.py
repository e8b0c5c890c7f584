"""What all importers share: connections that are made of what a log tells, and the count of what it did not.

A log of messages lacks the opening of the connection, wholly or in part, and without it no message can be read. So an opening is made, of
the one version that was spoken, and notes say that it is not in the log. ``twsprobe decode`` then shows an import like any capture.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from dataclasses import dataclass

from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Note, Opened, Record
from twsprobe.capture.splitting import Split, split
from twsprobe.wire.framing import MAX_FRAME, Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.text import text_of

MADE = "not in the log: made from the server version"
LONGEST_NOTE = 16_000
"""Characters of a line that a note keeps."""
_ZONE = " (not in the log)"


class VersionUnknown(CaptureError):
    """A log does not tell the server version, and nobody said it."""


@dataclass
class Tally:
    """What an import has come to so far."""

    messages: int = 0
    ambiguous: int = 0
    """Messages that could be split otherwise as well."""
    unfitting: int = 0
    """Messages that were split at every joiner, as no declaration fits them."""
    opaque: int = 0
    """Lines, or files, that should hold a message and could not be read; they are in notes."""
    passed_over: int = 0
    """Other lines of a program's log."""


@dataclass(frozen=True)
class Wish:
    """What the user said about a log: its server version and its day, None where nothing was said."""

    server_version: int | None = None
    day: datetime.date | None = None


class Connections:
    """The connections of a log, one after the other, numbered from 1."""

    def __init__(self, path: str, tally: Tally, wish: Wish) -> None:
        self.path, self.tally = path, tally
        self._number = 0
        self._open = False
        self._closed: set[Direction] = set()
        self.version = wish.server_version
        """The server version of this connection, or of the one before it; None if it is unknown."""

    @property
    def number(self) -> int:
        """The number of this connection, or of the first."""
        return max(self._number, 1)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that what follows belongs to."""
        return self._open

    def leave(self) -> None:
        """What follows belongs to another connection."""
        self._open = False

    def open(self, time_ns: int, client: str = "", server: str = "") -> Record:
        """Another connection begins."""
        self._number += 1
        self._open, self._closed = True, set()
        return Opened(self._number, time_ns, client, server)

    def close(self, time_ns: int, direction: Direction, how: Close) -> Iterator[Record]:
        """A direction ended, if it had not."""
        if self._open and direction not in self._closed:
            self._closed.add(direction)
            yield Closed(self._number, time_ns, direction, how)

    def chunk(self, time_ns: int, direction: Direction, data: bytes) -> Chunk:
        """Bytes of this connection."""
        return Chunk(self.number, direction, time_ns, data)

    def note(self, time_ns: int, direction: Direction, text: str) -> Note:
        """Something to say about this connection."""
        return Note(self.number, direction, time_ns, text)

    def opaque(self, time_ns: int, direction: Direction, data: bytes) -> Note:
        """A line that could not be read."""
        self.tally.opaque += 1
        text = text_of(data)
        more = f"... and {len(text) - LONGEST_NOTE} more characters" if len(text) > LONGEST_NOTE else ""
        return self.note(time_ns, direction, f"not read: {text[:LONGEST_NOTE]}{more}")

    def known_version(self, position: int) -> int:
        """The server version. Raises VersionUnknown where it is unknown at an offset of the log."""
        if self.version is None:
            raise VersionUnknown(self.path, position, "the log does not tell the server version: say it with --server-version N")
        return self.version

    def offer(self, time_ns: int, version: int) -> Iterator[Record]:
        """The client's opening, made up."""
        yield self.note(time_ns, Direction.TO_SERVER, f"the opening is {MADE}")
        yield self.chunk(time_ns, Direction.TO_SERVER, offer(version, version))

    def opening(self, time_ns: int, version: int) -> Iterator[Record]:
        """Both sides' openings, made up."""
        yield from self.offer(time_ns, version)
        yield self.note(time_ns, Direction.TO_CLIENT, f"the answer to it is {MADE}")
        clock = time.strftime("%Y%m%d %H:%M:%S", time.gmtime(time_ns // 10**9))
        yield self.chunk(time_ns, Direction.TO_CLIENT, greeting(version, (clock + _ZONE).encode()))

    def split(self, text: bytes, joiner: bytes, direction: Direction, version: int, *, open_end: bool = False) -> Split | None:
        """A message that was taken apart; None if it can be none, or is longer than a frame."""
        if len(text) + 4 > MAX_FRAME:
            return None
        return split(text, joiner, direction, version, open_end=open_end)

    def message(self, time_ns: int, direction: Direction, found: Split) -> Iterator[Record]:
        """A message that was taken apart, behind what has to be said about it."""
        self.tally.messages += 1
        if found.doubt:
            self.tally.ambiguous += 1
            yield self.note(time_ns, direction, f"where fields end is a guess: {found.doubt}")
        if not found.fits:
            self.tally.unfitting += 1
            what = "no message with this id is declared" if found.name is None else f"no reading fits {found.name} at server version"
            known = "" if found.name is None else f" {self.version}"
            yield self.note(time_ns, direction, f"where fields end is a guess: {what}{known}")
        yield self.chunk(time_ns, direction, frame(found.payload))
