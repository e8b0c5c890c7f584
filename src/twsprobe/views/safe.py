"""Text from a peer or a file, made harmless before a terminal, a log or a page sees it.

A server can put escape codes, right-to-left overrides and line breaks into any text that it sends. Every character that does not stand
for itself on one line is shown as its escape, so that the reader sees that it was there: what Python's tables call unprintable (controls,
format characters, odd blanks, lone surrogates, what no standard has assigned) and what they call printable though nothing is seen of it.
"""

from __future__ import annotations

LONGEST = 4096
"""Characters of one text that are shown."""

UNSEEN = frozenset(
    (
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0",
        *map(chr, range(0xFE00, 0xFE10)),
        *map(chr, range(0xE0100, 0xE01F0)),
    )
)
"""Printable by their category, yet without a glyph: Unicode's Default_Ignorable_Code_Point, as far as ``isprintable`` lets it pass."""


def escaped(character: str) -> str:
    """A character as its Python escape."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def safe(text: str, longest: int = LONGEST) -> str:
    """``text`` as printable characters of one line; what is beyond ``longest`` characters is only counted."""
    shown = text[:longest]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(one if one.isprintable() and one not in UNSEEN else escaped(one) for one in shown)
    return shown if len(text) <= longest else f"{shown}... {len(text) - longest} more"
