"""Requests that the official client makes of generated arguments, and what we read in them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from ibapi.common import WshEventData
from ibapi.const import UNSET_DOUBLE
from ibapi.contract import ComboLeg, Contract, DeltaNeutralContract
from ibapi.execution import ExecutionFilter
from ibapi.scanner import ScannerSubscription
from ibapi.tag_value import TagValue

from tests.wire.conformance import OFFICIAL, Case, Cases, Choices, attribute, contained, decoded, differences
from tests.wire.generate import steps
from tests.wire.oracle import ASCII, VERSIONS, Sampler, sent
from twsprobe.wire.fields import Bool, Double, Leaf, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import Values, lookup
from twsprobe.wire.message import PROTOBUF, Message
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import BY_NAME, encode
from twsprobe.wire.versions import LOWEST

OBJECTS: Mapping[str, type] = {
    "Contract": Contract,
    "ComboLeg": ComboLeg,
    "DeltaNeutralContract": DeltaNeutralContract,
    "ScannerSubscription": ScannerSubscription,
    "TagValue": TagValue,
    "ExecutionFilter": ExecutionFilter,
    "WshEventDataRequest": WshEventData,
}
"""The official classes for our records."""

TURNS = {1.0: 8, 0.0: 1, 0.6: 12}
"""How many sets of arguments there are around each gate, by the share of them that is set; elsewhere there is one of each."""

UNGUARDED = {"reqSoftDollarTiers", "reqCompletedOrders", "replaceFA"}
"""Requests of which the official client does not know that older versions lack them, or their number."""

NEVER_SENT = {"lastTradeDate", "perLegPrice"}
"""What the official client has in its contract, or in its schema, and puts into no request for data."""

SENDABLE = ASCII.replace(";", "").replace("=", "")
"""Characters that the official client lets pass, less those that its options in text have no way to write."""


def check_requests(name: str, paths: Sequence[str], choices: Choices, first: int = LOWEST) -> Cases:
    """We read the arguments of a request that the official client wrote, at every server version, and write the same bytes for them.

    It refuses the request below the version that brought it, or below ``first``. ``paths`` are those of the method's arguments; an
    empty path stands for an object that holds all values but reqId.
    """
    message, cases = BY_NAME[Direction.TO_SERVER, name], Cases()
    around = set(steps(message))
    first = max(first, message.since)
    if first > LOWEST and name not in UNGUARDED:
        with pytest.raises(AssertionError):  # the official client refuses, and tells its wrapper
            sent(first - 1, name, *(argument(message.record, path, {}) for path in paths))
    for version in VERSIONS:
        if version >= first:
            for share, turns in TURNS.items():
                for turn in range(turns if version in around else 1):
                    sample = Sampler(f"{name} {version} {share} {turn}", share, choices, SENDABLE, version)
                    check_sample(message, paths, sample, version)
                    cases[Case(OFFICIAL, message.encoding(version), version)] += 1
    return cases


def check_sample(message: Message, paths: Sequence[str], sample: Sampler, version: int) -> None:
    if message.encoding(version) == PROTOBUF:
        values = without_unsent(sample.record(message.record))
    else:
        values = sample.layout(message.layout(version))
    arguments = [argument(message.record, path, values) for path in paths]
    data = sent(version, message.name, *arguments)
    event = decoded(data, Direction.TO_SERVER, version)
    assert (event.name, event.encoding) == (message.name, message.encoding(version))
    fields = {key: value for key, value in event.fields.items() if key != "version"}
    assert contained(without_false(values), in_order(fields)) == [], version
    for path, given in zip(paths, arguments, strict=True):
        ours = lookup(fields, path.split(".")) if path else {key: value for key, value in fields.items() if key != "reqId"}
        assert differences(without_options(in_order(ours)) if path else ours, given, path) == [], version
    assert encode(message.name, Direction.TO_SERVER, version, **fields) == data


def argument(record: Record, path: str, values: Values, objects: Mapping[str, Callable[[], Any]] = OBJECTS) -> Any:
    """What the official method is given for a path of ours; what is unset is what clients give for it."""
    leaf = Nested(record, None) if not path else record.leaf(path.split("."))
    return official_value(leaf, lookup(values, path.split(".")) if path else values, objects)


def official_value(leaf: Leaf | None, value: Any, objects: Mapping[str, Callable[[], Any]]) -> Any:
    if isinstance(leaf, Many):
        return (
            None
            if value is None
            else [official_value(Nested(leaf.record, None) if leaf.record else leaf.leaf, one, objects) for one in value]
        )
    if isinstance(leaf, Nested):
        made = objects[leaf.record.type_name]()
        for name, held in (value or {}).items():
            inner = leaf.record.fields[name]
            if hasattr(made, attribute(made, name)) and held is not None:
                setattr(made, attribute(made, name), as_attribute(name, official_value(inner, held, objects)))
        return made
    if value is not None:
        return value
    return False if isinstance(leaf, Bool) else "" if isinstance(leaf, String) else UNSET_DOUBLE if isinstance(leaf, Double) else 0


def as_attribute(name: str, value: Any) -> Any:
    """A value as the official object has it: the multiplier of a contract is text there."""
    return str(value) if name == "multiplier" else value


def without_unsent(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: without_unsent(value) for name, value in values.items() if name not in NEVER_SENT}
    return [without_unsent(value) for value in values] if isinstance(values, list) else values


def without_false(values: Any) -> Any:
    """The official client leaves what is false out of protobuf."""
    if isinstance(values, dict):
        return {name: without_false(value) for name, value in values.items() if value is not False}
    return [without_false(value) for value in values] if isinstance(values, list) else values


def without_options(values: Any) -> Any:
    """A scanner subscription as the official object has it: its options are arguments of their own."""
    if not isinstance(values, dict):
        return values
    return {name: value for name, value in values.items() if not name.endswith("Options")}


def in_order(values: Any) -> Any:
    """Values with the tags of every map sorted: protobuf gives them no order."""
    if isinstance(values, dict):
        return {name: in_order(value) for name, value in values.items()}
    if isinstance(values, list) and values and isinstance(values[0], dict) and "tag" in values[0]:
        return sorted(values, key=lambda pair: str(pair["tag"]))
    return [in_order(value) for value in values] if isinstance(values, list) else values
