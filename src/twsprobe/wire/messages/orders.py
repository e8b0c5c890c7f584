"""Orders as TWS reports them: open and completed ones, and how they fare.

The text of an open and of a completed order is made of the same blocks in almost the same order; what differs is said at each
message. The blocks are named after what they are about, without the order's own prefix, so that placing an order can use them too.

The trailing stop price stands twice, and every client takes the second. So the second is trailStopPrice, and the first a field of its
own, lest a difference between them be lost.

Inner versions: at server versions without ORDER_CONTAINER an open order begins with one. It is 34, likely always: the fields that
came with 34 (randomizeSize and randomizePrice) are older than the first server version with framed messages.
"""

from __future__ import annotations

from twsprobe.wire.declaration import Nested, Optional, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.fields import Bool, Int, Long
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import IS_POSITIVE, IS_SET, one_of
from twsprobe.wire.message import Message
from twsprobe.wire.messages.contracts import CONTRACT, HELD
from twsprobe.wire.messages.order_records import ORDER, ORDER_STATE, ORDER_STATUS
from twsprobe.wire.messages.session import EMPTY
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

OPEN_ORDER = Record(
    "OpenOrder",
    "orderId" / Int(1, "the client's number of the order"),
    "contract" / Nested(CONTRACT, 2, "what is traded"),
    "order" / Nested(ORDER, 3, "the order"),
    "orderState" / Nested(ORDER_STATE, 4, "how it fares, and what it costs"),
)
COMPLETED_ORDER = Record(
    "CompletedOrder",
    "contract" / Nested(CONTRACT, 1, "what was traded"),
    "order" / Nested(ORDER, 2, "the order"),
    "orderState" / Nested(ORDER_STATE, 3, "how it ended"),
)
ORDER_BOUND = Record(
    "OrderBound",
    "permId" / Long(1, "IBKR's number of the order, which stays the same across sessions"),
    "clientId" / Int(2, "the client that the order now belongs to"),
    "orderId" / Int(3, "the number that the order has for this client"),
)
COMPLETED_ORDERS_REQUEST = Record("CompletedOrdersRequest", "apiOnly" / Bool(1, "whether only orders placed over the API are wanted"))

TAG_VALUES = "tag value"
COMBO_LEG_FIELDS = "conId ratio action exchange openClose shortSalesSlot designatedLocation exemptCode"
COMBO_LEGS = ("contract.comboLegsDescrip", Repeat("contract.comboLegs", COMBO_LEG_FIELDS), Repeat("order.orderComboLegs"))
SMART_ROUTING = Repeat("smartComboRoutingParams", TAG_VALUES)
DELTA_NEUTRAL = Optional("deltaNeutralContract", "conId delta price")

BASICS = "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef"
ADVISER = ("faGroup faMethod faPercentage", Until(V.FA_PROFILE_DESUPPORT, "faProfile"), Since(V.MODELS_SUPPORT, "modelCode"))
SHORT_SALE = "shortSaleSlot designatedLocation exemptCode"
BOX_AND_PEGGED_TO_STOCK = "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper"
VOLATILITY = "volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice"
VOLATILITY_HEDGE_CLEARING = "deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent deltaNeutralOpenClose"
VOLATILITY_HEDGE_SHORT_SALE = "deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"
VOLATILITY_PRICE = "continuousUpdate referencePriceType"
SCALE = (
    "scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement",
    When(
        "scalePriceIncrement",
        IS_POSITIVE,
        "scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset",
        "scaleInitPosition scaleInitFillQty scaleRandomPercent",
    ),
)
HEDGE = ("hedgeType", When("hedgeType", IS_SET, "hedgeParam"))
ALGORITHM = ("algoStrategy", When("algoStrategy", IS_SET, Repeat("algoParams", TAG_VALUES)))
PEGGED_TO_BENCHMARK = When(
    "orderType",
    one_of("PEG BENCH", "PEGBENCH"),
    "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount referenceChangeAmount referenceExchangeId",
)
CONDITION = (
    "type isConjunctionConnection",
    When("type", one_of(1), "isMore price conId exchange triggerMethod"),
    When("type", one_of(3), "isMore time"),
    When("type", one_of(4), "isMore percent"),
    When("type", one_of(5), "secType exchange symbol"),
    When("type", one_of(6), "isMore volume conId exchange"),
    When("type", one_of(7), "isMore changePercent conId exchange"),
)
CONDITIONS = (
    Repeat("conditions", *CONDITION),
    When("conditions", IS_SET, "conditionsIgnoreRth conditionsCancelOrder"),
)
PEGGED_OFFSETS = Since(V.PEGBEST_PEGMID_OFFSETS, "minTradeQty minCompeteSize competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf")
CUSTOMER = (Since(V.CUSTOMER_ACCOUNT, "customerAccount"), Since(V.PROFESSIONAL_CUSTOMER, "professionalCustomer"))
MARGINS = (
    Since(
        V.WHAT_IF_EXT_FIELDS,
        "initMarginBefore maintMarginBefore equityWithLoanBefore initMarginChange maintMarginChange equityWithLoanChange",
    ),
    "initMarginAfter maintMarginAfter equityWithLoanAfter",
    "commissionAndFees minCommissionAndFees maxCommissionAndFees commissionAndFeesCurrency",
)
PREVIEW = Since(
    V.FULL_ORDER_PREVIEW_FIELDS,
    "marginCurrency initMarginBeforeOutsideRTH maintMarginBeforeOutsideRTH equityWithLoanBeforeOutsideRTH",
    "initMarginChangeOutsideRTH maintMarginChangeOutsideRTH equityWithLoanChangeOutsideRTH",
    "initMarginAfterOutsideRTH maintMarginAfterOutsideRTH equityWithLoanAfterOutsideRTH suggestedSize rejectReason",
    Repeat("orderAllocations", "account position positionDesired positionAfter desiredAllocQty allowedAllocQty isMonetary"),
)

OPEN_ORDER_TEXT = text(
    OPEN_ORDER,
    Until(V.ORDER_CONTAINER, Version(34)),
    "orderId",
    Under("contract", *HELD, "tradingClass"),
    Under(
        "order",
        BASICS,
        "clientId permId outsideRth hidden discretionaryAmt goodAfterTime sharesAllocation",
        *ADVISER,
        "goodTillDate rule80A percentOffset settlingFirm",
        SHORT_SALE,
        "auctionStrategy",
        BOX_AND_PEGGED_TO_STOCK,
        "displaySize blockOrder sweepToFill allOrNone minQty ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod",
        VOLATILITY,
        When("deltaNeutralOrderType", IS_SET, "deltaNeutralConId", VOLATILITY_HEDGE_CLEARING, VOLATILITY_HEDGE_SHORT_SALE),
        VOLATILITY_PRICE,
        Until(V.PEGGED_TO_BENCHMARK, "trailStopPrice"),
        Since(V.PEGGED_TO_BENCHMARK, "firstTrailStopPrice"),
        "trailingPercent basisPoints basisPointsType",
    ),
    *COMBO_LEGS,
    Under("order", SMART_ROUTING, *SCALE, *HEDGE, "optOutSmartRouting clearingAccount clearingIntent notHeld"),
    Under("contract", DELTA_NEUTRAL),
    Under("order", *ALGORITHM, "solicited whatIf"),
    Under("orderState", "status", *MARGINS, PREVIEW, "warningText"),
    Under(
        "order",
        "randomizeSize randomizePrice",
        Since(
            V.PEGGED_TO_BENCHMARK,
            PEGGED_TO_BENCHMARK,
            *CONDITIONS,
            "adjustedOrderType triggerPrice trailStopPrice lmtPriceOffset",
            "adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit",
        ),
        Since(V.SOFT_DOLLAR_TIER, Under("softDollarTier", "name value displayName")),
        Since(V.CASH_QTY, "cashQty"),
        Since(V.AUTO_PRICE_FOR_HEDGE, "dontUseAutoPriceForHedge"),
        Since(V.ORDER_CONTAINER, "isOmsContainer"),
        Since(V.D_PEG_ORDERS, "discretionaryUpToLimitPrice"),
        Since(V.PRICE_MGMT_ALGO, "usePriceMgmtAlgo"),
        Since(V.DURATION, "duration"),
        Since(V.POST_TO_ATS, "postToAts"),
        Since(V.AUTO_CANCEL_PARENT, "autoCancelParent"),
        PEGGED_OFFSETS,
        *CUSTOMER,
        Since(V.BOND_ACCRUED_INTEREST, "bondAccruedInterest"),
        Since(V.INCLUDE_OVERNIGHT, "includeOvernight"),
        Since(V.CME_TAGGING_FIELDS_IN_OPEN_ORDER, "extOperator manualOrderIndicator"),
        Since(V.SUBMITTER, "submitter"),
        Since(V.IMBALANCE_ONLY, "imbalanceOnly"),
    ),
)
COMPLETED_ORDER_TEXT = text(
    COMPLETED_ORDER,
    Under("contract", *HELD, "tradingClass"),
    Under(
        "order",
        BASICS,
        "permId outsideRth hidden discretionaryAmt goodAfterTime",
        *ADVISER,
        "goodTillDate rule80A percentOffset settlingFirm",
        SHORT_SALE,
        BOX_AND_PEGGED_TO_STOCK,
        "displaySize sweepToFill allOrNone minQty ocaType triggerMethod",
        VOLATILITY,
        When("deltaNeutralOrderType", IS_SET, "deltaNeutralConId", VOLATILITY_HEDGE_SHORT_SALE),
        VOLATILITY_PRICE,
        "firstTrailStopPrice trailingPercent",
    ),
    *COMBO_LEGS,
    Under("order", SMART_ROUTING, *SCALE, *HEDGE, "clearingAccount clearingIntent notHeld"),
    Under("contract", DELTA_NEUTRAL),
    Under("order", *ALGORITHM, "solicited"),
    "orderState.status",
    Under(
        "order",
        "randomizeSize randomizePrice",
        PEGGED_TO_BENCHMARK,
        *CONDITIONS,
        "trailStopPrice lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer autoCancelDate filledQuantity refFuturesConId",
        "autoCancelParent shareholder imbalanceOnly routeMarketableToBbo parentPermId",
    ),
    "orderState.completedTime orderState.completedStatus",
    Under("order", PEGGED_OFFSETS, *CUSTOMER, Since(V.SUBMITTER, "submitter")),
)

MESSAGES = (
    Message(
        "orderStatus",
        3,
        TO_CLIENT,
        "How much of an order is filled, and what holds it; comes at every change, some of them twice.",
        ORDER_STATUS,
        text(
            ORDER_STATUS,
            Until(V.MARKET_CAP_PRICE, Version(6)),
            "orderId status filled remaining avgFillPrice permId parentId lastFillPrice clientId whyHeld",
            Since(V.MARKET_CAP_PRICE, "mktCapPrice"),
        ),
        protobuf=V.PROTOBUF_PLACE_ORDER,
    ),
    Message(
        "openOrder",
        5,
        TO_CLIENT,
        "An order that stands: asked for, placed by this client, or unasked at the start for a client that hears of all orders.",
        OPEN_ORDER,
        OPEN_ORDER_TEXT,
        protobuf=V.PROTOBUF_PLACE_ORDER,
    ),
    Message(
        "openOrderEnd",
        53,
        TO_CLIENT,
        "All open orders that were asked for have come.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_PLACE_ORDER,
    ),
    Message(
        "orderBound",
        100,
        TO_CLIENT,
        "An order placed by hand got an orderId, so that a client can change and cancel it.",
        ORDER_BOUND,
        text(ORDER_BOUND, "permId clientId orderId"),
        since=V.API_BIND_ORDER,
        protobuf=V.PROTOBUF_COMPLETED_ORDER,
    ),
    Message(
        "completedOrder",
        101,
        TO_CLIENT,
        "An order that is filled or cancelled.",
        COMPLETED_ORDER,
        COMPLETED_ORDER_TEXT,
        since=V.COMPLETED_ORDERS,
        protobuf=V.PROTOBUF_COMPLETED_ORDER,
    ),
    Message(
        "completedOrdersEnd",
        102,
        TO_CLIENT,
        "All completed orders that were asked for have come.",
        EMPTY,
        text(EMPTY),
        since=V.COMPLETED_ORDERS,
        protobuf=V.PROTOBUF_COMPLETED_ORDER,
    ),
    Message(
        "reqOpenOrders",
        5,
        TO_SERVER,
        "Asks for openOrder and orderStatus of this client's orders; openOrderEnd marks the end. Client 0 also takes over those of TWS.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_COMPLETED_ORDER,
    ),
    Message(
        "reqAllOpenOrders",
        16,
        TO_SERVER,
        "Asks for openOrder and orderStatus of every client's orders and those of TWS; openOrderEnd marks the end.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_COMPLETED_ORDER,
    ),
    Message(
        "reqCompletedOrders",
        99,
        TO_SERVER,
        "Asks for completedOrder of the day; completedOrdersEnd marks the end.",
        COMPLETED_ORDERS_REQUEST,
        text(COMPLETED_ORDERS_REQUEST, "apiOnly"),
        since=V.COMPLETED_ORDERS,
        protobuf=V.PROTOBUF_COMPLETED_ORDER,
    ),
)
