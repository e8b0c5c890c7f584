r"""Captures as JSON Lines, the form that tests commit: it can be read, edited and compared as text.

A file is printable ASCII. Each line is one flat JSON object of texts and whole numbers and ends with a line feed. First the header::

    {"format": "twsprobe.capture/1", "program": "twsprobe 0.1.0", "created": "2024-05-01T12:00:00.000000Z", "target": "127.0.0.1:7497"}

``format`` and ``created`` (UTC) must be there; every value is text, and further keys say what the writer wanted to say.
Then a line for each record, in the order in which things were seen::

    {"t": 812000, "c": 0, "event": "opened", "client": "127.0.0.1:51234", "server": "127.0.0.1:7497"}
    {"t": 1290000, "c": 0, "to": "server", "data": "API\u0000\u0000\u0000\u0000\tv100..226"}
    {"t": 9123000, "c": 0, "event": "closed", "to": "client", "how": "fin"}

``t``     nanoseconds since ``created``; negative if the clock was set back. Relative times, because two recordings of the same
          conversation then differ in few digits, and because nanoseconds since 1970 are more than a JSON number can carry exactly.
``c``     the connection's number in this capture, from 0.
``to``    the side that receives, "server" or "client". On a closed line it is the direction that ended: "client" if the server closed.
``data``  the bytes as Latin-1 text: byte 0xE9 is U+00E9, and all but printable ASCII is escaped, so any byte survives.
``how``   "fin", "rst" or "abandoned"; "refused", "timeout", "unreachable" or "unresolved" if the connection was never made.

Reading has to bear any file. A general JSON parser can be made to recurse, to overflow and to make gigabytes from megabytes, so
each line is first held against the flat shape above, and only then parsed. A line that a crash cut short has no line feed: it and
nothing else is lost. Keys that this version doesn't know are refused, for a misspelt key in a hand-made file must not pass in silence.
"""

import io
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from twsprobe import __version__
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Opened, Record
from twsprobe.wire.framing import Direction

FORMAT = "twsprobe.capture/1"
MAX_HEADER = 64 << 10
"""Longest first line that is read, in bytes."""
MAX_LINE = 16 << 20
"""Longest line that is read, in bytes."""
MAX_CHUNK = 1 << 20
"""A chunk of more bytes is written as several: six characters a byte at worst, so their lines stay well below ``MAX_LINE``."""
MAX_NUMBER = (1 << 63) - 1
"""Largest connection number, and largest time in nanoseconds since the epoch."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)

# Possessive throughout, so that time and memory stay linear in a hostile line.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_MEMBER = rb"\s*+" + _TEXT + rb"\s*+:\s*+(?:" + _TEXT + rb"|-?[0-9]{1,19}+)\s*+"
_FLAT_OBJECT = re.compile(rb"\s*+\{" + _MEMBER + rb"(?:," + _MEMBER + rb"){0,63}+\}\s*+")

_DIRECTIONS = {"server": Direction.TO_SERVER, "client": Direction.TO_CLIENT}
_RECEIVERS = {direction: receiver for receiver, direction in _DIRECTIONS.items()}
_CLOSES = {close.value: close for close in Close}

Members = dict[str, str | int]
Line = tuple[int, int, bytes]
"""A line's number from 1, the offset of its first byte, its bytes without the line feed."""
Choice = TypeVar("Choice")


class RawFile(Protocol):
    """What a line is written to: may take fewer bytes than it is given."""

    def write(self, data: bytes | memoryview, /) -> int | None: ...


def write_whole(file: RawFile, line: bytes) -> None:
    """Write all of ``line``, however few bytes ``file`` takes at a time. Raises what ``file`` raises."""
    rest = memoryview(line)
    while rest:
        rest = rest[file.write(rest) or 0 :]


class Writer:
    """A new JSON Lines capture, readable and writable by its owner only. A context manager; ``close`` brings it to the disk.

    ``metadata`` is added to the header; ``created_ns`` (nanoseconds since the epoch, default now) is the zero of the times, kept
    to the microsecond. With ``overwrite`` a file or link of this name is replaced, never what a link points to.

    Raises CaptureError if the file exists and ``overwrite`` is false, if the header would be too long to be read, or if nothing can be
    written to the file; OSError if it cannot be made.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        metadata: Mapping[str, str] | None = None,
        program: str = f"twsprobe {__version__}",
        created_ns: int | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = os.fspath(path)
        created = (time.time_ns() if created_ns is None else created_ns) // 1000
        self._start_ns = created * 1000
        text = (_EPOCH + created * _MICROSECOND).isoformat(timespec="microseconds").replace("+00:00", "Z")
        header = {"format": FORMAT, "program": program, "created": text}
        if metadata and not header.keys().isdisjoint(metadata):
            raise ValueError(f"metadata may not set {', '.join(header)}")
        line = _line({key: _encodable(value) for key, value in {**header, **(metadata or {})}.items()})
        read([line], self.path)  # what is written can be read
        self._file = _create(self.path, overwrite)
        self._failure = ""
        self.position = 0
        """The file's length in bytes, up to the end of the last whole line."""
        try:
            self._write(line)
        except BaseException:
            self._file.close()
            Path(self.path).unlink()
            raise

    def write(self, record: Record) -> None:
        """Write a record. Once this returns, the record outlives the death of this process.

        Raises CaptureError if it could not be written (the disk is full, say). The records before it stay whole and none can
        follow: a capture with a hole would look like one without. Raises ValueError for a number outside 0 to ``MAX_NUMBER``.
        """
        if not (0 <= record.time_ns <= MAX_NUMBER and 0 <= record.connection <= MAX_NUMBER):
            raise ValueError(f"out of range: {record.connection=} {record.time_ns=}")
        members: Members = {"t": record.time_ns - self._start_ns, "c": record.connection}
        match record:
            case Chunk():
                members["to"] = _RECEIVERS[record.direction]
                for start in range(0, len(record.data) or 1, MAX_CHUNK):
                    members["data"] = record.data[start : start + MAX_CHUNK].decode("latin-1")
                    self._write(_line(members))
            case Opened():
                addresses = {"client": _encodable(record.client), "server": _encodable(record.server)}
                self._write(_line(members | {"event": "opened"} | addresses))
            case Closed():
                self._write(_line(members | {"event": "closed", "to": _RECEIVERS[record.direction], "how": record.how.value}))

    def _write(self, line: bytes) -> None:
        if self._failure:
            raise CaptureError(self.path, self.position, self._failure)
        # Set first: if an interrupt comes amid the line, the next line must not be glued to the half that is there.
        self._failure = f"writing was interrupted at byte {self.position}"
        try:
            write_whole(self._file, line)
        except OSError as error:
            self._failure = f"could not be written at byte {self.position}: {error.strerror}"
            raise CaptureError(self.path, self.position, self._failure) from error
        self.position += len(line)
        self._failure = ""

    def close(self) -> None:
        """Bring the file to the disk and close it; a second call does nothing. Raises CaptureError if the disk refuses."""
        if self._file.closed:
            return
        with self._file:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise CaptureError(self.path, self.position, f"could not be brought to the disk: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def _create(path: str, overwrite: bool) -> io.FileIO:
    if overwrite and os.path.lexists(path):
        mode = Path(path).lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise CaptureError(path, 0, "is not a file that can be replaced: choose another name")
        Path(path).unlink()
    try:
        return io.FileIO(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600))
    except FileExistsError:
        raise CaptureError(path, 0, "the file exists and is not overwritten: choose another name, or remove it first") from None


def _encodable(text: str) -> str:
    # An argument or a host name that was not UTF-8 arrives with lone surrogates, which no reader of JSON has to accept.
    return text.encode("utf-8", "backslashreplace").decode()


def _line(members: Mapping[str, str | int]) -> bytes:
    return json.dumps(members).encode("ascii") + b"\n"


def read(blocks: Iterable[bytes], path: str) -> tuple[dict[str, str], Iterator[Record]]:
    """Read a capture from the blocks of its bytes, split anywhere: the header, and the records as they are asked for.

    Raises CaptureError, here if the header is bad and else from the iterator, after the records that came before the fault:
    ``torn at byte N`` if only the last line is incomplete, or the line's number and position and what is wrong with it.
    """
    lines = _lines(blocks, path)
    line = next(lines, (1, 0, b""))[2]
    try:
        header, start_ns = _header(_members(line))
    except ValueError as error:
        raise CaptureError(path, 0, f"is not a capture that twsprobe reads: its first line {error}") from None
    return header, _records(lines, start_ns, path)


def _lines(blocks: Iterable[bytes], path: str) -> Iterator[Line]:
    number, position, limit = 1, 0, MAX_HEADER
    buffer = bytearray()
    for block in blocks:
        start, searched = 0, len(buffer)
        buffer += block
        while True:
            end = buffer.find(b"\n", max(start, searched))
            if (len(buffer) if end < 0 else end) - start > limit:
                raise CaptureError(path, position, f"line {number} at byte {position} is longer than {limit} bytes")
            if end < 0:
                break
            yield number, position, bytes(memoryview(buffer)[start:end])
            number, position, limit = number + 1, position + end + 1 - start, MAX_LINE
            start = end + 1
        del buffer[:start]
    if buffer:
        raise CaptureError(path, position, f"torn at byte {position}: the last line is incomplete")


def _records(lines: Iterator[Line], start_ns: int, path: str) -> Iterator[Record]:
    for number, position, line in lines:
        try:
            members = _members(line)
        except ValueError as error:
            if _at_end(lines):
                reason = f"torn at byte {position}: the last line is incomplete (it {error})"
            else:
                reason = f"line {number} at byte {position} {error}"
            raise CaptureError(path, position, reason) from None
        try:
            record = _record(members, start_ns)
        except ValueError as error:
            raise CaptureError(path, position, f"line {number} at byte {position} {error}") from None
        yield record


def _at_end(lines: Iterator[Line]) -> bool:
    try:
        return next(lines, None) is None
    except CaptureError:
        return False


def _members(line: bytes) -> Members:
    """The keys and values of a line. Raises ValueError that says what the line is instead."""
    if not line.isascii():
        raise ValueError("has a byte that is not ASCII")
    if not _FLAT_OBJECT.fullmatch(line):
        raise ValueError("is not a flat JSON object of texts and whole numbers")
    try:
        pairs: list[tuple[str, str | int]] = json.loads(line, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON at its byte {error.pos}: {error.msg}") from None
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("has a key twice")
    return members


def _header(members: Members) -> tuple[dict[str, str], int]:
    """The header, and the nanoseconds since the epoch that its times count from."""
    if not str(members.get("format", "")).startswith("twsprobe.capture/"):
        raise ValueError(f'has no "format": "{FORMAT}"')
    if members["format"] != FORMAT:
        raise ValueError(f"has a format other than {FORMAT}: a newer twsprobe may read it")
    header = {key: _text(members, key) for key in members}
    if any(not _is_encodable(key) for key in header):
        raise ValueError("has a key with half a surrogate pair")
    text = _text(members, "created")
    if not _CREATED.fullmatch(text):
        raise ValueError('has a "created" that is not like 2024-05-01T12:00:00.000000Z')
    try:
        created = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('has a "created" that is no time') from None
    return header, (created - _EPOCH) // _MICROSECOND * 1000


def _record(members: Members, start_ns: int) -> Record:
    """The record that a line holds. Raises ValueError that says what is wrong with it."""
    time_ns = _number(members, "t") + start_ns
    connection = _number(members, "c")
    if not 0 <= time_ns <= MAX_NUMBER:
        raise ValueError("is at a time before 1970 or after 2262")
    if not 0 <= connection <= MAX_NUMBER:
        raise ValueError('has a "c" that is out of range')
    record: Record
    if "data" in members:
        expected = 4
        try:
            data = _text(members, "data").encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError('has a character above U+00FF in "data"') from None
        record = Chunk(connection, _choice(members, "to", _DIRECTIONS), time_ns, data)
    elif members.get("event") == "opened":
        expected = 5
        record = Opened(connection, time_ns, _text(members, "client"), _text(members, "server"))
    elif members.get("event") == "closed":
        expected = 5
        record = Closed(connection, time_ns, _choice(members, "to", _DIRECTIONS), _choice(members, "how", _CLOSES))
    else:
        raise ValueError('has no "data", and no "event" that is "opened" or "closed"')
    if len(members) != expected:
        raise ValueError("has a key that does not belong there")
    return record


def _number(members: Members, key: str) -> int:
    value = members.get(key)
    if not isinstance(value, int):
        raise ValueError(f'has no whole number "{key}"')
    return value


def _text(members: Members, key: str) -> str:
    value = members.get(key)
    if not isinstance(value, str):
        raise ValueError(f"has no text {key[:40]!a}")
    if not _is_encodable(value):
        raise ValueError(f"has half a surrogate pair in {key[:40]!a}")
    return value


def _choice(members: Members, key: str, choices: Mapping[str, Choice]) -> Choice:
    choice = choices.get(_text(members, key))
    if choice is None:
        raise ValueError(f'has a "{key}" that is none of {", ".join(choices)}')
    return choice


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
