"""From observations to transitions, with times that nobody waits for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.probing.judgement import Confidence
from twsprobe.probing.observation import Observation
from twsprobe.probing.report import ProbeReport, StageReport, judged
from twsprobe.probing.signatures import Signature
from twsprobe.probing.transitions import (
    LONGEST_FARM,
    LONGEST_RESTART,
    MOST_FARMS,
    Answered,
    Ended,
    Fact,
    Level,
    Looked,
    Noticed,
    Transition,
    Transitions,
    Unanswered,
    level_of,
)

LOST = "Connectivity between IBKR and Trader Workstation has been lost."


def report(signature: Signature, *notices: tuple[int, str], stages: tuple[str, ...] = ()) -> ProbeReport:
    facts = Observation("127.0.0.1", 7497, signature=signature, stage=signature.stage, notices=notices, closed=None)
    passed = stages or (("resolve", "connect", "handshake", "start", "ready") if signature is Signature.READY else ())
    return ProbeReport("127.0.0.1:7497", facts, tuple(StageReport(name, True, 1.0, "") for name in passed), judged(facts), 1)


def looked(time: float, signature: Signature, *notices: tuple[int, str]) -> Looked:
    return Looked(time, report(signature, *notices))


def kinds(*facts: Fact) -> list[tuple[float, str]]:
    seen = Transitions()
    return [(transition.time, transition.kind.value) for fact in facts for transition in seen.take(fact)]


def last(*facts: Fact) -> Transition:
    seen = Transitions()
    return [transition for fact in facts for transition in seen.take(fact)][-1]


def test_the_same_failure_is_told_of_once() -> None:
    assert kinds(
        looked(0, Signature.TCP_REFUSED),
        looked(1, Signature.TCP_REFUSED),
        looked(2, Signature.SILENT_HANDSHAKE),
        looked(9, Signature.SILENT_HANDSHAKE),
        looked(10, Signature.PAPER_DISCLAIMER),
        looked(11, Signature.READY),
        looked(12, Signature.READY),
    ) == [(0, "failure"), (2, "failure"), (10, "failure"), (11, "ready")]


def test_a_failure_comes_with_its_likeliest_cause() -> None:
    found = last(looked(0, Signature.PAPER_DISCLAIMER, (10141, "accept")))
    assert found.cause is not None
    assert (found.cause.id, found.cause.confidence) == ("paper-disclaimer", Confidence.PROVEN)
    assert found.signature is Signature.PAPER_DISCLAIMER
    assert found.level is Level.HANDSHAKE


def test_a_restart_is_a_lost_session_and_a_port_that_does_not_serve() -> None:
    facts = (looked(0, Signature.READY), Ended(100, "fin"), looked(101, Signature.TCP_REFUSED), looked(150, Signature.PAPER_DISCLAIMER))
    assert kinds(*facts, looked(160, Signature.READY)) == [
        (0, "ready"),
        (100, "session-ended"),
        (101, "restarting"),
        (150, "failure"),
        (160, "restarted"),
    ]
    found = last(*facts, looked(160, Signature.READY))
    assert found.seconds == 60
    assert "60.0 s after the session was lost" in found.sentence
    restarting = last(*facts[:3])
    assert restarting.cause is not None
    assert (restarting.cause.id, restarting.cause.confidence) == ("nightly-restart", Confidence.LIKELY)


def test_a_session_that_comes_back_at_once_was_no_restart() -> None:
    assert kinds(looked(0, Signature.READY), Ended(5, "rst"), looked(6, Signature.READY)) == [
        (0, "ready"),
        (5, "session-ended"),
        (6, "reconnected"),
    ]


def test_away_for_longer_than_a_restart_takes_is_a_second_factor_window_told_once_and_never_proven() -> None:
    away = LONGEST_RESTART
    facts = (
        looked(0, Signature.READY),
        Ended(10, "fin"),
        looked(11, Signature.TCP_REFUSED),
        looked(10 + away - 1, Signature.TCP_REFUSED),
        looked(10 + away, Signature.TCP_REFUSED),
        looked(10 + 2 * away, Signature.TCP_REFUSED),
    )
    assert kinds(*facts)[-2:] == [(11, "restarting"), (10 + away, "second-factor-window")]
    found = last(*facts)
    assert found.cause is not None
    assert (found.cause.id, found.cause.confidence) == ("relogin-required", Confidence.POSSIBLE)
    again = (looked(500, Signature.READY), Ended(600, "fin"), looked(601, Signature.TCP_REFUSED), looked(800, Signature.TCP_REFUSED))
    assert kinds(*facts, *again)[-1] == (800, "second-factor-window"), "the next absence counts anew"


def test_a_target_that_was_never_there_has_no_second_factor_window() -> None:
    assert kinds(looked(0, Signature.TCP_REFUSED), looked(9999, Signature.TCP_REFUSED)) == [(0, "failure")]


@pytest.mark.parametrize(("code", "kept"), [(1101, "lost"), (1102, "kept")])
def test_the_link_to_ibkr_is_lost_and_comes_back(code: int, kept: str) -> None:
    facts = (
        looked(0, Signature.READY),
        Noticed(10, 1100, LOST),
        Noticed(12, 1100, LOST),
        Noticed(13, 2110, LOST),
        Noticed(40, code, "back"),
    )
    assert kinds(*facts) == [(0, "ready"), (10, "backend-lost"), (40, "backend-restored")]
    found = last(*facts)
    assert (found.seconds, found.code, found.signature) == (30, code, Signature.READY)
    assert f"subscriptions were {kept}" in found.sentence
    lost = last(*facts[:2])
    assert lost.cause is not None
    assert (lost.cause.id, lost.cause.confidence) == ("backend-link-lost", Confidence.PROVEN)
    assert lost.signature is Signature.BACKEND_LOST


def test_a_link_that_comes_back_without_having_been_lost_is_no_news() -> None:
    assert kinds(looked(0, Signature.READY), Noticed(1, 1102, "back")) == [(0, "ready")]


def test_a_session_that_starts_without_the_link() -> None:
    assert kinds(looked(0, Signature.BACKEND_LOST, (2110, "broken")), Noticed(9, 1102, "back")) == [
        (0, "backend-lost"),
        (9, "backend-restored"),
    ]
    assert kinds(
        looked(0, Signature.READY), Ended(5, "fin"), looked(6, Signature.TCP_REFUSED), looked(60, Signature.BACKEND_LOST, (2110, "broken"))
    )[-2:] == [(60, "restarted"), (60, "backend-lost")]


@pytest.mark.parametrize(("broken", "well"), [(2103, 2104), (2105, 2106), (2157, 2158)])
def test_farms_break_and_come_back_by_name(broken: int, well: int) -> None:
    facts = (
        looked(0, Signature.READY, (well, "farm connection is OK:usfarm")),
        Noticed(1, broken, "farm connection is broken:usfarm"),
        Noticed(2, broken, "farm connection is broken:usfarm"),
        Noticed(3, broken, "farm connection is broken:eufarm"),
        Noticed(4, well, "farm connection is OK:usfarm"),
        Noticed(5, well, "farm connection is OK:usfarm"),
    )
    assert kinds(*facts) == [(0, "ready"), (1, "farm-broken"), (3, "farm-broken"), (4, "farm-restored")]
    found = last(*facts[:2])
    assert found.farm == "usfarm"
    assert found.cause is not None
    assert found.cause.id == "farm-outage"


def test_a_farm_that_is_broken_at_the_start_is_told_of() -> None:
    assert kinds(looked(0, Signature.READY, (2103, "broken:usfarm"))) == [(0, "ready"), (0, "farm-broken")]


def test_what_a_peer_calls_its_farms_is_bounded() -> None:
    seen = Transitions()
    seen.take(looked(0, Signature.READY))
    for number in range(1000):
        seen.take(Noticed(1, 2103, f"broken:{number}" + "x" * 10_000))
    assert len(seen.broken) == MOST_FARMS
    assert all(len(farm) <= LONGEST_FARM for farm in seen.broken)


def test_half_open_ends_the_session() -> None:
    facts = (looked(0, Signature.READY), Answered(5, 0.02), Unanswered(20, 10.0))
    assert kinds(*facts, looked(22, Signature.TCP_TIMEOUT)) == [(0, "ready"), (20, "half-open"), (22, "restarting")]
    found = last(*facts)
    assert (found.signature, found.level, found.seconds) == (None, Level.NOTHING, 10.0)
    assert found.cause is not None
    assert found.cause.id == "half-open-connection"


def test_a_changed_port_is_no_restart() -> None:
    facts = (looked(0, Signature.READY), Noticed(5, 1300, "port changed to 4002"), Ended(5, "fin"), looked(6, Signature.TCP_REFUSED))
    assert kinds(*facts) == [(0, "ready"), (5, "port-changed"), (5, "session-ended"), (6, "failure")]
    ended = last(*facts[:3])
    assert ended.cause is not None
    assert ended.cause.id == "port-changed"


@pytest.mark.parametrize(
    ("signature", "stages", "level"),
    [
        (Signature.NAME_UNRESOLVED, (), Level.NOTHING),
        (Signature.TCP_REFUSED, (), Level.NOTHING),
        (Signature.SILENT_HANDSHAKE, (), Level.TCP),
        (Signature.CLIENT_ID_IN_USE, (), Level.HANDSHAKE),
        (Signature.BACKEND_LOST, (), Level.API),
        (Signature.SYNC_STALLED, (), Level.BACKEND),
        (Signature.READY, ("resolve", "connect"), Level.TCP),
        (Signature.READY, ("connect", "handshake"), Level.HANDSHAKE),
        (Signature.READY, ("handshake", "start"), Level.API),
        (Signature.READY, ("start", "ready"), Level.BACKEND),
        (Signature.READY, ("start", "ready", "sync"), Level.SYNCED),
    ],
)
def test_levels(signature: Signature, stages: tuple[str, ...], level: Level) -> None:
    assert level_of(report(signature, stages=stages)) is level


def test_a_transition_as_an_object() -> None:
    found = last(looked(0, Signature.READY), Noticed(10, 1100, LOST)).to_dict("127.0.0.1:7497", "2026-01-01T00:00:00.000Z", 1)
    assert json.loads(json.dumps(found)) == found
    assert (found["transition"], found["signature"], found["level"], found["code"]) == ("backend-lost", "backend-lost", "api", 1100)
    assert found["cause"]["confidence"] == "proven"
    assert last(looked(0, Signature.READY)).to_dict("t", "w", 1)["cause"] is None


FACTS = st.one_of(
    st.builds(looked, st.just(0.0), st.sampled_from(Signature)),
    st.builds(Noticed, st.just(0.0), st.sampled_from((1100, 1101, 1102, 2103, 2104, 2110, 1300, 0, -5)), st.text(max_size=9)),
    st.builds(Answered, st.just(0.0), st.floats(0, 9)),
    st.builds(Unanswered, st.just(0.0), st.floats(0, 9)),
    st.builds(Ended, st.just(0.0), st.sampled_from(("fin", "rst"))),
)


@given(st.lists(FACTS, max_size=30))
def test_no_order_of_facts_raises_and_every_change_of_state_is_told_of(facts: list[Fact]) -> None:
    seen = Transitions()
    for number, fact in enumerate(facts):
        before = seen.signature
        found = seen.take(fact)
        assert seen.signature is before or found, (number, fact)
        assert sum(seen.counts.values()) >= len(found)
