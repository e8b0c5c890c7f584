"""Frames of one message to Arrow columns, without a Python object for each value where that is possible.

A text message that is single fields only is a line of a table already: joined, with another mark for NUL, its frames are cut by Arrow's
reader of such files, and each different text of a column is then converted once, as its declaration says. A message with conditions in it,
and protobuf, become objects first (``wire.stream``), of which the columns are taken. What surprises either way is decoded frame by frame.
Halves are tried before that, so that one odd frame among thousands does not slow down all of them.

This module and ``parquet`` load pyarrow, an extra: nothing imports them before Parquet is asked for.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv

from twsprobe.capture.message_rows import Frames, kind_of
from twsprobe.capture.tables import DECIMAL_DIGITS, DECIMAL_PLACES, Kind, Row, Table, json_text
from twsprobe.wire.emit import walk
from twsprobe.wire.fields import Leaf, String
from twsprobe.wire.framing import LENGTH
from twsprobe.wire.layout import Slot
from twsprobe.wire.message import BINARY_ID
from twsprobe.wire.stream import Stream
from twsprobe.wire.versions import ServerVersion

SURPRISES = (ValueError, ArithmeticError)
"""What a frame raises that is not as its message usually is; Arrow's own errors of this sort are ValueErrors."""
FEW = 64
"""Frames that are not worth halving."""
MARK = b"\x1f"
"""What separates fields in place of NUL, which Arrow's reader does not take; no field has it."""

TYPES = {
    Kind.INTEGER: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.DECIMAL: pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.JSON: pa.string(),
    Kind.BYTES: pa.binary(),
}


class Surprise(ValueError):
    """Some frame is not as its message usually is."""


def schema_of(table: Table) -> pa.Schema:
    """The Arrow schema of a table."""
    return pa.schema([(column.name, TYPES[column.kind]) for column in table.columns])


def from_rows(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table."""
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    schema = schema_of(table)
    return pa.Table.from_arrays([pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema)


class Columns:
    """Makes Arrow tables of frames; what it learns about their values serves the next ones."""

    def __init__(self) -> None:
        self.streams: dict[int, Stream] = {}

    def tables(self, frames: Frames) -> Iterator[pa.Table]:
        """The rows of frames, in their order, in one table or some."""
        if frames.payloads:
            yield from self.parts(frames)
        if frames.sent:
            yield from_rows(frames.of.table, list(frames.sent_rows()))

    def parts(self, frames: Frames) -> Iterator[pa.Table]:
        """The same of those that are still to be decoded."""
        count = len(frames.payloads)
        try:
            yield self.table(frames)
        except SURPRISES:
            if count <= FEW:
                yield from_rows(frames.of.table, frames.part(0, count).rows())
            else:
                yield from self.parts(frames.part(0, count // 2))
                yield from self.parts(frames.part(count // 2, count))

    def table(self, frames: Frames) -> pa.Table:
        """The table of frames. Raises one of SURPRISES."""
        message, version = frames.of.message, frames.server_version
        if message.text is not None:
            nodes = message.layout(version).nodes
            slots = [node for node in nodes if isinstance(node, Slot)]
            if 0 < len(slots) == len(nodes) and all_text(frames):
                return cut(frames, slots)
        return self.from_objects(frames) if frames.of.places else from_rows(frames.of.table, frames.rows())

    def from_objects(self, frames: Frames) -> pa.Table:
        """The table of frames that become objects; one that is out of the ordinary is decoded by itself."""
        version = frames.server_version
        if version not in self.streams:
            self.streams[version] = Stream(frames.of.message.direction, version)
        places = frames.of.places
        take = operator.attrgetter(*(place.name for place in places))
        lists = [index for index, place in enumerate(places) if place.kind is Kind.JSON]
        others = [index for index, place in enumerate(places) if place.path in spelled_otherwise(frames)]
        alone = len(places) == 1
        rows: list[Row] = []
        for index, found in enumerate(self.streams[version].parse(b"".join(map(framed, frames.payloads)))):
            try:
                if isinstance(found, tuple):
                    raise AttributeError  # an event: an odd one
                values = [take(found)] if alone else list(take(found))
                for at in lists:
                    if values[at] == []:
                        values[at] = "[]"
                    elif values[at] is not None:
                        raise AttributeError
                for at in others:
                    values[at] = places[at].held(values[at])
            except (AttributeError, ValueError):
                # A record that is not there, a list that holds something, a text that is no number: rare enough to decode it alone.
                row = frames.row(index)
                rows += [] if row is None else [row]
                continue
            place = frames.connections[index], frames.sequences[index], frames.times[index], version
            rows.append((frames.capture, *place, *values, None))
        return from_rows(frames.of.table, rows)


def framed(payload: bytes) -> bytes:
    """A payload behind its length word."""
    return LENGTH.pack(len(payload)) + payload


def all_text(frames: Frames) -> bool:
    """Whether all frames are text; from that server version on, the id says so."""
    if frames.server_version < ServerVersion.PROTOBUF:
        return True
    begins = BINARY_ID.pack(frames.of.message.id)
    return all(payload.startswith(begins) for payload in frames.payloads)


def cut(frames: Frames, slots: Sequence[Slot]) -> pa.Table:
    """The table of text frames that are single fields. Raises one of SURPRISES."""
    binary = frames.server_version >= ServerVersion.PROTOBUF
    payloads = [payload[BINARY_ID.size :] for payload in frames.payloads] if binary else frames.payloads
    count = len(payloads)
    lines = b"\n".join(payloads)
    if lines.count(b"\n") != count - 1 or b"\r" in lines or MARK in lines:
        raise Surprise("a field has what is to separate fields")
    width = len(slots) + (1 if binary else 2)
    pieces = separated(lines.replace(b"\0", MARK), width)
    if len(pieces[0]) != count or different(pieces[-1]) != [""]:
        raise Surprise("a frame has more, or less, than its fields")
    if not binary and different(pieces[0]) != [str(frames.of.message.id)]:
        raise Surprise("a frame is of another message")
    others = spelled_otherwise(frames)
    values = {
        slot.path: converted(others.get(slot.path, slot.leaf), column)
        for slot, column in zip(slots, pieces[-len(slots) - 1 : -1], strict=True)
    }
    return assembled(frames, values)


def spelled_otherwise(frames: Frames) -> dict[tuple[str, ...], Leaf]:
    """The fields that are of another kind in text than in their columns, and how protobuf has them."""
    message = frames.of.message
    slots = [node for node in walk(message.layout(frames.server_version).nodes) if isinstance(node, Slot)] if message.text else []
    in_text = {slot.path: kind_of(slot.leaf) for slot in slots}
    return {place.path: place.leaf for place in frames.of.places if in_text.get(place.path, place.kind) is not place.kind}


def separated(lines: bytes, width: int) -> list[pa.Array]:
    """The columns of lines, as texts. Raises pyarrow.ArrowInvalid, a ValueError, where a line has another width, or is not UTF-8."""
    names = [str(number) for number in range(width)]
    found = pa.csv.read_csv(
        pa.py_buffer(lines),
        read_options=pa.csv.ReadOptions(use_threads=False, column_names=names, block_size=len(lines) + 1),
        parse_options=pa.csv.ParseOptions(delimiter=MARK.decode(), quote_char=False, escape_char=False, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    return [column.combine_chunks() for column in found.columns]


def different(pieces: pa.Array) -> list[Any]:
    """The different texts of a column."""
    found: list[Any] = pieces.unique().to_pylist()
    return found


def converted(leaf: Leaf, pieces: pa.Array) -> pa.Array:
    """The values of a column of texts. Raises ValueError or ArithmeticError for a text that is no such value."""
    if type(leaf) is String:
        return pieces
    encoded = pieces.dictionary_encode()
    values = [leaf.from_text(text) for text in encoded.dictionary.to_pylist()]
    kind = kind_of(leaf)
    if kind is Kind.JSON:
        values = [None if value is None else json_text(value) for value in values]
    return pa.array(values, TYPES[kind]).take(encoded.indices)


def assembled(frames: Frames, values: dict[tuple[str, ...], pa.Array]) -> pa.Table:
    """The table of frames whose fields are columns already; those that they have not are unset."""
    count = len(frames.payloads)
    schema = schema_of(frames.of.table)
    before = (pa.repeat(frames.capture, count), frames.connections, frames.sequences, frames.times, pa.repeat(frames.server_version, count))
    fields = [values.get(place.path) for place in frames.of.places]
    columns = [
        pa.nulls(count, field.type) if held is None else held.cast(field.type) if isinstance(held, pa.Array) else pa.array(held, field.type)
        for held, field in zip((*before, *fields, None), schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)
