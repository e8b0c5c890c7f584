"""A capture played as a server says what was recorded, to a client that does what the recorded one did."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from tests.net.memory import MemoryStream, connected
from tests.net.raw_client import RawClient, labels
from twsprobe.capture.model import Chunk, Close, Closed, Opened, Record
from twsprobe.net.connection import Connection, PeerClosed
from twsprobe.net.replay import Replay, Said, replay_server
from twsprobe.net.simulator import Simulator
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import PREFIX, frame, greeting, offer

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
OFFER, GREETING = offer(100, 178), greeting(178, b"20261124 06:01:01 EST")
SHORT_START, LONG_START = frame(b"71\x002\x007\0\0"), frame(b"71\x002\x00123456789\0\0")
READY = frame(b"15\x001\x00DU1\0") + frame(b"9\x001\x008\0")


def recorded(*steps: tuple[Direction, bytes | Close], connection: int = 1) -> list[Record]:
    """A connection: its opening, then chunks and closes, in order."""
    records: list[Record] = [Opened(connection, 0, "127.0.0.1:50000", "127.0.0.1:7497")]
    for time, (direction, what) in enumerate(steps, 1):
        if isinstance(what, Close):
            records.append(Closed(connection, time, direction, what))
        else:
            records.append(Chunk(connection, direction, time, what))
    return records


SESSION = recorded(
    (TO_SERVER, OFFER),
    (TO_CLIENT, GREETING),
    (TO_SERVER, SHORT_START),
    (TO_CLIENT, READY[:9]),
    (TO_CLIENT, READY[9:]),
    (TO_SERVER, Close.FIN),
)


def replayed(records: Sequence[Record], nursery: trio.Nursery) -> RawClient:
    return RawClient(connected(nursery, Replay(records).serve))


@pytest.mark.parametrize("start", [SHORT_START, LONG_START], ids=["short", "long"])
async def test_each_chunk_waits_for_its_turn(start: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = replayed(SESSION, nursery)
    assert await client.until_quiet(9) == []
    await client.send_bytes(OFFER)
    assert labels(await client.until_quiet(9)) == ["greeting"]
    await client.send_bytes(start)
    assert labels(await client.until_quiet(9)) == ["managedAccounts", "nextValidId"]
    assert client.received == GREETING + READY
    await client.aclose()


async def test_chunks_are_sent_as_they_were_cut(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    stream = connected(nursery, Replay(SESSION).serve)
    await stream.send_all(OFFER + SHORT_START)
    await RawClient(stream).until_quiet(9)
    assert stream.peer.sent == [GREETING, READY[:9], READY[9:]]


async def test_a_frame_that_was_begun_counts_for_nothing(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = replayed(SESSION, nursery)
    for byte in (OFFER + LONG_START)[:-1]:
        await client.stream.send_all(bytes((byte,)))
    await client.until_quiet(9)
    assert client.received == GREETING
    await client.stream.send_all(b"\0")
    await client.until_quiet(9)
    assert client.received == GREETING + READY


@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
@pytest.mark.parametrize("said", [b"", GREETING])
async def test_the_server_closes_as_it_did(said: bytes, how: Close, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    chunks = [(TO_SERVER, OFFER), (TO_CLIENT, said)] if said else []
    client = replayed(recorded(*chunks, (TO_CLIENT, how)), nursery)
    if said:
        await client.send_bytes(OFFER)
    await client.until_closed()
    assert (client.received, client.closed) == (said, how)


@pytest.mark.parametrize("end", [None, (TO_CLIENT, Close.ABANDONED), (TO_SERVER, Close.FIN)])
async def test_silence_is_played_where_no_end_is_recorded(
    end: tuple[Direction, Close] | None, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = replayed(recorded((TO_SERVER, OFFER), *([end] if end else [])), nursery)
    await client.send_bytes(OFFER + SHORT_START)
    assert (await client.until_quiet(1000), client.closed) == ([], None)


async def test_a_banner_comes_unasked(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = replayed(recorded((TO_CLIENT, b"SSH-2.0-x\r\n"), (TO_SERVER, OFFER), (TO_CLIENT, Close.FIN)), nursery)
    await client.until_quiet(9)
    assert (client.received, client.closed) == (b"SSH-2.0-x\r\n", None)
    await client.send_bytes(OFFER)
    await client.until_closed()
    assert client.closed is Close.FIN


async def test_bytes_are_counted_where_the_client_spoke_something_else(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    request = b"GET / HTTP/1.0\r\n\r\n"
    client = replayed(recorded((TO_SERVER, request), (TO_CLIENT, b"HTTP/1.0 200 OK\r\n")), nursery)
    await client.stream.send_all(request[:-1])
    await client.until_quiet(9)
    assert client.received == b""
    await client.stream.send_all(b"x")
    await client.until_quiet(9)
    assert client.received == b"HTTP/1.0 200 OK\r\n"


async def test_a_client_that_leaves_early_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    for leave in (MemoryStream.aclose, MemoryStream.send_eof):
        with trio.fail_after(100):
            async with trio.open_nursery() as nursery:
                client = replayed(SESSION, nursery)
                await client.send_bytes(OFFER)
                await leave(client.stream)  # type: ignore[arg-type]  # the stream is one in memory
    with trio.fail_after(100):
        async with trio.open_nursery() as nursery:
            stream = connected(nursery, Replay(SESSION).serve)
            await stream.send_all(OFFER)
            stream.reset()


async def test_connections_are_played_in_order_and_further_clients_closed_on(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    unopened = [Closed(1, 0, TO_CLIENT, Close.REFUSED)]
    first = recorded((TO_SERVER, OFFER), (TO_CLIENT, Close.FIN), connection=2)
    second = recorded((TO_SERVER, OFFER), (TO_CLIENT, GREETING), connection=3)
    # Records of connections that were open at the same time stand side by side in a capture.
    replay = Replay([*unopened, *(record for pair in zip(first, second, strict=True) for record in pair)])
    seen = []
    for _ in range(3):
        client = RawClient(connected(nursery, replay.serve))
        await client.send_bytes(OFFER)
        seen.append((labels(await client.until_quiet(9)), client.closed))
    assert seen == [([], Close.FIN), (["greeting"], None), ([], Close.FIN)]


@pytest.mark.parametrize(
    ("pieces", "frames", "framed"),
    [
        ([PREFIX], 1, True),
        ([b"AP", b"I", b"\0"], 1, True),
        ([OFFER], 2, True),
        ([OFFER[:-1]], 1, True),
        ([OFFER + SHORT_START * 3], 5, True),
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


class Kept(list[Record]):
    """A recorder that only keeps."""

    write = list.append


async def converse(stream: trio.abc.HalfCloseableStream, client_id: int, recorder: Kept | None = None) -> tuple[bytes, Close | None]:
    """Start a session, ask for a few things at once and leave when it is quiet: the bytes that came, and how it ended."""
    connection, received = Connection(stream, recorder=recorder), bytearray()

    async def listen() -> None:
        with trio.move_on_after(1):
            while True:
                data, _ = await connection.receive()
                received.extend(data)

    try:
        await listen()
        await connection.send_offer(100, 226)
        await listen()
        if connection.conversation.server_version == 178:
            await connection.send("startApi", clientId=client_id)
            await listen()
            await connection.send("reqPositions")
            await connection.send("reqExecutions", reqId=1)
            await listen()
        await connection.aclose()
    except PeerClosed:
        await connection.aclose()
    return bytes(received), connection.closed


@pytest.mark.parametrize("delivery", ["message", "byte"])
@pytest.mark.parametrize(
    "scenario",
    ["ready", "forwarder-dead-backend", "localhost-only", "localhost-only-reset", "dialog-pending", "half-frame-close", "ssh", "rejected"],
)
async def test_a_recorded_scenario_plays_as_it_was(scenario: str, delivery: str, autojump_clock: trio.testing.MockClock) -> None:
    kept = Kept()
    async with trio.open_nursery() as nursery:
        first = await converse(connected(nursery, Simulator(178, scenario, delivery).serve), 7, kept)
    async with trio.open_nursery() as nursery:
        again = await converse(connected(nursery, Replay(kept).serve), 987654321)
    assert again == first


async def test_listens_on_loopback() -> None:
    async with replay_server(SESSION) as (host, port):
        assert host == "127.0.0.1"
        async with await trio.open_tcp_stream(host, port) as stream:
            client = RawClient(stream)
            await client.send_bytes(OFFER)
            await client.until("greeting")
            await client.send_bytes(LONG_START)
            await client.until("nextValidId")


async def test_a_reset_over_sockets() -> None:
    records = recorded((TO_SERVER, OFFER), (TO_CLIENT, Close.RST))
    async with replay_server(records) as address, await trio.open_tcp_stream(*address) as stream:
        client = RawClient(stream)
        await client.send_bytes(OFFER)
        await client.until_closed()
        assert client.closed is Close.RST
