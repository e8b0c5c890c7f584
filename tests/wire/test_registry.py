from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.conformance import check_round_trips, contained
from tests.wire.generate import VERSIONS, Maker, encodings, examples, leaves, makers, steps, versions
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.message import PROTOBUF, TEXT, EncodeError, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_ID, BY_NAME, Head, decode, encode, head, locate, reencode
from twsprobe.wire.tokens import Piece
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BOTH = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message.name}-{message.direction.value}")
messages = st.sampled_from(MESSAGES)


@pytest.mark.parametrize(
    ("payload", "version", "expected"),
    [
        (b"9\x001\0", 176, Head(9, TEXT, 2)),
        (b"0009\x001\0", 200, Head(9, TEXT, 5)),
        (b"999999999\0", 100, Head(999_999_999, TEXT, 10)),
        (b"\0\0\0\x091\0", 201, Head(9, TEXT, 4)),
        (b"\0\0\0\xc8", 226, Head(200, TEXT, 4)),
        (b"\0\0\0\xc9", 226, Head(1, PROTOBUF, 4)),
        (b"\xff\xff\xff\xff", 226, Head(2**32 - 201, PROTOBUF, 4)),
        (b"\0\0\0\x00", 226, Head(0, TEXT, 4)),
    ],
)
def test_a_payload_begins_with_an_id(payload: bytes, version: int, expected: Head) -> None:
    assert head(payload, version) == expected


NO_IDS = [b"", b"\0", b"9", b"x\0", b"-9\0", b" 9\0", b"+9\0", b"9_9\0", b"1234567890\0", "\u0669\0".encode(), b"\xb2\0"]


@pytest.mark.parametrize(
    ("payload", "version"), [(payload, 200) for payload in NO_IDS] + [(payload, 201) for payload in (b"", b"9\0", b"\0\0\0")]
)
def test_a_payload_without_an_id_is_unknown(payload: bytes, version: int) -> None:
    event = decode(payload, TO_CLIENT, version)
    assert event == Unknown(TO_CLIENT, None, version, TEXT, "does not begin with a message id", payload)


@pytest.mark.parametrize(
    ("payload", "version", "encoding"), [(b"199\x001\0", 176, TEXT), (b"\0\0\0\xc7", 226, TEXT), (b"\0\0\x01\x8f", 226, PROTOBUF)]
)
def test_a_message_that_is_not_declared_is_unknown_by_its_id(payload: bytes, version: int, encoding: str) -> None:
    event = decode(payload, TO_SERVER, version)
    assert event == Unknown(TO_SERVER, 199, version, encoding, "no message with this id is declared", payload)


def test_no_two_messages_share_an_id_or_a_name() -> None:
    assert len(BY_ID) == len(BY_NAME) == len(MESSAGES)


@BOTH
def test_every_message_and_field_has_a_meaning_and_a_way_to_be_sent(message: Message) -> None:
    assert message.meaning
    assert all(leaf.meaning for leaf in leaves(message.record))
    assert any(encodings(message, version) for version in VERSIONS)
    assert message.text is not None or message.protobuf is not None
    assert 0 < message.id <= 200


def values_equal(values: Any, others: Any) -> bool:
    return contained(values, others) == contained(others, values) == []


@BOTH
def test_a_message_is_read_back_as_it_was_written(message: Message) -> None:
    """On both sides of every gate, in each encoding, with none, some and all of its values."""
    for version in steps(message):
        for encoding in encodings(message, version):
            assert check_round_trips(message, version, encoding)


def check_payload(message: Message, payload: bytes, start: int, version: int, encoding: str) -> None:
    """Both paths read the same; what is decoded is written back; every place is inside."""
    event = decode(payload, message.direction, version)
    assert isinstance(event, (Decoded, Undecodable))
    assert repr(message.interpret(payload, start, encoding, version)) == repr(event)
    assert all(start <= piece.start <= piece.end <= len(payload) for piece in locate(event))
    if isinstance(event, Undecodable):
        assert 0 <= event.at <= len(payload)
    elif encoding == TEXT:
        assert reencode(event) == frame(payload)
    else:
        again = decode(reencode(event)[LENGTH.size :], message.direction, version)
        assert isinstance(again, Decoded)
        assert values_equal(event.fields, again.fields)
        assert reencode(again) == reencode(event)


def check_both_paths(message: Message, version: int, encoding: str, maker: Maker, mistakes: int) -> None:
    payload = maker.payload(message, version, encoding)
    start = head(payload, version).start
    check_payload(message, payload, start, version, encoding)
    for _ in range(mistakes):
        check_payload(message, payload[:start] + maker.broken(payload[start:]), start, version, encoding)


@BOTH
def test_both_paths_agree_at_every_version(message: Message) -> None:
    for version in VERSIONS:
        for encoding in encodings(message, version):
            check_both_paths(message, version, encoding, Maker(Random(f"{message.name} {version} {encoding}")), 2)


@examples(10)
@given(messages, versions, makers)
def test_both_paths_agree_on_any_payload(message: Message, version: int, maker: Maker) -> None:
    for encoding in encodings(message, version):
        check_both_paths(message, version, encoding, maker, 3)


@examples(5)
@given(st.binary(max_size=120), st.sampled_from(Direction), versions | st.integers(0, 999_999_999))
def test_decoding_any_bytes_gives_an_event(payload: bytes, direction: Direction, version: int) -> None:
    event = decode(payload, direction, version)
    assert isinstance(event, (Decoded, Unknown, Undecodable))
    assert event.raw == payload


def test_versions_beyond_the_highest_are_read_like_it() -> None:
    maker = Maker(Random(1))
    for message in MESSAGES:
        payload = maker.payload(message, VERSIONS[-1], message.encoding(VERSIONS[-1]))
        event, beyond = (decode(payload, message.direction, version) for version in (VERSIONS[-1], 999))
        assert isinstance(beyond, Decoded)
        assert beyond.server_version == 999
        assert repr(beyond._replace(server_version=VERSIONS[-1])) == repr(event)


def test_values_are_located_in_the_payload() -> None:
    text = decode(b"9\x001\x00117\0", TO_CLIENT, 176)
    assert isinstance(text, Decoded)
    assert locate(text) == [Piece("version", 2, 3), Piece("orderId", 4, 7)]
    binary = decode(b"\0\0\0\x091\x00117\0", TO_CLIENT, 201)
    assert isinstance(binary, Decoded)
    assert locate(binary) == [Piece("version", 4, 5), Piece("orderId", 6, 9)]
    protobuf = decode(bytes.fromhex("000000d1 0875"), TO_CLIENT, 213)
    assert isinstance(protobuf, Decoded)
    assert locate(protobuf) == [Piece("orderId", 4, 6)]


def test_an_undecodable_message_is_located_up_to_the_fault() -> None:
    text = decode(b"4\x002\x00x\x002104\0", TO_CLIENT, 176)
    assert isinstance(text, Undecodable)
    assert (text.path, text.at, text.reason) == ("id", 4, "'x' is not int32")
    assert locate(text) == [Piece("version", 2, 3), Piece("id", 4, 5)]
    protobuf = decode(bytes.fromhex("000000cc 0801 2201ff"), TO_CLIENT, 226)
    assert isinstance(protobuf, Undecodable)
    assert (protobuf.path, protobuf.at) == ("errorMsg", 6)
    assert locate(protobuf) == [Piece("id", 4, 6), Piece("errorMsg", 6, 9)]


@pytest.mark.parametrize("message", [message for message in MESSAGES if message.protobuf is not None and message.text is not None])
def test_the_version_decides_the_encoding_unless_it_is_overruled(message: Message) -> None:
    assert message.protobuf is not None
    values = Maker(Random(message.name), 0.0)
    for version in (max(message.protobuf, V.PROTOBUF), message.protobuf - 1):
        if version < max(message.since, V.PROTOBUF):
            continue
        expected = PROTOBUF if version >= message.protobuf else TEXT
        given_values = values.layout(message.layout(version))
        for encoding in (None, TEXT, PROTOBUF):
            fields = given_values if (encoding or expected) == TEXT else {}
            data = encode(message.name, message.direction, version, encoding=encoding, **fields)
            assert head(data[LENGTH.size :], version) == Head(message.id, encoding or expected, 4)


@pytest.mark.parametrize(
    ("name", "direction", "version", "encoding", "error"),
    [
        ("nonsense", TO_CLIENT, 176, None, "nonsense: no message of that name goes to_client"),
        ("nextValidId", TO_SERVER, 176, None, "nextValidId: no message of that name goes to_server"),
        ("nextValidId", TO_CLIENT, 99, None, "nextValidId: server version 99 is below 100, the first with framed messages"),
        ("nextValidId", TO_CLIENT, 176, "json", "nextValidId: 'json' is no encoding"),
        ("nextValidId", TO_CLIENT, 200, PROTOBUF, "nextValidId: protobuf needs server version 201"),
        ("reqCurrentTimeInMillis", TO_SERVER, 196, None, "reqCurrentTimeInMillis: needs server version 197 (CURRENT_TIME_IN_MILLIS)"),
        ("reqConfig", TO_SERVER, 219, TEXT, "reqConfig: has no text form"),
    ],
)
def test_what_cannot_be_sent_is_refused(name: str, direction: Direction, version: int, encoding: str | None, error: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(name, direction, version, encoding=encoding)
    assert str(caught.value) == error
    assert (caught.value.message, caught.value.path) == (name, "")
