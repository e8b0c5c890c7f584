"""What a capture holds, decoded: the events of every connection in the order in which they were seen, and their plain facts."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from twsprobe.capture.model import CaptureError, Chunk, Closed, Gap, Mark, Note, Opened, Record
from twsprobe.wire.conversation import Conversation, Wanted
from twsprobe.wire.events import Decoded, Event, Greeted, Resynced, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Seen(NamedTuple):
    """Something that was seen on a connection: when, in nanoseconds since the epoch, and how long after the capture's first record."""

    connection: int
    time_ns: int
    elapsed_ns: int
    what: Event | Mark

    @property
    def event(self) -> str:
        """Its kind, as the JSON output names it."""
        return type(self.what).__name__.lower() if isinstance(self.what, Mark) else self.what.event

    @property
    def direction(self) -> Direction | None:
        """Which way it went; for the end of a direction, that direction."""
        return None if isinstance(self.what, Opened) else self.what.direction

    @property
    def id(self) -> int | None:
        """The id of the message, where it is one and that could be read."""
        return self.what.id if isinstance(self.what, (Decoded, Undecodable, Unknown)) else None

    @property
    def name(self) -> str | None:
        """The name of the message; its kind for what is none. None for half a frame."""
        return self.what.name if isinstance(self.what, (Decoded, Undecodable)) else self.event


def seen_in(records: Iterable[Record], wanted: Wanted | None = None, *, server_version: int | None = None) -> Iterator[Seen]:
    """Everything in a capture, in its order, but for messages that ``wanted`` passes over. Raises what ``records`` raises, at the end.

    ``server_version`` is the one to take for a connection whose greeting is not in the capture; without it that is guessed.
    """
    conversations: dict[int, Conversation] = {}
    first_ns: int | None = None
    last_ns = 0
    fault: CaptureError | None = None
    try:
        for record in records:
            last_ns = record.time_ns
            first_ns = last_ns if first_ns is None else first_ns
            conversation = conversations.get(record.connection)
            if isinstance(record, Chunk):
                if conversation is None:
                    conversation = conversations[record.connection] = Conversation(wanted, server_version=server_version)
                for event in conversation.feed(record.direction, record.data):
                    yield Seen(record.connection, last_ns, last_ns - first_ns, event)
                continue
            if isinstance(record, Closed) and conversation is not None:
                for event in conversation.end(record.direction):
                    yield Seen(record.connection, last_ns, last_ns - first_ns, event)
            yield Seen(record.connection, last_ns, last_ns - first_ns, record)
            if isinstance(record, Gap):
                if conversation is None:
                    conversation = conversations[record.connection] = Conversation(wanted, server_version=server_version)
                for event in conversation.gap(record.direction, record.size):
                    yield Seen(record.connection, last_ns, last_ns - first_ns, event)
    except CaptureError as torn:
        # What had begun is shown before the fault is named.
        fault = torn
    for connection, conversation in conversations.items():
        for direction in Direction:
            for event in conversation.end(direction):
                yield Seen(connection, last_ns, last_ns - (first_ns or 0), event)
    if fault is not None:
        raise fault


def size_of(event: Event) -> int:
    """The bytes of an event in the stream, the length word included."""
    if isinstance(event, Resynced):
        return event.skipped
    # The raw bytes of a whole frame lack the length word; those of an opening or of half a frame are all there is.
    framed = isinstance(event, (Decoded, Unknown, Greeted)) or (isinstance(event, Undecodable) and event.id is not None)
    return len(event.raw) + (LENGTH.size if framed else 0)


def fields_of(what: Event | Mark) -> dict[str, Any]:
    """The named values of what was seen; empty where it has none."""
    if isinstance(what, Decoded):
        return what.fields
    if isinstance(what, VersionOffered):
        return {"minimum": what.minimum, "maximum": what.maximum, "connectOptions": what.connect_options}
    if isinstance(what, Greeted):
        return {"serverVersion": what.server_version, "time": what.time, "zone": what.zone, "redirect": what.redirect or None}
    if isinstance(what, Opened):
        return {"client": what.client, "server": what.server}
    if isinstance(what, Closed):
        return {"how": what.how.value}
    if isinstance(what, Gap):
        return {"size": what.size}
    return {"text": what.text} if isinstance(what, Note) else {}


def iso_time(time_ns: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 in UTC, to the microsecond; beyond the year 9999 the number itself."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    try:
        return f"{iso_second(seconds)}.{rest // 1000:06d}Z"
    except OverflowError:
        return str(time_ns)


@functools.lru_cache(64)
def iso_second(seconds: int) -> str:
    """Seconds since the epoch as ISO 8601, without the time zone. Raises OverflowError. Many events have the same."""
    return (EPOCH + datetime.timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
