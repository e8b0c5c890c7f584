"""Messages that verify client programs, held against the official client."""

from collections.abc import Sequence

import pytest

from tests.wire.conformance import (
    UNESCAPABLE,
    check_mutated_protobuf,
    check_paths,
    check_protobuf,
    check_request,
    check_text,
    check_unknown_fields,
    decoded,
    frame,
)
from tests.wire.oracle import VERSIONS, Sampler, received
from twsprobe.wire.fields import String
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import TEXT, Message
from twsprobe.wire.messages.verification import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}
CALLBACKS = {"verifyMessageAPI": ("apiData",), "verifyAndAuthMessageAPI": ("apiData", "xyzChallenge")}
COMPLETED = ("verifyCompleted", "verifyAndAuthCompleted")
SCHEMAS = {
    "verifyRequest": "VerifyRequest",
    "verifyMessage": "VerifyMessageRequest",
    "verifyMessageAPI": "VerifyMessageApi",
    "verifyCompleted": "VerifyCompleted",
}
REQUESTS: dict[str, Sequence[str]] = {
    "verifyRequest": ("apiName", "apiVersion"),
    "verifyMessage": ("apiData",),
    "verifyAndAuthRequest": ("apiName", "apiVersion", "opaqueIsvKey"),
    "verifyAndAuthMessage": ("apiData", "xyzResponse"),
}
TEXTS = ("", "", "a", "1.0", "My Program", "~ \t\r\n!", "\\u00e9 \\", "0" * 300)


def test_every_message_is_in_the_tables() -> None:
    assert {*CALLBACKS, *COMPLETED, *REQUESTS} == BY_NAME.keys() > SCHEMAS.keys()


@pytest.mark.parametrize("name", CALLBACKS)
def test_the_official_client_reads_our_text(name: str) -> None:
    assert check_text(name, CALLBACKS[name], {}, UNESCAPABLE) > 300


@pytest.mark.parametrize("name", COMPLETED)
def test_the_official_client_reads_how_a_verification_ended(name: str) -> None:
    """It announces a bool and hands on the text, which is how its other clients' ``true`` is known."""
    for version in VERSIONS:
        text = Sampler(f"{name} {version}", 1.0, alphabet=UNESCAPABLE).value(String())
        for successful, word in ((True, "true"), (False, "false"), (None, "")):
            data = encode(name, Direction.TO_CLIENT, version, encoding=TEXT, isSuccessful=successful, errorText=text)
            assert decoded(data, Direction.TO_CLIENT, version).fields == {"version": 1, "isSuccessful": successful, "errorText": text}
            found, theirs = received(data, version).call().arguments
            assert (found, theirs.encode("utf-16", "surrogatepass").decode("utf-16")) == (word, text)


@pytest.mark.parametrize("name", SCHEMAS)
def test_protobuf_is_that_of_the_official_client(name: str) -> None:
    assert BY_NAME[name].protobuf == V.PROTOBUF_REST_MESSAGES_3
    assert check_protobuf(BY_NAME[name], SCHEMAS[name], {}) > 0
    assert check_unknown_fields(BY_NAME[name]) > 0


@pytest.mark.parametrize("name", BY_NAME.keys() - SCHEMAS.keys())
def test_what_needs_the_key_of_a_maker_never_became_protobuf(name: str) -> None:
    message = BY_NAME[name]
    assert (message.protobuf, message.encoding(VERSIONS[-1])) == (None, TEXT)
    assert encode(name, message.direction, VERSIONS[-1])[LENGTH.size :].startswith(bytes([0, 0, 0, message.id]) + b"1\0")


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_of_the_official_client(name: str) -> None:
    paths = REQUESTS[name]
    for version in VERSIONS:
        for sample in range(20):
            arguments = tuple(TEXTS[(sample * (2 + place) + place) % len(TEXTS)] for place in range(len(paths)))
            check_request(name, paths, arguments, version)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_compiled_and_interpreted_agree(message: Message) -> None:
    assert check_paths(message, {}) > 0
    if message.protobuf is not None:
        assert check_mutated_protobuf(message) > 0


@pytest.mark.parametrize("spelling", [b"true", b"false", b"1", b"0", b"", b"7"])
def test_how_a_verification_ended_keeps_its_spelling(spelling: bytes) -> None:
    fields = decoded(frame(b"66\x001\0" + spelling + b"\0\0"), Direction.TO_CLIENT, 176).fields
    assert fields["isSuccessful"] is (None if not spelling else spelling not in (b"false", b"0"))
