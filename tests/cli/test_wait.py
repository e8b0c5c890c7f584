"""``twsprobe wait``: levels, progress, exit styles, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, finished, served, started
from tests.views.hostile import live
from twsprobe.cli.exits import ExitCode
from twsprobe.net.script import Script
from twsprobe.probing.signatures import Signature

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no signal ends a console program here")
GREETS_ONLY = Script(on_start=(), serves=False)


@pytest.fixture(scope="module")
def ready() -> Iterator[int]:
    """The port of a server that is well."""
    with served() as port:
        yield port


@pytest.fixture
def refused() -> Iterator[int]:
    """A port on which nothing listens."""
    with served("refused") as port:
        yield port


@pytest.mark.parametrize("level", ["tcp", "handshake", "api", "backend", "synced"])
def test_a_level_that_is_there(level: str, ready: int, ran: Run) -> None:
    found = ran("wait", str(ready), "--until", level)
    assert (found.code, found.out) == (0, "")
    assert re.fullmatch(rf"127\.0\.0\.1:{ready} {level} reached after \d\.\d s; 1 connection opened and closed\n", found.err)


def test_what_is_not_there_in_time_ends_with_its_code_and_was_said_with_its_cause(refused: int, ran: Run) -> None:
    found = ran("wait", str(refused), "--timeout", "1s")
    assert (found.code, found.out) == (Signature.TCP_REFUSED.exit_code, "")
    lines = found.err.splitlines()
    assert re.fullmatch(rf" +\d\.\d s  tcp-refused: Nothing accepts connections on 127\.0\.0\.1, port {refused}\.", lines[0])
    assert "cause: " in lines[1]
    assert "->" in found.err
    assert found.err.count("tcp-refused: ") == 2, "once when it was seen, once in the end"
    assert lines[-1].endswith("; 0 connections opened and closed")
    assert all(len(line) <= 80 for line in lines[:-1])
    assert not live(found.err)


def test_quiet(refused: int, ready: int, ran: Run) -> None:
    assert ran("wait", str(refused), "--timeout", "1s", "-q")[1:] == ("", "")
    assert ran("wait", str(ready), "-q") == (0, "", "")


@pytest.mark.parametrize(("style", "well", "ill"), [("signature", 0, 11), ("docker", 0, 1), ("nagios", 0, 2), ("systemd", 0, 1)])
def test_exit_styles(style: str, well: int, ill: int, ready: int, refused: int, ran: Run) -> None:
    assert ran("wait", str(ready), "--exit-style", style).code == well
    assert ran("wait", str(refused), "--exit-style", style, "--timeout", "1s").code == ill


def test_a_monitor_gets_one_line(ready: int, refused: int, ran: Run) -> None:
    found = ran("wait", str(ready), "--exit-style", "nagios")
    assert re.fullmatch(rf"TWS OK - 127\.0\.0\.1:{ready} backend reached after \d\.\d s \| wait=\d\.\d+s connections=1\n", found.out)
    assert ran("wait", str(refused), "--exit-style", "nagios", "--timeout", "1").out.startswith("TWS CRITICAL - ")
    with served("link-broken") as port:
        found = ran("wait", str(port), "--exit-style", "nagios", "--timeout", "1")
    assert (found.code, found.out[:13]) == (1, "TWS WARNING -")


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such sockets")
def test_systemd_hears_of_it(ready: int, refused: int, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        path = str(Path(folder) / "notify")
        sock.bind(path)
        sock.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        ran("wait", str(ready), "--exit-style", "systemd")
        assert re.fullmatch(rb"READY=1\nSTATUS=backend reached after \d\.\d s\n", sock.recv(1000))
        ran("wait", str(refused), "--exit-style", "systemd", "--timeout", "1")
        assert sock.recv(1000).startswith(b"STATUS=failure: Nothing accepts connections")
        assert sock.recv(1000).startswith(b"STATUS=backend not reached within ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing argument"),
        (("127.0.0.1:0",), "a port is a number from 1 to 65535"),
        (("4002", "--until", "ready"), "is not one of"),
        (("4002", "--timeout", "soon"), "'soon' is no length of time"),
        (("4002", "--max-pause", "0.1"), "--max-pause"),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...], said: str, ran: Run) -> None:
    found = ran("wait", *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert said in found.err
    assert found.err.count("\n") == 1


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_connection_is_closed(number: signal.Signals) -> None:
    with served(GREETS_ONLY) as port, started("wait", str(port), "--until", "api") as process:
        assert process.stderr is not None
        assert "silent-start" in process.stderr.readline()
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(PATIENCE) == ExitCode.INTERRUPTED
    assert rest.endswith("interrupted; 1 connection opened and closed\n")


def test_it_reads_no_more_than_probe_does_before_it_connects() -> None:
    code = "import sys; import twsprobe.cli.wait; print([name for name in ('rich', 'psutil', 'trio', 'construct') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_help_names_the_levels() -> None:
    found = finished("wait", "--help")
    assert found.code == 0
    assert "tcp|handshake|api|backend|synced" in found.out
