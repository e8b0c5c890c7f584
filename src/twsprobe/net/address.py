"""Addresses as pairs, and as text."""

from __future__ import annotations

Address = tuple[str, int]
"""A literal IP address, with its zone where it has one, and a port."""


def shown_address(address: Address | None) -> str:
    """``ip:port``, with brackets around an IPv6 address; empty for none."""
    if address is None:
        return ""
    ip, port = address
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
