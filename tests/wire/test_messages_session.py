"""The messages of a session's start, held against the official client."""

from collections.abc import Iterator, Sequence

import pytest
from ibapi.client import EClient

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    OFFICIAL,
    UNESCAPABLE,
    Case,
    Cases,
    Choices,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import ASCII, UNICODE, VERSIONS, Connection, Recorder, received
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.session import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}

# The paths of what the official callback gets, in order; what a sample chooses from; the characters it is made of.
CALLBACKS: dict[str, tuple[Sequence[str], Choices, str]] = {
    "managedAccounts": (("accountsList",), {}, ASCII.replace("\\", "")),
    "nextValidId": (("orderId",), {"orderId": (-1, 0, 1, 2**31 - 2)}, UNESCAPABLE),
    "error": (("id", "errorTime", "errorCode", "errorMsg", "advancedOrderRejectJson"), {}, UNESCAPABLE),
    "currentTime": (("currentTime",), {"currentTime": (0, 1711315139, 2**33)}, UNESCAPABLE),
    "currentTimeInMillis": (("currentTimeInMillis",), {}, UNICODE),
}
SCHEMAS = {
    "startApi": ("StartApiRequest", V.PROTOBUF_REST_MESSAGES_3),
    "managedAccounts": ("ManagedAccounts", V.PROTOBUF_ACCOUNTS_POSITIONS),
    "nextValidId": ("NextValidId", V.PROTOBUF_REST_MESSAGES_3),
    "error": ("ErrorMessage", V.PROTOBUF),
    "reqIds": ("IdsRequest", V.PROTOBUF_REST_MESSAGES_3),
    "reqManagedAccts": ("ManagedAccountsRequest", V.PROTOBUF_ACCOUNTS_POSITIONS),
    "setServerLogLevel": ("SetServerLogLevelRequest", V.PROTOBUF_REST_MESSAGES_3),
    "reqCurrentTime": ("CurrentTimeRequest", V.PROTOBUF_REST_MESSAGES_3),
    "currentTime": ("CurrentTime", V.PROTOBUF_REST_MESSAGES_3),
    "reqCurrentTimeInMillis": ("CurrentTimeInMillisRequest", V.PROTOBUF_REST_MESSAGES_3),
    "currentTimeInMillis": ("CurrentTimeInMillis", V.PROTOBUF_REST_MESSAGES_3),
}
# The paths of what the official method is given, in order.
REQUESTS = {
    "reqIds": "numIds",
    "setServerLogLevel": "logLevel",
    "reqManagedAccts": "",
    "reqCurrentTime": "",
    "reqCurrentTimeInMillis": "",
}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, *CALLBACKS[name])
    else:
        yield check_starts(message) if name == "startApi" else check_requests(name, REQUESTS[name].split(), {})
    type_name, gate = SCHEMAS[name]
    assert message.protobuf == gate
    yield check_protobuf(message, type_name, {})


def started(version: int, client_id: int, capabilities: str | None) -> bytes:
    """What the official client begins a session with."""
    client, connection = EClient(Recorder()), Connection()
    client.serverVersion_, client.conn = version, connection
    client.clientId, client.optCapab = client_id, capabilities
    client.setConnState(EClient.CONNECTED)
    client.startApi()
    (data,) = connection.frames
    return data


def check_starts(message: Message) -> Cases:
    """We read what the official client begins sessions with, and write the same bytes."""
    cases = Cases()
    for version in VERSIONS:
        for client_id in (0, 1, 7, 100, 2**31 - 2):
            for capabilities in (None, "", "a b", "+PACEAPI"):
                data = started(version, client_id, capabilities)
                event = decoded(data, Direction.TO_SERVER, version)
                assert event.fields["clientId"] == client_id
                assert event.fields.get("optionalCapabilities", "") == (capabilities or "")
                given = {"optionalCapabilities": capabilities} if capabilities else {}
                assert encode("startApi", Direction.TO_SERVER, version, clientId=client_id, **given) == data
                cases[Case(OFFICIAL, message.encoding(version), version)] += 1
    return cases


@pytest.mark.parametrize("name", ["reqCurrentTimeInMillis", "currentTimeInMillis"])
def test_milliseconds_need_their_version(name: str) -> None:
    with pytest.raises(EncodeError, match=r"needs server version 197 \(CURRENT_TIME_IN_MILLIS\)"):
        encode(name, BY_NAME[name].direction, V.CURRENT_TIME_IN_MILLIS - 1)


def test_an_error_text_is_escaped_from_its_version_on() -> None:
    plain = encode("error", Direction.TO_CLIENT, V.ENCODE_MSG_ASCII7 - 1, id=-1, errorCode=2104, errorMsg="Börse 語😀 \\u00e9")
    escaped = encode("error", Direction.TO_CLIENT, V.ENCODE_MSG_ASCII7, id=-1, errorCode=2104, errorMsg="Börse 語😀 \\u00e9")
    assert plain[4:] == "4|2|-1|2104|Börse 語😀 \\u00e9|".replace("|", "\0").encode()
    assert escaped[4:] == rb"4|2|-1|2104|B\u00f6rse \u8a9e\ud83d\ude00 \u005cu00e9|".replace(b"|", b"\0")
    assert decoded(escaped, Direction.TO_CLIENT, V.ENCODE_MSG_ASCII7).fields["errorMsg"] == "Börse 語😀 \\u00e9"


def test_half_a_pair_is_kept_as_written() -> None:
    data = b"4|2|-1|2104|\\ud83d \\u0041\\ude00|".replace(b"|", b"\0")
    event = decoded(len(data).to_bytes(4, "big") + data, Direction.TO_CLIENT, V.ENCODE_MSG_ASCII7)
    assert event.fields["errorMsg"] == r"\ud83d A\ude00"


@pytest.mark.parametrize("text", ["a\0b", "\ud83d"])
def test_text_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(EncodeError, match=r"^startApi\.optionalCapabilities: '.*' is not string$"):
        encode("startApi", Direction.TO_SERVER, 176, clientId=1, optionalCapabilities=text)


def test_the_official_client_drops_an_empty_number() -> None:
    with pytest.raises(ValueError, match="invalid literal for int"):
        received(encode("nextValidId", Direction.TO_CLIENT, 176), 176)


def test_the_official_client_reads_escapes_that_tws_does_not_write() -> None:
    data = encode("error", Direction.TO_CLIENT, 176, id=1, errorCode=2, errorMsg=r"C:\new\x41")
    assert decoded(data, Direction.TO_CLIENT, 176).fields["errorMsg"] == r"C:\new\x41"
    assert received(data, 176).call().arguments[3] == "C:\newA"


def test_the_official_client_leaves_pairs_apart() -> None:
    data = encode("error", Direction.TO_CLIENT, 176, id=1, errorCode=2, errorMsg="😀")
    assert received(data, 176).call().arguments[3] == "\ud83d\ude00"
