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
from typing import Any, NamedTuple

MAX_FRAME = 0xFFFFFF
"""Largest payload, in bytes, that official clients accept (``MAX_MSG_LEN``)."""

LENGTH = Struct(">I")
BLOCK = 1 << 20
"""How many bytes are cut at a time."""
SHORT = 1024
"""Bytes of payload below which a length has a reader of its own."""
SHOWN_WHEN_LOST = 64
"""How many of the bytes that were not a frame are kept for the report."""


class Direction(enum.Enum):
    """Which side receives the bytes."""

    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"

    # Every event is looked up by its direction; what enumerations have for this is written in Python.
    __hash__ = object.__hash__

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
        # A short frame's payload and the length word behind it are read together, by a reader for frames of its length.
        self._readers: list[Any] = [None] * SHORT
        self.offset = offset
        self.lost: Lost | None = None
        """Set when the stream stopped being frames; nothing comes after it."""

    @property
    def pending(self) -> bytes:
        """The bytes of a frame that has begun and is not whole."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the payloads of the frames they complete, in order."""
        if len(data) > BLOCK:
            return [payload for start in range(0, len(data), BLOCK) for payload in self.feed(data[start : start + BLOCK])]
        found: list[bytes] = []
        if self.lost is not None:
            return found
        self._held += len(data)
        # Bytes of a frame that is not whole are only put aside: a large frame that comes in small pieces is joined once.
        if self._held < self._needed:
            self._parts.append(bytes(data))
            return found
        if self._parts:
            data = b"".join((*self._parts, data))
            self._parts.clear()
        readers, append = self._readers, found.append
        start, length = LENGTH.size, int.from_bytes(data[: LENGTH.size], "big")
        while True:
            try:
                while True:
                    payload, following = readers[length](data, start)
                    append(payload)
                    start += length + 4
                    length = following
            except TypeError:
                if readers[length] is not None:
                    raise
                readers[length] = Struct(f">{length}sI").unpack_from
            except IndexError:
                if start + length + LENGTH.size <= len(data):
                    append(data[start : start + length])
                    start += length + LENGTH.size
                    length = int.from_bytes(data[start - LENGTH.size : start], "big")
                else:
                    break
            except StructError:
                break  # no other length word is behind this frame
        position, size, end = start - LENGTH.size, len(data), start + length
        if end <= size:
            append(data[start:end])
            position, end = end, end + LENGTH.size
        self.offset += position
        # A whole frame is never above the limit: a block is smaller than that, and a frame that began in an earlier one was judged there.
        if length > MAX_FRAME:
            shown = bytes(data[position : position + SHOWN_WHEN_LOST])
            self.lost = Lost(f"a frame of {length:,} bytes was announced; the limit is {MAX_FRAME:,}", self.offset, shown)
            self._held = 0
            return found
        self._held = size - position
        self._needed = end - position
        if self._held:
            self._parts.append(bytes(data[position:]))
        return found
