"""A stream around another stream, for what stands between a server and its socket and changes, or keeps, what passes."""

from __future__ import annotations

import socket
from contextlib import suppress

import trio

from twsprobe.net.serving import NO_LINGER, Resettable


class Wrapped(trio.abc.HalfCloseableStream):
    """Passes everything to the stream that it is around; ``reset`` ends that as ``serving.close`` would."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self.inner = inner

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.inner.receive_some(max_bytes)

    async def send_eof(self) -> None:
        # A stream that has no half to close ends with aclose alone.
        if isinstance(self.inner, trio.abc.HalfCloseableStream):
            await self.inner.send_eof()

    async def aclose(self) -> None:
        await self.inner.aclose()

    def reset(self) -> None:
        """End the connection as a RST does. Raises TypeError where the stream has no such end."""
        if isinstance(self.inner, trio.SocketStream):
            with suppress(OSError):  # a socket that its peer has reset may refuse the option
                self.inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self.inner.socket.close()
        elif isinstance(self.inner, Resettable):
            self.inner.reset()
        else:
            raise TypeError(f"a {type(self.inner).__name__} cannot be reset")


def addresses(stream: trio.abc.Stream) -> tuple[tuple[str, int] | None, tuple[str, int] | None]:
    """The peer's address and our own, as far as the stream, or the one that it is around, has any."""
    while isinstance(stream, Wrapped):
        stream = stream.inner
    if not isinstance(stream, trio.SocketStream):
        return None, None
    try:
        peer, own = stream.socket.getpeername(), stream.socket.getsockname()
    except OSError:  # a client that has gone has no address any more
        return None, None
    return (str(peer[0]), int(peer[1])), (str(own[0]), int(own[1]))
