"""Market data: ticks of a subscription or a snapshot, and every single trade or quote (tick by tick).

A tick by tick in text is laid out flat, with fields of its own: it is one of the most frequent messages, and its flags are bits of one
number there. In protobuf each kind of it is a record.
"""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Optional, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.fields import Bool, Decimal, Double, EscapedString, Int, Long, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import at_least, one_of
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT, REQUESTED
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.messages.ticks import MIDPOINT, QUOTE, TRADE
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

TICK_TYPE = "which value it is: one of the tick types"
TICK_PRICE = Record(
    "TickPrice",
    "reqId" / Int(1, "the request that this answers"),
    "tickType" / Int(2, TICK_TYPE),
    "price" / Double(3, "the price; -1 for none with a size of 0"),
    "size" / Decimal(4, "the size at a bid, ask or last price; US stocks in lots before MARKET_DATA_IN_SHARES, in shares since; else 0"),
    "attrMask" / Int(5, "bits: 1 can be executed at once, 2 past the price limit (since PAST_LIMIT), 4 pre-open (since PRE_OPEN_BID_ASK)"),
)
TICK_SIZE = Record(
    "TickSize",
    "reqId" / Int(1, "the request that this answers"),
    "tickType" / Int(2, TICK_TYPE),
    "size" / Decimal(3, "the size; US stocks in lots before MARKET_DATA_IN_SHARES, volumes before MARKET_DATA_VOLUMES_IN_SHARES"),
)
TICK_OPTION_COMPUTATION = Record(
    "TickOptionComputation",
    "reqId" / Int(1, "the request that this answers"),
    "tickType" / Int(2, TICK_TYPE),
    "tickAttrib" / Int(3, "how volatility is reckoned: 0 from returns, 1 from prices"),
    "impliedVol" / Double(4, "the yearly volatility that the price implies, as a fraction; below 0 for not computed"),
    "delta" / Double(5, "change of the option's price by that of the underlying's; -2 for not computed"),
    "optPrice" / Double(6, "the option's price; -1 for not computed"),
    "pvDividend" / Double(7, "the present value of the underlying's dividends; -1 for not computed"),
    "gamma" / Double(8, "change of delta by that of the underlying's price; -2 for not computed"),
    "vega" / Double(9, "change of the option's price by a point of volatility; -2 for not computed"),
    "theta" / Double(10, "change of the option's price by a day; -2 for not computed"),
    "undPrice" / Double(11, "the underlying's price; -1 for not computed"),
)
TICK_GENERIC = Record(
    "TickGeneric",
    "reqId" / Int(1, "the request that this answers"),
    "tickType" / Int(2, TICK_TYPE),
    "value" / Double(3, "the value"),
)
TICK_STRING = Record(
    "TickString",
    "reqId" / Int(1, "the request that this answers"),
    "tickType" / Int(2, TICK_TYPE),
    "value" / EscapedString(3, "the value; its form is that of the tick type"),
)
TICK_EFP = Record(
    "TickEFP",
    "reqId" / Int(None, "the request that this answers"),
    "tickType" / Int(None, TICK_TYPE),
    "basisPoints" / Double(None, "the rate of financing in basis points a year"),
    "formattedBasisPoints" / EscapedString(None, "the same rate in percent, for people"),
    "impliedFuture" / Double(None, "the price of the future that it implies; IBKR's Python client says totalDividends"),
    "holdDays" / Int(None, "days until the future's last trading day"),
    "futureLastTradeDate" / EscapedString(None, "the future's last trading day, YYYYMMDD"),
    "dividendImpact" / Double(None, "what dividends make of the rate, in basis points a year"),
    "dividendsToLastTradeDate" / Double(None, "the dividends expected until the future's last trading day"),
)
MARKET_DATA_TYPE = Record(
    "MarketDataType",
    "reqId" / Int(1, "the request that this is about"),
    "marketDataType" / Int(2, "1 live, 2 frozen, 3 delayed, 4 delayed and frozen"),
)
TICK_REQ_PARAMS = Record(
    "TickReqParams",
    "reqId" / Int(1, "the request that this is about"),
    "minTick" / Decimal(2, "the smallest step of the price"),
    "bboExchange" / String(3, "a code for the exchanges behind the best bid and offer, to be asked for with reqSmartComponents"),
    "snapshotPermissions" / Int(4, "what this login may take as snapshots; the values are not public"),
    "lastPricePrecision" / Decimal(5, "how exact last prices are; since USE_PRECISION_FROM_SEC_DEF as the contract's definition has it"),
    "lastSizePrecision" / Decimal(6, "how exact last sizes are; since USE_PRECISION_FROM_SEC_DEF as the contract's definition has it"),
)
SMART_COMPONENT = Record(
    "SmartComponent",
    "bitNumber" / Int(1, "the exchange's bit in masks of exchanges"),
    "exchange" / String(2, "the exchange"),
    "exchangeLetter" / String(3, "the letter that stands for the exchange in ticks"),
)
SMART_COMPONENTS = Record(
    "SmartComponents",
    "reqId" / Int(1, "the request that this answers"),
    "smartComponents" / Many(SMART_COMPONENT, 2, "the exchanges"),
)
REROUTE = Record(
    "RerouteRequest",
    "reqId" / Int(1, "the request that cannot be answered"),
    "conId" / Int(2, "the contract to ask for instead: the underlying of a contract for difference"),
    "exchange" / String(3, "the exchange to ask for instead"),
)
TICK_BY_TICK_DATA = Record(
    "TickByTickData",
    "reqId" / Int(1, "the request that this answers"),
    "tickType" / Int(2, "1 a trade (Last), 2 a trade (AllLast), 3 quotes (BidAsk), 4 a midpoint (MidPoint), 0 nothing"),
    "historicalTickLast" / Nested(TRADE, 3, "the trade; one record of the three is there"),
    "historicalTickBidAsk" / Nested(QUOTE, 4, "the quotes; one record of the three is there"),
    "historicalTickMidPoint" / Nested(MIDPOINT, 5, "the midpoint; one record of the three is there"),
    # Text alone
    "time" / Long(None, "seconds since the epoch"),
    "price" / Double(None, "the price of the trade, or the midpoint"),
    "size" / Decimal(None, "the size of the trade, in shares or contracts"),
    "mask" / Int(None, "bits: of a trade 1 past the price limit, 2 not reported; of quotes 1 bid below the low, 2 offer above the high"),
    "exchange" / String(None, "where it was traded"),
    "specialConditions" / String(None, "the exchange's codes of what was special about the trade"),
    "priceBid" / Double(None, "the highest bid"),
    "priceAsk" / Double(None, "the lowest offer"),
    "sizeBid" / Decimal(None, "how much is bid for, in shares or contracts"),
    "sizeAsk" / Decimal(None, "how much is offered, in shares or contracts"),
)
MARKET_DATA_REQUEST = Record(
    "MarketDataRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "contract" / Nested(CONTRACT, 2, "the contract"),
    "genericTickList"
    / String(3, "further ticks wanted, by number and joined by commas; mdoff leaves the usual ones out, 292:FLY is of one source"),
    "snapshot" / Bool(4, "whether the values are wanted once, up to tickSnapshotEnd"),
    "regulatorySnapshot" / Bool(5, "whether it is to be a regulatory snapshot of US quotes, which IBKR charges for"),
    "marketDataOptions" / Many(TAG_VALUE, 6, "options for IBKR's own use"),
)
MARKET_DATA_TYPE_REQUEST = Record(
    "MarketDataTypeRequest",
    "marketDataType" / Int(1, "from here on: 1 live, 2 frozen where there is no live one, 3 delayed, 4 delayed and frozen"),
)
SMART_COMPONENTS_REQUEST = Record(
    "SmartComponentsRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "bboExchange" / String(2, "the code that tickReqParams gave"),
)
TICK_BY_TICK_REQUEST = Record(
    "TickByTickRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "contract" / Nested(CONTRACT, 2, "the contract"),
    "tickType" / String(3, "Last, AllLast (with those that are not reported), BidAsk or MidPoint"),
    "numberOfTicks" / Int(4, "how many ticks of the past come first"),
    "ignoreSize" / Bool(5, "whether quotes are left out when only a size changed"),
)

GREEKS = "gamma vega theta undPrice"
MODEL_TICKS = one_of(13, 83)

MESSAGES = (
    Message(
        "tickPrice",
        1,
        TO_CLIENT,
        "A price of a subscription or snapshot, with its size.",
        TICK_PRICE,
        text(TICK_PRICE, Version(6), "reqId tickType price size attrMask"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "tickSize",
        2,
        TO_CLIENT,
        "A size of a subscription or snapshot; sizes of quotes and trades also come with their tickPrice.",
        TICK_SIZE,
        text(TICK_SIZE, Version(6), "reqId tickType size"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "tickOptionComputation",
        21,
        TO_CLIENT,
        "Volatility and greeks of an option, of a subscription or of a calculation that was asked for.",
        TICK_OPTION_COMPUTATION,
        text(
            TICK_OPTION_COMPUTATION,
            Until(V.PRICE_BASED_VOLATILITY, Version(6)),
            "reqId tickType",
            Since(V.PRICE_BASED_VOLATILITY, "tickAttrib"),
            "impliedVol delta",
            Until(
                V.PRICE_BASED_VOLATILITY,
                When("version", one_of(1, 2, 3, 4, 5), When("tickType", MODEL_TICKS, "optPrice pvDividend")),
                When("version", at_least(6), "optPrice pvDividend", GREEKS),
            ),
            Since(V.PRICE_BASED_VOLATILITY, "optPrice pvDividend", GREEKS),
        ),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "tickGeneric",
        45,
        TO_CLIENT,
        "A number of a subscription or snapshot that is neither price nor size.",
        TICK_GENERIC,
        text(TICK_GENERIC, Version(6), "reqId tickType value"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "tickString",
        46,
        TO_CLIENT,
        "A text of a subscription or snapshot.",
        TICK_STRING,
        text(TICK_STRING, Version(6), "reqId tickType value"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "tickEFP",
        47,
        TO_CLIENT,
        "An exchange for physical: a stock against its single-stock future. It never became protobuf, and likely is not sent any more.",
        TICK_EFP,
        text(
            TICK_EFP,
            Version(6),
            "reqId tickType basisPoints formattedBasisPoints impliedFuture holdDays",
            "futureLastTradeDate dividendImpact dividendsToLastTradeDate",
        ),
        protobuf=None,
    ),
    Message(
        "tickSnapshotEnd",
        57,
        TO_CLIENT,
        "All values of a snapshot have come.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "marketDataType",
        58,
        TO_CLIENT,
        "What kind of market data a subscription gives from here on.",
        MARKET_DATA_TYPE,
        text(MARKET_DATA_TYPE, Version(1), "reqId marketDataType"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "tickReqParams",
        81,
        TO_CLIENT,
        "What holds for the values of a subscription; comes before them.",
        TICK_REQ_PARAMS,
        text(TICK_REQ_PARAMS, "reqId minTick bboExchange snapshotPermissions"),
        since=V.REQ_SMART_COMPONENTS,
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "smartComponents",
        82,
        TO_CLIENT,
        "The exchanges behind a best bid and offer.",
        SMART_COMPONENTS,
        text(SMART_COMPONENTS, "reqId", Repeat("smartComponents", "bitNumber exchange exchangeLetter")),
        since=V.REQ_SMART_COMPONENTS,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "rerouteMktDataReq",
        91,
        TO_CLIENT,
        "The market data of a contract for difference are those of another contract: ask for that one.",
        REROUTE,
        text(REROUTE, "reqId conId exchange"),
        since=V.CFD_REROUTE,
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "tickByTick",
        99,
        TO_CLIENT,
        "One trade, or one change of the quotes or of the middle between them.",
        TICK_BY_TICK_DATA,
        text(
            TICK_BY_TICK_DATA,
            "reqId tickType time",
            When("tickType", one_of(1, 2), "price size mask exchange specialConditions"),
            When("tickType", one_of(3), "priceBid priceAsk sizeBid sizeAsk mask"),
            When("tickType", one_of(4), "price"),
        ),
        since=V.TICK_BY_TICK,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "reqMktData",
        1,
        TO_SERVER,
        "Asks for tickPrice, tickSize and the other ticks of a contract; a snapshot ends with tickSnapshotEnd.",
        MARKET_DATA_REQUEST,
        text(
            MARKET_DATA_REQUEST,
            Version(11),
            "reqId",
            Under(
                "contract",
                *REQUESTED,
                When("secType", one_of("BAG"), Repeat("comboLegs", "conId ratio action exchange")),
                Optional("deltaNeutralContract", "conId delta price"),
            ),
            "genericTickList snapshot",
            Since(V.REQ_SMART_COMPONENTS, "regulatorySnapshot"),
            As("marketDataOptions", TagValues()),
        ),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "cancelMktData",
        2,
        TO_SERVER,
        "Ends reqMktData.",
        ANSWERED,
        text(ANSWERED, Version(2), "reqId"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "reqMarketDataType",
        59,
        TO_SERVER,
        "Says what kind of market data is wanted from here on, for all subscriptions.",
        MARKET_DATA_TYPE_REQUEST,
        text(MARKET_DATA_TYPE_REQUEST, Version(1), "marketDataType"),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "reqSmartComponents",
        83,
        TO_SERVER,
        "Asks for smartComponents.",
        SMART_COMPONENTS_REQUEST,
        text(SMART_COMPONENTS_REQUEST, "reqId bboExchange"),
        since=V.REQ_SMART_COMPONENTS,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "reqTickByTickData",
        97,
        TO_SERVER,
        "Asks for tickByTick of a contract.",
        TICK_BY_TICK_REQUEST,
        text(
            TICK_BY_TICK_REQUEST,
            "reqId",
            Under("contract", *REQUESTED),
            "tickType",
            Since(V.TICK_BY_TICK_IGNORE_SIZE, "numberOfTicks ignoreSize"),
        ),
        since=V.TICK_BY_TICK,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "cancelTickByTickData",
        98,
        TO_SERVER,
        "Ends reqTickByTickData.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.TICK_BY_TICK,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
)
