"""Attempts at one target, one connection at a time, in a rhythm that a gateway can bear.

The problem: a waiter wants to know at once, and every connection that it gives up on may stay in a wedged gateway as CLOSE_WAIT until its
accept queue is full. The rules:
- What costs the peer nothing (a refused port, a name without an address) is tried again within a second.
- A silent peer is waited for on the connection that is open: there its answer, or its end, shows at once. After ``FIRST_PATIENCE``
  seconds, twice as long each time up to ``LONGEST_PATIENCE``, a new connection is tried, in case the old one is the matter.
- Between the end of a connection and the next lies at least a second: TWS mistakes faster clients for the old one.
- A silence is told of after ``SILENT_AFTER`` seconds, long before it is given up on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import trio

from twsprobe.probing.options import Options, random_client_id
from twsprobe.probing.probe import stages_of
from twsprobe.probing.report import ProbeReport, StageReport, judged
from twsprobe.probing.run import Network, Quiet, Run, StageFunction, raised, run_stage
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.targets import Target
from twsprobe.probing.transitions import Level, Looked

SILENT_AFTER = 0.75
FIRST_PATIENCE, LONGEST_PATIENCE = 5.0, 30.0
FIRST_PAUSE, SHORTEST_PAUSE = 0.25, 1.0
"""Seconds before the next attempt: after one that opened no connection, and after one that did."""
SYNC_PAUSE = 15.0
"""Seconds before account data are asked for again, in full, of a TWS that did not give them."""
GROWTH = 1.5
_LAST_STAGE = {Level.TCP: Stage.CONNECT, Level.HANDSHAKE: Stage.HANDSHAKE, Level.API: Stage.START, Level.BACKEND: Stage.READY}
_QUIETLY_WAITING = (Stage.CONNECT, Stage.HANDSHAKE, Stage.START)
"""Stages whose silence is worth telling; later ones take their time."""
_SILENCES = (Signature.SILENT_HANDSHAKE, Signature.FRAME_INCOMPLETE, Signature.SILENT_START, Signature.PARTIAL_START)

Judge = Callable[[ProbeReport], ProbeReport]
"""Judges a report again, by what this machine knows besides."""


def stages_until(level: Level, options: Options) -> list[tuple[Stage, StageFunction]]:
    """The stages that prove a level."""
    stages = stages_of(dataclasses.replace(options, sync=level is Level.SYNCED, config=False))
    last = _LAST_STAGE.get(level, Stage.SYNC)
    return stages[: [stage for stage, _ in stages].index(last) + 1]


class Attempts:
    """Attempts at ``target``. ``tell`` hears of each that fails, or is silent so far, and of each session that has started.

    ``deadline`` bounds every attempt; ``max_pause`` is the longest pause, in seconds, but for SYNC_PAUSE. ``judge`` is asked only when
    the signature is another one than before.
    """

    def __init__(
        self,
        target: Target,
        level: Level,
        options: Options,
        tell: Callable[[Looked], None],
        *,
        network: Network | None = None,
        judge: Judge | None = None,
        deadline: float = math.inf,
        max_pause: float = SHORTEST_PAUSE,
    ) -> None:
        self.target, self.level, self.options, self.tell = target, level, options, tell
        self.network, self.deadline, self.max_pause = network or Network(), deadline, max_pause
        self.made = 0
        """Attempts that were begun."""
        self.report: ProbeReport | None = None
        """How the last attempt ended, or how it stands."""
        self._judge = judge
        self._judged: ProbeReport | None = None
        self._repeats = 0
        """How many attempts in a row have ended in the signature ``_last``."""
        self._last: Signature | None = None
        self._closed = 0
        self._run: Run | None = None

    @property
    def connections_opened(self) -> int:
        """Connections that were opened so far, the present one included."""
        return self._closed + (self._run.connections_opened if self._run is not None else 0)

    @property
    def patience(self) -> float:
        """Seconds for which the next attempt waits for a silent peer."""
        silences = min(self._repeats, 10) if self._last in _SILENCES else 0
        return float(min(FIRST_PATIENCE * 2**silences, LONGEST_PATIENCE))

    @property
    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        if self._last is Signature.SYNC_STALLED:
            return SYNC_PAUSE
        opened = self.report is not None and self.report.connections_opened > 0
        first = SHORTEST_PAUSE if opened else FIRST_PAUSE
        # Bounded before it is raised to a power: a day of refusals is a large number of them.
        return max(first, min(first * GROWTH ** min(max(self._repeats - 1, 0), 40), self.max_pause))

    def begin_anew(self) -> None:
        """Forget how often the same has happened: a session has been there."""
        self._repeats, self._last = 0, None

    async def attempt(self) -> Run:
        """Go through the stages until one fails. The caller closes the run's connection, by ``close``, if there is one."""
        self.made += 1
        run = self._run = self._new_run()
        follower = Follower()
        run.watcher = follower
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell_of_silence, run, follower)
                await go_on(run, stages_until(self.level, self.options))
                nursery.cancel_scope.cancel()
        except BaseException:
            await self.close(run)
            raise
        self.ended(run)
        return run

    def _new_run(self) -> Run:
        patience = ((Stage.HANDSHAKE, self.patience), (Stage.START, self.patience))
        options = dataclasses.replace(self.options, timeout=math.inf, stage_timeouts=(*patience, *self.options.stage_timeouts))
        client_id = random_client_id() if options.client_id is None else options.client_id
        run = Run(*self.target, options, client_id, Quiet(), None, self.network)
        run.deadline = self.deadline
        run.number = self.made
        return run

    def ended(self, run: Run) -> None:
        """Judge and tell how an attempt ended. A session that is there is told of as READY, whatever the level that was asked for."""
        signature = run.observation.signature
        self._repeats = self._repeats + 1 if signature is self._last else 1
        self._last = signature
        if signature is None:
            run.note(signature=Signature.READY)
        self._tell(self.report_of(run))

    def report_of(self, run: Run) -> ProbeReport:
        """A run as it stands. What does not differ from the last report by its signature gets that one's causes."""
        observation = run.observation
        host, port = self.target
        report = ProbeReport(
            target=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            observation=observation,
            stages=tuple(run.stages),
            causes=(),
            connections_opened=run.connections_opened,
            sync=tuple(run.sync),
        )
        before = self._judged
        if before is not None and before.signature is report.signature and before.observation.codes == observation.codes:
            return dataclasses.replace(report, causes=before.causes)
        report = dataclasses.replace(report, causes=judged(observation))
        if self._judge is not None and not report.ok:
            report = self._judge(report)
        self._judged = report
        return report

    def _tell(self, report: ProbeReport) -> None:
        self.report = report
        self.tell(Looked(trio.current_time(), report))

    async def _tell_of_silence(self, run: Run, follower: Follower) -> None:
        while True:
            changed = follower.changed
            with trio.move_on_after(SILENT_AFTER) as scope:
                await changed.wait()
            if scope.cancelled_caught:
                if run.current_stage in _QUIETLY_WAITING:
                    self._tell(self.silent(run))
                await changed.wait()

    def silent(self, run: Run) -> ProbeReport:
        """The report, were the present stage to end in silence now."""
        before = run.observation
        signature, _ = raised(run, run.current_stage, trio.TooSlowError())
        run.note(signature=signature, stage=run.current_stage, elapsed_ms=SILENT_AFTER * 1000)
        report = self.report_of(run)
        run.observation = before
        return report

    async def close(self, run: Run) -> None:
        """Close the connection of a run with a FIN, if it has one, and count it."""
        if run.connection is not None:
            with trio.CancelScope(shield=True):
                await run.connection.aclose()
        self._closed += run.connections_opened
        self._run = None


class Follower(Quiet):
    """Follows the stages of a run: ``changed`` is set, and replaced, when the next one begins."""

    def __init__(self) -> None:
        self.changed = trio.Event()

    def _next(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    def stage_began(self, stage: Stage) -> None:
        self._next()

    def stage_ended(self, report: StageReport) -> None:
        self._next()


async def go_on(run: Run, stages: Sequence[tuple[Stage, StageFunction]]) -> None:
    """Run stages until one fails."""
    for stage, work in stages:
        if not await run_stage(run, stage, work):
            return
