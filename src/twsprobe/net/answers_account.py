"""What the simulator answers about its account: values, positions, the summary, and profit and loss.

Values never change, and positions only as clients trade. TWS allows two account summaries at a time, over all clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

from twsprobe.net.account import LEDGER, Fields, Holding
from twsprobe.net.asked import Answer, Asked, Feed, Said, ending, error, invalid
from twsprobe.wire.versions import ServerVersion

MAX_SUMMARIES = 2
"""How many account summaries TWS serves at a time (IBKR documentation of reqAccountSummary)."""
PNL_PERIOD = 1.0
"""How often profit and loss comes, in seconds (IBKR documentation of reqPnL)."""
DAILY_SHARE = 0.125
"""The part of what is not realised that was gained today."""


def position_quantity(holding: Holding, asked: Asked) -> Decimal:
    """The size of a position; a client from before fractions gets the whole part."""
    if asked.server_version >= ServerVersion.FRACTIONAL_POSITIONS:
        return holding.position
    return Decimal(int(holding.position))


def position(held: Holding, asked: Asked) -> Said:
    """One position, as reqPositions tells it."""
    quantity = position_quantity(held, asked)
    return "position", {"account": asked.account.code, "contract": held.contract, "position": quantity, "avgCost": held.average_cost}


def portfolio(held: Holding, asked: Asked) -> Said:
    """One position and what it is worth, as reqAccountUpdates tells it."""
    amounts: Fields = {
        "position": position_quantity(held, asked),
        "marketPrice": held.market_price,
        "marketValue": held.market_value,
        "averageCost": held.average_cost,
        "unrealizedPNL": held.unrealized,
        "realizedPNL": held.realized,
        "accountName": asked.account.code,
    }
    return "updatePortfolio", {"contract": held.contract} | amounts


def positions(asked: Asked) -> Iterator[Said]:
    asked.subscribe("reqPositions")
    for held in asked.state.book.holdings.values():
        yield position(held, asked)
    yield "positionEnd", {}


def positions_multi(asked: Asked) -> Iterator[Said]:
    if not asked.names_account("account"):
        yield invalid(asked, f"Invalid account code '{asked.fields['account']}'")
        return
    asked.subscribe("reqPositionsMulti")
    shared = {"reqId": asked.id, "account": asked.account.code, "modelCode": ""}
    # The account has no model portfolios, so none of its positions belongs to one that is named.
    for held in asked.state.book.holdings.values() if not asked.fields.get("modelCode") else ():
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
    for held in asked.state.book.holdings.values():
        yield portfolio(held, asked)
    minutes = asked.now // 60
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
    tags = [tag.strip() for tag in asked.text("tags").split(",") if tag.strip()]
    if not asked.fields.get("group"):
        yield invalid(asked, "Group name cannot be null")
    elif not tags:
        yield invalid(asked, "Tags cannot be null")
    else:
        yield from summary_values(asked, tags)


def summary_values(asked: Asked, tags: list[str]) -> Iterator[Said]:
    asked.subscribe("reqAccountSummary")
    if asked.state.count("reqAccountSummary") > MAX_SUMMARIES:
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


def gains(held: Iterable[Holding]) -> Fields:
    """The profit and loss of some positions."""
    held = list(held)
    unrealized = round(sum(each.unrealized for each in held), 2)
    realized = round(sum(each.realized for each in held), 2)
    return {"dailyPnL": round(unrealized * DAILY_SHARE + realized, 4), "unrealizedPnL": unrealized, "realizedPnL": realized}


def profit_and_loss(asked: Asked) -> Iterator[Said]:
    def now() -> Iterator[Said]:
        yield "pnl", {"reqId": asked.id} | gains(asked.state.book.holdings.values())

    return going_on(asked, "reqPnL", now)


def profit_and_loss_of_one(asked: Asked) -> Iterator[Said]:
    def now() -> Iterator[Said]:
        held = asked.state.book.holdings.get(asked.number("conId"))
        amounts: Fields = {"position": Decimal(0), "value": 0.0}
        if held is not None:
            amounts = {"position": position_quantity(held, asked), "value": held.market_value}
        yield "pnlSingle", {"reqId": asked.id} | gains([held] if held is not None else []) | amounts

    return going_on(asked, "reqPnLSingle", now)


def going_on(asked: Asked, request: str, now: Callable[[], Iterator[Said]]) -> Iterator[Said]:
    """What a request for profit and loss gets at once, and every second from then on."""
    if not asked.names_account("account"):
        yield invalid(asked, f"Invalid account code '{asked.fields['account']}'")
        return
    asked.subscribe(request, Feed(PNL_PERIOD, iter(now, None)))
    yield from now()


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqPositions": positions,
        "cancelPositions": ending("reqPositions"),
        "reqAccountUpdates": account_updates,
        "reqAccountSummary": account_summary,
        "cancelAccountSummary": ending("reqAccountSummary"),
        "reqPositionsMulti": positions_multi,
        "cancelPositionsMulti": ending("reqPositionsMulti"),
        "reqAccountUpdatesMulti": account_updates_multi,
        "cancelAccountUpdatesMulti": ending("reqAccountUpdatesMulti"),
        "reqPnL": profit_and_loss,
        "cancelPnL": ending("reqPnL"),
        "reqPnLSingle": profit_and_loss_of_one,
        "cancelPnLSingle": ending("reqPnLSingle"),
    }
)
"""The answers about the account, by the name of the request."""
