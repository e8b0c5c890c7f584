"""Orders as clients place and cancel them, held against the official client."""

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.softdollartier import SoftDollarTier
from ibapi.tag_value import TagValue

from tests.wire.asking import check_requests
from tests.wire.client_orders import GATED, OfficialOrders
from tests.wire.conformance import (
    FORGOTTEN,
    OFFICIAL,
    Case,
    Cases,
    check_protobuf,
    contained,
    decoded,
    differences,
)
from tests.wire.generate import steps
from tests.wire.oracle import VERSIONS, is_unset, sent
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import PROTOBUF, TEXT, EncodeError, Message
from twsprobe.wire.messages.order_requests import MESSAGES
from twsprobe.wire.registry import decode, encode, reencode
from twsprobe.wire.versions import HIGHEST
from twsprobe.wire.versions import ServerVersion as V

TO_SERVER = Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
SHARES = (1.0,) * 6 + (0.6,) * 7 + (0.2,) * 4 + (0.0,) * 3
"""How many of the attributes are set, in each of the samples of a version on either side of a gate; elsewhere there are fewer."""

AROUND = {name: frozenset(steps(message)) for name, message in BY_NAME.items()}

SCHEMAS = {
    "placeOrder": ("PlaceOrderRequest", V.PROTOBUF_PLACE_ORDER),
    "cancelOrder": ("CancelOrderRequest", V.PROTOBUF_PLACE_ORDER),
    "reqGlobalCancel": ("GlobalCancelRequest", V.PROTOBUF_PLACE_ORDER),
    "reqAutoOpenOrders": ("AutoOpenOrdersRequest", V.PROTOBUF_COMPLETED_ORDER),
}
CHOICES = {
    "contract.secType": ("STK", "BAG", ""),
    "contract.exchange": ("SMART", "IBKRATS"),
    "order.orderType": ("LMT", "PEG BENCH", "PEG MID", "PEGBEST", None),
    "order.scalePriceIncrement": (0.25, 0.0, None),
    "order.competeAgainstBestOffset": (math.inf, 0.02, None),
    "order.conditions[].type": (1, 3, 4, 5, 6, 7),
}
UNSET_QUANTITY = str(2**127 - 1).encode()
"""What the official client writes where no quantity is given; here, as in other clients, it is empty."""

# What the official client's objects hold and it does not send here: what TWS reports alone, and what stands elsewhere or nowhere.
REPORTED = {"autoCancelDate", "filledQuantity", "refFuturesConId", "shareholder", "parentPermId", "basisPoints", "basisPointsType"}
ATTACHED = {"slOrderId", "slOrderType", "ptOrderId", "ptOrderType"}
NOT_IN_PROTOBUF = {*REPORTED, *ATTACHED, "orderId", "auctionStrategy", "orderComboLegs"}
NOT_IN_TEXT = {
    *REPORTED,
    *ATTACHED,
    *("orderId", "clientId", "permId", "bondAccruedInterest", "submitter", "routeMarketableToBbo", "seekPriceImprovement", "whatIfType"),
    *("deactivate", "postOnly", "allowPreOpen", "ignoreOpenAuction", "hedgeMaxSize", "conditionsIncludeOvernight"),
}
RENAMED = {"primaryExchange": "primaryExch"}


def shares(name: str, version: int) -> tuple[float, ...]:
    return SHARES if version in AROUND[name] else SHARES[1::4]


def lacking(ours: dict[str, Any], theirs: Any) -> set[str]:
    """The attributes of an official object that are set and not among our values."""
    given = {name for name, value in vars(theirs).items() if not (value == [] or is_unset(value))}
    return {name for name in given if RENAMED.get(name, name) not in ours}


def placed(version: int, sample: int, share: float) -> tuple[Contract, Order, bytes]:
    """An order that the official client placed, and its bytes."""
    maker = OfficialOrders(f"{version} {sample}", share, version)
    contract, order = maker.contract(), maker.order()
    return contract, order, sent(version, "placeOrder", 7 + sample, contract, order)


def check_text_order(version: int, sample: int, share: float) -> set[str]:
    """We read an order in text as the official client wrote it, and write the same bytes for it. Says which fields it has."""
    contract, order, data = placed(version, sample, share)
    event = decoded(data, TO_SERVER, version)
    assert (event.name, event.encoding, event.fields["orderId"]) == ("placeOrder", TEXT, 7 + sample)
    ours = dict(event.fields["order"])
    assert not any(ours.pop(name, None) for name in (*FORGOTTEN, "externalUserId"))
    assert differences(ours, order, "order") + differences(event.fields["contract"], contract, "contract") == []
    fields = {name: value for name, value in event.fields.items() if name != "version"}
    written = encode("placeOrder", TO_SERVER, version, **fields)[LENGTH.size :].split(b"\0")
    assert written == [b"" if piece == UNSET_QUANTITY else piece for piece in data[LENGTH.size :].split(b"\0")]
    return set(ours)


def check_protobuf_order(version: int, sample: int, share: float) -> set[str]:
    """The same in protobuf."""
    contract, order, data = placed(version, sample, share)
    event = decoded(data, TO_SERVER, version)
    assert (event.name, event.encoding, event.fields["orderId"]) == ("placeOrder", PROTOBUF, 7 + sample)
    assert encode("placeOrder", TO_SERVER, version, **event.fields) == data
    of_contract, of_order, attached = (event.fields[name] for name in ("contract", "order", "attachedOrders"))
    prices = [leg.pop("perLegPrice", None) for leg in of_contract.get("comboLegs", ())]
    given = [None if is_unset(leg.price) else leg.price for leg in order.orderComboLegs or ()]
    assert prices == [*given, *[None] * len(prices)][: len(prices)]
    for name in ("algoParams", "smartComboRoutingParams", "orderMiscOptions"):  # maps, which have no order
        for tags in (of_order.get(name, []), getattr(order, name) or []):
            tags.sort(key=lambda element: element["tag"] if isinstance(element, dict) else element.tag)
    found = differences(of_order, order, "order") + differences(of_contract, contract, "contract")
    assert found + differences(attached, order, "attachedOrders") == []
    assert lacking({**of_order, **attached}, order) <= NOT_IN_PROTOBUF
    assert lacking(of_contract, contract) <= {"lastTradeDate"}
    return set(of_order)


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    type_name, gate = SCHEMAS[name]
    assert message.protobuf == gate
    yield check_protobuf(message, type_name, CHOICES)
    yield check_requests(name, ["autoBind"], {}) if name == "reqAutoOpenOrders" else check_sent(message)


def check_sent(message: Message) -> Cases:
    """The official client's requests with orders and cancels of every kind, at every server version."""
    cases = Cases()
    for version in VERSIONS:
        for sample, share in enumerate(shares(message.name, version)):
            if message.name != "placeOrder":
                check_cancel(message, version, sample, share)
            elif message.encoding(version) == TEXT:
                check_text_order(version, sample, share)
            else:
                check_protobuf_order(version, sample, share)
            cases[Case(OFFICIAL, message.encoding(version), version)] += 1
    return cases


def check_cancel(message: Message, version: int, sample: int, share: float) -> None:
    """We read a cancel as the official client wrote it, and write the same bytes for it."""
    cancel = OfficialOrders(f"{message.name} {version} {sample}", share, version).cancel()
    arguments = {"orderId": 7} if message.name == "cancelOrder" else {}
    data = sent(version, message.name, *arguments.values(), cancel)
    event = decoded(data, TO_SERVER, version)
    ours = dict(event.fields.get("orderCancel", {}))
    assert not ours.pop("externalUserId", None)
    assert (event.name, event.encoding) == (message.name, message.encoding(version))
    assert {key: event.fields.get(key) for key in arguments} == arguments
    assert differences(ours, cancel, "orderCancel") == []
    unheard = {"manualOrderCancelTime"} if event.encoding == TEXT and message.name == "reqGlobalCancel" else set()
    assert lacking(ours, cancel) <= unheard
    fields = {key: value for key, value in event.fields.items() if key != "version"}
    assert encode(message.name, TO_SERVER, version, **fields) == data


def test_every_attribute_of_an_order_is_placed_or_known_not_to_be() -> None:
    in_text = set.union(*(check_text_order(V.PROTOBUF_PLACE_ORDER - 1, sample, 1.0) for sample in range(40)))
    in_protobuf = set.union(*(check_protobuf_order(HIGHEST, sample, 1.0) for sample in range(40)))
    assert (set(vars(Order())) - in_text, set(vars(Order())) - in_protobuf) == (NOT_IN_TEXT, NOT_IN_PROTOBUF)


def with_value(attribute: str) -> tuple[dict[str, Any], Contract, Order]:
    """Our fields and the official client's objects with one attribute set, where each of the pegged offsets has a place."""
    kinds = {bool: True, int: 1, float: math.inf, str: "a", type(None): 1, SoftDollarTier: SoftDollarTier("a")}
    value = kinds[type(getattr(Order(), attribute))]
    contract, order = Contract(), Order()
    contract.exchange, order.orderType, order.cashQty = "IBKRATS", "PEG MID" if attribute.startswith("mid") else "PEG BEST", 0.0
    setattr(order, attribute, value)
    fields: dict[str, Any] = {"contract": {"exchange": "IBKRATS"}, "order": {"orderType": order.orderType}}
    fields.setdefault(inside(attribute), {})[attribute] = {"name": "a"} if attribute == "softDollarTier" else value
    return fields, contract, order


def inside(attribute: str) -> str:
    return "attachedOrders" if attribute in ATTACHED else "order"


@pytest.mark.parametrize(("gate", "attribute"), [(gate, attribute) for gate, names in GATED.items() for attribute in names])
def test_a_value_behind_a_closed_gate_is_refused(gate: V, attribute: str) -> None:
    fields, contract, order = with_value(attribute)
    event = decoded(sent(gate, "placeOrder", 7, contract, order), TO_SERVER, gate)
    assert differences({attribute: event.fields[inside(attribute)][attribute]}, order, "") == []
    assert lacking(event.fields[inside(attribute)], order) & {attribute} == set()
    ours = decoded(encode("placeOrder", TO_SERVER, gate, **fields), TO_SERVER, gate)
    assert contained(fields, ours.fields) == []
    with pytest.raises(AssertionError):  # the official client reports an error and sends nothing
        sent(gate - 1, "placeOrder", 7, contract, order)
    if attribute != "routeMarketableToBbo":  # TWS reports it before that, and the record is one for both directions
        path = rf"{inside(attribute)}\.{attribute}(\.name)?"
        with pytest.raises(EncodeError, match=rf"^placeOrder\.{path}: (has no place in the text form at|needs) server version"):
            encode("placeOrder", TO_SERVER, gate - 1, **fields)


def text_of(name: str, version: int, **fields: Any) -> list[str]:
    """The fields of a text message, without its id."""
    data = encode(name, TO_SERVER, version, encoding=TEXT, **fields)
    return data[LENGTH.size :].split(b"\0", 1)[1].decode().split("\0")[:-1]


def limit_order() -> tuple[Contract, Order]:
    contract, order = Contract(), Order()
    contract.symbol, contract.secType, contract.exchange, contract.currency = "AAPL", "STK", "SMART", "USD"
    order.action, order.totalQuantity, order.orderType, order.lmtPrice, order.tif = "BUY", Decimal(100), "LMT", 186.25, "DAY"
    return contract, order


UNSET = "1.7976931348623157e+308"
LIMIT_ORDER = (
    "3|7|0|AAPL|STK|||||SMART||USD|||||BUY|100|LMT|186.25||DAY||||0||1|0|0|0|0|0|0|0||0|||||||0||-1|0|||0|||0|0||0||||||0|||||0||||||||"
    f"|||0|||0|0|||0||0|0|0|0||{UNSET}|{UNSET}|{UNSET}|{UNSET}|{UNSET}|0||||{UNSET}|||||0|0|0||2147483647|2147483647|0|||"
)


def test_an_order_as_it_stands_on_the_wire() -> None:
    data = sent(178, "placeOrder", 7, *limit_order())
    assert data[LENGTH.size :].replace(b"\0", b"|").decode() == LIMIT_ORDER
    event = decoded(data, TO_SERVER, 178)
    order = event.fields["order"]
    assert (order["action"], order["totalQuantity"], order["lmtPrice"], order["auxPrice"]) == ("BUY", 100, 186.25, None)
    assert (order["transmit"], order["exemptCode"], order["triggerPrice"], order["duration"]) == (True, -1, None, None)
    assert (event.fields["contract"]["symbol"], event.fields["contract"]["strike"]) == ("AAPL", None)


def test_an_order_in_protobuf_as_it_stands_on_the_wire() -> None:
    contract, order = {"symbol": "AAPL"}, {"action": "BUY", "totalQuantity": "100", "orderType": "MKT"}
    data = encode("placeOrder", TO_SERVER, V.PROTOBUF_PLACE_ORDER, orderId=7, contract=contract, order=order)
    assert data == bytes.fromhex("0000001f 000000cb 0807 1206 12044141504c 1a0f 2a03425559 3203313030 42034d4b54")


def test_the_inner_version_ends_with_order_containers() -> None:
    assert text_of("placeOrder", V.ORDER_CONTAINER - 1, orderId=7)[:2] == ["45", "7"]
    assert text_of("placeOrder", V.ORDER_CONTAINER, orderId=7)[:1] == ["7"]


def test_legs_stand_in_combinations_alone() -> None:
    legs, prices = [{"conId": 1, "ratio": 1, "action": "BUY"}, {"conId": 2, "ratio": 3, "action": "SELL"}], [1.5, None]
    tags = [{"tag": "NonGuaranteed", "value": "1"}]
    given = {"contract": {"secType": "BAG", "comboLegs": legs}, "order": {"orderComboLegs": prices, "smartComboRoutingParams": tags}}
    fields = text_of("placeOrder", 178, **given)
    at = fields.index("2")
    assert "|".join(fields[at:]).startswith("2|1|1|BUY||||||2|3|SELL||||||2|1.5||1|NonGuaranteed|1|")
    with pytest.raises(EncodeError, match=r"contract\.comboLegs\[0\]\.conId: has no place in the text form at server version 178"):
        text_of("placeOrder", 178, contract={"secType": "STK", "comboLegs": legs})


OFFSETS = {"minTradeQty": 11, "minCompeteSize": 22, "competeAgainstBestOffset": 33.5, "midOffsetAtWhole": 44.5, "midOffsetAtHalf": 55.5}
MIDDLE = {"midOffsetAtWhole", "midOffsetAtHalf"}
BEST = {"minCompeteSize", "competeAgainstBestOffset"}


@pytest.mark.parametrize(
    ("exchange", "kind", "best", "names"),
    [
        ("SMART", "LMT", 33.5, set()),
        ("IBKRATS", "LMT", 33.5, {"minTradeQty"}),
        ("SMART", "PEG MID", 33.5, MIDDLE),
        ("SMART", "PEGMID", math.inf, MIDDLE),
        ("SMART", "PEG BEST", 33.5, BEST),
        ("IBKRATS", "PEGBEST", math.inf, {"minTradeQty"} | BEST | MIDDLE),
    ],
)
def test_which_offsets_have_a_place(exchange: str, kind: str, best: float, names: set[str]) -> None:
    contract, order = limit_order()
    contract.exchange, order.orderType = exchange, kind
    values = {**OFFSETS, "competeAgainstBestOffset": best}
    for name, value in values.items():
        setattr(order, name, value)
    found = decoded(sent(178, "placeOrder", 7, contract, order), TO_SERVER, 178).fields["order"]
    assert {name: found[name] for name in values if name in found} == {name: values[name] for name in names}
    for name in values.keys() - names:
        with pytest.raises(EncodeError, match=rf"^placeOrder\.order\.{name}: has no place in the text form"):
            text_of("placeOrder", 178, contract={"exchange": exchange}, order={"orderType": kind, name: values[name]})


def test_options_are_one_field_in_text() -> None:
    options = [{"tag": "a", "value": "1"}, {"tag": "b c", "value": ""}]
    assert "a=1;b c=;" in text_of("placeOrder", 178, order={"orderMiscOptions": options})
    contract, order = limit_order()
    order.orderMiscOptions = [TagValue("a", "1"), TagValue("b c", "")]
    for version in (178, 226):
        found = decoded(sent(version, "placeOrder", 7, contract, order), TO_SERVER, version).fields["order"]["orderMiscOptions"]
        assert sorted(found, key=lambda option: str(option["tag"])) == options
    with pytest.raises(EncodeError, match=r"^placeOrder\.order\.orderMiscOptions: .* is not list of tags and values$"):
        text_of("placeOrder", 178, order={"orderMiscOptions": [{"tag": "a;b", "value": "1"}]})


RFQ_VERSIONS = range(V.RFQ_FIELDS, V.UNDO_RFQ_FIELDS)


def test_what_stood_for_quotes_in_a_few_versions() -> None:
    order, cancel = {"externalUserId": "me", "manualOrderIndicator": 1}, {"externalUserId": "me", "extOperator": "you"}
    for version in RFQ_VERSIONS:
        assert text_of("placeOrder", version, order=order)[-3 if version >= V.INCLUDE_OVERNIGHT else -2 :][:2] == ["me", "1"]
        assert text_of("cancelOrder", version, orderId=7, orderCancel=cancel) == ["1", "7", "", "you", "me", "2147483647"]
        assert sent(version, "cancelOrder", 7, OrderCancel())[LENGTH.size :] == b"4\x001\x007\0\0\0\x002147483647\0"
    for name, fields in (("placeOrder", {"order": order}), ("cancelOrder", {"orderCancel": cancel})):
        for version in (V.RFQ_FIELDS - 1, V.UNDO_RFQ_FIELDS):
            with pytest.raises(EncodeError, match="has no place in the text form"):
                encode(name, TO_SERVER, version, **fields)


def test_an_order_that_is_cut_short_gives_what_it_holds() -> None:
    payload = LIMIT_ORDER.replace("|", "\0").encode()
    for end in range(2, len(payload)):
        event = decode(payload[:end], TO_SERVER, 178)
        if isinstance(event, Decoded):
            assert event.missing is not None or event.anomalies == ("the last field does not end in NUL",)
            assert reencode(event)[LENGTH.size :] == payload[:end]


# What the official client gets wrong; the samples above stay clear of it. A test that fails here means that they need not any more.


def test_the_official_client_refuses_all_orders_without_an_amount_of_money_before_there_was_one() -> None:
    contract, order = limit_order()
    with pytest.raises(AssertionError):
        sent(V.CASH_QTY - 1, "placeOrder", 7, contract, order)
    assert sent(V.CASH_QTY, "placeOrder", 7, contract, order)


def test_the_official_client_writes_a_mark_of_its_own_where_no_quantity_is_given() -> None:
    contract, order = limit_order()
    order.totalQuantity, order.cashQty = Order().totalQuantity, 1000.0
    data = sent(178, "placeOrder", 7, contract, order)
    assert UNSET_QUANTITY in data
    assert decoded(data, TO_SERVER, 178).fields["order"]["totalQuantity"] is None
