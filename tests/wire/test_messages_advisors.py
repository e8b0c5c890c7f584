"""Messages of financial advisors, held against the official client."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    Choices,
    check_protobuf,
    check_text,
    decoded,
)
from tests.wire.oracle import UNICODE, sent
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
REQUESTS = {"requestFA": "faDataType", "replaceFA": "reqId faDataType xml"}
TEXTS = (XML, "", "x", "~ \t\r\n", "<a/>", "\\u00e9", "a;b=c")
KINDS = (-1, 1, 3)


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, *CALLBACKS[name])
    else:
        # Before its version a replacement has no number, which the official client's method is given all the same; see below.
        first = V.REPLACE_FA_END if name == "replaceFA" else V.V100_PLUS
        yield check_requests(name, REQUESTS[name].split(), {"faDataType": KINDS, "xml": (*filter(None, TEXTS), None)}, first)
    assert message.protobuf == V.PROTOBUF_REST_MESSAGES_1
    yield check_protobuf(message, SCHEMAS[name], {})


def test_before_its_version_a_replacement_has_no_number() -> None:
    for version in range(V.V100_PLUS, V.REPLACE_FA_END):
        for xml in TEXTS:
            fields = decoded(sent(version, "replaceFA", 7, 1, xml), Direction.TO_SERVER, version).fields
            assert fields == {"version": 1, "faDataType": 1, "xml": xml}


def test_the_official_client_refuses_profiles_when_they_are_given_up() -> None:
    for name, arguments in (("requestFA", (2,)), ("replaceFA", (7, 2, XML))):
        assert sent(V.FA_PROFILE_DESUPPORT - 1, name, *arguments)
        with pytest.raises(AssertionError):
            sent(V.FA_PROFILE_DESUPPORT, name, *arguments)
        assert sent(V.PROTOBUF_REST_MESSAGES_1, name, *arguments)  # in protobuf it forgets to


def test_an_answer_to_a_replacement_needs_its_version() -> None:
    for name, direction in (("replaceFA", Direction.TO_SERVER), ("replaceFAEnd", Direction.TO_CLIENT)):
        assert encode(name, direction, V.REPLACE_FA_END, reqId=1)
        with pytest.raises(EncodeError, match=r"at server version 156$|needs server version 157 \(REPLACE_FA_END\)$"):
            encode(name, direction, V.REPLACE_FA_END - 1, reqId=1)


def test_a_replacement_as_it_stands_on_the_wire() -> None:
    fields: dict[str, Any] = {"reqId": 7, "faDataType": 1, "xml": "<a/>"}
    assert encode("replaceFA", Direction.TO_SERVER, 176, **fields)[LENGTH.size :] == b"19|1|1|<a/>|7|".replace(b"|", b"\0")
    assert encode("replaceFA", Direction.TO_SERVER, 226, **fields) == bytes.fromhex("0000000e 000000db 0807 1001 1a043c612f3e")
