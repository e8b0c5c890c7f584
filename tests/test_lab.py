"""The lab: where the cause is known, the probe ranks it first, opens what it says and leaves nothing behind; the document holds."""

from __future__ import annotations

import pytest

from docs.situations import FILE, document, line, stale
from tests.lab.running import BY_NAME, Outcome, outcomes
from tests.lab.situations import SITUATIONS

pytestmark = pytest.mark.timeout(300)  # the first test runs them all
FEWEST, MOST_MISSED = 25, 2
STALE = f"docs/{FILE.name} says otherwise: run python -m docs.situations"


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in outcomes()}


@pytest.fixture(params=list(BY_NAME))
def outcome(request: pytest.FixtureRequest, found: dict[str, Outcome]) -> Outcome:
    one = found[request.param]
    if one.skipped:
        pytest.skip(one.skipped)
    return one


def test_the_true_cause_is_ranked_first(outcome: Outcome) -> None:
    situation = BY_NAME[outcome.name]
    if not outcome.isolated:
        pytest.skip("Other programs of this machine take part.")
    assert outcome.signature == "ready" if situation.cause is None else outcome.causes
    assert (outcome.first == situation.cause) is not bool(situation.missed), outcome.causes


def test_the_true_cause_is_never_excluded(outcome: Outcome) -> None:
    cause = BY_NAME[outcome.name].cause
    assert cause is None or dict(outcome.causes)[cause] != "excluded"


def test_the_peer_counts_the_connections_that_the_probe_says(outcome: Outcome) -> None:
    assert outcome.arrived == outcome.said


def test_no_socket_is_left_in_close_wait(outcome: Outcome) -> None:
    assert outcome.left == BY_NAME[outcome.name].kept


def test_there_are_enough_situations_and_few_that_are_missed() -> None:
    failing = [situation for situation in SITUATIONS if situation.cause is not None]
    assert len(failing) >= FEWEST
    assert sum(bool(situation.missed) for situation in failing) <= MOST_MISSED
    assert len({situation.name for situation in SITUATIONS}) == len(SITUATIONS)


def test_the_document_says_what_the_probe_says(found: dict[str, Outcome]) -> None:
    assert stale(list(found.values()), FILE.read_text("utf-8")) == [], STALE


def test_a_document_that_says_otherwise_is_stale() -> None:
    well = Outcome("well", signature="ready", sentence="It is well.", isolated=True)
    text = document([well])
    assert stale([well], text) == []
    assert stale([well._replace(sentence="It is not.")], text) == [line(BY_NAME["well"], well._replace(sentence="It is not."))]
    assert stale([well._replace(sentence="It is not.", isolated=False)], text) == []
    assert stale([], text.replace("`well`", "`gone`")) == [line(BY_NAME["well"], well).replace("`well`", "`gone`")]
