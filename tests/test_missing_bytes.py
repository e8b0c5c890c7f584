"""Conversations of which bytes are missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Resynced, SyncLost, Undecodable
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.registry import encode

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
GREETED = greeting(176, b"20240501 12:00:00 GMT")
NEXT_ID = frame(b"9\x001\x008\x00")
ACCOUNTS = frame(b"15\x001\x00DU1234567\x00")
TEXT = frame(b"4\x002\x00-1\x002104\x00Market data farm connection is OK\x00\x00")


def heard(*parts: bytes | int | None, server_version: int | None = None, size: int = 10**6, opened: bool = True) -> list[Event]:
    """The events of what a server sent, in pieces of a size; a number is that of missing bytes."""
    conversation = Conversation(server_version=server_version)
    if opened:
        conversation.feed(TO_SERVER, offer(100, 176))
    found: list[Event] = []
    for part in parts:
        if isinstance(part, bytes):
            for start in range(0, len(part), size):
                found += conversation.feed(TO_CLIENT, part[start : start + size])
        else:
            found += conversation.gap(TO_CLIENT, part)
    return found + conversation.end(TO_CLIENT)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_bytes_missing_inside_a_frame_lose_that_frame_alone(size: int) -> None:
    start = len(GREETED + NEXT_ID)
    for begin in range(4, len(TEXT)):
        for end in range(begin + 1, len(TEXT) + 1):
            events = heard(GREETED + NEXT_ID + TEXT[:begin], end - begin, TEXT[end:] + ACCOUNTS, size=size)
            assert [event.event for event in events] == ["greeting", "message", "undecodable", "message"]
            damaged = events[2]
            assert isinstance(damaged, Undecodable)
            assert damaged.raw == TEXT[:begin] + TEXT[end:]
            assert (damaged.at, damaged.offset) == (begin, start)
            assert damaged.name == ("error" if begin >= 6 else None)
            missing = end - begin
            assert damaged.reason == f"{missing} of its {len(TEXT) - 4} bytes {'is' if missing == 1 else 'are'} missing from the capture"
            assert events[3].offset == start + len(TEXT)
        if size == 1:
            break


def test_a_frame_may_have_several_holes() -> None:
    events = heard(GREETED + TEXT[:10], 3, TEXT[13:20], 1, 2, TEXT[23:] + NEXT_ID)
    assert [event.event for event in events] == ["greeting", "undecodable", "message"]
    assert isinstance(events[1], Undecodable)
    assert events[1].raw == TEXT[:10] + TEXT[13:20] + TEXT[23:]
    assert events[1].reason.startswith("6 of its ")


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("missing", [None, 7, 10**6])
def test_frames_go_on_behind_other_missing_bytes(size: int, missing: int | None) -> None:
    before, torn, rest = GREETED + NEXT_ID, TEXT[:9], b"rest of a text\x00"
    if missing == 7:
        torn = TEXT[:3]
    events = heard(before + torn, missing, rest + ACCOUNTS + NEXT_ID + TEXT, size=size)
    assert [event.event for event in events] == ["greeting", "message", "undecodable", "resynced", "message", "message", "message"]
    lost, resynced, accounts = events[2:5]
    assert isinstance(lost, Undecodable)
    assert (lost.raw, lost.reason, lost.offset) == (torn, "its end is missing from the capture", len(before))
    assert isinstance(resynced, Resynced)
    assert (resynced.skipped, resynced.raw, resynced.offset) == (len(rest), rest, len(before + torn))
    assert accounts.offset == len(before + torn + rest) + (missing or 0)


def test_missing_frames_are_passed_over_at_once() -> None:
    events = heard(GREETED, 100, ACCOUNTS + NEXT_ID)
    assert [event.event for event in events] == ["greeting", "resynced", "message", "message"]
    assert isinstance(events[1], Resynced)
    assert events[1].skipped == 0


def test_no_frame_is_made_of_what_is_on_both_sides_of_missing_bytes() -> None:
    events = heard(GREETED, None, ACCOUNTS[:9], 5, ACCOUNTS[9:] + NEXT_ID + TEXT)
    assert [event.event for event in events] == ["greeting", "resynced", "message", "message"]
    assert [event.name for event in events if isinstance(event, Decoded)] == ["nextValidId", "error"]


def test_a_frame_alone_at_the_end_is_found() -> None:
    assert [event.event for event in heard(GREETED, None, b"torn" + ACCOUNTS)] == ["greeting", "resynced", "message"]


def test_no_frame_behind_missing_bytes_is_a_loss_and_nothing_is_nothing() -> None:
    events = heard(GREETED, None, b"no frame", 3, b" at all")
    assert [event.event for event in events] == ["greeting", "sync_lost"]
    assert (events[1].raw, events[1].offset) == (b"no frame at all", len(GREETED))
    assert [event.event for event in heard(GREETED, None)] == ["greeting"]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_version_is_guessed_where_the_greeting_is_missing_and_that_is_said(size: int) -> None:
    events = heard(None, b"torn" + ACCOUNTS + NEXT_ID, size=size)
    assert [event.event for event in events] == ["resynced", "message", "message"]
    assert isinstance(events[0], Resynced)
    assert events[0].reason == "frames go on behind missing bytes; server version 176 is a guess"
    assert isinstance(events[1], Decoded)
    assert events[1].server_version == 176
    [resynced, *_] = heard(None, ACCOUNTS + NEXT_ID, size=size, opened=False)
    assert isinstance(resynced, Resynced)
    assert resynced.reason.endswith("server version 200 is a guess")


def test_a_better_guess_is_said() -> None:
    order = encode("openOrder", TO_CLIENT, 151, orderId=1, contract={"symbol": "A"}, order={"action": "BUY"}, orderState={"status": "x"})
    events = heard(None, ACCOUNTS + NEXT_ID + order, opened=False)
    assert [event.event for event in events] == ["resynced", "message", "message", "resynced", "message"]
    assert isinstance(events[3], Resynced)
    assert isinstance(events[4], Decoded)
    assert events[3].reason == f"server version {events[4].server_version} is a guess, by the message that follows"
    assert events[4].anomalies == ()


def test_a_version_that_was_named_is_taken_only_where_the_greeting_is_missing() -> None:
    events = heard(None, ACCOUNTS + NEXT_ID, server_version=157)
    assert isinstance(events[0], Resynced)
    assert "guess" not in events[0].reason
    assert isinstance(events[1], Decoded)
    assert events[1].server_version == 157
    known = heard(GREETED + NEXT_ID, server_version=157)[1]
    assert isinstance(known, Decoded)
    assert known.server_version == 176


def test_with_a_named_version_a_conversation_may_begin_anywhere() -> None:
    conversation = Conversation(server_version=176)
    asked = encode("reqIds", TO_SERVER, 176, numIds=1)
    assert [event.event for event in conversation.feed(TO_CLIENT, NEXT_ID + ACCOUNTS)] == ["message", "message"]
    events = conversation.feed(TO_SERVER, b"torn" + asked + asked)
    assert [event.event for event in events] == ["resynced", "message", "message"]
    assert conversation.received(TO_SERVER) == len(b"torn" + asked + asked)


def test_an_opening_that_is_missing_in_part_is_no_end() -> None:
    asked = encode("reqIds", TO_SERVER, 176, numIds=1)
    opening = offer(100, 176)
    for cut in range(len(opening)):
        conversation = Conversation()
        conversation.feed(TO_CLIENT, GREETED)
        found = conversation.feed(TO_SERVER, opening[:cut]) + conversation.gap(TO_SERVER, None)
        found += conversation.feed(TO_SERVER, asked + asked)
        assert [event.event for event in found] == ["undecodable"] * (cut > 0) + ["resynced", "message", "message"]
        if cut:
            assert found[0].raw == opening[:cut]


def test_a_greeting_with_a_hole_is_a_greeting_that_is_missing_but_for_the_version() -> None:
    events = heard(GREETED[:6], 4, GREETED[10:] + ACCOUNTS + NEXT_ID, opened=False)
    assert [event.event for event in events] == ["undecodable", "resynced", "message", "message"]
    assert isinstance(events[1], Resynced)
    assert events[1].reason == "server version 200 is a guess, by the message that follows"
    events = heard(GREETED[:12], 4, GREETED[16:] + ACCOUNTS + NEXT_ID, opened=False)
    assert [event.event for event in events] == ["undecodable", "message", "message"]
    assert isinstance(events[1], Decoded)
    assert events[1].server_version == 176


frames = st.sampled_from([NEXT_ID, ACCOUNTS, TEXT, frame(b"999\x00"), frame(b"\x00\x00\x00\xd1\x08\x01")])
steps = st.lists(frames | st.binary(max_size=9) | st.none() | st.integers(0, 50) | st.sampled_from([1 << 20, 1 << 25]), max_size=14)


@given(steps, st.integers(1, 6), st.sampled_from([b"", GREETED, GREETED[:9]]), st.none() | st.sampled_from([100, 176, 226]))
def test_whatever_is_missing_nothing_raises_and_the_split_does_not_matter(
    parts: list[bytes | int | None], size: int, start: bytes, version: int | None
) -> None:
    whole = heard(start, *parts, server_version=version)
    # A SyncLost shows as many bytes as it has at hand; which bytes they begin with does not depend on the split.
    plain = [event._replace(raw=event.raw[:1]) if isinstance(event, SyncLost) else event for event in whole]
    slowly = heard(start, *parts, server_version=version, size=size)
    assert [event._replace(raw=event.raw[:1]) if isinstance(event, SyncLost) else event for event in slowly] == plain


@given(st.lists(frames, min_size=1, max_size=8), st.data())
def test_no_message_is_made_up(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(sent)
    begin = data.draw(st.integers(0, len(stream) - 1))
    size = data.draw(st.integers(1, len(stream) - begin))
    whole = {repr(event._replace(offset=0)) for event in heard(GREETED, stream)}
    for missing in (size, None):
        found = heard(GREETED, stream[:begin], missing, stream[begin + size :])
        assert {repr(event._replace(offset=0)) for event in found if isinstance(event, Decoded)} <= whole
