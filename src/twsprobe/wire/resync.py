"""Finding the next frame in a stream of which bytes are missing.

A frame has no mark at its beginning, so one is taken for found where two follow each other: a length, an id that is declared for this
direction, and an end that fits its encoding (a NUL for text, whole fields for protobuf), and behind it another length and id. The
second need not be whole, for in a quiet stream its end is long in coming; where the bytes end with the first, that one has to do.

Known doubt: a message that holds two such frames as a text would be taken for them; no message of TWS is known to.
"""

from __future__ import annotations

import heapq
import re
from typing import NamedTuple

from twsprobe.wire.framing import LENGTH, SHOWN_WHEN_LOST, Direction

LARGEST = 1 << 20
"""The longest payload that is looked for: of a longer one the end would be long in coming, and the frame behind it will do."""

MOST_FIELDS = 64
"""Fields of a protobuf message that are looked at to tell whether it is one."""

_HEAD = 8
"""Bytes of a frame that show its length and its id: four and four, or four and up to three digits with a NUL."""
_CANDIDATE = re.compile(rb"(?=\x00[\x00-\x10]..(?:[0-9]{1,3}\x00|\x00\x00[\x00\x01].))", re.DOTALL)
_TEXT_ID = re.compile(rb"([0-9]{1,3})\x00")


class Place(NamedTuple):
    """Where frames go on: the bytes from there, and how many before them were passed over, with the first of those."""

    rest: bytes
    skipped: int
    shown: bytes


class Search:
    """Looks for the next frame in the bytes of a direction. ``binary`` says whether ids are binary; None where that is unknown."""

    def __init__(self, direction: Direction, binary: bool | None) -> None:
        self._direction = direction
        self._binary = binary
        self._held = bytearray()
        self._base = 0
        self._searched = 0
        self._waiting: list[tuple[int, int]] = []
        self._shown = b""

    @property
    def skipped(self) -> int:
        """How many bytes came."""
        return self._base + len(self._held)

    @property
    def shown(self) -> bytes:
        """The first of them."""
        return bytes(self._shown)

    def feed(self, data: bytes, *, final: bool = False) -> Place | None:
        """Take bytes and return where frames go on, once that shows. After ``final`` bytes none come."""
        self._shown += data[: SHOWN_WHEN_LOST - len(self._shown)]
        self._held += data
        found = [(end, place) for place in self._candidates(final) if (end := self._settled(place, final)) is not None]
        if not found:
            self._forget()
            return None
        # The one that could be told first, so that it does not matter in which pieces the bytes come.
        at = min(found)[1]
        return Place(bytes(self._held[at - self._base :]), at, self._shown[:at])

    def miss(self) -> None:
        """Bytes are missing here: no frame goes on across them."""
        self._base += len(self._held)
        self._searched = self._base
        self._held.clear()
        self._waiting.clear()

    def _candidates(self, final: bool) -> list[int]:
        """The places that can be judged now, counted from the first byte that came."""
        end = self._base + len(self._held)
        ready = []
        while self._waiting and (final or self._waiting[0][0] <= end):
            ready.append(heapq.heappop(self._waiting)[1])
        # Near the end a place may not show yet what it is.
        last = end if final else end - _HEAD
        for match in _CANDIDATE.finditer(self._held, self._searched - self._base):
            place = self._base + match.start()
            if place > last:
                break
            ready.append(place)
        self._searched = max(self._searched, min(last + 1, end))
        return ready

    def _settled(self, place: int, final: bool) -> int | None:
        """If frames begin at a place, how many bytes it took to tell. Where it takes more, the place is asked again when they are there."""
        size = len(self._held)
        end = end_of(self._held, place - self._base, self._direction, self._binary)
        if end is None:
            return None
        told = self._base + end + _HEAD
        if end < size:
            if end_of(self._held[end : end + _HEAD], 0, self._direction, self._binary) is None:
                return None
            if final or size - end >= _HEAD:
                return told
        elif final:
            return told if end == size else None
        heapq.heappush(self._waiting, (told, place))
        return None

    def _forget(self) -> None:
        """Let go of bytes at which no frame can begin: a place that still waits is no further back than the longest frame."""
        keep = self._searched if not self._waiting else min(self._searched, self.skipped - LARGEST - 2 * _HEAD)
        if keep > self._base:
            del self._held[: keep - self._base]
            self._base = keep


def end_of(data: bytes | bytearray, position: int, direction: Direction, binary: bool | None) -> int | None:
    """Where the frame ends that begins at a position; None if what is there of it is no frame. It may end behind ``data``."""
    from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET
    from twsprobe.wire.registry import BY_ID

    start = position + LENGTH.size
    if len(data) < start:
        return position + _HEAD
    length: int = LENGTH.unpack_from(data, position)[0]
    end = start + length
    if not 2 <= length <= LARGEST:
        return None
    if binary is not True and (found := _TEXT_ID.match(data, start, end)):
        known = (direction, int(found[1])) in BY_ID
        return end if known and (end > len(data) or data[end - 1] == 0) else None
    if len(data) < min(start + BINARY_ID.size, end):
        return end
    if binary is False or length < BINARY_ID.size:
        return None
    id = BINARY_ID.unpack_from(data, start)[0]
    fields = start + BINARY_ID.size
    if (direction, id) in BY_ID:
        return end if end > len(data) or end == fields or data[end - 1] == 0 else None
    known = (direction, id - PROTOBUF_OFFSET) in BY_ID
    return end if known and (end > len(data) or _whole_fields(data, fields, end)) else None


def _whole_fields(data: bytes | bytearray, position: int, end: int) -> bool:
    """Whether bytes are fields of protobuf from the first to the last, as far as the first ``MOST_FIELDS`` tell."""
    from twsprobe.wire.tokens import FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, Malformed, read_varint

    for _ in range(MOST_FIELDS):
        if position >= end:
            break
        try:
            key, position = read_varint(data, position, end, "")
            size = {FIXED64: 8, FIXED32: 4}.get(key & 7, 0)
            if key & 7 in (VARINT, LENGTH_DELIMITED):
                value, position = read_varint(data, position, end, "")
                size = value if key & 7 == LENGTH_DELIMITED else 0
            elif not size:
                return False
        except Malformed:
            return False
        position += size
        if key < 8 or position > end:
            return False
    return True
