"""Redacts a capture: the same records at the same times, in chunks of the same sizes, with pseudonyms for the secrets in them.

A capture is read twice. The first reading learns the secrets, for one may stand in a message that came before the message that says what
it is, and finds the bytes that are in doubt: those that are in no message whose fields we know. Nobody can say that they hold no secret, so
a capture with any is refused, or they are dropped, and a note stands in their place. The second reading writes. Frames are cut and
joined by chunks as they come, so a chunk waits until the last frame that touches it is whole.

What cannot be dropped alone takes more with it: without the opening of the client, nothing behind it reads as frames.
"""

from __future__ import annotations

import bisect
import contextlib
import datetime
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from twsprobe.capture.model import CaptureError, Chunk, Closed, Gap, Note, Record
from twsprobe.capture.reading import Capture, open_capture
from twsprobe.capture.redactor import CannotPromise, Redactor
from twsprobe.capture.seen import EPOCH
from twsprobe.capture.writing import open_writer
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Greeted, Resynced, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.registry import head

Stream = tuple[int, Direction]
"""A connection, and one of its directions."""


class Doubt(NamedTuple):
    """Bytes of a direction that may hold a secret: where they begin and end in its stream, and what they are, in words."""

    connection: int
    direction: Direction
    start: int
    end: int
    size: int
    """How many of them are there: in between, some may be missing from the capture."""
    what: str

    def __str__(self) -> str:
        size, receiver = self.size, "server" if self.direction is Direction.TO_SERVER else "client"
        where = f"to the {receiver} on connection {self.connection}, from byte {self.start:,} on"
        return f"{size:,} byte{'s' if size != 1 else ''} {where}: {self.what}"


def start_of(doubt: Doubt) -> int:
    """Where it begins."""
    return doubt.start


class Streams:
    """The conversations of a capture, fed record by record."""

    def __init__(self) -> None:
        self._conversations: dict[int, Conversation] = {}
        self.received: dict[Stream, int] = {}
        """How many bytes of each direction came, those that are missing included as far as their number is known."""
        self.missing: dict[Stream, list[tuple[int, int]]] = {}
        """Where bytes are missing, and how many, 0 for an unknown number."""

    def take(self, record: Record) -> list[Event]:
        """The events that a record completes."""
        if isinstance(record, Closed):
            return self._conversation(record).end(record.direction)
        if not isinstance(record, Chunk | Gap):
            return []
        stream = record.connection, record.direction
        before = self.received.setdefault(stream, 0)
        if isinstance(record, Gap):
            self.received[stream] += record.size or 0
            self.missing.setdefault(stream, []).append((before, record.size or 0))
            return self._conversation(record).gap(record.direction, record.size)
        self.received[stream] += len(record.data)
        return self._conversation(record).feed(record.direction, record.data)

    def _conversation(self, record: Record) -> Conversation:
        conversation = self._conversations.get(record.connection)
        if conversation is None:
            conversation = self._conversations[record.connection] = Conversation()
        return conversation

    def after_missing(self, stream: Stream, place: int) -> int:
        """A place, or the end of the bytes that are missing there."""
        for at, size in self.missing.get(stream, ()):
            if at <= place < at + size:
                place = at + size
        return place

    def held(self, stream: Stream, start: int, end: int) -> int:
        """How many of the bytes between two places are there."""
        gaps = ((at, at + size) for at, size in self.missing.get(stream, ()))
        return end - start - sum(max(min(end, behind) - max(start, at), 0) for at, behind in gaps)

    def finish(self) -> Iterator[tuple[Stream, list[Event]]]:
        """The events that the end of the capture completes."""
        for stream in self.received:
            yield stream, self._conversations[stream[0]].end(stream[1])


class Survey:
    """The first reading of a capture: what is in doubt; the secrets are in the redactor afterwards."""

    def __init__(self, redactor: Redactor) -> None:
        self.doubts: list[Doubt] = []
        self._redactor = redactor
        self._streams = Streams()
        self._explained: dict[Stream, int] = {}
        self._words: dict[Stream, str] = {}

    def read(self, records: Iterable[Record]) -> None:
        """Learn from the records. Raises what ``records`` raises; what came before counts."""
        try:
            for record in records:
                self._redactor.learn_record(record)
                for event in self._streams.take(record):
                    self._see((record.connection, event.direction), event)
        finally:
            for stream, events in self._streams.finish():
                for event in events:
                    self._see(stream, event)
                self._doubt(stream, self._streams.received[stream])
            self._widen()

    def _see(self, stream: Stream, event: Event) -> None:
        if not is_plain(event):
            if not (isinstance(event, Resynced) and not event.skipped):
                self._words.setdefault(stream, words(event))
            return
        if isinstance(event, Decoded):
            self._redactor.learn_fields(event)
        elif isinstance(event, Greeted):
            self._redactor.learn_greeting(event)
        elif isinstance(event, VersionOffered):
            self._redactor.learn(event.connect_options)
        start, end = extent(event)
        self._doubt(stream, start)
        self._explained[stream] = end

    def _doubt(self, stream: Stream, end: int) -> None:
        """What is not explained up to here never will be."""
        start = self._streams.after_missing(stream, self._explained.get(stream, 0))
        size = self._streams.held(stream, start, end)
        if size > 0:
            self.doubts.append(Doubt(*stream, start, end, size, self._words.pop(stream, "bytes that are no frame")))

    def _widen(self) -> None:
        """Without the client's opening, nothing behind it reads as frames, so all of it has to go."""
        for stream, received in self._streams.received.items():
            doubt = next((doubt for doubt in self.doubts if doubt[:3] == (*stream, 0)), None)
            began_late = (0, 0) in self._streams.missing.get(stream, ())
            if doubt is not None and doubt.direction is Direction.TO_SERVER and not began_late:
                self.doubts = [other for other in self.doubts if other[:2] != stream]
                self.doubts.append(doubt._replace(end=received, size=self._streams.held(stream, 0, received)))


def is_plain(event: Event) -> bool:
    """Whether every byte of an event is understood. A frame that is an id and nothing else holds no secret, whatever its id."""
    if isinstance(event, Unknown):
        return event.server_version is not None and len(event.raw) == head(event.raw, event.server_version).start > 0
    return isinstance(event, Decoded | Greeted | VersionOffered)


def words(event: Event) -> str:
    """What is in doubt about an event, without a word that it holds."""
    if isinstance(event, SyncLost):
        return "what is no longer frames"
    if isinstance(event, Resynced):
        return "what was passed over until frames went on"
    if isinstance(event, Undecodable):
        return f"{event.name} that does not decode" if event.name is not None else event.reason
    return (
        f"a message {event.id} that is not declared" if isinstance(event, Unknown) and event.id is not None else "a frame without meaning"
    )


def extent(event: Event) -> tuple[int, int]:
    """Where an event begins and ends in the stream of its direction."""
    size = len(event.raw) + (0 if isinstance(event, VersionOffered) else LENGTH.size)
    return event.offset, event.offset + size


class Waiting:
    """A record whose bytes are not all settled; ``start`` is where those of a chunk begin in their stream."""

    def __init__(self, record: Record, start: int) -> None:
        self.record, self.start = record, start
        self.data = bytearray(record.data) if isinstance(record, Chunk) else bytearray()


class Rewriting:
    """The second reading: records in, redacted records out, in their order."""

    def __init__(self, redactor: Redactor, doubts: Iterable[Doubt]) -> None:
        self._redactor = redactor
        self._doubts: dict[Stream, list[Doubt]] = {}
        for doubt in sorted(doubts, key=start_of):
            self._doubts.setdefault((doubt.connection, doubt.direction), []).append(doubt)
        self._streams = Streams()
        self._settled: dict[Stream, int] = {}
        self._queue: deque[Waiting] = deque()
        self._open: dict[Stream, deque[Waiting]] = {}

    def take(self, record: Record) -> Iterator[Record]:
        """Take a record; give those that are settled now. Raises CannotPromise."""
        if isinstance(record, Chunk):
            stream = record.connection, record.direction
            waiting = Waiting(record, self._streams.received.get(stream, 0))
            self._queue.append(waiting)
            self._open.setdefault(stream, deque()).append(waiting)
            self._settle(stream, self._settled.get(stream, 0))
        else:
            self._queue.append(Waiting(self._redactor.record(record), 0))
        for event in self._streams.take(record):
            self._rewrite((record.connection, event.direction), event)
        if isinstance(record, Gap):
            self._settle((record.connection, record.direction), self._settled.get((record.connection, record.direction), 0))
        return self._give()

    def _rewrite(self, stream: Stream, event: Event) -> None:
        """Put the pseudonyms of an event where it stands, unless it is dropped."""
        start, end = extent(event)
        if not is_plain(event) or self._dropped(stream, start, start + 1):
            return
        if isinstance(event, Decoded | Greeted | VersionOffered):
            self._write(stream, end - len(event.raw), event.raw, self._redactor.payload(event))
        self._settle(stream, end)

    def _settle(self, stream: Stream, end: int) -> None:
        """All up to here is as it will be, and so is what is dropped from here on."""
        end = self._streams.after_missing(stream, end)
        while dropped := self._dropped(stream, end, end + 1):
            end = self._streams.after_missing(stream, dropped[0].end)
        self._settled[stream] = end
        waiting = self._open.setdefault(stream, deque())
        while waiting and waiting[0].start + len(waiting[0].data) <= end:
            waiting.popleft()

    def _write(self, stream: Stream, start: int, before: bytes, after: bytes) -> None:
        """Put changed bytes into the chunks that they came in."""
        if before == after:
            return
        for waiting in self._open[stream]:
            low, high = max(start, waiting.start), min(start + len(after), waiting.start + len(waiting.data))
            if low < high:
                waiting.data[low - waiting.start : high - waiting.start] = after[low - start : high - start]

    def _give(self) -> Iterator[Record]:
        while self._queue:
            record = self._queue[0].record
            if isinstance(record, Chunk):
                stream = record.connection, record.direction
                if self._queue[0].start + len(self._queue[0].data) > self._settled.get(stream, 0):
                    return
                yield from self._cut(record, self._queue[0])
            else:
                yield record
            self._queue.popleft()

    def _cut(self, record: Chunk, waiting: Waiting) -> Iterator[Record]:
        """A chunk without what is dropped, behind a note of each part that is dropped from it on."""
        kept = waiting.data
        dropped = self._dropped((record.connection, record.direction), waiting.start, waiting.start + len(waiting.data))
        for doubt in reversed(dropped):
            kept = kept[: max(doubt.start - waiting.start, 0)] + kept[doubt.end - waiting.start :]
        for doubt in dropped:
            if doubt.start >= waiting.start:
                text = f"redacted: {doubt.size} bytes were dropped here: {doubt.what}"
                yield Note(record.connection, record.direction, record.time_ns, text)
        if kept or not waiting.data:
            yield record._replace(data=bytes(kept))

    def _dropped(self, stream: Stream, start: int, end: int) -> list[Doubt]:
        """The parts of a stretch of a stream that are dropped, in order."""
        doubts = self._doubts.get(stream)
        if doubts is None:
            return []
        first = max(bisect.bisect_right(doubts, start, key=start_of) - 1, 0)
        return [doubt for doubt in doubts[first : bisect.bisect_left(doubts, end, key=start_of)] if doubt.end > start]

    def finish(self) -> Iterator[Record]:
        """The records that are left. Raises CannotPromise where their bytes are not settled, as in a file that was written to meanwhile."""
        for stream, events in self._streams.finish():
            for event in events:
                self._rewrite(stream, event)
        yield from self._give()
        if self._queue:
            raise CannotPromise("the capture changed while it was read")


def redacted(records: Iterable[Record], redactor: Redactor, doubts: Iterable[Doubt] = ()) -> Iterator[Record]:
    """The records of a capture with pseudonyms in them, without the bytes in doubt; ``Survey`` has read the same records before.

    Raises CannotPromise, and what ``records`` raises, behind the records that came before.
    """
    rewriting = Rewriting(redactor, doubts)
    fault: CaptureError | None = None
    try:
        for record in records:
            yield from rewriting.take(record)
    except CaptureError as torn:
        fault = torn
    yield from rewriting.finish()
    if fault is not None:
        raise fault


def redact(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    redactor: Redactor,
    *,
    drop: bool = False,
    overwrite: bool = False,
    followed: Callable[[Capture], Iterable[Record]] = iter,
) -> list[Doubt]:
    """Write a redacted copy of a capture, in the format that its name says, and return what was dropped from it.

    ``drop``: what may hold a secret and cannot be made safe is dropped. ``followed`` is asked for each reading's records. Of a torn
    capture all that stands before the tear is written.

    Raises CannotPromise without ``drop``, with each Doubt in ``doubts``, or where the copy would not decode as before; CaptureError if
    ``source`` is torn or none, or ``target`` cannot be written (``path`` says which); OSError. Without a whole copy no ``target`` is left.
    """
    survey = Survey(redactor)
    with open_capture(source) as capture:
        metadata = redactor.header(capture.header)
        created_ns = created(capture.header)
        with contextlib.suppress(CaptureError):  # the second reading comes to it again
            survey.read(followed(capture))
    if survey.doubts and not drop:
        raise CannotPromise("parts of the capture may hold a secret", survey.doubts)
    metadata |= {"redacted": "yes", "redacted_kinds": " ".join(sorted(kind.value for kind in redactor.kinds))}
    with open_capture(source) as capture:
        writer = open_writer(target, metadata=metadata, created_ns=created_ns, overwrite=overwrite)
        try:
            with writer:
                for record in redacted(followed(capture), redactor, survey.doubts):
                    writer.write(record)
        except BaseException as fault:
            if not (isinstance(fault, CaptureError) and fault.path == capture.path):
                Path(target).unlink(missing_ok=True)
            raise
    return survey.doubts


def created(header: Mapping[str, str]) -> int | None:
    """When a capture says it began, in nanoseconds since the epoch; None where it does not."""
    try:
        moment = datetime.datetime.fromisoformat(header.get("created", ""))
        return (moment - EPOCH) // datetime.timedelta(microseconds=1) * 1000
    except (ValueError, TypeError, OverflowError):
        return None
