"""A connection from the client's side: recorded, decoded, closed cleanly."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.net.memory import memory_pair
from twsprobe.capture.model import Chunk, Close, Closed, Opened, Record
from twsprobe.net.connection import Connection, PeerClosed
from twsprobe.net.serving import listening
from twsprobe.wire.events import Greeted, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer

GREETING = greeting(178, b"20260102 15:04:05 EST")


class Kept:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record, /) -> None:
        self.records.append(record)


async def test_what_passes_is_recorded_and_decoded(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_pair()
    kept = Kept()
    connection = Connection(client, number=3, client=("127.0.0.1", 5), server=("::1", 7497), recorder=kept)
    offered = await connection.send_offer(100, 226, "+PACEAPI")
    await server.send_all(GREETING)
    data, events = await connection.receive()
    await server.send_eof()
    await connection.aclose()
    assert isinstance(offered[0], VersionOffered)
    assert isinstance(events[0], Greeted)
    assert data == GREETING
    opened, sent, received, ours, theirs = kept.records
    assert isinstance(opened, Opened)
    assert (opened.connection, opened.client, opened.server) == (3, "127.0.0.1:5", "[::1]:7497")
    assert isinstance(sent, Chunk)
    assert (sent.direction, sent.data) == (Direction.TO_SERVER, offer(100, 226, "+PACEAPI"))
    assert isinstance(received, Chunk)
    assert (received.direction, received.data) == (Direction.TO_CLIENT, GREETING)
    assert [(end.direction, end.how) for end in (ours, theirs) if isinstance(end, Closed)] == [
        (Direction.TO_SERVER, Close.FIN),
        (Direction.TO_CLIENT, Close.FIN),
    ]


async def test_fin_is_told_from_rst(autojump_clock: trio.testing.MockClock) -> None:
    for how in (Close.FIN, Close.RST):
        client, server = memory_pair()
        kept = Kept()
        connection = Connection(client, recorder=kept)
        if how is Close.RST:
            server.reset()
        else:
            await server.aclose()
        with pytest.raises(PeerClosed) as caught:
            await connection.receive()
        assert caught.value.how is how
        with pytest.raises(PeerClosed):
            await connection.receive()
        await connection.aclose()
        assert [record.how for record in kept.records if isinstance(record, Closed)] == [how]


async def test_sending_into_a_reset_is_a_close_of_the_peer(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_pair()
    connection = Connection(client)
    server.reset()
    with pytest.raises(PeerClosed) as caught:
        await connection.send_offer(100, 226)
    assert caught.value.how is Close.RST


async def test_a_close_sends_a_fin_even_with_bytes_unread() -> None:
    """On a socket, closing with bytes unread sends a RST, which a server sees as an error and not as an end."""
    ends: list[str] = []

    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(GREETING * 100)
        try:
            ends.append("fin" if not await stream.receive_some() else "data")
        except trio.BrokenResourceError:
            ends.append("rst")
        await stream.aclose()

    async with listening(serve) as (host, port):
        connection = Connection(await trio.open_tcp_stream(host, port))
        await connection.send_offer(100, 226)
        await connection.receive()
        await connection.aclose()
        await trio.testing.wait_all_tasks_blocked()
    assert ends == ["fin"]


async def test_a_server_that_never_closes_keeps_nothing_half_open() -> None:
    closed = trio.Event()
    ends: list[str] = []

    async def serve(stream: trio.abc.Stream) -> None:
        assert not await stream.receive_some()
        await closed.wait()
        try:
            # Into a connection of which only the other half is closed, a first send goes out.
            await stream.send_all(b"late")
        except trio.BrokenResourceError:
            ends.append("reset")

    async with listening(serve) as (host, port):
        connection = Connection(await trio.open_tcp_stream(host, port))
        await connection.aclose(0.05)
        closed.set()
        await trio.testing.wait_all_tasks_blocked()
    assert ends == ["reset"]


async def test_a_server_that_never_closes_is_not_waited_for_long(autojump_clock: trio.testing.MockClock) -> None:
    client, _ = memory_pair()
    connection = Connection(client)
    began = trio.current_time()
    await connection.aclose(0.2)
    assert trio.current_time() - began == pytest.approx(0.2, abs=0.01)
