"""The option ``--fault``: what it takes, what it says of what it does not take, and its place in a command's help."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from tests.cli.conftest import Run
from twsprobe.cli.exits import ExitCode
from twsprobe.cli.faulting import CommandWithFaults, fault_option, show_fault
from twsprobe.net.fault_forms import Drop, Fault, Slice, Target, forms
from twsprobe.wire.framing import Direction


@click.command(cls=CommandWithFaults)
@fault_option
def example(faults: tuple[Fault, ...]) -> None:
    """Do something."""
    click.echo(repr(faults))


def test_faults_are_read() -> None:
    found = CliRunner().invoke(example, ["--fault", "drop greeting", "--fault", "slice all into 3 bytes"])
    drop, cut = Drop(Target("greeting", Direction.TO_CLIENT), "drop greeting"), Slice(Target(), 3, "slice all into 3 bytes")
    assert found.output == f"{(drop, cut)!r}\n"
    assert CliRunner().invoke(example, []).output == "()\n"


@pytest.mark.parametrize("text", ["drop nextValidID", "", "drop \x1b[2J", "drop error\nwhere"])
def test_what_is_no_fault_is_one_line(text: str, ran: Run) -> None:
    found = ran("simulate", "--listen", "0", "--fault", text)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert found.err.startswith("twsprobe: Invalid value for '--fault': ")
    assert ", character " in found.err
    assert found.err.count("\n") == 1
    assert "\x1b" not in found.err


def test_the_help_has_every_form_and_fits_80_columns(ran: Run) -> None:
    found = ran("simulate", "--help")
    assert found.code == ExitCode.OK
    assert max(map(len, found.out.splitlines())) <= 80
    for form, _ in forms():
        assert f"\n  {form} " in found.out


def test_a_fault_is_shown_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_fault("dropped error (fault: drop error), bytes " + "00" * 500 + "\x1b", Direction.TO_CLIENT, 3)
    line, rest = capsys.readouterr().out.split("\n")
    assert line.startswith("client 3   <<< FAULT dropped error (fault: drop error), bytes 0000")
    assert len(line) < 200
    assert rest == ""
