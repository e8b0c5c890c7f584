"""A transparent recording relay: clients connect to it, it connects to the target for each of them, and every byte is kept on its way.

What forwards does not decode: it reads, records and sends on, see ``relay_pump``. A stream that is no socket, or that a ``wrap`` stands
around (to inject faults), is moved by Trio, which is slower. There, what is recorded is what each receiver is sent, behind the faults.

A client whose target cannot be reached is reset, as a refused client would be; it has been let in by then, which is the one thing that
it can tell from the target itself. The server sees the relay's own address: where TWS trusts only some addresses, the relay's counts.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio

from twsprobe.capture.model import Close, Closed, Note, Opened, Record
from twsprobe.net.address import Address, shown_address
from twsprobe.net.connection import READ_SIZE, Recorder
from twsprobe.net.dial import Dialed, NoConnection, Unresolved, dial, resolve
from twsprobe.net.relay_pump import Link, OnRecordError, Tape
from twsprobe.net.relay_stream import RecordedStream, reset
from twsprobe.net.serving import LOOPBACK, listening
from twsprobe.net.wrapped import Wrapped
from twsprobe.wire.framing import Direction

MAX_CONNECTIONS = 128
"""Connections at a time, each with a thread; four times what TWS takes (32 clients)."""
CONNECT_TIMEOUT = 10.0
"""Seconds that the target gets to answer."""
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared, not bound

Tell = Callable[[str, Direction, int], None]
"""Records a note, in words, about the next bytes of a direction of a connection, by its number."""
Wrap = Callable[[trio.abc.Stream, int, Tell], trio.abc.Stream]
"""What is to stand around the stream to the client of a connection, such as ``faults.injecting``: it may change, hold back or end what
passes it either way. It has to hand on ``reset()`` (``serving.Resettable``), or a reset of the server is seen by the client as a FIN."""


Moved = Callable[[], dict[Direction, int]]
"""Tells how many bytes of each direction of a connection were forwarded."""


@dataclass(frozen=True, slots=True)
class Counters:
    """How many connections there were, are open, found no target, were turned away as too many; and the bytes forwarded each way."""

    connections: int
    open: int
    failed: int
    turned_away: int
    to_server: int
    to_client: int


class Relay:
    """Relays every client that ``serve`` is given to one target.

    ``target`` is a host, by name or literal address, and a port; the name is resolved for each connection. ``recorder`` takes the records,
    in any thread but one at a time; ``policy`` says what becomes of the traffic when it fails, and ``warn`` is told once. ``observer``
    sees each record right after it was recorded, in that order, and must return at once. Beyond ``max_connections`` clients are reset.
    """

    def __init__(
        self,
        target: Address,
        *,
        recorder: Recorder | None = None,
        policy: OnRecordError = OnRecordError.CLOSE,
        observer: Callable[[Record], None] | None = None,
        warn: Callable[[Exception], None] | None = None,
        wrap: Wrap | None = None,
        max_connections: int = MAX_CONNECTIONS,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self.target, self.max_connections, self.connect_timeout = target, max_connections, connect_timeout
        self.tape = Tape(recorder, policy=policy, observer=observer, warn=warn)
        self.address: Address | None = None
        self._wrap = wrap
        self._threads = trio.CapacityLimiter(max_connections)
        self._numbers = itertools.count(1)
        self._open: dict[int, Moved] = {}
        self._past = dict.fromkeys(Direction, 0)
        self._made = self._failed = self._turned_away = 0

    def counters(self) -> Counters:
        """What has been relayed so far."""
        moved = [self._past, *(moved() for moved in self._open.values())]
        to_server, to_client = (sum(each[direction] for each in moved) for direction in (Direction.TO_SERVER, Direction.TO_CLIENT))
        return Counters(self._made, len(self._open), self._failed, self._turned_away, to_server, to_client)

    @asynccontextmanager
    async def listening(self, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[Address]:
        """Serve every client that connects while the block runs; gives the address. Port 0 takes a free one.

        Raises OSError where the address cannot be listened on, and what the recorder raised where the policy is to close.
        """
        async with listening(self.serve, host, port) as address:
            self.address = address
            yield address

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Relay one client to its end, and close the stream. Raises what the recorder raised, once, where the policy is to close."""
        if len(self._open) >= self.max_connections:
            self._turned_away += 1
            await reset(stream)
            return
        number = next(self._numbers)
        self._open[number] = lambda: dict.fromkeys(Direction, 0)
        try:
            dialed = await self._dial(number)
            if dialed is None:
                await reset(stream)
            else:
                self._made += 1
                await self._relay(number, stream, dialed)
        finally:
            for direction, size in self._open.pop(number)().items():
                self._past[direction] += size
            with suppress(trio.BrokenResourceError):
                await trio.aclose_forcefully(stream)
        self.tape.check()

    async def _dial(self, number: int) -> Dialed | None:
        """A connection to the target. What came in its way is recorded, and there is none."""
        try:
            dialed = await dial(await resolve(*self.target), self.connect_timeout)
        except Unresolved:
            outcome = Close.UNRESOLVED
        except NoConnection as fault:
            outcome = fault.outcome
        else:
            if not self._is_own(dialed):
                return dialed
            # The target is the relay itself: it would go on connecting to itself until nothing is left.
            await trio.aclose_forcefully(dialed.stream)
            outcome = Close.REFUSED
        self._failed += 1
        self.tape.write(Closed(number, time.time_ns(), Direction.TO_CLIENT, outcome))
        return None

    def _is_own(self, dialed: Dialed) -> bool:
        if self.address is None or dialed.server[1] != self.address[1]:
            return False
        is_here = dialed.client is not None and dialed.client[0] == dialed.server[0]
        return dialed.server[0] == self.address[0] or (self.address[0] in ANYWHERE and is_here)

    async def _relay(self, number: int, stream: trio.abc.Stream, dialed: Dialed) -> None:
        opened = Opened(number, time.time_ns(), shown_address(dialed.client), shown_address(dialed.server))
        try:
            if not self.tape.write(opened):
                return
            if self._wrap is None and isinstance(stream, trio.SocketStream) and isinstance(dialed.stream, trio.SocketStream):
                link = Link(number, taken(stream), taken(dialed.stream), self.tape)
                self._open[number] = link.moved
                await pump(link, self._threads)
            else:
                await self._move(number, stream, dialed.stream)
        finally:
            await trio.aclose_forcefully(dialed.stream)

    async def _move(self, number: int, stream: trio.abc.Stream, upstream: trio.abc.Stream) -> None:
        """Relay over Trio streams, with what stands around the client's."""
        ended: set[Direction] = set()
        client = RecordedStream(stream, number, Direction.TO_CLIENT, self.tape, ended)
        server = RecordedStream(upstream, number, Direction.TO_SERVER, self.tape, ended)
        self._open[number] = lambda: {Direction.TO_CLIENT: client.moved, Direction.TO_SERVER: server.moved}
        outer = Wrapped(client if self._wrap is None else self._wrap(client, number, self._tell))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(move, outer, server, nursery.cancel_scope)
                nursery.start_soon(move, server, outer, nursery.cancel_scope)
        finally:
            for each in (server, outer):
                await trio.aclose_forcefully(each)

    def _tell(self, text: str, direction: Direction, number: int) -> None:
        self.tape.write(Note(number, direction, time.time_ns(), text))


async def move(source: trio.abc.Stream, sink: trio.abc.HalfCloseableStream, both: trio.CancelScope) -> None:
    """Move bytes until the source ends, and pass that on; a reset of either side, or a close of ours, ends ``both`` directions."""
    side: trio.abc.Stream = source
    try:
        while True:
            side = source
            data = await source.receive_some(READ_SIZE)
            side = sink
            if not data:
                await sink.send_eof()
                return
            await sink.send_all(data)
    except trio.BrokenResourceError:
        # First, so that the other direction does not take the close of its stream for the peer's.
        both.cancel()
        await reset(sink if side is source else source)
    except trio.ClosedResourceError:
        both.cancel()


def taken(stream: trio.SocketStream) -> socket.socket:
    """The socket of a stream, which is taken from it, for a thread to use; it does not block."""
    return socket.socket(fileno=stream.socket.detach())


async def pump(link: Link, threads: trio.CapacityLimiter) -> None:
    """Run a link in a thread until both directions have ended, or it was reset; cancelling ends it."""

    async def watch() -> None:
        # A thread takes no notice of a cancellation: its sockets have to be shut down. Nothing is left to cut after a usual end.
        try:
            await trio.sleep_forever()
        finally:
            link.cut()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await trio.to_thread.run_sync(link.run, limiter=threads, thread_name=f"relay {link.number}")
            nursery.cancel_scope.cancel()
    finally:
        link.close()


@asynccontextmanager
async def relay(
    target: Address,
    *,
    listen: Address = (LOOPBACK, 0),
    recorder: Recorder | None = None,
    policy: OnRecordError = OnRecordError.CLOSE,
    observer: Callable[[Record], None] | None = None,
    warn: Callable[[Exception], None] | None = None,
    wrap: Wrap | None = None,
    max_connections: int = MAX_CONNECTIONS,
    connect_timeout: float = CONNECT_TIMEOUT,
) -> AsyncIterator[Address]:
    """A relay that listens while the block runs; gives its address. See ``Relay`` for the parameters, ``Relay.listening`` for errors."""
    served = Relay(
        target,
        recorder=recorder,
        policy=policy,
        observer=observer,
        warn=warn,
        wrap=wrap,
        max_connections=max_connections,
        connect_timeout=connect_timeout,
    )
    async with served.listening(*listen) as address:
        yield address
