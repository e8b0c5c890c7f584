"""What a server answered, against what was recorded of one: request by request, message by message, field by field.

Set aside are ids of requests and orders, client ids, and ``VOLATILE``: fields that tell the moment of the answer. Accounts are compared as
those that stand for them. Messages that are equal are paired first, wherever they stand in the answer; of the rest, those of one name that
differ least, unless more than half of their fields do: then one is missing and the other is new. What no request asked for is not compared,
as it comes when it likes.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from twsprobe.net.matching import Identities
from twsprobe.net.turns import Session
from twsprobe.wire.events import Decoded, Event, Undecodable, Unknown
from twsprobe.wire.identity import Identity, flattened, identity_fields, pattern_of
from twsprobe.wire.registry import BY_ID

VOLATILE = frozenset({"currentTime", "currentTimeInMillis", "errorTime", "updateAccountTime.timeStamp"})
"""Fields that tell when an answer was given."""
COMPARED = 200
"""How many messages are looked at for the one that differs least."""


class Kind(enum.Enum):
    """How an answer differs."""

    MISSING = "missing"
    """A recorded message did not come."""
    NEW = "new"
    CHANGED = "changed"
    """A field of a message is another one."""
    UNANSWERED = "unanswered"
    """The answer did not come to its end."""


class AnswerDifference(NamedTuple):
    """Something in the answer to a request that is not as recorded; ``path`` names the field where a message is there and differs."""

    kind: Kind
    request: str
    message: str
    path: str = ""
    recorded: Any = None
    received: Any = None


class Answered(NamedTuple):
    """A message of an answer, taken apart: its name, and the values that are compared."""

    name: str
    values: dict[str, Any]


def compared(event: Event | None, identities: Identities, ignored: Container[str]) -> Answered:
    """Take a message apart; accounts as those that stand for them."""
    if not isinstance(event, Decoded):
        name = f"message {event.id}" if isinstance(event, (Unknown, Undecodable)) else "bytes"
        return Answered(name, {"raw": event.raw.hex()} if event is not None else {})
    kinds = identity_fields(BY_ID[event.direction, event.id])
    values: dict[str, Any] = {}
    for path, value in flattened(event.fields):
        pattern = pattern_of(path)
        kind = kinds.get(pattern)
        if pattern in ignored or f"{event.name}.{pattern}" in ignored or kind not in (None, Identity.ACCOUNT):
            continue
        values[path] = value if kind is None else identities.live(kind, value)
    return Answered(event.name, values)


def compare(recorded: Session, live: Session, sent: Mapping[int, int], ignored: Container[str] = VOLATILE) -> list[AnswerDifference]:
    """Compare the answers of two sessions; ``sent`` are the turns of the recorded one and those of the live one that repeat them."""
    identities, none = accounts_of(recorded, live), Identities()
    found: list[AnswerDifference] = []
    for index, again in sent.items():
        event = recorded.turns[index].event
        if not isinstance(event, Decoded):
            continue  # the answer to an offer is a version and a time
        was, now = recorded.answers(index), live.answers(again)
        wanted = [compared(piece.event, identities, ignored) for piece in was]
        found += differences(event.name, wanted, [compared(piece.event, none, ignored) for piece in now])
        if any(piece.owned.ends for piece in was) and not any(piece.owned.ends for piece in now):
            found.append(AnswerDifference(Kind.UNANSWERED, event.name, ""))
    return found


def accounts_of(recorded: Session, live: Session) -> Identities:
    """Which account stands for which: those of the two sessions in their order, where there are as many."""
    identities = Identities()
    was, now = (list(session.accounts) for session in (recorded, live))
    if len(was) == len(now):
        for one, other in zip(was, now, strict=True):
            identities.tie(Identity.ACCOUNT, one, other)
    return identities


def differences(request: str, recorded: list[Answered], received: list[Answered]) -> list[AnswerDifference]:
    """Compare one answer."""
    left = list(received)
    unpaired = []
    for each in recorded:
        if each in left:
            left.remove(each)
        else:
            unpaired.append(each)
    found: list[AnswerDifference] = []
    for each in unpaired:
        nearest = min(
            (other for other in left[:COMPARED] if other.name == each.name), key=lambda other: len(paths(each, other)), default=None
        )
        if nearest is None or 2 * len(paths(each, nearest)) > max(len(each.values | nearest.values), 2):
            found.append(AnswerDifference(Kind.MISSING, request, each.name, recorded=each.values))
            continue
        left.remove(nearest)
        for path in paths(each, nearest):
            values = each.values.get(path), nearest.values.get(path)
            found.append(AnswerDifference(Kind.CHANGED, request, each.name, path, *values))
    return found + [AnswerDifference(Kind.NEW, request, each.name, received=each.values) for each in left]


def paths(one: Answered, other: Answered) -> list[str]:
    """Where two messages differ."""
    return [path for path in one.values | other.values if one.values.get(path) != other.values.get(path)]
