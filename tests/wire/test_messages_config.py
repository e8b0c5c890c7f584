"""The settings of TWS, held against the official client."""

import pytest

from tests.wire.conformance import check_mutated_protobuf, check_protobuf, check_unknown_fields, decoded, message_type
from tests.wire.oracle import VERSIONS, Sampler, official, received, sent
from twsprobe.wire.events import Undecodable
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import EncodeError, Message
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


def test_every_message_is_in_the_tables() -> None:
    assert [message.name for message in MESSAGES] == list(SCHEMAS)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_protobuf_is_that_of_the_official_client(message: Message) -> None:
    type_name, gate = SCHEMAS[message.name]
    assert message.since == message.protobuf == gate
    assert check_protobuf(message, type_name, {}, rounds=40) > 0
    assert check_unknown_fields(message) > 0


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_compiled_and_interpreted_agree(message: Message) -> None:
    assert check_mutated_protobuf(message, rounds=200) > 0


def test_requests_of_the_official_client() -> None:
    for version in range(V.CONFIG, VERSIONS.stop):
        data = sent(version, "reqConfigProtoBuf", message_type("ConfigRequest")(reqId=1))
        assert data == bytes.fromhex("00000006 00000134 0801")
        assert decoded(data, Direction.TO_SERVER, version).fields == {"reqId": 1}
        assert encode("reqConfig", Direction.TO_SERVER, version, reqId=1) == data


def test_changes_of_the_official_client() -> None:
    record, official_type = BY_NAME["updateConfig"].record, message_type("UpdateConfigRequest")
    for version in range(V.UPDATE_CONFIG, VERSIONS.stop):
        for sample in range(20):
            values = Sampler(f"{version} {sample}", (1.0, 0.5, 0.1, 0.0)[sample % 4]).record(record)
            data = sent(version, "updateConfigProtoBuf", official(official_type, values, record))
            assert decoded(data, Direction.TO_SERVER, version).fields == values
            assert encode("updateConfig", Direction.TO_SERVER, version, **values) == data


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
