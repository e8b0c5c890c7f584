"""Several servers in memory, each at an address of its own: for tests of what compares one address with another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import trio

import twsprobe.net.policy  # noqa: F401  # loaded beforehand: a clock that jumps does not wait for a thread that imports
from tests.net.memory import memory_pair
from twsprobe.capture.model import Close
from twsprobe.net.account import Account
from twsprobe.net.address import Address
from twsprobe.net.dial import Attempt, Dialed, NoConnection
from twsprobe.net.script import Script
from twsprobe.net.simulator import Simulator
from twsprobe.probing.run import Network

Serve = Callable[[trio.abc.Stream], Awaitable[None]]
LAN, OTHER = "192.168.1.20", "192.168.1.9"
OWN = frozenset({"127.0.0.1", "::1", LAN})
"""The addresses of the machine on which the tests seem to run."""


def with_settings(account: Account, **settings: object) -> Account:
    """An account whose TWS has other API settings; None takes one away."""
    api = account.config["api"]
    changed = {name: value for name, value in {**api["settings"], **settings}.items() if value is not None}
    return account._replace(config={**account.config, "api": {**api, "settings": changed}})


@dataclass
class Peers:
    """``at`` gives what serves an address; what has no entry is refused. ``dials`` counts the connections to each."""

    nursery: trio.Nursery
    at: Mapping[Address, Serve | Script]
    dials: Counter[Address] = field(default_factory=Counter)
    open: int = 0
    most: int = 0
    """How many connections were open at a time, at most."""

    async def resolve(self, host: str, port: int) -> list[Address]:
        return [("::1" if host == "localhost" else host, port)]

    async def dial(self, addresses: list[Address], timeout: float) -> Dialed:
        address = addresses[0]
        server = self.at.get(address)
        if server is None:
            raise NoConnection((Attempt(address, Close.REFUSED, "in memory"),), Close.REFUSED)
        self.dials[address] += 1
        client, inside = memory_pair()
        self.nursery.start_soon(self._serve, server if callable(server) else Simulator(scenario=server).serve, inside)
        source = address[0] if address[0] in OWN else OTHER
        return Dialed(client, (source, 50000), address, (Attempt(address, None, ""),))

    async def _serve(self, serve: Serve, stream: trio.abc.Stream) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await serve(stream)
        finally:
            self.open -= 1

    @property
    def network(self) -> Network:
        """What a run reaches its targets with."""
        return Network(self.resolve, self.dial)
