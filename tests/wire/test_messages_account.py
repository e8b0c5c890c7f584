"""Account messages, held against the official client."""

import pytest

from tests.wire.conformance import (
    UNESCAPABLE,
    check_mutated_protobuf,
    check_paths,
    check_protobuf,
    check_request,
    check_text,
)
from tests.wire.oracle import UNICODE, VERSIONS
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
REQUESTS = (
    ("reqAccountUpdates", "subscribe acctCode", (True, "DU1234567")),
    ("reqAccountUpdates", "subscribe acctCode", (False, "")),
    ("reqPositions", "", ()),
    ("cancelPositions", "", ()),
    ("reqAccountSummary", "reqId group tags", (9001, "All", "NetLiquidation,$LEDGER:ALL")),
    ("reqAccountSummary", "reqId group tags", (-1, "", "")),
    ("cancelAccountSummary", "reqId", (9001,)),
    ("reqPositionsMulti", "reqId account modelCode", (1, "DU1234567", "Growth~\t")),
    ("reqPositionsMulti", "reqId account modelCode", (0, "", "")),
    ("cancelPositionsMulti", "reqId", (2**31 - 2,)),
    ("reqAccountUpdatesMulti", "reqId account modelCode ledgerAndNLV", (1, "DU1234567", "Growth", True)),
    ("reqAccountUpdatesMulti", "reqId account modelCode ledgerAndNLV", (1, "", "", False)),
    ("cancelAccountUpdatesMulti", "reqId", (1,)),
)
OF_MODELS = [message for message in MESSAGES if message.since == V.MODELS_SUPPORT]


def test_every_message_is_in_the_tables() -> None:
    assert SCHEMAS.keys() == BY_NAME.keys()
    assert CALLBACKS.keys() | {request for request, _, _ in REQUESTS} == BY_NAME.keys()


@pytest.mark.parametrize("name", CALLBACKS)
def test_the_official_client_reads_our_text(name: str) -> None:
    paths, choices, alphabet = CALLBACKS[name]
    assert check_text(name, paths.split(), choices, alphabet) > 300


@pytest.mark.parametrize("name", SCHEMAS)
def test_protobuf_is_that_of_the_official_client(name: str) -> None:
    assert BY_NAME[name].protobuf == V.PROTOBUF_ACCOUNTS_POSITIONS
    assert check_protobuf(BY_NAME[name], SCHEMAS[name], {}) > 0


@pytest.mark.parametrize(("name", "paths", "arguments"), REQUESTS)
def test_requests_of_the_official_client(name: str, paths: str, arguments: tuple[object, ...]) -> None:
    for version in VERSIONS:
        if version >= BY_NAME[name].since:
            check_request(name, paths.split(), arguments, version)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_compiled_and_interpreted_agree(message: Message) -> None:
    assert check_paths(message, {"version": (1, 7, 8)}) > 0
    assert check_mutated_protobuf(message) > 0


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
