from typing import Any

import pytest

from tests.net.asking import ACCOUNT
from twsprobe.net.instruments import INSTRUMENTS, WALK, by_number, matching
from twsprobe.wire.versions import ServerVersion


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, []),
        ({"secType": "STK"}, []),
        ({"symbol": "NOSUCH"}, []),
        ({"conId": 265598}, ["AAPL"]),
        ({"conId": 265598, "symbol": "MSFT"}, []),
        ({"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}, ["AAPL"]),
        ({"symbol": "AAPL", "secType": "STK", "exchange": "NASDAQ"}, ["AAPL"]),
        ({"symbol": "AAPL", "secType": "STK", "primaryExch": "NASDAQ"}, ["AAPL"]),
        ({"symbol": "AAPL", "secType": "STK", "exchange": "LSE"}, []),
        ({"symbol": "AAPL", "secType": "STK", "currency": "EUR"}, []),
        ({"symbol": "ES", "secType": "FUT"}, ["ESZ6", "ESH7"]),
        ({"symbol": "ES", "secType": "FUT", "lastTradeDateOrContractMonth": "202703"}, ["ESH7"]),
        ({"localSymbol": "ESZ6", "exchange": "CME"}, ["ESZ6"]),
        ({"symbol": "AAPL", "secType": "OPT", "strike": 180.0}, ["AAPL  280121C00180000", "AAPL  280121P00180000"]),
        ({"symbol": "AAPL", "secType": "OPT", "strike": 180.0, "right": "PUT"}, ["AAPL  280121P00180000"]),
        ({"secIdType": "ISIN", "secId": "US0378331005", "secType": "STK"}, ["AAPL"]),
        ({"secIdType": "ISIN", "secId": "US0378331004", "secType": "STK"}, []),
        ({"issuerId": "e1359061"}, ["IBCID194914353"]),
    ],
)
def test_a_contract_describes_instruments(wanted: dict[str, Any], found: list[str]) -> None:
    assert [each.contract["localSymbol"] for each in matching(wanted)] == found


def test_positions_and_instruments_agree() -> None:
    for held in ACCOUNT.holdings:
        known = by_number(held.contract["conId"])
        assert known is not None
        assert (known.price, known.contract["symbol"]) == (held.market_price, held.contract["symbol"])
    assert by_number(1) is None
    assert by_number(None) is None


def test_numbers_are_unlike_and_each_exchange_has_a_rule() -> None:
    assert len({each.contract["conId"] for each in INSTRUMENTS}) == len(INSTRUMENTS)
    for each in INSTRUMENTS:
        assert each.details["marketRuleIds"].count(",") == each.details["validExchanges"].count(",")


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_prices_move_in_a_circle_between_bid_and_ask(instrument: Any) -> None:
    for step in range(2 * len(WALK)):
        assert instrument.bid(step) < instrument.last(step) < instrument.ask(step)
    assert instrument.last(0) == instrument.last(len(WALK)) == instrument.price


def test_stocks_alone_come_in_lots_to_old_clients() -> None:
    stock, future = (matching(wanted)[0] for wanted in ({"conId": 265598}, {"localSymbol": "ESZ6"}))
    since = ServerVersion.MARKET_DATA_IN_SHARES
    assert [stock.amount(300, version, since) for version in (158, 159)] == [3, 300]
    assert [future.amount(300, version, since) for version in (158, 159)] == [300, 300]
