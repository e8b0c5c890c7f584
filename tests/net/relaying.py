"""Raw ends for a relay, and what its capture says passed it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio

from twsprobe.capture.model import Chunk, Close, Closed, Record
from twsprobe.net.address import Address
from twsprobe.net.relay import relay
from twsprobe.net.serving import NO_LINGER, listening
from twsprobe.wire.framing import Direction

PATIENCE = 20.0
"""Seconds that nothing in a test should take."""


class Kept:
    """A recorder in memory, which fails at the write of number ``fails_at``, from 0, and from there on."""

    def __init__(self, fails_at: int | None = None, failure: Exception | None = None) -> None:
        self.records: list[Record] = []
        self._fails_at, self._failure = fails_at, failure or OSError(28, "No space left on device")

    def write(self, record: Record) -> None:
        if self._fails_at is not None and len(self.records) >= self._fails_at:
            raise self._failure
        self.records.append(record)


def passed(records: list[Record], direction: Direction, connection: int = 1) -> bytes:
    """The bytes of a direction of a connection."""
    chunks = [each for each in records if isinstance(each, Chunk) and each.connection == connection]
    return b"".join(each.data for each in chunks if each.direction is direction)


def closes(records: list[Record], connection: int = 1) -> list[tuple[Direction, Close]]:
    """How a connection ended, in order."""
    return [(each.direction, each.how) for each in records if isinstance(each, Closed) and each.connection == connection]


def send_reset(stream: trio.SocketStream) -> None:
    """Close with a RST."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    stream.socket.close()


async def end_of(stream: trio.abc.ReceiveStream) -> tuple[bytes, Close]:
    """What still comes, and how it ends."""
    data = b""
    with trio.fail_after(PATIENCE):
        try:
            while more := await stream.receive_some():
                data += more
        except trio.BrokenResourceError:
            return data, Close.RST
        return data, Close.FIN


class Server:
    """A server whose side of each connection a test plays itself: ``accepted`` gives the streams."""

    def __init__(self) -> None:
        self._streams, self.accepted = trio.open_memory_channel[trio.SocketStream](1000)
        self.done = trio.Event()

    async def serve(self, stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        await self._streams.send(stream)
        await self.done.wait()


@asynccontextmanager
async def relayed(**options: Any) -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream, Kept]]:
    """A client and a server with a relay between them, and what it records."""
    kept = options.pop("recorder", None) or Kept()
    server = Server()
    async with listening(server.serve) as target, relay(target, recorder=kept, **options) as address:
        client = await trio.open_tcp_stream(*address)
        with trio.fail_after(PATIENCE):
            played = await server.accepted.receive()
        async with client:
            yield client, played, kept


@asynccontextmanager
async def echoing(**options: Any) -> AsyncIterator[Address]:
    """A relay to a server that says back what it hears."""

    async def echo(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        async for data in stream:
            await stream.send_all(data)
        await stream.send_eof()

    async with listening(echo) as target, relay(target, **options) as address:
        yield address


async def exchange(stream: trio.abc.Stream, messages: list[bytes]) -> bytes:
    """Send each message and wait until as many bytes have come back; all that came back. Raises EOFError where the relay closes."""
    back = b""
    for message in messages:
        await stream.send_all(message)
        wanted = len(back) + len(message)
        while len(back) < wanted:
            data = bytes(await stream.receive_some(wanted - len(back)))
            if not data:
                raise EOFError
            back += data
    return back


async def all_at_once(works: list[Callable[[], Awaitable[None]]]) -> None:
    """Run several at a time, to their end."""
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            for work in works:
                nursery.start_soon(work)


async def send_until_broken(stream: trio.abc.SendStream) -> None:
    """Send until the connection is found to be reset. Raises ``trio.TooSlowError`` where it is not."""
    with trio.fail_after(PATIENCE), suppress(trio.BrokenResourceError):
        while True:
            await stream.send_all(b"are you there?")
