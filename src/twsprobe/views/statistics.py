"""Statistics of a capture as a table, and as JSON objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twsprobe.capture.seen import iso_time
from twsprobe.capture.statistics import Statistics, Tally
from twsprobe.views.events import ARROWS
from twsprobe.views.line import fitted
from twsprobe.views.safe import safe

HEADER = f"{'':3} {'id':>4} {'count':>8} {'bytes':>6} {'per s':>6} {'gap s':>7} {'first s':>7} {'last s':>7} message"
UNITS = ("", "k", "M", "G", "T", "P")


def statistics_lines(statistics: Statistics, first_ns: int, width: int) -> Iterator[str]:
    """The table's lines, cut to a width: times are seconds behind ``first_ns``, the gap is the longest time between two of a kind."""
    total = statistics.total()
    yield HEADER
    for tally in statistics.tallies():
        id = "" if tally.id is None else str(tally.id)
        times = (seconds(tally.gap_ns), seconds(tally.first_ns - first_ns), seconds(tally.last_ns - first_ns))
        yield fitted(columns(ARROWS[tally.direction], id, tally.count, tally.bytes, total.rate(tally.count), times, title(tally)), width)
    yield columns("", "", total.count, total.bytes, total.rate(total.count), ("", "", ""), "all")


def columns(arrow: str, id: str, count: int, size: int, rate: float | None, times: tuple[str, str, str], name: str) -> str:
    """The columns of a line."""
    gap, first, last = times
    return f"{arrow:3} {id:>4} {count:>8} {short(size):>6} {short(rate):>6} {gap:>7} {first:>7} {last:>7} {safe(name)}"


def title(tally: Tally) -> str:
    """What was counted, as the table of messages calls it."""
    if tally.event == "message":
        return tally.name or ""
    words = {"version_offer": "version offer", "sync_lost": "not frames"}
    return f"{words.get(tally.event, tally.event)} {tally.name or ''}".rstrip()


def short(number: float | None) -> str:
    """A number in at most six characters: with three digits and a unit from 100,000 on, with as many decimals as there is room for."""
    if number is None:
        return "-"
    if isinstance(number, int) and number < 100_000:
        return str(number)
    unit = 0
    while number >= 999.5 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}{UNITS[unit]}"


def seconds(time_ns: int | None) -> str:
    """Nanoseconds as seconds, in seven characters where that is possible: with fewer decimals as they get more."""
    if time_ns is None:
        return "-"
    value = time_ns / 1e9
    return next((text for decimals in (3, 2, 1) if len(text := f"{value:.{decimals}f}") <= 7), f"{value:.0f}")


def statistics_objects(statistics: Statistics) -> Iterator[dict[str, Any]]:
    """A JSON object a message: ``bytes`` include length words, ``rate`` is a second of all that was counted, ``largest_gap`` in seconds."""
    total = statistics.total()
    for tally in statistics.tallies():
        yield {
            "event": tally.event,
            "direction": tally.direction.value,
            "id": tally.id,
            "name": tally.name,
            "count": tally.count,
            "bytes": tally.bytes,
            "rate": total.rate(tally.count),
            "largest_gap": None if tally.gap_ns is None else tally.gap_ns / 1e9,
            "first": iso_time(tally.first_ns),
            "last": iso_time(tally.last_ns),
        }
