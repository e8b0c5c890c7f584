"""The instruments that the simulator knows: a few of each kind, their details, and prices that move in a small circle.

Prices are those of the account's positions. They depend on nothing but how often they were asked for, so that what a client computes
from them can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from twsprobe.net.account import AAPL, AAPL_CALL, EUR_USD, MSFT, VOO, Fields
from twsprobe.wire.versions import ServerVersion

WALK = (0, 1, 2, 1, 0, -1, -2, -1)
"""How many ticks a price is from where it began, over and over."""
LOT = 100


class Instrument(NamedTuple):
    """One instrument. ``tick`` is the step of its price, ``size`` what is bid for and offered, ``volume`` that of a day."""

    contract: Fields
    details: Fields
    price: float
    tick: float
    size: int
    volume: int

    def last(self, step: int = 0) -> float:
        """The price of the last trade after so many steps."""
        return round(self.price + self.tick * WALK[step % len(WALK)], 6)

    def bid(self, step: int = 0) -> float:
        """The highest bid after so many steps."""
        return round(self.last(step) - self.tick, 6)

    def ask(self, step: int = 0) -> float:
        """The lowest offer after so many steps."""
        return round(self.last(step) + self.tick, 6)

    def amount(self, number: int, server_version: int, since: ServerVersion) -> Decimal:
        """A size as a connection gets it: of US stocks in lots before the version that says it in shares."""
        in_lots = server_version < since and self.contract["secType"] == "STK"
        return Decimal(number // LOT if in_lots else number)


SMART = "SMART,AMEX,NYSE,CBOE,ISLAND,ARCA,IEX"
HOURS = "20261123:0400-20261123:2000;20261124:0400-20261124:2000"
LIQUID_HOURS = "20261123:0930-20261123:1600;20261124:0930-20261124:1600"
_COMMON: Fields = {
    "orderTypes": "ADJUST,ALERT,ALGO,AON,COND,DAY,GTC,IOC,LMT,MIT,MKT,OCA,STP,STPLMT,TRAIL,WHATIF",
    "priceMagnifier": 1,
    "underConId": 0,
    "contractMonth": "",
    "industry": "",
    "category": "",
    "subcategory": "",
    "timeZoneId": "US/Eastern",
    "tradingHours": HOURS,
    "liquidHours": LIQUID_HOURS,
    "evRule": "",
    "secIdList": [],
    "aggGroup": 1,
    "realExpirationDate": "",
    "mdSizeMultiplier": 1,
    "sizeMinTick": Decimal(1),
    "minSize": Decimal(1),
    "sizeIncrement": Decimal(1),
    "suggestedSizeIncrement": Decimal(1),
    "lastPricePrecision": Decimal("0.01"),
    "lastSizePrecision": Decimal(1),
    "ineligibilityReasonList": [],
}
_STOCK: Fields = _COMMON | {
    "minTick": Decimal("0.01"),
    "validExchanges": SMART,
    "marketRuleIds": "26,26,26,26,26,26,26",
    "stockType": "COMMON",
    "mdSizeMultiplier": LOT,
    "suggestedSizeIncrement": Decimal(100),
}


def _stock(contract: Fields, name: str, isin: str, industry: str, price: float, volume: int, **details: Any) -> Instrument:
    about = {
        "longName": name,
        "marketName": contract["tradingClass"],
        "industry": industry,
        "category": industry,
        "subcategory": industry,
        "secIdList": [{"tag": "ISIN", "value": isin}],
    }
    return Instrument(contract, _STOCK | about | details, price, 0.01, 300, volume)


def _option(con_id: int, strike: float, right: str, price: float) -> Instrument:
    symbol = f"AAPL  280121{right}{int(strike * 1000):08}"
    contract = AAPL_CALL | {"conId": con_id, "strike": strike, "right": right, "localSymbol": symbol, "lastTradeDate": "20280121"}
    details = _COMMON | {
        "marketName": "AAPL",
        "minTick": Decimal("0.01"),
        "validExchanges": "SMART,AMEX,CBOE,PHLX",
        "marketRuleIds": "109,109,109,109",
        "underConId": AAPL["conId"],
        "underSymbol": "AAPL",
        "underSecType": "STK",
        "longName": "APPLE INC",
        "contractMonth": "202801",
        "realExpirationDate": "20280121",
        "settlementMethod": "Delivery",
    }
    return Instrument(contract, details, price, 0.05, 12, 840)


def _future(con_id: int, day: str, local_symbol: str, price: float) -> Instrument:
    contract: Fields = {
        "conId": con_id,
        "symbol": "ES",
        "secType": "FUT",
        "lastTradeDateOrContractMonth": day,
        "lastTradeDate": day,
        "strike": 0.0,
        "multiplier": 50.0,
        "exchange": "CME",
        "currency": "USD",
        "localSymbol": local_symbol,
        "tradingClass": "ES",
    }
    details = _COMMON | {
        "marketName": "ES",
        "minTick": Decimal("0.25"),
        "validExchanges": "CME,QBALGO",
        "marketRuleIds": "67,67",
        "underConId": 11004968,
        "underSymbol": "ES",
        "underSecType": "IND",
        "longName": "E-mini S&P 500",
        "contractMonth": day[:6],
        "realExpirationDate": day,
        "timeZoneId": "US/Central",
        "evRule": "aggregate",
        "evMultiplier": 50.0,
        "settlementMethod": "Cash",
    }
    return Instrument(contract, details, price, 0.25, 25, 1_204_000)


_BOND: Fields = {
    "conId": 318405901,
    "symbol": "AAPL",
    "secType": "BOND",
    "lastTradeDateOrContractMonth": "20450506",
    "lastTradeDate": "20450506",
    "exchange": "SMART",
    "currency": "USD",
    "localSymbol": "IBCID194914353",
    "tradingClass": "AAPL",
    "issuerId": "e1359061",
}
_BOND_DETAILS: Fields = _COMMON | {
    "marketName": "AAPL",
    "minTick": Decimal("0.001"),
    "validExchanges": "SMART,TRACE",
    "marketRuleIds": "200,200",
    "longName": "APPLE INC",
    "cusip": "037833BH2",
    "issueDate": "20150513",
    "ratings": "Aaa/AA+",
    "bondType": "CORP",
    "coupon": 4.375,
    "couponType": "FIXED",
    "convertible": False,
    "callable": True,
    "puttable": False,
    "descAppend": "AAPL 4 3/8 05/06/45",
    "nextOptionDate": "",
    "nextOptionType": "",
    "nextOptionPartial": False,
    "bondNotes": "",
    "secIdList": [{"tag": "ISIN", "value": "US037833BH21"}, {"tag": "CUSIP", "value": "037833BH2"}],
}
_PAIR_DETAILS: Fields = _COMMON | {
    "marketName": "EUR.USD",
    "minTick": Decimal("0.00005"),
    "validExchanges": "IDEALPRO",
    "marketRuleIds": "239",
    "longName": "European Monetary Union Euro",
    "aggGroup": 4,
}
_FOR_DIFFERENCE: Fields = AAPL | {"conId": 120550477, "secType": "CFD", "primaryExch": "", "tradingClass": "AAPL", "localSymbol": "AAPLn"}

INSTRUMENTS: tuple[Instrument, ...] = (
    _stock(AAPL, "APPLE INC", "US0378331005", "Technology", 191.24, 41_250_000),
    _stock(MSFT, "MICROSOFT CORP", "US5949181045", "Technology", 405.31, 18_730_000),
    _stock(VOO, "VANGUARD S&P 500 ETF", "US9229083632", "Funds", 432.72, 4_190_000, stockType="ETF"),
    _option(AAPL_CALL["conId"], 200.0, "C", 11.15),
    _option(731548301, 180.0, "C", 21.4),
    _option(731548399, 180.0, "P", 6.85),
    _future(637533641, "20261218", "ESZ6", 5021.25),
    _future(672387468, "20270319", "ESH7", 5067.5),
    Instrument(EUR_USD, _PAIR_DETAILS, 1.08645, 0.00005, 1_000_000, -1),
    Instrument(_BOND, _BOND_DETAILS, 98.754, 0.001, 250, 1800),
    Instrument(_FOR_DIFFERENCE, _STOCK | {"longName": "APPLE INC", "underConId": AAPL["conId"]}, 191.24, 0.01, 300, 41_250_000),
)
RIGHTS: Mapping[str, str] = MappingProxyType({"CALL": "C", "PUT": "P", "0": "", "?": ""})


def matching(wanted: Mapping[str, Any]) -> list[Instrument]:
    """The instruments that a contract of a request describes: all that it says holds. None for one that names no instrument."""
    if not any(wanted.get(name) for name in ("conId", "symbol", "localSymbol", "secId", "issuerId")):
        return []
    return [each for each in INSTRUMENTS if is_described(each, wanted)]


def is_described(instrument: Instrument, wanted: Mapping[str, Any]) -> bool:
    """Whether all that a contract says holds of an instrument. Exchanges are those where it can be traded."""
    contract, details = instrument.contract, instrument.details
    for name in ("conId", "symbol", "secType", "currency", "strike", "localSymbol", "tradingClass", "issuerId"):
        if wanted.get(name) and wanted[name] != contract.get(name):
            return False
    right = wanted.get("right") or ""
    if RIGHTS.get(right, right) not in ("", contract.get("right")):
        return False
    if not contract.get("lastTradeDateOrContractMonth", "").startswith(wanted.get("lastTradeDateOrContractMonth") or ""):
        return False
    if wanted.get("secId") and {"tag": wanted.get("secIdType"), "value": wanted["secId"]} not in details["secIdList"]:
        return False
    places = {contract["exchange"], contract.get("primaryExch"), *details["validExchanges"].split(",")}
    if "ISLAND" in places:
        places.add("NASDAQ")  # IBKR's other name for it
    return {wanted.get("exchange") or contract["exchange"], wanted.get("primaryExch") or contract["exchange"]} <= places


def by_number(con_id: int | None) -> Instrument | None:
    """The instrument of a conId, None where there is none."""
    return next((each for each in INSTRUMENTS if each.contract["conId"] == con_id), None)
