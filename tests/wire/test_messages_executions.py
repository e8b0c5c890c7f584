"""Execution messages, held against the official client."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ibapi.execution import ExecutionFilter

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    Choices,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import UNICODE, VERSIONS, received, same, sent
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.executions import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}
DAYS = V.PARAMETRIZED_DAYS_OF_EXECUTIONS

# The paths of what the official callback gets, in order; what a sample chooses from; the characters it is made of.
CALLBACKS: dict[str, tuple[Sequence[str], Choices, str]] = {
    "execDetails": (("reqId", "contract", "execution"), {}, UNICODE),
    "execDetailsEnd": (("reqId",), {"reqId": (-1, 0, 9001)}, UNESCAPABLE),
    "commissionAndFeesReport": (("",), {"yieldRedemptionDate": ("20301231", "0", "")}, UNICODE),
}
SCHEMAS = {
    "execDetails": ("ExecutionDetails", V.PROTOBUF),
    "execDetailsEnd": ("ExecutionDetailsEnd", V.PROTOBUF),
    "commissionAndFeesReport": ("CommissionAndFeesReport", V.PROTOBUF_REST_MESSAGES_1),
    "reqExecutions": ("ExecutionRequest", V.PROTOBUF),
}
FILTERS_OF_DAYS: tuple[dict[str, Any], ...] = (
    {"lastNDays": 3},
    {"specificDates": [20260102]},
    {"clientId": 7, "symbol": "X", "lastNDays": 0, "specificDates": [20260102, 20251231, 19991231]},
)


def official_filter(values: dict[str, Any]) -> ExecutionFilter:
    made = ExecutionFilter()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def check_filter(values: dict[str, Any], version: int) -> None:
    """We read the official client's request, and write the same one."""
    wanted = official_filter(values)
    data = sent(version, "reqExecutions", 9001, wanted)
    event = decoded(data, Direction.TO_SERVER, version)
    assert event.name == "reqExecutions"
    assert event.fields["reqId"] == 9001
    found = event.fields["executionFilter"]
    assert all(same(found.get(name), getattr(wanted, name)) or found.get(name) == [] for name in vars(wanted))
    assert {name for name, value in found.items() if value not in (None, "", [])} <= values.keys() | {"clientId"}
    assert encode("reqExecutions", Direction.TO_SERVER, version, reqId=9001, executionFilter=found) == data


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, *CALLBACKS[name])
    else:
        yield check_requests(name, ["reqId", "executionFilter"], {})
    type_name, gate = SCHEMAS[name]
    assert message.protobuf == gate
    yield check_protobuf(message, type_name, {"yieldRedemptionDate": ("20301231", "0")})


@pytest.mark.parametrize("values", FILTERS_OF_DAYS)
def test_days_stand_in_requests_from_their_version_on(values: dict[str, Any]) -> None:
    for version in range(DAYS, VERSIONS.stop):
        check_filter(values, version)
    with pytest.raises(EncodeError, match=r"executionFilter\.\w+(\[0\])?: has no place in the text form at server version 199$"):
        encode("reqExecutions", Direction.TO_SERVER, DAYS - 1, executionFilter=values)


def test_unset_days_are_spelled_out_as_the_official_client_does() -> None:
    data = encode("reqExecutions", Direction.TO_SERVER, DAYS, reqId=1, executionFilter={"clientId": 0})
    assert data[4:] == b"7|3|1|0|||||||2147483647|0|".replace(b"|", b"\0")
    assert decoded(data, Direction.TO_SERVER, DAYS).fields["executionFilter"]["lastNDays"] is None


@pytest.mark.parametrize(
    ("gate", "field"),
    [
        (V.MODELS_SUPPORT, "modelCode"),
        (V.LAST_LIQUIDITY, "lastLiquidity"),
        (V.PENDING_PRICE_REVISION, "isPriceRevisionPending"),
        (V.SUBMITTER, "submitter"),
    ],
)
def test_a_field_behind_a_closed_gate_is_refused(gate: V, field: str) -> None:
    execution = {field: {"lastLiquidity": 2, "isPriceRevisionPending": True}.get(field, "X")}
    for version in (gate, gate - 1):
        if version == gate:
            data = encode("execDetails", Direction.TO_CLIENT, version, execution=execution)
            assert decoded(data, Direction.TO_CLIENT, version).fields["execution"][field] == execution[field]
        else:
            with pytest.raises(EncodeError, match=rf"execDetails\.execution\.{field}: has no place"):
                encode("execDetails", Direction.TO_CLIENT, version, execution=execution)


def test_an_execution_as_it_stands_on_the_wire() -> None:
    data = encode(
        "execDetails",
        Direction.TO_CLIENT,
        176,
        reqId=-1,
        contract={"conId": 265598, "symbol": "AAPL", "secType": "STK", "multiplier": "", "currency": "USD"},
        execution={"orderId": 5, "execId": "0000e0d5.1.01", "side": "BOT", "shares": 10, "price": 1.25, "permId": 1, "isLiquidation": 0},
    )
    fields = b"11|-1|5|265598|AAPL|STK||||||USD|||0000e0d5.1.01||||BOT|10|1.25|1||0||||||||"
    assert data[4:] == fields.replace(b"|", b"\0")


def test_the_official_client_wants_a_number_for_a_date() -> None:
    data = encode("commissionAndFeesReport", Direction.TO_CLIENT, 226, yieldRedemptionDate="soon")
    assert decoded(data, Direction.TO_CLIENT, 226).fields == {"yieldRedemptionDate": "soon"}
    with pytest.raises(ValueError, match="invalid literal for int"):
        received(data, 226)
