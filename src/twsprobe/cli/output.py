"""Printing for people: colours only where they are seen, never where NO_COLOR is set."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO

import click

from twsprobe.views.line import Line

STYLES: dict[str, dict[str, object]] = {
    "ok": {"fg": "green", "bold": True},
    "fail": {"fg": "red", "bold": True},
    "warn": {"fg": "yellow"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


def coloured(stream: IO[str]) -> bool:
    """Whether a stream shows colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_lines(lines: Iterable[Line], *, err: bool = False) -> None:
    """Print lines to standard output, or to standard error."""
    colour = coloured(sys.stderr if err else sys.stdout)
    for line in lines:
        lead = click.style(line.lead, **STYLES[line.style]) if line.style and colour else line.lead  # type: ignore[arg-type]
        click.echo((lead + line.rest).rstrip(), err=err, color=colour)
