"""A capture as a server: what was recorded from a server is said again, to a client that does what the recorded one did.

Each recorded connection is played to one client, in the order in which they were opened. What arrives is matched with what was recorded,
message by message (``matching``), and answered with the recorded answers under the ids that the client uses (``turns``, ``playing``). A
client that says something else is told nothing more: its connection ends with a FIN, and what was unexpected is kept as a ``Mismatch``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import trio

from twsprobe.capture.model import Close, Record
from twsprobe.net.address import Address
from twsprobe.net.connection import Recorder
from twsprobe.net.fault_forms import Fault
from twsprobe.net.matching import Match, Mismatch
from twsprobe.net.playing import Pace, Player
from twsprobe.net.recording import Tell
from twsprobe.net.replay_bytes import play_bytes
from twsprobe.net.serving import LOOPBACK, close, listening
from twsprobe.net.simulator import served
from twsprobe.net.turns import Session, Turn, Unplayable, by_connection, session_of

__all__ = ["Match", "Mismatch", "Pace", "Replay", "ReplayMismatch", "Unplayable", "replay_server"]


class ReplayMismatch(AssertionError):
    """A client did something that was not recorded; the text says what, and how it differs from what was."""

    def __init__(self, mismatch: Mismatch) -> None:
        super().__init__(str(mismatch))
        self.mismatch = mismatch


class Replay:
    """Plays the connections of a capture, one for each ``serve``.

    A connection that never opened cannot be played and is passed over. Clients beyond the recorded ones are closed on at once.

    ``match`` is how much of a request has to be as recorded, ``ignored`` names fields that may be anything (``endDateTime``, or
    ``reqHistoricalData.endDateTime``). With ``pace`` EXACT the recorded times count, ``speed`` times as fast. ``observer`` is told of
    each mismatch when it happens. Raises Unplayable for a connection of which bytes are missing, ValueError for a speed that is none.
    """

    def __init__(
        self,
        records: Iterable[Record],
        *,
        match: Match | str = Match.STRICT,
        pace: Pace | str = Pace.NONE,
        speed: float = 1.0,
        ignored: Sequence[str] = (),
        observer: Callable[[Mismatch], None] | None = None,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"a speed is above 0, not {speed}")
        self._match, self._pace, self._speed, self._ignored = Match(match), Pace(pace), speed, tuple(ignored)
        self._left = [(connection, session_of(connection)) for connection in by_connection(records)]
        self._observer = observer
        self._playing = 0
        self.connections = len(self._left)
        self.mismatches: list[Mismatch] = []
        self.missing: list[tuple[int, Turn]] = []
        """What recorded clients said and the clients that have left did not: the number of the recorded connection, and the turn."""
        self.played = trio.Event()
        """Set when every recorded connection was played to its end."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Play the next recorded connection to one client, and close the stream."""
        try:
            if not self._left:
                await close(stream, Close.FIN)
                return
            records, session = self._left.pop(0)
            self._playing += 1
            try:
                await (play_bytes(records, stream) if session.offer is None else self._play(session, stream))
            finally:
                self._playing -= 1
                if not self._left and not self._playing:
                    self.played.set()
        except trio.BrokenResourceError:
            pass  # the client left before its time
        finally:
            await trio.aclose_forcefully(stream)

    async def _play(self, session: Session, stream: trio.abc.Stream) -> None:
        player = Player(session, match=self._match, pace=self._pace, speed=self._speed, ignored=self._ignored)
        try:
            await player.run(stream, self._note)
        finally:
            self.missing += [(session.connection, turn) for turn in player.matcher.missing]

    def _note(self, mismatch: Mismatch) -> None:
        self.mismatches.append(mismatch)
        if self._observer is not None:
            self._observer(mismatch)

    def check(self) -> None:
        """Raise ReplayMismatch for the first mismatch, if there was one."""
        if self.mismatches:
            raise ReplayMismatch(self.mismatches[0])


@asynccontextmanager
async def replay_server(
    replay: Replay | Iterable[Record],
    *,
    host: str = LOOPBACK,
    port: int = 0,
    faults: Sequence[Fault | str] = (),
    note: Tell | None = None,
    recorder: Recorder | None = None,
) -> AsyncIterator[Address]:
    """A capture that listens while the block runs; gives its address. It listens on loopback unless ``host`` says otherwise.

    ``faults`` are injected, and ``note`` is told of each; ``recorder`` takes what passes. Raises OSError where the address cannot be
    listened on, FaultError for a text that is no fault, and what ``Replay`` raises for records that are not one yet.
    """
    if not isinstance(replay, Replay):
        replay = Replay(replay)
    async with listening(served(replay.serve, tuple(faults), note, recorder), host, port) as address:
        yield address
