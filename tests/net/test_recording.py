"""What a server says and hears is in the capture before it is on its way, with faults and without."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.net.memory import MemoryStream, connected, memory_pair
from tests.net.raw_client import RawClient, labels
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Note, Opened, Record
from twsprobe.capture.reading import open_capture
from twsprobe.net.fault_language import FaultError
from twsprobe.net.recording import recorded
from twsprobe.net.serving import close, listening
from twsprobe.net.simulator import Simulator, simulator
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import offer

SERVER, CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT


class Kept:
    """A recorder that keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record, /) -> None:
        self.records.append(record)

    def bytes_of(self, direction: Direction, connection: int = 1) -> bytes:
        chunks = [each for each in self.records if isinstance(each, Chunk) and each.connection == connection]
        return b"".join(each.data for each in chunks if each.direction is direction)

    @property
    def ends(self) -> list[tuple[Direction, Close]]:
        return [(each.direction, each.how) for each in self.records if isinstance(each, Closed)]


class Full:
    """A recorder whose disk is full once it has taken some records."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, record: Record, /) -> None:
        self.room -= 1
        if self.room < 0:
            raise CaptureError("x.jsonl", 0, "the disk is full")


async def serve_short(stream: trio.abc.Stream) -> None:
    await stream.receive_some()
    await stream.send_all(b"answer")
    await close(stream, Close.FIN)


async def test_both_directions_and_their_ends(autojump_clock: trio.testing.MockClock) -> None:
    kept = Kept()
    async with trio.open_nursery() as nursery:
        client = connected(nursery, recorded(serve_short, kept))
        await client.send_all(b"request")
        assert await client.receive_some() == b"answer"
        assert await client.receive_some() == b""
        await client.send_eof()
    assert [type(each) for each in kept.records] == [Opened, Chunk, Chunk, Closed, Closed]
    assert (kept.bytes_of(SERVER), kept.bytes_of(CLIENT)) == (b"request", b"answer")
    assert kept.ends == [(CLIENT, Close.FIN), (SERVER, Close.FIN)]
    assert sorted(each.time_ns for each in kept.records) == [each.time_ns for each in kept.records]


async def test_bytes_are_recorded_before_they_are_sent(autojump_clock: trio.testing.MockClock) -> None:
    async def serve(stream: trio.abc.Stream) -> None:
        with pytest.raises(CaptureError):
            await stream.send_all(b"a")

    client, server = memory_pair()
    await recorded(serve, Full(1))(server)
    await server.aclose()
    assert await client.receive_some() == b""


async def test_a_reset_of_either_side(autojump_clock: trio.testing.MockClock) -> None:
    async def reset(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await close(stream, Close.RST)

    async def hear(stream: trio.abc.Stream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await stream.receive_some()

    async def say(stream: trio.abc.Stream) -> None:
        await arrived.wait()
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(b"a")

    for serve, end in ((reset, (CLIENT, Close.RST)), (hear, (SERVER, Close.RST)), (say, (SERVER, Close.RST))):
        kept, arrived = Kept(), trio.Event()
        async with trio.open_nursery() as nursery:
            client = connected(nursery, recorded(serve, kept))
            await client.send_all(b"a")
            if end[0] is SERVER:
                client.reset()
            arrived.set()
        assert kept.ends == [end]


async def test_a_server_that_is_stopped_abandons_its_clients(autojump_clock: trio.testing.MockClock) -> None:
    kept = Kept()
    async with trio.open_nursery() as nursery:
        client = RawClient(connected(nursery, recorded(Simulator().serve, kept)))
        await client.start()
        nursery.cancel_scope.cancel()
    assert kept.ends == [(CLIENT, Close.ABANDONED)]


async def test_with_faults_the_capture_holds_what_reached_whom(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    kept = Kept()
    faults = ["drop nextValidId", "slice greeting into 5 bytes", "corrupt startApi clientId to 77"]
    stream: list[MemoryStream] = []

    async def heard(served: trio.abc.Stream) -> None:
        await Simulator(178).serve(served)

    client = RawClient(connected(nursery, recorded(heard, kept, faults)))
    stream.append(client.stream)  # type: ignore[arg-type]  # what connected gives
    assert labels(await client.start())[:2] == ["greeting", "managedAccounts"]
    assert kept.bytes_of(CLIENT) == client.received
    assert kept.bytes_of(SERVER) != b"".join(stream[0].sent)
    assert b"\x0077\x00" in kept.bytes_of(SERVER)
    notes = [each for each in kept.records if isinstance(each, Note)]
    assert [(each.text.split(" (")[0], each.direction, each.connection) for each in notes] == [
        ("sliced greeting into writes of 5 bytes", CLIENT, 1),
        ("corrupted clientId of startApi", SERVER, 1),
        ("dropped nextValidId", CLIENT, 1),
    ]
    behind = kept.records[kept.records.index(notes[0]) + 1]
    assert isinstance(behind, Chunk)
    assert len(behind.data) == 5
    behind = kept.records[kept.records.index(notes[1]) + 1]
    assert isinstance(behind, Chunk)
    assert b"\x0077\x00" in behind.data


async def test_ends_by_faults_are_recorded_as_they_are_seen(autojump_clock: trio.testing.MockClock) -> None:
    for fault, end in (
        ("rst before nextValidId", (CLIENT, Close.RST)),
        ("fin before nextValidId", (CLIENT, Close.FIN)),
        ("rst after startApi", (SERVER, Close.RST)),
        ("fin after startApi", (SERVER, Close.FIN)),
    ):
        kept = Kept()
        async with trio.open_nursery() as nursery:
            client = RawClient(connected(nursery, recorded(Simulator().serve, kept, [fault])))
            await client.offer()
            await client.until("greeting")
            await client.send("startApi", clientId=1)
            await client.until_closed()
            await client.aclose()
        assert end in kept.ends, fault


async def test_connections_have_their_numbers_and_addresses(tmp_path: Path) -> None:
    path, told = tmp_path / "a.jsonl", []
    with Writer(path) as writer:
        async with simulator(recorder=writer, faults=["drop error 2104"], note=lambda *each: told.append(each)) as address:
            for _ in range(2):
                client = RawClient(await trio.open_tcp_stream(*address))
                await client.offer()
                await client.until("greeting")
                await client.send("startApi", clientId=1)
                await client.until("error 2158")
                await client.aclose()
    with open_capture(path) as capture:
        records = list(capture)
    made = [each for each in records if isinstance(each, Opened)]
    assert [each.connection for each in made] == [1, 2]
    assert {each.server for each in made} == {f"{address[0]}:{address[1]}"}
    assert all(each.client.startswith("127.0.0.1:") for each in made)
    assert [(each.text, each.direction, each.connection) for each in records if isinstance(each, Note)] == told
    assert [each[2] for each in told] == [1, 2]


async def test_a_disk_that_is_full_ends_it() -> None:
    async def serve_until_full() -> None:
        async with listening(recorded(Simulator().serve, Full(2))) as address, await trio.open_tcp_stream(*address) as client:
            await client.send_all(offer(100, 226))
            await trio.sleep_forever()

    with trio.fail_after(5), pytest.raises(CaptureError, match="the disk is full"):
        await serve_until_full()


def test_a_text_that_is_no_fault_is_refused() -> None:
    with pytest.raises(FaultError):
        recorded(serve_short, Kept(), ["drop everything"])
