"""How the text form of a message is declared: the words that turn names into a layout.

A part is a string of blank-separated field names (dotted into nested records), or one of the words below with parts of its own::

    Under("contract", "conId symbol secType")       # contract.conId contract.symbol contract.secType
    Since(V.LAST_LIQUIDITY, "execution.lastLiquidity")
    When("type", one_of(1), "price triggerMethod")
    Repeat("contract.comboLegs", "conId ratio action")
    Optional("contract.deltaNeutralContract", "conId delta price")
    As("contract.multiplier", String())             # in text it is another type than in protobuf
"""

from __future__ import annotations

from typing import NamedTuple

from twsprobe.wire.fields import Leaf
from twsprobe.wire.layout import Conditional, Gate, Layout, Node, Presence, Repetition, Slot, Test, Version
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.versions import ServerVersion


class Under:
    """Parts whose names are inside the record at ``path``."""

    def __init__(self, path: str, *parts: Part) -> None:
        self.path, self.parts = path, parts


class Since:
    """Parts that stand from a server version on."""

    def __init__(self, gate: ServerVersion, *parts: Part) -> None:
        self.gate, self.parts = gate, parts


class Until:
    """Parts that stand before a server version."""

    def __init__(self, gate: ServerVersion, *parts: Part) -> None:
        self.gate, self.parts = gate, parts


class When:
    """Parts that stand when the value at ``path``, which came earlier, passes a test."""

    def __init__(self, path: str, test: Test, *parts: Part) -> None:
        self.path, self.test, self.parts = path, test, parts


class Repeat:
    """A count and as many elements of the repeated field at ``path``; without parts the elements are plain values."""

    def __init__(self, path: str, *parts: Part) -> None:
        self.path, self.parts = path, parts


class Optional:
    """A flag that says whether the record at ``path`` follows, and its parts, whose names are inside it."""

    def __init__(self, path: str, *parts: Part) -> None:
        self.path, self.parts = path, parts


class As(NamedTuple):
    """A field that has another type in text than in protobuf."""

    path: str
    leaf: Leaf


Part = str | Under | Since | Until | When | Repeat | Optional | As | Version


def text(record: Record, *parts: Part) -> Layout:
    """The layout of a message's text form over its record. Raises KeyError for a name that the record lacks."""
    return Layout(resolve(record, (), parts))


def resolve(record: Record, prefix: tuple[str, ...], parts: tuple[Part, ...]) -> list[Node]:
    """Parts to nodes; ``prefix`` is the path from the record that nodes are relative to."""
    nodes: list[Node] = []
    for part in parts:
        if isinstance(part, str):
            for name in part.split():
                path = (*prefix, *name.split("."))
                nodes.append(Slot(path, record.leaf(path)))
        elif isinstance(part, Version):
            nodes.append(part)
        elif isinstance(part, As):
            nodes.append(Slot((*prefix, *part.path.split(".")), part.leaf))
        elif isinstance(part, Under):
            nodes += resolve(record, (*prefix, *part.path.split(".")), part.parts)
        elif isinstance(part, Optional):
            path = (*prefix, *part.path.split("."))
            nodes.append(Presence(path, resolve(record, path, part.parts)))
        elif isinstance(part, Since):
            nodes.append(Gate(resolve(record, prefix, part.parts), since=part.gate))
        elif isinstance(part, Until):
            nodes.append(Gate(resolve(record, prefix, part.parts), until=part.gate))
        elif isinstance(part, When):
            nodes.append(Conditional((*prefix, *part.path.split(".")), part.test, resolve(record, prefix, part.parts)))
        else:
            path = (*prefix, *part.path.split("."))
            many = record.leaf(path)
            if not isinstance(many, Many):
                raise KeyError(f"{'.'.join(path)} is not a repeated field")
            nodes.append(Repetition(path, resolve(many.record, (), part.parts) if many.record else (), many.leaf, many.record))
    return nodes


__all__ = ["As", "Many", "Nested", "Optional", "Record", "Repeat", "Since", "Under", "Until", "Version", "When", "text"]
