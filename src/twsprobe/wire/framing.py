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
        self._pending = bytearray()
        self._offset = offset
        self._needed = LENGTH.size
        self.lost: Lost | None = None

    @property
    def pending(self) -> bytes:
        """The bytes of a frame that has begun and is not whole."""
        return bytes(self._pending)

    def feed(self, data: bytes) -> list[Frame | Lost]:
        """Take bytes and return the frames they complete, in order; a ``Lost`` is the last thing ever returned."""
        found: list[Frame | Lost] = []
        if self.lost is not None:
            return found
        self._pending += data
        if len(self._pending) < self._needed:
            return found
        buffer, position, end = bytes(self._pending), 0, len(self._pending)
        self._pending.clear()
        while end - position >= LENGTH.size:
            (length,) = LENGTH.unpack_from(buffer, position)
            if length > MAX_FRAME:
                shown = buffer[position : position + SHOWN_WHEN_LOST]
                self.lost = Lost(f"a frame of {length:,} bytes was announced; the limit is {MAX_FRAME:,}", self._offset + position, shown)
                found.append(self.lost)
                return found
            start = position + LENGTH.size
            if end - start < length:
                break
            found.append(Frame(buffer[start : start + length], self._offset + position))
            position = start + length
        self._offset += position
        self._pending += buffer[position:]
        self._needed = LENGTH.size
        if len(self._pending) >= LENGTH.size:
            self._needed += LENGTH.unpack_from(self._pending)[0]
        return found
