"""Where the bars of the stages are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.views.waterfall import NARROWEST, axis, bars


def stage(name: str, elapsed_ms: float, ok: bool | None = True) -> dict[str, Any]:
    return {"name": name, "ok": ok, "elapsed_ms": elapsed_ms, "detail": f"about {name}"}


def step(request: str, elapsed_ms: float, ok: bool = True) -> dict[str, Any]:
    return {"request": request, "end": "x", "ok": ok, "elapsed_ms": elapsed_ms, "messages": 1, "detail": ""}


def test_stages_follow_each_other_and_steps_lie_inside() -> None:
    report = {
        "stages": [stage("connect", 100), stage("sync", 300, False)],
        "sync": [step("reqPositions", 100), step("reqOpenOrders", 200, False)],
    }
    found = bars(report)
    assert [(bar.name, bar.inner, bar.state) for bar in found] == [
        ("connect", False, "ok"),
        ("sync", False, "fail"),
        ("reqPositions", True, "ok"),
        ("reqOpenOrders", True, "fail"),
    ]
    assert [(bar.start, bar.width) for bar in found] == [(0, 25), (25, 75), (25, 25), (50, 50)]
    assert [bar.time for bar in found] == ["100.0 ms", "300.0 ms", "100.0 ms", "200.0 ms"]
    assert found[0].detail == "about connect"
    assert axis(report) == "400.0 ms"


@pytest.mark.parametrize(("ok", "state"), [(True, "ok"), (False, "fail"), (None, "unknown")])
def test_how_a_stage_went(ok: bool | None, state: str) -> None:
    assert bars({"stages": [stage("start", 1, ok)], "sync": []})[0].state == state


def test_a_run_that_took_no_time() -> None:
    found = bars({"stages": [stage("resolve", 0), stage("connect", 0)], "sync": []})
    assert [(bar.start, bar.width) for bar in found] == [(0, NARROWEST), (0, NARROWEST)]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=7))
def test_every_bar_can_be_seen_and_stays_on_the_axis(lengths: list[float]) -> None:
    for bar in bars({"stages": [stage("start", length) for length in lengths], "sync": []}):
        assert bar.width >= NARROWEST
        assert bar.start >= 0
        assert bar.start + bar.width <= 100.0001
