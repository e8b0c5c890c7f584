"""The relay between real sockets, in both of its ways: threads, and Trio streams with something around the client's."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.net.memory import memory_pair
from tests.net.relaying import (
    PATIENCE,
    Kept,
    Server,
    all_at_once,
    closes,
    echoing,
    end_of,
    exchange,
    passed,
    relayed,
    send_reset,
    send_until_broken,
)
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Note, Opened, Record
from twsprobe.net.address import Address
from twsprobe.net.relay import Counters, Relay, Tell, relay
from twsprobe.net.relay_pump import OnRecordError
from twsprobe.net.serving import listening
from twsprobe.net.wrapped import Wrapped
from twsprobe.wire.framing import Direction


def unchanged(stream: trio.abc.Stream, number: int, tell: Tell) -> trio.abc.Stream:
    return stream


WAYS = pytest.mark.parametrize("way", [{}, {"wrap": unchanged}], ids=["threads", "streams"])
Way = dict[str, object]
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT


def free_address() -> Address:
    """An address that nothing listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        ip, port = trial.getsockname()
    return str(ip), int(port)


@WAYS
@settings(max_examples=15)
@given(up=st.lists(st.binary(min_size=1, max_size=200_000), max_size=4), down=st.lists(st.binary(min_size=1, max_size=200_000), max_size=4))
def test_bytes_come_through_as_they_were_and_are_in_the_capture(way: Way, up: list[bytes], down: list[bytes]) -> None:
    async def run() -> None:
        async with relayed(**way) as (client, server, kept):
            ends: dict[str, tuple[bytes, Close]] = {}

            async def say(stream: trio.SocketStream, chunks: list[bytes]) -> None:
                for chunk in chunks:
                    await stream.send_all(chunk)
                await stream.send_eof()

            async def hear(stream: trio.SocketStream, who: str) -> None:
                ends[who] = await end_of(stream)

            await all_at_once(
                [partial(say, client, up), partial(say, server, down), partial(hear, client, "c"), partial(hear, server, "s")]
            )
            assert ends == {"s": (b"".join(up), Close.FIN), "c": (b"".join(down), Close.FIN)}
            assert (passed(kept.records, TO_SERVER), passed(kept.records, TO_CLIENT)) == (b"".join(up), b"".join(down))

    trio.run(run)


@WAYS
async def test_a_connection_is_recorded_with_its_ends(way: Way) -> None:
    async with relayed(**way) as (client, server, kept):
        await client.send_all(b"up")
        assert await server.receive_some() == b"up"
        peer = server.socket.getpeername()
        opened = kept.records[0]
        assert isinstance(opened, Opened)
        assert opened.client == f"127.0.0.1:{peer[1]}"
        assert opened.server == f"127.0.0.1:{server.socket.getsockname()[1]}"


@WAYS
async def test_a_client_that_ends_its_half_still_hears(way: Way) -> None:
    async with relayed(**way) as (client, server, kept):
        await client.send_all(b"last")
        await client.send_eof()
        assert await end_of(server) == (b"last", Close.FIN)
        await server.send_all(b"answer")
        await server.send_eof()
        assert await end_of(client) == (b"answer", Close.FIN)
    assert closes(kept.records) == [(TO_SERVER, Close.FIN), (TO_CLIENT, Close.FIN)]


@WAYS
async def test_a_server_that_ends_its_half_still_hears(way: Way) -> None:
    async with relayed(**way) as (client, server, kept):
        await server.send_all(b"bye")
        await server.send_eof()
        assert await end_of(client) == (b"bye", Close.FIN)
        await client.send_all(b"late")
        await client.send_eof()
        assert await end_of(server) == (b"late", Close.FIN)
    assert closes(kept.records) == [(TO_CLIENT, Close.FIN), (TO_SERVER, Close.FIN)]


@WAYS
async def test_a_reset_by_the_server_reaches_the_client(way: Way) -> None:
    async with relayed(**way) as (client, server, kept):
        await server.send_all(b"bye")
        assert await client.receive_some() == b"bye"
        send_reset(server)
        assert await end_of(client) == (b"", Close.RST)
    assert closes(kept.records) == [(TO_CLIENT, Close.RST)]


@WAYS
async def test_a_reset_by_the_client_reaches_the_server(way: Way) -> None:
    async with relayed(**way) as (client, server, kept):
        await client.send_all(b"bye")
        assert await server.receive_some() == b"bye"
        send_reset(client)
        assert await end_of(server) == (b"", Close.RST)
    assert closes(kept.records) == [(TO_SERVER, Close.RST)]


@WAYS
async def test_a_client_that_is_gone_resets_a_server_that_goes_on(way: Way) -> None:
    async with relayed(**way) as (client, server, kept):
        await client.send_all(b"bye")
        await client.aclose()
        assert await end_of(server) == (b"bye", Close.FIN)
        await send_until_broken(server)
    assert closes(kept.records) == [(TO_SERVER, Close.FIN), (TO_SERVER, Close.RST)]


async def stuff(stream: trio.SocketStream) -> None:
    """Send until nothing more gets through."""
    sent = -1
    while sent:
        sent = 0
        with trio.move_on_after(0.3):
            await stream.send_all(bytes(1 << 20))
            sent = 1


@WAYS
@pytest.mark.parametrize("who", ["client", "server"])
async def test_a_reset_is_passed_on_while_the_other_side_does_not_read(way: Way, who: str) -> None:
    async with relayed(**way) as (client, server, kept):
        # The side that resets has sent nothing, so the relay is reading it; the other direction is full.
        one, other = (client, server) if who == "client" else (server, client)
        await stuff(other)
        send_reset(one)
        await send_until_broken(other)
    assert closes(kept.records) == [(TO_SERVER if who == "client" else TO_CLIENT, Close.RST)]


@WAYS
async def test_backpressure_is_passed_on(way: Way) -> None:
    async with relayed(**way) as (client, server, kept):
        await stuff(server)
        held = len(passed(kept.records, TO_CLIENT))
        # All that the relay has read is in the kernel's buffers of the client's connection, but for one read.
        assert held < 32 << 20
        got = 0
        with trio.fail_after(PATIENCE):
            while got < held:
                got += len(await client.receive_some())


@WAYS
async def test_a_slow_client_stalls_only_its_own_server(way: Way) -> None:
    kept, server = Kept(), Server()
    # One after the other, so that it is known which server's side belongs to which client.
    async with listening(server.serve) as target, relay(target, recorder=kept, **way) as address:  # type: ignore[arg-type]  # as WAYS gives them
        pairs = []
        for _ in range(2):
            client = await trio.open_tcp_stream(*address)
            with trio.fail_after(PATIENCE):
                pairs.append((client, await server.accepted.receive()))
        (slow, stalled), (quick, lively) = pairs
        await stuff(stalled)
        with trio.fail_after(PATIENCE):
            for _ in range(100):
                await lively.send_all(b"tick")
                assert await quick.receive_some() == b"tick"
        for end in (slow, quick):
            await end.aclose()
    assert passed(kept.records, TO_CLIENT, 2) == b"tick" * 100


async def test_64_clients_at_once_come_through_byte_identical() -> None:
    kept = Kept()
    rng = random.Random(64)  # test data
    said = {n: [n.to_bytes(2, "big") + rng.randbytes(rng.randint(1, 2000)) for _ in range(200)] for n in range(64)}
    heard: dict[int, bytes] = {}

    async with echoing(recorder=kept) as address:

        async def converse(n: int) -> None:
            async with await trio.open_tcp_stream(*address) as stream:
                heard[n] = await exchange(stream, said[n])

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for n in said:
                    nursery.start_soon(converse, n)
    whole = {n: b"".join(messages) for n, messages in said.items()}
    assert heard == whole
    recorded = {each.connection for each in kept.records}
    assert len(recorded) == 64
    for direction in Direction:
        assert sorted(passed(kept.records, direction, number) for number in recorded) == sorted(whole.values())


@pytest.mark.parametrize(
    ("target", "outcome"), [(None, Close.REFUSED), (("no-such-host.invalid", 7497), Close.UNRESOLVED)], ids=["refused", "unresolved"]
)
async def test_a_client_is_reset_where_the_target_cannot_be_reached(target: Address | None, outcome: Close) -> None:
    kept = Kept()
    served = Relay(target or free_address(), recorder=kept)
    async with served.listening() as address, await trio.open_tcp_stream(*address) as client:
        assert await end_of(client) == (b"", Close.RST)
        assert [(each.direction, each.how) for each in kept.records if isinstance(each, Closed)] == [(TO_CLIENT, outcome)]
        assert len(kept.records) == 1
    assert served.counters() == Counters(0, 0, 1, 0, 0, 0)


async def test_a_relay_to_itself_refuses() -> None:
    address = free_address()
    kept = Kept()
    async with relay(address, listen=address, recorder=kept), await trio.open_tcp_stream(*address) as client:
        assert await end_of(client) == (b"", Close.RST)
    assert {each.how for each in kept.records if isinstance(each, Closed)} == {Close.REFUSED}


async def test_clients_beyond_the_limit_are_reset_and_counted() -> None:
    server = Server()
    async with listening(server.serve) as target:
        served = Relay(target, max_connections=1)
        async with served.listening() as address, await trio.open_tcp_stream(*address) as first:
            with trio.fail_after(PATIENCE):
                played = await server.accepted.receive()
            async with await trio.open_tcp_stream(*address) as second:
                assert await end_of(second) == (b"", Close.RST)
            await played.send_all(b"still here")
            assert await first.receive_some() == b"still here"
            assert (served.counters().open, served.counters().turned_away) == (1, 1)


async def test_counters_keep_what_is_over() -> None:
    async def echo(stream: trio.abc.Stream) -> None:
        async for data in stream:
            await stream.send_all(data + data)

    async with listening(echo) as target:
        served = Relay(target)
        async with served.listening() as address:
            async with await trio.open_tcp_stream(*address) as client:
                await client.send_all(b"four")
                assert await client.receive_some() == b"fourfour"
                await client.send_eof()
                await end_of(client)
            async with await trio.open_tcp_stream(*address) as client:
                await client.send_all(b"more")
                assert await client.receive_some() == b"moremore"
        assert served.counters() == Counters(2, 0, 0, 0, 8, 16)


def failures() -> list[Exception]:
    return [OSError(28, "No space left on device"), CaptureError("x.jsonl", 9, "could not be written")]


@WAYS
@pytest.mark.parametrize("failure", failures(), ids=["system", "capture"])
@pytest.mark.parametrize("fails_at", range(4))
async def test_nothing_passes_that_is_not_recorded(way: Way, failure: Exception, fails_at: int) -> None:
    # The records: opened, then a chunk to the server, back, and so on.
    kept = Kept(fails_at, failure)
    warned: list[Exception] = []

    async def converse() -> None:
        async with echoing(recorder=kept, warn=warned.append, **way) as address, await trio.open_tcp_stream(*address) as client:
            with trio.fail_after(PATIENCE):
                with suppress(EOFError, trio.BrokenResourceError):
                    while True:
                        got = await exchange(client, [b"tick"])
                        assert passed(kept.records, TO_CLIENT).endswith(got)
                await trio.sleep_forever()  # the relay ends the block

    with pytest.raises(type(failure)) as raised:
        await converse()
    assert raised.value is failure
    assert warned == [failure]
    assert len(kept.records) == fails_at


@WAYS
async def test_both_sides_of_every_connection_are_closed_when_recording_fails(way: Way) -> None:
    kept, server = Kept(3), Server()
    ends: list[trio.SocketStream] = []

    async def connect_two(target: Address) -> None:
        async with relay(target, recorder=kept, **way) as address:  # type: ignore[arg-type]  # as WAYS gives them
            with trio.fail_after(PATIENCE):
                for _ in range(2):
                    ends.extend([await trio.open_tcp_stream(*address), await server.accepted.receive()])
                await ends[0].send_all(b"kept")
                assert await ends[1].receive_some() == b"kept"
                await ends[2].send_all(b"not kept")
                await trio.sleep_forever()

    async with listening(server.serve) as target:
        with pytest.raises(OSError, match="No space left"):
            await connect_two(target)
        for end in ends:
            assert await end_of(end) == (b"", Close.FIN)
            await end.aclose()
    assert len(ends) == 4


@WAYS
@pytest.mark.parametrize("fails_at", range(4))
async def test_traffic_goes_on_unrecorded_where_that_was_chosen(way: Way, fails_at: int) -> None:
    kept = Kept(fails_at)
    warned: list[Exception] = []
    seen: list[Record] = []
    options = {"recorder": kept, "policy": OnRecordError.PASS, "warn": warned.append, "observer": seen.append}
    async with echoing(**options, **way) as address, await trio.open_tcp_stream(*address) as client:
        with trio.fail_after(PATIENCE):
            assert await exchange(client, [b"one", b"two", b"three"]) == b"onetwothree"
        await client.send_eof()
        assert await end_of(client) == (b"", Close.FIN)
    assert len(warned) == 1
    assert len(kept.records) == fails_at
    assert passed(seen, TO_CLIENT) == b"onetwothree"


async def test_an_observer_sees_the_records_in_the_order_of_the_capture() -> None:
    kept = Kept()
    seen: list[Record] = []
    async with echoing(recorder=kept, observer=seen.append) as address, await trio.open_tcp_stream(*address) as client:
        await exchange(client, [b"a", b"b", b"c"])
    assert seen == kept.records


def pumping() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("relay ")]


@pytest.mark.parametrize("stuffed", [False, True])
async def test_ending_leaves_no_thread_socket_or_task(stuffed: bool) -> None:
    kept, server = Kept(), Server()
    async with listening(server.serve) as target:
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        async with relay(target, recorder=kept) as address:
            client = await trio.open_tcp_stream(*address)
            with trio.fail_after(PATIENCE):
                played = await server.accepted.receive()
                await client.send_all(b"a")
                assert await played.receive_some() == b"a"
                await played.send_all(b"b")
                assert await client.receive_some() == b"b"
            assert len(pumping()) == 1
            if stuffed:
                await stuff(played)
        assert pumping() == []
        assert closes(kept.records) == [(TO_SERVER, Close.ABANDONED), (TO_CLIENT, Close.ABANDONED)]
        with pytest.raises(OSError, match="attempts to connect"):
            await trio.open_tcp_stream(*address)
        for end in (client, played):
            await end_of(end)
            await end.aclose()
        await trio.testing.wait_all_tasks_blocked()
        # One more than before: the server's side of the connection.
        assert trio.lowlevel.current_statistics().tasks_living == before + 1


@WAYS
async def test_what_the_client_said_before_the_target_answered_arrives(way: Way) -> None:
    async with relayed(**way) as (client, server, _):
        await client.send_all(b"early")
        await client.aclose()
        assert await end_of(server) == (b"early", Close.FIN)


async def test_a_client_over_any_stream_is_served() -> None:
    kept = Kept()
    server = Server()
    async with listening(server.serve) as target, trio.open_nursery() as nursery:
        client, inner = memory_pair()
        nursery.start_soon(Relay(target, recorder=kept).serve, inner)
        with trio.fail_after(PATIENCE):
            played = await server.accepted.receive()
            await client.send_all(b"hello")
            assert await played.receive_some() == b"hello"
            send_reset(played)
            with pytest.raises(trio.BrokenResourceError):
                await client.receive_some()
    assert closes(kept.records) == [(TO_CLIENT, Close.RST)]


class Louder(Wrapped):
    """Says all that passes in capitals, and tells of it."""

    def __init__(self, inner: trio.abc.Stream, number: int, tell: Tell) -> None:
        super().__init__(inner)
        self.number, self.tell = number, tell

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.tell("made louder", TO_CLIENT, self.number)
        await super().send_all(bytes(data).upper())

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await super().receive_some(max_bytes)).upper()


async def test_the_capture_holds_what_each_receiver_got() -> None:
    async with relayed(wrap=Louder) as (client, server, kept):
        await client.send_all(b"up")
        assert await server.receive_some() == b"UP"
        await server.send_all(b"down")
        assert await client.receive_some() == b"DOWN"
        shown = [each for each in kept.records if isinstance(each, Chunk | Note)]
    assert [each.text if isinstance(each, Note) else each.data for each in shown] == [b"UP", "made louder", b"DOWN"]


async def test_a_fault_in_the_block_comes_out_as_it_is() -> None:
    async def fail(work: Callable[[], None]) -> None:
        async with echoing() as address, await trio.open_tcp_stream(*address):
            work()

    def broken() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await fail(broken)
