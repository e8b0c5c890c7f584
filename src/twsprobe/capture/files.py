"""Capture files as they are written: what is common to every format.

A record is in the file, by one unbuffered write, before ``write`` returns: it outlives the death of the process, and a reader never sees
more than one torn record, the last. Packed files too: a packer hands out, for each record, all that is needed to unpack it.
"""

from __future__ import annotations

import io
import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from twsprobe import __version__
from twsprobe.capture.members import Members, new_header
from twsprobe.capture.model import CaptureError, Record

PROGRAM = f"twsprobe {__version__}"
_INTERRUPTED = "writing was interrupted", ""


class RawFile(Protocol):
    """What bytes are written to: may take fewer than it is given."""

    def write(self, data: bytes | memoryview, /) -> int | None: ...


class Packer(Protocol):
    """Compresses a file."""

    def pack(self, data: bytes, /) -> bytes:
        """``data``, compressed, and whole once these bytes and those before are unpacked."""

    def finish(self) -> bytes:
        """What ends the file."""


def write_whole(file: RawFile, data: bytes) -> None:
    """Write all of ``data``, however few bytes ``file`` takes at a time. Raises what ``file`` raises."""
    written = file.write(data) or 0
    while written < len(data):
        written += file.write(memoryview(data)[written:]) or 0


class Writer(ABC):
    """A new capture, readable and writable by its owner only. A context manager; ``close`` brings it to the disk.

    ``metadata`` is added to the header; ``created_ns`` (nanoseconds since the epoch, default now) is kept to the microsecond. With
    ``overwrite`` a file or link of this name is replaced, never what a link points to.

    Raises CaptureError if the file exists and ``overwrite`` is false, if the header would be too long to be read, or if nothing can be
    written to the file; OSError if it cannot be made.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        metadata: Mapping[str, str] | None = None,
        program: str = PROGRAM,
        created_ns: int | None = None,
        overwrite: bool = False,
        packer: Packer | None = None,
    ) -> None:
        self.path = os.fspath(path)
        header, self._start_ns = new_header(metadata, program, time.time_ns() if created_ns is None else created_ns)
        beginning = self._beginning(header)
        self._packer = packer
        self._file = create(self.path, overwrite, "remove it first")
        self._failure: tuple[str, str] | None = None
        """What to say before and after where writing failed."""
        self.position = 0
        """The file's length in bytes, up to the end of the last whole record."""
        try:
            self._write(beginning)
        except BaseException:
            self._file.close()
            Path(self.path).unlink()
            raise

    @abstractmethod
    def _beginning(self, header: Members) -> bytes:
        """What the file begins with. Raises CaptureError if that could not be read."""

    @abstractmethod
    def _encoded(self, record: Record) -> Iterable[bytes]:
        """What is written of a record, each in one piece. Raises ValueError if the format cannot hold it."""

    def write(self, record: Record) -> None:
        """Write a record. Once this returns, the record outlives the death of this process.

        Raises CaptureError if it could not be written (the disk is full, say). The records before it stay whole and none can
        follow: a capture with a hole would look like one without. Raises ValueError for a number outside 0 to ``members.MAX_NUMBER``,
        for a gap of no bytes, and for a text of more than ``members.MAX_TEXT`` characters.
        """
        for data in self._encoded(record):
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._failure is not None:
            raise self._failed()
        # Set first: if an interrupt comes amid the record, the next must not be glued to the half that is there.
        self._failure = _INTERRUPTED
        if self._packer is not None:
            data = self._packer.pack(data)
        try:
            write_whole(self._file, data)
        except OSError as error:
            self._failure = "could not be written", f": {error.strerror}"
            raise self._failed() from error
        self.position += len(data)
        self._failure = None

    def _failed(self) -> CaptureError:
        before, after = self._failure or _INTERRUPTED
        return CaptureError(self.path, self.position, f"{before} at byte {self.position}{after}")

    def close(self) -> None:
        """Bring the file to the disk and close it; a second call does nothing. Raises CaptureError if the disk refuses."""
        if self._file.closed:
            return
        with self._file:
            try:
                if self._packer is not None and not self._failure:
                    # After a failure an end would make a torn file a corrupt one.
                    write_whole(self._file, self._packer.finish())
                os.fsync(self._file.fileno())
            except OSError as error:
                raise CaptureError(self.path, self.position, f"could not be brought to the disk: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def create(path: str, overwrite: bool, way_out: str) -> io.FileIO:
    """A new file that its owner alone can read and write; ``way_out`` says what else to do than choose another name.

    Raises CaptureError if there is a file and it is not to be overwritten, or what cannot be replaced, OSError if it cannot be made.
    """
    if overwrite and os.path.lexists(path):
        mode = Path(path).lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise CaptureError(path, 0, "is not a file that can be replaced: choose another name")
        Path(path).unlink()
    try:
        return io.FileIO(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600))
    except FileExistsError:
        raise CaptureError(path, 0, f"the file exists and is not overwritten: choose another name, or {way_out}") from None
