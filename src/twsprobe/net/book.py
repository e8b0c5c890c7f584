"""The orders, trades and positions of the simulator, which change as clients trade.

An order belongs to the client that placed it. Those that the account begins with belong to whoever asks. Values of the account, such as
its cash, stay what they were: only positions follow trades.
"""

from __future__ import annotations

from decimal import Decimal

from twsprobe.net.account import ORDER_DEFAULTS, Account, Fields, Holding, Order, Trade
from twsprobe.net.instruments import Instrument

Key = tuple[int | None, int]
"""An order: the client that owns it, None for any, and its order id."""

FIRST_PERM_ID = 1841377500
HIGHEST_ORDER_ID = 2**31 - 1
COMMISSION = 1.0
"""What a trade costs, whatever its size."""
UNTOLD = frozenset(("transmit", "clientId", "orderId", "permId"))
"""Fields of an order as it is placed that are not shown as they came."""


class Book:
    """``open`` are the orders that stand, ``held`` those that wait to be transmitted, ``used`` all that clients ever placed."""

    def __init__(self, account: Account) -> None:
        self.account_code = account.code
        self.open: dict[Key, Order] = {(None, each.order["orderId"]): each for each in account.open_orders}
        self.held: dict[Key, tuple[Instrument, Order]] = {}
        self.used: set[Key] = set(self.open)
        self.completed: list[Order] = list(account.completed_orders)
        self.trades: list[Trade] = list(account.trades)
        self.holdings: dict[int, Holding] = {held.contract["conId"]: held for held in account.holdings}
        self.next_order_id = account.next_order_id
        self._orders = self._trades = 0

    def key(self, client_id: int, order_id: int) -> Key:
        """The order that a client means by an order id."""
        own: Key = client_id, order_id
        return own if own in self.used or (None, order_id) not in self.used else (None, order_id)

    def draft(self, key: Key, contract: Fields, fields: Fields) -> Order:
        """An order as it is placed, or changed where it stands: without a state, and not yet in the book."""
        owner, order_id = key
        standing = self.open.get(key)
        if standing is None:
            self._orders += 1
        perm_id = standing.order["permId"] if standing is not None else FIRST_PERM_ID + self._orders
        given = {name: value for name, value in fields.items() if value not in (None, "") and name not in UNTOLD}
        ids = {"orderId": order_id, "permId": perm_id, "account": self.account_code}
        order = ORDER_DEFAULTS | given | ids | ({"clientId": owner} if owner is not None else {})
        return Order(contract, order, {}, {})

    def put(self, key: Key, order: Order, status: str, filled: Decimal = Decimal(0), price: float = 0.0) -> Order:
        """Give an order a status, and keep it where orders of that status are."""
        quantity = Decimal(order.order["totalQuantity"])
        shown = {name: order.order[name] for name in ("orderId", "permId", "parentId", "clientId") if name in order.order}
        amounts = {"filled": filled, "remaining": quantity - filled, "avgFillPrice": price, "lastFillPrice": price}
        kept = order._replace(state={"status": status}, status=shown | amounts | {"status": status, "whyHeld": "", "mktCapPrice": 0.0})
        self.used.add(key)
        self.next_order_id = min(max(self.next_order_id, key[1] + 1), HIGHEST_ORDER_ID)
        self.open.pop(key, None)
        if status in ("PreSubmitted", "Submitted"):
            self.open[key] = kept
        return kept

    def complete(self, order: Order, time: str, how: str) -> None:
        """Keep an order that ended; ``how`` is what is said of its end, for people."""
        quantity = order.order["totalQuantity"]
        ended = {name: value for name, value in order.order.items() if name not in ("orderId", "clientId", "whatIf", "parentId")}
        ended |= {"filledQuantity": order.status["filled"], "totalQuantity": Decimal(0) if order.status["filled"] else quantity}
        state = {"status": order.state["status"], "completedTime": time, "completedStatus": how}
        self.completed.append(Order(order.contract, ended, state, {}))

    def trade(self, order: Order, price: float, last: float, exchange: str, time: str) -> Trade:
        """Fill an order as a whole at a price: a trade, and the position that follows, valued at the last price."""
        self._trades += 1
        quantity = Decimal(order.order["totalQuantity"])
        buys = order.order["action"] == "BUY"
        realized = self._hold(order.contract, quantity if buys else -quantity, price, last)
        exec_id = f"0000e0d5.67450{self._trades:03}.01.01"
        execution = {
            "orderId": order.order["orderId"],
            "execId": exec_id,
            "time": time,
            "exchange": exchange,
            "side": "BOT" if buys else "SLD",
            "shares": quantity,
            "price": price,
            "permId": order.order["permId"],
            "isLiquidation": False,
            "cumQty": quantity,
            "avgPrice": price,
            "orderRef": order.order["orderRef"],
            "lastLiquidity": 2,
            "isPriceRevisionPending": False,
        }
        owner = {"clientId": order.order["clientId"]} if "clientId" in order.order else {}
        report = {"execId": exec_id, "commissionAndFees": COMMISSION, "currency": order.contract["currency"], "realizedPNL": realized}
        made = Trade(order.contract, execution | owner, report)
        self.trades.append(made)
        return made

    def _hold(self, contract: Fields, change: Decimal, price: float, last: float) -> float:
        """Add to a position, and give what was realised by it."""
        multiplier = contract.get("multiplier", 1.0)
        before = self.holdings.get(contract["conId"])
        position, cost = (before.position, before.average_cost) if before is not None else (Decimal(0), 0.0)
        after, realized = position + change, 0.0
        if position * change >= 0:
            total = cost * float(position) + price * multiplier * float(change) if after else 0.0
            cost = total / float(after) if after else 0.0
        else:
            closed = min(abs(change), abs(position))
            realized = float(closed) * (price * multiplier - cost) * (1 if position > 0 else -1)
            cost = 0.0 if not after else cost if abs(change) < abs(position) else price * multiplier
        value = round(last * multiplier * float(after), 2)
        gain = round(value - cost * float(after), 2)
        earlier = before.realized if before is not None else 0.0
        self.holdings[contract["conId"]] = Holding(contract, after, round(cost, 6), last, value, gain, round(earlier + realized, 2))
        return round(realized, 2)
