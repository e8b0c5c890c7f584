"""The fast path of text: a message at one server version becomes one flat function from its pieces to its object.

A layout of single fields is one unpacking and one call of the class. Conditions and counts become ifs and loops over an index;
elements that are single fields are cut out of the pieces column by column. The function checks nothing itself: whatever it does not
expect (too few or too many pieces, a number that is none) raises, and the caller decodes that frame piece by piece instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from twsprobe.wire.conversion import Conversions, Mode, Path
from twsprobe.wire.emit import Lines, defined, walk, watched
from twsprobe.wire.fields import MAX_DOUBLE, Bool, Decimal, Double, Int, Leaf, String
from twsprobe.wire.layout import IS_SET, Conditional, Node, Presence, Repetition, Slot
from twsprobe.wire.message import Message
from twsprobe.wire.objects import Classes, Object
from twsprobe.wire.protobuf import Nested, Record
from twsprobe.wire.versions import ServerVersion

SPARSE = 50
"""Fields from which on a message is one of those that are mostly empty, as orders are."""
SHORT = 19
"""Digits from which on a whole number may be too large to be one."""


class Writer(Lines):
    """A function that gives an object."""

    def __init__(self, conversions: Conversions) -> None:
        super().__init__({"MAX_DOUBLE": MAX_DOUBLE, "nothing": repeat(None)})
        self.conversions = conversions
        self.guarded = False
        self.sparse = False
        """Most fields of this message are empty, so that asking first is cheaper than looking them up."""

    def converted(self, leaf: Leaf, piece: str, key: Path) -> str:
        """The expression that turns a piece into the value of the field ``key``."""
        if type(leaf) is String:
            return piece
        if type(leaf) is Bool:
            self.names["words"] = Bool.words  # any other number is a surprise, and what it means is found out there
            return f"words[{piece}]"
        conversion = self.conversions.field(key, type(leaf), leaf.from_text, cached=leaf.shareable)
        if conversion.mode is Mode.DIRECT and type(leaf) is Int:
            self.guarded = True
            number = self.fresh("number")
            slow = conversion.expression(self.name_of, piece)
            short = f"({number} if ({number} := int({piece})) != {int(leaf.unset)} else None)"
            return f"(({short} if len({piece}) < {SHORT} else {slow}) if {piece} else None)"
        if conversion.mode is Mode.DIRECT and type(leaf) is Double:
            self.guarded = True
            number = self.fresh("number")
            return f"(({number} if ({number} := float({piece})) != MAX_DOUBLE else None) if {piece} else None)"
        value = conversion.expression(self.name_of, piece)
        return f"({value} if {piece} else None)" if self.sparse and isinstance(leaf, (Int, Double, Decimal)) else value

    def column(self, leaf: Leaf, pieces: str, key: Path) -> str:
        """The expression that turns pieces into an iterable of the values of the field ``key``."""
        if type(leaf) is String:
            return pieces
        value = self.converted(leaf, "piece", key)
        if type(leaf) is Bool:
            return f"map(words.__getitem__, {pieces})"
        conversion = self.conversions[key]
        if conversion.mode is Mode.DIRECT:
            return f"[{value} for piece in {pieces}]"
        return f"map({self.name_of('convert', conversion.function)}, {pieces})"


class Scope:
    """The variables of one record: what holds the value of each path."""

    def __init__(self, writer: Writer, classes: Classes, nodes: Sequence[Node], key: Path) -> None:
        self.writer, self.classes, self.key = writer, classes, key
        self.values: dict[Path, str] = {}
        self.flags: dict[Path, str] = {}
        self.emptiable = {
            node.path for node in walk(nodes) if isinstance(node, Repetition) or (isinstance(node, Slot) and type(node.leaf) is String)
        }
        always = {node.path for node in nodes if isinstance(node, Slot)}
        perhaps: list[str] = []
        for node in walk(nodes):
            if isinstance(node, (Slot, Repetition)) and node.path not in self.values:
                self.values[node.path] = writer.fresh("value")
                if node.path not in always:
                    perhaps.append(self.values[node.path])
            elif isinstance(node, Presence):
                self.flags[node.path] = writer.fresh("has")
        for path in sorted(watched(nodes) - self.values.keys()):
            self.values[path] = writer.fresh("value")
            perhaps.append(self.values[path])
        if perhaps:
            writer.add(" = ".join([*perhaps, "None"]))

    def emit(self, nodes: Sequence[Node]) -> None:
        """Write the lines that read ``nodes`` from ``f[i:]``."""
        writer = self.writer
        run: list[Slot] = []

        def flush() -> None:
            if run:
                pieces = [self.values[slot.path] for slot in run]
                # A field that stands twice is read twice, each from a piece of its own.
                pieces = [writer.fresh("piece") if pieces.count(piece) > 1 else piece for piece in pieces]
                writer.add(f"{', '.join(pieces)}, = f[i:i + {len(run)}]" if len(run) > 1 else f"{pieces[0]} = f[i]")
                writer.add(f"i += {len(run)}")
                for piece, slot in zip(pieces, run, strict=True):
                    value = writer.converted(slot.leaf, piece, self.key + slot.path)
                    if value != self.values[slot.path]:
                        writer.add(f"{self.values[slot.path]} = {value}")
                run.clear()

        for node in nodes:
            if isinstance(node, Slot):
                run.append(node)
                continue
            flush()
            if isinstance(node, Conditional):
                self.writer.add(f"if {self.test(node)}:")
                self.indented(node.nodes)
            elif isinstance(node, Presence):
                flag = self.flags[node.path]
                writer.add(f"{flag} = {writer.converted(node.flag, 'f[i]', (*self.key, *node.path, 'has'))}")
                writer.add("i += 1")
                writer.add(f"if {flag}:")
                self.indented(node.nodes)
            elif isinstance(node, Repetition):
                self.repeat(node)
        flush()

    def test(self, node: Conditional) -> str:
        """The expression of a condition. What can only be a text, a list or None needs no more than to be asked whether it is empty."""
        value = self.values[node.path]
        return value if node.test is IS_SET and node.path in self.emptiable else node.test.expression.format(value)

    def indented(self, nodes: Sequence[Node]) -> None:
        """Write the lines of nodes one step deeper."""
        self.writer.depth += 1
        self.emit(nodes)
        self.writer.depth -= 1

    def repeat(self, node: Repetition) -> None:
        """Write the reading of a counted list."""
        writer, key = self.writer, self.key + node.path
        count = writer.fresh("count")
        # Most lists of a message with many fields are empty, and nothing is cheaper than an empty list.
        writer.add(f"{self.values[node.path]} = []")
        writer.add(f"{count} = f[i]")
        writer.add("i += 1")
        writer.add(f"if {count} != '0':")
        writer.depth += 1
        writer.add(f"{count} = {writer.converted(node.count, count, (*key, 'count'))} or 0")
        writer.add(f"if {count} > len(f): raise ValueError")
        if node.leaf is None and not all(isinstance(inner, Slot) for inner in node.nodes):
            self.repeat_records(node, count, key)
        else:
            self.repeat_fields(node, count, key)
        writer.depth -= 1

    def repeat_records(self, node: Repetition, count: str, key: Path) -> None:
        """Write the loop over elements that have conditions or lists of their own."""
        writer, elements = self.writer, self.values[node.path]
        assert node.record is not None
        writer.add(f"for _ in range({count}):")
        writer.depth += 1
        scope = Scope(writer, self.classes, node.nodes, key)
        scope.emit(node.nodes)
        writer.add(f"{elements}.append({scope.built(node.record, (), self.classes.of_record(node.record))})")
        writer.depth -= 1

    def repeat_fields(self, node: Repetition, count: str, key: Path) -> None:
        """Write the cut through elements that are single fields."""
        writer = self.writer
        width = 1 if node.leaf is not None else len(node.nodes)
        writer.add(f"j = i + max({count}, 0) * {width}")
        writer.add("if j > len(f): raise ValueError")
        if node.leaf is not None:
            writer.add(f"{self.values[node.path]} = list({writer.column(node.leaf, 'f[i:j]', key)})")
        else:
            assert node.record is not None
            # Column by column, so that the loop over the elements is not one of Python's.
            columns = {
                slot.path: writer.column(slot.leaf, f"f[i + {at}:j:{width}]", key + slot.path)
                for at, slot in enumerate(node.nodes)
                if isinstance(slot, Slot)
            }
            writer.add(f"{self.values[node.path]} = {self.elements(node.record, columns)}")
        writer.add("i = j")

    def elements(self, record: Record, columns: dict[Path, str]) -> str:
        """The expression that makes the objects of a list from the columns of their fields."""
        cls = self.classes.of_record(record)
        if any(len(path) > 1 for path in columns):
            scope = Scope(self.writer, self.classes, (), self.key)
            scope.values = {path: self.writer.fresh("value") for path in columns}
            made = scope.built(record, (), cls)
            named = {path: self.writer.fresh("column") for path in columns}
            for path, column in columns.items():
                self.writer.add(f"{named[path]} = {column}")
            return f"[{made} for {', '.join(scope.values.values())}, in zip({', '.join(named.values())})]"
        arguments = [columns.get((name,), "nothing") for name in cls.__struct_fields__]
        while arguments and arguments[-1] == "nothing":
            arguments.pop()
        return f"list(map({self.writer.name_of('Class', cls)}, {', '.join(arguments)}))"

    def built(self, record: Record, prefix: Path, cls: type[Object]) -> str:
        """The expression that makes the object of a record from its variables."""
        arguments: list[str] = []
        for name in cls.__struct_fields__:
            path = (*prefix, name)
            if path in self.values:
                arguments.append(self.values[path])
            elif any(other[: len(path)] == path for other in self.values):
                leaf = record.fields[name]
                assert isinstance(leaf, Nested)
                inner = self.built(leaf.record, path, self.classes.of_record(leaf.record))
                arguments.append(f"({inner} if {self.flags[path]} else None)" if path in self.flags else inner)
            else:
                arguments.append("None")
        while arguments and arguments[-1] == "None":
            arguments.pop()
        return f"{self.writer.name_of('Class', cls)}({', '.join(arguments)})"


def compile_text(
    message: Message, server_version: int, classes: Classes, conversions: Conversions, wanted: Sequence[str] | None = None
) -> Callable[[list[str]], Any]:
    """The function of a message at a server version. It raises ValueError, IndexError or ArithmeticError on any surprise.

    With ``wanted`` it gives a tuple of these fields in place of the object, and where the layout is one of single fields it does not
    look at the others.
    """
    nodes = message.layout(server_version).nodes
    writer = Writer(conversions)
    writer.sparse = len(walk(nodes)) > SPARSE
    begins = 0 if server_version >= ServerVersion.PROTOBUF else 1
    slots = [node for node in nodes if isinstance(node, Slot)]
    if len(slots) == len(nodes):
        scope = Scope(writer, classes, (), ())
        pieces = [writer.fresh("piece") for _ in slots]
        writer.add(f"{'_, ' * begins}{''.join(piece + ', ' for piece in pieces)}end, = f")
        writer.add("if end: raise ValueError")
        for piece, slot in zip(pieces, slots, strict=True):
            if wanted is None or slot.path[0] in wanted:
                scope.values[slot.path] = writer.converted(slot.leaf, piece, slot.path)
    else:
        scope = Scope(writer, classes, nodes, ())
        writer.add(f"i = {begins}")
        scope.emit(nodes)
        writer.add("if i != len(f) - 1 or f[i]: raise ValueError")
    built = scope.built(message.record, (), classes.of_message(message))
    if wanted is not None and all((name,) in scope.values for name in wanted):
        built = "(" + "".join(f"{scope.values[name,]}, " for name in wanted) + ")"
    elif wanted is not None:
        built = f"{writer.name_of('take', taking(wanted))}({built})"
    writer.add(f"return {built}")
    if writer.guarded:
        # What int() and float() take and no client writes; both are rare enough to leave to the slow path wherever they stand.
        writer.lines.insert(0, "    if not (text := ''.join(f)).isascii() or '_' in text: raise ValueError")
    # What is looked into for each field is at hand as a local variable.
    local = "".join(f", {name}={name}" for name in writer.names if name.startswith(("cache", "words")))
    source = f"def read(f{local}):\n" + "\n".join(writer.lines) + "\n"
    read: Callable[[list[str]], Any] = defined(source, f"<twsprobe {message.name}>", writer.names, "read")
    return read


def taking(names: Sequence[str]) -> Callable[[Object], tuple[Any, ...]]:
    """A function that takes some attributes of an object, as a tuple."""
    return lambda found: tuple(getattr(found, name) for name in names)
