from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.net.memory import memory_pair
from twsprobe.capture.model import Close
from twsprobe.net.serving import close, listening
from twsprobe.net.wrapped import Wrapped, addresses


async def test_everything_is_passed_to_the_stream_inside(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_pair()
    stream = Wrapped(Wrapped(server))
    await stream.wait_send_all_might_not_block()
    await stream.send_all(b"abc")
    assert await client.receive_some() == b"abc"
    await client.send_all(b"defg")
    assert await stream.receive_some(2) == b"de"
    assert await stream.receive_some() == b"fg"
    await stream.send_eof()
    assert await client.receive_some() == b""
    await client.send_all(b"h")
    assert await stream.receive_some() == b"h"
    await stream.aclose()
    assert addresses(stream) == (None, None)


async def test_it_is_reset_as_what_is_inside(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_pair()
    await close(Wrapped(Wrapped(server)), Close.RST)
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()


async def test_a_stream_that_has_no_reset_is_refused() -> None:
    stream, _ = trio.testing.memory_stream_pair()
    with pytest.raises(TypeError, match="StapledStream cannot be reset"):
        Wrapped(stream).reset()


@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
async def test_sockets_end_as_told(how: Close) -> None:
    found = []

    async def serve(stream: trio.abc.Stream) -> None:
        found.append(addresses(Wrapped(stream)))
        await close(Wrapped(stream), how)

    async with listening(serve) as address, await trio.open_tcp_stream(*address) as client:
        with trio.fail_after(5):
            if how is Close.FIN:
                assert await client.receive_some() == b""
            else:
                with pytest.raises(trio.BrokenResourceError):
                    await client.receive_some()
        assert found[0][1] == address
        assert found[0][0] is not None
