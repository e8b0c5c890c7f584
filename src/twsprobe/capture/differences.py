"""What a comparison of two captures says: differences, and totals."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twsprobe.capture.model import CaptureError
from twsprobe.wire.framing import Direction
from twsprobe.wire.versions import ServerVersion


class Kind(enum.Enum):
    """What happened to a message, or to a field of one, from the first capture to the second."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    MOVED = "moved"
    CHANGED = "changed"


class Place(NamedTuple):
    """Where something is in a capture: its connection, its time in nanoseconds since the epoch and since the capture's first record.

    ``offset`` is where it begins in its direction of the connection, in bytes; None for what is no bytes.
    """

    connection: int
    time_ns: int
    elapsed_ns: int
    offset: int | None


class Request(NamedTuple):
    """The request that a message is, or belongs to: its name, and its number in each capture (None where it is not in one)."""

    name: str
    number: int | None
    other_number: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: ``old`` is of the first capture and stands at ``one``, ``new`` is of the second and stands at ``other``.

    ``connection`` counts pairs of connections from 0. ``field`` is a path with indices; it is empty for the message as a whole, of which
    ``old`` or ``new`` are the fields. Of an element of a list that moved they are the indices. Where the two server versions alone explain
    a difference it is given once, as shown by ``count`` messages; ``gate`` is the version that made it, where that is known.
    """

    kind: Kind
    connection: int
    direction: Direction | None
    message: str
    request: Request | None = None
    field: str = ""
    old: Any = None
    new: Any = None
    one: Place | None = None
    other: Place | None = None
    gate: ServerVersion | None = None
    count: int = 1


Named = tuple[Direction | None, str]
"""A message: which way it goes, and its name."""


@dataclass(slots=True)
class Totals:
    """What a comparison came to.

    ``same`` counts pairs of messages, ``different`` messages by what happened to them (a changed pair is one), ``explained`` differences
    that come from the server versions, ``uncompared`` messages behind the tear of the other capture. Of each capture, ``read`` is how much
    was seen, ``versions`` the server version of its first connection, and ``faults`` where it is torn.
    """

    same: Counter[Named] = field(default_factory=Counter)
    different: Counter[tuple[Named, Kind]] = field(default_factory=Counter)
    explained: int = 0
    uncompared: int = 0
    read: tuple[int, int] = (0, 0)
    versions: tuple[int | None, int | None] = (None, None)
    faults: tuple[CaptureError | None, CaptureError | None] = (None, None)

    @property
    def differ(self) -> bool:
        """Whether there is any difference."""
        return bool(self.different or self.explained)
