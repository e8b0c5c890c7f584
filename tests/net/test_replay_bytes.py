"""Replay by counting: to clients whose recorded fellow never offered a version."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.net.memory import connected
from tests.net.raw_client import RawClient
from tests.net.sessions import LONG_START, OFFER, SHORT_START, TO_CLIENT, TO_SERVER, recorded
from twsprobe.capture.model import Close
from twsprobe.net.replay import Replay
from twsprobe.net.replay_bytes import Said
from twsprobe.wire.handshake import PREFIX


@pytest.mark.parametrize(
    ("pieces", "frames", "framed"),
    [
        ([PREFIX], 1, True),
        ([b"AP", b"I", b"\0"], 1, True),
        ([OFFER], 2, True),
        ([OFFER[:-1]], 1, True),
        ([OFFER + LONG_START * 3], 5, True),
        ([bytes((byte,)) for byte in OFFER + SHORT_START], 3, True),
        ([b"GET /"], 0, False),
        ([b"A", b"X", b"I\0"], 0, False),
        ([PREFIX + b"\xff\xff\xff\xff", b"abc"], 2, False),
    ],
)
def test_what_a_client_said(pieces: list[bytes], frames: int, framed: bool) -> None:
    said = Said()
    for piece in pieces:
        said.feed(piece)
    assert said.size == sum(map(len, pieces))
    assert said.framed is framed
    if framed:
        assert said.frames == frames


async def test_bytes_are_counted_where_the_client_spoke_something_else(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    request = b"GET / HTTP/1.0\r\n\r\n"
    client = RawClient(connected(nursery, Replay(recorded((TO_SERVER, request), (TO_CLIENT, b"HTTP/1.0 200 OK\r\n"))).serve))
    await client.stream.send_all(request[:-1])
    await client.until_quiet(9)
    assert client.received == b""
    await client.stream.send_all(b"x")
    await client.until_quiet(9)
    assert client.received == b"HTTP/1.0 200 OK\r\n"


async def test_a_prefix_without_an_offer_is_enough(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = RawClient(connected(nursery, Replay(recorded((TO_SERVER, PREFIX), (TO_CLIENT, Close.RST))).serve))
    await client.until_quiet(9)
    assert client.closed is None
    await client.send_bytes(OFFER)
    await client.until_closed()
    assert client.closed is Close.RST
