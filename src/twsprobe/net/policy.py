"""What may be sent to a TWS: the handshake, startApi, and requests that read.

The check looks at the bytes that are about to leave, not at the name a caller gave, so nothing gets past it by another spelling, a
second frame behind the first, or a message that we do not know. Whoever writes to a TWS writes through ``check``.
"""

from __future__ import annotations

from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.registry import decode

ALLOWED = frozenset(
    {
        "startApi",
        "reqIds",
        "reqManagedAccts",
        "reqCurrentTime",
        "reqCurrentTimeInMillis",
        "reqPositions",
        "cancelPositions",
        "reqOpenOrders",
        "reqAllOpenOrders",
        "reqCompletedOrders",
        "reqAccountUpdates",
        "reqAccountSummary",
        "cancelAccountSummary",
        "reqExecutions",
        "reqPositionsMulti",
        "cancelPositionsMulti",
        "reqAccountUpdatesMulti",
        "cancelAccountUpdatesMulti",
        "reqConfig",
    }
)
"""The messages that change nothing in TWS but what it sends to this connection."""


class Refused(Exception):
    """Bytes were not sent, because they are not on the list of what may be."""


def check(frame: bytes, server_version: int) -> None:
    """Pass one whole frame that holds an allowed message, understood to its last byte; raise Refused for anything else."""
    if len(frame) < LENGTH.size or LENGTH.unpack_from(frame)[0] != len(frame) - LENGTH.size:
        raise Refused("not sent: exactly one whole frame is sent at a time")
    message = decode(frame[LENGTH.size :], Direction.TO_SERVER, server_version)
    if not isinstance(message, Decoded) or message.anomalies:
        raise Refused("not sent: the message is not understood to its last byte")
    if message.name not in ALLOWED:
        raise Refused(f"not sent: {message.name} is not among the requests that only read")
