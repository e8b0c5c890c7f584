"""Accept queues, filled for real where the system is Linux, and read from the bytes of a table everywhere."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from twsprobe.net import accept_queues as module
from twsprobe.net.accept_queues import accept_queues, literal, messages, queue_of, read_table
from twsprobe.net.local_system import Queue, Unseen

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the length of an accept queue")


@contextmanager
def never_accepting(backlog: int, connections: int, family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """The port of a listener that never accepts, with some connections waiting."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket(family))
        server.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        server.listen(backlog)
        for _ in range(connections):
            stack.enter_context(socket.create_connection(server.getsockname()[:2], 5))
        yield server.getsockname()[1]


@linux
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_what_waits_and_how_much_may(family: socket.AddressFamily) -> None:
    with never_accepting(3, 2, family) as port:
        (queue,) = [each for each in accept_queues() if each.port == port]
    assert (queue.length, queue.limit) == (2, 3)
    assert queue.ip == ("127.0.0.1" if family == socket.AF_INET else "::1")


@linux
def test_the_table_has_the_length_alone_where_netlink_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(family: int) -> Iterator[Queue]:
        raise PermissionError

    monkeypatch.setattr(module, "asked", closed)
    with never_accepting(3, 2) as port:
        (queue,) = [each for each in accept_queues() if each.port == port]
    assert (queue.ip, queue.length, queue.limit) == ("127.0.0.1", 2, None)


def test_where_nothing_is_told_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(family: int) -> Iterator[Queue]:
        raise PermissionError

    monkeypatch.setattr(module, "asked", closed)
    monkeypatch.setattr(module, "read_table", lambda path: iter(()))
    with pytest.raises(Unseen, match="not shown"):
        accept_queues()


@pytest.mark.skipif(sys.byteorder != "little", reason="the table's words are in the byte order of the machine")
def test_the_table(tmp_path: Path) -> None:
    rows = [
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:0FA2 00000000:0000 0A 00000000:00000033 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0",
        "   1: 0100007F:0FA2 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 20 4 30 10 -1",
        "   2: cut",
    ]
    path = tmp_path / "tcp"
    path.write_text("\n".join(rows), encoding="ascii")
    assert list(read_table(path)) == [Queue("127.0.0.1", 4002, 51, None, 1000)]
    assert list(read_table(tmp_path / "no such table")) == []
    assert literal("00000000000000000000000001000000") == "::1"


def test_a_cut_answer_is_refused() -> None:
    with pytest.raises(struct.error):
        list(messages(b"\x04\0\0\0" + bytes(12)))
    with pytest.raises(struct.error):
        queue_of(b"short")
