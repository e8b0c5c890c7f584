from decimal import Decimal
from typing import Any

import pytest

from tests.net.asking import ACCOUNT, ask, names
from twsprobe.net.asked import Said, State

STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
FILLED = ["openOrder", "orderStatus", "execDetails", "openOrder", "orderStatus", "commissionAndFeesReport"]


def place(state: State, order_id: int = 8, client_id: int = 5, contract: dict[str, Any] = STOCK, **terms: Any) -> list[Said]:
    order = {"action": "BUY", "totalQuantity": Decimal(10), "orderType": "LMT", "lmtPrice": 150.0, "transmit": True} | terms
    return ask("placeOrder", state=state, client_id=client_id, orderId=order_id, contract=contract, order=order)


def statuses(said: list[Said]) -> list[tuple[int, str]]:
    return [(fields["orderId"], fields["status"]) for name, fields in said if name == "orderStatus"]


def position(state: State, con_id: int = 265598) -> Decimal:
    return state.book.holdings[con_id].position


def test_orders_belong_to_the_client_that_asks() -> None:
    said = ask("reqAllOpenOrders", client_id=77)
    assert names(said) == ["openOrder", "orderStatus"] * 2 + ["openOrderEnd"]
    assert {fields["order"]["clientId"] for name, fields in said if name == "openOrder"} == {77}
    assert {fields["clientId"] for name, fields in said if name == "orderStatus"} == {77}
    assert names(ask("reqCompletedOrders", apiOnly=True)) == ["completedOrder", "completedOrdersEnd"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 3),
        ({"symbol": "", "clientId": 0}, 3),
        ({"symbol": "MSFT"}, 1),
        ({"secType": "OPT"}, 2),
        ({"secType": "OPT", "exchange": "CBOE"}, 1),
        ({"side": "SELL"}, 3),
        ({"side": "BUY"}, 0),
        ({"side": "SLD"}, 3),
        ({"acctCode": "DU9"}, 0),
        ({"clientId": 5}, 3),
        ({"clientId": 6}, 0),
    ],
)
def test_executions_pass_the_filter(wanted: dict[str, Any], count: int) -> None:
    said = ask("reqExecutions", reqId=2, executionFilter=wanted)
    assert names(said) == ["execDetails", "commissionAndFeesReport"] * count + ["execDetailsEnd"]


def test_an_order_away_from_the_market_stands() -> None:
    state = State(ACCOUNT)
    said = place(state, orderRef="mine", algoStrategy="Adaptive", algoParams=[{"tag": "adaptivePriority", "value": "Urgent"}])
    assert names(said) == ["openOrder", "orderStatus"] * 2
    assert statuses(said) == [(8, "PreSubmitted"), (8, "Submitted")]
    opened = said[2][1]
    assert (opened["contract"]["conId"], opened["orderState"]) == (265598, {"status": "Submitted"})
    order = opened["order"]
    assert (order["orderRef"], order["algoStrategy"], order["clientId"], order["account"]) == ("mine", "Adaptive", 5, "DU1234567")
    assert said[3][1]["remaining"] == 10
    assert ask("reqIds", state=state) == [("nextValidId", {"orderId": 9})]
    assert statuses(ask("reqOpenOrders", state=state))[-1] == (8, "Submitted")


def test_an_order_of_another_client_is_among_all_but_not_among_one_s_own() -> None:
    state = State(ACCOUNT)
    place(state, client_id=6)
    assert (8, "Submitted") not in statuses(ask("reqOpenOrders", state=state, client_id=5))
    shown = [fields for name, fields in ask("reqAllOpenOrders", state=state, client_id=5) if name == "orderStatus"]
    assert [(fields["orderId"], fields["clientId"]) for fields in shown] == [(6, 5), (7, 5), (8, 6)]


@pytest.mark.parametrize(
    ("terms", "price", "after"),
    [
        ({"orderType": "MKT"}, 191.25, 210),
        ({"lmtPrice": 191.25}, 191.25, 210),
        ({"lmtPrice": 200.0}, 191.25, 210),
        ({"lmtPrice": 191.24}, None, 200),
        ({"action": "SELL", "orderType": "MKT"}, 191.23, 190),
        ({"action": "SELL", "lmtPrice": 191.23}, 191.23, 190),
        ({"action": "SELL", "lmtPrice": 191.24}, None, 200),
        ({"orderType": "STP", "auxPrice": 200.0}, None, 200),
    ],
)
def test_what_the_market_takes_is_filled(terms: dict[str, Any], price: float | None, after: int) -> None:
    state = State(ACCOUNT)
    said = place(state, **terms)
    assert position(state) == after
    if price is None:
        assert statuses(said)[-1] == (8, "Submitted")
        return
    assert names(said) == FILLED
    status, execution = said[4][1], said[2][1]["execution"]
    assert (status["status"], status["filled"], status["remaining"], status["avgFillPrice"]) == ("Filled", 10, 0, price)
    assert (execution["price"], execution["shares"], execution["exchange"]) == (price, 10, "IEX")
    assert execution["execId"] == said[5][1]["execId"]
    again = ask("reqExecutions", state=state, reqId=1, executionFilter={})
    assert names(again).count("execDetails") == 4
    *_, (_, completed), _ = ask("reqCompletedOrders", state=state)
    assert (completed["orderState"]["status"], completed["order"]["filledQuantity"]) == ("Filled", 10)


def test_those_who_follow_positions_hear_of_a_fill() -> None:
    state = State(ACCOUNT)
    ask("reqPositions", state=state)
    ask("reqAccountUpdates", state=state, subscribe=True)
    *_, (_, told), (_, valued) = place(state, orderType="MKT")
    assert (told["position"], valued["position"], valued["marketPrice"]) == (210, 210, 191.24)


def test_a_preview_places_nothing() -> None:
    state = State(ACCOUNT)
    [(name, fields)] = place(state, whatIf=True)
    told = fields["orderState"]
    assert (name, told["status"], told["initMarginBefore"], told["initMarginChange"]) == ("openOrder", "PreSubmitted", 31254.63, 956.2)
    assert told["initMarginAfter"] == 32210.83
    assert len(state.book.open) == 2
    assert names(place(state)) == ["openOrder", "orderStatus"] * 2  # its order id is still free


def test_an_order_can_be_changed_while_it_stands() -> None:
    state = State(ACCOUNT)
    first = place(state)
    changed = place(state, lmtPrice=160.0)
    assert changed[-2][1]["order"]["lmtPrice"] == 160.0
    assert changed[-1][1]["permId"] == first[-1][1]["permId"]
    assert statuses(place(state, lmtPrice=195.0))[-1] == (8, "Filled")
    assert names(place(state)) == ["error 103"]


@pytest.mark.parametrize(
    ("contract", "terms", "found"),
    [
        ({"symbol": "NOSUCH"}, {}, ["error 200"]),
        ({"symbol": "AAPL"}, {}, ["error 200"]),
        (STOCK, {"orderType": "NOSUCH"}, ["error 387"]),
        (STOCK, {"totalQuantity": Decimal(0)}, ["error 201"]),
        (STOCK, {"totalQuantity": Decimal("NaN")}, ["error 201"]),
        (STOCK, {"action": "HOLD"}, ["error 201"]),
        (STOCK, {"totalQuantity": Decimal(10_000)}, ["openOrder", "orderStatus", "error 201"]),
    ],
)
def test_what_cannot_be_traded_is_rejected(contract: dict[str, Any], terms: dict[str, Any], found: list[str]) -> None:
    state = State(ACCOUNT)
    said = place(state, contract=contract, **terms)
    assert names(said) == found
    assert said[-1][1]["id"] == 8
    assert len(state.book.open) == 2
    assert statuses(said) in ([], [(8, "Inactive")])


def test_orders_of_a_family_wait_for_the_one_that_is_transmitted_and_for_their_parent() -> None:
    state = State(ACCOUNT)
    assert place(state, 20, lmtPrice=195.0, transmit=False) == []
    assert place(state, 21, action="SELL", lmtPrice=220.0, parentId=20, transmit=False) == []
    said = place(state, 22, action="SELL", orderType="STP", auxPrice=180.0, parentId=20)
    assert statuses(said) == [
        (20, "PreSubmitted"),
        (20, "Filled"),
        (21, "PreSubmitted"),
        (21, "Submitted"),
        (22, "PreSubmitted"),
        (22, "Submitted"),
    ]


def test_attached_orders_go_with_a_parent_that_stands() -> None:
    state = State(ACCOUNT)
    place(state, 20, lmtPrice=150.0, transmit=False)
    said = place(state, 21, action="SELL", lmtPrice=220.0, parentId=20)
    assert statuses(said) == [(20, "PreSubmitted"), (20, "Submitted"), (21, "PreSubmitted")]
    filled = place(state, 20, lmtPrice=192.0)
    assert statuses(filled) == [(20, "PreSubmitted"), (20, "Filled"), (21, "PreSubmitted"), (21, "Submitted")]
    place(state, 30, lmtPrice=150.0, transmit=False)
    place(state, 31, action="SELL", lmtPrice=220.0, parentId=30)
    assert statuses(ask("cancelOrder", state=state, orderId=30)) == [(30, "Cancelled"), (31, "Cancelled")]


def test_a_cancelled_order_is_gone() -> None:
    state = State(ACCOUNT)
    place(state)
    said = ask("cancelOrder", state=state, orderId=8)
    assert (names(said), statuses(said)) == (["orderStatus", "error 202"], [(8, "Cancelled")])
    assert names(ask("cancelOrder", state=state, orderId=8)) == ["error 10148"]
    assert names(ask("cancelOrder", state=state, orderId=9)) == ["error 10147"]
    assert names(ask("cancelOrder", state=state, client_id=6, orderId=8)) == ["error 10147"]
    place(state, 9, transmit=False)
    assert names(ask("cancelOrder", state=state, orderId=9)) == ["error 202"]


def test_orders_that_are_nobody_s_can_be_cancelled_by_anybody() -> None:
    state = State(ACCOUNT)
    said = ask("cancelOrder", state=state, client_id=6, orderId=6)
    assert (said[0][1]["clientId"], statuses(said)) == (6, [(6, "Cancelled")])
    assert statuses(ask("reqOpenOrders", state=state)) == [(7, "PreSubmitted")]


def test_a_global_cancel_takes_all_and_tells_of_one_s_own() -> None:
    state = State(ACCOUNT)
    place(state, client_id=5)
    place(state, client_id=6)
    said = ask("reqGlobalCancel", state=state, client_id=5)
    assert statuses(said) == [(6, "Cancelled"), (7, "Cancelled"), (8, "Cancelled")]
    assert ask("reqAllOpenOrders", state=state) == [("openOrderEnd", {})]


@pytest.mark.parametrize(("client_id", "found"), [(0, []), (5, ["error 327"])])
def test_client_0_alone_may_bind_orders(client_id: int, found: list[str]) -> None:
    assert names(ask("reqAutoOpenOrders", client_id=client_id, autoBind=True)) == found
