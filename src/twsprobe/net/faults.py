"""Faults in front of any server: its streams apply them, and the server does not know.

``faulty(serve, faults, note)`` serves as ``serve`` does. What the server sends, and what it receives, goes through an injector first, which
says what to do; here that is done, over whatever stream it is. A server is told of a connection that a fault ended as it is told of any:
an end of stream where its client closed, and else ``trio.BrokenResourceError``.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

import trio

from twsprobe.capture.model import Close
from twsprobe.net.effects import Applied, End, Send, Step, Wait
from twsprobe.net.fault_forms import Fault
from twsprobe.net.fault_language import read_faults
from twsprobe.net.injection import Injector
from twsprobe.net.recording import Tell
from twsprobe.net.serving import DRAIN_TIMEOUT, Serve
from twsprobe.net.wrapped import Wrapped
from twsprobe.wire.framing import Direction

READ_SIZE = 65536
ENDED = "a fault has ended the connection"


def faulty(serve: Serve, faults: Iterable[Fault | str], note: Tell | None = None) -> Serve:
    """Serve as ``serve`` does, with faults, of which ``note`` is told. Raises FaultError for a text that is no fault.

    Connections are numbered from 1, as they come.
    """
    around, numbers = injecting(faults), itertools.count(1)

    async def serve_with_faults(stream: trio.abc.Stream) -> None:
        await serve(around(stream, next(numbers), note))

    return serve_with_faults


def injecting(faults: Iterable[Fault | str]) -> Callable[[trio.abc.Stream, int, Tell | None], FaultyStream]:
    """What puts faults around the stream of a connection, given its number and who is told. Raises FaultError.

    A relay takes it as ``wrap``.
    """
    wanted = read_faults(faults)
    return lambda stream, number, note: FaultyStream(stream, Injector(wanted, number), note, number)


class FaultyStream(Wrapped):
    """A stream over which faults are applied; ``sends`` is the direction of what is sent over it, a server's unless it says otherwise.

    A receive that is cancelled loses nothing, in the middle of a delay either.
    """

    def __init__(
        self,
        inner: trio.abc.Stream,
        injector: Injector,
        note: Tell | None = None,
        connection: int = 1,
        sends: Direction = Direction.TO_CLIENT,
    ) -> None:
        super().__init__(inner)
        self._injector, self._note, self._connection = injector, note, connection
        self._sends, self._receives = sends, sends.opposite
        self._due: deque[Step] = deque()
        self._until: float | None = None
        self._reading = trio.Lock()
        self._received_all = False
        self._is_closed = False

    def _tell(self, step: Applied) -> None:
        if self._note is not None:
            self._note(step.text, step.direction, self._connection)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, as the faults have it. Raises ``trio.BrokenResourceError`` once one has ended the connection."""
        if self._is_closed:
            raise trio.BrokenResourceError(ENDED)
        await self._carry(self._injector.feed(self._sends, bytes(data)))
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        """End the sending half, unless a fault has stalled it. Raises ``trio.BrokenResourceError`` once one has closed the connection."""
        if self._is_closed:
            raise trio.BrokenResourceError(ENDED)
        await self._carry(self._injector.end(self._sends))
        if not self._injector.is_stalled(self._sends):
            await super().send_eof()

    async def aclose(self) -> None:
        """Send what was held, and close."""
        try:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._carry(self._injector.end(self._sends))
        finally:
            await super().aclose()

    def reset(self) -> None:
        if not self._is_closed:
            super().reset()

    async def _carry(self, steps: list[Step]) -> None:
        """Do what steps of the sending direction say."""
        for step in steps:
            if isinstance(step, Applied):
                self._tell(step)
            elif isinstance(step, Send):
                await self.inner.send_all(step.data)
            elif isinstance(step, Wait):
                await trio.sleep(step.seconds)
            elif isinstance(step, End):
                await self._end(step.how)

    async def _end(self, how: Close) -> None:
        """End the connection as its sender. Raises ``trio.BrokenResourceError``, for the server is to know."""
        self._is_closed = True
        if how is Close.RST:
            super().reset()
        else:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await super().send_eof()
                with trio.move_on_after(DRAIN_TIMEOUT):
                    await self._drain()
            await super().aclose()
        raise trio.BrokenResourceError(ENDED)

    async def _drain(self) -> None:
        """Read until the peer closes too: to close with bytes unread would send a RST behind the FIN."""
        while not self._received_all:
            async with self._reading:
                if not self._received_all:
                    self._received_all = not await self.inner.receive_some(READ_SIZE)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, as the faults have it. Raises ``trio.BrokenResourceError`` once one has reset the connection."""
        while True:
            while self._due:
                data = await self._next_due(max_bytes)
                if data:
                    return data
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._received_all:
                return b""
            async with self._reading:
                await self._fetch()

    async def _fetch(self) -> None:
        """Receive from the peer, and make it steps."""
        if self._received_all:  # another task was faster, in closing
            return
        try:
            data = bytes(await self.inner.receive_some(READ_SIZE))
        except trio.ClosedResourceError:
            if self._is_closed:
                raise trio.BrokenResourceError(ENDED) from None
            raise
        self._received_all = not data
        self._due.extend(self._injector.feed(self._receives, data) if data else self._injector.end(self._receives))

    async def _next_due(self, max_bytes: int | None) -> bytes:
        """Do the first step that is due of what was received; the bytes that it gives, none from most."""
        step = self._due[0]
        if isinstance(step, Wait):
            self._until = trio.current_time() + step.seconds if self._until is None else self._until
            await trio.sleep_until(self._until)
            self._until = None
        await trio.lowlevel.checkpoint_if_cancelled()
        self._due.popleft()
        if isinstance(step, Applied):
            self._tell(step)
        elif isinstance(step, End):
            # With a FIN the server may end its own half, as it does when a client leaves.
            self._received_all = True
            if step.how is Close.RST:
                self._is_closed = True
                super().reset()
                raise trio.BrokenResourceError(ENDED)
        elif isinstance(step, Send):
            if max_bytes is not None and len(step.data) > max_bytes:
                self._due.appendleft(step._replace(data=step.data[max_bytes:]))
            return step.data[:max_bytes]
        return b""
