"""A session played: under the client's own ids, in its times or at once, in few sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from tests.net.memory import MemoryStream, connected
from tests.net.raw_client import RawClient, labels
from tests.net.sessions import TO_CLIENT, TO_SERVER, asks, says, started
from twsprobe.capture.model import Chunk, Close, Closed, Record
from twsprobe.net.playing import SLICE, runs_of, sliced
from twsprobe.net.replay import Match, Replay
from twsprobe.net.turns import session_of
from twsprobe.wire.events import Decoded

TICKS = tuple(says("tickSize", reqId=5, tickType=0, size=size) for size in range(3))


async def playing(nursery: trio.Nursery, records: Sequence[Record], client_id: int = 7, **options: Any) -> tuple[RawClient, MemoryStream]:
    """A client of a replay, its session started, and its stream."""
    stream = connected(nursery, Replay(records, **options).serve)
    client = RawClient(stream)
    await client.offer()
    await client.until("greeting")
    await client.send("startApi", clientId=client_id)
    await client.until("nextValidId")
    return client, stream


def values(client: RawClient, path: str) -> list[Any]:
    return [event.fields[path] for event in client.events if isinstance(event, Decoded) and path in event.fields]


@pytest.mark.parametrize("version", [178, 226])
async def test_answers_come_under_the_ids_that_the_client_uses(
    version: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    order = {"orderId": 8, "clientId": 7, "action": "BUY", "totalQuantity": 1, "orderType": "MKT", "account": "DU1"}
    steps = (
        asks("placeOrder", version, orderId=8, order={name: order[name] for name in ("action", "totalQuantity", "orderType", "account")}),
        says("openOrder", version, orderId=8, contract={"conId": 5}, order=order if version > 200 else without(order, "orderId")),
        says("orderStatus", version, orderId=8, status="Filled", clientId=7),
        says("orderStatus", version, orderId=8, status="Filled", clientId=3),
        says("error", version, id=8, errorCode=202, errorMsg="DU1 8"),
        asks("reqExecutions", version, reqId=1, executionFilter={"clientId": 7, "acctCode": "DU1"}),
        says("execDetails", version, reqId=1, execution={"orderId": 8, "clientId": 7, "acctNumber": "DU1", "execId": "a"}),
        says("execDetailsEnd", version, reqId=1),
    )
    client, _ = await playing(nursery, started(*steps, version=version), client_id=99)
    mine = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT", "account": "U777"}
    await client.send("placeOrder", orderId=31, order=mine)
    await client.until("error 202")
    await client.send("reqExecutions", reqId=44, executionFilter={"clientId": 99, "acctCode": "U777"})
    await client.until("execDetailsEnd")
    assert values(client, "orderId") == [8, 31, 31, 8]  # the third status is of another client's order
    assert values(client, "clientId") == [99, 3]
    [opened] = values(client, "order")
    assert (opened["account"], opened["clientId"]) == ("U777", 99)
    assert values(client, "id") == [31]
    assert values(client, "errorMsg") == ["DU1 8"]
    [ran] = values(client, "execution")
    assert (ran["orderId"], ran["clientId"], ran["acctNumber"]) == (31, 99, "U777")
    assert values(client, "reqId") == [44, 44]


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


async def test_an_id_that_was_used_again_stands_for_each_of_its_requests(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    steps: list[tuple[Any, Any]] = []
    for symbol in ("A", "B"):
        steps += [asks("reqMatchingSymbols", reqId=1, pattern=symbol), says("symbolSamples", reqId=1)]
    client, _ = await playing(nursery, started(*steps, seconds=1), pace="exact")
    await client.send("reqMatchingSymbols", reqId=11, pattern="B")
    await client.send("reqMatchingSymbols", reqId=12, pattern="A")
    await client.until_quiet(9)
    assert sorted(values(client, "reqId")) == [11, 12]


async def test_unsolicited_data_waits_for_all_that_came_before(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    notice = says("error", id=-1, errorCode=1100, errorMsg="lost")
    steps = (asks("reqPositions"), asks("reqOpenOrders"), says("openOrderEnd"), says("positionEnd"), notice)
    client, _ = await playing(nursery, started(*steps))
    await client.send("reqOpenOrders")
    assert labels(await client.until_quiet(9)) == ["openOrderEnd"]
    await client.send("reqPositions")
    assert labels(await client.until_quiet(9)) == ["positionEnd", "error 1100"]


async def test_lenient_passes_over_what_the_client_leaves_out(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    notice = says("error", id=-1, errorCode=1100, errorMsg="lost")
    steps = (
        *(asks("reqMktData", reqId=5), *TICKS, asks("reqPositions"), says("positionEnd"), notice, says("tickSize", reqId=5, size=9)),
        *(asks("reqIds", numIds=1), says("nextValidId", orderId=9)),
    )
    client, _ = await playing(nursery, started(*steps), match=Match.LENIENT)
    await client.send("reqPositions")
    assert labels(await client.until_quiet(9)) == ["positionEnd", "error 1100"]
    for _ in range(2):
        await client.send("reqIds", numIds=5)
    assert labels(await client.until_quiet(9)) == ["nextValidId", "nextValidId"]


@pytest.mark.parametrize("speed", [1, 2, 10])
async def test_times_are_kept(speed: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    records = started(asks("reqMktData", reqId=5), *TICKS, asks("reqPositions"), says("positionEnd"), seconds=1)
    began = trio.current_time()
    client, _ = await playing(nursery, records, pace="exact", speed=speed)
    # Answers come as long after their request as they did: startApi was a step before managedAccounts.
    assert trio.current_time() - began == pytest.approx((1 + 2) / speed)
    await client.send("reqMktData", reqId=6)
    came = []
    for _ in TICKS:
        await client.until("tickSize")
        came.append(trio.current_time() - began)
    assert came == pytest.approx([each / speed for each in (7, 8, 9)])
    await trio.sleep(100)
    asked = trio.current_time()
    await client.send("reqPositions")
    await client.until("positionEnd")
    assert trio.current_time() - asked == pytest.approx(1 / speed)


async def test_the_end_comes_in_its_time(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    client, _ = await playing(nursery, started((TO_CLIENT, Close.RST), seconds=1), pace="exact")
    await client.until_closed()
    assert client.closed is Close.RST
    assert trio.current_time() - began == pytest.approx(6)


async def test_what_comes_after_the_clients_end_is_said(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    steps = (asks("reqPositions"), (TO_SERVER, Close.FIN), says("positionEnd"), (TO_CLIENT, Close.FIN))
    client, stream = await playing(nursery, started(*steps))
    await client.send("reqPositions")
    assert labels(await client.until_quiet(9)) == ["positionEnd"]
    notice = says("error", id=-1, errorCode=1100, errorMsg="lost")
    client, stream = await playing(nursery, started((TO_SERVER, Close.FIN), notice, (TO_CLIENT, Close.FIN)))
    assert labels(await client.until_quiet(9)) == []
    await stream.send_eof()
    assert labels(await client.until_closed()) == ["error 1100"]


async def test_a_burst_goes_out_in_slices(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    ticks = [TICKS[number % 3] for number in range(20_000)]
    records = started(asks("reqMktData", reqId=5), *ticks)
    client, stream = await playing(nursery, records)
    await client.send("reqMktData", reqId=5)
    await client.until_quiet(9)
    whole = b"".join(record.data for record in records if isinstance(record, Chunk) and record.direction is TO_CLIENT)
    assert client.received == whole
    assert len(stream.peer.sent) <= 3 + len(whole) // SLICE


async def test_a_burst_under_another_id(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client, _ = await playing(nursery, started(asks("reqMktData", reqId=5), *TICKS * 100))
    await client.send("reqMktData", reqId=1234)
    await client.until_quiet(9)
    assert values(client, "reqId") == [1234] * 300


async def test_an_id_that_no_message_can_hold_is_let_be(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    steps = (asks("reqPositions", 201), says("positionEnd", 201), says("error", 201, id=-1, errorCode=1, errorMsg=""))
    client, _ = await playing(nursery, started(*steps, version=201), client_id=2**40)
    await client.send("reqPositions")
    assert labels(await client.until_quiet(9)) == ["positionEnd", "error 1"]


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"API\0\xff\xff\xff\xff"])
async def test_a_client_that_does_not_speak_the_protocol(
    data: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    replay = Replay(started())
    client = RawClient(connected(nursery, replay.serve))
    await client.send_bytes(data)
    await client.until_closed()
    assert client.closed is Close.FIN
    assert "connection 1: the client does not speak the protocol: " in str(replay.mismatches[0])


def test_runs_wait_for_one_thing() -> None:
    steps = (asks("reqMktData", reqId=5), *TICKS, asks("reqPositions"), says("positionEnd"), *TICKS)
    assert [len(run.pieces) for run in runs_of(session_of(started(*steps, (TO_CLIENT, Close.FIN))))] == [1, 2, 3, 1, 3, 1]


def test_slices_are_whole_parts() -> None:
    parts = [b"a" * 40_000, b"b" * 40_000, b"", b"c"]
    assert list(sliced(iter(parts))) == [parts[0] + parts[1], b"c"]
    assert list(sliced(iter(()))) == []


async def test_a_client_that_ends_first_is_no_mismatch(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    records = [*started(asks("reqPositions")), Closed(1, 99, TO_CLIENT, Close.ABANDONED)]
    replay = Replay(records)
    client = RawClient(connected(nursery, replay.serve))
    await client.offer()
    await client.until("greeting")
    await client.aclose()
    with trio.fail_after(9):
        await replay.played.wait()
    assert replay.mismatches == []
    assert len(replay.missing) == 2
