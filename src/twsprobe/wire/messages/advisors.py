"""Financial advisors: the groups and aliases of their accounts, read and replaced as XML."""

from __future__ import annotations

from twsprobe.wire.declaration import Record, Since, Version, text
from twsprobe.wire.fields import EscapedString, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

KIND = "1 groups of accounts, 2 allocation profiles (given up: clients refuse it from FA_PROFILE_DESUPPORT on), 3 aliases of accounts"

FA_REQUEST = Record("FARequest", "faDataType" / Int(1, KIND))
FA_REPLACE = Record(
    "FAReplace",
    "reqId" / Int(1, "the id that the answer will carry"),
    "faDataType" / Int(2, KIND),
    "xml" / String(3, "what is to be in place of all that stands"),
)
RECEIVE_FA = Record("ReceiveFA", "faDataType" / Int(1, KIND), "xml" / EscapedString(2, "all that stands"))
REPLACE_FA_END = Record(
    "ReplaceFAEnd",
    "reqId" / Int(1, "the request that this answers"),
    "text" / String(2, "how it went, for people"),
)

MESSAGES = (
    Message(
        "requestFA",
        18,
        TO_SERVER,
        "Asks for receiveFA.",
        FA_REQUEST,
        text(FA_REQUEST, Version(1), "faDataType"),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "replaceFA",
        19,
        TO_SERVER,
        "Replaces what receiveFA tells; answered by replaceFAEnd from REPLACE_FA_END on.",
        FA_REPLACE,
        text(FA_REPLACE, Version(1), "faDataType xml", Since(V.REPLACE_FA_END, "reqId")),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "receiveFA",
        16,
        TO_CLIENT,
        "The groups or the aliases of an advisor's accounts.",
        RECEIVE_FA,
        text(RECEIVE_FA, Version(1), "faDataType xml"),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "replaceFAEnd",
        103,
        TO_CLIENT,
        "A replacement was made.",
        REPLACE_FA_END,
        text(REPLACE_FA_END, "reqId text"),
        since=V.REPLACE_FA_END,
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
)
