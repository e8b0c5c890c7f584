"""Text files of any size, line by line, and lines that belong together.

A message with a line break in it goes over several lines of its log, of which only the first begins as lines of that log do. Whether those
behind it belong to it is for the reader of the log to say, so they come together, up to a limit; memory stays flat whatever a file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

LONGEST = 16 << 20
"""Bytes of a line, or of lines that belong together, that are kept: as long as a frame can be, and longer than any that was seen."""
MOST_LINES = 100_000
"""Lines that are taken together."""


class Line(NamedTuple):
    """A line without its end. ``ended`` is false for a last line that does not end in a line feed; ``cut`` counts bytes left out."""

    position: int
    data: bytes
    ended: bool
    cut: int = 0


class Entry(NamedTuple):
    """A line that begins an entry of a log, and those behind it that begin none."""

    first: Line
    others: tuple[Line, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the last of them ends in a line feed."""
        return (self.others[-1] if self.others else self.first).ended

    @property
    def data(self) -> bytes:
        """All lines, with line feeds between them."""
        return b"\n".join((self.first.data, *(line.data for line in self.others)))


def lines_in(blocks: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a file, from the blocks of its bytes, split anywhere. Raises what ``blocks`` raises."""
    buffer = bytearray()
    position = dropped = 0
    for block in blocks:
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            buffer += block[start:end]
            size = dropped + len(buffer)
            yield Line(position, bytes(buffer[:LONGEST]).removesuffix(b"\r"), True, max(size - LONGEST, 0))
            position, start, dropped = position + size + 1, end + 1, 0
            buffer.clear()
        buffer += block[start:]
        if len(buffer) > LONGEST + len(block):
            dropped += len(buffer) - LONGEST
            del buffer[LONGEST:]
    if buffer:
        yield Line(position, bytes(buffer[:LONGEST]).removesuffix(b"\r"), False, max(dropped + len(buffer) - LONGEST, 0))


def entries_in(lines: Iterable[Line], begins: Callable[[bytes], bool]) -> Iterator[Entry]:
    """Lines as entries; what stands before the first that begins one, or is too much, comes line by line."""
    first: Line | None = None
    others: list[Line] = []
    size = 0
    for line in lines:
        if first is not None and not begins(line.data) and size + len(line.data) <= LONGEST and len(others) < MOST_LINES:
            others.append(line)
            size += len(line.data) + 1
            continue
        if first is not None:
            yield Entry(first, tuple(others))
        others, first, size = [], None, len(line.data)
        if begins(line.data):
            first = line
        else:
            yield Entry(line)
    if first is not None:
        yield Entry(first, tuple(others))
