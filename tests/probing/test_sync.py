"""The requests of the sync, one by one."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.probing.scenes import Scene, options_for
from twsprobe.net.policy import ALLOWED
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.net.script import Script
from twsprobe.net.simulator import Simulator
from twsprobe.probing.options import Options
from twsprobe.probing.probe import probe
from twsprobe.probing.signatures import Signature
from twsprobe.probing.sync import STEPS
from twsprobe.wire.framing import Direction
from twsprobe.wire.registry import BY_NAME


def test_steps_are_declared_messages_that_may_be_sent() -> None:
    for step in STEPS:
        assert step.request in ALLOWED
        assert (Direction.TO_SERVER, step.request) in BY_NAME
        assert (Direction.TO_CLIENT, step.end) in BY_NAME
        assert step.undo is None or step.undo in ALLOWED


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.request)
async def test_the_request_that_stalls_is_named_and_the_others_still_answer(step: object, autojump_clock: trio.testing.MockClock) -> None:
    end = step.end  # type: ignore[attr-defined]
    scenario = next(each for each in SCENARIOS.values() if each.facts.get("missing_end") == end and each.name.startswith("sync-"))
    async with trio.open_nursery() as nursery:
        report = await probe("localhost", 7497, options_for(scenario), network=Scene(nursery, scenario).network)
        nursery.cancel_scope.cancel()
    assert report.observation.missing_end == end
    assert {each.end: each.ok for each in report.sync} == {each.end: each.end != end for each in STEPS}
    stalled = next(each for each in report.sync if not each.ok)
    assert 250 <= stalled.elapsed_ms <= 400


async def test_a_refusal_ends_the_wait(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        network = Scene(nursery, SCENARIOS["read-only"]).network
        began = trio.current_time()
        report = await probe("localhost", 7497, Options(sync=True), network=network)
        assert trio.current_time() - began < 2
        nursery.cancel_scope.cancel()
    assert [each.detail for each in report.sync if not each.ok] == ["refused with error 321"] * 2
    assert report.causes[0].id == "read-only-api"


async def test_settings_need_a_server_that_has_them(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        network = Scene(nursery, SCENARIOS["ready"], server_version=218).network
        report = await probe("localhost", 7497, Options(config=True), network=network)
        nursery.cancel_scope.cancel()
    assert report.ok
    assert report.settings == ()
    assert "219" in report.stages[-1].detail


async def test_settings_that_never_come_are_a_stalled_request(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, SCENARIOS["ready"])
        scene.simulator = Simulator(scenario=Script(withheld=frozenset(("configResponse",))))
        report = await probe("localhost", 7497, Options(config=True), network=scene.network)
        nursery.cancel_scope.cancel()
    assert report.signature is Signature.SYNC_STALLED
    assert (report.observation.stalled_request, report.observation.missing_end) == ("reqConfig", "configResponse")
    assert report.observation.sentence == "reqConfig was never answered in full: configResponse did not come."
