"""Streams in memory that end as sockets do: with a FIN, or with a RST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.testing


class MemoryStream(trio.abc.HalfCloseableStream):
    """One end of a connection in memory; ``sent`` holds what each send held.

    After the other end's ``reset``, sending and receiving raise ``trio.BrokenResourceError``.
    """

    peer: MemoryStream

    def __init__(self, inner: trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]) -> None:
        self._inner = inner
        self._was_reset = False
        self.sent: list[bytes] = []

    def reset(self) -> None:
        """End the connection as a RST does: what was sent before still arrives."""
        self.peer._was_reset = True
        self._inner.send_stream.close()
        self._inner.receive_stream.close()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._was_reset:
            raise trio.BrokenResourceError("connection reset by peer")
        self.sent.append(bytes(data))
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = bytes(await self._inner.receive_some(max_bytes))
        if not data and self._was_reset:
            raise trio.BrokenResourceError("connection reset by peer")
        return data

    async def send_eof(self) -> None:
        await self._inner.send_eof()

    async def aclose(self) -> None:
        await self._inner.aclose()


def memory_pair() -> tuple[MemoryStream, MemoryStream]:
    """The two ends of a connection in memory."""
    one, other = (MemoryStream(inner) for inner in trio.testing.memory_stream_pair())
    one.peer, other.peer = other, one
    return one, other


def connected(nursery: trio.Nursery, serve: Callable[[trio.abc.Stream], Awaitable[None]]) -> MemoryStream:
    """The client's end of a connection whose other end is served."""
    client, server = memory_pair()
    nursery.start_soon(serve, server)
    return client
