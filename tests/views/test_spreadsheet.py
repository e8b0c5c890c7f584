"""No text is a formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.views.spreadsheet import BEGINNINGS, inert


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "\u3000@x", "\uff1d1", "|calc", "%0A=1"]
)
def test_what_begins_like_a_formula_is_marked_as_text(text: str) -> None:
    assert inert(text).startswith("'")


@pytest.mark.parametrize("text", ["", "AAPL", "BRK B", "a=b", "1-2", "'quoted'", "\u00e9", "x" * 10_000])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


def test_what_does_not_stand_for_itself_is_shown_as_an_escape() -> None:
    assert inert("a\0b\r\n=c\u202ed\u2028\x1b[2J") == r"a\x00b\x0d\x0a=c\u202ed\u2028\x1b[2J"


@given(st.text())
def test_every_text_is_one_line_and_no_formula(text: str) -> None:
    shown = inert(text)
    assert shown.isprintable()
    assert not shown.lstrip().startswith(BEGINNINGS)
