"""Refuses connections to other machines, for as long as a block runs: what has to work without a network fails at once if it does not.

The socket class of the standard library is guarded, which asyncio, Trio and every library in Python use; so are the resolver, because a
query for a name leaves the machine too, and the connect of asyncio's event loop on Windows, which goes around the class. A refusal is
raised where the connection was asked for, and kept, because a client may well take it for a network that is down.
Known doubt: what a library connects in C, or another process, is not seen.
"""

from __future__ import annotations

import asyncio.proactor_events
import errno
import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})
ADDRESS_PLACES: Mapping[str, int] = MappingProxyType({"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3})
"""The methods of a socket that take an address, and where among their arguments it stands."""
LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


class NotLoopback(ConnectionError):
    """A connection to another machine, or a query for its name, was refused; the text names it. No bytes were sent.

    An OSError, because libraries close a socket that could not be connected for no other.
    """


class Guard:
    """Which hosts may be talked to; ``refused`` are those that were not, as texts."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self.refused: list[str] = []
        self._allowed = set(allowed)

    def check(self, family: int, address: object) -> None:
        """Raise NotLoopback for an internet address that is neither on this machine nor allowed."""
        if family in INTERNET and isinstance(address, tuple) and len(address) >= 2:
            host = text_of(address[0])
            if not is_local(host) and host not in self._allowed:
                self._refuse(f"{host}:{address[1]}" if ":" not in host else f"[{host}]:{address[1]}", "a connection to")

    def check_name(self, host: object) -> None:
        """Raise NotLoopback for a name that is neither this machine's nor allowed; an address is no name, and is looked up nowhere."""
        name = text_of(host)
        if host is not None and not is_literal(name) and not is_local(name) and name not in self._allowed:
            self._refuse(name, "a look-up of")

    def looked_up(self, host: object, addresses: Iterable[str]) -> None:
        """Take note of the addresses of a name that is allowed."""
        if text_of(host) in self._allowed:
            self._allowed.update(addresses)

    def _refuse(self, what: str, kind: str) -> None:
        named = what if what.isprintable() else ascii(what)
        self.refused.append(f"{kind} {named} was refused: only loopback is open here")
        raise NotLoopback(errno.EACCES, self.refused[-1])


def text_of(host: object) -> str:
    """A host as text; a resolver takes it as bytes too."""
    return host.decode("latin-1") if isinstance(host, bytes | bytearray) else str(host)


def is_literal(host: str) -> bool:
    """Whether a host is an address."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_local(host: str) -> bool:
    """Whether a host is loopback: an address, or a name that means one everywhere."""
    if not is_literal(host):
        return host.lower() in LOCAL_NAMES
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


@contextmanager
def loopback_only(allowed: Collection[str] = ()) -> Iterator[Guard]:
    """Refuse other machines, in every thread, while the block runs, but for hosts that are ``allowed``, by name or address."""
    guard = Guard(allowed)
    with ExitStack() as undo:
        for name, place in ADDRESS_PLACES.items():
            if hasattr(socket.socket, name):
                put(undo, socket.socket, name, partial(guarded_method, guard, place))
        put(undo, socket, "getaddrinfo", partial(guarded_look_up, guard))
        put(undo, asyncio.proactor_events.BaseProactorEventLoop, "sock_connect", partial(guarded_connect, guard))
        yield guard


def put(undo: ExitStack, owner: Any, name: str, around: Callable[[Any], Any]) -> None:
    """Put something around an attribute until ``undo`` is closed."""
    own, original = vars(owner).get(name), getattr(owner, name)
    setattr(owner, name, around(original))
    if own is None:
        undo.callback(delattr, owner, name)
    else:
        undo.callback(setattr, owner, name, own)


def guarded_method(guard: Guard, place: int, original: Any) -> Any:
    """A method of a socket that is checked first; its address stands at a place of the arguments, if it was given."""

    def method(self: socket.socket, *arguments: Any) -> Any:
        if arguments[place : place + 1 or None]:
            guard.check(self.family, arguments[place])
        return original(self, *arguments)

    return method


def guarded_look_up(guard: Guard, original: Any) -> Any:
    """``getaddrinfo`` that is checked first."""

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        guard.check_name(host)
        found = original(host, *arguments, **options)
        guard.looked_up(host, [str(address[0]) for *_, address in found])
        return found

    return getaddrinfo


def guarded_connect(guard: Guard, original: Any) -> Any:
    """A loop's ``sock_connect`` that is checked first."""

    async def sock_connect(self: Any, sock: socket.socket, address: Any) -> Any:
        guard.check(sock.family, address)
        return await original(self, sock, address)

    return sock_connect
