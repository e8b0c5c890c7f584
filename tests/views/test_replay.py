"""What came of a replay, shown."""

from __future__ import annotations

import json

import pytest

from tests.net.sessions import asks, says, started
from tests.views.hostile import HOSTILE, live
from twsprobe.capture.model import Close
from twsprobe.net.comparing import AnswerDifference, Kind
from twsprobe.net.matching import Difference, Mismatch
from twsprobe.net.replay_client import Comparison, LeftOut
from twsprobe.net.turns import session_of
from twsprobe.views.replay import comparison_lines, comparison_object, mismatch_lines, missing_line

DIFFERENCES = (
    AnswerDifference(Kind.CHANGED, "reqPositions", "position", "avgCost", 20.0, 21.5),
    AnswerDifference(Kind.MISSING, "reqPositions", "position", recorded={"account": "DU1"}),
    AnswerDifference(Kind.NEW, "reqPositions", "position", received={"account": "DU2"}),
    AnswerDifference(Kind.UNANSWERED, "reqOpenOrders", ""),
)
SAME = Comparison(1, 178, 178, ("startApi", "reqPositions"), (), (), None)
OTHER = Comparison(2, 178, None, ("startApi",), (LeftOut("placeOrder", "no"),), DIFFERENCES, Close.RST)


def test_a_connection_that_was_answered_as_recorded() -> None:
    assert list(comparison_lines(SAME)) == ["connection 1: 2 messages sent, server version 178", "  answered as recorded"]


def test_all_that_differs() -> None:
    assert list(comparison_lines(OTHER)) == [
        "connection 2: 1 message sent, server version none",
        "  server version: recorded 178, received none",
        "  left out: placeOrder, no",
        "  the server closed the connection early (rst)",
        "  reqPositions: position.avgCost: recorded 20.0, received 21.5",
        "  reqPositions: position is missing: account=DU1",
        "  reqPositions: position is new: account=DU2",
        "  reqOpenOrders: the answer did not come to its end",
    ]


def test_the_object() -> None:
    shown = json.loads(json.dumps(comparison_object([SAME, OTHER])))
    assert (shown["schema"], shown["different"], [each["different"] for each in shown["connections"]]) == (
        ("twsprobe.replay/1", True, [False, True])
    )
    other = shown["connections"][1]
    assert other["server_version"] == {"recorded": 178, "received": None}
    assert other["left_out"] == [{"request": "placeOrder", "reason": "no"}]
    assert other["closed"] == "rst"
    assert [each["kind"] for each in other["differences"]] == ["changed", "missing", "new", "unanswered"]
    assert other["differences"][0] == {
        "kind": "changed",
        "request": "reqPositions",
        "message": "position",
        "path": "avgCost",
        "recorded": 20.0,
        "received": 21.5,
    }


def test_what_did_not_come_is_counted() -> None:
    turns = session_of(started(asks("reqPositions"), asks("reqPositions"), asks("reqOpenOrders"))).turns
    assert missing_line(1, turns[1:]) == "connection 1: recorded and not asked for: startApi, reqPositions (2 times), reqOpenOrders"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(text: str) -> None:
    session = session_of(started(says("error", id=-1, errorCode=1, errorMsg="x")))
    event = session.pieces[-1].event
    assert event is not None
    lines = mismatch_lines(Mismatch(1, text, event, None, (Difference(text, text, text),)))
    differences = tuple(each._replace(message=text, recorded={text: text}, received={text: text}) for each in DIFFERENCES)
    lines += comparison_lines(Comparison(1, 178, 178, (text,), (LeftOut(text, text),), differences, None))
    assert not live("".join(lines))
