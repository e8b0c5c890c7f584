"""Reports about companies: the official client of the other tests has none of it any more, so these messages are written by hand.

The bytes of requests are what official clients up to release 10.46 sent for these arguments.
"""

import pytest

from tests.wire.conformance import contained, decoded
from tests.wire.oracle import described
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import Message
from twsprobe.wire.messages.fundamentals import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}
OPTIONS = [{"tag": "a", "value": "1"}, {"tag": "b", "value": "x y"}]
CONTRACT = {
    "conId": 265598,
    "symbol": "AAPL",
    "secType": "STK",
    "exchange": "SMART",
    "primaryExch": "NASDAQ",
    "currency": "USD",
    "localSymbol": "AAPL",
}
REQUEST = {"reqId": 7, "contract": CONTRACT, "reportType": "ReportSnapshot"}
REPORT = {"reqId": 7, "data": "<a>für</a>"}
SCHEMAS = {
    "fundamentalData": {1: ("reqId", "int32"), 2: ("data", "string")},
    "reqFundamentalData": {
        1: ("reqId", "int32"),
        2: ("contract", "Contract"),
        3: ("reportType", "string"),
        4: ("fundamentalsDataOptions", "list of TagValue"),
    },
    "cancelFundamentalData": {1: ("reqId", "int32")},
}


def test_what_is_gone_says_so() -> None:
    assert all("gone since release 10.47" in message.meaning for message in MESSAGES)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_protobuf_is_that_of_the_last_official_client_that_had_it(message: Message) -> None:
    assert message.protobuf == V.PROTOBUF_SCAN_DATA
    assert described(message.record) == SCHEMAS[message.name]


@pytest.mark.parametrize(
    ("name", "version", "fields", "expected"),
    [
        ("fundamentalData", 152, REPORT, "51|1|7|<a>für</a>|"),
        ("fundamentalData", 153, REPORT, r"51|1|7|<a>f\u00fcr</a>|"),
        (
            "reqFundamentalData",
            178,
            REQUEST | {"fundamentalsDataOptionsCount": 0},
            "52|2|7|265598|AAPL|STK|SMART|NASDAQ|USD|AAPL|ReportSnapshot|0||",
        ),
        (
            "reqFundamentalData",
            209,
            REQUEST | {"fundamentalsDataOptionsCount": 2, "fundamentalsDataOptions": OPTIONS},
            "\0\0\0\x342|7|265598|AAPL|STK|SMART|NASDAQ|USD|AAPL|ReportSnapshot|2|a=1;b=x y;|".replace("\0", "|"),
        ),
        ("cancelFundamentalData", 178, {"reqId": 7}, "53|1|7|"),
    ],
)
def test_reports_as_they_stand_on_the_wire(name: str, version: int, fields: Values, expected: str) -> None:
    data = encode(name, BY_NAME[name].direction, version, **fields)
    assert data[LENGTH.size :].decode().replace("\0", "|") == expected
    assert contained(fields, decoded(data, BY_NAME[name].direction, version).fields) == []


def test_a_request_in_protobuf() -> None:
    data = encode("reqFundamentalData", Direction.TO_SERVER, 210, reqId=7, contract={"conId": 265598}, fundamentalsDataOptions=OPTIONS)
    options = b"\x22\x06\x0a\x01a\x12\x011" + b"\x22\x08\x0a\x01b\x12\x03x y"
    assert data[LENGTH.size :] == bytes.fromhex("000000fc 0807 1204 08fe9a10") + options
