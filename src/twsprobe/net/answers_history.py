"""What the simulator answers to requests for data of the past, and for bars of the present.

A series of bars ends with historicalDataEnd, and with its own message where the server version has no such. One that is kept up to date
goes on every five seconds, and so do real-time bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import count
from types import MappingProxyType

from twsprobe.net.account import Fields
from twsprobe.net.answers_market_data import MAX_TICKS, contract_of, past_ticks
from twsprobe.net.asked import Answer, Asked, Feed, Said, ending, error, invalid, nothing
from twsprobe.net.bars import DAY, SIZES, bar, begins, in_utc, read_time, seconds_of, sessions, spoken
from twsprobe.net.instruments import Instrument
from twsprobe.wire.versions import ServerVersion

PERIOD = 5.0
"""How often a bar comes that goes on, in seconds."""
SHOWN = frozenset(
    (
        *("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "AGGTRADES"),
        *("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE", "YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST"),
    )
)
"""What bars can be made of; SCHEDULE asks for sessions instead."""
TICKS_SHOWN: Mapping[str, str] = MappingProxyType({"TRADES": "Last", "BID_ASK": "BidAsk", "MIDPOINT": "MidPoint"})
FIRST = 345479400
"""Where the data of every instrument begins: the first session of 12 December 1980."""
IN_SECONDS = 2
"""The formatDate that asks for seconds since the epoch."""


def historical_data(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    shows = asked.text("whatToShow")
    duration = seconds_of(asked.text("duration"))
    end = read_time(asked.text("endDateTime"))
    is_schedule = shows == "SCHEDULE" and asked.has("historicalSchedule")
    if not isinstance(instrument, Instrument):
        yield instrument
    elif asked.text("barSizeSetting") not in SIZES:
        yield invalid(asked, f"Historical data bar size setting is invalid: {asked.text('barSizeSetting')}")
    elif duration is None:
        yield invalid(asked, "Historical data query duration is invalid. Legal values: seconds, days, weeks, months, years")
    elif shows not in SHOWN and not is_schedule:
        yield invalid(asked, f"Data to show is invalid: {shows}")
    elif end is None and asked.text("endDateTime"):
        yield error(10314, "End Date/Time: The date, time, or time-zone entered is invalid", asked.id)
    elif end is not None and asked.fields.get("keepUpToDate"):
        yield invalid(asked, "An end date is not supported with data that are kept up to date")
    elif instrument.volume < 0 and shows in ("TRADES", "ADJUSTED_LAST"):
        yield no_data(asked, f"No historical market data for {instrument.contract['localSymbol']}")
    elif is_schedule:
        yield from schedule(asked, end or asked.now, duration[0] or 1)
    else:
        yield from bars(asked, instrument, end or asked.now, *duration)


def no_data(asked: Asked, reason: str) -> Said:
    """What the historical data service says where it has nothing."""
    return error(162, f"Historical Market Data Service error message:{reason}", asked.id)


def schedule(asked: Asked, end: int, days: int) -> Iterator[Said]:
    found = sessions(end, days)
    rows = [{"startDateTime": in_utc(each.start), "endDateTime": in_utc(each.end), "refDate": in_utc(each.start)[:8]} for each in found]
    whole: Fields = {"startDateTime": rows[0]["startDateTime"], "endDateTime": rows[-1]["endDateTime"], "timeZone": "UTC"}
    yield "historicalSchedule", {"reqId": asked.id, "historicalSessions": rows} | whole


def bars(asked: Asked, instrument: Instrument, end: int, days: int, seconds: int) -> Iterator[Said]:
    size = SIZES[asked.text("barSizeSetting")]
    starts = begins(end, size, days, seconds)
    ends: Fields = {"startDateStr": spoken(starts[0], asked.server_version), "endDateStr": spoken(end, asked.server_version)}
    found = [one_bar(asked, instrument, start, size) for start in starts]
    yield "historicalData", {"reqId": asked.id, "historicalDataBars": found} | (ends if not asked.has("historicalDataEnd") else {})
    if asked.has("historicalDataEnd"):
        yield "historicalDataEnd", {"reqId": asked.id} | ends
    if asked.fields.get("keepUpToDate"):
        later = (
            [("historicalDataUpdate", {"reqId": asked.id, "historicalDataBar": one_bar(asked, instrument, at // size * size, size)})]
            for at in count(asked.now, int(PERIOD))
        )
        asked.subscribe("reqHistoricalData", Feed(PERIOD, later))


def one_bar(asked: Asked, instrument: Instrument, start: int, size: int) -> Fields:
    """A bar as the request wants it: days by their date, shorter bars by the time or in seconds since the epoch."""
    if size >= DAY:
        date = in_utc(start)[:8]
    else:
        date = str(start) if asked.fields.get("formatDate") == IN_SECONDS else spoken(start, asked.server_version)
    return bar(instrument, start, size, asked.text("whatToShow"), asked.server_version, date)


def cancel_historical_data(asked: Asked) -> Iterator[Said]:
    """End what goes on; TWS answers with 162, and with 366 where nothing did."""
    if asked.is_subscribed("reqHistoricalData"):
        asked.unsubscribe("reqHistoricalData")
        yield no_data(asked, f"API historical data query cancelled: {asked.id}")
    else:
        yield error(366, f"No historical data query found for ticker id:{asked.id}", asked.id)


def real_time_bars(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    shows = asked.text("whatToShow")
    if not isinstance(instrument, Instrument):
        yield instrument
    elif shows not in ("TRADES", "MIDPOINT", "BID", "ASK") or (instrument.volume < 0 and shows == "TRADES"):
        yield error(420, f"Invalid Real-time Query:Data to show is invalid: {shows}", asked.id)
    elif asked.is_subscribed("reqRealTimeBars"):
        yield error(102, "Duplicate ticker ID for API real-time bars request", asked.id)
    else:
        begun = asked.now // int(PERIOD) * int(PERIOD)
        asked.subscribe("reqRealTimeBars", Feed(PERIOD, ([real_time_bar(asked, instrument, at)] for at in count(begun, int(PERIOD)))))
        yield real_time_bar(asked, instrument, begun - int(PERIOD))


def real_time_bar(asked: Asked, instrument: Instrument, start: int) -> Said:
    """A bar of five seconds; it says some things by other names than bars of the past."""
    found = bar(instrument, start, int(PERIOD), asked.text("whatToShow"), ServerVersion.HMDS_MARKET_DATA_IN_SHARES, "")
    if found["volume"] > 0:
        in_shares = ServerVersion.MARKET_DATA_VOLUMES_IN_SHARES
        found["volume"] = instrument.amount(int(found["volume"]), asked.server_version, in_shares)
    kept = {name: found[name] for name in ("open", "high", "low", "close", "volume", "WAP")}
    return "realtimeBar", {"reqId": asked.id, "time": start, "count": found["barCount"]} | kept


def head_time_stamp(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    if not isinstance(instrument, Instrument):
        yield instrument
    elif asked.text("whatToShow") not in SHOWN:
        yield invalid(asked, f"Data to show is invalid: {asked.text('whatToShow')}")
    else:
        first = str(FIRST) if asked.fields.get("formatDate") == IN_SECONDS else in_utc(FIRST)
        yield "headTimestamp", {"reqId": asked.id, "headTimestamp": first}


def histogram(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    if not isinstance(instrument, Instrument):
        yield instrument
        return
    entries = [
        {"price": round(instrument.price + away * instrument.tick, 6), "size": Decimal(1000 * (4 - abs(away)))} for away in range(-3, 4)
    ]
    yield "histogramData", {"reqId": asked.id, "histogramDataEntries": entries}


def historical_ticks(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    kind = TICKS_SHOWN.get(asked.text("whatToShow"))
    number = min(asked.number("numberOfTicks"), MAX_TICKS)
    start, end = read_time(asked.text("startDateTime")), read_time(asked.text("endDateTime"))
    if not isinstance(instrument, Instrument):
        yield instrument
    elif kind is None or number < 1:
        yield error(10187, "Failed to request historical ticks:Data to show or number of ticks is invalid", asked.id)
    elif kind == "Last" and instrument.volume < 0:
        yield error(10187, f"Failed to request historical ticks:No trades for {instrument.contract['localSymbol']}", asked.id)
    elif (start is None) == (end is None):
        yield error(10187, "Failed to request historical ticks:Exactly one of start and end must be given", asked.id)
    else:
        yield past_ticks(asked, instrument, kind, number, end if end is not None else (start or 0) + number)


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqHistoricalData": historical_data,
        "cancelHistoricalData": cancel_historical_data,
        "reqRealTimeBars": real_time_bars,
        "cancelRealTimeBars": ending("reqRealTimeBars"),
        "reqHeadTimeStamp": head_time_stamp,
        "cancelHeadTimeStamp": nothing,
        "reqHistogramData": histogram,
        "cancelHistogramData": nothing,
        "reqHistoricalTicks": historical_ticks,
        "cancelHistoricalTicks": nothing,
    }
)
"""The answers about the past, by the name of the request."""
