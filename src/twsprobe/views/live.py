"""What passes a relay, decoded as it passes, and never at its cost.

Decoding is a hundred times the work of relaying, and in one process both want the interpreter. So the relay only puts what it has recorded
into a queue, and a thread decodes from there for a fifth of the time, in small steps. More than that it does not keep up with: once the
queue holds too much, what comes is skipped, whole chunks at a time, and the view says how much. It finds its way back as a reader of a
capture with missing bytes does, at the next plausible frame. The opening of a connection is never skipped: without it, the version that
everything else is read by would be unknown. All of it is in the capture, skipped or not.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from twsprobe.capture.model import Chunk, Closed, Gap, Mark, Record
from twsprobe.capture.seen import Seen, seen_in
from twsprobe.views.decode import HEADER, event_line, record_line
from twsprobe.views.line import fitted
from twsprobe.wire.events import SyncLost, Undecodable, Unknown
from twsprobe.wire.framing import Direction

MOST_BEHIND = 1 << 20
"""Bytes that wait to be decoded, at most."""
OPENING = 4096
"""Bytes of each direction that are never skipped."""
RECORD_COST = 64
"""Bytes that a record counts besides its own, so that many small ones are bounded too."""
STEP = 2048
"""Bytes that are decoded at a time."""
DUTY = 0.2
"""The share of its time in which the view works."""
TURN = 0.0005
"""Seconds of work after which it rests."""
POLL = 0.05
"""Seconds between looks at an empty queue, and between two refreshes of a screen."""
LAST_SECONDS = 0.3
"""Seconds that the view gets for what is left once the relay has ended."""


class Backlog:
    """Records that wait to be shown. ``offer`` is for one thread at a time, ``take`` for one other; neither waits for the other."""

    def __init__(self, most: int = MOST_BEHIND) -> None:
        self.skipped = 0
        """Bytes that were skipped."""
        self.closed = False
        """Whether nobody will look any more."""
        self._most = most
        self._records: deque[Record] = deque()
        # Each is written by one thread only.
        self._offered = self._taken = 0
        self._begun: dict[tuple[int, Direction], int] = {}
        self._missing: dict[tuple[int, Direction], int] = {}

    def offer(self, record: Record) -> None:
        """Add a record, or skip it."""
        if self.closed:
            return
        is_full = self._offered - self._taken >= self._most
        if isinstance(record, Chunk):
            way, size = (record.connection, record.direction), len(record.data)
            begun = self._begun.get(way, 0)
            if is_full and begun >= OPENING:
                self._missing[way] = self._missing.get(way, 0) + size
                self.skipped += size
                return
            if begun < OPENING:
                self._begun[way] = begun + size
            missing = self._missing.pop(way, 0)
            if missing:
                self._add(Gap(*way, record.time_ns, missing))
        elif is_full:
            return
        elif isinstance(record, Closed):
            for direction in Direction:
                self._begun.pop((record.connection, direction), None)
                self._missing.pop((record.connection, direction), None)
        self._add(record)

    def _add(self, record: Record) -> None:
        self._offered += cost(record)
        self._records.append(record)

    def take(self) -> Record | None:
        """The next record; None where there is none yet."""
        if not self._records:
            return None
        record = self._records.popleft()
        self._taken += cost(record)
        return record

    def drop(self) -> None:
        """Skip all that waits."""
        while (record := self.take()) is not None:
            self.skipped += len(record.data) if isinstance(record, Chunk) else 0


def cost(record: Record) -> int:
    """What a record counts in the queue."""
    return RECORD_COST + (len(record.data) if isinstance(record, Chunk) else 0)


def steps(record: Record) -> Iterator[Record]:
    """A record in pieces of which none takes long to decode."""
    if isinstance(record, Chunk) and len(record.data) > STEP:
        for start in range(0, len(record.data), STEP):
            yield record._replace(data=record.data[start : start + STEP])
    else:
        yield record


class Output(Protocol):
    """Where lines go. ``width`` is how many columns they have; ``refresh`` is called now and then, and when nothing is left to show."""

    @property
    def width(self) -> int: ...
    def show(self, lines: list[tuple[str, str]]) -> None:
        """Show lines, each with a style that rich knows, or none."""

    def refresh(self) -> None: ...


class Plain:
    """Lines of text, for what is no terminal."""

    width = 10**6

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def show(self, lines: list[tuple[str, str]]) -> None:
        self._stream.writelines(f"{text}\n" for text, _ in lines)

    def refresh(self) -> None:
        self._stream.flush()


class Screen:
    """Lines that scroll on a terminal, above one that says how far things are. A context manager."""

    def __init__(self, stream: IO[str], status: Callable[[], str]) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._status = status
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    @property
    def width(self) -> int:
        return max(self._console.width, 80)

    def show(self, lines: list[tuple[str, str]]) -> None:
        # One print for all: each costs as much as a dozen lines.
        found = Text("\n").join(Text(text, style) for text, style in lines)
        self._console.print(found, no_wrap=True, overflow="ignore", crop=False)

    def refresh(self) -> None:
        status = fitted(self._status(), self._console.width)
        self._live.update(Text(status, "reverse", no_wrap=True), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        self.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


class LiveView:
    """Decodes what is in a backlog and shows it, until ``end`` is called. ``run`` takes a thread; ``failure`` is why it ended before."""

    def __init__(self, backlog: Backlog, output: Output, duty: float = DUTY) -> None:
        self.failure: OSError | None = None
        self._backlog, self._output, self._duty = backlog, output, duty
        self._ending = threading.Event()
        self._deadline = 0.0
        self._lines: list[tuple[str, str]] = []
        self._woke = self._shown = 0.0

    def end(self) -> None:
        """Nothing more comes: show what is left, as far as that is quick, and return."""
        self._deadline = time.monotonic() + LAST_SECONDS
        self._ending.set()

    def run(self) -> None:
        """Show until the end. Never raises OSError: once the output is gone, everything is skipped."""
        self._woke = time.thread_time()
        try:
            self._output.show([(HEADER, "bold")])
            for seen in seen_in(self._records()):
                self._lines.append(self._line(seen))
            self._flush()
        except OSError as fault:
            self.failure = fault
        finally:
            self._backlog.closed = True
            self._backlog.drop()

    def _line(self, seen: Seen) -> tuple[str, str]:
        """What was seen, as a line and its style."""
        what = seen.what
        if isinstance(what, Gap):
            return f"{'':17}... the view fell behind: {what.size:,} bytes are not shown here, but are recorded", "yellow"
        if isinstance(what, Mark):
            return fitted(record_line(what, seen.time_ns - seen.elapsed_ns), self._output.width), "bold"
        style = "red" if isinstance(what, (SyncLost, Undecodable, Unknown)) else "yellow" if seen.name == "error" else ""
        return event_line(what, seen.connection, seen.elapsed_ns, self._output.width), style

    def _records(self) -> Iterator[Record]:
        while True:
            record = self._backlog.take()
            if record is None:
                self._flush()
                if self._ending.is_set():
                    return
                self._ending.wait(POLL)
                continue
            for step in steps(record):
                yield step
                self._rest()
            if self._ending.is_set() and time.monotonic() > self._deadline:
                return

    def _rest(self) -> None:
        """Leave the interpreter to the relay for as long as the duty says."""
        if time.monotonic() - self._shown > POLL:
            self._flush()
        worked = time.thread_time() - self._woke
        if worked >= TURN and not self._ending.is_set():
            self._ending.wait(worked * (1 / self._duty - 1))
            self._woke = time.thread_time()

    def _flush(self) -> None:
        """Show the lines that are there."""
        if self._lines:
            self._output.show(self._lines)
            self._lines = []
        self._output.refresh()
        self._shown = time.monotonic()
