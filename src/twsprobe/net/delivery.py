"""How what a server says is cut into sends, which decides how it arrives at a client that reads as fast as it can."""

from __future__ import annotations

from enum import Enum

import trio


class Delivery(Enum):
    """How what is said is cut into sends."""

    MESSAGE = "message"
    """A send for each message."""
    BYTE = "byte"
    """A send for each byte."""
    WHOLE = "whole"
    """One send for all that is due at once."""


class Outbox:
    """Sends over a stream as a delivery says. What is due has been sent for certain after ``flush``."""

    def __init__(self, stream: trio.abc.SendStream, delivery: Delivery) -> None:
        self._stream, self._delivery = stream, delivery
        self._due = bytearray()

    async def send(self, data: bytes) -> None:
        """Send one message, now or with the next flush."""
        if self._delivery is Delivery.WHOLE:
            self._due += data
        elif self._delivery is Delivery.MESSAGE:
            await self._stream.send_all(data)
        else:
            for byte in data:
                await self._stream.send_all(bytes((byte,)))

    async def flush(self) -> None:
        """Send what was collected."""
        if self._due:
            data = bytes(self._due)
            self._due.clear()
            await self._stream.send_all(data)
