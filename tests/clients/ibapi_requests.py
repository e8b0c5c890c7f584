"""Makes requests of every kind with the official client, trades, and prints all that its callbacks got, as JSON.

Run as a program, with the highest versions to offer; the versions share one process, as connecting costs the client about a second.
"""

from __future__ import annotations

import enum
import json
import logging
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ibapi.client
from ibapi.client import EClient
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.scanner import ScannerSubscription
from ibapi.wrapper import EWrapper

PATIENCE = 10.0
UNSET = (None, "", UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER)
LATE = "20261120 21:00:00 UTC"


class Session(EWrapper, EClient):
    """One connection. ``got`` holds the arguments of every callback by its name."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.got: dict[str, list[list[Any]]] = {}
        self.news = threading.Condition()

    def keep(self, name: str, row: tuple[Any, ...]) -> None:
        with self.news:
            self.got.setdefault(name, []).append([plain(value) for value in row])
            self.news.notify_all()

    def count(self, name: str) -> int:
        return len(self.got.get(name, ()))

    def ask(self, request: str, *arguments: Any, until: str, number: int = 1) -> None:
        """Make a request and wait for so many more calls of a callback."""
        with self.news:
            wanted = self.count(until) + number
        getattr(self, request)(*arguments)
        with self.news:
            if not self.news.wait_for(lambda: self.count(until) >= wanted, PATIENCE):
                self.got.setdefault("unanswered", []).append([request, until])


def recorder(name: str) -> Callable[..., None]:
    def record(self: Session, *row: Any, **named: Any) -> None:
        self.keep(name, (*row, *named.values()))

    return record


for callback in vars(EWrapper):
    if not callback.startswith("_") and not callback.lower().endswith("protobuf"):
        setattr(Session, callback, recorder(callback))


def plain(value: Any) -> Any:
    """A value as JSON has it; quantities as numbers, and of objects what is set."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, enum.Enum):
        return value.name
    if hasattr(value, "__dict__"):
        return {name: plain(each) for name, each in vars(value).items() if not any(each is one or each == one for one in UNSET)}
    return value


def contract(**fields: Any) -> Contract:
    made = Contract()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def order(**fields: Any) -> Order:
    made = Order()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


STOCK: dict[str, Any] = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}


def contracts(session: Session) -> None:
    bond, pair = {"symbol": "AAPL", "secType": "BOND"}, {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO"}
    option: dict[str, Any] = {"symbol": "AAPL", "secType": "OPT", "strike": 180.0, "right": "C", "lastTradeDateOrContractMonth": "202801"}
    for id, fields in enumerate((STOCK, option, {"symbol": "ES", "secType": "FUT"}, pair, bond), 100):
        session.ask("reqContractDetails", id, contract(**fields), until="contractDetailsEnd")
    session.ask("reqSecDefOptParams", 110, "AAPL", "", "STK", 265598, until="securityDefinitionOptionParameterEnd")
    session.ask("reqMatchingSymbols", 111, "aap", until="symbolSamples")
    session.ask("reqMarketRule", 26, until="marketRule")
    chosen = contract(conId=731548236, exchange="SMART")
    session.ask("calculateImpliedVolatility", 112, chosen, 11.15, 191.24, [], until="tickOptionComputation")
    session.ask("calculateOptionPrice", 113, chosen, 0.25, 191.24, [], until="tickOptionComputation")


def market_data(session: Session) -> None:
    stock = contract(**STOCK)
    session.ask("reqMktData", 200, stock, "", True, False, [], until="tickSnapshotEnd")
    session.ask("reqMktData", 201, stock, "233,236", False, False, [], until="tickPrice", number=20)
    session.cancelMktData(201)
    for id, kind in enumerate(("Last", "AllLast", "BidAsk", "MidPoint"), 210):
        until = {"BidAsk": "tickByTickBidAsk", "MidPoint": "tickByTickMidPoint"}.get(kind, "tickByTickAllLast")
        session.ask("reqTickByTickData", id, stock, kind, 0, False, until=until)
        session.cancelTickByTickData(id)
    session.ask("reqMktDepth", 220, stock, 2, True, [], until="updateMktDepthL2", number=4)
    session.cancelMktDepth(220, True)
    session.ask("reqMktDepth", 221, contract(**STOCK | {"exchange": "ARCA"}), 2, False, [], until="updateMktDepth", number=4)
    session.cancelMktDepth(221, False)
    session.ask("reqMktDepthExchanges", until="mktDepthExchanges")
    session.ask("reqSmartComponents", 222, "9c0001", until="smartComponents")


def history(session: Session) -> None:
    stock = contract(**STOCK)
    session.ask("reqHistoricalData", 300, stock, LATE, "3 D", "1 day", "TRADES", 1, 1, False, [], until="historicalDataEnd")
    session.ask("reqHistoricalData", 301, stock, LATE, "2 D", "1 day", "SCHEDULE", 1, 1, False, [], until="historicalSchedule")
    session.ask("reqHeadTimeStamp", 302, stock, "TRADES", 1, 1, until="headTimestamp")
    session.ask("reqHistogramData", 303, stock, True, "3 days", until="histogramData")
    for shows, until in (("TRADES", "historicalTicksLast"), ("BID_ASK", "historicalTicksBidAsk"), ("MIDPOINT", "historicalTicks")):
        session.ask("reqHistoricalTicks", 304, stock, "", LATE, 2, shows, 1, False, [], until=until)
    session.ask("reqRealTimeBars", 305, stock, 5, "TRADES", True, [], until="realtimeBar")
    session.cancelRealTimeBars(305)


def other(session: Session, account: str) -> None:
    session.ask("reqNewsProviders", until="newsProviders")
    session.ask("reqHistoricalNews", 400, 265598, "BRFG+DJNL", "", "", 10, [], until="historicalNewsEnd")
    session.ask("reqNewsArticle", 401, "BRFG", "BRFG$0a1b2c3d", [], until="newsArticle")
    session.ask("reqNewsBulletins", True, until="updateNewsBulletin")
    wanted = ScannerSubscription()
    wanted.instrument, wanted.locationCode, wanted.scanCode, wanted.numberOfRows = "STK", "STK.US.MAJOR", "MOST_ACTIVE", 2
    session.ask("reqScannerParameters", until="scannerParameters")
    session.ask("reqScannerSubscription", 402, wanted, [], [], until="scannerDataEnd")
    session.cancelScannerSubscription(402)
    session.ask("reqPnL", 403, account, "", until="pnl")
    session.cancelPnL(403)
    session.ask("reqPnLSingle", 404, account, "", 265598, until="pnlSingle")
    session.cancelPnLSingle(404)
    session.ask("queryDisplayGroups", 405, until="displayGroupList")
    session.ask("subscribeToGroupEvents", 405, 1, until="displayGroupUpdated")
    session.ask("updateDisplayGroup", 405, "265598@SMART", until="displayGroupUpdated")
    session.ask("reqSoftDollarTiers", 406, until="softDollarTiers")
    session.ask("reqFamilyCodes", until="familyCodes")
    session.ask("reqUserInfo", 407, until="userInfo")
    session.ask("reqWshMetaData", 408, until="wshMetaData")


def orders(session: Session) -> None:
    stock = contract(**STOCK)
    limit: dict[str, Any] = {"action": "SELL", "totalQuantity": Decimal(5), "orderType": "LMT", "lmtPrice": 250.0}
    first = session.got["nextValidId"][0][0]
    session.ask("placeOrder", first, stock, order(**limit, whatIf=True), until="openOrder")
    market = {"action": "BUY", "totalQuantity": Decimal(10), "orderType": "MKT"}
    session.ask("placeOrder", first + 1, stock, order(**market), until="commissionAndFeesReport")
    session.ask("placeOrder", first + 2, stock, order(**limit), until="orderStatus", number=2)
    session.ask("cancelOrder", first + 2, OrderCancel(), until="error")
    session.ask("cancelOrder", first + 3, OrderCancel(), until="error")
    session.ask("placeOrder", first + 4, contract(symbol="NOSUCH", secType="STK"), order(**limit), until="error")
    session.ask("reqExecutions", 500, ExecutionFilter(), until="execDetailsEnd")


def session_of(host: str, port: int, offer: int, account: str) -> dict[str, Any]:
    """Connect with a highest version, ask for everything, trade, and give what came; ``start`` are the errors of all but the trading."""
    vars(ibapi.client)["MAX_CLIENT_VER"] = offer
    session = Session()
    session.setConnectOptions("+PACEAPI")  # or TWS refuses more than 50 requests in a second
    session.connect(host, port, clientId=offer)
    reader = threading.Thread(target=session.run, daemon=True)
    with session.news:
        reader.start()
        session.news.wait_for(lambda: session.count("error") >= 3, PATIENCE)
    contracts(session)
    market_data(session)
    history(session)
    other(session, account)
    errors = session.got.pop("error")
    orders(session)
    version = session.serverVersion()
    # Disconnecting forgets the server version, over which the loop would trip with messages left: it is to end, and disconnect, by itself.
    session.setConnState(EClient.DISCONNECTED)
    reader.join(PATIENCE)
    return {"version": version, "start": errors, **session.got}


def main(account: str, *targets: str) -> None:
    logged: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]  # a handler of one line
    logging.getLogger().addHandler(handler)
    found = {}
    for target in targets:
        address, _, offer = target.rpartition("/")
        host, _, port = address.rpartition(":")
        found[offer] = session_of(host, int(port), int(offer), account)
    sys.stdout.write(json.dumps({"logged": logged, "sessions": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
