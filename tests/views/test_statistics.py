"""Statistics of a capture, as a table and as objects."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.views.hostile import HOSTILE, live
from twsprobe.capture.seen import Seen
from twsprobe.capture.statistics import Statistics
from twsprobe.views.statistics import HEADER, seconds, short, statistics_lines, statistics_objects
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.messages import MESSAGES

SECOND = 10**9


def statistics(*what: Decoded | Undecodable | Unknown, every: int = SECOND) -> Statistics:
    found = Statistics()
    for number, each in enumerate(what):
        found.add(Seen(0, (100 + number) * every, 0, each))
    return found


TICK = Decoded(Direction.TO_CLIENT, 1, "tickPrice", 178, "text", {"size": Decimal(1)}, bytes(20), 2)
ASK = Decoded(Direction.TO_SERVER, 1, "reqMktData", 178, "text", {}, bytes(50), 2)


def test_the_columns_stand_below_their_heads() -> None:
    lines = list(statistics_lines(statistics(TICK, TICK, ASK, TICK), 90 * SECOND, 80))
    assert lines == [
        "      id    count  bytes  per s   gap s first s  last s message",
        "<<<    1        3     72   1.00   2.000  10.000  13.000 tickPrice",
        ">>>    1        1     54   0.33       -  12.000  12.000 reqMktData",
        "                4    126   1.33                         all",
    ]
    assert lines[0] == HEADER


def test_nothing_is_all_there_is() -> None:
    assert list(statistics_lines(Statistics(), 0, 80)) == [HEADER, "                0      0      -                         all"]
    assert list(statistics_objects(Statistics())) == []


def test_lines_are_cut_to_the_width() -> None:
    named = [TICK._replace(id=number, name=message.name) for number, message in enumerate(MESSAGES)]
    lines = list(statistics_lines(statistics(*named, every=10**15), 0, 80))
    assert max(map(len, lines)) == 80
    assert any(line.endswith("...") for line in lines)
    assert max(map(len, statistics_lines(statistics(*named), 0, 10**6))) > 80


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0"),
        (99_999, "99999"),
        (100_000, "100k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (12_345_678, "12.3M"),
        (10**9, "1.00G"),
        (10**15, "1.00P"),
        (0.0, "0.00"),
        (0.004, "0.00"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.94, "99.9"),
        (99.96, "100"),
        (999.4, "999"),
        (999.6, "1.00k"),
    ],
)
def test_numbers_fit_their_columns(number: float | None, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (None, "-"),
        (0, "0.000"),
        (1_234_567, "0.001"),
        (999_999_000_000, "999.999"),
        (1_000_000_000_000, "1000.00"),
        (86_400 * SECOND, "86400.0"),
        (10**7 * SECOND, "10000000"),
    ],
)
def test_times_have_the_decimals_that_fit(time_ns: int | None, text: str) -> None:
    assert seconds(time_ns) == text


def test_objects_of_what_has_no_name() -> None:
    found = statistics(Unknown(Direction.TO_CLIENT, 999, 178, "text", "not declared", b"999"))
    [only] = statistics_objects(found)
    assert only == {
        "event": "unknown",
        "direction": "to_client",
        "id": 999,
        "name": None,
        "count": 1,
        "bytes": 7,
        "rate": None,
        "largest_gap": None,
        "first": "1970-01-01T00:01:40.000000Z",
        "last": "1970-01-01T00:01:40.000000Z",
    }


def test_hostile_names_do_nothing() -> None:
    named = [Undecodable(Direction.TO_CLIENT, number, text, 178, "text", "", "", 0, b"") for number, text in enumerate(HOSTILE)]
    found = statistics(*named)
    assert not live("".join(statistics_lines(found, 0, 80)), allowed="")
    for each in statistics_objects(found):
        json.dumps(each)
