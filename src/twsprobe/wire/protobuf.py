"""The protobuf wire format, for records that are declared field by field.

IBKR's messages are proto3 in which nearly every scalar is ``optional``: a field that is absent differs from one that holds zero, so
absent fields are absent from the values too. Fields that a schema does not know are kept under ``"#<number>"`` as they came and are
written back behind the known ones, which is where protobuf's own encoders put them. A mis-framed payload often parses all the same,
made of unknown fields alone: their presence is a finding for whoever reads the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from construct import Construct

from twsprobe.wire.fields import Field, Leaf, Reading
from twsprobe.wire.layout import Values
from twsprobe.wire.tokens import (
    LENGTH_DELIMITED,
    VARINT,
    Malformed,
    Piece,
    Token,
    UnknownField,
    joined,
    read_token,
    read_varint,
    tagged,
    varint,
)
from twsprobe.wire.versions import ServerVersion

DEEPEST = 32
"""How deep records may nest; IBKR's own nest four deep."""


class Record(Construct):
    """A protobuf message as fields by number; also the names and types that text layouts draw on.

    As a construct it parses and builds the payload bytes; values are a dict.
    """

    def __init__(self, type_name: str, *fields: Any) -> None:
        super().__init__()
        self.type_name = type_name
        self.fields: dict[str, Leaf] = {}
        self.by_number: dict[int, Field] = {}
        for renamed in fields:
            leaf = renamed.subcon
            self.fields[renamed.name] = leaf
            if leaf.number is not None:
                if leaf.number in self.by_number:
                    raise ValueError(f"{type_name} has two fields {leaf.number}")
                self.by_number[leaf.number] = Field(renamed.name, leaf)

    def leaf(self, path: Sequence[str]) -> Leaf:
        """The leaf at a path of names. Raises KeyError."""
        leaf = self.fields[path[0]]
        if len(path) == 1:
            return leaf
        if not isinstance(leaf, Nested):
            raise KeyError(f"{path[0]} is no record in {self.type_name}")
        return leaf.record.leaf(path[1:])

    def _parse(self, stream: Any, context: Any, path: str) -> Values:
        data = stream.read()
        values: Values = {}
        self.read(Reading(data, getattr(stream, "trace", None)), 0, len(data), "", 0, values)
        return values

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(self.written(obj, "", None, getattr(stream, "spelling", {})))
        return obj

    def read(self, reading: Reading, position: int, end: int, path: str, depth: int, values: Values) -> None:
        """Put the values between two offsets into ``values``. Raises Malformed."""
        if depth > DEEPEST:
            raise Malformed(f"records nest deeper than {DEEPEST}", path, position)
        while position < end:
            reading.count(path, position)
            token = read_token(reading.data, position, end, path)
            position = token.end
            field = self.by_number.get(token.number)
            if field is None or not field.leaf.accepts(token.wire_type):
                values.setdefault(f"#{token.number}", []).append(UnknownField(token.wire_type, token.value))
                continue
            field.leaf.absorb(values, field.name, token, reading, path, depth)

    def check(self, values: Any, path: str) -> None:
        """Refuse names that the record lacks, and what is no dict where a record belongs or no list where many do. Raises Malformed."""
        if not isinstance(values, dict):
            raise Malformed(f"a dict is wanted, not {type(values).__name__}", path, 0)
        for name, value in values.items():
            leaf, here = self.fields.get(name), joined(path, str(name))
            if leaf is None:
                raise Malformed(f"{self.type_name} has no such field", here, 0)
            if isinstance(leaf, Compound) and value is not None:
                leaf.check(value, here)

    def written(self, values: Any, path: str, version: int | None, spelling: dict[str, bytes]) -> bytes:
        """The bytes of values; with a version, fields behind a closed gate are refused. Raises Malformed."""
        if not isinstance(values, dict):
            raise Malformed(f"a dict is wanted, not {type(values).__name__}", path, 0)
        out, behind = {}, b""
        for name, value in values.items():
            here = joined(path, str(name))
            if str(name).startswith("#"):
                behind += unknown_bytes(name, value, here)
                continue
            leaf = self.fields.get(name)
            if leaf is None or leaf.number is None:
                raise Malformed(f"{self.type_name} has no such protobuf field", here, 0)
            if value is None and here not in spelling:
                continue
            if version is not None and leaf.since is not None and version < leaf.since:
                raise Malformed(f"needs server version {int(leaf.since)} ({leaf.since.name})", here, 0)
            out[leaf.number] = leaf.emitted(value, here, version, spelling)
        return b"".join(out[number] for number in sorted(out)) + behind


def unknown_bytes(name: str, values: Any, path: str) -> bytes:
    """The bytes of fields that the schema lacks, from their ``#<number>`` key. Raises Malformed."""
    try:
        found = b""
        for field in values:
            written = tagged(int(name[1:]), field.wire_type, field.value)
            token = read_token(written, 0, len(written), path)
            if (name, *field, len(written)) != (f"#{token.number}", token.wire_type, token.value, token.end):
                raise ValueError
            found += written
        return found
    except (ValueError, TypeError, AttributeError, Malformed):
        raise Malformed("a list of UnknownField under #<number> is wanted", path, 0) from None


class Compound(Leaf):
    """A field that is no single value; it has no text form of its own."""

    wire_type = LENGTH_DELIMITED

    def from_text(self, text: str) -> NoReturn:
        raise ValueError(text)

    def to_text(self, value: Any) -> NoReturn:
        raise TypeError(value)

    def check(self, value: Any, path: str) -> None:
        """Refuse what has not the shape of this field. Raises Malformed."""


class Nested(Compound):
    """A record inside a record."""

    def __init__(self, record: Record, number: int | None, meaning: str = "", since: ServerVersion | None = None) -> None:
        super().__init__(number, meaning, since)
        self.record = record

    @property
    def type_name(self) -> str:  # type: ignore[override]  # a class's name for scalars, the record's for these
        return self.record.type_name

    def absorb(self, values: Values, name: str, token: Token, reading: Reading, path: str, depth: int) -> None:
        start = token.end - len(token.value)
        # A second occurrence merges into the first: protobuf's rule for records that are not repeated.
        self.record.read(reading, start, token.end, joined(path, name), depth + 1, values.setdefault(name, {}))

    def check(self, value: Any, path: str) -> None:
        self.record.check(value, path)

    def emitted(self, value: Any, path: str, version: int | None, spelling: dict[str, bytes]) -> bytes:
        assert self.number is not None
        return tagged(self.number, LENGTH_DELIMITED, self.record.written(value, path, version, spelling))


class Many(Compound):
    """A repeated field: records (give a Record) or plain values (give a leaf)."""

    def __init__(self, element: Record | Leaf, number: int | None, meaning: str = "", since: ServerVersion | None = None) -> None:
        super().__init__(number, meaning, since)
        self.record = element if isinstance(element, Record) else None
        self.leaf = element if isinstance(element, Leaf) else None

    @property
    def type_name(self) -> str:  # type: ignore[override]
        return f"list of {self.record.type_name if self.record is not None else self.leaf.type_name if self.leaf is not None else ''}"

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, (list, tuple)):
            raise Malformed(f"a list is wanted, not {type(value).__name__}", path, 0)
        if self.record is not None:
            for index, element in enumerate(value):
                self.record.check(element, f"{path}[{index}]")

    def accepts(self, wire_type: int) -> bool:
        return wire_type == LENGTH_DELIMITED or (self.leaf is not None and wire_type == self.leaf.wire_type)

    def absorb(self, values: Values, name: str, token: Token, reading: Reading, path: str, depth: int) -> None:
        elements = values.setdefault(name, [])
        at, start = f"{joined(path, name)}[{len(elements)}]", token.end - (len(token.value) if token.wire_type != VARINT else 0)
        if self.record is not None:
            elements.append({})
            self.record.read(reading, start, token.end, at, depth + 1, elements[-1])
        elif self.leaf is not None and token.wire_type == self.leaf.wire_type:
            elements.append(self.leaf.scalar(token, reading, at))
        elif self.leaf is not None:
            elements += self.unpacked(self.leaf, token, reading, at, start)

    def unpacked(self, leaf: Leaf, token: Token, reading: Reading, path: str, position: int) -> list[Any]:
        """The elements of a packed field: numbers back to back, without keys."""
        found: list[Any] = []
        raw: Any
        while position < token.end:
            start = position
            reading.count(path, position)
            if leaf.wire_type == VARINT:
                raw, position = read_varint(reading.data, position, token.end, path)
            else:
                raw, position = reading.data[position : position + 8], position + 8
                if position > token.end:
                    raise Malformed("a packed double runs over the end", path, start)
            found.append(leaf.from_wire(raw))
        if reading.trace is not None:
            reading.trace.append(Piece(path, token.start, token.end))
        return found

    def emitted(self, value: Any, path: str, version: int | None, spelling: dict[str, bytes]) -> bytes:
        assert self.number is not None
        if not isinstance(value, (list, tuple)):
            raise Malformed(f"a list is wanted, not {type(value).__name__}", path, 0)
        if self.record is not None:
            bodies = [self.record.written(element, f"{path}[{index}]", version, spelling) for index, element in enumerate(value)]
            return b"".join(tagged(self.number, LENGTH_DELIMITED, body) for body in bodies)
        leaf = self.leaf
        assert leaf is not None
        raws = [leaf.raw(element, f"{path}[{index}]") for index, element in enumerate(value)]
        if leaf.wire_type == LENGTH_DELIMITED:
            return b"".join(tagged(self.number, LENGTH_DELIMITED, raw) for raw in raws)
        packed = b"".join(varint(raw) if leaf.wire_type == VARINT else raw for raw in raws)
        return tagged(self.number, LENGTH_DELIMITED, packed) if packed else b""
