"""Which version a TWS answers to each offer, and what it sends then: one connection an offer, one after the other.

The rules:
- A connection speaks the smaller of what the TWS has and the highest version on offer. So each client library's offer is made just as the
  library makes it, the lowest first.
- One session is enough for a version: where an answer is one that a session has been started for, the connection is closed behind it.
- What has nothing to do with versions ends the look, because every other offer would fare the same: no connection, silence, a dialog.
- At least ``PAUSE`` seconds lie between two connections, and each is closed with a FIN: TWS mistakes faster clients for the old one.
- The huge offer, to learn of a TWS that is newer than this program, is made last, and no session is started on it: what follows its
  answer may be in a dialect that is not declared here. It is left out where a lower answer has already told the highest version.

Known doubt: that a TWS answers an offer beyond its own versions with its highest is how it answers lower ones; nobody has published that it
does for a huge one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import trio

from twsprobe.net.address import shown_address
from twsprobe.net.connection import Recorder
from twsprobe.probing.client_ids import PAUSE
from twsprobe.probing.compatibility import Forms, Offer, Said, Session, Tried, Versions
from twsprobe.probing.options import HIGHEST_OFFER, LOWEST_OFFER, OFFERS, Options, random_client_id
from twsprobe.probing.probe import attempt, stages_of
from twsprobe.probing.run import Network, Quiet, Run, StageFunction
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.targets import Target
from twsprobe.wire.events import Event
from twsprobe.wire.framing import Direction

HUGE = 999
"""The highest version of the huge offer."""
NOT_ABOUT_VERSIONS = frozenset(
    each
    for each in Signature
    if (each.stage in (Stage.RESOLVE, Stage.CONNECT, Stage.HANDSHAKE) and each is not Signature.VERSION_UNSUPPORTED)
    or each in (Signature.SILENT_START, Signature.PAPER_DISCLAIMER)
)
"""Signatures with which every other offer would end as well."""


def plan(huge: bool = False) -> tuple[Offer, ...]:
    """The offers in the order in which they are made: each one once, with the libraries that make it."""
    known = {(LOWEST_OFFER, HIGHEST_OFFER), *OFFERS.values()}
    offers = [
        Offer(*versions, tuple(name for name, each in OFFERS.items() if each == versions))
        for versions in sorted(known, key=lambda versions: versions[::-1])
    ]
    return (*offers, *([Offer(LOWEST_OFFER, HUGE, starts=False)] if huge else []))


class Enough(Exception):
    """The answer was all that this connection was for."""


class Follower(Quiet):
    """Takes note of every message from the server, and of those that came before anything but the time was asked for."""

    def __init__(self) -> None:
        self.forms = Forms()
        self._start: dict[tuple[str, str], int] = {}
        self._asked = False

    def stage_began(self, stage: Stage) -> None:
        self._asked |= stage is Stage.SYNC

    def event_seen(self, event: Event) -> None:
        if event.direction is not Direction.TO_CLIENT:
            return
        seen = self.forms.take(event)
        if seen is not None and not self._asked and seen.message != "currentTime":
            key = seen.message, seen.encoding
            self._start[key] = self._start.get(key, 0) + 1

    @property
    def start(self) -> tuple[Said, ...]:
        """The messages at the start, in the order in which they came first."""
        return tuple(Said(*key, count) for key, count in self._start.items())


class Look:
    """One look at the versions of a target. ``tell`` hears of each offer as soon as it was tried.

    With ``sync``, each session also loads the account data, until one does not get them. ``connections_opened`` counts as it goes.
    """

    def __init__(
        self,
        target: Target,
        options: Options | None = None,
        *,
        huge: bool = False,
        sync: bool = False,
        tell: Callable[[Tried, Session | None], None] = lambda tried, session: None,
        pause: float = PAUSE,
        network: Network | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.target, self.options, self.tell = target, options or Options(), tell
        self.pause, self.network, self.recorder = pause, network or Network(), recorder
        self.offers = plan(huge)
        self.connections_opened = 0
        self._wants_sync = self._sync = sync
        self._tried: list[Tried] = []
        self._sessions: dict[int, Session] = {}

    async def ask(self) -> Versions:
        """Make each offer. Must run under Trio. Raises what ``recorder`` raises, and nothing that a peer does."""
        stopped: Signature | None = None
        for offer in self.offers:
            if not offer.starts and self.versions(None).highest is not None:
                continue
            if self._tried:
                await trio.sleep(max(self.pause, PAUSE))
            stopped = await self._make(offer)
            if stopped is not None:
                break
        return self.versions(stopped)

    def versions(self, stopped: Signature | None) -> Versions:
        """What is known so far."""
        shown, sessions = shown_address(self.target), tuple(self._sessions.values())
        return Versions(
            shown, self.target.port, self.offers, tuple(self._tried), sessions, self.connections_opened, stopped, self._wants_sync
        )

    async def _make(self, offer: Offer) -> Signature | None:
        """Make an offer; the signature of what has nothing to do with versions, where that came of it."""
        options = dataclasses.replace(
            self.options, minimum=offer.minimum, maximum=offer.maximum, client_id=None, sync=self._sync, config=False, timeout=math.inf
        )
        follower = Follower()
        run = Run(*self.target, options, random_client_id(), follower, self.recorder, self.network)
        run.number = len(self._tried) + 1
        try:
            await attempt(run, self._stages(options, offer))
        except Enough:
            pass  # attempt has closed the connection
        finally:
            self.connections_opened += run.connections_opened
        return self._note(run, offer, follower)

    def _stages(self, options: Options, offer: Offer) -> list[tuple[Stage, StageFunction]]:
        def unless_known(work: StageFunction) -> StageFunction:
            async def start(run: Run) -> str:
                if run.observation.server_version in self._sessions:
                    raise Enough
                return await work(run)

            return start

        stages = [(stage, unless_known(work) if stage is Stage.START else work) for stage, work in stages_of(options)]
        return stages if offer.starts else stages[: [stage for stage, _ in stages].index(Stage.START)]

    def _note(self, run: Run, offer: Offer, follower: Follower) -> Signature | None:
        facts = run.observation
        before = facts.stage in (Stage.RESOLVE, Stage.CONNECT, Stage.HANDSHAKE)
        tried = Tried(offer, facts.server_version, facts.signature if before else None)
        self._tried.append(tried)
        session = None
        if facts.start_sent and facts.server_version is not None:
            session = self._sessions[facts.server_version] = session_of(run, follower)
            self._sync = self._sync and facts.stage is not Stage.SYNC
        self.tell(tried, session)
        return facts.signature if facts.signature in NOT_ABOUT_VERSIONS else None


def session_of(run: Run, follower: Follower) -> Session:
    """What a session showed."""
    facts = run.observation
    return Session(
        facts.server_version or 0,
        facts.signature or Signature.READY,
        any(stage.name == Stage.START.value and stage.ok for stage in run.stages),
        follower.start,
        tuple(dict.fromkeys(code for code, _ in facts.notices)),
        tuple((step.request, step.ok) for step in run.sync),
        follower.forms.all,
    )
