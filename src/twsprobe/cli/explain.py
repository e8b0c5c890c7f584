"""``twsprobe explain``."""

from __future__ import annotations

import json

import click

from twsprobe.cli.exits import ExitCode
from twsprobe.cli.output import print_lines


@click.command(short_help="Say what a message, a server version or an error code is.")
@click.argument("word", metavar="MESSAGE|ID|GATE|CODE")
@click.option("--server-version", type=click.IntRange(100, 226), metavar="N", help="Show messages as they are at this server version.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each thing.")
def command(word: str, server_version: int | None, as_json: bool) -> int:
    """Explain a message by its name or id, a server version by its number or gate, or an error code.

    A number may be several of these, and all are shown.
    """
    from twsprobe.views.explain import explanation, find, near, objects

    found = find(word)
    if not any(found):
        like = near(word)
        shown = word if len(word) <= 60 else word[:60] + "..."
        hint = f"; like it {'is' if len(like) == 1 else 'are'} {', '.join(like)}" if like else ""
        raise click.UsageError(f"{shown!r} is no message, server version or error code{hint}")
    if as_json:
        for each in objects(found, server_version):
            click.echo(json.dumps(each))
    else:
        print_lines(explanation(found, server_version))
    return int(ExitCode.OK)
