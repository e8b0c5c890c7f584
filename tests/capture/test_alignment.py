"""Aligning sequences: what is the same, moved, changed, gone and new."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.capture.alignment import SMALL, Alignment, aligned, by_occurrence, common, exact, found, rising, unique

KEYS = st.lists(st.integers(0, 6), max_size=40)


def align(one: str, other: str) -> Alignment:
    """Align the letters of two texts, of which each is of one kind with its capital."""
    return aligned(list(one), list(other), list(one.lower()), list(other.lower()))


def longest(one: list[int], other: list[int]) -> int:
    """The length of the longest common subsequence, by the textbook."""
    row = [0] * (len(other) + 1)
    for key in one:
        before = row
        row = [0]
        for column, also in enumerate(other):
            row.append(before[column] + 1 if key == also else max(row[column], before[column + 1]))
    return row[-1]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", Alignment([], [], [], [], [])),
        ("abc", "abc", Alignment([(0, 0), (1, 1), (2, 2)], [], [], [], [])),
        ("abc", "ac", Alignment([(0, 0), (2, 1)], [], [], [1], [])),
        ("ac", "abc", Alignment([(0, 0), (1, 2)], [], [], [], [1])),
        ("abc", "aBc", Alignment([(0, 0), (2, 2)], [], [(1, 1)], [], [])),
        ("abcd", "bcda", Alignment([(1, 0), (2, 1), (3, 2)], [(0, 3)], [], [], [])),
        ("abx", "bya", Alignment([(1, 0)], [(0, 2)], [], [2], [1])),
        ("abac", "bac", Alignment([(1, 0), (2, 1), (3, 2)], [], [], [0], [])),
        ("a", "b", Alignment([], [], [], [0], [0])),
        ("xax", "XaX", Alignment([(1, 1)], [], [(0, 0), (2, 2)], [], [])),
    ],
)
def test_what_became_of_each(one: str, other: str, expected: Alignment) -> None:
    assert align(one, other) == expected


@given(KEYS, KEYS)
def test_everything_is_somewhere_once(one: list[int], other: list[int]) -> None:
    result = aligned(one, other, [key // 2 for key in one], [key // 2 for key in other])
    pairs = result.same + result.moved + result.changed
    assert sorted([row for row, _ in pairs] + result.only_one) == list(range(len(one)))
    assert sorted([column for _, column in pairs] + result.only_other) == list(range(len(other)))
    assert all(one[row] == other[column] for row, column in result.same + result.moved)
    assert all(one[row] // 2 == other[column] // 2 for row, column in result.changed)
    assert all(earlier < later for earlier, later in zip(result.same, result.same[1:], strict=False))
    assert not {one[row] for row in result.only_one} & {other[column] for column in result.only_other}


@given(KEYS, KEYS)
def test_short_sequences_have_the_longest_common_subsequence(one: list[int], other: list[int]) -> None:
    assert len(common(one, other)) == longest(one, other)


@given(KEYS, KEYS)
def test_swapped_sequences_give_the_swapped_answer(one: list[int], other: list[int]) -> None:
    there, back = aligned(one, other, one, other), aligned(other, one, other, one)
    assert {(column, row) for row, column in back.same} == set(there.same)
    assert {(column, row) for row, column in back.moved} == set(there.moved)
    assert (back.only_other, back.only_one) == (there.only_one, there.only_other)


@pytest.mark.parametrize("values", [50, 10**9])
@pytest.mark.parametrize("seed", [1, 2])
def test_long_sequences_lose_little(values: int, seed: int) -> None:
    rolled = random.Random(seed)
    one = [rolled.randrange(values) for _ in range(20_000)]
    other = [key for key in one if rolled.random() > 0.01]
    pairs = common(one, other)
    assert all(one[row] == other[column] for row, column in pairs)
    assert pairs == sorted(set(pairs))
    assert len(pairs) >= len(other) * (1 if values > 50 else 0.99)


def test_what_repeats_without_anchors_is_taken_by_occurrence() -> None:
    size = int(SMALL**0.5)
    one, other = [0, 1] * size + [2, 2], [1, 0] * size + [3, 3]
    assert len(found(one, other)) >= size


def test_deep_anchors_end() -> None:
    one = [key for index in range(3000) for key in (index, index, -index)]
    other = [key for index in reversed(range(3000)) for key in (index, -index, index)]
    pairs = found(one, other)
    assert pairs
    assert pairs == sorted(pairs)


def test_the_pieces() -> None:
    assert by_occurrence([("a", 0), ("a", 1), ("b", 2)], [("a", 5), ("b", 6), ("c", 7)]) == [(0, 5), (2, 6)]
    assert unique([1, 2, 2, 3], [3, 2, 1]) == [(0, 2), (3, 0)]
    assert rising([(0, 3), (1, 1), (2, 2), (3, 0), (4, 5)]) == [(1, 1), (2, 2), (4, 5)]
    assert rising([]) == []
    assert exact([1, 2, 3], [2, 3, 1]) == [(1, 0), (2, 1)]
