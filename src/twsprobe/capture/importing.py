"""Opening whatever holds messages: a capture, a log of TWS, a log of a client, a folder of recordings. The content says what it is.

A log is recognised by the first of its lines that only one kind of log can have. Each kind is read by a module of its own, as records.
"""

from __future__ import annotations

import datetime
import enum
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from twsprobe.capture import import_async_log, import_ibapi_log, import_recordings, import_tws_log
from twsprobe.capture.imported import Connections, Tally, Wish
from twsprobe.capture.log_lines import entries_in, lines_in
from twsprobe.capture.log_times import Clock, date_in
from twsprobe.capture.members import header_of
from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.reading import BLOCK, open_capture
from twsprobe.capture.unpacking import unpacked
from twsprobe.wire.framing import Direction

SEARCHED = 4 << 20
"""Bytes at the beginning of a log in which a line has to tell what it is."""
MAX_UNPACKED = 1 << 40
"""Bytes that a compressed log may unpack to: it is never held as a whole."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


class Form(enum.Enum):
    """What can be opened."""

    CAPTURE = "capture"
    TWS_LOG = "tws-log"
    ASYNC_LOG = "ib-async-log"
    IBAPI_LOG = "ibapi-log"
    RECORDINGS = "rust-ibapi"


TITLES = {
    Form.CAPTURE: "a capture",
    Form.TWS_LOG: "an API log of TWS or IB Gateway",
    Form.ASYNC_LOG: "a log of ib_async or ib_insync",
    Form.IBAPI_LOG: "a log of ibapi",
    Form.RECORDINGS: "recordings of rust-ibapi",
}
LOGS = {Form.TWS_LOG: import_tws_log, Form.ASYNC_LOG: import_async_log, Form.IBAPI_LOG: import_ibapi_log}


@dataclass
class Source:
    """Something that is open: iterate over it, once, for its records.

    ``metadata`` and ``created_ns`` are for a capture of it: what it says about itself, and when it was begun, None where it does not tell.
    ``tally`` counts while the records are read; of a capture it stays at nothing. ``position`` tells how many bytes have been read.
    """

    path: str
    form: Form
    metadata: dict[str, str]
    created_ns: int | None
    records: Iterator[Record]
    position: Callable[[], int]
    tally: Tally

    def __iter__(self) -> Iterator[Record]:
        return self.records


@contextmanager
def open_source(
    path: str | os.PathLike[str], *, form: Form | None = None, server_version: int | None = None, day: datetime.date | None = None
) -> Iterator[Source]:
    """Open a file or a folder for ``with``; the records are read as they are asked for, with memory that does not grow.

    ``form`` is what to take it for, where its content should not decide. Of a log, ``server_version`` is the one that it does not tell, and
    ``day`` the day of its first line, where its lines and its ``Log file:`` lines have none; else the file's name tells it, or the day on
    which the file was last changed, which a note says then.

    Raises CaptureError if it is nothing that can be read and, while iterating, where it is torn or corrupt, or where the server version
    is needed and unknown (``imported.VersionUnknown``); OSError.
    """
    name, wish = os.fspath(path), Wish(server_version, day)
    if Path(name).is_dir():
        yield _recordings(name, form, wish)
        return
    with Path(name).open("rb") as file:
        head = file.read(4)
        file.seek(0)
        blocks = _blocks(file)
        if head.startswith(_PACKED):
            blocks = unpacked(head, blocks, name, MAX_UNPACKED) or blocks
        told, start, blocks = _peek(blocks)
        found = form or told or Form.CAPTURE
        if found is Form.RECORDINGS:
            raise CaptureError(name, 0, "is a file; recordings of rust-ibapi are a folder")
        if found is not Form.CAPTURE:
            yield _log(name, found, blocks, file, wish)
            return
        if form is None and not _may_be_capture(start):
            raise CaptureError(name, 0, f"is neither a capture nor a log that twsprobe reads{_hint(name, start)}")
    with open_capture(name) as capture:
        header = {key: value for key, value in capture.header.items() if key not in ("format", "program", "created", "left_out")}
        created_ns = header_of(dict(capture.header))[1] if "created" in capture.header else None
        yield Source(name, Form.CAPTURE, header, created_ns, iter(capture), capture.position, Tally())


def form_of(start: bytes) -> Form | None:
    """The kind of log that begins like this, None if it is none."""
    for line in start.removeprefix(_BYTE_ORDER_MARK).split(b"\n"):
        line = line.removesuffix(b"\r")
        if import_tws_log.begins(line):
            return Form.TWS_LOG
        if import_ibapi_log.is_logged(line):
            return Form.IBAPI_LOG
        if import_async_log.is_logged(line):
            return Form.ASYNC_LOG
    return None


def _log(path: str, form: Form, blocks: Iterator[bytes], file: BinaryIO, wish: Wish) -> Source:
    tally = Tally()
    named = wish.day or date_in(Path(path).name)
    guessed = datetime.datetime.fromtimestamp(Path(path).stat().st_mtime, datetime.UTC).date()
    clock, connections = Clock(named or guessed), Connections(path, tally, wish)
    module = LOGS[form]
    first = next(blocks, b"").removeprefix(_BYTE_ORDER_MARK)
    entries = entries_in(lines_in(itertools.chain([first], blocks)), module.begins)
    records = module.records_in(entries, connections, clock)
    if named is None:
        records = _guessing(records, connections, clock, guessed)
    return Source(path, form, _metadata(path, form), None, records, file.tell, tally)


def _guessing(records: Iterator[Record], connections: Connections, clock: Clock, day: datetime.date) -> Iterator[Record]:
    """Records, with a note in front of the first if its day is a guess."""
    for number, record in enumerate(records):
        if number == 0 and not clock.dated:
            text = f"the log does not tell the day: {day} is a guess, when it was last changed; --date says it"
            yield connections.note(record.time_ns, Direction.TO_CLIENT, text)
        yield record


def _recordings(path: str, form: Form | None, wish: Wish) -> Source:
    if form not in (None, Form.RECORDINGS):
        raise CaptureError(path, 0, f"is a folder, not {TITLES[form]}")
    runs = import_recordings.runs_in(Path(path))
    if not runs:
        raise CaptureError(path, 0, "is a folder without recordings of rust-ibapi: there is no file like 0001-request.msg in it")
    tally, read = Tally(), [0]

    def advanced(size: int) -> None:
        read[0] += size

    records = import_recordings.records_in(runs, Connections(path, tally, wish), wish.day, advanced)
    return Source(path, Form.RECORDINGS, _metadata(path, Form.RECORDINGS), None, records, lambda: read[0], tally)


def _metadata(path: str, form: Form) -> dict[str, str]:
    times = "the files' own" if form is Form.RECORDINGS else "the log's own, taken as UTC"
    return {"imported_from": TITLES[form], "source": Path(path).resolve().name, "times": times}


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _peek(blocks: Iterator[bytes]) -> tuple[Form | None, bytes, Iterator[bytes]]:
    """The kind of log that a file is, if it is one, its first bytes, as many as it took to tell, and all blocks from the start."""
    start, searched = b"", 0
    found = None
    while found is None and len(start) < SEARCHED:
        try:
            block = next(blocks, b"")
        except CaptureError as fault:
            # What could be unpacked before the fault comes first.
            return form_of(start[searched:]), start, itertools.chain([start], _raising(fault))
        start += block
        if _may_be_capture(start):
            break
        end = start.rfind(b"\n") + 1 if block else len(start)
        found = form_of(start[searched:end])
        searched = end
        if not block:
            break
    return found, start, itertools.chain([start], blocks)


def _raising(fault: CaptureError) -> Iterator[bytes]:
    raise fault
    yield b""


def _may_be_capture(start: bytes) -> bool:
    """Whether a file begins as captures do; the reader of captures says what is wrong with it."""
    from twsprobe.capture import pcap

    return not start or start.startswith((b"{", b"\x0a\x0d\x0d\x0a")) or pcap.is_pcap(start[:64])


def _hint(path: str, start: bytes) -> str:
    if path.lower().endswith(".ibgzenc"):
        return ": logs of TWS are encrypted until TWS exports them (its menu has Export Today Logs)"
    return ": it looks like UTF-16 text, save it as UTF-8" if start.startswith(_UTF_16) else ""
