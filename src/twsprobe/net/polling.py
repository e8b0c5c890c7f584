"""Waiting for a few sockets at once: ``poll`` where the system has it, else ``select`` with the same face."""

from __future__ import annotations

import select
from typing import Protocol

IN, OUT = 1, 4
"""Can be read, can be written, as ``select.POLLIN`` and ``POLLOUT``; other bits say that something is wrong with the socket."""


class Poller(Protocol):
    """Sockets, by their numbers, and what is to be told of them."""

    def register(self, file: int, events: int, /) -> object:
        """Tell of these events from now on, in place of others."""

    def unregister(self, file: int, /) -> None:
        """Tell of nothing any more. Raises KeyError for what is not registered."""

    def poll(self, milliseconds: int, /) -> list[tuple[int, int]]:
        """Wait until there is something to tell."""


class Selecting:
    """A poller over ``select``, which never tells that something is wrong: a read finds out."""

    def __init__(self) -> None:
        self._wanted: dict[int, int] = {}

    def register(self, file: int, events: int, /) -> None:
        self._wanted[file] = events

    def unregister(self, file: int, /) -> None:
        del self._wanted[file]

    def poll(self, milliseconds: int, /) -> list[tuple[int, int]]:
        readable = [file for file, events in self._wanted.items() if events & IN]
        writable = [file for file, events in self._wanted.items() if events & OUT]
        can_read, can_write, _ = select.select(readable, writable, (), milliseconds / 1000)
        found = dict.fromkeys(can_read, IN)
        for file in can_write:
            found[file] = found.get(file, 0) | OUT
        return list(found.items())


def best_poller() -> Poller:
    """The fastest that the system has for two sockets."""
    return select.poll() if hasattr(select, "poll") else Selecting()
