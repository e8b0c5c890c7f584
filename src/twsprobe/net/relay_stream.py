"""Streams of a relay that is moved by Trio: what is sent to a receiver is recorded first, and so is how it is ended."""

from __future__ import annotations

import time
from contextlib import suppress

import trio

from twsprobe.capture.model import Chunk, Close, Closed
from twsprobe.net.relay_pump import Tape
from twsprobe.net.wrapped import Wrapped
from twsprobe.wire.framing import Direction


class RecordedStream(Wrapped):
    """A stream to one receiver; ``direction`` is the one that is sent, and ``moved`` how many bytes were.

    A stream that has no half to close is closed as a whole.
    ``ended`` are the directions whose end is recorded, shared by both streams of a connection. Sending raises
    ``trio.ClosedResourceError`` also where it cannot be recorded and the traffic is to end with that.
    """

    def __init__(self, inner: trio.abc.Stream, number: int, direction: Direction, tape: Tape, ended: set[Direction]) -> None:
        super().__init__(inner)
        self._number, self._direction, self._tape, self._ended = number, direction, tape, ended
        self.moved = 0
        self._was_reset = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._direction in self._ended:
            raise trio.ClosedResourceError("the direction has ended")
        if not self._tape.write(Chunk(self._number, self._direction, time.time_ns(), bytes(data))):
            raise trio.ClosedResourceError("not recorded")
        await super().send_all(data)
        self.moved += len(data)

    async def send_eof(self) -> None:
        self._end(Close.FIN)
        if isinstance(self.inner, trio.abc.HalfCloseableStream):
            await self.inner.send_eof()
        else:
            await self.inner.aclose()

    def reset(self) -> None:
        if not self._was_reset:
            self._was_reset = True
            # A sender that ended its half first can still reset what the other side sends. Both directions end with that.
            self._tape.write(Closed(self._number, time.time_ns(), self._direction, Close.RST))
            self._ended.update(Direction)
            super().reset()

    def _end(self, how: Close) -> None:
        if self._direction not in self._ended:
            self._ended.add(self._direction)
            self._tape.write(Closed(self._number, time.time_ns(), self._direction, how))

    async def aclose(self) -> None:
        self._end(Close.ABANDONED)
        await super().aclose()


async def reset(stream: trio.abc.Stream) -> None:
    """End a connection with a RST, as far as its kind has one, and close it."""
    with suppress(TypeError):  # it has none
        Wrapped(stream).reset()
    with suppress(trio.BrokenResourceError):
        await trio.aclose_forcefully(stream)
