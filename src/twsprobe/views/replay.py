"""What came of a replay, as lines of text and as a JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from twsprobe.net.comparing import AnswerDifference, Kind
from twsprobe.net.matching import Mismatch, shown
from twsprobe.net.replay_client import Comparison
from twsprobe.net.turns import Turn
from twsprobe.views.events import plain
from twsprobe.views.safe import safe
from twsprobe.wire.events import Decoded

SCHEMA = "twsprobe.replay/1"


def mismatch_lines(mismatch: Mismatch) -> list[str]:
    """What a client did that was not recorded. Safe to print."""
    return [safe(line) for line in str(mismatch).splitlines()]


def missing_line(connection: int, turns: Iterable[Turn]) -> str:
    """What recorded clients said and those that came did not. Safe to print."""
    names = [turn.event.name if isinstance(turn.event, Decoded) else turn.event.event for turn in turns if turn.event is not None]
    counted = ", ".join(f"{name} ({names.count(name)} times)" if names.count(name) > 1 else name for name in dict.fromkeys(names))
    return safe(f"connection {connection}: recorded and not asked for: {counted}")


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """What came of a connection. Safe to print."""
    head = f"connection {comparison.connection}:"
    yield f"{head} {counted(len(comparison.sent), 'message')} sent, server version {version(comparison.received_version)}"
    if comparison.recorded_version != comparison.received_version:
        yield f"  server version: recorded {version(comparison.recorded_version)}, received {version(comparison.received_version)}"
    for left_out in comparison.left_out:
        yield safe(f"  left out: {left_out.request}, {left_out.reason}")
    if comparison.closed is not None:
        yield f"  the server closed the connection early ({comparison.closed.value})"
    for difference in comparison.differences:
        yield safe(f"  {difference_words(difference)}")
    if not comparison.different:
        yield "  answered as recorded"


def version(number: int | None) -> str:
    """A server version, which may not have come."""
    return "none" if number is None else str(number)


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def difference_words(difference: AnswerDifference) -> str:
    """A difference in a line; not yet safe."""
    where = f"{difference.request}: {difference.message}"
    if difference.kind is Kind.CHANGED:
        return f"{where}.{difference.path}: recorded {shown(difference.recorded)}, received {shown(difference.received)}"
    if difference.kind is Kind.UNANSWERED:
        return f"{difference.request}: the answer did not come to its end"
    values = difference.recorded if difference.kind is Kind.MISSING else difference.received
    return f"{where} {'is missing' if difference.kind is Kind.MISSING else 'is new'}: {brief(values)}"


def brief(values: dict[str, Any]) -> str:
    """A message's values in a few characters."""
    return " ".join(f"{path}={value}" for path, value in values.items())


def comparison_object(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The JSON object of a whole comparison."""
    return {
        "schema": SCHEMA,
        "different": any(each.different for each in comparisons),
        "connections": [connection_object(each) for each in comparisons],
    }


def connection_object(comparison: Comparison) -> dict[str, Any]:
    """The JSON object of one connection."""
    return {
        "connection": comparison.connection,
        "different": comparison.different,
        "server_version": {"recorded": comparison.recorded_version, "received": comparison.received_version},
        "sent": list(comparison.sent),
        "left_out": [{"request": each.request, "reason": each.reason} for each in comparison.left_out],
        "closed": None if comparison.closed is None else comparison.closed.value,
        "differences": [
            {
                "kind": each.kind.value,
                "request": each.request,
                "message": each.message or None,
                "path": each.path or None,
                "recorded": plain(each.recorded),
                "received": plain(each.received),
            }
            for each in comparison.differences
        ],
    }
