"""How much of what a capture holds: counts, bytes, rates and gaps, message by message, in a bounded amount of memory."""

from __future__ import annotations

from dataclasses import dataclass

from twsprobe.capture.model import Mark
from twsprobe.capture.seen import Seen, size_of
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import Direction

MOST_UNKNOWN = 1000
"""Tallies beyond which unknown ids are counted together: they are the peer's word, and there are 2**32 of them."""


@dataclass(slots=True)
class Tally:
    """What was counted of one message: how often, its bytes, when first and last, and the longest time between two of them, in nanoseconds.

    ``event`` is its kind. ``id`` and ``name`` are None for what has none.
    """

    event: str
    direction: Direction
    id: int | None
    name: str | None
    first_ns: int
    last_ns: int
    count: int = 0
    bytes: int = 0
    gap_ns: int | None = None

    def add(self, time_ns: int, size: int) -> None:
        """Count one more. A clock that was set back makes no gap."""
        if self.count:
            self.gap_ns = max(self.gap_ns or 0, time_ns - self.last_ns)
        self.first_ns, self.last_ns = min(self.first_ns, time_ns), max(self.last_ns, time_ns)
        self.count += 1
        self.bytes += size


@dataclass(frozen=True, slots=True)
class Total:
    """What was counted of all messages: how many, their bytes, and the time from the first to the last of them, in nanoseconds."""

    count: int
    bytes: int
    span_ns: int

    def rate(self, count: int) -> float | None:
        """How many a second ``count`` of them are; None where they took no time."""
        return count * 1e9 / self.span_ns if self.span_ns else None


class Statistics:
    """Tallies of messages by kind, direction and id."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, Direction, int | None], Tally] = {}

    def add(self, seen: Seen) -> None:
        """Count what was seen; what is no bytes is no message."""
        what = seen.what
        if isinstance(what, Mark):
            return
        key = what.event, what.direction, seen.id
        tally = self._tallies.get(key)
        if tally is None:
            if isinstance(what, Unknown) and len(self._tallies) >= MOST_UNKNOWN:
                key = what.event, what.direction, None
            name = what.name if isinstance(what, (Decoded, Undecodable)) else None
            tally = self._tallies.setdefault(key, Tally(*key, name, seen.time_ns, seen.time_ns))
        tally.add(seen.time_ns, size_of(what))

    def tallies(self) -> list[Tally]:
        """The tallies, the most frequent first."""
        return sorted(self._tallies.values(), key=lambda tally: (-tally.count, tally.direction.value, tally.id or 0, tally.event))

    def total(self) -> Total:
        """All that was counted."""
        found = self._tallies.values()
        first, last = min((tally.first_ns for tally in found), default=0), max((tally.last_ns for tally in found), default=0)
        return Total(sum(tally.count for tally in found), sum(tally.bytes for tally in found), last - first)
