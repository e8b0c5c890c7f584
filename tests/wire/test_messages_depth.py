"""Market depth messages, held against the official client."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from ibapi.const import UNSET_INTEGER
from ibapi.contract import Contract

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    Cases,
    Choices,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import UNICODE, received, sent
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.depth import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
ROW = "marketDepthData"

# The paths of what the official callback gets, in order.
CALLBACKS = {
    "updateMktDepth": f"reqId {ROW}.position {ROW}.operation {ROW}.side {ROW}.price {ROW}.size",
    "updateMktDepthL2": f"reqId {ROW}.position {ROW}.marketMaker {ROW}.operation {ROW}.side {ROW}.price {ROW}.size {ROW}.isSmartDepth",
    "mktDepthExchanges": "depthMarketDataDescriptions",
    "rerouteMktDepthReq": "reqId conId exchange",
}
SCHEMAS = {
    "updateMktDepth": ("MarketDepth", V.PROTOBUF_MARKET_DATA),
    "updateMktDepthL2": ("MarketDepthL2", V.PROTOBUF_MARKET_DATA),
    "mktDepthExchanges": ("MarketDepthExchanges", V.PROTOBUF_REST_MESSAGES_3),
    "rerouteMktDepthReq": ("RerouteMarketDepthRequest", V.PROTOBUF_REST_MESSAGES_1),
    "reqMktDepth": ("MarketDepthRequest", V.PROTOBUF_MARKET_DATA),
    "cancelMktDepth": ("CancelMarketDepth", V.PROTOBUF_MARKET_DATA),
    "reqMktDepthExchanges": ("MarketDepthExchangesRequest", V.PROTOBUF_REST_MESSAGES_3),
}
# The paths of what the official method is given, in order.
REQUESTS = {
    "reqMktDepth": "reqId contract numRows isSmartDepth marketDepthOptions",
    "cancelMktDepth": "reqId isSmartDepth",
    "reqMktDepthExchanges": "",
}
ASKED: Choices = {"marketDepthOptions": (None,)}  # the official client refuses to write options in text


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, CALLBACKS[name].split(), {}, UNICODE)
    else:
        yield check_requests(name, REQUESTS[name].split(), ASKED)
    type_name, gate = SCHEMAS[name]
    assert message.protobuf == gate
    yield check_protobuf(message, type_name, {})


@pytest.mark.parametrize("message", [message for message in MESSAGES if message.since > V.V100_PLUS], ids=lambda message: message.name)
def test_messages_need_their_version(message: Message) -> None:
    with pytest.raises(EncodeError, match=rf"^{message.name}: needs server version {int(message.since)} \({message.since.name}\)$"):
        encode(message.name, message.direction, message.since - 1)


BEST_BID = {"position": 0, "operation": 1, "side": 1, "price": 186.25, "size": D(300)}
LISTED = {"exchange": "ISLAND", "secType": "STK"}


@pytest.mark.parametrize(
    ("name", "version", "fields", "text"),
    [
        ("updateMktDepth", 176, {"reqId": 9001, ROW: BEST_BID}, "12|1|9001|0|1|1|186.25|300|"),
        ("updateMktDepthL2", 145, {"reqId": 9001, ROW: BEST_BID | {"marketMaker": "ARCA"}}, "13|1|9001|0|ARCA|1|1|186.25|300|"),
        ("updateMktDepthL2", 146, {"reqId": 9001, ROW: BEST_BID | {"isSmartDepth": True}}, "13|1|9001|0||1|1|186.25|300|1|"),
        ("mktDepthExchanges", 119, {"depthMarketDataDescriptions": [LISTED | {"isL2": True}]}, "80|1|ISLAND|STK|1|"),
        ("mktDepthExchanges", 120, {"depthMarketDataDescriptions": [LISTED | {"serviceDataType": "Deep2"}]}, "80|1|ISLAND|STK||Deep2||"),
        ("mktDepthExchanges", 176, {}, "80|0|"),
        ("rerouteMktDepthReq", 176, {"reqId": 9001, "conId": 265598, "exchange": "NASDAQ"}, "92|9001|265598|NASDAQ|"),
        ("reqMktDepth", 145, {"reqId": 1, "contract": {"exchange": "ISLAND"}, "numRows": 5}, "10|5|1||||||||ISLAND||||5||"),
        ("reqMktDepth", 148, {"reqId": 1, "contract": {"exchange": "ISLAND"}, "numRows": 5}, "10|5|1||||||||ISLAND||||5|||"),
        ("reqMktDepth", 149, {"reqId": 1, "contract": {"exchange": "ISLAND"}, "numRows": 5}, "10|5|1||||||||ISLAND|||||5|||"),
        ("cancelMktDepth", 145, {"reqId": 1}, "11|1|1|"),
        ("cancelMktDepth", 146, {"reqId": 1, "isSmartDepth": True}, "11|1|1|1|"),
        ("reqMktDepth", 100, {"marketDepthOptions": [{"tag": "a", "value": "1"}]}, "10|5|||||||||||||" + "|a=1;|"),
        ("reqMktDepthExchanges", 176, {}, "82|"),
    ],
)
def test_messages_as_they_stand_on_the_wire(name: str, version: int, fields: dict[str, Any], text: str) -> None:
    data = encode(name, BY_NAME[name].direction, version, **fields)
    assert data[LENGTH.size :].decode().replace("\0", "|") == text
    assert decoded(data, BY_NAME[name].direction, version).name == name


@pytest.mark.parametrize(
    ("name", "version", "fields", "path"),
    [
        ("updateMktDepthL2", 145, {ROW: {"isSmartDepth": True}}, "marketDepthData.isSmartDepth"),
        ("updateMktDepth", 176, {ROW: {"marketMaker": "ARCA"}}, "marketDepthData.marketMaker"),
        ("mktDepthExchanges", 119, {"depthMarketDataDescriptions": [{"aggGroup": 1}]}, "depthMarketDataDescriptions[0].aggGroup"),
        ("mktDepthExchanges", 120, {"depthMarketDataDescriptions": [{"isL2": True}]}, "depthMarketDataDescriptions[0].isL2"),
        ("reqMktDepth", 145, {"isSmartDepth": True}, "isSmartDepth"),
        ("reqMktDepth", 148, {"contract": {"primaryExch": "ISLAND"}}, "contract.primaryExch"),
        ("cancelMktDepth", 145, {"isSmartDepth": True}, "isSmartDepth"),
    ],
)
def test_a_value_without_a_place_is_refused(name: str, version: int, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(EncodeError, match=f"has no place in the text form at server version {version}$") as refused:
        encode(name, BY_NAME[name].direction, version, **fields)
    assert refused.value.path == path


@pytest.mark.parametrize("version", [100, 178, 205, 226])
def test_a_number_of_rows_that_the_official_client_spells_out_is_unset(version: int) -> None:
    event = decoded(sent(version, "reqMktDepth", 1, Contract(), UNSET_INTEGER, False, None), TO_SERVER, version)
    assert event.fields.get("numRows") is None


# What the official client gets wrong; the samples above stay clear of it. A test that fails here means that it is right by now.


def test_the_official_client_says_nothing_of_a_row_without_values() -> None:
    data = encode("updateMktDepth", TO_CLIENT, 226, reqId=9001)
    assert [call.name for call in received(data, 226).calls] == ["updateMarketDepthProtoBuf"]


def test_the_official_client_reads_over_the_kind_of_book() -> None:
    data = encode("mktDepthExchanges", TO_CLIENT, 119, depthMarketDataDescriptions=[LISTED | {"isL2": True}])
    (found,) = received(data, 119).call().arguments[0]
    assert (found.exchange, found.serviceDataType) == ("ISLAND", "")
