"""Which fields a message can hold at a server version, and which gate lies between two versions."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from twsprobe.wire.layout import Conditional, Gate, Node, Presence, Repetition, Slot
from twsprobe.wire.message import PROTOBUF, Message
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.versions import HIGHEST, LOWEST, ServerVersion

INSIDE = {"tickByTick": ("historicalTickLast", "historicalTickBidAsk", "historicalTickMidPoint")}
"""Records of which text has the fields in the message itself, so that paths of both encodings are the same only without the record."""


@functools.lru_cache(4096)
def paths_at(message: Message, version: int) -> frozenset[str]:
    """The paths of all fields, and of the records and lists that they are in, without indices."""
    version = min(max(version, int(LOWEST)), int(HIGHEST))
    if message.text is None or message.encoding(version) == PROTOBUF:
        found = frozenset(record_paths(message.record, "", version))
        for record in INSIDE.get(message.name, ()):
            found = frozenset(path.removeprefix(f"{record}.") for path in found) - {record}
        return found
    return frozenset(text_paths(message.text.at(version).nodes, ""))


def text_paths(nodes: Iterable[Node], prefix: str) -> Iterator[str]:
    """The paths of a text layout."""
    for node in nodes:
        if isinstance(node, (Gate, Conditional)):
            yield from text_paths(node.nodes, prefix)
        elif isinstance(node, (Slot, Presence, Repetition)):
            for depth in range(1, len(node.path) + 1):
                yield prefix + ".".join(node.path[:depth])
            if isinstance(node, Presence):
                yield from text_paths(node.nodes, prefix)
            elif isinstance(node, Repetition):
                yield from text_paths(node.nodes, f"{prefix}{node.dotted}.")


def record_paths(record: Record, prefix: str, version: int) -> Iterator[str]:
    """The paths of a record's protobuf fields."""
    for name, leaf in record.fields.items():
        if leaf.number is None or (leaf.since is not None and leaf.since > version):
            continue
        yield prefix + name
        if isinstance(leaf, (Nested, Many)) and leaf.record is not None:
            yield from record_paths(leaf.record, f"{prefix}{name}.", version)


@functools.lru_cache(1024)
def paths_alone(message: Message, version: int, other: int) -> frozenset[str]:
    """The paths that there are at a server version and not at another; of a record that is not there at the other, its own alone."""
    found = paths_at(message, version) - paths_at(message, other)
    return frozenset(path for path in found if path.rpartition(".")[0] not in found)


def gate_between(message: Message, path: str, one: int, other: int) -> ServerVersion | None:
    """The lowest version above the smaller of two at which a field came or went; None where the declarations know of none."""
    low, high = sorted((one, other))
    before = path in paths_at(message, low)
    return next((gate for gate in ServerVersion if low < gate <= high and (path in paths_at(message, int(gate))) is not before), None)


def gate_of_message(message: Message | None, one: int | None, other: int | None) -> ServerVersion | None:
    """The version that brought a message, where it lies between two versions."""
    if message is None or one is None or other is None:
        return None
    low, high = sorted((one, other))
    return message.since if low < message.since <= high else None
