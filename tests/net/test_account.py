from decimal import Decimal

import pytest

from twsprobe.net.account import LEDGER, LIVE_CODE, PAPER_CODE, simulated_account

ACCOUNT = simulated_account()


def amount(key: str, currency: str) -> Decimal:
    [value] = [value.value for value in ACCOUNT.values if (value.key, value.currency) == (key, currency)]
    return Decimal(value)


def test_paper_and_live_differ_in_the_code_alone() -> None:
    paper, live = simulated_account(), simulated_account(LIVE_CODE)
    assert (paper.code, live.code) == (PAPER_CODE, LIVE_CODE)
    assert paper.holdings == live.holdings
    assert {order.order["account"] for order in live.open_orders + live.completed_orders} == {LIVE_CODE}
    assert PAPER_CODE not in repr(live)


def test_positions_are_worth_their_price() -> None:
    for held in ACCOUNT.holdings:
        multiplier = held.contract.get("multiplier", 1.0)
        assert held.market_value == pytest.approx(float(held.position) * held.market_price * multiplier)
        cost = float(held.position) * held.average_cost
        assert held.unrealized == pytest.approx(held.market_value - cost)


def test_the_values_add_up() -> None:
    securities = [held for held in ACCOUNT.holdings if held.contract["secType"] != "CASH"]
    [currency] = [held for held in ACCOUNT.holdings if held.contract["secType"] == "CASH"]
    cash, stocks, options = amount("TotalCashBalance", "BASE"), amount("StockMarketValue", "BASE"), amount("OptionMarketValue", "BASE")
    assert amount("CashBalance", "USD") + amount("CashBalance", "EUR") * amount("ExchangeRate", "EUR") == cash
    assert currency.position == amount("CashBalance", "EUR")
    assert float(stocks + options) == pytest.approx(sum(held.market_value for held in securities))
    assert float(amount("GrossPositionValue", "USD")) == pytest.approx(sum(abs(held.market_value) for held in securities))
    assert float(amount("UnrealizedPnL", "BASE")) == pytest.approx(sum(held.unrealized for held in securities))
    assert amount("NetLiquidation", "USD") == amount("NetLiquidationByCurrency", "BASE") == cash + stocks + options
    assert amount("EquityWithLoanValue", "USD") == cash + stocks
    assert amount("ExcessLiquidity", "USD") == amount("EquityWithLoanValue", "USD") - amount("MaintMarginReq", "USD")
    assert float(amount("Cushion", "")) == pytest.approx(
        float(amount("ExcessLiquidity", "USD") / amount("NetLiquidation", "USD")), abs=1e-6
    )
    assert amount("RealizedPnL", "BASE") == Decimal(str(sum(trade.commission["realizedPNL"] for trade in ACCOUNT.trades)))


def test_there_is_one_of_everything() -> None:
    assert {held.contract["secType"] for held in ACCOUNT.holdings} == {"STK", "OPT", "CASH"}
    assert any(held.position != int(held.position) for held in ACCOUNT.holdings)
    assert len(ACCOUNT.open_orders) == 2
    assert len(ACCOUNT.completed_orders) == 1
    assert {value.key for value in ACCOUNT.values} > LEDGER
    assert len(ACCOUNT.values) >= 30


def test_trades_and_orders_name_each_other() -> None:
    for trade in ACCOUNT.trades:
        assert trade.execution["execId"] == trade.commission["execId"]
    assert len({trade.execution["execId"] for trade in ACCOUNT.trades}) == len(ACCOUNT.trades)
    [completed] = ACCOUNT.completed_orders
    filled = [trade for trade in ACCOUNT.trades if trade.execution["permId"] == completed.order["permId"]]
    assert sum(trade.execution["shares"] for trade in filled) == completed.order["filledQuantity"]
    for order in ACCOUNT.open_orders:
        assert order.status["filled"] + order.status["remaining"] == order.order["totalQuantity"]
        assert (order.status["orderId"], order.status["permId"]) == (order.order["orderId"], order.order["permId"])
        assert order.order["orderId"] < ACCOUNT.next_order_id
