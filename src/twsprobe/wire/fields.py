"""Values: how each type of field stands in a text message and on the protobuf wire.

A text field is the value's text and a NUL. Empty means "not given", whatever the type, and IBKR's clients write large sentinels for
the same thing, so both are read as ``None``; strings alone keep empty as empty. Reading is as tolerant as the official clients are
where it cannot mislead, and refuses what no client writes (``1_000``, digits of other scripts). TWS sends text in the code page
of its host, in UTF-8, or with escapes, and does not say which: bytes that are not UTF-8 are shown as Latin-1, one character a byte.

The protobuf wire knows three shapes here: varints, 8-byte doubles, and length-prefixed bytes.
"""

from __future__ import annotations

import decimal
import math
import re
from struct import Struct
from struct import error as StructError
from typing import Any, ClassVar, NamedTuple, NoReturn

from construct import Construct

from twsprobe.wire.text import text_of
from twsprobe.wire.tokens import FIXED64, LENGTH_DELIMITED, MAX_FIELDS, VARINT, Malformed, Piece, Token, joined, read_token, shown, tagged
from twsprobe.wire.versions import ServerVersion

DOUBLE = Struct("<d")
MAX_INT, MAX_LONG, MAX_DOUBLE = 2**31 - 1, 2**63 - 1, 1.7976931348623157e308
UNSET_DECIMALS = frozenset(
    {str(MAX_INT), str(MAX_LONG), str(-MAX_LONG - 1), str(2**127 - 1), "1.7976931348623157E308", "1.7976931348623157e+308"}
)


def number_text(text: str) -> str:
    """``text`` if it may be a number; ValueError for spellings that Python reads and no client writes."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


class Leaf(Construct):
    """One value. ``number`` is its protobuf field number, None for a field that only text messages have.

    As a construct a leaf parses and builds one NUL-terminated text field.
    """

    wire_type: ClassVar[int]
    type_name: ClassVar[str]
    blank: ClassVar[str] = ""
    """What text holds for None."""
    shareable: ClassVar[bool] = True
    """Whether a value cannot be changed, so that whoever reads the same text may get the same object."""

    def __init__(self, number: int | None = None, meaning: str = "", since: ServerVersion | None = None) -> None:
        super().__init__()
        self.number, self.meaning, self.since = number, meaning, since

    def at(self, version: int) -> Leaf:
        """The leaf that reads and writes this field in text of a server version."""
        return self

    def from_text(self, text: str) -> Any:
        """Read a text field. Raises ValueError."""
        raise ValueError(text)

    def to_text(self, value: Any) -> str:
        """Write a text field of a value that is set. Raises TypeError or ValueError."""
        raise ValueError(value)

    def from_wire(self, raw: Any) -> Any:
        """Read what a protobuf field holds: an int for a varint, bytes otherwise. Raises ValueError."""
        return raw

    def to_wire(self, value: Any) -> Any:
        """The int (varint) or bytes that a protobuf field holds. Raises TypeError or ValueError."""
        return value

    def accepts(self, wire_type: int) -> bool:
        """Whether a protobuf field of this wire type can be this value."""
        return wire_type == self.wire_type

    def absorb(self, values: dict[str, Any], name: str, token: Token, reading: Reading, path: str, depth: int) -> None:
        """Put a protobuf field's value under ``name``. Raises Malformed."""
        values[name] = self.scalar(token, reading, joined(path, name))

    def scalar(self, token: Token, reading: Reading, path: str) -> Any:
        """A protobuf field's value, noted in the trace. Raises Malformed."""
        if reading.trace is not None:
            reading.trace.append(Piece(path, token.start, token.end))
        try:
            return self.from_wire(token.value)
        except (ValueError, ArithmeticError):
            raise Malformed(f"{shown(token.value)} is not {self.type_name}", path, token.start) from None

    def emitted(self, value: Any, path: str, version: int | None, spelling: dict[str, bytes]) -> bytes:
        """The whole protobuf field, in its earlier spelling where that means the same. Raises Malformed."""
        assert self.number is not None
        earlier = spelling.get(path)
        if earlier is not None and repr(self.from_wire(read_token(earlier, 0, len(earlier), path).value)) == repr(value):
            return earlier
        return tagged(self.number, self.wire_type, self.raw(value, path))

    def raw(self, value: Any, path: str) -> Any:
        """What the protobuf wire holds for a value. Raises Malformed."""
        try:
            return self.to_wire(value)
        except (TypeError, ValueError, OverflowError, StructError, ArithmeticError):
            raise Malformed(f"{shown(value)} is not {self.type_name}", path, 0) from None

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        payload, start = stream.getvalue(), stream.tell()
        end = payload.find(b"\0", start)
        if end < 0:
            raise Malformed("the message ends before this field", path, start)
        stream.seek(end + 1)
        return self.read(payload[start:end], path, start)

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(self.write(value, path))
        return value

    def read(self, piece: bytes, path: str, offset: int) -> Any:
        """The value of a text field's bytes, without its NUL. Raises Malformed."""
        text = text_of(piece)
        try:
            return self.from_text(text)
        except (ValueError, ArithmeticError):
            raise Malformed(f"{shown(text)} is not {self.type_name}", path, offset) from None

    def write(self, value: Any, path: str) -> bytes:
        """The bytes of a text field and its NUL. Raises Malformed."""
        try:
            text = self.blank if value is None else self.to_text(value)
            if "\0" in text:
                raise ValueError
            return text.encode("utf-8") + b"\0"
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            raise Malformed(f"{shown(value)} is not {self.type_name}", path, 0) from None


class Reading:
    """What goes along while a protobuf payload is read: all of it, and where each value stood when that is asked for."""

    def __init__(self, data: bytes, trace: list[Piece] | None) -> None:
        self.data, self.trace = data, trace
        self.fields = 0

    def count(self, path: str, position: int) -> None:
        """Count one more field, or element of a packed one. Raises Malformed when they are too many for any message."""
        self.fields += 1
        if self.fields > MAX_FIELDS:
            raise Malformed(f"has more than {MAX_FIELDS:,} fields", path, position)


def whole(value: Any, low: int, high: int) -> int:
    """``value`` as an int within bounds. Raises TypeError or ValueError."""
    if not isinstance(value, int):
        raise TypeError(value)
    if not low <= value <= high:
        raise ValueError(value)
    return int(value)


class Int(Leaf):
    """A whole number of 32 bits; 2147483647 in text means unset."""

    wire_type, type_name = VARINT, "int32"
    bits = 32
    unset = MAX_INT

    def from_text(self, text: str) -> int | None:
        value = whole(int(number_text(text)), -MAX_LONG - 1, MAX_LONG) if text else self.unset
        return None if value == self.unset else value

    def to_text(self, value: Any) -> str:
        return str(whole(value, -MAX_LONG - 1, MAX_LONG))

    def from_wire(self, raw: Any) -> int:
        low = int(raw) & ((1 << self.bits) - 1)
        return low - (1 << self.bits) if low >> (self.bits - 1) else low

    def to_wire(self, value: Any) -> int:
        return whole(value, -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) & (2**64 - 1)


class SpelledOutInt(Int):
    """A whole number that text spells out as 2147483647 when it is unset; official clients leave most others empty."""

    blank = str(MAX_INT)


class Long(Int):
    """A whole number of 64 bits; 9223372036854775807 in text means unset."""

    type_name = "int64"
    bits = 64
    unset = MAX_LONG


class Bool(Leaf):
    """True or false: ``1`` and ``0`` in text."""

    wire_type, type_name = VARINT, "bool"
    words: ClassVar[dict[str, bool | None]] = {"": None, "0": False, "1": True, "false": False, "true": True}

    def from_text(self, text: str) -> bool | None:
        return self.words[text] if text in self.words else int(number_text(text)) != 0

    def to_text(self, value: Any) -> str:
        return str(whole(value, 0, 1))

    def from_wire(self, raw: Any) -> bool:
        return bool(raw)

    def to_wire(self, value: Any) -> int:
        return whole(value, 0, 1)


class Double(Leaf):
    """A floating-point number; the largest double means unset in text."""

    wire_type, type_name = FIXED64, "double"

    def from_text(self, text: str) -> float | None:
        if not text:
            return None
        value = float(number_text(text))
        return None if value == MAX_DOUBLE else value

    def to_text(self, value: Any) -> str:
        number = self.number_of(value)
        return "Infinity" if number == math.inf else "-Infinity" if number == -math.inf else repr(number)

    def from_wire(self, raw: Any) -> float:
        return float(DOUBLE.unpack(raw)[0])

    def to_wire(self, value: Any) -> bytes:
        return DOUBLE.pack(self.number_of(value))

    @staticmethod
    def number_of(value: Any) -> float:
        if not isinstance(value, (int, float, decimal.Decimal)):
            raise TypeError(value)
        return float(value)


class SpelledOutDouble(Double):
    """A floating-point number that text spells out as 1.7976931348623157e+308 when it is unset; most others are left empty."""

    blank = repr(MAX_DOUBLE)


class Decimal(Leaf):
    """An exact decimal number, written out in both encodings."""

    wire_type, type_name = LENGTH_DELIMITED, "decimal"

    def from_text(self, text: str) -> decimal.Decimal | None:
        if not text or text in UNSET_DECIMALS:
            return None
        value = decimal.Decimal(number_text(text))
        if not value.is_finite():
            raise ValueError(text)
        return value

    def to_text(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, str, decimal.Decimal)):
            raise TypeError(value)
        number = decimal.Decimal(number_text(str(value)))
        if not number.is_finite():
            raise ValueError(value)
        return str(number)

    def from_wire(self, raw: Any) -> decimal.Decimal | None:
        return self.from_text(bytes(raw).decode("utf-8"))

    def to_wire(self, value: Any) -> bytes:
        return self.to_text(value).encode("utf-8")


class String(Leaf):
    """Text."""

    wire_type, type_name = LENGTH_DELIMITED, "string"

    def from_text(self, text: str) -> str:
        return text

    def to_text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(value)
        return value

    def from_wire(self, raw: Any) -> str:
        return bytes(raw).decode("utf-8")

    def to_wire(self, value: Any) -> bytes:
        return String.to_text(self, value).encode("utf-8")


class TagValues(Leaf):
    """Tags and values in one text field, ``tag=value;`` for each; there is no way to write a ``;``, or a ``=`` in a tag."""

    wire_type, type_name = LENGTH_DELIMITED, "list of tags and values"
    shareable = False

    def from_text(self, text: str) -> list[dict[str, str]] | None:
        if text.count(";") > MAX_FIELDS:
            raise ValueError(text)
        found = []
        for tag, equals, value in (part.partition("=") for part in text.split(";") if part):
            found.append({"tag": tag, "value": value} if equals else {"tag": tag})
        return found or None

    def to_text(self, value: Any) -> str:
        text = "".join(self.part_of(**element) for element in value)
        if (self.from_text(text) or []) != [{name: held for name, held in element.items() if held is not None} for element in value]:
            raise ValueError(value)
        return text

    def to_wire(self, value: Any) -> NoReturn:
        raise TypeError(value)  # protobuf has each of them in a record

    @staticmethod
    def part_of(tag: Any, value: Any = None) -> str:
        if not isinstance(tag, str) or not isinstance(value, str | None):
            raise TypeError(tag, value)
        return f"{tag};" if value is None else f"{tag}={value};"


PAIR = r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
ESCAPE = re.compile(PAIR + r"|\\u(?![dD][89a-fA-F])([0-9a-fA-F]{4})")
LIKE_ESCAPE = re.compile(r"\\(?=u[0-9a-fA-F]{4})")


class EscapedString(String):
    r"""Text that TWS writes with ``\uXXXX`` for characters beyond ASCII, from ENCODE_MSG_ASCII7 on; plain before it and in protobuf.

    The units are those of UTF-16: two for a character beyond U+FFFF, and half a pair stands for nothing, so it is kept as written.
    """

    def at(self, version: int) -> Leaf:
        return self if version >= ServerVersion.ENCODE_MSG_ASCII7 else String(self.number, self.meaning, self.since)

    def from_text(self, text: str) -> str:
        return ESCAPE.sub(lambda found: bytes.fromhex(found[3] or found[1] + found[2]).decode("utf-16-be"), text)

    def to_text(self, value: Any) -> str:
        text = LIKE_ESCAPE.sub(r"\\u005c", super().to_text(value))
        return "".join(character if character.isascii() and character != "\0" else escaped(character) for character in text)


def escaped(character: str) -> str:
    r"""A character as ``\uXXXX``. Raises UnicodeEncodeError for half a pair."""
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(*[iter(character.encode("utf-16-be"))] * 2, strict=True))


class Conjunction(Bool):
    """How a condition joins the next one: ``a`` for and, ``o`` for or, in text."""

    words: ClassVar[dict[str, bool | None]] = {"": None, "a": True, "o": False, "n": None}

    def to_text(self, value: Any) -> str:
        return "a" if super().to_text(value) == "1" else "o"


class Field(NamedTuple):
    """A named value of a record."""

    name: str
    leaf: Leaf
