r"""Captures as JSON Lines, the form that tests commit: it can be read, edited and compared as text.

A file is printable ASCII. Each line is one flat JSON object of texts and whole numbers and ends with a line feed. First the header::

    {"format": "twsprobe.capture/1", "program": "twsprobe 0.1.0", "created": "2024-05-01T12:00:00.000000Z", "target": "127.0.0.1:7497"}

``format`` and ``created`` (UTC) must be there; every value is text, and further keys say what the writer wanted to say.
Then a line for each record, in the order in which things were seen::

    {"t": 812000, "c": 0, "event": "opened", "client": "127.0.0.1:51234", "server": "127.0.0.1:7497"}
    {"t": 1290000, "c": 0, "to": "server", "data": "API\u0000\u0000\u0000\u0000\tv100..226"}
    {"t": 9123000, "c": 0, "event": "closed", "to": "client", "how": "fin"}

and, where bytes are missing, or where the recorder has something to say of the next bytes of a direction::

    {"t": 2000000, "c": 0, "event": "gap", "to": "client", "size": 1460}
    {"t": 2000000, "c": 0, "event": "note", "to": "client", "text": "fault: this frame was delayed by 2 s"}

``t``     nanoseconds since ``created``; negative if the clock was set back. Relative times, because two recordings of the same
          conversation then differ in few digits, and because nanoseconds since 1970 are more than a JSON number can carry exactly.
``c``     the connection's number in this capture, from 0.
``to``    the side that receives, "server" or "client". On a closed line it is the direction that ended: "client" if the server closed.
``data``  the bytes as Latin-1 text: byte 0xE9 is U+00E9, and all but printable ASCII is escaped, so any byte survives.
``how``   "fin", "rst" or "abandoned"; "refused", "timeout", "unreachable" or "unresolved" if the connection was never made.
``size``  the number of bytes that are missing, at least 1; absent where it is unknown, as of what came before the capture began.

A line that a crash cut short has no line feed: it and nothing else is lost. Objects are read as ``capture.members`` says.
"""

import json
from collections.abc import Iterable, Iterator

from twsprobe.capture import files
from twsprobe.capture.members import MAX_CHUNK, MAX_HEADER, Members, header_of, members_in, members_of, record_of, shown
from twsprobe.capture.model import CaptureError, Chunk, Record

MAX_LINE = 16 << 20
"""Longest line that is read, in bytes."""

Line = tuple[int, int, bytes]
"""A line's number from 1, the offset of its first byte, its bytes without the line feed."""


class Writer(files.Writer):
    """A new JSON Lines capture; the times of its lines count from ``created_ns``."""

    def _beginning(self, header: Members) -> bytes:
        line = shown(header) + b"\n"
        read([line], self.path)  # what is written can be read
        return line

    def _encoded(self, record: Record) -> Iterator[bytes]:
        time, members = record.time_ns - self._start_ns, members_of(record)
        if not isinstance(record, Chunk):
            yield shown({"t": time, **members}) + b"\n"
            return
        # As ``shown`` says it. But traffic waits for this, and for a short text alone JSON takes a quarter of the time.
        before = f'{{"t": {time}, "c": {record.connection}, "to": "{members["to"]}", "data": '
        for start in range(0, len(record.data) or 1, MAX_CHUNK):
            text = record.data[start : start + MAX_CHUNK].decode("latin-1")
            yield f"{before}{json.dumps(text)}}}\n".encode("ascii")


def read(blocks: Iterable[bytes], path: str) -> tuple[dict[str, str], Iterator[Record]]:
    """Read a capture from the blocks of its bytes, split anywhere: the header, and the records as they are asked for.

    Raises CaptureError, here if the header is bad and else from the iterator, after the records that came before the fault:
    ``torn at byte N`` if only the last line is incomplete, or the line's number and position and what is wrong with it.
    """
    lines = _lines(blocks, path)
    line = next(lines, (1, 0, b""))[2]
    try:
        header, start_ns = header_of(members_in(line))
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
            members = members_in(line)
        except ValueError as error:
            if _at_end(lines):
                reason = f"torn at byte {position}: the last line is incomplete (it {error})"
            else:
                reason = f"line {number} at byte {position} {error}"
            raise CaptureError(path, position, reason) from None
        try:
            record = record_of(members, start_ns)
        except ValueError as error:
            raise CaptureError(path, position, f"line {number} at byte {position} {error}") from None
        yield record


def _at_end(lines: Iterator[Line]) -> bool:
    try:
        return next(lines, None) is None
    except CaptureError:
        return False
