import socket

import pytest
import trio
import trio.testing

from tests.net.memory import memory_pair
from twsprobe.capture.model import Close
from twsprobe.net.serving import DRAIN_TIMEOUT, close, listening


async def echo(stream: trio.abc.Stream) -> None:
    async for data in stream:
        await stream.send_all(data)


async def test_listens_on_loopback_and_on_nothing_else() -> None:
    async with listening(echo) as (host, port):
        assert host == "127.0.0.1"
        async with await trio.open_tcp_stream(host, port) as stream:
            await stream.send_all(b"a")
            assert await stream.receive_some() == b"a"
    with pytest.raises(OSError, match="attempts to connect"):
        await trio.open_tcp_stream(host, port)


async def test_a_name_with_two_addresses_has_one_port() -> None:
    async with listening(echo, "localhost") as address, await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(b"a")
        assert await stream.receive_some() == b"a"


async def test_clients_are_cut_off_when_the_block_ends() -> None:
    async with listening(echo) as (host, port):
        stream = await trio.open_tcp_stream(host, port)
        await stream.send_all(b"a")
        assert await stream.receive_some() == b"a"
    with trio.fail_after(5):
        assert await stream.receive_some() == b""
    await stream.aclose()


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with listening(echo):
            raise LookupError("mine")


async def test_what_a_handler_raises_comes_out() -> None:
    async def broken(stream: trio.abc.Stream) -> None:
        raise LookupError("ours")

    async def connect() -> None:
        async with listening(broken) as address, await trio.open_tcp_stream(*address):
            await trio.sleep_forever()

    with pytest.raises(LookupError, match="ours"):
        await connect()


async def test_an_address_in_use_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            async with listening(echo, port=taken.getsockname()[1]):
                pass


@pytest.mark.parametrize("unread", [b"", b"unread"])
@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
async def test_closes_sockets_as_told(how: Close, unread: bytes) -> None:
    async def serve(stream: trio.abc.Stream) -> None:
        await arrived.wait()
        await close(stream, how)

    arrived = trio.Event()
    async with listening(serve) as (host, port), await trio.open_tcp_stream(host, port) as stream:
        await stream.send_all(unread)
        arrived.set()
        with trio.fail_after(5):
            if how is Close.FIN:
                assert await stream.receive_some() == b""
            else:
                with pytest.raises(trio.BrokenResourceError):
                    await stream.receive_some()


async def test_closes_memory_streams_as_told(autojump_clock: trio.testing.MockClock) -> None:
    for how in (Close.FIN, Close.RST):
        client, server = memory_pair()
        await server.send_all(b"last words")
        await close(server, how)
        assert await client.receive_some() == b"last words"
        if how is Close.FIN:
            assert await client.receive_some() == b""
        else:
            with pytest.raises(trio.BrokenResourceError):
                await client.receive_some()
            with pytest.raises(trio.BrokenResourceError):
                await client.send_all(b"a")


async def test_a_client_that_does_not_close_is_waited_for_only_so_long(autojump_clock: trio.testing.MockClock) -> None:
    _client, server = memory_pair()
    began = trio.current_time()
    await close(server, Close.FIN)
    assert trio.current_time() - began == pytest.approx(DRAIN_TIMEOUT)


async def test_a_stream_without_a_reset_is_refused() -> None:
    stream, _ = trio.testing.memory_stream_pair()
    with pytest.raises(TypeError, match="StapledStream cannot be reset"):
        await close(stream, Close.RST)
