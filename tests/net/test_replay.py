"""A capture played as a server says what was recorded, to a client that does what the recorded one did."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from tests.net.memory import MemoryStream, connected
from tests.net.raw_client import RawClient, labels
from tests.net.sessions import GREETING, LONG_START, OFFER, READY, SESSION, SHORT_START, TO_CLIENT, TO_SERVER, asks, recorded, says, started
from twsprobe.capture.model import Close, Closed, Gap, Record
from twsprobe.net.connection import Connection, PeerClosed
from twsprobe.net.matching import Mismatch
from twsprobe.net.replay import Replay, ReplayMismatch, replay_server
from twsprobe.net.simulator import Simulator
from twsprobe.net.turns import Unplayable, names_in
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import Direction
from twsprobe.wire.identity import Identity, flattened


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


async def test_what_is_due_together_goes_out_in_one_send(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    stream = connected(nursery, Replay(SESSION).serve)
    await stream.send_all(OFFER + SHORT_START)
    await RawClient(stream).until_quiet(9)
    assert stream.peer.sent == [GREETING + READY]


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
    assert with_client_id(again[0], 987654321) == with_client_id(first[0], 7)
    assert again[1] == first[1]


def with_client_id(data: bytes, client_id: int) -> list[object]:
    """What a server's bytes say, with a word for its client's id."""
    found: list[object] = []
    for event in Conversation().feed(TO_CLIENT, data):
        if isinstance(event, Decoded):
            names = {named.path for named in names_in(event) if named.kind is Identity.CLIENT_ID and named.value == client_id}
            found.append((event.name, {path: "mine" if path in names else value for path, value in flattened(event.fields)}))
        else:
            found.append(event.raw)
    return found


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


async def test_a_request_that_was_not_recorded_ends_the_connection(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    told: list[Mismatch] = []
    records = started(asks("reqContractDetails", reqId=1, contract={"conId": 5, "symbol": "AAPL"}), says("contractDetailsEnd", reqId=1))
    replay = Replay(records, observer=told.append)
    replay.check()
    client = RawClient(connected(nursery, replay.serve))
    await client.offer()
    await client.until("greeting")
    await client.send("startApi", clientId=99)
    await client.until("nextValidId")
    await client.send("reqContractDetails", reqId=4, contract={"conId": 6, "symbol": "AAPL"})
    await client.until_closed()
    assert client.closed is Close.FIN
    assert replay.mismatches == told
    with pytest.raises(ReplayMismatch) as raised:
        replay.check()
    assert str(raised.value) == "connection 1: reqContractDetails is not as it was recorded\n  contract.conId: recorded 5, received 6"
    await client.aclose()
    with trio.fail_after(9):
        await replay.played.wait()
    assert [(connection, turn.event.name) for connection, turn in replay.missing if isinstance(turn.event, Decoded)] == (
        [(1, "reqContractDetails")]
    )


async def test_it_is_played_when_the_last_client_has_gone(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    replay = Replay([*SESSION, *recorded((TO_SERVER, OFFER), (TO_CLIENT, Close.FIN), connection=2)])
    first = RawClient(connected(nursery, replay.serve))
    await trio.testing.wait_all_tasks_blocked()  # or Trio may serve the other one first
    second = RawClient(connected(nursery, replay.serve))
    await second.send_bytes(OFFER)
    await second.until_closed()
    await second.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert (replay.connections, replay.played.is_set()) == (2, False)
    await first.aclose()
    with trio.fail_after(9):
        await replay.played.wait()


def test_what_cannot_be_played_says_why() -> None:
    with pytest.raises(Unplayable, match="connection 1 lacks bytes"):
        Replay([*SESSION, Gap(1, TO_CLIENT, 99, 10)])
    with pytest.raises(ValueError, match="a speed is above 0, not 0"):
        Replay(SESSION, speed=0)
    with pytest.raises(ValueError, match="'sloppy' is not a valid Match"):
        Replay(SESSION, match="sloppy")
