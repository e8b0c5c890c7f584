"""A field keeps its cache while its values repeat, and does without it when they do not."""

from __future__ import annotations

from typing import Any

import pytest

from twsprobe.wire import conversion
from twsprobe.wire.conversion import Cache, Conversion, Conversions, Mode


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "CAPACITY", 100)
    monkeypatch.setattr(conversion, "TRIAL", 50)


def modes_over(values: list[str]) -> list[Mode]:
    """The modes that a field goes through, each conversion checked."""
    changes: list[Mode] = []
    field = Conversion(Cache(int), lambda: changes.append(field.mode))
    for value in values:
        names: dict[str, Any] = {}

        def name_of(stem: str, named: Any, names: dict[str, Any] = names) -> str:
            names[stem] = named
            return stem

        expression = field.expression(name_of, repr(value))
        assert eval(expression, names) == int(value)  # noqa: S307  # our own expression
        assert field.function(value) == int(value)
    return changes


def test_values_that_repeat_keep_the_cache() -> None:
    assert modes_over([str(number % 90) for number in range(2000)]) == []


def test_values_that_never_repeat_lose_it_after_a_trial() -> None:
    # Each value is converted twice here, so new ones hit half of the time and no more.
    assert modes_over([str(number) for number in range(2000)])[:2] == [Mode.COUNTED, Mode.DIRECT]


def test_many_values_that_do_repeat_keep_it_after_a_trial() -> None:
    values = [str(number) for number in range(100)] + [str(number % 5) for number in range(1000, 1300)] * 2
    assert modes_over([*values[:100], "5000", *values[100:]])[-1] is Mode.KEPT


def test_long_values_are_not_kept() -> None:
    field = Conversion(Cache(len), lambda: None)
    assert field.function("x" * (conversion.LONGEST + 1)) == conversion.LONGEST + 1
    assert not field.cache
    assert field.function("x" * conversion.LONGEST) == conversion.LONGEST
    assert len(field.cache) == 1


def test_fields_of_one_kind_share_a_cache_and_are_tried_each_for_itself() -> None:
    conversions = Conversions({}, lambda: None)
    price, greek, size = (
        conversions.field((name,), kind, convert) for name, kind, convert in (("price", 1, float), ("greek", 1, float), ("size", 2, int))
    )
    assert conversions.field(("price",), "number", float) is price
    assert price.cache is greek.cache is not size.cache
    for number in range(1000):
        price.function(str(number % 10))
        greek.function(str(number / 7))
        size.function(str(number % 10))
    assert (price.mode, greek.mode, size.mode) == (Mode.KEPT, Mode.DIRECT, Mode.CACHED)
    assert len(price.cache) <= conversion.CAPACITY


def test_a_field_is_tried_once() -> None:
    changes: list[Mode] = []
    field = Conversion(Cache(int), lambda: changes.append(field.mode))
    other = Conversion(field.cache, lambda: None)
    for number in range(5000):
        field.function(str(number % 10))
        other.cache[str(number + 100)]
    assert changes == [Mode.COUNTED, Mode.KEPT]


def test_a_value_is_converted_once() -> None:
    asked: list[str] = []

    def convert(text: str) -> int:
        asked.append(text)
        return int(text)

    cache = Cache(convert)
    assert [cache["7"], cache["7"], cache["8"]] == [7, 7, 8]
    assert asked == ["7", "8"]


def test_a_cache_keeps_a_bounded_number_of_values() -> None:
    cache = Cache(len)
    for number in range(3 * conversion.CAPACITY):
        assert cache[str(number)] == len(str(number))
    assert len(cache) <= conversion.CAPACITY
