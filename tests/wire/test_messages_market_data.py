"""Market data messages, held against the official client."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from ibapi.const import UNSET_INTEGER
from ibapi.contract import Contract

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    Choices,
    check_calls,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import UNICODE, Call, Sampler, received, sent
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.market_data import MESSAGES
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.tick_types import TICK_TYPES
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
IDS = (-1, 0, 9001, 2**31 - 2)
OF_A_TYPE = {"reqId": IDS, "tickType": (*TICK_TYPES, -1, 112)}
GREEKS = "optPrice pvDividend gamma vega theta undPrice"

# What a sample chooses from. The official client drops messages of tick type 111, and numbers that are empty where it goes by signatures.
CHOICES: dict[str, Choices] = {
    "tickPrice": OF_A_TYPE | {"attrMask": (None, 0, *range(9))},
    "tickSize": OF_A_TYPE,
    "tickOptionComputation": {"tickType": (10, 13, 53, 83), "version": (1, 5, 6, 7), "impliedVol": (None, 0.0, 0.25, 1e-9)},
    "tickGeneric": OF_A_TYPE | {"value": (0.0, -1.5, 2.5, 1e300)},
    "tickString": OF_A_TYPE,
    "tickEFP": OF_A_TYPE
    | {"holdDays": (0, 31)}
    | dict.fromkeys(("basisPoints", "impliedFuture", "dividendImpact", "dividendsToLastTradeDate"), (0.0, -1.25, 186.25)),
    "tickSnapshotEnd": {"reqId": IDS},
    "marketDataType": {"reqId": IDS, "marketDataType": (1, 2, 3, 4)},
    "tickReqParams": {"minTick": (D("0.25"), D("1E+2"), None)},  # what floats hold too
    "tickByTick": {"tickType": (1, 2, 3, 4)},
}
# The paths of what the official callback gets, in order; the characters of a sample.
CALLBACKS = {
    "tickSize": ("reqId tickType size", UNICODE),
    "tickOptionComputation": (f"reqId tickType tickAttrib impliedVol delta {GREEKS}", UNICODE),
    "tickGeneric": ("reqId tickType value", UNICODE),
    "tickString": ("reqId tickType value", UNESCAPABLE),
    "tickEFP": (
        "reqId tickType basisPoints formattedBasisPoints impliedFuture holdDays "
        "futureLastTradeDate dividendImpact dividendsToLastTradeDate",
        UNESCAPABLE,
    ),
    "tickSnapshotEnd": ("reqId", UNICODE),
    "marketDataType": ("reqId marketDataType", UNICODE),
    "tickReqParams": ("reqId minTick bboExchange snapshotPermissions", UNICODE),
    "smartComponents": ("reqId smartComponents", UNICODE),
    "rerouteMktDataReq": ("reqId conId exchange", UNICODE),
}
SCHEMAS = {
    "tickPrice": ("TickPrice", V.PROTOBUF_MARKET_DATA),
    "tickSize": ("TickSize", V.PROTOBUF_MARKET_DATA),
    "tickOptionComputation": ("TickOptionComputation", V.PROTOBUF_MARKET_DATA),
    "tickGeneric": ("TickGeneric", V.PROTOBUF_MARKET_DATA),
    "tickString": ("TickString", V.PROTOBUF_MARKET_DATA),
    "tickSnapshotEnd": ("TickSnapshotEnd", V.PROTOBUF_MARKET_DATA),
    "marketDataType": ("MarketDataType", V.PROTOBUF_MARKET_DATA),
    "tickReqParams": ("TickReqParams", V.PROTOBUF_MARKET_DATA),
    "smartComponents": ("SmartComponents", V.PROTOBUF_REST_MESSAGES_2),
    "rerouteMktDataReq": ("RerouteMarketDataRequest", V.PROTOBUF_REST_MESSAGES_1),
    "tickByTick": ("TickByTickData", V.PROTOBUF_HISTORICAL_DATA),
    "reqMktData": ("MarketDataRequest", V.PROTOBUF_MARKET_DATA),
    "cancelMktData": ("CancelMarketData", V.PROTOBUF_MARKET_DATA),
    "reqMarketDataType": ("MarketDataTypeRequest", V.PROTOBUF_MARKET_DATA),
    "reqSmartComponents": ("SmartComponentsRequest", V.PROTOBUF_REST_MESSAGES_2),
    "reqTickByTickData": ("TickByTickRequest", V.PROTOBUF_HISTORICAL_DATA),
    "cancelTickByTickData": ("CancelTickByTick", V.PROTOBUF_HISTORICAL_DATA),
}
# The paths of what the official method is given, in order.
REQUESTS = {
    "reqMktData": "reqId contract genericTickList snapshot regulatorySnapshot marketDataOptions",
    "cancelMktData": "reqId",
    "reqMarketDataType": "marketDataType",
    "reqSmartComponents": "reqId bboExchange",
    "reqTickByTickData": "reqId contract tickType numberOfTicks ignoreSize",
    "cancelTickByTickData": "reqId",
}
# The official client refuses to write options in text.
ASKED: Choices = {"contract.secType": ("STK", "BAG", "BAG", None), "marketDataOptions": (None,)}
SIZES = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}
"""The tick type of the size that stands with a price of a type."""


KINDS = ("historicalTickLast", "historicalTickBidAsk", "historicalTickMidPoint")
TICKS: list[Choices] = [{kind: (True if kind == wanted else None,) for kind in KINDS} for wanted in KINDS]
"""The official schema has one of these records in a message; of several it keeps the last."""


def price_calls(values: Values, version: int) -> list[Call]:
    """What the official client makes of a tickPrice."""
    kind, mask = values["tickType"], values["attrMask"] or 0
    flags = {
        "canAutoExecute": mask & 1 != 0 if version >= V.PAST_LIMIT else mask == 1,
        "pastLimit": version >= V.PAST_LIMIT and mask & 2 != 0,
        "preOpen": version >= V.PRE_OPEN_BID_ASK and mask & 4 != 0,
    }
    size = [Call("tickSize", (values["reqId"], SIZES[kind], values["size"]))] if kind in SIZES else []
    return [Call("tickPrice", (values["reqId"], kind, values["price"], flags)), *size]


def tick_by_tick_calls(values: Values, version: int) -> list[Call]:
    """What the official client makes of a tickByTick."""
    id, kind, time, mask = values["reqId"], values["tickType"], values["time"], values.get("mask") or 0
    if kind in (1, 2):
        flags = {"pastLimit": mask & 1 != 0, "unreported": mask & 2 != 0}
        rest = (values["price"], values["size"], flags, values["exchange"], values["specialConditions"])
        return [Call("tickByTickAllLast", (id, kind, time, *rest))]
    if kind == 3:
        flags = {"bidPastLow": mask & 1 != 0, "askPastHigh": mask & 2 != 0}
        rest = (*(values[name] for name in ("priceBid", "priceAsk", "sizeBid", "sizeAsk")), flags)
        return [Call("tickByTickBidAsk", (id, time, *rest))]
    return [Call("tickByTickMidPoint", (id, time, values["price"]))]


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        paths, alphabet = CALLBACKS[name]
        yield check_text(name, paths.split(), CHOICES.get(name, {}), alphabet)
    elif name in REQUESTS:
        # Before it the official client refuses, see below.
        first = V.TICK_BY_TICK_IGNORE_SIZE if name == "reqTickByTickData" else V.V100_PLUS
        yield check_requests(name, REQUESTS[name].split(), ASKED, first)
    elif name == "tickPrice":
        yield check_calls(name, price_calls, CHOICES[name])
    else:
        for kind in (1, 2, 3, 4):
            yield check_calls(name, tick_by_tick_calls, {"tickType": (kind,), "mask": (0, 1, 2, 3, None)})
    if message.protobuf is not None:
        type_name, gate = SCHEMAS[name]
        assert message.protobuf == gate
        for choices in TICKS if name == "tickByTick" else ({},):
            yield check_protobuf(message, type_name, choices)


@pytest.mark.parametrize("message", [message for message in MESSAGES if message.since > V.V100_PLUS], ids=lambda message: message.name)
def test_messages_need_their_version(message: Message) -> None:
    with pytest.raises(EncodeError, match=rf"^{message.name}: needs server version {int(message.since)} \({message.since.name}\)$"):
        encode(message.name, message.direction, message.since - 1)


# As it stands on the wire.


def pieces(name: str, server_version: int, fields: dict[str, Any]) -> str:
    """A text message from its id on, its NULs as bars."""
    data = encode(name, BY_NAME[name].direction, server_version, encoding="text", **fields)
    return data[LENGTH.size :].decode().replace("\0", "|")


def read(text: str, version: int) -> Decoded:
    """A text message to the client, bars for NULs."""
    event = decode(text.replace("|", "\0").encode(), TO_CLIENT, version)
    assert isinstance(event, Decoded), event
    return event


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("1|6|9001|1|186.25|300|3|", {"tickType": 1, "price": 186.25, "size": D(300), "attrMask": 3}),
        ("2|6|9001|8|1234567|", {"tickType": 8, "size": D(1234567)}),
        ("45|6|9001|49|0.0|", {"tickType": 49, "value": 0.0}),
        ("46|6|9001|45|1711315139|", {"tickType": 45, "value": "1711315139"}),
        (
            "47|6|9001|38|12.5|0.13%|186.5|31|20260116|0.5|0.24|",
            {
                "tickType": 38,
                "basisPoints": 12.5,
                "formattedBasisPoints": "0.13%",
                "impliedFuture": 186.5,
                "holdDays": 31,
                "futureLastTradeDate": "20260116",
                "dividendImpact": 0.5,
                "dividendsToLastTradeDate": 0.24,
            },
        ),
        ("57|1|9001|", {}),
        ("58|1|9001|3|", {"marketDataType": 3}),
        ("81|9001|0.01|9c0001|3|", {"minTick": D("0.01"), "bboExchange": "9c0001", "snapshotPermissions": 3}),
        ("91|9001|265598|SMART|", {"conId": 265598, "exchange": "SMART"}),
        (
            "82|9001|2|0|AMEX|A|15|NASDAQ|Q|",
            {
                "smartComponents": [
                    {"bitNumber": 0, "exchange": "AMEX", "exchangeLetter": "A"},
                    {"bitNumber": 15, "exchange": "NASDAQ", "exchangeLetter": "Q"},
                ]
            },
        ),
        (
            "99|9001|2|1711315139|186.25|100|2|NASDAQ| I|",
            {
                "tickType": 2,
                "time": 1711315139,
                "price": 186.25,
                "size": D(100),
                "mask": 2,
                "exchange": "NASDAQ",
                "specialConditions": " I",
            },
        ),
        (
            "99|9001|3|1711315139|186.25|186.5|100|0.5|1|",
            {
                "tickType": 3,
                "time": 1711315139,
                "priceBid": 186.25,
                "priceAsk": 186.5,
                "sizeBid": D(100),
                "sizeAsk": D("0.5"),
                "mask": 1,
            },
        ),
        ("99|9001|4|1711315139|186.375|", {"tickType": 4, "time": 1711315139, "price": 186.375}),
        ("99|9001|0|1711315139|", {"tickType": 0, "time": 1711315139}),
    ],
)
def test_ticks_as_they_stand_on_the_wire(text: str, fields: dict[str, Any]) -> None:
    event = read(text, 176)
    assert {name: value for name, value in event.fields.items() if name != "version"} == {"reqId": 9001, **fields}
    assert event.anomalies == ()
    assert pieces(event.name, 176, {"reqId": 9001, **fields}) == text


def test_ticks_are_flat_in_text() -> None:
    for name in ("tickPrice", "tickSize", "tickByTick"):
        for turn in range(20):
            values = Sampler(f"{name} {turn}", 1.0, CHOICES[name]).layout(BY_NAME[name].layout(178))
            fields = decoded(encode(name, TO_CLIENT, 178, **values), TO_CLIENT, 178).fields
            assert not [value for value in fields.values() if isinstance(value, (dict, list))]


OPTION = {"reqId": 9001, "tickType": 10, "impliedVol": 0.25, "delta": 0.5}
MODEL = OPTION | {"tickType": 13, "optPrice": 3.5, "pvDividend": 0.0}
ALL = MODEL | {"gamma": 0.01, "vega": 0.2, "theta": -0.05, "undPrice": 186.25}


@pytest.mark.parametrize(
    ("version", "text", "fields"),
    [
        (155, "21|5|9001|10|0.25|0.5|", OPTION | {"version": 5}),
        (155, "21|5|9001|13|0.25|0.5|3.5|0.0|", MODEL | {"version": 5}),
        (155, "21|5|9001|83|0.25|0.5|3.5|0.0|", MODEL | {"version": 5, "tickType": 83}),
        (155, "21|6|9001|13|0.25|0.5|3.5|0.0|0.01|0.2|-0.05|186.25|", ALL),
        (156, "21|9001|13|1|0.25|0.5|3.5|0.0|0.01|0.2|-0.05|186.25|", ALL | {"tickAttrib": 1}),
    ],
)
def test_greeks_at_both_sides_of_their_gates(version: int, text: str, fields: dict[str, Any]) -> None:
    assert pieces("tickOptionComputation", version, fields) == text
    event = read(text, version)
    assert event.anomalies == ()
    assert event.fields == ({"version": 6} if version < V.PRICE_BASED_VOLATILITY else {}) | fields


def test_what_is_not_computed_is_kept_as_it_came() -> None:
    text = "21|9001|13|0|-1.0|-2.0|-1.0|-1.0|-2.0|-2.0|-2.0|-1.0|"
    event = read(text, 178)
    assert [event.fields[name] for name in ("impliedVol", "delta", *GREEKS.split())] == [-1, -2, -1, -1, -2, -2, -2, -1]
    data = encode("tickOptionComputation", TO_CLIENT, 178, **event.fields)
    assert received(data, 178).call().arguments == (9001, 13, 0, *[None] * 8)  # where the official client says None


LEGS = [{"conId": 1, "ratio": 1, "action": "BUY", "exchange": "SMART"}, {"conId": 2, "ratio": 3, "action": "SELL", "exchange": "ARCA"}]
HEDGE = {"conId": 756733, "delta": 0.5, "price": 600.25}


@pytest.mark.parametrize(
    ("version", "contract", "text"),
    [
        (113, {"secType": "STK"}, "|1||IBKR|STK||||||||||0||1||"),
        (114, {"secType": "STK"}, "|1||IBKR|STK||||||||||0||1|||"),
        (114, {"secType": "STK", "deltaNeutralContract": HEDGE}, "|1||IBKR|STK||||||||||1|756733|0.5|600.25||1|||"),
        (114, {"secType": "BAG"}, "|1||IBKR|BAG||||||||||0|0||1|||"),
        (114, {"secType": "BAG", "comboLegs": LEGS}, "|1||IBKR|BAG||||||||||2|1|1|BUY|SMART|2|3|SELL|ARCA|0||1|||"),
    ],
)
def test_a_request_as_it_stands_on_the_wire(version: int, contract: dict[str, Any], text: str) -> None:
    found = pieces("reqMktData", version, {"reqId": 1, "contract": {"symbol": "IBKR", **contract}, "snapshot": True})
    assert found == f"1|11{text}"


def test_options_are_one_field_in_text_and_a_map_in_protobuf() -> None:
    # The official client refuses to write them in text; its Java form is likely this one.
    options = [{"tag": "a", "value": "1"}, {"tag": "b", "value": "2"}]
    fields: Values = {"reqId": 1, "contract": {"secType": "STK"}, "marketDataOptions": options}
    assert pieces("reqMktData", 178, fields).endswith("|0||||a=1;b=2;|")
    for version in (178, 226):
        data = encode("reqMktData", TO_SERVER, version, **fields)
        assert decoded(data, TO_SERVER, version).fields["marketDataOptions"] == options


def test_legs_are_of_combinations_alone() -> None:
    with pytest.raises(EncodeError, match=r"contract\.comboLegs\[0\]\.conId: has no place in the text form at server version 114"):
        encode("reqMktData", TO_SERVER, 114, contract={"secType": "STK", "comboLegs": LEGS})


@pytest.mark.parametrize(
    ("name", "version", "fields", "reason"),
    [
        ("reqMktData", 113, {"regulatorySnapshot": True}, "regulatorySnapshot: has no place in the text form at server version 113"),
        ("reqTickByTickData", 139, {"numberOfTicks": 5}, "numberOfTicks: has no place in the text form at server version 139"),
        ("reqTickByTickData", 139, {"ignoreSize": True}, "ignoreSize: has no place in the text form at server version 139"),
        ("tickOptionComputation", 155, {"tickAttrib": 1}, "tickAttrib: has no place in the text form at server version 155"),
        ("tickByTick", 178, {"tickType": 3, "price": 1.0}, "price: has no place in the text form at server version 178"),
        ("tickReqParams", 178, {"lastPricePrecision": 1}, "lastPricePrecision: has no place in the text form at server version 178"),
        ("tickByTick", 226, {"price": 1.0}, "price: TickByTickData has no such protobuf field"),
    ],
)
def test_a_value_without_a_place_is_refused(name: str, version: int, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(EncodeError, match=rf"^{name}\.{reason}$"):
        encode(name, BY_NAME[name].direction, version, **fields)


def test_ticks_before_their_size_could_be_ignored() -> None:
    # The official client refuses to write this at 137 to 139; see below.
    text = "97|1|265598|AAPL|STK|||||SMART||USD|||AllLast|"
    event = decode(text.replace("|", "\0").encode(), TO_SERVER, V.TICK_BY_TICK_IGNORE_SIZE - 1)
    assert isinstance(event, Decoded)
    assert event.anomalies == ()
    assert (event.fields["contract"]["exchange"], event.fields["tickType"]) == ("SMART", "AllLast")
    assert pieces("reqTickByTickData", 139, event.fields) == text


def test_a_tick_of_an_unknown_kind_keeps_its_fields() -> None:
    event = read("99|9001|5|1711315139|186.25|x|", 178)
    assert (event.fields["tickType"], event.extra) == (5, ("186.25", "x"))


@pytest.mark.parametrize("version", [100, 178, 205, 226])
def test_numbers_that_the_official_client_spells_out_are_unset(version: int) -> None:
    contract = Contract()
    contract.conId = UNSET_INTEGER
    event = decoded(sent(version, "reqMktData", UNSET_INTEGER, contract, "", False, False, None), TO_SERVER, version)
    assert (event.fields.get("reqId"), event.fields["contract"].get("conId")) == (None, None)


# What the official client gets wrong; the samples above stay clear of it. A test that fails here means that they need not any more.


@pytest.mark.parametrize(
    ("name", "version", "field", "value"),
    [("tickSize", 178, "size", 1), ("tickSize", 226, "size", 1), ("tickGeneric", 226, "value", 1.0), ("tickString", 226, "value", "1")],
)
def test_the_official_client_drops_ticks_of_its_own_unset_type(name: str, version: int, field: str, value: Any) -> None:
    data = encode(name, TO_CLIENT, version, reqId=1, tickType=111, **{field: value})
    assert decoded(data, TO_CLIENT, version).fields["tickType"] == 111
    assert [call.name for call in received(data, version).calls if not call.name.endswith("ProtoBuf")] == []


def test_the_official_client_refuses_tick_by_tick_before_sizes_could_be_ignored() -> None:
    with pytest.raises(AssertionError):
        sent(V.TICK_BY_TICK_IGNORE_SIZE - 1, "reqTickByTickData", 1, Contract(), "Last", 0, False)


def test_the_official_client_says_nothing_of_a_tick_without_a_kind() -> None:
    found = received(encode("tickByTick", TO_CLIENT, 178, reqId=1, tickType=0, time=1), 178)
    assert (found.calls, found.left) == ([], [])


def test_a_message_with_two_kinds_of_ticks_is_kept_whole() -> None:
    fields: dict[str, Any] = {"reqId": 1, "historicalTickLast": {"price": 1.5}, "historicalTickMidPoint": {"price": 2.5}}
    data = encode("tickByTick", TO_CLIENT, 226, **fields)
    assert decoded(data, TO_CLIENT, 226).fields == fields
    assert received(data, 226).message().WhichOneof("tick") == "historicalTickMidPoint"
