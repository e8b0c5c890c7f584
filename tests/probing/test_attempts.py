"""The rhythm of attempts: what is tried again soon, what is waited for, and what is told meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.probing.phases import DISCLAIMER, REFUSED, SILENT, WELL, Phases
from twsprobe.net.script import Script, Usual
from twsprobe.probing.attempts import (
    FIRST_PATIENCE,
    LONGEST_PATIENCE,
    SHORTEST_PAUSE,
    SILENT_AFTER,
    SYNC_PAUSE,
    Attempts,
    Judge,
    stages_until,
)
from twsprobe.probing.options import Options
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Run
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.targets import Target
from twsprobe.probing.transitions import Level, Looked


@asynccontextmanager
async def trying(
    phase: Script | None, level: Level = Level.BACKEND, judge: Judge | None = None, max_pause: float = 1.0
) -> AsyncIterator[tuple[Attempts, Phases, list[Looked]]]:
    """Attempts at a server in a phase, and what they tell."""
    phases, told = Phases(), list[Looked]()
    phases.switch(phase)
    async with trio.open_nursery() as nursery:
        target, options = Target("127.0.0.1", 7497), Options()
        yield (
            Attempts(target, level, options, told.append, network=phases.network(nursery), judge=judge, max_pause=max_pause),
            phases,
            told,
        )
        nursery.cancel_scope.cancel()


async def once(attempts: Attempts) -> Run:
    run = await attempts.attempt()
    await attempts.close(run)
    return run


@pytest.mark.parametrize("level", list(Level)[1:])
def test_a_level_takes_the_stages_up_to_it(level: Level) -> None:
    stages = [stage for stage, _ in stages_until(level, Options(sync=True, config=True))]
    last = {1: Stage.CONNECT, 2: Stage.HANDSHAKE, 3: Stage.START, 4: Stage.READY, 5: Stage.SYNC}[level]
    assert stages[-1] is last
    assert stages == list(Stage)[: len(stages)]


@pytest.mark.parametrize("level", list(Level)[1:])
async def test_a_level_is_reached_over_one_connection_that_ends_with_a_fin(level: Level, autojump_clock: trio.testing.MockClock) -> None:
    async with trying(WELL, level) as (attempts, phases, told):
        await once(attempts)
        assert [each.report.signature for each in told] == [Signature.READY]
        assert (attempts.connections_opened, phases.accepted, phases.ends) == (1, 1, ["fin"])


async def test_a_silence_is_told_of_early_and_waited_for_longer_each_time(autojump_clock: trio.testing.MockClock) -> None:
    async with trying(SILENT) as (attempts, phases, told):
        lengths = []
        for _ in range(5):
            began = trio.current_time()
            await once(attempts)
            lengths.append(trio.current_time() - began)
        assert [round(length) for length in lengths] == [FIRST_PATIENCE, 10, 20, LONGEST_PATIENCE, LONGEST_PATIENCE]
        first, second = told[:2]
        assert first.time < 1 < second.time
        assert first.time >= SILENT_AFTER
        assert first.report.signature is second.report.signature is Signature.SILENT_HANDSHAKE
        assert first.report.causes
        assert phases.ends == ["fin"] * 5


async def test_a_silence_that_ends_is_answered_on_the_same_connection(autojump_clock: trio.testing.MockClock) -> None:
    async with trying(Script(on_start=())) as (attempts, phases, told):
        async with trio.open_nursery() as nursery:

            async def accept() -> None:
                """Somebody answers the dialog: the session starts."""
                await trio.sleep(3)
                assert phases.simulator is not None
                for session in phases.simulator.clients.values():
                    await session.perform((Usual.ACCOUNTS, Usual.ORDER_ID))

            nursery.start_soon(accept)
            await once(attempts)
        assert [each.report.signature for each in told] == [Signature.SILENT_START, Signature.READY]
        assert phases.accepted == 1


async def test_pauses(autojump_clock: trio.testing.MockClock) -> None:
    async with trying(REFUSED) as (attempts, phases, _):
        pauses = []
        for _ in range(6):
            await once(attempts)
            pauses.append(attempts.pause)
        assert pauses == sorted(pauses)
        assert (pauses[0], pauses[-1]) == (0.25, 1.0), "what opened no connection is soon tried again"
        phases.switch(DISCLAIMER)
        await once(attempts)
        assert attempts.pause == SHORTEST_PAUSE, "TWS takes a client that is faster for the old one"


async def test_longer_pauses_on_request(autojump_clock: trio.testing.MockClock) -> None:
    async with trying(DISCLAIMER, max_pause=20.0) as (attempts, _, _):
        for _ in range(100):
            await once(attempts)
        assert attempts.pause == 20.0
        attempts.begin_anew()
        assert attempts.pause == SHORTEST_PAUSE


async def test_account_data_that_do_not_come_are_not_asked_for_in_a_hurry(autojump_clock: trio.testing.MockClock) -> None:
    async with trying(Script(withheld=frozenset(("positionEnd",))), Level.SYNCED) as (attempts, _, told):
        await once(attempts)
        assert told[-1].report.signature is Signature.SYNC_STALLED
        assert attempts.pause == SYNC_PAUSE


async def test_the_machine_is_looked_at_once_for_each_failure(autojump_clock: trio.testing.MockClock) -> None:
    judged: list[Signature] = []

    def judge(report: ProbeReport) -> ProbeReport:
        judged.append(report.signature)
        return report

    async with trying(REFUSED, judge=judge) as (attempts, phases, told):
        for phase in (REFUSED, REFUSED, DISCLAIMER, DISCLAIMER, WELL):
            phases.switch(phase)
            await once(attempts)
        assert judged == [Signature.TCP_REFUSED, Signature.PAPER_DISCLAIMER]
        assert all(each.report.causes for each in told[:-1])


async def test_an_attempt_that_is_given_up_closes_its_connection(autojump_clock: trio.testing.MockClock) -> None:
    async with trying(SILENT) as (attempts, phases, _):
        with trio.move_on_after(2):
            await attempts.attempt()
        assert (attempts.connections_opened, phases.accepted, phases.ends) == (1, 1, ["fin"])


async def test_each_attempt_has_a_client_id_of_its_own_unless_told(autojump_clock: trio.testing.MockClock) -> None:
    async with trying(WELL) as (attempts, _, told):
        for _ in range(3):
            await once(attempts)
        assert len({each.report.observation.client_id for each in told}) == 3
        attempts.options = Options(client_id=7)
        await once(attempts)
        assert told[-1].report.observation.client_id == 7
