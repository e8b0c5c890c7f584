"""Faults as steps: what to do with the bytes of two directions instead of passing them on. No I/O, no clock.

The injector takes bytes as they come and follows them as any observer does. What no fault names passes as it came, in the pieces in which
it came. A message that a fault may name is held until it is whole, for only then is that certain; one whose id says that no fault is
about it is not held, and neither is what follows the protocol no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twsprobe.capture.seen import Seen, size_of
from twsprobe.net.effects import UNKNOWN, Applied, End, Send, Stall, Step, Wait, because, counted, cut, in_hex, kind_of, performed
from twsprobe.net.fault_forms import GREETING, OFFER, Fault, Rate, Reorder
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Event, SyncLost
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.registry import BY_ID, head

PIECES_A_SECOND = 10
"""Into how many pieces a limited rate cuts what takes a second."""
LONGEST_ID = 10
"""Bytes in which an id has come whole, or is none: nine digits and a NUL, or four bytes."""


class Steps:
    """Steps of one direction, as they come about."""

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.found: list[Step] = []
        self._is_run = False

    def act(self, step: Step) -> None:
        """Take a step on account of a fault."""
        self.found.append(step)
        self._is_run = False

    def pass_on(self, data: bytes) -> None:
        """Pass on what no fault is about, together with what came before it."""
        if not data:
            return
        earlier = self.found[-1] if self._is_run else None
        if isinstance(earlier, Send):
            self.found[-1] = Send(self.direction, earlier.data + data)
        else:
            self.found.append(Send(self.direction, data))
        self._is_run = True


class Aim:
    """A fault of one connection, and how many of its messages have come."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.target = fault, fault.target
        self.count = 0

    def may_hit(self, direction: Direction, kind: str | None, id: int | None) -> bool:
        """Whether a message can be named of which only its kind and its id are known. A ``kind`` of None can be any."""
        target = self.target
        if target.ordinal is not None and self.count >= target.ordinal:
            return False
        if target.direction not in (None, direction) or (kind is not None and target.name not in (None, kind)):
            return False
        return kind in (None, GREETING, OFFER) or target.where is None or target.where.can_want(direction, id) is not False

    def hits(self, event: Event, connection: int) -> bool:
        """Whether a message is named; counts it where it is the next of its kind."""
        target = self.target
        if target.direction not in (None, event.direction) or target.name not in (None, kind_of(event)):
            return False
        if target.where is not None and not target.where.wants(Seen(connection, 0, 0, event)):
            return False
        self.count += 1
        return target.ordinal in (None, self.count)


class Side:
    """One direction: what is held of it, and how much of its stream has been dealt with."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.offset = 0
        self.messages = 0
        self.lost = False
        """Whether it follows the protocol no more."""
        self.begun = False
        """Whether the beginning of the message that is coming has been passed on."""
        self.waiting: list[tuple[int, list[Step]]] = []
        """What is to be sent once so many messages have come."""
        self.stalled = ""
        """The fault that stalled it."""
        self.ended = False
        self.limited = False

    def take(self, size: int) -> bytes:
        """The next bytes that are held."""
        data = bytes(self.held[:size])
        del self.held[:size]
        self.offset += size
        return data

    def take_all(self) -> bytes:
        """All bytes that are held."""
        return self.take(len(self.held))


class Injector:
    """Applies faults to one connection, the ``connection``-th. Never raises, whatever the bytes."""

    def __init__(self, faults: Iterable[Fault], connection: int = 1) -> None:
        mine = [fault for fault in faults if fault.target.connection in (None, connection)]
        self._connection = connection
        self._aims = [Aim(fault) for fault in mine if not isinstance(fault, Rate)]
        self._rates = [fault for fault in mine if isinstance(fault, Rate)]
        self._conversation = Conversation()
        self._sides = {direction: Side() for direction in Direction}

    def is_stalled(self, direction: Direction) -> bool:
        """Whether nothing more passes in a direction."""
        return bool(self._sides[direction].stalled)

    def feed(self, direction: Direction, data: bytes) -> list[Step]:
        """Take bytes that came in a direction; what to do instead of passing them on. Nothing, once a fault has ended it."""
        side = self._sides[direction]
        steps = Steps(direction)
        if side.ended:
            return []
        side.held += data
        if not side.stalled:
            self._follow(side, direction, data, steps)
        if side.ended:
            lost = side.take_all()
            if lost:
                steps.found.insert(-1, Applied(direction, f"lost {counted(len(lost))} behind that, {in_hex(lost)}"))
        elif side.stalled:
            lost = side.take_all()
            if lost:
                steps.act(Applied(direction, f"kept back {counted(len(lost))} (fault: {side.stalled}), {in_hex(lost)}"))
        elif side.lost or not self._may_hit(side, direction):
            side.begun = side.begun or bool(side.held)
            steps.pass_on(side.take_all())
        return self._at_rate(side, direction, steps.found)

    def end(self, direction: Direction) -> list[Step]:
        """Nothing more comes in a direction: pass on what is held of it."""
        side = self._sides[direction]
        steps = Steps(direction)
        if not side.stalled and not side.ended:
            waiting, side.waiting = side.waiting, []
            for _, due in sorted(waiting, key=when):
                self._go(side, due, steps)
            steps.pass_on(side.take_all())
        return self._at_rate(side, direction, steps.found)

    def _follow(self, side: Side, direction: Direction, data: bytes, steps: Steps) -> None:
        """Deal with the messages that bytes complete."""
        for event in self._conversation.feed(direction, data):
            if isinstance(event, SyncLost):
                side.lost = True
                return
            whole = side.take(event.offset + size_of(event) - side.offset)
            side.begun = False
            self._message(side, event, whole, steps)
            if side.stalled or side.ended:
                return

    def _message(self, side: Side, event: Event, whole: bytes, steps: Steps) -> None:
        """Deal with one message."""
        side.messages += 1
        faults = [aim.fault for aim in self._aims if aim.hits(event, self._connection)]
        moved = next((fault for fault in faults if isinstance(fault, Reorder)), None)
        if not faults:
            steps.pass_on(whole)
        elif moved is None:
            self._go(side, performed(faults, event, whole), steps)
        else:
            more = "1 message" if moved.messages == 1 else f"{moved.messages} messages"
            steps.act(Applied(event.direction, f"held {kind_of(event)} back until behind {more}{because(moved)}, {in_hex(whole)}"))
            back = Applied(event.direction, f"sent {kind_of(event)}, which was held back{because(moved)}")
            side.waiting.append((side.messages + moved.messages, [back, *performed(faults, event, whole)]))
        due = sorted((each for each in side.waiting if each[0] <= side.messages), key=when)
        side.waiting = [each for each in side.waiting if each[0] > side.messages]
        for _, late in due:
            self._go(side, late, steps)

    def _go(self, side: Side, due: Sequence[Step], steps: Steps) -> None:
        """Take steps until one ends all that is behind it."""
        for step in due:
            if side.stalled or side.ended:
                return
            steps.act(step)
            if isinstance(step, Stall):
                side.stalled = step.fault
            if isinstance(step, End):
                side.ended = True

    def _may_hit(self, side: Side, direction: Direction) -> bool:
        """Whether a fault may name the message that has begun to come."""
        if side.begun or not side.held:
            return False
        kind, id = self._begun(side, direction)
        return any(aim.may_hit(direction, kind, id) for aim in self._aims)

    def _begun(self, side: Side, direction: Direction) -> tuple[str | None, int | None]:
        """The kind and the id of the message that has begun to come; a kind of None where too little of it has."""
        version = self._conversation.server_version
        if direction is Direction.TO_SERVER and side.messages == 0:
            return OFFER, None
        if version is None:
            return (GREETING if direction is Direction.TO_CLIENT else UNKNOWN), None
        payload = bytes(side.held[LENGTH.size : LENGTH.size + LONGEST_ID])
        id = head(payload, version).id
        if id is None:
            return (None if len(payload) < LONGEST_ID else UNKNOWN), None
        message = BY_ID.get((direction, id))
        return (message.name if message is not None else UNKNOWN), id

    def _at_rate(self, side: Side, direction: Direction, steps: list[Step]) -> list[Step]:
        """Steps in which what is sent takes its time, as over a slow line: each piece arrives when all of it would have."""
        rates = [rate for rate in self._rates if rate.target.direction in (None, direction)]
        if not rates:
            return steps
        slowest = min(rates, key=lambda rate: rate.bytes_per_second)
        size = max(1, slowest.bytes_per_second // PIECES_A_SECOND)
        found: list[Step] = []
        for step in steps:
            if not isinstance(step, Send):
                found.append(step)
                continue
            if not side.limited:
                side.limited = True
                found.append(Applied(direction, f"sent no faster than {slowest.bytes_per_second} bytes/s from here on{because(slowest)}"))
            for piece in cut(step.data, size):
                found += [Wait(direction, len(piece) / slowest.bytes_per_second), Send(direction, piece)]
        return found


def when(waiting: tuple[int, list[Step]]) -> int:
    """After how many messages something is due."""
    return waiting[0]
