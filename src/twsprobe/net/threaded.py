"""A server in a thread of its own, with a Trio loop of its own, for programs that have another loop or none.

A program that closes its sockets and then stops the server expects that the server has heard all of it. What was sent over loopback
lies in the server's sockets by then, so the server is left alone until it waits for something: nothing is left unread then.
Known doubt: what a peer on another machine has sent may still be on its way.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import trio
import trio.testing

from twsprobe.net.address import Address
from twsprobe.net.connection import Recorder
from twsprobe.net.fault_forms import Fault
from twsprobe.net.recording import fault_layer
from twsprobe.net.relay import Relay, Tell
from twsprobe.net.serving import listening

CUSHION = 0.02
"""Seconds for which a server has to have nothing to do."""
DRAIN_TIMEOUT = 1.0
"""Seconds that both sides of a relay get to end their connections."""
SETTLE_TIMEOUT = 1.0
"""Seconds after which a server is not waited for any more: it may say something every few milliseconds."""


class ServerThread:
    """Runs what ``server`` gives, such as ``simulator`` or ``replay_server``, from ``start`` to ``stop``; the thread has ``name``.

    ``server`` is called in the thread. All methods but ``start`` may be called from any thread but the server's own, also when it ended.
    """

    def __init__(self, server: Callable[[], AbstractAsyncContextManager[Address]], name: str = "twsprobe server") -> None:
        self._server = server
        self._threads = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)
        self._address: concurrent.futures.Future[Address] = concurrent.futures.Future()
        self._stopped = trio.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._running: concurrent.futures.Future[None] | None = None

    def start(self) -> Address:
        """Start the server; its address, once it listens. Raises what the server raised instead, and nothing is left of it then."""
        self._running = self._threads.submit(trio.run, self._run)
        either: list[concurrent.futures.Future[Any]] = [self._address, self._running]
        concurrent.futures.wait(either, return_when=concurrent.futures.FIRST_COMPLETED)
        if not self._address.done():
            self.stop()
        return self._address.result()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with self._server() as address:
            self._address.set_result(address)
            await self._stopped.wait()
            await settled()

    def settle(self) -> None:
        """Wait until the server has done all that it was asked for by now, but for what it is to do later."""
        done = threading.Event()
        if self._soon(trio.lowlevel.spawn_system_task, tell_settled, done):
            while not done.wait(CUSHION):
                if self._running is None or self._running.done():
                    return

    def stop(self) -> None:
        """Let the server finish what it was asked for, and end it and its thread. Raises what it failed with."""
        self._soon(self._stopped.set)
        self._threads.shutdown()
        if self._running is not None:
            self._running.result()

    def _soon(self, function: Callable[..., object], *arguments: object) -> bool:
        """Call a function in the server's thread; False where that has ended."""
        with suppress(trio.RunFinishedError):
            if self._token is not None:
                self._token.run_sync_soon(function, *arguments)
                return True
        return False


async def settled() -> None:
    """Return once every other task waits for something that is not there yet."""
    with trio.move_on_after(SETTLE_TIMEOUT):
        await trio.testing.wait_all_tasks_blocked(CUSHION)


async def tell_settled(done: threading.Event) -> None:
    """Set an event once every other task waits."""
    try:
        await settled()
    finally:
        done.set()


@asynccontextmanager
async def settling_relay(target: Address, recorder: Recorder, faults: Sequence[Fault | str] = ()) -> AsyncIterator[Address]:
    """A relay for a ``ServerThread``, with faults: it ends when the connections have ended that are about to. Raises as ``relay`` does."""
    # Moved by Trio: what a thread has still to move, nobody could wait for.
    relay = Relay(target, recorder=recorder, wrap=fault_layer(tuple(faults)) or as_it_is)
    open_ones: set[trio.Event] = set()

    async def serve(stream: trio.abc.Stream) -> None:
        ended = trio.Event()
        open_ones.add(ended)
        try:
            await relay.serve(stream)
        finally:
            open_ones.remove(ended)
            ended.set()

    async with listening(serve) as relay.address:
        yield relay.address
        with trio.move_on_after(DRAIN_TIMEOUT):
            for ended in tuple(open_ones):
                await ended.wait()


def as_it_is(stream: trio.abc.Stream, number: int, tell: Tell) -> trio.abc.Stream:
    """Nothing around a stream."""
    return stream
