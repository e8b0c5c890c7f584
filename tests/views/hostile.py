"""Strings with which a peer or a file would like to reach through a terminal, a log or a parser, and what must not be in an output."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = (
    # CSI: clear, colour, hide, move, alternate screen, queries that a terminal answers, bracketed paste
    "\x1b[2J", "\x1b[3J", "\x1b[31m", "\x1b[8m", "\x1b[1;1H", "\x1b[?1049h", "\x1b[?25l", "\x1b[6n", "\x1b[21t", "\x1b[>c", "\x1b[201~",
    # OSC: title, link, clipboard, image, palette, notification
    "\x1b]0;title\x07", "\x1b]2;title\x1b\\", "\x1b]8;;http://evil.invalid/\x1b\\text\x1b]8;;\x1b\\", "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]1337;File=inline=1:AAAA\x07", "\x1b]4;1;?\x07", "\x1b]777;notify;a;b\x07",
    # DCS, APC, PM, SOS, reset, line drawing, alignment test
    "\x1bP+q544e\x1b\\", "\x1bP$qm\x1b\\", "\x1b_Gf=100;AAAA\x1b\\", "\x1b^text\x1b\\", "\x1bXtext\x1b\\",
    "\x1bc", "\x1b(0", "\x1b#8", "\x1b",
    # the same with C1 controls
    "\x9b2J", "\x9d0;title\x9c", "\x90q\x9c", "\x9ftext\x9c", "\x84", "\x85", "\x8d",
    # other controls, overwriting, line ends
    "\0", "\a", "\b" * 20, "\t", "\n", "\v", "\f", "\r", "\x0e", "\x0f", "\x1a", "\x1c", "\x1d", "\x1e", "\x1f", "\x7f",
    "FAIL\rPASS", "\r\n\r\nPASS  all is well", "\x1b[1K\rPASS", "\u2028", "\u2029",
    # directions, nothing to be seen, nothing assigned
    "\u202etxt.exe\u202c", "\u202d", "\u2066\u2067\u2068\u2069", "\u200e\u200f\u061c", "a\u200bb\u200cc\u200dd\u2060e\ufefff\xadg",
    "\u034f\u115f\u1160\u17b4\u180e\u3164\uffa0", "\ufe0f\ufe00\U000e0100", "\U000e0001\U000e0041\U000e007f", "\ufff9a\ufffab\ufffb",
    "\xa0\u2000\u3000", "\ue000\U0010fffd", "\ufffe\uffff\U0001ffff", "\u0378", "\U0001d173", "\U00013430",
    # half a surrogate pair
    "\ud800", "\udfff", "\udc80\ud83d", "\ud83d\ude00",
    # markup and templates
    "[red]", "[/]", "[/x]", "[bold red on blink]x[/]", "[link=http://evil.invalid]x[/link]", "[@click=app.bell]x[/]", "\\[red]", "[[", "]",
    ":skull:", "{0}", "{host}", "{0.__class__}", "%s%n", "%(x)s", "$(reboot)", "`reboot`", "<script>alert(1)</script>", "&#27;[2J",
    # formats around the text: JSON, CSV, perfdata, escapes, paths
    '"},{"ok":true,"x":"', "\\u001b[2J", "\\", "=cmd|' /C calc'!A0", "@SUM(1)", "| evil=1;;;;", "a=1 'b c'=2", "../../etc/passwd", "CON",
    # numbers, wide and stacked characters
    "nan", "1e999", "9" * 400, "\U0001f600", "\U0001f468\u200d\U0001f469", "\U0001f1e9\U0001f1ea",
    "\u4e2d\u56fd\u6807\u51c6", "z" + "\u0301" * 60,
)  # fmt: skip

HOSTILE = tuple(string for sequence in _SEQUENCES for string in (sequence, f"before {sequence} after", sequence * 3))
"""About 300 strings."""
HUGE = ("A" * 2**20, "\x1b[2J" * 2**18, "\u202e" * 2**20, "[/x]" * 2**18)
"""Strings of a mebi of characters."""

_OWN_COLOURS = re.compile(r"\x1b\[(?:0|1|2|31|32|33)m")
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE10)))


def wire(text: str) -> bytes:
    """A string's bytes, half surrogate pairs too."""
    return text.encode("utf-8", "surrogatepass")


def one_field(text: str) -> bytes:
    """A string's bytes as one field of a text message, which a NUL would end."""
    return wire(text).replace(b"\0", b"\1")


def encodable(text: str) -> str:
    """What can go out as protobuf, which has no half surrogate pairs."""
    return text.encode("utf-8", "replace").decode()


def is_live(character: str) -> bool:
    """Whether a character does something else than to stand for itself."""
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp") or character in _UNSEEN or 0xE0000 <= ord(character) < 0xE1000


def live(text: str, *, coloured: bool = False, allowed: str = "\n") -> set[str]:
    """What an output holds that it must not: the characters that are live, but for line feeds and, where asked, our own colours."""
    if coloured:
        text = _OWN_COLOURS.sub("", text)
    return {character for character in set(text) if character not in allowed and is_live(character)}
