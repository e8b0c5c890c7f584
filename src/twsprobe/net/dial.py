"""From a host and a port to an open stream, with an account of every address that was tried.

Addresses are tried one after the other, in the resolver's order, and not at once as browsers do: each connection that opens counts at
the gateway, and the account says which family answered. A name with several addresses shares the time evenly among those left.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import NamedTuple

import trio

from twsprobe.capture.model import Close
from twsprobe.net.address import Address


class Unresolved(Exception):
    """A name has no address."""


class Attempt(NamedTuple):
    """One address that was tried. ``outcome`` is None where it answered; ``reason`` is the system's text otherwise."""

    address: Address
    outcome: Close | None
    reason: str


class NoConnection(Exception):
    """No address could be connected to; ``outcome`` is the one that says most."""

    def __init__(self, attempts: tuple[Attempt, ...], outcome: Close) -> None:
        super().__init__(outcome.value)
        self.attempts, self.outcome = attempts, outcome


class Dialed(NamedTuple):
    """An open stream, both of its ends, and the addresses that were tried on the way."""

    stream: trio.abc.HalfCloseableStream
    client: Address | None
    server: Address
    attempts: tuple[Attempt, ...]


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name or a literal address. Raises Unresolved."""
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        raise Unresolved(getattr(fault, "strerror", None) or str(fault)) from None
    # A zone ("%eth0") stays in the literal: it is what connecting needs.
    return list(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found))


async def dial(addresses: list[Address], timeout: float) -> Dialed:
    """Connect to the first address that answers within ``timeout`` seconds in all. Raises NoConnection."""
    attempts: list[Attempt] = []
    deadline = trio.current_time() + timeout
    for index, address in enumerate(addresses):
        share = (deadline - trio.current_time()) / (len(addresses) - index)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = trio.socket.socket(family, socket.SOCK_STREAM)
        try:
            with trio.fail_after(max(share, 0)):
                await sock.connect(address)
        except trio.TooSlowError:
            sock.close()
            attempts.append(Attempt(address, Close.TIMEOUT, "no answer"))
        except OSError as fault:
            sock.close()
            attempts.append(Attempt(address, outcome_of(fault), os.strerror(fault.errno) if fault.errno else str(fault)))
        except BaseException:
            sock.close()
            raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client, server = sock.getsockname()[:2], sock.getpeername()[:2]
            if client == server:
                # A connect to an unused local port may meet itself when the system picks that port as its own end.
                sock.close()
                attempts.append(Attempt(address, Close.REFUSED, "nothing listens"))
                continue
            attempts.append(Attempt(address, None, ""))
            return Dialed(trio.SocketStream(sock), client, server, tuple(attempts))
    raise NoConnection(tuple(attempts), most_telling(attempts))


def outcome_of(fault: OSError) -> Close:
    """What a failed connect means."""
    if fault.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
        return Close.REFUSED
    return Close.TIMEOUT if fault.errno == errno.ETIMEDOUT else Close.UNREACHABLE


def most_telling(attempts: list[Attempt]) -> Close:
    """A refusal proves that the host is there; silence says more than having no route."""
    outcomes = {attempt.outcome for attempt in attempts}
    return next((outcome for outcome in (Close.REFUSED, Close.TIMEOUT) if outcome in outcomes), Close.UNREACHABLE)
