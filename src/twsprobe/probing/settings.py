"""The API settings of TWS, read over the wire and held against the checklist.

A setting that the answer lacks is unknown, not off: presence means something in these messages. What is read explains other clients
than this one, which has got in already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["fine", "note", "problem", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One setting: its name in the configuration, its value (None: not told), a verdict, and what it means."""

    setting: str
    value: Any
    verdict: Verdict
    meaning: str


def judge(settings: Mapping[str, Any], port: int, client_id: int) -> tuple[Finding, ...]:
    """Hold the fields of ApiSettingsConfig against the checklist. ``port`` is the one connected to, ``client_id`` the one in use."""
    findings = []
    for name, check in CHECKS.items():
        value = settings.get(name)
        if value is None:
            findings.append(Finding(name, None, "unknown", "TWS did not tell."))
        else:
            verdict, meaning = check(value, settings, port, client_id)
            findings.append(Finding(name, value, verdict, meaning))
    return tuple(findings)


Judgement = tuple[Verdict, str]


def allow_localhost_only(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """Whether clients of other machines are refused outright."""
    if value:
        return "note", "Clients of other machines are closed without a question. Untick it to let trusted addresses in."
    return "fine", "Clients of other machines may connect; TWS asks about addresses that are not trusted."


def trusted_ips(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """Which addresses get in without a question."""
    listed = ", ".join(map(str, value)) if value else ""
    if settings.get("allowLocalhostOnly"):
        return "note", f"Ignored while only localhost is allowed: {listed or 'none listed'}."
    if listed:
        return "fine", f"These get in without a question: {listed}. Each entry is one address, not a network."
    return "note", "No address is listed: each client of another machine waits until somebody answers the dialog."


def socket_port(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """The port that TWS itself listens on."""
    if value == port:
        return "fine", "The port that this connection uses."
    return "note", f"This connection uses {port}: something forwards it to {value}."


def master_client_id(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """The client that sees the orders of all."""
    if value == client_id:
        return "note", "This very client id: it receives the orders and executions of all other clients."
    return "fine", f"Client id {value} receives the orders and executions of all clients."


def read_only_api(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """Whether orders are refused."""
    if value:
        return "problem", "Orders, and some order queries, are refused with error 321. Untick it to trade."
    return "fine", "Orders are taken."


def download_open_orders(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """Whether order messages come before they are asked for."""
    if value:
        return "fine", "Open orders arrive unasked right after the start of a session."
    return "fine", "Open orders arrive only when a client asks."


def create_api_message_log_file(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """Whether TWS writes down what clients say."""
    return "fine", "TWS logs the messages of each client." if value else "TWS writes no log of API messages; tick it to get one."


def maintain_connection(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """What a malformed request costs."""
    if value:
        return "fine", "A malformed request gets an error, and the connection stays."
    return "note", "TWS closes the connection on any malformed request, without a message."


def reject_above_max_rate(value: Any, settings: Mapping[str, Any], port: int, client_id: int) -> Judgement:
    """What sending too fast costs."""
    if value:
        return "fine", "Requests above the message rate get error 100; the third time TWS closes the connection."
    return "note", "Requests above the message rate are delayed in silence, which looks like time-outs."


CHECKS: Mapping[str, Callable[[Any, Mapping[str, Any], int, int], Judgement]] = {
    "allowLocalhostOnly": allow_localhost_only,
    "trustedIPs": trusted_ips,
    "socketPort": socket_port,
    "masterClientId": master_client_id,
    "readOnlyApi": read_only_api,
    "downloadOpenOrdersOnConnection": download_open_orders,
    "createApiMessageLogFile": create_api_message_log_file,
    "maintainConnectionOnIncorrectFields": maintain_connection,
    "rejectMessagesAboveMaxRate": reject_above_max_rate,
}
"""The settings that explain connection trouble, in the order of the checklist."""
