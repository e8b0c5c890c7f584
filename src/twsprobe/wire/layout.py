"""Text layouts: which fields a text message holds, in which order, behind which gates.

A layout is written with the names of the record that the message's protobuf form is made of, so a field's type and meaning are
written once: ``"reqId contract.conId"`` places two of its leaves, ``Under`` gives a common prefix, ``Since`` and ``Until`` follow the
server version, ``When`` follows a value that came earlier, ``Repeat`` a count, ``Optional`` a flag. ``Layout.at(version)`` folds the
gates away; what is left parses and builds field by field (the slow path, which knows paths and offsets) and compiles to one flat
function (``emit``).

A message may be shorter or longer than its layout: TWS builds have been off by a field before. A short one gives the values up to
where it ends, and what is left over after the last field is kept by the caller.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from construct import Construct

from twsprobe.wire.fields import Bool, Int, Leaf
from twsprobe.wire.tokens import Malformed, Piece, joined
from twsprobe.wire.versions import ServerVersion

Values = dict[str, Any]
"""A record: field name to value; records inside are dicts, repeated fields lists."""


class Ended(Malformed):
    """The payload ended where a field was expected."""


class TextReader(io.BytesIO):
    """A payload being read: notes each piece in ``trace`` when one is given, and where a short message ended."""

    trace: list[Piece] | None = None
    ended: str | None = None


class TextWriter(io.BytesIO):
    """A payload being written.

    ``spelling`` maps paths to the bytes an earlier message used for a value, kept where they mean the same; ``short`` says that the
    earlier message ended before its layout did, so values that it lacked and that are still unset are left out. ``pieces`` holds what was
    written, by path.
    """

    def __init__(self, spelling: dict[str, bytes] | None = None, *, short: bool = False) -> None:
        super().__init__()
        self.spelling, self.short = spelling or {}, short
        self.pieces: dict[str, tuple[Leaf, bytes]] = {}


def take(reader: Any, leaf: Leaf, path: str) -> Any:
    """Read one piece as ``leaf`` says. Raises Ended or Malformed."""
    payload, start = reader.getvalue(), reader.tell()
    if start >= len(payload):
        raise Ended("the message ends before this field", path, start)
    end = payload.find(b"\0", start)
    if end < 0:
        end = len(payload)
    reader.seek(end + 1)
    trace = getattr(reader, "trace", None)
    if trace is not None:
        trace.append(Piece(path, start, end))
    return leaf.read(payload[start:end], path, start)


def put(writer: Any, leaf: Leaf, value: Any, path: str) -> None:
    """Write one piece, in its earlier spelling where that means the same. Raises Malformed."""
    earlier = None
    if isinstance(writer, TextWriter):
        earlier = writer.spelling.get(path)
        if earlier is None and writer.short and value in (None, ""):
            return
    piece = leaf.write(value, path)
    if earlier is not None and repr(leaf.read(earlier, path, 0)) == repr(leaf.read(piece[:-1], path, 0)):
        piece = earlier + b"\0"
    if isinstance(writer, TextWriter):
        writer.pieces[path] = leaf, piece
    writer.write(piece)


def told(writer: Any, path: str, given: Any) -> Any:
    """The value at a path as whoever reads what was written will see it: a condition has to hold for both sides."""
    if not isinstance(writer, TextWriter):
        return given
    if isinstance(given, (list, tuple)):
        return list(given) if f"len({path})" in writer.pieces else None
    leaf, piece = writer.pieces.get(path, (None, b""))
    return None if leaf is None else leaf.read(piece[:-1], path, 0)


def place(values: Values, path: Sequence[str], value: Any) -> None:
    """Set a value inside nested dicts, which are made on the way."""
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def lookup(values: Any, path: Sequence[str]) -> Any:
    """The value inside nested dicts, None where there is none."""
    for name in path:
        if not isinstance(values, dict):
            return None
        values = values.get(name)
    return values


class Node(Construct):
    """A part of a layout. Parsing fills the current record, which is the context; building reads it."""

    def at(self, version: int) -> list[Node]:
        """The parts that stand in a message of this server version."""
        return [self]


class Slot(Node):
    """One field of the record, by its path from the record that the layout belongs to."""

    def __init__(self, path: tuple[str, ...], leaf: Leaf) -> None:
        super().__init__()
        self.path, self.leaf, self.dotted = path, leaf, ".".join(path)

    def at(self, version: int) -> list[Node]:
        leaf = self.leaf.at(version)
        return [self if leaf is self.leaf else Slot(self.path, leaf)]

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        value = take(stream, self.leaf, joined(path, self.dotted))
        place(context, self.path, value)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        put(stream, self.leaf, lookup(obj, self.path), joined(path, self.dotted))
        return obj


class Version(Slot):
    """The message's own version number, which many text messages begin with; written as ``number`` unless the values say otherwise."""

    def __init__(self, number: int) -> None:
        super().__init__(("version",), Int(None, "version of this message's layout"))
        self.number = number

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if not getattr(stream, "short", False):
            obj.setdefault("version", self.number)
        return super()._build(obj, stream, context, path)


class Gate(Node):
    """Parts that stand from one server version on (``since``), or before one (``until``)."""

    def __init__(self, nodes: Sequence[Node], since: ServerVersion | None = None, until: ServerVersion | None = None) -> None:
        super().__init__()
        self.nodes, self.since, self.until = tuple(nodes), since, until

    def at(self, version: int) -> list[Node]:
        if (self.since is not None and version < self.since) or (self.until is not None and version >= self.until):
            return []
        return fold(self.nodes, version)


class Test(NamedTuple):
    """A condition on a value: what holds, in words and as a Python expression with ``{0}`` for the value."""

    words: str
    expression: str
    check: Any

    def holds(self, value: Any) -> bool:
        return bool(self.check(value))


IS_SET = Test("is not empty", "({0} not in (None, '', []))", lambda value: value not in (None, "", []))
IS_TRUE = Test("is true", "({0} is True)", lambda value: value is True)
IS_POSITIVE = Test("is above 0", "({0} is not None and {0} > 0)", lambda value: value is not None and value > 0)


def one_of(*wanted: Any) -> Test:
    """The value is one of these."""
    return Test("is " + " or ".join(map(str, wanted)), f"({{0}} in {wanted!r})", lambda value: value in wanted)


def at_least(least: int) -> Test:
    """The value is a number of at least this."""
    return Test(f"is at least {least}", f"({{0}} is not None and {{0}} >= {least})", lambda value: value is not None and value >= least)


class Conditional(Node):
    """Parts that stand when a value that came earlier passes a test."""

    def __init__(self, path: tuple[str, ...], test: Test, nodes: Sequence[Node]) -> None:
        super().__init__()
        self.path, self.test, self.nodes = path, test, tuple(nodes)

    def at(self, version: int) -> list[Node]:
        nodes = fold(self.nodes, version)
        return [Conditional(self.path, self.test, nodes)] if nodes else []

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        if self.test.holds(lookup(context, self.path)):
            for node in self.nodes:
                node._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if self.test.holds(told(stream, joined(path, ".".join(self.path)), lookup(obj, self.path))):
            for node in self.nodes:
                node._build(obj, stream, context, path)
        return obj


class Repetition(Node):
    """A count, then as many elements: records laid out by ``nodes``, or plain values of ``leaf``."""

    count = Int(None, "how many follow")

    def __init__(self, path: tuple[str, ...], nodes: Sequence[Node], leaf: Leaf | None, record: Any = None) -> None:
        super().__init__()
        self.path, self.nodes, self.leaf, self.dotted, self.record = path, tuple(nodes), leaf, ".".join(path), record

    def at(self, version: int) -> list[Node]:
        leaf = self.leaf.at(version) if self.leaf is not None else None
        return [Repetition(self.path, fold(self.nodes, version), leaf, self.record)]

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        here = joined(path, self.dotted)
        start = stream.tell()
        count = take(stream, self.count, f"len({here})") or 0
        left = max(len(stream.getvalue()) - stream.tell(), 0)
        if count > left:
            raise Malformed(f"{count} elements are announced and {left} bytes are left", here, start)
        elements: list[Any] = []
        place(context, self.path, elements)
        for index in range(count):
            at = f"{here}[{index}]"
            if self.leaf is not None:
                elements.append(take(stream, self.leaf, at))
            else:
                element: Values = {}
                elements.append(element)
                for node in self.nodes:
                    node._parse(stream, element, at)
        return elements

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        here = joined(path, self.dotted)
        given = lookup(obj, self.path)
        elements = given or ()
        if not isinstance(elements, (list, tuple)):
            raise Malformed(f"a list is wanted, not {type(elements).__name__}", here, 0)
        put(stream, self.count, self.announced(stream, given, len(elements), f"len({here})"), f"len({here})")
        for index, element in enumerate(elements):
            at = f"{here}[{index}]"
            if self.leaf is not None:
                put(stream, self.leaf, element, at)
            elif not isinstance(element, dict):
                raise Malformed(f"a dict is wanted, not {type(element).__name__}", at, 0)
            else:
                for node in self.nodes:
                    node._build(element, stream, context, at)
        return obj

    def announced(self, writer: Any, given: Any, count: int, path: str) -> int | None:
        """The count to write: of the earlier message where it says the same, or promised more than it held."""
        earlier = getattr(writer, "spelling", {}).get(path)
        if earlier is None:
            return None if given is None and getattr(writer, "short", False) else count
        before: int | None = self.count.read(earlier, path, 0)
        return before if max(before or 0, 0) == count or (writer.short and (before or 0) > count) else count


class Presence(Node):
    """A flag, and the parts of the record at ``path`` when it is true."""

    flag = Bool(None, "whether it follows")

    def __init__(self, path: tuple[str, ...], nodes: Sequence[Node]) -> None:
        super().__init__()
        self.path, self.nodes, self.dotted = path, tuple(nodes), ".".join(path)

    def at(self, version: int) -> list[Node]:
        return [Presence(self.path, fold(self.nodes, version))]

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        if take(stream, self.flag, f"has({joined(path, self.dotted)})"):
            place(context, self.path, {})
            for node in self.nodes:
                node._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        given, here = lookup(obj, self.path) is not None, f"has({joined(path, self.dotted)})"
        earlier = getattr(stream, "spelling", {}).get(here)
        absent = None if getattr(stream, "short", False) else False
        if earlier is not None and not self.flag.read(earlier, here, 0):
            absent = self.flag.read(earlier, here, 0)
        put(stream, self.flag, given or absent, here)
        if given:
            for node in self.nodes:
                node._build(obj, stream, context, path)
        return obj


def fold(nodes: Iterable[Node], version: int) -> list[Node]:
    """The parts that stand at a server version, without gates."""
    return [part for node in nodes for part in node.at(version)]


class Layout(Construct):
    """The text fields of a message behind its id; without gates once ``at`` has chosen a server version."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        super().__init__()
        self.nodes = tuple(nodes)

    def at(self, version: int) -> Layout:
        """This layout as it is at a server version."""
        return Layout(fold(self.nodes, version))

    def _parse(self, stream: Any, context: Any, path: str) -> Values:
        values: Values = {}
        try:
            for node in self.nodes:
                node._parse(stream, values, "")
        except Ended as ended:
            if not isinstance(stream, TextReader):
                raise
            stream.ended = ended.field
        return values

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for node in self.nodes:
            node._build(obj, stream, context, "")
        return obj

    def _emitparse(self, code: Any) -> str:
        """Link the flat function into construct's own compiled code: ``layout.at(version).compile().parse(payload)``."""
        from twsprobe.wire.emit import compile_layout

        flat = compile_layout(self)

        def parse(stream: Any) -> Values:
            pieces = str(stream.read(), "utf-8").split("\0")
            return flat(pieces, 0)[0]

        code.linkedparsers[id(self)] = parse
        return f"linkedparsers[{id(self)}](io)"

    def _emitbuild(self, code: Any) -> str:
        code.linkedbuilders[id(self)] = self._build
        return f"linkedbuilders[{id(self)}](obj, io, this, '')"
