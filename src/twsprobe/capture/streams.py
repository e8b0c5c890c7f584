"""One direction of a TCP connection: segments, as a capture saw them, to bytes in their order.

Segments come late, twice, overlapping or not at all, for two reasons that have to be told apart. The network loses and reorders: then the
sender sends again what was not acknowledged. And the capture loses and reorders: then the receiver acknowledges what the file lacks, and
it never comes again. So a hole waits as long as it is not acknowledged, and is lost for good once it was acknowledged and did not come
within the next ``PATIENCE`` segments of its connection, for a file may hold an acknowledgement shortly before the bytes.

The first bytes that arrive for a place are kept; a segment with other bytes for it is reported. Known doubt: where the capture lost a
FIN, its acknowledgement looks as if one byte was missing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

from twsprobe.capture.model import Close

PATIENCE = 16
"""Segments of a connection that may stand between an acknowledgement and the bytes that it is for."""
MAX_HELD = 1 << 20
"""Bytes of a direction that wait behind a hole at most; with more of them it is given up. So it is with more than ``MAX_PIECES`` pieces."""
MAX_PIECES = 4096
MAX_HELD_BY_ALL = 32 << 20
"""Bytes that wait behind holes of all directions of a file at most."""
REMEMBERED = 16 << 10
"""Bytes of a direction, the last ones, with which a segment that comes again is compared."""
WINDOW = 1 << 30
"""The largest window that TCP knows (RFC 7323): what is further away than this belongs to no current segment."""

Found = bytes | int
"""Bytes that are next, or how many are missing there."""


class Budget:
    """How many bytes wait behind holes, in all directions together."""

    def __init__(self) -> None:
        self.used = 0


class Half:
    """One direction of a connection. Offsets count its bytes from the first one, whatever its sequence number was."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._first: int | None = None
        self._pieces: list[tuple[int, bytes]] = []
        self._held = 0
        self._past: deque[bytes] = deque()
        self._remembered = 0
        self._proven = 0
        self._proven_at = 0
        self.next = 0
        """The offset that comes next."""
        self.end: int | None = None
        """The offset at which its FIN or RST stands."""
        self.how: Close | None = None
        """How it ends."""
        self.conflict: int | None = None
        """Where the last segment had other bytes than an earlier one."""

    @property
    def begun(self) -> bool:
        """Whether it is known where its bytes begin."""
        return self._first is not None

    @property
    def ended(self) -> bool:
        """Whether all its bytes up to its end were given out."""
        return self.end is not None and self.next >= self.end

    def begin(self, sequence: int) -> None:
        """Its first byte has this sequence number."""
        self._first = sequence

    def offset(self, sequence: int) -> int:
        """The offset that a sequence number stands for: of all that are 2**32 apart, the one that is nearest to what comes next."""
        distance = (sequence - (self._first or 0) - self.next) & 0xFFFFFFFF
        return self.next + distance - (0 if distance < 1 << 31 else 1 << 32)

    def take(self, offset: int, data: bytes, lacking: int, now: int) -> list[Found]:
        """Take the bytes of a segment, ``lacking`` more of which were not captured; ``now`` counts the connection's segments.

        Returns what can be given out.
        """
        self.conflict = None
        found: list[Found] = []
        # A single byte below what comes next keeps a connection alive (RFC 9293, 3.8.4), and any will do for that.
        if abs(offset - self.next) > WINDOW or (offset + 1 == self.next and len(data) == 1):
            return found
        if self.end is not None:
            data = data[: max(self.end - offset, 0)]
        end = offset + len(data)
        if offset < self.next:
            self._compare(offset, data[: self.next - offset])
            data, offset = data[self.next - offset :], self.next
        if data and offset == self.next and not self._pieces:
            self._give(data, found)
        elif data:
            self._hold(offset, data)
            self._drain(found)
        if lacking and end <= self.next < end + lacking:
            self._lose(min(end + lacking, self._pieces[0][0]) if self._pieces else end + lacking, found)
        while self._pieces and (self._held > MAX_HELD or len(self._pieces) > MAX_PIECES or self._budget.used > MAX_HELD_BY_ALL):
            self._lose(self._pieces[0][0], found)
        if found:
            self._proven_at = now
        return found

    def acknowledge(self, offset: int, now: int) -> list[Found]:
        """The receiver has all bytes up to an offset. Returns what can be given out because others are lost."""
        if abs(offset - self.next) <= WINDOW and offset > self._proven:
            if self._proven <= self.next:
                self._proven_at = now
            self._proven = offset
        return self.settle(now)

    def settle(self, now: int) -> list[Found]:
        """What can be given out because the bytes before it have not come for too long."""
        found: list[Found] = []
        limit = self._proven if self.end is None else min(self._proven, self.end)
        if limit > self.next and now - self._proven_at > PATIENCE:
            self._lose_up_to(limit, found)
        return found

    def end_at(self, offset: int, how: Close, now: int) -> None:
        """Its FIN or RST stands at an offset; the first that is seen counts. Behind an RST nothing is sent again."""
        near = abs(offset - self.next) <= WINDOW
        if self.end is not None or not (near or how is Close.RST):
            return
        self.end, self.how = max(offset if near else self.next, self.next), how
        while self._pieces and self._pieces[-1][0] + len(self._pieces[-1][1]) > self.end:
            start, data = self._pieces.pop()
            kept = data[: max(self.end - start, 0)]
            self._held -= len(data) - len(kept)
            self._budget.used -= len(data) - len(kept)
            if kept:
                self._pieces.append((start, kept))
        if how is Close.RST and self.end > self._proven:
            self._proven, self._proven_at = self.end, now

    def finish(self) -> list[Found]:
        """Nothing more comes: what waited, and what is missing."""
        found: list[Found] = []
        limit = max(self._proven, self._pieces[-1][0] + len(self._pieces[-1][1]) if self._pieces else 0, self.end or 0)
        self._lose_up_to(limit if self.end is None else min(limit, self.end), found)
        self._past.clear()
        return found

    def _give(self, data: bytes, found: list[Found]) -> None:
        found.append(data)
        self.next += len(data)
        self._past.append(data)
        self._remembered += len(data)
        while self._remembered - len(self._past[0]) >= REMEMBERED:
            self._remembered -= len(self._past.popleft())

    def _lose(self, offset: int, found: list[Found]) -> None:
        found.append(offset - self.next)
        self.next = offset
        self._past.clear()
        self._remembered = 0
        self._drain(found)

    def _lose_up_to(self, limit: int, found: list[Found]) -> None:
        while self.next < limit:
            self._lose(min(limit, self._pieces[0][0]) if self._pieces else limit, found)

    def _drain(self, found: list[Found]) -> None:
        while self._pieces and self._pieces[0][0] == self.next:
            _, data = self._pieces.pop(0)
            self._held -= len(data)
            self._budget.used -= len(data)
            self._give(data, found)

    def _hold(self, offset: int, data: bytes) -> None:
        """Keep what no piece covers yet."""
        end = offset + len(data)
        index = bisect_left(self._pieces, (offset, b""))
        if index and self._pieces[index - 1][0] + len(self._pieces[index - 1][1]) > offset:
            index -= 1
        position = offset
        while position < end:
            start, held = self._pieces[index] if index < len(self._pieces) else (end, b"")
            if position < start:
                part = data[position - offset : min(start, end) - offset]
                self._pieces.insert(index, (position, part))
                self._held += len(part)
                self._budget.used += len(part)
                position += len(part)
            else:
                stop = min(start + len(held), end)
                if data[position - offset : stop - offset] != held[position - start : stop - start]:
                    self.conflict = position
                position = stop
            index += 1

    def _compare(self, offset: int, data: bytes) -> None:
        """Hold bytes that came again against those that were given out, as far back as they are remembered."""
        start = self.next - self._remembered
        if offset < start:
            data, offset = data[start - offset :], start
        if data:
            past = b"".join(self._past)[offset - start :]
            if not past.startswith(data):
                self.conflict = offset
