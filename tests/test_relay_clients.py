"""Real client libraries receive through the relay exactly what they receive without it.

Each program of ``tests/clients`` runs twice at the same time against the same kind of simulated TWS, directly and through a relay. The
simulated clocks stand still, so that all times are the same; of what ticks until the client has enough, the ticks that both got count.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
import trio

from tests.net.relaying import Kept
from tests.test_real_clients import ACCOUNT, output
from twsprobe.capture.model import Mark, Opened
from twsprobe.capture.seen import seen_in
from twsprobe.net.address import Address
from twsprobe.net.relay import relay
from twsprobe.net.serving import listening
from twsprobe.net.simulator import Simulator
from twsprobe.wire.events import Decoded, Greeted, VersionOffered
from twsprobe.wire.framing import Direction

OFFERS = (178, 200, 203, 226)
NOON = 1_795_521_600 * 10**9
TICKING = frozenset(
    {
        *("tickPrice", "tickSize", "tickString", "tickGeneric", "tickByTickAllLast", "tickByTickBidAsk", "tickByTickMidPoint"),
        *("updateMktDepth", "updateMktDepthL2", "realtimeBar", "historicalDataUpdate", "pnl", "pnlSingle"),
    }
)
"""Callbacks of what goes on until a client cancels it."""


class Place(NamedTuple):
    direct: Address
    relayed: Address
    kept: Kept


@asynccontextmanager
async def places(server_version: int = 226) -> AsyncIterator[Place]:
    """Two simulated TWS of their own, since orders change an account, one of them behind a relay."""
    kept = Kept()
    async with (
        listening(Simulator(server_version, clock=lambda: NOON).serve) as direct,
        listening(Simulator(server_version, clock=lambda: NOON).serve) as target,
        relay(target, recorder=kept) as relayed,
    ):
        yield Place(direct, relayed, kept)


async def both(program: str, *addressed: list[str]) -> list[dict[str, Any]]:
    """What a client got at each address."""
    found: dict[int, dict[str, Any]] = {}

    async def one(index: int, arguments: list[str]) -> None:
        found[index] = await output(program, *arguments)

    async with trio.open_nursery() as nursery:
        for index, arguments in enumerate(addressed):
            nursery.start_soon(one, index, arguments)
    return [found[index] for index in range(len(addressed))]


def versions(kept: Kept) -> list[int]:
    """The server versions that were spoken through a relay."""
    return sorted(seen.what.server_version for seen in seen_in(kept.records) if isinstance(seen.what, Greeted))


def undecoded(kept: Kept) -> list[object]:
    """What a capture holds that is neither a message, nor an opening, nor about a connection."""
    return [seen.what for seen in seen_in(kept.records) if not isinstance(seen.what, Decoded | Greeted | VersionOffered | Mark)]


async def test_the_official_client_loads_the_same_account() -> None:
    async with places() as place:
        arguments = [[host, str(port), ACCOUNT.code, *map(str, OFFERS)] for host, port in place[:2]]
        direct, relayed = await both("ibapi_session.py", *arguments)
    assert set(direct["sessions"]) == set(map(str, OFFERS))
    assert relayed == direct
    assert relayed["logged"] == []
    assert versions(place.kept) == sorted(OFFERS)
    assert undecoded(place.kept) == []
    assert sum(isinstance(each, Opened) for each in place.kept.records) == len(OFFERS)


async def test_ib_async_loads_the_same_account() -> None:
    async with places(178) as place:
        direct, relayed = await both("ib_async_session.py", *([f"{host}:{port}"] for host, port in place[:2]))
    assert [session["version"] for session in direct["sessions"]] == [178]
    assert relayed == direct
    assert relayed["logged"] == []
    assert (versions(place.kept), undecoded(place.kept)) == ([178], [])


def both_got(mine: dict[str, Any], theirs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What two sessions of the official client got, but for ticks that only one stayed for."""
    common = {name: min(len(mine.get(name, ())), len(theirs.get(name, ()))) for name in TICKING}
    first, second = ({name: rows[: common.get(name)] if name in TICKING else rows for name, rows in got.items()} for got in (mine, theirs))
    return in_order(first), in_order(second)


def in_order(value: Any) -> Any:
    """A value with its tags in an order: the client reads them from a protobuf map, which has none."""
    if isinstance(value, dict):
        return {name: in_order(each) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    are_tags = all(isinstance(each, dict) and set(each) == {"tag", "value"} for each in value)
    return sorted(value, key=lambda each: str(each["tag"])) if are_tags else [in_order(each) for each in value]


@pytest.mark.parametrize("version", OFFERS)
async def test_the_official_client_is_answered_the_same(version: int) -> None:
    async with places(version) as place:
        targets = ([ACCOUNT.code, f"{host}:{port}/{version}"] for host, port in place[:2])
        direct, relayed = await both("ibapi_requests.py", *targets)
    mine, theirs = (each["sessions"][str(version)] for each in (relayed, direct))
    assert mine["version"] == version
    assert "unanswered" not in mine
    mine, theirs = both_got(mine, theirs)
    assert mine == theirs
    assert relayed["logged"] == direct["logged"] == []
    assert (versions(place.kept), undecoded(place.kept)) == ([version], [])
    to_server = [
        seen.what.name for seen in seen_in(place.kept.records) if isinstance(seen.what, Decoded) and seen.direction is Direction.TO_SERVER
    ]
    assert {"startApi", "placeOrder", "reqMktData", "reqHistoricalData"} <= set(to_server)


async def test_ib_async_asks_and_trades_the_same() -> None:
    async with places(178) as place:
        direct, relayed = await both("ib_async_requests.py", *([host, str(port)] for host, port in place[:2]))
    # How many of its last orders' cancellations it hears before it leaves is a matter of time.
    assert {*direct.pop("order errors")} == {*relayed.pop("order errors")} == {202}
    assert relayed == direct
    assert (versions(place.kept), undecoded(place.kept)) == ([178], [])
