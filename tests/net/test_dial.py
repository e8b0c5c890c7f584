"""Resolving and connecting, over loopback."""

from __future__ import annotations

import errno
import socket
import sys

import pytest
import trio

from twsprobe.capture.model import Close
from twsprobe.net.dial import Attempt, NoConnection, Unresolved, dial, most_telling, outcome_of, resolve
from twsprobe.net.scenarios import scenario_target
from twsprobe.net.serving import listening


async def hold(stream: trio.abc.Stream) -> None:
    await stream.receive_some()


async def test_a_literal_address_resolves_to_itself() -> None:
    assert await resolve("127.0.0.1", 7497) == [("127.0.0.1", 7497)]
    assert await resolve("::1", 7497) == [("::1", 7497)]


async def test_a_name_resolves_to_each_address_once() -> None:
    found = await resolve("localhost", 7497)
    assert found
    assert len(found) == len(set(found))
    assert all(ip in ("127.0.0.1", "::1") for ip, _ in found)


@pytest.mark.parametrize("host", ["tws.invalid", "a" * 70 + ".invalid", "bad..name"])
async def test_a_name_without_an_address(host: str) -> None:
    with trio.fail_after(20), pytest.raises(Unresolved):
        await resolve(host, 7497)


async def test_the_first_address_that_answers_is_taken_and_the_others_are_told() -> None:
    async with listening(hold) as address, scenario_target("refused") as refused:
        dialed = await dial([refused, address], 5.0)
        async with dialed.stream:
            assert dialed.server == address
            assert dialed.client is not None
            assert dialed.client[0] == "127.0.0.1"
            assert [(attempt.address, attempt.outcome) for attempt in dialed.attempts] == [(refused, Close.REFUSED), (address, None)]
            assert isinstance(dialed.stream, trio.SocketStream)
            assert dialed.stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_refused() -> None:
    async with scenario_target("refused") as address:
        with pytest.raises(NoConnection) as caught:
            await dial([address], 5.0)
    assert caught.value.outcome is Close.REFUSED
    assert [attempt.reason for attempt in caught.value.attempts] == ["Connection refused"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux fails in this way on loopback")
async def test_no_answer_and_no_route() -> None:
    async with scenario_target("timeout") as full, scenario_target("unreachable") as routeless:
        began = trio.current_time()
        with pytest.raises(NoConnection) as caught:
            await dial([full], 0.2)
        assert trio.current_time() - began < 1
        assert caught.value.outcome is Close.TIMEOUT
        with pytest.raises(NoConnection) as caught:
            await dial([routeless], 5.0)
        assert caught.value.outcome is Close.UNREACHABLE


async def test_no_address_at_all() -> None:
    with pytest.raises(NoConnection) as caught:
        await dial([], 1.0)
    assert caught.value.outcome is Close.UNREACHABLE


def test_what_a_failed_connect_means() -> None:
    assert outcome_of(OSError(errno.ECONNREFUSED, "")) is Close.REFUSED
    assert outcome_of(OSError(errno.ETIMEDOUT, "")) is Close.TIMEOUT
    assert outcome_of(OSError(errno.ENETUNREACH, "")) is Close.UNREACHABLE
    assert outcome_of(OSError(errno.EACCES, "")) is Close.UNREACHABLE


def test_a_refusal_says_most() -> None:
    def attempt(outcome: Close) -> Attempt:
        return Attempt(("127.0.0.1", 1), outcome, "")

    assert most_telling([attempt(Close.TIMEOUT), attempt(Close.REFUSED)]) is Close.REFUSED
    assert most_telling([attempt(Close.UNREACHABLE), attempt(Close.TIMEOUT)]) is Close.TIMEOUT
    assert most_telling([attempt(Close.UNREACHABLE)]) is Close.UNREACHABLE
