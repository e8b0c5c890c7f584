"""A recorded connection as turns: what its client said, and of all that the server said, which of it that was an answer to.

A message with the id of a request, or of an order, belongs to the latest thing that the client said under that id. One without an id
belongs to the oldest request that such a message answers and whose answer has not ended (``wire.exchanges``). The rest is unsolicited.

When the server may say a piece again follows from that. A piece of an answer, up to its end, waits for its request alone, so requests may
come in another order than they did. All else (what is unsolicited, what a subscription or an order goes on to bring, the close) may have
any cause, so it waits for everything that the client had said before it: a client that does the same again will say all of that without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from twsprobe.capture.model import Chunk, Close, Closed, Gap, Opened, Record
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Greeted, SyncLost, VersionOffered
from twsprobe.wire.exchanges import ANSWERS, ends_at
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.identity import Identity, flattened, identity_fields, pattern_of
from twsprobe.wire.registry import BY_ID


class Unplayable(ValueError):
    """A recorded connection that cannot be played, and why."""


class Owned(NamedTuple):
    """Whose answer a message of the server is: the client's turn, by its index, or None.

    ``answers``: it is part of the answer up to its end; ``ends``: it is that end.
    """

    owner: int | None
    answers: bool = False
    ends: bool = False


NOBODY = Owned(None)


class Attribution:
    """Tells whose answer each message of a server is, as a connection goes on."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._open: set[int] = set()
        self._anonymous: list[int] = []
        self._requests: dict[int, int] = {}
        self._orders: dict[int, int] = {}
        self._executions: dict[str, Owned] = {}
        self._client_id: int | None = None
        self._offer: int | None = None

    def ask(self, event: Event | None) -> int:
        """Take the client's next turn; gives its index. None is the end of its side."""
        index = len(self._names)
        self._names.append(event.name if isinstance(event, Decoded) else "")
        if isinstance(event, VersionOffered):
            self._offer = index
        if not isinstance(event, Decoded):
            return index
        if event.name == "startApi":
            self._client_id = event.fields.get("clientId") or 0
        for path, kind in identity_fields(BY_ID[event.direction, event.id]).items():
            value = event.fields.get(path)
            if value is not None and kind is Identity.REQUEST_ID:
                self._requests[value] = index
            elif value is not None and kind is Identity.ORDER_ID and path == "orderId":
                self._orders[value] = index
        answer = ANSWERS.get(event.name)
        if answer is not None and not (event.name == "reqAccountUpdates" and not event.fields.get("subscribe")):
            self._open.add(index)
            if answer.parts:
                self._anonymous.append(index)
        return index

    def say(self, event: Event) -> Owned:
        """Take the server's next message; gives whose it is."""
        if isinstance(event, Greeted) and self._offer is not None:
            return Owned(self._offer, answers=True, ends=True)
        if not isinstance(event, Decoded):
            return NOBODY
        owner = self._owner(event)
        if event.name == "commissionAndFeesReport":
            return self._executions.get(event.fields.get("execId") or "", NOBODY)
        if owner is None:
            return NOBODY
        answers = owner in self._open
        ends = answers and (event.name == "error" or event.name in ends_at(self._names[owner], event.server_version))
        if ends:
            self._open.discard(owner)
            if owner in self._anonymous:
                self._anonymous.remove(owner)
        if event.name == "execDetails":
            self._executions[(event.fields.get("execution") or {}).get("execId") or ""] = Owned(owner, answers)
        return Owned(owner, answers, ends)

    def _owner(self, event: Decoded) -> int | None:
        """The turn that a message belongs to."""
        for index in self._anonymous:
            if event.name in ANSWERS[self._names[index]].parts:
                return index
        fields = event.fields
        if event.name == "error":
            id = fields.get("id")
            found = [index for index in (self._requests.get(id, -1), self._orders.get(id, -1)) if index >= 0] if id is not None else []
            return max(found, default=None)
        owner = self._requests.get(fields["reqId"]) if fields.get("reqId") is not None else None
        if owner is not None or event.name == "nextValidId":
            return owner
        inner = fields.get("order") or fields.get("execution") or fields
        if inner.get("clientId", self._client_id) not in (None, self._client_id):
            return None  # another client's order; its number may be one of ours
        order = fields.get("orderId") if fields.get("orderId") is not None else inner.get("orderId")
        return self._orders.get(order) if order is not None else None

    @property
    def unanswered(self) -> set[int]:
        """The turns whose answer has an end that has not come."""
        return set(self._open)


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that the client said: the offer, a request, or, with no event, the end of its side."""

    index: int
    time_ns: int
    event: Event | None


class Named(NamedTuple):
    """A value of a message that identifies: where it stands, what it identifies, and the value."""

    path: str
    kind: Identity
    value: int | str


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that the server said, in its bytes; ``after`` is how many turns of the client came before it.

    ``close`` is set for the end of the connection, which has no bytes; ``event`` is None for bytes that are no frame. ``names`` are the
    values that are other ones in another run.
    """

    position: int
    time_ns: int
    data: bytes
    after: int
    event: Event | None = None
    owned: Owned = NOBODY
    names: tuple[Named, ...] = ()
    close: Close | None = None


@dataclass(slots=True)
class Session:
    """One recorded connection. ``greeting`` is what the server answered to the offer, if it did."""

    connection: int
    start_ns: int
    turns: list[Turn] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    offer: VersionOffered | None = None
    greeting: Greeted | None = None

    @property
    def server_version(self) -> int | None:
        """The version that the connection spoke; None where the server never said one."""
        version = self.greeting.server_version if self.greeting is not None else -1
        return version if version >= 0 else None

    @property
    def accounts(self) -> dict[str, None]:
        """The accounts that the server named, in its order."""
        found: dict[str, None] = {}
        for piece in self.pieces:
            if isinstance(piece.event, Decoded) and piece.event.name == "managedAccounts":
                found |= dict.fromkeys(filter(None, (piece.event.fields.get("accountsList") or "").split(",")))
        return found

    def answers(self, index: int) -> list[Piece]:
        """The answer to a turn, up to its end."""
        return [piece for piece in self.pieces if piece.owned.owner == index and piece.owned.answers]


def names_in(event: Event) -> tuple[Named, ...]:
    """The values of a message that identify."""
    if not isinstance(event, Decoded):
        return ()
    kinds = identity_fields(BY_ID[event.direction, event.id])
    if not kinds:
        return ()
    if len(kinds) == 1 and "reqId" in kinds:  # nearly every message of a long capture
        value = event.fields.get("reqId")
        return () if value is None else (Named("reqId", kinds["reqId"], value),)
    found = ((path, kinds.get(pattern_of(path)), value) for path, value in flattened(event.fields))
    return tuple(Named(path, kind, value) for path, kind, value in found if kind is not None)


class SessionReader:
    """Makes a session of the records of one connection, in their order."""

    def __init__(self, connection: int, start_ns: int) -> None:
        self.session = Session(connection, start_ns)
        self._conversation = Conversation()
        self._attribution = Attribution()
        # What the server said that is in no event yet, as it came: half a frame, or bytes that are none.
        self._rest: list[tuple[bytes, int, int]] = []
        self._lost = False

    def read(self, record: Record) -> None:
        """Take a record. Raises Unplayable."""
        if isinstance(record, Gap):
            raise Unplayable(f"connection {record.connection} lacks bytes, and a replay needs all of them")
        if isinstance(record, Closed):
            self._close(record)
        elif isinstance(record, Chunk) and record.direction is Direction.TO_SERVER:
            for event in self._conversation.feed(record.direction, record.data):
                self._turn(event, record.time_ns)
        elif isinstance(record, Chunk):
            self._said(record)

    def _turn(self, event: Event | None, time_ns: int) -> None:
        if isinstance(event, VersionOffered):
            self.session.offer = event
        index = self._attribution.ask(event)
        self.session.turns.append(Turn(index, time_ns, event))

    def _said(self, chunk: Chunk) -> None:
        self._rest.append((chunk.data, chunk.time_ns, len(self.session.turns)))
        left = 0
        for event in self._conversation.feed(chunk.direction, chunk.data):
            if isinstance(event, SyncLost):
                self._lost, left = True, self._conversation.received(chunk.direction) - event.offset
                break
            if isinstance(event, Greeted):
                self.session.greeting = event
            self._piece(frame(event.raw), chunk.time_ns, len(self.session.turns), event)
        if not self._lost:
            left = len(self._conversation.pending(chunk.direction))
        elif not left:
            left = len(chunk.data)
        self._keep(left)
        if self._lost:
            self._flush()

    def _keep(self, size: int) -> None:
        """Forget of the rest what is in pieces: all but its last bytes."""
        kept: list[tuple[bytes, int, int]] = []
        while size > 0 and self._rest:
            data, time_ns, after = self._rest.pop()
            kept.append((data[-size:], time_ns, after))
            size -= len(data)
        self._rest = kept[::-1]

    def _flush(self) -> None:
        """Make pieces of what will be no frame."""
        for data, time_ns, after in self._rest:
            self._piece(data, time_ns, after)
        self._rest.clear()

    def _piece(self, data: bytes, time_ns: int, after: int, event: Event | None = None, close: Close | None = None) -> None:
        owned, names = (self._attribution.say(event), names_in(event)) if event is not None else (NOBODY, ())
        self.session.pieces.append(Piece(len(self.session.pieces), time_ns, data, after, event, owned, names, close))

    def _close(self, closed: Closed) -> None:
        if closed.direction is Direction.TO_SERVER:
            self._turn(None, closed.time_ns)
            return
        self._flush()
        if closed.how in (Close.FIN, Close.RST):
            self._piece(b"", closed.time_ns, len(self.session.turns), close=closed.how)

    def done(self) -> Session:
        """The session, now that there are no more records."""
        self._flush()
        return self.session


def by_connection(records: Iterable[Record]) -> list[list[Record]]:
    """The records of each connection that was open, in the order in which those were opened."""
    connections: dict[int, list[Record]] = {}
    for record in records:
        connections.setdefault(record.connection, []).append(record)
    return [each for each in connections.values() if any(isinstance(record, Opened | Chunk) for record in each)]


def session_of(records: Sequence[Record]) -> Session:
    """The session in the records of one connection. Raises Unplayable for a connection of which bytes are missing."""
    reader = SessionReader(records[0].connection, records[0].time_ns)
    for record in records:
        reader.read(record)
    return reader.done()
