"""Connects ib_async to addresses and prints what it holds afterwards, as JSON. Run as a program: the client needs an asyncio loop."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import ib_async

PATIENCE = 20.0
GOOD_NEWS = (2104, 2106, 2158)


def identity(contract: Any) -> list[Any]:
    """What tells a contract from others."""
    expiry = contract.lastTradeDateOrContractMonth
    derivative = [expiry, float(contract.strike), contract.right if expiry else "", contract.multiplier]
    return [contract.conId, contract.symbol, contract.secType, *derivative, contract.currency, contract.localSymbol, contract.tradingClass]


def terms(trade: Any) -> list[Any]:
    """What an order says."""
    order = trade.order
    parameters = [[each.tag, each.value] for each in order.algoParams or ()]
    conditions = [[each.conId, each.price, each.isMore] for each in order.conditions]
    basics = [order.orderId, order.permId, trade.contract.conId, order.action, order.totalQuantity, order.orderType, order.lmtPrice]
    rest = [order.tif, order.account, order.orderRef, order.algoStrategy, parameters, conditions, order.clientId]
    return [*basics, *rest, trade.orderStatus.status]


def execution_row(fill: Any) -> list[Any]:
    """What an execution says; the time without its zone, which the client turns into UTC."""
    execution = fill.execution
    basics = [execution.execId, execution.acctNumber, execution.exchange, execution.side, execution.shares, execution.price]
    return [
        *identity(fill.contract),
        *basics,
        execution.permId,
        execution.clientId,
        execution.orderId,
        execution.cumQty,
        execution.avgPrice,
    ]


async def session(host: str, port: int) -> dict[str, Any]:
    """Connect, which loads everything, and take down what there is."""
    ib = ib_async.IB()
    errors: list[Any] = []
    ib.errorEvent += lambda id, code, text, contract: errors.append([id, code, text]) if code not in GOOD_NEWS else None
    await ib.connectAsync(host, port, clientId=178, timeout=PATIENCE, raiseSyncErrors=True)
    time = await asyncio.wait_for(ib.reqCurrentTimeAsync(), PATIENCE)
    trades = sorted(ib.openTrades(), key=lambda trade: trade.order.orderId)
    completed = [trade for trade in ib.trades() if trade.isDone()]
    found = {
        "version": ib.client.serverVersion(),
        "errors": errors,
        "accounts": ib.managedAccounts(),
        "positions": [[each.account, *identity(each.contract), each.position, each.avgCost] for each in ib.positions()],
        "portfolio": [[*identity(each.contract), *each[1:]] for each in ib.portfolio()],
        "values": [[each.tag, each.value, each.currency, each.account] for each in ib.accountValues()],
        "open orders": [terms(trade) for trade in trades],
        "completed orders": [
            [trade.contract.conId, trade.order.permId, trade.order.action, trade.orderStatus.status] for trade in completed
        ],
        "executions": [execution_row(fill) for fill in ib.fills()],
        "commissions": [[fill.commissionReport.execId, fill.commissionReport.commission] for fill in ib.fills()],
        "time": int(time.timestamp()),
    }
    ib.disconnect()
    return found


async def main(*addresses: str) -> None:
    logged: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]  # a handler of one line
    logging.getLogger().addHandler(handler)
    targets = [address.rpartition(":") for address in addresses]
    found = await asyncio.gather(*(session(host, int(port)) for host, _, port in targets))
    sys.stdout.write(json.dumps({"logged": logged, "sessions": found}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
