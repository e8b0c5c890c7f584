"""The start of a session, its clock, and what TWS says about itself."""

from __future__ import annotations

from twsprobe.wire.declaration import Record, Since, Until, Version, text
from twsprobe.wire.fields import EscapedString, Int, Long, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

START_API = Record(
    "StartApiRequest",
    "clientId" / Int(1, "the id under which this client is known; 0 also receives orders placed by hand"),
    "optionalCapabilities" / String(2, "capabilities that the client asks for; the vocabulary is not public"),
)
EMPTY = Record("Empty")
ERROR = Record(
    "ErrorMessage",
    "id" / Int(1, "the request or order that this is about; -1 for none"),
    "errorTime" / Long(2, "milliseconds since the epoch"),
    "errorCode" / Int(3, "what happened"),
    "errorMsg" / EscapedString(4, "what happened, for people; in the language and code page of TWS"),
    "advancedOrderRejectJson" / EscapedString(5, "why an order was rejected, as JSON"),
)
NEXT_VALID_ID = Record("NextValidId", "orderId" / Int(1, "the lowest order id that may be used next"))
MANAGED_ACCOUNTS = Record("ManagedAccounts", "accountsList" / EscapedString(1, "the account codes, joined by commas"))
REQ_IDS = Record("IdsRequest", "numIds" / Int(1, "ignored by TWS; clients send 1"))
SET_SERVER_LOG_LEVEL = Record(
    "SetServerLogLevelRequest",
    "logLevel" / Int(1, "1 what the system does, 2 errors, 3 warnings too, 4 information too, 5 everything; 2 unless set"),
)
CURRENT_TIME = Record("CurrentTime", "currentTime" / Long(1, "seconds since the epoch"))
CURRENT_TIME_IN_MILLIS = Record("CurrentTimeInMillis", "currentTimeInMillis" / Long(1, "milliseconds since the epoch"))

MESSAGES = (
    Message(
        "startApi",
        71,
        TO_SERVER,
        "Begins the session; TWS drops requests that come before it has taken this.",
        START_API,
        text(START_API, Version(2), "clientId optionalCapabilities"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "managedAccounts",
        15,
        TO_CLIENT,
        "The accounts that this login may use; comes at the start unasked.",
        MANAGED_ACCOUNTS,
        text(MANAGED_ACCOUNTS, Version(1), "accountsList"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "nextValidId",
        9,
        TO_CLIENT,
        "The next order id; comes at the start unasked, and says that requests are taken from now on.",
        NEXT_VALID_ID,
        text(NEXT_VALID_ID, Version(1), "orderId"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "error",
        4,
        TO_CLIENT,
        "An error, a warning or a notice; the code tells which.",
        ERROR,
        text(
            ERROR,
            Until(V.ERROR_TIME, Version(2)),
            "id errorCode errorMsg",
            Since(V.ADVANCED_ORDER_REJECT, "advancedOrderRejectJson"),
            Since(V.ERROR_TIME, "errorTime"),
        ),
        protobuf=V.PROTOBUF,
    ),
    Message(
        "reqIds",
        8,
        TO_SERVER,
        "Asks for nextValidId.",
        REQ_IDS,
        text(REQ_IDS, Version(1), "numIds"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "reqManagedAccts",
        17,
        TO_SERVER,
        "Asks for managedAccounts.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "setServerLogLevel",
        14,
        TO_SERVER,
        "Says how much TWS writes about this client into its log of API messages.",
        SET_SERVER_LOG_LEVEL,
        text(SET_SERVER_LOG_LEVEL, Version(1), "logLevel"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "reqCurrentTime",
        49,
        TO_SERVER,
        "Asks for currentTime; a second one within a second may stay unanswered.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "currentTime",
        49,
        TO_CLIENT,
        "The time of TWS.",
        CURRENT_TIME,
        text(CURRENT_TIME, Version(1), "currentTime"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "reqCurrentTimeInMillis",
        105,
        TO_SERVER,
        "Asks for currentTimeInMillis.",
        EMPTY,
        text(EMPTY),
        since=V.CURRENT_TIME_IN_MILLIS,
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "currentTimeInMillis",
        109,
        TO_CLIENT,
        "The time of TWS, exactly.",
        CURRENT_TIME_IN_MILLIS,
        text(CURRENT_TIME_IN_MILLIS, "currentTimeInMillis"),
        since=V.CURRENT_TIME_IN_MILLIS,
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
)
