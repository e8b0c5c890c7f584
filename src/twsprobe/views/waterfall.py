"""The stages of a probe as bars on one axis of time: where each begins and how long it takes, in percent of the whole run.

Stages follow each other without a gap, so a bar begins where the one before it ends. The requests of a sync are bars inside its bar. A
stage may be ten thousand times shorter than the run; no bar is narrower than what can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from twsprobe.views.probe import duration

NARROWEST = 0.6
"""Percent of the axis that any bar has at least."""


class Bar(NamedTuple):
    """A stage, or a request inside one: ``start`` and ``width`` are percent of the axis, ``state`` is "ok", "fail" or "unknown"."""

    name: str
    state: str
    start: float
    width: float
    time: str
    detail: str
    inner: bool


def bars(report: Mapping[str, Any]) -> list[Bar]:
    """The bars of a report, the object of ``ProbeReport.to_dict``."""
    return list(placed(report, sum(stage["elapsed_ms"] for stage in report["stages"])))


def placed(report: Mapping[str, Any], total_ms: float) -> Iterator[Bar]:
    """Each bar at its place on an axis of ``total_ms``."""
    at = 0.0
    for stage in report["stages"]:
        yield bar(stage["name"], stage, at, total_ms, inner=False)
        inside = at
        for step in report["sync"] if stage["name"] == "sync" else ():
            yield bar(step["request"], step, inside, total_ms, inner=True)
            inside += step["elapsed_ms"]
        at += stage["elapsed_ms"]


def bar(name: str, what: Mapping[str, Any], at_ms: float, total_ms: float, *, inner: bool) -> Bar:
    """What took its time from ``at_ms`` on; of a run that took none every bar begins at 0."""
    start, share = (at_ms / total_ms * 100, what["elapsed_ms"] / total_ms * 100) if total_ms > 0 else (0.0, 0.0)
    width = min(max(share, NARROWEST), 100.0)
    state = {True: "ok", False: "fail"}.get(what["ok"], "unknown")
    return Bar(name, state, min(start, 100 - width), width, duration(what["elapsed_ms"]), what["detail"], inner)


def axis(report: Mapping[str, Any]) -> str:
    """How long the axis is, in words."""
    return duration(sum(stage["elapsed_ms"] for stage in report["stages"]))
