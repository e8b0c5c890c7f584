"""Transitions for people: lines of 80 columns, for standard error, and for the live view."""

from __future__ import annotations

from collections.abc import Mapping

from twsprobe.probing.signatures import Signature
from twsprobe.probing.transitions import Kind, Transition
from twsprobe.views.line import Line
from twsprobe.views.probe import wrapped
from twsprobe.views.safe import safe

INDENT = 11
WELL = frozenset({Kind.READY, Kind.RESTARTED, Kind.RECONNECTED, Kind.BACKEND_RESTORED, Kind.FARM_RESTORED})
RICH_STYLES = {"ok": "bold green", "fail": "bold red", "warn": "yellow", "": ""}
"""What the names of styles are called where rich draws."""


def transition_lines(transition: Transition, lead: str) -> list[Line]:
    """What has changed, why that may be, and what to do. ``lead`` is a time, of at most nine characters."""
    name = transition.kind.value
    if transition.kind is Kind.FAILURE and transition.signature is not None:
        name = transition.signature.value
    style = "ok" if transition.kind in WELL else "warn" if transition.level else "fail"
    farm = f" ({safe(transition.farm, 60)})" if transition.farm else ""
    code = f" [{transition.code}]" if transition.code is not None else ""
    lines = wrapped(f"{name}{code}{farm}: {transition.sentence}", INDENT, f"{lead:>9}", style)
    if transition.cause is not None:
        lines += wrapped(f"{transition.cause.confidence.value} cause: {transition.cause.title}", INDENT)
        lines += wrapped(transition.cause.remedy, INDENT + 3, " " * INDENT + "->")
    return lines


def for_screen(lines: list[Line]) -> list[tuple[str, str]]:
    """Lines for ``views.live``."""
    return [((line.lead + line.rest).rstrip(), RICH_STYLES.get(line.style, "")) for line in lines]


def status_text(
    target: str, signature: Signature | None, seconds: float, round_trip: float | None, connections: int, broken: Mapping[str, int]
) -> str:
    """The line below a live view."""
    state = signature.value if signature is not None else "lost" if connections else "trying"
    ping = "" if round_trip is None else f" | ping {round_trip * 1000:.1f} ms"
    farms = f" | {len(broken)} farm{'' if len(broken) == 1 else 's'} broken" if broken else ""
    return f" {safe(target, 60)} | {state} for {span(seconds)}{ping}{farms} | {counted(connections)} "


def counted(connections: int) -> str:
    """How many connections, in words."""
    return f"{connections} connection{'' if connections == 1 else 's'}"


def span(seconds: float) -> str:
    """A length of time for people: "12 s", "3 min 05 s", "2 h 10 min"."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02} min"
