"""``twsprobe versions``: what it prints, what it writes, exit codes, and reports compared by ``twsprobe diff``."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, served, started
from tests.probing.looks import WITH_MORE
from tests.views.hostile import live
from twsprobe.cli.exits import ExitCode
from twsprobe.probing.signatures import Signature

ANNOUNCED = "at most 5 connections, one at a time, 1 s apart"
SUFFIXES = (".html", ".md", ".json")


def test_a_look_as_a_person_sees_it_and_its_report(ran: Run, tmp_path: Path) -> None:
    with served(server_version=203) as port:
        found = ran("versions", str(port), "--report", str(tmp_path / "tws"))
    assert found.code == 0
    assert found.err.splitlines()[0] == ANNOUNCED
    assert found.err.splitlines()[-1] == "offer 100..226: answered 203, a session started"
    lines = found.out.splitlines()
    assert lines[0] == f"127.0.0.1:{port}  speaks server versions up to 203"
    assert lines[-2:] == ["5 connections opened and closed, one at a time", f"report in {tmp_path / 'tws.html'}, with tws.md and tws.json"]
    assert not live(found.out + found.err)
    for suffix in SUFFIXES:
        path = tmp_path / f"tws{suffix}"
        assert "127.0.0.1" not in path.read_text("utf-8")
        assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o600
    report = json.loads((tmp_path / "tws.json").read_text("utf-8"))
    assert (report["target"], report["account_data"]) == (f"port {port}", True)
    assert "position" in {message["message"] for message in report["sessions"][0]["messages"]}


def test_json_alone(ran: Run) -> None:
    with served("refused") as port:
        found = ran("versions", str(port), "--json")
    assert found.code == Signature.TCP_REFUSED.exit_code
    (line,) = found.out.splitlines()
    report = json.loads(line)
    assert (report["stopped"], report["connections_opened"], report["ok"]) == ("tcp-refused", 0, False)


def test_a_silent_server_gets_one_connection(ran: Run) -> None:
    with served("dialog-pending") as port:
        found = ran("versions", str(port), "--timeout", "0.2")
    assert found.code == Signature.SILENT_HANDSHAKE.exit_code
    assert found.err.splitlines() == [ANNOUNCED, "offer 100..157: silent-handshake"]
    assert found.out.splitlines()[-1] == "1 connection opened and closed, one at a time"


def test_a_report_is_not_written_over_and_nothing_is_asked_then(ran: Run, tmp_path: Path) -> None:
    (tmp_path / "tws.md").write_text("mine")
    with served() as port:
        found = ran("versions", str(port), "--report", str(tmp_path / "tws.html"))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert "tws.md: the file exists" in found.err
    assert [path.name for path in tmp_path.iterdir()] == ["tws.md"]


@pytest.mark.parametrize(
    "arguments", [(), ("x:y",), ("7497", "--pause", "0.1"), ("7497", "--timeout", "0"), ("7497", "7496"), ("7497", "--huge=1")]
)
def test_usage(arguments: tuple[str, ...], ran: Run) -> None:
    found = ran("versions", *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert len(found.err.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no signal ends a console program here")
def test_an_interrupt_leaves_no_file(tmp_path: Path) -> None:
    with served() as port, started("versions", str(port), "--report", str(tmp_path / "tws")) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("at most")
        assert process.stderr.readline().startswith("offer")
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "opened and closed before the interrupt" in rest
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The reports of two servers: one as it should be, and one with an undeclared field."""
    folder = tmp_path_factory.mktemp("reports")
    for name, script in (("a", "ready"), ("b", WITH_MORE)):
        with served(script, server_version=157) as port:
            command = [sys.executable, "-m", "twsprobe", "versions", str(port), "--report", str(folder / name)]
            subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return str(folder / "a.json"), str(folder / "b.json")


def test_reports_compared(reports: tuple[str, str], ran: Run) -> None:
    found = ran("diff", *reports)
    assert (found.code, found.err) == (ExitCode.FINDINGS, "")
    assert "different: 1 appeared" in found.out.splitlines()
    assert found.out.splitlines()[-2].startswith("  appeared managedAccounts difference from our declaration")
    same = ran("diff", reports[0], reports[0])
    assert (same.code, same.out.splitlines()[-1]) == (0, "the same")


def test_reports_compared_for_programs(reports: tuple[str, str], ran: Run) -> None:
    found = ran("diff", *reports, "--json")
    one, summary = map(json.loads, found.out.splitlines())
    assert (one["event"], one["kind"], one["message"]) == ("difference", "appeared", "managedAccounts")
    assert summary == {"event": "summary", "a": reports[0], "b": reports[1], "differences": 1}


def test_a_report_and_something_else(reports: tuple[str, str], ran: Run, tmp_path: Path) -> None:
    other = tmp_path / "x.jsonl"
    other.write_text("{}\n")
    found = ran("diff", reports[0], str(other))
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert f"{reports[0]} is a version report, and {other} is none" in found.err
    assert ran("diff", *reports, "--ignore", "*.encoding").code == ExitCode.USAGE


def test_a_damaged_report(reports: tuple[str, str], ran: Run, tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes(Path(reports[0]).read_bytes()[:-20])
    found = ran("diff", reports[0], str(torn))
    assert (found.code, found.out) == (ExitCode.CAPTURE_CORRUPT, "")
    assert found.err.startswith(f"twsprobe: {torn}: line ")
