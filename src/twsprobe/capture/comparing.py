"""Messages as what can be held against each other: a digest for what they say, and, of two that differ, the fields.

Where the server versions of two connections differ, fields that only one of them can have are left out of both and counted here instead,
as is the encoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from twsprobe.capture.belonging import Half, Item, Kept, Payload, Stream, name_of, numbered, reach
from twsprobe.capture.differences import Difference, Kind, Place, Request
from twsprobe.capture.gates import INSIDE, gate_between, paths_alone
from twsprobe.capture.meaning import Skips, digest, field_changes, meaning, record_meaning
from twsprobe.capture.model import Mark
from twsprobe.capture.seen import Seen, fields_of
from twsprobe.capture.volatile import Rules
from twsprobe.wire.events import Decoded, Event, Resynced, SyncLost, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.registry import BY_NAME, decode

INDEX = re.compile(r"\[\d+\]")
REMEMBERED = 4096
"""How many answers about fields are remembered of each message, and of how many messages, in their versions."""
_TICKS = ("tickPrice", "tickSize", "tickOptionComputation", "tickGeneric", "tickString", "tickEFP", "tickByTick")
WHICH: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(_TICKS, ("tickType",)),
        **dict.fromkeys(("updateMktDepth", "updateMktDepthL2"), ("position", "side")),
        **dict.fromkeys(("updateAccountValue", "accountUpdateMulti"), ("key", "currency")),
        "accountSummary": ("tag", "currency"),
        **dict.fromkeys(("updatePortfolio", "position", "positionMulti", "completedOrder"), ("contract.conId",)),
        **dict.fromkeys(("contractDetails", "bondContractDetails"), ("contract.conId",)),
        "securityDefinitionOptionParameter": ("exchange", "tradingClass"),
        "error": ("errorCode",),
        "marketRule": ("marketRuleId",),
    }
)
"""The fields that say what a message of the server is about: where they differ it is about something else, and not a changed one."""


@dataclass(slots=True)
class Gated:
    """A field that only one server version can have: how many messages have it, the first value and where that is."""

    versions: tuple[int, int]
    value: Any
    place: Place
    count: int = 0


@dataclass(slots=True)
class Encoded:
    """The encodings of a message in both captures, how many messages of each, and where the first are."""

    encodings: list[str | None]
    places: list[Place | None]
    counts: list[int]


class LeftOut(dict[str, bool]):
    """Which fields of a message are left out, by path: those that are set aside, and those that only one server version has."""

    def __init__(self, rules: Rules, name: str, tick_type: int | None, alone: frozenset[str]) -> None:
        super().__init__()
        self._rules, self._name, self._tick_type, self._alone = rules, name, tick_type, alone

    def __missing__(self, path: str) -> bool:
        answer = path in self._alone or self._rules.sets_aside(self._name, path, self._tick_type)
        if len(self) < REMEMBERED:  # fields that our schema lacks may have any of half a billion names
            self[path] = answer
        return answer


class Comparing:
    """Prepares what was seen, and says how two things differ."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._gated: dict[tuple[int, int, Direction, str, str], Gated] = {}
        self._encoded: dict[tuple[int, Direction, str], Encoded] = {}
        self._left: dict[tuple[str, int | None, int | None, int | None], LeftOut] = {}

    def placed(self, side: int, pair: int, half: Half, other: int | None, seen: Seen, sequence: int) -> tuple[Stream, Item | None]:
        """Where something belongs, and what is to wait there for its counterpart; None for what plays no part.

        ``other`` is the server version of the other capture's connection.
        """
        what, name = seen.what, name_of(seen.what)
        asks = seen.direction is not Direction.TO_CLIENT
        if not asks and not self.rules.concerns(name):
            return half.told, None
        place = Place(seen.connection, seen.time_ns, seen.elapsed_ns, None if isinstance(what, Mark) else what.offset)
        contents, loose, skips = self.told(what, other)
        if isinstance(what, Decoded):
            self.count(side, pair, what, contents, other, place)
        says: tuple[Any, ...] = (what.event if not isinstance(what, Mark) else "", name, record_meaning(contents, loose, "", skips))
        stream, opened, about = half.said if asks else half.told, None, None
        if isinstance(what, Decoded):
            if asks:
                about = half.asked(what)
                opened = half.open(what, digest(*says), sequence)
                about = None if opened is not None else about
                says += (about.digest,) if about is not None else ()
            else:
                stream = half.answered(what)
        kind = hash((name, *(str(reach(contents, path.split("."))) for path in WHICH.get(name, ()) if not asks)))
        kept: Kept = what
        if isinstance(what, (Decoded, Unknown, Undecodable)) and what.id is not None and what.server_version is not None:
            kept = Payload(what.raw, what.server_version)
        return stream, Item(name, seen.direction, kept, sequence, place, digest(*says), kind, opened, about)

    def told(self, what: Event | Mark, other: int | None) -> tuple[dict[str, Any], bool, Skips]:
        """What something says, whether it is compared across encodings, and which of its fields are left out."""
        name = name_of(what)
        version = what.server_version if isinstance(what, Decoded) else None
        tick = self.rules.timely(what.fields.get("tickType")) if isinstance(what, Decoded) else None
        message = BY_NAME[what.direction, what.name] if isinstance(what, Decoded) and other not in (None, version) else None
        left = self._left.get((name, version, other, tick))
        if left is None:
            if len(self._left) >= REMEMBERED:
                self._left.clear()
            alone: frozenset[str] = frozenset()
            if message is not None and version is not None and other is not None:
                alone = paths_alone(message, version, other) | paths_alone(message, other, version)
            left = self._left[name, version, other, tick] = LeftOut(self.rules, name, tick, alone)
        loose = message is not None and other is not None and isinstance(what, Decoded) and message.encoding(other) != what.encoding
        return contents_of(what, flat=loose), loose, left.__getitem__

    def count(self, side: int, pair: int, what: Decoded, contents: dict[str, Any], other: int | None, place: Place) -> None:
        """Count what the server versions explain."""
        if other is None or other == what.server_version:
            return
        message = BY_NAME[what.direction, what.name]
        key = pair, what.direction, what.name
        encoded = self._encoded.get(key)
        if encoded is None:
            encoded = self._encoded[key] = Encoded([None, None], [None, None], [0, 0])
        if encoded.encodings[side] is None:
            encoded.encodings[side], encoded.places[side] = what.encoding, place
        encoded.counts[side] += 1
        loose = message.encoding(other) != what.encoding
        for path in paths_alone(message, what.server_version, other):
            value = first_set(contents, path.split("."), loose)
            if value is None or self.rules.sets_aside(what.name, path) or not self.rules.reports(what.name, path):
                continue
            gated = self._gated.setdefault((side, *key, path), Gated((what.server_version, other), value, place))
            gated.count += 1

    def explained(self) -> Iterator[Difference]:
        """The differences that come from the server versions: encodings, and fields that only one of them can have."""
        for (pair, direction, name), encoded in self._encoded.items():
            old, new = encoded.encodings
            if self.rules.sets_aside(name, "encoding") or not self.rules.reports(name, "encoding"):
                continue
            if old is not None and new is not None and old != new:
                gate = BY_NAME[direction, name].protobuf
                one, other = encoded.places
                yield Difference(Kind.CHANGED, pair, direction, name, None, "encoding", old, new, one, other, gate, max(encoded.counts))
        order = {key: index for index, key in enumerate(self._encoded)}
        for (side, pair, direction, name, path), gated in sorted(self._gated.items(), key=lambda each: (order[each[0][1:4]], each[0][4])):
            gate = gate_between(BY_NAME[direction, name], path, *gated.versions)
            if side == 0:
                yield Difference(Kind.VANISHED, pair, direction, name, None, path, gated.value, None, gated.place, None, gate, gated.count)
            else:
                yield Difference(Kind.APPEARED, pair, direction, name, None, path, None, gated.value, None, gated.place, gate, gated.count)

    def changes(self, template: Difference, old: Item, new: Item, versions: tuple[int | None, int | None]) -> Iterator[Difference]:
        """How two messages of one name differ, as differences like a template; none where only what is left out does."""
        before, after = restored(old), restored(new)
        if old.about is not None and new.about is not None and old.about.peer is not new.about and isinstance(before, Decoded):
            field = ".".join(numbered(before.direction, before.name)[0][0])
            if self.rules.reports(template.message, field):
                yield with_values(template, Kind.CHANGED, field, old.about.number, new.about.number)
        contents, loose, skips = self.told(before, versions[1])
        others, also_loose, also_skips = self.told(after, versions[0])
        if isinstance(before, Mark) or isinstance(after, Mark) or before.event == after.event:
            found = field_changes(contents, others, loose or also_loose, lambda path: skips(path) or also_skips(path))
            for change in found:
                if self.rules.reports(template.message, INDEX.sub("", change.path)):
                    kind = Kind(change.what)
                    yield with_values(template, kind, change.path, change.old, change.new)
        elif self.rules.reports(template.message):
            yield with_values(template, Kind.CHANGED, "", outcome(before), outcome(after))


def with_values(template: Difference, kind: Kind, field: str, old: Any, new: Any) -> Difference:
    """A difference like another, in a field."""
    where = template.connection, template.direction, template.message, template.request
    return Difference(kind, *where, field, old, new, template.one, template.other)


def contents_of(what: Event | Mark, *, flat: bool = False) -> dict[str, Any]:
    """What something says, by field; ``flat`` puts what protobuf has in a record of its own where text has it."""
    if isinstance(what, Decoded):
        fields = dict(what.fields)
        for inside in INSIDE.get(what.name, ()) if flat else ():
            record = fields.pop(inside, None)
            fields |= record if isinstance(record, dict) else {}
        if what.anomalies:
            fields["anomalies"] = list(what.anomalies)
        if what.extra:
            fields["extra"] = list(what.extra)
        return fields
    if isinstance(what, Undecodable):
        return {"reason": what.reason, "path": what.path or None, "raw": what.raw.hex()}
    if isinstance(what, Unknown):
        return {"id": what.id, "reason": what.reason, "raw": what.raw.hex()}
    return {"reason": what.reason, "raw": what.raw.hex()} if isinstance(what, (SyncLost, Resynced)) else fields_of(what)


def outcome(what: Event) -> str:
    """What came of reading a message."""
    if isinstance(what, Undecodable):
        return f"undecodable: {what.path}: {what.reason}" if what.path else f"undecodable: {what.reason}"
    return what.event


def restored(item: Item) -> Event | Mark:
    """What an item was made of."""
    if not isinstance(item.kept, Payload):
        return item.kept
    assert item.direction is not None
    return decode(item.kept.raw, item.direction, item.kept.server_version)


def first_set(value: Any, parts: list[str], loose: bool) -> Any:
    """The first value at a path that is set, in whichever element of the lists on the way; None for none."""
    if isinstance(value, list):
        return next((found for element in value if (found := first_set(element, parts, loose)) is not None), None)
    if not parts:
        return value if meaning(value, loose, "", nothing_skipped) is not None else None
    return first_set(value.get(parts[0]), parts[1:], loose) if isinstance(value, dict) else None


def nothing_skipped(path: str) -> bool:
    """Leaves nothing out."""
    return False


def request_of(stream: Stream, other: Stream) -> Request | None:
    """The request that two streams are the answers to."""
    named = stream if stream.name else other
    return Request(named.name, stream.number, other.number) if named.name else None


def message_of(direction: Direction | None, name: str) -> Message | None:
    """A declared message."""
    return None if direction is None else BY_NAME.get((direction, name))
