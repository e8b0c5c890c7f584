"""The fast path of text: a layout of one server version becomes one flat function.

The function takes the payload's pieces and the index of the first field, and returns the values and the index behind the last. It
checks nothing itself: whatever it does not expect (too few pieces, a number that is none, a count beyond the end) raises, and the
caller then parses the same payload piece by piece to say where and why. Leaves convert through a bounded cache, because a session
repeats its values; both paths use the same ``from_text``, so they cannot disagree about a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import error as StructError
from typing import Any

from twsprobe.wire.conversion import Cache
from twsprobe.wire.fields import EscapedString, Leaf, String
from twsprobe.wire.layout import Conditional, Layout, Node, Presence, Repetition, Slot, Values

Flat = Callable[[list[str], int], tuple[Values, int]]
SURPRISES = (ValueError, IndexError, ArithmeticError, StructError)
"""What a flat function, of text or of protobuf, raises where a payload is not what it expects."""


class Names:
    """The names that functions being written use, and what they stand for."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.made = 0

    def fresh(self, stem: str) -> str:
        """A name that is not in use."""
        self.made += 1
        return f"{stem}{self.made}"

    def name_of(self, stem: str, value: Any) -> str:
        """The name that stands for an object."""
        for name, named in self.names.items():
            if named is value:
                return name
        name = self.fresh(stem)
        self.names[name] = value
        return name


class Lines(Names):
    """A function being written: its lines and the names it uses."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.lines: list[str] = []
        self.depth = 1

    def add(self, line: str) -> None:
        """Write a line at the present depth."""
        self.lines.append("    " * self.depth + line)


class Source(Lines):
    """A function that gives a dict."""

    def __init__(self) -> None:
        super().__init__({})

    def converted(self, leaf: Leaf, text: str) -> str:
        """The expression that turns a piece into a value."""
        if isinstance(leaf, String) and not isinstance(leaf, EscapedString):
            return text
        if not leaf.shareable:
            name = f"read_{type(leaf).__name__}"
            self.names[name] = type(leaf)().from_text
            return f"{name}({text})"
        name = f"cache_{type(leaf).__name__}"
        self.names.setdefault(name, Cache(type(leaf)().from_text))
        return f"{name}[{text}]"


class Record:
    """Where a record's values go: the variables of its dicts, and of the values that later conditions ask for."""

    def __init__(self, source: Source, nodes: Sequence[Node], variable: str) -> None:
        self.source = source
        self.dicts: dict[tuple[str, ...], str] = {(): variable}
        self.watched = {path: source.fresh("watched") for path in sorted(watched(nodes))}
        source.add(f"{variable} = {{}}")
        for name in self.watched.values():
            source.add(f"{name} = None")
        for path in sorted(containers(nodes), key=len):
            self.dicts[path] = source.fresh("record")
            source.add(f"{self.dicts[path]} = None")

    def store(self, path: tuple[str, ...], expression: str) -> None:
        """Write the line that sets a value; a dict on the way is made when the first of its values comes."""
        if path in self.watched:
            self.source.add(f"{self.watched[path]} = {expression}")
            expression = self.watched[path]
        self.open(path[:-1])
        self.source.add(f"{self.dicts[path[:-1]]}[{path[-1]!r}] = {expression}")

    def open(self, path: tuple[str, ...]) -> None:
        """Write the lines that make the dicts down to a path, where they are not made yet."""
        for length in range(1, len(path) + 1):
            inner, outer = self.dicts[path[:length]], self.dicts[path[: length - 1]]
            self.source.add(f"if {inner} is None: {inner} = {outer}[{path[length - 1]!r}] = {{}}")


def walk(nodes: Sequence[Node]) -> list[Node]:
    """The nodes of one record, those inside conditions included, those of repeated records not."""
    found: list[Node] = []
    for node in nodes:
        found.append(node)
        if isinstance(node, (Conditional, Presence)):
            found += walk(node.nodes)
    return found


def watched(nodes: Sequence[Node]) -> set[tuple[str, ...]]:
    """The paths that conditions of this record ask for."""
    return {node.path for node in walk(nodes) if isinstance(node, Conditional)}


def containers(nodes: Sequence[Node]) -> set[tuple[str, ...]]:
    """The paths of the dicts inside this record."""
    paths = [node.path[:-1] for node in walk(nodes) if isinstance(node, (Slot, Repetition))]
    paths += [node.path for node in walk(nodes) if isinstance(node, Presence)]
    return {path[:length] for path in paths for length in range(1, len(path) + 1)}


def emit(source: Source, record: Record, nodes: Sequence[Node]) -> None:
    """Write the lines that read ``nodes`` from ``pieces[index:]``."""
    run: list[Slot] = []

    def flush() -> None:
        if not run:
            return
        names = [source.fresh("piece") for _ in run]
        source.add(f"{', '.join(names)}, = pieces[index:index + {len(names)}]")
        source.add(f"index += {len(names)}")
        for name, slot in zip(names, run, strict=True):
            record.store(slot.path, source.converted(slot.leaf, name))
        run.clear()

    for node in nodes:
        if isinstance(node, Slot):
            run.append(node)
            continue
        flush()
        if isinstance(node, Conditional):
            source.add(f"if {node.test.expression.format(record.watched[node.path])}:")
            source.depth += 1
            emit(source, record, node.nodes)
            source.depth -= 1
        elif isinstance(node, Presence):
            source.add("index += 1")
            source.add(f"if {source.converted(node.flag, 'pieces[index - 1]')}:")
            source.depth += 1
            record.open(node.path)
            emit(source, record, node.nodes)
            source.depth -= 1
        elif isinstance(node, Repetition):
            emit_repetition(source, record, node)
    flush()


def emit_repetition(source: Source, record: Record, node: Repetition) -> None:
    """Write the loop over a counted list."""
    count, elements = source.fresh("count"), source.fresh("elements")
    source.add(f"{count} = {source.converted(node.count, 'pieces[index]')} or 0")
    source.add("index += 1")
    source.add(f"{elements} = []")
    record.store(node.path, elements)
    if node.leaf is not None:
        source.add(f"if {count} > 0:")
        source.depth += 1
        source.add(f"if index + {count} > len(pieces): raise ValueError")
        source.add(f"{elements} += [{source.converted(node.leaf, 'piece')} for piece in pieces[index:index + {count}]]")
        source.add(f"index += {count}")
    else:
        source.add(f"if {count} > len(pieces): raise ValueError")
        source.add(f"for _ in range({count}):")
        source.depth += 1
        element = source.fresh("element")
        inner = Record(source, node.nodes, element)
        source.add(f"{elements}.append({element})")
        emit(source, inner, node.nodes)
    source.depth -= 1


def compile_layout(layout: Layout) -> Flat:
    """The flat function of a layout whose gates are folded away. It raises one of ``SURPRISES`` on any surprise."""
    source = Source()
    record = Record(source, layout.nodes, "values")
    emit(source, record, layout.nodes)
    source.add("return values, index")
    text = "def decode(pieces, index):\n" + "\n".join(source.lines) + "\n"
    decode: Flat = defined(text, "<twsprobe layout>", source.names, "decode")
    return decode


def defined(source: str, title: str, names: dict[str, Any], function: str) -> Any:
    """A function from its source, which is made of declarations alone; ``names`` are its globals, ``title`` stands in tracebacks."""
    exec(compile(source, title, "exec"), names)
    return names[function]
