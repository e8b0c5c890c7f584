"""Connects the official client to an address, once for each highest version it is to offer, and prints what its callbacks got, as JSON.

Run as a program: the client has threads of its own. The versions share one process and run side by side, as connecting and
disconnecting costs the client about a second each.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from decimal import Decimal
from typing import Any

import ibapi.client
from ibapi.client import EClient
from ibapi.const import UNSET_DOUBLE
from ibapi.execution import ExecutionFilter
from ibapi.wrapper import EWrapper

PATIENCE = 10.0
GOOD_NEWS = (2104, 2106, 2158)


class Session(EWrapper, EClient):
    """One connection. ``got`` holds rows of plain values by what they are about."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.loop = threading.Thread(target=self.run, daemon=True)
        self.got: dict[str, list[Any]] = {}
        self.ended = {name: threading.Event() for name in ("start", "positions", "open", "completed", "account", "executions", "time")}

    def keep(self, kind: str, *row: Any) -> None:
        self.got.setdefault(kind, []).append([plain(value) for value in row])

    def nextValidId(self, orderId: int) -> None:
        self.keep("order id", orderId)
        self.ended["start"].set()

    def managedAccounts(self, accountsList: str) -> None:
        self.keep("accounts", accountsList)

    def error(self, reqId: int, errorTime: int, errorCode: int, errorString: str, advancedOrderRejectJson: str = "") -> None:
        if errorCode not in GOOD_NEWS:
            self.keep("errors", reqId, errorCode, errorString)

    def position(self, account: str, contract: Any, position: Decimal, avgCost: float) -> None:
        self.keep("positions", account, *identity(contract), position, avgCost)

    def positionEnd(self) -> None:
        self.ended["positions"].set()

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        self.keep("open orders", *terms(contract, order), order.clientId, orderState.status)

    def orderStatus(self, orderId: int, status: str, filled: Decimal, remaining: Decimal, *rest: Any) -> None:
        self.keep("statuses", orderId, status, filled, remaining)

    def openOrderEnd(self) -> None:
        self.ended["open"].set()

    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:
        state = (orderState.status, orderState.completedTime, orderState.completedStatus)
        self.keep("completed orders", contract.conId, order.permId, order.action, order.orderType, order.filledQuantity, *state)

    def completedOrdersEnd(self) -> None:
        self.ended["completed"].set()

    def updateAccountValue(self, key: str, val: str, currency: str, accountName: str) -> None:
        self.keep("values", key, val, currency, accountName)

    def updatePortfolio(self, contract: Any, *row: Any) -> None:
        self.keep("portfolio", *identity(contract), *row)

    def accountDownloadEnd(self, accountName: str) -> None:
        self.ended["account"].set()

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:
        self.keep("executions", *identity(contract), *trade(execution))

    def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:
        report = commissionAndFeesReport
        self.keep("commissions", report.execId, report.commissionAndFees, report.currency, report.realizedPNL)

    def execDetailsEnd(self, reqId: int) -> None:
        self.ended["executions"].set()

    def currentTime(self, seconds: int) -> None:
        self.keep("time", seconds)
        self.ended["time"].set()


def plain(value: Any) -> Any:
    """A value as JSON has it; quantities as numbers, what is unset as None."""
    if isinstance(value, Decimal):
        return float(value)
    return None if value == UNSET_DOUBLE else value


def identity(contract: Any) -> tuple[Any, ...]:
    """What tells a contract from others."""
    expiry = contract.lastTradeDateOrContractMonth
    derivative = (expiry, float(contract.strike), contract.right if expiry else "", contract.multiplier)
    return contract.conId, contract.symbol, contract.secType, *derivative, contract.currency, contract.localSymbol, contract.tradingClass


def terms(contract: Any, order: Any) -> tuple[Any, ...]:
    """What an order says."""
    parameters = [[each.tag, each.value] for each in order.algoParams or ()]
    conditions = [[each.conId, each.price, each.isMore] for each in order.conditions]
    basics = (order.orderId, order.permId, contract.conId, order.action, float(order.totalQuantity), order.orderType, order.lmtPrice)
    return *basics, order.tif, order.account, order.orderRef, order.algoStrategy, parameters, conditions


def trade(execution: Any) -> tuple[Any, ...]:
    """What an execution says."""
    basics = (execution.execId, execution.time, execution.acctNumber, execution.exchange, execution.side, float(execution.shares))
    sums = (float(execution.cumQty), execution.avgPrice)
    return *basics, execution.price, execution.permId, execution.clientId, execution.orderId, *sums


def connect(host: str, port: int, offer: int) -> Session:
    """Open a connection that offers versions up to ``offer``; its messages are handled in a thread."""
    vars(ibapi.client)["MAX_CLIENT_VER"] = offer
    session = Session()
    session.connect(host, port, clientId=offer)
    session.loop.start()
    return session


def end(session: Session) -> None:
    """Close a connection when its last messages have been handled: disconnecting forgets the server version, over which the loop trips."""
    session.setConnState(EClient.DISCONNECTED)
    session.loop.join(PATIENCE)


def ask(session: Session, account: str) -> None:
    """Ask for everything once the session has started."""
    session.ended["start"].wait(PATIENCE)
    session.reqPositions()
    session.reqOpenOrders()
    session.reqCompletedOrders(False)
    session.reqAccountUpdates(True, account)
    session.reqExecutions(1, ExecutionFilter())
    session.reqCurrentTime()


def unended(session: Session, deadline: float) -> list[str]:
    """What a session asked for and did not get by the deadline."""
    return [name for name, event in session.ended.items() if not event.wait(max(deadline - time.monotonic(), 0))]


def main(host: str, port: str, account: str, *offers: str) -> None:
    logged: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]  # a handler of one line
    logging.getLogger().addHandler(handler)
    sessions = {offer: connect(host, int(port), int(offer)) for offer in offers}
    for session in sessions.values():
        ask(session, account)
    deadline = time.monotonic() + PATIENCE
    results = {
        offer: {"version": session.serverVersion(), "unended": unended(session, deadline)} | session.got
        for offer, session in sessions.items()
    }
    for session in sessions.values():
        end(session)
    sys.stdout.write(json.dumps({"logged": logged, "sessions": results}))


if __name__ == "__main__":
    main(*sys.argv[1:])
