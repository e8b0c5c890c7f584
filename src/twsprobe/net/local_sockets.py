"""One port of this machine: who listens, how many connections wait to be accepted, and in which state the accepted ones are.

Each connection over loopback is two sockets here; the server's is the one whose own port is the port asked about. An established
connection may still wait to be accepted, so the connected clients are at most the established ones less the queue. The probe's own
connection stands in CLOSE_WAIT at a server that does not read, and is left out of the count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from twsprobe.net.address import Address
from twsprobe.net.local_system import CLOSE_WAIT, ESTABLISHED, LISTEN, Queue, Sockets, TcpSocket

ANY = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # compared, not bound


class PortFacts(NamedTuple):
    """What is to be seen of one port."""

    port: int
    listeners: tuple[TcpSocket, ...]
    whole: bool
    """All sockets of the machine were shown, so that no listener means that there is none."""
    established: int
    close_wait: int
    queued: int | None
    """Connections that wait to be accepted; None where it is not told."""
    queue_limit: int | None
    user_id: int | None
    """The user whose program listens, where it is told."""

    @property
    def owners(self) -> tuple[int, ...]:
        """The processes that listen."""
        return tuple(dict.fromkeys(each.pid for each in self.listeners if each.pid is not None))

    @property
    def queue_full(self) -> bool:
        """The queue takes no more."""
        return self.queued is not None and self.queue_limit is not None and self.queued > self.queue_limit

    @property
    def clients(self) -> int:
        """Connected clients that the program has accepted, by the count of sockets."""
        return max(self.established - (self.queued or 0), 0)

    @property
    def everywhere(self) -> bool:
        """It listens on all addresses of the machine."""
        return any(each.ip in ANY for each in self.listeners)

    def serves(self, ip: str) -> bool:
        """Whether a listener takes connections to an address of this machine. ``::`` takes IPv4 as well, as the systems set it up."""
        any_of_family = {"::", ""} if ":" in ip else ANY
        return any(each.ip in any_of_family or each.ip == ip for each in self.listeners)


def port_facts(port: int, sockets: Sockets, queues: Iterable[Queue] = (), own: Collection[Address] = ()) -> PortFacts:
    """The facts of one port. ``own`` are this program's ends of its own connections to it."""
    here = [each for each in sockets.all if each.port == port]
    ours = {plain(address) for address in own}
    accepted = [each for each in here if each.state != LISTEN and (each.remote is None or plain(each.remote) not in ours)]
    waiting = [queue for queue in queues if queue.port == port]
    fullest = max(waiting, key=lambda queue: queue.length, default=None)
    return PortFacts(
        port,
        tuple(each for each in here if each.state == LISTEN),
        sockets.whole,
        sum(each.state == ESTABLISHED for each in accepted),
        sum(each.state == CLOSE_WAIT for each in accepted),
        None if fullest is None else fullest.length,
        None if fullest is None else fullest.limit,
        None if fullest is None else fullest.user_id,
    )


def plain(address: Address) -> Address:
    """An address without the IPv6 form of an IPv4 one, which a dual-stack listener sees."""
    return address[0].lower().removeprefix("::ffff:"), address[1]
