"""What holds for every message: the official client reads what we write, and we read what it writes."""

import importlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any, NamedTuple

from ibapi.order import OrderComboLeg

from tests.wire.generate import Maker, steps
from tests.wire.oracle import (
    SHARES,
    UNICODE,
    VERSIONS,
    Call,
    Sampler,
    described,
    official,
    read_back,
    received,
    same,
    schema,
    without_unknown,
)
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values, lookup
from twsprobe.wire.message import BINARY_ID, PROTOBUF, PROTOBUF_OFFSET, TEXT, Message
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import BY_NAME, decode, encode, reencode
from twsprobe.wire.tokens import FIXED32, LENGTH_DELIMITED, VARINT, UnknownField
from twsprobe.wire.versions import HIGHEST

Choices = Mapping[str, Sequence[object]]


class Case(NamedTuple):
    """What was compared: whom with (one of the words below), in which encoding, at which server version."""

    against: str
    encoding: str
    version: int


OFFICIAL, UNKNOWN_FIELDS, ROUND_TRIP = "official client", "unknown fields", "round trips"
Cases = Counter[Case]
"""How many cases passed."""

# The official client's names for what its callbacks get, where they are not those of its protobuf schemas.
ATTRIBUTES = {
    "primaryExch": "primaryExchange",
    "isLiquidation": "liquidation",
    "isPriceRevisionPending": "pendingPriceRevision",
    "bondYield": "yield_",
    "shortSalesSlot": "shortSaleSlot",
    "type": "condType",
    "SoftDollarTier.value": "val",
    "WAP": "wap",
    "NewsProvider.providerCode": "code",
    "NewsProvider.providerName": "name",
    "FamilyCode.accountId": "accountID",
    "FamilyCode.familyCode": "familyCodeStr",
    "IneligibilityReason.id": "id_",
    "puttable": "putable",
    "bondNotes": "notes",
    "fundMinimumSubsequentPurchase": "fundSubsequentMinimumPurchase",
}
# What the official client reads over in text.
FORGOTTEN = {"firstTrailStopPrice", "sharesAllocation", "faProfile", "eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "hasGaps", "isL2"}
FORGOTTEN |= {"mdSizeMultiplier", "sizeMinTick"}

UNESCAPABLE = UNICODE.replace("\\", "")
"""Characters that survive the official client's un-escaping."""


def frame(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


def decoded(data: bytes, direction: Direction, version: int) -> Decoded:
    """A frame as a message without anything odd, that is written back as it came."""
    event = decode(data[LENGTH.size :], direction, version)
    assert isinstance(event, Decoded), event
    assert event.anomalies == ()
    assert reencode(event) == data
    return event


def differences(ours: Any, theirs: Any, path: str) -> list[str]:
    """Where a value of ours and an object of the official client do not mean the same."""
    if isinstance(ours, dict):
        return [
            found
            for name, value in ours.items()
            if name not in FORGOTTEN
            for found in differences(value, getattr(theirs, attribute(theirs, name)), f"{path}.{name}")
        ]
    if isinstance(ours, list) and isinstance(theirs, set):
        return [] if set(ours) == theirs else [f"{path}: {ours!r} is {theirs!r} there"]
    if isinstance(ours, list):
        pairs = enumerate(zip(ours, theirs or (), strict=True))
        return [found for index, (value, element) in pairs for found in differences(value, element, f"{path}[{index}]")]
    if isinstance(theirs, OrderComboLeg):
        theirs = theirs.price
    elif isinstance(theirs, Enum):
        theirs = "" if theirs.value[0] == "None" else theirs.value[0]
    elif isinstance(theirs, float) and isinstance(ours, Decimal):
        ours = float(ours)
    elif isinstance(theirs, str):
        theirs = float(theirs) if isinstance(ours, float) else theirs.encode("utf-16", "surrogatepass").decode("utf-16")
    if isinstance(theirs, int) and isinstance(ours, str):
        ours = int(ours or 0)
    return [] if same(ours, theirs) else [f"{path}: {ours!r} is {theirs!r} there"]


def attribute(theirs: object, name: str) -> str:
    """What the official client calls a field in an object of its own."""
    return ATTRIBUTES.get(f"{type(theirs).__name__}.{name}", ATTRIBUTES.get(name, name))


def check_text(name: str, arguments: Sequence[str], choices: Choices, alphabet: str) -> Cases:
    """The official client gets our values from our text at every server version.

    ``arguments`` are the paths of what its callback gets, in order; an empty path stands for all values in one object.
    """
    message, cases = BY_NAME[Direction.TO_CLIENT, name], Cases()
    for version, sample in samples(message, choices, alphabet):
        ours, data = written(message, sample, version)
        call = received(data, version).call()
        assert call.name == name
        for path, argument in zip(arguments, call.arguments, strict=True):
            found = lookup(ours, path.split(".")) if path else {key: ours[key] for key in ours if key != "version"}
            assert differences(found, argument, path) == [], (version, sample.seed)
        cases[Case(OFFICIAL, TEXT, version)] += 1
    return cases


def check_calls(name: str, expected: Callable[[Values, int], list[Call]], choices: Choices) -> Cases:
    """The same for a message of which the official client makes calls of another form: ``expected`` has our values as their arguments."""
    message, cases = BY_NAME[Direction.TO_CLIENT, name], Cases()
    for version, sample in samples(message, choices, UNICODE):
        ours, data = written(message, sample, version)
        found = received(data, version)
        assert found.left == []
        for our_call, their_call in zip(expected(ours, version), found.calls, strict=True):
            assert our_call.name == their_call.name
            pairs = zip(our_call.arguments, their_call.arguments, strict=True)
            assert [line for our, their in pairs for line in differences(our, their, their_call.name)] == [], (version, sample.seed)
        cases[Case(OFFICIAL, TEXT, version)] += 1
    return cases


def samples(message: Message, choices: Choices, alphabet: str) -> Iterator[tuple[int, Sampler]]:
    """What makes values at each server version: with all, none and some of them set, and more of these around gates."""
    around = set(steps(message))
    for version in range(message.since, VERSIONS.stop):
        for kind, share in SHARES.items():
            for turn in range(4 if version in around and share else 1):
                yield version, Sampler(f"{message.name} {version} {kind} {turn}", share, choices, alphabet)


def written(message: Message, sample: Sampler, version: int) -> tuple[Values, bytes]:
    """The text message that a sample makes, and our values as we read them back."""
    values = sample.layout(message.layout(version))
    data = encode(message.name, message.direction, version, encoding=TEXT, **values)
    ours = decoded(data, message.direction, version).fields
    assert contained(values, ours) == []
    return ours, data


def check_unknown_fields(message: Message, rounds: int = 12) -> Cases:
    """Protobuf fields that no schema has are kept, named and written back, wherever they are."""
    for turn in range(rounds):
        values = Sampler(f"{message.name} {turn}", 0.8).record(message.record)
        grown, places = grow(values, f"{message.name} {turn}")
        data = encode(message.name, message.direction, HIGHEST, **grown)
        event = decode(data[LENGTH.size :], message.direction, HIGHEST)
        assert isinstance(event, Decoded)
        assert event.fields == grown
        assert len(event.anomalies) == places
        assert all("is not in our schema" in anomaly for anomaly in event.anomalies)
        assert reencode(event) == data
    return Cases({Case(UNKNOWN_FIELDS, PROTOBUF, HIGHEST): rounds})


def grow(values: Values, seed: str) -> tuple[Values, int]:
    """Values with an unknown field in every record, and how many records there are."""
    fields = [UnknownField(VARINT, 7)], [UnknownField(LENGTH_DELIMITED, seed.encode()), UnknownField(FIXED32, b"\x01\x02\x03\x04")]
    grown: Values = {}
    places = 1
    for name, value in values.items():
        inner = [grow(element, seed) for element in (value if isinstance(value, list) else [value]) if isinstance(element, dict)]
        places += sum(count for _, count in inner)
        records = [element for element, _ in inner]
        grown[name] = value if not records else records if isinstance(value, list) else records[0]
    return grown | {"#1999": fields[len(seed) % 2]}, places


def contained(values: Any, ours: Any, path: str = "") -> list[str]:
    """The values that were written and not read back."""
    if isinstance(values, dict):
        ours = ours if isinstance(ours, dict) else {}
        return [found for name, value in values.items() for found in contained(value, ours.get(name), f"{path}.{name}")]
    if isinstance(values, list) and isinstance(ours, list) and len(values) == len(ours):
        return [found for index, value in enumerate(values) for found in contained(value, ours[index], f"{path}[{index}]")]
    return [] if repr(values) == repr(ours) else [path]


def message_type(type_name: str) -> Any:
    """The official protobuf message of this name."""
    return getattr(importlib.import_module(f"ibapi.protobuf.{type_name}_pb2"), type_name)


def check_schema(record: Record, official_type: Any) -> None:
    """Our fields are the official ones, in nested records too."""
    assert described(record) == schema(official_type)
    for entry in record.by_number.values():
        # A list of tags and values is a map in the official schemas, and has no type of its own there.
        if isinstance(entry.leaf, (Nested, Many)) and entry.leaf.record is not None and entry.leaf.record.type_name != "TagValue":
            check_schema(entry.leaf.record, message_type(entry.leaf.record.type_name))


def check_protobuf(message: Message, type_name: str, choices: Choices, rounds: int = 12) -> Cases:
    """Both read what the other wrote, field by field, and write the same bytes, on both sides of every gate."""
    official_type, cases = message_type(type_name), Cases()
    check_schema(message.record, official_type)
    for version in (version for version in steps(message) if message.encoding(version) == PROTOBUF):
        for kind, share in SHARES.items():
            for turn in range(rounds if version == HIGHEST else 2):
                sample = Sampler(f"{type_name} {kind} {turn}", share, choices, version=version)
                check_protobuf_sample(message, official_type, sample.record(message.record), version)
                cases[Case(OFFICIAL, PROTOBUF, version)] += 1
    return cases


def check_protobuf_sample(message: Message, official_type: Any, values: Values, version: int) -> None:
    theirs = official(official_type, values, message.record)
    data = frame(BINARY_ID.pack(message.id + PROTOBUF_OFFSET) + theirs.SerializeToString(deterministic=True))
    event = decoded(data, message.direction, version)
    assert event.encoding == PROTOBUF
    assert event.fields == read_back(theirs, message.record) == values
    ours = encode(message.name, message.direction, version, **values)
    parsed = official_type.FromString(ours[LENGTH.size + BINARY_ID.size :])
    assert parsed == theirs
    assert without_unknown(parsed) == parsed.SerializeToString(deterministic=True)
    assert ours == data
    if message.direction is Direction.TO_CLIENT:
        assert received(data, version).message() == theirs


def check_round_trips(message: Message, version: int, encoding: str) -> Cases:
    """What we write is what we read, and is written back, with none, some and all of the values set."""
    for share in (0.0, 0.3, 0.7, 1.0):
        values = Maker(Random(f"{message.name} {version} {share}"), share).values(message, version, encoding)
        data = encode(message.name, message.direction, version, encoding=encoding, **values)
        event = decoded(data, message.direction, version)
        assert (event.id, event.name, event.encoding) == (message.id, message.name, encoding)
        assert (event.extra, event.missing) == ((), None)
        assert contained(values, event.fields) == []
        assert encoding == TEXT or contained(event.fields, values) == []
        assert encode(message.name, message.direction, version, encoding=encoding, **event.fields) == data
    return Cases({Case(ROUND_TRIP, encoding, version): 4})


def check_the_rest(message: Message, cases: Cases) -> Cases:
    """Round trips on those sides of gates of which the official client said nothing, and everywhere if it never said anything."""
    silent = not any(case.against == OFFICIAL for case in cases)
    found = Cases()
    for version in range(message.since, VERSIONS.stop) if silent else steps(message):
        encoding = message.encoding(version)
        if not cases[Case(OFFICIAL, encoding, version)]:
            found += check_round_trips(message, version, encoding)
    return found
