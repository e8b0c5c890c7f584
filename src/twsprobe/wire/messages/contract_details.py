"""Contracts in detail: what can be traded, where, when and in which steps; bonds in a message of their own.

Both messages carry the same record; which of its fields stand in text, and in which order, differs. In text a contract's
lastTradeDateOrContractMonth is the day, perhaps followed by a time and its zone, with blanks or hyphens between them; of a bond it is
the day of maturity. The text form of a bond lacks primaryExch, the underlying and everything about funds.

Inner versions: below SIZE_RULES both begin with one. It is 8 for contracts and 6 for bonds, the last there were, likely always: what came
with them (evRule and evMultiplier) is older than the first server version with framed messages.
"""

from __future__ import annotations

from typing import Any

from twsprobe.wire.declaration import As, Many, Nested, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.fields import Bool, Decimal, Double, EscapedString, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import one_of
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT, REQUESTED
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER


class ShortDouble(Double):
    """A floating-point number that text writes without a fraction where it is whole: some clients of IBKR read only whole ones."""

    def to_text(self, value: Any) -> str:
        return super().to_text(value).removesuffix(".0")


INELIGIBILITY_REASON = Record(
    "IneligibilityReason",
    "id" / String(1, "IBKR's name of the reason"),
    "description" / String(2, "the reason, for people"),
)
CONTRACT_DETAILS = Record(
    "ContractDetails",
    "marketName" / String(1, "the market's name for the product"),
    "minTick" / Decimal(2, "the smallest step of its price anywhere; marketRuleIds tell the steps by exchange and price"),
    "orderTypes" / String(3, "the order types and attributes that it can be traded with, joined by commas"),
    "validExchanges" / String(4, "where it can be traded, joined by commas"),
    "priceMagnifier"
    / Int(5, "how many of the units that prices are in make one of the currency: 100 for pence, mostly 1; of strikes too before TWS 972"),
    "underConId" / Int(6, "the underlying of a derivative; 0 for none"),
    "longName" / EscapedString(7, "its name in full, for people"),
    "contractMonth" / String(8, "the contract month of a derivative, YYYYMM"),
    "industry" / String(9, "the industry of the underlying or issuer"),
    "category" / String(10, "the category within the industry"),
    "subcategory" / String(11, "the category within the category"),
    "timeZoneId" / String(12, "the time zone of the trading hours: US/Eastern, ..."),
    "tradingHours"
    / String(13, "when it is traded: 20260105:0400-20260105:2000;20260106:CLOSED; before TWS 970 as 20260105:0400-1100,1200-2000"),
    "liquidHours" / String(14, "the regular hours, written as tradingHours"),
    "evRule" / String(15, "how a price becomes a value: the name of the economic value rule, a colon, and its argument where it has one"),
    "evMultiplier" / ShortDouble(16, "about how much the value changes when the price changes by 1; empty or 0 where no rule applies"),
    "secIdList" / Many(TAG_VALUE, 17, "other identifiers: ISIN, CUSIP, ..."),
    "aggGroup" / Int(18, "the group of contracts whose quotes SMART puts together; -1 where it cannot be routed so"),
    "underSymbol" / String(19, "the symbol of the underlying"),
    "underSecType" / String(20, "the type of the underlying"),
    "marketRuleIds" / String(21, "the ids of the market rules, one for each of validExchanges and in their order, joined by commas"),
    "realExpirationDate" / String(22, "the day on which it expires, YYYYMMDD"),
    "stockType" / String(23, "the type of a stock: COMMON, ETF, ADR, ..."),
    "minSize" / Decimal(24, "the smallest quantity of an order, in shares or contracts"),
    "sizeIncrement" / Decimal(25, "the step of an order's quantity"),
    "suggestedSizeIncrement" / Decimal(26, "the step that a client should offer, which may be larger"),
    "fundName" / String(27, "fund: its name"),
    "fundFamily" / String(28, "fund: who issues it"),
    "fundType" / String(29, "fund: its type"),
    "fundFrontLoad" / String(30, "fund: the charge for buying"),
    "fundBackLoad" / String(31, "fund: the charge for selling"),
    "fundBackLoadTimeInterval" / String(32, "fund: for how long the charge for selling applies"),
    "fundManagementFee" / String(33, "fund: what its management costs"),
    "fundClosed" / Bool(34, "fund: whether it is closed"),
    "fundClosedForNewInvestors" / Bool(35, "fund: whether it is closed for new investors"),
    "fundClosedForNewMoney" / Bool(36, "fund: whether it is closed for new money of old investors too"),
    "fundNotifyAmount" / String(37, "fund: the amount from which it wants notice"),
    "fundMinimumInitialPurchase" / String(38, "fund: the smallest amount of a first purchase"),
    "fundMinimumSubsequentPurchase" / String(39, "fund: the smallest amount of a later purchase"),
    "fundBlueSkyStates" / String(40, "fund: the US states whose residents may buy it"),
    "fundBlueSkyTerritories" / String(41, "fund: the US territories whose residents may buy it"),
    "fundDistributionPolicyIndicator" / String(42, "fund: N accumulates what it earns, Y pays it out"),
    "fundAssetType"
    / String(
        43, "fund: 001 money market, 002 fixed income, 003 multi-asset, 004 equity, 005 sector, 006 guaranteed, 007 alternative, 000 other"
    ),
    "cusip" / String(44, "bond: its CUSIP"),
    "issueDate" / String(45, "bond: the day of issue, YYYYMMDD"),
    "ratings" / String(46, "bond: its credit ratings"),
    "bondType" / String(47, "bond: its type"),
    "coupon" / Double(48, "bond: the interest of a year, in percent"),
    "couponType" / String(49, "bond: the type of the coupon"),
    "convertible" / Bool(50, "bond: whether it can be turned into stock"),
    "callable" / Bool(51, "bond: whether the issuer can redeem it early"),
    "puttable" / Bool(52, "bond: whether the holder can sell it back early"),
    "descAppend" / String(53, "bond: more of its description"),
    "nextOptionDate" / String(54, "bond: the next day on which an option to call or put it can be used, YYYYMMDD"),
    "nextOptionType" / String(55, "bond: the type of that option"),
    "nextOptionPartial" / Bool(56, "bond: whether that option can be used for a part"),
    "bondNotes" / String(57, "bond: notes, for people"),
    "ineligibilityReasonList" / Many(INELIGIBILITY_REASON, 58, "why it cannot be traded"),
    "eventContract1" / String(59, "event contract: what it is about"),
    "eventContractDescription1" / String(60, "event contract: the first part of its description"),
    "eventContractDescription2" / String(61, "event contract: the second part of its description"),
    "minAlgoSize" / Decimal(62, "the smallest quantity of an order that an algorithm works"),
    "lastPricePrecision" / Decimal(63, "how exact last prices are; from USE_PRECISION_FROM_SEC_DEF on by the contract's definition"),
    "lastSizePrecision" / Decimal(64, "how exact last sizes are; from USE_PRECISION_FROM_SEC_DEF on by the contract's definition"),
    "settlementMethod" / String(65, "how a derivative is settled"),
    "mdSizeMultiplier" / Int(None, "what sizes in market data are to be multiplied by; every client has given it up"),
    "sizeMinTick" / Decimal(None, "the step of a quantity; one server version alone has it"),
)
CONTRACT_DATA = Record(
    "ContractData",
    "reqId" / Int(1, "the request that this answers"),
    "contract" / Nested(CONTRACT, 2, "the contract"),
    "contractDetails" / Nested(CONTRACT_DETAILS, 3, "what else is known of it"),
)
CONTRACT_DATA_END = Record("ContractDataEnd", "reqId" / Int(1, "the request that is answered"))
CONTRACT_DATA_REQUEST = Record(
    "ContractDataRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "contract" / Nested(CONTRACT, 2, "what the contracts have in common; what is left out is left open"),
)

LAST_DAY = As("lastTradeDateOrContractMonth", String(None, "YYYYMMDD, and perhaps a time and its zone behind blanks or hyphens"))
MATURITY = As("lastTradeDateOrContractMonth", String(None, "the day of maturity, and perhaps a time and its zone behind blanks or hyphens"))
SIZE_MULTIPLIER = Since(V.MD_SIZE_MULTIPLIER, Until(V.SIZE_RULES, "mdSizeMultiplier"))
VALUE_AND_IDS = ("evRule evMultiplier", Repeat("secIdList", "tag value"), Since(V.AGG_GROUP, "aggGroup"))
MARKET_RULES = Since(V.MARKET_RULES, "marketRuleIds")
SIZES = Since(V.SIZE_RULES, "minSize sizeIncrement suggestedSizeIncrement")
HOURS = "timeZoneId tradingHours liquidHours"
FUND = (
    "fundName fundFamily fundType fundFrontLoad fundBackLoad fundBackLoadTimeInterval fundManagementFee",
    "fundClosed fundClosedForNewInvestors fundClosedForNewMoney fundNotifyAmount",
    "fundMinimumInitialPurchase fundMinimumSubsequentPurchase fundBlueSkyStates fundBlueSkyTerritories",
    "fundDistributionPolicyIndicator fundAssetType",
)

CONTRACT_TEXT = text(
    CONTRACT_DATA,
    Until(V.SIZE_RULES, Version(8)),
    "reqId",
    Under(
        "contract",
        "symbol secType",
        LAST_DAY,
        Since(V.LAST_TRADE_DATE, "lastTradeDate"),
        "strike right exchange currency localSymbol",
    ),
    "contractDetails.marketName contract.tradingClass contract.conId",
    Under("contractDetails", "minTick", SIZE_MULTIPLIER),
    As("contract.multiplier", String()),
    "contractDetails.orderTypes contractDetails.validExchanges contractDetails.priceMagnifier contractDetails.underConId",
    "contractDetails.longName contract.primaryExch",
    Under(
        "contractDetails",
        "contractMonth industry category subcategory",
        HOURS,
        *VALUE_AND_IDS,
        Since(V.UNDERLYING_INFO, "underSymbol underSecType"),
        MARKET_RULES,
        Since(V.REAL_EXPIRATION_DATE, "realExpirationDate"),
        Since(V.STOCK_TYPE, "stockType"),
        Since(V.FRACTIONAL_SIZE_SUPPORT, Until(V.SIZE_RULES, "sizeMinTick")),
        SIZES,
    ),
    Since(V.FUND_DATA_FIELDS, When("contract.secType", one_of("FUND"), Under("contractDetails", *FUND))),
    Since(V.INELIGIBILITY_REASONS, Repeat("contractDetails.ineligibilityReasonList", "id description")),
)
BOND_TEXT = text(
    CONTRACT_DATA,
    Until(V.SIZE_RULES, Version(6)),
    "reqId contract.symbol contract.secType contractDetails.cusip contractDetails.coupon",
    Under("contract", MATURITY),
    Under("contractDetails", "issueDate ratings bondType couponType convertible callable puttable descAppend"),
    "contract.exchange contract.currency contractDetails.marketName contract.tradingClass contract.conId",
    Under(
        "contractDetails",
        "minTick",
        SIZE_MULTIPLIER,
        "orderTypes validExchanges nextOptionDate nextOptionType nextOptionPartial bondNotes longName",
        Since(V.BOND_TRADING_HOURS, HOURS),
        *VALUE_AND_IDS,
        MARKET_RULES,
        SIZES,
    ),
)

MESSAGES = (
    Message(
        "contractDetails",
        10,
        TO_CLIENT,
        "One contract that matches a request, and all that is known of it.",
        CONTRACT_DATA,
        CONTRACT_TEXT,
        protobuf=V.PROTOBUF_CONTRACT_DATA,
    ),
    Message(
        "bondContractDetails",
        18,
        TO_CLIENT,
        "The same for a bond.",
        CONTRACT_DATA,
        BOND_TEXT,
        protobuf=V.PROTOBUF_CONTRACT_DATA,
    ),
    Message(
        "contractDetailsEnd",
        52,
        TO_CLIENT,
        "All contracts that match a request have come.",
        CONTRACT_DATA_END,
        text(CONTRACT_DATA_END, Version(1), "reqId"),
        protobuf=V.PROTOBUF_CONTRACT_DATA,
    ),
    Message(
        "reqContractDetails",
        9,
        TO_SERVER,
        "Asks for contractDetails or bondContractDetails of every contract that matches; contractDetailsEnd marks the end.",
        CONTRACT_DATA_REQUEST,
        text(
            CONTRACT_DATA_REQUEST,
            Version(8),
            "reqId",
            Under("contract", *REQUESTED, "includeExpired secIdType secId", Since(V.BOND_ISSUERID, "issuerId")),
        ),
        protobuf=V.PROTOBUF_CONTRACT_DATA,
    ),
    Message(
        "cancelContractData",
        106,
        TO_SERVER,
        "Ends reqContractDetails before all has come.",
        ANSWERED,
        None,
        since=V.CANCEL_CONTRACT_DATA,
        protobuf=V.CANCEL_CONTRACT_DATA,
    ),
)
