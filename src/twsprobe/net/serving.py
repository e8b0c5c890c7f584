"""Serving over Trio streams: listening on sockets, and closing so that the client sees the FIN or the RST that was meant.

A socket that is closed while bytes of the client lie unread in it sends a RST and no FIN, so a close with FIN ends the sending half
first and then reads until the client closes too.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol, runtime_checkable

import trio

from twsprobe.capture.model import Close
from twsprobe.net.address import Address

LOOPBACK = "127.0.0.1"
DRAIN_TIMEOUT = 5.0
"""Seconds that a client gets to close its side after our FIN."""
NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER on, for 0 seconds: the next close sends a RST."""

Serve = Callable[[trio.abc.Stream], Awaitable[None]]


@runtime_checkable
class Resettable(Protocol):
    """A stream that is no socket and can still end as a RST ends one."""

    def reset(self) -> None:
        """End the connection; the peer's next receive raises ``trio.BrokenResourceError``."""


async def close(stream: trio.abc.Stream, how: Close) -> None:
    """Close with a FIN or a RST. Raises TypeError for a RST over a stream that has none."""
    if how is not Close.RST:
        await close_with_fin(stream)
    elif isinstance(stream, trio.SocketStream):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        await stream.aclose()
    elif isinstance(stream, Resettable):
        stream.reset()
    else:
        raise TypeError(f"a {type(stream).__name__} cannot be reset")


async def close_with_fin(stream: trio.abc.Stream) -> None:
    """End our half, read until the client ends its own, then close."""
    try:
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
            with trio.move_on_after(DRAIN_TIMEOUT):
                while await stream.receive_some():
                    pass
    except trio.BrokenResourceError:
        pass  # the client was faster
    await stream.aclose()


@asynccontextmanager
async def listening(serve: Serve, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[Address]:
    """Serve every client that connects to ``host``, until the block ends; gives the address. Port 0 takes a free one.

    Raises OSError where the address cannot be listened on.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    if port == 0:
        # A name with several addresses would get another free port for each.
        for other in listeners[1:]:
            await other.aclose()
        del listeners[1:]
    ip, chosen = listeners[0].socket.getsockname()[:2]
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trio.serve_listeners, serve, listeners, handler_nursery=nursery))
            yield str(ip), int(chosen)
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # What the block or a handler raised comes out as it was raised, as from any other context manager.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
