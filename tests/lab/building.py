"""What situations are made of: servers that count who comes, forwarders, clients that are there already, listeners that are wedged.

Every builder is a context manager that gives a `Place`: where to connect, and how many connections have come so far, by the peer's count.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from tests.lab.networks import HERE, NOBODY, THERE, OtherMachine, ask_once_for_neighbours, drop_what_goes_to, listener, other_machine
from tests.net.raw_client import RawClient
from twsprobe.capture.model import Close
from twsprobe.net.address import Address
from twsprobe.net.local_system import CLOSE_WAIT, ThisSystem
from twsprobe.net.scenario_table import HTTP
from twsprobe.net.script import Script
from twsprobe.net.serving import LOOPBACK, Serve
from twsprobe.net.simulator import Simulator
from twsprobe.probing.run import Network

FORWARDER = Path(__file__).with_name("forwarder.py")
CLIENTS = 32
"""As many clients as TWS takes (IBKR docs: connectivity)."""
TWS_BACKLOG = 50
"""The queue of a Java server socket unless told otherwise."""
PATIENCE = 10.0
ELSEWHERE_PORT = "4100"
STAND_IN = """
import ctypes, socket, sys
ctypes.CDLL(None).prctl(15, b"java", 0, 0, 0)
sock = socket.socket()
if len(sys.argv) > 5:
    sock.bind(("0.0.0.0", int(sys.argv[5])))
    sock.listen()
print("listening on", file=sys.stderr, flush=True)
sys.stdin.read()
"""
"""A process by the name of java (prctl, PR_SET_NAME), with the arguments of one, that does nothing but listen where it is told to."""


@dataclass(frozen=True)
class Place:
    """Where a situation is. ``arrived`` counts the connections that have come to the peer, those of the lab's own clients included."""

    host: str
    port: int
    arrived: Callable[[], int] = lambda: 0
    network: Network = field(default_factory=Network)
    machine: OtherMachine | None = None
    """Where the peer is, if not on this machine."""


Built = contextlib.AbstractAsyncContextManager[Place]
Builder = Callable[[], Built]


class Peer:
    """Counts the clients that a server takes."""

    def __init__(self, serve: Serve) -> None:
        self.arrived, self._serve = 0, serve

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Count a client and serve it."""
        self.arrived += 1
        await self._serve(stream)


@contextlib.asynccontextmanager
async def serving(serve: Serve, sock: socket.socket) -> AsyncIterator[Peer]:
    """Serve every client of a listening socket while the block runs."""
    peer = Peer(serve)
    async with trio.open_nursery() as nursery:
        listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(sock))]
        nursery.start_soon(partial(trio.serve_listeners, peer.serve, listeners, handler_nursery=nursery))
        yield peer
        nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def tws(scenario: str | Script = "ready", port: int = 7497, version: int = 226, ip: str = LOOPBACK) -> AsyncIterator[Place]:
    """A TWS of some scenario on this machine."""
    async with serving(Simulator(version, scenario).serve, listener(ip, port)) as peer:
        yield Place(ip, port, lambda: peer.arrived)


@contextlib.asynccontextmanager
async def tws_there(scenario: str | Script = "ready", port: int = 7497) -> AsyncIterator[Place]:
    """A TWS on another machine."""
    with other_machine() as other:
        async with serving(Simulator(226, scenario).serve, other.listener(port)) as peer:
            yield Place(THERE, port, lambda: peer.arrived, machine=other)


@contextlib.asynccontextmanager
async def tws_at_own_address(scenario: str | Script, port: int = 7497) -> AsyncIterator[Place]:
    """A TWS on this machine, by this machine's address in its network."""
    with other_machine():
        async with tws(scenario, port, ip=HERE) as place:
            yield place


@contextlib.asynccontextmanager
async def tws_for_loopback(scenario: str | Script, port: int = 7497) -> AsyncIterator[Place]:
    """A TWS on all addresses of this machine that lets loopback in, by the machine's address in its network."""
    trusting, other = Simulator(226), Simulator(226, scenario)

    async def serve(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        await (trusting if stream.socket.getpeername()[0] == LOOPBACK else other).serve(stream)

    with other_machine():
        async with serving(serve, listener("0.0.0.0", port)) as peer:  # noqa: S104  # as TWS does; the lab's network has no way out
            yield Place(HERE, port, lambda: peer.arrived)


@contextlib.asynccontextmanager
async def nothing(port: int, *others: int, host: str = LOOPBACK, resolved: Sequence[str] = ()) -> AsyncIterator[Place]:
    """A port on which nothing listens, and a TWS on each of some other ports. ``resolved`` is what the host's name stands for."""
    async with contextlib.AsyncExitStack() as stack:
        for other in others:
            await stack.enter_async_context(tws(port=other))
        yield Place(host, port, network=resolving(port, resolved) if resolved else Network())


def resolving(port: int, ips: Sequence[str]) -> Network:
    """A name that stands for some addresses."""

    async def resolve(host: str, _: int) -> list[Address]:
        return [(ip, port) for ip in ips]

    return Network(resolve=resolve)


@contextlib.asynccontextmanager
async def one_family(ip: str, port: int, *resolved: str, host: str = "localhost") -> AsyncIterator[Place]:
    """A TWS that listens at one address only, under a name that stands for others too."""
    async with tws(port=port, ip=ip) as place:
        yield dataclasses.replace(place, host=host, network=resolving(port, resolved))


@contextlib.asynccontextmanager
async def no_route(ip: str, port: int = 7497) -> AsyncIterator[Place]:
    """A machine without a route to an address."""
    with other_machine():
        yield Place(ip, port)


@contextlib.asynccontextmanager
async def filtered(port: int = 7497) -> AsyncIterator[Place]:
    """An address on the way to which packets vanish."""
    with other_machine():
        drop_what_goes_to(NOBODY)
        yield Place(NOBODY, port)


@contextlib.asynccontextmanager
async def nobody(port: int = 7497) -> AsyncIterator[Place]:
    """An address of the next network that no machine has."""
    with other_machine():
        ask_once_for_neighbours()
        yield Place(NOBODY, port)


@contextlib.asynccontextmanager
async def wedged(port: int = 4001, backlog: int = TWS_BACKLOG, waiting: int = 0, left: int = 0) -> AsyncIterator[Place]:
    """A listener that accepts nobody any more. ``waiting`` clients are in its queue; the first ``left`` of them have gone again."""
    with listener(LOOPBACK, port, backlog) as sock, contextlib.ExitStack() as stack:
        for index in range(waiting):
            client = stack.enter_context(trio.socket.socket())
            await client.connect(sock.getsockname())
            if index < left:
                client.shutdown(socket.SHUT_WR)
        yield Place(LOOPBACK, port, partial(queued, port))


def queued(port: int) -> int:
    """Connections in the accept queue of a port."""
    return sum(queue.length for queue in ThisSystem().queues() if queue.port == port)


@contextlib.asynccontextmanager
async def program(port: int, *words: str, executable: str | None = None) -> AsyncIterator[Place]:
    """A forwarder that listens on a port and tells on standard error when it does, and whom it accepts, in the words of socat."""
    accepted = 0
    ready = trio.Event()
    # Under another name Python does not find its library by itself.
    environment = None if executable is None else os.environ | {"PYTHONHOME": sys.base_prefix}

    async def read(stream: trio.abc.ReceiveStream) -> None:
        nonlocal accepted
        before = b""
        async for data in stream:
            *lines, before = (before + data).split(b"\n")
            accepted += sum(b"accepting connection from" in line for line in lines)
            if any(b"listening on" in line for line in lines):
                ready.set()

    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            words, executable=executable, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        assert process.stderr is not None
        nursery.start_soon(read, process.stderr)
        try:
            with trio.fail_after(PATIENCE):
                await ready.wait()
            yield Place(LOOPBACK, port, lambda: accepted)
        finally:
            # socat has a child for each connection: the group ends as one.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with trio.CancelScope(shield=True):
                await process.wait()
            nursery.cancel_scope.cancel()


def socat(port: int, ip: str, behind: int) -> Built:
    """The forwarder of most container images; where it is missing, a stand-in that does the same under its name."""
    words = (f"TCP-LISTEN:{port},fork,reuseaddr", f"TCP:{ip}:{behind}")
    found = shutil.which("socat")
    return program(port, *((found, "-d", "-d") if found else (sys.executable, str(FORWARDER), "socat")), *words)


def docker_proxy(port: int, ip: str, behind: int) -> Built:
    """A stand-in for docker-proxy, under its name."""
    words = ("-proto", "tcp", "-host-ip", "0.0.0.0", "-host-port", str(port), "-container-ip", ip, "-container-port", str(behind))  # noqa: S104
    return program(port, sys.executable, str(FORWARDER), "docker-proxy", *words)


@contextlib.asynccontextmanager
async def socat_to_wedged(port: int, behind: int) -> AsyncIterator[Place]:
    """A socat in front of a listener that accepts nobody."""
    async with wedged(behind, waiting=1), socat(port, LOOPBACK, behind) as place:
        yield place


@contextlib.asynccontextmanager
async def socat_to_nowhere(port: int, behind: int) -> AsyncIterator[Place]:
    """A socat whose packets vanish on the way."""
    async with filtered(), socat(port, NOBODY, behind) as place:
        yield place


@contextlib.asynccontextmanager
async def published(port: int, behind: int, scenario: str | Script | None) -> AsyncIterator[Place]:
    """A container with a TWS of some scenario, or nothing, on one of its ports, which docker-proxy publishes."""
    async with contextlib.AsyncExitStack() as stack:
        if scenario is None:
            stack.enter_context(other_machine())
        else:
            await stack.enter_async_context(tws_there(scenario, behind))
        yield await stack.enter_async_context(docker_proxy(port, THERE, behind))


@contextlib.asynccontextmanager
async def with_client(client_id: int, says_taken: bool, port: int = 7497) -> AsyncIterator[Place]:
    """A TWS to which a client is connected. ``says_taken``: it gives the reason when another one comes with the same id."""
    async with tws(Script(says_taken=says_taken), port) as place, await trio.open_tcp_stream(place.host, place.port) as stream:
        await RawClient(stream).start(client_id)
        yield place


@contextlib.asynccontextmanager
async def with_all_clients(port: int = 7497) -> AsyncIterator[Place]:
    """A TWS with as many clients as it takes. Further ones are closed on when they have said who they are."""
    taking, full = Simulator(226), Simulator(226, Script(on_offer=(Close.FIN,)))

    async def serve(stream: trio.abc.Stream) -> None:
        await (full if len(taking.clients) >= CLIENTS else taking).serve(stream)

    async with serving(serve, listener(LOOPBACK, port)) as peer, contextlib.AsyncExitStack() as stack:
        for client_id in range(1, CLIENTS + 1):
            stream = await stack.enter_async_context(await trio.open_tcp_stream(LOOPBACK, port))
            await RawClient(stream).start(client_id)
        yield Place(LOOPBACK, port, lambda: peer.arrived)


@contextlib.asynccontextmanager
async def service(port: int, serve: Callable[[trio.abc.Stream], Awaitable[None]]) -> AsyncIterator[Place]:
    """Some other program on a port."""
    async with serving(serve, listener(LOOPBACK, port)) as peer:
        yield Place(LOOPBACK, port, lambda: peer.arrived)


@contextlib.asynccontextmanager
async def disclaimer_race(port: int = 4002) -> AsyncIterator[Place]:
    """A TWS that sends the first client away for the disclaimer, and takes the next."""
    first, later = Simulator(226, "paper-disclaimer"), Simulator(226)
    came = 0

    async def serve(stream: trio.abc.Stream) -> None:
        nonlocal came
        came += 1
        await (first if came == 1 else later).serve(stream)

    async with serving(serve, listener(LOOPBACK, port)) as peer:
        yield Place(LOOPBACK, port, lambda: peer.arrived)


@contextlib.asynccontextmanager
async def gateway(port: int, listens: bool) -> AsyncIterator[Place]:
    """A process that looks like an IB Gateway that IBC has started. It listens elsewhere than on the port, or not at all."""
    words = ("java", f"-c{STAND_IN}", "-Xmx768m", "-cp", "/opt/jars/jts4launch-1030.jar", "ibcalpha.ibc.IbcGateway", ELSEWHERE_PORT)
    async with program(port, *words[: 7 if listens else 6], executable=sys.executable) as place:
        yield dataclasses.replace(place, arrived=lambda: 0)


async def patient_web_server(stream: trio.abc.Stream) -> None:
    """Waits for a whole request, and closes on none."""
    seen = b""
    async with stream:
        with contextlib.suppress(trio.BrokenResourceError):
            while b"\r\n\r\n" not in seen and (data := await stream.receive_some()):
                seen += data
            if seen:
                await stream.send_all(HTTP)


async def echo(stream: trio.abc.Stream) -> None:
    """Says everything back."""
    async with stream:
        with contextlib.suppress(trio.BrokenResourceError):
            while data := await stream.receive_some():
                await stream.send_all(data)


def close_waits(place: Place) -> int:
    """Sockets in CLOSE_WAIT, at either end of the connections to a place, on both machines."""
    found = [*ThisSystem().sockets().all]
    if place.machine is not None:
        with place.machine.entered():
            found += ThisSystem().sockets().all
    return sum(
        each.state == CLOSE_WAIT and (each.port == place.port or (each.remote is not None and each.remote[1] == place.port))
        for each in found
    )
