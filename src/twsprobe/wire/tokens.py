"""What both encodings stand on: places in a payload, errors that name them, and the tokens of the protobuf wire."""

from __future__ import annotations

from typing import Any, NamedTuple

from construct import ConstructError

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
"""Wire types of protobuf's encoding; the group types 3 and 4 are not used by it any more."""
LARGEST_NUMBER = 2**29 - 1
"""The largest field number that protobuf allows."""
MAX_FIELDS = 1_000_000
"""The most fields that a message may have. Each takes many times its bytes in memory, and a frame has room for millions."""


class Malformed(ConstructError):
    """A value that cannot be what its field says; ``path`` names the field, ``offset`` counts bytes from the payload's start."""

    def __init__(self, reason: str, path: str, offset: int) -> None:
        super().__init__(reason, path=path)
        self.reason, self.field, self.offset = reason, path, offset


class Piece(NamedTuple):
    """Where a value stands in a payload: its path, and its bytes from ``start`` up to ``end``."""

    path: str
    start: int
    end: int


class UnknownField(NamedTuple):
    """A protobuf field that our schema lacks: its wire type and what it holds (an int for a varint, bytes otherwise)."""

    wire_type: int
    value: int | bytes


def joined(path: str, name: str) -> str:
    """The path of ``name`` inside ``path``."""
    return f"{path}.{name}" if path else name


def shown(value: object) -> str:
    """A value as a short literal for an error message."""
    try:
        literal = repr(value)
    except ValueError:  # Python writes out no int of more than some thousand digits
        literal = f"this {type(value).__name__}"
    return literal if len(literal) <= 60 else literal[:57] + "..."


class Token(NamedTuple):
    """A field as it stands on the wire; ``end`` is the offset behind it."""

    number: int
    wire_type: int
    value: Any
    start: int
    end: int


def read_varint(data: bytes | bytearray, position: int, end: int, path: str) -> tuple[int, int]:
    """A varint and the offset behind it. Raises Malformed."""
    value = shift = 0
    start = position
    while True:
        if position >= end:
            raise Malformed("a varint runs over the end", path, start)
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), position
        shift += 7
        if shift >= 70:
            raise Malformed("a varint is longer than 10 bytes", path, start)


def read_token(data: bytes, position: int, end: int, path: str) -> Token:
    """The field that begins at ``position``. Raises Malformed."""
    start = position
    key, position = read_varint(data, position, end, path)
    number, wire_type = key >> 3, key & 7
    if not 1 <= number <= LARGEST_NUMBER:
        raise Malformed(f"{number} is not a field number", path, start)
    if wire_type == VARINT:
        value, position = read_varint(data, position, end, path)
        return Token(number, wire_type, value, start, position)
    if wire_type == LENGTH_DELIMITED:
        length, position = read_varint(data, position, end, path)
    elif wire_type in (FIXED64, FIXED32):
        length = 8 if wire_type == FIXED64 else 4
    else:
        raise Malformed(f"wire type {wire_type} of field {number} does not exist", path, start)
    if length > end - position:
        raise Malformed(f"field {number} of {length} bytes runs over the end", path, start)
    return Token(number, wire_type, data[position : position + length], start, position + length)


def varint(value: int) -> bytes:
    """The bytes of a varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tagged(number: int, wire_type: int, raw: Any) -> bytes:
    """A whole field: key, length where it has one, and what it holds."""
    key = varint(number << 3 | wire_type)
    if wire_type == VARINT:
        return key + varint(raw)
    held: bytes = varint(len(raw)) + raw if wire_type == LENGTH_DELIMITED else raw
    return key + held
