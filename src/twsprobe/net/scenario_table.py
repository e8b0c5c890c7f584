"""The scenarios: every way to fail that a prober has to tell apart, each with what is to be seen of it.

A scenario says what the server does (its script) and what a prober must find: the signature by its slug, the stage that fails, and the
layer of the likeliest cause. The layer is that of a client on the same machine; where an address of another machine makes TWS itself
the suspect, ``remote_layer`` says so. Most waits that a prober would do for real are needless here, so ``ask`` holds times that suffice.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from twsprobe.capture.model import Close
from twsprobe.net.account import LIVE_CODE
from twsprobe.net.delivery import Delivery
from twsprobe.net.script import START, Begin, Drip, Greet, Raw, Script, Usual, Wait, notice
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET
from twsprobe.wire.registry import BY_NAME, encode
from twsprobe.wire.versions import ServerVersion

Layer = Literal["tcp", "handshake", "trusted-ip", "session"]


class Endpoint(Enum):
    """What a client meets at the address of a scenario."""

    SERVER = "a simulated server"
    REFUSED = "a port on which nothing listens"
    FULL = "a listener that accepts nobody any more"
    UNREACHABLE = "an address without a route"
    UNRESOLVED = "a name without an address"


class Ask(NamedTuple):
    """What a prober must be asked for to see a scenario. ``timeout`` is in seconds, for the stage that fails; None where it won't wait."""

    client_id: int | None = None
    sync: bool = False
    timeout: float | None = None


class Scenario(NamedTuple):
    """One way to fail, or to succeed. ``facts`` are further facts to be observed, such as the service or the end marker that is missing."""

    name: str
    meaning: str
    signature: str
    stage: str | None
    layer: Layer | None
    script: Script | None
    ask: Ask = Ask()
    facts: Mapping[str, Any] = MappingProxyType({})
    remote_layer: Layer | None = None
    endpoint: Endpoint = Endpoint.SERVER

    @property
    def unsupported(self) -> str:
        """Why this system cannot set the scenario up, in words; empty where it can."""
        if self.endpoint in (Endpoint.FULL, Endpoint.UNREACHABLE) and sys.platform != "linux":
            return "only Linux fails in this way on loopback"
        return ""

    @property
    def supported(self) -> bool:
        """Whether this system can set the scenario up."""
        return not self.unsupported


WELL = Script()
PLAINLY, BRIEFLY = Ask(), Ask(timeout=0.3)
ASKED_ID = 7
"""The client id that a prober is asked to use where somebody else has it."""
ODD = encode("error", Direction.TO_CLIENT, int(ServerVersion.V100_PLUS), id=-1, errorCode=2110, errorMsg="news before the version")
HALF = greeting(176, b"20260102 15:04:05 EST")[:17]
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
"""A fatal alert, protocol_version (RFC 8446)."""
CHINA = "中国标准时间".encode("gbk")
ITALY = "Ora standard dell\u2019Europa centrale".encode("cp1252")
HOSTILE = "\x1b[2J\x1b[31m[/x][bold]\r\n\u202eevil\u2066" + "A" * 8192


def broken_order_id(server_version: int) -> bytes:
    """A nextValidId whose number is none."""
    message = BY_NAME[Direction.TO_CLIENT, "nextValidId"]
    if message.protobuf is not None and server_version >= message.protobuf:
        return frame(BINARY_ID.pack(message.id + PROTOBUF_OFFSET) + b"\x08\xff")
    head = BINARY_ID.pack(message.id) if server_version >= ServerVersion.PROTOBUF else b"%d\0" % message.id
    return frame(head + b"1\0not a number\0")


def _ready(name: str, meaning: str, script: Script = WELL) -> Scenario:
    return Scenario(name, meaning, "ready", None, None, script)


def _handshake(
    name: str,
    meaning: str,
    signature: str,
    script: Script,
    ask: Ask = PLAINLY,
    layer: Layer = "handshake",
    remote_layer: Layer | None = None,
    **facts: Any,
) -> Scenario:
    return Scenario(name, meaning, signature, "handshake", layer, script, ask, MappingProxyType(facts), remote_layer)


def _start(name: str, meaning: str, signature: str, script: Script, ask: Ask = PLAINLY, layer: Layer = "session", **facts: Any) -> Scenario:
    return Scenario(name, meaning, signature, "start", layer, script, ask, MappingProxyType(facts))


def _backend(name: str, meaning: str, script: Script) -> Scenario:
    return Scenario(name, meaning, "backend-lost", "ready", "session", script)


def _stalled(name: str, meaning: str, end: str, script: Script) -> Scenario:
    ask, facts = Ask(sync=True, timeout=0.3), MappingProxyType({"missing_end": end})
    return Scenario(name, meaning, "sync-stalled", "sync", "session", script, ask, facts)


def _without_server(name: str, meaning: str, signature: str, stage: str, endpoint: Endpoint, ask: Ask = PLAINLY) -> Scenario:
    return Scenario(name, meaning, signature, stage, "tcp", None, ask, endpoint=endpoint)


def _withholding(end: str) -> Script:
    return Script(withheld=frozenset((end,)))


_GOOD = (
    _ready("ready", "A paper session that is well."),
    _ready("ready-live", "A live session that is well.", Script(account_code=LIVE_CODE)),
    _ready("no-farm-notices", "A session that says nothing about data farms.", Script(on_start=(Usual.ACCOUNTS, Usual.ORDER_ID))),
    _ready("order-id-first", "nextValidId comes before managedAccounts.", Script(on_start=(Usual.ORDER_ID, Usual.ACCOUNTS, Usual.FARMS))),
    _ready("odd-frame-first", "A message comes before the server version.", Script(on_offer=(Raw(ODD), Greet()))),
    _ready("zone-gbk", "The time zone is in the code page of a Chinese Windows.", Script(on_offer=(Greet(zone=CHINA),))),
    _ready("zone-windows-1252", "The time zone is in the code page of an Italian Windows.", Script(on_offer=(Greet(zone=ITALY),))),
    _ready("byte-by-byte", "Every byte arrives by itself.", Script(delivery=Delivery.BYTE)),
    _ready("one-segment", "All that is due at once arrives in one segment.", Script(delivery=Delivery.WHOLE)),
    _ready(
        "hostile-texts",
        "Escape codes, markup, right-to-left marks and very long text, in the time zone, the account and a notice.",
        Script(
            on_offer=(Greet(zone=HOSTILE.encode("utf-8")),),
            on_start=(Usual.ACCOUNTS, Usual.ORDER_ID, notice(2104, HOSTILE)),
            account_code=f"DU{HOSTILE}",
        ),
    ),
)
_WITHOUT_SERVER = (
    _without_server("unresolved", "The name has no address.", "name-unresolved", "resolve", Endpoint.UNRESOLVED),
    _without_server("refused", "Nothing listens on the port.", "tcp-refused", "connect", Endpoint.REFUSED),
    _without_server("timeout", "The listener's queue is full, and nobody accepts.", "tcp-timeout", "connect", Endpoint.FULL, BRIEFLY),
    _without_server("unreachable", "There is no route to the address.", "tcp-unreachable", "connect", Endpoint.UNREACHABLE),
)
_HANDSHAKE = (
    _handshake(
        "forwarder-dead-backend",
        "A forwarder accepts, finds nothing behind it, and closes before the client speaks.",
        "closed-before-prefix",
        Script(on_connect=(Close.FIN,)),
        layer="tcp",
        closed="fin",
    ),
    _handshake(
        "localhost-only",
        "TWS closes on an address that it does not trust.",
        "closed-after-prefix",
        Script(on_offer=(Close.FIN,)),
        remote_layer="trusted-ip",
        closed="fin",
    ),
    _handshake(
        "localhost-only-reset",
        "TWS closes on an address that it does not trust, without having read the greeting.",
        "closed-after-prefix",
        Script(on_offer=(Close.RST,)),
        remote_layer="trusted-ip",
        closed="rst",
    ),
    _handshake(
        "dialog-pending",
        "TWS asks on its screen whether to accept the connection, and nobody answers.",
        "silent-handshake",
        Script(on_offer=()),
        BRIEFLY,
        remote_layer="trusted-ip",
    ),
    _handshake(
        "wedged",
        "TWS still accepts connections and no longer serves them.",
        "silent-handshake",
        Script(on_offer=()),
        BRIEFLY,
        remote_layer="trusted-ip",
    ),
    _handshake("http", "A web server answers.", "not-tws", Script(on_offer=(Raw(HTTP), Close.FIN)), service="http"),
    _handshake("tls", "A TLS service answers with an alert.", "not-tws", Script(on_offer=(Raw(TLS_ALERT), Close.FIN)), service="tls"),
    _handshake("ssh", "An SSH server answers.", "not-tws", Script(on_connect=(Raw(b"SSH-2.0-OpenSSH_9.6\r\n"),)), service="ssh"),
    _handshake("vnc", "A VNC server answers.", "not-tws", Script(on_connect=(Raw(b"RFB 003.008\n"),)), service="other"),
    _handshake(
        "oversize-length", "The first frame says that it is 2 GB long.", "frame-invalid", Script(on_offer=(Raw(b"\x7f\xff\xff\xff1"),))
    ),
    _handshake("only-odd-frames", "Frames come, but none is a server version.", "frame-invalid", Script(on_offer=(Raw(ODD * 2),)), BRIEFLY),
    _handshake("slow-drip", "A byte comes now and then.", "frame-incomplete", Script(on_offer=(Drip(b"\0\0\xff", 0.02),)), BRIEFLY),
    _handshake("half-frame", "Half of the first frame comes, then silence.", "frame-incomplete", Script(on_offer=(Raw(HALF),)), BRIEFLY),
    _handshake(
        "half-frame-close",
        "Half of the first frame comes, then the end.",
        "frame-incomplete",
        Script(on_offer=(Raw(HALF), Close.FIN)),
        closed="fin",
    ),
    _handshake(
        "redirect",
        "The server names another address to connect to.",
        "redirected",
        Script(on_offer=(Raw(greeting(-1, b"192.0.2.10:4001")),)),
        redirect="192.0.2.10:4001",
    ),
    _handshake("version-below-offer", "The server is older than any offer.", "version-unsupported", Script(on_offer=(Greet(76),))),
    _handshake(
        "version-above-offer", "The server answers a version above the offer.", "version-unsupported", Script(on_offer=(Greet(999),))
    ),
)
_START = (
    _start(
        "api-not-accepted",
        "TWS greets the client and ignores all that follows.",
        "silent-start",
        Script(on_start=(), serves=False),
        BRIEFLY,
    ),
    _start(
        "only-order-id",
        "nextValidId comes, managedAccounts does not.",
        "partial-start",
        Script(on_start=(Usual.ORDER_ID,)),
        BRIEFLY,
        missing=("managedAccounts",),
    ),
    _start(
        "only-accounts",
        "managedAccounts comes, nextValidId does not.",
        "partial-start",
        Script(on_start=(Usual.ACCOUNTS,)),
        BRIEFLY,
        missing=("nextValidId",),
    ),
    _start(
        "only-notices",
        "The data farms are connected, and the session does not start.",
        "partial-start",
        Script(on_start=(Usual.FARMS,)),
        BRIEFLY,
        missing=("managedAccounts", "nextValidId"),
    ),
    _start(
        "closed-after-start",
        "TWS closes on startApi, whatever the client id.",
        "closed-after-start",
        Script(on_start=(Close.FIN,)),
        closed="fin",
    ),
    _start(
        "client-id-in-use",
        "Somebody else is connected with the client id, and TWS says so.",
        "client-id-in-use",
        Script(taken=frozenset((ASKED_ID,))),
        Ask(ASKED_ID),
        closed="fin",
    ),
    _start(
        "client-id-bare-close",
        "Somebody else is connected with the client id, and TWS closes without a word; another id works.",
        "closed-after-start",
        Script(taken=frozenset((ASKED_ID,)), says_taken=False),
        Ask(ASKED_ID),
        closed="fin",
        retry="ready",
    ),
    _start(
        "paper-disclaimer",
        "Nobody has accepted the disclaimer of the paper account yet.",
        "paper-disclaimer",
        Script(on_start=(notice(10141, "Paper trading disclaimer must first be accepted for API connection."), Wait(0.09), Close.FIN)),
        closed="fin",
    ),
    _start(
        "rejected",
        "TWS names an error and closes.",
        "rejected",
        Script(on_start=(notice(322, "Error processing request."), Close.FIN)),
        closed="fin",
    ),
    _start(
        "port-changed",
        "Somebody changes the socket port of TWS, which disconnects every client.",
        "rejected",
        Script(on_start=(notice(1300, "The socket port has been changed: reconnect on port 4002."), Close.FIN)),
        closed="fin",
    ),
    _start(
        "malformed-order-id", "nextValidId holds no number.", "malformed-start", Script(on_start=(Usual.ACCOUNTS, Raw(broken_order_id)))
    ),
)
_LOST = notice(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
_BROKEN = notice(2110, "Connectivity between Trader Workstation and server is broken. It will be restored automatically.")
_READY = (
    _backend("link-lost", "TWS loses its link to IBKR just after the start.", Script(on_start=(*START, _LOST))),
    _backend("link-broken", "TWS is up, and offline.", Script(on_start=(Usual.ACCOUNTS, Usual.ORDER_ID, _BROKEN))),
)
_READ_ONLY = (notice(321, "Error validating request.-'bR' : cause - The API interface is currently in Read-Only mode."),)
_SYNC = (
    _stalled("sync-positions", "The positions never end.", "positionEnd", _withholding("positionEnd")),
    _stalled("sync-open-orders", "The open orders never end.", "openOrderEnd", _withholding("openOrderEnd")),
    _stalled("sync-completed-orders", "The completed orders never end.", "completedOrdersEnd", _withholding("completedOrdersEnd")),
    _stalled("sync-account-updates", "The account values never end.", "accountDownloadEnd", _withholding("accountDownloadEnd")),
    _stalled("sync-executions", "The executions never end.", "execDetailsEnd", _withholding("execDetailsEnd")),
    _stalled(
        "read-only",
        "The API is read-only, and even questions about orders are refused.",
        "openOrderEnd",
        Script(on_request=dict.fromkeys(("reqOpenOrders", "reqAllOpenOrders", "reqCompletedOrders"), _READ_ONLY)),
    ),
    Scenario(
        "closed-during-sync",
        "TWS closes while the account values come.",
        "closed-during-sync",
        "sync",
        "session",
        Script(on_request={"reqAccountUpdates": (Begin(5), Close.FIN)}),
        Ask(sync=True),
        MappingProxyType({"closed": "fin"}),
    ),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {scenario.name: scenario for scenario in (*_GOOD, *_WITHOUT_SERVER, *_HANDSHAKE, *_START, *_READY, *_SYNC)}
)
"""Every scenario, by its name."""
