"""Probes for scrapers: only what is allowed, and never many."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.probing.phases import WELL, Phases
from twsprobe.probing.on_demand import REST, OnDemand, Result
from twsprobe.probing.options import Options
from twsprobe.probing.targets import Target

ALLOWED = Target("127.0.0.1", 7497)


@pytest.mark.parametrize(
    ("text", "found"),
    [("127.0.0.1:7497", ALLOWED), ("7497", ALLOWED), ("tws-paper", ALLOWED), ("127.0.0.1:22", None), ("", None), ("\x00[]//@:99999", None)],
)
def test_only_what_is_allowed_is_found(text: str, found: Target | None) -> None:
    assert OnDemand([ALLOWED], Options()).find(text) == found


async def test_however_many_ask_one_probe_is_made_in_a_while(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(WELL)
    async with trio.open_nursery() as outer:
        probes = OnDemand([ALLOWED], Options(), phases.network(outer))
        results: list[Result] = []

        async def ask() -> None:
            results.append(await probes.look(ALLOWED))

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask)
        assert phases.accepted == probes.connections_opened == 1
        assert len(results) == 50
        assert all(result.report.ok for result in results)
        await trio.sleep(REST)
        await ask()
        assert phases.accepted == probes.connections_opened == 2
        assert probes.names == ["127.0.0.1:7497"]
        outer.cancel_scope.cancel()
