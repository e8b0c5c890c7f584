"""A line of output."""

from twsprobe.views.line import Line


def test_a_line_is_its_lead_then_its_rest() -> None:
    assert Line("PASS  ", "all is well", "ok") == ("PASS  ", "all is well", "ok")


def test_a_line_needs_neither_rest_nor_style() -> None:
    assert Line("PASS") == ("PASS", "", "")
