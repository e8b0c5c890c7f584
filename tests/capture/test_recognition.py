"""Which connections are TWS, and which end is the server."""

from __future__ import annotations

import pytest

from twsprobe.capture.packets import Endpoint
from twsprobe.capture.recognition import LOOKED_AT, PORTS, Recognition, Sign
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import encode

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
HOST, PEER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
ASKED = encode("reqMktData", TO_SERVER, 176, reqId=1, contract={"symbol": "AAPL"}) * 2
TOLD = encode("tickPrice", TO_CLIENT, 176, reqId=1, tickType=1, price=1.5) * 2


def between(port: int, other: int, client: int | None = None) -> Recognition:
    return Recognition((Endpoint(HOST, port), Endpoint(PEER, other)), client)


@pytest.mark.parametrize("port", sorted(PORTS))
def test_a_known_port_is_tws_at_once(port: int) -> None:
    for found in (between(50000, port), between(50000, port, 0)):
        assert (found.is_tws, found.server) == (True, 1)
    assert between(port, 50000).server == 0
    # The handshake is worth more than the port.
    assert (between(50000, port, 1).server, between(50000, port, 1).sign) == (0, Sign.HANDSHAKE)


def test_a_client_seen_from_the_beginning_has_to_begin_with_the_prefix() -> None:
    found = between(50000, 5000, 0)
    found.look(1, b"a server that speaks first")
    found.look(0, b"AP")
    known = [found.is_tws]
    found.look(0, offer(100, 176)[2:])
    assert [*known, found.is_tws] == [None, True]
    assert (found.server, found.sign) == (1, Sign.HANDSHAKE)
    other = between(50000, 5000, 0)
    other.look(0, b"GET / HTTP/1.1\r\n")
    assert other.is_tws is False


def test_a_client_that_says_nothing_is_none() -> None:
    found = between(50000, 5000, 0)
    found.look(1, greeting(176, b""))
    found.conclude()
    assert found.is_tws is False
    talking = between(50000, 5000, 0)
    talking.look(1, bytes(LOOKED_AT))
    assert talking.is_tws is False


@pytest.mark.parametrize("sender", [0, 1])
def test_the_prefix_tells_the_client(sender: int) -> None:
    found = between(5000, 50000)
    found.look(sender, offer(100, 176))
    assert (found.is_tws, found.server, found.sign) == (True, 1 - sender, Sign.PREFIX)
    # It is worth more than a port, if it is the first that is seen.
    known = between(7497, 50000)
    known.look(sender, offer(100, 176))
    assert (known.server, known.sign) == (1 - sender, Sign.PREFIX)
    late = between(7497, 50000)
    late.look(1, b"x")
    late.look(0, offer(100, 176))
    assert (late.server, late.sign) == (0, Sign.PORT)


@pytest.mark.parametrize("server", [0, 1])
def test_messages_tell_the_server(server: int) -> None:
    asking = between(5000, 50000)
    asking.look(1 - server, b"torn\0" + ASKED)
    asking.conclude()
    assert (asking.is_tws, asking.server, asking.sign) == (True, server, Sign.MESSAGES)
    telling = between(5000, 50000)
    telling.look(server, b"torn\0" + TOLD)
    telling.conclude()
    assert (telling.is_tws, telling.server, telling.sign) == (True, server, Sign.MESSAGES)


def test_where_nothing_tells_it_is_the_lower_port() -> None:
    found = between(7497, 4001)
    found.conclude()
    assert (found.is_tws, found.server, found.sign) == (True, 1, Sign.LOWER_PORT)


def test_what_never_looks_like_messages_is_left_out() -> None:
    for data in (b"SSH-2.0-OpenSSH_9.2\r\n" * 3, bytes(100), b"\x16\x03\x01\x02\x00" * 20):
        found = between(22, 50000)
        found.look(0, data)
        assert found.is_tws is None
        found.conclude()
        assert found.is_tws is False
    long = between(22, 50000)
    for _ in range(LOOKED_AT // 1000 + 1):
        long.look(1, b"x" * 1000)
    assert long.is_tws is False


def test_where_the_beginning_is_missing_messages_tell() -> None:
    found = between(50000, 5000, 0)
    found.miss(1)
    found.miss(0)
    found.look(0, ASKED)
    found.conclude()
    assert (found.is_tws, found.server, found.sign) == (True, 1, Sign.HANDSHAKE)
