"""``twsprobe versions``."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twsprobe.cli.output import print_lines
from twsprobe.cli.record import target_type
from twsprobe.cli.running import run
from twsprobe.probing.signatures import Stage
from twsprobe.probing.targets import FORMS, Target

if TYPE_CHECKING:
    from twsprobe.probing.compatibility import Session, Tried, Versions

SUFFIXES = (".html", ".md", ".json")


@click.command(
    short_help="Say which versions a TWS speaks.",
    epilog=f"TARGET is {FORMS}. Exit codes: 0 every library works, 1 one does not, 10 to 31 the code of a failure that has nothing to do "
    "with versions.",
)
@click.argument("target", callback=target_type)
@click.option("--huge", is_flag=True, help="Also make an offer beyond all versions, to learn of a TWS that is newer than twsprobe.")
@click.option(
    "--report", metavar="PREFIX", help="Load the account data, too, and write PREFIX.html, PREFIX.md and PREFIX.json: messages and fields."
)
@click.option("--timeout", type=click.FloatRange(0.1, 60), default=10.0, show_default=True, help="Seconds for each answer of TWS.")
@click.option("--pause", type=click.FloatRange(1, 60), default=1.0, show_default=True, help="Seconds between two connections.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def command(target: Target, huge: bool, report: str | None, timeout: float, pause: float, as_json: bool) -> int:
    """Say which server version TARGET speaks with each client library, what it sends then, and what that means for the library.

    Each library's offer of versions is made on a connection of its own, one at a time with a pause between, and closed cleanly. A session
    is started once for each version that is answered, with a random client id, and nothing is sent that could touch an order. Two files
    PREFIX.json compare with "twsprobe diff".
    """
    from twsprobe.cli.report_files import new_files
    from twsprobe.views.versions import result_lines

    paths = [] if report is None else report_paths(report)
    with new_files(paths) if paths else contextlib.nullcontext():
        found = look(target, timeout, pause, huge=huge, sync=report is not None)
        if paths:
            write_report(found, paths)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return found.exit_code
    print_lines(result_lines(found))
    if paths:
        from twsprobe.views.safe import safe

        click.echo(f"report in {safe(paths[0])}, with {safe(Path(paths[1]).name)} and {safe(Path(paths[2]).name)}")
    return found.exit_code


def report_paths(prefix: str) -> list[str]:
    """The files of a report. A suffix that we add anyway is not doubled."""
    plain = next((prefix.removesuffix(suffix) for suffix in SUFFIXES if prefix.endswith(suffix) and prefix != suffix), prefix)
    return [plain + suffix for suffix in SUFFIXES]


def look(target: Target, timeout: float, pause: float, *, huge: bool, sync: bool) -> Versions:
    """Make the offers, with a line on standard error for each. Raises KeyboardInterrupt after what was open was closed."""
    from twsprobe.probing.dialects import Look
    from twsprobe.probing.options import Options
    from twsprobe.views.versions import tried_text
    from twsprobe.views.watching import counted

    def tell(tried: Tried, session: Session | None) -> None:
        click.echo(tried_text(tried, session), err=True)

    stages = tuple((stage, timeout) for stage in (Stage.CONNECT, Stage.HANDSHAKE, Stage.START, Stage.SYNC))
    looking = Look(target, Options(stage_timeouts=stages), huge=huge, sync=sync, tell=tell, pause=pause)
    click.echo(f"at most {counted(len(looking.offers))}, one at a time, {pause:g} s apart", err=True)
    try:
        return run(looking.ask)
    except KeyboardInterrupt:
        click.echo(f"{counted(looking.connections_opened)} opened and closed before the interrupt", err=True)
        raise


def write_report(found: Versions, paths: list[str]) -> None:
    """Fill the files. Raises OSError, which names the file."""
    from twsprobe.capture.seen import iso_time
    from twsprobe.cli.report_files import put
    from twsprobe.probing.environment import environment
    from twsprobe.views.versions import markdown, page

    # The host is left out of what is meant to be given to others.
    report = found.to_dict() | {"target": f"port {found.port}"}
    made = iso_time(time.time_ns())[:19].replace("T", " ") + " UTC"
    texts = (
        page(report, environment=environment(), made=made),
        markdown(report, environment=environment(), made=made),
        json.dumps(report, indent=2) + "\n",
    )
    for path, text in zip(paths, texts, strict=True):
        put(path, text)
