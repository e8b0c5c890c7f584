"""Profit and loss, held against the official client."""

from collections.abc import Iterator

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    Cases,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import UNICODE
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.profit_and_loss import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
CALLBACKS = {
    "pnl": "reqId dailyPnL unrealizedPnL realizedPnL",
    "pnlSingle": "reqId position dailyPnL unrealizedPnL realizedPnL value",
}
REQUESTS = {
    "reqPnL": "reqId account modelCode",
    "cancelPnL": "reqId",
    "reqPnLSingle": "reqId account modelCode conId",
    "cancelPnLSingle": "reqId",
}
SCHEMAS = {
    "pnl": "PnL",
    "pnlSingle": "PnLSingle",
    "reqPnL": "PnLRequest",
    "cancelPnL": "CancelPnL",
    "reqPnLSingle": "PnLSingleRequest",
    "cancelPnLSingle": "CancelPnLSingle",
}


def text_of(name: str, version: int, fields: Values) -> str:
    """A text message, with bars for NULs."""
    return encode(name, TO_CLIENT, version, reqId=7, **fields)[LENGTH.size :].decode().replace("\0", "|")


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, CALLBACKS[name].split(), {}, UNICODE)
    else:
        yield check_requests(name, REQUESTS[name].split(), {})
    assert message.protobuf == V.PROTOBUF_SCAN_DATA
    yield check_protobuf(message, SCHEMAS[name], {})


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_profit_and_loss_need_their_version(message: Message) -> None:
    with pytest.raises(EncodeError, match=r"needs server version 127 \(PNL\)"):
        encode(message.name, message.direction, V.PNL - 1)


def test_each_kind_of_gain_has_its_version() -> None:
    gains = {"dailyPnL": 1.5, "unrealizedPnL": -2.5, "realizedPnL": 0.0}
    for version, known in ((V.UNREALIZED_PNL - 1, 1), (V.UNREALIZED_PNL, 2), (V.REALIZED_PNL - 1, 2), (V.REALIZED_PNL, 3)):
        told: Values = dict(list(gains.items())[:known])
        texts = "|".join(str(value) for value in told.values())
        position: Values = {"position": 100, "value": 250.0}
        assert text_of("pnl", version, told) == f"94|7|{texts}|"
        assert text_of("pnlSingle", version, told | position) == f"95|7|100|{texts}|250.0|"
        for missing in list(gains)[known:]:
            for name in CALLBACKS:
                with pytest.raises(EncodeError, match=f"{missing}: has no place in the text form at server version {int(version)}"):
                    text_of(name, version, {missing: 1.0})


def test_a_gain_that_is_not_known_is_unset() -> None:
    payload = b"94|7|-12.5|1.7976931348623157E308|0.0|".replace(b"|", b"\0")
    fields = decoded(LENGTH.pack(len(payload)) + payload, TO_CLIENT, 178).fields
    assert fields == {"reqId": 7, "dailyPnL": -12.5, "unrealizedPnL": None, "realizedPnL": 0.0}
