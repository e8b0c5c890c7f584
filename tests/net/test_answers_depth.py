from typing import Any

import pytest

from tests.net.asking import ACCOUNT, ask, names
from twsprobe.net.asked import Said, State

STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}


def depth(state: State | None = None, id: int = 3, exchange: str = "ARCA", version: int = 226, **fields: Any) -> list[Said]:
    return ask("reqMktDepth", version, state, reqId=id, contract=STOCK | {"exchange": exchange}, **fields)


def rows(said: list[Said]) -> list[dict[str, Any]]:
    return [fields["marketDepthData"] for _, fields in said]


@pytest.mark.parametrize(
    ("exchange", "smart", "message", "makers"),
    [
        ("ARCA", False, "updateMktDepth", [None, None]),
        ("ISLAND", False, "updateMktDepthL2", ["NSDQ", "CDRG"]),
        ("SMART", True, "updateMktDepthL2", ["ISLAND", "ARCA"]),
    ],
)
def test_a_book_of_each_kind(exchange: str, smart: bool, message: str, makers: list[str | None]) -> None:
    said = depth(exchange=exchange, numRows=2, isSmartDepth=smart)
    assert names(said) == [message] * 4
    found = rows(said)
    assert [(each["side"], each["position"], each["price"]) for each in found] == [
        (0, 0, 191.25),
        (0, 1, 191.26),
        (1, 0, 191.23),
        (1, 1, 191.22),
    ]
    assert [each.get("marketMaker") for each in found] == makers * 2
    assert {each["operation"] for each in found} == {0}


def test_the_best_rows_change() -> None:
    state = State(ACCOUNT)
    first = rows(depth(state, numRows=5))
    [feed] = state.feeds(5)
    changes = rows(list(next(feed.messages)))
    assert [(each["operation"], each["position"], each["side"]) for each in changes] == [(1, 0, 0), (1, 0, 1)]
    assert (len(first), changes[0]["size"] == first[0]["size"]) == (10, False)
    assert ask("cancelMktDepth", state=state, reqId=3) == []
    assert state.feeds(5) == []
    assert names(ask("cancelMktDepth", state=state, reqId=3)) == ["error 310"]


@pytest.mark.parametrize(("number", "count"), [(None, 10), (0, 10), (1, 2), (-4, 2), (100, 10)])
def test_a_book_has_a_few_rows(number: int | None, count: int) -> None:
    assert len(depth(numRows=number)) == count


def test_three_books_at_a_time() -> None:
    state = State(ACCOUNT)
    for id in range(3):
        assert len(depth(state, id)) == 10
    assert names(depth(state, 1)) == ["error 102"]
    assert names(depth(state, 9)) == ["error 309"]


def test_what_has_no_book() -> None:
    assert names(depth(exchange="SMART")) == ["error 10092"]
    assert names(ask("reqMktDepth", reqId=3, contract={"symbol": "NOSUCH"})) == ["error 200"]
    said = ask("reqMktDepth", reqId=3, contract={"symbol": "AAPL", "secType": "CFD"})
    assert said == [("rerouteMktDepthReq", {"reqId": 3, "conId": 265598, "exchange": "ISLAND"})]
    assert names(ask("reqMktDepth", 124, reqId=3, contract={"symbol": "AAPL", "secType": "CFD"})) == ["error 10092"]


def test_the_exchanges_say_what_kind_of_book_they_have() -> None:
    [(_, fields)] = ask("reqMktDepthExchanges")
    kinds = {each["exchange"]: (each["serviceDataType"], each["isL2"]) for each in fields["depthMarketDataDescriptions"]}
    assert (kinds["ISLAND"], kinds["ARCA"]) == (("Deep2", True), ("Deep", False))
