"""A TWS that goes through phases, one after the other, when it is told to: over streams in memory, or over real sockets.

As with a real one, whoever is connected when it goes down is closed; the loss of its link to IBKR is a notice in every session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

import twsprobe.net.policy  # noqa: F401  # loaded beforehand: a clock that jumps does not wait for a thread that imports
from tests.net.memory import memory_pair
from twsprobe.capture.model import Close
from twsprobe.net.address import Address
from twsprobe.net.asked import error
from twsprobe.net.dial import Attempt, Dialed, NoConnection
from twsprobe.net.script import START, Greet, Script, notice
from twsprobe.net.serving import close_with_fin, listening
from twsprobe.net.simulator import Simulator
from twsprobe.net.wrapped import Wrapped
from twsprobe.probing.run import Network

REFUSED = None
SILENT = Script(on_offer=())
GREETS = Script(on_offer=(Greet(),), on_start=(), serves=False)
DISCLAIMER = Script(on_start=(notice(10141, "Paper trading disclaimer must first be accepted for API connection."), Close.FIN))
WELL = Script()
OFFLINE = Script(on_start=(*START, notice(2110, "Connectivity between Trader Workstation and server is broken.")))
DEAF = Script(on_request={"reqCurrentTime": ()})
"""It starts a session, and answers no request of the time."""


class Counted(Wrapped):
    """A server's end of a connection that notes how the client ended it. It stays open until ``finish``."""

    def __init__(self, inner: trio.abc.Stream, ends: list[str]) -> None:
        super().__init__(inner)
        self._ends = ends
        self._ended = False

    def _note(self, end: str) -> None:
        if not self._ended:
            self._ends.append(end)
        self._ended = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self.inner.receive_some(max_bytes)
        except trio.BrokenResourceError:
            self._note("rst")
            raise
        if not data:
            self._note("fin")
        return data

    async def aclose(self) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def finish(self) -> None:
        """Close our half, wait for the client to close its own, and close."""
        with trio.CancelScope(shield=True):
            with trio.move_on_after(1):
                await close_with_fin(self)
            await self.inner.aclose()


@dataclass
class Phases:
    """A server whose phase is a script, or REFUSED. ``accepted`` counts connections, ``ends`` how clients ended theirs."""

    phase: Script | None = REFUSED
    accepted: int = 0
    ends: list[str] = field(default_factory=list)
    simulator: Simulator | None = None
    switched: trio.Event = field(default_factory=trio.Event)
    port: int = 7497

    def switch(self, phase: Script | None) -> None:
        """Go to the next phase: whoever is connected is closed."""
        self.phase = phase
        self.simulator = None if phase is None else Simulator(scenario=phase)
        self.switched.set()
        self.switched = trio.Event()

    async def push(self, code: int, text: str) -> None:
        """Send a notice to every session."""
        assert self.simulator is not None
        for session in self.simulator.clients.values():
            await session.say(*error(code, text))
            await session.outbox.flush()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one client until it leaves, or until the phase is over: then read its FIN, as a closing TWS does."""
        self.accepted += 1
        counted, switched, simulator = Counted(stream, self.ends), self.switched, self.simulator
        assert simulator is not None
        try:
            async with trio.open_nursery() as nursery:

                async def end() -> None:
                    await switched.wait()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(end)
                await simulator.serve(counted)
                nursery.cancel_scope.cancel()
        finally:
            await counted.finish()

    def network(self, nursery: trio.Nursery) -> Network:
        """How a run reaches this server over streams in memory."""
        peer = ("127.0.0.1", self.port)

        async def resolve(host: str, port: int) -> list[Address]:
            return [peer]

        async def dial(addresses: list[Address], timeout: float) -> Dialed:
            await trio.lowlevel.checkpoint()
            if self.phase is REFUSED:
                raise NoConnection((Attempt(peer, Close.REFUSED, "in memory"),), Close.REFUSED)
            client, server = memory_pair()
            nursery.start_soon(self.serve, server)
            return Dialed(client, ("127.0.0.1", 50000), peer, (Attempt(peer, None, ""),))

        return Network(resolve, dial)

    @asynccontextmanager
    async def sockets(self) -> AsyncIterator[int]:
        """Listen on a port of loopback in every phase but REFUSED, while the block runs; gives the port."""
        async with listening(self.serve) as (_, self.port):
            pass  # a port that was free a moment ago
        async with trio.open_nursery() as nursery:
            await nursery.start(self._listen)
            yield self.port
            nursery.cancel_scope.cancel()

    async def _listen(self, task_status: trio.TaskStatus[None]) -> None:
        begun = False
        while True:
            switched = self.switched
            if self.phase is REFUSED:
                if not begun:
                    task_status.started()
                begun = True
                await switched.wait()
                continue
            async with listening(self.serve, port=self.port):
                if not begun:
                    task_status.started()
                begun = True
                while self.phase is not REFUSED:
                    await self.switched.wait()
