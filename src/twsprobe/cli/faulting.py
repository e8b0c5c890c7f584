"""The option that injects faults, for every command that stands between a client and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from twsprobe.net.fault_forms import TARGET_FORM, TARGET_MEANING, forms

if TYPE_CHECKING:
    from twsprobe.net.fault_forms import Fault
    from twsprobe.wire.framing import Direction

LONGEST_NOTE = 160
"""Characters of what a fault did that are shown; a capture has all of it."""
Function = TypeVar("Function", bound=Callable[..., Any])


def read_option(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[Fault, ...]:
    """The faults that texts name."""
    if not value:
        return ()
    # Not before there is a fault: this loads every message.
    from twsprobe.net.fault_language import FaultError, read_faults

    try:
        return read_faults(value)
    except FaultError as fault:
        raise click.BadParameter(str(fault)) from None


def fault_option(command: Function) -> Function:
    """Add ``--fault TEXT``, which may be given several times, as the parameter ``faults``: a tuple of them, empty without."""
    option = click.option(
        "--fault", "faults", multiple=True, metavar="TEXT", callback=read_option, help="Inject a fault, see below; repeatable."
    )
    return option(command)


class CommandWithFaults(click.Command):
    """A command whose help ends with the forms of a fault."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Faults"):
            formatter.write_dl(forms())
        with formatter.section("TARGET"):
            formatter.write_text(TARGET_FORM)
            formatter.write_text(TARGET_MEANING)
        super().format_epilog(context, formatter)


def show_fault(text: str, direction: Direction, connection: int) -> None:
    """Print that a fault was applied."""
    from twsprobe.views.events import ARROWS
    from twsprobe.views.safe import safe

    click.echo(f"client {connection:<3} {ARROWS[direction]} FAULT {safe(text, LONGEST_NOTE)}")
