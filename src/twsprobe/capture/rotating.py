"""Recording into several files: a new one once the current one is large or old enough, or one for each connection.

A file that begins in the middle of a session could not be decoded: the version that both sides speak is said once, at the start. So each
further file begins with what tells a reader where it stands, with the times at which it was: that the connection was opened, the opening
of each direction (the client's offer, the server's answer), and a gap of as many bytes as went before in the files before. From there a
reader finds the next whole message. Put together, the files hold the session; only those openings are there more than once.

A file that is done with is closed by a thread, because bringing it to the disk may take longer than traffic should wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Opened, Record
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import PREFIX

LONGEST_OPENING = 4096
"""Bytes of a direction among which its opening is looked for."""
PACKED = (".gz", ".zst")


class File(Protocol):
    """A capture that is being written; ``position`` is its length in bytes."""

    @property
    def position(self) -> int: ...
    def write(self, record: Record, /) -> None: ...
    def close(self) -> None: ...


def numbered(path: str, index: int) -> str:
    """The name of a further file: ``a.pcapng.gz`` becomes ``a-0001.pcapng.gz``; the first keeps its name."""
    if not index:
        return path
    whole = Path(path)
    packed = whole.suffix if whole.suffix in PACKED else ""
    plain = whole.with_suffix("") if packed else whole
    return str(plain.with_name(f"{plain.stem}-{index:04}{plain.suffix}{packed}"))


class Way:
    """What is known of one direction: ``opening``, the chunks up to the end of its first message, and ``size``, all bytes so far."""

    def __init__(self, direction: Direction) -> None:
        self.size = 0
        self.opening: list[Chunk] = []
        self.closed: Closed | None = None
        self._prefix = PREFIX if direction is Direction.TO_SERVER else b""
        self._begun: bytes | None = b""

    def take(self, chunk: Chunk) -> None:
        """Count a chunk, and keep what belongs to the opening."""
        self.size += len(chunk.data)
        if self._begun is None:
            return
        before = len(self._begun)
        self._begun = (self._begun + chunk.data)[: LONGEST_OPENING + 1]
        end = self._end(self._begun)
        if end > LONGEST_OPENING:
            self.opening, self._begun = [], None
        else:
            self.opening.append(chunk._replace(data=chunk.data[: end - before]))
            self._begun = None if len(self._begun) >= end else self._begun

    def _end(self, begun: bytes) -> int:
        """Where the opening ends, as far as that can be told from the bytes that are there."""
        head = len(self._prefix)
        if not self._prefix.startswith(begun[:head]):
            return LONGEST_OPENING + 1
        size = head + LENGTH.size
        return size if len(begun) < size else size + int(LENGTH.unpack_from(begun, head)[0])

    def repeated(self, connection: int, direction: Direction, time_ns: int) -> list[Record]:
        """What stands for all that went before in another file."""
        missing = self.size - sum(len(chunk.data) for chunk in self.opening)
        gap = [Gap(connection, direction, time_ns, missing)] if missing else []
        return [*self.opening, *gap, *([self.closed] if self.closed else [])]


class Live:
    """The connections that are open, and what of them has to be said again at the start of a file."""

    def __init__(self) -> None:
        self._opened: dict[int, Opened] = {}
        self._ways: dict[int, dict[Direction, Way]] = {}

    def take(self, record: Record) -> bool:
        """Follow a record; says whether its connection is over with it."""
        number = record.connection
        if isinstance(record, Opened):
            self._opened[number] = record
            self._ways[number] = {direction: Way(direction) for direction in Direction}
        ways = self._ways.get(number)
        if ways is None:
            return isinstance(record, Closed)
        if isinstance(record, Chunk):
            ways[record.direction].take(record)
        elif isinstance(record, Closed):
            ways[record.direction].closed = record
            if record.how is Close.RST or all(way.closed for way in ways.values()):
                del self._opened[number], self._ways[number]
                return True
        return False

    def repeated(self, time_ns: int) -> list[Record]:
        """The records with which a file begins at a time."""
        found: list[Record] = []
        for number, opened in self._opened.items():
            found.append(opened)
            for direction in (Direction.TO_SERVER, Direction.TO_CLIENT):
                found += self._ways[number][direction].repeated(number, direction, time_ns)
        return found


class Closing:
    """Files that are being closed, each by a thread."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._faults: list[CaptureError | OSError] = []

    def close(self, file: File) -> None:
        """Close a file, soon."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._close, args=(file,), name="closing a capture", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _close(self, file: File) -> None:
        try:
            file.close()
        except (CaptureError, OSError) as fault:
            self._faults.append(fault)

    def wait(self) -> None:
        """Wait until all are closed. Raises what the first that failed raised."""
        for thread in self._threads:
            thread.join()
        if self._faults:
            raise self._faults[0]


class Rotating:
    """Records into ``path`` and further files beside it, each opened by ``open_file``; what that raises, ``write`` raises.

    The next file is begun by the first record after ``max_size`` bytes of records, or after ``max_seconds``. ``is_free`` says whether a
    name may be taken for it; numbers whose names are not free are passed over.
    """

    def __init__(
        self,
        path: str,
        open_file: Callable[[str], File],
        *,
        max_size: int | None = None,
        max_seconds: float | None = None,
        is_free: Callable[[str], bool] = lambda path: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.files = path, [path]
        self._open_file, self._max_size, self._max_seconds, self._is_free, self._clock = open_file, max_size, max_seconds, is_free, clock
        self._index = 0
        self._before = 0
        self._live, self._closing = Live(), Closing()
        self._file = open_file(path)
        self._began, self._start = clock(), self._file.position

    @property
    def position(self) -> int:
        """The bytes of all files."""
        return self._before + self._file.position

    def write(self, record: Record) -> None:
        """Write a record, to a new file where it is time for one."""
        if self._is_full():
            self._turn(record.time_ns)
        self._file.write(record)
        self._live.take(record)

    def _is_full(self) -> bool:
        if self._max_size is not None and self._file.position - self._start >= self._max_size:
            return True
        return self._max_seconds is not None and self._clock() - self._began >= self._max_seconds

    def _turn(self, time_ns: int) -> None:
        self._index += 1
        while not self._is_free(numbered(self.path, self._index)):
            self._index += 1
        path = numbered(self.path, self._index)
        file = self._open_file(path)
        self._before += self._file.position
        self._closing.close(self._file)
        self._file = file
        self.files.append(path)
        for record in self._live.repeated(time_ns):
            file.write(record)
        self._began, self._start = self._clock(), file.position

    def close(self) -> None:
        """Close all files. Raises what the first that failed raised."""
        try:
            self._file.close()
        finally:
            self._closing.wait()


class PerConnection:
    """Records each connection into a file of its own, which ``open_file`` opens by its number; it is closed when the connection ends."""

    def __init__(self, path: str, open_file: Callable[[int], Rotating]) -> None:
        self.path = path
        self.files: list[str] = []
        self._open_file = open_file
        self._before = 0
        self._files: dict[int, Rotating] = {}
        self._live, self._closing = Live(), Closing()

    @property
    def position(self) -> int:
        """The bytes of all files."""
        return self._before + sum(file.position for file in self._files.values())

    def write(self, record: Record) -> None:
        """Write a record to its connection's file."""
        number = record.connection
        file = self._files.get(number)
        if file is None:
            file = self._files[number] = self._open_file(number)
            self.files.append(file.path)
        file.write(record)
        if self._live.take(record):
            del self._files[number]
            self._before += file.position
            self._closing.close(file)

    def close(self) -> None:
        """Close all files. Raises what the first that failed raised."""
        for file in self._files.values():
            self._closing.close(file)
        self._files.clear()
        self._closing.wait()
