"""A comparison for people and as JSON objects: every kind of difference, hostile text, and no line too long."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest

from tests.views.hostile import HOSTILE, live
from twsprobe.capture.differences import Difference, Kind, Place, Request, Totals
from twsprobe.capture.model import CaptureError
from twsprobe.capture.volatile import VOLATILE
from twsprobe.views.diff import (
    LONGEST_VALUE,
    difference_lines,
    difference_object,
    head_line,
    heading,
    summary_lines,
    summary_object,
    value_words,
    volatile_lines,
)
from twsprobe.views.line import Line
from twsprobe.wire.framing import Direction
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT = Direction.TO_CLIENT
PLACES = Place(0, 1_714_564_800 * 10**9, 1_500_000_000, 303), Place(2, 1_714_564_801 * 10**9, 2_500_000_000, None)
CHANGED = Difference(
    Kind.CHANGED, 0, TO_CLIENT, "tickPrice", Request("reqMktData", 1, 5), "price", 1.5, Decimal("2.50"), PLACES[0], PLACES[1], None
)


def text(line: Line) -> str:
    """A line without colours."""
    return line.lead + line.rest


def shown(difference: Difference, width: int = 80) -> list[str]:
    """The lines below the name of the message."""
    return [text(line) for line in difference_lines(difference, width)]


def test_the_object_of_a_difference() -> None:
    assert difference_object(CHANGED) == {
        "kind": "changed",
        "connection": 0,
        "direction": "to_client",
        "message": "tickPrice",
        "request": {"name": "reqMktData", "a": 1, "b": 5},
        "field": "price",
        "old": 1.5,
        "new": "2.50",
        "gate": None,
        "count": 1,
        "a": {"connection": 0, "time": "2024-05-01T12:00:00.000000Z", "elapsed": 1.5, "offset": 303},
        "b": {"connection": 2, "time": "2024-05-01T12:00:01.000000Z", "elapsed": 2.5, "offset": None},
    }
    gated = difference_object(Difference(Kind.APPEARED, 0, None, "opened", gate=V.PROTOBUF, one=PLACES[0]))
    assert gated["gate"] == {"version": 201, "name": "PROTOBUF"}
    assert (gated["direction"], gated["request"], gated["b"]) == (None, None, None)


def test_the_object_of_the_totals() -> None:
    fault = CaptureError("b", 7, "torn at byte 7")
    totals = Totals(Counter({(TO_CLIENT, "a"): 3}), Counter({((TO_CLIENT, "b"), Kind.MOVED): 2}), 4, 5, (6, 7), (178, None), (None, fault))
    assert summary_object(totals, ("x", "y")) == {
        "kind": "summary",
        "different": True,
        "same": 3,
        "appeared": 0,
        "vanished": 0,
        "moved": 2,
        "changed": 0,
        "explained": 4,
        "uncompared": 5,
        "captures": [
            {"path": "x", "server_version": 178, "seen": 6, "torn": None},
            {"path": "y", "server_version": None, "seen": 7, "torn": "b: torn at byte 7"},
        ],
    }
    lines = [text(line) for line in summary_lines(totals, ("x", "y"), 80)]
    assert lines == [
        "A  x: server version 178, 6 seen",
        "B  y: server version unknown, 7 seen, torn",
        "",
        "different: 2 moved, 3 the same",
        "4 differences come from the server versions",
        "5 messages lie behind the tear of the other capture and were not compared",
        "",
        "         same  appeared  vanished     moved   changed message",
        "<<<         0         0         0         2         0 b",
    ]
    [*_, last] = summary_lines(Totals(Counter({(TO_CLIENT, "a"): 3})), ("x", "y"), 80)
    assert text(last) == "no difference: 3 the same"


def test_a_difference_in_lines() -> None:
    assert text(head_line(CHANGED, 80)) == "<<< tickPrice of reqMktData 1/5  A 1.500 s byte 303, B 2.500 s"
    assert text(head_line(CHANGED, 40)) == "<<< tickPrice of reqMktData 1/5"
    assert shown(CHANGED) == ["  changed  price  1.5 -> 2.50"]
    assert shown(Difference(Kind.MOVED, 0, TO_CLIENT, "error")) == ["  moved    to another place in the order"]
    assert shown(Difference(Kind.MOVED, 0, TO_CLIENT, "x", field="a[1]", old=1, new=3)) == ["  moved    a[1] is now element 3"]
    assert shown(Difference(Kind.VANISHED, 0, TO_CLIENT, "x", old={"a": 1, "b": None})) == ["  vanished {a=1}"]
    gated = Difference(
        Kind.APPEARED, 0, TO_CLIENT, "openOrder", None, "order.customerAccount", None, "me", gate=V.CUSTOMER_ACCOUNT, count=3
    )
    assert shown(gated) == ["  appeared order.customerAccount  'me'  183 CUSTOMER_ACCOUNT, 3 messages"]
    assert shown(gated, 60) == ["  appeared order.customerAccount  'me'", "           183 CUSTOMER_ACCOUNT, 3 messages"]


def test_long_values_stand_below_each_other() -> None:
    difference = Difference(Kind.CHANGED, 0, TO_CLIENT, "error", None, "errorMsg", "a" * 60, "b" * 60)
    assert shown(difference) == ["  changed  errorMsg", f"           - '{'a' * 60}'", f"           + '{'b' * 60}'"]
    assert all(len(line) <= 80 for line in shown(Difference(Kind.CHANGED, 0, TO_CLIENT, "e", None, "f", "a" * 5000, 1)))


def test_values_in_words() -> None:
    assert [value_words(value) for value in ("", None, 0, True, [1, 2], {"a": 1})] == ["''", "unset", "0", "True", "[1, 2]", "{a=1}"]
    assert len(value_words("x" * 10**6)) < LONGEST_VALUE + 40


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_inert(hostile: str) -> None:
    difference = Difference(Kind.CHANGED, 1, TO_CLIENT, hostile, Request(hostile, 1, 2), hostile, hostile, [hostile], PLACES[0], PLACES[1])
    gone = Difference(Kind.VANISHED, 1, TO_CLIENT, hostile, None, "", {hostile: hostile}, None)
    totals = Totals(different=Counter({((TO_CLIENT, hostile), Kind.MOVED): 2}))
    lines = [
        head_line(difference, 80),
        *difference_lines(difference, 80),
        *difference_lines(gone, 80),
        *summary_lines(totals, (hostile, "b"), 80),
    ]
    for line in lines:
        assert not live(text(line))
        assert "\n" not in text(line)
        assert "\t" not in text(line)
        assert len(text(line)) <= 80
    assert json.dumps(difference_object(difference)).isascii()


def test_differences_of_one_message_have_one_heading() -> None:
    other = Difference(Kind.CHANGED, 0, TO_CLIENT, "tickPrice", CHANGED.request, "size", 1, 2, PLACES[0], PLACES[1])
    assert heading(other) == heading(CHANGED)
    assert heading(Difference(Kind.CHANGED, 0, TO_CLIENT, "tickPrice", one=PLACES[1])) != heading(CHANGED)


def test_the_table_of_what_is_set_aside() -> None:
    lines = [text(line) for line in volatile_lines(80)]
    assert all(len(line) <= 80 for line in lines)
    assert not any(line.endswith("...") for line in lines)
    for one in VOLATILE:
        assert any(line.startswith(one.pattern) for line in lines)
        assert any(one.reason in line for line in lines)
