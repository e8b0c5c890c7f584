"""Orders in the objects of clients: the official one's with every attribute set, some of them, or none, and one of ib_async's."""

import math
import string
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import ib_async
from ib_async.client import Client
from ibapi.contract import ComboLeg, Contract, DeltaNeutralContract
from ibapi.order import Order, OrderComboLeg
from ibapi.order_cancel import OrderCancel
from ibapi.order_condition import (
    ExecutionCondition,
    MarginCondition,
    OrderCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from ibapi.softdollartier import SoftDollarTier
from ibapi.tag_value import TagValue

from twsprobe.wire.versions import ServerVersion as V

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " \t\r\n"
"""What the official client writes; it refuses all else."""
IN_ONE_FIELD = PRINTABLE.replace(";", "").replace("=", "")

# Attributes that the official client refuses to send before a gate.
GATED: dict[V, tuple[str, ...]] = {
    V.MODELS_SUPPORT: ("modelCode",),
    V.EXT_OPERATOR: ("extOperator",),
    V.SOFT_DOLLAR_TIER: ("softDollarTier",),
    V.CASH_QTY: ("cashQty",),
    V.DECISION_MAKER: ("mifid2DecisionMaker", "mifid2DecisionAlgo"),
    V.MIFID_EXECUTION: ("mifid2ExecutionTrader", "mifid2ExecutionAlgo"),
    V.AUTO_PRICE_FOR_HEDGE: ("dontUseAutoPriceForHedge",),
    V.ORDER_CONTAINER: ("isOmsContainer",),
    V.PRICE_MGMT_ALGO: ("usePriceMgmtAlgo",),
    V.DURATION: ("duration",),
    V.POST_TO_ATS: ("postToAts",),
    V.AUTO_CANCEL_PARENT: ("autoCancelParent",),
    V.ADVANCED_ORDER_REJECT: ("advancedErrorOverride",),
    V.MANUAL_ORDER_TIME: ("manualOrderTime",),
    V.PEGBEST_PEGMID_OFFSETS: ("minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole", "midOffsetAtHalf"),
    V.CUSTOMER_ACCOUNT: ("customerAccount",),
    V.PROFESSIONAL_CUSTOMER: ("professionalCustomer",),
    V.INCLUDE_OVERNIGHT: ("includeOvernight",),
    V.CME_TAGGING_FIELDS: ("manualOrderIndicator",),
    V.IMBALANCE_ONLY: ("imbalanceOnly",),
    V.ADDITIONAL_ORDER_PARAMS_1: ("deactivate", "postOnly", "allowPreOpen", "ignoreOpenAuction"),
    V.ADDITIONAL_ORDER_PARAMS_2: ("routeMarketableToBbo", "seekPriceImprovement", "whatIfType"),
    V.ATTACHED_ORDERS: ("slOrderId", "slOrderType", "ptOrderId", "ptOrderType"),
    V.HEDGE_MAX_SIZE: ("hedgeMaxSize",),
    V.COND_ORDER_WITH_OVERNIGHT_PARAM: ("conditionsIncludeOvernight",),
}


class OfficialOrders:
    """Makes orders that can be sent at a server version; a ``share`` of the attributes is set."""

    def __init__(self, seed: str, share: float, version: int) -> None:
        self.random, self.share, self.version = Random(seed), share, version

    def contract(self) -> Contract:
        made: Contract = self.filled(Contract())
        made.secType, made.exchange = self.random.choice(("STK", "BAG", "BAG")), self.random.choice(("SMART", "IBKRATS", ""))
        made.multiplier = self.random.choice(("", "100", "0.1"))
        made.comboLegs = self.several(lambda: self.filled(ComboLeg())) or []
        made.deltaNeutralContract = self.filled(DeltaNeutralContract()) if self.wants() else None
        return made

    def order(self) -> Order:
        draw = self.random
        made: Order = self.filled(Order())
        made.orderType = draw.choice(("LMT", "PEG BENCH", "PEGBENCH", "PEG MID", "PEGMID", "PEG BEST", "PEGBEST", ""))
        vars(made)["discretionaryAmt"] = self.double() if self.wants() else 0.0  # an int where it is unset, a price otherwise
        made.scalePriceIncrement = self.one(made.scalePriceIncrement, 0.25, 0.0, -1.0, math.inf)
        made.competeAgainstBestOffset = self.one(made.competeAgainstBestOffset, math.inf, math.inf)
        made.softDollarTier = self.filled(SoftDollarTier())
        made.algoParams, made.smartComboRoutingParams = self.tags(PRINTABLE), self.tags(PRINTABLE)
        made.orderMiscOptions = self.tags(IN_ONE_FIELD) or None
        made.orderComboLegs = self.several(lambda: self.filled(OrderComboLeg()))
        made.conditions = self.several(self.condition) or []
        for name in ("usePriceMgmtAlgo", "routeMarketableToBbo", "seekPriceImprovement"):
            setattr(made, name, draw.choice((True, False)) if self.wants() else None)
        if self.version < V.FRACTIONAL_POSITIONS:
            made.totalQuantity = made.totalQuantity.to_integral_value()
        unset = vars(Order())
        for gate, names in GATED.items():
            if self.version < gate:
                vars(made).update({name: unset[name] for name in names})
        if self.version < V.CASH_QTY:
            made.cashQty = 0.0  # the official client takes its own mark for "not given" for a value, and refuses that here
        return made

    def cancel(self) -> OrderCancel:
        made: OrderCancel = self.filled(OrderCancel())
        if self.version < V.CME_TAGGING_FIELDS:
            made.extOperator, made.manualOrderIndicator = "", OrderCancel().manualOrderIndicator
        if self.version < V.MANUAL_ORDER_TIME:
            made.manualOrderCancelTime = ""
        return made

    def wants(self) -> bool:
        return self.random.random() < self.share

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices) if self.wants() else choices[0]

    def filled(self, made: Any) -> Any:
        """Attributes of plain types set by the type that they have from the start."""
        makers: dict[type, Callable[[], Any]] = {
            bool: lambda: self.random.random() < 0.7,
            int: lambda: self.random.choice((0, -1, 1, self.random.randint(-(2**31), 2**31 - 2))),
            float: self.double,
            str: lambda: self.text(PRINTABLE),
            Decimal: lambda: Decimal(self.random.randint(-(10**12), 10**12)).scaleb(self.random.choice((0, -2))),
        }
        for name, default in vars(made).items():
            if type(default) in makers and self.wants():
                setattr(made, name, makers[type(default)]())
        return made

    def double(self) -> float:
        return self.random.choice((1e4, 1.0, -1.0, 1e-9, 1e22)) * (self.random.random() + 0.1)

    def text(self, alphabet: str) -> str:
        return "".join(self.random.choices(alphabet, k=self.random.randint(1, 12)))

    def several(self, make: Callable[[], Any]) -> list[Any] | None:
        return [make() for _ in range(self.random.randint(1, 3))] if self.wants() else self.random.choice((None, []))

    def tags(self, alphabet: str) -> list[TagValue] | None:
        made = self.several(lambda: TagValue(self.text(alphabet), self.text(alphabet)))
        return made and list({element.tag: element for element in made}.values())

    def condition(self) -> OrderCondition:
        """A condition; all that one of its type has is set, because the official client writes no other."""
        draw = self.random
        con_id, exchange, is_more = draw.randint(1, 2**31 - 2), self.text(PRINTABLE), draw.random() < 0.5
        made: OrderCondition = draw.choice(
            (
                PriceCondition(draw.choice((0, 1, 2, 3, 4, 7, 8)), con_id, exchange, is_more, self.double()),
                TimeCondition(is_more, self.text(PRINTABLE)),
                MarginCondition(is_more, draw.randint(0, 100)),
                ExecutionCondition(self.text(PRINTABLE), exchange, self.text(PRINTABLE)),
                VolumeCondition(con_id, exchange, is_more, draw.randint(0, 2**31 - 2)),
                PercentChangeCondition(con_id, exchange, is_more, self.double()),
            )
        )
        made.isConjunctionConnection = draw.random() < 0.5
        return made


class AsyncClient(Client):
    """ib_async's client, which keeps what it would send."""

    def __init__(self, version: int) -> None:
        self.version, self.sent = version, b""

    def __del__(self) -> None:
        """Nothing to disconnect."""

    def serverVersion(self) -> int:
        return self.version

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, msg: str) -> None:
        self.sent += msg.encode()


def async_order() -> tuple[ib_async.Contract, ib_async.Order]:
    """A combination with every kind of condition and of block."""
    conditions = [
        ib_async.PriceCondition(isMore=True, price=1.5, conId=3, exch="NYSE", triggerMethod=2),
        ib_async.TimeCondition(time="20260105 15:00:00", conjunction="o"),
        ib_async.MarginCondition(percent=30),
        ib_async.ExecutionCondition(secType="STK", exch="SMART", symbol="AAPL"),
        ib_async.VolumeCondition(volume=100, conId=3, exch="NYSE"),
        ib_async.PercentChangeCondition(changePercent=2.5, conId=3, exch="NYSE"),
    ]
    tags = [ib_async.TagValue("a", "1"), ib_async.TagValue("b", "2")]
    order = ib_async.Order(action="BUY", totalQuantity=1.5, orderType="PEG BENCH", conditions=conditions, orderMiscOptions=tags)
    order.algoStrategy, order.algoParams, order.smartComboRoutingParams, order.hedgeType = "Vwap", tags, tags, "B"
    order.orderComboLegs, order.scalePriceIncrement, order.deltaNeutralOrderType = [ib_async.OrderComboLeg(0.5)], 0.25, "MKT"
    contract = ib_async.Contract(secType="BAG", exchange="IBKRATS", comboLegs=[ib_async.ComboLeg(conId=1, ratio=2, action="BUY")])
    contract.deltaNeutralContract = ib_async.DeltaNeutralContract(conId=9, delta=0.5, price=1.0)
    return contract, order
