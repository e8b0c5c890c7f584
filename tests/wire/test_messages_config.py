"""The settings of TWS, held against the official client."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.conformance import (
    OFFICIAL,
    Case,
    Cases,
    check_protobuf,
    decoded,
    message_type,
)
from tests.wire.oracle import VERSIONS, Sampler, official, received, sent
from twsprobe.wire.events import Undecodable
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import PROTOBUF, EncodeError, Message
from twsprobe.wire.messages.config import MESSAGES
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.versions import ServerVersion as V

SCHEMAS = {
    "reqConfig": ("ConfigRequest", V.CONFIG),
    "configResponse": ("ConfigResponse", V.CONFIG),
    "updateConfig": ("UpdateConfigRequest", V.UPDATE_CONFIG),
    "updateConfigResponse": ("UpdateConfigResponse", V.UPDATE_CONFIG),
}
BY_NAME = {message.name: message for message in MESSAGES}
SETTINGS = {
    "readOnlyApi": False,
    "socketPort": 4002,
    "masterClientId": 0,
    "allowLocalhostOnly": True,
    "trustedIPs": ["127.0.0.1", "10.0.0.7"],
}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    type_name, gate = SCHEMAS[name]
    assert message.since == message.protobuf == gate
    yield check_protobuf(message, type_name, {}, rounds=40)
    if message.direction is Direction.TO_SERVER:
        yield check_sent(message, message_type(type_name))


def check_sent(message: Message, official_type: Any) -> Cases:
    """We read what the official client sends, which takes these requests in protobuf alone, and write the same bytes."""
    cases = Cases()
    for version in range(message.since, VERSIONS.stop):
        for turn in range(20):
            values = Sampler(f"{version} {turn}", (1.0, 0.5, 0.1, 0.0)[turn % 4]).record(message.record)
            data = sent(version, f"{message.name}ProtoBuf", official(official_type, values, message.record))
            assert decoded(data, Direction.TO_SERVER, version).fields == values
            assert encode(message.name, Direction.TO_SERVER, version, **values) == data
            cases[Case(OFFICIAL, PROTOBUF, version)] += 1
    return cases


def test_warnings_are_accepted_as_they_came() -> None:
    warning = {"messageId": 133, "title": "API", "message": "Clients are disconnected"}
    answer = encode("updateConfigResponse", Direction.TO_CLIENT, V.UPDATE_CONFIG, reqId=1, status="warning", warnings=[warning])
    warnings = decoded(answer, Direction.TO_CLIENT, V.UPDATE_CONFIG).fields["warnings"]
    again = encode("updateConfig", Direction.TO_SERVER, V.UPDATE_CONFIG, reqId=2, resetAPIOrderSequence=True, acceptedWarnings=warnings)
    request = message_type("UpdateConfigRequest").FromString(again[8:])
    assert (request.acceptedWarnings[0].messageId, request.resetAPIOrderSequence) == (133, True)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_settings_need_their_version(message: Message) -> None:
    with pytest.raises(EncodeError, match=rf"^{message.name}: needs server version {int(message.since)} \({message.since.name}\)$"):
        encode(message.name, message.direction, message.since - 1)


def test_there_is_no_text_form() -> None:
    with pytest.raises(EncodeError, match=r"^configResponse: has no text form$"):
        encode("configResponse", Direction.TO_CLIENT, V.CONFIG, encoding="text")
    event = decode(bytes.fromhex("0000006e") + b"1\0", Direction.TO_CLIENT, V.CONFIG)
    assert isinstance(event, Undecodable)
    assert (event.name, event.reason) == ("configResponse", "configResponse has no text form")


def test_an_absent_setting_is_not_off() -> None:
    data = encode("configResponse", Direction.TO_CLIENT, V.CONFIG, reqId=1, api={"settings": SETTINGS})
    assert decoded(data, Direction.TO_CLIENT, V.CONFIG).fields["api"]["settings"] == SETTINGS
    theirs = received(data, V.CONFIG).message()
    assert isinstance(theirs, message_type("ConfigResponse"))
    assert theirs.api.settings.HasField("readOnlyApi")
    assert not theirs.api.settings.HasField("createApiMessageLogFile")
