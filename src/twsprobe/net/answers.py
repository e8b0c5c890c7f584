"""What the simulator answers to each request, from its account.

Every answer is a series of messages that ends as IBKR's ends, with the end marker of the request. A request that TWS would find invalid
gets error 321 in place of an answer, and no end marker. Nothing changes later, so a subscription sends its first values and is then
only remembered: TWS allows two account summaries at a time, over all clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from twsprobe.net.account import LEDGER, Account, Fields, Holding, Order, Trade
from twsprobe.wire.versions import ServerVersion

Said = tuple[str, Fields]
"""A message of the server: its name and its fields."""
Subscription = tuple[int, str, int | None]
"""What a client is subscribed to: its id, the request, and the request's id where it has one."""

MAX_SUMMARIES = 2
"""How many account summaries TWS serves at a time (IBKR documentation of reqAccountSummary)."""
SIDES = MappingProxyType({"BUY": "BOT", "SELL": "SLD"})
"""The sides of an execution, by the words that a filter uses for them."""


class Asked(NamedTuple):
    """A request and what its answer depends on. ``now_ns`` is nanoseconds since the epoch."""

    fields: Mapping[str, Any]
    client_id: int
    server_version: int
    account: Account
    now_ns: int
    subscriptions: set[Subscription]

    @property
    def id(self) -> int | None:
        """The id of the request, None for one that has none."""
        return self.fields.get("reqId")

    def names_account(self, field: str) -> bool:
        """Whether the account that the request asks for is ours; empty stands for any."""
        return self.fields.get(field) in (None, "", self.account.code)

    def subscribe(self, request: str) -> None:
        self.subscriptions.add((self.client_id, request, self.id))

    def unsubscribe(self, request: str) -> None:
        self.subscriptions.discard((self.client_id, request, self.id))


Answer = Callable[[Asked], Iterable[Said]]


def error(code: int, text: str, id: int | None = None) -> Said:
    """An error, or a notice; -1 is the id of one that is about no request."""
    return "error", {"id": -1 if id is None else id, "errorCode": code, "errorMsg": text}


def invalid(asked: Asked, cause: str) -> Said:
    return error(321, f"Error validating request.-'sim' : cause - {cause}", asked.id)


def position_quantity(holding: Holding, asked: Asked) -> Decimal:
    """The size of a position; a client from before fractions gets the whole part."""
    if asked.server_version >= ServerVersion.FRACTIONAL_POSITIONS:
        return holding.position
    return Decimal(int(holding.position))


def ids(asked: Asked) -> Iterator[Said]:
    yield "nextValidId", {"orderId": asked.account.next_order_id}


def managed_accounts(asked: Asked) -> Iterator[Said]:
    yield "managedAccounts", {"accountsList": asked.account.code}


def current_time(asked: Asked) -> Iterator[Said]:
    yield "currentTime", {"currentTime": asked.now_ns // 10**9}


def current_time_in_millis(asked: Asked) -> Iterator[Said]:
    yield "currentTimeInMillis", {"currentTimeInMillis": asked.now_ns // 10**6}


def positions(asked: Asked) -> Iterator[Said]:
    asked.subscribe("reqPositions")
    for held in asked.account.holdings:
        quantity = position_quantity(held, asked)
        yield "position", {"account": asked.account.code, "contract": held.contract, "position": quantity, "avgCost": held.average_cost}
    yield "positionEnd", {}


def positions_multi(asked: Asked) -> Iterator[Said]:
    if not asked.names_account("account"):
        yield invalid(asked, f"Invalid account code '{asked.fields['account']}'")
        return
    asked.subscribe("reqPositionsMulti")
    shared = {"reqId": asked.id, "account": asked.account.code, "modelCode": ""}
    # The account has no model portfolios, so none of its positions belongs to one that is named.
    for held in asked.account.holdings if not asked.fields.get("modelCode") else ():
        quantity = position_quantity(held, asked)
        yield "positionMulti", shared | {"contract": held.contract, "position": quantity, "avgCost": held.average_cost}
    yield "positionMultiEnd", {"reqId": asked.id}


def account_updates(asked: Asked) -> Iterator[Said]:
    if not asked.names_account("acctCode"):
        yield invalid(asked, f"Invalid account code '{asked.fields['acctCode']}'")
        return
    if not asked.fields.get("subscribe"):
        asked.unsubscribe("reqAccountUpdates")
        return
    asked.subscribe("reqAccountUpdates")
    code = asked.account.code
    for value in asked.account.values:
        yield "updateAccountValue", {"key": value.key, "value": value.value, "currency": value.currency, "accountName": code}
    for held in asked.account.holdings:
        yield (
            "updatePortfolio",
            {
                "contract": held.contract,
                "position": position_quantity(held, asked),
                "marketPrice": held.market_price,
                "marketValue": held.market_value,
                "averageCost": held.average_cost,
                "unrealizedPNL": held.unrealized,
                "realizedPNL": held.realized,
                "accountName": code,
            },
        )
    minutes = asked.now_ns // (60 * 10**9)
    yield "updateAccountTime", {"timeStamp": f"{minutes // 60 % 24:02}:{minutes % 60:02}"}
    yield "accountDownloadEnd", {"accountName": code}


def account_updates_multi(asked: Asked) -> Iterator[Said]:
    if not asked.names_account("account"):
        yield invalid(asked, f"Invalid account code '{asked.fields['account']}'")
        return
    asked.subscribe("reqAccountUpdatesMulti")
    shared = {"reqId": asked.id, "account": asked.account.code, "modelCode": ""}
    ledger_only = asked.fields.get("ledgerAndNLV")
    for value in asked.account.values:
        if not ledger_only or value.key in LEDGER or value.key == "NetLiquidation":
            yield "accountUpdateMulti", shared | {"key": value.key, "value": value.value, "currency": value.currency}
    yield "accountUpdateMultiEnd", {"reqId": asked.id}


def account_summary(asked: Asked) -> Iterator[Said]:
    tags = [tag.strip() for tag in (asked.fields.get("tags") or "").split(",") if tag.strip()]
    if not asked.fields.get("group"):
        yield invalid(asked, "Group name cannot be null")
    elif not tags:
        yield invalid(asked, "Tags cannot be null")
    else:
        yield from summary_values(asked, tags)


def summary_values(asked: Asked, tags: list[str]) -> Iterator[Said]:
    asked.subscribe("reqAccountSummary")
    if sum(request == "reqAccountSummary" for _, request, _ in asked.subscriptions) > MAX_SUMMARIES:
        asked.unsubscribe("reqAccountSummary")
        yield error(322, "Error processing request.-'sim' : cause - Maximum number of account summary requests exceeded", asked.id)
        return
    shared = {"reqId": asked.id, "account": asked.account.code}
    for value in asked.account.values:
        if value.key in tags or any(is_in_ledger(value.key, value.currency, tag) for tag in tags):
            yield "accountSummary", shared | {"tag": value.key, "value": value.value, "currency": value.currency}
    yield "accountSummaryEnd", {"reqId": asked.id}


def is_in_ledger(key: str, currency: str, tag: str) -> bool:
    """Whether a ``$LEDGER`` tag asks for a value: alone for the base currency, ``$LEDGER:CUR`` for one, ``$LEDGER:ALL`` for all."""
    name, _, wanted = tag.partition(":")
    return name == "$LEDGER" and key in LEDGER and (wanted == "ALL" or currency == (wanted or "BASE"))


def open_orders(asked: Asked) -> Iterator[Said]:
    for each in asked.account.open_orders:
        owner = {"clientId": asked.client_id}
        order = each.order | owner
        yield "openOrder", {"orderId": order["orderId"], "contract": each.contract, "order": order, "orderState": each.state}
        yield "orderStatus", each.status | owner
    yield "openOrderEnd", {}


def completed_orders(asked: Asked) -> Iterator[Said]:
    for each in asked.account.completed_orders:
        yield "completedOrder", completed_order(each)
    yield "completedOrdersEnd", {}


def completed_order(order: Order) -> Fields:
    return {"contract": order.contract, "order": order.order, "orderState": order.state}


def executions(asked: Asked) -> Iterator[Said]:
    wanted = asked.fields.get("executionFilter") or {}
    for trade in asked.account.trades:
        if is_wanted(trade, wanted, asked):
            execution = trade.execution | {"acctNumber": asked.account.code, "clientId": asked.client_id}
            yield "execDetails", {"reqId": asked.id, "contract": trade.contract, "execution": execution}
            yield "commissionAndFeesReport", trade.commission
    yield "execDetailsEnd", {"reqId": asked.id}


def is_wanted(trade: Trade, wanted: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a trade passes a filter. Its times are not looked at: all trades are of one day."""
    values = {
        "clientId": asked.client_id,
        "acctCode": asked.account.code,
        "symbol": trade.contract["symbol"],
        "secType": trade.contract["secType"],
        "exchange": trade.execution["exchange"],
    }
    side = wanted.get("side")
    return all(not wanted.get(name) or wanted[name] == value for name, value in values.items()) and (
        not side or SIDES.get(side, side) == trade.execution["side"]
    )


def config(asked: Asked) -> Iterator[Said]:
    yield "configResponse", {"reqId": asked.id} | asked.account.config


def ending(request: str) -> Answer:
    """A cancel: it ends a subscription and is not answered."""

    def answer(asked: Asked) -> Iterable[Said]:
        asked.unsubscribe(request)
        return ()

    return answer


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqIds": ids,
        "reqManagedAccts": managed_accounts,
        "reqCurrentTime": current_time,
        "reqCurrentTimeInMillis": current_time_in_millis,
        "reqPositions": positions,
        "cancelPositions": ending("reqPositions"),
        "reqOpenOrders": open_orders,
        "reqAllOpenOrders": open_orders,
        "reqCompletedOrders": completed_orders,
        "reqAccountUpdates": account_updates,
        "reqAccountSummary": account_summary,
        "cancelAccountSummary": ending("reqAccountSummary"),
        "reqPositionsMulti": positions_multi,
        "cancelPositionsMulti": ending("reqPositionsMulti"),
        "reqAccountUpdatesMulti": account_updates_multi,
        "cancelAccountUpdatesMulti": ending("reqAccountUpdatesMulti"),
        "reqExecutions": executions,
        "reqConfig": config,
    }
)
"""The answers, by the name of the request."""
