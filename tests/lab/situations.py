"""The situations of the lab: how each is built, what the probe is asked for, and what is really the matter.

The problem: what ranks causes has to be held against causes that are known, and not only against signatures. The rule: a situation sets
one cause up as its users would have it, on the ports and with the programs that they have; what is asked for is what the command line
would ask for. A TWS is the simulator, because no real one may be spoilt so; all else is the real thing, or a stand-in under its name.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from tests.lab.building import (
    Builder,
    disclaimer_race,
    docker_proxy,
    echo,
    filtered,
    gateway,
    no_route,
    nobody,
    nothing,
    one_family,
    patient_web_server,
    published,
    service,
    socat,
    socat_to_nowhere,
    socat_to_wedged,
    tws,
    tws_at_own_address,
    tws_for_loopback,
    tws_there,
    wedged,
    with_all_clients,
    with_client,
)
from tests.lab.networks import ELSEWHERE
from twsprobe.net.scenario_table import ASKED_ID
from twsprobe.net.script import START, Greet, Script, notice
from twsprobe.net.serving import LOOPBACK
from twsprobe.probing.options import Options
from twsprobe.probing.signatures import Stage

PLAIN = Options()
ASKING = Options(client_id=ASKED_ID)
SYNCING = Options(sync=True, stage_timeouts=((Stage.SYNC, 1.0),))
BRIEFLY = Options(stage_timeouts=tuple((stage, 0.5) for stage in (Stage.CONNECT, Stage.HANDSHAKE, Stage.START)))
"""Where silence is what is to be seen."""
STARTING = Options(stage_timeouts=((Stage.START, 1.0),))
"""Where it comes after the greeting."""
ASYNC_CLIENT = Options(minimum=157, maximum=178)
"""A client that offers what ib_async offers."""


class Situation(NamedTuple):
    """``cause`` is the id of what is the matter, None where nothing is; ``setting`` says in words what is set up."""

    name: str
    setting: str
    cause: str | None
    build: Builder
    options: Options = PLAIN
    alone: bool = True
    """It needs a network of its own: a second machine, or a port that only root has."""
    in_container: bool = False
    decide: bool = False
    """Experiments decide, as with --decide."""
    missed: str = ""
    """Why one run cannot tell the cause from another, which is ranked before it."""
    kept: int = 0
    """Connections that the peer's kernel keeps in CLOSE_WAIT for as long as its program neither accepts nor closes them."""


def _here(name: str, setting: str, cause: str | None, build: Builder, options: Options = PLAIN, **rest: object) -> Situation:
    """A situation on loopback."""
    return Situation(name, setting, cause, build, options, alone=False, **rest)  # type: ignore[arg-type]


_REFUSED = (
    _here("not-running", "Nothing listens on any API port.", "app-not-running", partial(nothing, 7497)),
    _here(
        "starting",
        "IBC has just started IB Gateway, which does not listen yet.",
        "app-starting",
        partial(gateway, 4002, listens=False),
    ),
    _here(
        "gateway-elsewhere",
        "IB Gateway listens on port 4100, and the client tries 4002.",
        "wrong-port",
        partial(gateway, 4002, listens=True),
    ),
    _here("other-port", "TWS listens on 7497, the client tries 7500.", "wrong-port", partial(nothing, 7500, 7497)),
    _here("other-product", "IB Gateway listens on 4001, the client tries the port of TWS.", "wrong-port", partial(nothing, 7497, 4001)),
    _here("other-mode", "TWS listens on 7497 (paper), the client tries 7496 (live).", "live-paper-mixup", partial(nothing, 7496, 7497)),
    _here(
        "inner-port-from-host",
        "A container publishes 4001 and 4002, and the client on its host tries 4004.",
        "container-port-mapping",
        partial(nothing, 4004, 4001, 4002),
    ),
    _here(
        "inside-container",
        "The client runs in a container and tries the container's own 127.0.0.1.",
        "container-loopback",
        partial(nothing, 4002),
        in_container=True,
    ),
    _here(
        "localhost-is-ipv6",
        "A forwarder listens at 127.0.0.1 only, and localhost stands for ::1.",
        "ipv6-localhost",
        partial(one_family, LOOPBACK, 4002, "::1"),
    ),
    _here(
        "localhost-is-both",
        "A forwarder listens at 127.0.0.1 only; localhost stands for ::1 first, then for 127.0.0.1.",
        None,
        partial(one_family, LOOPBACK, 4002, "::1", LOOPBACK),
    ),
    _here(
        "unspecified-address",
        "The client was told to connect to 0.0.0.0, where nothing listens.",
        "wrong-address",
        partial(nothing, 4002, host="0.0.0.0"),  # noqa: S104  # connected to, as users do, not bound
    ),
    _here("name-unknown", "The name of the host is misspelt.", "name-unknown", partial(nothing, 7497, host="tws.invalid")),
    _here(
        "name-of-service",
        "The service name of a compose file, outside its network.",
        "name-scope",
        partial(nothing, 4003, host="ib-gateway"),
    ),
)
_FAR = (
    Situation("filtered", "Packets to the address vanish on the way.", "firewall", filtered, BRIEFLY),
    Situation("no-route", "This machine has no route to the address's network.", "network-down", partial(no_route, ELSEWHERE)),
    Situation("nobody-there", "No machine of the network has the address.", "wrong-address", nobody),
    Situation(
        "lan-refused",
        "TWS on another machine closes, because it does not trust this one.",
        "untrusted-address",
        partial(tws_there, "localhost-only"),
    ),
    Situation(
        "lan-refused-reset",
        "The same with a reset.",
        "untrusted-address",
        partial(tws_there, "localhost-only-reset"),
    ),
    Situation(
        "lan-asked",
        "TWS on another machine asks on its screen whether to let this one in.",
        "dialog-pending",
        partial(tws_there, "dialog-pending"),
        BRIEFLY,
    ),
    Situation(
        "own-lan-address",
        "TWS on this machine, by the machine's own address, trusts only loopback.",
        "untrusted-address",
        partial(tws_at_own_address, "localhost-only"),
    ),
    Situation(
        "own-lan-address-asked",
        "The same, and TWS asks on its screen.",
        "dialog-pending",
        partial(tws_at_own_address, "dialog-pending"),
        BRIEFLY,
    ),
)
_DECIDED = (
    Situation(
        "decided-untrusted",
        "TWS lets loopback in, and closes on the machine's own address; experiments decide.",
        "untrusted-address",
        partial(tws_for_loopback, "localhost-only"),
        decide=True,
    ),
    Situation(
        "decided-dialog",
        "TWS lets loopback in, and asks about the machine's own address; experiments decide.",
        "dialog-pending",
        partial(tws_for_loopback, "dialog-pending"),
        BRIEFLY,
        decide=True,
    ),
    _here(
        "decided-web-server",
        "A web server on 4001 that waits for a whole request; experiments decide.",
        "web-server",
        partial(service, 4001, patient_web_server),
        BRIEFLY,
        decide=True,
    ),
    _here(
        "decided-id",
        "A client is connected with the id, and TWS closes without a word; experiments decide.",
        "client-id-clash",
        partial(with_client, ASKED_ID, False),
        ASKING,
        decide=True,
    ),
)
_FORWARDED = (
    _here(
        "socat-dead-backend", "socat on 4003, nothing on 4001 behind it.", "forwarder-dead-backend", partial(socat, 4003, LOOPBACK, 4001)
    ),
    _here(
        "socat-hanging-backend",
        "socat on 4003; what listens on 4001 behind it accepts nobody.",
        "forwarder-backend-hangs",
        partial(socat_to_wedged, 4003, 4001),
        BRIEFLY,
    ),
    Situation(
        "socat-silent-backend",
        "socat on 4003; its packets to the machine behind vanish.",
        "forwarder-backend-hangs",
        partial(socat_to_nowhere, 4003, 4001),
        BRIEFLY,
    ),
    _here(
        "docker-proxy-dead",
        "docker-proxy publishes 4002, and nothing listens on 4004 in the container.",
        "forwarder-dead-backend",
        partial(docker_proxy, 4002, "127.0.0.7", 4004),
    ),
    Situation(
        "docker-proxy-dead-container",
        "The same, with the container on a network of its own.",
        "forwarder-dead-backend",
        partial(published, 4002, 4004, None),
    ),
    Situation(
        "docker-proxy-inner-refused",
        "docker-proxy publishes the port of IB Gateway itself, which closes on the bridge's address.",
        "container-inner-port",
        partial(published, 4001, 4001, "localhost-only"),
    ),
    Situation(
        "docker-proxy-inner-asked",
        "The same, and IB Gateway asks on its screen.",
        "container-inner-port",
        partial(published, 4001, 4001, "dialog-pending"),
        BRIEFLY,
    ),
)
_WEDGED = (
    _here(
        "queue-full",
        "A wedged TWS: 51 connections wait to be accepted, all of them left by their clients (CLOSE_WAIT).",
        "accept-queue-full",
        partial(wedged, 7497, waiting=51, left=51),
        options=BRIEFLY,
        kept=51,
    ),
    _here(
        "queue-growing",
        "A wedged IB Gateway: three connections wait to be accepted, two of them left (CLOSE_WAIT).",
        "api-wedged",
        partial(wedged, 4001, waiting=3, left=2),
        options=BRIEFLY,
        kept=2,
    ),
    _here("accepts-and-is-silent", "TWS accepts and no longer answers anybody.", "api-wedged", partial(tws, "wedged"), BRIEFLY),
    _here(
        "all-clients",
        "32 clients are connected, and TWS closes on one more.",
        "too-many-clients",
        with_all_clients,
    ),
)
_OTHERS = (
    _here("web-server", "A web server on 8080.", "web-server", partial(tws, "http", 8080)),
    _here("tls", "A TLS service on 4001.", "tls-service", partial(tws, "tls", 4001)),
    Situation("ssh", "An SSH server on 22.", "ssh-server", partial(tws, "ssh", 22)),
    _here("vnc", "A VNC server on 5900.", "vnc-server", partial(tws, "vnc", 5900)),
    _here("echo", "A program on 4001 that says everything back.", "other-service", partial(service, 4001, echo)),
    _here(
        "client-portal",
        "The Client Portal Gateway on 5000 waits for a TLS greeting.",
        "client-portal",
        partial(tws, Script(on_offer=()), 5000),
        BRIEFLY,
    ),
)
_VERSIONS = (
    _here(
        "old-server",
        "A TWS of server version 120, and a client that offers 157 to 178.",
        "server-too-old",
        partial(tws, version=120),
        ASYNC_CLIENT,
    ),
    _here("new-server", "A peer that answers version 999.", "version-above-offer", partial(tws, Script(on_offer=(Greet(999),)))),
    _here("redirect", "TWS names another address to connect to.", "redirect", partial(tws, "redirect")),
)
_STARTS = (
    _here(
        "id-of-live-client",
        "A client is connected with the id, and TWS says so (326).",
        "client-id-clash",
        partial(with_client, ASKED_ID, True),
        ASKING,
    ),
    _here(
        "id-of-live-client-bare",
        "A client is connected with the id, and TWS closes without a word.",
        "client-id-clash",
        partial(with_client, ASKED_ID, False),
        ASKING,
    ),
    _here(
        "id-of-dead-client",
        "TWS holds the id for a client that is long gone (326).",
        "client-id-stuck",
        partial(tws, "client-id-in-use"),
        ASKING,
    ),
    _here("paper-disclaimer", "Nobody has accepted the disclaimer (10141).", "paper-disclaimer", partial(tws, "paper-disclaimer")),
    _here(
        "disclaimer-race",
        "IBC accepts the disclaimer a moment later than the client comes (10141, then well).",
        "paper-disclaimer-race",
        disclaimer_race,
        missed="the first connection is the same for both; only a later one tells",
    ),
    _here(
        "not-accepted", "TWS greets the client and ignores what follows.", "api-not-accepted", partial(tws, "api-not-accepted"), STARTING
    ),
    _here("half-enabled", "The accounts come, and no next order id.", "api-half-enabled", partial(tws, "only-accounts"), STARTING),
    _here("port-changed", "Someone changes the port of TWS (1300).", "port-changed", partial(tws, "port-changed")),
    _here(
        "protobuf-broken",
        "nextValidId cannot be read, at a version that speaks protobuf.",
        "protobuf-desync",
        partial(tws, "malformed-order-id"),
    ),
    _here("mid-restart", "TWS ends in the middle of its greeting.", "nightly-restart", partial(tws, "half-frame-close")),
)
_SESSIONS = (
    _here("backend-lost", "TWS has lost its link to IBKR (1100).", "backend-link-lost", partial(tws, "link-lost")),
    _here("positions-stall", "The positions never end.", "sync-positions", partial(tws, "sync-positions"), SYNCING),
    _here("open-orders-stall", "The open orders never end.", "sync-open-orders", partial(tws, "sync-open-orders"), SYNCING),
    _here(
        "completed-orders-stall", "The completed orders never end.", "sync-completed-orders", partial(tws, "sync-completed-orders"), SYNCING
    ),
    _here("account-stalls", "The account values never end.", "sync-account-updates", partial(tws, "sync-account-updates"), SYNCING),
    _here("executions-stall", "The executions never end.", "sync-executions", partial(tws, "sync-executions"), SYNCING),
    _here(
        "read-only", "The API is read-only, and refuses questions about orders (321).", "read-only-api", partial(tws, "read-only"), SYNCING
    ),
    _here(
        "closes-during-sync",
        "A TWS build closes while account values come.",
        "sync-close-regression",
        partial(tws, "closed-during-sync"),
        SYNCING,
    ),
    _here(
        "farm-broken",
        "A data farm is out of reach (2103).",
        "farm-outage",
        partial(tws, Script(on_start=(*START, notice(2103, "Market data farm connection is broken:usfarm")))),
    ),
    _here(
        "logged-in-twice",
        "Another session of the user takes the market data (10197).",
        "competing-session",
        partial(tws, Script(on_start=(*START, notice(10197, "No market data during competing live session")))),
    ),
    _here("live-on-paper-port", "A live login listens on the port for paper.", "live-paper-mixup", partial(tws, "ready-live")),
    _here("well", "A TWS that is well.", None, tws),
)

SITUATIONS: tuple[Situation, ...] = (*_REFUSED, *_FAR, *_DECIDED, *_FORWARDED, *_WEDGED, *_OTHERS, *_VERSIONS, *_STARTS, *_SESSIONS)
"""Every situation."""
