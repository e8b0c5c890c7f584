"""A conversation as the rows of a sequence diagram: the client's line to the left, the server's to the right, an arrow for each message.

A row holds what the diagram shows, and what it shows once it is opened: each field with its place and its bytes. Where nothing was said
for a while, a row says how long, since a silence is as much of a finding as a message. Of a long conversation the beginning and the end
are shown; the capture has it whole. Texts are as the peer sent them: whoever shows a row makes them safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from twsprobe.capture.model import Close, Closed, Gap, Mark, Opened
from twsprobe.capture.seen import Seen, fields_of, size_of
from twsprobe.views.decode import dump, missing, telling, value_at
from twsprobe.views.events import brief, holdings, plain, title
from twsprobe.wire.codes import Severity, code
from twsprobe.wire.events import Decoded, Event, Greeted, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.registry import locate

SILENCE_NS = 500_000_000
"""Nanoseconds without a word that are worth a row."""
FIRST_ROWS, LAST_ROWS = 250, 100
"""Rows of one connection that are shown of its beginning and of its end."""
MOST_FIELDS = 150
"""Fields of one message that are shown."""
SHOWN_BYTES = 16
"""Bytes of one field that are shown."""
LONGEST_LABEL = 160
"""Characters of what stands on an arrow."""

_ENDINGS = {
    Close.FIN: "closed the connection (FIN)",
    Close.RST: "reset the connection (RST)",
    Close.ABANDONED: "ended, and the end of the other side was not seen",
    Close.REFUSED: "the connection was refused",
    Close.TIMEOUT: "the attempt to connect got no answer",
    Close.UNREACHABLE: "the server could not be reached",
    Close.UNRESOLVED: "the name has no address",
}
_ARROWS = frozenset({Close.FIN, Close.RST, Close.REFUSED})
"""Ends that came from one side."""


class Value(NamedTuple):
    """A field: its place in the message's bytes (empty where it has none), its path, its value, its bytes in hexadecimal."""

    place: str
    path: str
    value: str
    raw: str


class Row(NamedTuple):
    """A row of the diagram. ``way``: "to-server", "to-client", "none" (no arrow), "silence"; ``state``: "", "end", "odd", "error"."""

    way: str
    state: str
    time: str
    name: str
    says: str
    facts: tuple[tuple[str, str], ...] = ()
    values: tuple[Value, ...] = ()
    rest: str = ""
    """What is not among the values, in words."""
    dump: tuple[str, ...] = ()

    @property
    def opens(self) -> bool:
        """There is something to see inside."""
        return bool(self.facts or self.values or self.dump)


class Diagram(NamedTuple):
    """One connection: the ends of it, and its rows."""

    number: int
    client: str
    server: str
    rows: tuple[Row, ...]


def diagrams(seen: Iterable[Seen]) -> list[Diagram]:
    """A diagram of each connection, in the order in which they began. ``seen`` is what ``capture.seen.seen_in`` gives."""
    connections: dict[int, list[Seen]] = {}
    for each in seen:
        connections.setdefault(each.connection, []).append(each)
    return [diagram(number, held) for number, held in connections.items()]


def diagram(number: int, seen: Sequence[Seen]) -> Diagram:
    """The diagram of one connection."""
    opened = next((each.what for each in seen if isinstance(each.what, Opened)), None)
    left_out = len(seen) - FIRST_ROWS - LAST_ROWS
    shown = seen if left_out <= 1 else [*seen[:FIRST_ROWS], *seen[-LAST_ROWS:]]
    rows: list[Row] = []
    for index, each in enumerate(shown):
        if left_out > 1 and index == FIRST_ROWS:
            rows.append(Row("none", "", "", f"{left_out:,} more", "not shown here; the capture has them"))
        elif index and each.time_ns - shown[index - 1].time_ns >= SILENCE_NS:
            rows.append(Row("silence", "", "", f"{(each.time_ns - shown[index - 1].time_ns) / 1e9:.1f} s without a word", ""))
        rows.append(row(each))
    return Diagram(number, opened.client if opened else "", opened.server if opened else "", tuple(rows))


def elapsed(nanoseconds: int) -> str:
    """The time since the capture began, for a column."""
    return f"{nanoseconds / 1e6:.1f} ms" if nanoseconds < 10**10 else f"{nanoseconds / 1e9:.3f} s"


def row(seen: Seen) -> Row:
    """The row of what was seen."""
    time = elapsed(seen.elapsed_ns)
    return mark_row(seen.what, time) if isinstance(seen.what, Mark) else event_row(seen.what, time)


def mark_row(mark: Mark, time: str) -> Row:
    """A record that is no bytes: a connection that opened or ended, bytes that are missing, a note."""
    if isinstance(mark, Opened):
        return Row("none", "", time, "connection opened", "")
    if isinstance(mark, Closed):
        arrow = mark.how in _ARROWS
        side = "the server " if mark.direction is Direction.TO_CLIENT else "the client "
        said = (side if mark.how in (Close.FIN, Close.RST, Close.ABANDONED) else "") + _ENDINGS[mark.how]
        return Row(way(mark.direction) if arrow else "none", "end", time, said, "")
    if isinstance(mark, Gap):
        return Row("none", "odd", time, missing(mark.size), "")
    return Row("none", "odd", time, "note", mark.text)


def way(direction: Direction) -> str:
    """Which way an arrow points."""
    return "to-server" if direction is Direction.TO_SERVER else "to-client"


def event_row(event: Event, time: str) -> Row:
    """A message, or bytes that are none."""
    says = telling(event) if isinstance(event, Decoded) else holdings(event)
    values, rest = values_of(event)
    return Row(
        way(event.direction),
        state_of(event),
        time,
        title(event),
        says[:LONGEST_LABEL],
        facts_of(event),
        values,
        rest,
        tuple(dump(event.raw)),
    )


def state_of(event: Event) -> str:
    """Whether an event is worth a second look: an error that is one, or what was not understood in full."""
    if isinstance(event, (VersionOffered, Greeted)):
        return ""
    if not isinstance(event, Decoded) or event.anomalies:
        return "odd"
    known = code(event.fields.get("errorCode") or 0) if event.name == "error" else None
    is_error = event.name == "error" and (known is None or known.severity in (Severity.ERROR, Severity.FATAL))
    return "error" if is_error else ""


def facts_of(event: Event) -> tuple[tuple[str, str], ...]:
    """What an event is, besides its fields: names and values."""
    facts = [("size", f"{size_of(event):,} bytes")]
    if isinstance(event, (Decoded, Undecodable, Unknown)):
        facts += [("id", str(event.id))] if event.id is not None else []
        facts += [("encoding", event.encoding)] if event.encoding else []
    if isinstance(event, Decoded):
        facts += [("odd", anomaly) for anomaly in event.anomalies]
        facts += [("behind the last known field", repr(list(event.extra)))] if event.extra else []
    elif not isinstance(event, (VersionOffered, Greeted)):
        facts.append(("reason", holdings(event)))
    return tuple(facts)


def values_of(event: Event) -> tuple[tuple[Value, ...], str]:
    """The fields of an event, and how many of them are not shown."""
    if not isinstance(event, (Decoded, Undecodable)) or event.id is None:
        found = [Value("", name, text_of_value(value), "") for name, value in fields_of(event).items() if value not in (None, "")]
        return tuple(found), ""
    pieces = locate(event)
    values = []
    for piece in pieces[:MOST_FIELDS]:
        raw = event.raw[piece.start : piece.end]
        shown = raw[:SHOWN_BYTES].hex(" ") + (" ..." if len(raw) > SHOWN_BYTES else "")
        held = text_of_value(value_at(event.fields, piece.path)) if isinstance(event, Decoded) else ""
        values.append(Value(str(piece.start), piece.path, held, shown))
    more = len(pieces) - len(values)
    return tuple(values), f"and {more:,} more fields" if more else ""


def text_of_value(value: Any) -> str:
    """A field's value in words; nothing for one that is not set."""
    if value is None:
        return ""
    return brief(plain(value)) if isinstance(value, (dict, list)) else str(plain(value))
