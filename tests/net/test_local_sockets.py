"""The facts of a port, by sockets made for real and by made-up ones."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack

import pytest

from tests.net.fake_system import listener
from twsprobe.net.local_sockets import port_facts
from twsprobe.net.local_system import CLOSE_WAIT, ESTABLISHED, Queue, Sockets, TcpSocket, ThisSystem


@pytest.mark.skipif(sys.platform == "darwin" and os.getuid() != 0, reason="macOS shows the sockets to root only")
def test_a_census_of_real_sockets() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = server.getsockname()
        clients = [socket.create_connection(address, 5) for _ in range(4)]
        accepted = [stack.enter_context(server.accept()[0]) for _ in clients]
        for client, other in list(zip(clients, accepted, strict=True))[:2]:
            client.close()
            assert other.recv(1) == b""  # the close has arrived, so this end stands in CLOSE_WAIT
        ours = stack.enter_context(clients[2]).getsockname()
        stack.enter_context(clients[3])
        facts = port_facts(address[1], ThisSystem().sockets(), own=[ours])
    assert (facts.close_wait, facts.established, facts.clients) == (2, 1, 1)
    assert facts.owners == (os.getpid(),)
    assert facts.serves("127.0.0.1")
    assert not facts.serves("::1")


def test_connections_that_wait_are_no_clients() -> None:
    sockets = Sockets(
        (
            listener(4002, 7),
            *(TcpSocket("::ffff:127.0.0.1", 4002, ESTABLISHED, ("::ffff:127.0.0.1", port)) for port in (50000, 50001, 50002)),
            TcpSocket("::ffff:127.0.0.1", 4002, CLOSE_WAIT, ("::ffff:127.0.0.1", 50003)),
            TcpSocket("127.0.0.1", 50000, ESTABLISHED, ("127.0.0.1", 4002)),
        )
    )
    facts = port_facts(4002, sockets, [Queue("::", 4002, 2, 1, 0), Queue("::", 1, 9, 9)], own=[("127.0.0.1", 50003)])
    assert (facts.established, facts.close_wait, facts.queued, facts.clients) == (3, 0, 2, 1)
    assert facts.queue_full
    assert facts.everywhere
    assert facts.serves("192.0.2.1")
    assert facts.user_id == 0


def test_a_queue_at_its_limit_takes_one_more() -> None:
    assert not port_facts(1, Sockets((listener(1),)), [Queue("::", 1, 50, 50)]).queue_full
    assert port_facts(1, Sockets((listener(1),)), [Queue("::", 1, 51, 50)]).queue_full
    assert not port_facts(1, Sockets((listener(1),)), [Queue("::", 1, 51, None)]).queue_full


def test_a_port_that_nothing_listens_on() -> None:
    facts = port_facts(4002, Sockets(()))
    assert facts.listeners == ()
    assert facts.owners == ()
    assert facts.queued is None
    assert not facts.serves("127.0.0.1")


def test_an_ipv4_listener_takes_no_ipv6() -> None:
    facts = port_facts(4004, Sockets((listener(4004, ip="0.0.0.0"),)))  # noqa: S104  # compared, not bound
    assert facts.serves("127.0.0.1")
    assert not facts.serves("::1")
