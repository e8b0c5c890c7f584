"""``twsprobe export``."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

import click

from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.reading import Capture, open_capture
from twsprobe.cli.decode import LONG_FILE, filter_of, passing
from twsprobe.cli.exits import CaptureCorrupt, ExitCode, IOFailed

if TYPE_CHECKING:
    from twsprobe.capture.filtering import Filter
    from twsprobe.capture.message_rows import MessageTable
    from twsprobe.capture.table_files import Batch, Writer


@click.command(short_help="Write captures as tables.")
@click.argument("captures", metavar="CAPTURE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--output", "out", metavar="OUT", required=True, type=click.Path(), help="The file, or the folder for --parquet.")
@click.option("--parquet", "hive", is_flag=True, help="Add to a folder of Parquet files, one a capture, in a Hive layout.")
@click.option("--message", metavar="NAME", help="The table of one message, with a column for each of its fields.")
@click.option("--where", metavar="EXPR", help="Only what fits: name in (tickPrice, tickSize) and reqId == 7; as in decode.")
@click.option("--csv-raw", is_flag=True, help="Leave text in CSV as it is, even where a spreadsheet would run it.")
@click.option(
    "--server-version", type=click.IntRange(100, 999), metavar="N", help="The version where the greeting is missing; else guessed."
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
def command(
    captures: tuple[str, ...],
    out: str,
    hive: bool,
    message: str | None,
    where: str | None,
    csv_raw: bool,
    server_version: int | None,
    overwrite: bool,
) -> int:
    """Write what captures hold as one flat table, for DuckDB, Polars, Spark or a spreadsheet.

    OUT is a .jsonl, .csv or .parquet file, or with --parquet a folder. The table is called frames and has a row for everything that was
    seen: capture, connection, sequence, time_ns, direction, id, name, server_version, request_id, size, anomaly, fields (as JSON) and raw
    (the bytes). The table of one message has its fields in place of the last ones.

    Of a torn or damaged capture what is whole is written; the exit code is 4 then. Nothing is redacted: see redact.
    """
    job = Job(message_table(message), filter_of(where, None, (), (), None), server_version)
    names = capture_names(captures)
    from twsprobe.capture.export import FRAMES
    from twsprobe.capture.table_files import open_table
    from twsprobe.views.spreadsheet import inert

    check_output(out, hive)
    table = FRAMES if job.of is None else job.of.table
    with written(out), open_table(out, table, hive=hive, cell=None if csv_raw else inert, overwrite=overwrite) as writer:
        faults = export_all(dict(zip(captures, names, strict=True)), writer, job)
    count = len(captures)
    click.echo(f"{safe_name(out)}: {writer.count:,} rows of {count} capture{'s' if count != 1 else ''}")
    if faults:
        sys.stdout.flush()
        raise CaptureCorrupt("; ".join(faults) + "; what is whole was written")
    return int(ExitCode.OK)


class Job(NamedTuple):
    """What is wanted of each capture: all, or one message's table, and of that what fits a filter."""

    of: MessageTable | None
    wanted: Filter | None
    server_version: int | None


def message_table(name: str | None) -> MessageTable | None:
    """The table of a message. Raises UsageError for a name that no message has."""
    if name is None:
        return None
    from twsprobe.capture.message_rows import MessageTable, message_named

    try:
        return MessageTable(message_named(name))
    except KeyError:
        raise click.UsageError(f"--message: no message is called {name!r}") from None


def capture_names(paths: Sequence[str]) -> list[str]:
    """What the captures are called in the table: their files' names, or where two have the same, their paths."""
    if twice := next((path for path, count in Counter(paths).items() if count > 1), None):
        raise click.UsageError(f"{twice} is given twice")
    names = [PurePath(path).name for path in paths]
    chosen = names if len(set(names)) == len(names) else list(paths)
    return [name.encode("utf-8", "backslashreplace").decode() for name in chosen]


def check_output(out: str, hive: bool) -> None:
    """Refuse a name that says no format, before any time is spent. Raises UsageError."""
    from twsprobe.capture.table_files import SUFFIXES

    if hive and Path(out).is_file():
        raise click.UsageError(f"--parquet: {out} is a file, not a folder")
    if not hive and not out.lower().endswith(SUFFIXES):
        raise click.UsageError(f"-o: {out} does not end with {', '.join(SUFFIXES)}; for a folder of Parquet files say --parquet")


@contextlib.contextmanager
def written(out: str) -> Iterator[None]:
    """Tells a failure to write from one to read. Raises IOFailed."""
    try:
        yield
    except CaptureError as fault:
        raise IOFailed(str(fault)) from None
    except OSError as fault:
        # What fails while a file is open does not name it.
        raise IOFailed(f"{fault.filename or out}: {fault.strerror or fault}") from None


def export_all(captures: Mapping[str, str], writer: Writer, job: Job) -> list[str]:
    """Write captures, by path with their names, one after the other; returns what is wrong with those that are torn or none."""
    faults: list[str] = []
    with progress(captures) as advanced:
        for path, name in captures.items():
            try:
                with open_capture(path) as capture:
                    export_one(capture, name, writer, job, advanced)
            except CaptureError as fault:
                if fault.path != path:
                    raise
                faults.append(str(fault))
    return faults


def export_one(capture: Capture, name: str, writer: Writer, job: Job, advanced: Callable[[int], object]) -> None:
    """Write a capture. Raises CaptureError, its own or that of what is written, and OSError."""
    records = passing(capture, advanced)
    first = list(itertools.islice(records, 1))
    writer.begin(name, first[0].time_ns if first else None)
    for batch in batches(name, itertools.chain(first, records), job):
        writer.write(batch)
    if left_out := capture.header.get("left_out"):
        click.echo(f"{safe_name(name)}: left out: {safe_name(left_out)}", err=True)


def batches(name: str, records: Iterable[Record], job: Job) -> Iterator[Batch]:
    """The rows of a capture. Raises what ``records`` raises, after the rows before it."""
    from twsprobe.capture.export import frame_rows
    from twsprobe.capture.message_rows import Reader, message_rows
    from twsprobe.capture.seen import seen_in
    from twsprobe.capture.tables import together

    if job.of is not None and job.wanted is None:
        yield from Reader(name, job.of, job.server_version).read(records)
        return
    # What is not wanted is decoded all the same: it counts.
    found = seen_in(records, server_version=job.server_version)
    wanted = None if job.wanted is None else job.wanted.wants
    yield from together(frame_rows(name, found, wanted) if job.of is None else message_rows(name, job.of, found, wanted))


@contextlib.contextmanager
def progress(paths: Iterable[str]) -> Iterator[Callable[[int], object]]:
    """How far the captures are, on a terminal's standard error where they are long."""
    size = sum(Path(path).stat().st_size for path in paths)
    if size < LONG_FILE or not sys.stderr.isatty():
        yield lambda count: None
        return
    with click.progressbar(length=size, label="exporting", file=sys.stderr, update_min_steps=size // 200) as bar:
        yield bar.update


def safe_name(name: str) -> str:
    """A text for the terminal."""
    from twsprobe.views.safe import safe

    return safe(name)
