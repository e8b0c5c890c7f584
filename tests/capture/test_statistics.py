"""Statistics of a capture."""

from __future__ import annotations

from twsprobe.capture.model import Close, Closed, Gap, Mark, Note, Opened
from twsprobe.capture.seen import Seen
from twsprobe.capture.statistics import MOST_UNKNOWN, Statistics, Tally, Total
from twsprobe.wire.events import Decoded, Event, Undecodable, Unknown
from twsprobe.wire.framing import Direction

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
TICK = Decoded(TO_CLIENT, 1, "tickPrice", 178, "text", {}, bytes(20), 2)
SECOND = 10**9


def counted(*seen: tuple[float, Event | Mark]) -> Statistics:
    statistics = Statistics()
    for seconds, what in seen:
        statistics.add(Seen(0, int(seconds * SECOND), 0, what))
    return statistics


def test_counts_bytes_and_gaps() -> None:
    statistics = counted((10, TICK), (10.5, TICK), (13, TICK), (13, TICK), (14, TICK._replace(direction=TO_SERVER, name="reqMktData")))
    assert statistics.tallies() == [
        Tally("message", TO_CLIENT, 1, "tickPrice", 10 * SECOND, 13 * SECOND, 4, 96, int(2.5 * SECOND)),
        Tally("message", TO_SERVER, 1, "reqMktData", 14 * SECOND, 14 * SECOND, 1, 24, None),
    ]
    total = statistics.total()
    assert total == Total(5, 120, 4 * SECOND)
    assert total.rate(4) == 1.0


def test_what_is_no_message_of_ours_is_counted_apart() -> None:
    statistics = counted(
        (1, Undecodable(TO_CLIENT, 1, "tickPrice", 178, "text", "is short", "", 0, b"1")),
        (1, Undecodable(TO_CLIENT, None, None, 178, None, "ends inside a frame", "", 0, b"\0")),
        (1, Unknown(TO_CLIENT, 999, 178, "text", "not declared", b"999")),
        (1, TICK),
        (1, Opened(0, SECOND, "", "")),
        (1, Closed(0, SECOND, TO_CLIENT, Close.FIN)),
        (1, Gap(0, TO_CLIENT, SECOND, 5)),
        (1, Note(0, TO_CLIENT, SECOND, "")),
    )
    found = [(tally.event, tally.id, tally.name, tally.bytes) for tally in statistics.tallies()]
    assert sorted(found, key=str) == [
        ("message", 1, "tickPrice", 24),
        ("undecodable", 1, "tickPrice", 5),
        ("undecodable", None, None, 1),
        ("unknown", 999, None, 7),
    ]


def test_a_clock_that_was_set_back_makes_no_gap() -> None:
    [tally] = counted((10, TICK), (5, TICK), (11, TICK)).tallies()
    assert (tally.first_ns, tally.last_ns, tally.gap_ns) == (5 * SECOND, 11 * SECOND, SECOND)


def test_nothing_and_no_time_have_no_rate() -> None:
    assert counted().total() == Total(0, 0, 0)
    assert counted((1, TICK)).total().rate(1) is None


def test_ids_that_a_peer_makes_up_take_no_memory() -> None:
    statistics = Statistics()
    for id in range(20_000):
        statistics.add(Seen(0, id, 0, Unknown(TO_CLIENT, 1000 + id, 178, "text", "not declared", b"")))
    statistics.add(Seen(0, 0, 0, TICK))
    tallies = statistics.tallies()
    assert len(tallies) == MOST_UNKNOWN + 2
    assert (tallies[0].id, tallies[0].count) == (None, 20_000 - MOST_UNKNOWN)
    assert statistics.total().count == 20_001
