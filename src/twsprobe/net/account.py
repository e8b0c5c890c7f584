"""The account that the simulator shows: a few positions, orders and trades, and values that add up.

Everything is plain data, named as in IBKR's protobuf messages, and the same at every server version. The amounts are consistent with
each other (the net liquidation value is the cash and the positions), so that a client that computes with them finds no fault. Orders
and executions carry no client id: the simulator shows them to each client as its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

Fields = dict[str, Any]

PAPER_CODE, LIVE_CODE = "DU1234567", "U1234567"
"""Codes of paper accounts begin with D, those of live ones with U or F."""
LEDGER = frozenset(
    (
        "AccruedCash",
        "CashBalance",
        "ExchangeRate",
        "NetLiquidationByCurrency",
        "OptionMarketValue",
        "RealizedPnL",
        "StockMarketValue",
        "TotalCashBalance",
        "UnrealizedPnL",
    )
)
"""The values that belong to the cash ledger, which ``$LEDGER`` and ``ledgerAndNLV`` ask for."""


class Value(NamedTuple):
    """One account value. ``currency`` is empty for what is no amount, BASE for amounts in the account's own currency."""

    key: str
    value: str
    currency: str


class Holding(NamedTuple):
    """One position; prices and amounts in the contract's currency, ``average_cost`` with the multiplier in it."""

    contract: Fields
    position: Decimal
    average_cost: float
    market_price: float
    market_value: float
    unrealized: float
    realized: float = 0.0


class Order(NamedTuple):
    """An order: the records of openOrder or completedOrder, and of an open one its orderStatus."""

    contract: Fields
    order: Fields
    state: Fields
    status: Fields


class Trade(NamedTuple):
    """An execution and what it cost."""

    contract: Fields
    execution: Fields
    commission: Fields


class Account(NamedTuple):
    """One account, and with ``next_order_id`` and ``config`` what TWS says about itself."""

    code: str
    values: tuple[Value, ...]
    holdings: tuple[Holding, ...]
    open_orders: tuple[Order, ...]
    completed_orders: tuple[Order, ...]
    trades: tuple[Trade, ...]
    config: Fields
    next_order_id: int


AAPL: Fields = {
    "conId": 265598,
    "symbol": "AAPL",
    "secType": "STK",
    "strike": 0.0,
    "exchange": "SMART",
    "primaryExch": "NASDAQ",
    "currency": "USD",
    "localSymbol": "AAPL",
    "tradingClass": "NMS",
}
MSFT: Fields = AAPL | {"conId": 272093, "symbol": "MSFT", "localSymbol": "MSFT"}
VOO: Fields = AAPL | {"conId": 136155102, "symbol": "VOO", "localSymbol": "VOO", "primaryExch": "ARCA", "tradingClass": "VOO"}
EUR_USD: Fields = {
    "conId": 12087792,
    "symbol": "EUR",
    "secType": "CASH",
    "strike": 0.0,
    "exchange": "IDEALPRO",
    "primaryExch": "IDEALPRO",
    "currency": "USD",
    "localSymbol": "EUR.USD",
    "tradingClass": "EUR.USD",
}
AAPL_CALL: Fields = AAPL | {
    "conId": 731548236,
    "secType": "OPT",
    "lastTradeDateOrContractMonth": "20280121",
    "strike": 200.0,
    "right": "C",
    "multiplier": 100.0,
    "primaryExch": "AMEX",
    "localSymbol": "AAPL  280121C00200000",
    "tradingClass": "AAPL",
}

_HOLDINGS = (
    Holding(AAPL, Decimal(200), 182.3056, 191.24, 38248.0, 1786.88),
    Holding(VOO, Decimal("12.5"), 410.1, 432.72, 5409.0, 282.75),
    Holding(AAPL_CALL, Decimal(-2), 1240.52, 11.15, -2230.0, 251.04),
    Holding(EUR_USD, Decimal(5000), 1.0812, 1.08645, 5432.25, 26.25),
)
_VALUES = (
    Value("AccountReady", "true", ""),
    Value("AccountType", "INDIVIDUAL", ""),
    Value("AccruedCash", "0.00", "BASE"),
    Value("AvailableFunds", "70145.37", "USD"),
    Value("BuyingPower", "280581.48", "USD"),
    Value("CashBalance", "57743.00", "BASE"),
    Value("CashBalance", "52310.75", "USD"),
    Value("CashBalance", "5000.00", "EUR"),
    Value("Currency", "BASE", "BASE"),
    Value("Cushion", "0.707325", ""),
    Value("DayTradesRemaining", "-1", ""),
    Value("EquityWithLoanValue", "101400.00", "USD"),
    Value("ExcessLiquidity", "70145.37", "USD"),
    Value("ExchangeRate", "1.00", "USD"),
    Value("ExchangeRate", "1.08645", "EUR"),
    Value("FullInitMarginReq", "31254.63", "USD"),
    Value("FullMaintMarginReq", "31254.63", "USD"),
    Value("GrossPositionValue", "45887.00", "USD"),
    Value("InitMarginReq", "31254.63", "USD"),
    Value("Leverage-S", "0.46", ""),
    Value("MaintMarginReq", "31254.63", "USD"),
    Value("NetLiquidation", "99170.00", "USD"),
    Value("NetLiquidationByCurrency", "99170.00", "BASE"),
    Value("OptionMarketValue", "-2230.00", "BASE"),
    Value("RealizedPnL", "-12.40", "BASE"),
    Value("RegTEquity", "101400.00", "USD"),
    Value("RegTMargin", "43657.00", "USD"),
    Value("SMA", "57743.00", "USD"),
    Value("StockMarketValue", "43657.00", "BASE"),
    Value("TotalCashBalance", "57743.00", "BASE"),
    Value("TotalCashValue", "57743.00", "USD"),
    Value("UnrealizedPnL", "2320.67", "BASE"),
)
ORDER_DEFAULTS: Fields = {
    "parentId": 0,
    "lmtPrice": 0.0,
    "auxPrice": 0.0,
    "tif": "DAY",
    "openClose": "O",
    "origin": 0,
    "orderRef": "",
    "outsideRth": False,
    "hidden": False,
    "discretionaryAmt": 0.0,
    "shortSaleSlot": 0,
    "exemptCode": -1,
    "displaySize": 0,
    "ocaType": 3,
    "triggerMethod": 0,
    "continuousUpdate": False,
    "clearingIntent": "IB",
    "notHeld": False,
    "solicited": False,
    "whatIf": False,
    "randomizeSize": False,
    "randomizePrice": False,
    "adjustedOrderType": "None",
    "dontUseAutoPriceForHedge": True,
    "isOmsContainer": False,
    "discretionaryUpToLimitPrice": False,
    "autoCancelParent": False,
    "includeOvernight": False,
    "imbalanceOnly": False,
}
"""What TWS says of an order where the client said nothing."""
_LIMIT_ORDER: Fields = ORDER_DEFAULTS | {
    "orderId": 6,
    "permId": 1841377401,
    "action": "BUY",
    "totalQuantity": Decimal(100),
    "orderType": "LMT",
    "lmtPrice": 402.5,
}
_ALGO_ORDER: Fields = _LIMIT_ORDER | {
    "orderId": 7,
    "permId": 1841377402,
    "action": "SELL",
    "totalQuantity": Decimal(50),
    "lmtPrice": 205.0,
    "tif": "GTC",
    "openClose": "C",
    "orderRef": "take profit",
    "algoStrategy": "Adaptive",
    "algoParams": [{"tag": "adaptivePriority", "value": "Normal"}],
    "conditions": [
        {
            "type": 1,
            "isConjunctionConnection": True,
            "isMore": True,
            "price": 430.0,
            "conId": 136155102,
            "exchange": "SMART",
            "triggerMethod": 0,
        }
    ],
    "conditionsIgnoreRth": True,
    "conditionsCancelOrder": False,
}
_FILLED_ORDER: Fields = {name: value for name, value in _LIMIT_ORDER.items() if name != "orderId"} | {
    "permId": 1841377350,
    "action": "SELL",
    "totalQuantity": Decimal(0),
    "orderType": "MKT",
    "lmtPrice": 0.0,
    "openClose": "C",
    "filledQuantity": Decimal(30),
    "shareholder": "Not an insider or substantial shareholder",
    "routeMarketableToBbo": 0,
}
_WAITING: Fields = {"filled": Decimal(0), "avgFillPrice": 0.0, "lastFillPrice": 0.0, "parentId": 0, "whyHeld": "", "mktCapPrice": 0.0}


def _trade(number: int, contract: Fields, execution: Fields, commission: float, realized: float) -> Trade:
    exec_id = f"0000e0d5.6744a1c{number}.01.01"
    shared = {"execId": exec_id, "isLiquidation": False, "orderRef": "", "lastLiquidity": 2, "isPriceRevisionPending": False}
    report = {"execId": exec_id, "commissionAndFees": commission, "currency": "USD", "realizedPNL": realized}
    return Trade(contract, shared | execution, report)


_TRADES = (
    _trade(
        1,
        MSFT,
        {
            "orderId": 4,
            "time": "20261123 10:02:11 US/Eastern",
            "exchange": "IEX",
            "side": "SLD",
            "shares": Decimal(30),
            "price": 405.31,
            "permId": 1841377350,
            "cumQty": Decimal(30),
            "avgPrice": 405.31,
        },
        1.21,
        -12.4,
    ),
    _trade(
        2,
        AAPL_CALL,
        {
            "orderId": 5,
            "time": "20261123 11:15:40 US/Eastern",
            "exchange": "CBOE",
            "side": "SLD",
            "shares": Decimal(1),
            "price": 12.41,
            "permId": 1841377366,
            "cumQty": Decimal(1),
            "avgPrice": 12.41,
        },
        0.74,
        0.0,
    ),
    _trade(
        3,
        AAPL_CALL,
        {
            "orderId": 5,
            "time": "20261123 11:15:41 US/Eastern",
            "exchange": "AMEX",
            "side": "SLD",
            "shares": Decimal(1),
            "price": 12.415,
            "permId": 1841377366,
            "cumQty": Decimal(2),
            "avgPrice": 12.4125,
        },
        0.74,
        0.0,
    ),
)
_CONFIG: Fields = {
    "lockAndExit": {"autoLogoffTime": "11:45", "autoLogoffPeriod": "PM", "autoLogoffType": "restart"},
    "api": {
        "precautions": {"bypassOrderPrecautions": False, "bypassBondWarning": False},
        "settings": {
            "readOnlyApi": False,
            "downloadOpenOrdersOnConnection": True,
            "encodeApiMessages": "osCodePage",
            "socketPort": 7497,
            "createApiMessageLogFile": False,
            "includeMarketDataInLogFile": False,
            "loggingLevel": "error",
            "rejectMessagesAboveMaxRate": True,
            "maintainConnectionOnIncorrectFields": True,
            "allowLocalhostOnly": True,
            "trustedIPs": ["127.0.0.1"],
        },
    },
    "orders": {"smartRouting": {"seekPriceImprovement": True, "doNotRouteToDarkPools": False}},
}


def simulated_account(code: str = PAPER_CODE) -> Account:
    """The simulator's account under an account code; whether it is a paper or a live account shows in the code alone."""
    limit = Order(
        MSFT,
        _LIMIT_ORDER | {"account": code},
        {"status": "Submitted"},
        _WAITING | {"orderId": 6, "permId": 1841377401, "status": "Submitted", "remaining": Decimal(100)},
    )
    algo = Order(
        AAPL,
        _ALGO_ORDER | {"account": code},
        {"status": "PreSubmitted", "warningText": ""},
        _WAITING | {"orderId": 7, "permId": 1841377402, "status": "PreSubmitted", "remaining": Decimal(50)},
    )
    completed = {"status": "Filled", "completedTime": "20261123 10:02:11 US/Eastern", "completedStatus": "Filled Size: 30"}
    filled = Order(MSFT, _FILLED_ORDER | {"account": code}, completed, {})
    values = (Value("AccountCode", code, ""), Value("AccountOrGroup", code, "BASE"), *_VALUES)
    return Account(code, values, _HOLDINGS, (limit, algo), (filled,), _TRADES, _CONFIG, next_order_id=8)
