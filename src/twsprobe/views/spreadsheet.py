"""Text for a cell of a spreadsheet. Those take text that begins like a formula for one, which may then run programs and fetch pages."""

from __future__ import annotations

from twsprobe.views.safe import safe

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula, or a command of DDE, begins with, in ASCII and as Unicode has it in full width."""


def inert(text: str) -> str:
    """``text`` on one line of printable characters, with an apostrophe in front where it could be taken for a formula.

    Blanks in front do not count: some programs strip them. The apostrophe is how spreadsheets mark text as text (OWASP, CSV injection).
    """
    shown = safe(text, len(text))
    return f"'{shown}" if text.lstrip().startswith(BEGINNINGS) or text.startswith(BEGINNINGS) else shown
