"""Wait until a target has come to a level: for whatever must not start before TWS does.

A session whose link to IBKR is lost is kept, because the notice that the link is back arrives in it; every other failure closes its
connection before the next attempt.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from twsprobe.probing.attempts import Attempts, go_on, stages_until
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Run
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.transitions import Level
from twsprobe.probing.watching import Kept, Tell, keep

LEAST_TIME = 1.0
"""Seconds that an attempt needs for its verdict to mean something; with less left, the one before it stands."""


@dataclass(frozen=True)
class Waited:
    """How waiting ended. ``report`` is the last attempt's; ``seconds`` is how long it took."""

    ok: bool
    level: Level
    report: ProbeReport
    seconds: float
    connections_opened: int

    @property
    def signature(self) -> Signature:
        """How the last attempt ended; READY where the level was reached."""
        return self.report.signature

    @property
    def exit_code(self) -> int:
        """What the program returns: 0 where the level was reached, otherwise the last signature's code."""
        return 0 if self.ok else self.report.exit_code


async def wait(attempts: Attempts, tell: Tell) -> Waited:
    """Try until the level of ``attempts`` is reached, or their deadline has come. Every connection is closed by then."""
    began = trio.current_time()
    ok = False
    while not ok:
        run = await attempts.attempt()
        try:
            ok = run.observation.signature is Signature.READY
            if run.observation.signature is Signature.BACKEND_LOST:
                with trio.move_on_at(attempts.deadline):
                    ok = await outlast(run, attempts, tell)
        finally:
            await attempts.close(run)
        if not ok:
            now, last = trio.current_time(), attempts.deadline - LEAST_TIME
            again = now + attempts.pause
            # Only a pause after an attempt that cost the peer nothing is made shorter for a last one.
            if again > last and (now >= last or run.connections_opened):
                break
            await trio.sleep_until(min(again, last))
    assert attempts.report is not None  # at least one attempt was made
    return Waited(ok, attempts.level, attempts.report, trio.current_time() - began, attempts.connections_opened)


async def outlast(run: Run, attempts: Attempts, tell: Tell) -> bool:
    """Keep a session until its link to IBKR is back, and do there what is left to do. True where the level is reached then."""
    if await keep(run, tell, until_restored=True) is not Kept.RESTORED:
        return False
    run.note(signature=None, stage=None)
    if attempts.level is Level.SYNCED:
        await go_on(run, [step for step in stages_until(attempts.level, run.options) if step[0] is Stage.SYNC])
    attempts.ended(run)
    return run.observation.signature is Signature.READY
