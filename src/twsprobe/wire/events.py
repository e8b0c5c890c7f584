"""What the bytes of a conversation turn out to be. Events are facts, in the past tense, and every byte is in one of them.

Each has ``event`` (its kind, as the JSON output names it), ``direction``, ``raw`` (its bytes) and ``offset`` (where those begin in the
direction's stream). ``raw`` is a frame's payload without the length word, but for what came outside of frames.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twsprobe.wire.framing import Direction


class VersionOffered(NamedTuple):
    """The client's opening: the API prefix and the versions it speaks. ``minimum`` equals ``maximum`` in the form ``vN``."""

    direction: Direction
    minimum: int
    maximum: int
    connect_options: str
    raw: bytes
    offset: int = 0

    @property
    def event(self) -> str:
        return "version_offer"


class Greeted(NamedTuple):
    """The server's first answer. ``time`` is free text up to the time zone, which stands in the host's code page: ``zone`` shows it.

    A ``server_version`` of -1 is a redirect, with ``redirect`` the address; the fields of time are empty then.
    """

    direction: Direction
    server_version: int
    time: str
    zone: str
    redirect: str
    raw: bytes
    offset: int = 0

    @property
    def event(self) -> str:
        return "greeting"


class Decoded(NamedTuple):
    """A message whose fields are known; they begin at ``start`` in ``raw``, behind the id.

    ``extra`` holds text fields behind the last known one, ``missing`` names the field before which a short message ended, and
    ``anomalies`` says these things, and protobuf fields that are not in our schema, in words.
    """

    direction: Direction
    id: int
    name: str
    server_version: int
    encoding: str
    fields: dict[str, Any]
    raw: bytes
    start: int
    extra: tuple[str, ...] = ()
    missing: str | None = None
    anomalies: tuple[str, ...] = ()
    offset: int = 0

    @property
    def event(self) -> str:
        return "message"


class Unknown(NamedTuple):
    """A whole frame that says nothing to us, and why. ``id`` is None where not even that could be read."""

    direction: Direction
    id: int | None
    server_version: int | None
    encoding: str | None
    reason: str
    raw: bytes
    offset: int = 0

    @property
    def event(self) -> str:
        return "unknown"


class Undecodable(NamedTuple):
    """A message that we know, whose bytes do not follow its layout: ``path`` is the field, ``at`` its offset in ``raw``."""

    direction: Direction
    id: int | None
    name: str | None
    server_version: int | None
    encoding: str | None
    reason: str
    path: str
    at: int
    raw: bytes
    offset: int = 0

    @property
    def event(self) -> str:
        return "undecodable"


class SyncLost(NamedTuple):
    """The stream stopped being frames; ``raw`` holds the first bytes that were none. What follows is only counted."""

    direction: Direction
    reason: str
    raw: bytes
    offset: int = 0

    @property
    def event(self) -> str:
        return "sync_lost"


class Resynced(NamedTuple):
    """Frames go on behind bytes that are missing, or how they are read changed: why, and how many bytes before them were passed over.

    ``raw`` holds the first of those, and ``offset`` is where they begin, counting missing bytes as far as their number is known.
    """

    direction: Direction
    reason: str
    skipped: int
    raw: bytes
    offset: int = 0

    @property
    def event(self) -> str:
        return "resynced"


Event = VersionOffered | Greeted | Decoded | Unknown | Undecodable | SyncLost | Resynced
