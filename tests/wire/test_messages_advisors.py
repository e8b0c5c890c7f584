"""Messages of financial advisors, held against the official client."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.wire.conformance import (
    UNESCAPABLE,
    Choices,
    check_mutated_protobuf,
    check_paths,
    check_protobuf,
    check_request,
    check_text,
    check_unknown_fields,
    decoded,
)
from tests.wire.oracle import UNICODE, VERSIONS, sent
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.advisors import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<ListOfGroups>\n\t<Group>\r\n\t\t<name>a & b</name></Group></ListOfGroups>'

# The paths of what the official callback gets, in order; what a sample chooses from; the characters it is made of.
CALLBACKS: dict[str, tuple[Sequence[str], Choices, str]] = {
    "receiveFA": (("faDataType", "xml"), {"faDataType": (1, 2, 3), "xml": (XML, "", "<名 a='é'/>")}, UNESCAPABLE),
    "replaceFAEnd": (("reqId", "text"), {}, UNICODE),
}
SCHEMAS = {"requestFA": "FARequest", "replaceFA": "FAReplace", "receiveFA": "ReceiveFA", "replaceFAEnd": "ReplaceFAEnd"}
TEXTS = (XML, "", "x", "~ \t\r\n", "<a/>", "\\u00e9", "a;b=c")


def test_every_message_is_in_the_tables() -> None:
    assert SCHEMAS.keys() == BY_NAME.keys() == CALLBACKS.keys() | {"requestFA", "replaceFA"}


@pytest.mark.parametrize("name", CALLBACKS)
def test_the_official_client_reads_our_text(name: str) -> None:
    assert check_text(name, *CALLBACKS[name]) > 200


@pytest.mark.parametrize("name", SCHEMAS)
def test_protobuf_is_that_of_the_official_client(name: str) -> None:
    assert BY_NAME[name].protobuf == V.PROTOBUF_REST_MESSAGES_1
    assert check_protobuf(BY_NAME[name], SCHEMAS[name], {}) > 0
    assert check_unknown_fields(BY_NAME[name]) > 0


def test_requests_of_the_official_client() -> None:
    for version in VERSIONS:
        for kind in (-1, 1, 3):
            check_request("requestFA", ["faDataType"], (kind,), version)
            for number, xml in zip((-1, 0, 1, 9001, 2**31 - 2, 7, -(2**31)), TEXTS, strict=True):
                if version >= V.REPLACE_FA_END:
                    check_request("replaceFA", ["reqId", "faDataType", "xml"], (number, kind, xml), version)
                else:
                    fields = decoded(sent(version, "replaceFA", number, kind, xml), Direction.TO_SERVER, version).fields
                    assert fields == {"version": 1, "faDataType": kind, "xml": xml}


def test_the_official_client_refuses_profiles_when_they_are_given_up() -> None:
    for name, arguments in (("requestFA", (2,)), ("replaceFA", (7, 2, XML))):
        assert sent(V.FA_PROFILE_DESUPPORT - 1, name, *arguments)
        with pytest.raises(AssertionError):
            sent(V.FA_PROFILE_DESUPPORT, name, *arguments)
        assert sent(V.PROTOBUF_REST_MESSAGES_1, name, *arguments)  # in protobuf it forgets to


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_compiled_and_interpreted_agree(message: Message) -> None:
    assert check_paths(message, {}) > 0
    assert check_mutated_protobuf(message) > 0


def test_an_answer_to_a_replacement_needs_its_version() -> None:
    for name, direction in (("replaceFA", Direction.TO_SERVER), ("replaceFAEnd", Direction.TO_CLIENT)):
        assert encode(name, direction, V.REPLACE_FA_END, reqId=1)
        with pytest.raises(EncodeError, match=r"at server version 156$|needs server version 157 \(REPLACE_FA_END\)$"):
            encode(name, direction, V.REPLACE_FA_END - 1, reqId=1)


def test_a_replacement_as_it_stands_on_the_wire() -> None:
    fields: dict[str, Any] = {"reqId": 7, "faDataType": 1, "xml": "<a/>"}
    assert encode("replaceFA", Direction.TO_SERVER, 176, **fields)[LENGTH.size :] == b"19|1|1|<a/>|7|".replace(b"|", b"\0")
    assert encode("replaceFA", Direction.TO_SERVER, 226, **fields) == bytes.fromhex("0000000e 000000db 0807 1001 1a043c612f3e")
