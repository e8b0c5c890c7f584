"""The little HTTP server: what it answers, and that nothing a client sends gets more out of it."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.net.memory import connected, memory_pair
from twsprobe.net.http import ANSWER_TIMEOUT, HEAD_TIMEOUT, MOST_HEAD, HttpServer, Refused, Request, Response, encoded, parse

PLAIN = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def echo(request: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return Response(200, f"{request.path} {dict(request.query)}".encode())


async def answered(data: bytes, server: HttpServer | None = None, *, end: bool = True) -> bytes:
    """All that comes back for some bytes."""
    async with trio.open_nursery() as nursery:
        client = connected(nursery, (server or HttpServer(echo)).serve)
        received = b""
        try:
            await client.send_all(data)
            if end:
                await client.send_eof()
            while chunk := await client.receive_some():
                received += chunk
        except trio.BrokenResourceError:
            pass
        await client.aclose()
    return received


def status(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


async def test_a_get(autojump_clock: trio.testing.MockClock) -> None:
    received = await answered(b"GET /probe?target=127.0.0.1%3A4002&x= HTTP/1.1\r\nHost: localhost:9\r\nAccept: */*\r\n\r\n", end=False)
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == b"/probe {'target': '127.0.0.1:4002', 'x': ''}"
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Connection: close" in head


async def test_a_head_has_no_body(autojump_clock: trio.testing.MockClock) -> None:
    received = await answered(PLAIN.replace(b"GET", b"HEAD"))
    assert received.endswith(b"\r\n\r\n")
    assert b"Content-Length: 11" in received


@pytest.mark.parametrize("size", [1, 3, len(PLAIN) - 1])
async def test_a_head_may_come_in_pieces(size: int, autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        client = connected(nursery, HttpServer(echo).serve)
        for start in range(0, len(PLAIN), size):
            await client.send_all(PLAIN[start : start + size])
            await trio.sleep(0.01)
        assert status(await client.receive_some()) == 200
        await client.aclose()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /?" + b"&".join(b"a%d=1" % number for number in range(99)) + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET /" + b"a" * MOST_HEAD + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * MOST_HEAD, 431),
    ],
)
async def test_what_breaks_the_grammar_gets_its_status_and_none_of_its_own_words(
    data: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    received = await answered(data)
    assert status(received) == code
    assert b"evil" not in received
    assert (b"Allow: GET, HEAD" in received) is (code == 405)


async def test_a_client_that_asks_nothing_gets_nothing(autojump_clock: trio.testing.MockClock) -> None:
    assert await answered(b"") == b""
    assert await answered(b"GET / HT") == b""


async def test_a_head_that_does_not_become_whole_ends_in_time(autojump_clock: trio.testing.MockClock) -> None:
    assert status(await answered(b"GET / HTTP/1.1\r\n", end=False)) == 408
    assert trio.current_time() < HEAD_TIMEOUT + 6


async def test_an_answer_that_takes_too_long(autojump_clock: trio.testing.MockClock) -> None:
    async def never(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    assert status(await answered(PLAIN, HttpServer(never), end=False)) == 503
    assert trio.current_time() < ANSWER_TIMEOUT + 6


async def test_clients_beyond_the_limit_are_turned_away_and_places_become_free(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpServer(echo, most_clients=2)
    async with trio.open_nursery() as nursery:
        waiting = [connected(nursery, server.serve) for _ in range(2)]
        await trio.testing.wait_all_tasks_blocked()
        assert status(await answered(PLAIN, server)) == 503
        for each in waiting:
            await each.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert status(await answered(PLAIN, server)) == 200
    assert server.clients == 0


async def test_a_client_that_resets_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpServer(echo)
    async with trio.open_nursery() as nursery:
        client, end = memory_pair()
        nursery.start_soon(server.serve, end)
        await client.send_all(b"GET")
        client.reset()
    assert server.clients == 0


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_no_head_raises_anything_but_a_refusal(data: bytes) -> None:
    try:
        path = parse(data)[0].path
    except Refused as fault:
        path = encoded(fault.response).decode("ascii")
    assert path.startswith(("/", "HTTP/1.1 "))
