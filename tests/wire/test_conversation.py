from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import VERSIONS, Chunk, Maker, examples, makers, versions
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Greeted, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import LENGTH, MAX_FRAME, SHOWN_WHEN_LOST, Direction
from twsprobe.wire.handshake import PREFIX, frame, greeting, offer
from twsprobe.wire.registry import encode, locate, reencode

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
NOTICE = b"4\x002\x00-1\x002104\x00Market data farm connection is OK:usfarm\x00"
ACCOUNTS, NEXT_ID = b"15\x001\x00DU1234567\0", b"9\x001\x00117\0"
GBK_TIME = "20240308 13:30:34 中国标准时间".encode("gbk")
HTTP = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"

# Conversations as they come from a TWS and from what is not one: what goes to the client after the opening of the client.
OPENING = offer(100, 176, "+PACEAPI") + frame(b"71\x002\x000\0\0") + frame(b"49\x001\0")
ANSWERS = {
    "usual": greeting(176, b"20230228 17:24:14 EST") + frame(ACCOUNTS) + frame(NEXT_ID) + frame(NOTICE),
    "the highest version": greeting(226, GBK_TIME)
    + bytes.fromhex("0000000f000000d70a09")
    + b"DU1234567"
    + bytes.fromhex("00000006000000d10801"),
    "news before the version": frame(NOTICE) + frame(b"") + frame(b"x") + greeting(100, b"") + frame(ACCOUNTS),
    "unknown messages": greeting(150, b"20230228") + frame(b"") + frame(b"199\0x\0") + frame(b"no id") + frame(b"\xff\0"),
    "redirect": greeting(-1, b"10.0.0.1:7496") + frame(ACCOUNTS),
    "redirect without a port": greeting(-1, b"10.0.0.1"),
    "half a frame": greeting(176, b"") + frame(ACCOUNTS)[:-3],
    "half a length word": greeting(176, b"") + b"\0\0",
    "HTTP": HTTP,
    "HTTP behind the greeting": greeting(176, b"") + frame(ACCOUNTS) + HTTP,
    "nothing": b"",
}


def travelled(event: Event) -> bytes:
    """An event's bytes as they travelled, as far as it has them."""
    if isinstance(event, (VersionOffered, SyncLost)) or (isinstance(event, Undecodable) and event.raw.startswith(PREFIX)):
        return event.raw
    return LENGTH.pack(len(event.raw)) + event.raw


def check_bytes(conversation: Conversation, direction: Direction, data: bytes, events: Iterable[Event]) -> None:
    """Every byte that went in a direction is in an event, pending, or behind the loss of sync."""
    position, lost = 0, False
    for event in events:
        assert not lost
        if isinstance(event, SyncLost) and (position, event.offset) == (0, len(PREFIX)) and direction is TO_SERVER:
            position = len(PREFIX)  # the prefix is in the event of the offer, and there is none
        assert (event.direction, event.offset) == (direction, position)
        assert data.startswith(travelled(event), position)
        position += len(travelled(event))
        lost = isinstance(event, SyncLost)
    assert conversation.pending(direction) == (b"" if lost else data[position:])
    assert conversation.received(direction) == len(data)


def fed(chunks: Iterable[Chunk]) -> dict[Direction, list[Event]]:
    """The events of each direction, every byte accounted for."""
    conversation = Conversation()
    events: dict[Direction, list[Event]] = {direction: [] for direction in Direction}
    data = dict.fromkeys(Direction, b"")
    for direction, chunk in chunks:
        data[direction] += chunk
        events[direction] += conversation.feed(direction, chunk)
    for direction in Direction:
        check_bytes(conversation, direction, data[direction], events[direction])
    return events


def unsplit(events: dict[Direction, list[Event]]) -> str:
    """What is the same in every split, NaN included: a SyncLost shows at least the length word, and as much more as had come."""
    shown = {
        direction: [event._replace(raw=event.raw[:1]) if isinstance(event, SyncLost) else event for event in found]
        for direction, found in events.items()
    }
    return repr(shown)


def one_by_one(chunks: Iterable[Chunk]) -> list[Chunk]:
    return [(direction, bytes([byte])) for direction, chunk in chunks for byte in chunk]


def greeted(version: int) -> Conversation:
    conversation = Conversation()
    conversation.feed(TO_SERVER, offer(100, version))
    conversation.feed(TO_CLIENT, greeting(version, b""))
    return conversation


def test_a_session_from_its_first_byte() -> None:
    events = fed([(TO_SERVER, OPENING[:30]), (TO_CLIENT, ANSWERS["usual"]), (TO_SERVER, OPENING[30:])])
    assert [event.event for event in events[TO_CLIENT]] == ["greeting", "message", "message", "message"]
    names = [event.name for event in events[TO_CLIENT] + events[TO_SERVER] if isinstance(event, Decoded)]
    assert names == ["managedAccounts", "nextValidId", "error", "startApi", "reqCurrentTime"]
    assert events[TO_SERVER][0] == VersionOffered(TO_SERVER, 100, 176, "+PACEAPI", OPENING[:26], 0)
    assert events[TO_CLIENT][0] == Greeted(TO_CLIENT, 176, "20230228 17:24:14", "EST", "", b"176\x0020230228 17:24:14 EST\0", 0)


def test_frames_behind_the_greeting_in_the_same_chunk_are_decoded_at_its_version() -> None:
    events = fed([(TO_SERVER, offer(100, 226)), (TO_CLIENT, ANSWERS["the highest version"])])[TO_CLIENT]
    assert [(event.name, event.fields, event.encoding) for event in events[1:] if isinstance(event, Decoded)] == [
        ("managedAccounts", {"accountsList": "DU1234567"}, "protobuf"),
        ("nextValidId", {"orderId": 1}, "protobuf"),
    ]


def test_news_before_the_version_is_kept_and_the_version_still_found() -> None:
    before = (NOTICE, b"", b"x")
    events = fed([(TO_CLIENT, ANSWERS["news before the version"])])[TO_CLIENT]
    assert [(type(event), event.raw) for event in events[:3]] == [(Unknown, payload) for payload in before]
    assert {event.reason for event in events[:3] if isinstance(event, Unknown)} == {"came before the server version"}
    assert isinstance(events[3], Greeted)
    assert isinstance(events[4], Decoded)


@pytest.mark.parametrize(("second", "address"), [(b"10.0.0.1:7496", "10.0.0.1:7496"), (b"10.0.0.1", "10.0.0.1")])
def test_a_redirect_gives_its_address_and_no_version(second: bytes, address: str) -> None:
    conversation = Conversation()
    (event,) = conversation.feed(TO_CLIENT, greeting(-1, second))
    assert isinstance(event, Greeted)
    assert (event.server_version, event.redirect, conversation.server_version) == (-1, address, None)
    (after,) = conversation.feed(TO_CLIENT, frame(ACCOUNTS))
    assert isinstance(after, Unknown)


def test_client_frames_before_the_version_is_known_are_unknown() -> None:
    conversation = Conversation()
    offered, early = conversation.feed(TO_SERVER, offer(100, 176) + frame(b"71\x002\x000\0\0"))
    assert isinstance(offered, VersionOffered)
    assert early == Unknown(TO_SERVER, None, None, None, "came before the server version was known", b"71\x002\x000\0\0", 17)
    conversation.feed(TO_CLIENT, greeting(176, b""))
    (late,) = conversation.feed(TO_SERVER, frame(b"49\x001\0"))
    assert isinstance(late, Decoded)
    assert (late.name, late.offset) == ("reqCurrentTime", 29)


@pytest.mark.parametrize("payload", [b"", b"hello", b"v100.200", b"71\x002\x000\0\0"])
def test_a_frame_that_offers_nothing_is_undecodable_and_the_stream_goes_on(payload: bytes) -> None:
    conversation = Conversation()
    opening = PREFIX + frame(payload)
    (event,) = conversation.feed(TO_SERVER, opening)
    assert event == Undecodable(TO_SERVER, None, None, None, "text", "is no offer of versions", "", 8, opening, 0)
    assert locate(event) == []
    conversation.feed(TO_CLIENT, greeting(176, b""))
    assert [event.event for event in conversation.feed(TO_SERVER, frame(b"49\x001\0"))] == ["message"]


@pytest.mark.parametrize("place", range(len(PREFIX)))
@pytest.mark.parametrize("rest", [b"", b"\0\0\0\x04v203", b"x" * 100])
def test_a_wrong_byte_in_the_prefix_is_noticed_at_once(place: int, rest: bytes) -> None:
    conversation = Conversation()
    assert conversation.feed(TO_SERVER, PREFIX[:place]) == []
    assert conversation.pending(TO_SERVER) == PREFIX[:place]
    (event,) = conversation.feed(TO_SERVER, b"x" + rest)
    shown = (PREFIX[:place] + b"x" + rest)[:SHOWN_WHEN_LOST]
    assert event == SyncLost(TO_SERVER, "the client did not open with the API prefix", shown, 0)
    assert conversation.feed(TO_SERVER, OPENING) == []
    assert conversation.pending(TO_SERVER) == b""
    assert conversation.received(TO_SERVER) == place + 1 + len(rest) + len(OPENING)


def test_the_end_of_a_direction_gives_what_never_became_whole_once() -> None:
    conversation = greeted(176)
    conversation.feed(TO_CLIENT, frame(ACCOUNTS) + frame(NEXT_ID)[:6])
    whole = len(greeting(176, b"") + frame(ACCOUNTS))
    assert conversation.end(TO_CLIENT) == [
        Undecodable(TO_CLIENT, None, None, 176, None, "ends inside a frame", "", 0, frame(NEXT_ID)[:6], whole)
    ]
    assert conversation.end(TO_CLIENT) == []
    assert conversation.end(TO_SERVER) == []


@pytest.mark.parametrize(
    ("data", "rest"), [(b"", b""), (b"AP", b"AP"), (b"GET / HTTP/1.1", b""), (PREFIX, PREFIX), (OPENING[:9], OPENING[:9])]
)
def test_the_end_of_an_opening(data: bytes, rest: bytes) -> None:
    conversation = Conversation()
    conversation.feed(TO_SERVER, data)
    assert [event.raw for event in conversation.end(TO_SERVER)] == [rest] * bool(rest)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_split_in_two_and_byte_by_byte_give_the_same_events(name: str) -> None:
    data = ANSWERS[name]
    whole = unsplit(fed([(TO_SERVER, OPENING), (TO_CLIENT, data)]))
    assert unsplit(fed(one_by_one([(TO_SERVER, OPENING), (TO_CLIENT, data)]))) == whole
    for place in range(len(data) + 1):
        assert unsplit(fed([(TO_SERVER, OPENING), (TO_CLIENT, data[:place]), (TO_CLIENT, data[place:])])) == whole
    for place in range(len(OPENING) + 1):
        assert unsplit(fed([(TO_SERVER, OPENING[:place]), (TO_SERVER, OPENING[place:]), (TO_CLIENT, data)])) == whole


def joined(chunks: Sequence[Chunk]) -> list[Chunk]:
    """The opening of each side on its own, then all that either side said in one piece."""
    behind = [(direction, b"".join(chunk for side, chunk in chunks[2:] if side is direction)) for direction in Direction]
    return [*chunks[:2], *behind]


@examples(3)
@given(makers, versions, st.integers(0, 6))
def test_any_split_of_a_conversation_gives_the_same_events(maker: Maker, version: int, length: int) -> None:
    chunks = maker.conversation(version, length)
    events = fed(chunks)
    assert not any(isinstance(event, (Unknown, Undecodable, SyncLost)) for found in events.values() for event in found)
    pieces = [(direction, piece) for direction, chunk in chunks for piece in maker.cut(chunk)]
    for other in (joined(chunks), one_by_one(chunks), pieces):
        assert unsplit(fed(other)) == unsplit(events)


def check_promises(chunks: Sequence[Chunk]) -> None:
    """Whatever comes: no exception, only events, every byte accounted for, and what is decoded can be written and located again."""
    for found in fed(chunks).values():
        for event in found:
            assert isinstance(event, (VersionOffered, Greeted, Decoded, Unknown, Undecodable, SyncLost))
            if isinstance(event, (Decoded, Undecodable)):
                assert all(0 <= piece.start <= piece.end <= len(event.raw) for piece in locate(event))
            if isinstance(event, Decoded):
                assert len(reencode(event)) <= LENGTH.size + MAX_FRAME
            if isinstance(event, Undecodable):
                assert 0 <= event.at <= len(event.raw)


chunks = st.lists(st.tuples(st.sampled_from(Direction), st.binary(max_size=80)), max_size=8)


@examples(12)
@given(chunks)
def test_any_bytes_from_the_start(found: list[Chunk]) -> None:
    check_promises(found)


@examples(12)
@given(versions | st.integers(0, 999_999_999), chunks)
def test_any_bytes_behind_an_opening(version: int, found: list[Chunk]) -> None:
    check_promises([(TO_SERVER, offer(100, version)), (TO_CLIENT, greeting(version, GBK_TIME)), *found])


@examples(12)
@given(versions, st.lists(st.tuples(st.sampled_from(Direction), st.integers(0, 320), st.binary(max_size=60)), max_size=6), makers)
def test_any_payload_behind_a_message_id(version: int, found: list[tuple[Direction, int, bytes]], maker: Maker) -> None:
    frames = [(side, frame((id.to_bytes(4, "big") if version >= 201 else b"%d\0" % id) + rest)) for side, id, rest in found]
    check_promises(maker.conversation(version, 0) + frames)


@examples(12)
@given(makers, versions, st.integers(1, 5))
def test_conversations_with_wrong_bytes(maker: Maker, version: int, length: int) -> None:
    found = maker.conversation(version, length)
    for _ in range(maker.random.randint(1, 3)):
        index = maker.random.randrange(len(found))
        direction, chunk = found[index]
        place = maker.random.randrange(len(chunk))
        found[index] = direction, chunk[:place] + maker.random.randbytes(1) + chunk[place + 1 :]
    check_promises(found)


@examples(12)
@given(makers, versions, st.integers(1, 5))
def test_conversations_with_broken_frames(maker: Maker, version: int, length: int) -> None:
    """Frames whose length is right and whose payload is not."""
    found = maker.conversation(version, length)
    check_promises([(side, frame(maker.broken(chunk[LENGTH.size :])) if index > 1 else chunk) for index, (side, chunk) in enumerate(found)])


@examples(8)
@given(makers, versions, st.integers(1, 5))
def test_conversations_that_are_cut_and_joined_wrongly(maker: Maker, version: int, length: int) -> None:
    """Frames that are cut short, doubled, swapped, or sent the other way."""
    found, draw = maker.conversation(version, length), maker.random
    for _ in range(draw.randint(1, 3)):
        index, other = draw.randrange(len(found)), draw.randrange(len(found))
        direction, chunk = found[index]
        place = draw.randrange(len(chunk) + 1)
        change = draw.choice(
            (
                [(direction, chunk[:place])],
                [(direction, chunk[place:])],
                [(direction, chunk), (direction, chunk)],
                [(direction, chunk[:place] + found[other][1][place:])],
                [(direction.opposite, chunk)],
                [],
            )
        )
        found[index : index + 1] = change
        if not found:
            break
    check_promises(found)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_start_at_every_version(version: int) -> None:
    conversation = greeted(version)
    assert conversation.server_version == version
    sent = [encode("startApi", TO_SERVER, version, clientId=7, optionalCapabilities="")]
    told = [encode("managedAccounts", TO_CLIENT, version, accountsList="DU1,DU2"), encode("nextValidId", TO_CLIENT, version, orderId=1)]
    events = conversation.feed(TO_SERVER, b"".join(sent)) + conversation.feed(TO_CLIENT, b"".join(told))
    found = {event.name: event.fields for event in events if isinstance(event, Decoded)}
    assert found["startApi"]["clientId"] == 7
    assert found["managedAccounts"]["accountsList"] == "DU1,DU2"
    assert found["nextValidId"]["orderId"] == 1


def test_messages_that_are_not_wanted_are_in_no_event() -> None:
    asked: list[tuple[Direction, int | None]] = []

    def wanted(direction: Direction, id: int | None) -> bool:
        asked.append((direction, id))
        return id == 9

    conversation, whole = Conversation(wanted), Conversation()
    answers = greeting(176, b"") + frame(ACCOUNTS) + frame(b"no id") + frame(NEXT_ID) + frame(NOTICE) + HTTP
    found = [conversation.feed(*fed) for fed in ((TO_SERVER, OPENING), (TO_CLIENT, answers))]
    every = [whole.feed(*fed) for fed in ((TO_SERVER, OPENING), (TO_CLIENT, answers))]
    # What came before the version was known has no id yet.
    assert found[0] == every[0]
    assert found[1] == [every[1][0], every[1][3], every[1][5]]
    assert asked == [(TO_CLIENT, 15), (TO_CLIENT, None), (TO_CLIENT, 9), (TO_CLIENT, 4)]
    assert conversation.received(TO_CLIENT) == len(answers)


def test_with_a_version_named_a_message_that_looks_like_the_answer_is_a_message() -> None:
    end = encode("positionEnd", TO_CLIENT, 178)
    (event,) = Conversation(server_version=178).feed(TO_CLIENT, end)
    assert isinstance(event, Decoded)
    assert (event.name, event.server_version) == ("positionEnd", 178)
    (answer,) = Conversation(server_version=100).feed(TO_CLIENT, greeting(178, b"20240501 12:00:00 EST"))
    assert isinstance(answer, Greeted)
