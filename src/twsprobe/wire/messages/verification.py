"""Verification of client programs: for programs that IBKR certified; what they have to say is not public.

There are two forms, without and with a key of the program's maker. The second never became protobuf.
"""

from __future__ import annotations

from typing import Any

from twsprobe.wire.declaration import Record, Version, text
from twsprobe.wire.fields import Bool, EscapedString, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER


class WrittenOutBool(Bool):
    """True or false: ``true`` and ``false`` in text, likely, as IBKR's clients compare it with ``true``."""

    def to_text(self, value: Any) -> str:
        return "true" if super().to_text(value) == "1" else "false"


VERIFY_REQUEST = Record(
    "VerifyRequest",
    "apiName" / String(1, "the name of the program"),
    "apiVersion" / String(2, "the version of the program"),
)
VERIFY_MESSAGE_REQUEST = Record("VerifyMessageRequest", "apiData" / String(1, "the answer to verifyMessageAPI"))
VERIFY_MESSAGE_API = Record("VerifyMessageApi", "apiData" / EscapedString(1, "what the program has to answer"))
VERIFY_COMPLETED = Record(
    "VerifyCompleted",
    "isSuccessful" / WrittenOutBool(1, "whether the program is verified"),
    "errorText" / EscapedString(2, "why it is not, for people"),
)
VERIFY_AND_AUTH_REQUEST = Record(
    "VerifyAndAuthRequest",
    "apiName" / String(None, "the name of the program"),
    "apiVersion" / String(None, "the version of the program"),
    "opaqueIsvKey" / String(None, "the key of the program's maker"),
)
VERIFY_AND_AUTH_MESSAGE = Record(
    "VerifyAndAuthMessage",
    "apiData" / String(None, "the answer to verifyAndAuthMessageAPI"),
    "xyzResponse" / String(None, "the answer to its challenge"),
)
VERIFY_AND_AUTH_MESSAGE_API = Record(
    "VerifyAndAuthMessageApi",
    "apiData" / EscapedString(None, "what the program has to answer"),
    "xyzChallenge" / EscapedString(None, "a challenge that the maker's key answers"),
)
VERIFY_AND_AUTH_COMPLETED = Record(
    "VerifyAndAuthCompleted",
    "isSuccessful" / WrittenOutBool(None, "whether the program is verified"),
    "errorText" / EscapedString(None, "why it is not, for people"),
)

MESSAGES = (
    Message(
        "verifyRequest",
        65,
        TO_SERVER,
        "Begins the verification of a program; answered by verifyMessageAPI.",
        VERIFY_REQUEST,
        text(VERIFY_REQUEST, Version(1), "apiName apiVersion"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "verifyMessage",
        66,
        TO_SERVER,
        "Answers verifyMessageAPI; answered by verifyCompleted.",
        VERIFY_MESSAGE_REQUEST,
        text(VERIFY_MESSAGE_REQUEST, Version(1), "apiData"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "verifyAndAuthRequest",
        72,
        TO_SERVER,
        "Begins the verification of a program with the key of its maker; answered by verifyAndAuthMessageAPI.",
        VERIFY_AND_AUTH_REQUEST,
        text(VERIFY_AND_AUTH_REQUEST, Version(1), "apiName apiVersion opaqueIsvKey"),
        protobuf=None,
    ),
    Message(
        "verifyAndAuthMessage",
        73,
        TO_SERVER,
        "Answers verifyAndAuthMessageAPI; answered by verifyAndAuthCompleted.",
        VERIFY_AND_AUTH_MESSAGE,
        text(VERIFY_AND_AUTH_MESSAGE, Version(1), "apiData xyzResponse"),
        protobuf=None,
    ),
    Message(
        "verifyMessageAPI",
        65,
        TO_CLIENT,
        "What a program has to answer with verifyMessage.",
        VERIFY_MESSAGE_API,
        text(VERIFY_MESSAGE_API, Version(1), "apiData"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "verifyCompleted",
        66,
        TO_CLIENT,
        "Whether a program is verified.",
        VERIFY_COMPLETED,
        text(VERIFY_COMPLETED, Version(1), "isSuccessful errorText"),
        protobuf=V.PROTOBUF_REST_MESSAGES_3,
    ),
    Message(
        "verifyAndAuthMessageAPI",
        69,
        TO_CLIENT,
        "What a program has to answer with verifyAndAuthMessage.",
        VERIFY_AND_AUTH_MESSAGE_API,
        text(VERIFY_AND_AUTH_MESSAGE_API, Version(1), "apiData xyzChallenge"),
        protobuf=None,
    ),
    Message(
        "verifyAndAuthCompleted",
        70,
        TO_CLIENT,
        "Whether a program is verified that gave the key of its maker.",
        VERIFY_AND_AUTH_COMPLETED,
        text(VERIFY_AND_AUTH_COMPLETED, Version(1), "isSuccessful errorText"),
        protobuf=None,
    ),
)
