"""``twsprobe diff``."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.reading import Capture, open_capture
from twsprobe.cli.decode import LONG_FILE, passing
from twsprobe.cli.exits import CaptureCorrupt, ExitCode
from twsprobe.cli.output import print_lines
from twsprobe.views.line import Line

if TYPE_CHECKING:
    from twsprobe.capture.diff import Comparison

SHOWN = 5
"""Differing messages of one name and kind that are shown unless all are wanted."""
IN_MEMORY = 1 << 20
"""Bytes of output that wait for the summary in memory, and beyond that in a temporary file."""


def show_volatile(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the table of what is set aside, and end."""
    if wanted and not context.resilient_parsing:
        from twsprobe.views.diff import volatile_lines

        print_lines(volatile_lines(columns()))
        context.exit(int(ExitCode.OK))


@click.command(short_help="Compare two captures.")
@click.argument("a", type=click.Path(exists=True, dir_okay=False, allow_dash=False))
@click.argument("b", type=click.Path(exists=True, dir_okay=False, allow_dash=False))
@click.option("--ignore", multiple=True, metavar="PATTERN", help="Set fields aside, too: tickPrice.size, 'error.*'; repeatable.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Report nothing but these: tickPrice, openOrder.order.*; repeatable.")
@click.option("--compare", multiple=True, metavar="PATTERN", help="Compare fields that are set aside by themselves; repeatable.")
@click.option(
    "--volatile", is_flag=True, is_eager=True, expose_value=False, callback=show_volatile, help="List what is set aside, and why."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, a summary last.")
@click.option("-v", "--verbose", is_flag=True, help=f"Show every difference, not the first {SHOWN} of each message and kind.")
def command(a: str, b: str, ignore: tuple[str, ...], only: tuple[str, ...], compare: tuple[str, ...], as_json: bool, verbose: bool) -> int:
    """Say what differs between the captures A and B: what appeared, vanished, moved or changed, field by field.

    Requests are aligned by what they ask, and answers within their request. Times, ids, addresses and ports are set aside. PATTERN is a
    glob on message.field.path; one without a point stands for whole messages.

    Two reports of "twsprobe versions --report" (PREFIX.json) compare as well: answers, messages, fields.

    The exit code is 1 where they differ, and 0 where not. Of a torn or damaged file what is whole is compared; the exit code is 4 then.
    """
    from twsprobe.capture.diff import Comparison
    from twsprobe.capture.volatile import Rules

    if is_version_report(a, b):
        if ignore or only or compare:
            raise click.UsageError("--ignore, --only and --compare are about captures, and these are version reports.")
        return compare_reports((a, b), as_json=as_json)
    check_patterns("--ignore", ignore)
    check_patterns("--only", only)
    check_patterns("--compare", compare)
    try:
        with open_capture(a) as one, open_capture(b) as other, followed(one, other) as records:
            comparison = Comparison(*records, Rules(ignore, only, compare))
            if as_json:
                print_objects(comparison, (a, b))
            else:
                print_report(comparison, (a, b), everything=verbose)
    except CaptureError as fault:
        raise CaptureCorrupt(str(fault)) from None
    torn = [str(fault) for fault in comparison.totals.faults if fault is not None]
    if torn:
        sys.stdout.flush()
        raise CaptureCorrupt("; ".join(torn) + "; what is whole was compared")
    return int(ExitCode.FINDINGS if comparison.totals.differ else ExitCode.OK)


def is_version_report(a: str, b: str) -> bool:
    """Whether both files are version reports, by how they begin. Raises UsageError where only one is."""
    from twsprobe.probing.version_reports import is_report

    found = []
    for path in (a, b):
        if not Path(path).is_file():
            return False  # what is read from a pipe is gone
        with Path(path).open("rb") as file:
            found.append(is_report(file.read(256)))
    if found[0] != found[1]:
        raise click.UsageError(f"{(a, b)[found.index(True)]} is a version report, and {(a, b)[found.index(False)]} is none.")
    return found[0]


def compare_reports(paths: tuple[str, str], *, as_json: bool) -> int:
    """Compare two version reports, and print what differs. Raises CaptureCorrupt."""
    from twsprobe.probing.version_reports import compare, read_report
    from twsprobe.views.versions import difference_lines, difference_object

    reports = []
    for path in paths:
        try:
            reports.append(read_report(Path(path).read_bytes()))
        except ValueError as fault:
            raise CaptureCorrupt(f"{path}: {fault}") from None
    differences = list(compare(*reports))
    if as_json:
        for each in differences:
            sys.stdout.write(json.dumps(difference_object(each)) + "\n")
        sys.stdout.write(json.dumps({"event": "summary", "a": paths[0], "b": paths[1], "differences": len(differences)}) + "\n")
    else:
        print_lines(difference_lines(differences, paths))
    return int(ExitCode.FINDINGS if differences else ExitCode.OK)


def check_patterns(option: str, patterns: Iterable[str]) -> None:
    """Refuse patterns of which the message's name fits none: misspelt, they would do nothing in silence. Raises UsageError."""
    from twsprobe.capture.volatile import fits_a_message

    for pattern in patterns:
        if not fits_a_message(pattern):
            raise click.UsageError(f"{option}: no message is called {pattern.partition('.')[0]!r}")


def columns() -> int:
    """The columns of a line: a terminal's, 80 where there is none."""
    return max(shutil.get_terminal_size().columns, 80) if sys.stdout.isatty() else 80


@contextlib.contextmanager
def followed(one: Capture, other: Capture) -> Iterator[tuple[Iterable[Record], Iterable[Record]]]:
    """Two captures' records, with how far they are on a terminal's standard error where the files are long."""
    size = sum(Path(capture.path).stat().st_size for capture in (one, other))
    if size < LONG_FILE or not sys.stderr.isatty():
        yield one, other
        return
    with click.progressbar(length=size, label="comparing", file=sys.stderr, update_min_steps=size // 200) as bar:
        yield passing(one, bar.update), passing(other, bar.update)


def print_objects(comparison: Comparison, paths: tuple[str, str]) -> None:
    """Print one JSON object a difference, as it is found, and the summary."""
    from twsprobe.views.diff import difference_object, summary_object

    for difference in comparison:
        sys.stdout.write(json.dumps(difference_object(difference)) + "\n")
    sys.stdout.write(json.dumps(summary_object(comparison.totals, paths)) + "\n")


def print_report(comparison: Comparison, paths: tuple[str, str], *, everything: bool) -> None:
    """Print the summary, and below it the differences, which wait for it in a file where they are many."""
    from twsprobe.views.diff import summary_lines

    width = columns()
    with tempfile.SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", errors="surrogatepass", newline="\n") as waiting:
        for line in report_lines(comparison, width, everything=everything):
            put(line, waiting)
        print_lines(summary_lines(comparison.totals, paths, width))
        waiting.seek(0)
        print_lines(taken(waiting))


def report_lines(comparison: Comparison, width: int, *, everything: bool) -> Iterator[Line]:
    """The differences, those of one message below its name; of many alike the first ones, and how many more there are."""
    from twsprobe.views.diff import difference_lines, head_line, heading

    shown: Counter[tuple[object, ...]] = Counter()
    last: object = None
    visible = False
    for difference in comparison:
        head = heading(difference)
        if head != last:
            alike = difference.direction, difference.message, difference.kind if not difference.field else None
            shown[alike] += difference.gate is None
            visible = everything or difference.gate is not None or shown[alike] <= SHOWN
            last = head
            if visible:
                yield Line("")
                yield head_line(difference, width)
        if visible:
            yield from difference_lines(difference, width)
    more = sum(count - SHOWN for count in shown.values() if count > SHOWN)
    if more and not everything:
        yield Line("")
        yield Line("", f"{more:,} more messages differ in the same ways; -v shows all.")


def put(line: Line, file: IO[str]) -> None:
    """Put a line into a file; no part of it holds a line break or a control character."""
    file.write("\t".join((line.style, line.lead, line.rest)) + "\n")


def taken(file: Iterable[str]) -> Iterator[Line]:
    """The lines that were put into a file."""
    for text in file:
        style, lead, rest = text.rstrip("\n").split("\t")
        yield Line(lead, rest, style)
