"""Replay to a client whose recorded fellow never offered a version: there are no requests to match, so what it said is only counted.

Each chunk of the server waits until the client has said as much as the recorded one had: as many frames, the API prefix among them, or,
where the recorded client did not speak the protocol, as many bytes. A frame that was begun counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from twsprobe.capture.model import Chunk, Close, Closed, Record
from twsprobe.net.serving import close
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


async def play_bytes(records: Sequence[Record], stream: trio.abc.Stream) -> None:
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
