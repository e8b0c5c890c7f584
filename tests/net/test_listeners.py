"""What listens on this machine, as the system tells it."""

from __future__ import annotations

import socket

import psutil
import pytest

from twsprobe.net.listeners import Listener, listening


def test_a_listening_socket_is_found_and_a_bound_one_is_not() -> None:
    with socket.socket() as listener, socket.socket() as bound:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        bound.bind(("127.0.0.1", 0))
        found = listening()
        assert found is not None
        assert Listener("127.0.0.1", listener.getsockname()[1]) in found
        assert bound.getsockname()[1] not in [each.port for each in found]
        assert found == sorted(set(found), key=lambda each: (each.port, ":" in each.ip, each.ip))


def test_no_permission_is_told_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> list[object]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert listening() is None


def test_a_wildcard_is_reached_over_loopback() -> None:
    assert Listener("0.0.0.0", 1).reachable_at == "127.0.0.1"  # noqa: S104  # compared, not bound
    assert Listener("::", 1).reachable_at == "127.0.0.1"
    assert Listener("::1", 1).reachable_at == "::1"
    assert Listener("192.0.2.1", 1).reachable_at == "192.0.2.1"
