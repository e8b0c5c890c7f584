"""The streams that the decoders are measured on: what a client with market data sees, made from a seed.

By count a third tickPrice, a fifth tickSize, a fifth tickByTick, a tenth depth, some option greeks and the rest of a session; by bytes a
third is historicalData with 1,000 bars, and some are openOrder. Prices are random walks of 100 instruments, sizes have a heavy tail.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from twsprobe.wire.framing import Direction
from twsprobe.wire.message import PROTOBUF
from twsprobe.wire.registry import BY_NAME, encode

INSTRUMENTS = 100
CONTRACT = {
    "conId": 265598,
    "symbol": "AAPL",
    "secType": "STK",
    "strike": 0.0,
    "exchange": "SMART",
    "currency": "USD",
    "localSymbol": "AAPL",
    "tradingClass": "NMS",
}
ORDER = {
    "action": "BUY",
    "totalQuantity": "100",
    "orderType": "LMT",
    "lmtPrice": 187.5,
    "auxPrice": 0.0,
    "tif": "DAY",
    "account": "DU1234567",
    "openClose": "O",
    "origin": 0,
    "clientId": 1,
    "outsideRth": False,
    "hidden": False,
    "discretionaryAmt": 0.0,
    "triggerMethod": 0,
    "ocaType": 3,
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
    """Each message's fields, for the request of an instrument."""
    return {
        "tickPrice": lambda n: {
            "reqId": n,
            "tickType": market.draw.choice((1, 2, 4)),
            "price": market.price(n),
            "size": market.size(),
            "attrMask": 1,
        },
        "tickSize": lambda n: {"reqId": n, "tickType": market.draw.choice((0, 3, 5, 8)), "size": market.size()},
        "tickString": lambda n: {"reqId": n, "tickType": 45, "value": str(market.time())},
        "tickGeneric": lambda n: {"reqId": n, "tickType": 49, "value": 0.0},
        "tickByTick": lambda n: {
            "reqId": n,
            "tickType": 1,
            "time": market.time(),
            "price": market.price(n),
            "size": market.size(),
            "mask": 0,
            "exchange": market.draw.choice(("NASDAQ", "ARCA", "DRCTEDGE")),
            "specialConditions": "",
        },
        "updateMktDepthL2": lambda n: {
            "reqId": n,
            "marketDepthData": {
                "position": market.draw.randint(0, 9),
                "marketMaker": "NSDQ",
                "operation": 1,
                "side": market.draw.randint(0, 1),
                "price": market.price(n),
                "size": market.size(),
                "isSmartDepth": False,
            },
        },
        "tickOptionComputation": lambda n: {
            "reqId": n,
            "tickType": 13,
            "tickAttrib": 0,
            "impliedVol": market.draw.random(),
            "delta": market.draw.random(),
            "optPrice": market.draw.random() * 10,
            "pvDividend": 0.0,
            "gamma": market.draw.random(),
            "vega": market.draw.random(),
            "theta": -market.draw.random(),
            "undPrice": market.price(n),
        },
        "orderStatus": lambda n: {
            "orderId": n,
            "status": "Submitted",
            "filled": "0",
            "remaining": "100",
            "avgFillPrice": 0.0,
            "permId": market.draw.randint(1, 10**9),
            "parentId": 0,
            "lastFillPrice": 0.0,
            "clientId": 1,
            "whyHeld": "",
            "mktCapPrice": 0.0,
        },
        "updateAccountValue": lambda n: {"key": "NetLiquidation", "value": market.size(), "currency": "USD", "accountName": "DU1234567"},
        "position": lambda n: {"account": "DU1234567", "contract": CONTRACT, "position": market.size(), "avgCost": market.price(n)},
        "error": lambda n: {"id": -1, "errorCode": 2104, "errorMsg": "Market data farm connection is OK:usfarm"},
        "openOrder": lambda n: {
            "orderId": n,
            "contract": CONTRACT,
            "order": ORDER | {"permId": market.draw.randint(1, 10**9)},
            "orderState": {"status": "Submitted"},
        },
        "historicalData": lambda n: {
            "reqId": n,
            "historicalDataBars": [
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
            ],
        },
    }


SHARES = {
    "tickPrice": 0.31,
    "tickSize": 0.2,
    "tickByTick": 0.23,
    "updateMktDepthL2": 0.115,
    "tickOptionComputation": 0.05,
    "tickString": 0.03,
    "tickGeneric": 0.02,
    "orderStatus": 0.015,
    "updateAccountValue": 0.01,
    "position": 0.005,
    "error": 0.0045,
    "openOrder": 0.0065,
    "historicalData": 0.0004,
}
"""Each message's share by count."""
TICKS = {"tickPrice": 0.5, "tickSize": 0.25, "tickByTick": 0.25}


def frames(server_version: int, count: int, shares: dict[str, float] | None = None, *, adversarial: bool = False) -> Iterator[bytes]:
    """As many frames as the server would send at a version."""
    market = Market(7, adversarial=adversarial)
    makers = samples(market)
    shares = shares or SHARES
    names = market.draw.choices(list(shares), list(shares.values()), k=count)
    for name in names:
        yield frame(name, makers[name](market.draw.randrange(INSTRUMENTS)), server_version)


def frame(name: str, fields: dict[str, Any], server_version: int) -> bytes:
    """One message; what the encoding of this version has no place for is left out."""
    message = BY_NAME[Direction.TO_CLIENT, name]
    if message.encoding(server_version) == PROTOBUF:
        fields = in_protobuf(name, fields)
    elif name == "historicalData" and server_version < 196:
        fields = fields | {"startDateStr": "20260101 16:00:00", "endDateStr": "20260102 16:00:00"}
    return encode(name, Direction.TO_CLIENT, server_version, **fields)


def in_protobuf(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as protobuf groups them."""
    if name != "tickByTick":
        return fields
    tick = {"time": fields["time"], "price": fields["price"], "size": fields["size"], "exchange": fields["exchange"]}
    return {"reqId": fields["reqId"], "tickType": fields["tickType"], "historicalTickLast": tick}
