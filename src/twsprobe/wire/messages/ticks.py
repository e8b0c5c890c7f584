"""Single trades and quotes of the past."""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Record, Repeat, Under, text
from twsprobe.wire.fields import Bool, Decimal, Double, Int, Long, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT, REQUESTED
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

# Text says in one number, the mask, what protobuf says in a record of flags.
ATTRIBUTES_OF_QUOTE = Record(
    "TickAttribBidAsk",
    "bidPastLow" / Bool(1, "the bid is below the lowest price of the day"),
    "askPastHigh" / Bool(2, "the ask is above the highest price of the day"),
)
ATTRIBUTES_OF_TRADE = Record(
    "TickAttribLast",
    "pastLimit" / Bool(1, "the price is beyond the limits of the day, where trading is halted"),
    "unreported" / Bool(2, "the trade is not reported: of odd lots, combinations and the like"),
)
MIDPOINT = Record(
    "HistoricalTick",
    "time" / Long(1, "seconds since the epoch"),
    "mask" / Int(None, "0; it stands here because the other two kinds of ticks have one"),
    "price" / Double(2, "the midpoint of bid and ask"),
    "size" / Decimal(3, "0: a midpoint has no size"),
)
QUOTE = Record(
    "HistoricalTickBidAsk",
    "time" / Long(1, "seconds since the epoch"),
    "mask" / Int(None, "a set of bits: 1 askPastHigh, 2 bidPastLow; of live quotes the two are the other way round"),
    "tickAttribBidAsk" / Nested(ATTRIBUTES_OF_QUOTE, 2, "what is special about the quote"),
    "priceBid" / Double(3, "the bid"),
    "priceAsk" / Double(4, "the ask"),
    "sizeBid" / Decimal(5, "how much is bid for; of US stocks in lots of 100 before 175, in shares from it on"),
    "sizeAsk" / Decimal(6, "how much is offered, as sizeBid"),
)
TRADE = Record(
    "HistoricalTickLast",
    "time" / Long(1, "seconds since the epoch"),
    "mask" / Int(None, "a set of bits: 1 pastLimit, 2 unreported"),
    "tickAttribLast" / Nested(ATTRIBUTES_OF_TRADE, 2, "what is special about the trade"),
    "price" / Double(3, "the price"),
    "size" / Decimal(4, "how much was traded; of US stocks in lots of 100 before 175, in shares from it on"),
    "exchange" / String(5, "where it was traded"),
    "specialConditions" / String(6, "the exchange's codes for the conditions of the trade"),
)
MIDPOINTS = Record(
    "HistoricalTicks",
    "reqId" / Int(1, "the request that this answers"),
    "historicalTicks" / Many(MIDPOINT, 2, "the ticks, the oldest first"),
    "isDone" / Bool(3, "whether these are the last ones"),
)
QUOTES = Record(
    "HistoricalTicksBidAsk",
    "reqId" / Int(1, "the request that this answers"),
    "historicalTicksBidAsk" / Many(QUOTE, 2, "the ticks, the oldest first"),
    "isDone" / Bool(3, "whether these are the last ones"),
)
TRADES = Record(
    "HistoricalTicksLast",
    "reqId" / Int(1, "the request that this answers"),
    "historicalTicksLast" / Many(TRADE, 2, "the ticks, the oldest first"),
    "isDone" / Bool(3, "whether these are the last ones"),
)
HISTORICAL_TICKS_REQUEST = Record(
    "HistoricalTicksRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "contract" / Nested(CONTRACT, 2, "the instrument"),
    "startDateTime" / String(3, "ticks from then on, YYYYMMDD HH:MM:SS and a zone, or YYYYMMDD-HH:MM:SS in UTC; empty with endDateTime"),
    "endDateTime" / String(4, "ticks up to then, as startDateTime; empty if that is given"),
    "numberOfTicks" / Int(5, "how many ticks are wanted, up to 1000; all those of the last second come too"),
    "whatToShow" / String(6, "MIDPOINT for historicalTicks, BID_ASK for historicalTicksBidAsk, TRADES for historicalTicksLast"),
    "useRTH" / Bool(7, "true for regular trading hours alone"),
    "ignoreSize" / Bool(8, "BID_ASK: true to leave out ticks that change no price"),
    "miscOptions" / Many(TAG_VALUE, 9, "options that have no field of their own; none is public"),
)

MESSAGES = (
    Message(
        "historicalTicks",
        96,
        TO_CLIENT,
        "The midpoints that a request asked for.",
        MIDPOINTS,
        text(MIDPOINTS, "reqId", Repeat("historicalTicks", "time mask price size"), "isDone"),
        since=V.HISTORICAL_TICKS,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "historicalTicksBidAsk",
        97,
        TO_CLIENT,
        "The quotes that a request asked for.",
        QUOTES,
        text(QUOTES, "reqId", Repeat("historicalTicksBidAsk", "time mask priceBid priceAsk sizeBid sizeAsk"), "isDone"),
        since=V.HISTORICAL_TICKS,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "historicalTicksLast",
        98,
        TO_CLIENT,
        "The trades that a request asked for.",
        TRADES,
        text(TRADES, "reqId", Repeat("historicalTicksLast", "time mask price size exchange specialConditions"), "isDone"),
        since=V.HISTORICAL_TICKS,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "reqHistoricalTicks",
        96,
        TO_SERVER,
        "Asks for historicalTicks, historicalTicksBidAsk or historicalTicksLast, by whatToShow.",
        HISTORICAL_TICKS_REQUEST,
        text(
            HISTORICAL_TICKS_REQUEST,
            "reqId",
            Under("contract", *REQUESTED, "includeExpired"),
            "startDateTime endDateTime numberOfTicks whatToShow useRTH ignoreSize",
            As("miscOptions", TagValues()),
        ),
        since=V.HISTORICAL_TICKS,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "cancelHistoricalTicks",
        107,
        TO_SERVER,
        "Ends reqHistoricalTicks.",
        ANSWERED,
        None,
        since=V.CANCEL_CONTRACT_DATA,
        protobuf=V.CANCEL_CONTRACT_DATA,
    ),
)
