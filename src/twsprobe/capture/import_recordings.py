"""Folders of recordings that rust-ibapi makes where ``IBAPI_RECORDING_DIR`` is set: a file a message, in a folder a run.

``0001-request.msg`` and ``0002-response.msg`` hold one message each, with a ``|`` behind each field; the numbers are their order. The first
response is the server's greeting. A folder that is named after a time, ``2024-05-01-12-30``, began then; within it a file's own time counts
while it is of that day.

Known doubt: this form is that of the releases that speak text. It was not tried on recordings that the client itself made, and how it would
record protobuf is unknown: what does not read like this is kept as a note.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from twsprobe.capture.imported import Connections
from twsprobe.capture.log_times import DAY_NS, day_ns, of_day_ns
from twsprobe.capture.model import Record
from twsprobe.wire.framing import MAX_FRAME, Direction
from twsprobe.wire.handshake import frame, is_certain, read_greeting

_FILE = re.compile(r"([0-9]{1,18})-(request|response)\.msg")
_RUN = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]{2})-([0-9]{2})")
_DIRECTIONS = {"request": Direction.TO_SERVER, "response": Direction.TO_CLIENT}


def runs_in(folder: Path) -> list[Path]:
    """The folders of runs: this one, or those in it. Raises OSError."""
    if any(_FILE.fullmatch(path.name) for path in folder.iterdir()):
        return [folder]
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in inner if any(_FILE.fullmatch(each.name) for each in path.iterdir())]


def records_in(runs: list[Path], connections: Connections, day: datetime.date | None, advanced: Callable[[int], None]) -> Iterator[Record]:
    """The records of runs, each a connection; ``advanced`` is told how many bytes were read.

    Raises VersionUnknown where it takes the version, and OSError.
    """
    for run in runs:
        connections.leave()
        reader = _Reader(connections, began_ns(run, day))
        for _, direction, path in sorted(_messages_in(run)):
            size = path.stat().st_size
            data = path.read_bytes() if size <= MAX_FRAME else b""
            yield from reader.message(_DIRECTIONS[direction], path, data, path.stat().st_mtime_ns)
            advanced(size)


def _messages_in(run: Path) -> Iterator[tuple[int, str, Path]]:
    for path in run.iterdir():
        found = _FILE.fullmatch(path.name)
        if found is not None and path.is_file():
            yield int(found[1]), found[2], path


def began_ns(run: Path, day: datetime.date | None) -> int | None:
    """When a run began, by the name of its folder, or as the user said; None if neither tells."""
    found = _RUN.fullmatch(run.name)
    of_day = None if found is None else of_day_ns(f"{found[2]}:{found[3]}:00".encode(), None)
    if day is None and found is not None:
        try:
            day = datetime.date.fromisoformat(found[1])
        except ValueError:
            return None
    return None if day is None else day_ns(day) + (of_day or 0)


class _Reader:
    def __init__(self, connections: Connections, began: int | None) -> None:
        self._connections, self._began = connections, began
        self._greeted = False

    def message(self, direction: Direction, path: Path, data: bytes, changed_ns: int) -> Iterator[Record]:
        """The records of a file."""
        began, connections = self._began, self._connections
        time_ns = changed_ns if began is None or began <= changed_ns < began + DAY_NS else began
        if not connections.is_open:
            yield connections.open(time_ns)
        if not self._greeted:
            self._greeted = True
            payload = data.replace(b"|", b"\0")
            greeted = read_greeting(payload, 0) if direction is Direction.TO_CLIENT else None
            if greeted is not None and greeted.server_version > 0 and is_certain(greeted):
                connections.version = greeted.server_version
                yield from connections.offer(time_ns, greeted.server_version)
                yield connections.chunk(time_ns, direction, frame(payload))
                return
            yield from connections.opening(time_ns, connections.known_version(0))
        version = connections.known_version(0)
        found = connections.split(data[:-1], b"|", direction, version) if data.endswith(b"|") else None
        if found is None:
            yield connections.opaque(time_ns, direction, f"{path.name}: ".encode() + data)
        else:
            yield from connections.message(time_ns, direction, found)
