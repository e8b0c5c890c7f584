"""Corporate events, held against the official client."""

from collections.abc import Iterator

import pytest
from ibapi.common import WshEventData

from tests.wire.asking import check_requests
from tests.wire.conformance import Cases, check_protobuf, check_text, decoded
from tests.wire.oracle import UNICODE, sent
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.wall_street_horizon import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
CALLBACKS = ("wshMetaData", "wshEventData")
REQUESTS = {"reqWshMetaData": ["reqId"], "cancelWshMetaData": ["reqId"], "reqWshEventData": ["reqId", ""], "cancelWshEventData": ["reqId"]}
SCHEMAS = {
    "wshMetaData": "WshMetaData",
    "wshEventData": "WshEventData",
    "reqWshMetaData": "WshMetaDataRequest",
    "cancelWshMetaData": "CancelWshMetaData",
    "reqWshEventData": "WshEventDataRequest",
    "cancelWshEventData": "CancelWshEventData",
}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, ["reqId", "dataJson"], {}, UNICODE)
    else:
        yield check_requests(name, REQUESTS[name], {})
    assert message.protobuf == V.PROTOBUF_NEWS_DATA
    yield check_protobuf(message, SCHEMAS[name], {})


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_events_need_their_version(message: Message) -> None:
    with pytest.raises(EncodeError, match=r"needs server version 161 \(WSHE_CALENDAR\)"):
        encode(message.name, message.direction, V.WSHE_CALENDAR - 1)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (170, "102|7|8314|"),
        (171, '102|7|8314|{"watchlist":["8314"]}|0|1|0|'),
        (172, '102|7|8314|{"watchlist":["8314"]}|0|1|0|'),
        (173, '102|7|8314|{"watchlist":["8314"]}|0|1|0|20260101||50|'),
    ],
)
def test_a_request_for_events_as_it_stands_on_the_wire(version: int, expected: str) -> None:
    fields: Values = {"filter": '{"watchlist":["8314"]}', "fillWatchlist": False, "fillPortfolio": True, "fillCompetitors": False}
    dates: Values = {"startDate": "20260101", "totalLimit": 50}
    allowed = (fields if version >= V.WSH_EVENT_DATA_FILTERS else {}) | (dates if version >= V.WSH_EVENT_DATA_FILTERS_DATE else {})
    data = encode("reqWshEventData", TO_SERVER, version, reqId=7, conId=8314, **allowed)
    assert data[LENGTH.size :].decode().replace("\0", "|") == expected
    refused = {"filter": "x", "startDate": "x"}.keys() - allowed.keys()
    for name in refused:
        value: Values = {name: "x"}
        with pytest.raises(EncodeError, match=f"{name}: has no place in the text form at server version {version}"):
            encode("reqWshEventData", TO_SERVER, version, **value)


def test_unset_numbers_are_spelled_out_as_the_official_client_does() -> None:
    data = sent(178, "reqWshEventData", 7, WshEventData())
    assert data[LENGTH.size :] == b"102|7|2147483647||0|0|0|||2147483647|".replace(b"|", b"\0")
    fields = decoded(data, TO_SERVER, 178).fields
    assert (fields["conId"], fields["totalLimit"]) == (None, None)
    flags: Values = {"fillWatchlist": False, "fillPortfolio": False, "fillCompetitors": False}
    assert encode("reqWshEventData", TO_SERVER, 178, reqId=7, **flags) == data
