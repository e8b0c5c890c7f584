"""One direction of a TCP connection: whatever happens to its segments, its bytes come in order, or are said to be missing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.capture import streams
from twsprobe.capture.model import Close
from twsprobe.capture.streams import MAX_HELD, PATIENCE, WINDOW, Budget, Found, Half

FIRST = 1000


def half(first: int = FIRST) -> Half:
    found = Half(Budget())
    found.begin(first)
    return found


def test_bytes_in_order_come_as_they_are() -> None:
    stream = half()
    assert stream.take(0, b"abc", 0, 1) == [b"abc"]
    assert stream.take(3, b"de", 0, 2) == [b"de"]
    assert stream.next == 5


def test_a_late_segment_lets_the_others_go() -> None:
    stream = half()
    assert stream.take(6, b"gh", 0, 1) == []
    assert stream.take(3, b"def", 0, 2) == []
    assert stream.take(0, b"abc", 0, 3) == [b"abc", b"def", b"gh"]


@pytest.mark.parametrize(("offset", "data", "given_out"), [(0, b"abc", []), (1, b"bc", []), (1, b"bcd", [b"d"]), (2, b"cde", [b"de"])])
def test_what_came_before_is_not_given_out_again(offset: int, data: bytes, given_out: list[Found]) -> None:
    stream = half()
    stream.take(0, b"abc", 0, 1)
    assert stream.take(offset, data, 0, 2) == given_out
    assert stream.conflict is None


def test_the_first_bytes_are_kept_and_others_are_reported() -> None:
    stream = half()
    stream.take(0, b"abc", 0, 1)
    assert stream.take(1, b"XXd", 0, 2) == [b"d"]
    assert stream.conflict == 1
    assert stream.take(6, b"ghi", 0, 3) == []
    assert stream.conflict is None
    assert stream.take(4, b"efGHIj", 0, 4) == [b"ef", b"ghi", b"j"]
    assert stream.conflict == 6


def test_only_the_last_bytes_are_compared() -> None:
    stream = half()
    stream.take(0, b"a", 0, 1)
    stream.take(1, bytes(streams.REMEMBERED), 0, 1)
    stream.take(0, b"b\0\0", 0, 2)
    assert stream.conflict is None
    stream.take(streams.REMEMBERED - 1, b"\0\1", 0, 2)
    assert stream.conflict == streams.REMEMBERED - 1


def test_a_byte_that_keeps_a_connection_alive_is_none() -> None:
    stream = half()
    stream.take(0, b"abc", 0, 1)
    assert stream.take(2, b"\0", 0, 2) == []
    assert stream.take(2, b"", 0, 3) == []
    assert stream.conflict is None
    # A window of nothing is asked with the byte that is next, and it comes again.
    assert stream.take(3, b"d", 0, 4) == [b"d"]
    assert stream.take(3, b"def", 0, 5) == [b"ef"]


def test_numbers_wrap_around() -> None:
    stream = half(0xFFFFFFFE)
    assert stream.take(stream.offset(0xFFFFFFFE), b"abc", 0, 1) == [b"abc"]
    assert stream.take(stream.offset(1), b"def", 0, 2) == [b"def"]
    assert stream.take(stream.offset(0xFFFFFFFF), b"bcdefg", 0, 3) == [b"g"]
    assert stream.offset(0x7FFFFFFF) > stream.next > stream.offset(0x90000000)


def test_a_hole_waits_until_it_is_acknowledged_and_then_no_longer_than_patience() -> None:
    stream = half()
    assert stream.take(3, b"def", 0, 1) == []
    assert stream.settle(1000) == []
    assert stream.acknowledge(6, 1001) == []
    assert stream.settle(1001 + PATIENCE) == []
    assert stream.settle(1002 + PATIENCE) == [3, b"def"]
    assert stream.next == 6


def test_bytes_that_come_shortly_after_their_acknowledgement_are_not_missing() -> None:
    stream = half()
    stream.acknowledge(6, 1)
    assert stream.take(0, b"abc", 0, 1 + PATIENCE) == [b"abc"]
    assert stream.settle(2 + PATIENCE) == []
    assert stream.take(3, b"def", 0, 3 + PATIENCE) == [b"def"]
    assert stream.settle(10**6) == []


def test_the_end_says_what_is_missing() -> None:
    stream = half()
    stream.take(2, b"c", 0, 1)
    stream.take(5, b"f", 0, 1)
    stream.acknowledge(9, 1)
    assert stream.finish() == [2, b"c", 2, b"f", 3]
    assert half().finish() == []


def test_bytes_that_were_not_captured_are_missing_at_once() -> None:
    stream = half()
    assert stream.take(0, b"ab", 4, 1) == [b"ab", 4]
    assert stream.take(6, b"gh", 2, 2) == [b"gh", 2]
    assert stream.take(6, b"gh", 2, 3) == []
    assert stream.take(12, b"mn", 0, 4) == []
    assert stream.take(10, b"", 2, 5) == [2, b"mn"]
    ahead = half()
    ahead.take(4, b"ef", 0, 1)
    assert ahead.take(0, b"ab", 5, 2) == [b"ab", 2, b"ef"]
    # Of a segment that waits they show when it is its turn.
    assert stream.take(16, b"q", 3, 6) == []
    assert stream.take(14, b"op", 0, 7) == [b"op", b"q"]
    stream.acknowledge(20, 8)
    assert stream.finish() == [3]


@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
def test_an_end_waits_for_what_is_before_it(how: Close) -> None:
    stream = half()
    stream.end_at(3, how, 1)
    stream.end_at(9, Close.FIN, 1)
    assert (stream.how, stream.end, stream.ended) == (how, 3, False)
    assert stream.take(0, b"abcdef", 0, 2) == [b"abc"]
    assert stream.ended
    # The acknowledgement of a FIN counts it, and it is no byte.
    stream.acknowledge(4, 3)
    assert stream.finish() == []


def test_an_end_cuts_what_waits_behind_it() -> None:
    stream = half()
    stream.take(1, b"bcd", 0, 1)
    stream.take(6, b"gh", 0, 1)
    stream.end_at(3, Close.FIN, 1)
    assert stream.take(0, b"a", 0, 2) == [b"a", b"bc"]
    assert stream.ended
    assert stream._budget.used == stream._held == 0


def test_behind_a_reset_nothing_is_waited_for() -> None:
    stream = half()
    stream.take(1, b"b", 0, 1)
    stream.end_at(2, Close.RST, 2)
    assert stream.settle(3 + PATIENCE) == [1, b"b"]
    assert stream.ended
    far = half()
    far.end_at(-5, Close.RST, 1)
    assert far.ended


def test_what_belongs_to_no_current_segment_is_none() -> None:
    stream = half()
    assert stream.take(WINDOW + 1, b"a", 0, 1) == []
    stream.acknowledge(WINDOW + 1, 1)
    stream.end_at(-WINDOW - 1, Close.FIN, 1)
    assert stream.finish() == []
    assert stream.end is None


def test_little_is_held_behind_a_hole() -> None:
    stream = half()
    piece = bytes(64 << 10)
    found: list[Found] = []
    for number in range(40):
        found += stream.take(1 + number * len(piece), piece, 0, number)
        assert stream._held <= MAX_HELD + len(piece)
    assert found[0] == 1
    assert b"".join(each for each in found if isinstance(each, bytes)) == bytes(40 << 16)
    tiny = half()
    for number in range(2 * streams.MAX_PIECES):
        tiny.take(1 + 2 * number, b"x", 0, number)
        assert len(tiny._pieces) <= streams.MAX_PIECES + 1


def test_all_together_hold_no_more_than_their_budget() -> None:
    budget = Budget()
    for _ in range(100):
        stream = Half(budget)
        stream.begin(0)
        stream.take(1, bytes(MAX_HELD - 1), 0, 1)
        assert budget.used <= streams.MAX_HELD_BY_ALL
    assert budget.used > 0


@given(st.data(), st.integers(0, 0xFFFFFFFF), st.integers(1, 300))
def test_whatever_the_network_does_the_bytes_are_the_same_and_the_gaps_are_what_was_dropped(
    data: st.DataObject, first: int, size: int
) -> None:
    sent = bytes(data.draw(st.binary(min_size=size, max_size=size)))
    cuts = sorted({0, size, *data.draw(st.lists(st.integers(0, size), max_size=12))})
    segments = list(pairwise(cuts))
    dropped = data.draw(st.sets(st.sampled_from(segments), max_size=3))
    kept = [segment for segment in segments if segment not in dropped]
    if kept:
        for start, end in data.draw(st.lists(st.sampled_from(kept), max_size=4)):
            # Again, and with neighbours that were kept too.
            low, high = data.draw(st.integers(0, start)), data.draw(st.integers(end, size))
            whole = not any(max(low, gone[0]) < min(high, gone[1]) for gone in dropped)
            kept.insert(data.draw(st.integers(0, len(kept))), (low, high) if whole else (start, end))
    order = data.draw(st.permutations(kept)) if data.draw(st.booleans()) else kept
    stream = half(first)
    found: list[Found] = []
    for start, end in order:
        if (start, end) != (stream.next - 1, stream.next):
            found += stream.take(stream.offset((first + start) & 0xFFFFFFFF), sent[start:end], 0, 1)
            assert stream.conflict is None
    stream.acknowledge(size, 1)
    found += stream.finish()
    position = 0
    missing = set()
    for each in found:
        if isinstance(each, int):
            missing |= set(range(position, position + each))
            position += each
        else:
            assert sent[position : position + len(each)] == each
            position += len(each)
    assert position == size
    assert missing == {place for start, end in dropped for place in range(start, end)}
    assert stream._budget.used == stream._held == 0
