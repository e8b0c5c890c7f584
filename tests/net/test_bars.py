import calendar
import time

import pytest

from twsprobe.net.bars import DAY, MOST_BARS, SIZES, bar, begins, in_utc, read_time, seconds_of, sessions, spoken
from twsprobe.net.instruments import INSTRUMENTS

FRIDAY = calendar.timegm((2026, 11, 20, 21, 0, 0))
SUNDAY = FRIDAY + 2 * DAY


def dates(starts: list[int]) -> list[str]:
    return [in_utc(start) for start in starts]


def test_there_is_no_trading_on_a_weekend() -> None:
    assert [in_utc(each.start) for each in sessions(SUNDAY, 2)] == ["20261119-14:30:00", "20261120-14:30:00"]
    assert [in_utc(each.end) for each in sessions(FRIDAY - DAY, 1)] == ["20261119-21:00:00"]
    for each in sessions(SUNDAY, 500):
        assert time.gmtime(each.start).tm_wday < 5


@pytest.mark.parametrize(
    ("duration", "found"),
    [
        ("3 D", (3, 0)),
        ("2 W", (10, 0)),
        ("1 M", (21, 0)),
        ("1 Y", (252, 0)),
        ("99999 Y", (7560, 0)),
        ("3600 S", (0, 3600)),
        ("0 D", None),
        ("3 H", None),
        ("D", None),
        ("", None),
        ("-1 D", None),
        ("1 D ", (1, 0)),
        ("³ D", None),
    ],
)
def test_durations(duration: str, found: tuple[int, int] | None) -> None:
    assert seconds_of(duration) == found


def test_days_are_those_of_trading() -> None:
    assert [each[:8] for each in dates(begins(SUNDAY, DAY, 3, 0))] == ["20261118", "20261119", "20261120"]
    assert len(begins(SUNDAY, 7 * DAY, 10, 0)) == 2
    assert len(begins(SUNDAY, 28 * DAY, 252, 0)) == 12


def test_shorter_bars_are_inside_sessions() -> None:
    assert dates(begins(FRIDAY, 3600, 0, 7200)) == ["20261120-19:30:00", "20261120-20:30:00"]
    assert len(begins(FRIDAY, 3600, 2, 0)) == 14
    assert dates(begins(FRIDAY - 3600, 3600, 1, 0))[-1] == "20261120-19:30:00"


@pytest.mark.parametrize("size", sorted(set(SIZES.values())))
@pytest.mark.parametrize(("days", "seconds"), [(1, 0), (7560, 0), (0, 1), (0, 999_999)])
def test_there_is_a_bar_and_not_too_many(size: int, days: int, seconds: int) -> None:
    starts = begins(SUNDAY, size, days, seconds)
    assert 1 <= len(starts) <= MOST_BARS
    assert starts == sorted(set(starts))


def test_the_same_question_gets_the_same_bar_which_holds_together() -> None:
    stock = INSTRUMENTS[0]
    for start in begins(FRIDAY, 300, 1, 0):
        found = bar(stock, start, 300, "TRADES", 226, "")
        assert found == bar(stock, start, 300, "TRADES", 226, "")
        assert found["low"] < min(found["open"], found["close"]) <= max(found["open"], found["close"]) < found["high"]
        assert bar(stock, start, 300, "TRADES", 174, "")["volume"] == found["volume"] // 100
        assert bar(stock, start, 300, "BID", 226, "")["volume"] == -1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20261120 21:00:00 US/Eastern", FRIDAY),
        ("20261120-21:00:00", FRIDAY),
        ("20261120-21:00:00Z", FRIDAY),
        ("20261120  21:00:00", FRIDAY),
        ("20261121", FRIDAY + 3 * 3600),
        ("", None),
        ("yesterday", None),
        ("20269999 21:00:00", None),
    ],
)
def test_times_are_read(text: str, found: int | None) -> None:
    assert read_time(text) == found


def test_times_are_said_with_a_zone_since_there_may_be_one() -> None:
    assert [spoken(FRIDAY, version) for version in (173, 174)] == ["20261120  21:00:00", "20261120 21:00:00 UTC"]
