"""Sessions to compare, as the records of a capture: the client's and the server's messages in the order in which they are written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twsprobe.capture.diff import Comparison
from twsprobe.capture.differences import Difference, Totals
from twsprobe.capture.model import Chunk, Close, Closed, Opened, Record
from twsprobe.capture.volatile import Rules
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import BY_NAME, encode

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BEGIN = 1_714_564_800 * 10**9
"""2024-05-01, 12:00 UTC."""
MILLISECOND = 1_000_000

Said = tuple[str, dict[str, Any]] | tuple[Direction, bytes]
"""A message by name and fields, or bytes that go in a direction."""
STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}


def say(name: str, **fields: Any) -> Said:
    """A message of whichever side has it; ``currentTime`` and the like tell requests from answers by their names."""
    return name, fields


def session(version: int, *said: Said, client_id: int = 1, connection: int = 0, port: int = 50000) -> list[Record]:
    """The records of a session that starts as every session does, and ends with what is said, a millisecond after the other."""
    parts: list[tuple[Direction, bytes]] = [
        (TO_SERVER, offer(100, 226, "")),
        (TO_CLIENT, greeting(version, f"20240501 12:00:{client_id % 60:02} GMT".encode())),
        (TO_SERVER, encode("startApi", TO_SERVER, version, clientId=client_id, optionalCapabilities="")),
        (TO_CLIENT, encode("managedAccounts", TO_CLIENT, version, accountsList="DU1234567")),
        (TO_CLIENT, encode("nextValidId", TO_CLIENT, version, orderId=client_id * 10)),
    ]
    parts += [message(version, *one) for one in said]
    chunks = [Chunk(connection, to, BEGIN + MILLISECOND * (2 + at), data) for at, (to, data) in enumerate(parts)]
    end = BEGIN + MILLISECOND * (2 + len(parts))
    opened = Opened(connection, BEGIN, f"127.0.0.1:{port}", "127.0.0.1:7497")
    return [opened, *chunks, Closed(connection, end, TO_SERVER, Close.FIN), Closed(connection, end, TO_CLIENT, Close.FIN)]


def message(version: int, what: str | Direction, held: Any) -> tuple[Direction, bytes]:
    """A message's direction and its bytes."""
    if isinstance(what, Direction):
        return what, held
    direction = TO_CLIENT if (TO_CLIENT, what) in BY_NAME else TO_SERVER
    return direction, encode(what, direction, version, **held)


def compared(one: Iterable[Record], other: Iterable[Record], rules: Rules | None = None, **options: Any) -> tuple[list[Difference], Totals]:
    """The differences of two captures, and the totals."""
    comparison = Comparison(one, other, rules, **options)
    return list(comparison), comparison.totals


def brief(differences: Iterable[Difference]) -> list[tuple[Any, ...]]:
    """Differences as what happened, to what, and the values of a field."""
    return [(each.kind.value, each.message, each.field, *((each.old, each.new) if each.field else ())) for each in differences]
