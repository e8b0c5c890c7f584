"""Market depth: the order book of a contract, row by row, at one exchange or gathered from many (SMART depth)."""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Record, Repeat, Since, Under, Until, Version, text
from twsprobe.wire.fields import Bool, Decimal, Double, Int, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.contracts import CONTRACT, IDENTITY
from twsprobe.wire.messages.market_data import REROUTE
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.messages.session import EMPTY
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

MARKET_DEPTH_DATA = Record(
    "MarketDepthData",
    "position" / Int(1, "the row of its side of the book, 0 for the best price"),
    "operation" / Int(2, "0 puts a row in there and moves those from it on down, 1 changes the row, 2 takes it out"),
    "side" / Int(3, "0 offers, 1 bids"),
    "price" / Double(4, "the price of the row"),
    "size" / Decimal(5, "the size of the row; US stocks in lots before MARKET_DATA_IN_SHARES, in shares since"),
    "marketMaker" / String(6, "the market maker of the row; its exchange in SMART depth"),
    "isSmartDepth" / Bool(7, "whether it is SMART depth"),
)
MARKET_DEPTH = Record(
    "MarketDepth",
    "reqId" / Int(1, "the request that this answers"),
    "marketDepthData" / Nested(MARKET_DEPTH_DATA, 2, "the change of the book"),
)
DEPTH_MARKET_DATA_DESCRIPTION = Record(
    "DepthMarketDataDescription",
    "exchange" / String(1, "the exchange"),
    "secType" / String(2, "the type of instrument"),
    "listingExch" / String(3, "the exchange that lists the instruments; empty for any"),
    "serviceDataType" / String(4, "Deep for a book of prices (updateMktDepth), Deep2 for one of market makers (updateMktDepthL2)"),
    "aggGroup" / Int(5, "the group of SMART routing that it belongs to"),
    "isL2" / Bool(None, "whether the book is one of market makers, which serviceDataType tells since"),
)
MARKET_DEPTH_EXCHANGES = Record(
    "MarketDepthExchanges",
    "depthMarketDataDescriptions" / Many(DEPTH_MARKET_DATA_DESCRIPTION, 1, "the exchanges that give depth, by type of instrument"),
)
MARKET_DEPTH_REQUEST = Record(
    "MarketDepthRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "contract" / Nested(CONTRACT, 2, "the contract"),
    "numRows" / Int(3, "how many rows of each side are wanted"),
    "isSmartDepth" / Bool(4, "whether SMART depth is wanted; else the contract names an exchange"),
    "marketDepthOptions" / Many(TAG_VALUE, 5, "options for IBKR's own use"),
)
CANCEL_MARKET_DEPTH = Record(
    "CancelMarketDepth",
    "reqId" / Int(1, "the request that ends"),
    "isSmartDepth" / Bool(2, "whether the request was for SMART depth"),
)

MESSAGES = (
    Message(
        "updateMktDepth",
        12,
        TO_CLIENT,
        "A change of a book of prices.",
        MARKET_DEPTH,
        text(MARKET_DEPTH, Version(1), "reqId", Under("marketDepthData", "position operation side price size")),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "updateMktDepthL2",
        13,
        TO_CLIENT,
        "A change of a book of market makers, or of one that is gathered from many exchanges.",
        MARKET_DEPTH,
        text(
            MARKET_DEPTH,
            Version(1),
            "reqId",
            Under("marketDepthData", "position marketMaker operation side price size", Since(V.SMART_DEPTH, "isSmartDepth")),
        ),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "mktDepthExchanges",
        80,
        TO_CLIENT,
        "The exchanges that give market depth.",
        MARKET_DEPTH_EXCHANGES,
        text(
            MARKET_DEPTH_EXCHANGES,
            Repeat(
                "depthMarketDataDescriptions",
                "exchange secType",
                Until(V.SERVICE_DATA_TYPE, "isL2"),
                Since(V.SERVICE_DATA_TYPE, "listingExch serviceDataType aggGroup"),
            ),
        ),
        since=V.REQ_MKT_DEPTH_EXCHANGES,
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "rerouteMktDepthReq",
        92,
        TO_CLIENT,
        "The market depth of a contract for difference is that of another contract: ask for that one.",
        REROUTE,
        text(REROUTE, "reqId conId exchange"),
        since=V.CFD_REROUTE,
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "reqMktDepth",
        10,
        TO_SERVER,
        "Asks for updateMktDepth or updateMktDepthL2 of a contract.",
        MARKET_DEPTH_REQUEST,
        text(
            MARKET_DEPTH_REQUEST,
            Version(5),
            "reqId",
            Under(
                "contract",
                IDENTITY,
                As("multiplier", String()),
                "exchange",
                Since(V.MKT_DEPTH_PRIM_EXCHANGE, "primaryExch"),
                "currency localSymbol tradingClass",
            ),
            "numRows",
            Since(V.SMART_DEPTH, "isSmartDepth"),
            As("marketDepthOptions", TagValues()),
        ),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "cancelMktDepth",
        11,
        TO_SERVER,
        "Ends reqMktDepth.",
        CANCEL_MARKET_DEPTH,
        text(CANCEL_MARKET_DEPTH, Version(1), "reqId", Since(V.SMART_DEPTH, "isSmartDepth")),
        protobuf=V.PROTOBUF_MARKET_DATA,
    ),
    Message(
        "reqMktDepthExchanges",
        82,
        TO_SERVER,
        "Asks for mktDepthExchanges.",
        EMPTY,
        text(EMPTY),
        since=V.REQ_MKT_DEPTH_EXCHANGES,
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
)
