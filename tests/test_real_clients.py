"""Real client libraries connect to the simulator, load everything, and hold what the account holds.

Each library runs in a process of its own (`tests/clients`), because one has threads and the other an asyncio loop.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trio

from twsprobe.net.account import Account, Order, Trade, simulated_account
from twsprobe.net.simulator import simulator

CLIENTS = Path(__file__).parent / "clients"
ACCOUNT = simulated_account()
OFFERS = (157, 176, 178, 200, 201, 203, 206, 207, 212, 213, 218, 226)
"""Highest versions that the official client is made to offer; 226 is its own."""


async def output(program: str, *arguments: str) -> dict[str, Any]:
    """What a client printed."""
    with trio.fail_after(30):
        process = await trio.run_process(
            [sys.executable, str(CLIENTS / program), *arguments], capture_stdout=True, capture_stderr=True, check=False
        )
    assert (process.returncode, process.stderr.decode()) == (0, "")
    found: dict[str, Any] = json.loads(process.stdout)
    return found


def identity(contract: dict[str, Any]) -> list[Any]:
    multiplier = f"{contract['multiplier']:g}" if "multiplier" in contract else ""
    derivative = [contract.get("lastTradeDateOrContractMonth", ""), contract.get("strike", 0.0), contract.get("right", ""), multiplier]
    plain = ("currency", "localSymbol", "tradingClass")
    return [contract["conId"], contract["symbol"], contract["secType"], *derivative, *(contract[name] for name in plain)]


def positions(account: Account) -> list[Any]:
    return [[account.code, *identity(held.contract), float(held.position), held.average_cost] for held in account.holdings]


def portfolio(account: Account) -> list[Any]:
    return [
        [
            *identity(held.contract),
            float(held.position),
            held.market_price,
            held.market_value,
            held.average_cost,
            held.unrealized,
            held.realized,
            account.code,
        ]
        for held in account.holdings
    ]


def values(account: Account) -> list[Any]:
    return [[*value, account.code] for value in account.values]


def open_order(each: Order, client_id: int) -> list[Any]:
    order = each.order
    parameters = [[pair["tag"], pair["value"]] for pair in order.get("algoParams", ())]
    conditions = [[condition["conId"], condition["price"], condition["isMore"]] for condition in order.get("conditions", ())]
    basics = [order["orderId"], order["permId"], each.contract["conId"], order["action"], float(order["totalQuantity"]), order["orderType"]]
    rest = [order["lmtPrice"], order["tif"], order["account"], order["orderRef"], order.get("algoStrategy", ""), parameters, conditions]
    return [*basics, *rest, client_id, each.state["status"]]


def execution(trade: Trade, client_id: int, *before: str) -> list[Any]:
    ran = trade.execution
    owner = [client_id, ran["orderId"]]
    named = [ran["execId"], *before, ACCOUNT.code, ran["exchange"], ran["side"], float(ran["shares"]), ran["price"], ran["permId"]]
    return [*identity(trade.contract), *named, *owner, float(ran["cumQty"]), ran["avgPrice"]]


@pytest.fixture(scope="module")
def ibapi_output() -> dict[str, Any]:
    async def connect_all() -> dict[str, Any]:
        async with simulator() as (host, port):
            return await output("ibapi_session.py", host, str(port), ACCOUNT.code, *map(str, OFFERS))

    return trio.run(connect_all)


def test_the_official_client_logs_no_complaint(ibapi_output: dict[str, Any]) -> None:
    assert ibapi_output["logged"] == []


@pytest.mark.parametrize("offer", OFFERS)
def test_the_official_client_loads_the_account(ibapi_output: dict[str, Any], offer: int) -> None:
    session = ibapi_output["sessions"][str(offer)]
    [completed], [(now,)] = ACCOUNT.completed_orders, session.pop("time")
    assert abs(now - time.time()) < 60
    assert session == {
        "version": offer,
        "unended": [],
        "accounts": [[ACCOUNT.code]],
        "order id": [[ACCOUNT.next_order_id]],
        "positions": positions(ACCOUNT),
        "portfolio": portfolio(ACCOUNT),
        "values": values(ACCOUNT),
        "open orders": [open_order(each, offer) for each in ACCOUNT.open_orders],
        "statuses": [
            [each.order["orderId"], each.status["status"], float(each.status["filled"]), float(each.status["remaining"])]
            for each in ACCOUNT.open_orders
        ],
        "completed orders": [
            [
                completed.contract["conId"],
                completed.order["permId"],
                completed.order["action"],
                completed.order["orderType"],
                float(completed.order["filledQuantity"]),
                completed.state["status"],
                completed.state["completedTime"],
                completed.state["completedStatus"],
            ]
        ],
        "executions": [execution(trade, offer, trade.execution["time"]) for trade in ACCOUNT.trades],
        "commissions": [
            [trade.commission[name] for name in ("execId", "commissionAndFees", "currency", "realizedPNL")] for trade in ACCOUNT.trades
        ],
    }


async def test_ib_async_loads_the_account() -> None:
    async with simulator() as (host, port), simulator(server_version=178) as (_, old_port):
        found = await output("ib_async_session.py", f"{host}:{port}", f"{host}:{old_port}")
    assert found["logged"] == []
    [completed] = ACCOUNT.completed_orders
    for session in found["sessions"]:
        assert abs(session.pop("time") - time.time()) < 60
        assert session == {
            "version": 178,
            "errors": [],
            "accounts": [ACCOUNT.code],
            "positions": positions(ACCOUNT),
            "portfolio": portfolio(ACCOUNT),
            "values": values(ACCOUNT),
            "open orders": [open_order(each, 178) for each in ACCOUNT.open_orders],
            "completed orders": [
                [completed.contract["conId"], completed.order["permId"], completed.order["action"], completed.state["status"]]
            ],
            "executions": [execution(trade, 178) for trade in ACCOUNT.trades],
            "commissions": [[trade.commission["execId"], trade.commission["commissionAndFees"]] for trade in ACCOUNT.trades],
        }
