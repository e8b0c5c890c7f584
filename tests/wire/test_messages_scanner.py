"""The market scanner, held against the official client."""

from collections.abc import Iterator

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    check_calls,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import Call, received
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.scanner import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
OPTIONS = "scannerSubscription.scannerSubscriptionOptions scannerSubscription.scannerSubscriptionFilterOptions"
REQUESTS = {
    "reqScannerSubscription": f"reqId scannerSubscription {OPTIONS}",
    "cancelScannerSubscription": "reqId",
    "reqScannerParameters": "",
}
SCHEMAS = {
    "scannerParameters": "ScannerParameters",
    "scannerData": "ScannerData",
    "reqScannerSubscription": "ScannerSubscriptionRequest",
    "cancelScannerSubscription": "CancelScannerSubscription",
    "reqScannerParameters": "ScannerParametersRequest",
}
FILTERS = [{"tag": "changePercAbove", "value": "20"}, {"tag": "priceAbove", "value": "5"}]


def scan_calls(values: Values, version: int) -> list[Call]:
    """A callback for each row, with the contract in the contract's details, and one for the end."""
    calls = []
    for row in values["scannerDataElement"]:
        details = {"contract": row["contract"], "marketName": row["marketName"]}
        others = (row[name] for name in ("distance", "benchmark", "projection", "comboKey"))
        calls.append(Call("scannerData", (values["reqId"], row["rank"], details, *others)))
    return [*calls, Call("scannerDataEnd", (values["reqId"],))]


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in REQUESTS:
        yield check_requests(name, REQUESTS[name].split(), {})
    elif name == "scannerParameters":
        yield check_text(name, ["xml"], {}, UNESCAPABLE)
    else:
        yield check_calls(name, scan_calls, {"version": (1, 2, 3)})
    assert message.protobuf == V.PROTOBUF_SCAN_DATA
    yield check_protobuf(message, SCHEMAS[name], {})


def test_a_list_as_it_stands_on_the_wire() -> None:
    contract = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "localSymbol": "AAPL"}
    row = {"rank": 0, "contract": {**contract, "tradingClass": "NMS"}, "marketName": "NMS", "distance": "1.5"}
    data = encode("scannerData", TO_CLIENT, 178, reqId=7, scannerDataElement=[row])
    assert data[LENGTH.size :] == b"20|3|7|1|0|265598|AAPL|STK||||SMART|USD|AAPL|NMS|NMS|1.5||||".replace(b"|", b"\0")
    fields = decoded(data, TO_CLIENT, 178).fields
    assert fields["scannerDataElement"][0]["contract"]["tradingClass"] == "NMS"


def test_a_subscription_as_it_stands_on_the_wire() -> None:
    wanted = {"numberOfRows": -1, "instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "TOP_PERC_GAIN", "abovePrice": 5.0}
    fields = b"7|-1|STK|STK.US.MAJOR|TOP_PERC_GAIN|5.0" + b"|" * 17
    for version, expected in ((142, b"22|4|" + fields + b"|"), (143, b"22|" + fields + b"changePercAbove=20;priceAbove=5;||")):
        filters = {"scannerSubscriptionFilterOptions": FILTERS} if version >= V.SCANNER_GENERIC_OPTS else {}
        data = encode("reqScannerSubscription", TO_SERVER, version, reqId=7, scannerSubscription=wanted | filters)
        assert data[LENGTH.size :] == expected.replace(b"|", b"\0"), version


def test_filters_need_their_version() -> None:
    reason = r"scannerSubscription\.scannerSubscriptionFilterOptions\[0\]\.tag: has no place in the text form at server version 142"
    with pytest.raises(EncodeError, match=reason):
        encode("reqScannerSubscription", TO_SERVER, 142, scannerSubscription={"scannerSubscriptionFilterOptions": FILTERS})


def test_the_official_client_forgets_the_market_of_a_row_without_a_contract() -> None:
    data = encode("scannerData", TO_CLIENT, 226, reqId=7, scannerDataElement=[{"marketName": "NMS"}])
    (row, _) = (call for call in received(data, 226).calls if not call.name.endswith("ProtoBuf"))
    assert row.arguments[2].marketName == ""
