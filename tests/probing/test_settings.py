"""The checklist of API settings."""

from __future__ import annotations

from typing import Any

import pytest

from twsprobe.probing.settings import CHECKS, Finding, judge


def finding(name: str, settings: dict[str, Any], port: int = 7497, client_id: int = 5) -> Finding:
    return next(found for found in judge(settings, port, client_id) if found.setting == name)


def test_an_absent_setting_is_unknown_and_not_off() -> None:
    found = judge({}, 7497, 5)
    assert [each.setting for each in found] == list(CHECKS)
    assert {each.verdict for each in found} == {"unknown"}
    assert finding("readOnlyApi", {"readOnlyApi": False}).verdict == "fine"


@pytest.mark.parametrize(
    ("name", "settings", "verdict", "words"),
    [
        ("allowLocalhostOnly", {"allowLocalhostOnly": True}, "note", "closed without a question"),
        ("allowLocalhostOnly", {"allowLocalhostOnly": False}, "fine", "may connect"),
        ("trustedIPs", {"trustedIPs": ["192.168.1.20"], "allowLocalhostOnly": True}, "note", "Ignored"),
        ("trustedIPs", {"trustedIPs": ["192.168.1.20", "10.0.0.1"]}, "fine", "192.168.1.20, 10.0.0.1"),
        ("trustedIPs", {"trustedIPs": []}, "note", "dialog"),
        ("socketPort", {"socketPort": 7497}, "fine", "this connection"),
        ("socketPort", {"socketPort": 4002}, "note", "4002"),
        ("masterClientId", {"masterClientId": 5}, "note", "This very client id"),
        ("masterClientId", {"masterClientId": 9}, "fine", "9"),
        ("readOnlyApi", {"readOnlyApi": True}, "problem", "321"),
        ("downloadOpenOrdersOnConnection", {"downloadOpenOrdersOnConnection": True}, "fine", "unasked"),
        ("createApiMessageLogFile", {"createApiMessageLogFile": False}, "fine", "no log"),
        ("maintainConnectionOnIncorrectFields", {"maintainConnectionOnIncorrectFields": False}, "note", "closes"),
        ("rejectMessagesAboveMaxRate", {"rejectMessagesAboveMaxRate": False}, "note", "delayed"),
    ],
)
def test_a_setting(name: str, settings: dict[str, Any], verdict: str, words: str) -> None:
    found = finding(name, settings)
    assert found.verdict == verdict
    assert words in found.meaning
