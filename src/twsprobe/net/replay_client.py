"""A capture as a client: what was recorded from a client is said again to a server, and its answers are compared with the recorded ones.

A request goes out once the answers that had ended before it have ended again, so that the server meets the same order. What goes out
passes the allow-list (``policy``): orders, and whatever else does more than read, are left out, and said to be.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import trio

from twsprobe.capture.model import Close, Record
from twsprobe.net.address import Address
from twsprobe.net.comparing import VOLATILE, AnswerDifference, accounts_of, compare
from twsprobe.net.connection import Connection, PeerClosed
from twsprobe.net.dial import dial, resolve
from twsprobe.net.matching import mapped
from twsprobe.net.policy import Refused
from twsprobe.net.turns import Attribution, Session, SessionReader, Turn, by_connection, names_in, session_of
from twsprobe.wire.events import Decoded, Event, Greeted, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import EncodeError
from twsprobe.wire.registry import encode

TIMEOUT = 10.0
"""Seconds that a server gets for an answer."""


class LeftOut(NamedTuple):
    """A recorded request that was not sent, and why."""

    request: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """What came of a connection that was played: ``left_out`` was not sent, and ``differences`` are not as recorded.

    ``closed`` is how the server ended the connection before everything was said, None where it did not.
    """

    connection: int
    recorded_version: int | None
    received_version: int | None
    sent: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    differences: tuple[AnswerDifference, ...]
    closed: Close | None

    @property
    def different(self) -> bool:
        """Whether anything is not as recorded."""
        return bool(self.differences) or self.closed is not None or self.recorded_version != self.received_version


class Live:
    """A recorder that reads what it is given as a session."""

    def __init__(self, connection: int) -> None:
        self.reader = SessionReader(connection, 0)

    def write(self, record: Record, /) -> None:
        """Take a record."""
        self.reader.read(record)


@dataclass
class Client:
    """Plays one session's client over an open connection."""

    session: Session
    connection: Connection
    live: Session
    timeout: float
    sent: dict[int, int] = field(default_factory=dict)
    """The turns that were repeated, and the live turns that repeat them."""
    left_out: list[LeftOut] = field(default_factory=list)
    attribution: Attribution = field(default_factory=Attribution)
    greeted: bool = False

    async def play(self) -> None:
        """Say everything, and wait for the answers. Raises PeerClosed."""
        ends = [(piece.after, piece.owned.owner) for piece in self.session.pieces if piece.owned.ends]
        for turn in self.session.turns:
            await self._until_answered([owner for after, owner in ends if after <= turn.index])
            if isinstance(turn.event, VersionOffered):
                offered = turn.event
                maximum = offered.maximum if b".." in offered.raw else None
                await self.connection.send_offer(offered.minimum, maximum, offered.connect_options)
                self._repeated(turn, offered)
                if self.session.greeting is not None:
                    with trio.move_on_after(self.timeout):
                        while not self.greeted:
                            await self._hear()
            elif turn.event is not None:
                await self._repeat(turn)
        await self._until_answered([owner for _, owner in ends])

    async def _repeat(self, turn: Turn) -> None:
        """Send a request again, if it may be sent."""
        event = turn.event
        if not isinstance(event, Decoded):
            self.left_out.append(LeftOut("a frame", "it cannot be read"))
            return
        try:
            await self.connection.send_frame(self._frame(event))
        except (Refused, EncodeError) as fault:
            self.left_out.append(LeftOut(event.name, str(fault).removeprefix("not sent: ")))
            return
        self._repeated(turn, event)

    def _frame(self, event: Decoded) -> bytes:
        """A request as this server is to get it: in its version, with the account that it has. Raises EncodeError."""
        changes = accounts_of(self.session, self.live).changes(names_in(event))
        version = self.connection.conversation.server_version or 0
        if version == event.server_version:
            return mapped(event, changes)
        fields = {name: value for name, value in event.fields.items() if name != "version"}
        return encode(event.name, Direction.TO_SERVER, version, **fields)

    def _repeated(self, turn: Turn, event: Event) -> None:
        self.sent[turn.index] = self.attribution.ask(event)

    async def _until_answered(self, turns: Sequence[int | None]) -> None:
        """Wait until answers have ended that had ended in the recording, as long as one may take each time. Raises PeerClosed."""
        wanted = {self.sent[turn] for turn in turns if turn in self.sent}
        with trio.move_on_after(self.timeout):
            while wanted & self.attribution.unanswered:
                await self._hear()

    async def _hear(self) -> None:
        _, events = await self.connection.receive()
        for event in events:
            self.attribution.say(event)
            self.greeted = self.greeted or isinstance(event, Greeted)


def ended_first(session: Session) -> bool:
    """Whether the recorded server ended the connection before the client did."""
    return any(piece.close is not None and all(turn.event for turn in session.turns[: piece.after]) for piece in session.pieces)


async def play_client(
    session: Session, connection: Connection, live: Live, timeout: float = TIMEOUT, ignored: Container[str] = VOLATILE
) -> Comparison:
    """Play a session's client over a connection whose recorder is ``live``, and close it."""
    client = Client(session, connection, live.reader.session, timeout)
    closed = None
    try:
        await client.play()
    except PeerClosed as fault:
        closed = None if ended_first(session) else fault.how
    await connection.aclose()
    heard = live.reader.done()
    sent = [session.turns[index].event for index in client.sent]
    return Comparison(
        session.connection,
        session.server_version,
        heard.server_version,
        tuple(event.name for event in sent if isinstance(event, Decoded)),
        tuple(client.left_out),
        tuple(compare(session, heard, client.sent, ignored)),
        closed,
    )


async def replay_client(
    records: Sequence[Record], host: str, port: int, *, timeout: float = TIMEOUT, ignored: Container[str] = VOLATILE
) -> list[Comparison]:
    """Play every recorded client that offered a version to a server, one after the other.

    Raises Unplayable for a connection of which bytes are missing, ``dial.Unresolved`` and ``dial.NoConnection`` where there is no server.
    """
    sessions = [session_of(connection) for connection in by_connection(records)]
    return [await to_server(session, host, port, timeout, ignored) for session in sessions if session.offer is not None]


async def to_server(session: Session, host: str, port: int, timeout: float, ignored: Container[str]) -> Comparison:
    """Connect, and play one session's client."""
    addresses: list[Address] = await resolve(host, port)
    dialed = await dial(addresses, timeout)
    live = Live(session.connection)
    connection = Connection(dialed.stream, number=session.connection, client=dialed.client, server=dialed.server, recorder=live)
    return await play_client(session, connection, live, timeout, ignored)
