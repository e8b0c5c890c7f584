"""``twsprobe replay``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, served, started
from tests.net.sessions import asks, says
from tests.net.sessions import started as session
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import Gap, Record
from twsprobe.cli.exits import ExitCode
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import offer
from twsprobe.wire.registry import encode

posix = pytest.mark.skipif(os.name == "nt", reason="ends by a signal that Windows lacks")
READY = Path(__file__).parents[2] / "captures" / "ready.jsonl"
LISTENS = re.compile(r"TWS replay \((.+), (\d+ connections?)\) listens on (\S+):(\d+); Ctrl-C ends it\.\n")


@contextlib.contextmanager
def replayed(file: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A replay as a process while the block runs, and its port."""
    with started("replay", str(file), "--listen", "127.0.0.1:0", *arguments) as process:
        assert process.stdout is not None
        found = LISTENS.fullmatch(process.stdout.readline())
        assert found
        yield process, int(found[4])


def written(path: Path, records: list[Record]) -> Path:
    with Writer(path) as writer:
        for record in records:
            writer.write(record)
    return path


def talk(port: int, *messages: bytes) -> bytes:
    """Say things to a server, end our side, and read until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(offer(100, 226) + b"".join(messages))
        client.shutdown(socket.SHUT_WR)
        got = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(65536):
                got += data
        return bytes(got)


def ask(name: str, **fields: Any) -> bytes:
    return encode(name, Direction.TO_SERVER, 178, **fields)


CONTRACT = {"conId": 5, "symbol": "AAPL"}
LOOKUP = (asks("reqContractDetails", reqId=1, contract=CONTRACT), says("contractDetailsEnd", reqId=1))


def test_a_probe_of_a_replay_is_what_it_was(ran: Run) -> None:
    with replayed(READY, "--once") as (process, port):
        found = ran("probe", str(port), "--client-id", "5")
        out, err = process.communicate(timeout=PATIENCE)
    assert found.code == 0
    assert (process.returncode, out, err) == (ExitCode.OK, "", "")


@posix
def test_it_listens_until_it_is_interrupted_and_says_what_was_not_asked_for(tmp_path: Path) -> None:
    with replayed(written(tmp_path / "x.jsonl", session(*LOOKUP))) as (process, port):
        assert b"DU1" in talk(port, ask("startApi", clientId=3))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (ExitCode.OK, "ended\n")
    assert err == "connection 1: recorded and not asked for: reqContractDetails\n"


def test_a_request_that_differs_is_shown(tmp_path: Path) -> None:
    with replayed(written(tmp_path / "x.jsonl", session(*LOOKUP)), "--once") as (process, port):
        talk(port, ask("startApi", clientId=3), ask("reqContractDetails", reqId=9, contract=CONTRACT | {"symbol": "\x1b[2JX"}))
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.FINDINGS
    assert err.splitlines() == [
        "connection 1: reqContractDetails is not as it was recorded",
        r"  contract.symbol: recorded 'AAPL', received '\x1b[2JX'",
        "connection 1: recorded and not asked for: reqContractDetails",
    ]


@pytest.mark.parametrize("option", [("--match", "lenient"), ("--ignore", "contract.symbol")])
def test_a_request_may_differ_where_that_is_allowed(option: tuple[str, str], tmp_path: Path) -> None:
    with replayed(written(tmp_path / "x.jsonl", session(*LOOKUP)), "--once", *option) as (process, port):
        got = talk(port, ask("startApi", clientId=3), ask("reqContractDetails", reqId=9, contract=CONTRACT | {"symbol": "X"}))
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (ExitCode.OK, "")
    assert got.endswith(encode("contractDetailsEnd", Direction.TO_CLIENT, 178, reqId=9))


def test_a_torn_capture_is_played_as_far_as_it_is_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", session(*LOOKUP))
    path.write_bytes(path.read_bytes()[:-9])
    with started("replay", str(path), "--listen", "127.0.0.1:0", "--once") as process:
        assert process.stdout is not None
        found = LISTENS.fullmatch(process.stdout.readline())
        assert found
        talk(int(found[4]), ask("startApi", clientId=3), ask("reqContractDetails", reqId=9, contract=CONTRACT))
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.CAPTURE_CORRUPT
    assert err.startswith(f"twsprobe: {path}: ")


def test_what_cannot_be_played_is_one_line(ran: Run, tmp_path: Path) -> None:
    gapped = written(tmp_path / "gap.jsonl", [*session(), Gap(1, Direction.TO_CLIENT, 99, 4)])
    empty = written(tmp_path / "empty.jsonl", [])
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("hello\n")
    for path, said in (
        (gapped, f"{gapped}: connection 1 lacks bytes, and a replay needs all of them"),
        (empty, f"{empty}: holds no connection that was open"),
        (nonsense, f"{nonsense}: "),
    ):
        found = ran("replay", str(path), "--listen", "0")
        assert (found.code, found.out) == (ExitCode.CAPTURE_CORRUPT, "")
        assert found.err.startswith(f"twsprobe: {said}")
        assert found.err.count("\n") == 1


def test_a_port_that_is_taken_is_named(ran: Run) -> None:
    with served() as port:
        found = ran("replay", str(READY), "--listen", str(port))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "client"), "--as client needs --to"),
        (("--as", "client", "--to", "x:y:z"), "--to: "),
        (("--as", "client", "--to", "127.0.0.1:1", "--once"), "--once is not for --as client"),
        (("--as", "client", "--to", "127.0.0.1:1", "--speed", "2"), "--speed is not for --as client"),
        (("--to", "127.0.0.1:1"), "--to is not for --as server"),
        (("--json",), "--json is not for --as server"),
        (("--speed", "0"), "Invalid value for '--speed'"),
        (
            ("--as", "client", "--to", "192.0.2.1:7497"),
            "192.0.2.1 is another machine (192.0.2.1); --allow-remote confirms that it is meant",
        ),
    ],
)
def test_usage(arguments: tuple[str, ...], said: str, ran: Run) -> None:
    found = ran("replay", str(READY), *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert said in found.err


def test_as_a_client_it_compares(ran: Run) -> None:
    with served() as port:
        found = ran("replay", str(READY), "--as", "client", "--to", str(port))
        shown = ran("replay", str(READY), "--as", "client", "--to", f"127.0.0.1:{port}", "--json")
    assert (found.code, found.err) == (ExitCode.OK, "")
    assert found.out == "connection 1: 2 messages sent, server version 226\n  answered as recorded\n"
    assert shown.code == ExitCode.OK
    assert json.loads(shown.out)["different"] is False


def test_as_a_client_it_says_what_differs(ran: Run, tmp_path: Path) -> None:
    order = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}
    path = written(tmp_path / "x.jsonl", session(asks("placeOrder", orderId=8, order=order), asks("reqPositions"), says("positionEnd")))
    with served(server_version=178) as port:
        found = ran("replay", str(path), "--as", "client", "--to", str(port))
    assert found.code == ExitCode.FINDINGS
    assert "  left out: placeOrder, placeOrder is not among the requests that only read\n" in found.out
    assert "  reqPositions: position is new: " in found.out


def test_as_a_client_without_a_server(ran: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        found = ran("replay", str(READY), "--as", "client", "--to", str(port))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: 127.0.0.1:{port}: Connection refused\n"
    found = ran("replay", str(READY), "--as", "client", "--to", "tws.invalid:7497")
    assert found.code == ExitCode.IO_FAILED
    assert found.err.startswith("twsprobe: tws.invalid:7497: ")


def test_a_capture_without_a_client_says_so(ran: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", session()[:1])
    with served() as port:
        found = ran("replay", str(path), "--as", "client", "--to", str(port))
    assert (found.code, found.out) == (ExitCode.OK, "")
    assert found.err == "No client in this capture offered a version: there was nothing to send.\n"


def test_a_fault_is_injected_and_shown(tmp_path: Path) -> None:
    with replayed(written(tmp_path / "x.jsonl", session(*LOOKUP)), "--once", "--fault", "drop 1st managedAccounts") as (process, port):
        got = talk(port, ask("startApi", clientId=3), ask("reqContractDetails", reqId=9, contract=CONTRACT))
        out, _ = process.communicate(timeout=PATIENCE)
    assert b"DU1" not in got
    assert got.endswith(encode("contractDetailsEnd", Direction.TO_CLIENT, 178, reqId=9))
    assert out.startswith("client 1   <<< FAULT ")
