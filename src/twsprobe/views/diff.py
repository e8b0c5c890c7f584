"""A comparison of two captures for people, and as JSON objects.

A JSON object a line, the last of them the summary. A difference has ``kind`` ("appeared", "vanished", "moved", "changed"), ``connection``
(pairs of connections, from 0), ``direction`` (null for what has none), ``message``, ``request`` (null, or ``name`` with the numbers
``a`` and ``b``), ``field`` (a path with indices, empty for the message as a whole), ``old``, ``new``, ``gate`` (null, or ``version``
and ``name`` of the server version that explains it), ``count`` (messages that show it) and, for each capture that has it, ``a`` and ``b``
(else null): ``connection``, ``time`` in ISO 8601, ``elapsed`` seconds since the capture began, ``offset`` in bytes of its direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from twsprobe.capture.differences import Difference, Kind, Place, Request, Totals
from twsprobe.capture.seen import iso_time
from twsprobe.capture.volatile import VOLATILE
from twsprobe.views.events import ARROWS, brief, plain
from twsprobe.views.line import Line, fitted
from twsprobe.views.safe import safe
from twsprobe.wire.framing import Direction

STYLES = {Kind.APPEARED: "ok", Kind.VANISHED: "fail", Kind.MOVED: "faint", Kind.CHANGED: "warn"}
LONGEST_VALUE = 200
"""Characters of a value that a line shows."""
LETTERS = "AB"


def difference_object(difference: Difference) -> dict[str, Any]:
    """The JSON object of a difference."""
    request, gate = difference.request, difference.gate
    return {
        "kind": difference.kind.value,
        "connection": difference.connection,
        "direction": None if difference.direction is None else difference.direction.value,
        "message": difference.message,
        "request": None if request is None else {"name": request.name, "a": request.number, "b": request.other_number},
        "field": difference.field,
        "old": plain(difference.old),
        "new": plain(difference.new),
        "gate": None if gate is None else {"version": int(gate), "name": gate.name},
        "count": difference.count,
        "a": place_object(difference.one),
        "b": place_object(difference.other),
    }


def place_object(place: Place | None) -> dict[str, Any] | None:
    """The JSON object of a place."""
    if place is None:
        return None
    return {
        "connection": place.connection,
        "time": iso_time(place.time_ns),
        "elapsed": place.elapsed_ns / 1e9,
        "offset": place.offset,
    }


def summary_object(totals: Totals, paths: Sequence[str]) -> dict[str, Any]:
    """The JSON object behind the last difference: ``kind`` is "summary"; the counts are of messages, ``explained`` of differences."""
    kinds = {kind.value: sum(count for (_, each), count in totals.different.items() if each is kind) for kind in Kind}
    return {
        "kind": "summary",
        "different": totals.differ,
        "same": totals.same.total(),
        **kinds,
        "explained": totals.explained,
        "uncompared": totals.uncompared,
        "captures": [
            {"path": path, "server_version": version, "seen": read, "torn": None if fault is None else str(fault)}
            for path, version, read, fault in zip(paths, totals.versions, totals.read, totals.faults, strict=True)
        ],
    }


def summary_lines(totals: Totals, paths: Sequence[str], width: int) -> Iterator[Line]:
    """What was compared, and how much of it differs, message by message."""
    for letter, path, version, read, fault in zip(LETTERS, paths, totals.versions, totals.read, totals.faults, strict=True):
        known = "server version unknown" if version is None else f"server version {version}"
        yield Line(
            letter, f"  {fitted(safe(path), max(width - 44, 20))}: {known}, {read:,} seen{', torn' if fault is not None else ''}", "strong"
        )
    yield Line("")
    rows = {name: [totals.same[name], *(totals.different[name, kind] for kind in Kind)] for name, _ in totals.different}
    same = f"{totals.same.total():,} the same"
    if not totals.differ:
        yield Line("no difference", f": {same}", "ok")
    else:
        counts = {kind: sum(count for (_, each), count in totals.different.items() if each is kind) for kind in Kind}
        told = [f"{count:,} {kind.value}" for kind, count in counts.items() if count]
        yield Line("different", f": {', '.join([*told, same])}", "warn")
    if totals.explained:
        yield Line("", f"{totals.explained:,} differences come from the server versions")
    if totals.uncompared:
        yield Line("", f"{totals.uncompared:,} messages lie behind the tear of the other capture and were not compared")
    if rows:
        yield Line("")
        yield Line(f"{'':3} {'same':>9} {'appeared':>9} {'vanished':>9} {'moved':>9} {'changed':>9} message", style="strong")
        for (direction, name), row in sorted(rows.items(), key=lambda each: (-sum(each[1][1:]), each[0][1])):
            yield Line("", fitted(f"{arrow(direction)} {' '.join(f'{count:>9}' for count in row)} {safe(name)}", width))


def arrow(direction: Direction | None) -> str:
    """The mark of a direction."""
    return "---" if direction is None else ARROWS[direction]


def heading(difference: Difference) -> tuple[object, ...]:
    """What differences of one message have in common."""
    return difference.connection, difference.direction, difference.message, difference.one, difference.other


def head_line(difference: Difference, width: int) -> Line:
    """The line above the differences of a message: the message, its request, and where it is in each capture."""
    several = f"connection {difference.connection} " if difference.connection else ""
    words = f"{several}{arrow(difference.direction)} {safe(difference.message)}{request_words(difference.request)}"
    places = ", ".join(
        f"{letter} {place_words(place)}"
        for letter, place in zip(LETTERS, (difference.one, difference.other), strict=True)
        if place is not None
    )
    joined = f"{words}  {places}"
    return Line("", joined if len(joined) <= width else fitted(words, width), "")


def request_words(request: Request | None) -> str:
    """Which request a message belongs to, with its number in each capture."""
    if request is None:
        return ""
    numbers = [str(number) for number in dict.fromkeys((request.number, request.other_number)) if number is not None]
    return f" of {safe(request.name)} {'/'.join(numbers)}".rstrip()


def place_words(place: Place) -> str:
    """Where something is: seconds since the capture began, and the byte in its direction."""
    return f"{place.elapsed_ns / 1e9:.3f} s" + ("" if place.offset is None else f" byte {place.offset}")


def difference_lines(difference: Difference, width: int) -> Iterator[Line]:
    """What differs: the field and its values, on one line where they fit."""
    style, kind = STYLES[difference.kind], difference.kind
    lead = f"  {kind.value:<8} "
    room = max(width - len(lead), 20)
    field = safe(difference.field)
    if kind is Kind.MOVED:
        text = f"{field} is now element {difference.new}" if field else "to another place in the order"
        yield Line(lead, fitted(text, room), style)
        return
    old, new = value_words(difference.old), value_words(difference.new)
    said = f"{old} -> {new}" if kind is Kind.CHANGED else old if kind is Kind.VANISHED else new
    text, why = f"{field}  {said}" if field else said, reason_words(difference)
    if why and len(text) + len(why) + 2 <= room:
        text, why = f"{text}  {why}", ""
    if len(text) <= room or kind is not Kind.CHANGED:
        yield Line(lead, fitted(text, room), style)
    else:
        yield Line(lead, fitted(field, room), style)
        yield Line("", fitted(f"{'':11}- {old}", width))
        yield Line("", fitted(f"{'':11}+ {new}", width))
    if why:
        yield Line("", fitted(f"{'':11}{why}", width))


def reason_words(difference: Difference) -> str:
    """Which server version explains a difference, and in how many messages it is; empty for what none does."""
    gate = f"{int(difference.gate)} {difference.gate.name}" if difference.gate is not None else ""
    return ", ".join(filter(None, (gate, f"{difference.count:,} messages" if difference.count > 1 else "")))


def value_words(value: Any) -> str:
    """A value in a few words, safe to print; texts in quotes."""
    if isinstance(value, str):
        return f"'{safe(value, LONGEST_VALUE)}'"
    return "unset" if value is None else safe(brief(value), LONGEST_VALUE)


def volatile_lines(width: int) -> Iterator[Line]:
    """The table of what is set aside, a pattern with its reason on one line, or on two."""
    yield Line(f"{'pattern':<27} reason", style="strong")
    for one in VOLATILE:
        types = f" (tick types {', '.join(map(str, one.tick_types))})" if one.tick_types else ""
        if len(one.pattern) > 27:
            yield Line("", one.pattern)
        lead = one.pattern if len(one.pattern) <= 27 else ""
        yield Line("", fitted(f"{lead:<27} {one.reason}{types}", width))
