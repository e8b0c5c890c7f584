"""Both ways of waiting tell the same of a pair of sockets."""

from __future__ import annotations

import select
import socket

import pytest

from twsprobe.net.polling import IN, OUT, Poller, Selecting, best_poller

WAYS = pytest.mark.parametrize("make", [best_poller, Selecting])


def test_the_bits_are_the_system_s() -> None:
    if not hasattr(select, "POLLIN"):
        pytest.skip("this system has no poll")
    assert (IN, OUT) == (select.POLLIN, select.POLLOUT)


@WAYS
def test_what_was_asked_for_is_told(make: type[Poller]) -> None:
    one, other = socket.socketpair()
    with one, other:
        poller = make()
        poller.register(one.fileno(), IN)
        assert poller.poll(0) == []
        other.sendall(b"a")
        assert poller.poll(1000) == [(one.fileno(), IN)]
        poller.register(one.fileno(), IN | OUT)
        assert poller.poll(1000) == [(one.fileno(), IN | OUT)]
        poller.register(one.fileno(), OUT)
        assert poller.poll(1000) == [(one.fileno(), OUT)]
        poller.unregister(one.fileno())
        with pytest.raises(KeyError):
            poller.unregister(one.fileno())


@WAYS
def test_the_end_of_a_stream_can_be_read(make: type[Poller]) -> None:
    one, other = socket.socketpair()
    with one:
        poller = make()
        poller.register(one.fileno(), IN)
        other.close()
        [(file, events)] = poller.poll(1000)
        assert file == one.fileno()
        assert events & IN


def test_a_system_without_poll_selects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll", raising=False)
    assert isinstance(best_poller(), Selecting)
