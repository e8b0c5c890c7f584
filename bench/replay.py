"""Replay, measured: a burst against a blocking send for each frame, and a real client's start against the simulator.

Every ratio is measured side by side in one run: each round times both, in turns, and the ratio is the median over the rounds. The burst is
of 100,000 frames that are due at once, over loopback to a peer that reads and throws away; it is timed from the request on, as reading and
decoding the capture is done before anyone connects. Run it with the project's environment: ``python bench/replay.py``.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial

import ib_async
import trio

from twsprobe.capture.model import Chunk, Opened, Record
from twsprobe.net.replay import Replay, replay_server
from twsprobe.net.simulator import simulator
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import encode

ROUNDS = 7
FRAMES = 100_000
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
START = encode("startApi", TO_SERVER, 178, clientId=7)
ASK = encode("reqMktData", TO_SERVER, 178, reqId=5, contract={"conId": 265598})
HELLO = greeting(178, b"20261124 06:01:01 EST")
TICKS = [encode("tickPrice", TO_CLIENT, 178, reqId=5, tickType=4, price=190 + n % 500 / 100, size=n % 900) for n in range(FRAMES)]


class Kept(list[Record]):
    """A recorder that only keeps."""

    write = list.append


def capture() -> list[Record]:
    """A session in which one request is answered with the burst."""
    said = [(TO_SERVER, offer(100, 178)), (TO_CLIENT, HELLO), (TO_SERVER, START + ASK), *((TO_CLIENT, tick) for tick in TICKS)]
    return [Opened(1, 0, "", ""), *(Chunk(1, direction, at, data) for at, (direction, data) in enumerate(said, 1))]


def until(peer: socket.socket, size: int) -> None:
    """Read so many bytes."""
    buffer = bytearray(1 << 20)
    while size > 0:
        got = peer.recv_into(buffer)
        if not got:
            raise ConnectionError("the burst ended early")
        size -= got


def client_of(port: int) -> float:
    """Seconds from the request to the last byte of the burst."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(offer(100, 178))
        until(peer, len(HELLO))
        began = time.perf_counter()
        peer.sendall(START + ASK)
        until(peer, sum(map(len, TICKS)))
        return time.perf_counter() - began


async def by_replay(records: list[Record]) -> float:
    """The burst from a replay."""
    async with replay_server(Replay(records)) as (_, port):
        return await trio.to_thread.run_sync(client_of, port)


def send_each(listener: socket.socket) -> None:
    """Serve one client: a blocking send for each frame."""
    peer, _ = listener.accept()
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until(peer, len(offer(100, 178)))
        peer.sendall(HELLO)
        until(peer, len(START + ASK))
        for tick in TICKS:
            peer.sendall(tick)


def by_sends() -> float:
    """The burst from a loop of blocking sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=send_each, args=(listener,))
        thread.start()
        took = client_of(listener.getsockname()[1])
        thread.join()
    return took


def show(what: str, value: float, limit: float, detail: str, *, most: bool = False) -> None:
    """Print one row."""
    held = value <= limit if most else value >= limit
    print(f"{what:<58} {value:>6.2f}  {'at most' if most else 'at least'} {limit:<4} {'held' if held else 'MISSED':<7} {detail}")


def pairs(one: Callable[[], float], other: Callable[[], float]) -> list[tuple[float, float]]:
    """Both, in turns; the first round warms up."""
    return [(one(), other()) for _ in range(ROUNDS + 1)][1:]


def milliseconds(taken: list[tuple[float, float]]) -> str:
    """The medians of both."""
    return " / ".join(f"{statistics.median(each) * 1000:.0f} ms" for each in zip(*taken, strict=True))


def burst() -> None:
    """Measure the burst."""
    records = capture()
    taken = pairs(by_sends, lambda: trio.run(by_replay, records))
    show("burst of 100,000: a blocking send each / replay", statistics.median(a / b for a, b in taken), 4, milliseconds(taken))


def sync(port: int) -> float:
    """Seconds that ib_async takes to connect and fill itself."""

    async def connect() -> float:
        ib = ib_async.IB()
        began = time.perf_counter()
        await ib.connectAsync("127.0.0.1", port, clientId=5, raiseSyncErrors=True)
        took = time.perf_counter() - began
        ib.disconnect()
        return took

    return asyncio.run(connect())


async def from_replay(records: list[Record]) -> float:
    """The start against a replay."""
    async with replay_server(Replay(records)) as (_, port):
        return await trio.to_thread.run_sync(sync, port)


async def from_simulator() -> float:
    """The start against the simulator."""
    async with simulator(server_version=178) as (_, port):
        return await trio.to_thread.run_sync(sync, port)


async def recorded() -> list[Record]:
    """A start of ib_async with the simulator, recorded."""
    kept = Kept()
    async with simulator(server_version=178, recorder=kept) as (_, port):
        await trio.to_thread.run_sync(sync, port)
    return kept


def start() -> None:
    """Measure the start of a real client."""
    records = trio.run(recorded)
    taken = pairs(partial(trio.run, from_replay, records), partial(trio.run, from_simulator))
    show("ib_async connects: replay / simulator", statistics.median(a / b for a, b in taken), 1.2, milliseconds(taken), most=True)


if __name__ == "__main__":
    burst()
    start()
