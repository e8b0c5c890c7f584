"""The table of known lines holds together."""

from __future__ import annotations

import importlib
import re

import click
import pytest

from twsprobe.probing.log_lines import LINES
from twsprobe.probing.log_table import CLIENT_LINES, Known
from twsprobe.probing.log_table_server import SERVER_LINES
from twsprobe.probing.signatures import Signature


@pytest.mark.parametrize("known", LINES, ids=[known.id for known in LINES])
def test_a_known_line_is_complete(known: Known) -> None:
    re.compile(known.pattern)
    assert re.fullmatch(r"[a-z0-9-]+", known.id)
    assert known.meaning.endswith(".")
    assert known.source
    assert len(set(known.signatures)) == len(known.signatures)


@pytest.mark.parametrize("command", sorted({known.command for known in LINES}))
def test_a_command_to_run_next_is_one_of_ours(command: str) -> None:
    program, name, *arguments = command.replace("HOST:PORT", "127.0.0.1:7497").replace("ID", "7").split()
    assert program == "twsprobe"
    found = importlib.import_module(f"twsprobe.cli.{name}").command
    assert isinstance(found, click.Command)
    found.make_context(name, arguments)


def test_ids_are_unique() -> None:
    assert CLIENT_LINES + SERVER_LINES == LINES
    assert len({known.id for known in LINES}) == len(LINES)


def test_the_signatures_that_logs_hide_are_there() -> None:
    # No line that users report says anything of these.
    silent = {Signature.REDIRECTED, Signature.MALFORMED_START, Signature.FRAME_INCOMPLETE}
    assert {signature for known in LINES for signature in known.signatures} == set(Signature) - silent
