"""The fast path of protobuf: a record becomes one flat function over the buffer, which gives a typed object or a dict.

Encoders write a record's fields in the order of their numbers, so the function asks for them in that order: is the key at hand this
field's? Then it reads it and takes the next key. Whatever does not fit (a number that is not known, another order, another wire type, a
scalar that comes twice, a length that runs over the end) raises, and the caller decodes that frame token by token instead.

It counts no fields. Each field, and each element of a packed one, takes a byte at least, so a buffer of no more than ``MAX_FIELDS`` bytes
cannot hold too many.

Compiling takes longer than decoding some thousand messages, and most records that may stand inside an order seldom do. So the function of
an inner record is written when it is called first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from twsprobe.wire.conversion import Conversions, Path
from twsprobe.wire.emit import Names, defined
from twsprobe.wire.fields import DOUBLE, Bool, Leaf
from twsprobe.wire.layout import Values
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.tokens import FIXED64, LENGTH_DELIMITED, VARINT

if TYPE_CHECKING:
    from twsprobe.wire.message import Message
    from twsprobe.wire.objects import Classes, Object

Read = Callable[[bytes, int, int], Any]
LENGTH = ["n = b[p]", "p += 1", "if n > 127: n, p = long_varint(b, p - 1)"]
"""The lines that read a length."""


def long_varint(data: bytes, position: int) -> tuple[int, int]:
    """A varint of several bytes, and the offset behind it. Raises ValueError or IndexError."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift >= 70:
            raise ValueError("a varint is longer than 10 bytes")


def signed(bits: int) -> Callable[[bytes, int], tuple[int, int]]:
    """The function that reads a varint of several bytes as a number of so many bits with a sign."""

    def read(data: bytes, position: int) -> tuple[int, int]:
        value, position = long_varint(data, position)
        value &= (1 << bits) - 1
        return value - (value >> bits - 1 << bits), position

    return read


LARGEST_NUMBER = 2047
"""The largest field number whose key has two bytes."""


def key_of(number: int, wire_type: int) -> int:
    """A field's key as the functions read it: its one byte or, low byte first, its two."""
    assert 0 < number <= LARGEST_NUMBER, f"field {number}: longer keys are not provided for"
    key = number << 3 | wire_type
    return key if key < 0x80 else key & 0x7F | 0x80 | key >> 7 << 8


def next_key(depth: int, least: int) -> list[str]:
    """The lines that take the next key, of a field whose number is ``least`` at least."""
    if least << 3 < 0x80:
        return indented(depth, ["k = b[p]", "p += 1", "if k > 127: k |= b[p] << 8; p += 1"])
    return indented(depth, ["k = b[p] | b[p + 1] << 8", "p += 2"])


class Build(Protocol):
    """What a record becomes, in the source of its function."""

    shared: ClassVar[bool]
    """Whether what is made cannot be changed, so that equal records inside a message may be one object."""

    def begin(self, record: Record) -> str:
        """The line before the first field is read."""

    def target(self, number: int, name: str) -> str:
        """What a field's value is assigned to."""

    def end(self, record: Record, path: Path, names: dict[str, Any]) -> str:
        """The expression of what is given back, for the record at a path; what it needs is put into ``names``."""


class DictBuild:
    """A dict of the fields that are there, in their order."""

    shared: ClassVar[bool] = False

    def begin(self, record: Record) -> str:
        return "values = {}"

    def target(self, number: int, name: str) -> str:
        return f"values[{name!r}]"

    def end(self, record: Record, path: Path, names: dict[str, Any]) -> str:
        return "values"


class ObjectBuild:
    """An object of a message, with an attribute for each field."""

    shared: ClassVar[bool] = True

    def __init__(self, message: Message, classes: Classes) -> None:
        self.message, self.classes = message, classes

    def begin(self, record: Record) -> str:
        return " = ".join([*(f"v{number}" for number in record.by_number), "None"]) if record.by_number else "pass"

    def target(self, number: int, name: str) -> str:
        return f"v{number}"

    def end(self, record: Record, path: Path, names: dict[str, Any]) -> str:
        cls = self.classes.of_record(record) if path else self.classes.of_message(self.message)
        variables = {field.name: f"v{number}" for number, field in record.by_number.items()}
        arguments = [variables.get(each, "None") for each in cls.__struct_fields__]
        while arguments and arguments[-1] == "None":
            arguments.pop()
        name = "_".join(("Class", *path))
        names[name] = cls
        return f"{name}({', '.join(arguments)})"


class Compiler(Names):
    """Writes the functions of a message's records."""

    def __init__(self, build: Build, conversions: Conversions) -> None:
        super().__init__({"long_varint": long_varint, "double": DOUBLE.unpack_from})
        self.build, self.conversions = build, conversions

    def function(self, record: Record, path: Path) -> str:
        """The name of a record's function, which is compiled when it is called first."""
        name = self.fresh("read")

        def first(data: bytes, start: int, end: int) -> Any:
            read: Read = self.compiled(record, path, name)
            return read(data, start, end)

        self.names[name] = first
        return name

    def compiled(self, record: Record, path: Path, name: str = "read") -> Read:
        """The function of a record."""
        lines = [f"def {name}(b, p, e):", "    " + self.build.begin(record), "    if p < e:"]
        lines += [*next_key(2, min(record.by_number, default=1)), "        while True:"]
        for number, field in sorted(record.by_number.items()):
            lines += self.field(number, field.leaf, self.build.target(number, field.name), (*path, field.name))
        lines += ["            raise ValueError", "    if p != e: raise ValueError"]
        lines.append(f"    return {self.build.end(record, path, self.names)}")
        read: Read = defined("\n".join(lines) + "\n", "<twsprobe protobuf>", self.names, name)
        return read

    def field(self, number: int, leaf: Leaf, target: str, path: Path) -> list[str]:
        """The lines that read one field if its key is at hand."""
        if isinstance(leaf, Many):
            return self.many(number, leaf, target, path)
        lines = [f"            if k == {key_of(number, leaf.wire_type)}:", *indented(4, self.value(leaf, target, path))]
        return [*lines, "                if p >= e: break", *next_key(4, number + 1)]

    def value(self, leaf: Leaf, target: str, path: Path) -> list[str]:
        """The lines that read what stands behind a key."""
        if leaf.wire_type == FIXED64:
            return [f"{target} = double(b, p)[0]", "p += 8"]
        if leaf.wire_type == VARINT:
            if isinstance(leaf, Bool):
                return ["x = b[p]", "p += 1", "if x > 127: x, p = long_varint(b, p - 1)", f"{target} = x != 0"]
            bits: int = getattr(leaf, "bits", 64)
            self.names[f"long_int{bits}"] = signed(bits)
            return ["x = b[p]", "p += 1", f"if x > 127: x, p = long_int{bits}(b, p - 1)", f"{target} = x"]
        if isinstance(leaf, Nested) and not self.build.shared:
            return [*LENGTH, "p += n", f"{target} = {self.function(leaf.record, path)}(b, p - n, p)"]
        return [*LENGTH, f"{target} = {self.bytes_value(leaf, 'b[p:p + n]', path)}", "p += n"]

    def bytes_value(self, leaf: Leaf, data: str, path: Path) -> str:
        """The expression that turns bytes into a value; a record is converted through a cache as any value is."""
        if path in self.conversions:
            conversion = self.conversions[path]
        elif isinstance(leaf, Nested):
            inner = Compiler(self.build, self.conversions)
            convert = partial(whole, inner.names, inner.function(leaf.record, path))
            conversion = self.conversions.field(path, leaf.record, convert)
        else:
            conversion = self.conversions.field(path, type(leaf), leaf.from_wire, cached=leaf.shareable)
        return conversion.expression(self.name_of, data)

    def many(self, number: int, leaf: Many, target: str, path: Path) -> list[str]:
        """The lines that read a repeated field."""
        if leaf.record is not None:
            read = [*LENGTH, "p += n", f"append({self.function(leaf.record, path)}(b, p - n, p))"]
        elif leaf.leaf is not None and leaf.leaf.wire_type == LENGTH_DELIMITED:
            read = [*LENGTH, f"append({self.bytes_value(leaf.leaf, 'b[p:p + n]', path)})", "p += n"]
        else:
            assert leaf.leaf is not None
            one = self.value(leaf.leaf, "element", path)
            read = [*LENGTH, "q = p + n", "while p < q:", *indented(1, one), "    append(element)", "if p != q: raise ValueError"]
        key = key_of(number, LENGTH_DELIMITED)
        lines = [f"            if k == {key}:", *indented(4, [f"{target} = x = []", "append = x.append", "while True:"])]
        lines += [*indented(5, read), "                    if p >= e: k = -1; break", *next_key(5, number)]
        return [*lines, f"                    if k != {key}: break", "                if k < 0: break"]


def whole(functions: dict[str, Any], name: str, data: bytes) -> Any:
    """What is made of a record that fills its bytes, by the function of that name."""
    return functions[name](data, 0, len(data))


def indented(depth: int, lines: list[str]) -> list[str]:
    """Lines, deeper."""
    return ["    " * depth + line for line in lines]


def compile_protobuf(message: Message, classes: Classes, conversions: Conversions) -> Callable[[bytes, int, int], Object]:
    """The function of a message's protobuf form that gives its object. It raises one of ``emit.SURPRISES`` on any surprise."""
    return Compiler(ObjectBuild(message, classes), conversions).compiled(message.record, ())


def compile_record(record: Record, conversions: Conversions) -> Callable[[bytes, int, int], Values]:
    """The function that gives what ``Record.read`` puts into a dict. It raises one of ``emit.SURPRISES`` on any surprise."""
    return Compiler(DictBuild(), conversions).compiled(record, ())
