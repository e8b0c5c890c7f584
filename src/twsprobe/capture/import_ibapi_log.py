r"""Logs of the official Python client, ``ibapi``, at level DEBUG: bytes as Python writes them, so nothing has to be guessed.

Lines that carry bytes, of which the last two forms count only where a log lacks the first, and with them the frames as they were cut::

    REQUEST b'API\x00\x00\x00\x00\tv100..226'                  the client's opening
    SENDING startApi b'\x00\x00\x00\x08\x00\x00\x00G2\x001\x00'    a frame to the server; all that a log of level INFO has
    len 46 raw:b'\x00\x00\x00*203\x0020241124 10:12:46 EST\x00'|   what the socket received, in any split
    ANSWER b'\x00\x00\x00*203\x0020241124 10:12:46 EST\x00'        the server's greeting
    msgId: 15, fields: (b'1', b'DU1234567')                    a text message; ``fields (...)`` with the id first, in older clients
    msgId: 4, protobuf: b'\x08\x01'                            a message in protobuf

A log that begins amid a connection lacks what was before: it begins with a gap, or with a made-up opening where the version is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from twsprobe.capture.imported import Connections
from twsprobe.capture.log_lines import Entry
from twsprobe.capture.log_times import Clock
from twsprobe.capture.model import CaptureError, Chunk, Close, Gap, Record
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.framing import LENGTH, MAX_FRAME, Direction
from twsprobe.wire.handshake import PREFIX, frame, is_certain, read_greeting
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET
from twsprobe.wire.text import text_of
from twsprobe.wire.versions import ServerVersion

# What Python writes for bytes, and nothing else: it is evaluated.
_ESCAPE = rb"\\(?:[tnr\\']|x[0-9a-f]{2})"
_BYTES = rb"(?:b'(?:[ -&(-\[\]-~]|" + _ESCAPE + rb")*+'|b\"(?:[ !#-\[\]-~]|" + _ESCAPE + rb")*+\")"
_TUPLE = rb"\((?:" + _BYTES + rb",?(?: |(?=\))))*+\)"
_KEYWORD = re.compile(rb"SENDING |REQUEST |ANSWER |len [0-9]+ raw:|msgId: |fields \(|Connecting to |disconnecting")
_FORM = re.compile(
    rb"SENDING [A-Za-z_][A-Za-z0-9_]* (?P<sent>" + _BYTES + rb")"
    rb"|REQUEST (?P<opening>" + _BYTES + rb")"
    rb"|len [0-9]+ raw:(?P<raw>" + _BYTES + rb")\|"
    rb"|ANSWER (?P<answer>" + _BYTES + rb")"
    rb"|msgId: (?P<id>[0-9]{1,9}), (?:protobuf: (?P<protobuf>" + _BYTES + rb")|fields: (?P<fields>" + _TUPLE + rb"))"
    rb"|fields (?P<plain>" + _TUPLE + rb")"
    rb"|Connecting to (?P<server>\S{1,300}) w/ id:-?[0-9]{1,10}"
    rb"|(?P<closing>disconnecting)"
)
_BEGUN = re.compile(
    rb"SENDING [A-Za-z_][A-Za-z0-9_]* b['\"]|REQUEST b['\"]|len [0-9]+ raw:b['\"]|ANSWER b['\"]|msgId: [0-9]{1,9}, [a-z]+: "
)
_OTHER_LEVEL = re.compile(rb"['\"]|\b(?:WARNING|ERROR|CRITICAL)\b")


def begins(line: bytes) -> bool:
    """Whether a line begins an entry: this client breaks no lines."""
    return True


def is_logged(line: bytes) -> bool:
    """Whether a line carries bytes as this client logs them."""
    form = _form_in(line)
    return form is not None and form.lastgroup in ("sent", "opening", "raw", "answer", "protobuf", "fields")


def _place(line: bytes) -> int | None:
    """Where what the client logged begins; None in a line that repeats what others said."""
    keyword = _KEYWORD.search(line)
    return None if keyword is None or _OTHER_LEVEL.search(line, 0, keyword.start()) else keyword.start()


def _form_in(line: bytes) -> re.Match[bytes] | None:
    place = _place(line)
    return None if place is None else _FORM.fullmatch(line, place)


def records_in(entries: Iterator[Entry], connections: Connections, clock: Clock) -> Iterator[Record]:
    """The records of a log. Raises CaptureError where it is torn, VersionUnknown where it takes the version."""
    reader = _Reader(connections, clock)
    for entry in entries:
        yield from reader.line(entry)


class _Reader:
    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections, self._clock = connections, clock
        self._begin()

    def _begin(self) -> None:
        """What follows is of another connection."""
        self._conversation = Conversation(self._count)
        self._raw = self._fed = self._made = False
        self._answer = b""

    def _count(self, direction: Direction, id: int | None) -> bool:
        self._connections.tally.messages += 1
        return False

    def line(self, entry: Entry) -> Iterator[Record]:
        line = entry.first.data
        time_ns = self._clock.read(line)
        form = None if entry.first.cut else _form_in(line)
        if form is not None and form.lastgroup is not None:
            yield from self._form(form, time_ns, entry.first.position)
            return
        place = _place(line)
        if place is None or not _BEGUN.match(line, place):
            self._connections.tally.passed_over += 1
            return
        if not entry.ended:
            position = entry.first.position
            raise CaptureError(self._connections.path, position, f"torn at byte {position}: the last line is incomplete")
        yield self._connections.opaque(time_ns, Direction.TO_CLIENT, line)

    def _form(self, form: re.Match[bytes], time_ns: int, position: int) -> Iterator[Record]:
        kind = form.lastgroup or ""
        if kind == "server":
            yield self._open(time_ns, text_of(form["server"]))
        elif kind == "closing":
            yield from self._connections.close(time_ns, Direction.TO_SERVER, Close.ABANDONED)
        elif kind == "opening":
            yield from self._opening(time_ns, bytes_of(form["opening"]))
        elif kind == "sent":
            yield from self._fragment(time_ns, Direction.TO_SERVER, bytes_of(form["sent"]))
        elif kind == "raw":
            yield from self._received(time_ns, bytes_of(form["raw"]))
        elif not self._raw:
            yield from self._repeated(form, kind, time_ns, position)

    def _open(self, time_ns: int, server: str = "") -> Record:
        self._begin()
        return self._connections.open(time_ns, server=server)

    def _opening(self, time_ns: int, data: bytes) -> Iterator[Record]:
        if not self._connections.is_open or self._fed:
            yield self._open(time_ns)
        if not data.startswith(PREFIX):
            yield self._connections.opaque(time_ns, Direction.TO_SERVER, data)
            return
        yield from self._fed_to(time_ns, Direction.TO_SERVER, data)

    def _received(self, time_ns: int, data: bytes) -> Iterator[Record]:
        began, self._raw = not self._raw, True
        if began and self._made:
            yield from self._missing(time_ns, Direction.TO_CLIENT)
        if data:
            yield from self._fragment(time_ns, Direction.TO_CLIENT, data)
        else:
            yield from self._connections.close(time_ns, Direction.TO_CLIENT, Close.FIN)

    def _repeated(self, form: re.Match[bytes], kind: str, time_ns: int, position: int) -> Iterator[Record]:
        """What the client made of the bytes that it received."""
        if kind == "answer":
            self._answer = bytes_of(form["answer"])
            if self._answer:
                yield from self._fragment(time_ns, Direction.TO_CLIENT, self._answer)
            return
        if kind == "plain":
            payload = joined(tuple_of(form["plain"]))
            # The greeting comes in both forms.
            if payload and not self._answer.endswith(payload):
                yield from self._fragment(time_ns, Direction.TO_CLIENT, frame(payload))
            return
        id = int(form["id"])
        version = self._conversation.server_version or self._connections.known_version(position)
        if kind == "protobuf":
            payload = BINARY_ID.pack(id + PROTOBUF_OFFSET) + bytes_of(form["protobuf"])
        else:
            head = BINARY_ID.pack(id) if version >= ServerVersion.PROTOBUF else b"%d\0" % id
            payload = head + joined(tuple_of(form["fields"]))
        if len(payload) > MAX_FRAME:
            yield self._connections.opaque(time_ns, Direction.TO_CLIENT, form[0])
        else:
            yield from self._fragment(time_ns, Direction.TO_CLIENT, frame(payload))

    def _fragment(self, time_ns: int, direction: Direction, data: bytes) -> Iterator[Record]:
        """Bytes of a connection, of which the log may lack the beginning."""
        if not self._connections.is_open:
            raw = self._raw
            yield self._open(time_ns)
            self._raw = raw
        if not self._fed:
            yield from self._unseen(time_ns, direction, data)
        yield from self._fed_to(time_ns, direction, data)

    def _unseen(self, time_ns: int, direction: Direction, data: bytes) -> Iterator[Record]:
        """What stands for an opening that is not in the log."""
        connections = self._connections
        greeted = read_greeting(data[LENGTH.size :], 0) if direction is Direction.TO_CLIENT else None
        if greeted is not None and not is_certain(greeted):
            greeted = None
        if greeted is not None and greeted.server_version > 0:
            opening = connections.offer(time_ns, greeted.server_version)
        elif connections.version is not None:
            opening = connections.opening(time_ns, connections.version)
            self._made = True
        else:
            opening = iter(())
        for record in opening:
            yield from self._fed_to(time_ns, record.direction, record.data) if isinstance(record, Chunk) else (record,)
        if greeted is None and connections.version is None:
            for lacking in Direction:
                yield from self._missing(time_ns, lacking)
        elif self._made and self._raw:
            yield from self._missing(time_ns, Direction.TO_CLIENT)

    def _missing(self, time_ns: int, direction: Direction) -> Iterator[Record]:
        """Bytes came before, so many that nobody knows, and the next may be amid a frame."""
        self._conversation.gap(direction, None)
        yield Gap(self._connections.number, direction, time_ns, None)

    def _fed_to(self, time_ns: int, direction: Direction, data: bytes) -> Iterator[Record]:
        self._fed = True
        self._conversation.feed(direction, data)
        if self._conversation.server_version is not None:
            self._connections.version = self._conversation.server_version
        yield self._connections.chunk(time_ns, direction, data)


def bytes_of(literal: bytes) -> bytes:
    """The bytes that Python wrote like this."""
    value = ast.literal_eval(literal.decode("ascii"))
    assert isinstance(value, bytes)
    return value


def tuple_of(literal: bytes) -> tuple[bytes, ...]:
    """The tuple of bytes that Python wrote like this."""
    value = ast.literal_eval(literal.decode("ascii"))
    return value if isinstance(value, tuple) else (value,)


def joined(fields: tuple[bytes, ...]) -> bytes:
    """Fields as they stand in a payload."""
    return b"".join([field + b"\0" for field in fields])
