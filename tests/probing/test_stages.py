"""The stages' pauses and their order, told by what a peer sees."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.net.memory import memory_pair
from tests.probing.scenes import Scene
from twsprobe.net.address import Address
from twsprobe.net.dial import Attempt, Dialed
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.probing.options import LISTEN, LISTEN_LOOPBACK, Options
from twsprobe.probing.probe import probe
from twsprobe.probing.run import Network
from twsprobe.probing.signatures import Signature
from twsprobe.wire.handshake import greeting


async def probe_peer(peer: object, address: str = "127.0.0.1", options: Options | None = None) -> tuple[Signature, float]:
    """Probe a peer that is a function of the server's stream; gives the signature and the time taken."""
    async with trio.open_nursery() as nursery:

        async def resolve(host: str, port: int) -> list[Address]:
            return [(host, port)]

        async def dial(addresses: list[Address], timeout: float) -> Dialed:
            client, server = memory_pair()
            nursery.start_soon(peer, server)  # type: ignore[arg-type]
            return Dialed(client, (address, 5), addresses[0], (Attempt(addresses[0], None, ""),))

        began = trio.current_time()
        report = await probe(address, 7497, options or Options(timeout=3.0), network=Network(resolve, dial))
        took = trio.current_time() - began
        nursery.cancel_scope.cancel()
    return report.signature, took


@pytest.mark.parametrize(("address", "pause"), [("127.0.0.1", LISTEN_LOOPBACK), ("::1", LISTEN_LOOPBACK), ("192.0.2.1", LISTEN)])
async def test_it_listens_before_it_speaks(address: str, pause: float, autojump_clock: trio.testing.MockClock) -> None:
    heard: list[float] = []

    async def peer(stream: trio.abc.Stream) -> None:
        began = trio.current_time()
        await stream.receive_some()
        heard.append(trio.current_time() - began)
        await stream.aclose()

    await probe_peer(peer, address)
    assert heard[0] == pytest.approx(pause, abs=0.01)


async def test_a_close_just_before_the_prefix_is_told_from_one_just_after(autojump_clock: trio.testing.MockClock) -> None:
    def closes_after(seconds: float) -> object:
        async def peer(stream: trio.abc.Stream) -> None:
            await trio.sleep(seconds)
            await stream.aclose()

        return peer

    assert (await probe_peer(closes_after(LISTEN_LOOPBACK / 2)))[0] is Signature.CLOSED_BEFORE_PREFIX
    assert (await probe_peer(closes_after(LISTEN_LOOPBACK * 2)))[0] is Signature.CLOSED_AFTER_PREFIX


async def test_nothing_is_asked_before_the_session_is_ready(autojump_clock: trio.testing.MockClock) -> None:
    heard = bytearray()

    async def peer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(greeting(178, b"20260102 15:04:05 EST"))
        while data := await stream.receive_some():
            heard.extend(data)

    signature, _ = await probe_peer(peer, options=Options(timeout=3.0, client_id=1))
    assert signature is Signature.SILENT_START
    assert bytes(heard) == b"\0\0\0\x0871\x002\x001\0\0"


@pytest.mark.parametrize(("offer", "prefix"), [((100, 226), b"\0\0\0\x09v100..226"), ((203, None), b"\0\0\0\x04v203")])
async def test_the_offer_as_it_leaves(offer: tuple[int, int | None], prefix: bytes, autojump_clock: trio.testing.MockClock) -> None:
    heard: list[bytes] = []

    async def peer(stream: trio.abc.Stream) -> None:
        heard.append(bytes(await stream.receive_some()))
        await stream.aclose()

    await probe_peer(peer, options=Options(minimum=offer[0], maximum=offer[1]))
    assert heard == [b"API\0" + prefix]


async def test_a_clock_that_is_not_answered_leaves_the_session_ready(autojump_clock: trio.testing.MockClock) -> None:
    from twsprobe.wire.framing import Direction
    from twsprobe.wire.registry import encode

    async def peer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(greeting(178, b"20260102 15:04:05 EST"))
        await stream.receive_some()
        await stream.send_all(encode("managedAccounts", Direction.TO_CLIENT, 178, accountsList="DU1,DU2,"))
        await stream.send_all(encode("nextValidId", Direction.TO_CLIENT, 178, orderId=7))
        while await stream.receive_some():
            pass

    signature, took = await probe_peer(peer)
    assert signature is Signature.READY
    assert 2.0 <= took <= 2.5


async def test_accounts_are_read_from_the_list(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        report = await probe("localhost", 7497, network=Scene(nursery, SCENARIOS["ready"]).network)
        nursery.cancel_scope.cancel()
    assert report.observation.accounts == ("DU1234567",)
    assert report.observation.paper is True
