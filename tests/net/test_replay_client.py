"""A capture as a client: what is sent, what is left out, and what differs."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.net.memory import connected
from tests.net.sessions import OFFER, TO_CLIENT, TO_SERVER, asks, recorded, says, started
from twsprobe.capture.model import Chunk, Close, Gap, Record
from twsprobe.net.comparing import Kind
from twsprobe.net.connection import Connection
from twsprobe.net.recording import recorded as recording
from twsprobe.net.replay_client import Comparison, Live, play_client, replay_client
from twsprobe.net.serving import Serve, listening
from twsprobe.net.simulator import Simulator, simulator
from twsprobe.net.turns import Unplayable, session_of
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded
from twsprobe.wire.handshake import offer


class Kept(list[Record]):
    """A recorder that only keeps."""

    write = list.append


ORDER = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}


async def played(records: list[Record], serve: Serve, timeout: float = 5) -> Comparison:
    """What comes of playing a capture's client to a server in memory."""
    async with trio.open_nursery() as nursery:
        live = Live(1)
        found = await play_client(session_of(records), Connection(connected(nursery, serve), recorder=live), live, timeout)
        nursery.cancel_scope.cancel()
    return found


async def session_with(simulator: Simulator, *requests: tuple[str, dict[str, object]]) -> list[Record]:
    """What a simulator answers to requests, recorded."""
    kept = Kept()
    async with trio.open_nursery() as nursery:
        connection = Connection(connected(nursery, simulator.serve), recorder=kept)
        await connection.send_offer(100, 226)
        opening: tuple[tuple[str, dict[str, object]], ...] = (("", {}), ("startApi", {"clientId": 7}))
        for name, fields in (*opening, *requests):
            if name:
                await connection.send(name, **fields)
            with trio.move_on_after(1):
                while True:
                    await connection.receive()
        await connection.aclose()
        nursery.cancel_scope.cancel()
    return kept


REQUESTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("reqPositions", {}),
    ("reqAccountUpdates", {"subscribe": True, "acctCode": "DU1234567"}),
    ("reqCurrentTime", {}),
    ("reqExecutions", {"reqId": 3, "executionFilter": {"clientId": 0}}),
)


@pytest.mark.parametrize("version", [178, 226])
async def test_the_same_server_answers_the_same(version: int, autojump_clock: trio.testing.MockClock) -> None:
    records = await session_with(Simulator(version), *REQUESTS)
    found = await played(records, Simulator(version).serve)
    assert found.sent == ("startApi", *(name for name, _ in REQUESTS))
    assert (found.left_out, found.differences, found.closed, found.different) == ((), (), None, False)
    assert (found.recorded_version, found.received_version) == (version, version)


async def test_another_version_is_a_difference_and_its_requests_are_its_own(autojump_clock: trio.testing.MockClock) -> None:
    records = await session_with(Simulator(226), *REQUESTS)
    found = await played(records, Simulator(178).serve)
    assert len(found.sent) == 1 + len(REQUESTS)
    assert found.different
    assert (found.recorded_version, found.received_version) == (226, 178)
    assert not [each for each in found.differences if each.kind is Kind.UNANSWERED]


async def test_another_account_is_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    records = await session_with(Simulator(226), *REQUESTS)
    other = Simulator(226, "ready-live")
    assert other.state.account.code != "DU1234567"
    found = await played(records, other.serve)
    assert [each for each in found.differences if each.kind is not Kind.CHANGED] == []


@pytest.mark.parametrize(
    ("step", "name", "reason"),
    [
        (asks("placeOrder", orderId=8, order=ORDER), "placeOrder", "placeOrder is not among the requests that only read"),
        (asks("cancelOrder", orderId=8), "cancelOrder", "cancelOrder is not among the requests that only read"),
        ((TO_SERVER, b"\x00\x00\x00\x069999\x00\x00"), "a frame", "it cannot be read"),
    ],
)
async def test_orders_and_the_unknown_are_left_out(
    step: tuple[object, bytes], name: str, reason: str, autojump_clock: trio.testing.MockClock
) -> None:
    kept = Kept()
    served = recording(Simulator(178).serve, kept)
    found = await played(started((TO_SERVER, step[1]), asks("reqPositions"), says("positionEnd")), served)
    heard = b"".join(record.data for record in kept if isinstance(record, Chunk) and record.direction is TO_SERVER)
    assert [tuple(each) for each in found.left_out] == [(name, reason)]
    assert found.sent == ("startApi", "reqPositions")
    conversation = Conversation()
    conversation.feed(TO_SERVER, offer(100, 226))
    conversation.feed(TO_CLIENT, b"\x00\x00\x00\x06178\x00x\x00")
    came = conversation.feed(TO_SERVER, heard[len(offer(100, 226)) :])
    assert [event.name for event in came if isinstance(event, Decoded)] == ["startApi", "reqPositions"]


async def test_an_answer_that_does_not_end(autojump_clock: trio.testing.MockClock) -> None:
    records = await session_with(Simulator(226), *REQUESTS)
    found = await played(records, Simulator(226, "sync-positions").serve)
    assert Kind.UNANSWERED in [each.kind for each in found.differences if each.request == "reqPositions"]
    assert {each.request for each in found.differences} == {"reqPositions"}


async def test_a_server_that_closes_early(autojump_clock: trio.testing.MockClock) -> None:
    records = await session_with(Simulator(226), *REQUESTS)
    found = await played(records, Simulator(226, "forwarder-dead-backend").serve)
    assert (found.closed, found.sent, found.received_version, found.different) == (Close.FIN, (), None, True)


async def test_an_end_that_was_recorded_is_none_too_early(autojump_clock: trio.testing.MockClock) -> None:
    records = recorded((TO_SERVER, OFFER), (TO_CLIENT, Close.FIN))
    found = await played(records, Simulator(226, "forwarder-dead-backend").serve)
    assert (found.closed, found.different) == (None, False)


async def test_every_client_of_a_capture_over_sockets() -> None:
    opening = started(asks("reqPositions"))
    second = [record._replace(connection=2) for record in opening]
    banner = recorded((TO_CLIENT, b"SSH-2.0"), connection=3)
    async with simulator(server_version=178) as (host, port):
        found = await replay_client([*opening, *second, *banner], host, port)
    assert [(each.connection, each.sent) for each in found] == [(number, ("startApi", "reqPositions")) for number in (1, 2)]


async def test_what_lacks_bytes_is_not_played() -> None:
    async with listening(Simulator(178).serve) as (host, port):
        with pytest.raises(Unplayable):
            await replay_client([*started(), Gap(1, TO_CLIENT, 9, 4)], host, port)
