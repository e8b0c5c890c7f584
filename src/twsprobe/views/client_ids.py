"""Client ids for people: a line an id, and what the whole comes to."""

from __future__ import annotations

from twsprobe.probing.client_ids import ClientIds, Tried
from twsprobe.views.line import Line
from twsprobe.views.probe import wrapped
from twsprobe.views.safe import safe
from twsprobe.views.watching import counted

STYLES = {"free": "ok", "taken": "fail", "unknown": "warn", "skipped": "faint"}
INDENT = 24
"""Columns before the reason: a state of at most seven characters and an id of at most ten."""


def id_lines(tried: Tried) -> list[Line]:
    """One id: its state, and why."""
    shown = "master" if tried.client_id is None else str(tried.client_id)
    lead = f"  {tried.state:<9}{shown:<11}"
    note = " It was chosen at random." if tried.random else ""
    return wrapped(tried.detail + note, INDENT, lead, STYLES[tried.state])


def result_lines(found: ClientIds) -> list[Line]:
    """The whole of a look."""
    version = f"  server version {found.server_version}" if found.server_version is not None else ""
    lines = [Line(safe(found.target), version, "strong")]
    for each in found.tried:
        lines += id_lines(each)
    if found.stopped is not None:
        lines += wrapped(f"No id after that was tried: {found.stopped.value} is not about the id. 'twsprobe probe' says why it is.", 2)
    return [*lines, Line(f"{counted(found.connections_opened)} opened and closed, one at a time", "", "faint")]
