"""Real client libraries connect to the simulator, load everything, and hold what the account holds; ask for the rest, and trade.

Each library runs in a process of its own (`tests/clients`), because one has threads and the other an asyncio loop.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from twsprobe.net.account import Account, Order, Trade, simulated_account
from twsprobe.net.instruments import Instrument, by_number
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


REQUESTED_AT = (178, 203, 226)
"""Server versions at which the official client makes requests: text, some protobuf, and protobuf."""


@pytest.fixture(scope="module")
def ibapi_requests() -> dict[str, Any]:
    async def ask_all() -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            addresses = [await stack.enter_async_context(simulator(server_version=version)) for version in REQUESTED_AT]
            targets = [f"{host}:{port}/{version}" for (host, port), version in zip(addresses, REQUESTED_AT, strict=True)]
            return await output("ibapi_requests.py", ACCOUNT.code, *targets)

    return trio.run(ask_all)


def test_the_official_client_finds_no_fault_with_answers(ibapi_requests: dict[str, Any]) -> None:
    assert ibapi_requests["logged"] == []


def instrument_row(instrument: Instrument) -> list[Any]:
    contract, details = instrument.contract, instrument.details
    day = contract.get("lastTradeDateOrContractMonth")
    named = [details["longName"], float(details["minTick"]), details["validExchanges"], details["marketRuleIds"], details["tradingHours"]]
    return [contract["conId"], contract["symbol"], contract["secType"], day, contract["strike"], contract["localSymbol"], *named]


@pytest.mark.parametrize("version", REQUESTED_AT)
def test_the_official_client_is_answered(ibapi_requests: dict[str, Any], version: int) -> None:
    got = ibapi_requests["sessions"][str(version)]
    assert got["version"] == version
    assert "unanswered" not in got
    assert [row[2] for row in got["start"]] == [2104, 2106, 2158]  # nothing but the notices of the start

    wanted = [by_number(number) for number in (265598, 731548301, 637533641, 672387468, 12087792)]
    found = []
    for _, details in got["contractDetails"]:
        contract = details["contract"]
        row = [contract.get(name) for name in ("conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "localSymbol")]
        found.append([*row, *(details[name] for name in ("longName", "minTick", "validExchanges", "marketRuleIds", "tradingHours"))])
    assert found == [instrument_row(each) for each in wanted if each is not None]
    [(_, bond)] = got["bondContractDetails"]
    assert [bond[name] for name in ("cusip", "coupon", "maturity", "ratings", "callable")] == (
        ["037833BH2", 4.375, "20450506", "Aaa/AA+", True]
    )
    assert [row[1:] for row in got["securityDefinitionOptionParameter"]] == [
        [exchange, 265598, "AAPL", "100", ["20280121"], [180.0, 200.0]] for exchange in ("SMART", "AMEX", "CBOE", "PHLX")
    ]
    [(_, samples)] = got["symbolSamples"]
    assert [each["contract"]["conId"] for each in samples] == [265598, 318405901]
    assert got["marketRule"] == [[26, [{"lowEdge": 0.0, "increment": 0.0001}, {"lowEdge": 1.0, "increment": 0.01}]]]
    implied, priced = got["tickOptionComputation"]
    assert (implied[5], priced[3], priced[5] > implied[5]) == (11.15, 0.25, True)


@pytest.mark.parametrize("version", REQUESTED_AT)
def test_the_official_client_gets_market_data(ibapi_requests: dict[str, Any], version: int) -> None:
    got = ibapi_requests["sessions"][str(version)]
    snapshot = {row[1]: row[2] for row in got["tickPrice"] if row[0] == 200}
    assert snapshot == {1: 191.23, 2: 191.25, 4: 191.24, 6: 191.64, 7: 190.84, 9: 191.21, 14: 191.04}
    lasts = [row[2] for row in got["tickPrice"] if row[:2] == [201, 4]]
    assert lasts[:3] == [191.24, 191.25, 191.26]
    [volume, *_] = [row[2] for row in got["tickSize"] if row[:2] == [200, 8]]
    assert volume == (412_500 if version < 220 else 41_250_000)  # in lots before MARKET_DATA_VOLUMES_IN_SHARES
    assert got["tickSnapshotEnd"] == [[200]]
    assert [[row[1], *row[3:5]] for row in got["tickByTickAllLast"]] == [[1, 191.24, 100.0], [2, 191.24, 100.0]]
    assert [row[2:6] for row in got["tickByTickBidAsk"]] == [[191.23, 191.25, 300.0, 300.0]]
    assert [row[2] for row in got["tickByTickMidPoint"]] == [191.24]
    prices = [(0, 0, 191.25, 300.0), (1, 0, 191.26, 600.0), (0, 1, 191.23, 300.0), (1, 1, 191.22, 600.0)]
    assert [(row[1], *row[3:]) for row in got["updateMktDepth"]] == prices
    makers = ("ISLAND", "ARCA") * 2
    rows = [[220, place, maker, 0, side, price, size, True] for maker, (place, side, price, size) in zip(makers, prices, strict=True)]
    assert got["updateMktDepthL2"] == rows
    [[exchanges]] = got["mktDepthExchanges"]
    assert [each["exchange"] for each in exchanges] == ["ISLAND", "ARCA", "NYSE", "CME", "IDEALPRO"]


@pytest.mark.parametrize("version", REQUESTED_AT)
def test_the_official_client_gets_the_past_and_the_rest(ibapi_requests: dict[str, Any], version: int) -> None:
    got = ibapi_requests["sessions"][str(version)]
    assert [
        [each["date"], each["open"], each["close"], each["volume"], each["wap"], each["barCount"]] for _, each in got["historicalData"]
    ] == [
        ["20261118", 191.23, 191.24, 41_250_000.0, 191.235, 412_500],
        ["20261119", 191.24, 191.25, 41_250_000.0, 191.245, 412_500],
        ["20261120", 191.25, 191.26, 41_250_000.0, 191.255, 412_500],
    ]
    assert got["historicalDataEnd"] == [[300, "20261118 00:00:00 UTC", "20261120 21:00:00 UTC"]]
    [(_, start, end, zone, sessions)] = got["historicalSchedule"]
    assert (start, end, zone, len(sessions)) == ("20261119-14:30:00", "20261120-21:00:00", "UTC", 2)
    assert got["headTimestamp"] == [[302, "19801212-14:30:00"]]
    assert [len(got[name][0][1]) for name in ("historicalTicks", "historicalTicksBidAsk", "historicalTicksLast")] == [2, 2, 2]
    [(_, time_of_bar, *bar)] = got["realtimeBar"]
    assert (abs(time_of_bar - time.time()) < 60, bar[1] >= bar[3] >= bar[2]) == (True, True)
    [[providers]] = got["newsProviders"]
    assert [each["code"] for each in providers] == ["BRFG", "BRFUPDN", "DJNL"]
    assert [row[3] for row in got["historicalNews"]] == ["BRFG$0a1b2c3d", "DJNL$0a1b2c3b"]
    assert got["historicalNewsEnd"] == [[400, False]]
    assert [[row[1], row[2]["contract"]["symbol"]] for row in got["scannerData"]] == [[0, "AAPL"], [1, "MSFT"]]
    assert (got["pnl"][0], got["pnlSingle"][0]) == ([403, 293.365, 2346.92, 0.0], [404, 200.0, 223.36, 1786.88, 0.0, 38248.0])
    assert got["displayGroupUpdated"] == [[405, "none"], [405, "265598@SMART"]]


@pytest.mark.parametrize("version", REQUESTED_AT)
def test_the_official_client_trades(ibapi_requests: dict[str, Any], version: int) -> None:
    got = ibapi_requests["sessions"][str(version)]
    [[first]] = got["nextValidId"]
    _, _, order, state = got["openOrder"][0]
    assert (order["whatIf"], state["initMarginChange"], state["initMarginAfter"]) == (True, "478.1", "31732.73")
    assert [row[:5] for row in got["orderStatus"]] == [
        [first + 1, "PreSubmitted", 0.0, 10.0, 0.0],
        [first + 1, "Filled", 10.0, 0.0, 191.25],
        [first + 2, "PreSubmitted", 0.0, 5.0, 0.0],
        [first + 2, "Submitted", 0.0, 5.0, 0.0],
        [first + 2, "Cancelled", 0.0, 5.0, 0.0],
    ]
    made, *rest = got["execDetails"]
    assert (made[0], made[2]["price"], made[2]["shares"], made[2]["clientId"]) == (-1, 191.25, 10.0, version)
    assert [row[2]["execId"] for row in rest] == [*(trade.execution["execId"] for trade in ACCOUNT.trades), made[2]["execId"]]
    assert [[row[0], row[2]] for row in got["error"]] == [[first + 2, 202], [first + 3, 10147], [first + 4, 200]]


async def test_ib_async_asks_and_trades() -> None:
    async with simulator() as (host, port):
        found = await output("ib_async_requests.py", host, str(port))
    assert (found["logged"], found["errors"]) == ([], [])
    contracts = found["contracts"]
    assert {name: contracts[name][0] for name in ("stock", "option", "future", "pair")} == {
        "stock": 265598,
        "option": 731548301,
        "future": 637533641,
        "pair": 12087792,
    }
    assert contracts["option"][1:8] == ["AAPL", "OPT", "20280121", 180.0, "C", "100", "AAPL  280121C00180000"]
    assert [chain[0] for chain in contracts["chains"]] == ["SMART", "AMEX", "CBOE", "PHLX"]
    assert contracts["symbols"] == [[265598, "NASDAQ", ["CFD", "OPT", "WAR"]], [318405901, "", []]]
    assert contracts["rule"] == [[0.0, 0.0001], [1.0, 0.01]]
    assert found["data"] == {
        "snapshot": [191.23, 300.0, 191.25, 191.24, 412500.0, 191.21, 191.64],
        "moved": True,
        "generic": [4125000.0, 214.19],
        "Last": [191.24, 100.0],
        "BidAsk": [191.23, 191.25, 300.0],
        "MidPoint": [191.24],
        "depth": [
            *([191.23, 300.0, "ISLAND"], [191.22, 600.0, "ARCA"], [191.21, 900.0, "NYSE"]),
            *([191.25, 300.0, "ISLAND"], [191.26, 600.0, "ARCA"], [191.27, 900.0, "NYSE"]),
        ],
        "option": 11.15,
    }
    past = found["history"]
    assert [[day[0], day[4], day[5]] for day in past["days"]] == [
        ["2026-11-18", 191.24, 41250000.0],
        ["2026-11-19", 191.25, 41250000.0],
        ["2026-11-20", 191.26, 41250000.0],
    ]
    assert [[hour[0], hour[4], hour[5]] for hour in past["hours"]] == [
        ["2026-11-20 19:30:00+00:00", 191.24, -1.0],
        ["2026-11-20 20:30:00+00:00", 191.23, -1.0],
    ]
    assert [each[2] for each in past["schedule"]] == ["20261119", "20261120"]
    assert past["head"] == "1980-12-12 14:30:00+00:00"
    assert [past[shows] for shows in ("TRADES", "BID_ASK", "MIDPOINT")] == [5, 5, 5]
    assert past["kept up to date"]
    assert past["real time"]
    other = found["other"]
    assert other["providers"] == ["BRFG", "BRFUPDN", "DJNL"]
    assert [each[0] for each in other["headlines"]] == ["BRFG$0a1b2c3d", "DJNL$0a1b2c3b"]
    assert (other["scan types"], other["scan"]) == (3, [[0, "AAPL"], [1, "MSFT"]])
    assert (other["pnl"], other["pnl single"]) == ([293.365, 2346.92, 0.0], [200.0, 1786.88, 38248.0])
    assert found["orders"] == {
        "what if": ["PreSubmitted", "31254.63", "956.2", "32210.83"],
        "filled": ["Filled", 10.0, 191.25, 1.0],
        "changed": "Submitted",
        "cancelled": "Cancelled",
        "bracket": ["Filled", "Submitted", "Submitted"],
        "position": [213.0],
        "bought": [3.0, 10.0],
        "open": 0,
    }
    assert set(found["order errors"]) == {202}
