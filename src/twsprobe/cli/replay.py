"""``twsprobe replay``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.reading import open_capture
from twsprobe.cli.exits import CaptureCorrupt, ExitCode, IOFailed
from twsprobe.cli.faulting import CommandWithFaults, fault_option, show_fault
from twsprobe.cli.output import coloured
from twsprobe.cli.running import run
from twsprobe.cli.simulate import listen_type

if TYPE_CHECKING:
    from twsprobe.net.fault_forms import Fault
    from twsprobe.net.matching import Mismatch
    from twsprobe.net.replay import Replay
    from twsprobe.net.replay_client import Comparison

SERVER_ONLY = ("listen", "speed", "pace", "matching", "once", "faults")
CLIENT_ONLY = ("to", "allow_remote", "timeout", "as_json")


@click.command(cls=CommandWithFaults, short_help="Be the TWS, or the client, of a capture.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=False))
@click.option("--as", "role", type=click.Choice(["server", "client"]), default="server", show_default=True, help="Whose part to play.")
@click.option("--ignore", "ignored", multiple=True, metavar="FIELD", help="A field that may be anything, as endDateTime; repeatable.")
@click.option(
    "--listen", default="127.0.0.1:7497", show_default=True, metavar="ADDR:PORT", callback=listen_type, help="As a server: where."
)
@click.option(
    "--match", "matching", type=click.Choice(["strict", "lenient"]), default="strict", show_default=True, help="What a request must be."
)
@click.option("--pace", type=click.Choice(["exact", "none"]), default="none", show_default=True, help="Whether recorded times are kept.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), default=1.0, metavar="N", help="Keep the times, N times as fast.")
@click.option("--once", is_flag=True, help="As a server: end when every recorded connection was played.")
@fault_option
@click.option("--to", metavar="HOST:PORT", help="As a client: the server, which has to be on this machine.")
@click.option("--allow-remote", is_flag=True, help="Confirms a --to that is another machine.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True, help="Seconds for one answer.")
@click.option("--json", "as_json", is_flag=True, help="As a client: print the comparison as one JSON object.")
@click.pass_context
def command(
    context: click.Context,
    file: str,
    role: str,
    ignored: tuple[str, ...],
    listen: tuple[str, int],
    matching: str,
    pace: str,
    speed: float,
    once: bool,
    faults: tuple[Fault, ...],
    to: str | None,
    allow_remote: bool,
    timeout: float,
    as_json: bool,
) -> int:
    """Replay the capture FILE.

    As a server, answer a client as the recorded server did. Requests may come in another order, under other ids, from another client id or
    account; anything else that differs is shown field by field, and that connection is closed. With --match lenient the nearest recorded
    request stands in for one that differs. Without --pace exact everything comes as soon as its turn. With --fault, what it says or hears
    goes wrong in just that way.

    As a client, send what the recorded client sent, and compare the answers. Only requests that read are sent; orders are left out.

    The exit code is 1 where something was not as recorded, and 4 for a torn capture, which is played as far as it is whole.
    """
    refuse_options_of_the_other(context, role)
    records, torn = read(file)
    if torn is not None:
        click.echo(f"twsprobe: {torn}", err=True)
    if role == "client":
        different = compare(records, target_of(to), allow_remote, timeout, ignored, as_json)
    else:
        if context.get_parameter_source("speed") is not click.core.ParameterSource.DEFAULT:
            pace = "exact"
        different = serve(records, file, listen, {"match": matching, "pace": pace, "speed": speed, "ignored": ignored}, once, faults)
    if torn is not None and not different:
        return int(ExitCode.CAPTURE_CORRUPT)
    return int(ExitCode.FINDINGS if different else ExitCode.OK)


def refuse_options_of_the_other(context: click.Context, role: str) -> None:
    """Raise click.UsageError for an option that the chosen part does not have."""
    for name in CLIENT_ONLY if role == "server" else SERVER_ONLY:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            option = next(each.opts[0] for each in context.command.params if each.name == name)
            raise click.UsageError(f"{option} is not for --as {role}")


def read(file: str) -> tuple[list[Record], CaptureError | None]:
    """The records of a capture, and the fault at which it is torn. Raises CaptureCorrupt where nothing of it is whole."""
    records: list[Record] = []
    try:
        with open_capture(file) as capture:
            for record in capture:
                records.append(record)  # a fault leaves what came before it
    except CaptureError as fault:
        if not records:
            raise CaptureCorrupt(str(fault)) from None
        return records, fault
    return records, None


def target_of(to: str | None) -> tuple[str, int]:
    """The server that a client is to play to. Raises click.UsageError."""
    from twsprobe.probing.targets import parse_target

    if to is None:
        raise click.UsageError("--as client needs --to")
    try:
        return parse_target(to)
    except ValueError as fault:
        raise click.UsageError(f"--to: {fault}") from None


def serve(
    records: list[Record], file: str, listen: tuple[str, int], options: dict[str, Any], once: bool, faults: tuple[Fault, ...]
) -> bool:
    """Be the server; whether a client did something that was not recorded."""
    from twsprobe.net.address import shown_address
    from twsprobe.net.replay import Replay, Unplayable
    from twsprobe.views.replay import mismatch_lines

    def observe(mismatch: Mismatch) -> None:
        for line in mismatch_lines(mismatch):
            click.echo(line, err=True)

    try:
        replay = Replay(records, observer=observe, **options)
    except Unplayable as fault:
        raise CaptureCorrupt(f"{file}: {fault}") from None
    if not replay.connections:
        raise CaptureCorrupt(f"{file}: holds no connection that was open")
    try:
        run(lambda: play(replay, file, listen, once, faults))
    except KeyboardInterrupt:
        click.echo("ended")
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise IOFailed(f"{shown_address(listen)}: {fault.strerror}") from None
    show_missing(replay)
    return bool(replay.mismatches)


async def play(replay: Replay, file: str, listen: tuple[str, int], once: bool, faults: tuple[Fault, ...]) -> None:
    """Listen until every connection was played, or for good."""
    import trio

    from twsprobe.net.address import shown_address
    from twsprobe.net.replay import replay_server
    from twsprobe.probing.observation import is_loopback
    from twsprobe.views.replay import counted
    from twsprobe.views.safe import safe

    async with replay_server(replay, host=listen[0], port=listen[1], faults=faults, note=show_fault) as address:
        what = f"TWS replay ({safe(file)}, {counted(replay.connections, 'connection')})"
        line = f"{what} listens on {shown_address(address)}; Ctrl-C ends it."
        click.echo(click.style(line, bold=True) if coloured(sys.stdout) else line)
        sys.stdout.flush()
        if not is_loopback(address[0]):
            click.echo("It is not on loopback: other machines may reach it.", err=True)
        if once:
            await replay.played.wait()
        else:
            await trio.sleep_forever()


def show_missing(replay: Replay) -> None:
    """Say what was recorded and not asked for."""
    from twsprobe.views.replay import missing_line

    for connection in dict.fromkeys(number for number, _ in replay.missing):
        click.echo(missing_line(connection, [turn for number, turn in replay.missing if number == connection]), err=True)


def compare(
    records: list[Record], target: tuple[str, int], allow_remote: bool, timeout: float, ignored: tuple[str, ...], as_json: bool
) -> bool:
    """Be the client, and print what the comparison came to; whether an answer was not as recorded."""
    from twsprobe.net.address import shown_address
    from twsprobe.net.dial import NoConnection, Unresolved
    from twsprobe.net.replay import Unplayable
    from twsprobe.views.replay import comparison_lines, comparison_object

    try:
        found = run(lambda: compared(records, target, allow_remote, timeout, ignored))
    except Unplayable as fault:
        raise CaptureCorrupt(str(fault)) from None
    except Unresolved as fault:
        raise IOFailed(f"{shown_address(target)}: {fault}") from None
    except NoConnection as fault:
        raise IOFailed(f"{shown_address(target)}: {fault.attempts[-1].reason if fault.attempts else fault}") from None
    if as_json:
        click.echo(json.dumps(comparison_object(found)))
    else:
        for each in found:
            for line in comparison_lines(each):
                click.echo(line)
    if not found:
        click.echo("No client in this capture offered a version: there was nothing to send.", err=True)
    return any(each.different for each in found)


async def compared(
    records: list[Record], target: tuple[str, int], allow_remote: bool, timeout: float, ignored: tuple[str, ...]
) -> list[Comparison]:
    """Play the clients of a capture. Raises what ``replay_client`` does, click.UsageError for another machine that was not confirmed."""
    from twsprobe.net.comparing import VOLATILE
    from twsprobe.net.dial import resolve
    from twsprobe.net.replay_client import replay_client
    from twsprobe.probing.observation import is_loopback

    host, port = target
    elsewhere = [ip for ip, _ in await resolve(host, port) if not is_loopback(ip)]
    if elsewhere and not allow_remote:
        raise click.UsageError(f"{host} is another machine ({elsewhere[0]}); --allow-remote confirms that it is meant")
    return await replay_client(records, host, port, timeout=timeout, ignored=VOLATILE | set(ignored))
