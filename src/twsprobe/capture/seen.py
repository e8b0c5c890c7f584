"""What a capture holds, decoded: the events of every connection in the order in which they were seen, and their plain facts."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from twsprobe.capture.model import CaptureError, Chunk, Closed, Opened, Record
from twsprobe.wire.conversation import Conversation, Wanted
from twsprobe.wire.events import Decoded, Event, Greeted, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Seen(NamedTuple):
    """Something that was seen on a connection: when, in nanoseconds since the epoch, and how long after the capture's first record."""

    connection: int
    time_ns: int
    elapsed_ns: int
    what: Event | Opened | Closed

    @property
    def event(self) -> str:
        """Its kind, as the JSON output names it."""
        if isinstance(self.what, (Opened, Closed)):
            return "opened" if isinstance(self.what, Opened) else "closed"
        return self.what.event

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


def seen_in(records: Iterable[Record], wanted: Wanted | None = None) -> Iterator[Seen]:
    """Everything in a capture, in its order, but for messages that ``wanted`` passes over. Raises what ``records`` raises, at the end."""
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
                    conversation = conversations[record.connection] = Conversation(wanted)
                for event in conversation.feed(record.direction, record.data):
                    yield Seen(record.connection, last_ns, last_ns - first_ns, event)
                continue
            if isinstance(record, Closed) and conversation is not None:
                for event in conversation.end(record.direction):
                    yield Seen(record.connection, last_ns, last_ns - first_ns, event)
            yield Seen(record.connection, last_ns, last_ns - first_ns, record)
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
    # The raw bytes of a whole frame lack the length word; those of an opening or of half a frame are all there is.
    framed = isinstance(event, (Decoded, Unknown, Greeted)) or (isinstance(event, Undecodable) and event.id is not None)
    return len(event.raw) + (LENGTH.size if framed else 0)


def fields_of(what: Event | Opened | Closed) -> dict[str, Any]:
    """The named values of what was seen; empty where it has none."""
    if isinstance(what, Decoded):
        return what.fields
    if isinstance(what, VersionOffered):
        return {"minimum": what.minimum, "maximum": what.maximum, "connectOptions": what.connect_options}
    if isinstance(what, Greeted):
        return {"serverVersion": what.server_version, "time": what.time, "zone": what.zone, "redirect": what.redirect or None}
    if isinstance(what, Opened):
        return {"client": what.client, "server": what.server}
    return {"how": what.how.value} if isinstance(what, Closed) else {}


def iso_time(time_ns: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 in UTC, to the microsecond; beyond the year 9999 the number itself."""
    try:
        stamp = EPOCH + datetime.timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return str(time_ns)
    return stamp.isoformat(timespec="microseconds").replace("+00:00", "Z")
