"""The times of logs.

TWS writes the time of day, and logs of programs what their authors liked: a date and a time, a time, or nothing. Neither says in which
zone, so what a log says is taken as it stands, as if it were UTC, unless it names an offset. A clock that goes back by half a day or more
has passed midnight; by less, it is the order of the lines that counts.
"""

from __future__ import annotations

import datetime
import re

DAY_NS = 86_400 * 10**9
HALF_DAY_NS = DAY_NS // 2
HEAD = 160
"""Bytes at the beginning of a line in which its time is looked for."""

_EPOCH = datetime.date(1970, 1, 1)
_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)(?!\d)", re.ASCII)
_DATED = re.compile(
    rb"(?<![0-9])(20[0-9]{2})-?([0-9]{2})-?([0-9]{2})[ T_](?P<time>[0-9:]{8})(?:[.,]([0-9]{1,9}))?"
    rb"(?:(Z)|([+-])([0-9]{2}):?([0-9]{2}))?(?![0-9])"
)
_SHORT = re.compile(rb"(?<![0-9])([0-9]{2})([0-9]{2})([0-9]{2})_(?P<time>[0-9:]{8})[.,]([0-9]{1,9})")
_TIME = re.compile(rb"(?<![0-9:])(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})[.,:]([0-9]{1,9})(?![0-9])")


def date_in(name: str) -> datetime.date | None:
    """The first date that a file's name holds."""
    for found in _DATE_IN_NAME.finditer(name):
        day = _day(found[1], found[2], found[3])
        if day is not None:
            return day
    return None


def day_ns(day: datetime.date) -> int:
    """The beginning of a day in UTC, in nanoseconds since the epoch."""
    return (day - _EPOCH).days * DAY_NS


class Clock:
    """The times of a log's lines, in nanoseconds since the epoch; those without a date are of ``day``, or of the days after it."""

    def __init__(self, day: datetime.date) -> None:
        self._day_ns = day_ns(day)
        self._last: int | None = None
        self.now = self._day_ns
        """The time of the last line that had one."""
        self.dated = False
        """Whether the log itself has told a day."""

    def begin(self, day: datetime.date) -> None:
        """What follows is of another day."""
        self._day_ns, self._last, self.dated = day_ns(day), None, True
        self.now = self._day_ns

    def at(self, of_day: int) -> int:
        """The time of a line with only a time of day, in nanoseconds."""
        if self._last is not None and self._last - of_day > HALF_DAY_NS:
            self._day_ns += DAY_NS
        self._last = of_day
        self.now = self._day_ns + of_day
        return self.now

    def read(self, line: bytes) -> int:
        """The time of a program's line: its own where it has one, else the last."""
        head = line[:HEAD]
        found = _DATED.search(head) or _SHORT.search(head)
        if found is not None:
            year, month, day = (part.decode() for part in found.group(1, 2, 3))
            date = _day(year if len(year) == 4 else f"20{year}", month, day)
            of_day = of_day_ns(found["time"], found[5])
            if date is not None and of_day is not None:
                self._day_ns, self._last, self.dated = day_ns(date), of_day, True
                self.now = self._day_ns + of_day - (_offset_ns(found) if found.re is _DATED else 0)
            return self.now
        found = _TIME.search(head)
        of_day = None if found is None else of_day_ns(found["time"], found[2])
        return self.now if of_day is None else self.at(of_day)


def has_time(line: bytes) -> bool:
    """Whether a program's line begins with a time, or nearly."""
    head = line[:HEAD]
    return any(pattern.search(head) is not None for pattern in (_DATED, _SHORT, _TIME))


def of_day_ns(time: bytes, fraction: bytes | None) -> int | None:
    """``HH:MM:SS`` and the digits of a fraction, in nanoseconds since midnight; None if it is no time."""
    parts = time.split(b":")
    if len(parts) != 3 or not all(len(part) == 2 and part.isdigit() for part in parts):
        return None
    hours, minutes, seconds = map(int, parts)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * 10**9 + int((fraction or b"").ljust(9, b"0"))


def _offset_ns(found: re.Match[bytes]) -> int:
    if found[7] is None:
        return 0
    minutes = int(found[8]) * 60 + int(found[9])
    return (minutes if found[7] == b"+" else -minutes) * 60 * 10**9


def _day(year: str, month: str, day: str) -> datetime.date | None:
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None
