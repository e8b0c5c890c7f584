"""Bars and schedules, held against the official client."""

from collections.abc import Iterator
from typing import Any

import pytest
from ibapi.contract import Contract

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    Cases,
    Choices,
    check_calls,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import UNICODE, Call, received, sent
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.history import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
CONTRACT: Choices = {"contract.secType": ("STK", "BAG", None)}

# The paths of what the official callback gets, in order.
CALLBACKS = {
    "realtimeBar": "reqId time open high low close volume WAP count",
    "headTimestamp": "reqId headTimestamp",
    "histogramData": "reqId histogramDataEntries",
    "historicalDataUpdate": "reqId historicalDataBar",
    "historicalSchedule": "reqId startDateTime endDateTime timeZone historicalSessions",
    "historicalDataEnd": "reqId startDateStr endDateStr",
}
# The paths of what the official method is given, in order.
REQUESTS = {
    "reqHistoricalData": "reqId contract endDateTime duration barSizeSetting whatToShow useRTH formatDate keepUpToDate chartOptions",
    "cancelHistoricalData": "reqId",
    "reqRealTimeBars": "reqId contract barSize whatToShow useRTH realTimeBarsOptions",
    "cancelRealTimeBars": "reqId",
    "reqHeadTimeStamp": "reqId contract whatToShow useRTH formatDate",
    "reqHistogramData": "reqId contract useRTH timePeriod",
    "cancelHistogramData": "reqId",
    "cancelHeadTimeStamp": "reqId",
}
SCHEMAS = {
    "historicalData": "HistoricalData",
    "realtimeBar": "RealTimeBarTick",
    "headTimestamp": "HeadTimestamp",
    "histogramData": "HistogramData",
    "historicalDataUpdate": "HistoricalDataUpdate",
    "historicalSchedule": "HistoricalSchedule",
    "historicalDataEnd": "HistoricalDataEnd",
    "reqHistoricalData": "HistoricalDataRequest",
    "cancelHistoricalData": "CancelHistoricalData",
    "reqRealTimeBars": "RealTimeBarsRequest",
    "cancelRealTimeBars": "CancelRealTimeBars",
    "reqHeadTimeStamp": "HeadTimestampRequest",
    "reqHistogramData": "HistogramDataRequest",
    "cancelHistogramData": "CancelHistogramData",
    "cancelHeadTimeStamp": "CancelHeadTimestamp",
}
CONTRACT_OF_NOTHING = Contract()
BARS = [
    {"date": "20260105", "open": 186.0, "high": 187.5, "low": 185.25, "close": 187.0, "volume": 1200, "WAP": "186.402", "barCount": 310},
    {"date": "20260106", "open": 187.0, "high": 187.0, "low": 187.0, "close": 187.0, "volume": -1, "WAP": -1, "barCount": -1},
]


def bar_calls(values: Values, version: int) -> list[Call]:
    """A callback for each bar, and one for the end where no message of its own follows."""
    calls = [Call("historicalData", (values["reqId"], bar)) for bar in values["historicalDataBars"]]
    end = Call("historicalDataEnd", (values["reqId"], values.get("startDateStr"), values.get("endDateStr")))
    return calls if version >= V.HISTORICAL_DATA_END else [*calls, end]


def text_of(name: str, direction: Direction, version: int, **fields: Any) -> str:
    """The fields of a text message behind its id, with bars for NULs."""
    data = encode(name, direction, version, encoding="text", **fields)[LENGTH.size :]
    return (data[4:] if version >= V.PROTOBUF else data.partition(b"\0")[2]).decode().replace("\0", "|")


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, CALLBACKS[name].split(), {}, UNICODE)
    elif name in REQUESTS:
        yield check_requests(name, REQUESTS[name].split(), CONTRACT)
    else:
        yield check_calls(name, bar_calls, {"version": (1, 2, 3)})
    assert message.protobuf == V.PROTOBUF_HISTORICAL_DATA
    yield check_protobuf(message, SCHEMAS[name], {})


def test_bars_as_they_stand_on_the_wire() -> None:
    head, bars = {"reqId": 7, "startDateStr": "20260104  21:00:00", "endDateStr": "20260106  21:00:00"}, BARS
    old = [{**bar, "hasGaps": gaps} for bar, gaps in zip(BARS, (False, True), strict=True)]
    span = "20260104  21:00:00|20260106  21:00:00|"
    first, second = "20260105|186.0|187.5|185.25|187.0|1200|186.402|", "20260106|187.0|187.0|187.0|187.0|-1|-1|"
    before, after = V.SYNT_REALTIME_BARS - 1, V.SYNT_REALTIME_BARS
    assert text_of("historicalData", TO_CLIENT, before, **head, historicalDataBars=old) == f"3|7|{span}2|{first}0|310|{second}1|-1|"
    assert text_of("historicalData", TO_CLIENT, after, **head, historicalDataBars=bars) == f"7|{span}2|{first}310|{second}-1|"
    assert text_of("historicalData", TO_CLIENT, V.HISTORICAL_DATA_END, reqId=7, historicalDataBars=bars) == f"7|2|{first}310|{second}-1|"


def test_gaps_are_words_in_text_of_tws() -> None:
    row = b"20260105|1.0|1.0|1.0|1.0|5|1.0|true|3|"
    payload = b"17|3|7|||1|".replace(b"|", b"\0") + row.replace(b"|", b"\0")
    event = decoded(LENGTH.pack(len(payload)) + payload, TO_CLIENT, V.SYNT_REALTIME_BARS - 1)
    assert event.fields["historicalDataBars"][0]["hasGaps"] is True


def test_an_update_has_its_fields_in_another_order() -> None:
    expected = "7|310|20260105|186.0|187.0|187.5|185.25|186.402|1200|"
    assert text_of("historicalDataUpdate", TO_CLIENT, 178, reqId=7, historicalDataBar=BARS[0]) == expected


def test_a_request_for_bars_as_it_stands_on_the_wire() -> None:
    contract = {"symbol": "IBKR", "secType": "BAG", "exchange": "SMART", "currency": "USD", "includeExpired": False}
    legs = [{"conId": 43645865, "ratio": 1, "action": "BUY", "exchange": "SMART"}]
    fields = {"reqId": 7, "barSizeSetting": "1 day", "duration": "2 D", "useRTH": True, "whatToShow": "TRADES", "formatDate": 1}
    wanted = {"contract": {**contract, "comboLegs": legs}, **fields}
    options = [{"tag": "a", "value": "1"}, {"tag": "b", "value": "x y"}]
    bag = "7||IBKR|BAG|||||SMART||USD|||0||1 day|2 D|1|TRADES|1|1|43645865|1|BUY|SMART|"
    assert text_of("reqHistoricalData", TO_SERVER, V.SYNT_REALTIME_BARS - 1, **wanted) == f"6|{bag}|"
    assert text_of("reqHistoricalData", TO_SERVER, 178, **wanted, keepUpToDate=True, chartOptions=options) == f"{bag}1|a=1;b=x y;|"
    stock = {**fields, "contract": {**contract, "secType": "STK"}}
    assert text_of("reqHistoricalData", TO_SERVER, 178, **stock) == "7||IBKR|STK|||||SMART||USD|||0||1 day|2 D|1|TRADES|1|||"


def test_a_request_for_live_bars_keeps_its_version() -> None:
    contract = {"conId": 265598, "exchange": "SMART", "primaryExch": "NASDAQ"}
    fields = {"reqId": 7, "contract": contract, "barSize": 5, "whatToShow": "MIDPOINT", "useRTH": False}
    for version in (100, 207):
        assert text_of("reqRealTimeBars", TO_SERVER, version, **fields) == "3|7|265598|||||||SMART|NASDAQ||||5|MIDPOINT|0||"


@pytest.mark.parametrize(
    ("name", "version", "fields", "reason"),
    [
        ("historicalData", V.SYNT_REALTIME_BARS, {"historicalDataBars": [{"hasGaps": True}]}, "hasGaps: has no place"),
        ("historicalData", V.HISTORICAL_DATA_END, {"startDateStr": "x"}, "startDateStr: has no place in the text form"),
        ("historicalData", V.PROTOBUF_HISTORICAL_DATA, {"endDateStr": "x"}, "endDateStr: HistoricalData has no such protobuf field"),
        ("reqHistoricalData", V.SYNT_REALTIME_BARS - 1, {"keepUpToDate": True}, "keepUpToDate: has no place in the text form"),
        ("reqHistoricalData", 178, {"chartOptions": [{"tag": "a=b", "value": ""}]}, "chartOptions: .* is not list of tags and values"),
        ("headTimestamp", V.REQ_HEAD_TIMESTAMP - 1, {}, r"needs server version 118 \(REQ_HEAD_TIMESTAMP\)"),
        ("cancelHeadTimeStamp", V.CANCEL_HEADTIMESTAMP - 1, {}, r"needs server version 123 \(CANCEL_HEADTIMESTAMP\)"),
        ("histogramData", V.REQ_HISTOGRAM - 1, {}, r"needs server version 119 \(REQ_HISTOGRAM\)"),
        ("historicalDataUpdate", V.SYNT_REALTIME_BARS - 1, {}, r"needs server version 124 \(SYNT_REALTIME_BARS\)"),
        ("historicalSchedule", V.HISTORICAL_SCHEDULE - 1, {}, r"needs server version 165 \(HISTORICAL_SCHEDULE\)"),
        ("historicalDataEnd", V.HISTORICAL_DATA_END - 1, {}, r"needs server version 196 \(HISTORICAL_DATA_END\)"),
    ],
)
def test_what_is_behind_a_closed_gate_is_refused(name: str, version: int, fields: Values, reason: str) -> None:
    with pytest.raises(EncodeError, match=reason):
        encode(name, BY_NAME[name].direction, version, **fields)


def test_numbers_that_mean_unset_are_read_as_unset_and_written_back() -> None:
    data = sent(178, "reqHeadTimeStamp", 2**31 - 1, CONTRACT_OF_NOTHING, "TRADES", 1, 2**31 - 1)
    event = decoded(data, TO_SERVER, 178)
    assert (event.fields["reqId"], event.fields["formatDate"], event.fields["useRTH"]) == (None, None, True)


def test_a_bar_whose_prices_are_empty_reaches_the_official_client_as_zeros() -> None:
    call = received(encode("historicalDataUpdate", TO_CLIENT, 178, reqId=7, historicalDataBar={}), 178).call()
    assert (call.arguments[1].open, call.arguments[1].barCount) == (0.0, 0)
