"""``twsprobe redact``."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.reading import Capture
from twsprobe.cli.decode import LONG_FILE, passing
from twsprobe.cli.exits import CaptureCorrupt, ExitCode, IOFailed

if TYPE_CHECKING:
    from twsprobe.capture.redactor import Redactor

KINDS = ("account", "user", "advisor", "address", "order-reference", "credential")
"""The names of ``wire.sensitive.Kind``, which is slow to import."""
KEY_BYTES, SHORTEST_KEY = 32, 16
SHOWN_DOUBTS = 3


class CannotShare(click.ClickException):
    """A redacted copy was not written, as it might hold a secret."""

    exit_code = int(ExitCode.FINDINGS)


@click.command(short_help="Write a copy of a capture without who you are.")
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False))
@click.option("--key", "key_file", metavar="FILE", type=click.Path(dir_okay=False), help="Use this key, or make one and keep it here.")
@click.option("--drop-undecodable", is_flag=True, help="Drop what cannot be decoded, and leave a note in its place.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if there is one.")
@click.option("--keep", multiple=True, type=click.Choice(KINDS), metavar="KIND", help=f"Leave these: {', '.join(KINDS)}; repeatable.")
def command(source: str, target: str, key_file: str | None, drop_undecodable: bool, overwrite: bool, keep: tuple[str, ...]) -> int:
    """Write to OUT what the capture IN holds, with pseudonyms for accounts, users, advisors' names, hosts, addresses and order references.

    A pseudonym has the length of what it stands for, so frames and their times stay as they are, and the same account has the same one
    throughout. The key that they are made with is thrown away, unless --key names a file for it; the same key gives the same pseudonyms.

    What cannot be decoded may hold a secret: then nothing is written, and the exit code is 1. With --drop-undecodable it is left out.
    A torn or damaged capture is copied up to the damage; the exit code is 4 then.
    """
    from twsprobe.capture.redact import redact
    from twsprobe.capture.redactor import CannotPromise, Redactor
    from twsprobe.wire.sensitive import Kind

    check_target(source, target, overwrite)
    redactor = Redactor(None if key_file is None else key_from(key_file), keep=[Kind(name) for name in keep])
    try:
        dropped = redact(source, target, redactor, drop=drop_undecodable, overwrite=overwrite, followed=followed)
    except CannotPromise as fault:
        raise CannotShare(explained(fault)) from None
    except CaptureError as fault:
        if fault.path != source:
            raise IOFailed(str(fault)) from None
        if Path(target).exists():
            print_summary(target, redactor, 0)
        sys.stdout.flush()
        raise CaptureCorrupt(str(fault)) from None
    print_summary(target, redactor, len(dropped))
    return int(ExitCode.OK)


def check_target(source: str, target: str, overwrite: bool) -> None:
    """Refuse a target that would cost the source or another file, before any time is spent."""
    if os.path.lexists(target):
        if Path(target).exists() and Path(source).samefile(target):
            raise click.UsageError("IN and OUT are the same file")
        if not overwrite:
            raise IOFailed(f"{target}: the file exists and is not overwritten: choose another name, or say --overwrite")


def key_from(path: str) -> bytes:
    """The key in a file, which is made if it is not there, readable by its owner only."""
    if Path(path).exists():
        key = Path(path).read_bytes()
        if len(key) < SHORTEST_KEY:
            raise click.UsageError(f"--key: {path} holds {len(key)} bytes; a key has at least {SHORTEST_KEY}")
        return key
    key = secrets.token_bytes(KEY_BYTES)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
    return key


def followed(capture: Capture) -> Iterator[Record]:
    """A capture's records, with how far they are on a terminal's standard error where the file is long."""
    size = Path(capture.path).stat().st_size
    if size < LONG_FILE or not sys.stderr.isatty():
        yield from capture
        return
    with click.progressbar(length=size, label="redacting", file=sys.stderr, update_min_steps=size // 200) as bar:
        yield from passing(capture, bar.update)


def explained(fault: Exception) -> str:
    """Why nothing was written, and what can be done."""
    doubts = [str(doubt) for doubt in getattr(fault, "doubts", ())]
    if not doubts:
        return f"nothing was written: {fault}"
    more = f"; and {len(doubts) - SHOWN_DOUBTS} more" if len(doubts) > SHOWN_DOUBTS else ""
    listed = "; ".join(doubts[:SHOWN_DOUBTS]) + more
    return f"nothing was written: {fault}. {listed}. Say --drop-undecodable to leave them out"


def print_summary(target: str, redactor: Redactor, dropped: int) -> None:
    """Print what was replaced, without a word of it."""
    from twsprobe.views.safe import safe

    click.echo(f"{safe(target)}: redacted")
    for kind, places in sorted(redactor.replaced.items(), key=lambda item: item[0].value):
        click.echo(f"  {kind.value:<16} {len(redactor.found[kind]):>8} different  {places:>9} replaced")
    if not redactor.replaced:
        click.echo("  nothing had to be replaced")
    kept = [name for name in KINDS if name not in {kind.value for kind in redactor.kinds}]
    if kept:
        click.echo(f"  left as they are: {', '.join(kept)}")
    if dropped:
        click.echo(f"  {dropped} part{'s' if dropped != 1 else ''} that could not be decoded {'were' if dropped != 1 else 'was'} dropped")
