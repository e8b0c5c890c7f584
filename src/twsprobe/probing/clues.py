"""Clues: what can be told from an Observation, each with its test and the sentence that puts it into evidence.

The table of causes is written in clues, so that it stays data. A clue is a fact of one run: it never says what follows from it,
because the same clue speaks for one cause and against another. Sentences hold no text that the peer chose.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import NamedTuple

from twsprobe.probing.observation import API_PORTS, Observation
from twsprobe.wire.codes import code

_OTHER_FORWARDED_PORTS = frozenset({4000, 8888})
"""Where older container images listen with a forwarder."""
_CLIENT_PORTAL_PORTS = frozenset({5000, 6985})
_COMMAND_SERVER_PORT = 7462
_PROTOBUF_SINCE = 201
"""The server version from which messages carry binary ids."""
_OLD_CLIENT = 157
"""The highest version of the 9.81 client; IBKR withdrew support for clients below 176 in 2023."""
_AT_ONCE_MS = 50.0
_ORDINARY_OFFERS = range(100, 1000)


class Clue(Enum):
    """A fact that can be told from an Observation."""

    # Who is on the other side, and where the connection leaves from.
    LOOPBACK_PEER = auto()
    REMOTE_PEER = auto()
    LOOPBACK_SOURCE = auto()
    REMOTE_SOURCE = auto()
    IPV6_LOOPBACK = auto()
    IPV6_PEER = auto()
    NAME_RESOLVED_TO_SEVERAL = auto()
    SINGLE_LABEL_NAME = auto()
    DOTTED_NAME = auto()
    PLACEHOLDER_ADDRESS = auto()
    CONTAINER_LOOPBACK = auto()
    NO_ROUTE = auto()
    # The port.
    TWS_PORT = auto()
    GATEWAY_PORT = auto()
    DIRECT_PORT = auto()
    FORWARDED_PORT = auto()
    CLIENT_PORTAL_PORT = auto()
    COMMAND_SERVER_PORT = auto()
    UNKNOWN_PORT = auto()
    LIVE_PORT = auto()
    PAPER_PORT = auto()
    SIBLING_LISTENING = auto()
    SIBLING_OTHER_MODE = auto()
    NO_API_LISTENER = auto()
    # How the connection went.
    CLOSED_BEFORE_SENDING = auto()
    CLOSED_WITHIN_50_MS = auto()
    CLOSED_WITH_RESET = auto()
    PEER_CLOSED = auto()
    OPEN_BEFORE_SENDING = auto()
    # What answered.
    SERVICE_HTTP = auto()
    SERVICE_TLS = auto()
    SERVICE_SSH = auto()
    SERVICE_OTHER = auto()
    SERVICE_UNTOLD = auto()
    VNC_BANNER = auto()
    REDIRECT_NAMED = auto()
    ORDINARY_OFFER = auto()
    OLD_OFFER = auto()
    SERVER_BELOW_OFFER = auto()
    SERVER_ABOVE_OFFER = auto()
    PROTOBUF_VERSION = auto()
    TIME_ZONE_NOT_ASCII = auto()
    # The start of the session.
    ONLY_ACCOUNTS = auto()
    ONLY_ORDER_ID = auto()
    START_SENT = auto()
    CLIENT_ID_ZERO = auto()
    CLIENT_ID_CHOSEN = auto()
    CLIENT_ID_RANDOM = auto()
    RETRY_READY = auto()
    RETRY_FAILED = auto()
    PAPER_ACCOUNT = auto()
    MODE_MISMATCH = auto()
    SEVERAL_ACCOUNTS = auto()
    # Codes on the wire.
    ERROR_CODE = auto()
    NO_ERROR_CODE = auto()
    RATE_WARNING = auto()
    CODE_100 = auto()
    CODE_321 = auto()
    READ_ONLY_TEXT = auto()
    CODE_326 = auto()
    BAD_REQUEST_CODE = auto()
    CODE_1100 = auto()
    CODE_1300 = auto()
    SUBSCRIPTION_CONTENDED = auto()
    CODE_2110 = auto()
    FARM_BROKEN = auto()
    CODE_10141 = auto()
    CODE_10197 = auto()
    # The sync request that stalled.
    STALLED_POSITIONS = auto()
    STALLED_OPEN_ORDERS = auto()
    STALLED_COMPLETED_ORDERS = auto()
    STALLED_ACCOUNT_UPDATES = auto()
    STALLED_EXECUTIONS = auto()
    STALLED_CURRENT_TIME = auto()


class ClueTest(NamedTuple):
    """When a clue holds, and what it says; the names in braces are those of `_values`."""

    holds: Callable[[Observation], bool]
    sentence: str


def _is_named(observation: Observation) -> bool:
    """Whether the target is a name rather than a literal address."""
    host = observation.target_host
    return bool(host) and ":" not in host and not host.replace(".", "").isdigit()


def _is_unknown_port(observation: Observation) -> bool:
    port = observation.target_port
    elsewhere = _OTHER_FORWARDED_PORTS | _CLIENT_PORTAL_PORTS | {_COMMAND_SERVER_PORT}
    return port != 0 and port not in API_PORTS and port not in elsewhere


def _is_direct(port: int) -> bool:
    return port in API_PORTS and not API_PORTS[port].forwarded


def _is_forwarded(port: int) -> bool:
    return port in _OTHER_FORWARDED_PORTS or (port in API_PORTS and API_PORTS[port].forwarded)


def _has_other_mode_sibling(observation: Observation) -> bool:
    here = API_PORTS.get(observation.target_port)
    if here is None or observation.remote:
        return False
    modes = {API_PORTS[port].mode for port, _ in observation.siblings if port in API_PORTS and API_PORTS[port].product == here.product}
    # Where the right mode listens too, on the other side of a forwarder, it is the port that is mixed up.
    return bool(modes) and here.mode not in modes


def _is_mode_mismatch(observation: Observation) -> bool:
    """Port and accounts disagree about paper or live."""
    return observation.paper is not None and observation.mode is not None and observation.paper != (observation.mode == "paper")


def _is_ordinary_offer(offered: tuple[int, int] | None) -> bool:
    return offered is not None and offered[0] <= offered[1] and offered[0] in _ORDINARY_OFFERS and offered[1] in _ORDINARY_OFFERS


def _has_foreign_time_zone(time_zone: str | None) -> bool:
    return time_zone is not None and (not time_zone.isascii() or "\\x" in time_zone)


def _speaks_of_read_only(observation: Observation) -> bool:
    return any(number == 321 and "read-only" in text.lower() for number, text in observation.notices)


def _has_code(*numbers: int) -> Callable[[Observation], bool]:
    return lambda observation: not observation.codes.isdisjoint(numbers)


def _serves(service: str) -> Callable[[Observation], bool]:
    return lambda observation: observation.service == service


def _stalled(request: str, end: str) -> Callable[[Observation], bool]:
    return lambda observation: observation.stalled_request == request or observation.missing_end == end


_PLACE: dict[Clue, ClueTest] = {
    Clue.LOOPBACK_PEER: ClueTest(lambda o: o.loopback, "{peer} is this machine's own loopback address."),
    Clue.REMOTE_PEER: ClueTest(lambda o: o.remote, "{peer} is not a loopback address, so a network lies between."),
    Clue.LOOPBACK_SOURCE: ClueTest(
        lambda o: o.loopback_source,
        "The connection leaves from loopback ({source}); TWS refuses or asks about addresses of other machines.",
    ),
    Clue.REMOTE_SOURCE: ClueTest(
        lambda o: o.remote_source, "The connection leaves from {source}, which is not loopback, so TWS has to trust it."
    ),
    Clue.IPV6_LOOPBACK: ClueTest(
        lambda o: o.loopback and o.peer is not None and "." not in o.peer, "The address tried is the IPv6 loopback, {peer}."
    ),
    Clue.IPV6_PEER: ClueTest(
        lambda o: o.remote and o.peer is not None and ":" in o.peer and "." not in o.peer,
        "The connection uses IPv6 ({peer}), which a trusted IPv4 address does not cover.",
    ),
    Clue.NAME_RESOLVED_TO_SEVERAL: ClueTest(
        lambda o: len({ip for ip, _ in o.attempts}) > 1, "The name {host} stands for {attempts} addresses, and each was tried in turn."
    ),
    Clue.SINGLE_LABEL_NAME: ClueTest(
        lambda o: _is_named(o) and "." not in o.target_host,
        "{host} is a name without a dot, like those that only a container network or a local network knows.",
    ),
    Clue.DOTTED_NAME: ClueTest(
        lambda o: _is_named(o) and "." in o.target_host, "{host} is a full name with dots, for a name server to answer."
    ),
    Clue.PLACEHOLDER_ADDRESS: ClueTest(
        lambda o: o.target_host.startswith("0.") or o.target_host == "::", "{host} is an address to listen on, not one to connect to."
    ),
    Clue.CONTAINER_LOOPBACK: ClueTest(
        lambda o: o.in_container and o.loopback, "This program runs inside a container, where {peer} is the container itself."
    ),
    Clue.NO_ROUTE: ClueTest(lambda o: o.no_route, "This machine itself has no route to {peer}; no packet went out."),
}

_PORT: dict[Clue, ClueTest] = {
    Clue.TWS_PORT: ClueTest(
        lambda o: o.product == "tws", "Port {port} is by convention that of TWS, where the API is off after installation."
    ),
    Clue.GATEWAY_PORT: ClueTest(
        lambda o: o.product == "gateway", "Port {port} is by convention that of IB Gateway, where the API is on after installation."
    ),
    Clue.DIRECT_PORT: ClueTest(
        lambda o: _is_direct(o.target_port), "Port {port} is by convention the application's own, with no forwarder in front."
    ),
    Clue.FORWARDED_PORT: ClueTest(
        lambda o: _is_forwarded(o.target_port), "Port {port} is by convention a forwarder's (such as socat) in front of the application."
    ),
    Clue.CLIENT_PORTAL_PORT: ClueTest(
        lambda o: o.target_port in _CLIENT_PORTAL_PORTS,
        "Port {port} is by convention that of the Client Portal Gateway, which speaks HTTPS.",
    ),
    Clue.COMMAND_SERVER_PORT: ClueTest(
        lambda o: o.target_port == _COMMAND_SERVER_PORT, "Port {port} is by convention that of IBC's command server."
    ),
    Clue.UNKNOWN_PORT: ClueTest(_is_unknown_port, "Port {port} is none of the ports that TWS and IB Gateway use unless told otherwise."),
    Clue.LIVE_PORT: ClueTest(lambda o: o.mode == "live", "Port {port} is by convention one for live trading."),
    Clue.PAPER_PORT: ClueTest(lambda o: o.mode == "paper", "Port {port} is by convention one for paper trading."),
    Clue.SIBLING_LISTENING: ClueTest(lambda o: bool(o.siblings) and not o.remote, "Listening on this machine instead: {siblings}."),
    Clue.SIBLING_OTHER_MODE: ClueTest(
        _has_other_mode_sibling, "Port {port} is the {mode} one, and the other mode of the same application is listening."
    ),
    Clue.NO_API_LISTENER: ClueTest(
        lambda o: o.loopback and o.siblings_checked and not o.siblings, "None of the usual API ports is listening on this machine."
    ),
}

_CONNECTION: dict[Clue, ClueTest] = {
    Clue.CLOSED_BEFORE_SENDING: ClueTest(
        lambda o: o.closed is not None and not o.prefix_sent,
        "The peer closed before this client had sent anything, and TWS waits for the client to speak first.",
    ),
    Clue.CLOSED_WITHIN_50_MS: ClueTest(
        lambda o: o.closed is not None and 0 < o.elapsed_ms < _AT_ONCE_MS, "The close came {elapsed} after the connection was up."
    ),
    Clue.CLOSED_WITH_RESET: ClueTest(lambda o: o.closed == "rst", "The connection was reset (RST) rather than closed in order (FIN)."),
    Clue.PEER_CLOSED: ClueTest(lambda o: o.closed is not None, "The peer closed the connection in the middle of its answer."),
    Clue.OPEN_BEFORE_SENDING: ClueTest(
        lambda o: o.prefix_sent, "The connection stayed open until the greeting was sent; a forwarder without a backend closes at once."
    ),
    Clue.SERVICE_HTTP: ClueTest(_serves("http"), "The first bytes are an HTTP answer."),
    Clue.SERVICE_TLS: ClueTest(_serves("tls"), "The first bytes are a TLS record."),
    Clue.SERVICE_SSH: ClueTest(_serves("ssh"), "The first bytes are an SSH banner."),
    Clue.SERVICE_OTHER: ClueTest(_serves("other"), "The first bytes belong to no TWS message."),
    Clue.SERVICE_UNTOLD: ClueTest(lambda o: o.service is None, "What answered could not be told from its first bytes."),
    Clue.VNC_BANNER: ClueTest(lambda o: o.received.startswith(b"RFB "), "The first bytes are a VNC banner (RFB)."),
    Clue.REDIRECT_NAMED: ClueTest(lambda o: o.redirect is not None, "The server's first message has version -1 and an address."),
    Clue.ORDINARY_OFFER: ClueTest(
        lambda o: o.prefix_sent and _is_ordinary_offer(o.offered), "The greeting sent was an ordinary one, with versions {offered}."
    ),
    Clue.OLD_OFFER: ClueTest(
        lambda o: o.offered is not None and o.offered[1] <= _OLD_CLIENT,
        "The client offers versions {offered}, like clients of the 9.81 age.",
    ),
    Clue.SERVER_BELOW_OFFER: ClueTest(
        lambda o: o.server_version is not None and o.offered is not None and 0 < o.server_version < o.offered[0],
        "The server answered version {version}; the client offered {offered}.",
    ),
    Clue.SERVER_ABOVE_OFFER: ClueTest(
        lambda o: o.server_version is not None and o.offered is not None and o.server_version > o.offered[1],
        "The server answered version {version}, above the {offered} that were offered.",
    ),
    Clue.PROTOBUF_VERSION: ClueTest(
        lambda o: o.server_version is not None and o.server_version >= _PROTOBUF_SINCE,
        "Server version {version} was agreed on; from 201 on messages carry binary ids and may be protobuf.",
    ),
    Clue.TIME_ZONE_NOT_ASCII: ClueTest(
        lambda o: _has_foreign_time_zone(o.time_zone), "The time zone in the server's greeting holds characters outside ASCII."
    ),
}

_SESSION: dict[Clue, ClueTest] = {
    Clue.ONLY_ACCOUNTS: ClueTest(
        lambda o: "nextValidId" in o.missing and "managedAccounts" not in o.missing,
        "The accounts came (managedAccounts), but no nextValidId.",
    ),
    Clue.ONLY_ORDER_ID: ClueTest(
        lambda o: "managedAccounts" in o.missing and "nextValidId" not in o.missing,
        "The next order id came (nextValidId), but no managedAccounts.",
    ),
    Clue.START_SENT: ClueTest(lambda o: o.start_sent, "This client sent nothing between startApi and this point."),
    Clue.CLIENT_ID_ZERO: ClueTest(lambda o: o.client_id == 0, "The client id is 0."),
    Clue.CLIENT_ID_CHOSEN: ClueTest(
        lambda o: o.client_id_chosen and o.client_id is not None, "Client id {client_id} was asked for, and another program may use it too."
    ),
    Clue.CLIENT_ID_RANDOM: ClueTest(
        lambda o: not o.client_id_chosen and o.client_id is not None, "Client id {client_id} was chosen at random for this run."
    ),
    Clue.RETRY_READY: ClueTest(lambda o: o.retry == "ready", "A second try with a random client id became ready."),
    Clue.RETRY_FAILED: ClueTest(lambda o: o.retry == "failed", "A second try with a random client id failed as well."),
    Clue.PAPER_ACCOUNT: ClueTest(lambda o: o.paper is True, "The accounts are paper accounts."),
    Clue.MODE_MISMATCH: ClueTest(
        _is_mode_mismatch, "Port {port} is by convention the {mode} one, but the accounts are {account_mode} accounts."
    ),
    Clue.SEVERAL_ACCOUNTS: ClueTest(lambda o: len(o.accounts) > 1, "The login has {accounts} accounts."),
}

_CODES: dict[Clue, ClueTest] = {
    Clue.ERROR_CODE: ClueTest(lambda o: o.last_error is not None, "TWS sent code {code}. {meaning}"),
    Clue.NO_ERROR_CODE: ClueTest(lambda o: o.closed is not None and o.last_error is None, "No error code came before the close."),
    Clue.RATE_WARNING: ClueTest(
        lambda o: any(number == 0 and "max rate" in text.lower() for number, text in o.notices),
        "TWS warned that the message rate is near its limit.",
    ),
    Clue.CODE_100: ClueTest(_has_code(100), "TWS sent code 100: the message rate is above its limit."),
    Clue.CODE_321: ClueTest(_has_code(321), "TWS sent code 321: a request was invalid or not allowed."),
    Clue.READ_ONLY_TEXT: ClueTest(_speaks_of_read_only, "The text of code 321 says that the API is read-only."),
    Clue.CODE_326: ClueTest(_has_code(326), "TWS sent code 326: the client id is in use."),
    Clue.BAD_REQUEST_CODE: ClueTest(_has_code(320, 322, 323), "TWS sent code 320, 322 or 323: it could not read or process a request."),
    Clue.CODE_1100: ClueTest(_has_code(1100), "TWS sent code 1100: its link to IBKR is lost."),
    Clue.CODE_1300: ClueTest(_has_code(1300), "TWS sent code 1300: its socket port was changed."),
    Clue.SUBSCRIPTION_CONTENDED: ClueTest(
        _has_code(2100, 2101), "TWS sent code 2100 or 2101: another client holds the account update subscription."
    ),
    Clue.CODE_2110: ClueTest(_has_code(2110), "TWS sent code 2110: its link to IBKR is broken and will be restored."),
    Clue.FARM_BROKEN: ClueTest(_has_code(2103, 2105, 2157), "TWS reports a data farm as broken (code 2103, 2105 or 2157)."),
    Clue.CODE_10141: ClueTest(_has_code(10141), "TWS sent code 10141: the paper trading disclaimer is not accepted."),
    Clue.CODE_10197: ClueTest(_has_code(10197), "TWS sent code 10197: another live session of this user takes the market data."),
}

_SYNC: dict[Clue, ClueTest] = {
    Clue.STALLED_POSITIONS: ClueTest(_stalled("reqPositions", "positionEnd"), "reqPositions was sent, and positionEnd (62) did not come."),
    Clue.STALLED_OPEN_ORDERS: ClueTest(
        lambda o: o.stalled_request in ("reqOpenOrders", "reqAllOpenOrders") or o.missing_end == "openOrderEnd",
        "The open orders were asked for, and openOrderEnd (53) did not come.",
    ),
    Clue.STALLED_COMPLETED_ORDERS: ClueTest(
        _stalled("reqCompletedOrders", "completedOrdersEnd"), "reqCompletedOrders was sent, and completedOrdersEnd (102) did not come."
    ),
    Clue.STALLED_ACCOUNT_UPDATES: ClueTest(
        lambda o: (
            o.stalled_request in ("reqAccountUpdates", "reqAccountUpdatesMulti")
            or o.missing_end in ("accountDownloadEnd", "accountUpdateMultiEnd")
        ),
        "Account updates were asked for, and the end of the download (54 or 74) did not come.",
    ),
    Clue.STALLED_EXECUTIONS: ClueTest(
        _stalled("reqExecutions", "execDetailsEnd"), "reqExecutions was sent, and execDetailsEnd (55) did not come."
    ),
    Clue.STALLED_CURRENT_TIME: ClueTest(
        _stalled("reqCurrentTime", "currentTime"), "reqCurrentTime was sent, and currentTime (49) did not come."
    ),
}

CLUES: Mapping[Clue, ClueTest] = MappingProxyType(_PLACE | _PORT | _CONNECTION | _SESSION | _CODES | _SYNC)
"""Every clue with its test and sentence."""


def clues(observation: Observation) -> frozenset[Clue]:
    """All clues that hold for an observation."""
    return frozenset(clue for clue, test in CLUES.items() if test.holds(observation))


def describe(clue: Clue, observation: Observation) -> str:
    """The clue as a sentence about this observation."""
    return CLUES[clue].sentence.format_map(_values(observation))


def _values(observation: Observation) -> dict[str, object]:
    """What a clue's sentence may name."""
    offered = observation.offered
    last_error = observation.last_error
    known = None if last_error is None else code(last_error)
    return {
        "host": observation.target_host,
        "port": observation.target_port,
        "peer": observation.peer,
        "source": observation.source or "another address",
        "attempts": len({ip for ip, _ in observation.attempts}),
        "siblings": " and ".join(f"{label} (port {port})" for port, label in observation.siblings),
        "mode": observation.mode,
        "account_mode": "paper" if observation.paper else "live",
        "accounts": len(observation.accounts),
        "elapsed": observation.elapsed,
        "offered": "" if offered is None else f"{offered[0]} to {offered[1]}",
        "version": observation.server_version,
        "client_id": observation.client_id,
        "code": last_error,
        "meaning": "No source lists what it means." if known is None else known.meaning,
    }
