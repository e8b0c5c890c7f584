"""``twsprobe client-ids``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from twsprobe.cli.exits import ExitCode
from twsprobe.cli.output import print_lines
from twsprobe.cli.record import target_type
from twsprobe.cli.running import run
from twsprobe.probing.signatures import Stage
from twsprobe.probing.targets import FORMS, Target

if TYPE_CHECKING:
    from twsprobe.probing.client_ids import ClientIds, Tried

USUAL_IDS = "1,2,10,100,999,1000"
"""Ids that client libraries and examples use unless told otherwise, and round numbers that people choose."""


@click.command(
    short_help="Say which client ids are free.",
    epilog=f"TARGET is {FORMS}. Exit codes: 0 every id is free, 1 one is not, 10 to 31 a failure that is not about ids.",
)
@click.argument("target", callback=target_type)
@click.option(
    "--ids", default=USUAL_IDS, show_default=True, metavar="LIST", help="Ids and ranges, such as 1,2,10-19; 0 and master by name."
)
@click.option("--random", "randoms", type=click.IntRange(0, 8), default=1, show_default=True, help="How many random ids to try, first.")
@click.option("--timeout", type=click.FloatRange(0.1, 60), default=10.0, show_default=True, help="Seconds for each answer of TWS.")
@click.option("--pause", type=click.FloatRange(1, 60), default=1.0, show_default=True, help="Seconds between two connections.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def command(target: Target, ids: str, randoms: int, timeout: float, pause: float, as_json: bool) -> int:
    """Say which client ids of TARGET are free and which are taken.

    Each id gets one connection, one at a time with a pause between, which starts a session and is closed cleanly. Only the ids that are
    named are tried. Two of them change what TWS sends while they are connected, and are never part of a range: 0, which gets the orders
    placed by hand, and the master id, which gets the orders of all clients and is tried only by the name "master".
    """
    import json

    from twsprobe.probing.client_ids import MASTER, parse_ids
    from twsprobe.views.client_ids import result_lines

    try:
        wanted = parse_ids(ids)
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="'--ids'") from None
    if MASTER in wanted and not randoms:
        raise click.UsageError("the master id is asked for on the connection of a random id: --random must be at least 1.")
    found = look(target, wanted, randoms, timeout, pause)
    if found is None:
        return int(ExitCode.INTERRUPTED)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        print_lines(result_lines(found))
    return found.exit_code


def look(target: Target, wanted: tuple[int | str, ...], randoms: int, timeout: float, pause: float) -> ClientIds | None:
    """Try the ids, with a line on standard error for each; None where Ctrl-C ended it, after what was open was closed."""
    from twsprobe.probing.client_ids import Look
    from twsprobe.probing.options import Options

    def tell(tried: Tried) -> None:
        click.echo(f"client id {'master' if tried.client_id is None else tried.client_id}: {tried.state}", err=True)

    def warn(text: str) -> None:
        click.echo(f"Warning: {text}", err=True)

    stages = tuple((stage, timeout) for stage in (Stage.CONNECT, Stage.HANDSHAKE, Stage.START))
    looking = Look(target, Options(stage_timeouts=stages), tell=tell, warn=warn, pause=pause)
    try:
        return run(lambda: looking.ask(wanted, randoms))
    except KeyboardInterrupt:
        click.echo(f"interrupted; {looking.connections_opened} connections opened and closed before", err=True)
        return None
