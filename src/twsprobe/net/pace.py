"""How fast a client may talk to TWS.

TWS allows so many messages a second and answers more with error 100; a client that goes on is disconnected. How it counts is not public:
here a second begins with a message, and however many are too many in one second, that is one strike, likely as the count in the text of
TWS's own error 100 suggests.
"""

from __future__ import annotations

import enum
import math

import trio

MAX_RATE = 50
"""Messages that a client may send in a second (IBKR documentation: market data lines divided by two)."""
STRIKES = 3
"""How often a client may break the rate before it is disconnected."""


class Verdict(enum.Enum):
    """What the message rate says of one message."""

    ALLOWED = enum.auto()
    STRIKE = enum.auto()
    """The first one above the rate in its second."""
    DROPPED = enum.auto()


class Pace:
    """The rate of one client's messages, counted over seconds that begin with a message."""

    def __init__(self) -> None:
        self.strikes = 0
        self._count = 0
        self._ends = -math.inf

    def _tick(self) -> None:
        if trio.current_time() >= self._ends:
            self._ends, self._count = trio.current_time() + 1, 0
        self._count += 1

    def count(self) -> Verdict:
        """Judge a message that came now."""
        self._tick()
        if self._count <= MAX_RATE:
            return Verdict.ALLOWED
        if self._count > MAX_RATE + 1:
            return Verdict.DROPPED
        self.strikes += 1
        return Verdict.STRIKE

    def due(self) -> float:
        """When a message that came now is handled if none is refused, on Trio's clock."""
        self._tick()
        if self._count <= MAX_RATE:
            return trio.current_time()
        begins, self._ends, self._count = self._ends, self._ends + 1, 1
        return begins
