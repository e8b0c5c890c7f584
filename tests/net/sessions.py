"""Recorded sessions, made step by step."""

from __future__ import annotations

from typing import Any

from twsprobe.capture.model import Chunk, Close, Closed, Opened, Record
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.registry import encode

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
OFFER, GREETING = offer(100, 178), greeting(178, b"20261124 06:01:01 EST")
SHORT_START, LONG_START = frame(b"71\x002\x007\0\0"), frame(b"71\x002\x00123456789\0\0")
READY = frame(b"15\x001\x00DU1\0") + frame(b"9\x001\x008\0")


def recorded(*steps: tuple[Direction, bytes | Close], connection: int = 1) -> list[Record]:
    """A connection: its opening, then chunks and closes, in order."""
    records: list[Record] = [Opened(connection, 0, "127.0.0.1:50000", "127.0.0.1:7497")]
    for time, (direction, what) in enumerate(steps, 1):
        if isinstance(what, Close):
            records.append(Closed(connection, time, direction, what))
        else:
            records.append(Chunk(connection, direction, time, what))
    return records


SESSION = recorded(
    (TO_SERVER, OFFER),
    (TO_CLIENT, GREETING),
    (TO_SERVER, SHORT_START),
    (TO_CLIENT, READY[:9]),
    (TO_CLIENT, READY[9:]),
    (TO_SERVER, Close.FIN),
)
SECOND = 10**9


def asks(name: str, version: int = 178, **fields: Any) -> tuple[Direction, bytes]:
    """A step: the client says a message."""
    return TO_SERVER, encode(name, TO_SERVER, version, **fields)


def says(name: str, version: int = 178, **fields: Any) -> tuple[Direction, bytes]:
    """A step: the server says a message."""
    return TO_CLIENT, encode(name, TO_CLIENT, version, **fields)


def started(*steps: tuple[Direction, bytes | Close], version: int = 178, client_id: int = 7, seconds: float = 0) -> list[Record]:
    """A session from its opening on: greeted, started, and then the steps, so many seconds apart (a nanosecond where that is 0)."""
    opening = (
        (TO_SERVER, offer(100, 226)),
        (TO_CLIENT, greeting(version, b"20261124 06:01:01 EST")),
        asks("startApi", version, clientId=client_id),
        says("managedAccounts", version, accountsList="DU1"),
        says("nextValidId", version, orderId=8),
    )
    records = recorded(*opening, *steps)
    return [record._replace(time_ns=int(number * (seconds * SECOND or 1))) for number, record in enumerate(records)]
