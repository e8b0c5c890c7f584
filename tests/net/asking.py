"""Asks the simulator's answers directly, without a connection."""

from __future__ import annotations

from typing import Any

from twsprobe.net.account import simulated_account
from twsprobe.net.answers import ANSWERS
from twsprobe.net.asked import Asked, Said, State

ACCOUNT = simulated_account()
NOW = 1_795_500_061_234_567_890
"""24 November 2026, 06:01:01 UTC."""


def ask(request: str, version: int = 226, state: State | None = None, client_id: int = 5, **fields: Any) -> list[Said]:
    """What a request is answered with."""
    return list(ANSWERS[request](Asked(fields, client_id, version, state or State(ACCOUNT), NOW)))


def names(said: list[Said]) -> list[str]:
    """What messages are: their names, those of errors with their codes."""
    return [f"error {fields['errorCode']}" if name == "error" else name for name, fields in said]


def last(said: list[Said]) -> str:
    """What the last message is; empty for none."""
    return names(said)[-1] if said else ""
