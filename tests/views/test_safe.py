"""safe() over all of Unicode."""

from __future__ import annotations

import re
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.views.hostile import HOSTILE, HUGE, is_live, live
from twsprobe.views.safe import LONGEST, escaped, safe

ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def test_every_code_point_stands_for_itself_or_is_escaped() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        shown = safe(character)
        if shown == character:
            assert shown.isprintable(), f"U+{code:04X} is let through"
            assert not is_live(shown), f"U+{code:04X} is let through"
        else:
            found = ESCAPE.fullmatch(shown)
            assert found, f"U+{code:04X} becomes {shown!r}"
            assert int(next(filter(None, found.groups())), 16) == code


def test_all_that_is_written_with_stays() -> None:
    seen = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] in "LNPS" and not is_live(chr(code))]
    assert len(seen) > 130_000
    text = "".join([" ", *seen])
    assert safe(text, len(text)) == text


@pytest.mark.parametrize(
    "text", ["", "plain text", "Ora standard dell\u2019Europa centrale", "\u4e2d\u56fd", "\U0001f600", "[/x] \\ {0} %s"]
)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nb\tc\0", r"a\x0d\x0ab\x09c\x00"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202eevil", r"\u202eevil"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\xa0", r"\xa0"),
    ],
)
def test_what_is_not_harmless_is_seen(text: str, shown: str) -> None:
    assert safe(text) == shown
    assert escaped(text[0]) in shown or text[0] in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_line_of_printable_characters(text: str) -> None:
    assert safe(text).isprintable()
    assert not live(safe(text), allowed="")


@given(ANY_TEXT)
def test_any_text_is_one_line_of_printable_characters(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable()
    assert not live(shown, allowed="")
    assert safe(shown) == shown, "what is safe stays as it is"
    shown.encode("utf-8")


@given(ANY_TEXT, st.integers(0, 40))
def test_what_is_too_long_is_counted(text: str, longest: int) -> None:
    shown = safe(text, longest)
    if len(text) <= longest:
        assert shown == safe(text, len(text))
    else:
        assert shown == f"{safe(text[:longest])}... {len(text) - longest} more"


@pytest.mark.parametrize("text", HUGE, ids=["letters", "controls", "directions", "markup"])
def test_a_mebi_of_characters_is_short_and_fast(text: str) -> None:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        safe(text)
        times.append(time.perf_counter() - began)
    shown = safe(text)
    assert shown.endswith(f"... {len(text) - LONGEST} more")
    assert len(shown) < LONGEST * len("\\U00000000") + 20
    assert min(times) < 0.05
