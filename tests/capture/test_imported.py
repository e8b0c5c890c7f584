"""Connections made of logs: their numbers, their openings, and what is counted."""

from __future__ import annotations

import pytest

from tests.capture.logs import TO_CLIENT, TO_SERVER, greetings, messages, notes
from twsprobe.capture.imported import LONGEST_NOTE, Connections, Tally, VersionUnknown, Wish
from twsprobe.capture.model import Close, Closed, Note, Opened
from twsprobe.wire.framing import MAX_FRAME

NOON = 1_714_564_800 * 10**9


def connections(version: int | None = 176) -> Connections:
    return Connections("a.log", Tally(), Wish(server_version=version))


def test_an_opening_that_is_made_says_so_and_tells_the_version() -> None:
    made = connections()
    records = [made.open(NOON, server="127.0.0.1:7497"), *made.opening(NOON, 176)]
    assert records[0] == Opened(1, NOON, "", "127.0.0.1:7497")
    [greeted] = greetings(records)
    assert (greeted.server_version, greeted.time, greeted.zone) == (176, "20240501 12:00:00", "(not in the log)")
    assert [text.partition(":")[0] for text in notes(records)] == ["the opening is not in the log", "the answer to it is not in the log"]


def test_connections_are_numbered_and_end_once() -> None:
    made = connections()
    assert (made.number, made.is_open) == (1, False)
    assert list(made.close(NOON, TO_CLIENT, Close.FIN)) == []
    made.open(NOON)
    assert list(made.close(NOON, TO_CLIENT, Close.FIN)) == [Closed(1, NOON, TO_CLIENT, Close.FIN)]
    assert list(made.close(NOON, TO_CLIENT, Close.RST)) == []
    made.leave()
    assert (made.number, made.is_open) == (1, False)
    made.open(NOON)
    assert (made.number, made.is_open) == (2, True)


def test_messages_are_counted_and_guesses_are_marked() -> None:
    made = connections()
    records = [made.open(NOON), *made.opening(NOON, 176)]
    for text in (b"9,1,42", b"9,1,x,y", b"199,1"):
        found = made.split(text, b",", TO_CLIENT, 176)
        assert found is not None
        records += made.message(NOON, TO_CLIENT, found)
    assert (made.tally.messages, made.tally.unfitting, made.tally.ambiguous) == (3, 2, 0)
    assert messages(records[:6]) == [(TO_CLIENT, "nextValidId", {"version": 1, "orderId": 42})]
    assert notes(records)[2:] == [
        "where fields end is a guess: no reading fits nextValidId at server version 176",
        "where fields end is a guess: no message with this id is declared",
    ]


def test_what_is_longer_than_a_frame_is_no_message() -> None:
    assert connections().split(b"4" * MAX_FRAME, b",", TO_CLIENT, 176) is None


def test_an_opaque_line_is_kept_and_counted_up_to_a_length() -> None:
    made = connections()
    assert made.opaque(NOON, TO_SERVER, b"what?") == Note(1, TO_SERVER, NOON, "not read: what?")
    long = made.opaque(NOON, TO_SERVER, b"x" * (LONGEST_NOTE + 5))
    assert long.text.endswith("x... and 5 more characters")
    assert made.tally.opaque == 2


def test_an_unknown_version_is_asked_for() -> None:
    assert connections().known_version(7) == 176
    with pytest.raises(VersionUnknown) as caught:
        connections(None).known_version(7)
    assert caught.value.position == 7
    assert str(caught.value) == "a.log: the log does not tell the server version: say it with --server-version N"
