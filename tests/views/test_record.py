"""A recording's progress, in words."""

from __future__ import annotations

import pytest

from twsprobe.net.relay import Counters
from twsprobe.views.record import Progress, size_text, status_line, summary_lines, time_text

COUNTERS = Counters(connections=3, open=1, failed=0, turned_away=0, to_server=1300, to_client=5 << 20)
PROGRESS = Progress(COUNTERS, captured=6 << 20, skipped=0, seconds=75.2, names=("a.pcapng", "a.pcapng"))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 40, "3.0 TiB"),
        (1 << 55, "32768.0 TiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00:00"), (75.9, "0:01:15"), (90061, "25:01:01")])
def test_times(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_the_status_fits_a_terminal() -> None:
    line = status_line(PROGRESS._replace(skipped=70_000))
    assert line == "1 open of 3  to server 1.3 KiB  to client 5.0 MiB  0:01:15  captured 6.0 MiB  not shown 68.4 KiB"
    assert status_line(PROGRESS) == "1 open of 3  to server 1.3 KiB  to client 5.0 MiB  0:01:15  captured 6.0 MiB"
    assert len(status_line(PROGRESS)) <= 80


def test_the_summary_of_a_plain_run() -> None:
    assert summary_lines(PROGRESS) == [
        "connections  3",
        "to server    1.3 KiB",
        "to client    5.0 MiB",
        "duration     0:01:15",
        "capture      a.pcapng, 6.0 MiB",
    ]


def test_the_summary_names_what_went_wrong() -> None:
    counters = Counters(connections=3, open=0, failed=2, turned_away=1, to_server=0, to_client=0)
    lines = summary_lines(Progress(counters, 10, 2048, 1, ("a.jsonl", "a-0002.jsonl"), 3))
    assert lines[0] == "connections  3, 2 found no TWS, 1 were too many"
    assert lines[-2:] == ["capture      a.jsonl to a-0002.jsonl, 3 files, 10 B", "not shown    2.0 KiB, the view fell behind"]


def test_no_file_at_all() -> None:
    assert summary_lines(PROGRESS._replace(names=(), files=0))[-1] == "capture      0 files, 6.0 MiB"


def test_names_of_files_are_inert() -> None:
    assert "\x1b" not in "".join(summary_lines(PROGRESS._replace(names=("\x1b[2J", "\x1b[2J"))))
