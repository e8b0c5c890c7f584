"""An Observation is what happened in one run: facts only, filled in by the stages. Judgements are in `causes`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from twsprobe.probing.signatures import Signature, Stage


class ApiPort(NamedTuple):
    """What is by convention behind a port number."""

    product: Literal["tws", "gateway"]
    mode: Literal["live", "paper"]
    forwarded: bool
    """True for the ports of the usual container images, where a forwarder accepts and passes on to the real one."""

    @property
    def label(self) -> str:
        """A name for people, such as "TWS paper" or "IB Gateway live (container forwarder)"."""
        product = "TWS" if self.product == "tws" else "IB Gateway"
        return f"{product} {self.mode}{' (container forwarder)' if self.forwarded else ''}"


API_PORTS: Mapping[int, ApiPort] = MappingProxyType(
    {
        7496: ApiPort("tws", "live", False),
        7497: ApiPort("tws", "paper", False),
        4001: ApiPort("gateway", "live", False),
        4002: ApiPort("gateway", "paper", False),
        4003: ApiPort("gateway", "live", True),
        4004: ApiPort("gateway", "paper", True),
        7498: ApiPort("tws", "live", True),
        7499: ApiPort("tws", "paper", True),
    }
)
"""The ports that TWS, IB Gateway and the gnzsnz container images use unless told otherwise."""

_SERVICE_NAMES = {"http": "A web server", "tls": "A TLS service", "ssh": "An SSH server"}


def is_loopback(ip: str) -> bool:
    """Whether a literal address is loopback (127.0.0.0/8, ::1, or an IPv4-mapped form). Prefixes suffice; `ipaddress` loads slowly."""
    return ip.startswith("127.") or ip in ("::1", "0:0:0:0:0:0:0:1") or ip.lower().startswith("::ffff:127.")


@dataclass(frozen=True)
class Observation:
    """The facts of one run. Every field has a default, so that a stage sets only what it saw.

    Texts that came from the peer are kept as they came; whoever shows them makes them safe first.
    """

    target_host: str = ""
    target_port: int = 0
    address: tuple[str, int] | None = None
    """The address that answered, or the one tried last: literal address and port."""
    local_address: tuple[str, int] | None = None
    """This side of the connection: the address that TWS checks against its trusted ones."""
    family: Literal["ipv4", "ipv6"] | None = None
    attempts: tuple[tuple[str, str], ...] = ()
    """Each address tried, in order, and "connected", "refused", "timeout" or "unreachable"."""
    no_route: bool = False
    """This machine itself has no route to any address of the target (ENETUNREACH), rather than that nobody answered on the way."""
    in_container: bool = False
    """This program runs inside a container."""
    siblings: tuple[tuple[int, str], ...] = ()
    """Other known API ports that listen on this machine, each with a label."""
    siblings_checked: bool = False
    """The listening sockets of this machine were read, so that empty `siblings` means there are none."""

    signature: Signature | None = None
    stage: Stage | None = None
    """The stage that failed."""
    elapsed_ms: float = 0.0
    """Milliseconds that the failing stage took."""
    bytes_received: int = 0
    """Bytes that arrived in the failing stage."""
    total_bytes_received: int = 0
    """Bytes that arrived in the whole run."""
    closed: Literal["fin", "rst"] | None = None
    """How the peer closed; None when it did not."""
    prefix_sent: bool = False
    start_sent: bool = False

    received: bytes = b""
    """The first bytes, at most 64, of what was not understood."""
    service: Literal["http", "tls", "ssh", "other"] | None = None
    redirect: str | None = None
    offered: tuple[int, int] | None = None
    """The lowest and highest version offered."""
    server_version: int | None = None
    server_time: str | None = None
    time_zone: str | None = None

    accounts: tuple[str, ...] = ()
    next_order_id: int | None = None
    client_id: int | None = None
    client_id_chosen: bool = False
    """The user asked for this id; otherwise it is a random high one."""
    notices: tuple[tuple[int, str], ...] = ()
    """Code and text of each error or notice, in the order they came."""
    missing: tuple[str, ...] = ()
    """Which of managedAccounts and nextValidId did not come."""
    stalled_request: str | None = None
    """The sync request that was not answered in full, by IBKR's name, such as reqPositions."""
    missing_end: str | None = None
    """The message that should have ended its answer, such as positionEnd."""
    retry: Literal["ready", "failed"] | None = None
    """How a second try with a random client id went; None when there was none."""

    @property
    def peer(self) -> str | None:
        """The literal address of the other side, or None when no address was tried."""
        if self.address is not None:
            return self.address[0]
        return self.attempts[-1][0] if self.attempts else None

    @property
    def source(self) -> str | None:
        """The literal address that this side's packets carry. A loopback peer is reached from loopback, so it stands in."""
        if self.local_address is not None:
            return self.local_address[0]
        return self.peer if self.loopback else None

    @property
    def loopback(self) -> bool:
        """The peer's address is known and is loopback."""
        return self.peer is not None and is_loopback(self.peer)

    @property
    def remote(self) -> bool:
        """The peer's address is known and another machine's: neither loopback nor 0.0.0.0 or ::, which systems take for it."""
        return self.peer is not None and not is_loopback(self.peer) and self.peer.strip("0.:") != ""

    @property
    def loopback_source(self) -> bool:
        """The connection leaves from loopback."""
        return self.source is not None and is_loopback(self.source)

    @property
    def remote_source(self) -> bool:
        """The connection leaves from another address than loopback, also when both ends are this machine."""
        return self.remote if self.source is None else not is_loopback(self.source)

    @property
    def product(self) -> Literal["tws", "gateway"] | None:
        """What the port number stands for by convention."""
        port = API_PORTS.get(self.target_port)
        return None if port is None else port.product

    @property
    def mode(self) -> Literal["live", "paper"] | None:
        """Live or paper trading, by the convention for the port number."""
        port = API_PORTS.get(self.target_port)
        return None if port is None else port.mode

    @property
    def paper(self) -> bool | None:
        """Whether the accounts are paper accounts (DU..., DF...); None without accounts or with both kinds."""
        kinds = {account.startswith("D") for account in self.accounts}
        return kinds.pop() if len(kinds) == 1 else None

    @property
    def codes(self) -> frozenset[int]:
        """The numbers of all notices."""
        return frozenset(number for number, _ in self.notices)

    @property
    def last_error(self) -> int | None:
        """The number of the last notice that is not known to be a mere warning or information."""
        from twsprobe.wire.codes import Severity, code

        for number, _ in reversed(self.notices):
            known = code(number)
            if known is None or known.severity in (Severity.ERROR, Severity.FATAL):
                return number
        return None

    @property
    def elapsed(self) -> str:
        """The time of the failing stage for people: "0.2 ms", "90 ms", "4.0 s"."""
        if self.elapsed_ms < 10:
            return f"{self.elapsed_ms:.1f} ms"
        return f"{self.elapsed_ms:.0f} ms" if self.elapsed_ms < 1000 else f"{self.elapsed_ms / 1000:.1f} s"

    @property
    def sentence(self) -> str:
        """The signature in one plain sentence; empty before there is one. Holds no text that the peer chose."""
        if self.signature is None:
            return ""
        return self.signature.sentence.format(
            host=self.target_host or "the target",
            port=self.target_port,
            service=_SERVICE_NAMES.get(self.service or "", "Something else"),
            version="a version" if self.server_version is None else f"version {self.server_version}",
            missing=" and ".join(self.missing) or "an expected message",
            client_id="The client id" if self.client_id is None else f"Client id {self.client_id}",
            code="an error" if self.last_error is None else f"code {self.last_error}",
            request=self.stalled_request or "A request",
            end=self.missing_end or "the end of the answer",
        )
