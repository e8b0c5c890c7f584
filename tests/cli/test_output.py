"""Colours where they are seen, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from tests.views.hostile import HOSTILE, live
from tests.views.reports import scenario_reports
from twsprobe.cli.output import STYLES, coloured, print_lines
from twsprobe.views.line import Line
from twsprobe.views.probe import stage_line, verdict
from twsprobe.views.safe import safe


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "seen"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "xterm-256color"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"TERM": "xterm-256color"}, False),
    ],
)
def test_where_colours_are_seen(stream: io.StringIO, environment: dict[str, str], seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERM", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert coloured(stream) is seen


def printed(lines: list[Line], stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", stream)
    print_lines(lines)
    return stream.getvalue()


LINES = [Line("PASS  ", "all is well", "ok"), Line("  plain"), Line(""), Line("lead   ", "")]


def test_lines_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(LINES, io.StringIO(), monkeypatch) == "PASS  all is well\n  plain\n\nlead\n"


def test_lines_with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(LINES, Terminal(), monkeypatch) == "\x1b[32m\x1b[1mPASS  \x1b[0mall is well\n  plain\n\nlead\n"


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_of_our_own_colours(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed([Line("lead", "rest", style)], Terminal(), monkeypatch)
    assert text.startswith("\x1b[")
    assert text.endswith("lead\x1b[0mrest\n")
    assert not live(text, coloured=True)


def test_every_line_of_a_report_has_a_style_that_is_known() -> None:
    used = {
        line.style
        for report in scenario_reports().values()
        for line in [*verdict(report, verbose=True), *(line for stage in report.stages for line in stage_line(stage))]
    }
    assert used - {""} <= STYLES.keys()


def test_hostile_text_adds_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [Line(safe(text), safe(text), "fail") for text in HOSTILE]
    assert not live(printed(lines, io.StringIO(), monkeypatch))
    assert not live(printed(lines, Terminal(), monkeypatch), coloured=True)
