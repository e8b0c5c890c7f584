"""``twsprobe convert``."""

from __future__ import annotations

import datetime
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twsprobe.capture.model import CaptureError, Record
from twsprobe.cli.decode import LONG_FILE
from twsprobe.cli.exits import CaptureCorrupt, ExitCode, IOFailed
from twsprobe.cli.redact import check_target

if TYPE_CHECKING:
    from twsprobe.capture.files import Writer
    from twsprobe.capture.importing import Source

FORMATS = ("capture", "tws-log", "ib-async-log", "ibapi-log", "rust-ibapi")
"""The values of ``capture.importing.Form``, which is slow to import."""
FIRST_YEAR, LAST_YEAR = 1971, 2200


@click.command(short_help="Convert captures and logs.")
@click.argument("sources", metavar="IN...", nargs=-1, required=True, type=click.Path(exists=True))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace OUT if there is one.")
@click.option("--server-version", type=click.IntRange(100, 999), metavar="N", help="The server version, where a log does not tell it.")
@click.option("--date", metavar="YYYY-MM-DD", help="The day of a log's first line, where the log does not tell it.")
@click.option(
    "--from", "form", type=click.Choice(FORMATS), metavar="FORMAT", help=f"What IN is, if not what it looks like: {', '.join(FORMATS)}."
)
def command(sources: tuple[str, ...], target: str, overwrite: bool, server_version: int | None, date: str | None, form: str | None) -> int:
    """Write to OUT, as a capture, what IN holds: a capture, an API log that TWS or IB Gateway exported, a DEBUG log of ib_async, ib_insync
    or ibapi, or a folder of rust-ibapi's recordings. The content tells which; of several IN one follows the other.

    The name of OUT tells its format: .jsonl, .pcapng or .pcap, and .gz or .zst behind it.

    Logs that join fields do not tell where these end: messages are split as their declarations say, and notes in OUT mark what is a guess.
    Their times are taken as UTC. A torn IN is converted up to the tear; the exit code is 4 then.
    """
    day = day_of(date)
    for source in sources:
        check_target(source, target, overwrite)
    from twsprobe.capture.imported import VersionUnknown
    from twsprobe.capture.importing import Form

    output = Output(target, overwrite)
    try:
        for source in sources:
            output.add(source, Form(form) if form is not None else None, server_version, day)
    except VersionUnknown as fault:
        output.drop()
        raise click.UsageError(str(fault)) from None
    except CaptureError as fault:
        if fault.path == target:
            raise IOFailed(str(fault)) from None
        output.finish()
        raise CaptureCorrupt(f"{fault}{'; what is whole before it was written' if output.count else ''}") from None
    finally:
        output.close()
    output.finish()
    return int(ExitCode.OK)


def day_of(date: str | None) -> datetime.date | None:
    """The day that was said. Raises UsageError if it is none."""
    if date is None:
        return None
    try:
        day = datetime.date.fromisoformat(date)
    except ValueError:
        raise click.UsageError(f"--date: {date!r} is no day like 2024-05-01") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise click.UsageError(f"--date: {date} is not between {FIRST_YEAR} and {LAST_YEAR}")
    return day


class Output:
    """The capture that is written: made with the first record, so that what cannot be read leaves no file behind."""

    def __init__(self, target: str, overwrite: bool) -> None:
        self.target, self._overwrite = target, overwrite
        self._writer: Writer | None = None
        self.count = self._free = 0
        self._said: list[str] = []

    def add(self, path: str, form: object, server_version: int | None, day: datetime.date | None) -> None:
        """Write all records of a source. Raises CaptureError, OSError."""
        from twsprobe.capture.importing import Form, open_source

        assert form is None or isinstance(form, Form)
        with open_source(path, form=form, server_version=server_version, day=day) as source:
            try:
                self._write(source)
            finally:
                self._said += summary(source)

    def _write(self, source: Source) -> None:
        # Of the first source the numbers of connections stay as they are; those of the next ones come behind them.
        numbers: dict[int, int] | None = None if self._writer is None else {}
        try:
            records = followed(source)
            first = next(records, None)
            if self._writer is None:
                self._writer = self._made(source, first)
            for record in itertools.chain(() if first is None else (first,), records):
                if numbers is not None:
                    record = record._replace(connection=numbers.setdefault(record.connection, self._free + len(numbers)))
                else:
                    self._free = max(self._free, record.connection + 1)
                self._writer.write(record)
                self.count += 1
        except ValueError as fault:
            raise IOFailed(f"{self.target}: the format cannot hold a record: {fault}") from None
        finally:
            self._free += len(numbers or ())

    def _made(self, source: Source, first: Record | None) -> Writer:
        from twsprobe.capture.writing import open_writer

        created_ns = source.created_ns
        if created_ns is None and first is not None:
            created_ns = first.time_ns
        return open_writer(self.target, metadata=source.metadata, created_ns=created_ns, overwrite=self._overwrite)

    def drop(self) -> None:
        """Take back what was written."""
        if self._writer is not None:
            self._writer.close()
            Path(self.target).unlink()
            self._writer = None

    def close(self) -> None:
        """Bring the file to the disk."""
        if self._writer is not None:
            self._writer.close()

    def finish(self) -> None:
        """Say what was written."""
        from twsprobe.views.safe import safe

        self.close()
        if self._writer is not None:
            click.echo(f"{safe(self.target)}: {counted(self.count, 'record')}", err=True)
            for line in self._said:
                click.echo(f"  {line}", err=True)


def followed(source: Source) -> Iterator[Record]:
    """A source's records, with how far they are on a terminal's standard error where it is long."""
    path = Path(source.path)
    size = path.stat().st_size if path.is_file() else sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    if size < LONG_FILE or not sys.stderr.isatty():
        yield from source
        return
    with click.progressbar(length=size, label="converting", file=sys.stderr, update_min_steps=size // 200) as bar:
        before = 0
        for record in source:
            position = source.position()
            if position > before:
                bar.update(position - before)
                before = position
            yield record


def summary(source: Source) -> list[str]:
    """What came of a source, in lines."""
    from twsprobe.capture.importing import TITLES, Form
    from twsprobe.views.safe import safe

    name = safe(Path(source.path).resolve().name)
    tally = source.tally
    if source.form is Form.CAPTURE:
        return [f"{name}: {TITLES[source.form]}"]
    lines = [f"{name}: {TITLES[source.form]}, {counted(tally.messages, 'message')}"]
    if tally.ambiguous:
        lines.append(f"  {counted(tally.ambiguous, 'message')} could also be split otherwise; notes tell which")
    if tally.unfitting:
        lines.append(f"  {counted(tally.unfitting, 'message')} fit no declaration and were split at every joiner; notes tell which")
    if tally.opaque:
        lines.append(f"  {counted(tally.opaque, 'line')} could not be read; notes keep them")
    if tally.passed_over:
        lines.append(f"  {counted(tally.passed_over, 'line')} of other content passed over")
    return lines


def counted(number: int, word: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
