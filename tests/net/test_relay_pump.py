"""The thread that moves a connection's bytes, without Trio."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.net.relaying import PATIENCE, Kept, closes, passed
from twsprobe.capture.model import Chunk, Close, Record
from twsprobe.net.polling import Poller, Selecting, best_poller
from twsprobe.net.relay_pump import Link, OnRecordError, Tape, connected
from twsprobe.net.serving import NO_LINGER
from twsprobe.wire.framing import Direction

WAYS = pytest.mark.parametrize("poller", [best_poller, Selecting])
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
BIG = 32 << 20
"""More than the buffers of both connections hold."""


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    for sock in (one, other):
        # What waits to be sent is dropped by a reset, so nothing may wait.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.settimeout(PATIENCE)
    return one, other


class Pumped(NamedTuple):
    client: socket.socket
    server: socket.socket
    link: Link
    thread: threading.Thread
    kept: Kept

    def done(self) -> None:
        """The link has ended by itself; its sockets are closed as the relay does."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        self.link.close()


@contextlib.contextmanager
def pumped(poller: Callable[[], Poller], tape: Tape | None = None) -> Iterator[Pumped]:
    kept = Kept()
    (client, near_client), (server, near_server) = tcp_pair(), tcp_pair()
    for sock in (near_client, near_server):
        sock.setblocking(False)
    link = Link(7, near_client, near_server, tape or Tape(kept), poller)
    thread = threading.Thread(target=link.run)
    thread.start()
    with client, server:
        try:
            yield Pumped(client, server, link, thread, kept)
        finally:
            link.cut()
            thread.join(PATIENCE)
            link.close()
    assert not thread.is_alive()


def all_of(sock: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        data = sock.recv(1 << 20)
        assert data
        found += data
    return found


@WAYS
def test_bytes_go_both_ways_and_are_counted(poller: Callable[[], Poller]) -> None:
    with pumped(poller) as run:
        run.client.sendall(b"question")
        assert run.server.recv(100) == b"question"
        run.server.sendall(b"answer")
        assert run.client.recv(100) == b"answer"
        run.client.shutdown(socket.SHUT_WR)
        assert run.server.recv(100) == b""
        run.server.shutdown(socket.SHUT_WR)
        assert run.client.recv(100) == b""
        run.done()
        assert run.link.moved() == {TO_SERVER: 8, TO_CLIENT: 6}
    assert {each.connection for each in run.kept.records} == {7}


@WAYS
def test_what_a_receiver_does_not_take_is_held_and_comes_in_order(poller: Callable[[], Poller]) -> None:
    data = bytes(range(256)) * (BIG // 256)
    with pumped(poller) as run:
        sender = threading.Thread(target=run.server.sendall, args=(data,))
        sender.start()
        # The other direction goes on while this one is full.
        run.client.sendall(b"still there?")
        assert run.server.recv(100) == b"still there?"
        assert all_of(run.client, len(data)) == data
        sender.join(PATIENCE)
        run.server.shutdown(socket.SHUT_WR)
        assert run.client.recv(1) == b""
    assert passed(run.kept.records, TO_CLIENT, 7) == data


@WAYS
def test_what_a_side_said_before_its_reset_arrives(poller: Callable[[], Poller]) -> None:
    with pumped(poller) as run:
        for count in range(20):
            run.server.sendall(bytes(count + 1))
        run.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        run.server.close()
        # Writing meets the reset before reading does, now and then.
        with contextlib.suppress(OSError):
            run.client.sendall(b"a")
        run.done()
        assert passed(run.kept.records, TO_CLIENT, 7) == bytes(210)
        assert closes(run.kept.records, 7) == [(TO_CLIENT, Close.RST)]
        assert all_of(run.client, 210) == bytes(210)
        with pytest.raises(ConnectionError):
            run.client.recv(100)


@WAYS
def test_cutting_ends_a_link_that_is_stuck(poller: Callable[[], Poller]) -> None:
    with pumped(poller) as run:
        run.server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            run.server.sendall(bytes(BIG))
        run.link.cut()
        run.link.cut()
        run.done()
        assert closes(run.kept.records, 7) == [(TO_SERVER, Close.ABANDONED), (TO_CLIENT, Close.ABANDONED)]


def test_a_cut_after_one_end_abandons_the_other() -> None:
    with pumped(best_poller) as run:
        run.client.shutdown(socket.SHUT_WR)
        assert run.server.recv(1) == b""
        run.link.cut()
        run.done()
    assert closes(run.kept.records, 7) == [(TO_SERVER, Close.FIN), (TO_CLIENT, Close.ABANDONED)]


CHUNK = Chunk(1, TO_SERVER, 0, b"a")


def test_a_tape_that_fails_lets_nothing_pass_and_raises_once() -> None:
    warned: list[Exception] = []
    seen: list[Record] = []
    tape = Tape(Kept(1), warn=warned.append, observer=seen.append)
    assert [tape.write(CHUNK) for _ in range(3)] == [True, False, False]
    assert len(warned) == len(seen) == 1
    with pytest.raises(OSError, match="No space left"):
        tape.check()
    tape.check()


def test_a_tape_may_let_everything_pass() -> None:
    tape = Tape(Kept(0), policy=OnRecordError.PASS)
    assert [tape.write(CHUNK) for _ in range(3)] == [True, True, True]
    tape.check()


def test_a_bug_in_a_recorder_is_no_failure_of_recording() -> None:
    tape = Tape(Kept(0, ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        tape.write(CHUNK)


def test_a_socket_without_a_peer_is_told_apart() -> None:
    one, other = tcp_pair()
    with one, other:
        assert connected(one)
    with socket.socket() as fresh:
        assert not connected(fresh)
