"""A server in a thread: it starts, it settles, it ends, and what it fails with reaches whoever started it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.net.blocking_client import Client
from twsprobe.capture.model import Close, Closed, Note, Record
from twsprobe.capture.seen import seen_in
from twsprobe.net.address import Address
from twsprobe.net.simulator import simulator
from twsprobe.net.threaded import ServerThread, settling_relay
from twsprobe.wire.framing import Direction


class Kept(list[Record]):
    """A recorder that only keeps."""

    write = list.append


def server_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("twsprobe")]


def test_a_server_serves_until_it_is_stopped() -> None:
    server = ServerThread(simulator)
    address = server.start()
    with Client(address) as client:
        assert client.start() is not None
        assert len(server_threads()) == 1
    server.stop()
    assert server_threads() == []
    with pytest.raises(ConnectionRefusedError):
        Client(address)


def test_what_was_sent_before_the_stop_was_heard() -> None:
    kept = Kept()
    server = ServerThread(lambda: simulator(recorder=kept))
    with Client(server.start()) as client:
        client.start()
        client.say("reqCurrentTime")
    server.stop()
    requests = [seen.name for seen in seen_in(kept) if seen.direction is Direction.TO_SERVER]
    assert requests == ["version_offer", "startApi", "reqCurrentTime", "closed"]
    [end] = [each.how for each in kept if isinstance(each, Closed) and each.direction is Direction.TO_SERVER]
    assert end is not Close.ABANDONED


def test_a_settled_server_has_read_what_was_sent() -> None:
    heard: list[str] = []
    server = ServerThread(lambda: simulator(observer=lambda number, event: heard.append(event.event)))
    with Client(server.start()) as client:
        client.start()
        del heard[:]
        for _ in range(20):
            client.say("reqCurrentTime")
        server.settle()
        assert heard == ["message"] * 20
    server.stop()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    server = ServerThread(lambda: simulator(scenario="no such"))
    with pytest.raises(ValueError, match="no scenario is called no such"):
        server.start()
    assert server_threads() == []


@asynccontextmanager
async def failing() -> AsyncIterator[Address]:
    yield "127.0.0.1", 1
    raise OSError("the disk is full")


def test_a_server_that_fails_says_so_when_it_is_stopped() -> None:
    server = ServerThread(failing)
    assert server.start() == ("127.0.0.1", 1)
    with pytest.raises(OSError, match="the disk is full"):
        server.stop()
    server.settle()  # nothing is left to wait for
    assert server_threads() == []


async def test_a_server_in_a_thread_serves_a_program_that_has_a_loop() -> None:
    server = ServerThread(simulator)
    stream = await trio.open_tcp_stream(*server.start())
    await stream.send_all(b"API\0\0\0\0\x09v100..226")
    with trio.fail_after(10):
        assert b"226" in await stream.receive_some()
    await stream.aclose()
    server.settle()
    server.stop()


def test_a_relay_records_both_ends_of_a_connection() -> None:
    kept = Kept()
    behind = ServerThread(simulator)
    target = behind.start()
    server = ServerThread(lambda: settling_relay(target, kept, ["delay 1st nextValidId by 1ms"]))
    with Client(server.start()) as client:
        client.start()
    server.stop()
    behind.stop()
    ends = {each.direction: each.how for each in kept if isinstance(each, Closed)}
    assert ends == dict.fromkeys(Direction, Close.FIN)
    assert ["nextValidId" in each.text for each in kept if isinstance(each, Note)] == [True]
