"""Experiments that decide between causes: what one is, which one comes next, and when there has been enough.

An experiment is data (`experiment_table` holds them all): after which signatures it makes sense, how the target is tried in another way,
what that costs at most, and what each outcome says about which causes. `deciding` carries them out.

Which one is next. Each cause that is still open weighs 2 if it is likely and 1 if it is possible. An outcome does something to each: proves
(2), raises (1), nothing (0), lowers (-1) or excludes (-2).
- Two causes are separated by an outcome as far as these numbers differ, times both weights; its separation is the sum over all pairs.
- An outcome is to be expected as far as the open causes predict it: the sum of their weights, each times 4, 2, 1, 1/2 or 0 in that order.
The score of an experiment is the separation to be expected of its outcomes, for each unit of cost: a connection costs 1, ten seconds cost
1. The highest score is next; among equals, the one that stands first in the table.
Enough is: a cause is proven; or one alone is likely, and an experiment speaks for it; or no experiment is left that separates anything; or
the connections are used up.
Known doubt: the weights stand in for probabilities, which nobody has measured. A bad guess costs an experiment, not a right verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import combinations
from typing import NamedTuple

from twsprobe.probing.judgement import Confidence, RankedCause
from twsprobe.probing.local import Evidence
from twsprobe.probing.observation import Observation
from twsprobe.probing.options import Options
from twsprobe.probing.settings import Finding
from twsprobe.probing.signatures import Signature

SECONDS_OF_A_CONNECTION = 10.0
"""Seconds that weigh as much as one connection."""
WEIGHTS = {Confidence.LIKELY: 2, Confidence.POSSIBLE: 1}
PREDICTED = {2: 4.0, 1: 2.0, 0: 1.0, -1: 0.5, -2: 0.0}
"""How much a cause lets expect an outcome, by what that does to it."""


class Kind(Enum):
    """What is done with a connection of an experiment."""

    SESSION = "start a session, as a client does"
    QUIET = "send nothing, and listen"
    HTTP = "ask as a web browser does"
    TLS = "open TLS"


class Plan(NamedTuple):
    """How an experiment tries a target: what differs from the run before is what the experiment is about."""

    kind: Kind
    host: str
    port: int
    offer: tuple[int, int] | None = None
    """The versions to offer; None for those of the run before."""
    random_id: bool = False
    """Use a random client id; otherwise the one of the run before where it was chosen."""
    config: bool = False
    """Also read the API settings, where a session starts."""


class Situation(NamedTuple):
    """What is known when an experiment is chosen. ``addresses`` are this machine's own, as literals without zones."""

    observation: Observation
    options: Options
    addresses: frozenset[str] = frozenset()


class Seen(NamedTuple):
    """The run before, the experiment's own, and the API settings that it read, if it did."""

    first: Observation
    then: Observation
    settings: tuple[Finding, ...] = ()

    @property
    def let_in(self) -> bool:
        """TWS answered the greeting of the experiment."""
        return self.then.server_version is not None

    @property
    def ready(self) -> bool:
        """The experiment got a session."""
        return self.then.signature is Signature.READY

    @property
    def accepted(self) -> bool:
        """The experiment got a connection."""
        return any(outcome == "connected" for _, outcome in self.then.attempts)

    @property
    def closed(self) -> bool:
        """The peer closed before it had answered the greeting of the experiment."""
        return self.then.closed is not None and not self.let_in

    def setting(self, name: str) -> object:
        """The value of an API setting; None where it was not read."""
        return next((each.value for each in self.settings if each.setting == name), None)


class Outcome(NamedTuple):
    """One way in which an experiment may end. ``text`` is a sentence in which braces stand for the names of `sentence`."""

    id: str
    when: Callable[[Seen], bool]
    text: str
    raises: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()
    proves: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def effect(self, cause: str) -> int:
        """What it does to a cause: from 2 (proves) to -2 (excludes)."""
        return 2 * (cause in self.proves) + (cause in self.raises) - (cause in self.lowers) - 2 * (cause in self.excludes)


class Experiment(NamedTuple):
    """One experiment. The first of ``outcomes`` that holds is the one that occurred; the last holds always."""

    id: str
    question: str
    """What is tried, as the announcement says it; braces as in an outcome's text."""
    after: frozenset[Signature]
    plan: Callable[[Situation], Plan | None]
    """How to carry it out; None where the situation gives no room for it."""
    outcomes: tuple[Outcome, ...]
    seconds: float = 5.0
    """How long it takes at most."""
    connections: int = 1
    """How many connections it opens at most."""

    @property
    def cost(self) -> float:
        """In connections."""
        return self.connections + self.seconds / SECONDS_OF_A_CONNECTION

    @property
    def causes(self) -> frozenset[str]:
        """The causes that it says something about."""
        return frozenset(
            cause for each in self.outcomes for group in (each.raises, each.lowers, each.proves, each.excludes) for cause in group
        )


class Tried(NamedTuple):
    """An experiment that was carried out."""

    experiment: str
    question: str
    target: str
    outcome: str
    text: str
    connections: int
    elapsed_ms: float
    raises: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()
    proves: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    settings: tuple[Finding, ...] = ()
    """API settings that were read on the way."""

    @property
    def evidence(self) -> Evidence:
        """What it weighs among the causes."""
        return Evidence(f"{self.experiment}-{self.outcome}", self.text, self.raises, self.lowers, self.proves, self.excludes)


def sentence(text: str, first: Observation, plan: Plan) -> str:
    """A text of the table with its names filled in: ``there``, ``port``, and of the run before ``first``, and ``source`` (this side's)."""
    source = first.source or "this machine's address"
    return text.format(there=plan.host, port=plan.port, first=first.peer or first.target_host, source=source)


def open_causes(causes: Iterable[RankedCause]) -> dict[str, int]:
    """The causes that are neither proven nor excluded, with their weights."""
    return {cause.id: WEIGHTS[cause.confidence] for cause in causes if cause.confidence in WEIGHTS}


def separation(outcome: Outcome, weights: dict[str, int]) -> int:
    """How far an outcome separates the causes that are open."""
    effects = [(outcome.effect(cause), weight) for cause, weight in weights.items()]
    return sum(abs(one - other) * first * second for (one, first), (other, second) in combinations(effects, 2))


def expectation(outcome: Outcome, weights: dict[str, int]) -> float:
    """How much the causes that are open let expect an outcome; not normalised."""
    return sum(PREDICTED[outcome.effect(cause)] * weight for cause, weight in weights.items())


def score(experiment: Experiment, causes: Iterable[RankedCause]) -> float:
    """How well an experiment may be expected to separate what is open, for each unit of cost."""
    weights = open_causes(causes)
    expected = [expectation(outcome, weights) for outcome in experiment.outcomes]
    total = sum(expected)
    if not total:
        return 0.0
    separated = sum(share * separation(outcome, weights) for share, outcome in zip(expected, experiment.outcomes, strict=True))
    return separated / total / experiment.cost


class Choice(NamedTuple):
    """The experiment to carry out, how, and its score."""

    experiment: Experiment
    plan: Plan
    score: float


def choose(
    table: Sequence[Experiment], situation: Situation, causes: Sequence[RankedCause], done: Iterable[str], connections: float
) -> Choice | None:
    """The experiment that separates best what is open, of those that were not done and open no more than ``connections``; None for none."""
    signature, left_out = situation.observation.signature, frozenset(done)
    found: list[Choice] = []
    for experiment in table:
        if signature not in experiment.after or experiment.id in left_out or experiment.connections > connections:
            continue
        plan, value = experiment.plan(situation), score(experiment, causes)
        if plan is not None and value > 0:
            found.append(Choice(experiment, plan, value))
    return max(found, key=lambda choice: choice.score, default=None)


def decided(causes: Sequence[RankedCause], tried: Iterable[Tried]) -> RankedCause | None:
    """The cause that is proven or likely enough; None while none is."""
    first = next(iter(causes), None)
    if first is None or first.confidence is Confidence.PROVEN:
        return first
    likely = [cause for cause in causes if cause.confidence is Confidence.LIKELY]
    spoken_for = {cause for each in tried for cause in (*each.raises, *each.proves)}
    return likely[0] if len(likely) == 1 and likely[0].id in spoken_for else None
