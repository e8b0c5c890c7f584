"""``twsprobe watch``."""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import click

from twsprobe.cli.exits import ExitCode, IOFailed
from twsprobe.cli.record import target_type
from twsprobe.cli.running import run
from twsprobe.cli.simulate import listen_type
from twsprobe.cli.wait import HIGHEST_CLIENT_ID, SIGNALS, closed
from twsprobe.probing.targets import FORMS, Target, parse_target

if TYPE_CHECKING:
    import trio

    from twsprobe.cli.exporting import Textfile
    from twsprobe.net.address import Address
    from twsprobe.probing.attempts import Attempts
    from twsprobe.probing.transitions import Fact, Transition
    from twsprobe.views.live import Output
    from twsprobe.views.metrics import Snapshot

REFRESH = 0.5
"""Seconds between two looks of the live view."""
TEXTFILE_EVERY = 10.0
"""Seconds after which the file is written again though nothing changed: its age says whether the watch is alive."""


def allowed_type(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[Target, ...]:
    """Every target that may be probed at a scraper's wish."""
    try:
        return tuple(parse_target(text) for text in value)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


@click.command(short_help="Follow a TWS, and report what changes.", epilog=f"TARGET is {FORMS}.")
@click.argument("target", callback=target_type)
@click.option("--client-id", type=click.IntRange(0, HIGHEST_CLIENT_ID), metavar="ID", help="The client id; a random high one if not given.")
@click.option(
    "--ping",
    type=click.FloatRange(1.0, 3600.0),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How often TWS is asked for the time; never faster than once a second.",
)
@click.option(
    "--silence",
    type=click.FloatRange(1.0, 3600.0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long nothing may come after a ping before the connection counts as half open.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a transition, and nothing else.")
@click.option(
    "--metrics",
    metavar="ADDR:PORT",
    default=None,
    callback=lambda context, parameter, value: None if value is None else listen_type(context, parameter, value),
    help="Serve /metrics and /probe?target= to Prometheus; a PORT alone means 127.0.0.1.",
)
@click.option(
    "--allow", multiple=True, metavar="HOST:PORT", callback=allowed_type, help="A further target that /probe may be asked for; repeatable."
)
@click.option("--textfile", type=click.Path(dir_okay=False), metavar="FILE", help="Keep the metrics in FILE, for a textfile collector.")
def command(
    target: Target,
    client_id: int | None,
    ping: float,
    silence: float,
    as_json: bool,
    metrics: Address | None,
    allow: tuple[Target, ...],
    textfile: str | None,
) -> int:
    """Follow TARGET: keep one session, and report restarts, lost links to IBKR, broken data farms and dead connections as they happen.

    On a terminal a line below says how things stand. It ends with Ctrl-C; that is exit code 0, because it is how a watch is meant to end.
    """
    from twsprobe.cli.exporting import Textfile

    if allow and metrics is None:
        raise click.UsageError("--allow is for --metrics.")
    watching = Watching(target, client_id, ping, silence, as_json, metrics, allow, None if textfile is None else Textfile(textfile))
    try:
        run(watching.run)
    except KeyboardInterrupt:
        pass  # before or after the time in which signals are listened for
    finally:
        click.echo(f"ended; {closed(watching.connections_opened)}", err=True)
    return int(ExitCode.OK)


class Watching:
    """One run of the command."""

    def __init__(
        self,
        target: Target,
        client_id: int | None,
        ping: float,
        silence: float,
        as_json: bool,
        metrics: Address | None,
        allow: tuple[Target, ...],
        textfile: Textfile | None,
    ) -> None:
        from twsprobe.net.address import shown_address
        from twsprobe.probing.on_demand import TIMEOUT, OnDemand
        from twsprobe.probing.options import Options
        from twsprobe.probing.transitions import Transitions

        self.target, self.name = target, shown_address(target)
        self.client_id, self.ping, self.silence, self.as_json = client_id, ping, silence, as_json
        self.metrics, self.textfile = metrics, textfile
        self.seen = Transitions()
        # The watched target is among those that may be probed: with another client id, in a connection of its own.
        self.probes = OnDemand((target, *allow), Options(timeout=TIMEOUT))
        self.attempts: Attempts | None = None
        self.output: Output | None = None

    @property
    def connections_opened(self) -> int:
        """Connections so far, those that scrapers asked for included."""
        return (self.attempts.connections_opened if self.attempts else 0) + self.probes.connections_opened

    async def run(self) -> None:
        """Watch until a signal. Raises IOFailed."""
        import trio

        from twsprobe.probing.attempts import Attempts
        from twsprobe.probing.options import Options
        from twsprobe.probing.targets import local_facts
        from twsprobe.probing.transitions import Level
        from twsprobe.probing.watching import watch

        self.seen.since = trio.current_time()
        self.attempts = Attempts(
            self.target,
            Level.BACKEND,
            Options(client_id=self.client_id, timeout=math.inf),
            self.tell,
            judge=lambda report: report.judged_again(local_facts(self.target.port)),
        )
        with ExitStack() as stack:
            received = stack.enter_context(trio.open_signal_receiver(*SIGNALS))
            self.output = self.opened_output(stack)
            async with trio.open_nursery() as nursery:
                if self.metrics is not None:
                    await nursery.start(self.serve_metrics, self.metrics)
                if self.output is not None:
                    nursery.start_soon(self.refresh)
                if self.textfile is not None:
                    nursery.start_soon(self.keep_textfile)
                nursery.start_soon(partial(watch, self.attempts, self.tell, ping=self.ping, silence=self.silence))
                async for _ in received:
                    nursery.cancel_scope.cancel()
                    break

    def opened_output(self, stack: ExitStack) -> Output | None:
        """What shows transitions to people: on a terminal above a line that says how things stand; None for JSON."""
        if self.as_json:
            return None
        from twsprobe.views.live import Plain, Screen

        if not sys.stdout.isatty():
            return Plain(sys.stdout)
        return stack.enter_context(Screen(sys.stdout, self.status))

    def tell(self, fact: Fact) -> None:
        """Take a fact, and show what it changes."""
        changed = self.seen.take(fact)
        for transition in changed:
            self.show(transition)
        if changed:
            self.write_textfile()

    def show(self, transition: Transition) -> None:
        """Show a change."""
        now = time.time()
        if self.output is None:
            milliseconds = int(now % 1 * 1000)
            when = time.strftime(f"%Y-%m-%dT%H:%M:%S.{milliseconds:03}Z", time.gmtime(now))
            click.echo(json.dumps(transition.to_dict(self.name, when, self.connections_opened)))
            sys.stdout.flush()
            return
        from twsprobe.views.watching import for_screen, transition_lines

        self.output.show(for_screen(transition_lines(transition, time.strftime("%H:%M:%S", time.localtime(now)))))
        self.output.refresh()

    def status(self) -> str:
        """The line below a live view."""
        import trio

        from twsprobe.views.watching import status_text

        seen = self.seen
        seconds = trio.current_time() - seen.since
        return status_text(self.name, seen.signature, seconds, seen.round_trip, self.connections_opened, seen.broken)

    async def refresh(self) -> None:
        """Keep the line below up to date."""
        import trio

        while self.output is not None:
            self.output.refresh()
            await trio.sleep(REFRESH)

    def snapshot(self) -> Snapshot:
        """What metrics are made of, now."""
        import trio

        from twsprobe.cli.exporting import epoch
        from twsprobe.views.metrics import Snapshot

        seen = self.seen
        return Snapshot(
            self.name,
            seen.signature,
            seen.level,
            epoch(seen.since, trio.current_time()),
            seen.observation.server_version,
            seen.round_trip,
            seen.broken,
            seen.counts,
            self.connections_opened,
        )

    def write_textfile(self) -> None:
        """Write the file of metrics, if there is to be one. Raises IOFailed."""
        from twsprobe.views.metrics import watch_metrics

        if self.textfile is not None:
            self.textfile.write(watch_metrics(self.snapshot()))

    async def keep_textfile(self) -> None:
        """Write the file of metrics now and then. Raises IOFailed."""
        import trio

        while True:
            self.write_textfile()
            await trio.sleep(TEXTFILE_EVERY)

    async def serve_metrics(self, address: Address, task_status: trio.TaskStatus[None]) -> None:
        """Serve scrapers, and say where. Raises IOFailed."""
        import trio

        from twsprobe.cli.exporting import Exporter
        from twsprobe.net.address import shown_address
        from twsprobe.net.http import HttpServer
        from twsprobe.net.serving import listening
        from twsprobe.probing.observation import is_loopback
        from twsprobe.views.safe import safe

        server = HttpServer(Exporter(self.snapshot, self.probes).answer)
        try:
            async with listening(server.serve, *address) as (host, port):
                click.echo(f"Metrics are at http://{safe(shown_address((host, port)))}/metrics", err=True)
                if not is_loopback(host):
                    click.echo("They are not on loopback: other machines may read them, and ask for probes.", err=True)
                task_status.started()
                await trio.sleep_forever()
        except OSError as fault:
            raise IOFailed(f"{safe(shown_address(address))}: {fault.strerror or fault}") from None
