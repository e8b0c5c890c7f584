"""The files of ``probe -o PREFIX``: PREFIX.json, PREFIX.pcapng and PREFIX.html, redacted unless told otherwise.

They are made, empty, before anything is probed: what cannot be written is known then, not after a minute of probing. Records are kept in
memory until the end, because a secret can stand in a message before the one that says what it is, and because nothing that is not
redacted is to reach the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twsprobe.capture.model import CaptureError, Chunk, Note, Record
from twsprobe.cli.exits import IOFailed

if TYPE_CHECKING:
    from twsprobe.net.connection import Recorder
    from twsprobe.probing.report import ProbeReport

SUFFIXES = (".html", ".json", ".pcapng")
MOST_BYTES = 64 << 20
"""Bytes of a conversation that are kept for a report."""


class Kept:
    """Keeps the records of one target. Behind MOST_BYTES no bytes are kept."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.further: Recorder | None = None
        self._size = 0

    def before(self, further: Recorder | None) -> Kept:
        """The same, passing every record on to ``further``, if there is one."""
        self.further = further
        return self

    def write(self, record: Record, /) -> None:
        """Keep a record. Raises what ``further`` raises."""
        if self.further is not None:
            self.further.write(record)
        if isinstance(record, Chunk):
            was, self._size = self._size, self._size + len(record.data)
            if self._size > MOST_BYTES:
                if was <= MOST_BYTES:
                    text = f"what follows is not in this report, which keeps {MOST_BYTES >> 20} MiB"
                    self.records.append(Note(record.connection, record.direction, record.time_ns, text))
                return
        self.records.append(record)


class Files:
    """The files of one target's report."""

    def __init__(self, prefix: str) -> None:
        self.html, self.json, self.capture = (prefix + suffix for suffix in SUFFIXES)

    @property
    def all(self) -> tuple[str, str, str]:
        """Their paths."""
        return self.html, self.json, self.capture


def prefixes(prefix: str, count: int) -> list[str]:
    """The prefix of each of ``count`` reports: itself for one, numbered from 1 for more. A suffix that we add anyway is not doubled."""
    plain = next((prefix.removesuffix(suffix) for suffix in SUFFIXES if prefix.endswith(suffix) and prefix != suffix), prefix)
    return [plain] if count == 1 else [f"{plain}-{number}" for number in range(1, count + 1)]


@contextlib.contextmanager
def reserved(prefix: str, count: int) -> Iterator[list[Files]]:
    """The files of ``count`` reports, as ``new_files`` makes them."""
    found = [Files(each) for each in prefixes(prefix, count)]
    with new_files([path for files in found for path in files.all]):
        yield found


@contextlib.contextmanager
def new_files(paths: Sequence[str]) -> Iterator[None]:
    """New files, empty, and readable by their owner alone; gone again if what is done with them fails.

    Raises IOFailed where one exists or cannot be made.
    """
    made: list[str] = []
    try:
        for path in paths:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            made.append(path)
        yield
    except BaseException as fault:
        for each in made:
            Path(each).unlink(missing_ok=True)
        if isinstance(fault, FileExistsError):
            raise IOFailed(f"{fault.filename}: the file exists and is not overwritten: choose another prefix, or remove it first") from None
        if isinstance(fault, CaptureError):
            raise IOFailed(str(fault)) from None
        if isinstance(fault, OSError) and fault.filename in paths:
            raise IOFailed(f"{fault.filename}: {fault.strerror}") from None
        raise


def reported(
    work: Callable[[Sequence[Kept]], list[ProbeReport]], prefix: str, count: int, *, redact: bool, quiet: bool
) -> list[ProbeReport]:
    """Probe ``count`` targets, as ``work`` does when it gets something to keep the records of each in, and write their reports.

    Raises IOFailed, and what ``work`` raises; then there are no files.
    """
    from twsprobe.views.safe import safe

    with reserved(prefix, count) as files:
        kept = [Kept() for _ in files]
        reports = work(kept)
        for each, report, records in zip(files, reports, kept, strict=True):
            write_report(each, report, records.records, redact=redact)
    for each in () if quiet else files:
        click.echo(f"report in {safe(each.html)}, with {safe(Path(each.json).name)} and {safe(Path(each.capture).name)}")
    return reports


def write_report(files: Files, report: ProbeReport, records: Sequence[Record], *, redact: bool) -> None:
    """Fill the files. Raises CaptureError and OSError."""
    from twsprobe.capture.seen import iso_time, seen_in
    from twsprobe.probing.environment import environment
    from twsprobe.views.html import page

    now = time.time_ns()
    found = report.to_dict() | {"capture": Path(files.capture).name}
    metadata = {}
    if redact:
        from twsprobe.capture.redactor import Redactor
        from twsprobe.probing.sharing import shared

        redactor = Redactor()
        found, records = shared(found, records, redactor)
        metadata = {"redacted": "yes", "redacted_kinds": " ".join(sorted(kind.value for kind in redactor.kinds))}
    write_capture(files.capture, records, {"target": found["target"]} | metadata)
    put(files.json, json.dumps(found, indent=2) + "\n")
    shown = page(
        found,
        seen_in(records),
        environment=environment(),
        made=iso_time(now)[:19].replace("T", " ") + " UTC",
        redacted=redact,
        files=[Path(path).name for path in (files.json, files.capture)],
    )
    put(files.html, shown)


def write_capture(path: str, records: Sequence[Record], metadata: dict[str, str]) -> None:
    """Put the records in the place of the empty file. Raises CaptureError, OSError."""
    from twsprobe.capture.writing import open_writer

    with open_writer(path, metadata=metadata, created_ns=records[0].time_ns if records else None, overwrite=True) as writer:
        for record in records:
            writer.write(record)


def put(path: str, text: str) -> None:
    """Fill an empty file of ours, with LF line ends. Raises OSError, which names the file."""
    try:
        with Path(path).open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as fault:
        fault.filename = path
        raise
