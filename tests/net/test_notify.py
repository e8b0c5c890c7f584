"""States for systemd, received on a real datagram socket."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from twsprobe.net.notify import LONGEST_STATUS, Notifier

needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX") or sys.platform == "win32", reason="this system has no such sockets")


@pytest.fixture
def listener() -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has one, and its path, which may not be long."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        path = str(Path(folder) / "notify")
        sock.bind(path)
        sock.settimeout(5)
        yield sock, path


@needs_unix
def test_states_arrive(listener: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch) -> None:
    sock, path = listener
    assert Notifier(path).send(status="waiting")
    assert sock.recv(1000) == b"STATUS=waiting\n"
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    assert Notifier().send(status="ready", ready=True)
    assert sock.recv(1000) == b"READY=1\nSTATUS=ready\n"


@needs_unix
def test_a_status_is_one_line_of_bounded_length(listener: tuple[socket.socket, str]) -> None:
    sock, path = listener
    assert Notifier(path).send(status="a\nREADY=1\n" + "b" * 9999)
    received = sock.recv(20000)
    assert received.startswith(b"STATUS=a READY=1 bbb")
    assert len(received) == len(b"STATUS=\n") + LONGEST_STATUS


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")  # Linux chooses an abstract name
        sock.settimeout(5)
        name = sock.getsockname()
        assert Notifier("@" + name[1:].decode("ascii")).send(status="here")
        assert sock.recv(100) == b"STATUS=here\n"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not Notifier().send(status="x")
    broken = Notifier(str(tmp_path / "none"))
    assert not broken.send(status="x")
