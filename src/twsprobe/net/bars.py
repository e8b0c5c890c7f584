"""Bars, and the sessions that they are in: made up from the clock, so that the same question always gets the same bars.

Trading goes on from 14:30 to 21:00 UTC, Monday to Friday, which are the hours of US stocks in winter; holidays and summer are left out.
A bar's prices depend on the number of bars since the epoch.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from twsprobe.net.account import Fields
from twsprobe.net.instruments import Instrument
from twsprobe.wire.versions import ServerVersion

DAY = 86400
OPENS, CLOSES = 14 * 3600 + 30 * 60, 21 * 3600
SESSION = CLOSES - OPENS
TRADING_DAYS: Mapping[str, int] = MappingProxyType({"D": 1, "W": 5, "M": 21, "Y": 252})
"""How many days of trading a unit of a duration has."""
MOST_BARS = 2000
MOST_DAYS = 30 * 252
_SECONDS, _MINUTES, _HOURS = (1, 5, 10, 15, 30), (1, 2, 3, 5, 10, 15, 20, 30), (1, 2, 3, 4, 8)
SIZES: Mapping[str, int] = MappingProxyType(
    {f"{number} sec{'s' * plural}": number for number in _SECONDS for plural in (0, 1)}
    | {f"{number} min{'s' * plural}": number * 60 for number in _MINUTES for plural in (0, 1)}
    | {f"{number} hour{'s' * plural}": number * 3600 for number in _HOURS for plural in (0, 1)}
    | {"1 day": DAY, "1 week": 7 * DAY, "1W": 7 * DAY, "1 month": 28 * DAY, "1M": 28 * DAY}
)
"""How long bars are, in seconds, by barSizeSetting."""
DAYS_OF_BAR: Mapping[int, int] = MappingProxyType({DAY: 1, 7 * DAY: 5, 28 * DAY: 21})


class Span(NamedTuple):
    """Times in seconds since the epoch."""

    start: int
    end: int


def is_trading_day(day: int) -> bool:
    """Whether there is trading on a day, counted from the epoch, which was a Thursday."""
    return (day + 3) % 7 < 5


def sessions(end: int, number: int) -> list[Span]:
    """The last sessions that opened before a time, the oldest first."""
    found: list[Span] = []
    day = end // DAY
    while len(found) < number:
        if is_trading_day(day) and day * DAY + OPENS < end:
            found.append(Span(day * DAY + OPENS, day * DAY + CLOSES))
        day -= 1
    return found[::-1]


def seconds_of(duration: str) -> tuple[int, int] | None:
    """A duration as days of trading and seconds, one of which is 0; None for what is none."""
    number, _, unit = duration.strip().partition(" ")
    if not (number.isascii() and number.isdecimal() and 0 < len(number) < 7 and int(number)):
        return None
    if unit == "S":
        return 0, int(number)
    return (min(int(number) * TRADING_DAYS[unit], MOST_DAYS), 0) if unit in TRADING_DAYS else None


def begins(end: int, size: int, days: int, seconds: int) -> list[int]:
    """When the bars begin that a duration has before a time, the oldest first."""
    if size >= DAY:
        each = DAYS_OF_BAR[size]
        number = max(1, (days or 1) // each)
        return [found.start // DAY * DAY for found in sessions(end, min(number, MOST_BARS) * each)[::each]]
    wanted = min(seconds // size or 1, MOST_BARS) if seconds else MOST_BARS
    needed = days or wanted * size // SESSION + 2
    spans = sessions(end, min(needed, MOST_BARS * size // SESSION + 2))
    return [start for span in spans for start in range(span.start, min(span.end, end), size)][-wanted:]


def bar(instrument: Instrument, begin: int, size: int, shows: str, server_version: int, date: str) -> Fields:
    """The bar that begins at a time; ``date`` is how that is said. Of what is no trade, volume, average and count are -1."""
    step = begin // size
    first, last = instrument.last(step), instrument.last(step + 1)
    prices = {
        "open": first,
        "high": round(max(first, last) + instrument.tick, 6),
        "low": round(min(first, last) - instrument.tick, 6),
        "close": last,
    }
    if shows not in ("TRADES", "ADJUSTED_LAST", "AGGTRADES"):
        return {"date": date} | prices | {"volume": Decimal(-1), "WAP": Decimal(-1), "barCount": -1, "hasGaps": False}
    shares = max(instrument.volume * min(size, SESSION) // SESSION, 100)
    volume = instrument.amount(shares, server_version, ServerVersion.HMDS_MARKET_DATA_IN_SHARES)
    average = Decimal(str(round((first + last) / 2, 6)))
    return {"date": date} | prices | {"volume": volume, "WAP": average, "barCount": shares // 100, "hasGaps": False}


def spoken(moment: int, server_version: int) -> str:
    """A time in words: with a zone since bars may be in that of the instrument, before it in that of TWS, which is UTC here."""
    zone = " UTC" if server_version >= ServerVersion.INSTRUMENT_TIMEZONE else ""
    return time.strftime(f"%Y%m%d{' ' if zone else '  '}%H:%M:%S", time.gmtime(moment)) + zone


def in_utc(moment: int) -> str:
    """A time in UTC, as requests and sessions have it."""
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(moment))


def read_time(text: str) -> int | None:
    """Seconds since the epoch of a time in a request: YYYYMMDD, HH:MM:SS and perhaps a zone, which is taken for UTC. None for none."""
    plain = text.replace("-", " ").split()
    if not plain:
        return None
    clock = plain[1] if len(plain) > 1 else "00:00:00"
    try:
        return max(calendar.timegm(time.strptime(f"{plain[0]} {clock[:8]}", "%Y%m%d %H:%M:%S")), EARLIEST)
    except ValueError:
        return None


EARLIEST = 10 * 366 * DAY
"""The earliest end of data: bars of thirty years before it are still bars."""
