"""One direction's bytes to frames.

After the client's opening, both directions carry frames: an unsigned 32-bit big-endian length, then that many bytes. The length is
the peer's word, so it is judged from its own four bytes: nothing is reserved for a frame that has not arrived, and a length above
``MAX_FRAME`` means that the stream is not (or no longer) the TWS protocol. There is no way back into step then, so the stream is
lost from that byte on and the framer keeps what follows only as a count.
"""

from __future__ import annotations

import enum
from io import SEEK_CUR, BytesIO
from struct import Struct
from typing import NamedTuple

MAX_FRAME = 0xFFFFFF
"""Largest payload, in bytes, that official clients accept (``MAX_MSG_LEN``)."""

LENGTH = Struct(">I")
WORD = LENGTH.size
REMEMBERED = 1 << 12
"""How many lengths are remembered."""
SHOWN_WHEN_LOST = 64
"""How many of the bytes that were not a frame are kept for the report."""


LENGTHS: dict[bytes, int] = {}
"""Length words that came before, and what they announce: looking one up costs less than reading it."""


def learn_length(word: bytes) -> bool:
    """Remember what a length word announces; False where it announces no frame or is cut short."""
    length = int.from_bytes(word, "big")
    if len(word) < WORD or length > MAX_FRAME:
        return False
    if len(LENGTHS) >= REMEMBERED:
        LENGTHS.clear()
    LENGTHS[word] = length
    return True


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
        # Of a frame that is not whole: its length word, as far as it is there, its payload likewise, and how much that lacks. The pieces of
        # a large frame are only put aside and joined once.
        self._word = b""
        self._parts: list[bytes] = []
        self._lacking = 0
        self._fed = offset
        self.offset = offset
        self.lost: Lost | None = None
        """Set when the stream stopped being frames; nothing comes after it."""

    @property
    def pending(self) -> bytes:
        """The bytes of a frame that has begun and is not whole."""
        return b"".join((self._word, *self._parts))

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the payloads of the frames they complete, in order."""
        found: list[bytes] = []
        if self.lost is not None:
            return found
        self._fed += len(data)
        if self._word and not self._lacking:
            data = self._word + data
        stream, lengths = BytesIO(data), LENGTHS
        read, word, length = stream.read, b"", 0
        if self._lacking:
            part = read(self._lacking)
            self._parts.append(part)
            self._lacking -= len(part)
            if self._lacking:
                return found
            found.append(b"".join(self._parts))
            self._parts.clear()
        while True:
            try:
                while True:
                    found.append(read(length := lengths[read(4)]))
            except KeyError as unknown:
                word = unknown.args[0]
            if not (word and learn_length(word)):
                break
            stream.seek(-WORD, SEEK_CUR)
        held = len(word)
        if held == WORD:
            position = stream.tell() - WORD
            shown = bytes(data[position : position + SHOWN_WHEN_LOST])
            reason = f"a frame of {int.from_bytes(word, 'big'):,} bytes was announced; the limit is {MAX_FRAME:,}"
            word, held = b"", len(data) - position
            self.lost = Lost(reason, self._fed - held, shown)
        elif not word and length and (lacking := length - len(found[-1])) > 0:
            # Where no frame was read here ``length`` is 0; otherwise the last one ends with the bytes, and may be cut short.
            self._parts.append(found.pop())
            self._lacking = lacking
            word, held = LENGTH.pack(length), WORD + length - lacking
        self._word, self.offset = word, self._fed - held
        return found
