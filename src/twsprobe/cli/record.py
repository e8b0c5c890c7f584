"""``twsprobe record``."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twsprobe.capture.model import CaptureError
from twsprobe.cli.exits import ExitCode, IOFailed
from twsprobe.cli.faulting import CommandWithFaults, fault_option
from twsprobe.cli.running import run
from twsprobe.cli.simulate import listen_type
from twsprobe.probing.targets import FORMS, Target, parse_target

if TYPE_CHECKING:
    from twsprobe.capture.rotating import File, PerConnection, Rotating
    from twsprobe.net.address import Address
    from twsprobe.net.fault_forms import Fault
    from twsprobe.net.relay import Relay
    from twsprobe.views.live import Backlog, LiveView
    from twsprobe.views.record import Progress

EACH = "{connection}"
"""What stands in a file's name for the number of the connection."""
FORMS_OF_FILES = re.compile(r"[^/]\.(pcapng|pcap|jsonl)(\.gz|\.zst)?\Z")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
SMALLEST_FILE = 4096
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
VIEW_TIMEOUT = 0.6
"""Seconds that the view gets to end; a terminal that was stopped would hold it for ever."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def target_type(context: click.Context, parameter: click.Parameter, value: str) -> Target:
    """A target, read."""
    try:
        return parse_target(value)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


def output_type(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The name of a file, by whose suffix it is known what to write."""
    if value is None or FORMS_OF_FILES.search(value):
        return value
    raise click.BadParameter(f"{value!r} does not end as a capture does: in .pcapng, .pcap or .jsonl, each also with .gz or .zst")


def size_type(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """``100M``: a number of bytes, KiB, MiB or GiB."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,12})([KMG]?)i?B?", value, re.ASCII | re.IGNORECASE)
    if not found:
        raise click.BadParameter(f"{value!r} is no size, such as 100M (K, M and G count by 1024)")
    size = int(found[1]) * UNITS[found[2].upper()]
    if size < SMALLEST_FILE:
        raise click.BadParameter(f"{value!r}: a file holds at least {SMALLEST_FILE} bytes")
    return size


def seconds_type(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """``90``, ``15m``, ``1h``: a length of time."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", value, re.ASCII)
    if not found or not int(found[1]):
        raise click.BadParameter(f"{value!r} is no length of time, such as 90s, 15m, 1h or 1d")
    return int(found[1]) * SECONDS[found[2]]


@click.command(cls=CommandWithFaults, short_help="Record what passes between a client and a TWS.", epilog=f"The target of --to is {FORMS}.")
@click.option("--to", "target", required=True, metavar="HOST:PORT", callback=target_type, help="The TWS to relay to.")
@click.option(
    "--listen", default="127.0.0.1:7500", show_default=True, metavar="ADDR:PORT", callback=listen_type, help="Where clients connect."
)
@click.option(
    "-o", "--output", metavar="FILE", callback=output_type, help=f"The new capture; {EACH} in its name makes a file for each connection."
)
@click.option("--overwrite", is_flag=True, help="Replace files of the same name.")
@click.option("--rotate-size", metavar="SIZE", callback=size_type, help="Begin a new file after so much: 100M.")
@click.option("--rotate-time", metavar="TIME", callback=seconds_type, help="Begin a new file after so long: 90s, 15m, 1h.")
@click.option(
    "--on-record-error",
    type=click.Choice(["close", "pass"]),
    default="close",
    show_default=True,
    help="When recording fails, end it all, or go on.",
)
@click.option(
    "--max-connections", type=click.IntRange(1, 1000), default=128, show_default=True, metavar="N", help="At a time; more are reset."
)
@fault_option
@click.option("-q", "--quiet", is_flag=True, help="Do not show what passes.")
def command(**wishes: Any) -> int:
    """Stand between clients and a TWS, and keep every byte of both directions in a capture.

    Connect the client to the address of --listen instead of to TWS. Nothing is changed on the way; messages are shown as they pass, and
    skipped in the view, never in the capture, when there are too many. Every byte is in the file before it is passed on. TWS sees the
    relay's address: this machine has to be allowed to connect. Ctrl-C ends it; that is exit code 0.

    Without -o the file is called twsprobe-DATE-TIME.pcapng. The suffix chooses the form: .pcapng, .pcap or .jsonl, each also with .gz or
    .zst. With --rotate-size or --rotate-time, NAME-0001 and so on follow; each begins with the opening of the sessions that go on in it,
    and a gap. With --fault, what passes goes wrong in just that way; the capture says so, and holds what each side got.
    """
    session = Session(**wishes)
    try:
        return session.record()
    except CaptureError as fault:
        raise IOFailed(str(fault)) from None


@dataclass
class Session:
    """One run of the command, with what was asked for."""

    target: Target
    listen: Address
    output: str | None
    overwrite: bool
    rotate_size: int | None
    rotate_time: int | None
    on_record_error: str
    max_connections: int
    faults: tuple[Fault, ...]
    quiet: bool
    failure: Exception | None = None

    def record(self) -> int:
        """Record until a signal. Raises CaptureError, IOFailed."""
        from twsprobe.net.recording import fault_layer
        from twsprobe.net.relay import Relay
        from twsprobe.net.relay_pump import OnRecordError
        from twsprobe.views.live import Backlog
        from twsprobe.views.record import Progress, summary_lines

        began = time.monotonic()
        files = self.opened()
        backlog = Backlog()
        relay = Relay(
            self.target,
            recorder=files,
            policy=OnRecordError(self.on_record_error),
            observer=None if self.quiet else backlog.offer,
            warn=self.warn,
            wrap=fault_layer(self.faults),
            max_connections=self.max_connections,
        )

        def progress() -> Progress:
            names = (files.files[0], files.files[-1]) if files.files else ()
            return Progress(relay.counters(), files.position, backlog.skipped, time.monotonic() - began, names, len(files.files))

        try:
            run(partial(self.serve, relay, files, backlog, progress))
        finally:
            try:
                files.close()
            except CaptureError as fault:
                self.failure = self.failure or fault
        for line in summary_lines(progress()):
            click.echo(line)
        if self.failure is not None:
            raise IOFailed(f"{reason(self.failure)}: the capture is not complete")
        return int(ExitCode.OK)

    def opened(self) -> Rotating | PerConnection:
        """The new file, or what makes one for each connection. Raises CaptureError, IOFailed."""
        from twsprobe.capture.rotating import PerConnection, Rotating

        path = self.output or time.strftime("twsprobe-%Y%m%d-%H%M%S.pcapng")

        def rotating(path: str) -> Rotating:
            return Rotating(path, self.new_file, max_size=self.rotate_size, max_seconds=self.rotate_time, is_free=self.is_free)

        if EACH in path:
            return PerConnection(path, lambda number: rotating(path.replace(EACH, f"{number:04}")))
        try:
            return rotating(path)
        except OSError as fault:
            raise IOFailed(f"{path}: {reason(fault)}") from None

    def is_free(self, path: str) -> bool:
        """Whether a further file may have this name."""
        return self.overwrite or not os.path.lexists(path)

    def new_file(self, path: str) -> File:
        """A new capture, in the form that its suffix says. Raises CaptureError, OSError."""
        from twsprobe.capture.writing import open_writer
        from twsprobe.net.address import shown_address

        return open_writer(path, metadata={"target": shown_address(self.target)}, overwrite=self.overwrite)

    def warn(self, fault: Exception) -> None:
        """Recording has failed: say what that means, at once."""
        self.failure = fault
        what = "every connection is closed" if self.on_record_error == "close" else "TRAFFIC GOES ON WITHOUT BEING RECORDED"
        complain(f"recording failed: {reason(fault)}; {what}")

    async def serve(self, relay: Relay, files: Rotating | PerConnection, backlog: Backlog, progress: Callable[[], Progress]) -> None:
        """Relay until a signal, or until recording fails where that ends it, and show what passes. Raises IOFailed."""
        import trio

        with ExitStack() as stack:
            # Before anything is said to listen: from here on a signal ends it all in good order.
            received = stack.enter_context(trio.open_signal_receiver(*SIGNALS))
            shown: LiveView | None = None
            async with trio.open_nursery() as nursery:
                try:
                    async with relay.listening(*self.listen) as address:
                        say_where(address, self.target)
                        if not self.quiet:
                            shown = view(stack, backlog, progress)
                            stack.callback(shown.end)
                            nursery.start_soon(show, shown)
                        async for _ in received:
                            break
                except (OSError, CaptureError) as fault:
                    if relay.address is None:
                        discard(files)
                        raise IOFailed(f"{address_text(self.listen)}: {reason(fault)}") from None
                    if fault is not self.failure:
                        raise
                if shown is not None:
                    shown.end()
                    nursery.cancel_scope.deadline = trio.current_time() + VIEW_TIMEOUT


async def show(shown: LiveView) -> None:
    """Show what passes, to the end."""
    import trio

    await trio.to_thread.run_sync(shown.run, abandon_on_cancel=True)
    if shown.failure is not None:
        complain(f"the view has ended, recording goes on: {reason(shown.failure)}")


def view(stack: ExitStack, backlog: Backlog, progress: Callable[[], Progress]) -> LiveView:
    """What shows the messages: on a terminal above a line of counters."""
    from twsprobe.views.live import LiveView, Plain, Screen
    from twsprobe.views.record import status_line

    if not sys.stdout.isatty():
        return LiveView(backlog, Plain(sys.stdout))
    return LiveView(backlog, stack.enter_context(Screen(sys.stdout, lambda: status_line(progress()))))


def say_where(address: Address, target: Target) -> None:
    """Say what was set up."""
    from twsprobe.probing.observation import is_loopback

    click.echo(f"Relay to {address_text(target)} listens on {address_text(address)}; Ctrl-C ends it.")
    sys.stdout.flush()
    if not is_loopback(address[0]):
        click.echo("It is not on loopback: other machines may reach it, and TWS through it.", err=True)


def discard(files: Rotating | PerConnection) -> None:
    """Remove the file that was made for nothing."""
    files.close()
    for path in files.files:
        Path(path).unlink(missing_ok=True)


def address_text(address: Address) -> str:
    """An address, safe to print."""
    from twsprobe.net.address import shown_address
    from twsprobe.views.safe import safe

    return safe(shown_address(address))


def reason(fault: Exception) -> str:
    """What went wrong, in the system's words where they are its."""
    return (fault.strerror or str(fault)) if isinstance(fault, OSError) else str(fault)


def complain(text: str) -> None:
    """One line on standard error."""
    from twsprobe.cli.main import complain as say

    say(text)
