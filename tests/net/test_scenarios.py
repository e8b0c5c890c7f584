"""Every scenario, at the socket and over memory: what comes, in which phase of the connection, and how it ends."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import NamedTuple

import pytest
import trio
import trio.testing

from tests.net.memory import connected
from tests.net.raw_client import PATIENCE, RawClient, labels
from twsprobe.net.delivery import Delivery
from twsprobe.net.scenarios import SCENARIOS, Endpoint, scenario_target
from twsprobe.net.simulator import Simulator
from twsprobe.wire.events import Decoded, Greeted, Undecodable
from twsprobe.wire.framing import Direction

START = ("managedAccounts", "nextValidId", "error 2104", "error 2106", "error 2158")


class Seen(NamedTuple):
    """What a client sees in the phases of a connection; an end, or bytes that are no whole frame, are the last thing in a phase."""

    connect: tuple[str, ...] = ()
    offer: tuple[str, ...] = ("greeting",)
    start: tuple[str, ...] = START
    sync: tuple[str, ...] = ()


VALUES = ("updateAccountValue",) * 34
SYNC = {
    "positionEnd": ("position",) * 4 + ("positionEnd",),
    "openOrderEnd": ("openOrder", "orderStatus") * 2 + ("openOrderEnd",),
    "completedOrdersEnd": ("completedOrder", "completedOrdersEnd"),
    "accountDownloadEnd": VALUES + ("updatePortfolio",) * 4 + ("updateAccountTime", "accountDownloadEnd"),
    "execDetailsEnd": ("execDetails", "commissionAndFeesReport") * 3 + ("execDetailsEnd",),
}


def synced(without: str) -> Seen:
    """A full sync but for one end marker."""
    return Seen(sync=tuple(name for answer in SYNC.values() for name in answer if name != without))


def met_with(*offer: str) -> Seen:
    """A handshake that comes to nothing."""
    return Seen(offer=offer, start=())


EXPECTED: Mapping[str, Seen] = {
    "ready": Seen(),
    "ready-live": Seen(),
    "no-farm-notices": Seen(start=("managedAccounts", "nextValidId")),
    "order-id-first": Seen(start=("nextValidId", "managedAccounts", *START[2:])),
    "odd-frame-first": Seen(offer=("unknown", "greeting")),
    "zone-gbk": Seen(),
    "zone-windows-1252": Seen(),
    "byte-by-byte": Seen(),
    "one-segment": Seen(),
    "hostile-texts": Seen(start=("managedAccounts", "nextValidId", "error 2104")),
    "forwarder-dead-backend": Seen(connect=("fin",), offer=(), start=()),
    "localhost-only": met_with("fin"),
    "localhost-only-reset": met_with("rst"),
    "dialog-pending": met_with(),
    "wedged": met_with(),
    "http": met_with("sync_lost", "fin"),
    "tls": met_with("sync_lost", "fin"),
    "ssh": Seen(connect=("sync_lost",), offer=(), start=()),
    "vnc": Seen(connect=("sync_lost",), offer=(), start=()),
    "oversize-length": met_with("sync_lost"),
    "only-odd-frames": met_with("unknown", "unknown"),
    "slow-drip": met_with("part of a frame"),
    "half-frame": met_with("part of a frame"),
    "half-frame-close": met_with("fin", "part of a frame"),
    "redirect": met_with("greeting"),
    "version-below-offer": met_with("greeting"),
    "version-above-offer": met_with("greeting"),
    "api-not-accepted": Seen(start=()),
    "only-order-id": Seen(start=("nextValidId",)),
    "only-accounts": Seen(start=("managedAccounts",)),
    "only-notices": Seen(start=("error 2104", "error 2106", "error 2158")),
    "closed-after-start": Seen(start=("fin",)),
    "client-id-in-use": Seen(start=("error 326", "fin")),
    "client-id-bare-close": Seen(start=("fin",)),
    "paper-disclaimer": Seen(start=("error 10141", "fin")),
    "rejected": Seen(start=("error 322", "fin")),
    "port-changed": Seen(start=("error 1300", "fin")),
    "malformed-order-id": Seen(start=("managedAccounts", "undecodable")),
    "link-lost": Seen(start=(*START, "error 1100")),
    "link-broken": Seen(start=("managedAccounts", "nextValidId", "error 2110")),
    "sync-positions": synced(without="positionEnd"),
    "sync-open-orders": synced(without="openOrderEnd"),
    "sync-completed-orders": synced(without="completedOrdersEnd"),
    "sync-account-updates": synced(without="accountDownloadEnd"),
    "sync-executions": synced(without="execDetailsEnd"),
    "read-only": Seen(sync=(*SYNC["positionEnd"], "error 321", "error 321", *SYNC["accountDownloadEnd"], *SYNC["execDetailsEnd"])),
    "closed-during-sync": Seen(sync=(*SYNC["positionEnd"], *SYNC["openOrderEnd"], *SYNC["completedOrdersEnd"], *VALUES[:5], "fin")),
}
"""What is to be seen of every scenario that has a server."""
SERVED = [name for name, scenario in SCENARIOS.items() if scenario.endpoint is Endpoint.SERVER]


def test_every_scenario_is_expected() -> None:
    assert list(EXPECTED) == SERVED


class Watch:
    """A client that goes through the phases of a connection and takes down what it sees.

    ``quiet`` is how many seconds of silence end a phase, None to read only until everything expected has come.
    """

    def __init__(self, stream: trio.abc.HalfCloseableStream, quiet: float | None) -> None:
        self.client, self.quiet = RawClient(stream), quiet

    async def phase(self, expected: tuple[str, ...]) -> tuple[str, ...]:
        """What comes until it is quiet, or until as much has come as is expected."""
        found: list[str] = []
        with trio.move_on_after(PATIENCE):
            while self.client.closed is None and (self.quiet is not None or len(found) < len(expected)):
                with trio.move_on_after(self.quiet or PATIENCE) as scope:
                    found += labels(await self.client.receive())
                if scope.cancelled_caught:
                    break
                if self.quiet is None and self.client.chunks and expected == ("part of a frame",):
                    break
        if self.client.closed is not None:
            found.append(self.client.closed.value)
        if self.client.conversation.pending(Direction.TO_CLIENT):
            found.append("part of a frame")
        return tuple(found)

    async def run(self, name: str, expected: Seen, server_version: int) -> Seen:
        client, ask = self.client, SCENARIOS[name].ask
        connect = await self.phase(expected.connect)
        if connect:
            return Seen(connect, (), (), ())
        await client.offer()
        offer = await self.phase(expected.offer)
        if client.conversation.server_version != server_version:
            return Seen(connect, offer, (), ())
        await client.send("startApi", clientId=ask.client_id or 1)
        start = await self.phase(expected.start)
        sync: tuple[str, ...] = ()
        if ask.sync:
            for request, fields in (
                ("reqPositions", {}),
                ("reqOpenOrders", {}),
                ("reqCompletedOrders", {}),
                ("reqAccountUpdates", {"subscribe": True}),
                ("reqExecutions", {"reqId": 1}),
            ):
                if client.closed is None:
                    await client.send(request, **fields)
            sync = await self.phase(expected.sync)
        return Seen(connect, offer, start, sync)


@pytest.mark.parametrize("delivery", [each.value for each in Delivery])
@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize("name", SERVED)
async def test_scenario_over_memory(
    name: str, version: int, delivery: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    watch = Watch(connected(nursery, Simulator(version, name, delivery).serve), quiet=1.0)
    assert await watch.run(name, EXPECTED[name], version) == EXPECTED[name]
    await watch.client.aclose()


@pytest.mark.parametrize("name", SERVED)
async def test_scenario_over_sockets(name: str) -> None:
    async with scenario_target(name) as (host, port):
        assert host == "127.0.0.1"
        async with await trio.open_tcp_stream(host, port) as stream:
            assert await Watch(stream, quiet=None).run(name, EXPECTED[name], 226) == EXPECTED[name]


async def client_of(name: str, nursery: trio.Nursery, version: int = 226) -> RawClient:
    """A client that has seen a scenario's handshake and start."""
    client = RawClient(connected(nursery, Simulator(version, name).serve))
    await client.until_quiet(1)
    await client.offer()
    await client.until_quiet(1)
    if client.conversation.server_version == version:
        await client.send("startApi", clientId=SCENARIOS[name].ask.client_id or 1)
        await client.until_quiet(1)
    return client


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("http", b"HTTP/1.1 400 Bad Request\r\n"),
        ("tls", b"\x15\x03\x01\x00\x02\x02\x46"),
        ("ssh", b"SSH-2.0-"),
        ("vnc", b"RFB 003.008\n"),
        ("redirect", b"\0\0\0\x13-1\x00192.0.2.10:4001\0"),
        ("oversize-length", b"\x7f\xff\xff\xff"),
        ("half-frame", b"\0\0\0\x1a176\x0020260102"),
        ("version-below-offer", b"\0\0\0\x2976\0"),
        ("version-above-offer", b"\0\0\0\x2a999\0"),
    ],
)
async def test_the_bytes_of_a_handshake(name: str, received: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = await client_of(name, nursery)
    assert client.received.startswith(received)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("zone-gbk", b" \xd6\xd0\xb9\xfa\xb1\xea\xd7\xbc\xca\xb1\xbc\xe4\0"),
        ("zone-windows-1252", b" Ora standard dell\x92Europa centrale\0"),
    ],
)
async def test_zones_stand_in_their_code_page(name: str, raw: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = await client_of(name, nursery)
    assert client.events[0].raw.endswith(raw)


@pytest.mark.parametrize("version", [100, 200, 201, 212, 213, 226])
async def test_a_malformed_order_id_is_malformed_at_every_version(
    version: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = await client_of("malformed-order-id", nursery, version)
    last = client.events[-1]
    assert isinstance(last, Undecodable)
    assert (last.name, last.path) == ("nextValidId", "orderId" if version < 213 else "")


async def test_hostile_texts_are_everywhere(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = await client_of("hostile-texts", nursery)
    greeted, accounts, _, notice = client.events
    assert isinstance(greeted, Greeted)
    assert isinstance(accounts, Decoded)
    assert isinstance(notice, Decoded)
    for text in (greeted.zone, accounts.fields["accountsList"], notice.fields["errorMsg"]):
        assert all(part in text for part in ("\x1b[31m", "[/x]", "\u202e", "\r\n"))
        assert len(text) > 8000


@pytest.mark.parametrize("delivery", [each.value for each in Delivery])
async def test_the_disclaimer_s_close_comes_a_moment_later(
    delivery: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator(scenario="paper-disclaimer", delivery=delivery).serve))
    await client.offer()
    await client.until("greeting")
    await client.send("startApi", clientId=1)
    [error] = await client.until("error 10141")
    began = trio.current_time()
    assert await client.until_closed() == []
    assert trio.current_time() - began == pytest.approx(0.09)
    assert isinstance(error, Decoded)
    assert error.fields["id"] == -1


async def test_the_drip_is_slow_and_never_whole(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = RawClient(connected(nursery, Simulator(scenario="slow-drip").serve))
    await client.offer()
    with trio.move_on_after(100):
        while True:
            assert await client.receive() == []
    assert 1000 < len(client.received) < 10000
    assert {len(chunk) for chunk in client.chunks} == {1}
    await client.aclose()


@pytest.mark.parametrize("name", ["client-id-in-use", "client-id-bare-close"])
async def test_another_id_than_the_taken_one_is_served(name: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator(scenario=name)
    for client_id, ready in ((SCENARIOS[name].ask.client_id, False), (123456, True)):
        client = RawClient(connected(nursery, server.serve))
        await client.offer()
        await client.until("greeting")
        await client.send("startApi", clientId=client_id)
        found = labels(await client.until_quiet(1))
        assert (found == list(START)) is ready
        assert (client.closed is None) is ready


async def test_partly_started_sessions_answer_and_unaccepted_ones_do_not(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    for name, answered in (("only-accounts", ["currentTime"]), ("api-not-accepted", [])):
        client = await client_of(name, nursery)
        await client.send("reqCurrentTime")
        assert labels(await client.until_quiet(1)) == answered


# What fails before there is a server.


async def test_refused() -> None:
    async with scenario_target("refused") as address:
        with trio.socket.socket() as sock, pytest.raises(ConnectionRefusedError):
            await sock.connect(address)


@pytest.mark.skipif(not SCENARIOS["timeout"].supported, reason=SCENARIOS["timeout"].unsupported)
async def test_timeout() -> None:
    async with scenario_target("timeout") as address:
        for _ in range(3):
            with trio.socket.socket() as sock, trio.move_on_after(0.1) as scope:
                await sock.connect(address)
            assert scope.cancelled_caught


@pytest.mark.skipif(not SCENARIOS["unreachable"].supported, reason=SCENARIOS["unreachable"].unsupported)
async def test_unreachable() -> None:
    async with scenario_target("unreachable") as address:
        assert address[0].startswith("127.")
        with trio.socket.socket() as sock, pytest.raises(OSError, match="unreachable") as raised:
            await sock.connect(address)
        assert raised.value.errno == errno.ENETUNREACH


async def test_unresolved() -> None:
    async with scenario_target("unresolved") as (host, port):
        # No resolver is asked: what this name is to one is not ours to test.
        assert (host, port) == ("tws.invalid", 7497)


async def test_options_go_to_the_simulator() -> None:
    async with scenario_target("ready", server_version=151, delivery="byte") as address, await trio.open_tcp_stream(*address) as stream:
        client = RawClient(stream)
        await client.start()
        assert client.conversation.server_version == 151


async def test_ports_are_given_back() -> None:
    async with scenario_target("ready") as (host, port):
        pass
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))


async def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match="no scenario is called nonsense; there are ready, "):
        async with scenario_target("nonsense"):
            pass


async def test_a_scenario_that_the_system_cannot_set_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(ValueError, match="scenario timeout cannot be set up here: only Linux"):
        async with scenario_target("timeout"):
            pass
