"""The table from what a stage raised to a signature."""

from __future__ import annotations

import errno
import os

import pytest
import trio

from twsprobe.capture.model import Close
from twsprobe.net.connection import PeerClosed
from twsprobe.net.dial import Attempt, NoConnection, Unresolved
from twsprobe.probing.options import Options
from twsprobe.probing.run import CLOSE, MOST_NOTICES, NO_CONNECTION, SILENCE, Failed, Network, Quiet, Run, raised, run_stage
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import Direction


def new_run() -> Run:
    return Run("127.0.0.1", 7497, Options(timeout=5.0), 7, Quiet(), None, Network())


def test_every_stage_has_a_signature_for_silence_and_for_a_close() -> None:
    assert set(SILENCE) == set(Stage)
    assert set(CLOSE) == set(Stage) - {Stage.RESOLVE, Stage.CONNECT}
    assert set(NO_CONNECTION) == {Close.REFUSED, Close.TIMEOUT, Close.UNREACHABLE}


@pytest.mark.parametrize(
    ("stage", "fault", "signature"),
    [
        (Stage.RESOLVE, Unresolved("no such name"), Signature.NAME_UNRESOLVED),
        (Stage.RESOLVE, trio.TooSlowError(), Signature.NAME_UNRESOLVED),
        (Stage.CONNECT, NoConnection((Attempt(("::1", 1), Close.REFUSED, "refused"),), Close.REFUSED), Signature.TCP_REFUSED),
        (Stage.CONNECT, NoConnection((), Close.UNREACHABLE), Signature.TCP_UNREACHABLE),
        (Stage.SYNC, PeerClosed(Close.RST), Signature.CLOSED_DURING_SYNC),
        (Stage.READY, PeerClosed(Close.FIN), Signature.CLOSED_AFTER_START),
    ],
)
async def test_what_is_raised_has_a_signature(stage: Stage, fault: Exception, signature: Signature) -> None:
    run = new_run()
    assert raised(run, stage, fault)[0] is signature
    if isinstance(fault, PeerClosed):
        assert run.observation.closed == fault.how.value


@pytest.mark.parametrize(
    ("numbers", "no_route"),
    [((errno.ENETUNREACH,), True), ((errno.EHOSTUNREACH,), False), ((errno.ENETUNREACH, errno.EHOSTUNREACH), False), ((), False)],
)
async def test_a_missing_route_is_told_from_a_host_that_does_not_answer(numbers: tuple[int, ...], no_route: bool) -> None:
    run = new_run()
    attempts = tuple(Attempt(("192.0.2.1", 7497), Close.UNREACHABLE, os.strerror(number)) for number in numbers)
    raised(run, Stage.CONNECT, NoConnection(attempts, Close.UNREACHABLE))
    assert run.observation.no_route is no_route


async def test_a_stage_is_timed_and_reported(autojump_clock: trio.testing.MockClock) -> None:
    run = new_run()

    async def good(_: Run) -> str:
        await trio.sleep(0.25)
        return "fine"

    async def bad(_: Run) -> str:
        raise Failed(Signature.REDIRECTED, "elsewhere")

    assert await run_stage(run, Stage.RESOLVE, good)
    assert not await run_stage(run, Stage.HANDSHAKE, bad)
    assert [(stage.name, stage.ok, stage.detail) for stage in run.stages] == [("resolve", True, "fine"), ("handshake", False, "elsewhere")]
    assert run.stages[0].elapsed_ms == pytest.approx(250, abs=1)
    assert run.observation.signature is Signature.REDIRECTED
    assert run.observation.stage is Stage.HANDSHAKE


async def test_notices_are_kept_once_each_and_no_more_than_a_hundred() -> None:
    run = new_run()

    def notice(code: int, text: str) -> Decoded:
        return Decoded(Direction.TO_CLIENT, 4, "error", 178, "text", {"errorCode": code, "errorMsg": text}, b"", 0)

    for number in range(300):
        run.take(notice(2104, f"farm {number % 150}"))
    run.take(notice(326, "taken"))
    assert len(run.observation.notices) == MOST_NOTICES + 1
    assert run.observation.notices[-1] == (326, "taken")


async def test_stages_behind_connect_need_a_connection() -> None:
    with pytest.raises(RuntimeError):
        _ = new_run().open
