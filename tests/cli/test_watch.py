"""``twsprobe watch``: transitions for people and programs, metrics, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, PROGRAM, environment, served, started
from tests.views.test_metrics import read
from twsprobe.cli.exits import ExitCode
from twsprobe.probing.transitions import SCHEMA

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signal ends a console program here")


@contextlib.contextmanager
def watched(*arguments: str, scenario: str = "ready") -> Iterator[tuple[Popen[str], int]]:
    """The command as a process, and the port that it watches."""
    with served(scenario) as port, started("watch", str(port), *arguments) as process:
        yield process, port


def ended(process: Popen[str], number: signal.Signals = signal.SIGINT) -> tuple[str, str]:
    """What it still prints, to both outputs, once it is told to end."""
    assert process.stdout is not None
    assert process.stderr is not None
    process.send_signal(number)
    found = process.stdout.read(), process.stderr.read()
    assert process.wait(PATIENCE) == 0
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_json_is_an_object_a_line_and_a_signal_is_its_good_end(number: signal.Signals) -> None:
    with watched("--json") as (process, port):
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        assert (found["schema"], found["transition"], found["signature"]) == (SCHEMA, "ready", "ready")
        assert (found["target"], found["level"], found["connections_opened"]) == (f"127.0.0.1:{port}", "backend", 1)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["time"])
        assert ended(process, number) == ("", "ended; 1 connection opened and closed\n")


def test_people_get_lines() -> None:
    with watched(scenario="paper-disclaimer") as (process, _):
        assert process.stdout is not None
        assert re.match(r" \d\d:\d\d:\d\d  paper-disclaimer: ", process.stdout.readline())
        out, _ = ended(process)
        assert "proven cause: Nobody has accepted the paper trading" in out
        assert "\x1b" not in out


def fetched(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:  # noqa: S310  # the URL is this test's own
            return response.status, response.read().decode()
    except urllib.error.HTTPError as fault:
        with fault:
            return fault.code, fault.read().decode()


def test_metrics_and_probes_over_http() -> None:
    with served("refused") as other, watched("--json", "--metrics", "0", "--allow", f"127.0.0.1:{other}") as (process, port):
        assert process.stdout is not None
        assert process.stderr is not None
        where = process.stderr.readline()
        url = re.fullmatch(r"Metrics are at (http://127\.0\.0\.1:\d+)/metrics\n", where)
        assert url is not None, where
        assert json.loads(process.stdout.readline())["transition"] == "ready"
        metrics = read(fetched(f"{url[1]}/metrics")[1])
        assert metrics["twsprobe_up"] == [({"target": f"127.0.0.1:{port}"}, 1.0)]
        assert read(fetched(f"{url[1]}/probe?target=127.0.0.1:{other}")[1])["probe_success"] == [({}, 0.0)]
        assert read(fetched(f"{url[1]}/probe?target=127.0.0.1%3A{port}")[1])["probe_success"] == [({}, 1.0)]
        assert fetched(f"{url[1]}/probe?target=127.0.0.1:22")[0] == 400
        assert fetched(f"{url[1]}/secret")[0] == 404
        assert ended(process)[1] == "ended; 2 connections opened and closed\n"


def test_a_listener_that_others_may_reach_is_pointed_out() -> None:
    with watched("--json", "--metrics", "0.0.0.0:0") as (process, _):
        assert process.stderr is not None
        process.stderr.readline()
        assert process.stderr.readline() == "They are not on loopback: other machines may read them, and ask for probes.\n"
        ended(process)


def test_a_textfile(tmp_path: Path) -> None:
    path = tmp_path / "twsprobe.prom"
    with watched("--json", "--textfile", str(path)) as (process, port):
        assert process.stdout is not None
        process.stdout.readline()
        ended(process)
    assert read(path.read_text())["twsprobe_up"] == [({"target": f"127.0.0.1:{port}"}, 1.0)]


def test_on_a_terminal_a_line_below_says_how_things_stand() -> None:
    import pty

    with served() as port:
        ours, theirs = pty.openpty()
        with Popen(
            [*PROGRAM, "watch", str(port)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(TERM="xterm", COLUMNS="80")
        ) as process:
            os.close(theirs)
            seen, told = b"", False
            with contextlib.suppress(OSError):  # how a terminal ends whose program has gone
                while chunk := os.read(ours, 4096):
                    seen += chunk
                    if b"ready for" in seen and not told:
                        process.send_signal(signal.SIGINT)
                        told = True
            assert process.wait(PATIENCE) == 0
        os.close(ours)
    text = seen.decode()
    assert f"127.0.0.1:{port} | ready for 0 s" in text
    assert "ready: The API on 127.0.0.1" in text
    assert text.rstrip().endswith("ended; 1 connection opened and closed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("4002", "--ping", "0.5"), "--ping"),
        (("4002", "--metrics", "here"), "'here'"),
        (("4002", "--allow", "127.0.0.1:1"), "--allow is for --metrics"),
        (("4002", "--metrics", "0", "--allow", "x:y"), "'x:y'"),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...], said: str, ran: Run) -> None:
    found = ran("watch", *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert said in found.err


def test_what_cannot_be_listened_on_or_written_is_an_error_of_ours(tmp_path: Path, ran: Run) -> None:
    with served() as port:
        taken = ran("watch", str(port), "--metrics", str(port))
        assert (taken.code, taken.out) == (ExitCode.IO_FAILED, "")
        assert f"127.0.0.1:{port}: " in taken.err
        missing = ran("watch", str(port), "--textfile", str(tmp_path / "none" / "a.prom"))
        assert missing.code == ExitCode.IO_FAILED
        assert "No such file" in missing.err
