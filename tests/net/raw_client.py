"""A client that only sends what it is told and keeps what it gets: no probe, no checks of its own."""

from __future__ import annotations

from typing import Any

import trio

from twsprobe.capture.model import Close
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import offer
from twsprobe.wire.registry import encode

PATIENCE = 10.0
"""Seconds that nothing in a test should take; on a clock that jumps they cost nothing."""


class RawClient:
    """Keeps every event, and the bytes of every receive."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self.stream = stream
        self.conversation = Conversation()
        self.events: list[Event] = []
        self.chunks: list[bytes] = []
        self.closed: Close | None = None

    @property
    def received(self) -> bytes:
        return b"".join(self.chunks)

    async def receive(self) -> list[Event]:
        """The events of the next bytes; none once the server has closed."""
        try:
            data = bytes(await self.stream.receive_some(65536))
        except trio.BrokenResourceError:
            self.closed = Close.RST
            return []
        if not data:
            self.closed = Close.FIN
            return []
        self.chunks.append(data)
        found = self.conversation.feed(Direction.TO_CLIENT, data)
        self.events += found
        return found

    async def send_bytes(self, data: bytes) -> None:
        self.conversation.feed(Direction.TO_SERVER, data)
        await self.stream.send_all(data)

    async def offer(self, minimum: int = 100, maximum: int | None = 226, connect_options: str = "") -> None:
        await self.send_bytes(offer(minimum, maximum, connect_options))

    async def send(self, name: str, **fields: Any) -> None:
        await self.send_bytes(encode(name, Direction.TO_SERVER, self.conversation.server_version or 0, **fields))

    async def until(self, name: str) -> list[Event]:
        """All events up to one of this name, which is the last. Fails if the server closes or takes too long."""
        found: list[Event] = []
        with trio.fail_after(PATIENCE):
            while not any(label(event) == name for event in found):
                found += await self.receive()
                assert self.closed is None, f"the server closed before {name}, after {[label(event) for event in found]}"
        return found

    async def until_quiet(self, quiet: float) -> list[Event]:
        """All events until nothing has come for some seconds, or the server has closed."""
        found: list[Event] = []
        while self.closed is None:
            with trio.move_on_after(quiet) as scope:
                found += await self.receive()
            if scope.cancelled_caught:
                break
        return found

    async def until_closed(self) -> list[Event]:
        """All events up to the end."""
        found: list[Event] = []
        with trio.fail_after(PATIENCE):
            while self.closed is None:
                found += await self.receive()
        return found

    async def start(self, client_id: int = 5, maximum: int = 226, connect_options: str = "") -> list[Event]:
        """Offer, and start a session; everything up to the last notice of its start."""
        await self.offer(maximum=maximum, connect_options=connect_options)
        found = await self.until("greeting")
        await self.send("startApi", clientId=client_id)
        return found + await self.until("error 2158")

    async def aclose(self) -> None:
        await self.stream.aclose()


def label(event: Event) -> str:
    """What an event is, in a word: a message's name, an error's with its code, or the kind of event."""
    if isinstance(event, Decoded):
        return f"error {event.fields['errorCode']}" if event.name == "error" else event.name
    return event.event


def labels(events: list[Event]) -> list[str]:
    return [label(event) for event in events]
