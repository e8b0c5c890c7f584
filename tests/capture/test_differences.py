"""Differences and totals."""

from __future__ import annotations

import dataclasses

import pytest

from twsprobe.capture.differences import Difference, Kind, Totals
from twsprobe.wire.framing import Direction


def test_a_difference_does_not_change() -> None:
    difference = Difference(Kind.MOVED, 0, Direction.TO_CLIENT, "tickPrice")
    with pytest.raises(dataclasses.FrozenInstanceError):
        difference.count = 2  # type: ignore[misc]  # that is the point


def test_totals_differ_when_anything_does() -> None:
    assert not Totals(uncompared=3).differ
    assert Totals(explained=1).differ
    totals = Totals()
    totals.same[Direction.TO_CLIENT, "tickPrice"] += 1
    assert not totals.differ
    totals.different[(Direction.TO_CLIENT, "tickPrice"), Kind.MOVED] += 1
    assert totals.differ
