"""Lines that clients, TWS, IBC and forwarders write when a connection fails: what each means, and what may be behind it.

The problem: the line that a user has is rarely about what went wrong. ``TimeoutError()`` stands for seven different ends of a connection,
and "clientId already in use?" is a guess of the client's. The rule: a line is known by a pattern, and says what was the case when it was
written; which signatures it can hide; and the command that tells them apart. Several patterns may fit one line, and all count.
Known doubt: the words are those of the releases that the sources quote; others may write the same in other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from twsprobe.probing.log_table import CLIENT_LINES, Known
from twsprobe.probing.log_table_server import SERVER_LINES

LINES = CLIENT_LINES + SERVER_LINES
"""The lines that are known."""
CODE = re.compile(r"(?:\b[Ee][Rr][Rr][Oo][Rr]\s+-?\d+\s+(\d{3,5})|(?:[Ee]rror|ERROR|[Ww]arning|[Cc]ode)[\s=:,]{1,3}(\d{3,5}))\b(?!\.\d)")
"""An error code as clients log it: ``Error 326, reqId -1: ...``, ``ERROR -1 502 ...``, ``errorCode=2104``."""
LONGEST = 2000
"""Characters of a line that are looked at."""

_COMPILED = tuple((known, re.compile(known.pattern)) for known in LINES)


class Match(NamedTuple):
    """A known line that was found: how often, and the first time with its number from 1 and its text."""

    known: Known
    times: int
    number: int
    text: str


class Read(NamedTuple):
    """What was found in a log: known lines, and the numbers of error codes, each in the order in which they first stand there."""

    matches: list[Match]
    codes: list[int]


def read_log(lines: Iterable[str]) -> Read:
    """What is known of a text."""
    found: dict[str, Match] = {}
    codes: dict[int, None] = {}
    for number, line in enumerate(lines, 1):
        for known in known_in(line):
            first = found.get(known.id, Match(known, 0, number, line.strip()[:LONGEST]))
            found[known.id] = first._replace(times=first.times + 1)
        codes |= dict.fromkeys(int(match[1] or match[2]) for match in CODE.finditer(line[:LONGEST]))
    return Read(list(found.values()), list(codes))


def known_in(line: str) -> Iterator[Known]:
    """What is known of one line."""
    line = line[:LONGEST]
    for known, pattern in _COMPILED:
        if pattern.search(line):
            yield known
