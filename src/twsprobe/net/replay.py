"""A capture as a server: what was recorded from a server is said again, to a client that does what the recorded one did.

What the server said came in answer to what the client had said by then, so each chunk waits for its turn. A client that is asked the same
twice does not send the same bytes: its client id is random, and one more digit makes its startApi longer. So turns are counted in what the
client completed, the API prefix and each frame after it, and not in bytes; a frame that was begun counts for nothing. Where the recorded
client did not speak the protocol there are no frames, and bytes are counted. Times are not kept: a turn comes as soon as it may.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from twsprobe.capture.model import Chunk, Close, Closed, Opened, Record
from twsprobe.net.address import Address
from twsprobe.net.serving import LOOPBACK, close, listening
from twsprobe.wire.framing import Direction, Framer
from twsprobe.wire.handshake import PREFIX

READ_SIZE = 65536


class Said:
    """How much a client has said: ``frames`` completed, the prefix among them, and ``size`` in bytes."""

    def __init__(self) -> None:
        self.size = 0
        self.frames = 0
        self.framed = True
        self._opening = bytearray()
        self._framer = Framer(len(PREFIX))

    def feed(self, data: bytes) -> None:
        """Take bytes of the client."""
        self.size += len(data)
        if self.framed and len(self._opening) < len(PREFIX):
            needed = len(PREFIX) - len(self._opening)
            self._opening += data[:needed]
            data = data[needed:]
            self.framed = PREFIX.startswith(self._opening)
            self.frames += bytes(self._opening) == PREFIX
        if self.framed and data:
            found = self._framer.feed(data)
            self.frames += len(found)
            self.framed = self._framer.lost is None


class Replay:
    """Plays the connections of a capture, in the order in which they were opened, one for each ``serve``.

    A connection that never opened cannot be played and is passed over. Clients beyond the recorded ones are closed on at once.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        connections: dict[int, list[Record]] = {}
        for record in records:
            connections.setdefault(record.connection, []).append(record)
        self._left = [each for each in connections.values() if any(isinstance(record, Opened | Chunk) for record in each)]

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Play the next recorded connection to one client, and close the stream."""
        records = self._left.pop(0) if self._left else []
        try:
            await play(records, stream)
        except trio.BrokenResourceError:
            pass  # the client left before its time
        finally:
            await trio.aclose_forcefully(stream)


async def play(records: list[Record], stream: trio.abc.Stream) -> None:
    """Play one connection until the recorded end, or the client's. Raises ``trio.BrokenResourceError`` where the client broke off."""
    recorded, heard = Said(), Said()
    for record in records:
        if isinstance(record, Chunk) and record.direction is Direction.TO_SERVER:
            recorded.feed(record.data)
        elif isinstance(record, Chunk) or (isinstance(record, Closed) and record.direction is Direction.TO_CLIENT):
            if not await wait_for(recorded, heard, stream):
                return
            if isinstance(record, Chunk):
                await stream.send_all(record.data)
            elif record.how in (Close.FIN, Close.RST):
                await close(stream, record.how)
                return
        elif isinstance(record, Closed):
            await until_closed(stream)
    if not records:
        await close(stream, Close.FIN)
        return
    # Where the capture shows no end of the server, its silence is what is played.
    await until_closed(stream)


async def until_closed(stream: trio.abc.Stream) -> None:
    """Read until the client ends its side."""
    while await stream.receive_some(READ_SIZE):
        pass


async def wait_for(recorded: Said, heard: Said, stream: trio.abc.Stream) -> bool:
    """Read until the client has said as much as the recorded one had; False if it closes before."""
    while heard.frames < recorded.frames if recorded.framed else heard.size < recorded.size:
        data = await stream.receive_some(READ_SIZE)
        if not data:
            return False
        heard.feed(bytes(data))
    return True


@asynccontextmanager
async def replay_server(records: Iterable[Record], *, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[Address]:
    """A capture that listens while the block runs; gives its address. It listens on loopback unless ``host`` says otherwise.

    Raises OSError where the address cannot be listened on.
    """
    async with listening(Replay(records).serve, host, port) as address:
        yield address
