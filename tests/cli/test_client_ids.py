"""``twsprobe client-ids``: options, outputs, exit codes."""

from __future__ import annotations

import json
import signal
import sys
import time

import psutil
import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, served, started
from tests.views.hostile import live
from twsprobe.cli.client_ids import USUAL_IDS
from twsprobe.cli.exits import ExitCode
from twsprobe.net.script import Script
from twsprobe.probing.client_ids import WARNINGS, parse_ids
from twsprobe.probing.signatures import Signature


def test_which_are_free_and_which_are_taken(ran: Run) -> None:
    with served(Script(taken=frozenset({2}))) as port:
        found = ran("client-ids", str(port), "--ids", "1,2")
    assert found.code == ExitCode.FINDINGS
    lines = found.out.splitlines()
    assert lines[0] == f"127.0.0.1:{port}  server version 226"
    assert [line.split()[0] for line in lines[1:4]] == ["free", "free", "taken"]
    assert lines[-1] == "3 connections opened and closed, one at a time"
    assert [line.split()[-1] for line in found.err.splitlines()] == ["free", "free", "taken"]
    assert not live(found.out + found.err)


def test_free_ids_as_json_and_the_warning_of_zero(ran: Run) -> None:
    with served() as port:
        found = ran("client-ids", str(port), "--ids", "0", "--random", "0", "--json")
    assert found.code == ExitCode.OK
    seen = json.loads(found.out)
    assert [each["client_id"] for each in seen["ids"]] == [0]
    assert (seen["ok"], seen["connections_opened"]) == (True, 1)
    assert WARNINGS[0] in found.err


def test_a_failure_that_is_not_about_ids_has_its_own_code(ran: Run) -> None:
    with served("refused") as port:
        found = ran("client-ids", str(port))
    assert found.code == Signature.TCP_REFUSED.exit_code
    assert "No id after that was tried" in found.out
    assert found.out.endswith("0 connections opened and closed, one at a time\n")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--ids", "x"), "client id"),
        (("--ids", "0-3"), "named by itself"),
        (("--ids", "1-1000"), "64"),
        (("--ids", "master", "--random", "0"), "--random"),
        (("--pause", "0.1"), "--pause"),
        (("--random", "9"), "--random"),
    ],
)
def test_bad_usage_is_one_line(arguments: tuple[str, ...], word: str, ran: Run) -> None:
    found = ran("client-ids", "7497", *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert found.err.count("\n") == 1
    assert word in found.err


def test_the_usual_ids_are_a_list() -> None:
    assert 0 not in parse_ids(USUAL_IDS)


@pytest.mark.skipif(sys.platform == "win32", reason="no signal ends a console program here")
def test_ctrl_c_ends_it_in_order() -> None:
    with served("api-not-accepted") as port, started("client-ids", str(port), "--timeout", "60") as process:
        wait_for_client(port)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err


def wait_for_client(port: int) -> None:
    """Return once somebody is connected to a port of this machine."""

    def connected() -> bool:
        found = psutil.net_connections(kind="tcp")
        return any(each.status == psutil.CONN_ESTABLISHED and each.laddr and each.laddr.port == port for each in found)

    deadline = time.monotonic() + PATIENCE
    while not connected():
        assert time.monotonic() < deadline
