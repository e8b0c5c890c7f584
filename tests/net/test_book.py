from decimal import Decimal

import pytest

from tests.net.asking import ACCOUNT
from twsprobe.net.account import AAPL, AAPL_CALL, MSFT
from twsprobe.net.book import HIGHEST_ORDER_ID, Book


def trade(book: Book, action: str, quantity: int, price: float, contract: dict[str, object] = AAPL) -> float:
    terms = {"action": action, "totalQuantity": Decimal(quantity), "orderType": "MKT"}
    made = book.trade(book.draft((5, 8), contract, terms), price, price, "IEX", "now")
    realized: float = made.commission["realizedPNL"]
    return realized


def held(book: Book, con_id: int) -> tuple[float, float, float]:
    found = book.holdings[con_id]
    return float(found.position), found.average_cost, found.realized


def test_a_position_grows_shrinks_turns_and_closes() -> None:
    book = Book(ACCOUNT)
    assert trade(book, "BUY", 100, 400.0, MSFT) == 0.0
    assert trade(book, "BUY", 100, 410.0, MSFT) == 0.0
    assert held(book, MSFT["conId"]) == (200, 405.0, 0.0)
    assert trade(book, "SELL", 50, 415.0, MSFT) == 500.0
    assert held(book, MSFT["conId"]) == (150, 405.0, 500.0)
    assert trade(book, "SELL", 200, 400.0, MSFT) == -750.0
    assert held(book, MSFT["conId"]) == (-50, 400.0, -250.0)
    assert trade(book, "BUY", 50, 390.0, MSFT) == 500.0
    assert held(book, MSFT["conId"]) == (0, 0.0, 250.0)


def test_options_count_with_their_multiplier() -> None:
    book = Book(ACCOUNT)
    assert trade(book, "BUY", 1, 10.0, AAPL_CALL) == pytest.approx(240.52)
    assert held(book, AAPL_CALL["conId"])[:2] == (-1, 1240.52)
    assert book.holdings[AAPL_CALL["conId"]].market_value == -1000.0


def test_order_ids_end_where_their_numbers_do() -> None:
    book = Book(ACCOUNT)
    terms = {"action": "BUY", "totalQuantity": Decimal(1)}
    book.put((5, HIGHEST_ORDER_ID), book.draft((5, HIGHEST_ORDER_ID), AAPL, terms), "Submitted")
    assert book.next_order_id == HIGHEST_ORDER_ID


def test_two_clients_may_use_the_same_order_id() -> None:
    book = Book(ACCOUNT)
    for client in (1, 2):
        key = book.key(client, 8)
        book.put(key, book.draft(key, AAPL, {"totalQuantity": Decimal(client)}), "Submitted")
    assert [book.open[client, 8].order["totalQuantity"] for client in (1, 2)] == [1, 2]
    assert book.open[1, 8].order["permId"] != book.open[2, 8].order["permId"]
    assert (book.key(1, 6), book.key(1, 8), book.key(3, 8)) == ((None, 6), (1, 8), (3, 8))


def test_the_account_stays_as_it_was() -> None:
    book = Book(ACCOUNT)
    trade(book, "SELL", 200, 190.0)
    assert Book(ACCOUNT).holdings[AAPL["conId"]].position == 200
