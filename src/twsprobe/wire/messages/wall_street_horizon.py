"""Corporate events (earnings, dividends, conferences, ...) from Wall Street Horizon, a calendar that needs a subscription."""

from __future__ import annotations

from twsprobe.wire.declaration import Record, Since, text
from twsprobe.wire.fields import Bool, Int, SpelledOutInt, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

META_DATA = Record(
    "WshMetaData",
    "reqId" / Int(1, "the request that this answers"),
    "dataJson" / String(2, "the types of events and the filters that there are, as JSON"),
)
EVENT_DATA = Record(
    "WshEventData",
    "reqId" / Int(1, "the request that this answers"),
    "dataJson" / String(2, "the events, as JSON"),
)
EVENT_DATA_REQUEST = Record(
    "WshEventDataRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "conId" / SpelledOutInt(2, "the contract whose events are wanted; unset where the filter names them"),
    "filter" / String(3, "which events are wanted, as JSON, instead of those of one contract"),
    "fillWatchlist" / Bool(4, "true to add the contracts of the watchlist"),
    "fillPortfolio" / Bool(5, "true to add the contracts that are held"),
    "fillCompetitors" / Bool(6, "true to add the competitors of the contract"),
    "startDate" / String(7, "events from this day on, YYYYMMDD; empty for any"),
    "endDate" / String(8, "events up to this day, YYYYMMDD; empty for any"),
    "totalLimit" / SpelledOutInt(9, "how many events are wanted at most, up to 100"),
)

MESSAGES = (
    Message(
        "wshMetaData",
        104,
        TO_CLIENT,
        "Which events and filters Wall Street Horizon has.",
        META_DATA,
        text(META_DATA, "reqId dataJson"),
        since=V.WSHE_CALENDAR,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "wshEventData",
        105,
        TO_CLIENT,
        "The events that a request asked for.",
        EVENT_DATA,
        text(EVENT_DATA, "reqId dataJson"),
        since=V.WSHE_CALENDAR,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "reqWshMetaData",
        100,
        TO_SERVER,
        "Asks for wshMetaData. TWS wants it answered before it takes reqWshEventData.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.WSHE_CALENDAR,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "cancelWshMetaData",
        101,
        TO_SERVER,
        "Ends reqWshMetaData.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.WSHE_CALENDAR,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "reqWshEventData",
        102,
        TO_SERVER,
        "Asks for wshEventData, of one contract or by a filter.",
        EVENT_DATA_REQUEST,
        text(
            EVENT_DATA_REQUEST,
            "reqId conId",
            Since(V.WSH_EVENT_DATA_FILTERS, "filter fillWatchlist fillPortfolio fillCompetitors"),
            Since(V.WSH_EVENT_DATA_FILTERS_DATE, "startDate endDate totalLimit"),
        ),
        since=V.WSHE_CALENDAR,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "cancelWshEventData",
        103,
        TO_SERVER,
        "Ends reqWshEventData.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.WSHE_CALENDAR,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
)
