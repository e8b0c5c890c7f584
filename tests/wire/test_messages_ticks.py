"""Ticks of the past, held against the official client."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    Cases,
    Choices,
    check_calls,
    check_protobuf,
    decoded,
)
from tests.wire.oracle import Call, received, sent
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.ticks import MESSAGES, QUOTE
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.versions import HIGHEST
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}

# The record of flags that the official client makes of the mask, and which bit each flag is.
FLAGS: dict[str, tuple[str, dict[str, int]]] = {
    "historicalTicks": ("", {}),
    "historicalTicksBidAsk": ("tickAttribBidAsk", {"askPastHigh": 1, "bidPastLow": 2}),
    "historicalTicksLast": ("tickAttribLast", {"pastLimit": 1, "unreported": 2}),
}
REQUESTS = {
    "reqHistoricalTicks": "reqId contract startDateTime endDateTime numberOfTicks whatToShow useRTH ignoreSize miscOptions",
    "cancelHistoricalTicks": "reqId",
}
SCHEMAS = {
    "historicalTicks": "HistoricalTicks",
    "historicalTicksBidAsk": "HistoricalTicksBidAsk",
    "historicalTicksLast": "HistoricalTicksLast",
    "reqHistoricalTicks": "HistoricalTicksRequest",
    "cancelHistoricalTicks": "CancelHistoricalTicks",
}


def masks(name: str) -> Choices:
    return {f"{name}[].mask": (0, 1, 2, 3, None)}


def tick_calls(name: str, values: Values) -> list[Call]:
    """The callback for ticks, with flags in place of the mask."""
    record, bits = FLAGS[name]
    ticks = [{key: value for key, value in tick.items() if key != "mask"} for tick in values[name]]
    for tick, ours in zip(ticks, values[name], strict=True):
        if record:
            tick[record] = {flag: bool((ours["mask"] or 0) & bit) for flag, bit in bits.items()}
    return [Call(name, (values["reqId"], ticks, values["isDone"]))]


def text_of(name: str, **fields: Any) -> str:
    """The fields of a text message behind its id, with bars for NULs."""
    return encode(name, TO_CLIENT, 178, **fields)[LENGTH.size :].partition(b"\0")[2].decode().replace("\0", "|")


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in REQUESTS:
        yield check_requests(name, REQUESTS[name].split(), {})
    else:
        yield check_calls(name, lambda values, _: tick_calls(name, values), {f"{name}[].mask": (0, 1, 2, 3, None)})
    assert message.protobuf == (V.CANCEL_CONTRACT_DATA if name == "cancelHistoricalTicks" else V.PROTOBUF_HISTORICAL_DATA)
    yield check_protobuf(message, SCHEMAS[name], {})


def test_ticks_as_they_stand_on_the_wire() -> None:
    midpoint = {"time": 1767625200, "mask": 0, "price": 186.25, "size": 0}
    assert text_of("historicalTicks", reqId=7, historicalTicks=[midpoint], isDone=True) == "7|1|1767625200|0|186.25|0|1|"
    quote = {"time": 1767625200, "mask": 2, "priceBid": 186.0, "priceAsk": 186.5, "sizeBid": 300, "sizeAsk": "0.5"}
    expected = "7|2|1767625200|2|186.0|186.5|300|0.5|1767625200|2|186.0|186.5|300|0.5|0|"
    assert text_of("historicalTicksBidAsk", reqId=7, historicalTicksBidAsk=[quote, quote], isDone=False) == expected
    trade = {"time": 1767625200, "mask": 3, "price": 186.25, "size": 100, "exchange": "NYSE", "specialConditions": "T I"}
    assert text_of("historicalTicksLast", reqId=7, historicalTicksLast=[trade], isDone=True) == "7|1|1767625200|3|186.25|100|NYSE|T I|1|"
    assert text_of("historicalTicksLast", reqId=7, isDone=True) == "7|0|1|"


def test_bits_of_a_quote_are_those_of_the_official_client() -> None:
    for mask, attributes in ((1, (True, False)), (2, (False, True))):
        tick = {"time": 1, "mask": mask}
        (quote,) = received(encode("historicalTicksBidAsk", TO_CLIENT, 178, historicalTicksBidAsk=[tick]), 178).call().arguments[1]
        assert (quote.tickAttribBidAsk.askPastHigh, quote.tickAttribBidAsk.bidPastLow) == attributes
    assert "1 askPastHigh, 2 bidPastLow" in QUOTE.fields["mask"].meaning


def test_a_request_for_ticks_as_it_stands_on_the_wire() -> None:
    fields: Values = {"contract": {"conId": 265598, "exchange": "SMART"}, "startDateTime": "20260105-14:30:00", "numberOfTicks": 1000}
    data = encode("reqHistoricalTicks", TO_SERVER, 178, reqId=7, **fields, whatToShow="TRADES", useRTH=True, ignoreSize=False)
    assert data[LENGTH.size :] == b"96|7|265598|||||||SMART||||||20260105-14:30:00||1000|TRADES|1|0||".replace(b"|", b"\0")


def test_cancelling_is_protobuf_alone() -> None:
    data = sent(HIGHEST, "cancelHistoricalTicks", 7)
    assert data == bytes.fromhex("00000006 00000133 0807")
    assert decoded(data, TO_SERVER, HIGHEST).fields == {"reqId": 7}
    assert decode(b"107\x001\x00", TO_SERVER, 178).event == "undecodable"
    with pytest.raises(EncodeError, match=r"needs server version 215 \(CANCEL_CONTRACT_DATA\)"):
        encode("cancelHistoricalTicks", TO_SERVER, V.CANCEL_CONTRACT_DATA - 1, reqId=7)


@pytest.mark.parametrize("name", [*FLAGS, "reqHistoricalTicks"])
def test_ticks_need_their_version(name: str) -> None:
    with pytest.raises(EncodeError, match=r"needs server version 130 \(HISTORICAL_TICKS\)"):
        encode(name, BY_NAME[name].direction, V.HISTORICAL_TICKS - 1)


def test_a_mask_is_in_text_alone_and_flags_are_in_protobuf_alone() -> None:
    with pytest.raises(EncodeError, match=r"historicalTicksLast\[0\]\.mask: HistoricalTickLast has no such protobuf field"):
        encode("historicalTicksLast", TO_CLIENT, HIGHEST, historicalTicksLast=[{"mask": 1}])
    with pytest.raises(EncodeError, match=r"historicalTicksLast\[0\]\.tickAttribLast\.pastLimit: has no place in the text form"):
        encode("historicalTicksLast", TO_CLIENT, 178, historicalTicksLast=[{"tickAttribLast": {"pastLimit": True}}])
