"""Looks at the versions of simulated servers in memory, and servers whose messages have more than we declare."""

from __future__ import annotations

from typing import Any, NamedTuple

import trio
import trio.testing

from tests.probing.scenes import Scene
from twsprobe.net.scenarios import SCENARIOS, Ask, Scenario
from twsprobe.net.script import Raw, Script, Usual
from twsprobe.probing.compatibility import Session, Tried, Versions
from twsprobe.probing.dialects import Look
from twsprobe.probing.options import Options
from twsprobe.probing.signatures import Stage
from twsprobe.probing.targets import Target
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.message import PROTOBUF
from twsprobe.wire.registry import BY_NAME, encode

TARGET = Target("127.0.0.1", 7497)
QUICK = Options(stage_timeouts=tuple((stage, 0.3) for stage in Stage))
UNDECLARED = bytes((0xF8, 0x06, 0x2A))
"""A protobuf field with the number 111: a varint, 42."""


class Looked(NamedTuple):
    """What a look came to, what it told of on the way, and how long it took on the clock."""

    found: Versions
    told: list[tuple[Tried, Session | None]]
    seconds: float


async def look(server: Script | str = "ready", version: int = 226, **wishes: Any) -> Looked:
    """Look at a scenario, or a script; that every connection was counted, and closed, is asserted."""
    scenario = SCENARIOS[server] if isinstance(server, str) else Scenario("made up", "For a test.", "ready", None, None, server, Ask())
    told: list[tuple[Tried, Session | None]] = []
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, scenario, server_version=version)
        began = trio.current_time()
        looking = Look(TARGET, QUICK, tell=lambda tried, session: told.append((tried, session)), network=scene.network, **wishes)
        found = await looking.ask()
        seconds = trio.current_time() - began
        if scene.simulator is not None:
            await trio.testing.wait_all_tasks_blocked()
            assert not scene.simulator.clients, "every connection was closed"
        nursery.cancel_scope.cancel()
    assert scene.dials == found.connections_opened <= len(looking.offers)
    assert [tried for tried, _ in told] == list(found.tried)
    return Looked(found, told, seconds)


def looked(server: Script | str = "ready", version: int = 226, **wishes: Any) -> Versions:
    """The result of a look, from code that runs no event loop."""
    return trio.run(lambda: look(server, version, **wishes), clock=trio.testing.MockClock(autojump_threshold=0)).found


def longer(version: int) -> bytes:
    """A managedAccounts with a field more than any that is declared, in the encoding of a server version."""
    name, direction = "managedAccounts", Direction.TO_CLIENT
    payload = encode(name, direction, version, accountsList="DU1234567")[LENGTH.size :]
    protobuf = BY_NAME[direction, name].encoding(version) == PROTOBUF
    return frame(payload + (UNDECLARED if protobuf else b"secret\0"))


WITH_MORE = Script(on_start=(Raw(longer), Usual.ORDER_ID, Usual.FARMS))
"""A server whose managedAccounts has an undeclared field."""
