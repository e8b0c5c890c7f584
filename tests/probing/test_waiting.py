"""Waiting for a level, through everything that a starting gateway shows."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from tests.probing.phases import DEAF, DISCLAIMER, GREETS, OFFLINE, REFUSED, SILENT, WELL, Phases
from twsprobe.net.script import Script
from twsprobe.probing.attempts import Attempts
from twsprobe.probing.options import Options
from twsprobe.probing.run import Network
from twsprobe.probing.signatures import Signature
from twsprobe.probing.targets import Target
from twsprobe.probing.transitions import Fact, Kind, Level, Transition, Transitions
from twsprobe.probing.waiting import Waited, wait

WITHIN = 2.0
"""Seconds within which a change is to be reported."""
PATIENCE = 50.0


class Listener:
    """Hears facts, and lets a test wait for what they change."""

    def __init__(self) -> None:
        self.seen = Transitions()
        self.heard: list[Transition] = []
        self._changed = trio.Event()

    def tell(self, fact: Fact) -> None:
        found = self.seen.take(fact)
        self.heard += found
        if found:
            self._changed.set()
            self._changed = trio.Event()

    async def state(self, signature: Signature) -> Transition:
        """Wait until the last change is to a state."""
        while not self.heard or self.heard[-1].signature is not signature:
            await self._changed.wait()
        return self.heard[-1]

    async def change(self, kind: Kind) -> Transition:
        """Wait until the last change is of a kind."""
        while not self.heard or self.heard[-1].kind is not kind:
            await self._changed.wait()
        return self.heard[-1]


@asynccontextmanager
async def waiting(
    phases: Phases, level: Level, network: Callable[[trio.Nursery], Network] | None = None, timeout: float = 300.0
) -> AsyncIterator[tuple[Listener, list[Waited], trio.Event]]:
    """Wait for a level in a task of its own; the list holds how it ended once the event is set."""
    listener, ended, done = Listener(), list[Waited](), trio.Event()
    async with trio.open_nursery() as nursery:
        attempts = Attempts(
            Target("127.0.0.1", phases.port),
            level,
            Options(timeout=math.inf),
            listener.tell,
            network=network(nursery) if network else None,
            deadline=trio.current_time() + timeout,
        )

        async def work() -> None:
            ended.append(await wait(attempts, listener.tell))
            done.set()

        nursery.start_soon(work)
        yield listener, ended, done
        nursery.cancel_scope.cancel()


FAILURES: tuple[tuple[Script | None, Signature], ...] = (
    (SILENT, Signature.SILENT_HANDSHAKE),
    (GREETS, Signature.SILENT_START),
    (DISCLAIMER, Signature.PAPER_DISCLAIMER),
)


async def starts_up(phases: Phases, listener: Listener, done: trio.Event) -> list[float]:
    """Lead a server from refused to offline, and well in the end. How long each change took to be reported, in seconds."""
    took = []
    await listener.state(Signature.TCP_REFUSED)
    for phase, signature in FAILURES:
        switched = trio.current_time()
        phases.switch(phase)
        found = await listener.state(signature)
        assert found.cause is not None, signature
        took.append(trio.current_time() - switched)
    switched = trio.current_time()
    phases.switch(OFFLINE)
    lost = await listener.state(Signature.BACKEND_LOST)
    assert lost.cause is not None
    took.append(trio.current_time() - switched)
    assert not done.is_set(), "a session without a link to IBKR is not what was waited for"
    switched = trio.current_time()
    await phases.push(1102, "Connectivity between IBKR and Trader Workstation has been restored.")
    await done.wait()
    return [*took, trio.current_time() - switched]


@pytest.mark.parametrize("level", [Level.BACKEND, Level.SYNCED])
async def test_every_phase_of_a_start_is_reported_with_its_cause_in_time(level: Level, autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    async with waiting(phases, level, phases.network) as (listener, ended, done):
        took = await starts_up(phases, listener, done)
        assert max(took) <= WITHIN, took
        assert ended[0].ok
        assert ended[0].exit_code == 0
        assert ended[0].connections_opened == phases.accepted
        assert phases.ends == ["fin"] * phases.accepted


async def test_every_phase_of_a_start_over_sockets() -> None:
    phases = Phases()
    with trio.fail_after(PATIENCE):
        async with phases.sockets(), waiting(phases, Level.BACKEND) as (listener, ended, done):
            await starts_up(phases, listener, done)
            assert ended[0].ok
            assert ended[0].connections_opened == phases.accepted
            assert phases.ends == ["fin"] * phases.accepted


@pytest.mark.parametrize(
    ("level", "phase"),
    [(Level.TCP, SILENT), (Level.HANDSHAKE, GREETS), (Level.API, OFFLINE), (Level.BACKEND, DEAF), (Level.SYNCED, WELL)],
)
async def test_a_level_asks_for_no_more_than_it_says(level: Level, phase: Script, autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(phase)
    async with waiting(phases, level, phases.network) as (_, ended, done):
        await done.wait()
        assert (ended[0].ok, ended[0].level, ended[0].connections_opened) == (True, level, 1)


@pytest.mark.parametrize(
    ("level", "phase", "signature"),
    [
        (Level.TCP, REFUSED, Signature.TCP_REFUSED),
        (Level.HANDSHAKE, SILENT, Signature.SILENT_HANDSHAKE),
        (Level.API, GREETS, Signature.SILENT_START),
        (Level.BACKEND, OFFLINE, Signature.BACKEND_LOST),
        (Level.SYNCED, Script(withheld=frozenset(("positionEnd",))), Signature.SYNC_STALLED),
    ],
)
async def test_what_is_not_reached_in_time_ends_with_the_last_signature(
    level: Level, phase: Any, signature: Signature, autojump_clock: trio.testing.MockClock
) -> None:
    phases = Phases()
    phases.switch(phase)
    async with waiting(phases, level, phases.network, timeout=60.0) as (_, ended, done):
        await done.wait()
        assert 58 <= trio.current_time() <= 60.5
        assert (ended[0].ok, ended[0].signature) == (False, signature)
        assert ended[0].exit_code == signature.exit_code
        assert phases.ends == ["fin"] * ended[0].connections_opened


async def test_a_wedged_gateway_gets_few_connections_in_five_minutes(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(SILENT)
    async with waiting(phases, Level.BACKEND, phases.network) as (_, ended, done):
        await done.wait()
        assert phases.accepted == ended[0].connections_opened <= 12


async def test_a_time_too_short_for_a_second_attempt_still_has_a_first(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    async with waiting(phases, Level.BACKEND, phases.network, timeout=0.1) as (_, ended, done):
        await done.wait()
        assert ended[0].signature is Signature.TCP_REFUSED


async def test_what_is_refused_is_tried_once_more_when_a_second_is_left(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    async with waiting(phases, Level.BACKEND, phases.network, timeout=3.0) as (_, ended, done):
        await done.wait()
        assert ended[0].seconds == pytest.approx(2.0)


async def test_a_session_that_ends_without_its_link_is_tried_anew(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(OFFLINE)
    async with waiting(phases, Level.BACKEND, phases.network) as (listener, ended, done):
        await listener.state(Signature.BACKEND_LOST)
        phases.switch(WELL)
        await done.wait()
        assert ended[0].ok
        assert phases.accepted == 2
