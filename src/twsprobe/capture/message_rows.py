"""The table of one message: a row for each time that it was sent, a column for each of its fields.

Fields of records inside have dotted names, lists are JSON. Only frames of that message are decoded; the others are counted, so that
``sequence`` is the one of the table ``frames``. A connection is read by a Conversation until its opening is over, and from then on by
a Framer alone; where bytes are missing a Conversation takes over again, as finding back into frames is its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeGuard

from twsprobe.capture.belonging import reach
from twsprobe.capture.export import anomaly_of
from twsprobe.capture.model import CaptureError, Chunk, Closed, Gap, Mark, Record
from twsprobe.capture.seen import Seen
from twsprobe.capture.tables import Column, Kind, Row, Table, fits, json_text, time_of
from twsprobe.wire import protobuf
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Greeted, Resynced, SyncLost, Undecodable, VersionOffered
from twsprobe.wire.fields import Bool, Decimal, Double, Int, Leaf, TagValues
from twsprobe.wire.framing import Direction, Framer
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET, Message
from twsprobe.wire.registry import BY_NAME, decode
from twsprobe.wire.tokens import shown
from twsprobe.wire.versions import ServerVersion

BEFORE = tuple(Column(name, Kind.TEXT if name == "capture" else Kind.INTEGER) for name in ("capture", "connection", "sequence", "time_ns"))
BEFORE += (Column("server_version", Kind.INTEGER),)
MOST_FRAMES, MOST_BYTES = 1 << 14, 4 << 20
"""Frames that are held together, and their bytes."""
AFTER = (Column("anomaly", Kind.TEXT),)


class Place(NamedTuple):
    """A field of a message in its table: its path, the kind of its column, and how protobuf has it."""

    path: tuple[str, ...]
    kind: Kind
    leaf: Leaf

    @property
    def name(self) -> str:
        """The name of its column."""
        return ".".join(self.path)

    def held(self, value: Any) -> Any:
        """A value as its column holds it. Raises ValueError that says why it has no place there."""
        if value is None or self.kind is Kind.TEXT:
            return value
        if self.kind is Kind.JSON:
            return json_text(value)
        if isinstance(value, str):
            # A multiplier is a number in protobuf, and in text whatever TWS writes.
            try:
                return self.leaf.from_text(value)
            except (ValueError, ArithmeticError):
                raise ValueError(f"{shown(value)} is not {self.leaf.type_name}") from None
        if self.kind is Kind.DECIMAL and not fits(value):
            raise ValueError(f"{shown(str(value))} has too many digits for its column")
        return value


def message_named(name: str) -> Message:
    """The message of a name; no two messages share one. Raises KeyError."""
    for direction in Direction:
        if (direction, name) in BY_NAME:
            return BY_NAME[direction, name]
    raise KeyError(name)


def places(record: protobuf.Record, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """The fields of a record as columns."""
    for name, leaf in record.fields.items():
        here = (*path, name)
        if isinstance(leaf, protobuf.Nested):
            yield from places(leaf.record, here)
        else:
            yield Place(here, kind_of(leaf), leaf)


def kind_of(leaf: Leaf) -> Kind:
    """The kind of a field's column."""
    if isinstance(leaf, protobuf.Many | TagValues):
        return Kind.JSON
    kinds = ((Bool, Kind.BOOLEAN), (Int, Kind.INTEGER), (Double, Kind.DOUBLE), (Decimal, Kind.DECIMAL))
    return next((kind for cls, kind in kinds if isinstance(leaf, cls)), Kind.TEXT)


class Sent(NamedTuple):
    """A message that was decoded: on which connection, as which of all that was seen, and when."""

    connection: int
    sequence: int
    time_ns: int
    event: Decoded | Undecodable


class MessageTable:
    """A message, the table that it makes, and where its fields stand in it."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.places = tuple(places(message.record))
        columns = (*BEFORE, *(Column(place.name, place.kind) for place in self.places), *AFTER)
        self.table = Table(message.name, columns)

    def has(self, what: Event | Mark) -> TypeGuard[Decoded | Undecodable]:
        """Whether something seen is this message."""
        message = self.message
        return isinstance(what, Decoded | Undecodable) and (what.direction, what.name) == (message.direction, message.name)

    def row(self, capture: str, sent: Sent) -> Row:
        """The row of a message."""
        values, odd = self.values_of(sent.event)
        return capture, sent.connection, sent.sequence, time_of(sent.time_ns), sent.event.server_version, *values, odd

    def values_of(self, event: Event) -> tuple[list[Any], str | None]:
        """The values of a message's columns, and what is odd about it."""
        fields = event.fields if isinstance(event, Decoded) else {}
        odd = [anomaly_of(event) or ""]
        values: list[Any] = []
        for place in self.places:
            try:
                values.append(place.held(reach(fields, place.path)))
            except ValueError as fault:
                values.append(None)
                odd.append(f"{place.name}: {fault}")
        return values, "; ".join(filter(None, odd)) or None


def message_rows(
    capture: str, of: MessageTable, found: Iterable[Seen], wanted: Callable[[Seen], bool] | None = None
) -> Iterator[tuple[int, Row]]:
    """The rows of a message as it was seen, as far as it is ``wanted``, each with its size in bytes. Raises what ``found`` raises."""
    for sequence, seen in enumerate(found):
        what = seen.what
        if of.has(what) and (wanted is None or wanted(seen)):
            yield len(what.raw), of.row(capture, Sent(seen.connection, sequence, seen.time_ns, what))


class Frames:
    """Frames of one message at one server version, for each its connection, its number in the capture, its time and its payload.

    ``sent`` are those that were decoded on the way, where a frame alone does not say all.
    """

    __slots__ = ("capture", "connections", "of", "payloads", "sent", "sequences", "server_version", "size", "times")

    def __init__(self, capture: str, of: MessageTable, server_version: int) -> None:
        self.capture, self.of, self.server_version = capture, of, server_version
        self.connections: list[int] = []
        self.sequences: list[int] = []
        self.times: list[int] = []
        self.payloads: list[bytes] = []
        self.sent: list[Sent] = []
        self.size = 0

    def add(self, chunk: Chunk, numbers: list[int], payloads: list[bytes]) -> None:
        """Frames that a chunk completed."""
        count = len(payloads)
        self.connections += [chunk.connection] * count
        self.times += [chunk.time_ns] * count
        self.sequences += numbers
        self.payloads += payloads
        self.size += sum(map(len, payloads))

    def __len__(self) -> int:
        return len(self.payloads) + len(self.sent)

    def part(self, start: int, end: int) -> Frames:
        """Some of the frames that are not decoded."""
        part = Frames(self.capture, self.of, self.server_version)
        part.connections, part.sequences = self.connections[start:end], self.sequences[start:end]
        part.times, part.payloads = self.times[start:end], self.payloads[start:end]
        return part

    def rows(self) -> list[Row]:
        """A row for each of them."""
        return [*filter(None, map(self.row, range(len(self.payloads)))), *self.sent_rows()]

    def row(self, index: int) -> Row | None:
        """The row of a frame; None if it is another message after all."""
        event = decode(self.payloads[index], self.of.message.direction, self.server_version)
        if not self.of.has(event):
            return None
        return self.of.row(self.capture, Sent(self.connections[index], self.sequences[index], self.times[index], event))

    def sent_rows(self) -> Iterator[Row]:
        """The rows of what was decoded on the way."""
        for sent in self.sent:
            yield self.of.row(self.capture, sent)


def heads(message: Message, server_version: int) -> tuple[bytes, ...]:
    """How a payload of a message may begin. A number with zeros in front needs a closer look: only decoding tells."""
    if server_version < ServerVersion.PROTOBUF:
        return (b"%d\0" % message.id, b"0")
    return BINARY_ID.pack(message.id), BINARY_ID.pack(message.id + PROTOBUF_OFFSET)


class Connection:
    """A connection being read: by its conversation, or, where its frames follow each other without a question, by framers alone."""

    def __init__(self, server_version: int | None) -> None:
        self.conversation = Conversation(server_version=server_version)
        self.server_version: int | None = None
        self.framers: dict[Direction, Framer] = {}
        self.begun: set[Direction] = set()
        self.done: set[Direction] = set()
        self.damaged = False

    def note(self, events: list[Event]) -> None:
        """What the conversation says; frames alone are enough once both openings are over."""
        for event in events:
            self.damaged |= isinstance(event, SyncLost | Resynced)
            if isinstance(event, VersionOffered) or (isinstance(event, Greeted) and event.server_version >= 0):
                self.begun.add(event.direction)
        if len(self.begun) == len(Direction) and not self.damaged and not self.framers:
            self.server_version = self.conversation.server_version
            for direction in Direction:
                self.framers[direction] = Framer()
                self.framers[direction].feed(self.conversation.pending(direction))

    def ended(self, direction: Direction) -> int:
        """How many events the end of a direction is that is read by a framer."""
        torn = direction not in self.done and bool(self.framers[direction].pending)
        self.done |= {direction} if torn else set()
        return int(torn)

    def lose(self) -> None:
        """Bytes are missing: go on with a conversation that has come as far as the framers have."""
        self.damaged = True
        if not self.framers:
            return
        assert self.server_version is not None
        conversation = Conversation(server_version=self.server_version)
        conversation.feed(Direction.TO_SERVER, offer(self.server_version, None))
        conversation.feed(Direction.TO_CLIENT, greeting(self.server_version, b""))
        for direction, framer in self.framers.items():
            if direction in self.done:
                # An end inside a frame is told once: this one is told inside a frame of no bytes.
                conversation.feed(direction, b"\0")
                conversation.end(direction)
                conversation.feed(direction, b"\0\0\0")
            conversation.feed(direction, framer.lost.data if framer.lost is not None else framer.pending)
        self.conversation, self.framers = conversation, {}


class Reader:
    """Takes the frames of one message out of the records of a capture."""

    def __init__(self, capture: str, of: MessageTable, server_version: int | None = None) -> None:
        self.capture, self.of, self.named = capture, of, server_version
        self.sequence = self.held = self.size = 0
        self.batches: dict[int, Frames] = {}
        self.heads: dict[int, tuple[bytes, ...]] = {}
        self.connections: dict[int, Connection] = {}

    def read(self, records: Iterable[Record]) -> Iterator[Frames]:
        """The frames in lists that are not too large. Raises what ``records`` raises, after the frames before it."""
        fault: CaptureError | None = None
        last_ns = 0
        try:
            for record in records:
                last_ns = record.time_ns
                self.take(record)
                if self.held >= MOST_FRAMES or self.size >= MOST_BYTES:
                    yield from self.taken()
        except CaptureError as torn:
            fault = torn
        for number, connection in self.connections.items():
            for direction in Direction:
                self.take_end(connection, number, last_ns, direction)
        yield from self.taken()
        if fault is not None:
            raise fault

    def taken(self) -> Iterator[Frames]:
        """What was taken so far, which is forgotten."""
        batches = list(self.batches.values())
        self.batches.clear()
        self.held = self.size = 0
        yield from batches

    def batch(self, server_version: int) -> Frames:
        """Where frames of a server version go."""
        if server_version not in self.batches:
            self.batches[server_version] = Frames(self.capture, self.of, server_version)
            self.heads[server_version] = heads(self.of.message, server_version)
        return self.batches[server_version]

    def connection(self, number: int) -> Connection:
        """A connection by its number."""
        if number not in self.connections:
            self.connections[number] = Connection(self.named)
        return self.connections[number]

    def take(self, record: Record) -> None:
        """Take a record."""
        if isinstance(record, Chunk):
            connection = self.connection(record.connection)
            framer = connection.framers.get(record.direction)
            if framer is not None:
                self.take_frames(record, connection, framer)
            else:
                self.take_events(connection, record.connection, record.time_ns, connection.conversation.feed(record.direction, record.data))
            return
        known = self.connections.get(record.connection)
        if isinstance(record, Closed) and known is not None:
            self.take_end(known, record.connection, record.time_ns, record.direction)
        self.sequence += 1
        if isinstance(record, Gap):
            connection = self.connection(record.connection)
            connection.lose()
            self.take_events(connection, record.connection, record.time_ns, connection.conversation.gap(record.direction, record.size))

    def take_end(self, connection: Connection, number: int, time_ns: int, direction: Direction) -> None:
        """Take what the end of a direction is besides itself."""
        if connection.framers:
            self.sequence += connection.ended(direction)
        else:
            connection.damaged = True
            self.take_events(connection, number, time_ns, connection.conversation.end(direction))

    def take_frames(self, chunk: Chunk, connection: Connection, framer: Framer) -> None:
        """Take what a chunk completes in a direction that is frames and nothing else."""
        was_lost = framer.lost is not None
        payloads = framer.feed(chunk.data)
        if chunk.direction is self.of.message.direction and payloads:
            assert connection.server_version is not None
            batch = self.batch(connection.server_version)
            begins = self.heads[connection.server_version]
            numbers = [number for number, payload in enumerate(payloads, self.sequence) if payload.startswith(begins)]
            if numbers:
                before = batch.size
                batch.add(chunk, numbers, [payloads[number - self.sequence] for number in numbers])
                self.held += len(numbers)
                self.size += batch.size - before
        self.sequence += len(payloads) + (framer.lost is not None and not was_lost)

    def take_events(self, connection: Connection, number: int, time_ns: int, events: list[Event]) -> None:
        """Take what a conversation has decoded."""
        for event in events:
            if self.of.has(event):
                batch = self.batch(event.server_version or 0)
                batch.sent.append(Sent(number, self.sequence, time_ns, event))
                self.held += 1
                self.size += len(event.raw)
            self.sequence += 1
        connection.note(events)
