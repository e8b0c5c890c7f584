"""From what is seen of a target over time to what has changed: no I/O, and no clock but the times that facts carry.

The problem: a watcher sees attempts, notices and silences, and has to say "restart", "the link to IBKR is back" or "half open" once each,
when it happens. The rule: facts go in, in order; each gives the transitions that it causes. A state is left only for another one, so the
same failure again says nothing. A loss of a session followed by a port that does not serve is a restart; one that takes longer than
``LONGEST_RESTART`` is more likely a login that waits for its second factor.
Known doubts: nothing on the wire tells a restart from a stop, nor a waiting second factor from an application that stays down. Both are
judgements, and carry a confidence that is never "proven".
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Literal

from twsprobe.probing.causes import CAUSES, rank
from twsprobe.probing.judgement import Confidence, Evidence, RankedCause
from twsprobe.probing.observation import Observation
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.signatures import Layer, Signature, Stage
from twsprobe.probing.stages import LOST, RESTORED

LONGEST_RESTART = 180.0
"""Seconds after which an application that went away is not in its usual restart any more. Reported restarts take one to three minutes."""
FARM_BROKEN, FARM_WELL = frozenset({2103, 2105, 2157}), frozenset({2104, 2106, 2158})
PORT_CHANGED = 1300
MOST_FARMS, LONGEST_FARM = 50, 60
"""How many broken farms are kept, and characters of a farm's name: both are the peer's word."""
SCHEMA = "twsprobe.watch/1"


class Level(IntEnum):
    """How far a target lets a client come."""

    NOTHING = 0
    TCP = 1
    """It accepts connections; a forwarder whose backend is dead does too."""
    HANDSHAKE = 2
    """It answers the greeting with a server version."""
    API = 3
    """It has started a session: managedAccounts and nextValidId have come."""
    BACKEND = 4
    """It has not said that its link to IBKR is lost."""
    SYNCED = 5
    """Positions, orders, account and executions load to their ends."""


_FAILED_AT = {
    Stage.RESOLVE: Level.NOTHING,
    Stage.CONNECT: Level.NOTHING,
    Stage.HANDSHAKE: Level.TCP,
    Stage.START: Level.HANDSHAKE,
    Stage.READY: Level.API,
    Stage.SYNC: Level.BACKEND,
    Stage.CONFIG: Level.BACKEND,
}


def level_of(report: ProbeReport) -> Level:
    """How far an attempt came; one that went well came as far as it was meant to, which its stages say."""
    failed = report.observation.stage
    if failed is not None and report.signature is not Signature.READY:
        return _FAILED_AT[failed]
    passed = {stage.name for stage in report.stages if stage.ok}
    ends = ((Stage.SYNC, Level.SYNCED), (Stage.READY, Level.BACKEND), (Stage.START, Level.API), (Stage.HANDSHAKE, Level.HANDSHAKE))
    return next((level for stage, level in ends if stage.value in passed), Level.TCP)


class Kind(Enum):
    """What a transition is."""

    READY = "ready"
    """A session has started, for the first time or after a failure."""
    FAILURE = "failure"
    """A client fails in another way than before; the signature says how."""
    ENDED = "session-ended"
    RESTARTING = "restarting"
    """The session was closed, and the port does not serve any more."""
    RESTARTED = "restarted"
    SECOND_FACTOR = "second-factor-window"
    """It stays away for longer than a restart takes."""
    RECONNECTED = "reconnected"
    """The session was lost, and the next attempt came through."""
    BACKEND_LOST = "backend-lost"
    BACKEND_RESTORED = "backend-restored"
    FARM_BROKEN = "farm-broken"
    FARM_RESTORED = "farm-restored"
    HALF_OPEN = "half-open"
    PORT_CHANGED = "port-changed"


@dataclass(frozen=True)
class Looked:
    """An attempt has ended, or is silent so far, as ``report`` says. ``time`` is seconds of a clock that only goes forward."""

    time: float
    report: ProbeReport


@dataclass(frozen=True)
class Noticed:
    """A notice came in a session."""

    time: float
    code: int
    text: str


@dataclass(frozen=True)
class Answered:
    """A request of the time was answered, ``seconds`` after it was sent."""

    time: float
    seconds: float


@dataclass(frozen=True)
class Unanswered:
    """Nothing at all has come for ``seconds`` since a request of the time was sent; the connection is given up."""

    time: float
    seconds: float


@dataclass(frozen=True)
class Ended:
    """The peer has closed the session."""

    time: float
    how: Literal["fin", "rst"]


Fact = Looked | Noticed | Answered | Unanswered | Ended


@dataclass(frozen=True)
class Transition:
    """A change. ``sentence`` holds no text that the peer chose, but for ``farm``, which is its name as it came.

    ``signature`` is the state from now on, None where a session ended and nothing is known yet. ``seconds`` is how long it had been
    away (for what came back), or silent.
    """

    time: float
    kind: Kind
    signature: Signature | None
    level: Level
    sentence: str
    cause: RankedCause | None = None
    seconds: float | None = None
    code: int | None = None
    farm: str | None = None

    def to_dict(self, target: str, when: str, connections_opened: int) -> dict[str, Any]:
        """The object of ``watch --json`` (``SCHEMA``); ``when`` is ISO 8601."""
        cause = self.cause
        return {
            "schema": SCHEMA,
            "time": when,
            "target": target,
            "transition": self.kind.value,
            "signature": self.signature.value if self.signature else None,
            "level": self.level.name.lower(),
            "summary": self.sentence,
            "cause": None
            if cause is None
            else {
                "id": cause.id,
                "confidence": cause.confidence.value,
                "title": cause.title,
                "evidence": [{"side": evidence.side, "text": evidence.sentence} for evidence in cause.evidence],
                "remedy": cause.remedy,
                "source": cause.source,
            },
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "code": self.code,
            "farm": self.farm,
            "connections_opened": connections_opened,
        }


def judged(cause: str, confidence: Confidence, *evidence: str) -> RankedCause:
    """A cause that follows from what happened over time, which no single observation shows."""
    known = CAUSES[cause]
    said = tuple(Evidence("for", sentence) for sentence in evidence)
    return RankedCause(known.id, confidence, said, known.title, known.remedy, known.source, known.layer or Layer.SESSION)


def likeliest(causes: tuple[RankedCause, ...]) -> RankedCause | None:
    """The cause to look at first, if there is one."""
    return causes[0] if causes and causes[0].confidence is not Confidence.EXCLUDED else None


def farm_of(text: str) -> str:
    """The name of the farm that a notice is about: what stands behind the last colon."""
    return text.rpartition(":")[2].strip()[:LONGEST_FARM]


class Transitions:
    """The present state of one target, and what of it changes. ``take`` gives each fact's transitions."""

    def __init__(self) -> None:
        self.signature: Signature | None = None
        self.level = Level.NOTHING
        self.since = 0.0
        """When the present state began."""
        self.observation = Observation()
        """The facts of the last attempt."""
        self.broken: dict[str, int] = {}
        """The farms that are broken, each with the code that said so."""
        self.round_trip: float | None = None
        """Seconds that the last answer took."""
        self.counts: Counter[Kind] = Counter()
        self._lost_at: float | None = None
        self._backend_lost_at: float | None = None
        self._away = self._second_factor = self._port_changed = False

    def take(self, fact: Fact) -> list[Transition]:
        """What a fact changes."""
        found: list[Transition] = []
        match fact:
            case Looked(time, report):
                found = self._looked(time, report)
            case Noticed(time, code, text):
                found = self._noticed(time, code, text)
            case Answered(_, seconds):
                self.round_trip = seconds
            case Unanswered(time, seconds):
                found = [self._half_open(time, seconds)]
            case Ended(time, how):
                found = [self._ended(time, how)]
        self.counts.update(transition.kind for transition in found)
        return found

    def _become(self, time: float, signature: Signature | None, level: Level) -> None:
        if signature is not self.signature:
            self.since = time
        self.signature, self.level = signature, level

    def _looked(self, time: float, report: ProbeReport) -> list[Transition]:
        self.observation = report.observation
        signature, level = report.signature, level_of(report)
        if signature in (Signature.READY, Signature.BACKEND_LOST):
            return self._started(time, report, signature, level)
        changed = signature is not self.signature
        self._become(time, signature, level)
        away = 0.0 if self._lost_at is None else time - self._lost_at
        if away >= LONGEST_RESTART and not self._second_factor:
            self._second_factor = True
            evidence = (f"It went away {away:.0f} s ago; a restart takes less.",)
            sentence = "The application has been away for longer than a restart takes: a login may wait for its second factor."
            cause = judged("relogin-required", Confidence.POSSIBLE, *evidence)
            return [Transition(time, Kind.SECOND_FACTOR, signature, level, sentence, cause, away)]
        if not changed:
            return []
        if self._lost_at is not None and not self._away and not self._port_changed and level <= Level.TCP:
            self._away = True
            cause = judged(
                "nightly-restart", Confidence.LIKELY, "The session was closed, and then a new client failed.", report.observation.sentence
            )
            return [
                Transition(
                    time,
                    Kind.RESTARTING,
                    signature,
                    level,
                    f"The application restarts, or was stopped. {report.observation.sentence}",
                    cause,
                )
            ]
        return [Transition(time, Kind.FAILURE, signature, level, report.observation.sentence, likeliest(report.causes))]

    def _started(self, time: float, report: ProbeReport, signature: Signature, level: Level) -> list[Transition]:
        before, lost_at = self.signature, self._lost_at
        found: list[Transition] = []
        was_away = self._away
        self._lost_at, self._away, self._second_factor, self._port_changed = None, False, False, False
        self.broken = {}
        self._become(time, signature, level)
        if lost_at is not None:
            kind, text = (Kind.RESTARTED, "is back after a restart") if was_away else (Kind.RECONNECTED, "takes clients again")
            away = time - lost_at
            found.append(
                Transition(time, kind, signature, level, f"The application {text}, {away:.1f} s after the session was lost.", None, away)
            )
        elif signature is Signature.READY and before is not Signature.READY:
            found.append(Transition(time, Kind.READY, signature, level, report.observation.sentence))
        if signature is Signature.BACKEND_LOST:
            if self._backend_lost_at is None:
                code = next((number for number, _ in reversed(report.observation.notices) if number in LOST), None)
                found.append(self._backend_lost(time, likeliest(report.causes), code))
        elif signature is Signature.READY:
            self._backend_lost_at = None
        for code, text in report.observation.notices:
            found += self._farm(time, code, text)
        return found

    def _backend_lost(self, time: float, cause: RankedCause | None, code: int | None) -> Transition:
        if self._backend_lost_at is None:
            self._backend_lost_at = time
        sentence = Signature.BACKEND_LOST.sentence
        return Transition(time, Kind.BACKEND_LOST, Signature.BACKEND_LOST, Level.API, sentence, cause, code=code)

    def _noticed(self, time: float, code: int, text: str) -> list[Transition]:
        if code in LOST:
            if self.signature is Signature.BACKEND_LOST:
                return []
            self._become(time, Signature.BACKEND_LOST, Level.API)
            return [self._backend_lost(time, self._judge(Signature.BACKEND_LOST, code, text), code)]
        if code in RESTORED:
            return self._restored(time, code)
        if code == PORT_CHANGED:
            self._port_changed = True
            sentence = "The socket port of TWS was changed; it closes every connection."
            cause = judged("port-changed", Confidence.PROVEN, "TWS sent code 1300.")
            return [Transition(time, Kind.PORT_CHANGED, self.signature, self.level, sentence, cause, code=code)]
        return self._farm(time, code, text)

    def _judge(self, signature: Signature, code: int, text: str) -> RankedCause | None:
        """The likeliest cause, were the last attempt's observation to end in this notice."""
        facts = dataclasses.replace(self.observation, signature=signature, stage=signature.stage, notices=((code, text),))
        return likeliest(rank(facts))

    def _restored(self, time: float, code: int) -> list[Transition]:
        if self._backend_lost_at is None and self.signature is not Signature.BACKEND_LOST:
            return []
        away = 0.0 if self._backend_lost_at is None else time - self._backend_lost_at
        self._backend_lost_at = None
        self._become(time, Signature.READY, Level.BACKEND)
        kept = "lost: every client has to subscribe anew" if code == 1101 else "kept"
        sentence = f"The link of TWS to IBKR is back after {away:.1f} s, and market data subscriptions were {kept}."
        return [Transition(time, Kind.BACKEND_RESTORED, Signature.READY, Level.BACKEND, sentence, None, away, code)]

    def _farm(self, time: float, code: int, text: str) -> list[Transition]:
        farm = farm_of(text)
        if code in FARM_BROKEN and farm not in self.broken and len(self.broken) < MOST_FARMS:
            self.broken[farm] = code
            kind, sentence = Kind.FARM_BROKEN, "A data farm of IBKR is broken; requests for its data stay unanswered."
            return [Transition(time, kind, self.signature, self.level, sentence, self._farm_cause(code, text), None, code, farm)]
        if code in FARM_WELL and self.broken.pop(farm, None) is not None:
            sentence = "A data farm of IBKR that was broken is back."
            return [Transition(time, Kind.FARM_RESTORED, self.signature, self.level, sentence, None, None, code, farm)]
        return []

    def _farm_cause(self, code: int, text: str) -> RankedCause | None:
        facts = dataclasses.replace(self.observation, signature=Signature.READY, stage=None, notices=((code, text),))
        return next((cause for cause in rank(facts) if cause.id == "farm-outage"), None)

    def _half_open(self, time: float, seconds: float) -> Transition:
        self._lost(time)
        cause = judged(
            "half-open-connection", Confidence.LIKELY, f"Nothing has come for {seconds:.1f} s, though TWS was asked for the time."
        )
        sentence = f"The connection is open on this side, and nothing has answered for {seconds:.1f} s."
        return Transition(time, Kind.HALF_OPEN, None, Level.NOTHING, sentence, cause, seconds)

    def _ended(self, time: float, how: str) -> Transition:
        self._lost(time)
        sentence = f"The application closed the session ({how.upper()})."
        if self._port_changed:
            cause = judged("port-changed", Confidence.PROVEN, "TWS sent code 1300 before the close.")
        else:
            cause = judged("nightly-restart", Confidence.POSSIBLE, "The session was closed without a reason.")
        return Transition(time, Kind.ENDED, None, Level.NOTHING, sentence, cause)

    def _lost(self, time: float) -> None:
        """The session is gone; what is known of farms and of the link to IBKR went with it."""
        self._become(time, None, Level.NOTHING)
        self._lost_at = time
        self.broken, self.round_trip = {}, None
        self._backend_lost_at = None
