"""Scenarios over streams in memory, on a clock that jumps: for tests of the probe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

import twsprobe.net.policy  # noqa: F401  # loaded beforehand: a clock that jumps does not wait for a thread that imports
from tests.net.memory import memory_pair
from twsprobe.capture.model import Close
from twsprobe.net.address import Address
from twsprobe.net.dial import Attempt, Dialed, NoConnection, Unresolved
from twsprobe.net.scenarios import Endpoint, Scenario
from twsprobe.net.simulator import Simulator
from twsprobe.probing.options import Options
from twsprobe.probing.run import Network
from twsprobe.probing.signatures import Stage

TIMEOUT = 5.0


def options_for(scenario: Scenario, **wishes: object) -> Options:
    """What a prober is asked for to see a scenario."""
    ask = scenario.ask
    times = tuple((stage, ask.timeout) for stage in Stage) if ask.timeout is not None else ()
    given = {"client_id": ask.client_id, "sync": ask.sync, "timeout": TIMEOUT, "stage_timeouts": times, **wishes}
    return Options(**given)  # type: ignore[arg-type]


@dataclass
class Scene:
    """A simulated server in memory; each dial opens a connection to it. ``peer`` is the address it seems to have."""

    nursery: trio.Nursery
    scenario: Scenario
    delivery: str = "message"
    server_version: int = 226
    peer: Address = ("127.0.0.1", 7497)
    source: Address = ("127.0.0.1", 50000)
    clock: Callable[[], int] = time.time_ns
    dials: int = 0
    simulator: Simulator | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.scenario.endpoint is Endpoint.SERVER:
            self.simulator = Simulator(self.server_version, self.scenario.script or self.scenario.name, self.delivery, clock=self.clock)

    async def resolve(self, host: str, port: int) -> list[Address]:
        if self.scenario.endpoint is Endpoint.UNRESOLVED:
            raise Unresolved("Name or service not known")
        return [self.peer]

    async def dial(self, addresses: list[Address], timeout: float) -> Dialed:
        if self.simulator is None:
            outcome = {Endpoint.REFUSED: Close.REFUSED, Endpoint.FULL: Close.TIMEOUT, Endpoint.UNREACHABLE: Close.UNREACHABLE}
            end = outcome[self.scenario.endpoint]
            if end is Close.TIMEOUT:
                await trio.sleep(timeout)
            raise NoConnection((Attempt(self.peer, end, "in memory"),), end)
        self.dials += 1
        client, server = memory_pair()
        self.nursery.start_soon(self.simulator.serve, server)
        return Dialed(client, self.source, self.peer, (Attempt(self.peer, None, ""),))

    @property
    def network(self) -> Network:
        """What a run reaches its target with."""
        return Network(self.resolve, self.dial)
