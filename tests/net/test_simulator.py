"""What a client sees of the simulator, byte by byte, at every server version."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import hypothesis
import pytest
import trio
import trio.testing
from hypothesis import strategies as st

from tests.net.memory import connected
from tests.net.raw_client import RawClient, label, labels
from tests.net.requests import REQUESTS, STOCK, encoded, end_of, since
from twsprobe.capture.model import Close
from twsprobe.net.account import LEDGER, simulated_account
from twsprobe.net.delivery import Delivery
from twsprobe.net.script import Script, Usual, Wait
from twsprobe.net.simulator import Simulator, simulator
from twsprobe.wire.events import Decoded, Event, Greeted
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import PREFIX, frame, offer
from twsprobe.wire.registry import BY_NAME, encode
from twsprobe.wire.versions import ServerVersion

VERSIONS = (100, 101, 130, 145, 150, 157, 176, 178, 187, 194, *range(200, 227))
ACCOUNT = simulated_account()
START = ["managedAccounts", "nextValidId", "error 2104", "error 2106", "error 2158"]
QUIET = 60.0
"""Seconds of a clock that jumps."""
GOING_ON = ("reqMktData", "reqMktDepth", "reqTickByTickData", "reqRealTimeBars", "reqPnL")
"""Requests whose answers go on with time."""

COUNTS = {
    "reqPositions": len(ACCOUNT.holdings) + 1,
    "reqOpenOrders": 2 * len(ACCOUNT.open_orders) + 1,
    "reqAllOpenOrders": 2 * len(ACCOUNT.open_orders) + 1,
    "reqCompletedOrders": len(ACCOUNT.completed_orders) + 1,
    "reqAccountUpdates": len(ACCOUNT.values) + len(ACCOUNT.holdings) + 2,
    "reqAccountSummary": sum(value.key in LEDGER | {"NetLiquidation"} for value in ACCOUNT.values) + 1,
    "reqPositionsMulti": len(ACCOUNT.holdings) + 1,
    "reqAccountUpdatesMulti": len(ACCOUNT.values) + 1,
    "reqExecutions": 2 * len(ACCOUNT.trades) + 1,
}
"""How many messages each answer has."""


@pytest.mark.parametrize("version", VERSIONS)
async def test_answers_are_decodable_at_every_version(version: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = RawClient(connected(nursery, Simulator(version).serve))
    await client.start(connect_options="+PACEAPI")
    counts = {}
    for name, fields, end in REQUESTS:
        if version >= since(name):
            await client.send_bytes(encoded(name, version, fields))
            if end:
                counts[name] = len(await client.until(end_of(name, end, version)))
    await client.until_quiet(QUIET)
    greeted, *messages = client.events
    assert isinstance(greeted, Greeted)
    assert (greeted.server_version, greeted.zone) == (version, "Greenwich Mean Time")
    for message in messages:
        assert isinstance(message, Decoded), message
        assert (message.anomalies, message.missing, message.extra) == ((), None, ()), message
        encoding = BY_NAME[Direction.TO_CLIENT, message.name].encoding(version)
        assert message.encoding == encoding
    assert COUNTS.items() & counts.items() == {(name, count) for name, count in COUNTS.items() if version >= since(name)}
    held = [message for message in messages if isinstance(message, Decoded) and message.name == "updatePortfolio"]
    assert [(each.fields["contract"]["conId"], each.fields["marketPrice"], each.fields["unrealizedPNL"]) for each in held[:4]] == [
        (each.contract["conId"], each.market_price, each.unrealized) for each in ACCOUNT.holdings
    ]


@pytest.mark.parametrize("version", [100, 178, 201, 226])
async def test_times_are_those_of_the_clock(version: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = RawClient(connected(nursery, Simulator(version).serve))
    greeted, *_, notice = await client.start()
    await client.send("reqCurrentTime")
    [now] = await client.until("currentTime")
    assert isinstance(now, Decoded)
    assert isinstance(notice, Decoded)
    assert isinstance(greeted, Greeted)
    assert abs(now.fields["currentTime"] - time.time()) < 60
    said = time.mktime(time.strptime(greeted.time, "%Y%m%d %H:%M:%S")) - time.timezone
    assert abs(said - time.time()) < 3700  # an hour for daylight saving
    if version >= ServerVersion.ERROR_TIME:
        assert abs(notice.fields["errorTime"] / 1000 - time.time()) < 60


@pytest.mark.parametrize(
    ("minimum", "maximum", "options", "answer"),
    [
        (100, 226, "", 178),
        (100, 150, "", 150),
        (100, 178, "+PACEAPI", 178),
        (157, None, "", 157),
        (203, None, "", 178),
        (300, 400, "", 178),
        (1, 100, "", 100),
        (100, 999_999_999, "", 178),
    ],
)
async def test_the_lower_version_wins(
    minimum: int, maximum: int | None, options: str, answer: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator(178).serve))
    await client.offer(minimum, maximum, options)
    [greeted] = await client.until_quiet(QUIET)
    assert isinstance(greeted, Greeted)
    assert greeted.server_version == answer


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"AP",
        b"API\0",
        b"API\0\0\0\0\x09v100",
        b"66\0",
        b"GET / HTTP/1.1\r\n\r\n",
        frame(b"v100..226"),
        PREFIX + frame(b"100..226"),
        PREFIX + frame(b"v100.226"),
        PREFIX + frame(b""),
        PREFIX + b"\xff\xff\xff\xff",
        offer(1, 99),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_opening_is_met_with_silence(
    opening: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator().serve))
    await client.stream.send_all(opening)
    await client.stream.send_all(frame(b"71\x002\x001\0\0"))
    assert (await client.until_quiet(QUIET), client.received, client.closed) == ([], b"", None)


async def test_an_offer_may_come_in_any_split(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = RawClient(connected(nursery, Simulator().serve))
    for byte in offer(100, 226):
        assert client.received == b""
        await client.stream.send_all(bytes((byte,)))
        await trio.testing.wait_all_tasks_blocked()
    assert labels(await client.until_quiet(QUIET)) == ["greeting"]


async def test_the_start_of_a_session(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator()
    client = RawClient(connected(nursery, server.serve))
    events = await client.start(client_id=31)
    assert labels(events) == ["greeting", *START]
    assert [event.fields["id"] for event in events[3:] if isinstance(event, Decoded)] == [-1] * 3
    assert list(server.clients) == [31]
    await client.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert server.clients == {}


async def test_what_comes_before_start_is_dropped(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = RawClient(connected(nursery, Simulator(178).serve))
    await client.offer()
    await client.until("greeting")
    await client.send("reqPositions")
    await client.send_bytes(frame(b"nonsense\0") + frame(b""))
    assert await client.until_quiet(QUIET) == []
    await client.send("startApi", clientId=0)
    assert labels(await client.until_quiet(QUIET)) == START


async def test_requests_behind_start_in_the_same_segment_are_answered_in_turn(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator(178).serve))
    await client.offer()
    await client.until("greeting")
    await client.stream.send_all(encode("startApi", Direction.TO_SERVER, 178, clientId=1) + encode("reqIds", Direction.TO_SERVER, 178))
    assert labels(await client.until_quiet(QUIET)) == [*START, "nextValidId"]


@pytest.mark.parametrize("version", [100, 226])
async def test_a_taken_client_id_is_refused(version: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator(version)
    first, second, third = (RawClient(connected(nursery, server.serve)) for _ in range(3))
    await first.start(client_id=4)
    await second.offer()
    await second.until("greeting")
    await second.send("startApi", clientId=4)
    assert (labels(await second.until_closed()), second.closed) == (["error 326"], Close.FIN)
    assert list(server.clients) == [4]
    await first.send("reqCurrentTime")
    await first.until("currentTime")
    await first.aclose()
    await trio.testing.wait_all_tasks_blocked()
    await third.start(client_id=4)
    assert list(server.clients) == [4]


async def test_another_id_is_served_at_the_same_time(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator()
    clients = [RawClient(connected(nursery, server.serve)) for _ in range(5)]
    for number, client in enumerate(clients):
        await client.start(number, maximum=150 + 15 * number)
    for client in clients:
        await client.send("reqPositions")
        assert len(await client.until("positionEnd")) == 5
    assert list(server.clients) == [0, 1, 2, 3, 4]


async def test_subscriptions_end_with_their_client(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator()
    one, other = (RawClient(connected(nursery, server.serve)) for _ in range(2))
    await one.start(1)
    await other.start(2)
    for client in (one, other):
        await client.send("reqPositions")
        await client.send("reqAccountSummary", reqId=7, group="All", tags="SMA")
        await client.until("accountSummaryEnd")
    assert server.subscriptions == {(id, *rest) for id in (1, 2) for rest in (("reqPositions", None), ("reqAccountSummary", 7))}
    await one.send("cancelPositions")
    await other.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert server.subscriptions == {(1, "reqAccountSummary", 7)}


async def test_a_subscription_goes_on_at_its_rate_until_it_is_cancelled(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator(178).serve))
    await client.start()
    await client.send("reqMktData", reqId=1, contract=STOCK, genericTickList="")
    await client.send("reqRealTimeBars", reqId=2, contract=STOCK, barSize=5, whatToShow="MIDPOINT", useRTH=True)
    found: list[Event] = []
    with trio.move_on_after(20.1):
        while True:
            found += await client.receive()
    messages = [event for event in found if isinstance(event, Decoded)]
    assert len([each for each in messages if each.name == "tickPrice" and each.fields["tickType"] == 4]) == 1 + 80
    bars = [each.fields["time"] for each in messages if each.name == "realtimeBar"]
    assert bars == list(range(bars[0], bars[0] + 25, 5))
    await client.send("cancelMktData", reqId=1)
    await client.send("cancelRealTimeBars", reqId=2)
    assert await client.until_quiet(QUIET) == []


async def test_what_goes_on_is_not_made_up_for(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """A client that is held up for an hour gets one update, not an hour of them."""
    server = Simulator(178, Script(on_request={"reqIds": (Wait(3600), Usual.ANSWER)}))
    client = RawClient(connected(nursery, server.serve))
    await client.start()
    await client.send("reqPnL", reqId=1, account="", modelCode="")
    await client.until("pnl")
    await client.send("reqIds")
    with trio.move_on_after(3600.5):
        while True:
            await client.receive()
    assert labels(client.events)[-2:] == ["nextValidId", "pnl"]


async def test_orders_stand_when_their_client_has_gone(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator(178)
    client = RawClient(connected(nursery, server.serve))
    await client.start(4)
    order = {"action": "BUY", "totalQuantity": Decimal(1), "orderType": "LMT", "lmtPrice": 1.0, "transmit": True}
    await client.send("placeOrder", orderId=8, contract=STOCK, order=order)
    await client.send("reqPnL", reqId=1, account="", modelCode="")
    await client.until("pnl")
    await client.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert server.subscriptions == set()
    again = RawClient(connected(nursery, server.serve))
    await again.start(4)
    await again.send("reqOpenOrders")
    statuses = [event for event in await again.until("openOrderEnd") if isinstance(event, Decoded) and event.name == "orderStatus"]
    assert [(each.fields["orderId"], each.fields["clientId"]) for each in statuses] == [(6, 4), (7, 4), (8, 4)]


@pytest.mark.parametrize("version", [178, 226])
async def test_requests_that_are_not_served_get_an_error(
    version: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client = RawClient(connected(nursery, Simulator(version).serve))
    await client.start()

    def request(id: int, body: bytes) -> bytes:
        return frame(id.to_bytes(4, "big") + body if version > 200 else b"%d\0%s" % (id, body))

    for sent, code, text in (
        (request(21, b"2\0008" + b"\0" * 15), 321, "exerciseOptions is not served at server version"),
        (request(177, b""), 321, "message 177 is not simulated"),
        (request(8, b"1\0three\0"), 320, "'three' is not int32"),
        (frame(b"?"), 320, "does not begin with a message id"),
        (frame(b""), 320, "does not begin with a message id"),
    ):
        await client.stream.send_all(sent)
        [event] = await client.until(f"error {code}")
        assert isinstance(event, Decoded)
        assert text in event.fields["errorMsg"]
        assert event.fields["id"] == -1
    await client.send("startApi", clientId=5)
    await client.send("reqIds")
    assert labels(await client.until("nextValidId")) == ["nextValidId"]


async def test_what_cannot_be_said_back_gets_an_error(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Orders are text up to 202, and a client can place one in protobuf all the same, whose strings hold what text cannot."""
    client = RawClient(connected(nursery, Simulator(202).serve))
    await client.start()
    terms = {"action": "BUY", "totalQuantity": Decimal(1), "orderType": "MKT", "transmit": True, "orderRef": "a\0b"}
    fields: dict[str, Any] = {"orderId": 8, "contract": STOCK, "order": terms}
    await client.send_bytes(encode("placeOrder", Direction.TO_SERVER, 202, encoding="protobuf", **fields))
    await client.send("reqIds")
    assert labels(await client.until("nextValidId")) == ["error 320", "nextValidId"]


async def test_requests_of_a_later_version_get_an_error(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    client = RawClient(connected(nursery, Simulator(149).serve))
    await client.start()
    await client.stream.send_all(frame(b"99\x000\0"))
    [event] = await client.until_quiet(QUIET)
    assert isinstance(event, Decoded)
    assert "reqCompletedOrders is not served at server version 149" in event.fields["errorMsg"]


@pytest.mark.parametrize("version", [150, 226])
async def test_deliveries_differ_in_nothing_but_the_split(version: int, autojump_clock: trio.testing.MockClock) -> None:
    received: dict[str, bytes] = {}
    for delivery in Delivery:
        async with trio.open_nursery() as nursery:
            server = Simulator(version, delivery=delivery.value, clock=lambda: 1_795_500_061_234_567_890)
            client = RawClient(connected(nursery, server.serve))
            await client.start(connect_options="+PACEAPI")
            for name, fields, end in REQUESTS:
                if version >= since(name) and not name.startswith(GOING_ON):
                    await client.send_bytes(encoded(name, version, fields))
                    if end:
                        await client.until(end_of(name, end, version))
            await client.until_quiet(QUIET)
            await client.aclose()
        received[delivery.value] = client.received
    assert len(received["message"]) > 5000
    assert received["message"] == received["byte"] == received["whole"]


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_client_may_leave_at_any_point(count: int, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator()
    client = RawClient(connected(nursery, server.serve))
    steps: list[Callable[[], Awaitable[Any]]] = [
        client.offer,
        lambda: client.until("greeting"),
        lambda: client.send("startApi", clientId=1),
    ]
    for step in steps[:count]:
        await step()
    await client.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert server.clients == {}


async def test_a_client_may_leave_in_the_middle_of_an_answer(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator(delivery="byte")
    stream = connected(nursery, server.serve)
    client = RawClient(stream)
    await client.start()
    await client.send("reqAccountUpdates", subscribe=True, acctCode="")
    stream.reset()
    await trio.testing.wait_all_tasks_blocked()
    assert server.clients == {}
    assert server.subscriptions == set()


@hypothesis.given(st.lists(st.binary(max_size=12), max_size=20), st.sampled_from([100, 178, 201, 226]))
def test_arbitrary_requests_do_no_harm(payloads: list[bytes], version: int) -> None:
    async def check() -> None:
        async with trio.open_nursery() as nursery:
            server = Simulator(version)
            client = RawClient(connected(nursery, server.serve))
            await client.start()
            for payload in payloads:
                await client.stream.send_all(frame(payload))
            await client.until_quiet(QUIET)
            assert all(isinstance(event, Greeted | Decoded) for event in client.events)
            await client.aclose()

    trio.run(check, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_an_observer_is_told_of_every_event(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    seen: list[tuple[int, str]] = []

    def observe(number: int, event: Event) -> None:
        seen.append((number, label(event)))

    server = Simulator(observer=observe)
    for number in (1, 2):
        client = RawClient(connected(nursery, server.serve))
        await client.start(number)
        await client.stream.send_all(frame(b"\0\0\0\x63"))
        await client.until_quiet(QUIET)
    assert seen == [(number, name) for number in (1, 2) for name in ("version_offer", "startApi", "reqCompletedOrders")]


async def test_a_script_of_one_s_own(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    server = Simulator(scenario=Script(on_start=(Usual.ORDER_ID,)), account=simulated_account("U7654321"))
    client = RawClient(connected(nursery, server.serve))
    await client.offer()
    await client.until("greeting")
    await client.send("startApi", clientId=1)
    await client.send("reqManagedAccts")
    order_id, accounts = await client.until_quiet(QUIET)
    assert label(order_id) == "nextValidId"
    assert isinstance(accounts, Decoded)
    assert accounts.fields == {"accountsList": "U7654321"}


@pytest.mark.parametrize("version", [-1, 0, 99, 227])
def test_a_version_out_of_range_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"server version {version} is not among 100 to 226")):
        Simulator(version)


@pytest.mark.parametrize(("name", "text"), [("nonsense", "no scenario is called nonsense"), ("refused", "scenario_target sets it up")])
def test_a_scenario_without_a_server_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Simulator(scenario=name)


def test_an_unknown_delivery_is_refused() -> None:
    with pytest.raises(ValueError, match="pigeon"):
        Simulator(delivery="pigeon")


async def test_listens_on_loopback_for_many_clients() -> None:
    async with simulator(server_version=203, scenario="ready-live") as (host, port):
        assert host == "127.0.0.1"
        clients = [RawClient(await trio.open_tcp_stream(host, port)) for _ in range(3)]
        for number, client in enumerate(clients):
            events = await client.start(number)
            accounts = events[1]
            assert isinstance(accounts, Decoded)
            assert (accounts.fields["accountsList"], accounts.server_version) == ("U1234567", 203)
        # One that is still there when the block ends is cut off.
        for client in clients[1:]:
            await client.aclose()
    await clients[0].until_closed()
    await clients[0].aclose()


async def test_a_silent_session_does_not_hold_up_the_end() -> None:
    with trio.fail_after(5):
        async with simulator(scenario="slow-drip") as (host, port):
            client = RawClient(await trio.open_tcp_stream(host, port))
            await client.offer()
            await client.receive()
        await client.aclose()
