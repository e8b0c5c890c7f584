"""Bars of the past and of the present, what there is of them, and the hours of trading.

``whatToShow`` says what bars are made of: TRADES, MIDPOINT, BID, ASK, BID_ASK, ADJUSTED_LAST, HISTORICAL_VOLATILITY,
OPTION_IMPLIED_VOLATILITY, FEE_RATE, YIELD_BID and its like, AGGTRADES, SCHEDULE. A bar that is not made of trades has -1 where a volume, an
average or a count of trades would be.
"""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.fields import Bool, Decimal, Double, Int, Long, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import one_of
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT, REQUESTED
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

BAR = Record(
    "HistoricalDataBar",
    "date" / String(1, "when the bar begins, as formatDate asked; YYYYMMDD for a day or more; from 174 on perhaps in its own zone"),
    "open" / Double(2, "the first price"),
    "high" / Double(3, "the highest price"),
    "low" / Double(4, "the lowest price"),
    "close" / Double(5, "the last price; of BID_ASK open and close are the average bid and ask, low the lowest bid, high the highest ask"),
    "volume" / Decimal(6, "how much was traded, -1 for none; of US stocks in lots of 100 before 175, in shares from it on"),
    "WAP" / Decimal(7, "the average price, weighted by volume; -1 for none"),
    "barCount" / Int(8, "how many trades there were; -1 for none"),
    "hasGaps" / Bool(None, "whether the data has gaps"),
)
HISTORICAL_DATA = Record(
    "HistoricalData",
    "reqId" / Int(1, "the request that this answers"),
    "startDateStr" / String(None, "where the bars begin: YYYYMMDD HH:MM:SS, perhaps with a zone, or YYYYMMDD-HH:MM:SS in UTC"),
    "endDateStr" / String(None, "where the bars end, as startDateStr"),
    "historicalDataBars" / Many(BAR, 2, "the bars, the oldest first"),
)
HISTORICAL_DATA_END = Record(
    "HistoricalDataEnd",
    "reqId" / Int(1, "the request that is answered"),
    "startDateStr" / String(2, "where the bars begin: YYYYMMDD HH:MM:SS and a zone, or YYYYMMDD-HH:MM:SS in UTC"),
    "endDateStr" / String(3, "where the bars end, as startDateStr"),
)
HISTORICAL_DATA_UPDATE = Record(
    "HistoricalDataUpdate",
    "reqId" / Int(1, "the request that this answers"),
    "historicalDataBar" / Nested(BAR, 2, "the last bar as it is now, or the next one"),
)
REAL_TIME_BAR = Record(
    "RealTimeBarTick",
    "reqId" / Int(1, "the request that this answers"),
    "time" / Long(2, "when the bar begins, in seconds since the epoch"),
    "open" / Double(3, "the first price"),
    "high" / Double(4, "the highest price"),
    "low" / Double(5, "the lowest price"),
    "close" / Double(6, "the last price"),
    "volume" / Decimal(7, "how much was traded, -1 for none; of US stocks in lots of 100 before 220 (likely), in shares from it on"),
    "WAP" / Decimal(8, "the average price, weighted by volume; -1 for none"),
    "count" / Int(9, "how many trades there were; -1 for none"),
)
HEAD_TIMESTAMP = Record(
    "HeadTimestamp",
    "reqId" / Int(1, "the request that this answers"),
    "headTimestamp" / String(2, "the time of the earliest data: YYYYMMDD-HH:MM:SS in UTC or seconds since the epoch, as formatDate asked"),
)
HISTOGRAM_ENTRY = Record(
    "HistogramDataEntry",
    "price" / Double(1, "a price"),
    "size" / Decimal(2, "how much was traded at that price"),
)
HISTOGRAM_DATA = Record(
    "HistogramData",
    "reqId" / Int(1, "the request that this answers"),
    "histogramDataEntries" / Many(HISTOGRAM_ENTRY, 2, "the prices at which there was trade"),
)
SESSION = Record(
    "HistoricalSession",
    "startDateTime" / String(1, "when the session opened, YYYYMMDD-HH:MM:SS"),
    "endDateTime" / String(2, "when the session closed, YYYYMMDD-HH:MM:SS"),
    "refDate" / String(3, "the trading day that it belongs to, YYYYMMDD"),
)
HISTORICAL_SCHEDULE = Record(
    "HistoricalSchedule",
    "reqId" / Int(1, "the request that this answers"),
    "startDateTime" / String(2, "when the first session opened, YYYYMMDD-HH:MM:SS"),
    "endDateTime" / String(3, "when the last session closed, YYYYMMDD-HH:MM:SS"),
    "timeZone" / String(4, "the zone of all these times"),
    "historicalSessions" / Many(SESSION, 5, "the sessions, the oldest first"),
)
HISTORICAL_DATA_REQUEST = Record(
    "HistoricalDataRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "contract" / Nested(CONTRACT, 2, "the instrument"),
    "endDateTime" / String(3, "where the bars end, YYYYMMDD HH:MM:SS and a zone, or YYYYMMDD-HH:MM:SS in UTC; empty for now"),
    "barSizeSetting" / String(4, "how long a bar is: 1 secs, 5 secs, ..., 1 min, 2 mins, ..., 1 hour, ..., 1 day, 1 week, 1 month"),
    "duration" / String(5, "how far back the bars go: a number, a blank and S, D, W, M or Y"),
    "useRTH" / Bool(6, "true for regular trading hours alone"),
    "whatToShow" / String(7, "what bars are made of: TRADES, MIDPOINT, BID, ASK, ...; from 165 on SCHEDULE asks for sessions instead"),
    "formatDate" / Int(8, "how the answer writes times: 1 YYYYMMDD HH:MM:SS and a zone, 2 seconds since the epoch"),
    "keepUpToDate" / Bool(9, "true to go on with historicalDataUpdate; endDateTime must be empty then"),
    "chartOptions" / Many(TAG_VALUE, 10, "options that have no field of their own; none is public"),
)
REAL_TIME_BARS_REQUEST = Record(
    "RealTimeBarsRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "contract" / Nested(CONTRACT, 2, "the instrument"),
    "barSize" / Int(3, "how long a bar is, in seconds; TWS knows 5 alone"),
    "whatToShow" / String(4, "what bars are made of: TRADES, MIDPOINT, BID or ASK"),
    "useRTH" / Bool(5, "true for regular trading hours alone"),
    "realTimeBarsOptions" / Many(TAG_VALUE, 6, "options that have no field of their own; none is public"),
)
HEAD_TIMESTAMP_REQUEST = Record(
    "HeadTimestampRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "contract" / Nested(CONTRACT, 2, "the instrument"),
    "useRTH" / Bool(3, "true for regular trading hours alone"),
    "whatToShow" / String(4, "which data is meant: TRADES, MIDPOINT, BID, ASK, ..."),
    "formatDate" / Int(5, "how the answer writes the time: 1 YYYYMMDD-HH:MM:SS, 2 seconds since the epoch"),
)
HISTOGRAM_DATA_REQUEST = Record(
    "HistogramDataRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "contract" / Nested(CONTRACT, 2, "the instrument"),
    "useRTH" / Bool(3, "true for regular trading hours alone"),
    "timePeriod" / String(4, "how far back: a number, a blank and secs, days, weeks, months or years"),
)

REQUESTED_CONTRACT = Under("contract", *REQUESTED)
EXPIRED_TOO = Under("contract", *REQUESTED, "includeExpired")

MESSAGES = (
    Message(
        "historicalData",
        17,
        TO_CLIENT,
        "All the bars that a request asked for; historicalDataEnd follows from 196 on, and before it this message is the end itself.",
        HISTORICAL_DATA,
        text(
            HISTORICAL_DATA,
            Until(V.SYNT_REALTIME_BARS, Version(3)),
            "reqId",
            Until(V.HISTORICAL_DATA_END, "startDateStr endDateStr"),
            Repeat(
                "historicalDataBars",
                "date open high low close volume WAP",
                Until(V.SYNT_REALTIME_BARS, "hasGaps"),
                "barCount",
            ),
        ),
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "realtimeBar",
        50,
        TO_CLIENT,
        "The bar of the last five seconds.",
        REAL_TIME_BAR,
        text(REAL_TIME_BAR, Version(3), "reqId time open high low close volume WAP count"),
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "headTimestamp",
        88,
        TO_CLIENT,
        "Where the data of an instrument begins.",
        HEAD_TIMESTAMP,
        text(HEAD_TIMESTAMP, "reqId headTimestamp"),
        since=V.REQ_HEAD_TIMESTAMP,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "histogramData",
        89,
        TO_CLIENT,
        "How much was traded at each price.",
        HISTOGRAM_DATA,
        text(HISTOGRAM_DATA, "reqId", Repeat("histogramDataEntries", "price size")),
        since=V.REQ_HISTOGRAM,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "historicalDataUpdate",
        90,
        TO_CLIENT,
        "The last bar of a request that is kept up to date, every few seconds; text has its fields in another order than historicalData.",
        HISTORICAL_DATA_UPDATE,
        text(HISTORICAL_DATA_UPDATE, "reqId", Under("historicalDataBar", "barCount date open close high low WAP volume")),
        since=V.SYNT_REALTIME_BARS,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "historicalSchedule",
        106,
        TO_CLIENT,
        "The sessions of trading, for a reqHistoricalData that asked for SCHEDULE.",
        HISTORICAL_SCHEDULE,
        text(
            HISTORICAL_SCHEDULE,
            "reqId startDateTime endDateTime timeZone",
            Repeat("historicalSessions", "startDateTime endDateTime refDate"),
        ),
        since=V.HISTORICAL_SCHEDULE,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "historicalDataEnd",
        108,
        TO_CLIENT,
        "All bars of a request have come; updates follow where they were asked for.",
        HISTORICAL_DATA_END,
        text(HISTORICAL_DATA_END, "reqId startDateStr endDateStr"),
        since=V.HISTORICAL_DATA_END,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "reqHistoricalData",
        20,
        TO_SERVER,
        "Asks for historicalData, and with keepUpToDate for historicalDataUpdate. TWS refuses too many of them in ten minutes with 162.",
        HISTORICAL_DATA_REQUEST,
        text(
            HISTORICAL_DATA_REQUEST,
            Until(V.SYNT_REALTIME_BARS, Version(6)),
            "reqId",
            EXPIRED_TOO,
            "endDateTime barSizeSetting duration useRTH whatToShow formatDate",
            When("contract.secType", one_of("BAG"), Repeat("contract.comboLegs", "conId ratio action exchange")),
            Since(V.SYNT_REALTIME_BARS, "keepUpToDate"),
            As("chartOptions", TagValues()),
        ),
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "cancelHistoricalData",
        25,
        TO_SERVER,
        "Ends reqHistoricalData, answered or not.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "reqRealTimeBars",
        50,
        TO_SERVER,
        "Asks for realtimeBar every five seconds.",
        REAL_TIME_BARS_REQUEST,
        text(
            REAL_TIME_BARS_REQUEST,
            Version(3),
            "reqId",
            REQUESTED_CONTRACT,
            "barSize whatToShow useRTH",
            As("realTimeBarsOptions", TagValues()),
        ),
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "cancelRealTimeBars",
        51,
        TO_SERVER,
        "Ends reqRealTimeBars.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "reqHeadTimeStamp",
        87,
        TO_SERVER,
        "Asks for headTimestamp.",
        HEAD_TIMESTAMP_REQUEST,
        text(HEAD_TIMESTAMP_REQUEST, "reqId", EXPIRED_TOO, "useRTH whatToShow formatDate"),
        since=V.REQ_HEAD_TIMESTAMP,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "reqHistogramData",
        88,
        TO_SERVER,
        "Asks for histogramData.",
        HISTOGRAM_DATA_REQUEST,
        text(HISTOGRAM_DATA_REQUEST, "reqId", EXPIRED_TOO, "useRTH timePeriod"),
        since=V.REQ_HISTOGRAM,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "cancelHistogramData",
        89,
        TO_SERVER,
        "Ends reqHistogramData.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.REQ_HISTOGRAM,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
    Message(
        "cancelHeadTimeStamp",
        90,
        TO_SERVER,
        "Ends reqHeadTimeStamp.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.CANCEL_HEADTIMESTAMP,
        protobuf=V.PROTOBUF_HISTORICAL_DATA,
    ),
)
