"""Messages of display groups, held against the official client."""

from collections.abc import Iterator, Sequence

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    Choices,
    check_protobuf,
    check_text,
)
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.display_groups import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

BY_NAME = {message.name: message for message in MESSAGES}
NUMBERS = (-1, 0, 1, 7, 9001, 2**31 - 2, -(2**31))
SHOWN = ("none", "combo", "8314@SMART", "8314@ARCA", "a b~\t", None)

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
REQUESTS = {
    "queryDisplayGroups": "reqId",
    "subscribeToGroupEvents": "reqId groupId",
    "updateDisplayGroup": "reqId contractInfo",
    "unsubscribeFromGroupEvents": "reqId",
}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, *CALLBACKS[name])
    else:
        yield check_requests(name, REQUESTS[name].split(), {"contractInfo": SHOWN})
    assert message.protobuf == V.PROTOBUF_REST_MESSAGES_3
    yield check_protobuf(message, SCHEMAS[name], {})


def test_a_group_as_it_stands_on_the_wire() -> None:
    updated = encode("displayGroupUpdated", Direction.TO_CLIENT, 176, reqId=7, contractInfo="8314@SMART")
    assert updated[LENGTH.size :] == b"68|1|7|8314@SMART|".replace(b"|", b"\0")
    assert encode("subscribeToGroupEvents", Direction.TO_SERVER, 226, reqId=7, groupId=3) == bytes.fromhex("00000008 0000010c 0807 1003")
