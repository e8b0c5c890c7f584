"""Targets: what a user may write, and what is found when nothing is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.net.listeners import Listener
from twsprobe.probing import targets
from twsprobe.probing.targets import Target, api_listeners, local_facts, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("localhost:7497", Target("localhost", 7497)),
        ("127.0.0.1:4001", Target("127.0.0.1", 4001)),
        ("[::1]:7496", Target("::1", 7496)),
        ("[fe80::1%eth0]:7496", Target("fe80::1%eth0", 7496)),
        ("ib-gateway:4004", Target("ib-gateway", 4004)),
        ("7497", Target("127.0.0.1", 7497)),
        ("tws-live", Target("127.0.0.1", 7496)),
        ("tws-paper", Target("127.0.0.1", 7497)),
        ("gateway-live", Target("127.0.0.1", 4001)),
        ("gateway-paper", Target("127.0.0.1", 4002)),
    ],
)
def test_a_target(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", ":7497", "host", "host:", "host:abc", "host:0", "host:65536", "host:-1", "host:+1"),
        *("::1:7497", "::1", "[::1]", "[::1]7497", "a b:7497", "http://host:7497", "user@host:7497", "h\x1b[2J:7497"),
        *("host:\u0667\u0664\u0669\u0667", "host:7497\n", "x" * 300 + ":7497", "host:" + "9" * 5000),
    ],
)
def test_no_target(text: str) -> None:
    with pytest.raises(ValueError, match=r"target|port|IPv6"):
        parse_target(text)


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_a_sentence(text: str) -> None:
    try:
        host, port = parse_target(text)
    except ValueError:
        return
    assert host
    assert 1 <= port <= 65535


def test_listeners_on_known_ports_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Listener("192.0.2.1", 22), Listener("127.0.0.1", 4002), Listener("::", 7497), Listener("::1", 7497)]
    monkeypatch.setattr(targets, "listening", lambda: found)
    assert api_listeners() == [(Listener("127.0.0.1", 4002), "IB Gateway paper"), (Listener("::", 7497), "TWS paper")]
    facts = local_facts(7497)
    assert facts["siblings"] == ((4002, "IB Gateway paper"),)
    assert facts["siblings_checked"] is True


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "listening", lambda: None)
    assert api_listeners() is None
    assert local_facts(7497)["siblings_checked"] is False
