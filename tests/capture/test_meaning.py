"""What values mean, and how records differ."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.capture.meaning import FieldChange, digest, field_changes, meaning, number
from twsprobe.wire.tokens import UnknownField

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text(max_size=3)
FIELDS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.recursive(
        PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3), max_leaves=12
    ),
    max_size=5,
)


def changes(old: dict[str, Any], new: dict[str, Any], *, loose: bool = False, skipped: str = "") -> list[FieldChange]:
    """How two records differ."""
    return list(field_changes(old, new, loose, lambda path: path == skipped))


def means(value: Any, *, loose: bool = False) -> Any:
    """What a value means."""
    return meaning(value, loose, "", lambda path: False)


@given(NUMBERS, NUMBERS)
def test_numbers_are_equal_by_value(one: Any, other: Any) -> None:
    exactly = [Decimal(repr(each)) if isinstance(each, float) else Decimal(each) for each in (one, other)]
    assert (number(one) == number(other)) is (exactly[0] == exactly[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1.0, Decimal("1.00")), (0, -0.0), (Decimal("-0"), 0), (Decimal("1E+3"), 1000), (0.1, Decimal("0.10"))],
)
def test_spellings_of_one_number(one: Any, other: Any) -> None:
    assert number(one) == number(other)


def test_numbers_that_differ() -> None:
    assert len({number(each) for each in (-1, -2, 0, 1, 10, Decimal("0.1"), 2**61 - 1, math.inf, -math.inf, math.nan)}) == 10
    assert number(Decimal("1E+1000000000")) == "1e1000000000"


def test_unset_absent_and_empty_are_one() -> None:
    nothing: tuple[Any, ...] = (None, "", [], {}, {"a": None})
    assert {means(each) for each in nothing} == {None}
    assert changes({"a": None, "b": ""}, {}) == []


def test_zero_is_absent_only_across_encodings() -> None:
    zeros: tuple[Any, ...] = (0, 0.0, False, Decimal(0), "0")
    for value in zeros:
        assert means(value) is not None
        assert means(value, loose=True) is None
    assert changes({"a": 0}, {}) == [FieldChange("vanished", "a", 0, None)]
    assert changes({"a": 0}, {}, loose=True) == []
    assert changes({"a": "1.50"}, {"a": 1.5}, loose=True) == []


def test_types_do_not_mix() -> None:
    assert means("1") != means(1)
    assert means(True) != means(1)
    assert means("yes") != means(True)
    assert means(UnknownField(0, 7)) != means(7)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("changed", "a.b", 1, 2)]),
        ({"a": {"b": 1}}, {}, [("vanished", "a", {"b": 1}, None)]),
        ({}, {"a": "x"}, [("appeared", "a", None, "x")]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, [("vanished", "a[1]", 2, None)]),
        ({"a": [1, 3]}, {"a": [1, 2, 3]}, [("appeared", "a[1]", None, 2)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("moved", "a[0]", 0, 1)]),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}, {"x": 3}]}, [("changed", "a[1].x", 2, 3)]),
        ({"a": [1]}, {"a": []}, [("vanished", "a[0]", 1, None)]),
    ],
)
def test_field_by_field(old: dict[str, Any], new: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    assert changes(old, new) == [FieldChange(*each) for each in expected]


def test_what_is_left_out_is_left_out_at_every_depth() -> None:
    assert changes({"a": [{"t": 1, "x": 1}]}, {"a": [{"t": 2, "x": 1}]}, skipped="a.t") == []


@given(FIELDS)
def test_a_record_does_not_differ_from_itself(fields: dict[str, Any]) -> None:
    assert changes(fields, fields) == []


@given(FIELDS, FIELDS)
def test_records_differ_exactly_where_their_meanings_do(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert bool(changes(old, new)) is (means(old) != means(new))


@given(FIELDS, FIELDS)
def test_digests_are_those_of_meanings(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert (digest(means(old)) == digest(means(new))) is (means(old) == means(new))


def test_half_a_surrogate_pair_has_a_digest() -> None:
    assert digest("\ud800") != digest("\udfff")
