"""Decides between the causes of a failed run, by experiments: the best one next, until one cause stands out.

The rules that keep it harmless: it is asked for; it opens no more connections in all than it was given; one at a time, each announced
before it is opened, closed with a FIN, and at least a second after the one before, because TWS mistakes faster clients for the old one. A
run that came ready opens nothing more. A connection counts where it came about: a refused port costs the peer nothing.
"""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any, NamedTuple

import trio

from twsprobe.net.address import shown_address
from twsprobe.net.connection import PeerClosed, Recorder
from twsprobe.net.questions import Question
from twsprobe.probing.experiment_table import EXPERIMENTS
from twsprobe.probing.experiments import Choice, Experiment, Kind, Outcome, Plan, Seen, Situation, Tried, choose, decided, sentence
from twsprobe.probing.judgement import Confidence
from twsprobe.probing.local import Evidence
from twsprobe.probing.options import Options, random_client_id
from twsprobe.probing.probe import attempt, stages_of
from twsprobe.probing.report import ProbeReport, milliseconds
from twsprobe.probing.run import Network, Quiet, Run, StageFunction, Watcher, understood
from twsprobe.probing.signatures import Layer, Signature, Stage
from twsprobe.probing.stages import connect_stage, resolve_stage
from twsprobe.probing.trust import Trust, trust

PAUSE = 1.0
"""Seconds between the end of a connection and the next one."""
MAX_CONNECTIONS = 4
"""Connections in all, those of the run before included, unless told otherwise."""
_QUESTIONS = {Kind.HTTP: Question.HTTP, Kind.TLS: Question.TLS}


class Decision(NamedTuple):
    """What experiments came to: each that was carried out, why there was no other, and the verdict on trusted addresses, if any."""

    tried: tuple[Tried, ...] = ()
    conclusion: str = ""
    trust: Trust | None = None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What weighs among the causes. The run's own second try is among its facts, and weighs there."""
        return tuple(each.evidence for each in self.tried if each.experiment != RETRY)

    def to_list(self) -> list[dict[str, Any]]:
        """The experiments for the report's object, of plain JSON types."""
        return [
            {
                "id": each.experiment,
                "question": each.question,
                "target": each.target,
                "outcome": each.outcome,
                "text": each.text,
                "raises": list(each.raises),
                "lowers": list(each.lowers),
                "proves": list(each.proves),
                "excludes": list(each.excludes),
                "connections": each.connections,
                "elapsed_ms": milliseconds(each.elapsed_ms),
            }
            for each in self.tried
        ]


RETRY = "retry"
"""The second try with a random client id that a run makes by itself."""


def retried(report: ProbeReport) -> tuple[Tried, ...]:
    """The second try of a run as an experiment that was carried out; empty where there was none."""
    outcome = report.observation.retry
    if outcome is None:
        return ()
    ready = outcome == "ready"
    text = f"A second try with a random client id {'became ready' if ready else 'failed as well'}."
    proves, excludes = (("client-id-clash",), ()) if ready else ((), ("client-id-clash", "client-id-stuck"))
    return (Tried(RETRY, "a random client id", report.target, outcome, text, 1, 0.0, proves=proves, excludes=excludes),)


class Deciding:
    """One decision. ``options`` are those of the run before; ``watcher`` hears what is tried, and what came of it."""

    def __init__(
        self,
        report: ProbeReport,
        options: Options,
        *,
        max_connections: int = MAX_CONNECTIONS,
        watcher: Watcher | None = None,
        recorder: Recorder | None = None,
        network: Network | None = None,
        addresses: frozenset[str] | None = None,
        connection_number: int | None = None,
    ) -> None:
        self.report, self.options, self.max_connections = report, options, max_connections
        self.watcher, self.recorder, self.network = watcher or Quiet(), recorder, network or Network()
        self._addresses = addresses
        self._number = 1 + report.connections_opened if connection_number is None else connection_number
        self._rests = report.connections_opened > 0
        self._tried = retried(report)

    @property
    def left(self) -> int:
        """Connections that may still be opened."""
        return self.max_connections - self.report.connections_opened

    async def decide(self) -> ProbeReport:
        """Carry out experiments until there is enough; gives the report with what they say. Must run under Trio.

        Raises what ``recorder`` raises, and nothing that a peer does.
        """
        if self.report.ok:
            return self._concluded("The run came ready, so there is nothing to decide.")
        if self._addresses is None:
            from twsprobe.net.local_system import ThisSystem

            self._addresses = await trio.to_thread.run_sync(ThisSystem().addresses)
        self.report = self._concluded("")
        while True:
            enough = self._enough()
            if enough:
                return self._concluded(enough)
            situation = Situation(self.report.observation, self.options, self._addresses)
            done = [each.experiment for each in self._tried]
            choice = choose(EXPERIMENTS, situation, self.report.causes, done, self.left)
            if choice is None:
                return self._concluded(self._why_no_other(situation, done))
            self._take(await self._carry_out(choice))

    def _enough(self) -> str:
        cause = decided(self.report.causes, self._tried)
        if cause is None:
            return ""
        if cause.confidence is Confidence.PROVEN:
            return f"Decided: {cause.id} is proven."
        return f"Decided: {cause.id} alone is likely, and an experiment speaks for it."

    def _why_no_other(self, situation: Situation, done: list[str]) -> str:
        if choose(EXPERIMENTS, situation, self.report.causes, done, math.inf) is not None:
            return f"Not decided: the {self.max_connections} connections that were allowed do not suffice for another experiment."
        return "Not decided: no experiment that is left would separate the causes that are open."

    def _concluded(self, conclusion: str) -> ProbeReport:
        local = self.report.local.evidence if self.report.local else ()
        verdict = None if self._explained_otherwise() else trust(self.report.observation, self._tried, local)
        return self.report.with_decision(Decision(self._tried, conclusion, verdict), 0)

    def _explained_otherwise(self) -> bool:
        """A cause is proven that has nothing to do with trusted addresses."""
        first = next(iter(self.report.causes), None)
        return first is not None and first.confidence is Confidence.PROVEN and first.layer is not Layer.TRUSTED_IP

    def _take(self, tried: Tried) -> None:
        self._tried = (*self._tried, tried)
        decision = Decision(self._tried, "", None)
        self.report = self.report.with_decision(decision, tried.connections)
        self.watcher.noted(tried.text)

    async def _carry_out(self, choice: Choice) -> Tried:
        experiment, plan = choice.experiment, choice.plan
        first = self.report.observation
        question = sentence(experiment.question, first, plan)
        count = f"connection {self.report.connections_opened + 1} of at most {self.max_connections}"
        self.watcher.noted(f"To decide: {question} ({count}, at most {experiment.seconds:g} s).")
        if self._rests:
            await trio.sleep(PAUSE)
        run = await self._run(experiment, plan)
        self._rests = run.connections_opened > 0
        self._number += 1
        if run.observation.signature is None:
            run.note(signature=Signature.READY)
        outcome = outcome_of(experiment, Seen(first, run.observation, run.settings))
        elapsed = sum(stage.elapsed_ms for stage in run.stages)
        return tried_of(experiment, plan, question, sentence(outcome.text, first, plan), outcome, run, elapsed)

    async def _run(self, experiment: Experiment, plan: Plan) -> Run:
        options = self._options_of(experiment, plan)
        client_id = random_client_id() if options.client_id is None else options.client_id
        run = Run(plan.host, plan.port, options, client_id, Quiet(), self.recorder, self.network)
        run.number = self._number
        await attempt(run, stages_for(plan, options))
        return run

    def _options_of(self, experiment: Experiment, plan: Plan) -> Options:
        times = tuple((stage, min(self.options.stage_timeout(stage), experiment.seconds)) for stage in Stage)
        changes: dict[str, Any] = {"timeout": experiment.seconds, "stage_timeouts": times, "sync": False, "config": plan.config}
        if plan.offer is not None:
            changes |= {"minimum": plan.offer[0], "maximum": plan.offer[1], "connect_options": ""}
        return dataclasses.replace(self.options, **changes | ({"client_id": None} if plan.random_id else {}))


def outcome_of(experiment: Experiment, seen: Seen) -> Outcome:
    """The outcome that occurred: the first that holds."""
    return next(outcome for outcome in experiment.outcomes if outcome.when(seen))


def tried_of(experiment: Experiment, plan: Plan, question: str, text: str, outcome: Outcome, run: Run, elapsed_ms: float) -> Tried:
    """An experiment as it was carried out."""
    return Tried(
        experiment.id,
        question,
        shown_address((plan.host, plan.port)),
        outcome.id,
        text,
        run.connections_opened,
        elapsed_ms,
        outcome.raises,
        outcome.lowers,
        outcome.proves,
        outcome.excludes,
        run.settings,
    )


def stages_for(plan: Plan, options: Options) -> list[tuple[Stage, StageFunction]]:
    """The stages of an experiment's connection."""
    if plan.kind is Kind.SESSION:
        return stages_of(options)
    work = listen_quietly if plan.kind is Kind.QUIET else partial(ask, question=_QUESTIONS[plan.kind])
    return [(Stage.RESOLVE, resolve_stage), (Stage.CONNECT, connect_stage), (Stage.HANDSHAKE, work)]


async def listen_quietly(run: Run) -> str:
    """Send nothing, and listen to the end of the stage. Raises PeerClosed, and Failed where the peer speaks."""
    with trio.move_on_at(run.limit(Stage.HANDSHAKE)):
        while True:
            for event in await run.events():
                await understood(run, event)
    return "the connection stayed open"


async def ask(run: Run, question: Question) -> str:
    """Send the opening of another protocol, and wait for what the peer makes of it. Raises PeerClosed, and Failed where it answers."""
    run.sent(await run.open.send_question(question))
    try:
        while True:
            for event in await run.events():
                await understood(run, event)
    except PeerClosed:
        if run.pending:
            run.lost(run.pending)
        raise


async def decide(report: ProbeReport, options: Options, **rest: Any) -> ProbeReport:
    """Decide between the causes of a failed run by experiments. ``rest`` are the keywords of `Deciding`."""
    return await Deciding(report, options, **rest).decide()
