"""The streams that the decoders are measured on: what a client with market data sees, made from a seed.

By count 27 of a hundred are tickPrice, 17 tickSize, 23 tickByTick of three kinds, 11.5 depth, 5 option greeks, the rest what else a session
has: 23 kinds of 21 ids. By bytes a third is historicalData with 1,000 bars, and a twelfth openOrder. Prices are random walks of 100
instruments, sizes have a heavy tail.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

from twsprobe.net.fitting import encode_fitting
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import PROTOBUF
from twsprobe.wire.registry import BY_NAME

INSTRUMENTS = 100
ACCOUNT = "DU1234567"
DETAILS = {
    "marketName": "NMS",
    "minTick": "0.01",
    "orderTypes": "ACTIVETIM,AD,ADDONT,ADJUST,ALGO,ALLOC,AON,BASKET,COND,CONDORDER,DAY,DEACT,GAT,GTC,GTD,HID,IOC,LIT,LMT,LOC,MIT,MKT",
    "validExchanges": "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,EDGX,PEARL,NYSENAT,LTSE,MEMX",
    "priceMagnifier": 1,
    "longName": "A COMPANY INC",
    "industry": "Technology",
    "category": "Computers",
    "subcategory": "Computers",
    "timeZoneId": "US/Eastern",
    "tradingHours": "20260102:0400-20260102:2000;20260103:CLOSED;20260104:CLOSED;20260105:0400-20260105:2000",
    "liquidHours": "20260102:0930-20260102:1600;20260103:CLOSED;20260104:CLOSED;20260105:0930-20260105:1600",
    "secIdList": [{"tag": "ISIN", "value": "US0378331005"}],
    "aggGroup": 1,
    "marketRuleIds": "26,26,26,26,26,26,26,26,26,26,26,26,26,26,26,26,26,26,26,26,26",
    "stockType": "COMMON",
    "minSize": "1",
    "sizeIncrement": "1",
    "suggestedSizeIncrement": "100",
}
# What TWS writes for an amount that it does not know.
MARGINS = {
    f"{amount}{when}": sys.float_info.max
    for when in ("Before", "Change", "After")
    for amount in ("initMargin", "maintMargin", "equityWithLoan")
}


def contract(n: int) -> dict[str, Any]:
    """The contract of an instrument."""
    symbol = "".join(chr(ord("A") + n // 26**place % 26) for place in range(3))
    return {
        "conId": 265000 + n,
        "symbol": symbol,
        "secType": "STK",
        "strike": 0.0,
        "exchange": "SMART",
        "currency": "USD",
        "localSymbol": symbol,
        "tradingClass": "NMS",
    }


def order(market: Market, n: int) -> dict[str, Any]:
    """An order on an instrument."""
    draw = market.draw
    return {
        "action": draw.choice(("BUY", "SELL")),
        "totalQuantity": str(draw.choice((1, 10, 100, 200, 500)) * draw.randint(1, 9)),
        "orderType": draw.choice(("LMT", "LMT", "LMT", "STP")),
        "lmtPrice": market.price(n),
        "auxPrice": 0.0,
        "tif": draw.choice(("DAY", "GTC")),
        "account": ACCOUNT,
        "openClose": "O",
        "origin": 0,
        "orderRef": f"entry {n}",
        "clientId": draw.randint(1, 3),
        "permId": draw.randint(1, 10**9),
        "outsideRth": draw.random() < 0.2,
        "hidden": False,
        "discretionaryAmt": 0.0,
        "triggerMethod": 0,
        "ocaType": 3,
        "deltaNeutralOrderType": "None",
        "dontUseAutoPriceForHedge": True,
        "trailStopPrice": round(market.price(n) * 0.99, 2),
        "usePriceMgmtAlgo": 0,
    }


def bars(market: Market, n: int) -> list[dict[str, Any]]:
    """A thousand bars of an instrument."""
    return [
        {
            "date": f"20260102 {9 + bar // 60:02}:{bar % 60:02}:00",
            "open": market.price(n),
            "high": market.price(n),
            "low": market.price(n),
            "close": market.price(n),
            "volume": market.size(),
            "WAP": str(market.price(n)),
            "barCount": market.draw.randint(1, 500),
        }
        for bar in range(1000)
    ]


def depth(market: Market, n: int) -> dict[str, Any]:
    """A row of an instrument's book."""
    return {
        "position": market.draw.randint(0, 9),
        "operation": 1,
        "side": market.draw.randint(0, 1),
        "price": market.price(n),
        "size": market.size(),
    }


class Market:
    """Prices that walk, sizes with a heavy tail, times that go on. ``adversarial``: no value comes twice."""

    def __init__(self, seed: int, *, adversarial: bool = False) -> None:
        self.draw = random.Random(seed)
        self.prices = [round(self.draw.uniform(10, 500), 2) for _ in range(INSTRUMENTS)]
        self.adversarial = adversarial
        self.made = 0

    def price(self, request: int) -> float:
        """The next price of an instrument."""
        if self.adversarial:
            self.made += 1
            return round(100 + self.made * 0.0001, 4)
        moved = self.prices[request] + self.draw.choice((-0.01, 0.0, 0.0, 0.01))
        self.prices[request] = round(max(moved, 0.01), 2)
        return self.prices[request]

    def size(self) -> str:
        """The next size."""
        if self.adversarial:
            self.made += 1
            return str(1000 + self.made)
        return str(int(self.draw.paretovariate(1.1) * 100))

    def time(self) -> int:
        """The next second; it stays the same for some ticks."""
        self.made += 1
        return 1_767_366_245 + (self.made if self.adversarial else self.made // 20)


def samples(market: Market) -> dict[str, Callable[[int], dict[str, Any]]]:
    """Each kind's fields, for the request of an instrument. A kind is a message, or a message and which of its forms."""
    draw = market.draw
    return {
        "tickPrice": lambda n: {
            "reqId": n,
            "tickType": draw.choice((1, 2, 4)),
            "price": market.price(n),
            "size": market.size(),
            "attrMask": 1,
        },
        "tickSize": lambda n: {"reqId": n, "tickType": draw.choice((0, 3, 5, 8)), "size": market.size()},
        "tickString": lambda n: {"reqId": n, "tickType": 45, "value": str(market.time())},
        "tickGeneric": lambda n: {"reqId": n, "tickType": 49, "value": 0.0},
        "tickByTick historicalTickLast": lambda n: {
            "reqId": n,
            "tickType": 2,
            "time": market.time(),
            "price": market.price(n),
            "size": market.size(),
            "mask": 0,
            "exchange": draw.choice(("NASDAQ", "ARCA", "DRCTEDGE")),
            "specialConditions": "",
        },
        "tickByTick historicalTickBidAsk": lambda n: {
            "reqId": n,
            "tickType": 3,
            "time": market.time(),
            "priceBid": market.price(n),
            "priceAsk": market.price(n),
            "sizeBid": market.size(),
            "sizeAsk": market.size(),
            "mask": 0,
        },
        "tickByTick historicalTickMidPoint": lambda n: {"reqId": n, "tickType": 4, "time": market.time(), "price": market.price(n)},
        "updateMktDepth": lambda n: {"reqId": n, "marketDepthData": depth(market, n)},
        "updateMktDepthL2": lambda n: {
            "reqId": n,
            "marketDepthData": depth(market, n) | {"marketMaker": draw.choice(("NSDQ", "ARCA", "EDGX")), "isSmartDepth": False},
        },
        "tickOptionComputation": lambda n: {
            "reqId": n,
            "tickType": 13,
            "tickAttrib": 0,
            "impliedVol": draw.random(),
            "delta": draw.random(),
            "optPrice": draw.random() * 10,
            "pvDividend": 0.0,
            "gamma": draw.random(),
            "vega": draw.random(),
            "theta": -draw.random(),
            "undPrice": market.price(n),
        },
        "realtimeBar": lambda n: {
            "reqId": n,
            "time": market.time(),
            "open": market.price(n),
            "high": market.price(n),
            "low": market.price(n),
            "close": market.price(n),
            "volume": market.size(),
            "WAP": str(market.price(n)),
            "count": draw.randint(1, 500),
        },
        "pnl": lambda n: {"reqId": n, "dailyPnL": draw.random() * 100, "unrealizedPnL": draw.random() * 100, "realizedPnL": 0.0},
        "orderStatus": lambda n: {
            "orderId": n,
            "status": draw.choice(("PreSubmitted", "Submitted", "Filled")),
            "filled": "0",
            "remaining": "100",
            "avgFillPrice": 0.0,
            "permId": draw.randint(1, 10**9),
            "parentId": 0,
            "lastFillPrice": 0.0,
            "clientId": 1,
            "whyHeld": "",
            "mktCapPrice": 0.0,
        },
        "openOrder": lambda n: {
            "orderId": n,
            "contract": contract(n),
            "order": order(market, n),
            "orderState": {"status": draw.choice(("PreSubmitted", "Submitted"))} | MARGINS,
        },
        "execDetails": lambda n: {
            "reqId": -1,
            "contract": contract(n),
            "execution": {
                "orderId": n,
                "execId": f"0000e0d5.{draw.randrange(1 << 32):08x}.01.01",
                "time": "20260102 10:15:00 US/Eastern",
                "acctNumber": ACCOUNT,
                "exchange": "ARCA",
                "side": "BOT",
                "shares": "100",
                "price": market.price(n),
                "permId": draw.randint(1, 10**9),
                "clientId": 1,
                "cumQty": "100",
                "avgPrice": market.price(n),
                "lastLiquidity": 1,
            },
        },
        "commissionAndFeesReport": lambda n: {
            "execId": f"0000e0d5.{draw.randrange(1 << 32):08x}.01.01",
            "commissionAndFees": 1.0,
            "currency": "USD",
        },
        "updateAccountValue": lambda n: {"key": "NetLiquidation", "value": market.size(), "currency": "USD", "accountName": ACCOUNT},
        "updatePortfolio": lambda n: {
            "contract": contract(n),
            "position": market.size(),
            "marketPrice": market.price(n),
            "marketValue": draw.random() * 10_000,
            "averageCost": market.price(n),
            "unrealizedPNL": draw.random() * 100,
            "realizedPNL": 0.0,
            "accountName": ACCOUNT,
        },
        "accountSummary": lambda n: {"reqId": 9001, "account": ACCOUNT, "tag": "BuyingPower", "value": market.size(), "currency": "USD"},
        "position": lambda n: {"account": ACCOUNT, "contract": contract(n), "position": market.size(), "avgCost": market.price(n)},
        "contractDetails": lambda n: {"reqId": n, "contract": contract(n), "contractDetails": DETAILS},
        "error": lambda n: {"id": -1, "errorCode": 2104, "errorMsg": "Market data farm connection is OK:usfarm"},
        "historicalData": lambda n: {
            "reqId": n,
            "startDateStr": "20260101 16:00:00",
            "endDateStr": "20260102 16:00:00",
            "historicalDataBars": bars(market, n),
        },
    }


SHARES = {
    "tickPrice": 0.27,
    "tickSize": 0.17,
    "tickByTick historicalTickLast": 0.13,
    "tickByTick historicalTickBidAsk": 0.08,
    "tickByTick historicalTickMidPoint": 0.02,
    "updateMktDepth": 0.045,
    "updateMktDepthL2": 0.07,
    "tickOptionComputation": 0.05,
    "tickString": 0.05,
    "tickGeneric": 0.03,
    "realtimeBar": 0.015,
    "pnl": 0.01,
    "orderStatus": 0.0143,
    "updateAccountValue": 0.01,
    "openOrder": 0.013,
    "execDetails": 0.003,
    "commissionAndFeesReport": 0.003,
    "updatePortfolio": 0.004,
    "accountSummary": 0.003,
    "position": 0.003,
    "contractDetails": 0.001,
    "error": 0.0057,
    "historicalData": 0.00036,
}
"""Each kind's share by count."""
TICKS = {"tickPrice": 0.5, "tickSize": 0.25, "tickByTick historicalTickLast": 0.25}


def frames(server_version: int, count: int, shares: dict[str, float] | None = None, *, adversarial: bool = False) -> Iterator[bytes]:
    """As many frames as the server would send at a version."""
    market = Market(7, adversarial=adversarial)
    makers = samples(market)
    shares = shares or SHARES
    for kind in market.draw.choices(list(shares), list(shares.values()), k=count):
        yield frame(kind, makers[kind](market.draw.randrange(INSTRUMENTS)), server_version)


def frame(kind: str, fields: dict[str, Any], server_version: int) -> bytes:
    """One message; what this version has no place for is left out."""
    name, _, form = kind.partition(" ")
    if form and BY_NAME[Direction.TO_CLIENT, name].encoding(server_version) == PROTOBUF:
        common = {"reqId", "tickType"}
        fields = {name: fields[name] for name in common} | {form: {name: value for name, value in fields.items() if name not in common}}
    return encode_fitting(name, server_version, fields)
