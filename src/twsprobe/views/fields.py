"""What a message holds, field by field and in words: the rows that documents about the protocol are made of.

A text layout is a tree of gates, conditions and lists over a record. Its rows are the fields in their order, each with what must hold for
it to be there; a gate that every message with the field has passed goes without saying. Paths are those of ``registry.locate``: ``len(x)``
counts the elements ``x[]`` of a list, and ``has(x)`` is the flag in front of a record.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from twsprobe.wire.fields import Leaf
from twsprobe.wire.layout import Conditional, Gate, Node, Presence, Repetition, Slot, Version
from twsprobe.wire.message import PROTOBUF, PROTOBUF_OFFSET, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.versions import LOWEST, ServerVersion


class Row(NamedTuple):
    """One field: its place in text and its protobuf number (empty where it has none), its leaf in text, and the leaf of its record.

    ``place`` is "5.2" for the second field of each element that field 5 counts, ``number`` "3.9" for field 9 of the record in field 3.
    """

    place: str
    number: str
    name: str
    leaf: Leaf
    declared: Leaf | None
    when: tuple[str, ...]
    meaning: str


def gate_words(version: ServerVersion) -> str:
    """A server version with its name."""
    return f"{int(version)} {version.name}"


def sent_words(message: Message) -> str:
    """Since when there is a message, and how it is sent: one sentence."""
    since = "At every server version" if message.since == LOWEST else f"From server version {gate_words(message.since)} on"
    if message.protobuf is None:
        return f"{since}; always as text."
    extent = "alone" if message.text is None else f"from {gate_words(message.protobuf)} on"
    return f"{since}; as protobuf {extent}, with id {message.id + PROTOBUF_OFFSET}."


def type_words(leaf: Leaf, named: Callable[[Record], str] = lambda record: record.type_name) -> str:
    """The name of a type, that of a record as ``named`` says."""
    if isinstance(leaf, Nested):
        return named(leaf.record)
    if isinstance(leaf, Many):
        return f"list of {named(leaf.record) if leaf.record is not None else type(leaf.leaf).__name__}"
    return type(leaf).__name__


def row_type(row: Row, named: Callable[[Record], str] = lambda record: record.type_name) -> str:
    """The type of a field in text, and in protobuf where it is another one there."""
    words, declared = type_words(row.leaf, named), type_words(row.declared, named) if row.number and row.declared is not None else ""
    return f"{words}, pb {declared}" if declared and declared.removeprefix("list of ") != words.removeprefix("list of ") else words


class Inside(NamedTuple):
    """Where rows are being made: in which record, behind which prefixes and conditions.

    ``number`` is None where there is no protobuf field, ``since`` the lowest server version that can get here.
    """

    record: Record
    number: str | None
    since: int
    name: str = ""
    place: str = ""
    when: tuple[str, ...] = ()

    def row(self, place: int, path: Sequence[str], leaf: Leaf, name: str = "", meaning: str = "") -> Row:
        """The row of the field at a path from the record; a field without one, such as a count, has a name."""
        declared, number = self.declared(path)
        meaning = meaning or leaf.meaning or (declared.meaning if declared is not None else "")
        return Row(f"{self.place}{place}", number or "", name or self.name + ".".join(path), leaf, declared, self.when, meaning)

    def declared(self, path: Sequence[str]) -> tuple[Leaf | None, str | None]:
        """The record's leaf at a path, and its protobuf number from the message down."""
        record, number, leaf = self.record, self.number, None
        for name in path:
            leaf = record.fields.get(name)
            known = number is not None and leaf is not None and leaf.number is not None
            number = f"{number}{'.' if number else ''}{leaf.number}" if known and leaf is not None else None
            record = leaf.record if isinstance(leaf, Nested) else record
        return leaf, number if path else None

    def also(self, *conditions: str) -> Inside:
        """Behind further conditions."""
        return self._replace(when=(*self.when, *conditions))

    def behind(self, node: Gate) -> Inside:
        """Behind a gate; one that is open everywhere here goes without saying."""
        opened = () if node.since is None or node.since <= self.since else (f"from {gate_words(node.since)}",)
        closed = () if node.until is None else (f"before {gate_words(node.until)}",)
        return self.also(*opened, *closed)._replace(since=max(self.since, node.since or 0))

    def element(self, node: Repetition, place: int) -> Inside:
        """Inside the elements of a list; what holds for the list holds for them."""
        declared, number = self.declared(node.path)
        record = declared.record if isinstance(declared, Many) and declared.record is not None else self.record
        return Inside(record, number, self.since, f"{self.name}{node.dotted}[].", f"{self.place}{place}.")


def layout_rows(nodes: Iterable[Node], inside: Inside, places: Iterator[int]) -> Iterator[Row]:
    """The fields of a text layout in their order."""
    for node in nodes:
        if isinstance(node, Gate):
            if node.until is None or node.until > inside.since:
                yield from layout_rows(node.nodes, inside.behind(node), places)
        elif isinstance(node, Conditional):
            condition = f"if {inside.name}{'.'.join(node.path)} {node.test.words}"
            yield from layout_rows(node.nodes, inside.also(condition), places)
        elif isinstance(node, Presence):
            flag = f"has({inside.name}{node.dotted})"
            yield inside.row(next(places), (), node.flag, flag)
            yield from layout_rows(node.nodes, inside.also(f"if {flag} is true"), places)
        elif isinstance(node, Repetition):
            yield from list_rows(node, inside, next(places))
        elif isinstance(node, Version):
            yield inside.row(next(places), node.path, node.leaf, meaning=f"{node.leaf.meaning}: {node.number}")
        elif isinstance(node, Slot):
            yield inside.row(next(places), node.path, node.leaf)


def list_rows(node: Repetition, inside: Inside, place: int) -> Iterator[Row]:
    """The count of a list, and what each of its elements holds."""
    path = f"{inside.name}{node.dotted}"
    yield inside.row(place, (), node.count, f"len({path})")
    if node.leaf is not None:
        yield inside.row(place, node.path, node.leaf, f"{path}[]")._replace(place=f"{inside.place}{place}.1", when=())
    yield from layout_rows(node.nodes, inside.element(node, place), itertools.count(1))


def text_rows(message: Message) -> list[Row]:
    """The fields of a message's text form at all server versions; empty for a message that has none."""
    inside = Inside(message.record, None if message.protobuf is None else "", message.since)
    return [] if message.text is None else list(layout_rows(message.text.nodes, inside, itertools.count(1)))


def record_rows(record: Record) -> list[Row]:
    """The fields of a record in the order of their declaration; text alone has those without a number."""
    return [
        Row("", str(leaf.number or ""), name, leaf, leaf, () if leaf.since is None else (f"from {gate_words(leaf.since)}",), leaf.meaning)
        for name, leaf in record.fields.items()
    ]


def protobuf_rows(message: Message) -> list[Row]:
    """The fields of a message's protobuf form that its text form has not, or has in pieces."""
    shown = {row.name.removesuffix("[]") for row in text_rows(message)}
    return [row for row in record_rows(message.record) if row.number and row.name not in shown] if message.protobuf is not None else []


def rows_at(message: Message, version: int) -> list[Row]:
    """The fields of a message as it is sent at a server version, without a word about gates."""
    if message.text is None or message.encoding(version) == PROTOBUF:
        return record_rows_at(message.record, version)
    return list(layout_rows(message.text.at(version).nodes, Inside(message.record, None, version), itertools.count(1)))


def record_rows_at(record: Record, version: int) -> list[Row]:
    """The protobuf fields of a record at a server version, without a word about gates."""
    rows = record_rows(record)
    return [row._replace(when=()) for row in rows if row.number and (row.leaf.since is None or row.leaf.since <= version)]


def inner_records(record: Record) -> dict[str, Record]:
    """The records inside a record, by name, in the order in which they come."""
    found: dict[str, Record] = {}
    for leaf in leaves(record):
        if isinstance(leaf, Nested | Many) and leaf.record is not None:
            found.setdefault(leaf.record.type_name, leaf.record)
    return found


def leaves(record: Record) -> Iterator[Leaf]:
    """The leaves of a record and of the records in it."""
    for leaf in record.fields.values():
        yield leaf
        if isinstance(leaf, Nested | Many) and leaf.record is not None:
            yield from leaves(leaf.record)


def shape(message: Message, version: int) -> list[object]:
    """What a message holds at a server version, in the encoding that it has there; for comparing two versions of one encoding."""
    if message.text is None or (message.protobuf is not None and version >= message.protobuf):
        return [leaf.since for leaf in leaves(message.record) if leaf.since is not None and leaf.since <= version]
    rows = layout_rows(message.text.at(version).nodes, Inside(message.record, "", LOWEST), itertools.count(1))
    return [(row.name, type(row.leaf), row.when, row.meaning) for row in rows]


def effects(version: ServerVersion) -> dict[str, list[Message]]:
    """The messages that a gate changes, by how: "new", "protobuf" (sent as such from there on) and "fields"."""
    others = [message for message in MESSAGES if message.since < version and message.protobuf != version]
    changed = {
        "new": [message for message in MESSAGES if message.since == version > LOWEST],
        "protobuf": [message for message in MESSAGES if message.protobuf == version > message.since],
        "fields": [message for message in others if shape(message, version - 1) != shape(message, version)],
    }
    return {how: found for how, found in changed.items() if found}
