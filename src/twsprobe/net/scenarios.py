"""Scenarios at an address: what a scenario says, set up so that a client can connect to it.

Most are a simulated server. Those about what happens before a server is reached need the system's help: a port that is bound and does
not listen refuses, a listener whose queue is full answers no SYN, and Linux has no route to the broadcast address of loopback. None of
them sends anything beyond loopback.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio

from twsprobe.net.address import Address
from twsprobe.net.scenario_table import SCENARIOS, Ask, Endpoint, Scenario
from twsprobe.net.serving import LOOPBACK
from twsprobe.net.simulator import simulator

__all__ = ["SCENARIOS", "Ask", "Endpoint", "Scenario", "scenario_target"]

ROUTELESS = "127.255.255.255"
"""The broadcast address of loopback: connecting to it fails at once with ENETUNREACH (measured on Linux)."""
NAMELESS = "tws.invalid"
"""A name that never has an address (RFC 2606)."""
TWS_PORT = 7497
"""Part of a target that no connection reaches."""


@asynccontextmanager
async def scenario_target(name: str, **options: Any) -> AsyncIterator[Address]:
    """Set a scenario up while the block runs; gives the host and the port to connect to.

    ``options`` go to ``simulator`` where the scenario has a server, and are not used otherwise. Raises ValueError for a name that is no
    scenario, or one that this system cannot set up.
    """
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise ValueError(f"no scenario is called {name}; there are {', '.join(SCENARIOS)}")
    if not scenario.supported:
        raise ValueError(f"scenario {name} cannot be set up here: {scenario.unsupported}")
    async with AsyncExitStack() as stack:
        if scenario.endpoint is Endpoint.SERVER:
            yield await stack.enter_async_context(simulator(scenario=name, **options))
        elif scenario.endpoint is Endpoint.REFUSED:
            yield stack.enter_context(bound()).getsockname()
        elif scenario.endpoint is Endpoint.FULL:
            yield await stack.enter_async_context(full_listener())
        else:
            yield ROUTELESS if scenario.endpoint is Endpoint.UNREACHABLE else NAMELESS, TWS_PORT


def bound() -> trio.socket.SocketType:
    """A socket that has a free port of loopback and does not listen on it."""
    sock = socket.socket()
    sock.bind((LOOPBACK, 0))
    return trio.socket.from_stdlib_socket(sock)


@asynccontextmanager
async def full_listener() -> AsyncIterator[Address]:
    """A listener whose queue of one is full, so that further SYNs stay unanswered."""
    with bound() as listener, trio.socket.socket() as waiting:
        listener.listen(0)
        await waiting.connect(listener.getsockname())
        yield listener.getsockname()
