"""One direction's bytes to frames.

After the client's opening, both directions carry frames: an unsigned 32-bit big-endian length, then that many bytes. The length is
the peer's word, so it is judged from its own four bytes: nothing is reserved for a frame that has not arrived, and a length above
``MAX_FRAME`` means that the stream is not (or no longer) the TWS protocol. There is no way back into step then, so the stream is
lost from that byte on and the framer keeps what follows only as a count.
"""

from __future__ import annotations

import enum
from struct import Struct
from typing import NamedTuple

MAX_FRAME = 0xFFFFFF
"""Largest payload, in bytes, that official clients accept (``MAX_MSG_LEN``)."""

LENGTH = Struct(">I")
SHOWN_WHEN_LOST = 64
"""How many of the bytes that were not a frame are kept for the report."""


class Direction(enum.Enum):
    """Which side receives the bytes."""

    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"

    @property
    def opposite(self) -> Direction:
        return Direction.TO_CLIENT if self is Direction.TO_SERVER else Direction.TO_SERVER


class Frame(NamedTuple):
    """A whole frame: its payload, and the offset of its length word in the direction's stream, in bytes."""

    payload: bytes
    offset: int


class Lost(NamedTuple):
    """The stream stopped being frames at ``offset``: why, and the first bytes that were seen there."""

    reason: str
    offset: int
    data: bytes


class Framer:
    """Cuts one direction's bytes into frames, whatever the split in which they arrive."""

    def __init__(self, offset: int = 0) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._offset = offset
        self._needed = LENGTH.size
        self.lost: Lost | None = None

    @property
    def pending(self) -> bytes:
        """The bytes of a frame that has begun and is not whole."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> list[Frame | Lost]:
        """Take bytes and return the frames they complete, in order; a ``Lost`` is the last thing ever returned."""
        found: list[Frame | Lost] = []
        if self.lost is not None or not data:
            return found
        self._held += len(data)
        # Bytes of a frame that is not whole are only put aside: a large frame that comes in small pieces is joined once.
        if self._held < self._needed:
            self._parts.append(bytes(data))
            return found
        if self._parts:
            self._parts.append(bytes(data))
            data = b"".join(self._parts)
            self._parts.clear()
        unpack, append, new, base = LENGTH.unpack_from, found.append, tuple.__new__, self._offset
        position, last = 0, len(data) - LENGTH.size
        self._needed = LENGTH.size
        while position <= last:
            (length,) = unpack(data, position)
            end = position + 4 + length
            if length > MAX_FRAME:
                shown = bytes(data[position : position + SHOWN_WHEN_LOST])
                self.lost = Lost(f"a frame of {length:,} bytes was announced; the limit is {MAX_FRAME:,}", base + position, shown)
                append(self.lost)
                self._held = 0
                return found
            if end > last + 4:
                self._needed += length
                break
            # What Frame(...) does, in half the time.
            append(new(Frame, (data[position + 4 : end], base + position)))
            position = end
        self._offset += position
        self._held = len(data) - position
        if self._held:
            self._parts.append(data[position:])
        return found
