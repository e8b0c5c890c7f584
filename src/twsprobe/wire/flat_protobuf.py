"""The fast path of protobuf: a record becomes one flat function over the buffer.

Encoders write a record's fields in the order of their numbers, so the function asks for them in that order: is the key at hand this
field's? Then it reads it and takes the next key. Whatever does not fit (a number that is not known, another order, another wire type, a
length that runs over the end) raises, and the caller decodes that frame token by token instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twsprobe.wire.conversion import Conversion, Mode
from twsprobe.wire.emit import defined
from twsprobe.wire.fields import DOUBLE, Bool, Leaf
from twsprobe.wire.message import Message
from twsprobe.wire.objects import Classes, Object
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.tokens import FIXED64, LENGTH_DELIMITED, VARINT

Path = tuple[str, ...]
Read = Callable[[bytes, int, int], Object]
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


def next_key(depth: int) -> list[str]:
    """The lines that take the next key; no declared field has a key of more than two bytes."""
    pad = "    " * depth
    return [pad + "k = b[p]", pad + "p += 1", pad + "if k > 127: k += (b[p] << 7) - 128; p += 1"]


class Compiler:
    """Writes the functions of a message's records."""

    def __init__(self, classes: Classes, conversions: dict[Path, Conversion], changed: Callable[[], None]) -> None:
        self.classes, self.conversions, self.changed = classes, conversions, changed
        self.names: dict[str, Any] = {"long_varint": long_varint, "double": DOUBLE.unpack_from}
        self.sources: list[str] = []
        self.made = 0

    def fresh(self, stem: str) -> str:
        """A name that is not in use."""
        self.made += 1
        return f"{stem}{self.made}"

    def function(self, record: Record, cls: type[Object], path: Path) -> str:
        """Write the function of a record; gives its name."""
        name = self.fresh("read")
        fields = sorted(record.by_number.items())
        variables = {field.name: f"v{number}" for number, field in fields}
        lines = ["    " + " = ".join([*variables.values(), "None"])] if variables else []
        lines += ["    if p < e:", *next_key(2), "        while True:"]
        for number, field in fields:
            lines += self.field(number, field.leaf, variables[field.name], (*path, field.name))
        lines += ["            raise ValueError", "    if p != e: raise ValueError"]
        arguments = [variables.get(each, "None") for each in cls.__struct_fields__]
        while arguments and arguments[-1] == "None":
            arguments.pop()
        self.names[f"Class{name}"] = cls
        lines.append(f"    return Class{name}({', '.join(arguments)})")
        self.sources.append(f"def {name}(b, p, e):\n" + "\n".join(lines) + "\n")
        return name

    def field(self, number: int, leaf: Leaf, variable: str, path: Path) -> list[str]:
        """The lines that read one field if its key is at hand."""
        if isinstance(leaf, Many):
            return self.many(number << 3 | LENGTH_DELIMITED, leaf, variable, path)
        lines = [f"            if k == {number << 3 | leaf.wire_type}:", *indented(4, self.value(leaf, variable, path))]
        return [*lines, "                if p >= e: break", *next_key(4)]

    def value(self, leaf: Leaf, variable: str, path: Path) -> list[str]:
        """The lines that read what stands behind a key."""
        if leaf.wire_type == FIXED64:
            return [f"{variable} = double(b, p)[0]", "p += 8"]
        if leaf.wire_type == VARINT:
            lines = [f"{variable} = b[p]", "p += 1", f"if {variable} > 127:", f"    {variable}, p = long_varint(b, p - 1)"]
            if isinstance(leaf, Bool):
                return [*lines, f"{variable} = {variable} != 0"]
            bits: int = getattr(leaf, "bits", 64)
            return [*lines, f"    {variable} &= {(1 << bits) - 1}", f"    if {variable} >= {1 << bits - 1}: {variable} -= {1 << bits}"]
        return [*LENGTH, f"{variable} = {self.bytes_value(leaf, 'b[p:p + n]', path)}", "p += n"]

    def bytes_value(self, leaf: Leaf, data: str, path: Path) -> str:
        """The expression that turns bytes into a value; a record is converted through a cache as any value is."""
        if path not in self.conversions:
            if isinstance(leaf, Nested):
                compiler = Compiler(self.classes, self.conversions, self.changed)
                read = compiler.compiled(leaf.record, self.classes.of_record(leaf.record), path)
                self.conversions[path] = Conversion(partial(whole, read), self.changed)
            else:
                self.conversions[path] = Conversion(leaf.from_wire, self.changed, Mode.CACHED if leaf.shareable else Mode.DIRECT)
        return self.conversions[path].expression(self.names, self.fresh("convert"), data)

    def many(self, key: int, leaf: Many, variable: str, path: Path) -> list[str]:
        """The lines that read a repeated field."""
        if leaf.record is not None:
            inner = self.function(leaf.record, self.classes.of_record(leaf.record), path)
            read = [*LENGTH, "p += n", f"append({inner}(b, p - n, p))"]
        elif leaf.leaf is not None and leaf.leaf.wire_type == LENGTH_DELIMITED:
            read = [*LENGTH, f"append({self.bytes_value(leaf.leaf, 'b[p:p + n]', path)})", "p += n"]
        else:
            assert leaf.leaf is not None
            one = self.value(leaf.leaf, "x", path)
            read = [*LENGTH, "q = p + n", "while p < q:", *indented(1, one), "    append(x)", "if p != q: raise ValueError"]
        lines = [f"            if k == {key}:", *indented(4, [f"{variable} = []", f"append = {variable}.append", "while True:"])]
        lines += [*indented(5, read), "                    if p >= e: k = -1; break", *next_key(5)]
        return [*lines, f"                    if k != {key}: break", "                if k < 0: break"]

    def compiled(self, record: Record, cls: type[Object], path: Path) -> Read:
        """The function of a record."""
        name = self.function(record, cls, path)
        read: Read = defined("\n".join(self.sources), "<twsprobe protobuf>", self.names, name)
        return read


def whole(read: Read, data: bytes) -> Object:
    """The object of a record that fills its bytes."""
    return read(data, 0, len(data))


def indented(depth: int, lines: list[str]) -> list[str]:
    """Lines, deeper."""
    return ["    " * depth + line for line in lines]


def compile_protobuf(message: Message, classes: Classes, conversions: dict[Path, Conversion], changed: Callable[[], None]) -> Read:
    """The function of a message's protobuf form. It raises ValueError, IndexError, ArithmeticError or struct.error on any surprise."""
    return Compiler(classes, conversions, changed).compiled(message.record, classes.of_message(message), ())
