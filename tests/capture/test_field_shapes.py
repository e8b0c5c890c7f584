"""What it costs to take texts for values: what is usual has to be cheaper than what is not."""

from __future__ import annotations

import pytest

from twsprobe.capture.field_shapes import IN_FORM, IN_PROSE, IN_TEXT, UNLIKELY, is_hours, number_cost, text_cost

HOURS = b"20241123:0400-20241123:2000;20241124:CLOSED;20241125:0400-1200,1300-2000"


def test_hours_are_days_in_order() -> None:
    assert is_hours(HOURS)
    assert is_hours(HOURS + b";")
    assert is_hours(b"")
    assert not is_hours(HOURS + b";" + HOURS)
    assert not is_hours(b"20241123:0400-")


@pytest.mark.parametrize(
    ("name", "likely", "other"),
    [
        ("time", b"20241124-10:00:00", b"20241124-10"),
        ("time", b"2026-11-23 15:02:11.0", b"2026-BRFG"),
        ("validExchanges", b"SMART,AMEX", b"LMT,SMART,AMEX"),
        ("orderTypes", b"LMT,MKT", b"LMT,SMART"),
        ("marketRuleIds", b"26,26", b"26,COMMON"),
        ("value", b"-0.5", b"S-0.5"),
        ("headline", b"Stocks - up", b""),
        ("tradingClass", b"AAPL", b"AA-PL"),
    ],
)
def test_what_has_the_form_of_its_field_is_cheaper(name: str, likely: bytes, other: bytes) -> None:
    joiners = {text: text.count(b"-") + text.count(b",") for text in (likely, other)}
    if name == "headline":
        assert text_cost(name, likely, 1, 0) == IN_PROSE < text_cost("symbol", likely, 1, 0) == IN_TEXT
    else:
        assert text_cost(name, likely, joiners[likely], 0) <= IN_FORM < text_cost(name, other, joiners[other], 0)


def test_codes_and_edges_are_dear() -> None:
    assert text_cost("secType", b"S-K", 1, 0) > text_cost("symbol", b"S-K", 1, 0)
    assert text_cost("symbol", b"-SK", 1, 1) > text_cost("symbol", b"S-K", 1, 0)
    assert text_cost("symbol", b"S-K-X", 2, 0) > text_cost("symbol", b"S-K", 1, 0)


def test_numbers() -> None:
    assert number_cost("exemptCode", b"-1") == number_cost("conId", b"") == 0
    assert number_cost("exemptCode", b"") == UNLIKELY
