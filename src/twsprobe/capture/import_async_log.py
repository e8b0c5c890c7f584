"""DEBUG logs of ib_async and ib_insync: ``... ib_async.client DEBUG <<< 15,1,DU1234567``.

``>>>`` goes to the server, ``<<<`` to the client, and a ``,`` stands between the fields of a message, whose own commas look the same:
``splitting`` says how fields are found again. The server's greeting is logged, the client's offer is not. Bytes that were not UTF-8 are
there as escapes, and a line break in a message breaks its line, too. Two clients in one log cannot be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twsprobe.capture.imported import Connections
from twsprobe.capture.log_lines import Entry
from twsprobe.capture.log_times import Clock, has_time
from twsprobe.capture.model import CaptureError, Close, Record
from twsprobe.capture.splitting import Split
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, read_greeting
from twsprobe.wire.text import text_of

DOCUMENTS = frozenset(
    {
        *("newsArticle", "scannerParameters", "receiveFA", "replaceFA", "fundamentalData"),
        *("wshMetaData", "wshEventData", "updateNewsBulletin"),
    }
)
"""Messages whose texts have line breaks: the lines behind one are its own, and for other messages what else was printed."""
_HEAD = 60
_LEVEL = re.compile(rb"\s*\[?(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_MESSAGE = re.compile(rb"([^<>]{0,200}?)(>>>|<<<) (.*)", re.DOTALL)
_OTHER_LEVEL = re.compile(rb"\b(?:INFO|WARNING|ERROR|CRITICAL)\b")
_OTHER_LOGGER = re.compile(rb"\bib_(?:async|insync)\.(?!client\b)")
_BODY = re.compile(rb"[0-9]{1,9}(?:,|\Z)")
_GREETING = re.compile(rb"[0-9]{2,9},[0-9]{8} [0-9]{2}:[0-9]{2}:[0-9]{2}.*", re.DOTALL)
_CONNECTING = re.compile(rb"[^<>]{0,200}?Connecting to (\S{1,300}) with clientId -?[0-9]{1,10}\.\.\.")
_CLOSING = re.compile(rb"[^<>]{0,200}?\bib_(?:async|insync)\.client\b[^<>]{0,60}?(Disconnecting|Peer closed connection\..*)")
_ARROWS = {b">>>": Direction.TO_SERVER, b"<<<": Direction.TO_CLIENT}


def begins(line: bytes) -> bool:
    """Whether a line begins an entry of a program's log."""
    return has_time(line[:_HEAD]) or _LEVEL.match(line) is not None or is_logged(line)


def is_logged(line: bytes) -> bool:
    """Whether a line is a message as these libraries log it."""
    return _message_in(line) is not None


def _message_in(line: bytes) -> re.Match[bytes] | None:
    """The arrow and the body of a message, where the client itself logged it: other loggers repeat what a server said."""
    found = _MESSAGE.match(line)
    if found is None or _OTHER_LEVEL.search(found[1]) or _OTHER_LOGGER.search(found[1]) or not _BODY.match(found[3]):
        return None
    return found


def records_in(entries: Iterator[Entry], connections: Connections, clock: Clock) -> Iterator[Record]:
    """The records of a log. Raises CaptureError where it is torn, VersionUnknown where it takes the version."""
    reader = _Reader(connections, clock)
    for entry in entries:
        yield from reader.entry(entry)


class _Reader:
    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections, self._clock = connections, clock
        self._greeted = False

    def entry(self, entry: Entry) -> Iterator[Record]:
        found = _message_in(entry.first.data)
        time_ns = self._clock.read(entry.first.data)
        if found is None:
            yield from self._other(entry.first.data, time_ns)
            self._connections.tally.passed_over += 1 + len(entry.others)
            return
        direction, body = _ARROWS[found[2]], found[3]
        if direction is Direction.TO_CLIENT and _GREETING.fullmatch(body):
            yield from self._greeting(time_ns, body)
            self._connections.tally.passed_over += len(entry.others)
        else:
            yield from self._message(entry, time_ns, direction)

    def _other(self, line: bytes, time_ns: int) -> Iterator[Record]:
        connecting = _CONNECTING.fullmatch(line)
        closing = _CLOSING.fullmatch(line)
        if connecting is not None:
            yield self._connections.open(time_ns, server=text_of(connecting[1]))
            self._greeted = False
        elif closing is not None and closing[1] == b"Disconnecting":
            yield from self._connections.close(time_ns, Direction.TO_SERVER, Close.ABANDONED)
        elif closing is not None:
            yield from self._connections.close(time_ns, Direction.TO_CLIENT, Close.FIN)

    def _greeting(self, time_ns: int, body: bytes) -> Iterator[Record]:
        connections = self._connections
        if not connections.is_open or self._greeted:
            yield connections.open(time_ns)
        payload = body.replace(b",", b"\0", 1) + b"\0"
        greeted = read_greeting(payload, 0)
        if greeted is None or greeted.server_version < 1:
            yield connections.opaque(time_ns, Direction.TO_CLIENT, body)
            return
        self._greeted = True
        connections.version = greeted.server_version
        yield from connections.offer(time_ns, greeted.server_version)
        yield connections.chunk(time_ns, Direction.TO_CLIENT, frame(payload))

    def _message(self, entry: Entry, time_ns: int, direction: Direction) -> Iterator[Record]:
        """A message that ends in its first line or, where it is a document or that does not fit, in the last."""
        connections = self._connections
        version = connections.known_version(entry.first.position)
        if not connections.is_open:
            yield connections.open(time_ns)
        if not self._greeted:
            yield from connections.opening(time_ns, version)
            self._greeted = True
        found = self._split(entry.first.data, direction, version) if not entry.first.cut else None
        others = len(entry.others)
        if others and (found is None or not found.fits or found.name in DOCUMENTS):
            whole = self._split(entry.data, direction, version)
            if whole is not None and (found is None or whole.fits):
                found, others = whole, 0
        if not entry.ended and (found is None or not found.fits):
            position = entry.first.position
            raise CaptureError(connections.path, position, f"torn at byte {position}: the last line is incomplete")
        connections.tally.passed_over += others
        if found is None:
            yield connections.opaque(time_ns, direction, entry.first.data)
        else:
            yield from connections.message(time_ns, direction, found)

    def _split(self, line: bytes, direction: Direction, version: int) -> Split | None:
        found = _message_in(line)
        return None if found is None else self._connections.split(found[3], b",", direction, version)
