"""What holds for every message: the official client reads what we write, and we read what it writes."""

import importlib
import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

from ibapi.order import OrderComboLeg

from tests.wire.oracle import (
    SHARES,
    UNICODE,
    VERSIONS,
    Call,
    Sampler,
    described,
    mutated,
    official,
    read_back,
    received,
    same,
    schema,
    sent,
    without_unknown,
)
from twsprobe.wire.events import Decoded, Undecodable
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values, lookup
from twsprobe.wire.message import BINARY_ID, PROTOBUF, PROTOBUF_OFFSET, TEXT, Message, value_paths
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import BY_NAME, decode, encode, head, reencode
from twsprobe.wire.tokens import FIXED32, LENGTH_DELIMITED, VARINT, UnknownField
from twsprobe.wire.versions import HIGHEST

Choices = Mapping[str, Sequence[object]]

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

# What the official Python client reads differently from what TWS means, and what the samples therefore leave out or allow for.
OFFICIAL_BUGS = {
    "empty number": "callbacks that are called by their signature take no empty number: the message is dropped with a ValueError",
    "date": "the yieldRedemptionDate of the protobuf form must be a number, though it is a string there: another raises ValueError",
    "backslash": r"un-escaping is Python's, so \n, \x41 and the like in text of TWS lose their meaning too",
    "pairs": r"a character beyond U+FFFF, which TWS writes as two \uXXXX, stays two surrogates",
}
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


def check_text(name: str, arguments: Sequence[str], choices: Choices, alphabet: str) -> int:
    """The official client gets our values from our text at every server version; says how many samples that were.

    ``arguments`` are the paths of what its callback gets, in order; an empty path stands for all values in one object.
    """
    message = BY_NAME[Direction.TO_CLIENT, name]
    versions = [version for version in VERSIONS if version >= message.since]
    for version in versions:
        for kind, share in SHARES.items():
            sample = Sampler(f"{name} {version} {kind}", share, choices, alphabet)
            values = sample.layout(message.layout(version))
            data = encode(name, Direction.TO_CLIENT, version, encoding=TEXT, **values)
            ours = decoded(data, Direction.TO_CLIENT, version).fields
            assert contained(values, ours) == []
            call = received(data, version).call()
            assert call.name == name
            for path, argument in zip(arguments, call.arguments, strict=True):
                found = lookup(ours, path.split(".")) if path else {key: ours[key] for key in ours if key != "version"}
                assert differences(found, argument, path) == [], (version, kind)
    return len(versions) * len(SHARES)


def check_calls(name: str, expected: Callable[[Values, int], list[Call]], choices: Choices) -> int:
    """The same for a message of which the official client makes calls of another form: ``expected`` has our values as their arguments."""
    message = BY_NAME[Direction.TO_CLIENT, name]
    versions = [version for version in VERSIONS if version >= message.since]
    for version in versions:
        for kind, share in SHARES.items():
            values = Sampler(f"{name} {version} {kind}", share, choices).layout(message.layout(version))
            data = encode(name, Direction.TO_CLIENT, version, encoding=TEXT, **values)
            ours = decoded(data, Direction.TO_CLIENT, version).fields
            assert contained(values, ours) == []
            found = received(data, version)
            assert found.left == []
            for our_call, their_call in zip(expected(ours, version), found.calls, strict=True):
                assert our_call.name == their_call.name
                pairs = zip(our_call.arguments, their_call.arguments, strict=True)
                assert [line for ours, theirs in pairs for line in differences(ours, theirs, their_call.name)] == [], (version, kind)
    return len(versions) * len(SHARES)


def check_unknown_fields(message: Message, rounds: int = 12) -> int:
    """Protobuf fields that no schema has are kept, named and written back, wherever they are; says how many samples that were."""
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
    return rounds


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


def check_protobuf(message: Message, type_name: str, choices: Choices, rounds: int = 12) -> int:
    """Both read what the other wrote, field by field, and write the same bytes; says how many samples that were."""
    version, official_type = HIGHEST, message_type(type_name)
    check_schema(message.record, official_type)
    for kind, share in SHARES.items():
        for turn in range(rounds):
            values = Sampler(f"{type_name} {kind} {turn}", share, choices).record(message.record)
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
    return len(SHARES) * rounds


def check_request(name: str, paths: Sequence[str], arguments: Sequence[object], version: int, method: str = "") -> None:
    """We read the values of a request that the official client wrote, and write the same bytes for them."""
    data = sent(version, method or name, *arguments)
    event = decoded(data, Direction.TO_SERVER, version)
    assert event.name == name
    assert event.encoding == BY_NAME[Direction.TO_SERVER, name].encoding(version)
    for path, argument in zip(paths, arguments, strict=True):
        assert same(lookup(event.fields, path.split(".")), argument), path
    assert {path.partition("[")[0] for path in value_paths(event.fields, "")} <= {"version", *paths}
    fields = {key: value for key, value in event.fields.items() if key != "version"}
    assert encode(name, Direction.TO_SERVER, version, **fields) == data


def check_paths(message: Message, choices: Choices, rounds: int = 10) -> int:
    """The compiled form and the interpreted one agree on payloads, valid and not, and every payload that decodes is written back.

    Says how many payloads that were.
    """
    draw, count = random.Random(message.name), 0
    for version in VERSIONS[:: len(VERSIONS) // 16]:
        if version < message.since or message.text is None:
            continue
        for turn in range(rounds):
            share = draw.random()
            values = Sampler(f"{message.name} {version} {turn}", share, choices).layout(message.layout(version))
            payload = encode(message.name, message.direction, version, encoding=TEXT, **values)[LENGTH.size :]
            start = head(payload, version).start
            for candidate in (payload, mutated(payload, start, draw), mutated(mutated(payload, start, draw), start, draw)):
                check_payload(message, candidate, start, TEXT, version)
                count += 1
    return count


def check_mutated_protobuf(message: Message, rounds: int = 60) -> int:
    """The same for protobuf payloads."""
    draw = random.Random(message.name)
    for turn in range(rounds):
        values = Sampler(f"{message.name} {turn}", draw.random()).record(message.record)
        payload = encode(message.name, message.direction, HIGHEST, **values)[LENGTH.size :]
        check_payload(message, mutated(payload, BINARY_ID.size, draw), BINARY_ID.size, PROTOBUF, HIGHEST)
    return rounds


def check_payload(message: Message, payload: bytes, start: int, encoding: str, version: int) -> None:
    compiled = message.decode(payload, start, encoding, version)
    interpreted = message.interpret(payload, start, encoding, version)
    assert repr(compiled) == repr(interpreted)
    assert isinstance(compiled, (Decoded, Undecodable))
    if isinstance(compiled, Decoded):
        again = reencode(compiled)
        if encoding == TEXT:
            assert again == frame(payload)
        else:  # in protobuf's own order, and of a field that came twice the last counts
            assert reencode(decoded_as(message, again, start, encoding, version, compiled)) == again


def decoded_as(message: Message, data: bytes, start: int, encoding: str, version: int, like: Decoded) -> Decoded:
    """A frame decoded, which has values for the same paths as another."""
    event = message.decode(data[LENGTH.size :], start, encoding, version)
    assert isinstance(event, Decoded)
    assert sorted(value_paths(event.fields, "")) == sorted(value_paths(like.fields, ""))
    return event
