"""Real clients, recorded with a server and then played what was recorded: they see the same, and no server is behind it.

Each library runs in a process of its own (``tests/clients``).
"""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.test_real_clients import ACCOUNT, output
from twsprobe.capture.model import Chunk, Record
from twsprobe.net.replay import Replay, replay_server
from twsprobe.net.simulator import simulator
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.registry import BY_ID

SESSIONS = {
    "ib_async at 178": ("ib_async_session.py", ("{}",), 178),
    "ibapi at 226": ("ibapi_session.py", ("{host}", "{port}", ACCOUNT.code, "226"), 226),
    "ibapi at 178": ("ibapi_session.py", ("{host}", "{port}", ACCOUNT.code, "178"), 226),
}
"""A client's program, its arguments, and the highest version of the server."""


class Kept(list[Record]):
    """A recorder that only keeps."""

    write = list.append


async def run(program: str, arguments: tuple[str, ...], address: tuple[str, int]) -> dict[str, Any]:
    """What a client saw of a server."""
    host, port = address
    return await output(program, *(each.format(f"{host}:{port}", host=host, port=port) for each in arguments))


async def recorded(name: str) -> tuple[list[Record], dict[str, Any]]:
    """A session of a real client with the simulator, and what the client saw."""
    program, arguments, version = SESSIONS[name]
    kept = Kept()
    async with simulator(server_version=version, recorder=kept) as address:
        seen = await run(program, arguments, address)
    return kept, seen


@pytest.mark.parametrize("name", SESSIONS)
async def test_a_client_sees_what_it_saw(name: str) -> None:
    kept, seen = await recorded(name)
    replay = Replay(kept)
    async with replay_server(replay) as address:
        again = await run(*SESSIONS[name][:2], address)
    replay.check()
    assert again == seen
    assert replay.missing == []


def changed(records: list[Record], name: str, **fields: Any) -> list[Record]:
    """Records in which the client had asked for something else: each request of a name has other fields."""
    conversation = Conversation()
    found: list[Record] = []
    for record in records:
        if not isinstance(record, Chunk):
            found.append(record)
            continue
        data = record.data
        for event in conversation.feed(record.direction, record.data):
            if isinstance(event, Decoded) and event.direction is Direction.TO_SERVER and event.name == name:
                whole = LENGTH.pack(len(event.raw)) + event.raw
                other = BY_ID[event.direction, event.id].encode({**event.fields, **fields}, event.server_version, like=event)
                data = data.replace(whole, other)
        found.append(record._replace(data=data))
    assert found != records
    return found


@pytest.mark.parametrize(
    ("name", "request_name", "fields", "said"),
    [
        ("ib_async at 178", "reqCompletedOrders", {"apiOnly": True}, "apiOnly: recorded True, received False"),
        (
            "ibapi at 226",
            "reqExecutions",
            {"executionFilter": {"symbol": "MSFT"}},
            "executionFilter.symbol: recorded 'MSFT', received nothing",
        ),
    ],
)
async def test_a_changed_request_fails_and_the_field_is_named(name: str, request_name: str, fields: dict[str, Any], said: str) -> None:
    kept, _ = await recorded(name)
    stop = trio.CancelScope()
    replay = Replay(changed(kept, request_name, **fields), observer=lambda mismatch: stop.cancel())
    # The client loses its connection, which each library takes in its own way and time.
    async with replay_server(replay) as address:
        with stop:
            await run(*SESSIONS[name][:2], address)
    [text] = map(str, replay.mismatches)
    assert text.splitlines()[0] == f"connection 1: {request_name} is not as it was recorded"
    assert said in text


@pytest.mark.parametrize(
    ("program", "arguments", "version"),
    [
        ("ib_async_requests.py", ("{host}", "{port}"), 178),
        ("ibapi_requests.py", (ACCOUNT.code, "{}/226"), 226),
    ],
    ids=["ib_async", "ibapi"],
)
async def test_a_client_that_asks_for_everything_and_trades(program: str, arguments: tuple[str, ...], version: int) -> None:
    """ib_async counts moves of a price by what comes apart in time, so the times are kept."""
    kept = Kept()
    async with simulator(server_version=version, recorder=kept) as address:
        seen = await run(program, arguments, address)
    replay = Replay(kept, pace="exact")
    async with replay_server(replay) as address:
        again = await run(program, arguments, address)
    replay.check()
    assert ordered(again) == ordered(seen)


def ordered(value: Any) -> Any:
    """A value with its tags in an order: protobuf's own library, which the official client uses, gives those of a map in any."""
    if isinstance(value, dict):
        return {name: ordered(inner) for name, inner in value.items()}
    if isinstance(value, list):
        inner = [ordered(each) for each in value]
        return sorted(inner, key=lambda each: str(each["tag"])) if inner and isinstance(inner[0], dict) and "tag" in inner[0] else inner
    return value
