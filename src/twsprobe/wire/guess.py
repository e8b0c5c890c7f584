"""The server version of a conversation whose opening was not seen.

Nothing after the opening names it. But each version has its own layouts, and a message read by those of another has fields too many or
too few, or text where a number belongs. So the guess is the highest version at which the messages seen so far decode and have nothing
odd about them; it is made with the first, and again when a message comes that does not fit. Binary ids tell versions from 201 on.

Known doubt: layouts are the same over ranges of versions, so the guess is the end of a range, not the number that was negotiated.
"""

from __future__ import annotations

from twsprobe.wire.events import Decoded, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.versions import HIGHEST, LOWEST, ServerVersion

REMEMBERED = 32
"""Messages, the first ones, that a new guess has to fit."""
REMEMBERED_BYTES = 64 << 10
"""Bytes that these have together at most."""
MOST_GUESSES = 16
"""After as many the last one stays."""


class VersionGuess:
    """A guess at the server version; ``version`` is None before the first message. It is not above ``ceiling``, what the client offered."""

    def __init__(self, ceiling: int | None = None) -> None:
        self.version: int | None = None
        self._ceiling = min(HIGHEST, ceiling or HIGHEST)
        self._kept: list[tuple[Direction, bytes]] = []
        self._size = 0
        self._guesses = 0

    def fit(self, direction: Direction, payload: bytes) -> bool:
        """Let the guess fit one more message; whether it is another one now."""
        before = self.version
        settled = before is not None and (self._guesses >= MOST_GUESSES or not odd(direction, payload, before))
        if not settled:
            self._guesses += 1
            self.version = self._best([(direction, payload), *self._kept])
        if len(self._kept) < REMEMBERED and self._size + len(payload) <= REMEMBERED_BYTES:
            self._kept.append((direction, payload))
            self._size += len(payload)
        return self.version != before

    def _best(self, messages: list[tuple[Direction, bytes]]) -> int:
        """The version at which the fewest messages are odd, the highest of these."""
        binary = messages[0][1][:1] == b"\0"
        lowest, highest = (ServerVersion.PROTOBUF, HIGHEST) if binary else (LOWEST, ServerVersion.PROTOBUF - 1)
        found, fewest = int(lowest), len(messages) + 1
        for version in range(max(min(highest, self._ceiling), lowest), lowest - 1, -1):
            count = sum(odd(*message, version) for message in messages)
            if count < fewest:
                found, fewest = version, count
            if not count:
                break
        return found


def odd(direction: Direction, payload: bytes, version: int) -> bool:
    """Whether a message does not decode at a version as it should; one that is not declared says only whether its id is binary."""
    from twsprobe.wire.registry import decode

    if (payload[:1].isdigit() and version >= ServerVersion.PROTOBUF) or (payload[:1] == b"\0" and version < ServerVersion.PROTOBUF):
        return True
    found = decode(payload, direction, version)
    return bool(found.anomalies) if isinstance(found, Decoded) else not isinstance(found, Unknown)
