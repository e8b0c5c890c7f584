"""This machine, as it is really seen."""

from __future__ import annotations

import os
import socket
import sys

import psutil
import pytest

from twsprobe.net.local_system import LISTEN, Sockets, ThisSystem, Unseen


def test_this_process_and_its_listener_are_seen() -> None:
    system = ThisSystem()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [each for each in system.sockets().all if each.port == port]
        assert [(each.ip, each.state, each.pid) for each in found] == [("127.0.0.1", LISTEN, os.getpid())]
    assert os.getpid() in [process.pid for process in system.processes()]
    assert system.command_line(os.getpid())
    assert system.executable(os.getpid())
    assert "127.0.0.1" in system.addresses()


def test_a_process_that_is_gone_is_a_sentence_with_nothing_of_psutil_behind_it() -> None:
    with pytest.raises(Unseen, match="The command line of process 4194305 is not shown") as caught:
        ThisSystem().command_line(4194305)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_without_the_permission_for_all_sockets_those_of_processes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> list[object]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server:
        seen = ThisSystem().sockets()
        assert not seen.whole
        assert (server.getsockname()[1], os.getpid()) in [(each.port, each.pid) for each in seen.all]
    monkeypatch.setattr(psutil, "process_iter", lambda *_: iter(()))
    with pytest.raises(Unseen, match="administrator"):
        ThisSystem().sockets()


def test_queues_are_told_on_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unseen, match="Linux only"):
        ThisSystem().queues()


def test_sockets_are_whole_unless_said() -> None:
    assert Sockets(()).whole
