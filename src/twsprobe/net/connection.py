"""One connection to a TWS, from the client's side: what goes out is checked, what passes is recorded, what arrives is decoded.

Bytes are in the capture before anyone sees what they mean. How the peer closed is told apart as far as the system tells it: an end of
stream is a FIN, a reset is a RST; which of the two comes is often a matter of whether the peer had read everything that was sent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import trio

from twsprobe.capture.model import Chunk, Close, Closed, Opened, Record
from twsprobe.net.address import Address, shown_address
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Event
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import offer

if TYPE_CHECKING:
    from twsprobe.net.questions import Question

READ_SIZE = 65536
PATIENCE = 0.25
"""Seconds that the server gets to close its side after our FIN; a healthy one does at once."""


class Recorder(Protocol):
    """Where records go: ``capture.jsonl.Writer`` is one."""

    def write(self, record: Record, /) -> None: ...


class PeerClosed(Exception):
    """The peer ended the connection."""

    def __init__(self, how: Close) -> None:
        super().__init__(f"the peer closed the connection ({how.value})")
        self.how = how


class Connection:
    """An open connection over a Trio stream.

    ``number`` is its number in the capture; ``client`` and ``server`` are ``(ip, port)``, the client's as the server sees it.
    """

    def __init__(
        self,
        stream: trio.abc.HalfCloseableStream,
        *,
        number: int = 1,
        client: Address | None = None,
        server: Address | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.stream, self.number, self.client, self.server = stream, number, client, server
        self.conversation = Conversation()
        self.closed: Close | None = None
        self._recorder = recorder
        self._record(Opened(number, time.time_ns(), shown_address(client), shown_address(server)))

    def _record(self, record: Record) -> None:
        if self._recorder is not None:
            self._recorder.write(record)

    async def receive(self) -> tuple[bytes, list[Event]]:
        """The next bytes from the server, and the events they complete. Raises PeerClosed."""
        try:
            data = bytes(await self.stream.receive_some(READ_SIZE))
        except trio.BrokenResourceError:
            raise self._ended(Close.RST) from None
        if not data:
            raise self._ended(Close.FIN)
        self._record(Chunk(self.number, Direction.TO_CLIENT, time.time_ns(), data))
        return data, self.conversation.feed(Direction.TO_CLIENT, data)

    def _ended(self, how: Close) -> PeerClosed:
        if self.closed is None:
            self.closed = how
            self._record(Closed(self.number, time.time_ns(), Direction.TO_CLIENT, how))
        return PeerClosed(how)

    async def send_offer(self, minimum: int, maximum: int | None, connect_options: str = "") -> list[Event]:
        """Send the API prefix and the offer of versions. Raises PeerClosed, and ValueError as ``handshake.offer`` does."""
        return await self._send(offer(minimum, maximum, connect_options))

    async def send(self, name: str, **fields: Any) -> list[Event]:
        """Send one message that only reads. Raises PeerClosed, policy.Refused, EncodeError."""
        # The messages load here: the handshake needs none of them, and they take as long to load as everything before.
        from twsprobe.wire.registry import encode

        version = self.conversation.server_version
        return await self.send_frame(encode(name, Direction.TO_SERVER, version or 0, **fields))

    async def send_frame(self, frame: bytes) -> list[Event]:
        """Send one whole frame, length word included. Raises PeerClosed and policy.Refused."""
        from twsprobe.net.policy import check

        check(frame, self.conversation.server_version or 0)
        return await self._send(frame)

    async def send_question(self, question: Question) -> list[Event]:
        """Send the opening of another protocol, to learn what a peer is that is silent to ours. Raises PeerClosed."""
        return await self._send(question.value)

    async def _send(self, data: bytes) -> list[Event]:
        # Recorded before it leaves: a capture may hold bytes that did not arrive, never lack bytes that did.
        self._record(Chunk(self.number, Direction.TO_SERVER, time.time_ns(), data))
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError:
            raise self._ended(Close.RST) from None
        return self.conversation.feed(Direction.TO_SERVER, data)

    async def aclose(self, patience: float = PATIENCE) -> None:
        """Close with a FIN, and give the server ``patience`` seconds to close its side; nothing is left half open for it to keep.

        What it still sends is recorded: closing a socket with bytes unread would send a RST. A server that does not close gets a RST after
        all: its system would keep the connection in CLOSE_WAIT for as long as a wedged program runs, and such connections wedge it further.
        """
        if self.closed is None:
            self._record(Closed(self.number, time.time_ns(), Direction.TO_SERVER, Close.FIN))
            with trio.move_on_after(patience) as scope:
                try:
                    await self.stream.send_eof()
                    while True:
                        await self.receive()
                except (PeerClosed, trio.BrokenResourceError):
                    pass  # the server is done too
            if scope.cancelled_caught and isinstance(self.stream, trio.SocketStream):
                from twsprobe.net.serving import close  # seldom needed, and a probe starts fast

                await close(self.stream, Close.RST)
        await self.stream.aclose()
