import pytest
import trio
import trio.testing

from tests.net.memory import connected, memory_pair
from tests.net.raw_client import RawClient
from twsprobe.net.delivery import Delivery, Outbox
from twsprobe.net.simulator import Simulator


def test_deliveries_are_named_as_users_name_them() -> None:
    assert [Delivery(name) for name in ("message", "byte", "whole")] == list(Delivery)


@pytest.mark.parametrize(
    ("delivery", "at_once", "in_the_end"),
    [
        (Delivery.MESSAGE, [b"ab", b"c"], [b"ab", b"c"]),
        (Delivery.BYTE, [b"a", b"b", b"c"], [b"a", b"b", b"c"]),
        (Delivery.WHOLE, [], [b"abc"]),
    ],
)
async def test_an_outbox_cuts_as_it_is_told(delivery: Delivery, at_once: list[bytes], in_the_end: list[bytes]) -> None:
    _client, stream = memory_pair()
    outbox = Outbox(stream, delivery)
    await outbox.send(b"ab")
    await outbox.send(b"c")
    assert stream.sent == at_once
    await outbox.flush()
    await outbox.flush()
    assert stream.sent == in_the_end


@pytest.mark.parametrize("delivery", ["message", "byte", "whole"])
async def test_a_simulator_sends_what_is_due_at_once(delivery: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    stream = connected(nursery, Simulator(178, delivery=delivery).serve)
    client = RawClient(stream)
    await client.start()
    await client.send("reqPositions")
    await client.until("positionEnd")
    frames = [len(event.raw) + 4 for event in client.events]
    greeting, start, positions = frames[:1], frames[1:6], frames[6:]
    expected = {
        "message": frames,
        "byte": [1] * sum(frames),
        "whole": [sum(greeting), sum(start), sum(positions)],
    }
    assert [len(data) for data in stream.peer.sent] == expected[delivery]
