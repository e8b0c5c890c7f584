"""API message logs that TWS and IB Gateway export: ``10:05:21:715 -> --- 15-1-DU1234567-``, or ``-> [15;1;DU1234567]``.

``->`` goes to the client, ``<-`` to the server. In the older form a ``-`` stands behind each field, in the newer one a ``;`` between them,
and values may hold either: ``splitting`` says how fields are found again. Files follow each other, each behind a line with its name, and
each is the log of one client; a client that starts the API again has connected anew. The openings are in no log, nor the server version,
unless a line of TWS's own log among them tells it. How messages in protobuf are logged is unknown: their lines are kept as notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twsprobe.capture.imported import Connections
from twsprobe.capture.log_lines import Entry, Line
from twsprobe.capture.log_times import Clock, date_in, of_day_ns
from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.splitting import Split
from twsprobe.wire.framing import Direction
from twsprobe.wire.text import text_of

LINE = re.compile(rb"([0-9]{2}:[0-9]{2}:[0-9]{2}):([0-9]{3})\s+(->|<-)\s+(?:---\s*)?(.*)", re.DOTALL)
BANNER = re.compile(rb"=+ *Log file: *(.*?) *=*\s*")
START_API = 71
MOST_ENDS = 16
"""Lines of a message with line breaks that are tried as its last."""
_VERSION = re.compile(rb"Server version is ([0-9]{1,9})\s*\Z")
_ARROWS = {b"->": Direction.TO_CLIENT, b"<-": Direction.TO_SERVER}
_LEAST_VERSION = 100


def begins(line: bytes) -> bool:
    """Whether a line begins an entry of such a log."""
    return LINE.match(line) is not None or BANNER.match(line) is not None


def records_in(entries: Iterator[Entry], connections: Connections, clock: Clock) -> Iterator[Record]:
    """The records of a log. Raises CaptureError where it is torn, VersionUnknown where it takes the version."""
    reader = _Reader(connections, clock)
    for entry in entries:
        yield from reader.entry(entry)


class _Reader:
    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections, self._clock = connections, clock
        self._started = False

    def entry(self, entry: Entry) -> Iterator[Record]:
        line = entry.first.data
        banner, found = BANNER.fullmatch(line), LINE.match(line)
        if banner is not None:
            self._begin_file(text_of(banner[1]))
        elif found is not None:
            of_day = of_day_ns(found[1], found[2])
            if of_day is not None:
                yield from self._message(entry, self._clock.at(of_day), _ARROWS[found[3]])
                return
            yield self._opaque(line)
        else:
            yield from self._other(line)
        for other in entry.others:
            yield from self._other(other.data)

    def _begin_file(self, name: str) -> None:
        self._connections.leave()
        day = date_in(name.replace("\\", "/").rpartition("/")[2])
        if day is not None:
            self._clock.begin(day)

    def _other(self, line: bytes) -> Iterator[Record]:
        version = _VERSION.search(line)
        if version is not None and int(version[1]) >= _LEAST_VERSION:
            self._connections.version = int(version[1])
        if line.strip():
            yield self._opaque(line)

    def _opaque(self, line: bytes, direction: Direction = Direction.TO_CLIENT) -> Record:
        return self._connections.opaque(self._clock.now, direction, line)

    def _message(self, entry: Entry, time_ns: int, direction: Direction) -> Iterator[Record]:
        """A message that ends in its first line or, if it has line breaks, in the last."""
        connections = self._connections
        version = connections.known_version(entry.first.position)
        found = self._split(entry.first.data, direction, version) if not entry.first.cut else None
        rest = entry.others
        if found is None:
            found, rest = self._split_lines(entry, direction, version)
        if found is None:
            if not entry.ended:
                position = entry.first.position
                raise CaptureError(connections.path, position, f"torn at byte {position}: the last line is incomplete")
            yield self._opaque(entry.first.data, direction)
        else:
            yield from self._connection_of(found, direction, time_ns, version)
            yield from connections.message(time_ns, direction, found)
        for other in rest:
            yield from self._other(other.data)

    def _split_lines(self, entry: Entry, direction: Direction, version: int) -> tuple[Split | None, tuple[Line, ...]]:
        """The message of an entry's first lines, up to one that may be its end, and the lines behind it."""
        ends = [at for at, line in enumerate(entry.others, 1) if line.data.rstrip().endswith((b"-", b"]"))]
        for end in ends[:MOST_ENDS]:
            found = self._split(Entry(entry.first, entry.others[:end]).data, direction, version)
            if found is not None and (found.fits or end == ends[-1]):
                return found, entry.others[end:]
        return None, entry.others

    def _connection_of(self, found: Split, direction: Direction, time_ns: int, version: int) -> Iterator[Record]:
        """Make the connection that a message belongs to, if it is not the one before."""
        starts = found.id == START_API and direction is Direction.TO_SERVER
        if not self._connections.is_open or (starts and self._started):
            yield self._connections.open(time_ns)
            yield from self._connections.opening(time_ns, version)
            self._started = False
        self._started = self._started or starts

    def _split(self, data: bytes, direction: Direction, version: int) -> Split | None:
        """The message of a line, or of all lines of an entry; None if it is none, or has no end."""
        found = LINE.fullmatch(data)
        text = b"" if found is None else found[4].rstrip()
        if text.startswith(b"["):
            return self._connections.split(text[1:-1], b";", direction, version, open_end=True) if text.endswith(b"]") else None
        # The field in front of the last joiner may end in blanks, but nothing stands behind it.
        return self._connections.split(text[:-1], b"-", direction, version) if text.endswith(b"-") else None
