"""The times of logs: dates from names, times of day, midnights, and offsets."""

from __future__ import annotations

import datetime

import pytest

from twsprobe.capture.log_times import DAY_NS, Clock, date_in, day_ns, has_time, of_day_ns

DAY = datetime.date(2024, 5, 1)
BEGIN = 1_714_521_600 * 10**9
SECOND = 10**9


def test_dates_in_names() -> None:
    assert date_in("api.0.20220220.100521.ibgzenc") == datetime.date(2022, 2, 20)
    assert date_in("client-2024-05-01.log") == DAY
    assert date_in("20241399 20240501") == DAY  # the first that is one
    assert [date_in(name) for name in ("api.123.Thu.log", "120240501", "20240230", "1999-01-01")] == [None] * 4
    assert day_ns(DAY) == BEGIN


def test_times_of_day() -> None:
    assert of_day_ns(b"10:05:21", b"715") == (36_321 * 1000 + 715) * 10**6
    assert of_day_ns(b"23:59:60", None) == 86_400 * SECOND
    assert [of_day_ns(time, None) for time in (b"24:00:00", b"10:60:00", b"10:00:61", b"100:0:00", b"10:00", b"aa:bb:cc")] == [None] * 6


def test_a_clock_passes_midnight_and_bears_lines_out_of_order() -> None:
    clock = Clock(DAY)
    late, early = 86_399 * SECOND, 1 * SECOND
    assert clock.at(late) == BEGIN + late
    assert clock.at(early) == BEGIN + DAY_NS + early
    assert clock.at(3 * SECOND) - clock.at(2 * SECOND) == SECOND
    assert clock.at(40_000 * SECOND) == BEGIN + DAY_NS + 40_000 * SECOND
    assert not clock.dated
    clock.begin(datetime.date(2024, 5, 9))
    assert clock.at(early) == BEGIN + 8 * DAY_NS + early
    assert clock.dated


@pytest.mark.parametrize(
    ("line", "second"),
    [
        (b"2024-05-01 00:00:05,250 ib_async.client DEBUG x", 5.25),
        (b"[2024-05-01T00:00:05.250Z] x", 5.25),
        (b"2024-05-01 02:00:05.25+02:00 x", 5.25),
        (b"2024-05-01 00:00:05.25-0030 x", 1805.25),
        (b"20240501 00:00:05 x", 5),
        (b"(MainThread) 240501_00:00:05.250 DEBUG client.py:12 x", 5.25),
        (b"DEBUG 00:00:05.250 x", 5.25),
        (b"no time at all", 0),
        (b"2024-99-01 00:00:05,250 x", 0),
        (b"2024-05-01 99:00:05,250 x", 0),
    ],
)
def test_times_of_lines(line: bytes, second: float) -> None:
    assert Clock(DAY).read(line) == BEGIN + int(second * SECOND)


def test_a_line_without_a_time_has_that_of_the_line_before() -> None:
    clock = Clock(datetime.date(2020, 1, 1))
    first = clock.read(b"2024-05-01 00:00:05,250 x")
    assert clock.read(b"x") == first
    assert clock.read(b"00:00:06.000 x") == first + 750_000_000
    assert clock.dated
    assert has_time(b"00:00:06.000 x")
    assert not has_time(b"x 12 34")
