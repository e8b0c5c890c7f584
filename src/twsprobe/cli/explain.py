"""``twsprobe explain``."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twsprobe.cli.exits import ExitCode, IOFailed
from twsprobe.cli.output import print_lines

if TYPE_CHECKING:
    from twsprobe.views.explain import Found

SHOWN = 60
"""Characters of a word that is not known that are shown."""


@click.command(short_help="Say what a message, an error code or a line of a log is.")
@click.argument("word", metavar="MESSAGE|ID|GATE|CODE|TEXT|FILE|-")
@click.option("--server-version", type=click.IntRange(100, 226), metavar="N", help="Show messages as they are at this server version.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each thing.")
def command(word: str, server_version: int | None, as_json: bool) -> int:
    """Explain a message by its name or id, a server version by its number or gate, an error code, or lines of a log.

    A number may be several of these, and all are shown. A log, or a traceback, is a TEXT in quotes, a FILE, or standard input (-): each
    line of a client, of TWS, IBC or a forwarder that is known is explained, with the signatures that may be behind it and the command
    that tells them apart.
    """
    from twsprobe.views.explain import explanation, find, objects

    found = find(word)
    if not any(found):
        found = in_log(word)
    if not any(found):
        raise click.UsageError(nothing(word))
    if as_json:
        for each in objects(found, server_version):
            click.echo(json.dumps(each))
    else:
        print_lines(explanation(found, server_version))
    return int(ExitCode.OK)


def in_log(word: str) -> Found:
    """What is known of the lines of standard input, of a file, or of the text itself. Raises IOFailed."""
    from twsprobe.views.explain import find_in_log

    if word == "-":
        return find_in_log(io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace"))
    if not is_file(word):
        return find_in_log(word.splitlines())
    try:
        with Path(word).open(encoding="utf-8", errors="replace") as file:
            return find_in_log(file)
    except OSError as fault:
        raise IOFailed(f"{word if word.isprintable() else ascii(word)}: {fault.strerror}") from None


def is_file(word: str) -> bool:
    """Whether a word is the path of a file."""
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def nothing(word: str) -> str:
    """Why nothing was explained, in a line."""
    from twsprobe.views.explain import near

    if word == "-":
        return "standard input holds no line of a log, and no error code, that is known"
    shown = repr(word if len(word) <= SHOWN else word[:SHOWN] + "...")
    if is_file(word):
        return f"the file {shown} holds no line of a log, and no error code, that is known"
    if len(word.split()) > 1:
        return f"{shown} is no line of a log that is known, and holds no error code"
    like = near(word)
    hint = f"; like it {'is' if len(like) == 1 else 'are'} {', '.join(like)}" if like else ""
    return f"{shown} is no message, server version or error code{hint}"
