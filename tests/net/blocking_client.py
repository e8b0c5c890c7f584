"""A client that blocks, for tests that are somebody else's: it is copied next to them."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import Any

from twsprobe import Conversation, Direction, encode
from twsprobe.wire.events import Event
from twsprobe.wire.handshake import offer


class Client:
    """Connects, says what it is told, and reads until what it waits for."""

    def __init__(self, address: tuple[str, int], highest: int = 226) -> None:
        self.socket = socket.create_connection(address, timeout=10)
        self.conversation = Conversation()
        self._came: deque[Event] = deque()
        self.socket.sendall(offer(100, highest))
        self.until("greeting")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *fault: object) -> None:
        with self.socket, contextlib.suppress(OSError):
            # To close with bytes unread would send a RST, which may overtake what was said.
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(65536):
                pass

    @property
    def version(self) -> int:
        """The version of the server."""
        return self.conversation.server_version or 0

    def say(self, name: str, **fields: Any) -> None:
        """Send a message."""
        self.socket.sendall(encode(name, Direction.TO_SERVER, self.version, **fields))

    def until(self, name: str) -> Event | None:
        """The next message, or other event, of a name; None where the server closes before."""
        while True:
            while self._came:
                event = self._came.popleft()
                if name in (event.event, getattr(event, "name", None)):
                    return event
            data = self.socket.recv(65536)
            if not data:
                return None
            self._came.extend(self.conversation.feed(Direction.TO_CLIENT, data))

    def start(self, client_id: int = 7) -> Event | None:
        """Begin the session."""
        self.say("startApi", clientId=client_id)
        return self.until("nextValidId")

    def details(self, symbol: str = "AAPL", exchange: str = "SMART", **more: Any) -> Event | None:
        """What a contract is."""
        contract = {"symbol": symbol, "secType": "STK", "exchange": exchange, "currency": "USD", **more}
        self.say("reqContractDetails", reqId=1, contract=contract)
        return self.until("contractDetails")
