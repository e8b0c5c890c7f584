"""``twsprobe decode``."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator

import click

from twsprobe.capture.model import CaptureError, Chunk, Closed, Opened
from twsprobe.capture.reading import Capture, open_capture
from twsprobe.cli.exits import CaptureCorrupt, ExitCode
from twsprobe.cli.output import coloured
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Undecodable, Unknown
from twsprobe.wire.framing import Direction

Seen = tuple[int, int, Event | Opened | Closed]
"""A connection, a time in nanoseconds since the epoch, and what was seen."""
Filter = Callable[[Event], bool]


@click.command(short_help="Show what a capture holds.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("-v", "--verbose", is_flag=True, help="Show each field with its offset and its bytes; with --json add the raw bytes.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Only messages of this name; repeatable.")
@click.option("--id", "ids", multiple=True, type=click.IntRange(min=0), metavar="ID", help="Only messages with this id; repeatable.")
@click.option("--direction", type=click.Choice(["to_server", "to_client"]), help="Only what went this way.")
def command(file: str, as_json: bool, verbose: bool, names: tuple[str, ...], ids: tuple[int, ...], direction: str | None) -> int:
    """Decode the capture FILE: every message of every connection, by name and field, and every byte that is none.

    A torn or damaged file is shown up to the damage; the exit code is 4 then.
    """
    wanted = filter_of(names, ids, direction)
    plain_records = not (names or ids or direction)
    try:
        with open_capture(file) as capture:
            show(capture, wanted, plain_records, as_json=as_json, verbose=verbose)
    except CaptureError as fault:
        sys.stdout.flush()
        raise CaptureCorrupt(str(fault)) from None
    return int(ExitCode.OK)


def filter_of(names: tuple[str, ...], ids: tuple[int, ...], direction: str | None) -> Filter:
    """A test of events from the options: names and ids name messages, so what is no message passes only without them."""

    def wanted(event: Event) -> bool:
        if direction is not None and event.direction.value != direction:
            return False
        if not names and not ids:
            return True
        name = event.name if isinstance(event, (Decoded, Undecodable)) else event.event
        id = event.id if isinstance(event, (Decoded, Undecodable, Unknown)) else None
        return name in names or (id is not None and id in ids)

    return wanted


def seen_in(capture: Capture) -> Iterator[Seen]:
    """Everything in a capture, in its order."""
    conversations: dict[int, Conversation] = {}
    last_ns = 0
    fault: CaptureError | None = None
    try:
        for record in capture:
            last_ns = record.time_ns
            conversation = conversations.setdefault(record.connection, Conversation())
            if isinstance(record, Chunk):
                for event in conversation.feed(record.direction, record.data):
                    yield record.connection, record.time_ns, event
                continue
            if isinstance(record, Closed):
                for event in conversation.end(record.direction):
                    yield record.connection, record.time_ns, event
            yield record.connection, record.time_ns, record
    except CaptureError as torn:
        # What had begun is shown before the fault is named.
        fault = torn
    for connection, conversation in conversations.items():
        for direction in Direction:
            for event in conversation.end(direction):
                yield connection, last_ns, event
    if fault is not None:
        raise fault


def show(capture: Capture, wanted: Filter, plain_records: bool, *, as_json: bool, verbose: bool) -> None:
    """Print what is wanted of a capture."""
    from twsprobe.views.decode import HEADER, event_line, field_lines, record_line
    from twsprobe.views.events import event_object, record_object

    width = max(shutil.get_terminal_size().columns, 80) if sys.stdout.isatty() else 10**6
    first_ns: int | None = None
    for connection, time_ns, seen in seen_in(capture):
        if first_ns is None:
            first_ns = time_ns
            if not as_json:
                click.echo(click.style(HEADER, bold=True) if coloured(sys.stdout) else HEADER)
        if isinstance(seen, (Opened, Closed)):
            if plain_records:
                click.echo(json.dumps(record_object(seen)) if as_json else record_line(seen, first_ns))
        elif wanted(seen):
            if as_json:
                click.echo(json.dumps(event_object(seen, connection, time_ns, raw=verbose)))
                continue
            click.echo(event_line(seen, connection, time_ns - first_ns, width))
            if verbose:
                for line in field_lines(seen):
                    click.echo(line)
