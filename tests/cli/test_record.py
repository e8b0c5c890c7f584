"""``twsprobe record``, as a process of its own where it matters."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, PROGRAM, environment, served, started
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Opened, Record
from twsprobe.capture.reading import open_capture
from twsprobe.cli.exits import ExitCode
from twsprobe.cli.record import reason
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import offer

posix = pytest.mark.skipif(os.name == "nt", reason="ends by a signal that Windows lacks")
LISTENS = re.compile(r"Relay to (\S+) listens on (\S+):(\d+); Ctrl-C ends it\.\n")
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
SUFFIXES = (".jsonl", ".jsonl.gz", ".pcapng", ".pcapng.gz", ".pcap")


@contextlib.contextmanager
def recording(target: int, *arguments: str, **changes: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A recorder as a process while the block runs, and the port on which it listens."""
    with started("record", "--to", str(target), "--listen", "127.0.0.1:0", *arguments, **changes) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = LISTENS.fullmatch(line)
        assert found, line or (process.stderr and process.stderr.read())
        assert found[1] == f"127.0.0.1:{target}"
        yield process, int(found[3])


def ended(process: subprocess.Popen[str], how: signal.Signals = signal.SIGINT) -> tuple[str, str]:
    """End a recorder as a person or a system would; what it printed since."""
    process.send_signal(how)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.OK, err
    return out, err


def records_of(path: Path) -> tuple[list[Record], CaptureError | None]:
    """The whole records of a file, and at what it is torn."""
    found: list[Record] = []
    try:
        with open_capture(path) as capture:
            for record in capture:
                found.append(record)
    except CaptureError as fault:
        return found, fault
    return found, None


def passed(records: list[Record], direction: Direction, connection: int = 1) -> bytes:
    chunks = [each for each in records if isinstance(each, Chunk) and each.connection == connection]
    return b"".join(each.data for each in chunks if each.direction is direction)


class EchoServer:
    """Says back what it hears, in threads; ``heard`` is that, by connection in their order."""

    def __init__(self) -> None:
        self.heard: list[bytearray] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                heard = bytearray()
                self.heard.append(heard)
                threading.Thread(target=self._serve, args=(sock, heard), daemon=True).start()

    def _serve(self, sock: socket.socket, heard: bytearray) -> None:
        with sock, contextlib.suppress(OSError):
            while data := sock.recv(65536):
                heard += data
                sock.sendall(data)

    def __enter__(self) -> EchoServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


@posix
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signal_leaves_a_whole_file(ran: Run, tmp_path: Path, how: signal.Signals, suffix: str) -> None:
    file = tmp_path / f"session{suffix}"
    with served() as target, recording(target, "-o", str(file), "--quiet") as (process, port):
        assert ran("probe", str(port)).code == 0
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            client.sendall(offer(100, 226))
            assert client.recv(100)
            ended_with = ended(process, how)
            # The connection that was open sees the end too.
            assert client.recv(1) == b""
    records, fault = records_of(file)
    assert fault is None
    closes = [each.how for each in records if isinstance(each, Closed)]
    # A pcap file has no place for what no packet says.
    assert closes == [Close.FIN, Close.FIN, Close.ABANDONED, Close.ABANDONED][: 2 if suffix == ".pcap" else 4]
    assert file.stat().st_mode & 0o777 == 0o600
    out, err = ended_with
    assert err == ""
    assert re.search(r"^connections  2\n.*^capture      .*session" + re.escape(suffix), out, re.MULTILINE | re.DOTALL)


@posix
def test_messages_are_shown_as_they_pass(ran: Run, tmp_path: Path) -> None:
    with served() as target, recording(target, "-o", str(tmp_path / "a.jsonl")) as (process, port):
        assert ran("probe", str(port), "--client-id", "5").code == 0
        out, err = ended(process)
    lines = out.splitlines()
    assert err == ""
    assert lines[0].split() == ["seconds", "conn", "id", "message", "what", "it", "says"]
    names = [line[25:49].strip() for line in lines[1 : lines.index("connections  1")]]
    assert names[:5] == ["opened", "version offer", "greeting", "startApi", "managedAccounts"]
    assert names[-2:] == ["closed", "closed"]


@posix
def test_quiet_shows_only_where_it_listens_and_what_came_of_it(ran: Run, tmp_path: Path) -> None:
    with served() as target, recording(target, "-o", str(tmp_path / "a.jsonl"), "-q") as (process, port):
        assert ran("probe", str(port)).code == 0
        out, _ = ended(process)
    assert [line.split()[0] for line in out.splitlines()] == ["connections", "to", "to", "duration", "capture"]


def exchange(port: int, said: list[bytes], heard: bytearray) -> None:
    """Say and hear until the relay is gone."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        for message in said:
            sock.sendall(message)
            left = len(message)
            while left:
                data = sock.recv(left)
                if not data:
                    return
                heard += data
                left -= len(data)


RECORDERS = """
import os, sys
import twsprobe.capture.writing, twsprobe.cli.record, twsprobe.net.recording, twsprobe.net.relay, twsprobe.views.record
from twsprobe.cli.main import main
while arguments := sys.stdin.readline().rstrip("\\n"):
    if os.fork():
        os.wait()
        os.write(1, b"dead\\n")
        continue
    os.write(1, b"%d\\n" % os.getpid())
    sys.argv = ["twsprobe", "record", *arguments.split("\\t")]
    main()
"""
"""Makes a process that records for each line of arguments, and says its number; then says when it is dead."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the recorders are forks of one process: starting a hundred takes too long")
@pytest.mark.parametrize("suffix", [".jsonl", ".pcapng"])
def test_a_kill_at_any_moment_loses_nothing_that_a_peer_has(tmp_path: Path, suffix: str) -> None:
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    command = [sys.executable, "-c", RECORDERS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), encoding="utf-8") as recorders:
        assert recorders.stdin is not None
        assert recorders.stdout is not None
        for attempt in range(50):
            file = tmp_path / f"{attempt}{suffix}"
            said = [rng.randbytes(rng.randint(1, 3000)) for _ in range(200)]
            heard = bytearray()
            with EchoServer() as server:
                recorders.stdin.write(f"--to\t{server.port}\t--listen\t127.0.0.1:0\t-o\t{file}\t--quiet\n")
                recorders.stdin.flush()
                recorder, found = int(recorders.stdout.readline()), LISTENS.fullmatch(recorders.stdout.readline())
                assert found, f"{seed=} {attempt=}"
                client = threading.Thread(target=exchange, args=(int(found[3]), said, heard))
                client.start()
                kill_when = rng.randint(0, 200_000)
                while client.is_alive() and len(heard) < kill_when:
                    client.join(0.001)
                os.kill(recorder, signal.SIGKILL)
                assert recorders.stdout.readline() == "dead\n"
                client.join(PATIENCE)
                got_by_server = bytes(server.heard[0]) if server.heard else b""
            records, fault = records_of(file)
            assert fault is None or "torn" in str(fault), f"{seed=} {attempt=}"
            # What each side has is the beginning of what the file has.
            assert passed(records, TO_CLIENT).startswith(heard), f"{seed=} {attempt=}"
            assert passed(records, TO_SERVER).startswith(got_by_server), f"{seed=} {attempt=}"
        recorders.stdin.close()


@pytest.fixture
def limited(tmp_path: Path) -> Path:
    """A program that records into files of no more than 32 KiB, as a full disk would have it."""
    resource = pytest.importorskip("resource")
    assert resource
    script = tmp_path / "limited.py"
    script.write_text(
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (32768, 32768))\n"
        "from twsprobe.cli.main import main\n"
        "main()\n"
    )
    return script


@contextlib.contextmanager
def recording_limited(script: Path, target: int, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, str(script), "record", "--to", str(target), "--listen", "127.0.0.1:0", "--quiet", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            found = LISTENS.fullmatch(process.stdout.readline())
            assert found
            yield process, int(found[3])
        finally:
            process.kill()


@posix
def test_a_full_disk_closes_everything_and_says_so(tmp_path: Path, limited: Path) -> None:
    file, heard = tmp_path / "a.jsonl", bytearray()
    with EchoServer() as server, recording_limited(limited, server.port, "-o", str(file)) as (process, port):
        exchange(port, [b"x" * 1000] * 100, heard)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == ExitCode.IO_FAILED
        records, _ = records_of(file)
        assert passed(records, TO_CLIENT).startswith(heard)
        assert passed(records, TO_SERVER).startswith(server.heard[0])
    assert len(heard) > 10_000
    assert "every connection is closed" in err
    assert "Traceback" not in err
    assert "connections  1" in out


@posix
def test_a_full_disk_may_let_traffic_pass(tmp_path: Path, limited: Path) -> None:
    file, heard = tmp_path / "a.jsonl", bytearray()
    with EchoServer() as server, recording_limited(limited, server.port, "-o", str(file), "--on-record-error", "pass") as (process, port):
        exchange(port, [b"x" * 1000] * 100, heard)
        assert heard == b"x" * 100_000
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.IO_FAILED
    assert err.count("TRAFFIC GOES ON WITHOUT BEING RECORDED") == 1
    assert "the capture is not complete" in err


@posix
def test_files_rotate_and_together_hold_everything(tmp_path: Path) -> None:
    heard = bytearray()
    with EchoServer() as server, recording(server.port, "-o", str(tmp_path / "a.jsonl"), "--rotate-size", "16K", "-q") as (process, port):
        exchange(port, [bytes([65 + n % 26]) * 1000 for n in range(100)], heard)
        out, _ = ended(process)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[0] == "a-0001.jsonl"
    assert names[-1] == "a.jsonl"
    assert f"a.jsonl to {tmp_path / names[-2]}, {len(names)} files" in out.replace(f"{tmp_path}/a.jsonl", "a.jsonl")
    found = b""
    for name in [names[-1], *names[:-1]]:
        records, fault = records_of(tmp_path / name)
        assert fault is None
        assert isinstance(records[0], Opened)
        gaps = [each.size for each in records if isinstance(each, Gap) and each.direction is TO_CLIENT]
        assert gaps == ([len(found)] if found else [])
        found += passed(records, TO_CLIENT)
    assert found == heard


@posix
def test_each_connection_may_have_its_own_file(ran: Run, tmp_path: Path) -> None:
    with served() as target, recording(target, "-o", str(tmp_path / "c{connection}.jsonl"), "-q") as (process, port):
        for _ in range(2):
            assert ran("probe", str(port)).code == 0
        out, _ = ended(process)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c0001.jsonl", "c0002.jsonl"]
    for number in (1, 2):
        records, fault = records_of(tmp_path / f"c000{number}.jsonl")
        assert fault is None
        assert {each.connection for each in records} == {number}
    assert "2 files" in out


@posix
def test_a_target_that_refuses_is_counted_and_recorded(ran: Run, tmp_path: Path) -> None:
    with served("refused") as target, recording(target, "-o", str(tmp_path / "a.jsonl"), "-q") as (process, port):
        assert ran("probe", str(port)).code != 0
        out, _ = ended(process)
    records, _ = records_of(tmp_path / "a.jsonl")
    assert {each.how for each in records if isinstance(each, Closed)} == {Close.REFUSED}
    assert "found no TWS" in out


@posix
def test_a_fault_is_injected_and_noted(ran: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    with served() as target, recording(target, "-o", str(file), "--fault", "drop nextValidId") as (process, port):
        ran("probe", str(port), "--start-timeout", "1")
        out, _ = ended(process)
    assert "note" in out
    assert "managedAccounts" in out
    assert " nextValidId  " not in out


def test_without_a_name_the_file_is_called_after_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ran: Run) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = ran("record", "--to", "7497", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "-q")
    assert found.code == ExitCode.IO_FAILED
    assert found.err.endswith(": Address already in use\n") or os.name == "nt"
    # What was made for nothing is removed.
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_not_touched(tmp_path: Path, ran: Run) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("mine")
    found = ran("record", "--to", "7497", "--listen", "0", "-o", str(file))
    assert found.code == ExitCode.IO_FAILED
    assert "exists and is not overwritten" in found.err
    assert file.read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, ran: Run) -> None:
    found = ran("record", "--to", "7497", "--listen", "0", "-o", str(tmp_path / "no" / "a.jsonl"))
    assert found.code == ExitCode.IO_FAILED
    assert found.err.count("\n") == 1
    assert "a.jsonl" in found.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "nowhere"], "--to"),
        (["--to", "7497", "--listen", "a b"], "--listen"),
        (["--to", "7497", "--rotate-size", "12"], "at least 4096 bytes"),
        (["--to", "7497", "--rotate-size", "much"], "is no size"),
        (["--to", "7497", "--rotate-time", "0"], "is no length of time"),
        (["--to", "7497", "--rotate-time", "1w"], "is no length of time"),
        (["--to", "7497", "--on-record-error", "panic"], "close"),
        (["--to", "7497", "--max-connections", "0"], "--max-connections"),
        (["--to", "7497", "-o", "a.txt"], ".pcapng"),
        ([], "--to"),
    ],
)
def test_what_cannot_be_meant_is_usage(arguments: list[str], told: str, ran: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = ran("record", *arguments)
    assert found.code == ExitCode.USAGE
    assert told in found.err
    assert list(tmp_path.iterdir()) == []


def test_reasons_are_the_system_s_words() -> None:
    assert reason(OSError(28, "No space left on device", "a")) == "No space left on device"
    assert reason(ValueError("why")) == "why"


@posix
def test_on_a_terminal_messages_scroll_above_a_line_of_counters(ran: Run, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    main, terminal = pty.openpty()
    with served() as target:
        port = free_port()
        command = [*PROGRAM, "record", "--to", str(target), "--listen", str(port), "-o", str(tmp_path / "a.jsonl")]
        with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment(TERM="xterm")) as process:
            os.close(terminal)
            shown = until(main, f"127.0.0.1:{port}")
            ran("probe", str(port), "--client-id", "5")
            shown += until(main, "the server: fin")
            process.send_signal(signal.SIGINT)
            shown += until(main, "capture  ")
            os.close(main)
    assert process.returncode == ExitCode.OK
    assert "startApi" in shown
    assert re.search(r"1 open of 1 |0 open of 1 ", shown)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(file: int, text: str) -> str:
    """What comes on a terminal up to a text. Fails with an OSError where the program ends before."""
    found = ""
    while text not in found:
        found += os.read(file, 4096).decode(errors="replace")
    return found
