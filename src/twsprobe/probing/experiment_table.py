"""The experiments, as a table: what is tried, after which signatures, and what each outcome says.

Rule: an outcome excludes only what it contradicts, and proves only what the peer itself says. The same port at another address may belong
to another program, a dialog may have been answered and an application may have come up in between, so most outcomes raise and lower. An
experiment sends what the run itself sends, nothing, or, to a peer that has not answered, the opening of HTTP or TLS.
Known doubts: whether ::1 counts as trusted; whether TWS shows a dialog to a second client of the same address while the first one is open.
"""

from __future__ import annotations

from collections.abc import Callable

from twsprobe.probing.experiments import Experiment, Kind, Outcome, Plan, Seen, Situation
from twsprobe.probing.observation import is_loopback
from twsprobe.probing.options import LOWEST_OFFER
from twsprobe.probing.signatures import Signature

LOOPBACK, LOOPBACK_6 = "127.0.0.1", "::1"
FORWARDERS = {4001: 4003, 4002: 4004, 7496: 7498, 7497: 7499}
"""Behind which port the gnzsnz container images have a forwarder to a port of the application itself."""
MODEST = (LOWEST_OFFER, 178)
"""From the lowest version to the highest that ib_async offers: nothing in it is protobuf."""
SERVICES = {"web-server": "http", "tls-service": "tls", "ssh-server": "ssh"}

_CLOSED = frozenset({Signature.CLOSED_BEFORE_PREFIX, Signature.CLOSED_AFTER_PREFIX})
_SILENT = frozenset({Signature.SILENT_HANDSHAKE})
_NOT_REACHED = frozenset({Signature.TCP_REFUSED, Signature.TCP_TIMEOUT, Signature.TCP_UNREACHABLE})
_STARTING = frozenset({Signature.SILENT_START, Signature.PARTIAL_START, Signature.MALFORMED_START, Signature.CLOSED_AFTER_START})

_TRUST = ("untrusted-address", "dialog-pending", "dialog-refused")
_NOT_UP = ("app-not-running", "login-unfinished", "api-not-enabled")
_BUSY = ("api-wedged", "app-frozen", "accept-queue-full", "greeting-not-understood")
_PASSING = ("app-starting", "nightly-restart", "competing-session", "too-many-clients", "rapid-reconnect")
"""What may have passed since the run before."""
_OTHERS = ("other-service", "client-portal", "web-server", "tls-service")
_NOT_WELL = (*_NOT_UP, *_BUSY)
"""What cannot be while the application lets a client in."""
_ON_THE_WAY = ("forwarder-dead-backend", "forwarder-backend-hangs", "container-inner-port", "ipv6-localhost")


def _always(seen: Seen) -> bool:
    return True


def _silent(seen: Seen) -> bool:
    return seen.then.signature is Signature.SILENT_HANDSHAKE


def _only_localhost(seen: Seen) -> bool:
    return seen.let_in and seen.setting("allowLocalhostOnly") is True and seen.first.closed is not None


def _listed(seen: Seen) -> bool:
    trusted = seen.setting("trustedIPs")
    return seen.let_in and isinstance(trusted, list) and seen.setting("allowLocalhostOnly") is False and seen.first.source in trusted


def _not_listed(seen: Seen) -> bool:
    trusted = seen.setting("trustedIPs")
    return seen.let_in and isinstance(trusted, list) and seen.setting("allowLocalhostOnly") is False and seen.first.source not in trusted


def _to_loopback(situation: Situation) -> Plan | None:
    """From an address of this machine's network to its loopback."""
    facts = situation.observation
    if facts.peer is None or facts.loopback or facts.peer.partition("%")[0] not in situation.addresses:
        return None
    return Plan(Kind.SESSION, LOOPBACK, facts.target_port, config=True)


def _to_network(situation: Situation) -> Plan | None:
    """From loopback to an address of this machine's network; addresses that container bridges usually have come last."""
    found = [each for each in situation.addresses if each.count(".") == 3 and not is_loopback(each)]
    if not situation.observation.loopback or not found:
        return None
    return Plan(Kind.SESSION, min(found, key=lambda ip: (ip.startswith(("172.", "169.254.")), ip)), situation.observation.target_port)


def _to_ipv4(situation: Situation) -> Plan | None:
    facts = situation.observation
    return Plan(Kind.SESSION, LOOPBACK, facts.target_port) if facts.loopback and "." not in str(facts.peer) else None


def _to_ipv6(situation: Situation) -> Plan | None:
    facts = situation.observation
    tried = {ip for ip, _ in facts.attempts}
    return Plan(Kind.SESSION, LOOPBACK_6, facts.target_port) if facts.peer == LOOPBACK and LOOPBACK_6 not in tried else None


def _to_forwarder(situation: Situation) -> Plan | None:
    facts = situation.observation
    port = FORWARDERS.get(facts.target_port)
    return None if port is None else Plan(Kind.SESSION, facts.peer or facts.target_host, port)


def _as_http(situation: Situation) -> Plan | None:
    return _again(situation, Kind.HTTP)


def _as_tls(situation: Situation) -> Plan | None:
    return _again(situation, Kind.TLS)


def _in_silence(situation: Situation) -> Plan | None:
    return _again(situation, Kind.QUIET)


def _again(situation: Situation, kind: Kind) -> Plan:
    facts = situation.observation
    return Plan(kind, facts.peer or facts.target_host, facts.target_port)


def _modestly(situation: Situation) -> Plan | None:
    if situation.options.highest <= MODEST[1] and not situation.options.connect_options:
        return None
    return _again(situation, Kind.SESSION)._replace(offer=MODEST)


def _with_random_id(situation: Situation) -> Plan | None:
    facts = situation.observation
    return _again(situation, Kind.SESSION)._replace(random_id=True) if facts.client_id_chosen and facts.retry is None else None


def _says(service: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.then.service == service


def _served(*services: str) -> tuple[Outcome, ...]:
    """The outcomes of having asked what a peer is: it says so."""
    ruled_out = (*_TRUST, *_NOT_UP, *_BUSY, *_PASSING, *_ON_THE_WAY)
    found = []
    for cause in services:
        name = {"http": "a web server", "tls": "a TLS service", "ssh": "an SSH server"}[SERVICES[cause]]
        found.append(
            Outcome(
                SERVICES[cause],
                _says(SERVICES[cause]),
                f"{{there}}, port {{port}}, answered as {name} does.",
                proves=(cause,),
                excludes=ruled_out,
            )
        )
    spoke = Outcome(
        "other",
        lambda seen: seen.then.total_bytes_received > 0 and not seen.let_in,
        "It answered, and not as TWS does.",
        ("other-service",),
    )
    return (*found, spoke)


EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "loopback",
        "the same port at {there}, which TWS trusts, instead of {first}",
        _CLOSED | _SILENT | _NOT_REACHED | {Signature.SILENT_START},
        _to_loopback,
        (
            Outcome(
                "only-localhost",
                _only_localhost,
                '{there} is let in, and TWS itself says: "Allow connections from localhost only" is ticked, so it refuses {source}.',
                lowers=("forwarder-dead-backend", "container-inner-port", "dialog-refused", *_PASSING),
                proves=("untrusted-address",),
                excludes=(*_NOT_WELL, "dialog-pending", *_OTHERS),
            ),
            Outcome(
                "listed",
                _listed,
                "{there} is let in, and TWS itself says that {source} is among its trusted addresses.",
                raises=("forwarder-dead-backend", "forwarder-backend-hangs"),
                lowers=("container-inner-port", *_PASSING),
                excludes=(*_NOT_WELL, *_TRUST, *_OTHERS),
            ),
            Outcome(
                "not-listed",
                _not_listed,
                "{there} is let in, and TWS itself says that {source} is not among its trusted addresses.",
                raises=("untrusted-address", "dialog-pending"),
                lowers=_PASSING,
                excludes=(*_NOT_WELL, *_OTHERS),
            ),
            Outcome(
                "let-in",
                lambda seen: seen.let_in,
                "{there} is let in at the same port, so the address is the matter.",
                raises=("untrusted-address", "dialog-pending", "firewall", "wrong-address"),
                lowers=("forwarder-dead-backend", "forwarder-backend-hangs", *_PASSING),
                excludes=(*_NOT_WELL, *_OTHERS),
            ),
            Outcome(
                "silent",
                _silent,
                "{there} gets silence too, though TWS trusts it.",
                raises=("api-wedged",),
                lowers=(*_TRUST, "container-inner-port", "firewall", "wrong-address"),
            ),
            Outcome(
                "closed",
                lambda seen: seen.closed,
                "{there} is closed on too, though TWS trusts it.",
                lowers=(*_TRUST, "container-inner-port", "firewall", "wrong-address"),
            ),
            Outcome(
                "refused",
                lambda seen: not seen.accepted and seen.first.signature not in _NOT_REACHED,
                "Nothing accepts on {there}, so it is not TWS itself that accepts on {first}: TWS listens on all addresses.",
                raises=("forwarder-dead-backend", "forwarder-backend-hangs", "other-service"),
                lowers=_TRUST,
            ),
            Outcome("no-better", _always, "{there} fares no better.", lowers=("wrong-address", "firewall")),
        ),
    ),
    Experiment(
        "ipv4-loopback",
        "{there} instead of {first}",
        _CLOSED | _SILENT | _NOT_REACHED | {Signature.SILENT_START},
        _to_ipv4,
        (
            Outcome(
                "let-in",
                lambda seen: seen.let_in,
                "{there} is let in at the same port, {first} is not.",
                lowers=_PASSING,
                proves=("ipv6-localhost",),
                excludes=(*_NOT_WELL, *_OTHERS),
            ),
            Outcome("no-better", _always, "{there} fares no better.", excludes=("ipv6-localhost",)),
        ),
        seconds=3.0,
    ),
    Experiment(
        "ipv6-loopback",
        "{there} instead of {first}",
        frozenset({Signature.TCP_REFUSED}),
        _to_ipv6,
        (
            Outcome(
                "accepted",
                lambda seen: seen.accepted,
                "Something accepts on {there}, though not on {first}.",
                raises=("wrong-address",),
                lowers=("app-not-running", "wrong-port", "api-not-enabled"),
            ),
            Outcome("refused", _always, "Nothing accepts on {there} either."),
        ),
        seconds=2.0,
    ),
    Experiment(
        "network-address",
        "this machine's address {there} instead of {first}",
        frozenset({Signature.TCP_REFUSED}),
        _to_network,
        (
            Outcome(
                "accepted",
                lambda seen: seen.accepted,
                "Something accepts on {there}, though not on {first}.",
                raises=("wrong-address",),
                lowers=("app-not-running", "wrong-port", "api-not-enabled"),
            ),
            Outcome("refused", _always, "Nothing accepts on {there} either."),
        ),
        seconds=2.0,
    ),
    Experiment(
        "forwarder-port",
        "port {port}, behind which container images have a forwarder",
        _CLOSED | _SILENT | frozenset({Signature.TCP_REFUSED}),
        _to_forwarder,
        (
            Outcome(
                "let-in",
                lambda seen: seen.let_in,
                "The forwarder's port {port} is let in.",
                raises=("container-inner-port", "container-port-mapping"),
                lowers=("wrong-port", "live-paper-mixup", "wrong-address", *_TRUST, *_PASSING),
                excludes=_NOT_WELL,
            ),
            Outcome("silent", _silent, "The forwarder's port {port} gets silence too.", ("api-wedged",), ("container-inner-port",)),
            Outcome(
                "closed",
                lambda seen: seen.closed,
                "The forwarder's port {port} closes: nothing is behind it.",
                lowers=("container-inner-port",),
            ),
            Outcome("refused", _always, "Nothing accepts on port {port}, which says nothing: it may just not be published."),
        ),
    ),
    Experiment(
        "quiet",
        "connecting and sending nothing",
        frozenset({Signature.CLOSED_AFTER_PREFIX, Signature.SILENT_HANDSHAKE}),
        _in_silence,
        (
            *_served("ssh-server"),
            Outcome(
                "closed",
                lambda seen: seen.closed,
                "The peer closes also where nothing is sent to it, so the greeting is not the matter.",
                raises=("forwarder-dead-backend",),
                lowers=("untrusted-address", *_OTHERS),
                excludes=("greeting-not-understood",),
            ),
            Outcome(
                "stays",
                lambda seen: seen.accepted,
                "Where nothing is sent the connection stays open: there is somebody who waits for the client to speak, as TWS does.",
                lowers=("forwarder-dead-backend",),
            ),
            Outcome("no-connection", _always, "No connection came about this time."),
        ),
        seconds=2.0,
    ),
    Experiment(
        "http",
        "asking as a web browser does",
        frozenset({Signature.CLOSED_AFTER_PREFIX, Signature.SILENT_HANDSHAKE}),
        _as_http,
        (
            *_served("web-server", "tls-service"),
            Outcome(
                "no-answer", _always, "It does not answer as a web server does.", lowers=("web-server", "client-portal", "other-service")
            ),
        ),
        seconds=3.0,
    ),
    Experiment(
        "tls",
        "opening TLS",
        frozenset({Signature.CLOSED_AFTER_PREFIX, Signature.SILENT_HANDSHAKE}),
        _as_tls,
        (
            *_served("tls-service", "web-server"),
            Outcome("no-answer", _always, "It does not answer as a TLS service does.", lowers=("tls-service", "client-portal")),
        ),
        seconds=3.0,
    ),
    Experiment(
        "lower-offer",
        f"offering versions {MODEST[0]} to {MODEST[1]} only",
        _SILENT | _STARTING,
        _modestly,
        (
            Outcome(
                "ready",
                lambda seen: seen.ready,
                f"A client that offers at most version {MODEST[1]} gets a session.",
                raises=("greeting-not-understood", "protobuf-desync", "unknown-layout"),
                lowers=("api-not-accepted", "invalid-start-field", "frame-desync", "api-half-enabled", "dialog-pending", *_PASSING),
                excludes=("api-wedged", "app-frozen", "tws-locked", "login-unfinished", "api-not-enabled", *_ON_THE_WAY, *_OTHERS),
            ),
            Outcome(
                "answered",
                lambda seen: seen.let_in and seen.first.server_version is None,
                f"A greeting with versions up to {MODEST[1]} is answered.",
                raises=("greeting-not-understood",),
                lowers=("dialog-pending", *_PASSING),
                excludes=("api-wedged", "app-frozen", "api-not-enabled", *_ON_THE_WAY, *_OTHERS),
            ),
            Outcome(
                "no-better",
                _always,
                "A lower offer fares no better.",
                lowers=("protobuf-desync", "unknown-layout"),
                excludes=("greeting-not-understood",),
            ),
        ),
    ),
    Experiment(
        "random-id",
        "a random client id",
        frozenset({Signature.SILENT_START, Signature.PARTIAL_START, Signature.CLOSED_AFTER_START}),
        _with_random_id,
        (
            Outcome(
                "ready",
                lambda seen: seen.ready,
                "A random client id gets a session at once.",
                raises=("client-id-clash", "client-id-stuck", "rapid-reconnect"),
                lowers=("api-not-accepted", "login-unfinished", "app-starting", "dialog-pending"),
                excludes=("api-wedged", "api-half-enabled", "tws-locked"),
            ),
            Outcome("no-better", _always, "A random client id fares no better.", ("api-not-accepted",), ("rapid-reconnect",)),
        ),
    ),
)
"""Every experiment; among equals the earlier one is chosen."""
