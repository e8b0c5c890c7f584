"""The debugging session of docs/debugging.md, run: what the page shows is what the commands print."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "debugging.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAM = [sys.executable, "-m", "twsprobe"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a relay is ended with SIGINT here")


def normal(text: str) -> list[str]:
    """Lines without their numbers and the room that those take."""
    lines = [re.sub(r"\d+(\.\d+)*", "0", line).split() for line in text.splitlines()]
    return [" ".join(line) for line in lines if line]


def shown(beginning: str) -> str:
    """The block of the page that begins so, without the command itself."""
    blocks: list[str] = [text for _, text in BLOCKS if text.startswith(beginning)]
    (block,) = blocks
    return block.partition("\n")[2] if block.startswith("$") else block


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that has said where it listens; ended with Ctrl-C."""
    with subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def test_the_session(tmp_path: Path) -> None:
    gateway, relay = (f"127.0.0.1:{free_port()}" for _ in range(2))
    capture = str(tmp_path / "session.pcapng")
    (client,) = [text for language, text in BLOCKS if language == "python" and "tws_capture" not in text]
    (test,) = [text for language, text in BLOCKS if language == "python" and "tws_capture" in text]
    fault = ("--server-version", "178", "--fault", "drop every nextValidId")
    with running("simulate", "--listen", gateway, *fault) as simulator:
        assert simulator.stdout is not None
        assert "listens on" in simulator.stdout.readline()
        with running("record", "--to", gateway, "--listen", relay, "-o", capture, "--quiet") as recorder:
            assert recorder.stdout is not None
            said = recorder.stdout.readline()
            code = client.replace("7500", relay.rpartition(":")[2])
            failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            assert failed.stderr.rstrip().endswith("TimeoutError")
            recorder.send_signal(signal.SIGINT)
            counters = recorder.stdout.read()
        probed = subprocess.run([*PROGRAM, "probe", gateway, "--no-local", "--start-timeout", "2"], capture_output=True, text=True)
    decoded = subprocess.run([*PROGRAM, "decode", capture], capture_output=True, text=True)
    assert normal(said) == normal(shown("$ twsprobe record"))
    assert normal(counters.replace(capture, "session.pcapng")) == normal(shown("connections"))
    assert normal(decoded.stdout) == normal(shown("$ twsprobe decode"))
    expected = [line.replace(" (IB Gateway paper)", "") for line in normal(shown("$ twsprobe probe"))]
    assert normal(probed.stdout) == expected
    (tmp_path / "test_session.py").write_text(test, encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", "-c", os.devnull]
    replayed = subprocess.run([sys.executable, "-m", "pytest", *options, "test_session.py"], cwd=tmp_path, capture_output=True, text=True)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
