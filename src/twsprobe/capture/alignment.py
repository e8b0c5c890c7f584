"""Two sequences laid side by side: what is in both and in the same order, what moved, what became something else, what is in one alone.

The longest common subsequence is what people mean by "the same", and finding it takes time with the product of the lengths. So what the
ends share is taken off; what is then in each of them exactly once is an anchor, and of the anchors the longest run that is in order in
both stays (patience); between anchors it begins anew. Where values repeat, runs of several serve as anchors. A stretch small enough gets
the exact answer. A large one without anchors is taken by occurrence: the third of a kind here goes with the third of that kind there. The
time is that of sorting.

Which of several equally good answers it is depends on the contents and never on which sequence comes first: swapped sequences give the
swapped answer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

SMALL = 1 << 14
"""The product of two lengths up to which the longest common subsequence is found exactly."""
RUNS = (1, 4, 16)
"""How many elements in a row are looked at for anchors: where no value is there once, several in a row may be."""
DEEPEST = 16
"""How often anchors are looked for between anchors."""

Pair = tuple[int, int]
"""An index in each sequence."""
Keys = list[int] | list[str]


class Alignment(NamedTuple):
    """Where each element of two sequences went, as indices; pairs and indices are in order.

    ``same`` are equal and in the same order, ``moved`` equal and not, ``changed`` of one kind between the same neighbours; the rest is
    in one of them alone.
    """

    same: list[Pair]
    moved: list[Pair]
    changed: list[Pair]
    only_one: list[int]
    only_other: list[int]


def aligned(one: Keys, other: Keys, kinds: Sequence[Hashable], other_kinds: Sequence[Hashable]) -> Alignment:
    """Align two sequences by keys, equal for equal elements, and by kinds, equal for elements that may be the same thing changed."""
    same = common(one, other)
    ends = [(-1, -1), *same, (len(one), len(other))]
    gaps = [
        (range(before[0] + 1, after[0]), range(before[1] + 1, after[1]))
        for before, after in pairwise(ends)
        if after[0] - before[0] > 1 or after[1] - before[1] > 1
    ]
    left, right = ([index for gap in gaps for index in gap[side]] for side in (0, 1))
    moved = by_occurrence([(one[index], index) for index in left], [(other[index], index) for index in right])
    gone, came = {pair[0] for pair in moved}, {pair[1] for pair in moved}
    changed = []
    for rows, columns in gaps:
        here = [(kinds[index], index) for index in rows if index not in gone]
        changed += by_occurrence(here, [(other_kinds[index], index) for index in columns if index not in came])
    gone |= {pair[0] for pair in changed}
    came |= {pair[1] for pair in changed}
    return Alignment(same, moved, changed, [index for index in left if index not in gone], [index for index in right if index not in came])


def by_occurrence(one: Iterable[tuple[Hashable, int]], other: Iterable[tuple[Hashable, int]]) -> list[Pair]:
    """Pairs of the first of each key here and there, of the second, and so on, in the order of the first sequence."""
    waiting: dict[Hashable, deque[int]] = defaultdict(deque)
    for key, index in other:
        waiting[key].append(index)
    return [(index, waiting[key].popleft()) for key, index in one if waiting.get(key)]


def common(one: Keys, other: Keys) -> list[Pair]:
    """The pairs of a long common subsequence, in order; the longest one of short sequences."""
    if other < one:  # type: ignore[operator]  # both are lists of the same of two types
        return [(row, column) for column, row in found(other, one)]
    return found(one, other)


def found(one: Keys, other: Keys) -> list[Pair]:
    """A long common subsequence of sequences in a given order."""
    pairs: list[Pair] = []
    pending = [(0, len(one), 0, len(other), 0)]
    while pending:
        start, end, other_start, other_end, depth = pending.pop()
        while start < end and other_start < other_end and one[start] == other[other_start]:
            pairs.append((start, other_start))
            start, other_start = start + 1, other_start + 1
        while start < end and other_start < other_end and one[end - 1] == other[other_end - 1]:
            end, other_end = end - 1, other_end - 1
            pairs.append((end, other_end))
        here, there = one[start:end], other[other_start:other_end]
        if not here or not there or set(here).isdisjoint(there):
            continue
        if len(here) * len(there) <= SMALL:
            pairs += [(start + row, other_start + column) for row, column in exact(here, there)]
            continue
        anchors = anchors_in(here, there) if depth < DEEPEST else []
        if not anchors:
            occurring = by_occurrence(((key, row) for row, key in enumerate(here)), ((key, column) for column, key in enumerate(there)))
            pairs += [(start + row, other_start + column) for row, column in rising(occurring)]
            continue
        pairs += [(start + row, other_start + column) for row, column in anchors]
        ends = [(-1, -1), *anchors, (len(here), len(there))]
        pending += [
            (start + before[0] + 1, start + after[0], other_start + before[1] + 1, other_start + after[1], depth + 1)
            for before, after in pairwise(ends)
        ]
    return sorted(pairs)


def anchors_in(one: Keys, other: Keys) -> list[Pair]:
    """Where elements, or else runs of several, begin that are in each of two sequences exactly once and in the same order in both."""
    for width in RUNS:
        anchors = rising(unique(*([tuple(keys[at : at + width]) for at in range(len(keys) - width + 1)] for keys in (one, other))))
        if anchors:
            return anchors
    return []


def unique(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[Pair]:
    """The pairs of what is in each of two sequences exactly once, in the order of the first."""
    counts, other_counts = Counter(one), Counter(other)
    place = {key: index for index, key in enumerate(other)}
    return [(index, place[key]) for index, key in enumerate(one) if counts[key] == 1 and other_counts[key] == 1]


def rising(pairs: list[Pair]) -> list[Pair]:
    """The longest run of pairs, given by rising first index, whose second index rises too."""
    tails: list[int] = []
    heads: list[int] = []
    before: list[int] = []
    for index, (_, column) in enumerate(pairs):
        length = bisect_left(tails, column)
        before.append(heads[length - 1] if length else -1)
        if length == len(tails):
            tails.append(column)
            heads.append(index)
        else:
            tails[length], heads[length] = column, index
    run = []
    index = heads[-1] if heads else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]


def exact(one: Keys, other: Keys) -> list[Pair]:
    """The longest common subsequence, in time and memory with the product of the lengths."""
    width = len(other)
    lengths = [[0] * (width + 1)]
    for key in reversed(one):
        below, row = lengths[-1], [0] * (width + 1)
        for column in range(width - 1, -1, -1):
            row[column] = below[column + 1] + 1 if key == other[column] else max(below[column], row[column + 1])
        lengths.append(row)
    lengths.reverse()
    pairs = []
    row_index = column = 0
    while row_index < len(one) and column < width:
        if one[row_index] == other[column]:
            pairs.append((row_index, column))
            row_index, column = row_index + 1, column + 1
        elif lengths[row_index + 1][column] >= lengths[row_index][column + 1]:
            row_index += 1
        else:
            column += 1
    return pairs
