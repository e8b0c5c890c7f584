"""``twsprobe simulate``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, served, started
from tests.views.hostile import HOSTILE, live, one_field, wire
from twsprobe.cli import simulate
from twsprobe.cli.exits import ExitCode
from twsprobe.net.scenarios import SCENARIOS, Endpoint
from twsprobe.wire.handshake import PREFIX, frame
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET
from twsprobe.wire.tokens import LENGTH_DELIMITED, tagged

posix = pytest.mark.skipif(os.name == "nt", reason="ends by a signal that Windows lacks")
LISTENS = re.compile(r"TWS simulator \((\S+), server version (\d+)\) listens on (\S+):(\d+); Ctrl-C ends it\.\n")


@contextlib.contextmanager
def simulated(*arguments: str, listen: str = "127.0.0.1:0") -> Iterator[tuple[subprocess.Popen[str], re.Match[str]]]:
    """A simulator as a process while the block runs, and the line with which it begins."""
    with started("simulate", "--listen", listen, *arguments) as process:
        assert process.stdout is not None
        found = LISTENS.fullmatch(process.stdout.readline())
        assert found
        yield process, found


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """End a simulator as a person would; what it had printed."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.OK
    return out, err


@posix
def test_it_is_a_tws_until_it_is_interrupted(ran: Run) -> None:
    with simulated("--server-version", "176", "--scenario", "ready-live", "--delivery", "byte") as (process, line):
        assert line.groups()[:3] == ("ready-live", "176", "127.0.0.1")
        found = ran("probe", line[4])
        out, err = ended(process)
    assert found.code == 0
    assert "server version  176" in found.out
    assert "(live)" in found.out
    assert (out, err) == ("ended\n", "")


@posix
def test_frames_are_shown_on_request(ran: Run) -> None:
    with simulated("-v") as (process, line):
        assert ran("probe", line[4], "--client-id", "5").code == 0
        out, _ = ended(process)
    assert out.splitlines() == [
        "client 1   >>> version offer  v100..226",
        "client 1   >>> startApi  clientId=5",
        "client 1   >>> reqCurrentTime",
        "ended",
    ]


@posix
def test_faults_are_injected_shown_and_recorded(ran: Run, tmp_path: Path) -> None:
    path = tmp_path / "faults.jsonl"
    faults = ("--fault", "drop 1st nextValidId", "--fault", "slice greeting into 5 bytes")
    with simulated(*faults, "--record", str(path)) as (process, line):
        found = ran("probe", line[4], "--json", "--timeout", "1")
        out, err = ended(process)
    assert json.loads(found.out)["signature"] == "partial-start"
    assert [each.split(" (")[0] for each in out.splitlines()] == [
        "client 1   <<< FAULT sliced greeting into writes of 5 bytes",
        "client 1   <<< FAULT dropped nextValidId",
        "ended",
    ]
    assert err == ""
    shown = ran("decode", str(path), "--json")
    assert shown.code == ExitCode.OK
    events = [json.loads(each) for each in shown.out.splitlines()]
    kinds = [each["event"] if each["event"] != "message" else each["name"] for each in events]
    assert kinds[:6] == ["opened", "version_offer", "note", "greeting", "startApi", "managedAccounts"]
    assert "nextValidId" not in kinds
    assert kinds.count("note") == 2


@posix
def test_a_capture_is_private_and_never_overwritten(ran: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with simulated("--record", str(path)) as (process, _):
        ended(process)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = ran("simulate", "--listen", "0", "--record", str(path))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: {path}: the file exists and is not overwritten: choose another name, or remove it first\n"


@posix
def test_a_capture_that_cannot_be_written_is_named(ran: Run, tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.jsonl"
    found = ran("simulate", "--listen", "0", "--record", str(path))
    assert (found.code, found.out, found.err) == (ExitCode.IO_FAILED, "", f"twsprobe: {path}: No such file or directory\n")


@posix
@pytest.mark.parametrize(
    ("listen", "family", "ip"),
    [
        ("0", socket.AF_INET, "127.0.0.1"),
        ("localhost:0", socket.AF_INET, "127.0.0.1"),
        ("127.0.0.2:0", socket.AF_INET, "127.0.0.2"),
        ("[::1]:0", socket.AF_INET6, "::1"),
    ],
)
def test_loopback_in_all_its_forms_needs_no_warning(listen: str, family: socket.AddressFamily, ip: str, ran: Run) -> None:
    try:
        with socket.socket(family) as trial:
            trial.bind((ip, 0))
    except OSError:
        pytest.skip(f"this machine has no {ip}")
    with simulated(listen=listen) as (process, line):
        assert int(line[4]) > 0
        assert ran("probe", f"{line[3]}:{line[4]}").code == 0
        assert ended(process)[1] == ""


class Elsewhere:
    """Takes the place of the simulator: it listens nowhere, and says that it is on another address."""

    def __init__(self, **_: object) -> None: ...

    async def __aenter__(self) -> tuple[str, int]:
        return "192.0.2.1", 7497

    async def __aexit__(self, *_: object) -> None: ...


def test_a_listener_that_others_can_reach_says_so(ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import trio

    async def end_at_once() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("twsprobe.net.simulator.simulator", Elsewhere)
    monkeypatch.setattr(trio, "sleep_forever", end_at_once)
    found = ran("simulate", "--listen", "192.0.2.1:7497")
    assert found.code == ExitCode.OK
    assert "listens on 192.0.2.1:7497" in found.out
    assert found.err == "It is not on loopback: other machines may reach it.\n"


def test_the_default_is_loopback() -> None:
    option = next(each for each in simulate.command.params if each.name == "listen")
    assert option.default == "127.0.0.1:7497"


@pytest.mark.parametrize(
    ("listen", "said"),
    [("192.0.2.1:7497", "192.0.2.1:7497: "), ("tws.invalid:7497", "tws.invalid:7497: ")],
)
def test_an_address_that_is_not_here_is_named(listen: str, said: str, ran: Run) -> None:
    found = ran("simulate", "--listen", listen)
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err.startswith(f"twsprobe: {said}")
    assert found.err.count("\n") == 1


def test_a_port_that_is_taken_is_named(ran: Run) -> None:
    with served() as port:
        found = ran("simulate", "--listen", str(port))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: 127.0.0.1:{port}: Address already in use\n"


def test_the_list_has_every_scenario_of_a_server(ran: Run) -> None:
    found = ran("simulate", "--list")
    assert found.code == ExitCode.OK
    heads = [line.split() for line in found.out.splitlines() if not line.startswith(" ")]
    assert heads == [[each.name, each.signature] for each in SCENARIOS.values() if each.endpoint is Endpoint.SERVER]


def hostile_openings(text: str) -> tuple[bytes, ...]:
    """A text wherever a client may put one: offer, capabilities, account, unknown message, no message, no frame."""
    raw, field = wire(text), one_field(text)
    start = BINARY_ID.pack(71 + PROTOBUF_OFFSET) + b"\x08\x07" + tagged(2, LENGTH_DELIMITED, raw)
    account = BINARY_ID.pack(6 + PROTOBUF_OFFSET) + b"\x08\x01" + tagged(2, LENGTH_DELIMITED, raw)
    return (
        PREFIX + frame(b"v100..226 " + raw) + frame(start) + frame(account) + frame(BINARY_ID.pack(999) + raw),
        PREFIX + frame(b"v100..176") + frame(b"71\x002\x007\x00" + field + b"\0") + frame(b"6\x002\x00" + raw) + b"\xff\xff" + raw,
        PREFIX + frame(raw),
        raw,
    )


@posix
def test_hostile_clients_do_nothing() -> None:
    """Offers, names, requests, unknown and undecodable messages, and bytes that are no frames, all hostile."""
    shown: list[str] = []
    with simulated("-v") as (process, line):
        assert process.stdout is not None
        assert process.stderr is not None
        reader = threading.Thread(target=shown.extend, args=(process.stdout,))
        reader.start()
        for text in HOSTILE:
            for data in hostile_openings(text):
                with socket.create_connection(("127.0.0.1", int(line[4])), timeout=PATIENCE) as client:
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                    with contextlib.suppress(ConnectionResetError):
                        while client.recv(65536):
                            pass
        process.send_signal(signal.SIGINT)
        reader.join(PATIENCE)
        assert process.stderr.read() == ""
        assert process.wait(PATIENCE) == ExitCode.OK
    assert shown.pop() == "ended\n"
    assert len(shown) > 5 * len(HOSTILE)
    assert not live("".join(shown))
    assert all(re.match(r"client \d+ +>>> ", each) for each in shown), "one line an event"
