"""Both directions' bytes to events.

A conversation is told which way bytes went, never which side it stands on: a probe, a relay and a file reader all feed it the same.
It follows the opening of each direction, takes the server version from the server's answer, and decodes every frame after it. Bytes
may come in any split; the events of one direction do not depend on it, but for how many bytes a SyncLost has to show.
"""

from __future__ import annotations

from collections.abc import Callable

from twsprobe.wire.events import Event, Greeted, SyncLost, Undecodable, Unknown
from twsprobe.wire.framing import LENGTH, SHOWN_WHEN_LOST, Direction, Framer
from twsprobe.wire.handshake import PREFIX, frame, read_greeting, read_offer

Wanted = Callable[[Direction, int | None], bool]
"""Says by its direction and id whether a message is worth decoding; the id is None where it is unreadable."""


class Conversation:
    """One connection's two streams. ``server_version`` is None until the server has answered, and after a redirect.

    With ``wanted``, messages that it says no to are passed over once their id has been read: they are in no event.
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        self._wanted = wanted
        self.server_version: int | None = None
        self._framers = {Direction.TO_CLIENT: Framer(), Direction.TO_SERVER: Framer(len(PREFIX))}
        self._opening = bytearray()
        self._prefixed = False
        self._offered = False
        self._greeted = False
        self._lost: dict[Direction, SyncLost] = {}
        self._ended: set[Direction] = set()
        self._received = dict.fromkeys(Direction, 0)

    def received(self, direction: Direction) -> int:
        """How many bytes went in a direction."""
        return self._received[direction]

    def pending(self, direction: Direction) -> bytes:
        """The bytes of a direction that are in no event yet: a frame, or the opening, that has begun and is not whole."""
        framed = self._framers[direction].pending
        if direction is Direction.TO_CLIENT or self._offered or direction in self._lost:
            return framed
        return PREFIX + framed if self._prefixed else bytes(self._opening)

    def feed(self, direction: Direction, data: bytes) -> list[Event]:
        """Take bytes that went in a direction and return the events that they complete. Never raises."""
        self._received[direction] += len(data)
        if direction in self._lost:
            return []
        if direction is Direction.TO_SERVER and not self._prefixed:
            self._opening += data
            if not PREFIX.startswith(self._opening[: len(PREFIX)]):
                shown = bytes(self._opening[:SHOWN_WHEN_LOST])
                return [self._lose(SyncLost(direction, "the client did not open with the API prefix", shown, 0))]
            if len(self._opening) < len(PREFIX):
                return []
            self._prefixed = True
            data = bytes(self._opening[len(PREFIX) :])
            self._opening.clear()
        framer = self._framers[direction]
        events: list[Event] = []
        offset = framer.offset
        for payload in framer.feed(data):
            event = self._event(direction, payload, offset)
            if event is not None:
                events.append(event)
            offset += LENGTH.size + len(payload)
        if framer.lost is not None:
            events.append(self._lose(SyncLost(direction, framer.lost.reason, framer.lost.data, framer.lost.offset)))
        return events

    def end(self, direction: Direction) -> list[Event]:
        """Nothing more comes in a direction: the event of a frame, or of an opening, that never became whole. Given once."""
        rest = self.pending(direction)
        if not rest or direction in self._ended:
            return []
        self._ended.add(direction)
        whole = self._received[direction] - len(rest)
        return [Undecodable(direction, None, None, self.server_version, None, "ends inside a frame", "", 0, rest, whole)]

    def _lose(self, event: SyncLost) -> SyncLost:
        self._lost[event.direction] = event
        return event

    def _event(self, direction: Direction, payload: bytes, offset: int) -> Event | None:
        if direction is Direction.TO_SERVER and not self._offered:
            self._offered = True
            offered = read_offer(payload, 0)
            if offered is not None:
                return offered
            opening = PREFIX + frame(payload)
            return Undecodable(direction, None, None, None, "text", "is no offer of versions", "", offset + LENGTH.size, opening)
        if direction is Direction.TO_CLIENT and not self._greeted:
            greeted = read_greeting(payload, offset)
            if greeted is None:
                return Unknown(direction, None, None, None, "came before the server version", payload, offset)
            return self._greet(greeted)
        if self.server_version is None:
            return Unknown(direction, None, None, None, "came before the server version was known", payload, offset)
        from twsprobe.wire.registry import decode, head

        if self._wanted is not None and not self._wanted(direction, head(payload, self.server_version).id):
            return None
        return decode(payload, direction, self.server_version)._replace(offset=offset)

    def _greet(self, greeted: Greeted) -> Greeted:
        self._greeted = True
        if greeted.server_version >= 0:
            self.server_version = greeted.server_version
        return greeted
