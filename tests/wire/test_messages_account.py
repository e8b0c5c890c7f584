"""Account messages, held against the official client."""

from collections.abc import Iterator

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    check_protobuf,
    check_text,
)
from tests.wire.oracle import UNICODE
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.account import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}
NUMBERS = {"reqId": (-1, 0, 9001)}
POSITION = {**NUMBERS, "version": (1, 2, 3)}

# The paths of what the official callback gets, in order; what a sample chooses from; whether the official decoder un-escapes.
CALLBACKS = {
    "updateAccountValue": ("key value currency accountName", {}, UNESCAPABLE),
    "updatePortfolio": (
        "contract position marketPrice marketValue averageCost unrealizedPNL realizedPNL accountName",
        {"version": (6, 7, 8)},
        UNICODE,
    ),
    "updateAccountTime": ("timeStamp", {}, UNESCAPABLE),
    "accountDownloadEnd": ("accountName", {}, UNESCAPABLE),
    "position": ("account contract position avgCost", POSITION, UNICODE),
    "positionEnd": ("", {}, UNESCAPABLE),
    "accountSummary": ("reqId account tag value currency", NUMBERS, UNESCAPABLE),
    "accountSummaryEnd": ("reqId", NUMBERS, UNESCAPABLE),
    "positionMulti": ("reqId account modelCode contract position avgCost", NUMBERS, UNICODE),
    "positionMultiEnd": ("reqId", NUMBERS, UNESCAPABLE),
    "accountUpdateMulti": ("reqId account modelCode key value currency", NUMBERS, UNESCAPABLE),
    "accountUpdateMultiEnd": ("reqId", NUMBERS, UNESCAPABLE),
}
SCHEMAS = {
    "updateAccountValue": "AccountValue",
    "updatePortfolio": "PortfolioValue",
    "updateAccountTime": "AccountUpdateTime",
    "accountDownloadEnd": "AccountDataEnd",
    "position": "Position",
    "positionEnd": "PositionEnd",
    "accountSummary": "AccountSummary",
    "accountSummaryEnd": "AccountSummaryEnd",
    "positionMulti": "PositionMulti",
    "positionMultiEnd": "PositionMultiEnd",
    "accountUpdateMulti": "AccountUpdateMulti",
    "accountUpdateMultiEnd": "AccountUpdateMultiEnd",
    "reqAccountUpdates": "AccountDataRequest",
    "reqPositions": "PositionsRequest",
    "cancelPositions": "CancelPositions",
    "reqAccountSummary": "AccountSummaryRequest",
    "cancelAccountSummary": "CancelAccountSummary",
    "reqPositionsMulti": "PositionsMultiRequest",
    "cancelPositionsMulti": "CancelPositionsMulti",
    "reqAccountUpdatesMulti": "AccountUpdatesMultiRequest",
    "cancelAccountUpdatesMulti": "CancelAccountUpdatesMulti",
}
# The paths of what the official method is given, in order.
REQUESTS = {
    "reqAccountUpdates": "subscribe acctCode",
    "reqPositions": "",
    "cancelPositions": "",
    "reqAccountSummary": "reqId group tags",
    "cancelAccountSummary": "reqId",
    "reqPositionsMulti": "reqId account modelCode",
    "cancelPositionsMulti": "reqId",
    "reqAccountUpdatesMulti": "reqId account modelCode ledgerAndNLV",
    "cancelAccountUpdatesMulti": "reqId",
}
OF_MODELS = [message for message in MESSAGES if message.since == V.MODELS_SUPPORT]


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        paths, choices, alphabet = CALLBACKS[name]
        yield check_text(name, paths.split(), choices, alphabet)
    else:
        yield check_requests(name, REQUESTS[name].split(), {})
    assert message.protobuf == V.PROTOBUF_ACCOUNTS_POSITIONS
    yield check_protobuf(message, SCHEMAS[name], {})


@pytest.mark.parametrize("message", OF_MODELS, ids=lambda message: message.name)
def test_messages_of_models_need_their_version(message: Message) -> None:
    with pytest.raises(EncodeError, match=r"needs server version 103 \(MODELS_SUPPORT\)"):
        encode(message.name, message.direction, V.MODELS_SUPPORT - 1)


def test_a_portfolio_line_as_it_stands_on_the_wire() -> None:
    contract = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "primaryExch": "NASDAQ", "currency": "USD", "localSymbol": "AAPL"}
    data = encode("updatePortfolio", Direction.TO_CLIENT, 176, contract=contract, position=100, marketPrice=1.5, accountName="DU1")
    assert data[4:] == b"7|8|265598|AAPL|STK|||||NASDAQ|USD|AAPL||100|1.5|||||DU1|".replace(b"|", b"\0")


def test_a_position_behind_its_gate_is_protobuf() -> None:
    data = encode("position", Direction.TO_CLIENT, V.PROTOBUF_ACCOUNTS_POSITIONS, account="DU1", position="0.5")
    assert data[4:] == bytes.fromhex("00000105") + b"\x0a\x03DU1" + b"\x1a\x030.5"
