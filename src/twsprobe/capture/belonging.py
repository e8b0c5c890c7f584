"""Which request each message of a connection belongs to, as long as the connection is read.

A message of the server belongs to the request, or the order, whose number it carries, and otherwise to the session. Clients count requests
and orders apart, so both may have the same number; an error says only the number, and is taken to be about whichever came last.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

from twsprobe.capture.differences import Place
from twsprobe.capture.model import Mark
from twsprobe.wire.events import Decoded, Event, Undecodable
from twsprobe.wire.framing import Direction
from twsprobe.wire.identity import Identity, identity_fields
from twsprobe.wire.registry import BY_NAME

MOST_REQUESTS = 8192
"""Requests of one connection that are remembered; what still comes for older ones belongs to the session."""
NO_REQUEST = -1
_ABOUT = ("cancel", "unsubscribe", "updateDisplayGroup")
"""How messages begin that are about an earlier request."""

Number = tuple[Identity, int]
"""Whether it is a request or an order, and its number."""


class Payload(NamedTuple):
    """A message as it stood on the wire, which takes less memory than its fields, and the server version."""

    raw: bytes
    server_version: int


Kept = Payload | Event | Mark
"""What was seen."""


class Item:
    """Something seen that awaits its counterpart.

    ``sequence`` counts what was seen in its capture, ``digest`` stands for what it says, ``kind`` for what it may be a changed form
    of. A request opens a ``stream`` for its answers; another message of the client may be ``about`` an earlier request.
    """

    __slots__ = ("about", "digest", "direction", "kept", "kind", "name", "place", "sequence", "stream")

    def __init__(
        self,
        name: str,
        direction: Direction | None,
        kept: Kept,
        sequence: int,
        place: Place,
        digest: int,
        kind: int,
        stream: Stream | None = None,
        about: Stream | None = None,
    ) -> None:
        self.name, self.direction, self.kept, self.sequence = name, direction, kept, sequence
        self.place, self.digest, self.kind = place, digest, kind
        self.stream, self.about = stream, about

    @property
    def size(self) -> int:
        """The bytes that are kept of it."""
        return 0 if isinstance(self.kept, Mark) else len(self.kept.raw)


class Stream:
    """What belongs together, in its order: what a client says, what a server says to one request, or to none.

    ``peer`` is the stream of the other capture that it is held against, ``alone`` says that there is none, and ``uncompared`` that this
    is so because the other capture is torn. ``name``, ``number`` and ``digest`` are those of the request.
    """

    __slots__ = ("alone", "digest", "items", "name", "number", "opened", "peer", "uncompared")

    def __init__(self, name: str = "", number: int | None = None, digest: int = 0, opened: int = 0) -> None:
        self.name, self.number, self.digest, self.opened = name, number, digest, opened
        self.items: list[Item] = []
        self.peer: Stream | None = None
        self.alone = self.uncompared = False


class Half:
    """One connection in one capture: what the client says, what the server says to no request, and the requests by number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.version: int | None = None
        self.said, self.told = Stream(), Stream()
        self.streams: dict[Stream, None] = {}
        """Requests whose answers have no counterpart yet, the oldest first."""
        self._by_number: dict[Number, Stream] = {}

    def asked(self, message: Decoded) -> Stream | None:
        """The request that a message of the client is about, if it has opened one."""
        number = number_of(message)
        return None if number is None else self._by_number.get(number)

    def open(self, message: Decoded, digest: int, sequence: int) -> Stream | None:
        """A new request of the client, in place of an older one with its number; None where the message is none."""
        number = number_of(message)
        if number is None or message.name.startswith(_ABOUT):
            return None
        stream = Stream(message.name, number[1], digest, sequence)
        self._by_number.pop(number, None)
        self._by_number[number] = stream
        if len(self._by_number) > MOST_REQUESTS:
            del self._by_number[next(iter(self._by_number))]
        return stream

    def answered(self, message: Decoded) -> Stream:
        """The request that a message of the server belongs to; the session's stream for none."""
        found = [self._by_number[number] for number in numbers_in(message) if number in self._by_number]
        return max(found, key=lambda stream: stream.opened) if found else self.told


def number_of(message: Decoded) -> Number | None:
    """The number of a request, in whichever field a client's message has it."""
    return next(iter(numbers_in(message)), None)


def numbers_in(message: Decoded) -> list[Number]:
    """The numbers of the request, or the order, that a message may be or belong to: that of a request alone, where it has one."""
    found: list[Number] = []
    for parts, kind in numbered(message.direction, message.name):
        value = reach(message.fields, parts)
        if isinstance(value, int) and value != NO_REQUEST:
            kinds = (Identity.REQUEST_ID, Identity.ORDER_ID) if kind is Identity.EITHER_ID else (kind,)
            found += [(each, value) for each in kinds]
            if kind is Identity.REQUEST_ID:
                break
    return found


@functools.cache
def numbered(direction: Direction, name: str) -> tuple[tuple[tuple[str, ...], Identity], ...]:
    """The fields of a message in which numbers of requests and orders stand, those of requests first."""
    if name == "nextValidId":
        return ()  # of no order yet
    found = [
        (tuple(path.split(".")), kind)
        for path, kind in identity_fields(BY_NAME[direction, name]).items()
        if kind in (Identity.REQUEST_ID, Identity.EITHER_ID) or (kind is Identity.ORDER_ID and path.rpartition(".")[2] == "orderId")
    ]
    return tuple(sorted(found, key=lambda each: (each[1] is Identity.ORDER_ID, len(each[0]))))


def reach(fields: Any, parts: Iterable[str]) -> Any:
    """The value inside nested records; None where there is none."""
    for part in parts:
        if not isinstance(fields, dict):
            return None
        fields = fields.get(part)
    return fields


def name_of(what: Event | Mark) -> str:
    """What something seen is called: a message by its name, all else by its kind."""
    if isinstance(what, (Decoded, Undecodable)):
        return what.name or what.event
    return type(what).__name__.lower() if isinstance(what, Mark) else what.event
