"""Reference data, held against the official client."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    Cases,
    check_protobuf,
    check_text,
    decoded,
    frame,
)
from tests.wire.oracle import UNICODE, received, sent
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.reference import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}

CALLBACKS = {
    "softDollarTiers": "reqId softDollarTiers",
    "familyCodes": "familyCodes",
    "symbolSamples": "reqId contractDescriptions",
    "marketRule": "marketRuleId priceIncrements",
    "userInfo": "reqId whiteBrandingId",
}
SCHEMAS = {
    "softDollarTiers": "SoftDollarTiers",
    "familyCodes": "FamilyCodes",
    "symbolSamples": "SymbolSamples",
    "marketRule": "MarketRule",
    "userInfo": "UserInfo",
    "reqSoftDollarTiers": "SoftDollarTiersRequest",
    "reqFamilyCodes": "FamilyCodesRequest",
    "reqMatchingSymbols": "MatchingSymbolsRequest",
    "reqMarketRule": "MarketRuleRequest",
    "reqUserInfo": "UserInfoRequest",
}
REQUESTS = {
    "reqSoftDollarTiers": "reqId",
    "reqFamilyCodes": "",
    "reqMatchingSymbols": "reqId pattern",
    "reqMarketRule": "marketRuleId",
    "reqUserInfo": "reqId",
}
SINCE = {
    V.SOFT_DOLLAR_TIER: {"softDollarTiers", "reqSoftDollarTiers"},
    V.REQ_FAMILY_CODES: {"familyCodes", "reqFamilyCodes"},
    V.REQ_MATCHING_SYMBOLS: {"symbolSamples", "reqMatchingSymbols"},
    V.MARKET_RULES: {"marketRule", "reqMarketRule"},
    V.USER_INFO: {"userInfo", "reqUserInfo"},
}
SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "softDollarTiers": (
        "77|7|2|T1|v1|Tier 1|T2|||",
        {
            "reqId": 7,
            "softDollarTiers": [
                {"name": "T1", "value": "v1", "displayName": "Tier 1"},
                {"name": "T2", "value": "", "displayName": ""},
            ],
        },
    ),
    "familyCodes": ("78|1|DU1|F1|", {"familyCodes": [{"accountId": "DU1", "familyCode": "F1"}]}),
    "marketRule": (
        "93|26|2|0.0|0.01|1.0|0.05|",
        {"marketRuleId": 26, "priceIncrements": [{"lowEdge": 0.0, "increment": 0.01}, {"lowEdge": 1.0, "increment": 0.05}]},
    ),
    "userInfo": ("107|7||", {"reqId": 7, "whiteBrandingId": ""}),
    "symbolSamples": (
        "79|7|2|265598|AAPL|STK|NASDAQ|USD|2|OPT|CFD|APPLE INC||0||BOND|||0|A bond|e1|",
        {
            "reqId": 7,
            "contractDescriptions": [
                {
                    "contract": {
                        "conId": 265598,
                        "symbol": "AAPL",
                        "secType": "STK",
                        "primaryExch": "NASDAQ",
                        "currency": "USD",
                        "description": "APPLE INC",
                        "issuerId": "",
                    },
                    "derivativeSecTypes": ["OPT", "CFD"],
                },
                {
                    "contract": {
                        "conId": 0,
                        "symbol": "",
                        "secType": "BOND",
                        "primaryExch": "",
                        "currency": "",
                        "description": "A bond",
                        "issuerId": "e1",
                    },
                    "derivativeSecTypes": [],
                },
            ],
        },
    ),
}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, CALLBACKS[name].split(), {}, UNICODE)
    else:
        yield check_requests(name, REQUESTS[name].split(), {})
    assert message.protobuf == V.PROTOBUF_REST_MESSAGES_2
    yield check_protobuf(message, SCHEMAS[name], {})


def test_which_version_brought_what() -> None:
    since = {message.name: message.since for message in MESSAGES}
    assert since.items() >= {name: gate for gate, names in SINCE.items() for name in names}.items()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_as_it_stands_on_the_wire(name: str) -> None:
    payload, fields = SAMPLES[name]
    data = encode(name, TO_CLIENT, 178, **fields)
    assert data == frame(payload.replace("|", "\0").encode())
    assert decoded(data, TO_CLIENT, 178).fields == fields


@pytest.mark.parametrize("field", ["description", "issuerId"])
def test_symbols_of_bonds_have_more_from_their_version_on(field: str) -> None:
    found = [{"contract": {"conId": 1, field: "x"}}]
    data = encode("symbolSamples", TO_CLIENT, V.BOND_ISSUERID, reqId=7, contractDescriptions=found)
    (theirs,) = received(data, V.BOND_ISSUERID).call().arguments[1]
    assert getattr(theirs.contract, field) == "x"
    with pytest.raises(EncodeError, match=rf"contractDescriptions\[0\]\.contract\.{field}: has no place in the text form"):
        encode("symbolSamples", TO_CLIENT, V.BOND_ISSUERID - 1, reqId=7, contractDescriptions=found)


def test_a_request_without_fields() -> None:
    assert sent(178, "reqFamilyCodes") == frame(b"80\0")
    assert sent(201, "reqFamilyCodes") == frame(b"\0\0\0\x50")
    assert sent(226, "reqFamilyCodes") == frame(b"\0\0\x01\x18")


@pytest.mark.parametrize("name", BY_NAME)
def test_a_message_needs_its_version(name: str) -> None:
    message = BY_NAME[name]
    with pytest.raises(EncodeError, match=rf"^{name}: needs server version {int(message.since)} \({message.since.name}\)$"):
        encode(name, message.direction, message.since - 1)


def test_a_request_that_came_too_early_is_still_written_back() -> None:
    # The official client does not look at the version before it asks for tiers.
    data = sent(V.SOFT_DOLLAR_TIER - 1, "reqSoftDollarTiers", 7)
    assert data[LENGTH.size :] == b"79\x007\0"
    assert decoded(data, TO_SERVER, V.SOFT_DOLLAR_TIER - 1).fields == {"reqId": 7}
