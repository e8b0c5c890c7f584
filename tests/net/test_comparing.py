"""Answers against recorded ones."""

from __future__ import annotations

from tests.net.sessions import asks, says, started
from twsprobe.capture.model import Chunk, Record
from twsprobe.net.comparing import VOLATILE, AnswerDifference, Kind, compare
from twsprobe.net.turns import session_of

POSITIONS = [("DU1", 1, 10.0), ("DU1", 2, 20.0)]


def positions(*rows: tuple[str, int, float], account: str = "DU1", ends: bool = True) -> list[Record]:
    said = [says("position", account=code, contract={"conId": con, "symbol": "A"}, position=1, avgCost=cost) for code, con, cost in rows]
    records = started(asks("reqPositions"), *said, *([says("positionEnd")] if ends else []))
    return [
        record._replace(data=record.data.replace(b"DU1", account.encode())) if isinstance(record, Chunk) else record for record in records
    ]


def found(one: list[Record], other: list[Record], *ignored: str) -> list[AnswerDifference]:
    return compare(session_of(one), session_of(other), {2: 2}, VOLATILE | set(ignored))


def test_the_same_in_another_order_is_the_same() -> None:
    assert found(positions(*POSITIONS), positions(*reversed(POSITIONS))) == []


def test_another_account_stands_for_the_recorded_one() -> None:
    assert found(positions(*POSITIONS), positions(*POSITIONS, account="DU9")) == []


def test_a_changed_field_is_named() -> None:
    other = positions(POSITIONS[0], ("DU1", 2, 21.5))
    [difference] = found(positions(*POSITIONS), other)
    assert difference == AnswerDifference(Kind.CHANGED, "reqPositions", "position", "avgCost", 20.0, 21.5)
    assert found(positions(*POSITIONS), other, "avgCost") == found(positions(*POSITIONS), other, "position.avgCost") == []


def test_what_is_missing_and_what_is_new() -> None:
    [difference] = found(positions(*POSITIONS), positions(POSITIONS[0]))
    assert (difference.kind, difference.message, difference.recorded["contract.conId"]) == (Kind.MISSING, "position", 2)
    [difference] = found(positions(POSITIONS[0]), positions(*POSITIONS))
    assert (difference.kind, difference.message, difference.received["contract.conId"]) == (Kind.NEW, "position", 2)


def test_an_answer_without_its_end() -> None:
    kinds = [difference.kind for difference in found(positions(*POSITIONS), positions(*POSITIONS, ends=False))]
    assert kinds == [Kind.MISSING, Kind.UNANSWERED]
    assert found(positions(*POSITIONS, ends=False), positions(*POSITIONS, ends=False)) == []


def test_times_and_ids_are_set_aside() -> None:
    first, second = (started(asks("reqCurrentTime"), says("currentTime", currentTime=seconds)) for seconds in (1, 2))
    assert found(first, second) == []
    executions = []
    for id in (1, 2):
        execution = {"execId": "a", "orderId": id, "clientId": id}
        step = asks("reqExecutions", reqId=id, executionFilter={"clientId": 0})
        executions.append(started(step, says("execDetails", reqId=id, execution=execution), says("execDetailsEnd", reqId=id)))
    assert found(executions[0], executions[1]) == []
