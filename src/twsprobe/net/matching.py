"""Requests that arrive, matched with the recorded ones: which of them is it, and what differs.

A request fits a recorded one that has its message and its fields, whatever the order in which they come. Ids, the client id and accounts
need not be the same: a request that uses an id first ties its id to the recorded one, and from then on each stands for the other; so do
accounts that are not the recorded ones. A request that is about an earlier one (a cancel) has to be about the one that was recorded, and
ids that were tied to nothing stand for themselves. An empty field is one that is not there.

Strict: anything else is a mismatch. Lenient: the recorded request of the same message that differs least stands in for it, again if it has
been played before; only a message that was never recorded is a mismatch. Of several that fit as well the one comes first whose ids are
tied to those that arrived, and then the one that was recorded first.
"""

from __future__ import annotations

import difflib
import enum
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from twsprobe.net.turns import Named, Session, Turn, names_in
from twsprobe.wire.events import Decoded, Event, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.exchanges import refers
from twsprobe.wire.identity import Identity, flattened, identity_fields, pattern_of, replaced
from twsprobe.wire.registry import BY_ID

COMPARED = 1000
"""How many recorded requests of one message are looked at for the nearest."""
SHOWN = 12
"""How many differences, or names, a text lists."""


class Match(enum.Enum):
    """How much of a request has to be as it was recorded."""

    STRICT = "strict"
    LENIENT = "lenient"


class Difference(NamedTuple):
    """A field that is another one than recorded; None for a side that has none."""

    path: str
    recorded: Any
    received: Any

    def __str__(self) -> str:
        return f"{self.path}: recorded {shown(self.recorded)}, received {shown(self.received)}"


def shown(value: Any) -> str:
    """A value as a printable literal."""
    return "nothing" if value is None else ascii(value) if isinstance(value, (str, bytes)) else str(value)


@dataclass(frozen=True)
class Mismatch:
    """A client did something that was not recorded. ``nearest`` is the recorded turn that differs least, where one is comparable."""

    connection: int
    reason: str
    received: Event
    nearest: Event | None = None
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        lines = [f"connection {self.connection}: {self.reason}", *map(str, self.differences[:SHOWN])]
        if len(self.differences) > SHOWN:
            lines.append(f"and {len(self.differences) - SHOWN} more")
        return "\n  ".join(lines)


class Matched(NamedTuple):
    """The recorded turn that an event is, by its number, and the differences that were let pass."""

    turn: int
    differences: tuple[Difference, ...] = ()


Ties = Mapping[tuple[Identity, Any], Any]
"""Recorded values, by what they identify, to the live ones that stand for them."""
NO_TIES: Ties = MappingProxyType({})


class Identities:
    """Which live id, client id or account stands for which recorded one."""

    def __init__(self, accounts: Iterable[str] = ()) -> None:
        self.accounts = frozenset(accounts)
        """The recorded accounts."""
        self._live: dict[tuple[Identity, Any], Any] = {}
        self._recorded: dict[tuple[Identity, Any], Any] = {}

    def live(self, kind: Identity, recorded: Any) -> Any:
        """What stands for a recorded value; itself where nothing does."""
        if kind is Identity.EITHER_ID:
            order = self._live.get((Identity.ORDER_ID, recorded), recorded)
            return self._live.get((Identity.REQUEST_ID, recorded), order)
        if kind is Identity.ACCOUNT and isinstance(recorded, str) and "," in recorded:
            return ",".join(str(self._live.get((kind, one), one)) for one in recorded.split(","))
        return self._live.get((kind, recorded), recorded)

    def now(self, kind: Identity, recorded: Any, own: Ties = NO_TIES) -> Any:
        """What stands for a recorded value in the answer to a request that has ties of its own: an id may have been used again since."""
        return own[kind, recorded] if (kind, recorded) in own else self.live(kind, recorded)

    def tied(self, kind: Identity, recorded: Any, live: Any) -> bool | None:
        """Whether two values stand for each other; None where neither is tied to anything."""
        if (kind, recorded) not in self._live and (kind, live) not in self._recorded:
            return None
        return bool(self._live.get((kind, recorded)) == live and self._recorded.get((kind, live)) == recorded)

    def tie(self, kind: Identity, recorded: Any, live: Any) -> None:
        """Let two values stand for each other from now on."""
        self._live[kind, recorded] = live
        self._recorded[kind, live] = recorded

    def changes(self, names: Iterable[Named], own: Ties = NO_TIES) -> dict[str, Any]:
        """The values of a recorded message that are other ones now, by path.

        ``own`` are the ties of the request that it answers. An order of another client keeps its number: that is no business of this one.
        """
        found, foreign = {}, False
        for path, kind, value in names:
            live = self.now(kind, value, own)
            foreign = foreign or (kind is Identity.CLIENT_ID and (kind, value) not in self._live)
            if live != value:
                found[path] = kind, live
        return {path: live for path, (kind, live) in found.items() if not (foreign and kind is Identity.ORDER_ID)}


def mapped(event: Decoded, changes: dict[str, Any]) -> bytes:
    """A message's frame with other values at some paths. Raises EncodeError for one that its encoding cannot hold."""
    return BY_ID[event.direction, event.id].encode(replaced(event.fields, changes), event.server_version, like=event)


class Core(NamedTuple):
    """A request taken apart: the values that have to be the same, and those that identify."""

    plain: dict[str, Any]
    names: dict[str, Named]


def core_of(event: Decoded, ignored: Container[str] = ()) -> Core:
    """Take a request apart. ``ignored`` are fields that may be anything: ``endDateTime``, or ``reqHistoricalData.endDateTime``."""
    kinds = identity_fields(BY_ID[event.direction, event.id])
    values = dict(flattened(event.fields)) | {f"extra[{index}]": text for index, text in enumerate(event.extra)}
    plain = {}
    for path, value in values.items():
        pattern = pattern_of(path)
        if pattern not in kinds and pattern not in ignored and f"{event.name}.{pattern}" not in ignored:
            plain[path] = value
    if event.name == "startApi":
        plain.pop("optionalCapabilities", None)
    return Core(plain, {named.path: named for named in names_in(event)})


class Matcher:
    """Matches what a client says with a recorded session, each turn of which is there once."""

    def __init__(self, session: Session, match: Match = Match.STRICT, ignored: Container[str] = ()) -> None:
        self.session, self.match, self.ignored = session, match, ignored
        self.identities = Identities(session.accounts)
        self.matched: set[int] = set()
        self.ties: dict[int, dict[tuple[Identity, Any], Any]] = {}
        """What each request that came has tied to what."""
        self._cores = {turn.index: core_of(turn.event, ignored) for turn in session.turns if isinstance(turn.event, Decoded)}
        self._same: defaultdict[tuple[str, frozenset[Any]], list[int]] = defaultdict(list)
        self._named: defaultdict[str, list[int]] = defaultdict(list)
        for turn in session.turns:
            if isinstance(turn.event, Decoded):
                self._same[turn.event.name, frozenset(self._cores[turn.index].plain.items())].append(turn.index)
                self._named[turn.event.name].append(turn.index)

    @property
    def missing(self) -> list[Turn]:
        """The recorded turns that have not come; the end of the client's side is none."""
        return [turn for turn in self.session.turns if turn.index not in self.matched and turn.event is not None]

    def take(self, event: Event) -> Matched | Mismatch:
        """Match something that a client said."""
        if isinstance(event, VersionOffered):
            found = self._offer(event)
        elif isinstance(event, Decoded):
            found = self._request(event)
        else:
            found = self._bytes(event)
        if isinstance(found, Matched):
            self.matched.add(found.turn)
        return found

    def end(self) -> Matched | None:
        """The client has ended its side; None where the recorded one had not."""
        for turn in self.session.turns:
            if turn.event is None and turn.index not in self.matched:
                self.matched.add(turn.index)
                return Matched(turn.index)
        return None

    def _mismatch(self, reason: str, received: Event, nearest: Event | None = None, found: Iterable[Difference] = ()) -> Mismatch:
        return Mismatch(self.session.connection, reason, received, nearest, tuple(found))

    def _offer(self, event: VersionOffered) -> Matched | Mismatch:
        version, recorded = self.session.server_version, self.session.offer
        # A server may have answered with a version that was not offered; to say that again is what was recorded.
        offered = version is not None and recorded is not None and recorded.minimum <= version <= recorded.maximum
        if version is not None and offered and not event.minimum <= version <= event.maximum:
            found = Difference("serverVersion", version, f"an offer of {event.minimum} to {event.maximum}")
            return self._mismatch("the client does not speak the recorded server version", event, self.session.greeting, [found])
        return Matched(next(turn.index for turn in self.session.turns if isinstance(turn.event, VersionOffered)))

    def _bytes(self, event: Event) -> Matched | Mismatch:
        """What is no message that we can read has to be the same bytes."""
        for turn in self.session.turns:
            if turn.index not in self.matched and turn.event is not None and (turn.event.event, turn.event.raw) == (event.event, event.raw):
                return Matched(turn.index)
        if isinstance(event, SyncLost):
            return self._mismatch(f"the client does not speak the protocol: {event.reason}", event)
        what = f"message {event.id}" if isinstance(event, (Unknown, Undecodable)) and event.id is not None else "a frame"
        reason = f": {event.reason}" if isinstance(event, (Unknown, Undecodable)) else ""
        return self._mismatch(f"{what} was never recorded, and cannot be read{reason}", event)

    def _request(self, event: Decoded) -> Matched | Mismatch:
        core = core_of(event, self.ignored)
        same = self._same.get((event.name, frozenset(core.plain.items())), ())
        ranks = [(self._rank(event.name, index, core), index) for index in same if index not in self.matched]
        fitting = [(rank, index) for rank, index in ranks if rank is not None]
        if fitting:
            _, index = min(fitting)
            self._tie(event.name, index, core)
            return Matched(index)
        nearest = self._nearest(event, core)
        if nearest is None:
            return self._mismatch(f"{event.name} was never recorded{self._instead()}", event)
        index, differences = nearest
        if self.match is Match.LENIENT:
            self._tie(event.name, index, core)
            return Matched(index, differences)
        recorded = self.session.turns[index].event
        if index in self.matched:
            return self._mismatch(f"{event.name} came once more than it was recorded", event, recorded, differences)
        return self._mismatch(f"{event.name} is not as it was recorded", event, recorded, differences)

    def _instead(self) -> str:
        names = list(dict.fromkeys(turn.event.name for turn in self.missing if isinstance(turn.event, Decoded)))
        return f"; still to come: {', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}" if names else ""

    def _nearest(self, event: Decoded, core: Core) -> tuple[int, tuple[Difference, ...]] | None:
        """The recorded request of the same message that differs least, and how; one that has not come before one that has."""
        indices = self._named.get(event.name, [])
        candidates = [index for index in indices if index not in self.matched] or indices
        if not candidates:
            return None
        found = ((index, tuple(self._differences(event.name, index, core))) for index in candidates[:COMPARED])
        return min(found, key=lambda each: (len(each[1]), -likeness(each[1])))

    def _differences(self, request: str, index: int, core: Core) -> Iterator[Difference]:
        recorded = self._cores[index]
        for path in recorded.plain | core.plain:
            if recorded.plain.get(path) != core.plain.get(path):
                yield Difference(path, recorded.plain.get(path), core.plain.get(path))
        for path, kind, was, now in pairs(recorded, core):
            if self._fits(request, path, kind, was, now) is None:
                yield Difference(path, self.identities.live(kind, was), now)

    def _rank(self, request: str, index: int, core: Core) -> int | None:
        """How well the ids of a recorded request fit those of one that came: 0 is best; None where they do not."""
        ranks = [self._fits(request, *pair) for pair in pairs(self._cores[index], core)]
        return None if None in ranks else max((rank for rank in ranks if rank is not None), default=0)

    def _fits(self, request: str, path: str, kind: Identity, recorded: Any, live: Any) -> int | None:
        """The same for one value."""
        tied = self.identities.tied(kind, recorded, live)
        if tied or (recorded == live and tied is None):
            return 0
        if recorded is None or live is None:
            return 1 if request == "startApi" else None  # protobuf may leave a 0 out
        if introduces(request, path):
            return 1 if tied is None else 2
        if kind is Identity.ACCOUNT and tied is None and live not in self.identities.accounts:
            return 1
        return None

    def _tie(self, request: str, index: int, core: Core) -> None:
        self.ties[index] = {}
        for path, kind, recorded, live in pairs(self._cores[index], core):
            if recorded is None or live is None:
                continue
            if introduces(request, path) or (kind is Identity.ACCOUNT and live not in self.identities.accounts):
                self.identities.tie(kind, recorded, live)
                self.ties[index][kind, recorded] = live
                if kind in (Identity.REQUEST_ID, Identity.ORDER_ID):
                    self.ties[index][Identity.EITHER_ID, recorded] = live


def pairs(recorded: Core, core: Core) -> Iterator[tuple[str, Identity, Any, Any]]:
    """The identifying values of two requests, side by side: path, kind, recorded, received."""
    for path in recorded.names | core.names:
        was, now = recorded.names.get(path), core.names.get(path)
        kind = was.kind if was is not None else now.kind if now is not None else Identity.REQUEST_ID
        own = kind is Identity.ORDER_ID and path == "order.orderId"
        if not own:  # a repetition of orderId, which only one of the encodings has
            yield path, kind, was.value if was is not None else None, now.value if now is not None else None


def introduces(request: str, path: str) -> bool:
    """Whether a field of a request may be the first to hold its id."""
    return (path in ("reqId", "orderId") and not refers(request)) or (request == "startApi" and path == "clientId")


def likeness(differences: Iterable[Difference]) -> float:
    """How much alike the values are that differ."""
    return sum(difflib.SequenceMatcher(None, str(each.recorded), str(each.received)).ratio() for each in differences)
