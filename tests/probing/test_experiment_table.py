"""The table of experiments is whole: causes exist, outcomes can be told apart, nothing contradicts itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.probing.causes import CAUSES, EXPLANATIONS
from twsprobe.probing.experiment_table import EXPERIMENTS, FORWARDERS, MODEST
from twsprobe.probing.experiments import Experiment, Kind, Plan, Seen, Situation, sentence
from twsprobe.probing.observation import API_PORTS, Observation
from twsprobe.probing.options import HIGHEST_OFFER, OFFERS, Options
from twsprobe.probing.settings import Finding
from twsprobe.probing.signatures import Signature, Stage

OWN = frozenset({"127.0.0.1", "::1", "192.168.1.20", "172.17.0.1", "fe80::1"})


def name_of(experiment: Experiment) -> str:
    return experiment.id


def at(peer: str, port: int = 7497, signature: Signature = Signature.SILENT_HANDSHAKE, **facts: object) -> Situation:
    observation = Observation(signature=signature, address=(peer, port), target_port=port, attempts=((peer, "connected"),), **facts)  # type: ignore[arg-type]
    return Situation(observation, Options(), OWN)


def planned(name: str, situation: Situation) -> Plan | None:
    return next(each for each in EXPERIMENTS if each.id == name).plan(situation)


def test_ids_are_slugs_and_each_is_one_experiments() -> None:
    names = [each.id for each in EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in names)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=name_of)
def test_an_experiment_is_whole(experiment: Experiment) -> None:
    assert experiment.causes <= CAUSES.keys(), experiment.causes - CAUSES.keys()
    assert experiment.after
    assert Signature.READY not in experiment.after
    assert 0 < experiment.seconds <= 5
    assert experiment.connections == 1
    assert len(experiment.outcomes) >= 2
    last = experiment.outcomes[-1]
    assert last.when(Seen(Observation(), Observation())), "the last outcome holds always"
    ids = [outcome.id for outcome in experiment.outcomes]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in ids)
    explained = {each.cause for signature in experiment.after for each in EXPLANATIONS[signature]}
    assert experiment.causes & explained, "it says something about what it comes after"


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=name_of)
def test_an_outcome_takes_one_side_and_says_one_sentence(experiment: Experiment) -> None:
    plan = Plan(Kind.SESSION, "127.0.0.1", 4004)
    assert not experiment.question.endswith(".")
    assert sentence(experiment.question, Observation(), plan)
    for outcome in experiment.outcomes:
        said = [*outcome.raises, *outcome.lowers, *outcome.proves, *outcome.excludes]
        assert len(set(said)) == len(said), (outcome.id, sorted(name for name in said if said.count(name) > 1))
        text = sentence(outcome.text, Observation(), plan)
        assert text.endswith(".")
        assert "{" not in text


@given(
    st.sampled_from(EXPERIMENTS),
    st.none() | st.sampled_from(Signature),
    st.none() | st.integers(100, 226),
    st.none() | st.sampled_from(["http", "tls", "ssh", "other"]),
    st.none() | st.sampled_from(["fin", "rst"]),
    st.integers(0, 100),
    st.none() | st.booleans(),
    st.none() | st.lists(st.sampled_from(["127.0.0.1", "192.168.1.20"])),
)
def test_whatever_is_seen_is_an_outcome(
    experiment: Experiment,
    signature: Signature | None,
    version: int | None,
    service: str | None,
    closed: str | None,
    received: int,
    only_localhost: bool | None,
    trusted: list[str] | None,
) -> None:
    facts = {"signature": signature, "server_version": version, "service": service, "closed": closed, "total_bytes_received": received}
    settings = (Finding("allowLocalhostOnly", only_localhost, "note", ""), Finding("trustedIPs", trusted, "note", ""))
    seen = Seen(at("192.168.1.20").observation, Observation(**facts), settings)  # type: ignore[arg-type]
    assert any(outcome.when(seen) for outcome in experiment.outcomes)


def test_loopback_is_tried_for_this_machines_own_addresses_only() -> None:
    assert planned("loopback", at("192.168.1.20")) == Plan(Kind.SESSION, "127.0.0.1", 7497, config=True)
    assert planned("loopback", at("192.168.1.99")) is None
    assert planned("loopback", at("127.0.0.1")) is None
    assert planned("loopback", at("fe80::1%eth0")) is not None


def test_the_other_loopback_is_tried() -> None:
    assert planned("ipv4-loopback", at("::1")) == Plan(Kind.SESSION, "127.0.0.1", 7497)
    assert planned("ipv4-loopback", at("127.0.0.1")) is None
    assert planned("ipv6-loopback", at("127.0.0.1")) == Plan(Kind.SESSION, "::1", 7497)
    both = Observation(address=("127.0.0.1", 7497), target_port=7497, attempts=(("::1", "refused"), ("127.0.0.1", "refused")))
    assert planned("ipv6-loopback", Situation(both, Options(), OWN)) is None
    network = planned("network-address", at("127.0.0.1"))
    assert network is not None
    assert network.host == "192.168.1.20", "an address of a container's bridge comes last"


def test_the_forwarder_of_a_port_is_its_own_products_and_modes() -> None:
    for port, forwarder in FORWARDERS.items():
        assert API_PORTS[forwarder] == API_PORTS[port]._replace(forwarded=True)
        plan = planned("forwarder-port", at("10.0.0.1", port))
        assert plan is not None
        assert (plan.host, plan.port) == ("10.0.0.1", forwarder)
    assert planned("forwarder-port", at("10.0.0.1", 4004)) is None


def test_a_lower_offer_is_lower() -> None:
    assert MODEST[1] == OFFERS["ib_async"][1] < HIGHEST_OFFER
    assert planned("lower-offer", at("127.0.0.1")) is not None
    low = Options(minimum=100, maximum=MODEST[1])
    assert planned("lower-offer", at("127.0.0.1")._replace(options=low)) is None


def test_another_id_is_tried_where_one_was_chosen_and_none_was_tried_yet() -> None:
    chosen = at("127.0.0.1", signature=Signature.SILENT_START, client_id=7, client_id_chosen=True)
    plan = planned("random-id", chosen)
    assert plan is not None
    assert plan.random_id
    assert planned("random-id", at("127.0.0.1", client_id=7)) is None
    assert planned("random-id", at("127.0.0.1", client_id=7, client_id_chosen=True, retry="failed")) is None


def test_no_question_of_another_protocol_goes_to_a_peer_that_has_answered() -> None:
    for each in EXPERIMENTS:
        if each.id in ("http", "tls"):
            assert {signature.stage for signature in each.after} == {Stage.HANDSHAKE}
            assert each.after <= {Signature.CLOSED_AFTER_PREFIX, Signature.SILENT_HANDSHAKE}


def test_the_documentation_lists_every_experiment_and_its_time() -> None:
    text = (Path(__file__).parents[2] / "docs" / "deciding.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `") and line.count(" | ") == 3]
    assert [(row[0], row[2]) for row in rows] == [(f"| `{each.id}`", f"{each.seconds:g} s") for each in EXPERIMENTS]
