"""A server's connections, recorded as they are served: each stream is tapped, and the server does not know.

With faults, a capture holds what reached whom: of what the server sends, the bytes as they left after the faults, and of what clients send,
the bytes as the server got them. What a fault did is a note in front of the bytes that it is about, with those that changed or vanished.
Records are in the capture before anyone sees the bytes.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable

import trio

from twsprobe.capture.model import Chunk, Close, Closed, Note, Opened
from twsprobe.net.address import shown_address
from twsprobe.net.connection import Recorder
from twsprobe.net.fault_forms import Fault
from twsprobe.net.serving import Serve
from twsprobe.net.wrapped import Wrapped, addresses
from twsprobe.wire.framing import Direction

Tell = Callable[[str, Direction, int], None]


class Log:
    """The records of one connection."""

    def __init__(self, recorder: Recorder, number: int, note: Tell | None = None) -> None:
        self._recorder, self.number, self._note = recorder, number, note
        self._ended: set[Direction] = set()

    def opened(self, stream: trio.abc.Stream) -> None:
        """The connection was made."""
        client, server = addresses(stream)
        self._recorder.write(Opened(self.number, time.time_ns(), shown_address(client), shown_address(server)))

    def passed(self, direction: Direction, data: bytes) -> None:
        """Bytes are about to reach their receiver."""
        self._recorder.write(Chunk(self.number, direction, time.time_ns(), data))

    def ended(self, direction: Direction, how: Close) -> None:
        """A direction ended; only the first time counts."""
        if direction not in self._ended:
            self._ended.add(direction)
            self._recorder.write(Closed(self.number, time.time_ns(), direction, how))

    def has_ended(self, direction: Direction) -> bool:
        """Whether the end of a direction was seen."""
        return direction in self._ended

    def note(self, text: str, direction: Direction, connection: int) -> None:
        """A fault was applied to what comes next."""
        self._recorder.write(Note(connection, direction, time.time_ns(), text))
        if self._note is not None:
            self._note(text, direction, connection)


class Tap(Wrapped):
    """A server's stream that records what is sent, or what is received, or both."""

    def __init__(self, inner: trio.abc.Stream, log: Log, *directions: Direction) -> None:
        super().__init__(inner)
        self._log, self._sent, self._received = log, Direction.TO_CLIENT in directions, Direction.TO_SERVER in directions

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._sent and data:
            self._log.passed(Direction.TO_CLIENT, bytes(data))
        try:
            await super().send_all(data)
        except trio.BrokenResourceError:
            if self._sent:
                self._log.ended(Direction.TO_SERVER, Close.RST)
            raise

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await super().receive_some(max_bytes)
        except trio.BrokenResourceError:
            self._ended(Direction.TO_SERVER, Close.RST)
            raise
        if data and self._received:
            self._log.passed(Direction.TO_SERVER, bytes(data))
        elif not data:
            self._ended(Direction.TO_SERVER, Close.FIN)
        return data

    async def send_eof(self) -> None:
        self._ended(Direction.TO_CLIENT, Close.FIN)
        await super().send_eof()

    async def aclose(self) -> None:
        try:
            # Without the client's end, the server's own may be no answer to anything: it was stopped.
            self._ended(Direction.TO_CLIENT, Close.FIN if self._log.has_ended(Direction.TO_SERVER) else Close.ABANDONED)
        finally:
            await super().aclose()

    def reset(self) -> None:
        try:
            self._ended(Direction.TO_CLIENT, Close.RST)
        finally:
            super().reset()

    def _ended(self, direction: Direction, how: Close) -> None:
        if self._sent if direction is Direction.TO_CLIENT else self._received:
            self._log.ended(direction, how)


def recorded(serve: Serve, recorder: Recorder, faults: Iterable[Fault | str] = (), note: Tell | None = None) -> Serve:
    """Serve as ``serve`` does, recorded; with faults where there are any, of which ``note`` is told too, as ``faults.faulty`` tells.

    Connections are numbered from 1, as they come. Serving raises what ``recorder`` raises. Raises FaultError for a text that is no fault.
    """
    numbers, around = itertools.count(1), fault_layer(tuple(faults))

    async def serve_recorded(stream: trio.abc.Stream) -> None:
        log = Log(recorder, next(numbers), note)
        log.opened(stream)
        if around is None:
            await serve(Tap(stream, log, *Direction))
        else:
            await serve(Tap(around(Tap(stream, log, Direction.TO_CLIENT), log.number, log.note), log, Direction.TO_SERVER))

    return serve_recorded


def fault_layer(faults: tuple[Fault | str, ...]) -> Callable[[trio.abc.Stream, int, Tell], trio.abc.Stream] | None:
    """What puts faults around streams, None where there are none. Raises FaultError."""
    if not faults:
        return None
    # Recording alone does without this: it loads every message.
    from twsprobe.net.faults import injecting

    return injecting(faults)
