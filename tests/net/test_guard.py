"""What would reach another machine is refused where it is asked for, by whichever way, and only while the block runs."""

from __future__ import annotations

import asyncio
import asyncio.proactor_events
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
import trio

from twsprobe.net.guard import NotLoopback, is_local, loopback_only

ELSEWHERE = ("192.0.2.1", 9)  # an address that is given to nobody (RFC 5737)


def tcp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def with_socket(made: Callable[[], socket.socket], use: Callable[[socket.socket], Any]) -> Any:
    with made() as one:
        return use(one)


async def trio_connect() -> None:
    with trio.socket.socket() as one:
        await one.connect(ELSEWHERE)


WAYS: dict[str, Callable[[], Any]] = {
    "connect": lambda: with_socket(tcp, lambda one: one.connect(ELSEWHERE)),
    "connect_ex": lambda: with_socket(tcp, lambda one: one.connect_ex(ELSEWHERE)),
    "sendto": lambda: with_socket(udp, lambda one: one.sendto(b"x", ELSEWHERE)),
    "sendto with flags": lambda: with_socket(udp, lambda one: one.sendto(b"x", 0, ELSEWHERE)),
    "create_connection": lambda: socket.create_connection(ELSEWHERE, timeout=1),
    "asyncio": lambda: asyncio.run(asyncio.open_connection(*ELSEWHERE)),
    "trio": lambda: trio.run(trio_connect),
}
if sys.platform != "win32":
    WAYS["sendmsg"] = lambda: with_socket(udp, lambda one: one.sendmsg([b"x"], [], 0, ELSEWHERE))


@pytest.mark.parametrize("way", WAYS)
def test_another_machine_is_refused(way: str) -> None:
    with loopback_only() as guard, pytest.raises(NotLoopback, match=r"192\.0\.2\.1:9"):
        WAYS[way]()
    assert guard.refused == ["a connection to 192.0.2.1:9 was refused: only loopback is open here"]


@pytest.mark.parametrize("host", ["tws.invalid", b"tws.invalid"], ids=["text", "bytes"])
def test_a_name_is_not_looked_up(host: Any) -> None:
    with loopback_only(), pytest.raises(NotLoopback, match=r"a look-up of tws\.invalid was refused"):
        socket.getaddrinfo(host, 7497)


def test_a_name_in_a_connect_is_refused_as_it_is() -> None:
    with loopback_only(), tcp() as one, pytest.raises(NotLoopback, match=r"tws\.invalid:7497"):
        one.connect(("tws.invalid", 7497))


def test_an_ipv6_address_stands_in_brackets() -> None:
    with loopback_only(), socket.socket(socket.AF_INET6) as one, pytest.raises(NotLoopback, match=r"\[2001:db8::1\]:9"):
        one.connect(("2001:db8::1", 9, 0, 0))


def test_a_hostile_name_is_escaped() -> None:
    with loopback_only() as guard, pytest.raises(NotLoopback):
        socket.getaddrinfo("\x1b[2J.invalid", 1)
    assert "\x1b" not in guard.refused[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, loopback_only() as guard:
        socket.create_connection((host, server.getsockname()[1]), timeout=10).close()
    assert guard.refused == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("127.1.2.3", "::1", "::ffff:127.0.0.1", "LocalHost")),
        *((host, False) for host in ("", "10.0.0.1", "::", "fe80::1%eth0", "::ffff:10.0.0.1", "127.0.0.1.invalid", "2130706433")),
    ],
)
def test_what_is_on_this_machine(host: str, expected: bool) -> None:
    assert is_local(host) is expected


def test_what_is_no_internet_address_is_open() -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("this system has no local sockets")
    with loopback_only(), socket.socket(socket.AF_UNIX) as one, pytest.raises(FileNotFoundError):
        one.connect("/nonexistent/socket")


def test_an_allowed_name_is_open_and_so_are_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 5432))]

    def look_up(host: str, port: int) -> list[Any]:
        asked.append(host)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    with loopback_only(["database"]) as guard, tcp() as one:
        assert socket.getaddrinfo("database", 5432) == found
        one.connect(("192.0.2.7", 5432))
    assert (asked, guard.refused) == (["database", ("192.0.2.7", 5432)], [])


def test_the_loop_that_goes_around_the_socket_is_guarded() -> None:
    """The connect of asyncio's loop on Windows, which is a plain class everywhere."""
    loop: Any = None
    with loopback_only(), tcp() as one, pytest.raises(NotLoopback):
        asyncio.run(asyncio.proactor_events.BaseProactorEventLoop.sock_connect(loop, one, ELSEWHERE))


def test_everything_is_as_before_afterwards() -> None:
    def state() -> list[Any]:
        return [vars(socket.socket).get("connect"), socket.socket.sendto, socket.getaddrinfo]

    before = state()
    with loopback_only():
        assert all(now is not then for now, then in zip(state(), before, strict=True))
        with loopback_only():
            pass
        with tcp() as one, pytest.raises(NotLoopback):
            one.connect(ELSEWHERE)
    assert state() == before
