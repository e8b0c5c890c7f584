"""Messages of display groups, held against the official client."""

from collections.abc import Sequence

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
)
from tests.wire.oracle import VERSIONS
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.display_groups import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}
NUMBERS = (-1, 0, 1, 7, 9001, 2**31 - 2, -(2**31))
SHOWN = ("none", "combo", "8314@SMART", "8314@ARCA", "", "a b~\t")

# The paths of what the official callback gets, in order; what a sample chooses from; the characters it is made of.
CALLBACKS: dict[str, tuple[Sequence[str], Choices, str]] = {
    "displayGroupList": (("reqId", "groups"), {"reqId": NUMBERS, "groups": ("4|1|2|5|3|6|7", "", "1", None)}, UNESCAPABLE),
    "displayGroupUpdated": (("reqId", "contractInfo"), {"reqId": NUMBERS}, UNESCAPABLE),
}
SCHEMAS = {
    "queryDisplayGroups": "QueryDisplayGroupsRequest",
    "subscribeToGroupEvents": "SubscribeToGroupEventsRequest",
    "updateDisplayGroup": "UpdateDisplayGroupRequest",
    "unsubscribeFromGroupEvents": "UnsubscribeFromGroupEventsRequest",
    "displayGroupList": "DisplayGroupList",
    "displayGroupUpdated": "DisplayGroupUpdated",
}
REQUESTS: dict[str, tuple[Sequence[str], list[tuple[object, ...]]]] = {
    "queryDisplayGroups": (("reqId",), [(number,) for number in NUMBERS]),
    "subscribeToGroupEvents": (("reqId", "groupId"), [(number, group) for number in NUMBERS for group in (0, 1, 7)]),
    "updateDisplayGroup": (("reqId", "contractInfo"), [(number, shown) for number in NUMBERS[:4] for shown in SHOWN]),
    "unsubscribeFromGroupEvents": (("reqId",), [(number,) for number in NUMBERS]),
}


def test_every_message_is_in_the_tables() -> None:
    assert SCHEMAS.keys() == BY_NAME.keys() == CALLBACKS.keys() | REQUESTS.keys()


@pytest.mark.parametrize("name", CALLBACKS)
def test_the_official_client_reads_our_text(name: str) -> None:
    assert check_text(name, *CALLBACKS[name]) > 300


@pytest.mark.parametrize("name", SCHEMAS)
def test_protobuf_is_that_of_the_official_client(name: str) -> None:
    assert BY_NAME[name].protobuf == V.PROTOBUF_REST_MESSAGES_3
    assert check_protobuf(BY_NAME[name], SCHEMAS[name], {}) > 0
    assert check_unknown_fields(BY_NAME[name]) > 0


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_of_the_official_client(name: str) -> None:
    paths, samples = REQUESTS[name]
    for version in VERSIONS:
        for arguments in samples:
            check_request(name, paths, arguments, version)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_compiled_and_interpreted_agree(message: Message) -> None:
    assert check_paths(message, {}) > 0
    assert check_mutated_protobuf(message) > 0


def test_a_group_as_it_stands_on_the_wire() -> None:
    updated = encode("displayGroupUpdated", Direction.TO_CLIENT, 176, reqId=7, contractInfo="8314@SMART")
    assert updated[LENGTH.size :] == b"68|1|7|8314@SMART|".replace(b"|", b"\0")
    assert encode("subscribeToGroupEvents", Direction.TO_SERVER, 226, reqId=7, groupId=3) == bytes.fromhex("00000008 0000010c 0807 1003")
