"""Order messages, held against the official client."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from ibapi.const import UNSET_DOUBLE

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    Cases,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import UNICODE, received
from twsprobe.wire.events import Decoded, Undecodable
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.orders import MESSAGES
from twsprobe.wire.registry import decode, encode, locate, reencode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT = Direction.TO_CLIENT
BY_NAME = {message.name: message for message in MESSAGES}

CONDITION = "order.conditions[]."
# Types and values of conditions are always set: without them the official client fails (see the last tests).
ORDER = {
    "order.orderType": ("LMT", "PEG BENCH", "PEGBENCH", ""),
    "order.scalePriceIncrement": (0.25, 0.0, -1.0, None, math.inf),
    "order.competeAgainstBestOffset": (math.inf, 0.02, None),
    "order.usePriceMgmtAlgo": (0, 1, None),
    "order.routeMarketableToBbo": (0, 1, None),
    CONDITION + "type": (1, 3, 4, 5, 6, 7),
    CONDITION + "price": (186.25, 1e-05),
    CONDITION + "changePercent": (-2.5, 10.0),
    CONDITION + "percent": (30, -1),
    CONDITION + "volume": (100, 2**31 - 2),
}
CALLBACKS = {
    "orderStatus": "orderId status filled remaining avgFillPrice permId parentId lastFillPrice clientId whyHeld mktCapPrice",
    "openOrder": "orderId contract order orderState",
    "openOrderEnd": "",
    "orderBound": "permId clientId orderId",
    "completedOrder": "contract order orderState",
    "completedOrdersEnd": "",
}
SCHEMAS = {
    "orderStatus": "OrderStatus",
    "openOrder": "OpenOrder",
    "openOrderEnd": "OpenOrdersEnd",
    "orderBound": "OrderBound",
    "completedOrder": "CompletedOrder",
    "completedOrdersEnd": "CompletedOrdersEnd",
    "reqOpenOrders": "OpenOrdersRequest",
    "reqAllOpenOrders": "AllOpenOrdersRequest",
    "reqCompletedOrders": "CompletedOrdersRequest",
}
REQUESTS = {"reqOpenOrders": "", "reqAllOpenOrders": "", "reqCompletedOrders": "apiOnly"}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, CALLBACKS[name].split(), ORDER, UNICODE)
    else:
        yield check_requests(name, REQUESTS[name].split(), {})
    yield check_protobuf(message, SCHEMAS[name], ORDER)


OPEN_ORDER = (
    b"5|7|265598|AAPL|STK||0.0|||SMART|USD|AAPL|NMS|BUY|100|LMT|186.25|0.0|GTC||DU1234567||0||1|1234567890|0|0|0.0|||||||||||0||-1|"
    b"||||||0|||||3||||0|0||0|None||0||||?|0|0|||0||||||0|1|1.5|1|NonGuaranteed|1|||||||||0|Adaptive|1|adaptivePriority|Normal|||"
    b"Submitted|||||||||||||||||2|1|a|1|190.0|265598|SMART|0|3|o|1|20260105 15:00:00|1|0|None|||||||||||||0|||||||||||"
).replace(b"|", b"\0")
OPEN_ORDER_VERSION = 178
CONDITIONS: dict[int, dict[str, Any]] = {
    1: {"isMore": True, "price": 190.0, "conId": 265598, "exchange": "SMART", "triggerMethod": 2},
    3: {"isMore": False, "time": "20260105 15:00:00 US/Eastern"},
    4: {"isMore": True, "percent": 30},
    5: {"secType": "STK", "exchange": "SMART", "symbol": "AAPL"},
    6: {"isMore": True, "volume": 100000, "conId": 265598, "exchange": "NYSE"},
    7: {"isMore": False, "changePercent": -2.5, "conId": 265598, "exchange": "NYSE"},
}


def text_of(name: str, version: int, **fields: Any) -> list[str]:
    """The fields of a text message, without its id."""
    data = encode(name, TO_CLIENT, version, encoding="text", **fields)
    return data[LENGTH.size :].split(b"\0", 1)[1].decode().split("\0")[:-1]


def read(payload: bytes, version: int) -> Decoded:
    event = decode(payload, TO_CLIENT, version)
    assert isinstance(event, Decoded), event
    return event


def test_an_open_order_as_it_stands_on_the_wire() -> None:
    event = read(OPEN_ORDER, OPEN_ORDER_VERSION)
    order = event.fields["order"]
    assert event.anomalies == ()
    assert event.fields["orderId"] == 7
    assert (order["lmtPrice"], order["auxPrice"], order["trailStopPrice"]) == (186.25, 0.0, None)
    assert order["orderComboLegs"] == [1.5]
    assert order["smartComboRoutingParams"] == [{"tag": "NonGuaranteed", "value": "1"}]
    assert order["algoParams"] == [{"tag": "adaptivePriority", "value": "Normal"}]
    assert order["conditions"][0] == {"type": 1, "isConjunctionConnection": True, **CONDITIONS[1], "triggerMethod": 0}
    assert order["conditions"][1] == {"type": 3, "isConjunctionConnection": False, "isMore": True, "time": "20260105 15:00:00"}
    assert (order["conditionsIgnoreRth"], order["conditionsCancelOrder"], order["isOmsContainer"]) == (True, False, False)
    assert event.fields["orderState"]["status"] == "Submitted"
    assert "deltaNeutralContract" not in event.fields["contract"]
    assert reencode(event)[LENGTH.size :] == OPEN_ORDER


def test_every_value_of_an_open_order_is_located() -> None:
    pieces = {piece.path: OPEN_ORDER[piece.start : piece.end] for piece in locate(read(OPEN_ORDER, OPEN_ORDER_VERSION))}
    assert pieces["order.conditions[1].time"] == b"20260105 15:00:00"
    assert pieces["order.orderComboLegs[0]"] == b"1.5"
    assert pieces["has(contract.deltaNeutralContract)"] == b"0"
    assert len(pieces) == OPEN_ORDER.count(b"\0") - 1


def test_an_open_order_cut_short_gives_what_it_holds() -> None:
    for end in range(2, len(OPEN_ORDER)):
        event = decode(OPEN_ORDER[:end], TO_CLIENT, OPEN_ORDER_VERSION)
        if isinstance(event, Undecodable):  # cut inside of a number, or before what a count announced
            assert event.path
            continue
        assert isinstance(event, Decoded)
        assert event.missing is not None or event.anomalies == ("the last field does not end in NUL",)
        assert reencode(event)[LENGTH.size :] == OPEN_ORDER[:end]


def test_fields_behind_an_open_order_are_kept() -> None:
    event = read(OPEN_ORDER + b"new\0\0", OPEN_ORDER_VERSION)
    assert event.extra == ("new", "")
    assert event.fields == read(OPEN_ORDER, OPEN_ORDER_VERSION).fields


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("connection", [True, False])
def test_each_type_of_condition(kind: int, connection: bool) -> None:
    condition = {"type": kind, "isConjunctionConnection": connection, **CONDITIONS[kind]}
    for name in ("openOrder", "completedOrder"):
        for version in (200, 226):
            data = encode(name, TO_CLIENT, version, order={"conditions": [condition, condition]}, orderState={}, contract={})
            event = decoded(data, TO_CLIENT, version)
            assert event.fields["order"]["conditions"] == [condition, condition]
            *_, order, _ = received(data, version).call().arguments
            for theirs in order.conditions:
                assert {attribute: getattr(theirs, attribute) for attribute in CONDITIONS[kind]} == CONDITIONS[kind]
                assert (theirs.condType, theirs.isConjunctionConnection) == (kind, connection)


def test_a_condition_of_an_unknown_type_is_undecodable() -> None:
    # Its fields are not known, and reading on would give values to the wrong names.
    event = decode(OPEN_ORDER.replace(b"\0001\0a\0001\0", b"\0002\0a\0001\0"), TO_CLIENT, OPEN_ORDER_VERSION)
    assert isinstance(event, Undecodable)
    assert (event.path, event.reason) == ("order.conditions[0].type", "'2' is not a known condition type")
    assert OPEN_ORDER[event.at :].startswith(b"1\0a\0001\000190.0")


@pytest.mark.parametrize("condition", [{"type": 2}, {"isMore": True}], ids=str)
def test_a_condition_of_an_unknown_type_is_not_written(condition: dict[str, Any]) -> None:
    with pytest.raises(EncodeError, match=r"openOrder\.order\.conditions\[0\]\.type: .* is not a known condition type"):
        encode("openOrder", TO_CLIENT, 178, order={"conditions": [condition]})


def test_the_hedge_of_a_contract_stands_behind_a_flag() -> None:
    hedge = {"conId": 756733, "delta": 0.5, "price": 600.25}
    without = text_of("completedOrder", 178)
    fields = text_of("completedOrder", 178, contract={"deltaNeutralContract": hedge})
    at = fields.index("1")
    assert fields[at : at + 4] == ["1", "756733", "0.5", "600.25"]
    assert without == [*fields[:at], "0", *fields[at + 4 :]]


@pytest.mark.parametrize("flag", [b"", b"0", b"1", b"7", b"true"])
def test_the_flag_keeps_its_spelling(flag: bytes) -> None:
    (at,) = (piece for piece in locate(read(OPEN_ORDER, OPEN_ORDER_VERSION)) if piece.path.startswith("has"))
    hedge = b"\000756733\0000.5\000600.25" if flag not in (b"", b"0") else b""
    payload = OPEN_ORDER[: at.start] + flag + hedge + OPEN_ORDER[at.end :]
    event = read(payload, OPEN_ORDER_VERSION)
    assert ("deltaNeutralContract" in event.fields["contract"]) == bool(hedge)
    assert reencode(event)[LENGTH.size :] == payload


def test_the_inner_version_of_an_open_order_ends_with_order_containers() -> None:
    assert text_of("openOrder", V.ORDER_CONTAINER - 1, orderId=7)[:2] == ["34", "7"]
    assert text_of("openOrder", V.ORDER_CONTAINER, orderId=7)[:1] == ["7"]


def test_the_trailing_stop_price_reaches_the_official_client_at_every_version() -> None:
    for version in (V.PEGGED_TO_BENCHMARK - 1, V.PEGGED_TO_BENCHMARK, 178):
        data = encode("openOrder", TO_CLIENT, version, order={"trailStopPrice": 186.25})
        assert received(data, version).call().arguments[2].trailStopPrice == 186.25


@pytest.mark.parametrize(
    ("version", "encoding", "order", "reason"),
    [
        (V.SUBMITTER - 1, "text", {"submitter": "a"}, "order.submitter: has no place in the text form at server version 197"),
        (V.FA_PROFILE_DESUPPORT, "text", {"faProfile": "a"}, "order.faProfile: has no place in the text form at server version 177"),
        (178, "text", {"hedgeParam": "a"}, "order.hedgeParam: has no place in the text form at server version 178"),
        (226, "protobuf", {"orderComboLegs": [1.5]}, "order.orderComboLegs: Order has no such protobuf field"),
        (V.ADDITIONAL_ORDER_PARAMS_1 - 1, None, {"postOnly": True}, r"order.postOnly: needs server version 216"),
        (V.ADDITIONAL_ORDER_PARAMS_2 - 1, None, {"whatIfType": 1}, r"order.whatIfType: needs server version 217"),
        (V.HEDGE_MAX_SIZE - 1, None, {"hedgeMaxSize": 1}, r"order.hedgeMaxSize: needs server version 223"),
        (225, None, {"conditionsIncludeOvernight": True}, r"order.conditionsIncludeOvernight: needs server version 226"),
    ],
)
def test_a_value_without_a_place_is_refused(version: int, encoding: str | None, order: dict[str, Any], reason: str) -> None:
    with pytest.raises(EncodeError, match=reason):
        encode("openOrder", TO_CLIENT, version, encoding=encoding, order=order)


@pytest.mark.parametrize("name", ["completedOrder", "completedOrdersEnd", "reqCompletedOrders"])
def test_completed_orders_need_their_version(name: str) -> None:
    with pytest.raises(EncodeError, match=r"needs server version 150 \(COMPLETED_ORDERS\)"):
        encode(name, BY_NAME[name].direction, V.COMPLETED_ORDERS - 1)


def test_binding_needs_its_version() -> None:
    fields = {"permId": 2**40, "clientId": 0, "orderId": -7}
    assert text_of("orderBound", V.API_BIND_ORDER, **fields) == ["1099511627776", "0", "-7"]
    with pytest.raises(EncodeError, match=r"needs server version 144 \(API_BIND_ORDER\)"):
        encode("orderBound", TO_CLIENT, V.API_BIND_ORDER - 1)


def test_a_request_that_came_too_early_is_still_written_back() -> None:
    payload = b"99\0001\0"  # the official client does not look at the version
    event = decode(payload, Direction.TO_SERVER, V.COMPLETED_ORDERS - 1)
    assert isinstance(event, Decoded)
    assert reencode(event)[LENGTH.size :] == payload


@pytest.mark.parametrize(
    ("name", "gate"),
    [(name, V.PROTOBUF_PLACE_ORDER) for name in ("orderStatus", "openOrder", "openOrderEnd")]
    + [(name, V.PROTOBUF_COMPLETED_ORDER) for name in ("orderBound", "completedOrder", "completedOrdersEnd", *REQUESTS)],
)
def test_from_which_version_it_is_protobuf(name: str, gate: V) -> None:
    assert (BY_NAME[name].encoding(gate - 1), BY_NAME[name].encoding(gate)) == ("text", "protobuf")


# What the official client gets wrong; the samples above stay clear of it. A test that fails here means that they need not any more.


@pytest.mark.parametrize("kind", [1, 6, 7])
def test_the_official_client_fails_at_an_empty_value_of_a_condition(kind: int) -> None:
    data = encode("openOrder", TO_CLIENT, 178, order={"conditions": [{"type": kind, "conId": 1}]})
    assert decoded(data, TO_CLIENT, 178).fields["order"]["conditions"][0]["conId"] == 1
    with pytest.raises(ValueError, match=r"could not convert|invalid literal"):
        received(data, 178)


def test_the_official_client_repeats_a_condition_in_place_of_an_unknown_one() -> None:
    conditions = [{"type": 3, "time": "20260105 15:00:00"}, {"type": 8}]
    data = encode("openOrder", TO_CLIENT, 226, contract={}, order={"conditions": conditions}, orderState={})
    assert decoded(data, TO_CLIENT, 226).fields["order"]["conditions"] == conditions
    assert [theirs.condType for theirs in received(data, 226).call().arguments[2].conditions] == [3, 3]


def test_the_official_client_fills_in_what_is_unset() -> None:
    order = received(encode("openOrder", TO_CLIENT, 178), 178).call().arguments[2]
    assert (order.trailStopPrice, order.exemptCode, order.usePriceMgmtAlgo) == (0.0, 0, False)
    untouched = received(encode("openOrder", TO_CLIENT, 226, contract={}, order={}, orderState={}), 226).call().arguments[2]
    assert (untouched.trailStopPrice, untouched.exemptCode, untouched.usePriceMgmtAlgo) == (UNSET_DOUBLE, -1, None)
