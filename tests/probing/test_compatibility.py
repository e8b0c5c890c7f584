"""Forms of messages, and what an answer means for a library; nothing of a report quotes a value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.probing.looks import UNDECLARED, looked
from tests.views.hostile import HOSTILE
from tests.views.reports import hostile_script
from twsprobe.probing.compatibility import (
    MOST_MESSAGES,
    Form,
    Forms,
    Offer,
    Session,
    Tried,
    Versions,
    encodings,
    form_of,
    judged,
    merged,
    paths_of,
)
from twsprobe.probing.signatures import Signature
from twsprobe.wire.events import Greeted, Unknown
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.registry import decode, encode

OFFER = Offer(157, 178, ("ib_async",))


def sent(name: str, version: int, tail: bytes = b"", **fields: Any) -> Any:
    """The event of a message to the client, with bytes behind it."""
    return decode(encode(name, Direction.TO_CLIENT, version, **fields)[LENGTH.size :] + tail, Direction.TO_CLIENT, version)


def test_a_message_as_declared() -> None:
    event = sent("position", 226, account="DU1", contract={"conId": 1, "symbol": "", "secType": "STK"}, position="1")
    assert form_of(event) == Form("position", "protobuf", 1, ("account", "contract.conId", "contract.secType", "position"))


def test_undeclared_protobuf_fields_are_named_by_number_at_every_depth() -> None:
    seen = form_of(sent("managedAccounts", 226, UNDECLARED, accountsList="DU1"))
    assert seen == Form("managedAccounts", "protobuf", 1, ("accountsList",), ("#111",))
    assert list(paths_of({"a": [{"b": 1, "#7": [{"c": 2}]}, {"d": None}], "e": ""})) == ["a[].b", "a[].#7"]


def test_text_that_is_longer_or_shorter_than_declared() -> None:
    longer = form_of(sent("managedAccounts", 176, b"secret\0", accountsList="DU1"))
    assert longer is not None
    assert longer.differences == ("1 text field behind the last known one",)
    shorter = form_of(decode(b"15\x001\0", Direction.TO_CLIENT, 176))
    assert shorter is not None
    assert shorter.differences == ("ends before accountsList",)


def test_what_breaks_its_layout_is_named_without_its_bytes() -> None:
    seen = form_of(decode(b"9\x001\0secret\0", Direction.TO_CLIENT, 176))
    assert seen == Form("nextValidId", "text", 1, differences=("does not follow our declaration at orderId",))
    unknown = form_of(decode(b"999\0secret\0", Direction.TO_CLIENT, 176))
    assert unknown == Form("message 999", "text", 1, differences=("no message with this id is declared",))


def test_what_is_no_message_has_no_form() -> None:
    assert form_of(Greeted(Direction.TO_CLIENT, 176, "", "", "", b"")) is None
    assert form_of(Unknown(Direction.TO_CLIENT, None, 176, None, "", b"")) is None


def test_forms_add_up_and_keep_a_bound() -> None:
    forms = Forms()
    forms.take(sent("position", 226, account="DU1", position="1"))
    forms.take(sent("position", 226, account="DU1", avgCost=2.0))
    assert forms.all == (Form("position", "protobuf", 2, ("account", "position", "avgCost")),)
    for number in range(1000, 1100 + MOST_MESSAGES):
        forms.take(decode(b"%d\0" % number, Direction.TO_CLIENT, 176))
    assert len(forms.all) == MOST_MESSAGES


@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_merging_keeps_the_order_and_each_once(one: list[str], other: list[str]) -> None:
    both = merged(one, other)
    assert set(both) == {*one, *other}
    assert len(both) == len(set(both))
    assert list(both[: len(set(one))]) == list(dict.fromkeys(one))


@pytest.mark.parametrize(
    ("tried", "session", "verdict", "words"),
    [
        (Tried(OFFER, 176, None), Session(176, Signature.READY, True), "works", "A session starts; all messages are text."),
        (Tried(OFFER, 176, None), Session(176, Signature.REJECTED, False), "fails", "does not start (rejected)"),
        (Tried(OFFER, 176, None), None, "unknown", "No session was started"),
        (Tried(OFFER, 76, Signature.VERSION_UNSUPPORTED), None, "fails", "76 is below 157"),
        (Tried(OFFER, 226, Signature.VERSION_UNSUPPORTED), None, "fails", "226, which is above the offer"),
        (Tried(OFFER, None, Signature.SILENT_HANDSHAKE), None, "fails", "(silent-handshake)"),
        (
            Tried(OFFER, 176, None),
            Session(176, Signature.READY, True, forms=(Form("error", "text", 1, (), ("#9",)),)),
            "works",
            "; 1 kind of message differs from our declarations.",
        ),
    ],
)
def test_what_an_answer_means(tried: Tried, session: Session | None, verdict: str, words: str) -> None:
    found, how = judged(tried, session)
    assert found == verdict
    assert words in how


def test_how_messages_are_sent_by_version() -> None:
    assert encodings(200) == "all messages are text"
    assert encodings(203).startswith("6 of ")
    counts = [int(encodings(version).split()[0]) for version in (203, 208, 213)]
    assert counts == sorted(counts)


def test_the_highest_version_is_known_where_an_answer_is_below_its_offer() -> None:
    def highest(*tried: Tried) -> int | None:
        return Versions("x", 1, (), tried, (), 0).highest

    assert highest() is None
    assert highest(Tried(Offer(100, 157), 157, None)) is None
    assert highest(Tried(Offer(100, 157), 157, None), Tried(Offer(100, 226), 176, None)) == 176
    assert highest(Tried(Offer(100, 157), 300, Signature.VERSION_UNSUPPORTED)) is None
    assert highest(Tried(Offer(100, 157), None, Signature.REDIRECTED)) is None


@pytest.mark.parametrize("version", [176, 226])
def test_no_text_of_a_peer_is_in_a_report(version: int) -> None:
    for text in ("DU7654321 secret", HOSTILE[0]):
        found = looked(hostile_script(text), version, sync=True)
        assert found.sessions[-1].started
        assert text not in json.dumps(found.to_dict(), ensure_ascii=False)


def test_as_an_object() -> None:
    found = looked(version=203).to_dict()
    assert next(iter(found)) == "schema", "the first key tells what a file is"
    assert (found["schema"], found["target"], found["port"], found["highest"]) == ("twsprobe.versions/1", "127.0.0.1:7497", 7497, 203)
    assert found["offers"][-1] == {"offer": "100..226", "libraries": ["ibapi-latest"], "answer": 203, "signature": None}
    assert found["libraries"][0]["verdict"] == "works"
    assert json.loads(json.dumps(found)) == found, "plain JSON types"
    first = found["sessions"][0]
    assert first["start"][0] == {"message": "managedAccounts", "encoding": "text", "times": 1}
    assert first["messages"][0]["fields"] == ["version", "accountsList"]
