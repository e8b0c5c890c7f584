"""One direction's bytes to frames.

After the client's opening, both directions carry frames: an unsigned 32-bit big-endian length, then that many bytes. The length is
the peer's word, so it is judged from its own four bytes: nothing is reserved for a frame that has not arrived, and a length above
``MAX_FRAME`` means that the stream is not (or no longer) the TWS protocol. There is no way back into step then, so the stream is
lost from that byte on and the framer keeps what follows only as a count.
"""

from __future__ import annotations

import enum
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

MAX_FRAME = 0xFFFFFF
"""Largest payload, in bytes, that official clients accept (``MAX_MSG_LEN``)."""

LENGTH = Struct(">I")
BLOCK = 1 << 20
"""How many bytes are cut at a time."""
SHOWN_WHEN_LOST = 64
"""How many of the bytes that were not a frame are kept for the report."""


class Direction(enum.Enum):
    """Which side receives the bytes."""

    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"

    @property
    def opposite(self) -> Direction:
        return Direction.TO_CLIENT if self is Direction.TO_SERVER else Direction.TO_SERVER


class Lost(NamedTuple):
    """The stream stopped being frames at ``offset``: why, and the first bytes that were seen there."""

    reason: str
    offset: int
    data: bytes


class Framer:
    """Cuts one direction's bytes into the payloads of frames, whatever the split in which they arrive.

    ``offset`` is where in the direction's stream the next frame begins, in bytes; each payload moves it on by the length word and itself.
    """

    def __init__(self, offset: int = 0) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._needed = LENGTH.size
        self.offset = offset
        self.lost: Lost | None = None
        """Set when the stream stopped being frames; nothing comes after it."""

    @property
    def pending(self) -> bytes:
        """The bytes of a frame that has begun and is not whole."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the payloads of the frames they complete, in order."""
        found: list[bytes] = []
        for start in range(0, len(data), BLOCK):
            self._feed(data[start : start + BLOCK] if len(data) > BLOCK else data, found)
        return found

    def _feed(self, data: bytes, found: list[bytes]) -> None:
        if self.lost is not None:
            return
        self._held += len(data)
        # Bytes of a frame that is not whole are only put aside: a large frame that comes in small pieces is joined once.
        if self._held < self._needed:
            self._parts.append(bytes(data))
            return
        if self._parts:
            data = b"".join((*self._parts, data))
            self._parts.clear()
        unpack, append = LENGTH.unpack_from, found.append
        position, start, size = 0, LENGTH.size, len(data)
        end = 0
        try:
            while True:
                end = start + unpack(data, position)[0]
                if end > size:
                    break
                append(data[start:end])
                position, start = end, end + 4
        except StructError:
            end = start  # not even the length word is whole
        self.offset += position
        # A whole frame is never above the limit: a block is smaller than that, and a frame that began in an earlier one was judged there.
        if end - start > MAX_FRAME:
            shown = bytes(data[position : position + SHOWN_WHEN_LOST])
            self.lost = Lost(f"a frame of {end - start:,} bytes was announced; the limit is {MAX_FRAME:,}", self.offset, shown)
            self._held = 0
            return
        self._held = size - position
        self._needed = end - position
        if self._held:
            self._parts.append(bytes(data[position:]))
