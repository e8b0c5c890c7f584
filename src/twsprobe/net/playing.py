"""A recorded session played to one client: what comes is matched, and what is due is said.

What is due goes out in the recorded order, and all of it in few sends: a send for each frame would cost more than the frames. With its
times kept, an answer comes as long after its request as it did, and all else as long after the start of the session; either no sooner than
its turn (``turns``), however late that has become.
"""

from __future__ import annotations

import enum
import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import trio

from twsprobe.capture.model import Close
from twsprobe.net.matching import NO_TIES, Match, Matched, Matcher, Mismatch, Ties, mapped
from twsprobe.net.serving import close
from twsprobe.net.turns import Piece, Session
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Unknown
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.identity import Identity
from twsprobe.wire.message import EncodeError

READ_SIZE = 65536
SLICE = 65536
"""Bytes of one send, about: whole pieces up to that."""


class Pace(enum.Enum):
    """Whether the recorded times count."""

    NONE = "none"
    """Everything comes as soon as its turn."""
    EXACT = "exact"


@dataclass(frozen=True, eq=False)
class Run:
    """Pieces that follow on each other and wait for the same."""

    pieces: Sequence[Piece]

    @property
    def position(self) -> int:
        """Where in the server's stream it begins."""
        return self.pieces[0].position

    @cached_property
    def names(self) -> frozenset[tuple[Identity, Any]]:
        """The values in it that identify."""
        return frozenset((named.kind, named.value) for piece in self.pieces for named in piece.names)

    @cached_property
    def slices(self) -> list[bytes]:
        """Its recorded bytes, in as few sends as there have to be."""
        return list(sliced(piece.data for piece in self.pieces))


def sliced(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Join parts up to the size of a slice."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= SLICE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def runs_of(session: Session) -> list[Run]:
    """A session's pieces in runs."""
    found: list[Run] = []
    held: list[Piece] = []
    gate: object = None
    for piece in session.pieces:
        here = (piece.owned.owner, piece.owned.answers, None if piece.owned.answers else piece.after, piece.close)
        if held and here != gate:
            found.append(Run(held))
            held = []
        held.append(piece)
        gate = here
    return [*found, Run(held)] if held else found


@dataclass(order=True, frozen=True)
class Due:
    """A run, or the rest of it, that may be said: from when on Trio's clock, and the times to which its pieces' times are added."""

    at: float
    position: int
    run: Run
    index: int = 0
    base: float = -math.inf


class Player:
    """Plays a session that has an offer to one client."""

    def __init__(
        self, session: Session, *, match: Match = Match.STRICT, pace: Pace = Pace.NONE, speed: float = 1.0, ignored: Sequence[str] = ()
    ) -> None:
        self.session, self.pace, self.speed = session, pace, speed
        self.matcher = Matcher(session, match, frozenset(ignored))
        self.closed = False
        self._due: list[Due] = []
        self._answers: defaultdict[int, list[Run]] = defaultdict(list)
        self._others: list[Run] = []
        for run in runs_of(session):
            first = run.pieces[0]
            if first.owned.answers and first.owned.owner is not None:
                self._answers[first.owned.owner].append(run)
            else:
                self._others.append(run)
        self._others.reverse()
        self._said_all = 0
        self._conversation = Conversation()
        if session.greeting is not None:
            # What a client says before it has been greeted is read as the version that it will be greeted with.
            self._conversation.feed(Direction.TO_CLIENT, LENGTH.pack(len(session.greeting.raw)) + session.greeting.raw)

    async def run(self, stream: trio.abc.Stream, observer: Callable[[Mismatch], None]) -> None:
        """Play until the recorded end, the client's, or a mismatch, of which the observer is told.

        Raises ``trio.BrokenResourceError`` where the client broke off.
        """
        self._start = trio.current_time()
        self._release_others()
        while True:
            await self._say_due(stream)
            if self.closed:
                return
            data = await self._receive(stream)
            if data is None:
                continue
            if not data:
                if self.matcher.end() is not None:
                    self._release_others()
                    await self._say_due(stream)
                return
            for event in self._conversation.feed(Direction.TO_SERVER, data):
                found = self._take(event)
                if found is not None:
                    observer(found)
                    await self._say_due(stream)
                    await close(stream, Close.FIN)
                    return

    async def _receive(self, stream: trio.abc.Stream) -> bytes | None:
        """The client's next bytes; None where something is due first."""
        with trio.move_on_at(self._due[0].at if self._due else math.inf):
            return bytes(await stream.receive_some(READ_SIZE))
        return None

    def _take(self, event: Event) -> Mismatch | None:
        """Match something that the client said; the mismatch where it was not recorded."""
        if isinstance(event, Unknown) and event.server_version is None:
            return None  # the recorded server never answered the offer, and says nothing to what follows it
        found = self.matcher.take(event)
        if isinstance(found, Mismatch):
            return found
        for run in self._answers[found.turn]:
            self._release(run, self.session.turns[found.turn].time_ns, trio.current_time())
        if self.matcher.match is Match.STRICT:
            self._answers.pop(found.turn)
        self._release_others(found)
        return None

    def _release_others(self, latest: Matched | None = None) -> None:
        """Release what waits for all that came before it; where requests may be left out, for the latest of that."""
        matched = self.matcher.matched
        if self.matcher.match is Match.LENIENT and latest is not None:
            self._said_all = max(self._said_all, latest.turn + 1)
        while self._said_all in matched:
            self._said_all += 1
        while self._others and self._others[-1].pieces[0].after <= self._said_all:
            run = self._others.pop()
            owner = run.pieces[0].owned.owner
            if owner is None or owner in matched:
                self._release(run, self.session.start_ns, self._start)

    def _release(self, run: Run, recorded_ns: int, live: float) -> None:
        """Put a run among what is due, its times counted from a recorded moment and the live one that stands for it."""
        if self.pace is Pace.NONE:
            heapq.heappush(self._due, Due(-math.inf, run.position, run))
            return
        base = live - recorded_ns / 1e9 / self.speed
        heapq.heappush(self._due, Due(self._time(run.pieces[0], base), run.position, run, 0, base))

    def _time(self, piece: Piece, base: float) -> float:
        return base + piece.time_ns / 1e9 / self.speed

    async def _say_due(self, stream: trio.abc.Stream) -> None:
        """Say all that is due by now."""
        held: list[bytes] = []
        size = 0
        while self._due and self._due[0].at <= trio.current_time():
            due = heapq.heappop(self._due)
            how = due.run.pieces[0].close
            for part in self._parts(due):
                held.append(part)
                size += len(part)
                if size >= SLICE:
                    await stream.send_all(b"".join(held))
                    held, size = [], 0
            if how is not None:
                await send(stream, held)
                await close(stream, how)
                self.closed = True
                return
        await send(stream, held)

    def _parts(self, due: Due) -> Iterator[bytes]:
        """The bytes of a run that are due, as this client is to get them; what is not due yet is put back."""
        run, end = due.run, len(due.run.pieces)
        if self.pace is Pace.EXACT:
            now, end = trio.current_time(), due.index
            while end < len(run.pieces) and self._time(run.pieces[end], due.base) <= now:
                end += 1
            if end < len(run.pieces):
                at = self._time(run.pieces[end], due.base)
                heapq.heappush(self._due, Due(at, run.pieces[end].position, run, end, due.base))
        owner = run.pieces[0].owned.owner
        own = self.matcher.ties.get(owner, NO_TIES) if owner is not None else NO_TIES
        if (due.index, end) == (0, len(run.pieces)) and not self._changed(run, own):
            yield from run.slices
            return
        for piece in run.pieces[due.index : end]:
            changes = self.matcher.identities.changes(piece.names, own)
            yield with_changes(piece, changes)

    def _changed(self, run: Run, own: Ties) -> bool:
        """Whether any value in a run is another one for this client."""
        identities = self.matcher.identities
        return any(identities.now(kind, value, own) != value for kind, value in run.names)


def with_changes(piece: Piece, changes: dict[str, Any]) -> bytes:
    """A piece's bytes with other values at some paths."""
    if not changes or not isinstance(piece.event, Decoded):
        return piece.data
    try:
        return mapped(piece.event, changes)
    except EncodeError:
        return piece.data  # an id that the client could send and the message cannot hold


async def send(stream: trio.abc.Stream, parts: list[bytes]) -> None:
    """Send what there is, at once."""
    if parts:
        await stream.send_all(b"".join(parts))
