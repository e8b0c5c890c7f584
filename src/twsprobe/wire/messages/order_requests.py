"""Orders as clients place and cancel them.

The text of placeOrder is made of the blocks that openOrder has, in an order of its own. What IBKR's Python client spells out where a value
is not given, though most fields are left empty then, is spelled out here too.

RFQ_FIELDS brought fields that UNDO_RFQ_FIELDS took away again. IBKR's clients leave them unset and call them by no name any more; that they
are externalUserId and what CME_TAGGING_FIELDS brought again later is likely, from their number, their types and their places.

Which offsets of a pegged order have a place depends on its type: IBKR's clients leave the others out in text, and not in protobuf.
"""

from __future__ import annotations

import math

from twsprobe.wire.declaration import As, Nested, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.fields import Bool, Int, Leaf, SpelledOutDouble, SpelledOutInt, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import IS_SET, Test, one_of
from twsprobe.wire.message import Message
from twsprobe.wire.messages.contracts import CONTRACT, REQUESTED
from twsprobe.wire.messages.order_records import ORDER
from twsprobe.wire.messages.orders import (
    ADVISER,
    ALGORITHM,
    BASICS,
    BOX_AND_PEGGED_TO_STOCK,
    COMBO_LEG_FIELDS,
    CONDITIONS,
    CUSTOMER,
    DELTA_NEUTRAL,
    HEDGE,
    PEGGED_TO_BENCHMARK,
    SCALE,
    SHORT_SALE,
    SMART_ROUTING,
    VOLATILITY,
    VOLATILITY_HEDGE_CLEARING,
    VOLATILITY_HEDGE_SHORT_SALE,
    VOLATILITY_PRICE,
)
from twsprobe.wire.versions import ServerVersion as V

TO_SERVER = Direction.TO_SERVER

ATTACHED_ORDERS = Record(
    "AttachedOrders",
    "slOrderId" / Int(1, "the orderId of the order that stops a loss", V.ATTACHED_ORDERS),
    "slOrderType" / String(2, "the type of the order that stops a loss", V.ATTACHED_ORDERS),
    "ptOrderId" / Int(3, "the orderId of the order that takes a profit", V.ATTACHED_ORDERS),
    "ptOrderType" / String(4, "the type of the order that takes a profit", V.ATTACHED_ORDERS),
)
ORDER_CANCEL = Record(
    "OrderCancel",
    "manualOrderCancelTime" / String(1, "when a person cancelled: YYYYMMDD HH:MM:SS and perhaps a zone"),
    "extOperator" / String(2, "the person who cancelled, for exchanges of the CME group"),
    "manualOrderIndicator" / Int(3, "for exchanges of the CME group: 1 a person cancelled, 0 a machine"),
    "externalUserId" / String(None, "likely the user of a system of the client's own; clients leave it empty"),
)
PLACE_ORDER = Record(
    "PlaceOrderRequest",
    "orderId" / Int(1, "the client's number of the order: one that is new, or that of the order to be changed"),
    "contract" / Nested(CONTRACT, 2, "what is to be traded"),
    "order" / Nested(ORDER, 3, "the order"),
    "attachedOrders" / Nested(ATTACHED_ORDERS, 4, "orders that TWS makes with this one, from its presets"),
)
CANCEL_ORDER = Record(
    "CancelOrderRequest",
    "orderId" / Int(1, "the client's number of the order"),
    "orderCancel" / Nested(ORDER_CANCEL, 2, "who cancels, and when"),
)
GLOBAL_CANCEL = Record("GlobalCancelRequest", "orderCancel" / Nested(ORDER_CANCEL, 1, "who cancels, and when"))
AUTO_OPEN_ORDERS = Record("AutoOpenOrdersRequest", "autoBind" / Bool(1, "whether orders placed by hand get an orderId of this client"))

UP_TO_THE_MIDDLE = Test("is infinite", "({0} == 1e999)", lambda value: value == math.inf)
IN_BEST = one_of("PEG BEST", "PEGBEST")
IN_MIDDLE = one_of("PEG MID", "PEGMID")
MIDDLE_OFFSETS = "order.midOffsetAtWhole order.midOffsetAtHalf"


def spelled_out(leaf: type[Leaf], names: str) -> tuple[As, ...]:
    """Fields that text does not leave empty."""
    return tuple(As(name, leaf()) for name in names.split())


COMBINATION = When(
    "contract.secType",
    one_of("BAG"),
    Repeat("contract.comboLegs", COMBO_LEG_FIELDS),
    Repeat("order.orderComboLegs"),
    Under("order", SMART_ROUTING),
)
ADJUSTMENT: tuple[str | As, ...] = (
    "adjustedOrderType",
    *spelled_out(SpelledOutDouble, "triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount"),
    "adjustableTrailingUnit",
)
PEGGED_OFFSETS = Since(
    V.PEGBEST_PEGMID_OFFSETS,
    When("contract.exchange", one_of("IBKRATS"), "order.minTradeQty"),
    When(
        "order.orderType",
        IN_BEST,
        "order.minCompeteSize order.competeAgainstBestOffset",
        When("order.competeAgainstBestOffset", UP_TO_THE_MIDDLE, MIDDLE_OFFSETS),
    ),
    When("order.orderType", IN_MIDDLE, MIDDLE_OFFSETS),
)
MANUAL_ORDER_INDICATOR = spelled_out(SpelledOutInt, "manualOrderIndicator")
RFQ = Since(V.RFQ_FIELDS, Until(V.UNDO_RFQ_FIELDS, "externalUserId", *MANUAL_ORDER_INDICATOR))

PLACE_ORDER_TEXT = text(
    PLACE_ORDER,
    Until(V.ORDER_CONTAINER, Version(45)),
    "orderId",
    Under("contract", *REQUESTED, "secIdType secId"),
    Under("order", BASICS, "transmit parentId blockOrder sweepToFill displaySize triggerMethod outsideRth hidden"),
    COMBINATION,
    Under(
        "order",
        "sharesAllocation discretionaryAmt goodAfterTime goodTillDate",
        *ADVISER,
        SHORT_SALE,
        "ocaType rule80A settlingFirm allOrNone minQty percentOffset eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy",
        BOX_AND_PEGGED_TO_STOCK,
        "overridePercentageConstraints",
        VOLATILITY,
        When("deltaNeutralOrderType", IS_SET, "deltaNeutralConId", VOLATILITY_HEDGE_CLEARING, VOLATILITY_HEDGE_SHORT_SALE),
        VOLATILITY_PRICE,
        "trailStopPrice trailingPercent",
        *SCALE,
        "scaleTable activeStartTime activeStopTime",
        *HEDGE,
        "optOutSmartRouting clearingAccount clearingIntent notHeld",
    ),
    Under("contract", DELTA_NEUTRAL),
    Under(
        "order",
        *ALGORITHM,
        "algoId whatIf",
        As("orderMiscOptions", TagValues()),
        "solicited randomizeSize randomizePrice",
        Since(V.PEGGED_TO_BENCHMARK, PEGGED_TO_BENCHMARK, *CONDITIONS, *ADJUSTMENT),
        Since(V.EXT_OPERATOR, "extOperator"),
        Since(V.SOFT_DOLLAR_TIER, "softDollarTier.name softDollarTier.value"),
        Since(V.CASH_QTY, *spelled_out(SpelledOutDouble, "cashQty")),
        Since(V.DECISION_MAKER, "mifid2DecisionMaker mifid2DecisionAlgo"),
        Since(V.MIFID_EXECUTION, "mifid2ExecutionTrader mifid2ExecutionAlgo"),
        Since(V.AUTO_PRICE_FOR_HEDGE, "dontUseAutoPriceForHedge"),
        Since(V.ORDER_CONTAINER, "isOmsContainer"),
        Since(V.D_PEG_ORDERS, "discretionaryUpToLimitPrice"),
        Since(V.PRICE_MGMT_ALGO, "usePriceMgmtAlgo"),
        Since(V.DURATION, *spelled_out(SpelledOutInt, "duration")),
        Since(V.POST_TO_ATS, *spelled_out(SpelledOutInt, "postToAts")),
        Since(V.AUTO_CANCEL_PARENT, "autoCancelParent"),
        Since(V.ADVANCED_ORDER_REJECT, "advancedErrorOverride"),
        Since(V.MANUAL_ORDER_TIME, "manualOrderTime"),
    ),
    PEGGED_OFFSETS,
    Under(
        "order",
        *CUSTOMER,
        RFQ,
        Since(V.INCLUDE_OVERNIGHT, "includeOvernight"),
        Since(V.CME_TAGGING_FIELDS, *MANUAL_ORDER_INDICATOR),
        Since(V.IMBALANCE_ONLY, "imbalanceOnly"),
    ),
)

MESSAGES = (
    Message(
        "placeOrder",
        3,
        TO_SERVER,
        "Places an order, or changes one that stands; answered by openOrder and orderStatus.",
        PLACE_ORDER,
        PLACE_ORDER_TEXT,
        protobuf=V.PROTOBUF_PLACE_ORDER,
    ),
    Message(
        "cancelOrder",
        4,
        TO_SERVER,
        "Cancels an order of this client.",
        CANCEL_ORDER,
        text(
            CANCEL_ORDER,
            Until(V.CME_TAGGING_FIELDS, Version(1)),
            "orderId",
            Under(
                "orderCancel",
                Since(V.MANUAL_ORDER_TIME, "manualOrderCancelTime"),
                Since(V.RFQ_FIELDS, Until(V.UNDO_RFQ_FIELDS, "extOperator")),
                RFQ,
                Since(V.CME_TAGGING_FIELDS, "extOperator", *MANUAL_ORDER_INDICATOR),
            ),
        ),
        protobuf=V.PROTOBUF_PLACE_ORDER,
    ),
    Message(
        "reqGlobalCancel",
        58,
        TO_SERVER,
        "Cancels every order that stands, of all clients and of TWS.",
        GLOBAL_CANCEL,
        text(
            GLOBAL_CANCEL,
            Until(V.CME_TAGGING_FIELDS, Version(1)),
            Under("orderCancel", Since(V.CME_TAGGING_FIELDS, "extOperator", *MANUAL_ORDER_INDICATOR)),
        ),
        protobuf=V.PROTOBUF_PLACE_ORDER,
    ),
    Message(
        "reqAutoOpenOrders",
        15,
        TO_SERVER,
        "Binds orders that are placed by hand from now on to client 0, the only one that may ask; orderBound tells each.",
        AUTO_OPEN_ORDERS,
        text(AUTO_OPEN_ORDERS, Version(1), "autoBind"),
        protobuf=V.PROTOBUF_COMPLETED_ORDER,
    ),
)
