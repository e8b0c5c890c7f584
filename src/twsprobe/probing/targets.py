"""What a user may name as the target, and what listens on this machine when nothing is named."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from twsprobe.net.listeners import Listener, listening
from twsprobe.probing.observation import API_PORTS

PROFILES = MappingProxyType({"tws-live": 7496, "tws-paper": 7497, "gateway-live": 4001, "gateway-paper": 4002})
"""Names for the ports that TWS and IB Gateway use unless told otherwise; they mean 127.0.0.1."""
FORMS = f"HOST:PORT, [IPV6]:PORT, PORT, or one of {', '.join(PROFILES)}"
LONGEST_HOST = 253
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into every container."""


class Target(NamedTuple):
    """Where to connect."""

    host: str
    port: int


def parse_target(text: str) -> Target:
    """Read a target. Raises ValueError with a sentence that names what is wrong."""
    if text in PROFILES:
        return Target("127.0.0.1", PROFILES[text])
    host, colon, port_text = text.rpartition(":")
    if not colon:
        host, port_text = "127.0.0.1", text
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets, as in [::1]:7497")
    if not host or len(host) > LONGEST_HOST or not host.isprintable() or any(character in host for character in " []/@"):
        raise ValueError(f"{text!r} is no target: {FORMS}")
    if not (port_text.isascii() and port_text.isdigit()):
        raise ValueError(f"{text!r}: the port is missing or is no number: {FORMS}")
    port = int(port_text) if len(port_text) <= 5 else 0
    if not 1 <= port <= 65535:
        raise ValueError(f"{text!r}: a port is a number from 1 to 65535")
    return Target(host, port)


def api_listeners() -> list[tuple[Listener, str]] | None:
    """The listening sockets of this machine on the known API ports, with what the port usually stands for; None if it may not be read."""
    found = listening()
    if found is None:
        return None
    first: dict[int, Listener] = {}
    for listener in found:
        if listener.port in API_PORTS:
            first.setdefault(listener.port, listener)
    return [(listener, API_PORTS[port].label) for port, listener in first.items()]


def local_facts(port: int) -> dict[str, object]:
    """Facts for an Observation that this machine tells: the other known API ports that listen on it, and whether it is a container."""
    found = api_listeners()
    others = tuple((listener.port, label) for listener, label in found or () if listener.port != port)
    in_container = any(Path(mark).exists() for mark in CONTAINER_MARKS)
    return {"siblings": others, "siblings_checked": found is not None, "in_container": in_container}
