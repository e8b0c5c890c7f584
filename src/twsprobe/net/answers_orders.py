"""What the simulator answers about orders: those that stand, those that ended, executions, and what becomes of an order that is placed.

An order is acknowledged as PreSubmitted. One that could be executed at the quotes of now is filled at once and as a whole; any other
stands as Submitted for good, for quotes only move about where they are. An order that is not to be transmitted waits without a word
until one of its family is, and an attached one until its parent is filled. What an order costs in money is looked at in a rough way:
half of its value is margin, and an order whose margin is above the available funds is rejected with 201, likely as TWS does.
Only the client that asks is told; others see the change when they ask.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from twsprobe.net.account import Fields, Order, Trade
from twsprobe.net.answers_account import portfolio, position
from twsprobe.net.asked import Answer, Asked, Said, error
from twsprobe.net.book import COMMISSION, Key
from twsprobe.net.instruments import Instrument, by_number, matching

SIDES = MappingProxyType({"BUY": "BOT", "SELL": "SLD"})
"""The sides of an execution, by the words that a filter uses for them."""
MARGIN = 0.5
"""The part of an order's value that is its initial margin."""
MAINTENANCE = 0.25
ORDER_TYPES = frozenset(
    (
        "LMT",
        "MKT",
        "STP",
        "STP LMT",
        "TRAIL",
        "TRAIL LIMIT",
        "MIT",
        "LIT",
        "MOC",
        "LOC",
        "REL",
        "MIDPRICE",
        "MKT PRT",
        "PEG MID",
        "PEG BEST",
    )
)
IN_UTC = "%Y%m%d %H:%M:%S UTC"


def shown(order: Order, owner: Fields) -> Iterator[Said]:
    """An order that stands, as openOrder and orderStatus."""
    yield opened(order, owner)
    yield "orderStatus", order.status | owner


def opened(order: Order, owner: Fields) -> Said:
    """An order, as openOrder."""
    terms = order.order | owner
    return "openOrder", {"orderId": terms["orderId"], "contract": order.contract, "order": terms, "orderState": order.state}


def owner_of(order: Order, asked: Asked) -> Fields:
    """The client id that an order is shown with: orders that belong to nobody are those of whoever asks."""
    return {"clientId": order.order.get("clientId", asked.client_id)}


def open_orders(asked: Asked) -> Iterator[Said]:
    """The orders of the client that asks."""
    for (owner, _), order in asked.state.book.open.items():
        if owner in (None, asked.client_id):
            yield from shown(order, owner_of(order, asked))
    yield "openOrderEnd", {}


def all_open_orders(asked: Asked) -> Iterator[Said]:
    for order in asked.state.book.open.values():
        yield from shown(order, owner_of(order, asked))
    yield "openOrderEnd", {}


def auto_open_orders(asked: Asked) -> Iterator[Said]:
    """Orders placed by hand, of which there are none, bound to client 0."""
    if asked.client_id != 0:
        yield error(327, "Only the default client (i.e 0) can auto bind orders.")


def completed_orders(asked: Asked) -> Iterator[Said]:
    for order in asked.state.book.completed:
        yield "completedOrder", {"contract": order.contract, "order": order.order, "orderState": order.state}
    yield "completedOrdersEnd", {}


def executions(asked: Asked) -> Iterator[Said]:
    wanted = asked.fields.get("executionFilter") or {}
    for trade in asked.state.book.trades:
        if is_wanted(trade, wanted, asked):
            yield from executed(trade, asked, asked.id)
    yield "execDetailsEnd", {"reqId": asked.id}


def executed(trade: Trade, asked: Asked, id: int | None) -> Iterator[Said]:
    """One execution and what it cost; ``id`` is -1 for one that was just made."""
    execution = {"clientId": asked.client_id} | trade.execution | {"acctNumber": asked.account.code}
    yield "execDetails", {"reqId": id, "contract": trade.contract, "execution": execution}
    yield "commissionAndFeesReport", trade.commission


def is_wanted(trade: Trade, wanted: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a trade passes a filter. Its times are not looked at: all trades are of one day."""
    values = {
        "clientId": trade.execution.get("clientId", asked.client_id),
        "acctCode": asked.account.code,
        "symbol": trade.contract["symbol"],
        "secType": trade.contract["secType"],
        "exchange": trade.execution["exchange"],
    }
    side = wanted.get("side")
    return all(not wanted.get(name) or wanted[name] == value for name, value in values.items()) and (
        not side or SIDES.get(side, side) == trade.execution["side"]
    )


def place_order(asked: Asked) -> Iterator[Said]:
    order_id, terms = asked.number("orderId"), asked.fields.get("order") or {}
    found = matching(asked.contract)
    quantity = Decimal(terms.get("totalQuantity") or 0)
    book = asked.state.book
    key = book.key(asked.client_id, order_id)
    if len(found) != 1:
        yield error(200, "No security definition has been found for the request", order_id)
    elif terms.get("orderType") not in ORDER_TYPES:
        yield error(387, "Unsupported order type for this exchange and security type.", order_id)
    elif not quantity.is_finite() or quantity <= 0 or terms.get("action") not in SIDES:
        yield error(201, "Order rejected - reason:The order size or its side is not valid.", order_id)
    elif key in book.used and key not in book.open:
        yield error(103, "Duplicate order id", order_id)
    else:
        contract = dict(found[0].contract) | ({"exchange": asked.contract["exchange"]} if asked.contract.get("exchange") else {})
        yield from take(asked, key, found[0], contract, terms)


def take(asked: Asked, key: Key, instrument: Instrument, contract: Fields, terms: Fields) -> Iterator[Said]:
    """Do with a valid order what its client wants: look ahead, keep it back, or work it."""
    book = asked.state.book
    order = book.draft(key, contract, terms)
    if terms.get("whatIf"):
        yield opened(order._replace(state=preview(asked, instrument, order)), {})
    elif not terms.get("transmit"):
        book.held[key] = instrument, order
    elif float(worth(instrument, order)) * MARGIN > value_of(asked, "AvailableFunds"):
        yield from shown(book.put(key, order, "Inactive"), {})
        yield error(201, "Order rejected - reason:The available funds are insufficient for the margin of this order.", key[1])
    else:
        family = order.order["parentId"] or key[1]
        book.held[key] = instrument, order
        for other in [each for each in book.held if each[0] == key[0]]:
            if family in (other[1], book.held[other][1].order["parentId"]):
                yield from work(asked, other, *book.held.pop(other))


def work(asked: Asked, key: Key, instrument: Instrument, order: Order) -> Iterator[Said]:
    """Acknowledge an order, then fill it or let it stand."""
    book = asked.state.book
    yield from shown(book.put(key, order, "PreSubmitted"), {})
    if (key[0], order.order["parentId"]) in book.open:
        return
    price = execution_price(instrument, order.order)
    if price is None:
        yield from shown(book.put(key, order, "Submitted"), {})
    else:
        yield from fill(asked, key, instrument, order, price)
        for child, waiting in list(book.open.items()):
            if child[0] == key[0] and waiting.order["parentId"] == key[1] and waiting.state["status"] == "PreSubmitted":
                attached = by_number(waiting.contract["conId"])
                if attached is not None:
                    yield from work(asked, child, attached, waiting)


def fill(asked: Asked, key: Key, instrument: Instrument, order: Order, price: float) -> Iterator[Said]:
    """Execute an order as a whole."""
    book, quantity = asked.state.book, Decimal(order.order["totalQuantity"])
    now = moment(asked)
    exchange = "IEX" if order.contract["exchange"] == "SMART" else order.contract["exchange"]
    trade = book.trade(order, price, instrument.last(), exchange, now)
    yield from list(executed(trade, asked, -1))[:1]
    done = book.put(key, order, "Filled", quantity, price)
    book.complete(done, now, f"Filled Size: {quantity}")
    yield from shown(done, {})
    yield "commissionAndFeesReport", trade.commission
    held = book.holdings[order.contract["conId"]]
    if (asked.client_id, "reqPositions", None) in asked.state.subscriptions:
        yield position(held, asked)
    if (asked.client_id, "reqAccountUpdates", None) in asked.state.subscriptions:
        yield portfolio(held, asked)


def moment(asked: Asked) -> str:
    """The time of now, as executions say it."""
    return time.strftime(IN_UTC, time.gmtime(asked.now))


def execution_price(instrument: Instrument, terms: Fields) -> float | None:
    """The price at which an order is executed at once; None for one that has to wait."""
    buys = terms["action"] == "BUY"
    price = instrument.ask() if buys else instrument.bid()
    if terms["orderType"] == "MKT":
        return price
    if terms["orderType"] == "LMT" and (terms["lmtPrice"] >= price if buys else terms["lmtPrice"] <= price):
        return price
    return None


def worth(instrument: Instrument, order: Order) -> float:
    """The value of an order at the price of now."""
    return float(order.order["totalQuantity"]) * instrument.last() * float(instrument.contract.get("multiplier", 1.0))


def value_of(asked: Asked, key: str) -> float:
    """A value of the account."""
    return next(float(value.value) for value in asked.account.values if value.key == key)


def preview(asked: Asked, instrument: Instrument, order: Order) -> Fields:
    """What an order would do to the margins of the account."""
    initial, maintenance = (round(worth(instrument, order) * part, 2) for part in (MARGIN, MAINTENANCE))
    before = {name: value_of(asked, key) for name, key in MARGINS.items()}
    change = {"initMargin": initial, "maintMargin": maintenance, "equityWithLoan": -COMMISSION}
    state: Fields = {"status": "PreSubmitted", "commissionAndFees": COMMISSION, "commissionAndFeesCurrency": "USD", "warningText": ""}
    for name in MARGINS:
        state |= {f"{name}Before": before[name], f"{name}Change": change[name], f"{name}After": round(before[name] + change[name], 2)}
    return state


MARGINS = MappingProxyType({"initMargin": "InitMarginReq", "maintMargin": "MaintMarginReq", "equityWithLoan": "EquityWithLoanValue"})
"""The amounts that a preview shows, and the values of the account that they begin with."""


def cancel_order(asked: Asked) -> Iterator[Said]:
    order_id = asked.number("orderId")
    book = asked.state.book
    key = book.key(asked.client_id, order_id)
    if key in book.open:
        yield from cancel(asked, key)
    elif book.held.pop(key, None) is not None:
        yield error(202, "Order Canceled - reason:", order_id)
    elif key in book.used:
        yield error(10148, f"OrderId {order_id} that needs to be cancelled can not be cancelled, state: Filled or Cancelled.", order_id)
    else:
        yield error(10147, f"OrderId {order_id} that needs to be cancelled is not found.", order_id)


def cancel(asked: Asked, key: Key) -> Iterator[Said]:
    """Cancel an order that stands, and those that are attached to it."""
    book = asked.state.book
    order = book.put(key, book.open[key], "Cancelled")
    book.complete(order, moment(asked), "Cancelled by Trader")
    yield "orderStatus", order.status | owner_of(order, asked)
    yield error(202, "Order Canceled - reason:", key[1])
    for child in [each for each, other in book.open.items() if each[0] == key[0] and other.order["parentId"] == key[1]]:
        yield from cancel(asked, child)


def global_cancel(asked: Asked) -> Iterator[Said]:
    """Cancel all that stands; the client hears of its own orders."""
    for key in list(asked.state.book.open):
        if key in asked.state.book.open:
            said = list(cancel(asked, key))
            yield from said if key[0] in (None, asked.client_id) else ()


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqOpenOrders": open_orders,
        "reqAllOpenOrders": all_open_orders,
        "reqAutoOpenOrders": auto_open_orders,
        "reqCompletedOrders": completed_orders,
        "reqExecutions": executions,
        "placeOrder": place_order,
        "cancelOrder": cancel_order,
        "reqGlobalCancel": global_cancel,
    }
)
"""The answers about orders, by the name of the request."""
