"""Values as they stand in tables and in JSON."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.capture.model import CaptureError
from twsprobe.capture.tables import EXACT, Kind, Row, as_json, fits, json_text, time_of, together
from twsprobe.wire.tokens import UnknownField

numbers = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda digits, exponent: decimal.Decimal(digits).scaleb(exponent), st.integers(-(10**24), 10**24), st.integers(-24, 24)
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"price": 1.5, "size": decimal.Decimal("1.50"), "unset": None, "yes": True},
            '{"price": 1.5, "size": "1.50", "unset": null, "yes": true}',
        ),
        ({"permId": EXACT, "conId": -EXACT}, f'{{"permId": {EXACT}, "conId": {-EXACT}}}'),
        ({"permId": EXACT + 1}, f'{{"permId": "{EXACT + 1}"}}'),
        ({"orders": [{"permId": -EXACT - 1}]}, f'{{"orders": [{{"permId": "{-EXACT - 1}"}}]}}'),
        ({"a": math.nan, "b": math.inf, "c": [-math.inf]}, '{"a": "nan", "b": "inf", "c": ["-inf"]}'),
        ({"symbol": "a\u2028\x1b[2J\u202e"}, r'{"symbol": "a\u2028\u001b[2J\u202e"}'),
        (
            {"#7": [UnknownField(2, b"\xff"), UnknownField(0, 2**63)]},
            f'{{"#7": [{{"wire_type": 2, "value": "ff"}}, {{"wire_type": 0, "value": "{2**63}"}}]}}',
        ),
        ({"account": "12345678901234567890"}, '{"account": "12345678901234567890"}'),
        ([], "[]"),
    ],
)
def test_fields_are_json_that_every_reader_keeps(value: Any, text: str) -> None:
    assert json_text(value) == text
    json.loads(text, parse_constant=pytest.fail)


def test_what_has_no_place_in_json_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="bytes"):
        json_text({"a": b"x"})


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.INTEGER, None, "null"),
        (Kind.INTEGER, 7, "7"),
        (Kind.INTEGER, 2**53, f'"{2**53}"'),
        (Kind.DOUBLE, 0.5, "0.5"),
        (Kind.DOUBLE, math.nan, '"nan"'),
        (Kind.DECIMAL, decimal.Decimal("1E+3"), '"1E+3"'),
        (Kind.BOOLEAN, False, "false"),
        (Kind.TEXT, 'a"\0', r'"a\"\u0000"'),
        (Kind.JSON, '{"a": 1}', '{"a": 1}'),
        (Kind.BYTES, b"\0\xff", '"00ff"'),
    ],
)
def test_a_value_of_each_kind_as_json(kind: Kind, value: Any, text: str) -> None:
    assert as_json(kind, value) == text


@given(numbers)
def test_a_decimal_fits_if_arrow_takes_it_whole(number: decimal.Decimal) -> None:
    pa = pytest.importorskip("pyarrow")
    from twsprobe.capture.message_columns import TYPES

    try:
        taken = pa.array([number], TYPES[Kind.DECIMAL])[0].as_py() == number
    except (pa.ArrowInvalid, OverflowError):
        taken = False
    assert fits(number) is taken


def test_a_time_that_64_bits_do_not_hold_has_no_place() -> None:
    assert [time_of(time) for time in (0, 2**63 - 1, 2**63)] == [0, 2**63 - 1, None]


def test_rows_come_together_until_they_are_many_or_large() -> None:
    def rows() -> Iterator[tuple[int, Row]]:
        yield from ((size, (size,)) for size in (1, 1, 1, 9, 1))
        raise CaptureError("x", 9, "torn")

    found: list[list[Row]] = []
    with pytest.raises(CaptureError, match="torn"):
        found.extend(together(rows(), most_rows=2, most_bytes=10))
    assert found == [[(1,), (1,)], [(1,), (9,)], [(1,)]]
