"""Local evidence as a table: what is looked for among the facts of this machine, in which words, and which causes it raises and lowers.

The order is that of the output: who listens first, traps last. Rule: a row speaks of facts only, and weighs on a cause only where the
fact bears on it. TWS asks about an address after it has accepted the connection, so a connection that was never accepted speaks against
every cause that has to do with trust. A Python program that listens is neither TWS nor another service for sure: forwarders, recorders
and stand-ins are written in it, this program's own among them. What files and logs say is in `local_table_settings`.
Known doubts: whether the port listens before the login is finished; a queue is told on Linux only.
"""

from __future__ import annotations

from collections.abc import Iterator

from twsprobe.net.address import shown_address
from twsprobe.net.local_processes import JAVA, LAUNCHERS, App
from twsprobe.net.local_system import LISTEN
from twsprobe.probing.local import Evidence, Row
from twsprobe.probing.local_machine import Machine
from twsprobe.probing.local_table_settings import SETTINGS_ROWS
from twsprobe.probing.observation import API_PORTS
from twsprobe.probing.signatures import Signature

MOST_CLIENTS = 32
"""API clients of one TWS or Gateway (IBKR docs: connectivity)."""
YOUNG, OLD = 120.0, 900.0
"""Seconds after its start within which an application may not be ready, and after which it certainly has been started."""
SMALL_HEAP_MIB = 700
"""IB Gateway is installed with 768."""
PYTHON = ("python", "pypy", "twsprobe")
"""How the names of programs begin that are written in Python."""
DOCKER = frozenset({"docker-proxy", "com.docker.backend", "rootlessport"})
_TRUST = ("untrusted-address", "dialog-pending", "dialog-refused", "container-inner-port")
_NOT_ACCEPTED_SO_NOT = (*_TRUST, "login-unfinished", "api-not-enabled", "greeting-not-understood", "client-portal", "other-service")
_NOT_UP = ("app-not-running", "login-unfinished", "api-not-enabled", "app-starting", "nightly-restart")


def length(seconds: float) -> str:
    """A length of time in its largest unit: "40 s", "12 min", "3 h", "2 days"."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def who(machine: Machine, app: App) -> str:
    """A program, its process and its age."""
    heap = f", at most {app.heap_mib} MB of memory" if app.heap_mib else ""
    age = f", up {length(machine.now - app.started)}" if app.started else ""
    return f"{app.label} (process {app.pid}{age}{heap}{', started by IBC' if app.by_ibc else ''})"


def listener_app(machine: Machine) -> Iterator[str]:
    """TWS or the Gateway itself listens."""
    if machine.owner is not None and machine.owner in machine.apps:
        yield f"{who(machine, machine.owner)} listens on port {machine.observation.target_port}."


def listener_portal(machine: Machine) -> Iterator[str]:
    """The Client Portal Gateway listens."""
    if machine.owner is not None and machine.owner.product == "client-portal":
        yield f"{who(machine, machine.owner)} listens on port {machine.observation.target_port}."


def listener_other(machine: Machine) -> Iterator[str]:
    """A program listens that is neither TWS nor a forwarder."""
    name = machine.owner_name
    java = machine.owner is not None and machine.owner.product == "other"
    # A Java program of another user may be TWS.
    other = name and machine.owner is None and machine.forwarder is None and not name.startswith((*PYTHON, *JAVA)) and name not in LAUNCHERS
    if java or other:
        what = "A Java program other than TWS" if java else f"The program {name}"
        yield f"{what} (process {pids(machine)}) listens on port {machine.observation.target_port}."


def listener_python(machine: Machine) -> Iterator[str]:
    """A Python program listens."""
    name = machine.owner_name
    if name and name.startswith(PYTHON):
        what = f"A Python program (process {pids(machine)})"
        yield f"{what} listens on port {machine.observation.target_port}: a forwarder or a stand-in, not TWS."


def pids(machine: Machine) -> str:
    """The processes that listen."""
    return ", ".join(map(str, machine.port.owners)) if machine.port else ""


def listener_forwarder(machine: Machine) -> Iterator[str]:
    """A forwarder listens."""
    if machine.forwarder is not None:
        target = f", which passes it on to {shown_address(machine.forwarder.target)}" if machine.forwarder.target else ""
        port = machine.observation.target_port
        yield f"The forwarder {machine.forwarder.name} (process {machine.forwarder.pid}) listens on port {port}{target}."


def container_port(machine: Machine) -> int | None:
    """The port inside the container that a forwarder of Docker passes on to."""
    forwarder = machine.forwarder
    return forwarder.target[1] if forwarder and forwarder.name in DOCKER and forwarder.target else None


def inner_port(machine: Machine) -> Iterator[str]:
    """Docker publishes the application's own port."""
    port = container_port(machine)
    if port is not None and port in API_PORTS and not API_PORTS[port].forwarded:
        yield f"Docker passes this port on to {port} in the container, by convention the application's own, which sees a bridge's address."


def outer_port(machine: Machine) -> Iterator[str]:
    """Docker publishes the port of a forwarder inside the container."""
    port = container_port(machine)
    if port is not None and port in API_PORTS and API_PORTS[port].forwarded:
        yield f"Docker passes this port on to {port} in the container, by convention a forwarder's, which comes from loopback."


def backend_gone(machine: Machine) -> Iterator[str]:
    """Nothing listens behind the forwarder."""
    if machine.backend_port is not None and machine.listens(machine.backend_port) is False:
        yield f"Nothing listens on port {machine.backend_port} of this machine, where the forwarder passes on to."


def backend_listens(machine: Machine) -> Iterator[str]:
    """Something listens behind the forwarder."""
    if machine.backend_port is not None and machine.listens(machine.backend_port):
        yield f"Port {machine.backend_port} of this machine, where the forwarder passes on to, is listening."


def backend_queue(machine: Machine) -> Iterator[str]:
    """What listens behind the forwarder does not accept."""
    waiting = max((queue.length for queue in machine.queues if queue.port == machine.backend_port), default=0)
    if machine.backend_port is not None and waiting:
        yield f"{counted(waiting, 'connection')} to port {machine.backend_port}, behind the forwarder, {wait(waiting)} to be accepted."


def counted(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def wait(number: int) -> str:
    """The verb for a number of things that wait."""
    return "waits" if number == 1 else "wait"


def queue_full(machine: Machine) -> Iterator[str]:
    """The queue takes no more."""
    port = machine.port
    if port and port.queue_full and port.queue_limit is not None:
        waiting = f"{counted(port.queued or 0, 'connection')} {wait(port.queued or 0)}"
        yield f"The accept queue of port {port.port} is full: {waiting}, its limit is {port.queue_limit}."


def queue_waiting(machine: Machine) -> Iterator[str]:
    """Connections are not accepted."""
    port = machine.port
    if port and port.queued and not port.queue_full:
        limit = "" if port.queue_limit is None else f" (the queue takes {port.queue_limit})"
        yield f"{counted(port.queued, 'connection')} to port {port.port} {wait(port.queued)} to be accepted{limit}."


def queue_empty(machine: Machine) -> Iterator[str]:
    """Every connection was accepted."""
    port = machine.port
    if (
        port
        and port.listeners
        and port.queued == 0
        and machine.observation.signature in (Signature.SILENT_HANDSHAKE, Signature.TCP_TIMEOUT)
    ):
        yield f"No connection to port {port.port} waits to be accepted: the program behind it takes them."


def close_waits(machine: Machine) -> Iterator[str]:
    """Connections that clients have closed and the program has not."""
    port = machine.port
    if port and port.close_wait:
        were = "was" if port.close_wait == 1 else "were"
        what = f"{counted(port.close_wait, 'connection')} on port {port.port} {were} closed by the client"
        yield f"{what}, but not yet by the program (CLOSE_WAIT)."


def close_waits_app(machine: Machine) -> Iterator[str]:
    """The same at the application, or at what may be it."""
    return iter(()) if machine.forwarder else close_waits(machine)


def close_waits_forwarder(machine: Machine) -> Iterator[str]:
    """The same at a forwarder."""
    return close_waits(machine) if machine.forwarder else iter(())


def clients_many(machine: Machine) -> Iterator[str]:
    """As many clients as TWS takes."""
    if machine.port and machine.port.clients >= MOST_CLIENTS:
        yield f"{machine.port.clients} clients are connected to port {machine.port.port}; TWS takes {MOST_CLIENTS}."


def clients_some(machine: Machine) -> Iterator[str]:
    """Other clients are connected."""
    port = machine.port
    if port and 0 < port.clients < MOST_CLIENTS:
        yield f"{counted(port.clients, 'client')} {'is' if port.clients == 1 else 'are'} connected to port {port.port} besides this one."


def clients_none(machine: Machine) -> Iterator[str]:
    """No other client is connected."""
    port = machine.port
    if port and port.whole and port.listeners and not port.clients and not port.close_wait and machine.forwarder is None:
        yield f"No other client is connected to port {port.port}."


def no_listener(machine: Machine) -> Iterator[str]:
    """Nothing listens on the port."""
    if machine.port and machine.port.whole and not machine.port.listeners:
        yield f"Nothing on this machine listens on port {machine.port.port}."


def at_other_address(machine: Machine) -> Iterator[str]:
    """The port listens, but not at the address tried."""
    port, peer = machine.port, machine.observation.peer
    if port and port.listeners and peer and not port.serves(peer):
        yield f"Port {port.port} listens at {' and '.join(sorted({each.ip for each in port.listeners}))} only, not at {peer}."


def not_at_ipv6(machine: Machine) -> Iterator[str]:
    """The same for an IPv6 address."""
    return at_other_address(machine) if ":" in (machine.observation.peer or "") else iter(())


def not_at_ipv4(machine: Machine) -> Iterator[str]:
    """The same for an IPv4 address."""
    return iter(()) if ":" in (machine.observation.peer or "") else at_other_address(machine)


def elsewhere(machine: Machine) -> Iterator[str]:
    """TWS or the Gateway listens on another port, and nothing on this one."""
    if machine.port and not machine.port.listeners:
        for app in machine.apps:
            if ports := machine.ports_of(app):
                yield f"{who(machine, app)} listens on port {' and '.join(map(str, ports))} instead."


def other_mode(machine: Machine) -> Iterator[str]:
    """What listens instead is the port of the other mode."""
    here = API_PORTS.get(machine.observation.target_port)
    if here and machine.port and not machine.port.listeners:
        found = {API_PORTS[port] for app in machine.apps for port in machine.ports_of(app) if port in API_PORTS}
        if any(each.product == here.product and each.mode != here.mode for each in found):
            yield f"By convention that is the port of the other mode than {here.mode}."


def without_port(machine: Machine) -> Iterator[App]:
    """Programs that run and serve no API port, where nothing listens on the one asked for. Only where all sockets are shown."""
    if machine.port and machine.port.whole and not machine.port.listeners:
        yield from (app for app in machine.apps if not machine.ports_of(app))


def is_young(machine: Machine, app: App) -> bool:
    """A program has just been started, and a login takes its time."""
    return bool(app.started) and machine.now - app.started < YOUNG


def idle(machine: Machine) -> Iterator[str]:
    """TWS or the Gateway runs, and serves no API, though it has had the time for a login."""
    yield from (f"{who(machine, app)} runs, but listens on no API port." for app in without_port(machine) if not is_young(machine, app))


def idle_young(machine: Machine) -> Iterator[str]:
    """The same for one that has just been started."""
    yield from (f"{who(machine, app)} runs, but listens on no API port yet." for app in without_port(machine) if is_young(machine, app))


def idle_tws(machine: Machine) -> Iterator[str]:
    """The same for TWS, where the API has to be switched on."""
    if any(app.product == "tws" for app in without_port(machine)):
        yield "In TWS the API is off after installation."


def absent(machine: Machine) -> Iterator[str]:
    """No TWS and no Gateway runs, and no known API port listens. A container's processes are not shown in another one."""
    sockets, running = machine.sockets, machine.running
    if machine.observation.in_container or sockets is None or not sockets.whole or running is None or running.hidden or machine.apps:
        return
    if not any(each.state == LISTEN and each.port in {*API_PORTS, machine.observation.target_port} for each in sockets.all):
        yield "No TWS and no IB Gateway is among the processes of this machine."


def young(machine: Machine) -> Iterator[str]:
    """The application has just been started."""
    if machine.app and is_young(machine, machine.app):
        yield f"{machine.app.label} was started {length(machine.now - machine.app.started)} ago."


def old(machine: Machine) -> Iterator[str]:
    """The application has been up for long."""
    if machine.app and machine.app.started and machine.now - machine.app.started > OLD:
        yield f"{machine.app.label} has been up for {length(machine.now - machine.app.started)}."


def small_heap(machine: Machine) -> Iterator[str]:
    """The application has little memory."""
    if machine.app and machine.app.heap_mib and machine.app.heap_mib < SMALL_HEAP_MIB:
        yield f"{machine.app.label} may use {machine.app.heap_mib} MB of memory (-Xmx), less than it is installed with."


def everywhere(machine: Machine) -> Iterator[str]:
    """A trap: all addresses are bound whatever the setting says."""
    if machine.port and machine.port.everywhere and machine.owner in machine.apps:
        yield "It listens on all addresses, which says nothing of other machines: TWS checks addresses only after accepting."


MACHINE_ROWS: tuple[Row, ...] = (
    Row(
        "listener-tws",
        listener_app,
        lowers=(
            *("app-not-running", "other-service", "client-portal", "forwarder-dead-backend", "forwarder-backend-hangs"),
            *("container-inner-port", "container-loopback", "wrong-address", "ibc-command-server"),
        ),
    ),
    Row("listener-forwarder", listener_forwarder, raises=("forwarder-dead-backend", "forwarder-backend-hangs"), lowers=("other-service",)),
    Row("listener-client-portal", listener_portal, raises=("client-portal",), lowers=("api-wedged", *_TRUST)),
    Row("listener-other", listener_other, raises=("other-service",), lowers=("api-wedged", "app-starting", "login-unfinished", *_TRUST)),
    Row("listener-python", listener_python),
    Row("container-inner-port", inner_port, raises=("container-inner-port",)),
    Row("container-outer-port", outer_port, lowers=("container-inner-port", "container-port-mapping")),
    Row("backend-gone", backend_gone, raises=("forwarder-dead-backend",), lowers=("forwarder-backend-hangs", "api-wedged", *_TRUST)),
    Row("backend-listens", backend_listens, raises=("forwarder-backend-hangs",), lowers=("forwarder-dead-backend",)),
    Row("backend-queue", backend_queue, raises=("forwarder-backend-hangs", "api-wedged"), lowers=_NOT_ACCEPTED_SO_NOT),
    Row("queue-full", queue_full, raises=("accept-queue-full", "api-wedged", "app-frozen"), lowers=(*_NOT_ACCEPTED_SO_NOT, "firewall")),
    Row("queue-waiting", queue_waiting, raises=("api-wedged", "app-frozen"), lowers=_NOT_ACCEPTED_SO_NOT),
    Row("queue-empty", queue_empty, lowers=("accept-queue-full", "app-frozen")),
    Row("close-wait", close_waits_app, raises=("api-wedged", "client-id-stuck")),
    Row("close-wait-forwarder", close_waits_forwarder, raises=("forwarder-backend-hangs",)),
    Row("clients-full", clients_many, raises=("too-many-clients",), lowers=("login-unfinished", "api-not-enabled", "app-starting")),
    Row(
        "clients-connected",
        clients_some,
        raises=("client-id-clash",),
        lowers=("too-many-clients", "login-unfinished", "api-not-enabled", "app-starting", "client-id-transient"),
    ),
    Row("clients-none", clients_none, raises=("client-id-stuck", "client-id-transient"), lowers=("too-many-clients", "client-id-clash")),
    Row("no-listener", no_listener, lowers=("firewall", "accept-queue-full", "ipv6-localhost")),
    Row("not-at-ipv6", not_at_ipv6, raises=("ipv6-localhost",), lowers=(*_NOT_UP, "wrong-port", "live-paper-mixup")),
    Row("not-at-address", not_at_ipv4, raises=("wrong-address",), lowers=(*_NOT_UP, "wrong-port", "live-paper-mixup")),
    Row("app-elsewhere", elsewhere, raises=("wrong-port",), lowers=(*_NOT_UP, "container-loopback")),
    Row("app-other-mode", other_mode, raises=("live-paper-mixup",)),
    Row(
        "app-without-port",
        idle,
        raises=("login-unfinished",),
        lowers=("app-not-running", "container-loopback", "wrong-port", "live-paper-mixup"),
    ),
    Row(
        "app-without-port-yet",
        idle_young,
        raises=("app-starting",),
        lowers=("app-not-running", "container-loopback", "wrong-port", "live-paper-mixup"),
    ),
    Row("tws-without-port", idle_tws, raises=("api-not-enabled",)),
    Row(
        "app-absent",
        absent,
        raises=("app-not-running",),
        lowers=("login-unfinished", "api-not-enabled", "app-starting", "competing-session"),
    ),
    Row("app-young", young, raises=("app-starting", "nightly-restart", "client-id-transient"), lowers=("api-wedged",)),
    Row("app-old", old, lowers=("app-starting", "nightly-restart", "client-id-transient")),
    Row("small-heap", small_heap, raises=("app-frozen",)),
)
"""What sockets and processes say."""

TRAPS: tuple[Row, ...] = (Row("bound-everywhere", everywhere),)

ROWS: tuple[Row, ...] = (*MACHINE_ROWS, *SETTINGS_ROWS, *TRAPS)
"""Every row, in the order of the output."""


def pieces(machine: Machine) -> tuple[Evidence, ...]:
    """All evidence that the facts of a machine hold."""
    return tuple(Evidence(row.id, text, row.raises, row.lowers) for row in ROWS for text in row.find(machine))
