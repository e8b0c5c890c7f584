"""The program. Commands are imported when they run: help has to be there before Trio would have loaded."""

from __future__ import annotations

import importlib
import io
import os
import sys

import click

from twsprobe import __version__
from twsprobe.cli.exits import ExitCode

COMMANDS = {
    "probe": "Connect as a client would; say what fails, and why that usually is.",
    "wait": "Wait until a TWS is ready, and say meanwhile what keeps it.",
    "watch": "Follow a TWS: report restarts, lost links and dead connections.",
    "client-ids": "Say which client ids are free and which are taken.",
    "versions": "Say what a TWS speaks with each client library.",
    "record": "Stand between a client and a TWS, and keep every byte.",
    "simulate": "Be a TWS: a healthy one, or one of the known failures.",
    "replay": "Be the TWS, or the client, of a capture.",
    "decode": "Show what a capture holds, message by message.",
    "export": "Write captures as tables: Parquet, CSV, JSON Lines.",
    "diff": "Compare two captures: what appeared, vanished, moved or changed.",
    "convert": "Convert captures, and import the logs of TWS and of clients.",
    "redact": "Write a copy of a capture without who you are.",
    "explain": "Say what a message, an error code or a line of a log is.",
    "wireshark": "Give Wireshark and tshark a dissector of the TWS protocol.",
    "demo": "Probe a simulated TWS and every known failure in turn.",
}
"""Each command and its one-line help; the command ``x-y`` is ``command`` in ``twsprobe.cli.x_y``."""


class Commands(click.Group):
    """The group of commands, without importing any to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"twsprobe.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: twsprobe probe",
)
@click.version_option(__version__, message="twsprobe %(version)s")
@click.pass_context
def twsprobe(context: click.Context) -> int:
    """Find out why a program cannot connect to Trader Workstation or IB Gateway.

    twsprobe speaks the TWS API's own protocol and names the stage that failed, what was seen on the wire, and the likeliest cause with its
    remedy.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
    return int(ExitCode.USAGE)


def run(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code. Whatever goes wrong is one line on standard error."""
    try:
        result = twsprobe.main(args=arguments, prog_name="twsprobe", standalone_mode=False)
        return int(result or ExitCode.OK)
    except click.UsageError as fault:
        command = fault.ctx.command_path if fault.ctx else "twsprobe"
        complain(f"{fault.format_message().rstrip('.')}. See {command} --help.")
        return int(ExitCode.USAGE)
    except click.ClickException as fault:
        complain(fault.format_message())
        return fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return int(ExitCode.INTERRUPTED)
    except SystemExit:
        return int(ExitCode.IO_FAILED)  # how click leaves when whoever read the output has gone
    except OSError as fault:
        complain(f"{fault.filename or ''}{': ' if fault.filename else ''}{fault.strerror or fault}")
        return int(ExitCode.IO_FAILED)
    except Exception as fault:  # the last resort: a bug of ours ends in one line and a code of its own
        if os.environ.get("TWSPROBE_DEBUG"):
            raise
        complain(f"a bug in twsprobe: {type(fault).__name__}: {fault}. Set TWSPROBE_DEBUG=1 to see where, and please report it.")
        return int(ExitCode.BUG)


def complain(text: str) -> None:
    """One line on standard error."""
    from twsprobe.views.safe import safe

    click.echo(f"twsprobe: {safe(text)}", err=True)


def main() -> None:
    """The console script."""
    # A stream that was closed before the start is None; one in a code page has no place for every character.
    sys.stdout, sys.stderr = (stream or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w") for stream in (sys.stdout, sys.stderr))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    code = run()
    # All files are closed by now. Taking the interpreter apart would cost a tenth of a short run, so it is left to the system.
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = int(ExitCode.IO_FAILED)
    os._exit(code)
