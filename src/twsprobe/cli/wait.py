"""``twsprobe wait``."""

from __future__ import annotations

import math
import signal
from typing import TYPE_CHECKING

import click

from twsprobe.cli.exits import ExitCode
from twsprobe.cli.output import print_lines
from twsprobe.cli.record import seconds_type, target_type
from twsprobe.cli.running import run
from twsprobe.probing.targets import FORMS, Target

if TYPE_CHECKING:
    from twsprobe.net.notify import Notifier
    from twsprobe.probing.transitions import Transition
    from twsprobe.probing.waiting import Waited

LEVELS = ("tcp", "handshake", "api", "backend", "synced")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
HIGHEST_CLIENT_ID = 2**31 - 1


@click.command(short_help="Wait until a TWS is ready.", epilog=f"TARGET is {FORMS}.")
@click.argument("target", callback=target_type)
@click.option(
    "--until",
    type=click.Choice(LEVELS),
    default="backend",
    show_default=True,
    help="tcp: the port accepts; handshake: TWS answers; api: a session starts; backend: with a link to IBKR; synced: account data load.",
)
@click.option("--timeout", default="5m", show_default=True, metavar="TIME", callback=seconds_type, help="How long to wait: 90s, 5m, 1h.")
@click.option("--client-id", type=click.IntRange(0, HIGHEST_CLIENT_ID), metavar="ID", help="The client id; a random high one if not given.")
@click.option(
    "--max-pause",
    type=click.FloatRange(1.0, 60.0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest pause between attempts; the first are shorter.",
)
@click.option(
    "--exit-style",
    type=click.Choice(["signature", "docker", "nagios", "systemd"]),
    default="signature",
    show_default=True,
    help="signature: 0, or the code of the last failure; docker: 0 or 1; nagios: 0, 1 or 2 and a line; systemd: 0 or 1 and sd_notify.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(target: Target, until: str, timeout: int, client_id: int | None, max_pause: float, exit_style: str, quiet: bool) -> int:
    """Wait until TARGET lets clients come as far as asked for, and say meanwhile what keeps them.

    One connection at a time is opened and closed cleanly. Progress goes to standard error: a line for each change, with the likeliest
    cause. Exit code 0 means that the level was reached; Ctrl-C ends with 130.
    """
    from twsprobe.net.address import shown_address
    from twsprobe.net.notify import Notifier
    from twsprobe.views.safe import safe

    name = safe(shown_address(target))
    waiting = Waiting(target, until, timeout, client_id, max_pause, Notifier() if exit_style == "systemd" else None, quiet)
    waited = run(waiting.run)
    if waited is None:
        click.echo(f"interrupted; {closed(waiting.connections_opened)}", err=True)
        return int(ExitCode.INTERRUPTED)
    return conclude(waited, name, exit_style, quiet)


class Waiting:
    """One run of the command."""

    def __init__(
        self, target: Target, until: str, timeout: float, client_id: int | None, max_pause: float, notifier: Notifier | None, quiet: bool
    ) -> None:
        self.target, self.until, self.timeout, self.client_id = target, until, timeout, client_id
        self.max_pause, self.notifier, self.quiet = max_pause, notifier, quiet
        self.connections_opened = 0
        self.began = 0.0
        self.waited: Waited | None = None

    async def run(self) -> Waited | None:
        """Wait, to the end or to a signal; None then."""
        import trio

        from twsprobe.probing.attempts import Attempts
        from twsprobe.probing.options import Options
        from twsprobe.probing.targets import local_facts
        from twsprobe.probing.transitions import Fact, Level, Transitions
        from twsprobe.probing.waiting import wait

        seen = Transitions()
        self.began = trio.current_time()

        def tell(fact: Fact) -> None:
            for transition in seen.take(fact):
                self.show(transition)

        attempts = Attempts(
            self.target,
            Level[self.until.upper()],
            Options(client_id=self.client_id, timeout=math.inf),
            tell,
            judge=lambda report: report.judged_again(local_facts(self.target.port)),
            deadline=self.began + self.timeout,
            max_pause=self.max_pause,
        )
        with trio.open_signal_receiver(*SIGNALS) as received:
            async with trio.open_nursery() as nursery:

                async def work() -> None:
                    self.waited = await wait(attempts, tell)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(work)
                async for _ in received:
                    nursery.cancel_scope.cancel()
                    break
        self.connections_opened = attempts.connections_opened
        if self.waited is not None and self.notifier is not None:
            self.notifier.send(status=verdict(self.waited), ready=self.waited.ok)
        return self.waited

    def show(self, transition: Transition) -> None:
        """Show a change while it is news. That a session is there is what the end of the command says."""
        from twsprobe.probing.transitions import Kind
        from twsprobe.views.watching import transition_lines

        if transition.kind is Kind.READY:
            return
        if self.notifier is not None:
            self.notifier.send(status=f"{transition.kind.value}: {transition.sentence}")
        if not self.quiet:
            print_lines(transition_lines(transition, f"{transition.time - self.began:.1f} s"), err=True)


def closed(connections: int) -> str:
    """How many connections there were, in words."""
    from twsprobe.views.watching import counted

    return f"{counted(connections)} opened and closed"


def verdict(waited: Waited) -> str:
    """How waiting ended, in a line without the target."""
    level = waited.level.name.lower()
    if waited.ok:
        return f"{level} reached after {waited.seconds:.1f} s"
    return f"{level} not reached within {waited.seconds:.1f} s, last {waited.signature.value}: {waited.report.observation.sentence}"


def conclude(waited: Waited, name: str, exit_style: str, quiet: bool) -> int:
    """Print how it ended, and give the exit code in the style asked for."""
    from twsprobe.cli.probe import exit_code
    from twsprobe.views.safe import safe

    text = f"{name} {safe(verdict(waited))}"
    if exit_style == "nagios":
        code = 0 if waited.ok else exit_code(waited.report, "nagios")
        status = ("OK", "WARNING", "CRITICAL")[code]
        click.echo(f"TWS {status} - {text.replace('|', '/')} | wait={waited.seconds:.3f}s connections={waited.connections_opened}")
        return code
    if not quiet:
        click.echo(f"{text.removesuffix('.')}; {closed(waited.connections_opened)}", err=True)
    if exit_style in ("docker", "systemd"):
        return 0 if waited.ok else 1
    return waited.exit_code
