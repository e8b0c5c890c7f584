"""What differs between two captures of the same thing, and so says nothing: the fields that a comparison sets aside, and why.

A field is named ``message.field.path``, as ``decode`` names it and without indices: ``openOrder.order.permId``,
``historicalData.historicalDataBars.date``. A pattern is a glob over that name, in which ``*`` also stands for points; one without a point
names whole messages. Marks of a capture have names too: ``opened``, ``closed``, ``gap``, ``note``, ``version_offer``, ``greeting``.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import NamedTuple

from twsprobe.wire.identity import EXCEPTIONS, NAMES, Identity
from twsprobe.wire.messages import MESSAGES


class Volatile(NamedTuple):
    """Fields that are set aside, by a pattern, and why; with tick types, in messages of those alone."""

    pattern: str
    reason: str
    tick_types: tuple[int, ...] = ()


_NUMBERS = {
    Identity.REQUEST_ID: "chosen by the client; it says what belongs together",
    Identity.ORDER_ID: "counted by the client; it says what belongs together",
    Identity.EITHER_ID: "chosen by the client; it says what belongs together",
    Identity.CLIENT_ID: "chosen by the client, and one alone may use it",
}
_SETTINGS = ("masterClientId",)
"""What looks like one of these, and is a setting of TWS."""
_IBKR = "given out by IBKR, once"
_NOW = "the time at which it was sent"

VOLATILE: tuple[Volatile, ...] = (
    *(Volatile(f"*.{name}", _NUMBERS[kind]) for name, kind in NAMES.items() if kind in _NUMBERS and name not in _SETTINGS),
    *(Volatile(f"{message}.{path}", _NUMBERS[kind]) for (_, message, path), kind in EXCEPTIONS.items() if kind in _NUMBERS),
    Volatile("*.permId", _IBKR),
    Volatile("*.parentPermId", _IBKR),
    Volatile("*.execId", _IBKR),
    Volatile("opened.client", "the address and the port from which the client came"),
    Volatile("opened.server", "the address and the port of the server"),
    Volatile("greeting.time", _NOW),
    Volatile("currentTime.currentTime", _NOW),
    Volatile("currentTimeInMillis.currentTimeInMillis", _NOW),
    Volatile("error.errorTime", _NOW),
    Volatile("updateAccountTime.timeStamp", "when the account was last updated"),
    Volatile("execDetails.execution.time", "when it was executed"),
    Volatile("*.orderState.completedTime", "when the order was completed"),
    Volatile("realtimeBar.time", "when the bar began"),
    Volatile("historicalDataUpdate.date", "when the bar that is still growing began"),
    Volatile("historicalData.startDateStr", "counted back from the end"),
    Volatile("historicalData.endDateStr", "when it was asked for, most often"),
    Volatile("historicalDataEnd.startDateStr", "counted back from the end"),
    Volatile("historicalDataEnd.endDateStr", "when it was asked for, most often"),
    Volatile("tickByTick.time", "when the trade or quote was"),
    Volatile("tickByTick.historicalTick*.time", "when the trade or quote was"),
    Volatile("tickNews.timestamp", "when the news was published"),
    Volatile("tickString.value", "the time of the last trade", (45, 88)),
    Volatile("*.version", "the number of a text layout: protobuf has none"),
)
"""All that is set aside unless a caller says otherwise. The times of a capture's records are never compared."""


class Rules:
    """Says which fields are compared: those of ``ignore`` never, those of ``compare`` always, those of ``volatile`` not.

    With ``only``, nothing else is reported: no other field, and no other message. Requests are aligned by their contents all the same.
    """

    def __init__(
        self,
        ignore: Iterable[str] = (),
        only: Iterable[str] = (),
        compare: Iterable[str] = (),
        volatile: Iterable[Volatile] = VOLATILE,
    ) -> None:
        self._ignore, self._only, self._compare = (tuple(map(globbed, patterns)) for patterns in (ignore, only, compare))
        self._only_heads = tuple(globbed(pattern.partition(".")[0]) for pattern in only)
        self._concerned: dict[str, bool] = {}
        volatile = tuple(volatile)
        self._volatile = tuple((globbed(one.pattern), one.tick_types) for one in volatile)
        self._timely = frozenset(number for one in volatile for number in one.tick_types)

    def timely(self, tick_type: object) -> int | None:
        """The tick type, where a rule depends on it."""
        return tick_type if isinstance(tick_type, int) and tick_type in self._timely else None

    def sets_aside(self, message: str, path: str, tick_type: int | None = None) -> bool:
        """Whether a field plays no part when messages are held against each other."""
        name = f"{message}.{path}"
        if any(pattern.fullmatch(name) for pattern in self._ignore):
            return True
        if any(pattern.fullmatch(name) for pattern in self._compare):
            return False
        return any(pattern.fullmatch(name) and (not types or tick_type in types) for pattern, types in self._volatile)

    def reports(self, message: str, path: str = "") -> bool:
        """Whether a difference in a field is reported; without a path, one of the message as a whole."""
        if any(pattern.fullmatch(message) for pattern in self._ignore):
            return False
        if not self._only:
            return True
        parts = path.split(".") if path else []
        names = [".".join([message, *parts[:count]]) for count in range(len(parts) + 1)]
        return any(pattern.fullmatch(name) for pattern in self._only for name in names)

    def concerns(self, message: str) -> bool:
        """Whether anything about a message can be reported."""
        answer = self._concerned.get(message)
        if answer is None:
            answer = self._concerned[message] = self._is_concerned(message)
        return answer

    def _is_concerned(self, message: str) -> bool:
        if any(pattern.fullmatch(message) for pattern in self._ignore):
            return False
        return not self._only or any(head.fullmatch(message) for head in self._only_heads)


def globbed(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression; what fnmatch makes of one does not backtrack beyond its length."""
    return re.compile(fnmatch.translate(pattern))


MARKS = ("opened", "closed", "gap", "note", "version_offer", "greeting", "unknown", "undecodable", "sync_lost", "resynced")
"""What else patterns may name, beside messages."""


def fits_a_message(pattern: str) -> bool:
    """Whether there is a message, or a mark, that a pattern can be about."""
    head = globbed(pattern.partition(".")[0])
    return any(head.fullmatch(name) for name in (*MARKS, *(message.name for message in MESSAGES)))
