"""Messages that verify client programs, held against the official client."""

from collections.abc import Iterator, Sequence

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    OFFICIAL,
    UNESCAPABLE,
    Case,
    Cases,
    check_protobuf,
    check_text,
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


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, CALLBACKS[name], {}, UNESCAPABLE)
    else:
        yield check_requests(name, REQUESTS[name], {}) if name in REQUESTS else check_end(name)
    if message.protobuf is not None:
        assert message.protobuf == V.PROTOBUF_REST_MESSAGES_3
        yield check_protobuf(message, SCHEMAS[name], {})


def check_end(name: str) -> Cases:
    """The official client announces a bool and hands on the text, which is how its other clients' ``true`` is known."""
    cases = Cases()
    for version in VERSIONS:
        text = Sampler(f"{name} {version}", 1.0, alphabet=UNESCAPABLE).value(String())
        for successful, word in ((True, "true"), (False, "false"), (None, "")):
            data = encode(name, Direction.TO_CLIENT, version, encoding=TEXT, isSuccessful=successful, errorText=text)
            assert decoded(data, Direction.TO_CLIENT, version).fields == {"version": 1, "isSuccessful": successful, "errorText": text}
            found, theirs = received(data, version).call().arguments
            assert (found, theirs.encode("utf-16", "surrogatepass").decode("utf-16")) == (word, text)
            cases[Case(OFFICIAL, TEXT, version)] += 1
    return cases


@pytest.mark.parametrize("name", BY_NAME.keys() - SCHEMAS.keys())
def test_what_needs_the_key_of_a_maker_never_became_protobuf(name: str) -> None:
    message = BY_NAME[name]
    assert (message.protobuf, message.encoding(VERSIONS[-1])) == (None, TEXT)
    assert encode(name, message.direction, VERSIONS[-1])[LENGTH.size :].startswith(bytes([0, 0, 0, message.id]) + b"1\0")


@pytest.mark.parametrize("spelling", [b"true", b"false", b"1", b"0", b"", b"7"])
def test_how_a_verification_ended_keeps_its_spelling(spelling: bytes) -> None:
    fields = decoded(frame(b"66\x001\0" + spelling + b"\0\0"), Direction.TO_CLIENT, 176).fields
    assert fields["isSuccessful"] is (None if not spelling else spelling not in (b"false", b"0"))
