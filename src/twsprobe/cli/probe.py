"""``twsprobe probe``."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from twsprobe.cli.exits import IOFailed
from twsprobe.cli.output import print_lines
from twsprobe.cli.running import run
from twsprobe.probing.options import OFFERS, STAGE_TIMEOUTS, Options
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.targets import FORMS, Target, api_listeners, parse_target

if TYPE_CHECKING:
    from twsprobe.cli.report_files import Kept
    from twsprobe.net.connection import Recorder
    from twsprobe.probing.report import ProbeReport, StageReport
    from twsprobe.wire.events import Event

HIGHEST_CLIENT_ID = 2**31 - 1
MOST_CONNECTIONS = 16
STAGE_OPTIONS = (Stage.CONNECT, Stage.HANDSHAKE, Stage.START, Stage.READY, Stage.SYNC)
WARNING_SIGNATURES = frozenset({Signature.BACKEND_LOST, Signature.SYNC_STALLED, Signature.CLOSED_DURING_SYNC})
"""Failures of a session that was ready: a monitoring plug-in's WARNING."""


def offer_type(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int | None] | None:
    """``MIN..MAX``, or ``N`` for the single form."""
    if value is None:
        return None
    low, dots, high = value.removeprefix("v").partition("..")
    if not (low.isdigit() and low.isascii() and len(low) <= 9 and (not dots or (high.isdigit() and high.isascii() and len(high) <= 9))):
        raise click.BadParameter(f"{value!r} is not MIN..MAX, such as 100..226, or a single version")
    if dots and int(low) > int(high):
        raise click.BadParameter(f"{value!r}: the first version is above the second")
    return int(low), int(high) if dots else None


def connect_options_type(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Printable ASCII, which is all that official clients send."""
    if not (value.isascii() and value.isprintable()):
        raise click.BadParameter("connect options are printable ASCII")
    return value


def targets_type(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[Target, ...]:
    """Every target, read."""
    try:
        return tuple(parse_target(text) for text in value)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


class Seconds(click.FloatRange):
    """A length of time. Infinity is one, "nan" is none."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        seconds = super().convert(value, parameter, context)
        if seconds != seconds:
            self.fail(f"{value!r} is not a valid float.", parameter, context)
        return float(seconds)


SECONDS = Seconds(min=0.001)


def stage_timeouts(command: Callable[..., int]) -> Callable[..., int]:
    """Add an option for the time of each stage."""
    for stage in reversed(STAGE_OPTIONS):
        command = click.option(
            f"--{stage.value}-timeout",
            type=SECONDS,
            metavar="SECONDS",
            help=f"Time for {'each request of ' if stage is Stage.SYNC else ''}the {stage.value} stage; "
            f"{STAGE_TIMEOUTS[stage]:g} if not given.",
        )(command)
    return command


@click.command(short_help="Connect as a client would.", epilog=f"TARGET is {FORMS}.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...", callback=targets_type)
@click.option(
    "--client-id",
    type=click.IntRange(0, HIGHEST_CLIENT_ID),
    metavar="ID",
    help="The client id to use; a random high one if not given. 0 takes over orders placed by hand.",
)
@click.option("--timeout", type=SECONDS, default=30.0, show_default=True, metavar="SECONDS", help="Time for the whole run.")
@stage_timeouts
@click.option("--offer", callback=offer_type, metavar="MIN..MAX", help="The server versions to offer; a single N offers just that one.")
@click.option("--as", "client", type=click.Choice(list(OFFERS)), help="Offer the versions that a client library offers.")
@click.option(
    "--connect-options", default="", callback=connect_options_type, metavar="TEXT", help="Text behind the versions, like +PACEAPI."
)
@click.option("--sync", is_flag=True, help="Also load positions, orders, account and executions, one by one.")
@click.option("--config", is_flag=True, help="Also read the API settings (server version 219 and up).")
@click.option(
    "--local/--no-local",
    default=None,
    help="Also read what this machine tells: who listens, how many connections wait, the processes, settings and logs of TWS and IBC. "
    "If neither is given, it looks where the target is on this machine and the run did not end ready.",
)
@click.option(
    "--decide",
    is_flag=True,
    help="Where a run fails, try the target in other ways to tell its causes apart: one connection at a time, a pause between, each "
    "announced and closed cleanly. That takes some seconds more than --timeout.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(1, MOST_CONNECTIONS),
    metavar="N",
    help="The most connections that --decide opens to a target, the first one included; 4 if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a target, and nothing else.")
@click.option("--record", type=click.Path(dir_okay=False), metavar="FILE", help="Keep every byte in a new capture FILE.")
@click.option(
    "-o", "--output", metavar="PREFIX", help="Write a report: PREFIX.html to read, PREFIX.json, and PREFIX.pcapng, without who you are."
)
@click.option("--no-redact", is_flag=True, help="Leave accounts, addresses and names in the report as they are.")
@click.option("--exit-style", type=click.Choice(["signature", "docker", "nagios"]), default="signature", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Show each frame as it passes, and every cause.")
def command(
    targets: tuple[Target, ...],
    local: bool | None,
    as_json: bool,
    record: str | None,
    output: str | None,
    no_redact: bool,
    exit_style: str,
    verbose: bool,
    decide: bool,
    max_connections: int | None,
    **wishes: Any,
) -> int:
    """Connect to each TARGET as a TWS API client would, and say how far that comes.

    Without a TARGET, the known API ports that this machine listens on are probed. One connection a target is opened (a second one
    where only that decides between causes, more only with --decide) and closed cleanly; nothing is sent that could touch an order.
    """
    if wishes["offer"] and wishes["client"]:
        raise click.UsageError("--offer and --as exclude each other.")
    if no_redact and output is None:
        raise click.UsageError("--no-redact is about the report of -o.")
    if max_connections is not None and not decide:
        raise click.UsageError("--max-connections is about the experiments of --decide.")
    options = options_of(wishes)
    if decide:
        options = dataclasses.replace(options, max_connections=max_connections or 4)
    found = targets or listening_targets(quiet=as_json or exit_style == "nagios")
    if not found:
        return nothing_listens(as_json, exit_style)
    live = not as_json and exit_style != "nagios" and len(found) == 1

    def work(kept: Sequence[Kept] = ()) -> list[ProbeReport]:
        reports = probe_all(found, options, record, live=live, verbose=verbose, local=local, decide=decide, kept=kept)
        show(reports, as_json=as_json, exit_style=exit_style, live=len(found) == 1, verbose=verbose)
        return reports

    if output is None:
        reports = work()
    else:
        from twsprobe.cli.report_files import reported

        reports = reported(work, output, len(found), redact=not no_redact, quiet=as_json or exit_style == "nagios")
    worst = next((report for report in reports if not report.ok), reports[0])
    return exit_code(worst, exit_style)


def options_of(wishes: dict[str, Any]) -> Options:
    """Options from what the command line said."""
    minimum, maximum = wishes["offer"] or OFFERS.get(wishes["client"] or "", (Options.minimum, Options.maximum))
    given = tuple((stage, wishes[f"{stage.value}_timeout"]) for stage in STAGE_OPTIONS if wishes[f"{stage.value}_timeout"] is not None)
    return Options(
        client_id=wishes["client_id"],
        timeout=wishes["timeout"],
        stage_timeouts=given,
        minimum=minimum,
        maximum=maximum,
        connect_options=wishes["connect_options"],
        sync=wishes["sync"],
        config=wishes["config"],
    )


def listening_targets(*, quiet: bool) -> tuple[Target, ...]:
    """The known API ports that this machine listens on; found without connecting to any."""
    found = api_listeners()
    if found is None:
        raise click.UsageError("The system does not let this user see its listening ports; name a TARGET.")
    for listener, label in found:
        if not quiet:
            click.echo(f"Found {label} listening on port {listener.port}.")
    return tuple(Target(listener.reachable_at, listener.port) for listener, _ in found)


def nothing_listens(as_json: bool, exit_style: str) -> int:
    """No target was named and no known port is open: say so as a refused connection, which is what any client would see."""
    sentence = (
        "Nothing listens on the API ports of this machine (7496, 7497, 4001, 4002, or a container's 4003, 4004, 7498, 7499). "
        "Start TWS or IB Gateway, log in, and enable the API; or name a TARGET."
    )
    if as_json:
        click.echo(f"twsprobe: {sentence}", err=True)
    elif exit_style == "nagios":
        click.echo(f"TWS CRITICAL - {sentence} | connections=0")
    else:
        from twsprobe.views.probe import wrapped

        print_lines(wrapped(sentence, 0))
    return {"docker": 1, "nagios": 2}.get(exit_style, Signature.TCP_REFUSED.exit_code)


class Live:
    """Prints a run as it goes; on a terminal the present stage is shown while it runs."""

    def __init__(self, *, verbose: bool) -> None:
        self.verbose, self.terminal = verbose, sys.stdout.isatty()

    def clear(self) -> None:
        """Take the line of the present stage away."""
        if self.terminal:
            click.echo("\r" + " " * 40 + "\r", nl=False)

    def stage_began(self, stage: Stage) -> None:
        from twsprobe.views.probe import waiting_text

        if self.terminal:
            click.echo(waiting_text(stage.value), nl=False)

    def stage_ended(self, report: StageReport) -> None:
        from twsprobe.views.probe import stage_line

        self.clear()
        print_lines(stage_line(report))

    def event_seen(self, event: Event) -> None:
        if self.verbose:
            from twsprobe.views.events import ARROWS, summary

            self.clear()
            click.echo(f"        {ARROWS[event.direction]} {summary(event)}")

    def noted(self, text: str) -> None:
        from twsprobe.views.probe import wrapped

        self.clear()
        print_lines(wrapped(text, 8))


@contextlib.contextmanager
def recording(path: str | None, targets: tuple[Target, ...]) -> Iterator[Recorder | None]:
    """A capture to write to, or None. A fault in writing is exit code 3."""
    if path is None:
        yield None
        return
    from twsprobe.capture.model import CaptureError
    from twsprobe.capture.writing import open_writer
    from twsprobe.net.address import shown_address

    try:
        with open_writer(path, metadata={"target": ", ".join(map(shown_address, targets))}) as writer:
            yield writer
    except CaptureError as fault:
        raise IOFailed(str(fault)) from None


def probe_all(
    targets: tuple[Target, ...],
    options: Options,
    record: str | None,
    *,
    live: bool,
    verbose: bool,
    local: bool | None = None,
    decide: bool = False,
    kept: Sequence[Kept] = (),
) -> list[ProbeReport]:
    """Probe every target, all at once. The reports stand in the targets' order. ``local`` is whether to look at this machine too.

    ``kept`` is empty, or keeps the records of each target.
    """
    import trio

    from twsprobe.net.address import shown_address
    from twsprobe.probing.local import look, wanted
    from twsprobe.probing.probe import probe
    from twsprobe.probing.targets import local_facts
    from twsprobe.views.probe import heading

    reports: dict[int, ProbeReport] = {}

    async def one(index: int, target: Target, recorder: Recorder | None) -> None:
        watcher = Live(verbose=verbose) if live else None
        recorder = kept[index].before(recorder) if kept else recorder
        number = options.max_connections * index + 1
        report = await probe(target.host, target.port, options, watcher=watcher, recorder=recorder, connection_number=number)
        if not report.ok:
            report = report.judged_again(local_facts(target.port))
        if wanted(report.observation, local):
            report = report.with_local(await look(report.observation))
        if decide:
            from twsprobe.cli.deciding import decided

            report = await decided(report, options, target, watcher, recorder, number)
        reports[index] = dataclasses.replace(report, capture=record)

    async def everything(recorder: Recorder | None) -> None:
        async with trio.open_nursery() as nursery:
            for index, target in enumerate(targets):
                nursery.start_soon(one, index, target, recorder)

    with recording(record, targets) as recorder:
        if live:
            print_lines(heading(shown_address(targets[0]), targets[0].port, options, options.client_id))
        run(lambda: everything(recorder))
    return [reports[index] for index in range(len(targets))]


def show(reports: list[ProbeReport], *, as_json: bool, exit_style: str, live: bool, verbose: bool) -> None:
    """Print what was found."""
    from twsprobe.views.probe import nagios_line, stage_line, verdict
    from twsprobe.views.safe import safe

    for report in reports:
        if as_json:
            import json

            click.echo(json.dumps(report.to_dict()))
        elif exit_style == "nagios":
            click.echo(nagios_line(report, ("OK", "WARNING", "CRITICAL")[exit_code(report, "nagios")]))
        else:
            if not live:
                click.echo(f"\n{safe(report.target)}")
                for stage in report.stages:
                    print_lines(stage_line(stage))
            print_lines(verdict(report, verbose=verbose))


def exit_code(report: ProbeReport, style: str) -> int:
    """The code for a report, in the style asked for."""
    if style == "docker":
        return 0 if report.ok else 1
    if style == "nagios":
        return 0 if report.ok else 1 if report.signature in WARNING_SIGNATURES else 2
    return report.exit_code
