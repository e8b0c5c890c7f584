"""Messages of which a log joined the fields come back as they were, or are marked."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.logs import TO_CLIENT, TO_SERVER, joined
from tests.wire.generate import Maker, encodings, examples, makers, randoms, versions
from twsprobe.capture import splitting
from twsprobe.capture.splitting import split
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.layout import Slot
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_NAME, decode, encode

STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
OPTION = {"contract": {"conId": 1, **STOCK, "strike": 0.0}}
BAR = {"open": -0.25, "high": 1.5, "low": -1.5, "close": 1.0, "volume": -1, "WAP": -1, "barCount": -1}
DAYS = "20241123:0400-20241123:2000;20241124:CLOSED"
HOURS = {"tradingHours": DAYS, "liquidHours": "20241123:0930-20241123:1600;20241124:CLOSED"}

KNOWN: list[tuple[str, Direction, int, dict[str, Any]]] = [
    ("error", TO_CLIENT, 157, {"id": -1, "errorCode": 2104, "errorMsg": "Market data farm connection is OK:usfarm"}),
    ("error", TO_CLIENT, 176, {"id": -1, "errorCode": 2158, "errorMsg": "Sec-def data farm; it is OK, now", "advancedOrderRejectJson": ""}),
    ("tickPrice", TO_CLIENT, 176, {"reqId": 7, "tickType": 1, "price": -1.0, "size": -3, "attrMask": 0}),
    ("tickGeneric", TO_CLIENT, 176, {"reqId": 7, "tickType": 49, "value": -1.5e-07}),
    ("managedAccounts", TO_CLIENT, 176, {"accountsList": "DU1234567,DU7654321,"}),
    ("updateAccountValue", TO_CLIENT, 176, {"key": "RealizedPnL", "value": "-12.5", "currency": "USD", "accountName": "DU1234567"}),
    ("updateAccountValue", TO_CLIENT, 176, {"key": "Leverage-S", "value": "0.46", "currency": "", "accountName": "DU1234567"}),
    ("position", TO_CLIENT, 176, {"account": "DU1", "contract": STOCK, "position": -100, "avgCost": 12.5}),
    (
        "historicalNews",
        TO_CLIENT,
        176,
        {"reqId": 1, "time": "2026-11-23 15:02:11.0", "providerCode": "BRFG", "articleId": "BRFG$0a", "headline": "Up - or down; or, both"},
    ),
    ("pnl", TO_CLIENT, 176, {"reqId": 1, "dailyPnL": -1.5, "unrealizedPnL": -20.25, "realizedPnL": 0.0}),
    (
        "historicalData",
        TO_CLIENT,
        176,
        {
            "reqId": 1,
            "startDateStr": "20241123-10:00:00",
            "endDateStr": "20241124-10:00:00",
            "historicalDataBars": [{"date": f"2024112{day}", **BAR} for day in range(9)],
        },
    ),
    (
        "contractDetails",
        TO_CLIENT,
        176,
        {
            "reqId": 1,
            "contract": STOCK,
            "contractDetails": {
                "orderTypes": "LMT,MKT",
                "validExchanges": "SMART,AMEX",
                "longName": "E-MINI",
                "marketRuleIds": "26,26",
                "stockType": "COMMON",
                **HOURS,
            },
        },
    ),
    (
        "placeOrder",
        TO_SERVER,
        157,
        {
            "orderId": 3,
            "contract": STOCK,
            "order": {
                "action": "BUY",
                "totalQuantity": 1,
                "orderType": "LMT",
                "lmtPrice": -1.5,
                "exemptCode": -1,
                "orderRef": "my-first;order",
            },
        },
    ),
    (
        "reqHistoricalData",
        TO_SERVER,
        157,
        {
            "reqId": 1,
            "contract": STOCK,
            "endDateTime": "20241124-10:00:00",
            "barSizeSetting": "1 day",
            "duration": "3 D",
            "useRTH": True,
            "whatToShow": "TRADES",
        },
    ),
]


@pytest.mark.parametrize("joiner", [b"-", b";", b",", b"|"])
@pytest.mark.parametrize(("name", "direction", "version", "fields"), KNOWN, ids=[f"{each[0]}-{at}" for at, each in enumerate(KNOWN)])
def test_known_messages_come_back(name: str, direction: Direction, version: int, fields: dict[str, Any], joiner: bytes) -> None:
    payload = encode(name, direction, version, **fields)[4:]
    found = split(joined(payload, version, joiner)[:-1], joiner, direction, version)
    assert found is not None
    assert (found.payload, found.name, found.fits, found.doubt) == (payload, name, True, "")


def test_the_id_of_an_error_is_minus_one() -> None:
    found = split(b"4-2--1-2104-Market data farm connection is OK:usfarm-", b"-", TO_CLIENT, 176)
    assert found is not None
    assert found.payload == b"4\x002\x00-1\x002104\x00Market data farm connection is OK:usfarm\0\0"


def test_a_joiner_behind_the_last_field_may_be_there_or_not() -> None:
    for text in (b"9;1;42", b"9;1;42;"):
        found = split(text, b";", TO_CLIENT, 176, open_end=True)
        assert found is not None
        assert (found.payload, found.fits) == (b"9\x001\x0042\0", True)


def test_a_joiner_alone_is_no_field() -> None:
    for text in (b"85", b"85;"):
        found = split(text, b";", TO_SERVER, 176, open_end=True)
        assert found is not None
        assert (found.payload, found.name, found.fits) == (b"85\0", "reqNewsProviders", True)


def test_lists_side_by_side_are_marked() -> None:
    details = {"orderTypes": "LMT,MKT", "validExchanges": "CME,QBALGO"}
    payload = encode("contractDetails", TO_CLIENT, 176, reqId=1, contract=STOCK, contractDetails=details)[4:]
    found = split(joined(payload, 176, b",")[:-1], b",", TO_CLIENT, 176)
    assert found is not None
    assert found.fits
    assert found.doubt.startswith("contractDetails.orderTypes could also be 'LMT")


def test_what_fits_no_declaration_is_split_at_every_joiner() -> None:
    found = split(b"9-1-x-y", b"-", TO_CLIENT, 176)
    assert found is not None
    assert (found.payload, found.fits, found.name) == (b"9\x001\0x\0y\0", False, "nextValidId")
    unknown = split(b"199-1-x", b"-", TO_CLIENT, 176)
    assert unknown is not None
    assert (unknown.payload, unknown.fits, unknown.name) == (b"199\x001\0x\0", False, None)


@pytest.mark.parametrize("text", [b"", b"-", b"x-1", b"4-\0", b"1234567890-1", "\u0664-1".encode(), b"-1-2"])
def test_what_can_be_no_message(text: bytes) -> None:
    assert split(text, b"-", TO_CLIENT, 176) is None


def test_protobuf_is_no_text() -> None:
    assert split(b"204-1", b"-", TO_CLIENT, 203) is None
    found = split(b"204-1", b"-", TO_CLIENT, 200)
    assert found is not None
    assert not found.fits


def test_ids_are_binary_where_the_version_has_them_so() -> None:
    found = split(b"9-1-42", b"-", TO_CLIENT, 203)
    assert found is not None
    assert found.payload == b"\0\0\0\x091\x0042\0"
    assert isinstance(decode(found.payload, TO_CLIENT, 203), Decoded)


PLAIN = ["", "USD", "a b", "AAPL", "NASDAQ", "20241124", "DU1234567", "x.y", "ok: yes"]
"""Texts without a joiner."""


class Plain(Maker):
    """Makes messages with such texts alone, so that what is not certain are numbers."""

    def scalar(self, leaf: Any, encoding: str) -> Any:
        value = super().scalar(leaf, encoding)
        return self.random.choice(PLAIN) if isinstance(value, str) else value


@examples(3)
@given(randoms, versions, st.sampled_from([b"-", b";", b",", b"|"]))
def test_messages_without_joiners_in_texts_come_back(random: Random, version: int, joiner: bytes) -> None:
    """But for spellings of numbers that hold a joiner: nothing else may be lost, and what follows the declaration must be said to."""
    maker = Plain(random)
    message = random.choice([each for each in MESSAGES if "text" in encodings(each, version)])
    payload = maker.payload(message, version, "text")
    text = joined(payload, version, joiner)
    found = split(text[:-1], joiner, message.direction, version)
    assert found is not None
    assert joined(found.payload, version, joiner) == text or not found.fits
    if joiner not in payload and all(isinstance(node, Slot) for node in message.layout(version).nodes):
        assert found.payload == payload


@given(st.binary(max_size=200), st.sampled_from([b"-", b";", b",", b"|"]), st.sampled_from(list(Direction)), versions, st.booleans())
def test_any_text_is_split_or_refused(text: bytes, joiner: bytes, direction: Direction, version: int, open_end: bool) -> None:
    for each in (text, b"4" + joiner + text, b"5" + joiner + text.replace(b"\0", joiner)):
        found = split(each, joiner, direction, version, open_end=open_end)
        if found is not None:
            decode(found.payload, direction, version)
            whole = joined(found.payload, version, joiner)[:-1]
            assert whole in (each, each[:-1]) or each.lstrip(b"0").startswith(whole[:1])


@examples(2)
@given(makers, randoms, versions, st.sampled_from([b"-", b";", b","]))
def test_broken_messages_are_split_too(maker: Maker, random: Random, version: int, joiner: bytes) -> None:
    message = random.choice([each for each in MESSAGES if "text" in encodings(each, version)])
    text = joined(maker.payload(message, version, "text"), version, joiner)
    found = split(maker.broken(text).replace(b"\0", joiner), joiner, message.direction, version, open_end=True)
    assert found is None or frame(found.payload)


def test_a_message_of_too_many_pieces_is_split_at_every_joiner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "MOST_PIECES", 3)
    found = split(b"9-1-x-y-z", b"-", TO_CLIENT, 176)
    assert found is not None
    assert (Counter(found.payload)[0], found.fits) == (5, False)


def test_a_text_takes_as_many_pieces_as_there_are() -> None:
    xml = "<a-b>" * 5000
    payload = encode("scannerParameters", TO_CLIENT, 176, xml=xml)[4:]
    found = split(joined(payload, 176, b"-")[:-1], b"-", TO_CLIENT, 176)
    assert found is not None
    assert (found.payload, found.fits) == (payload, True)
    assert BY_NAME[TO_CLIENT, "scannerParameters"].id == found.id
