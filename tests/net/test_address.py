"""Addresses as text."""

from __future__ import annotations

from twsprobe.net.address import shown_address


def test_an_address_as_text() -> None:
    assert shown_address(("127.0.0.1", 7497)) == "127.0.0.1:7497"
    assert shown_address(("::1", 7497)) == "[::1]:7497"
    assert shown_address(("fe80::1%eth0", 1)) == "[fe80::1%eth0]:1"
    assert shown_address(None) == ""
