import pytest
import trio
import trio.testing

from tests.net.memory import connected
from tests.net.raw_client import RawClient, labels
from twsprobe.capture.model import Close
from twsprobe.net.delivery import Delivery
from twsprobe.net.pace import MAX_RATE, Pace, Verdict
from twsprobe.net.simulator import Simulator
from twsprobe.wire.framing import Direction
from twsprobe.wire.registry import encode


async def test_one_strike_a_second(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    for strikes in (1, 2, 3):
        assert [pace.count() for _ in range(MAX_RATE)] == [Verdict.ALLOWED] * MAX_RATE
        assert [pace.count() for _ in range(3)] == [Verdict.STRIKE, Verdict.DROPPED, Verdict.DROPPED]
        assert pace.strikes == strikes
        await trio.sleep(1)


async def test_a_second_begins_with_a_message(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    for _ in range(4):
        assert [pace.count() for _ in range(MAX_RATE)] == [Verdict.ALLOWED] * MAX_RATE
        await trio.sleep(1)
    assert pace.strikes == 0


async def test_messages_that_are_held_back_are_due_a_second_later(autojump_clock: trio.testing.MockClock) -> None:
    pace, now = Pace(), trio.current_time()
    assert [pace.due() for _ in range(MAX_RATE)] == [now] * MAX_RATE
    assert pace.due() == pytest.approx(now + 1)
    await trio.sleep(5)
    assert pace.due() == trio.current_time()


async def test_too_many_messages_are_refused_and_the_third_time_is_the_last(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator(178).serve))
    await client.start()
    burst = encode("reqIds", Direction.TO_SERVER, 178) * (MAX_RATE + 20)
    for _ in range(2):
        await client.stream.send_all(burst)
        assert labels(await client.until_quiet(2)) == ["nextValidId"] * MAX_RATE + ["error 100"]
    await client.stream.send_all(encode("reqIds", Direction.TO_SERVER, 178) * MAX_RATE)
    assert labels(await client.until_quiet(2)) == ["nextValidId"] * MAX_RATE
    await client.stream.send_all(burst)
    assert labels(await client.until_closed()) == ["nextValidId"] * MAX_RATE + ["error 100"]
    assert client.closed is Close.FIN


@pytest.mark.parametrize("delivery", [each.value for each in Delivery])
async def test_a_client_that_asks_to_be_paced_is_held_back(
    delivery: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator(178, delivery=delivery).serve))
    await client.offer(100, 226, "+PACEAPI")
    await client.until("greeting")
    await client.send("startApi", clientId=1)
    await client.until("error 2158")
    began = trio.current_time()
    await client.stream.send_all(encode("reqIds", Direction.TO_SERVER, 178) * (3 * MAX_RATE))
    for second in range(3):
        assert labels(await client.until_quiet(0.5)) == ["nextValidId"] * MAX_RATE
        assert trio.current_time() - began == pytest.approx(second + 0.5)
        await trio.sleep_until(began + second + 1)
    assert await client.until_quiet(60) == []
