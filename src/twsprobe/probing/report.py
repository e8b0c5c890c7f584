"""What a run found, as plain data: for ``--json``, for the terminal, for scripts."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twsprobe.net.address import shown_address
from twsprobe.probing.causes import failing_layer, rank
from twsprobe.probing.judgement import RankedCause
from twsprobe.probing.observation import Observation
from twsprobe.probing.settings import Finding
from twsprobe.probing.signatures import Layer, Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twsprobe.probing.deciding import Decision
    from twsprobe.probing.local import Evidence, Local

SCHEMA = "twsprobe.probe/1"


@dataclass(frozen=True)
class StageReport:
    """One stage: whether it went well (None: it could not be judged), how long it took, and what it found, in words."""

    name: str
    ok: bool | None
    elapsed_ms: float
    detail: str


@dataclass(frozen=True)
class SyncStep:
    """One request of the sync: the message that ends its answer, whether it came, and how many others came before."""

    request: str
    end: str
    ok: bool
    elapsed_ms: float
    messages: int
    detail: str


@dataclass(frozen=True)
class ProbeReport:
    """The result of a run. ``observation`` holds the facts, ``causes`` what explains them, most likely first."""

    target: str
    observation: Observation
    stages: tuple[StageReport, ...]
    causes: tuple[RankedCause, ...]
    connections_opened: int
    sync: tuple[SyncStep, ...] = ()
    settings: tuple[Finding, ...] = ()
    capture: str | None = None
    local: Local | None = None
    """What a look at this machine found; None where none was taken."""
    decision: Decision | None = None
    """What experiments decided; None where none were asked for."""

    @property
    def signature(self) -> Signature:
        """How the run ended."""
        return self.observation.signature or Signature.READY

    @property
    def ok(self) -> bool:
        """The session is usable."""
        return self.signature is Signature.READY

    @property
    def layer(self) -> Layer | None:
        """The layer of the most likely cause; None where nothing failed."""
        return failing_layer(self.observation, self.causes)

    @property
    def exit_code(self) -> int:
        """What the program returns for this run."""
        return self.signature.exit_code

    def judged_again(self, facts: dict[str, object]) -> ProbeReport:
        """The same report with more facts, given as fields of the Observation, and its causes judged by them too."""
        observation = dataclasses.replace(self.observation, **facts)  # type: ignore[arg-type]
        return dataclasses.replace(self, observation=observation)._weighed()

    def with_local(self, local: Local) -> ProbeReport:
        """The same report with what a look at this machine found, and its causes weighed by that too."""
        return dataclasses.replace(self, local=local)._weighed()

    def with_decision(self, decision: Decision, connections: int) -> ProbeReport:
        """The same report with what experiments decided, its causes weighed by that too, and the connections that they opened."""
        opened = self.connections_opened + connections
        return dataclasses.replace(self, decision=decision, connections_opened=opened)._weighed()

    def _weighed(self) -> ProbeReport:
        besides = (*(self.local.evidence if self.local else ()), *(self.decision.evidence if self.decision else ()))
        return dataclasses.replace(self, causes=judged(self.observation, besides))

    def to_dict(self) -> dict[str, Any]:
        """The object of ``--json`` (``SCHEMA``), of plain JSON types."""
        facts = self.observation
        return {
            "schema": SCHEMA,
            "target": self.target,
            "address": shown_address(facts.address) or None,
            "local_address": shown_address(facts.local_address) or None,
            "ok": self.ok,
            "stage": facts.stage.value if facts.stage else None,
            "signature": self.signature.value,
            "layer": self.layer.value if self.layer else None,
            "summary": facts.sentence,
            "stages": [vars_of(stage) for stage in self.stages],
            "server": {
                "version": facts.server_version,
                "time": facts.server_time,
                "zone": facts.time_zone,
                "accounts": list(facts.accounts),
                "next_order_id": facts.next_order_id,
                "paper": facts.paper,
            },
            "notices": [{"code": number, "text": text} for number, text in facts.notices],
            "causes": [
                {
                    "id": cause.id,
                    "confidence": cause.confidence.value,
                    "layer": cause.layer.value,
                    "title": cause.title,
                    "evidence": [{"side": evidence.side, "text": evidence.sentence} for evidence in cause.evidence],
                    "remedy": cause.remedy,
                    "source": cause.source,
                }
                for cause in self.causes
            ],
            "observation": {
                "elapsed_ms": milliseconds(facts.elapsed_ms),
                "bytes_received": facts.bytes_received,
                "total_bytes_received": facts.total_bytes_received,
                "closed": facts.closed,
                "family": facts.family,
                "attempts": [{"address": ip, "outcome": outcome} for ip, outcome in facts.attempts],
                "service": facts.service,
                "redirect": facts.redirect,
                "received": facts.received.hex(),
                "offered": list(facts.offered) if facts.offered else None,
                "client_id": facts.client_id,
                "missing": list(facts.missing),
                "retry": facts.retry,
            },
            "sync": [vars_of(step) for step in self.sync],
            "settings": [vars_of(finding) for finding in self.settings],
            "local": self.local
            and {
                "evidence": [
                    {"id": piece.id, "text": piece.text, "raises": list(piece.raises), "lowers": list(piece.lowers)}
                    for piece in self.local.evidence
                ],
                "unread": list(self.local.unread),
            },
            "experiments": [] if self.decision is None else self.decision.to_list(),
            "conclusion": self.decision.conclusion if self.decision else None,
            "trusted_ip": self.decision.trust.to_dict() if self.decision and self.decision.trust else None,
            "connections_opened": self.connections_opened,
            "capture": self.capture,
        }


def judged(observation: Observation, besides: Sequence[Evidence] = ()) -> tuple[RankedCause, ...]:
    """What explains how a run ended, most likely first; for one that went well, what its user should know all the same.

    ``besides`` is evidence from elsewhere than the wire.
    """
    return rank(observation, besides)


def milliseconds(value: float) -> float:
    """Milliseconds as a report gives them: to the microsecond."""
    return round(value, 3) if math.isfinite(value) else 0.0


def vars_of(data: Any) -> dict[str, Any]:
    """A small dataclass as a dict."""
    return {name: milliseconds(value) if name == "elapsed_ms" else value for name, value in vars(data).items()}
