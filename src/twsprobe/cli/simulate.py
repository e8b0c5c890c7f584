"""``twsprobe simulate``."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from twsprobe.cli.exits import ExitCode, IOFailed
from twsprobe.cli.faulting import CommandWithFaults, fault_option, show_fault
from twsprobe.cli.output import coloured, print_lines
from twsprobe.cli.running import run

if TYPE_CHECKING:
    from twsprobe.capture.files import Writer
    from twsprobe.net.fault_forms import Fault


def listen_type(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, int]:
    """``ADDR:PORT``, ``[IPV6]:PORT`` or ``PORT``; port 0 takes a free one."""
    from twsprobe.probing.targets import Target, parse_target

    free = value == "0" or value.endswith(":0")
    try:
        target = parse_target(value[:-1] + "1" if free else value)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None
    return target._replace(port=0) if free else Target(*target)


def list_scenarios(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Print every scenario and leave."""
    if not value or context.resilient_parsing:
        return
    from twsprobe.net.scenarios import SCENARIOS, Endpoint
    from twsprobe.views.line import Line
    from twsprobe.views.probe import wrapped

    for scenario in SCENARIOS.values():
        if scenario.endpoint is Endpoint.SERVER:
            print_lines([Line(f"{scenario.name:<24} {scenario.signature}"), *wrapped(scenario.meaning, 4)])
    context.exit()


def opened(path: str) -> Writer:
    """A new capture. Raises IOFailed."""
    from twsprobe.capture.model import CaptureError
    from twsprobe.capture.writing import open_writer

    try:
        return open_writer(path, metadata={"command": "simulate"})
    except CaptureError as fault:
        raise IOFailed(str(fault)) from None
    except OSError as fault:
        raise IOFailed(f"{path}: {fault.strerror}") from None


@click.command(cls=CommandWithFaults, short_help="Be a TWS.")
@click.option("--server-version", type=click.IntRange(100, 226), default=226, show_default=True, metavar="N", help="The highest it speaks.")
@click.option("--scenario", default="ready", show_default=True, metavar="NAME", help="How it behaves; --list names them all.")
@click.option("--listen", default="127.0.0.1:7497", show_default=True, metavar="ADDR:PORT", callback=listen_type, help="Where it listens.")
@click.option(
    "--delivery", type=click.Choice(["message", "byte", "whole"]), default="message", show_default=True, help="How it cuts sends."
)
@fault_option
@click.option("--record", metavar="FILE", type=click.Path(dir_okay=False), help="Keep what clients and simulator say, and each fault.")
@click.option("-v", "--verbose", is_flag=True, help="Show what clients say, frame by frame.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=list_scenarios, help="List the scenarios and leave.")
def command(
    server_version: int,
    scenario: str,
    listen: tuple[str, int],
    delivery: str,
    faults: tuple[Fault, ...],
    record: str | None,
    verbose: bool,
) -> int:
    """Be a TWS with a small paper account, for clients to connect to. Ends with Ctrl-C.

    It answers in text or protobuf as a TWS of that server version would, to any number of clients. With --fault, what it says or hears
    goes wrong in just that way; each fault that was applied is shown.
    """
    import trio

    from twsprobe.capture.model import CaptureError
    from twsprobe.net.address import shown_address
    from twsprobe.net.scenarios import SCENARIOS, Endpoint
    from twsprobe.net.simulator import simulator
    from twsprobe.probing.observation import is_loopback
    from twsprobe.views.events import ARROWS, summary
    from twsprobe.wire.events import Event

    if scenario not in SCENARIOS or SCENARIOS[scenario].endpoint is not Endpoint.SERVER:
        raise click.UsageError(f"No scenario is called {scenario!r}; --list names them all.")

    def observe(number: int, event: Event) -> None:
        if verbose:
            click.echo(f"client {number:<3} {ARROWS[event.direction]} {summary(event)}")

    async def serve() -> None:
        host, port = listen
        async with contextlib.AsyncExitStack() as stack:
            recorder = stack.enter_context(opened(record)) if record is not None else None
            address = await stack.enter_async_context(
                simulator(
                    server_version=server_version,
                    scenario=scenario,
                    host=host,
                    port=port,
                    delivery=delivery,
                    observer=observe,
                    faults=faults,
                    note=show_fault,
                    recorder=recorder,
                )
            )
            line = f"TWS simulator ({scenario}, server version {server_version}) listens on {shown_address(address)}; Ctrl-C ends it."
            click.echo(click.style(line, bold=True) if coloured(sys.stdout) else line)
            sys.stdout.flush()
            if not is_loopback(address[0]):
                click.echo("It is not on loopback: other machines may reach it.", err=True)
            await trio.sleep_forever()

    try:
        run(serve)
    except KeyboardInterrupt:
        click.echo("ended")
    except CaptureError as fault:
        raise IOFailed(str(fault)) from None
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise IOFailed(f"{shown_address(listen)}: {fault.strerror}") from None
    return int(ExitCode.OK)
