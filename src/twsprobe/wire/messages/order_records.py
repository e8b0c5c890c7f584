"""Orders: the record that every message about an order carries, and its parts.

``ORDER`` serves placing orders as well as hearing of them; no message uses all of it. Fields without a number are in text messages
alone: IBKR gave them up before there was protobuf, or says the same elsewhere there. Prices are per unit of the contract and in its
currency, amounts of money in the account's currency unless said otherwise.
"""

from __future__ import annotations

from typing import Any

from twsprobe.wire.declaration import Many, Nested, Record
from twsprobe.wire.fields import Bool, Conjunction, Decimal, Double, Int, Long, String
from twsprobe.wire.tokens import Malformed
from twsprobe.wire.versions import ServerVersion as V


class ConditionType(Int):
    """What a condition is about. Text refuses a type that is not known, because the type decides which fields follow."""

    type_name = "a known condition type"
    known = frozenset({1, 3, 4, 5, 6, 7})

    def from_text(self, text: str) -> int:
        value = super().from_text(text)
        if value not in self.known:
            raise ValueError(text)
        return value

    def to_text(self, value: Any) -> str:
        return str(self.from_text(super().to_text(value)))

    def write(self, value: Any, path: str) -> bytes:
        if value is None:
            raise Malformed(f"None is not {self.type_name}", path, 0)
        return super().write(value, path)


TAG_VALUE = Record("TagValue", "tag" / String(1, "the name of a parameter"), "value" / String(2, "its value"))
SOFT_DOLLAR_TIER = Record(
    "SoftDollarTier",
    "name" / String(1, "the name of the tier"),
    "value" / String(2, "the value of the tier"),
    "displayName" / String(3, "the name that TWS shows"),
)
ORDER_CONDITION = Record(
    "OrderCondition",
    "type" / ConditionType(1, "1 price, 3 time, 4 margin cushion, 5 execution, 6 volume, 7 change in percent"),
    "isConjunctionConnection" / Conjunction(2, "true if this and the next condition must hold, false if one of the two is enough"),
    "isMore" / Bool(3, "true to wait for at least the value, false for at most the value"),
    "conId" / Int(4, "the contract whose price, volume or change is watched"),
    "exchange" / String(5, "where the contract is watched"),
    "symbol" / String(6, "execution: the symbol that is traded"),
    "secType" / String(7, "execution: the type of what is traded"),
    "percent" / Int(8, "margin: the cushion in percent"),
    "changePercent" / Double(9, "change: in percent"),
    "price" / Double(10, "price: the price"),
    "triggerMethod" / Int(11, "price: which price counts, as an order's triggerMethod"),
    "time" / String(12, "time: YYYYMMDD HH:MM:SS and perhaps a zone"),
    "volume" / Int(13, "volume: the volume"),
)
ORDER_ALLOCATION = Record(
    "OrderAllocation",
    "account" / String(1, "the account that gets a part of the order"),
    "position" / Decimal(2, "the account's position now"),
    "positionDesired" / Decimal(3, "the position that is aimed at"),
    "positionAfter" / Decimal(4, "the position after the order"),
    "desiredAllocQty" / Decimal(5, "the quantity that is aimed at"),
    "allowedAllocQty" / Decimal(6, "the quantity that is allowed"),
    "isMonetary" / Bool(7, "whether the quantities are amounts of money"),
)
ORDER_STATE = Record(
    "OrderState",
    "status" / String(1, "PreSubmitted, Submitted, Filled, Cancelled, Inactive, ..."),
    "initMarginBefore" / Double(2, "the initial margin before the order"),
    "maintMarginBefore" / Double(3, "the maintenance margin before the order"),
    "equityWithLoanBefore" / Double(4, "the equity with loan value before the order"),
    "initMarginChange" / Double(5, "what the order adds to the initial margin"),
    "maintMarginChange" / Double(6, "what the order adds to the maintenance margin"),
    "equityWithLoanChange" / Double(7, "what the order adds to the equity with loan value"),
    "initMarginAfter" / Double(8, "the initial margin after the order"),
    "maintMarginAfter" / Double(9, "the maintenance margin after the order"),
    "equityWithLoanAfter" / Double(10, "the equity with loan value after the order"),
    "commissionAndFees" / Double(11, "commission and fees, in commissionAndFeesCurrency"),
    "minCommissionAndFees" / Double(12, "the least commission and fees, where they are a range"),
    "maxCommissionAndFees" / Double(13, "the most commission and fees, where they are a range"),
    "commissionAndFeesCurrency" / String(14, "the currency of commission and fees"),
    "marginCurrency" / String(15, "the currency of the margins"),
    "initMarginBeforeOutsideRTH" / Double(16, "as initMarginBefore, outside regular trading hours"),
    "maintMarginBeforeOutsideRTH" / Double(17, "as maintMarginBefore, outside regular trading hours"),
    "equityWithLoanBeforeOutsideRTH" / Double(18, "as equityWithLoanBefore, outside regular trading hours"),
    "initMarginChangeOutsideRTH" / Double(19, "as initMarginChange, outside regular trading hours"),
    "maintMarginChangeOutsideRTH" / Double(20, "as maintMarginChange, outside regular trading hours"),
    "equityWithLoanChangeOutsideRTH" / Double(21, "as equityWithLoanChange, outside regular trading hours"),
    "initMarginAfterOutsideRTH" / Double(22, "as initMarginAfter, outside regular trading hours"),
    "maintMarginAfterOutsideRTH" / Double(23, "as maintMarginAfter, outside regular trading hours"),
    "equityWithLoanAfterOutsideRTH" / Double(24, "as equityWithLoanAfter, outside regular trading hours"),
    "suggestedSize" / Decimal(25, "the quantity that TWS would rather see"),
    "rejectReason" / String(26, "why the order would be rejected"),
    "orderAllocations" / Many(ORDER_ALLOCATION, 27, "what each account of an adviser gets"),
    "warningText" / String(28, "a warning about the order, for people"),
    "completedTime" / String(29, "when the order was completed"),
    "completedStatus" / String(30, "how the order was completed, for people"),
)
ORDER = Record(
    "Order",
    # What it is
    "clientId" / Int(1, "the client that placed it; 0 for TWS itself"),
    "orderId" / Int(2, "the client's number of the order"),
    "permId" / Long(3, "IBKR's number of the order, which stays the same across sessions"),
    "parentId" / Int(4, "the orderId of the order that this one is attached to; 0 for none"),
    "action" / String(5, "BUY, SELL or SSHORT"),
    "totalQuantity" / Decimal(6, "how much is to be traded, in shares or contracts; whole numbers alone before FRACTIONAL_POSITIONS"),
    "displaySize" / Int(7, "how much of it is shown to others"),
    "orderType" / String(8, "LMT, MKT, STP, STP LMT, TRAIL, ..."),
    "lmtPrice" / Double(9, "the limit price"),
    "auxPrice" / Double(10, "the stop price, or the offset of a trailing or relative order"),
    "tif" / String(11, "how long it stands: DAY, GTC, IOC, GTD, OPG, FOK, ..."),
    # Whose it is
    "account" / String(12, "the account that trades"),
    "settlingFirm" / String(13, "the firm that settles it"),
    "clearingAccount" / String(14, "the account that it is cleared to"),
    "clearingIntent" / String(15, "IB, Away or PTA; empty for IB"),
    # How it is executed
    "allOrNone" / Bool(16, "whether only the whole quantity may be filled"),
    "blockOrder" / Bool(17, "whether it is a block order, of large size on ISE"),
    "hidden" / Bool(18, "whether it is kept out of the order book"),
    "outsideRth" / Bool(19, "whether it may be filled outside regular trading hours"),
    "sweepToFill" / Bool(20, "whether the best prices are taken one after another"),
    "percentOffset" / Double(21, "the offset of a relative order, in percent"),
    "trailingPercent" / Double(22, "how far a trailing stop follows, in percent"),
    "trailStopPrice" / Double(23, "where a trailing stop starts"),
    "minQty" / Int(24, "the least that may be filled at once"),
    "goodAfterTime" / String(25, "from when it is active: YYYYMMDD HH:MM:SS and perhaps a zone"),
    "goodTillDate" / String(26, "until when it stands: YYYYMMDD HH:MM:SS and perhaps a zone"),
    "ocaGroup" / String(27, "the group of orders of which one cancels the others"),
    "orderRef" / String(28, "the client's own note"),
    "rule80A" / String(29, "for whom it is placed: I individual, A agency, W agent for another member, ..."),
    "ocaType" / Int(30, "what a fill does to the group: 1 cancels it with block, 2 reduces it with block, 3 reduces it without"),
    "triggerMethod" / Int(31, "what triggers it: 0 default, 1 double bid/ask, 2 last, 3 double last, 4 bid/ask, 7 last or bid/ask, 8 mid"),
    "activeStartTime" / String(32, "from when a good-till-cancelled order is active"),
    "activeStopTime" / String(33, "until when a good-till-cancelled order is active"),
    # Advisers
    "faGroup" / String(34, "the group of accounts that it is allocated to"),
    "faMethod" / String(35, "how it is allocated: NetLiq, Equal, PctChange, ..."),
    "faPercentage" / String(36, "by how many percent a position changes, for PctChange"),
    # Volatility orders and the orders that hedge their delta
    "volatility" / Double(37, "the volatility that is traded, in percent"),
    "volatilityType" / Int(38, "1 daily, 2 annual"),
    "continuousUpdate" / Bool(39, "whether the price follows the underlying"),
    "referencePriceType" / Int(40, "1 the middle of bid and ask, 2 bid or ask"),
    "deltaNeutralOrderType" / String(41, "the type of the hedging order"),
    "deltaNeutralAuxPrice" / Double(42, "the auxiliary price of the hedging order"),
    "deltaNeutralConId" / Int(43, "the contract of the hedging order"),
    "deltaNeutralOpenClose" / String(44, "whether the hedging order opens (O) or closes (C)"),
    "deltaNeutralShortSale" / Bool(45, "whether the hedging order sells short"),
    "deltaNeutralShortSaleSlot" / Int(46, "as shortSaleSlot, of the hedging order"),
    "deltaNeutralDesignatedLocation" / String(47, "as designatedLocation, of the hedging order"),
    # Scale orders
    "scaleInitLevelSize" / Int(48, "the size of the first level"),
    "scaleSubsLevelSize" / Int(49, "the size of the levels after it"),
    "scalePriceIncrement" / Double(50, "the price between two levels; the fields below are for values above 0"),
    "scalePriceAdjustValue" / Double(51, "by how much the price is adjusted each time"),
    "scalePriceAdjustInterval" / Int(52, "how long until the price is adjusted again, likely in seconds"),
    "scaleProfitOffset" / Double(53, "the profit at which a filled level is offered again"),
    "scaleAutoReset" / Bool(54, "whether a level that took its profit is placed again"),
    "scaleInitPosition" / Int(55, "the position to begin with"),
    "scaleInitFillQty" / Int(56, "how much of the first level is filled already"),
    "scaleRandomPercent" / Bool(57, "whether sizes vary at random"),
    "scaleTable" / String(58, "the levels written out"),
    # Hedging orders
    "hedgeType" / String(59, "D delta, B beta, F currency, P pair"),
    "hedgeParam" / String(60, "the beta or the ratio of the hedge"),
    # Algorithms and routing
    "algoStrategy" / String(61, "the algorithm: Vwap, Twap, ArrivalPx, ..."),
    "algoParams" / Many(TAG_VALUE, 62, "the parameters of the algorithm"),
    "algoId" / String(63, "names orders that an algorithm made"),
    "smartComboRoutingParams" / Many(TAG_VALUE, 64, "how SMART routes a combination"),
    "whatIf" / Bool(65, "whether TWS is only to say what the order would do"),
    "transmit" / Bool(66, "whether it is sent on at once, not only kept in TWS"),
    "overridePercentageConstraints" / Bool(67, "whether it may break the percentage limits of TWS"),
    # Institutions
    "openClose" / String(68, "whether it opens (O) or closes (C) a position; before NO_DEFAULT_OPEN_CLOSE TWS likely filled it in"),
    "origin" / Int(69, "0 customer, 1 firm"),
    "shortSaleSlot" / Int(70, "1 the broker holds the shares, 2 they come from elsewhere"),
    "designatedLocation" / String(71, "where the shares of slot 2 come from"),
    "exemptCode" / Int(72, "the short-sale exemption, -1 for none"),
    "deltaNeutralSettlingFirm" / String(73, "as settlingFirm, of the hedging order"),
    "deltaNeutralClearingAccount" / String(74, "as clearingAccount, of the hedging order"),
    "deltaNeutralClearingIntent" / String(75, "as clearingIntent, of the hedging order"),
    "discretionaryAmt" / Double(76, "how far beyond the limit price it may be filled"),
    "optOutSmartRouting" / Bool(77, "whether SMART is not to route it elsewhere"),
    # Exchange BOX, and orders pegged to a stock or its volatility
    "startingPrice" / Double(78, "the price to start from"),
    "stockRefPrice" / Double(79, "the price of the stock that offsets count from"),
    "delta" / Double(80, "the delta of the option"),
    "stockRangeLower" / Double(81, "the price of the stock below which the order is cancelled"),
    "stockRangeUpper" / Double(82, "the price of the stock above which the order is cancelled"),
    "notHeld" / Bool(83, "whether the broker may choose time and price"),
    "orderMiscOptions" / Many(TAG_VALUE, 84, "options that have no field of their own; text has them all in one field"),
    "solicited" / Bool(85, "whether the broker suggested it"),
    "randomizeSize" / Bool(86, "whether the size shown varies at random"),
    "randomizePrice" / Bool(87, "whether the price varies at random"),
    # Pegged to a benchmark
    "referenceContractId" / Int(88, "the contract that is the benchmark"),
    "peggedChangeAmount" / Double(89, "by how much the order's price moves"),
    "isPeggedChangeAmountDecrease" / Bool(90, "whether the order's price falls by that, not rises"),
    "referenceChangeAmount" / Double(91, "per how much of the benchmark's change"),
    "referenceExchangeId" / String(92, "where the benchmark is observed"),
    # What it turns into once its price is reached
    "adjustedOrderType" / String(93, "the type that it is changed to"),
    "triggerPrice" / Double(94, "the price at which it is changed"),
    "adjustedStopPrice" / Double(95, "the stop price that it gets"),
    "adjustedStopLimitPrice" / Double(96, "the limit price of the stop that it gets"),
    "adjustedTrailingAmount" / Double(97, "how far it trails from then on"),
    "adjustableTrailingUnit" / Int(98, "0 the trailing amount is a price, 1 it is in percent"),
    "lmtPriceOffset" / Double(99, "how far the limit is from the stop of a trailing limit order"),
    "conditions" / Many(ORDER_CONDITION, 100, "what must hold before it is placed, or cancelled"),
    "conditionsCancelOrder" / Bool(101, "whether the conditions cancel it, not place it"),
    "conditionsIgnoreRth" / Bool(102, "whether conditions are watched outside regular trading hours too"),
    # What came later
    "modelCode" / String(103, "the model portfolio that it belongs to"),
    "extOperator" / String(104, "the person who entered it, for exchanges of the CME group"),
    "softDollarTier" / Nested(SOFT_DOLLAR_TIER, 105, "the soft dollar tier"),
    "cashQty" / Double(106, "how much money is to be spent, in place of a quantity"),
    "mifid2DecisionMaker" / String(107, "MiFID II: who decided"),
    "mifid2DecisionAlgo" / String(108, "MiFID II: which algorithm decided"),
    "mifid2ExecutionTrader" / String(109, "MiFID II: who executes"),
    "mifid2ExecutionAlgo" / String(110, "MiFID II: which algorithm executes"),
    "dontUseAutoPriceForHedge" / Bool(111, "whether the hedge's price is not found by TWS"),
    "isOmsContainer" / Bool(112, "whether it holds other orders, in an order management system"),
    "discretionaryUpToLimitPrice" / Bool(113, "whether a D-PEG order may be filled up to its limit price"),
    "autoCancelDate" / String(114, "the day on which it is cancelled"),
    "filledQuantity" / Decimal(115, "how much was filled"),
    "refFuturesConId" / Int(116, "the future that it refers to"),
    "autoCancelParent" / Bool(117, "whether its parent is cancelled with it"),
    "shareholder" / String(118, "the shareholder"),
    "imbalanceOnly" / Bool(119, "whether it only takes part in imbalances of auctions"),
    "routeMarketableToBbo"
    / Int(120, "1 a marketable order goes to the best bid or offer, 0 it does not; placed from ADDITIONAL_ORDER_PARAMS_2 on"),
    "parentPermId" / Long(121, "the permId of the order that it is attached to"),
    "usePriceMgmtAlgo" / Int(122, "1 IBKR's price management may act, 0 it may not; absent: as TWS is set"),
    "duration" / Int(123, "how long it stands, likely in seconds"),
    "postToAts" / Int(124, "how many seconds SMART keeps it at IBKR's own trading system (IBKRATS) first"),
    "advancedErrorOverride" / String(125, "the rejections that are overruled, as advancedOrderRejectJson names them"),
    "manualOrderTime" / String(126, "when a person entered it"),
    "minTradeQty" / Int(127, "IBKRATS: the least quantity of one trade"),
    "minCompeteSize" / Int(128, "PEG BEST: the least size that it competes with"),
    "competeAgainstBestOffset" / Double(129, "PEG BEST: how far it betters the best; infinite for up to the middle"),
    "midOffsetAtWhole" / Double(130, "PEG MID and PEG BEST: the offset from a middle of whole ticks"),
    "midOffsetAtHalf" / Double(131, "PEG MID and PEG BEST: the offset from a middle of half ticks"),
    "customerAccount" / String(132, "the customer's account, at the broker who places it"),
    "professionalCustomer" / Bool(133, "whether the customer is a professional"),
    "bondAccruedInterest" / String(134, "the accrued interest of a bond"),
    "includeOvernight" / Bool(135, "whether it may be filled overnight"),
    "manualOrderIndicator" / Int(136, "for exchanges of the CME group: 1 a person entered it, 0 a machine"),
    "submitter" / String(137, "who submitted it"),
    "deactivate" / Bool(138, "whether it is held back; clients before 10.41 called this field lpOnly", V.ADDITIONAL_ORDER_PARAMS_1),
    "postOnly" / Bool(139, "whether it may only add liquidity", V.ADDITIONAL_ORDER_PARAMS_1),
    "allowPreOpen" / Bool(140, "whether it may be filled before the opening", V.ADDITIONAL_ORDER_PARAMS_1),
    "ignoreOpenAuction" / Bool(141, "whether it stays out of the opening auction", V.ADDITIONAL_ORDER_PARAMS_1),
    "seekPriceImprovement" / Int(142, "1 a better price is sought, 0 it is not; absent: as TWS is set", V.ADDITIONAL_ORDER_PARAMS_2),
    "whatIfType" / Int(143, "what a what-if order is to find out; the values are not public", V.ADDITIONAL_ORDER_PARAMS_2),
    "hedgeMaxSize" / Int(144, "the largest size of the hedging order", V.HEDGE_MAX_SIZE),
    "conditionsIncludeOvernight" / Bool(145, "whether conditions are watched overnight too", V.COND_ORDER_WITH_OVERNIGHT_PARAM),
    # Text alone
    "firstTrailStopPrice" / Double(None, "the first of the two places of trailStopPrice; clients take the second"),
    "sharesAllocation" / String(None, "given up; how shares were allocated"),
    "faProfile" / String(None, "given up; the allocation profile of an adviser"),
    "auctionStrategy" / Int(None, "exchange BOX: 1 match, 2 improvement, 3 transparent"),
    "eTradeOnly" / Bool(None, "given up; whether it was for electronic trading alone"),
    "firmQuoteOnly" / Bool(None, "given up; whether it was for firm quotes alone"),
    "nbboPriceCap" / Double(None, "given up; how far from the national best bid and offer it might be filled"),
    "externalUserId" / String(None, "likely the user of a system of the client's own; clients leave it empty"),
    "basisPoints" / Double(None, "exchange for physical: basis points"),
    "basisPointsType" / Int(None, "exchange for physical: what basisPoints means"),
    "orderComboLegs" / Many(Double(), None, "the legs' own prices in the order of comboLegs; in protobuf each is in its leg"),
)
ORDER_STATUS = Record(
    "OrderStatus",
    "orderId" / Int(1, "the client's number of the order"),
    "status" / String(2, "PreSubmitted, Submitted, Filled, Cancelled, Inactive, ..."),
    "filled" / Decimal(3, "how much is filled, in shares or contracts"),
    "remaining" / Decimal(4, "how much is left, in shares or contracts"),
    "avgFillPrice" / Double(5, "the average price of what is filled"),
    "permId" / Long(6, "IBKR's number of the order, which stays the same across sessions"),
    "parentId" / Int(7, "the orderId of the order that this one is attached to; 0 for none"),
    "lastFillPrice" / Double(8, "the price of the last fill"),
    "clientId" / Int(9, "the client that placed it; 0 for TWS itself"),
    "whyHeld" / String(10, "why TWS holds it back; locate while it looks for shares to sell short"),
    "mktCapPrice" / Double(11, "the price that TWS capped the order at"),
)
