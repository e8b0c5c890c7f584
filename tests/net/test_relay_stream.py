"""Streams whose sends are recorded, over streams in memory."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.net.memory import MemoryStream, memory_pair
from tests.net.relaying import Kept, closes, passed
from twsprobe.capture.model import Close
from twsprobe.net.relay_pump import Tape
from twsprobe.net.relay_stream import RecordedStream, reset
from twsprobe.wire.framing import Direction

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT


class Ends:
    """Both recorded streams of a connection, and what stands at their other ends."""

    def __init__(self, kept: Kept | None = None) -> None:
        self.kept = kept or Kept()
        self.client, near_client = memory_pair()
        self.server, near_server = memory_pair()
        tape, ended = Tape(self.kept), set[Direction]()
        self.to_client = RecordedStream(near_client, 1, TO_CLIENT, tape, ended)
        self.to_server = RecordedStream(near_server, 1, TO_SERVER, tape, ended)


async def test_what_is_sent_is_recorded_first() -> None:
    ends = Ends()
    await ends.to_client.send_all(bytearray(b"tick"))
    assert await ends.client.receive_some() == b"tick"
    await ends.server.send_all(b"not recorded here")
    assert await ends.to_server.receive_some() == b"not recorded here"
    assert (passed(ends.kept.records, TO_CLIENT), passed(ends.kept.records, TO_SERVER)) == (b"tick", b"")
    assert (ends.to_client.moved, ends.to_server.moved) == (4, 0)


async def test_how_a_stream_is_ended_is_recorded_once() -> None:
    ends = Ends()
    await ends.to_server.send_eof()
    assert await ends.server.receive_some() == b""
    await ends.to_server.aclose()
    await ends.to_client.aclose()
    assert closes(ends.kept.records) == [(TO_SERVER, Close.FIN), (TO_CLIENT, Close.ABANDONED)]


async def test_a_reset_ends_both_directions() -> None:
    ends = Ends()
    await reset(ends.to_client)
    with pytest.raises(trio.BrokenResourceError):
        await ends.client.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await ends.to_server.send_all(b"too late")
    await ends.to_server.aclose()
    ends.to_client.reset()
    assert closes(ends.kept.records) == [(TO_CLIENT, Close.RST)]


async def test_what_cannot_be_recorded_is_not_sent() -> None:
    ends = Ends(Kept(0))
    with pytest.raises(trio.ClosedResourceError):
        await ends.to_client.send_all(b"tick")
    await ends.to_client.aclose()
    assert await ends.client.receive_some() == b""


async def test_a_stream_without_halves_is_closed_as_a_whole() -> None:
    inner, peer = trio.testing.memory_stream_pair()

    class Whole(trio.abc.Stream):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await inner.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            await inner.wait_send_all_might_not_block()

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            return bytes(await inner.receive_some(max_bytes))

        async def aclose(self) -> None:
            await inner.aclose()

    stream = RecordedStream(Whole(), 1, TO_CLIENT, Tape(None), set())
    await stream.wait_send_all_might_not_block()
    await stream.send_eof()
    assert await peer.receive_some() == b""
    await reset(stream)


async def test_a_stream_in_memory_is_reset() -> None:
    one, other = memory_pair()
    assert isinstance(one, MemoryStream)
    await reset(one)
    with pytest.raises(trio.BrokenResourceError):
        await other.receive_some()
