"""A line of output."""

from twsprobe.views.line import Line, fitted


def test_a_line_is_its_lead_then_its_rest() -> None:
    assert Line("PASS  ", "all is well", "ok") == ("PASS  ", "all is well", "ok")


def test_a_line_needs_neither_rest_nor_style() -> None:
    assert Line("PASS") == ("PASS", "", "")


def test_a_text_is_cut_where_it_is_too_wide() -> None:
    assert fitted("abcdef", 6) == "abcdef"
    assert fitted("abcdefg", 6) == "abc..."
