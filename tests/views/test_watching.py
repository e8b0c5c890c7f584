"""Transitions as lines."""

from __future__ import annotations

import pytest

from tests.views.hostile import HOSTILE, live
from twsprobe.probing.judgement import Confidence
from twsprobe.probing.signatures import Signature
from twsprobe.probing.transitions import Kind, Level, Transition, judged
from twsprobe.views.watching import WELL, counted, for_screen, span, status_text, transition_lines


def lines_of(transition: Transition) -> list[str]:
    return [(line.lead + line.rest).rstrip() for line in transition_lines(transition, "12:00:00")]


def test_a_failure_is_called_by_its_signature_and_has_cause_and_remedy() -> None:
    cause = judged("nightly-restart", Confidence.LIKELY)
    lines = lines_of(Transition(0, Kind.FAILURE, Signature.TCP_REFUSED, Level.NOTHING, "Nothing accepts.", cause))
    assert lines[0] == " 12:00:00  tcp-refused: Nothing accepts."
    assert lines[1].startswith("           likely cause: The application is in its daily restart")
    assert any(line.startswith("           -> Wait a few minutes") for line in lines)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_fits_80_columns(kind: Kind) -> None:
    cause = judged("relogin-required", Confidence.POSSIBLE)
    found = Transition(0, kind, Signature.READY, Level.BACKEND, "word " * 40, cause, 1.0, 2103, "farm " * 20)
    assert all(len(line) <= 80 for line in lines_of(found))
    assert transition_lines(found, "1.0 s")[0].style == ("ok" if kind in WELL else "warn")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_farm_is_harmless(name: str) -> None:
    found = Transition(0, Kind.FARM_BROKEN, Signature.READY, Level.BACKEND, "Broken.", None, None, 2103, name)
    assert not live("".join(lines_of(found)))
    assert "[2103]" in lines_of(found)[0]


def test_what_the_screen_gets() -> None:
    found = Transition(0, Kind.BACKEND_RESTORED, Signature.READY, Level.BACKEND, "Back.")
    assert for_screen(transition_lines(found, "12:00:00")) == [(" 12:00:00  backend-restored: Back.", "bold green")]


def test_the_line_below() -> None:
    assert status_text("h:1", Signature.READY, 185, 0.0123, 2, {"usfarm": 2103}) == (
        " h:1 | ready for 3 min 05 s | ping 12.3 ms | 1 farm broken | 2 connections "
    )
    assert status_text("h:1", None, 0, None, 0, {}) == " h:1 | trying for 0 s | 0 connections "
    assert status_text("h:1", None, 0, None, 1, {}).startswith(" h:1 | lost ")
    assert not any(live(status_text(name, None, 0, None, 0, {})) for name in HOSTILE)


def test_lengths_and_counts() -> None:
    assert [span(seconds) for seconds in (0, 59.9, 60, 3599, 3600, 90_000)] == [
        "0 s",
        "59 s",
        "1 min 00 s",
        "59 min 59 s",
        "1 h 00 min",
        "25 h 00 min",
    ]
    assert [counted(number) for number in (0, 1, 2)] == ["0 connections", "1 connection", "2 connections"]
