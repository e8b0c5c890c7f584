"""Ranks what explains an Observation.

The problem: one signature has many causes, and the same facts speak for some and against others. The rule: each signature has a list
of causes with a first confidence, the most reported first. Clues then raise a cause (the strongest wins) and lower it (the
weakest wins). What lowers beats what raises, but for `PROVEN`, which is the wire's own word and stands. Causes are sorted by
confidence, then by their place in the list; excluded ones stay, at the end, with the reason.
Evidence from elsewhere than the wire (`local`) is weighed last. A cause with more of it for than against is at least likely and comes
before its equals; with more against than for it is possible at most and comes after them. What the wire proves or excludes stands.
Evidence of an experiment may prove a cause or exclude it, as the wire does: a proof of either side beats every exclusion.
Known doubt: the order within a list follows how often a cause was reported in public threads, a rough measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from twsprobe.probing.cause_table import CAUSES
from twsprobe.probing.clues import Clue, clues, describe
from twsprobe.probing.judgement import Cause, Confidence, Evidence, Explanation, RankedCause
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Layer, Signature

if TYPE_CHECKING:
    from twsprobe.probing.local import Evidence as LocalEvidence

__all__ = ["CAUSES", "EXPLANATIONS", "Cause", "Clue", "Confidence", "Evidence", "Explanation", "RankedCause", "failing_layer", "rank"]


def _likely(cause: str, *only_with: Clue) -> Explanation:
    return Explanation(cause, Confidence.LIKELY, only_with)


def _possible(cause: str, *only_with: Clue) -> Explanation:
    return Explanation(cause, Confidence.POSSIBLE, only_with)


_BEFORE_TWS: dict[Signature, tuple[Explanation, ...]] = {
    Signature.NAME_UNRESOLVED: (
        _possible("name-scope"),
        _possible("name-unknown"),
    ),
    Signature.TCP_REFUSED: (
        _possible("live-paper-mixup"),
        _possible("container-port-mapping"),
        _likely("wrong-port"),
        _likely("app-not-running"),
        _likely("api-not-enabled"),
        _possible("login-unfinished"),
        _possible("app-starting"),
        _possible("container-loopback"),
        _possible("wrong-address"),
        _possible("nightly-restart"),
        _possible("competing-session"),
        _possible("ipv6-localhost", Clue.IPV6_LOOPBACK, Clue.NAME_RESOLVED_TO_SEVERAL),
    ),
    Signature.TCP_TIMEOUT: (
        _likely("firewall"),
        _possible("wrong-address", Clue.REMOTE_PEER, Clue.PLACEHOLDER_ADDRESS),
        _possible("accept-queue-full"),
    ),
    Signature.TCP_UNREACHABLE: (
        _likely("wrong-address", Clue.REMOTE_PEER, Clue.PLACEHOLDER_ADDRESS),
        _possible("network-down"),
        _possible("firewall"),
        _possible("ipv6-localhost", Clue.IPV6_LOOPBACK),
    ),
}

_HANDSHAKE: dict[Signature, tuple[Explanation, ...]] = {
    Signature.CLOSED_BEFORE_PREFIX: (
        _likely("forwarder-dead-backend"),
        _possible("app-starting"),
        _possible("untrusted-address"),
        _possible("dialog-refused"),
        _possible("too-many-clients"),
        _possible("ipv6-localhost", Clue.IPV6_LOOPBACK),
    ),
    Signature.CLOSED_AFTER_PREFIX: (
        _possible("untrusted-address"),
        _possible("app-starting"),
        # A forwarder with nothing behind it closes before the prefix goes out (measured: within 8 ms), so it comes after these.
        _possible("container-inner-port"),
        _possible("forwarder-dead-backend"),
        _possible("dialog-refused"),
        _likely("client-portal", Clue.CLIENT_PORTAL_PORT),
        _possible("other-service"),
        _possible("too-many-clients"),
        _possible("greeting-not-understood"),
        _possible("ipv6-localhost", Clue.IPV6_LOOPBACK),
        _likely("web-server", Clue.SERVICE_HTTP),
        _likely("tls-service", Clue.SERVICE_TLS),
    ),
    Signature.SILENT_HANDSHAKE: (
        _possible("dialog-pending"),
        _likely("api-wedged"),
        _possible("login-unfinished"),
        _possible("container-inner-port"),
        _possible("forwarder-backend-hangs"),
        _likely("client-portal", Clue.CLIENT_PORTAL_PORT),
        _possible("other-service"),
        _possible("api-not-enabled"),
        _possible("app-frozen"),
        _possible("rapid-reconnect"),
        _possible("too-many-clients"),
        _possible("ipv6-localhost", Clue.IPV6_LOOPBACK, Clue.IPV6_PEER),
        _possible("greeting-not-understood"),
        _likely("web-server", Clue.SERVICE_HTTP),
        _likely("tls-service", Clue.SERVICE_TLS),
    ),
    Signature.NOT_TWS: (
        _likely("web-server", Clue.SERVICE_HTTP),
        _likely("tls-service", Clue.SERVICE_TLS),
        _likely("ssh-server", Clue.SERVICE_SSH),
        _likely("vnc-server", Clue.VNC_BANNER),
        _likely("ibc-command-server", Clue.COMMAND_SERVER_PORT),
        _likely("client-portal", Clue.CLIENT_PORTAL_PORT),
        _likely("other-service", Clue.SERVICE_OTHER, Clue.SERVICE_UNTOLD),
    ),
    Signature.FRAME_INVALID: (
        _likely("other-service"),
        _possible("frame-desync"),
    ),
    Signature.FRAME_INCOMPLETE: (
        _possible("nightly-restart", Clue.PEER_CLOSED),
        _possible("app-frozen"),
        _possible("half-open-connection"),
        _possible("other-service"),
    ),
    Signature.REDIRECTED: (_likely("redirect"),),
    Signature.VERSION_UNSUPPORTED: (
        _likely("server-too-old"),
        _likely("version-above-offer", Clue.SERVER_ABOVE_OFFER),
        _possible("client-too-old", Clue.OLD_OFFER, Clue.SERVER_ABOVE_OFFER),
    ),
}

_START: dict[Signature, tuple[Explanation, ...]] = {
    Signature.SILENT_START: (
        _likely("api-not-accepted"),
        _possible("dialog-pending"),
        _possible("login-unfinished"),
        _possible("app-starting"),
        _possible("api-wedged"),
        _possible("rapid-reconnect"),
        _possible("protobuf-desync", Clue.PROTOBUF_VERSION),
        _possible("early-requests"),
    ),
    Signature.PARTIAL_START: (
        _likely("api-half-enabled"),
        _possible("app-starting"),
    ),
    Signature.CLOSED_AFTER_START: (
        _possible("client-id-clash"),
        _possible("client-id-stuck"),
        _possible("api-not-accepted"),
        _possible("invalid-start-field"),
        _possible("tws-locked"),
        _possible("paper-disclaimer", Clue.PAPER_PORT, Clue.PAPER_ACCOUNT),
        _possible("app-starting"),
        _possible("rapid-reconnect"),
        _possible("dialog-refused"),
        _possible("too-many-clients"),
        _possible("client-too-old", Clue.OLD_OFFER),
        _possible("protobuf-desync", Clue.PROTOBUF_VERSION),
        _possible("early-requests"),
    ),
    Signature.CLIENT_ID_IN_USE: (
        _likely("client-id-clash"),
        _possible("client-id-stuck"),
        _possible("client-id-transient"),
        _possible("rapid-reconnect"),
        _possible("client-id-ignored"),
    ),
    Signature.PAPER_DISCLAIMER: (
        _likely("paper-disclaimer"),
        _possible("paper-disclaimer-race"),
    ),
    Signature.REJECTED: (
        _likely("port-changed", Clue.CODE_1300),
        _likely("pacing", Clue.CODE_100),
        _possible("read-only-api", Clue.CODE_321),
        _likely("competing-session", Clue.CODE_10197),
        _likely("backend-link-lost", Clue.CODE_1100, Clue.CODE_2110),
        _possible("malformed-request", Clue.BAD_REQUEST_CODE, Clue.CODE_321),
        _likely("other-error-code"),
    ),
    Signature.MALFORMED_START: (
        _likely("protobuf-desync", Clue.PROTOBUF_VERSION),
        _possible("unknown-layout"),
        _possible("frame-desync"),
        _possible("client-too-old", Clue.OLD_OFFER),
    ),
}

_SESSION: dict[Signature, tuple[Explanation, ...]] = {
    Signature.BACKEND_LOST: (
        _likely("backend-link-lost"),
        _possible("nightly-restart"),
        _possible("competing-session"),
        _possible("relogin-required"),
        _possible("farm-outage", Clue.FARM_BROKEN),
    ),
    Signature.SYNC_STALLED: (
        _possible("read-only-api", Clue.CODE_321),
        _likely("backend-link-lost", Clue.CODE_1100, Clue.CODE_2110),
        _likely("pacing", Clue.CODE_100, Clue.RATE_WARNING),
        _possible("malformed-request", Clue.BAD_REQUEST_CODE, Clue.CODE_321),
        _likely("account-contention", Clue.SUBSCRIPTION_CONTENDED),
        _likely("sync-positions", Clue.STALLED_POSITIONS),
        _likely("sync-open-orders", Clue.STALLED_OPEN_ORDERS),
        _likely("sync-completed-orders", Clue.STALLED_COMPLETED_ORDERS),
        _likely("sync-account-updates", Clue.STALLED_ACCOUNT_UPDATES),
        _likely("sync-executions", Clue.STALLED_EXECUTIONS),
        _likely("current-time-pacing", Clue.STALLED_CURRENT_TIME),
        _possible("app-starting"),
        _possible("half-open-connection"),
        _possible("api-wedged"),
    ),
    Signature.CLOSED_DURING_SYNC: (
        _likely("port-changed", Clue.CODE_1300),
        _likely("pacing", Clue.CODE_100, Clue.RATE_WARNING),
        _possible("malformed-request", Clue.BAD_REQUEST_CODE, Clue.CODE_321),
        _possible("sync-close-regression", Clue.TWS_PORT),
        _possible("nightly-restart"),
        _possible("frame-desync"),
        _possible("protobuf-desync", Clue.PROTOBUF_VERSION),
    ),
    # A run that came ready may still show why another client has trouble; nothing is listed without a clue.
    Signature.READY: (
        _likely("competing-session", Clue.CODE_10197),
        _likely("farm-outage", Clue.FARM_BROKEN),
        _possible("read-only-api", Clue.CODE_321),
        _likely("pacing", Clue.CODE_100, Clue.RATE_WARNING),
        _likely("live-paper-mixup", Clue.MODE_MISMATCH),
        _likely("account-contention", Clue.SUBSCRIPTION_CONTENDED),
        _likely("time-zone-encoding", Clue.TIME_ZONE_NOT_ASCII),
        _likely("client-id-zero", Clue.CLIENT_ID_ZERO),
        _possible("client-too-old", Clue.OLD_OFFER),
    ),
}

EXPLANATIONS: Mapping[Signature, tuple[Explanation, ...]] = MappingProxyType(_BEFORE_TWS | _HANDSHAKE | _START | _SESSION)
"""What may explain each signature, the most reported first."""


def rank(observation: Observation, besides: Sequence[LocalEvidence] = ()) -> tuple[RankedCause, ...]:
    """The causes that may explain an observation, the most confident first, the excluded last; empty without a signature.

    ``besides`` is evidence from elsewhere than the wire.
    """
    if observation.signature is None:
        return ()
    seen = clues(observation)
    raised = {cause for piece in besides for cause in (*piece.raises, *piece.proves)}
    ranked = [
        _judge(CAUSES[explanation.cause], explanation.confidence, seen, observation, observation.signature)
        for explanation in EXPLANATIONS[observation.signature]
        if not explanation.only_with or not seen.isdisjoint(explanation.only_with) or explanation.cause in raised
    ]
    weighed = [_weigh(cause, besides) for cause in ranked]
    # A stable sort keeps the rank among equals.
    return tuple(cause for cause, _ in sorted(weighed, key=lambda pair: (pair[0].confidence.place, -pair[1])))


def _weigh(cause: RankedCause, besides: Sequence[LocalEvidence]) -> tuple[RankedCause, int]:
    """A cause with the evidence from elsewhere, and how many more pieces of that speak for it than against it."""
    raising = [piece.text for piece in besides if cause.id in piece.raises or cause.id in piece.proves]
    lowering = [piece.text for piece in besides if cause.id in piece.lowers or cause.id in piece.excludes]
    balance = len(raising) - len(lowering)
    confidence = cause.confidence
    if confidence in (Confidence.LIKELY, Confidence.POSSIBLE) and balance:
        confidence = Confidence.LIKELY if balance > 0 else Confidence.POSSIBLE
    if any(cause.id in piece.proves for piece in besides):
        confidence = Confidence.PROVEN
    elif confidence is not Confidence.PROVEN and any(cause.id in piece.excludes for piece in besides):
        confidence = Confidence.EXCLUDED
    evidence = (*cause.evidence, *(Evidence("for", text) for text in raising), *(Evidence("against", text) for text in lowering))
    return cause._replace(confidence=confidence, evidence=evidence), balance


def failing_layer(observation: Observation, ranked: tuple[RankedCause, ...]) -> Layer | None:
    """The layer of the most likely cause; None when the run came ready or nothing explains it."""
    if observation.signature is Signature.READY or not ranked or ranked[0].confidence is Confidence.EXCLUDED:
        return None
    return ranked[0].layer


def _judge(cause: Cause, first: Confidence, seen: frozenset[Clue], observation: Observation, signature: Signature) -> RankedCause:
    raising = [(clue, to) for clue, to in cause.for_ if clue in seen]
    lowering = [(clue, to) for clue, to in cause.against if clue in seen]
    evidence = [Evidence("for", describe(clue, observation)) for clue, _ in raising]
    evidence += [Evidence("against", describe(clue, observation)) for clue, _ in lowering]
    raised = min((first, *(to for _, to in raising)), key=lambda confidence: confidence.place)
    lowered = max((raised, *(to for _, to in lowering)), key=lambda confidence: confidence.place)
    confidence = raised if raised is Confidence.PROVEN else lowered
    layer = cause.layer or signature.layer or Layer.SESSION
    return RankedCause(cause.id, confidence, tuple(evidence), cause.title, cause.remedy, cause.source, layer)
