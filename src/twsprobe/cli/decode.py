"""``twsprobe decode``."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twsprobe.capture.model import CaptureError, Mark, Record
from twsprobe.capture.reading import Capture, open_capture
from twsprobe.cli.exits import CaptureCorrupt, ExitCode
from twsprobe.cli.output import coloured

if TYPE_CHECKING:
    from twsprobe.capture.filtering import Filter
    from twsprobe.capture.seen import Seen

LONG_FILE = 8 << 20
"""Bytes from which on a file shows how far it is."""
REMEMBERED_IDS = 4096
"""Message ids of which it is remembered whether they can be wanted."""


@click.command(short_help="Show what a capture holds.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("-v", "--verbose", is_flag=True, help="Show each field with its offset and its bytes; with --json add the raw bytes.")
@click.option("--where", metavar="EXPR", help="Only what fits: name in (tickPrice, tickSize) and reqId == 7 and price > 100.")
@click.option("--follow", type=int, metavar="REQID", help="Only what belongs to this request, or order: asked, answered, errors.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Only messages of this name; repeatable.")
@click.option("--id", "ids", multiple=True, type=click.IntRange(min=0), metavar="ID", help="Only messages with this id; repeatable.")
@click.option("--direction", type=click.Choice(["to_server", "to_client"]), help="Only what went this way.")
@click.option(
    "--server-version", type=click.IntRange(100, 999), metavar="N", help="The version where the greeting is missing; else guessed."
)
@click.option("--stats", is_flag=True, help="Count messages: bytes, rates, the longest gaps, the first and the last.")
def command(
    file: str,
    as_json: bool,
    verbose: bool,
    where: str | None,
    follow: int | None,
    names: tuple[str, ...],
    ids: tuple[int, ...],
    direction: str | None,
    server_version: int | None,
    stats: bool,
) -> int:
    """Decode the capture FILE: every message of every connection, by name and field, and every byte that is none.

    EXPR compares fields (reqId, contract.symbol) with values by == != < <= > >= ~ (contains) and in (a, b), joined by and, or, not and
    parentheses. A list fits with any of its elements. Besides the fields there are name, id, event, direction, connection, encoding,
    server_version, size, time (seconds, or ISO 8601), reason and anomalies; fields.size is a message's own.

    A torn or damaged file is shown up to the damage; the exit code is 4 then.
    """
    wanted = filter_of(where, follow, names, ids, direction)
    records_too = follow is None and not (names or ids or direction)
    from twsprobe.views.safe import safe

    try:
        with open_capture(file) as capture, followed(capture, stats) as records:
            found = selected(records, wanted, records_too, server_version)
            if stats:
                count(found, as_json=as_json)
            elif as_json:
                print_objects(found, raw=verbose)
            else:
                print_table(found, verbose=verbose)
            if left_out := capture.header.get("left_out"):
                sys.stdout.flush()
                click.echo(f"left out: {safe(left_out)}", err=True)
    except CaptureError as fault:
        sys.stdout.flush()
        raise CaptureCorrupt(str(fault)) from None
    return int(ExitCode.OK)


def filter_of(where: str | None, follow: int | None, names: tuple[str, ...], ids: tuple[int, ...], direction: str | None) -> Filter | None:
    """What has to hold of everything shown; None where all is wanted."""
    if where is None and follow is None and not (names or ids or direction):
        return None
    from twsprobe.capture.filtering import FilterError, following, going, named, read_filter

    parts = []
    if where is not None:
        try:
            parts.append(read_filter(where))
        except FilterError as fault:
            raise click.UsageError(f"--where, {fault}") from None
    if follow is not None:
        parts.append(following(follow))
    if names or ids:
        parts.append(named(names, ids))
    if direction is not None:
        parts.append(going(direction))
    return functools.reduce(lambda one, other: one & other, parts)


def selected(records: Iterable[Record], wanted: Filter | None, records_too: bool, server_version: int | None) -> Iterator[Seen]:
    """What is wanted of a capture; messages that cannot be, by their ids, are not decoded."""
    from twsprobe.capture.seen import seen_in

    if wanted is None:
        yield from seen_in(records, server_version=server_version)
        return
    worth_decoding = functools.lru_cache(REMEMBERED_IDS)(wanted.can_want)
    for seen in seen_in(records, worth_decoding, server_version=server_version):
        if wanted.wants(seen) and (records_too or not isinstance(seen.what, Mark)):
            yield seen


@contextlib.contextmanager
def followed(capture: Capture, quiet: bool) -> Iterator[Iterable[Record]]:
    """A capture's records, with how far they are on a terminal's standard error where the file is long and nothing else is shown."""
    size = Path(capture.path).stat().st_size
    if size < LONG_FILE or not sys.stderr.isatty() or (sys.stdout.isatty() and not quiet):
        yield capture
        return
    with click.progressbar(length=size, label="decoding", file=sys.stderr, update_min_steps=size // 200) as bar:
        yield passing(capture, bar.update)


def passing(capture: Capture, advanced: Callable[[int], object]) -> Iterator[Record]:
    """A capture's records, and word of the bytes that were read for them."""
    before = 0
    for record in capture:
        position = capture.position()
        if position > before:
            advanced(position - before)
            before = position
        yield record


def print_objects(found: Iterable[Seen], *, raw: bool) -> None:
    """Print one JSON object a line."""
    from twsprobe.views.events import event_json, record_object

    for seen in found:
        what = seen.what
        shown = json.dumps(record_object(what)) if isinstance(what, Mark) else event_json(what, seen.connection, seen.time_ns, raw=raw)
        sys.stdout.write(shown + "\n")


def width() -> int:
    """The columns that a line has: a terminal's, all where there is none."""
    return max(shutil.get_terminal_size().columns, 80) if sys.stdout.isatty() else 10**6


def print_heading(text: str) -> None:
    """Print the head of a table."""
    click.echo(click.style(text, bold=True) if coloured(sys.stdout) else text)


def print_table(found: Iterable[Seen], *, verbose: bool) -> None:
    """Print a line an event."""
    from twsprobe.views.decode import HEADER, event_line, field_lines, record_line
    from twsprobe.views.line import fitted

    columns = width()
    print_heading(HEADER)
    for seen in found:
        if isinstance(seen.what, Mark):
            lines = [fitted(record_line(seen.what, seen.time_ns - seen.elapsed_ns), columns)]
        else:
            lines = [event_line(seen.what, seen.connection, seen.elapsed_ns, columns)]
            lines += field_lines(seen.what) if verbose else ()
        sys.stdout.writelines(f"{line}\n" for line in lines)


def count(found: Iterable[Seen], *, as_json: bool) -> None:
    """Print how much there is of each message; of a torn capture, up to the tear."""
    from twsprobe.capture.statistics import Statistics
    from twsprobe.views.statistics import statistics_lines, statistics_objects

    statistics = Statistics()
    began_ns = 0
    try:
        for seen in found:
            began_ns = seen.time_ns - seen.elapsed_ns
            statistics.add(seen)
    finally:
        if as_json:
            sys.stdout.writelines(json.dumps(each) + "\n" for each in statistics_objects(statistics))
        else:
            head, *lines = statistics_lines(statistics, began_ns, width())
            print_heading(head)
            sys.stdout.writelines(f"{line}\n" for line in lines)
