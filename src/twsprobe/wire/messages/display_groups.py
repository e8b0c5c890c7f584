"""Display groups: the windows of TWS that share a colour show the same contract, which a client can follow and change."""

from __future__ import annotations

from twsprobe.wire.declaration import Record, Version, text
from twsprobe.wire.fields import EscapedString, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

SHOWN = "what the group shows: conId@exchange, combo for any combination, none for nothing"

QUERY_DISPLAY_GROUPS = Record("QueryDisplayGroupsRequest", "reqId" / Int(1, "the id that the answer will carry"))
SUBSCRIBE_TO_GROUP_EVENTS = Record(
    "SubscribeToGroupEventsRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "groupId" / Int(2, "the group, 1 to 7"),
)
UPDATE_DISPLAY_GROUP = Record(
    "UpdateDisplayGroupRequest",
    "reqId" / Int(1, "the id with which the group was subscribed to"),
    "contractInfo" / String(2, SHOWN),
)
UNSUBSCRIBE_FROM_GROUP_EVENTS = Record(
    "UnsubscribeFromGroupEventsRequest", "reqId" / Int(1, "the id with which the group was subscribed to")
)
DISPLAY_GROUP_LIST = Record(
    "DisplayGroupList",
    "reqId" / Int(1, "the request that this answers"),
    "groups" / EscapedString(2, "the numbers of the groups, joined by |, the most used first"),
)
DISPLAY_GROUP_UPDATED = Record(
    "DisplayGroupUpdated",
    "reqId" / Int(1, "the request that this answers"),
    "contractInfo" / EscapedString(2, SHOWN),
)

MESSAGES = (
    Message(
        "queryDisplayGroups",
        67,
        TO_SERVER,
        "Asks for displayGroupList.",
        QUERY_DISPLAY_GROUPS,
        text(QUERY_DISPLAY_GROUPS, Version(1), "reqId"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "subscribeToGroupEvents",
        68,
        TO_SERVER,
        "Asks for displayGroupUpdated, now and whenever the group shows something else.",
        SUBSCRIBE_TO_GROUP_EVENTS,
        text(SUBSCRIBE_TO_GROUP_EVENTS, Version(1), "reqId groupId"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "updateDisplayGroup",
        69,
        TO_SERVER,
        "Changes what a group shows.",
        UPDATE_DISPLAY_GROUP,
        text(UPDATE_DISPLAY_GROUP, Version(1), "reqId contractInfo"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "unsubscribeFromGroupEvents",
        70,
        TO_SERVER,
        "Ends displayGroupUpdated.",
        UNSUBSCRIBE_FROM_GROUP_EVENTS,
        text(UNSUBSCRIBE_FROM_GROUP_EVENTS, Version(1), "reqId"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "displayGroupList",
        67,
        TO_CLIENT,
        "The display groups that there are.",
        DISPLAY_GROUP_LIST,
        text(DISPLAY_GROUP_LIST, Version(1), "reqId groups"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "displayGroupUpdated",
        68,
        TO_CLIENT,
        "What a display group shows.",
        DISPLAY_GROUP_UPDATED,
        text(DISPLAY_GROUP_UPDATED, Version(1), "reqId contractInfo"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
)
