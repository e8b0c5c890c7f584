"""Faults over streams in memory and over sockets, in front of the simulator, a replay and a relay; and what clients make of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import twsprobe
import twsprobe.net.policy  # loaded beforehand: a clock that jumps does not wait for a thread that imports
from tests.net.memory import MemoryStream, connected, memory_pair
from tests.net.raw_client import RawClient, labels
from twsprobe.capture.model import Chunk, Close, Note, Opened, Record
from twsprobe.net.address import Address
from twsprobe.net.dial import Attempt, Dialed
from twsprobe.net.fault_language import read_faults
from twsprobe.net.faults import FaultyStream, faulty, injecting
from twsprobe.net.injection import Injector
from twsprobe.net.replay import Replay
from twsprobe.net.serving import DRAIN_TIMEOUT, Serve, close, listening
from twsprobe.net.simulator import Simulator, simulator
from twsprobe.probing.options import Options
from twsprobe.probing.probe import probe
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Network
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import encode

SERVER, CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
START = ["managedAccounts", "nextValidId", "error 2104", "error 2106", "error 2158"]
IB_ASYNC = Path(__file__).parents[1] / "clients" / "ib_async_session.py"
OPENING = offer(100, 178)
GREETING = greeting(178, b"20261124 09:24:16 UTC")


class Kept:
    """A recorder that keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record, /) -> None:
        self.records.append(record)


def error(code: int) -> bytes:
    return encode("error", CLIENT, 178, id=-1, errorCode=code, errorMsg="m")


def pair(*faults: str) -> tuple[MemoryStream, FaultyStream]:
    """A client, and a server's end of its connection with faults; what opens a connection has passed."""
    client, server = memory_pair()
    return client, FaultyStream(server, Injector(read_faults(faults)))


async def opened(*faults: str) -> tuple[MemoryStream, FaultyStream]:
    client, server = pair(*faults)
    await client.send_all(OPENING)
    assert await server.receive_some() == OPENING
    await server.send_all(GREETING)
    assert await client.receive_some() == GREETING
    client.sent.clear()
    return client, server


async def test_what_is_sent_and_received_goes_through_faults(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened("drop error 1", "duplicate reqCurrentTime")
    asked = encode("reqCurrentTime", SERVER, 178)
    await server.send_all(error(1) + error(2))
    assert await client.receive_some() == error(2)
    await client.send_all(asked)
    assert [await server.receive_some(), await server.receive_some()] == [asked, asked]


async def test_writes_stay_apart(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_pair()
    stream = FaultyStream(server, Injector(read_faults(["slice all into 7 bytes"])))
    await stream.send_all(GREETING)
    assert server.sent == [GREETING[at : at + 7] for at in range(0, len(GREETING), 7)]
    await client.send_all(OPENING)
    assert [await stream.receive_some() for _ in range(3)] == [OPENING[:7], OPENING[7:14], OPENING[14:]]


async def test_a_delay_takes_its_time_in_its_direction_alone(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened("delay 2nd error by 3s")
    began = trio.current_time()
    times: list[float] = []

    async def listen() -> None:
        for code in (1, 2, 3):
            assert await client.receive_some() == error(code)
            times.append(trio.current_time() - began)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        nursery.start_soon(server.send_all, error(1) + error(2) + error(3))
        await client.send_all(encode("reqCurrentTime", SERVER, 178))
        assert await server.receive_some() != b""
        assert trio.current_time() == began
    assert times == pytest.approx([0, 3, 3])


async def test_a_receive_that_is_cancelled_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened("delay reqCurrentTime by 10s")
    asked = encode("reqCurrentTime", SERVER, 178)
    began = trio.current_time()
    await client.send_all(asked)
    for _ in range(3):
        with trio.move_on_after(2) as scope:
            await server.receive_some()
        assert scope.cancelled_caught
    assert await server.receive_some() == asked
    assert trio.current_time() - began == pytest.approx(10)


async def test_a_cancelled_receive_leaves_what_is_due(autojump_clock: trio.testing.MockClock) -> None:
    client, server = pair("slice offer into 7 bytes")
    await client.send_all(OPENING)
    assert await server.receive_some() == OPENING[:7]
    with trio.CancelScope() as scope:
        scope.cancel()
        await server.receive_some()
    assert scope.cancelled_caught
    assert await server.receive_some() == OPENING[7:14]


async def test_a_rate_is_kept_both_ways(autojump_clock: trio.testing.MockClock) -> None:
    client, server = pair("rate 10 bytes/s")
    began = trio.current_time()
    await server.send_all(GREETING)
    assert trio.current_time() - began == pytest.approx(len(GREETING) / 10)
    await client.send_all(OPENING)
    received = b""
    while len(received) < len(OPENING):
        received += await server.receive_some()
    assert received == OPENING
    assert trio.current_time() - began == pytest.approx((len(GREETING) + len(OPENING)) / 10)


async def test_no_more_is_received_than_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    client, server = pair()
    await client.send_all(OPENING)
    assert [await server.receive_some(5), await server.receive_some(5), await server.receive_some()] == (
        [OPENING[:5], OPENING[5:10], OPENING[10:]]
    )


@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
async def test_a_server_that_is_ended_learns_it(how: Close, autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened(f"{how.value} after error")

    async def leave() -> None:
        assert await client.receive_some() == error(1)
        if how is Close.FIN:
            assert await client.receive_some() == b""
        else:
            with pytest.raises(trio.BrokenResourceError):
                await client.receive_some()
        await client.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        with pytest.raises(trio.BrokenResourceError):
            await server.send_all(error(1) + error(2))
    with pytest.raises(trio.BrokenResourceError):
        await server.send_all(error(3))
    with pytest.raises(trio.BrokenResourceError):
        await server.send_eof()
    server.reset()
    await server.aclose()


async def test_a_client_that_stays_is_waited_for_only_so_long(autojump_clock: trio.testing.MockClock) -> None:
    _client, server = await opened("fin before error")
    began = trio.current_time()
    with pytest.raises(trio.BrokenResourceError):
        await server.send_all(error(1))
    assert trio.current_time() - began == pytest.approx(DRAIN_TIMEOUT)


async def test_a_fin_does_not_disturb_who_is_receiving(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened("fin after error")
    received: list[bytes] = []

    async def receive() -> None:
        while data := await server.receive_some():
            received.append(data)

    async def leave() -> None:
        await trio.testing.wait_all_tasks_blocked()
        await client.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(leave)
        with pytest.raises(trio.BrokenResourceError):
            await server.send_all(error(1))
    assert received == []


@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
async def test_a_client_is_ended_towards_the_server(how: Close, autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened(f"{how.value} before reqCurrentTime")
    await client.send_all(encode("reqIds", SERVER, 178, numIds=1) + encode("reqCurrentTime", SERVER, 178))
    assert await server.receive_some() == encode("reqIds", SERVER, 178, numIds=1)
    if how is Close.FIN:
        assert [await server.receive_some(), await server.receive_some()] == [b"", b""]
        await server.aclose()
        assert await client.receive_some() == b""
    else:
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_a_stalled_server_cannot_even_say_farewell(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened("stall after error")
    await server.send_all(error(1) + error(2))
    await server.send_all(error(3))
    await server.send_eof()
    assert await client.receive_some() == error(1)
    with trio.move_on_after(60) as scope:
        await client.receive_some()
    assert scope.cancelled_caught
    await client.send_all(b"\0\0\0\x0549\x001\x00")
    assert await server.receive_some() == b"\0\0\0\x0549\x001\x00"


async def test_what_was_held_is_sent_with_the_end(autojump_clock: trio.testing.MockClock) -> None:
    for end in (lambda server: server.send_eof(), lambda server: server.aclose()):
        client, server = await opened("reorder error after 5")
        await server.send_all(error(1) + error(2)[:9])
        await end(server)
        received = b""
        while data := await client.receive_some():
            received += data
        assert received == error(1) + error(2)[:9]


async def test_a_close_of_the_server_is_passed_on(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await opened("drop error")
    await close(server, Close.RST)
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()


async def test_connections_are_numbered_and_faults_told(autojump_clock: trio.testing.MockClock) -> None:
    told: list[tuple[str, Direction, int]] = []

    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(GREETING + error(1))

    faulted = faulty(serve, ["drop error connection 2"], lambda *each: told.append(each))
    async with trio.open_nursery() as nursery:
        for wanted in (GREETING + error(1), GREETING, GREETING + error(1)):
            client = connected(nursery, faulted)
            await client.send_all(OPENING)
            assert await client.receive_some() == wanted
    assert told == [(f"dropped error (fault: drop error connection 2), bytes {error(1).hex()}", CLIENT, 2)]


@pytest.mark.parametrize("delivery", ["message", "byte", "whole"])
async def test_the_simulator_goes_wrong_as_told(delivery: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    faults = ["drop 1st nextValidId", "duplicate error 2106", "corrupt managedAccounts accountsList to DU99"]
    client = RawClient(connected(nursery, faulty(Simulator(226, delivery=delivery).serve, faults)))
    events = await client.start()
    assert labels(events) == ["greeting", START[0], START[2], START[3], START[3], START[4]]
    assert getattr(events[1], "fields", None) == {"accountsList": "DU99"}


async def test_a_replay_goes_wrong_as_told(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    said = encode("managedAccounts", CLIENT, 178, accountsList="DU1") + encode("nextValidId", CLIENT, 178, orderId=5)
    start = encode("startApi", SERVER, 178, clientId=5)
    chunks = ((SERVER, OPENING), (CLIENT, GREETING), (SERVER, start), (CLIENT, said))
    records: list[Record] = [Opened(1, 0, "", ""), *(Chunk(1, direction, at, data) for at, (direction, data) in enumerate(chunks))]
    client = RawClient(connected(nursery, faulty(Replay(records).serve, ["fin before nextValidId"])))
    await client.offer(maximum=178)
    await client.until("greeting")
    await client.send("startApi", clientId=5)
    assert labels(await client.until_closed()) == ["managedAccounts"]
    assert client.closed is Close.FIN


async def verdict(serve: Serve, nursery: trio.Nursery) -> ProbeReport:
    """What a probe makes of a server in memory."""

    async def resolve(host: str, port: int) -> list[Address]:
        return [("127.0.0.1", port)]

    async def dial(addresses: list[Address], timeout: float) -> Dialed:
        client, server = memory_pair()
        nursery.start_soon(serve, server)
        return Dialed(client, ("127.0.0.1", 50000), addresses[0], (Attempt(addresses[0], None, ""),))

    return await probe("localhost", 7497, Options(timeout=5.0), network=Network(resolve, dial))


@pytest.mark.parametrize("version", [176, 226])
@pytest.mark.parametrize(
    ("fault", "signature"),
    [
        ("slice all into 3 bytes", "ready"),
        ("drop error connection 9", "ready"),
        ("delay managedAccounts by 2s", "ready"),
        ("rate 400 bytes/s", "ready"),
        ("reorder nextValidId after 2", "ready"),
        ("drop nextValidId", "partial-start"),
        ("drop managedAccounts", "partial-start"),
        ("stall after managedAccounts", "partial-start"),
        ("stall after greeting", "silent-start"),
        ("stall before 1st startApi", "silent-start"),
        ("drop startApi", "silent-start"),
        ("stall before greeting", "silent-handshake"),
        ("drop offer", "silent-handshake"),
        ("drop greeting", "silent-handshake"),
        ("fin before greeting", "closed-after-prefix"),
        ("rst before greeting", "closed-after-prefix"),
        ("rst after greeting", "closed-after-start"),
        ("fin after managedAccounts", "closed-after-start"),
        ("truncate greeting to 10 bytes", "frame-incomplete"),
        ("corrupt greeting byte 1 to 0xff", "frame-invalid"),
        ("corrupt greeting serverVersion to 76", "version-unsupported"),
        ("corrupt managedAccounts byte 1 to 0xff", "malformed-start"),
    ],
)
async def test_a_probe_sees_the_signature_of_a_fault(
    fault: str, signature: str, version: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    report = await verdict(faulty(Simulator(version).serve, [fault]), nursery)
    assert report.to_dict()["signature"] == signature


@pytest.mark.parametrize("unread", [b"", b"unread"])
@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
async def test_ends_arrive_as_such_over_sockets(how: Close, unread: bytes) -> None:
    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await asked.wait()
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(GREETING + error(1))

    asked = trio.Event()
    async with listening(faulty(serve, [f"{how.value} before error"])) as address, await trio.open_tcp_stream(*address) as client:
        raw = RawClient(client)
        await client.send_all(OPENING)
        await client.send_all(unread)
        asked.set()
        with trio.fail_after(5):
            if how is Close.FIN:
                assert await client.receive_some() == GREETING
                assert await client.receive_some() == b""
                await client.aclose()
            else:
                # What was sent before a RST may be lost with it.
                while raw.closed is None:
                    await raw.receive()
                assert raw.closed is Close.RST


async def test_writes_arrive_apart_over_sockets() -> None:
    async with simulator(faults=["slice greeting into 5 bytes", "delay managedAccounts by 1ms"]) as address:
        client = RawClient(await trio.open_tcp_stream(*address))
        assert labels(await client.start()) == ["greeting", *START]
        await client.aclose()


async def test_a_probe_over_sockets_sees_a_fault() -> None:
    async with simulator(faults=["rst before nextValidId"]) as (host, port):
        report = await twsprobe.probe(host, port, Options(timeout=5.0))
    assert report.to_dict()["signature"] == "closed-after-start"


async def test_a_relay_goes_wrong_as_told() -> None:
    from twsprobe.net.relay import relay

    ids: list[Any] = []
    kept = Kept()
    async with (
        simulator(observer=lambda number, event: ids.append(getattr(event, "fields", {}).get("clientId"))) as target,
        relay(target, wrap=injecting(["drop nextValidId", "corrupt startApi clientId to 77"]), recorder=kept) as address,
    ):
        client = RawClient(await trio.open_tcp_stream(*address))
        assert labels(await client.start(client_id=5)) == ["greeting", START[0], *START[2:]]
        await client.aclose()
    assert ids[1] == 77
    notes = [(record.text.split(" (")[0], record.direction) for record in kept.records if isinstance(record, Note)]
    assert notes == [("corrupted clientId of startApi", SERVER), ("dropped nextValidId", CLIENT)]


async def ib_async_session(host: str, port: int) -> dict[str, Any]:
    """What a real client holds after it has connected."""
    with trio.fail_after(30):
        done = await trio.run_process([sys.executable, str(IB_ASYNC), f"{host}:{port}"], capture_stdout=True)
    found: dict[str, Any] = json.loads(done.stdout)
    [session] = found["sessions"]
    del session["time"]
    return session  # type: ignore[no-any-return]  # what the program prints


async def test_a_real_client_sees_what_is_said_and_nothing_else() -> None:
    harmless = ["slice all into 3 bytes", "delay 1st managedAccounts by 50ms", "reorder 1st error 2104 after 1"]
    async with simulator() as (host, port):
        without = await ib_async_session(host, port)
    async with simulator(faults=harmless) as (host, port):
        assert await ib_async_session(host, port) == without
    async with simulator(faults=["corrupt 1st position avgCost to 12.5", "drop 2nd position"]) as (host, port):
        found = await ib_async_session(host, port)
    first, _, *others = without.pop("positions")
    assert found.pop("positions") == [[*first[:-1], 12.5], *others]
    assert found == without
