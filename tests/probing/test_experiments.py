"""How experiments are chosen, and when there has been enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.probing.causes import rank
from twsprobe.probing.experiment_table import EXPERIMENTS
from twsprobe.probing.experiments import (
    Experiment,
    Kind,
    Outcome,
    Plan,
    Seen,
    Situation,
    Tried,
    choose,
    decided,
    expectation,
    open_causes,
    score,
    sentence,
    separation,
)
from twsprobe.probing.judgement import Confidence, RankedCause
from twsprobe.probing.observation import Observation
from twsprobe.probing.options import Options
from twsprobe.probing.settings import Finding
from twsprobe.probing.signatures import Layer, Signature

HERE = Observation(
    signature=Signature.SILENT_HANDSHAKE, address=("192.168.1.20", 7497), local_address=("192.168.1.20", 5), target_port=7497
)
SITUATION = Situation(HERE, Options(), frozenset({"192.168.1.20"}))


def cause(name: str, confidence: Confidence = Confidence.POSSIBLE) -> RankedCause:
    return RankedCause(name, confidence, (), "title", "remedy", "source", Layer.TCP)


def outcome(name: str = "always", **effects: tuple[str, ...]) -> Outcome:
    return Outcome(name, lambda seen: True, "It is so.", **effects)


def experiment(name: str, *outcomes: Outcome, seconds: float = 0.0, possible: bool = True) -> Experiment:
    plan = Plan(Kind.SESSION, "127.0.0.1", 7497)
    return Experiment(name, "this", frozenset({Signature.SILENT_HANDSHAKE}), lambda _: plan if possible else None, outcomes, seconds)


def tried(**effects: tuple[str, ...]) -> Tried:
    return Tried("e", "q", "t", "o", "It is so.", 1, 1.0, **effects)  # type: ignore[arg-type]


def test_only_open_causes_count_and_likely_ones_twice() -> None:
    causes = [cause("a", Confidence.LIKELY), cause("b"), cause("c", Confidence.EXCLUDED), cause("d", Confidence.PROVEN)]
    assert open_causes(causes) == {"a": 2, "b": 1}


def test_an_outcome_separates_what_it_treats_differently() -> None:
    weights = {"a": 2, "b": 1, "c": 1}
    assert separation(outcome(), weights) == 0
    assert separation(outcome(lowers=("a", "b", "c")), weights) == 0, "what befalls all of them separates none"
    assert separation(outcome(raises=("a",)), weights) == 2 * 1 + 2 * 1
    assert separation(outcome(proves=("a",), excludes=("b",)), weights) == 4 * 2 + 2 * 2 + 2 * 1


def test_an_outcome_that_the_open_causes_exclude_is_not_to_be_expected() -> None:
    weights = {"a": 2, "b": 1}
    assert expectation(outcome(excludes=("a", "b")), weights) == 0
    assert expectation(outcome(proves=("a",)), weights) == 4 * 2 + 1
    surprising = experiment("x", outcome(excludes=("a", "b"), proves=("c",)), outcome())
    assert score(surprising, [cause("a"), cause("b")]) == 0


def test_a_score_is_for_a_unit_of_cost() -> None:
    causes = [cause("a"), cause("b")]
    one = experiment("x", outcome(raises=("a",)))
    assert score(one, causes) == 1.0
    assert score(one._replace(seconds=10.0), causes) == 0.5
    assert score(one, []) == 0.0


def test_the_best_is_chosen_and_among_equals_the_first() -> None:
    causes = [cause("a"), cause("b")]
    weak, strong = experiment("weak", outcome(raises=("a",))), experiment("strong", outcome(proves=("a",)))
    twin = experiment("twin", outcome(proves=("a",)))
    useless, impossible = experiment("useless", outcome()), experiment("impossible", outcome(proves=("a",)), possible=False)
    table = (useless, impossible, weak, strong, twin)
    chosen = choose(table, SITUATION, causes, (), 1)
    assert chosen is not None
    assert chosen.experiment is strong
    after = choose(table, SITUATION, causes, ("strong", "twin"), 1)
    assert after is not None
    assert after.experiment is weak
    assert choose(table, SITUATION, causes, (), 0) is None
    assert choose((useless, impossible), SITUATION, causes, (), 1) is None
    other = SITUATION._replace(observation=Observation(signature=Signature.READY))
    assert choose(table, other, causes, (), 1) is None


def test_enough_is_a_proof_or_a_lone_likely_cause_that_an_experiment_speaks_for() -> None:
    likely, possible = cause("a", Confidence.LIKELY), cause("b")
    assert decided([], ()) is None
    assert decided([cause("a", Confidence.PROVEN), possible], ()) is not None
    assert decided([likely, possible], ()) is None, "no experiment speaks for it yet"
    assert decided([likely, possible], (tried(lowers=("b",)),)) is None
    assert decided([likely, possible], (tried(raises=("a",)),)) is likely
    assert decided([likely, cause("b", Confidence.LIKELY)], (tried(raises=("a",)),)) is None


def test_the_weight_of_evidence() -> None:
    facts = Observation(signature=Signature.SILENT_HANDSHAKE, address=("127.0.0.1", 7497), prefix_sent=True, offered=(100, 226))

    def confidence(name: str, *pieces: Tried) -> Confidence:
        return next(each.confidence for each in rank(facts, [piece.evidence for piece in pieces]) if each.id == name)

    assert confidence("api-wedged", tried(excludes=("api-wedged",))) is Confidence.EXCLUDED
    assert confidence("app-frozen", tried(raises=("app-frozen",))) is Confidence.LIKELY
    assert confidence("app-frozen", tried(proves=("app-frozen",)), tried(excludes=("app-frozen",))) is Confidence.PROVEN
    assert confidence("web-server", tried(proves=("web-server",))) is Confidence.PROVEN
    assert rank(facts, [tried(proves=("web-server",)).evidence])[0].id == "web-server"


def test_a_sentence_names_the_addresses() -> None:
    plan = Plan(Kind.SESSION, "127.0.0.1", 4004)
    assert sentence("{there} {port} {first} {source}", HERE, plan) == "127.0.0.1 4004 192.168.1.20 192.168.1.20"
    assert sentence("{source}", Observation(target_host="x"), plan) == "this machine's address"


def test_what_was_seen() -> None:
    then = Observation(server_version=178, signature=Signature.READY, attempts=(("127.0.0.1", "connected"),))
    seen = Seen(HERE, then, (Finding("socketPort", 7497, "fine", ""),))
    assert (seen.let_in, seen.ready, seen.accepted, seen.closed) == (True, True, True, False)
    assert (seen.setting("socketPort"), seen.setting("trustedIPs")) == (7497, None)


@given(st.lists(st.sampled_from(Confidence), min_size=1, max_size=8), st.integers(0, 6))
def test_a_score_is_never_negative_and_a_choice_never_repeats(confidences: list[Confidence], connections: int) -> None:
    names = [
        "api-wedged",
        "dialog-pending",
        "app-starting",
        "other-service",
        "untrusted-address",
        "client-portal",
        "app-frozen",
        "firewall",
    ]
    causes = [cause(name, confidence) for name, confidence in zip(names, confidences, strict=False)]
    done: list[str] = []
    for _ in EXPERIMENTS:
        chosen = choose(EXPERIMENTS, SITUATION, causes, done, connections)
        if chosen is None:
            break
        assert chosen.score > 0
        assert chosen.experiment.id not in done
        assert chosen.experiment.connections <= connections
        done.append(chosen.experiment.id)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_used(kind: Kind) -> None:
    facts = Observation(
        signature=Signature.SILENT_HANDSHAKE, address=("127.0.0.1", 7497), attempts=(("127.0.0.1", "connected"),), target_port=7497
    )
    plans = [each.plan(Situation(facts, Options(), frozenset())) for each in EXPERIMENTS]
    assert kind in {plan.kind for plan in plans if plan is not None}
