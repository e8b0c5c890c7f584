"""Both directions' bytes to events.

A conversation is told which way bytes went, never which side it stands on: a probe, a relay and a file reader all feed it the same.
It follows the opening of each direction, takes the server version from the server's answer, and decodes every frame after it. Bytes
may come in any split; the events of one direction do not depend on it, but for how many bytes a SyncLost has to show.

Of a conversation that was recorded, bytes may be missing. If they are known to lie inside one frame, that frame alone is lost. If not,
frames go on where two of them are found in a row (``resync``). If the server's answer is missing, the server version is the one that was
named for that case, or a guess (``guess``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from twsprobe.wire.events import Event, Greeted, Resynced, SyncLost, Undecodable, Unknown
from twsprobe.wire.framing import LENGTH, SHOWN_WHEN_LOST, Direction, Framer
from twsprobe.wire.guess import VersionGuess
from twsprobe.wire.handshake import PREFIX, VERSION, frame, is_certain, read_greeting, read_offer
from twsprobe.wire.resync import Search
from twsprobe.wire.versions import ServerVersion

if TYPE_CHECKING:
    from twsprobe.wire.registry import Head

Wanted = Callable[[Direction, int | None], bool]
"""Says by its direction and id whether a message is worth decoding; the id is None where it is unreadable."""


class Conversation:
    """One connection's two streams. ``server_version`` is None until the server has answered, and after a redirect.

    With ``wanted``, messages that it says no to are passed over once their id has been read: they are in no event. The parameter
    ``server_version`` is the version to take where the server's answer is missing; with it, a conversation may begin anywhere.
    """

    def __init__(self, wanted: Wanted | None = None, *, server_version: int | None = None) -> None:
        self._wanted = wanted
        self._named = server_version
        self.server_version: int | None = None
        self._framers = {Direction.TO_CLIENT: Framer(), Direction.TO_SERVER: Framer(len(PREFIX))}
        self._opening = bytearray()
        self._prefixed = False
        self._offered = False
        self._greeted = False
        self._lost: dict[Direction, SyncLost] = {}
        self._ended: set[Direction] = set()
        self._received = dict.fromkeys(Direction, 0)
        self._searches: dict[Direction, tuple[Search, int]] = {}
        self._holes: dict[Direction, list[tuple[int, int]]] = {direction: [] for direction in Direction}
        self._highest_offer: int | None = None
        self._guess: VersionGuess | None = None

    def received(self, direction: Direction) -> int:
        """How many bytes went in a direction, those that are missing included as far as their number is known."""
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
        if direction in self._searches:
            return self._search(direction, data, final=False)
        if direction is Direction.TO_SERVER and not self._prefixed:
            self._opening += data
            if not PREFIX.startswith(self._opening[: len(PREFIX)]):
                if self._named is not None:
                    return self._begin_anywhere(direction)
                shown = bytes(self._opening[:SHOWN_WHEN_LOST])
                return [self._lose(SyncLost(direction, "the client did not open with the API prefix", shown, 0))]
            if len(self._opening) < len(PREFIX):
                return []
            self._prefixed = True
            data = bytes(self._opening[len(PREFIX) :])
            self._opening.clear()
        return self._framed(direction, data)

    def gap(self, direction: Direction, size: int | None) -> list[Event]:
        """Bytes that went in a direction are missing here, so many, or None for an unknown number.

        Returns the event of a frame that is lost with them, if that shows already. Never raises.
        """
        if direction in self._lost or size == 0:
            return []
        before = self._received[direction]
        self._received[direction] += size or 0
        if direction in self._searches:
            self._searches[direction][0].miss()
            return []
        framed = self._framers[direction].pending
        left = LENGTH.size + LENGTH.unpack_from(framed)[0] - len(framed) if len(framed) >= LENGTH.size else 0
        if size is not None and size <= left:
            self._holes[direction].append((len(framed), size))
            return self._framed(direction, bytes(size))
        events = self._torn(direction, "its end is missing from the capture", before)
        self._searches[direction] = Search(direction, self._is_binary()), before
        self._begin_without_opening(direction)
        return events

    def end(self, direction: Direction) -> list[Event]:
        """Nothing more comes in a direction: the event of a frame, or of an opening, that never became whole. Given once."""
        if direction in self._ended:
            return []
        events: list[Event] = []
        if direction in self._searches:
            events = self._search(direction, b"", final=True)
            if direction in self._searches:
                search, offset = self._searches.pop(direction)
                reason = "no frame was found behind the missing bytes"
                lost = self._lose(SyncLost(direction, reason, search.shown, offset))
                return [lost] if search.skipped else []
        torn = self._torn(direction, "ends inside a frame", self._received[direction])
        if torn:
            self._ended.add(direction)
        return events + torn

    def _lose(self, event: SyncLost) -> SyncLost:
        self._lost[event.direction] = event
        return event

    def _torn(self, direction: Direction, reason: str, end: int) -> list[Event]:
        """The event of what has begun, and is not whole, where its direction ends or bytes are missing at an offset."""
        rest = self.pending(direction)
        if not rest:
            return []
        before = len(rest) - len(self._framers[direction].pending)
        known, _ = cut_out(rest, [(before + at, size) for at, size in self._holes[direction]])
        self._holes[direction].clear()
        return [Undecodable(direction, None, None, self.server_version, None, reason, "", 0, known, end - len(rest))]

    def _begin_anywhere(self, direction: Direction) -> list[Event]:
        """The client did not begin with its opening, and that was to be expected."""
        data = bytes(self._opening)
        self._opening.clear()
        self._received[direction] -= len(data)
        self.server_version = self._named
        return self.gap(direction, None) + self.feed(direction, data)

    def _is_binary(self) -> bool | None:
        return None if self.server_version is None else self.server_version >= ServerVersion.PROTOBUF

    def _begin_without_opening(self, direction: Direction) -> None:
        """Go on, from the next frame on, as if the opening of a direction was over."""
        self._opening.clear()
        self._framers[direction] = Framer()
        if direction is Direction.TO_SERVER:
            self._prefixed = self._offered = True
        elif not self._greeted:
            self._miss_greeting()

    def _miss_greeting(self, version: int | None = None) -> None:
        """The server's answer is missing, and with it the server version, but for what was still read of it."""
        self._greeted = True
        self.server_version = version if version is not None and version >= 0 else self._named
        if self.server_version is None:
            self._guess = VersionGuess(self._highest_offer)

    def _search(self, direction: Direction, data: bytes, *, final: bool) -> list[Event]:
        """The events of bytes in which frames have to be found first."""
        search, offset = self._searches[direction]
        place = search.feed(data, final=final)
        if place is None:
            return []
        del self._searches[direction]
        self._framers[direction] = Framer(self._received[direction] - len(place.rest))
        reason = "frames go on behind missing bytes"
        if self._guess is not None:
            self._guess.fit(direction, Framer().feed(place.rest)[0])
            self.server_version = self._guess.version
            reason += f"; server version {self.server_version} is a guess"
        return [Resynced(direction, reason, place.skipped, place.shown, offset), *self._framed(direction, place.rest)]

    def _framed(self, direction: Direction, data: bytes) -> list[Event]:
        """The events of bytes that are frames or parts of them."""
        framer = self._framers[direction]
        events: list[Event] = []
        offset = framer.offset
        holes = self._holes[direction]
        for payload in framer.feed(data):
            if holes:
                event = self._damaged(direction, payload, offset)
            else:
                if self._guess is not None and self._guess.fit(direction, payload):
                    self.server_version = self._guess.version
                    reason = f"server version {self.server_version} is a guess, by the message that follows"
                    events.append(Resynced(direction, reason, 0, b"", offset))
                event = self._event(direction, payload, offset)
            if event is not None:
                events.append(event)
            offset += LENGTH.size + len(payload)
        if framer.lost is not None:
            events.append(self._lose(SyncLost(direction, framer.lost.reason, framer.lost.data, framer.lost.offset)))
        return events

    def _damaged(self, direction: Direction, payload: bytes, offset: int) -> Event | None:
        """The event of a frame of which bytes are missing: nothing is read of it but its id."""
        holes = self._holes[direction]
        at = holes[0][0]
        raw, missing = cut_out(frame(payload), holes)
        holes.clear()
        name = encoding = None
        if direction is Direction.TO_SERVER and not self._offered:
            self._offered = True
        elif direction is Direction.TO_CLIENT and not self._greeted:
            version, whole, _ = payload[: at - LENGTH.size].partition(b"\0")
            self._miss_greeting(int(version) if whole and VERSION.fullmatch(version) else None)
        elif self.server_version is not None:
            from twsprobe.wire.registry import BY_ID, head

            id, encoding, _ = head(payload[: at - LENGTH.size], self.server_version)
            if self._wanted is not None and not self._wanted(direction, id):
                return None
            message = None if id is None else BY_ID.get((direction, id))
            name = None if message is None else message.name
        reason = f"{missing:,} of its {len(payload):,} bytes {'is' if missing == 1 else 'are'} missing from the capture"
        return Undecodable(direction, None, name, self.server_version, encoding, reason, "", at, raw, offset)

    def _event(self, direction: Direction, payload: bytes, offset: int) -> Event | None:
        if direction is Direction.TO_SERVER and not self._offered:
            self._offered = True
            offered = read_offer(payload, 0)
            if offered is not None:
                self._highest_offer = offered.maximum
                return offered
            opening = PREFIX + frame(payload)
            return Undecodable(direction, None, None, None, "text", "is no offer of versions", "", offset + LENGTH.size, opening)
        if direction is Direction.TO_CLIENT and not self._greeted:
            greeted = read_greeting(payload, offset)
            if greeted is not None and (self._named is None or is_certain(greeted)):
                return self._greet(greeted)
            if self._named is None:
                return Unknown(direction, None, None, None, "came before the server version", payload, offset)
            self._miss_greeting()
        if self.server_version is None:
            return Unknown(direction, None, None, None, "came before the server version was known", payload, offset)
        decode, head = decoding()
        if self._wanted is not None and not self._wanted(direction, head(payload, self.server_version).id):
            return None
        return decode(payload, direction, self.server_version, offset)

    def _greet(self, greeted: Greeted) -> Greeted:
        self._greeted = True
        if greeted.server_version >= 0:
            self.server_version = greeted.server_version
        return greeted


@functools.cache
def decoding() -> tuple[Callable[[bytes, Direction, int, int], Event], Callable[[bytes, int], Head]]:
    """What decodes a payload, and what reads its head: imported with the first message, for declarations take long to import."""
    from twsprobe.wire.registry import decode, head

    return decode, head


def cut_out(data: bytes, holes: list[tuple[int, int]]) -> tuple[bytes, int]:
    """Bytes without those at some places, each a position and a size, and how many these are."""
    parts, position = [], 0
    for start, size in holes:
        parts.append(data[position:start])
        position = start + size
    return b"".join((*parts, data[position:])), sum(size for _, size in holes)
