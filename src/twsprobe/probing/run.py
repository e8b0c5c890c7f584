"""One run: the state that the stages share, and the order in which they go.

Each stage is a coroutine with a deadline of its own inside the deadline of the run. What it raises is turned into a signature by one
table (``raised``); the first stage that fails ends the run. The connection is closed with a FIN however the run ends.
"""

from __future__ import annotations

import dataclasses
import errno
import math
import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import trio

from twsprobe.capture.model import Close
from twsprobe.net.address import Address
from twsprobe.net.connection import Connection, PeerClosed, Recorder
from twsprobe.net.dial import Dialed, NoConnection, Unresolved, dial, resolve
from twsprobe.probing.observation import Observation
from twsprobe.probing.options import Options
from twsprobe.probing.report import StageReport, SyncStep
from twsprobe.probing.service import identify
from twsprobe.probing.settings import Finding
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.wire.events import Decoded, Event, SyncLost, Undecodable, Unknown
from twsprobe.wire.framing import SHOWN_WHEN_LOST, Direction

MOMENT = 0.2
"""Seconds to wait for more of bytes that are not understood."""
MOST_NOTICES = 100
"""Notices that are kept of one run."""


class Failed(Exception):
    """A stage recognised what is wrong."""

    def __init__(self, signature: Signature, detail: str) -> None:
        super().__init__(detail)
        self.signature, self.detail = signature, detail


class Watcher(Protocol):
    """Whoever wants to follow a run as it goes. Every method may do nothing."""

    def stage_began(self, stage: Stage) -> None:
        """A stage has begun."""

    def stage_ended(self, report: StageReport) -> None:
        """A stage has ended, well or not."""

    def event_seen(self, event: Event) -> None:
        """Bytes turned out to be something."""

    def noted(self, text: str) -> None:
        """Something that a reader of the output should know."""


class Quiet:
    """A watcher that does nothing."""

    def stage_began(self, stage: Stage) -> None: ...
    def stage_ended(self, report: StageReport) -> None: ...
    def event_seen(self, event: Event) -> None: ...
    def noted(self, text: str) -> None: ...


class Network(NamedTuple):
    """How a run reaches its target. Tests put streams of their own here."""

    resolve: Callable[[str, int], Awaitable[list[Address]]] = resolve
    dial: Callable[[list[Address], float], Awaitable[Dialed]] = dial


class Run:
    """What the stages of one run share. ``note`` adds facts to the observation."""

    def __init__(
        self, host: str, port: int, options: Options, client_id: int, watcher: Watcher, recorder: Recorder | None, network: Network
    ) -> None:
        self.host, self.port, self.options, self.client_id = host, port, options, client_id
        self.watcher, self.recorder = watcher, recorder
        self.resolve, self.dial = network
        self.observation = Observation(
            target_host=host,
            target_port=port,
            client_id=client_id,
            client_id_chosen=options.client_id is not None,
            offered=(options.minimum, options.highest),
        )
        self.addresses: list[Address] = []
        self.connection: Connection | None = None
        self.connections_opened = 0
        self.number = 1
        self.stages: list[StageReport] = []
        self.sync: list[SyncStep] = []
        self.settings: tuple[Finding, ...] = ()
        self.odd_frames = 0
        self.current_stage = Stage.RESOLVE
        self.deadline = trio.current_time() + options.timeout

    def note(self, **facts: Any) -> None:
        """Add facts to the observation."""
        self.observation = dataclasses.replace(self.observation, **facts)

    def limit(self, stage: Stage) -> float:
        """The instant at which something that begins now, in this stage, has to be over."""
        return min(self.deadline, trio.current_time() + self.options.stage_timeout(stage))

    @property
    def open(self) -> Connection:
        """The connection; stages behind connect have one."""
        if self.connection is None:
            raise RuntimeError("no connection is open in this stage")
        return self.connection

    @property
    def pending(self) -> bytes:
        """Bytes from the server that are no whole frame yet."""
        return self.open.conversation.pending(Direction.TO_CLIENT)

    async def gather(self, event: SyncLost) -> None:
        """Take a moment to see more of what is not TWS: its first bytes may have come one by one."""
        data = event.raw
        with trio.move_on_after(MOMENT):
            try:
                while len(data) < SHOWN_WHEN_LOST:
                    data += (await self.open.receive())[0]
            except PeerClosed:
                pass  # what came before is all there is
        self.lost(data)

    async def events(self) -> list[Event]:
        """The events of the next bytes from the server, their notices already noted. Raises PeerClosed."""
        data, events = await self.open.receive()
        seen = self.observation
        self.note(bytes_received=seen.bytes_received + len(data), total_bytes_received=seen.total_bytes_received + len(data))
        for event in events:
            self.take(event)
        return events

    def take(self, event: Event) -> None:
        """Note what any stage notes: notices, and bytes that are no frames."""
        self.watcher.event_seen(event)
        # Before the server version every whole frame but the greeting is an odd one.
        self.odd_frames += isinstance(event, Unknown) and event.server_version is None
        if isinstance(event, Decoded) and event.name == "error":
            code, text = event.fields.get("errorCode"), event.fields.get("errorMsg")
            if isinstance(code, int):
                self.note_notice((code, str(text or "")))

    def note_notice(self, notice: tuple[int, str]) -> None:
        """Note a notice, each once; of a flood the first ones, and after that only codes that are new."""
        seen = self.observation.notices
        if notice not in seen and (len(seen) < MOST_NOTICES or notice[0] not in self.observation.codes):
            self.note(notices=(*seen, notice))

    def lost(self, data: bytes) -> None:
        """Note bytes that are not understood, and what service says such things."""
        self.note(received=data[:SHOWN_WHEN_LOST], service=identify(data))

    def sent(self, events: list[Event]) -> None:
        """Show what went out."""
        for event in events:
            self.watcher.event_seen(event)


StageFunction = Callable[[Run], Awaitable[str]]
"""Does a stage's work and returns what it found, in words."""


SELF_TIMED = frozenset({Stage.CONNECT, Stage.READY, Stage.SYNC})
"""Stages that keep to their deadline themselves: a time-out there is one of several ways to go on."""


async def run_stage(run: Run, stage: Stage, work: StageFunction) -> bool:
    """Run one stage against its deadline, and note how it went. True if it went well."""
    run.current_stage = stage
    run.watcher.stage_began(stage)
    run.note(bytes_received=0)
    began = trio.current_time()
    limit = math.inf if stage in SELF_TIMED else run.limit(stage)
    signature, detail = None, ""
    try:
        with trio.fail_at(limit):
            detail = await work(run)
    except Failed as failure:
        signature, detail = failure.signature, failure.detail
    except (trio.TooSlowError, PeerClosed, Unresolved, NoConnection) as fault:
        signature, detail = raised(run, stage, fault)
    elapsed = (trio.current_time() - began) * 1000
    if signature is not None:
        run.note(signature=signature, stage=stage, elapsed_ms=elapsed)
    report = StageReport(stage.value, signature is None, elapsed, detail)
    run.stages.append(report)
    run.watcher.stage_ended(report)
    return signature is None


SILENCE = {
    Stage.RESOLVE: Signature.NAME_UNRESOLVED,
    Stage.CONNECT: Signature.TCP_TIMEOUT,
    Stage.HANDSHAKE: Signature.SILENT_HANDSHAKE,
    Stage.START: Signature.SILENT_START,
    Stage.READY: Signature.SILENT_START,
    Stage.SYNC: Signature.SYNC_STALLED,
    Stage.CONFIG: Signature.SYNC_STALLED,
}
CLOSE = {
    Stage.HANDSHAKE: Signature.CLOSED_AFTER_PREFIX,
    Stage.START: Signature.CLOSED_AFTER_START,
    Stage.READY: Signature.CLOSED_AFTER_START,
    Stage.SYNC: Signature.CLOSED_DURING_SYNC,
    Stage.CONFIG: Signature.CLOSED_DURING_SYNC,
}
NO_CONNECTION = {
    Close.REFUSED: Signature.TCP_REFUSED,
    Close.TIMEOUT: Signature.TCP_TIMEOUT,
    Close.UNREACHABLE: Signature.TCP_UNREACHABLE,
}


NO_ROUTE = os.strerror(errno.ENETUNREACH)
"""What a connect says where the machine's own table of routes has none (connect(2)); behind it, EHOSTUNREACH comes from others."""


def raised(run: Run, stage: Stage, fault: Exception) -> tuple[Signature, str]:
    """The signature of what a stage raised, and a sentence of detail: silence, a close, or no connection in the first place."""
    if isinstance(fault, Unresolved):
        return Signature.NAME_UNRESOLVED, str(fault)
    if isinstance(fault, NoConnection):
        run.note(
            attempts=tuple((attempt.address[0], (attempt.outcome or Close.REFUSED).value) for attempt in fault.attempts),
            address=fault.attempts[-1].address if fault.attempts else None,
            family=family_of(fault.attempts[-1].address) if fault.attempts else None,
            no_route=bool(fault.attempts) and all(attempt.reason == NO_ROUTE for attempt in fault.attempts),
        )
        return NO_CONNECTION[fault.outcome], "; ".join(f"{attempt.address[0]}: {attempt.reason}" for attempt in fault.attempts)
    if isinstance(fault, PeerClosed):
        run.note(closed="rst" if fault.how is Close.RST else "fin")
        signature, detail = CLOSE[stage], f"the server closed ({fault.how.name})"
        if stage is Stage.HANDSHAKE and not run.observation.prefix_sent:
            signature = Signature.CLOSED_BEFORE_PREFIX
    else:
        signature, detail = SILENCE[stage], "no answer"
    return refined(run, stage, signature, detail)


def refined(run: Run, stage: Stage, signature: Signature, detail: str) -> tuple[Signature, str]:
    """A close or a silence says more where bytes had come before it."""
    if stage is Stage.HANDSHAKE:
        return refined_handshake(run, signature, detail)
    if stage is not Stage.START:
        return signature, detail
    by_code = {326: Signature.CLIENT_ID_IN_USE, 10141: Signature.PAPER_DISCLAIMER}
    for code, named in by_code.items():
        if code in run.observation.codes:
            return named, f"error {code}, then {detail}"
    if signature is Signature.CLOSED_AFTER_START:
        code_seen = run.observation.last_error
        return (signature, detail) if code_seen is None else (Signature.REJECTED, f"error {code_seen}, then {detail}")
    if run.pending:
        run.lost(run.pending)
        return Signature.PARTIAL_START, f"{detail}; {len(run.pending)} bytes of a frame that is not whole"
    return (Signature.PARTIAL_START if run.observation.bytes_received else signature), detail


def refined_handshake(run: Run, signature: Signature, detail: str) -> tuple[Signature, str]:
    """What the bytes were that came in place of a whole greeting."""
    if run.pending:
        run.lost(run.pending)
        named = Signature.NOT_TWS if run.observation.service else Signature.FRAME_INCOMPLETE
        return named, f"{detail}; {len(run.pending)} bytes of a frame that is not whole"
    if run.odd_frames:
        return Signature.FRAME_INVALID, f"{detail}; {run.odd_frames} frames came, none with a server version"
    return signature, detail


def family_of(address: Address) -> str:
    """``ipv4`` or ``ipv6``, by the literal."""
    return "ipv6" if ":" in address[0] else "ipv4"


START_MESSAGES = ("managedAccounts", "nextValidId", "error")
"""What TWS says at the start of a session; a client that cannot read these has no session."""


async def understood(run: Run, event: Event) -> None:
    """Refuse what ends a handshake or a start: bytes that are no frames, messages of the start that break their layout.

    Raises Failed.
    """
    if isinstance(event, SyncLost):
        await run.gather(event)
        if run.current_stage is Stage.HANDSHAKE:
            named = Signature.NOT_TWS if run.observation.service else Signature.FRAME_INVALID
        else:
            named = Signature.MALFORMED_START
        raise Failed(named, event.reason)
    if isinstance(event, Undecodable) and (event.name is None or event.name in START_MESSAGES):
        run.lost(event.raw)
        raise Failed(Signature.MALFORMED_START, f"{event.name or 'a message'}{': ' + event.path if event.path else ''}: {event.reason}")
