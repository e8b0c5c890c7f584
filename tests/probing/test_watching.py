"""Keeping a session: pings, notices, ends, and the way back."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.probing.phases import DEAF, DISCLAIMER, GREETS, OFFLINE, REFUSED, SILENT, WELL, Phases
from tests.probing.test_waiting import PATIENCE, WITHIN, Listener
from twsprobe.net.script import Script
from twsprobe.probing.attempts import Attempts
from twsprobe.probing.options import Options
from twsprobe.probing.run import Network
from twsprobe.probing.signatures import Signature
from twsprobe.probing.targets import Target
from twsprobe.probing.transitions import Answered, Fact, Kind, Level, Noticed
from twsprobe.probing.watching import SHORTEST_PING, keep, watch
from twsprobe.wire.events import Decoded, Event


@asynccontextmanager
async def watching(
    phases: Phases,
    network: Callable[[trio.Nursery], Network] | None = None,
    hear: Callable[[Fact], None] = lambda fact: None,
    ping: float = 5.0,
) -> AsyncIterator[tuple[Listener, Attempts]]:
    """Watch a server in a task of its own."""
    listener = Listener()

    def tell(fact: Fact) -> None:
        hear(fact)
        listener.tell(fact)

    async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
        target, options = Target("127.0.0.1", phases.port), Options(timeout=math.inf)
        attempts = Attempts(target, Level.BACKEND, options, tell, network=network(outer) if network else None)

        async def work() -> None:
            await watch(attempts, tell, ping=ping)

        nursery.start_soon(work)
        yield listener, attempts
        nursery.cancel_scope.cancel()


WAY: tuple[tuple[Script | None, Signature], ...] = (
    (SILENT, Signature.SILENT_HANDSHAKE),
    (GREETS, Signature.SILENT_START),
    (DISCLAIMER, Signature.PAPER_DISCLAIMER),
    (WELL, Signature.READY),
)


async def all_phases(phases: Phases, listener: Listener) -> list[float]:
    """Lead a server from refused to ready, offline, and ready again. How long each change took to be reported, in seconds."""
    took = []
    await listener.state(Signature.TCP_REFUSED)
    for phase, signature in WAY:
        switched = trio.current_time()
        phases.switch(phase)
        found = await listener.state(signature)
        assert found.cause is not None or signature is Signature.READY
        took.append(trio.current_time() - switched)
    for code, signature in ((1100, Signature.BACKEND_LOST), (1102, Signature.READY)):
        switched = trio.current_time()
        await phases.push(code, "Connectivity between IBKR and Trader Workstation has changed.")
        await listener.state(signature)
        took.append(trio.current_time() - switched)
    switched = trio.current_time()
    phases.switch(REFUSED)
    await listener.state(Signature.TCP_REFUSED)
    return [*took, trio.current_time() - switched]


ALL_KINDS = [
    Kind.FAILURE,
    Kind.FAILURE,
    Kind.FAILURE,
    Kind.FAILURE,
    Kind.READY,
    Kind.BACKEND_LOST,
    Kind.BACKEND_RESTORED,
    Kind.ENDED,
    Kind.RESTARTING,
]


async def test_every_phase_is_reported_with_its_cause_in_time(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    async with watching(phases, phases.network) as (listener, _):
        took = await all_phases(phases, listener)
        assert max(took) <= WITHIN, took
        # Whoever is connected when a phase ends sees the close first.
        closes = (Signature.CLOSED_AFTER_PREFIX, Signature.CLOSED_AFTER_START)
        assert [transition.kind for transition in listener.heard if transition.signature not in closes] == ALL_KINDS


async def test_every_phase_over_sockets_and_each_connection_ends_with_a_fin() -> None:
    phases = Phases()
    with trio.fail_after(PATIENCE):
        async with phases.sockets(), watching(phases) as (listener, attempts):
            await all_phases(phases, listener)
            phases.switch(WELL)
            await listener.state(Signature.READY)
        assert attempts.connections_opened == phases.accepted
        assert phases.ends == ["fin"] * phases.accepted


async def test_a_watch_that_is_cancelled_closes_its_session_with_a_fin(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(WELL)
    async with trio.open_nursery() as nursery:
        async with watching(phases, lambda _: phases.network(nursery)) as (listener, attempts):
            await listener.state(Signature.READY)
            began = trio.current_time()
        assert trio.current_time() - began < 1
        await trio.testing.wait_all_tasks_blocked()
        assert (attempts.connections_opened, phases.ends) == (1, ["fin"])
        nursery.cancel_scope.cancel()


async def test_pings_are_no_faster_than_once_a_second(autojump_clock: trio.testing.MockClock) -> None:
    asked: list[float] = []
    answered: list[Answered] = []

    def observe(_: int, event: Event) -> None:
        if isinstance(event, Decoded) and event.name == "reqCurrentTime":
            asked.append(trio.current_time())

    phases = Phases()
    phases.switch(WELL)
    assert phases.simulator is not None
    phases.simulator.observer = observe

    def hear(fact: Fact) -> None:
        if isinstance(fact, Answered):
            answered.append(fact)

    async with watching(phases, phases.network, hear, ping=SHORTEST_PING) as (listener, attempts):
        await listener.state(Signature.READY)
        await trio.sleep(20.5)
        assert len(answered) == 20
        assert all(later - earlier > SHORTEST_PING - 1e-6 for earlier, later in itertools.pairwise(asked))
        assert attempts.connections_opened == 1


async def test_a_faster_ping_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(WELL)
    async with trio.open_nursery() as nursery:
        attempts = Attempts(Target("127.0.0.1", 1), Level.BACKEND, Options(), lambda fact: None, network=phases.network(nursery))
        run = await attempts.attempt()
        with pytest.raises(ValueError, match=r"every 0\.9 s"):
            await keep(run, lambda fact: None, ping=0.9)
        await attempts.close(run)
        nursery.cancel_scope.cancel()


async def test_nothing_for_too_long_is_half_open_and_a_new_attempt_follows(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(DEAF)
    async with watching(phases, phases.network) as (listener, attempts):
        await listener.state(Signature.READY)
        began = trio.current_time()
        await listener.change(Kind.RECONNECTED)
        half_open = listener.heard[-2]
        assert half_open.kind is Kind.HALF_OPEN
        assert half_open.time - began == pytest.approx(15, abs=0.1), "a ping after 5 s, and 10 s of silence"
        assert half_open.cause is not None
        assert attempts.connections_opened == 2
        assert phases.ends[0] == "fin"


async def test_a_peer_that_says_anything_is_no_half_open_one(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(DEAF)
    async with watching(phases, phases.network) as (listener, attempts):
        await listener.state(Signature.READY)
        for _ in range(10):
            await trio.sleep(7)
            await phases.push(2107, "HMDS data farm connection is inactive:ushmds")
        assert attempts.connections_opened == 1


async def test_a_start_without_a_link_to_ibkr_is_kept_until_it_is_back(autojump_clock: trio.testing.MockClock) -> None:
    phases, facts = Phases(), list[Fact]()
    phases.switch(OFFLINE)
    async with watching(phases, phases.network, facts.append) as (listener, attempts):
        await listener.state(Signature.BACKEND_LOST)
        await phases.push(1101, "restored, data lost")
        restored = await listener.state(Signature.READY)
        assert "subscriptions were lost" in restored.sentence
        assert [fact.code for fact in facts if isinstance(fact, Noticed)] == [1101]
        assert attempts.connections_opened == 1


async def test_a_farm_breaks_in_a_session(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(WELL)
    async with watching(phases, phases.network) as (listener, _):
        await listener.state(Signature.READY)
        await phases.push(2103, "Market data farm connection is broken:usfarm")
        await trio.testing.wait_all_tasks_blocked()
        assert (listener.heard[-1].kind, listener.heard[-1].farm) == (Kind.FARM_BROKEN, "usfarm")
