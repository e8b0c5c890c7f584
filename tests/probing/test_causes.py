"""Ranking: for each situation the right cause first, and rules that hold for every observation."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.probing.test_clues import WITNESSES
from twsprobe.probing.causes import CAUSES, EXPLANATIONS, Clue, Confidence, RankedCause, failing_layer, rank
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Layer, Signature

HOME = ("127.0.0.1", 7497)
LAN = ("192.168.1.20", 7497)
OURS = ("192.168.1.9", 50000)

SITUATIONS = {
    "a container's service name": (
        Observation(signature=Signature.NAME_UNRESOLVED, target_host="ib-gateway"),
        "name-scope",
        "tcp",
        "likely",
    ),
    "a misspelt name": (Observation(signature=Signature.NAME_UNRESOLVED, target_host="tws.exmaple.com"), "name-unknown", "tcp", "likely"),
    "paper asked for, live listens": (
        Observation(signature=Signature.TCP_REFUSED, address=HOME, target_port=7497, siblings=((7496, "TWS live"),), siblings_checked=True),
        "live-paper-mixup",
        "tcp",
        "likely",
    ),
    "TWS asked for, a gateway listens": (
        Observation(signature=Signature.TCP_REFUSED, address=HOME, target_port=7497, siblings=((4002, "IB Gateway paper"),)),
        "wrong-port",
        "tcp",
        "likely",
    ),
    "nothing listens at all": (
        Observation(signature=Signature.TCP_REFUSED, address=HOME, target_port=7497, siblings_checked=True),
        "app-not-running",
        "tcp",
        "likely",
    ),
    "a container calls itself": (
        Observation(signature=Signature.TCP_REFUSED, address=("127.0.0.1", 4001), target_port=4001, in_container=True),
        "container-loopback",
        "tcp",
        "likely",
    ),
    "a listening address as the target": (
        Observation(signature=Signature.TCP_REFUSED, target_host="0.0.0.127", address=("0.0.0.127", 7497), target_port=7497),
        "wrong-address",
        "tcp",
        "likely",
    ),
    "the inner port of a container": (
        Observation(signature=Signature.TCP_REFUSED, address=("127.0.0.1", 4003), target_port=4003),
        "container-port-mapping",
        "tcp",
        "likely",
    ),
    "no answer to SYN over a network": (Observation(signature=Signature.TCP_TIMEOUT, address=LAN), "firewall", "tcp", "likely"),
    "no answer to SYN on loopback": (Observation(signature=Signature.TCP_TIMEOUT, address=HOME), "accept-queue-full", "tcp", "likely"),
    "no route": (Observation(signature=Signature.TCP_UNREACHABLE, address=("10.99.0.1", 4001)), "wrong-address", "tcp", "likely"),
    "socat before a stopped gateway": (
        Observation(signature=Signature.CLOSED_BEFORE_PREFIX, address=HOME, target_port=4004, closed="fin", elapsed_ms=2.0),
        "forwarder-dead-backend",
        "tcp",
        "likely",
    ),
    "a close before the greeting, over a network": (
        Observation(signature=Signature.CLOSED_BEFORE_PREFIX, address=LAN, local_address=OURS, closed="fin", elapsed_ms=2.0),
        "forwarder-dead-backend",
        "tcp",
        "likely",
    ),
    "a close after the greeting, over a network": (
        Observation(signature=Signature.CLOSED_AFTER_PREFIX, address=LAN, local_address=OURS, closed="fin", prefix_sent=True),
        "untrusted-address",
        "trusted-ip",
        "likely",
    ),
    "the same, through this machine's own network address": (
        Observation(signature=Signature.CLOSED_AFTER_PREFIX, address=LAN, local_address=LAN, closed="rst", prefix_sent=True),
        "untrusted-address",
        "trusted-ip",
        "likely",
    ),
    "a close after the greeting, on loopback": (
        Observation(signature=Signature.CLOSED_AFTER_PREFIX, address=HOME, target_port=7497, closed="rst", prefix_sent=True),
        "app-starting",
        "handshake",
        "possible",
    ),
    "a close after the greeting, behind a forwarder": (
        Observation(signature=Signature.CLOSED_AFTER_PREFIX, address=HOME, target_port=4003, closed="fin", prefix_sent=True),
        "forwarder-dead-backend",
        "tcp",
        "likely",
    ),
    "silence on loopback": (
        Observation(signature=Signature.SILENT_HANDSHAKE, address=HOME, target_port=7497, prefix_sent=True, offered=(100, 226)),
        "api-wedged",
        "handshake",
        "likely",
    ),
    "silence over a network": (
        Observation(signature=Signature.SILENT_HANDSHAKE, address=LAN, local_address=OURS, target_port=7497, prefix_sent=True),
        "dialog-pending",
        "trusted-ip",
        "likely",
    ),
    "silence behind a forwarder": (
        Observation(signature=Signature.SILENT_HANDSHAKE, address=LAN, local_address=OURS, target_port=4004, prefix_sent=True),
        "api-wedged",
        "handshake",
        "likely",
    ),
    "silence of the Client Portal Gateway": (
        Observation(signature=Signature.SILENT_HANDSHAKE, address=HOME, target_port=5000, prefix_sent=True),
        "client-portal",
        "handshake",
        "likely",
    ),
    "HTTP": (Observation(signature=Signature.NOT_TWS, service="http", target_port=5000), "web-server", "handshake", "proven"),
    "TLS": (Observation(signature=Signature.NOT_TWS, service="tls"), "tls-service", "handshake", "proven"),
    "SSH": (Observation(signature=Signature.NOT_TWS, service="ssh"), "ssh-server", "handshake", "proven"),
    "VNC": (Observation(signature=Signature.NOT_TWS, service="other", received=b"RFB 003.008\n"), "vnc-server", "handshake", "proven"),
    "half a frame, then a close": (
        Observation(signature=Signature.FRAME_INCOMPLETE, closed="fin"),
        "nightly-restart",
        "handshake",
        "possible",
    ),
    "a redirect": (Observation(signature=Signature.REDIRECTED, redirect="10.0.0.1"), "redirect", "handshake", "proven"),
    "an old gateway": (
        Observation(signature=Signature.VERSION_UNSUPPORTED, server_version=176, offered=(213, 225)),
        "server-too-old",
        "handshake",
        "proven",
    ),
    "silence after startApi": (
        Observation(signature=Signature.SILENT_START, address=LAN, start_sent=True),
        "api-not-accepted",
        "session",
        "likely",
    ),
    "no nextValidId": (Observation(signature=Signature.PARTIAL_START, missing=("nextValidId",)), "api-half-enabled", "session", "likely"),
    "a close without a frame, chosen id": (
        Observation(signature=Signature.CLOSED_AFTER_START, client_id=1, client_id_chosen=True, closed="fin"),
        "client-id-clash",
        "session",
        "likely",
    ),
    "the same, and a random id works": (
        Observation(signature=Signature.CLOSED_AFTER_START, client_id=1, client_id_chosen=True, closed="fin", retry="ready"),
        "client-id-clash",
        "session",
        "proven",
    ),
    "the same, and a random id fails too": (
        Observation(signature=Signature.CLOSED_AFTER_START, client_id=1, client_id_chosen=True, closed="fin", retry="failed"),
        "api-not-accepted",
        "session",
        "possible",
    ),
    "code 326": (
        Observation(signature=Signature.CLIENT_ID_IN_USE, client_id=1, client_id_chosen=True, notices=((326, "in use"),)),
        "client-id-clash",
        "session",
        "likely",
    ),
    "code 10141": (
        Observation(signature=Signature.PAPER_DISCLAIMER, notices=((10141, "disclaimer"),)),
        "paper-disclaimer",
        "session",
        "proven",
    ),
    "code 1300": (Observation(signature=Signature.REJECTED, notices=((1300, "7499"),)), "port-changed", "session", "proven"),
    "code 100": (Observation(signature=Signature.REJECTED, notices=((100, "rate"),)), "pacing", "session", "proven"),
    "code 321, read-only": (
        Observation(signature=Signature.REJECTED, notices=((321, "The API interface is currently in Read-Only mode."),)),
        "read-only-api",
        "session",
        "proven",
    ),
    "code 321 without the word": (
        Observation(signature=Signature.REJECTED, notices=((321, "must specify an account"),)),
        "other-error-code",
        "session",
        "likely",
    ),
    "a code nobody lists": (Observation(signature=Signature.REJECTED, notices=((4711, "?"),)), "other-error-code", "session", "likely"),
    "garbage at a protobuf version": (
        Observation(signature=Signature.MALFORMED_START, server_version=213),
        "protobuf-desync",
        "session",
        "likely",
    ),
    "garbage at a text version": (
        Observation(signature=Signature.MALFORMED_START, server_version=178),
        "unknown-layout",
        "session",
        "possible",
    ),
    "a request that TWS cannot read": (
        Observation(signature=Signature.CLOSED_DURING_SYNC, notices=((320, "cannot read"),)),
        "malformed-request",
        "session",
        "likely",
    ),
    "orders in a read-only session": (
        Observation(
            signature=Signature.SYNC_STALLED,
            stalled_request="reqCompletedOrders",
            missing_end="completedOrdersEnd",
            notices=((321, "Error validating request: The API interface is currently in Read-Only mode."),),
        ),
        "read-only-api",
        "session",
        "proven",
    ),
    "code 1100": (Observation(signature=Signature.BACKEND_LOST, notices=((1100, "lost"),)), "backend-link-lost", "session", "proven"),
    "code 2110": (Observation(signature=Signature.BACKEND_LOST, notices=((2110, "lost"),)), "backend-link-lost", "session", "proven"),
    "account updates stall": (
        Observation(signature=Signature.SYNC_STALLED, stalled_request="reqAccountUpdates", missing_end="accountDownloadEnd"),
        "sync-account-updates",
        "session",
        "likely",
    ),
    "account updates stall, code 2100": (
        Observation(signature=Signature.SYNC_STALLED, missing_end="accountDownloadEnd", notices=((2100, "taken"),)),
        "account-contention",
        "session",
        "likely",
    ),
    "executions stall": (
        Observation(signature=Signature.SYNC_STALLED, missing_end="execDetailsEnd"),
        "sync-executions",
        "session",
        "likely",
    ),
    "a close during sync, TWS": (
        Observation(signature=Signature.CLOSED_DURING_SYNC, target_port=7496, closed="fin"),
        "sync-close-regression",
        "session",
        "possible",
    ),
}

REPORTED_TROUBLES = {
    Signature.NAME_UNRESOLVED: {"name-scope", "name-unknown"},
    Signature.TCP_REFUSED: {
        *("wrong-port", "live-paper-mixup", "container-port-mapping", "app-not-running", "app-starting", "login-unfinished"),
        *("api-not-enabled", "container-loopback", "wrong-address", "nightly-restart", "competing-session", "ipv6-localhost"),
    },
    Signature.TCP_TIMEOUT: {"firewall", "wrong-address", "accept-queue-full"},
    Signature.CLOSED_BEFORE_PREFIX: {"forwarder-dead-backend", "app-starting", "untrusted-address", "dialog-refused", "too-many-clients"},
    Signature.CLOSED_AFTER_PREFIX: {"untrusted-address", "app-starting", "dialog-refused", "other-service", "too-many-clients"},
    Signature.SILENT_HANDSHAKE: {
        *("api-wedged", "dialog-pending", "login-unfinished", "api-not-enabled", "container-inner-port", "forwarder-backend-hangs"),
        *("other-service", "client-portal", "greeting-not-understood", "app-frozen", "rapid-reconnect", "too-many-clients"),
    },
    Signature.NOT_TWS: {"web-server", "tls-service", "ssh-server", "vnc-server", "ibc-command-server", "client-portal", "other-service"},
    Signature.REDIRECTED: {"redirect"},
    Signature.VERSION_UNSUPPORTED: {"server-too-old", "client-too-old"},
    Signature.SILENT_START: {"api-not-accepted", "dialog-pending", "early-requests", "login-unfinished"},
    Signature.PARTIAL_START: {"api-half-enabled"},
    Signature.CLOSED_AFTER_START: {
        *(
            "client-id-clash",
            "client-id-stuck",
            "api-not-accepted",
            "invalid-start-field",
            "early-requests",
            "tws-locked",
            "rapid-reconnect",
        ),
        "paper-disclaimer",
    },
    Signature.CLIENT_ID_IN_USE: {"client-id-clash", "client-id-stuck", "client-id-transient", "client-id-ignored", "rapid-reconnect"},
    Signature.PAPER_DISCLAIMER: {"paper-disclaimer", "paper-disclaimer-race"},
    Signature.REJECTED: {"port-changed", "pacing", "read-only-api", "malformed-request", "other-error-code"},
    Signature.MALFORMED_START: {"protobuf-desync", "frame-desync"},
    Signature.BACKEND_LOST: {"backend-link-lost", "nightly-restart", "competing-session", "relogin-required"},
    Signature.SYNC_STALLED: {
        *("sync-account-updates", "account-contention", "sync-executions", "sync-completed-orders", "sync-positions", "sync-open-orders"),
        *("current-time-pacing", "read-only-api", "app-starting", "half-open-connection", "pacing"),
    },
    Signature.CLOSED_DURING_SYNC: {"sync-close-regression", "pacing", "port-changed", "nightly-restart", "frame-desync"},
    Signature.READY: {"farm-outage", "client-id-zero", "time-zone-encoding", "competing-session", "live-paper-mixup", "client-too-old"},
}
"""What public threads and IBKR's documents report, by the signature it shows as."""


def find(ranked: tuple[RankedCause, ...], cause: str) -> RankedCause:
    return next(one for one in ranked if one.id == cause)


@pytest.mark.parametrize(("observation", "cause", "layer", "confidence"), SITUATIONS.values(), ids=SITUATIONS.keys())
def test_situations(observation: Observation, cause: str, layer: str, confidence: str) -> None:
    ranked = rank(observation)
    assert (ranked[0].id, ranked[0].layer.value, ranked[0].confidence.value) == (cause, layer, confidence)
    assert failing_layer(observation, ranked) is ranked[0].layer


def test_no_signature_no_causes() -> None:
    assert rank(Observation()) == ()
    assert failing_layer(Observation(), ()) is None


def test_a_clean_run_has_no_causes_and_no_layer() -> None:
    ready = Observation(signature=Signature.READY, address=HOME, target_port=7497, accounts=("DU1234567",), client_id=900_000)
    assert rank(ready) == ()
    assert failing_layer(ready, rank(ready)) is None


def test_a_ready_run_may_warn_but_has_no_failing_layer() -> None:
    ready = Observation(signature=Signature.READY, notices=((2103, "broken"),))
    assert [cause.id for cause in rank(ready)] == ["farm-outage"]
    assert failing_layer(ready, rank(ready)) is None


def test_an_excluded_cause_makes_no_layer() -> None:
    excluded = find(rank(Observation(signature=Signature.TCP_TIMEOUT, address=HOME)), "firewall")
    assert failing_layer(Observation(signature=Signature.TCP_TIMEOUT), (excluded,)) is None


@pytest.mark.parametrize("signature", Signature)
def test_every_failure_has_a_cause_without_any_other_fact(signature: Signature) -> None:
    ranked = rank(Observation(signature=signature))
    assert (signature is Signature.READY) == (not ranked)
    assert all(cause.confidence in (Confidence.LIKELY, Confidence.POSSIBLE) for cause in ranked)


@pytest.mark.parametrize("signature", REPORTED_TROUBLES)
def test_reported_troubles_are_among_the_explanations(signature: Signature) -> None:
    assert REPORTED_TROUBLES[signature] <= {explanation.cause for explanation in EXPLANATIONS[signature]}


def test_every_signature_has_its_explanations_and_each_cause_at_most_once() -> None:
    assert EXPLANATIONS.keys() == set(Signature)
    for explanations in EXPLANATIONS.values():
        assert len({explanation.cause for explanation in explanations}) == len(explanations)


def test_every_explanation_is_reachable_and_every_cause_is_used() -> None:
    used = set()
    for signature, explanations in EXPLANATIONS.items():
        for explanation in explanations:
            seen = WITNESSES[explanation.only_with[0]] if explanation.only_with else Observation()
            assert find(rank(replace(seen, signature=signature)), explanation.cause).confidence is not Confidence.EXCLUDED
            used.add(explanation.cause)
    assert used == CAUSES.keys()


def test_every_clue_matters_to_some_cause() -> None:
    weighed = {clue for cause in CAUSES.values() for clue, _ in (*cause.for_, *cause.against)}
    asked_for = {clue for explanations in EXPLANATIONS.values() for explanation in explanations for clue in explanation.only_with}
    assert weighed | asked_for == set(Clue)


@pytest.mark.parametrize("signature", Signature)
def test_from_loopback_nothing_hangs_on_trusted_addresses(signature: Signature) -> None:
    ranked = rank(Observation(signature=signature, address=HOME, local_address=("127.0.0.1", 50000)))
    for cause in ranked:
        if cause.layer is Layer.TRUSTED_IP and cause.id != "container-inner-port":
            assert cause.confidence is Confidence.EXCLUDED
            assert [(one.side, "loopback (127.0.0.1)" in one.sentence) for one in cause.evidence] == [("against", True)]


def test_a_timeout_on_loopback_is_no_firewall() -> None:
    firewall = rank(Observation(signature=Signature.TCP_TIMEOUT, address=HOME))[-1]
    assert (firewall.id, firewall.confidence) == ("firewall", Confidence.EXCLUDED)
    assert [one.sentence for one in firewall.evidence] == ["127.0.0.1 is this machine's own loopback address."]


def test_the_wire_has_the_last_word() -> None:
    told = Observation(signature=Signature.CLOSED_AFTER_START, client_id=900_000, closed="fin", retry="ready")
    clash = find(rank(told), "client-id-clash")
    assert clash.confidence is Confidence.PROVEN
    assert {one.side for one in clash.evidence} == {"for", "against"}


def test_what_lowers_beats_what_raises() -> None:
    behind = Observation(signature=Signature.SILENT_HANDSHAKE, address=LAN, local_address=OURS, target_port=4004, prefix_sent=True)
    dialog = find(rank(behind), "dialog-pending")
    assert dialog.confidence is Confidence.POSSIBLE
    assert [one.side for one in dialog.evidence] == ["for", "against"]


def test_a_random_id_cannot_clash() -> None:
    closed = Observation(signature=Signature.CLOSED_AFTER_START, client_id=900_000, closed="fin")
    assert find(rank(closed), "client-id-clash").confidence is Confidence.EXCLUDED


HOSTILE = "\x1b[2J[/x]\u202e{port}"
observations = st.builds(
    Observation,
    target_host=st.sampled_from(["", "localhost", "tws.example.com", "0.0.0.0", "::1"]),  # noqa: S104  # not bound here
    target_port=st.sampled_from([0, 4001, 4004, 5000, 7462, 7496, 7497, 7500]),
    address=st.sampled_from([None, HOME, LAN, ("::1", 7497), ("fe80::1", 7497)]),
    local_address=st.sampled_from([None, OURS, ("127.0.0.1", 50000)]),
    attempts=st.sampled_from([(), (("::1", "refused"), ("127.0.0.1", "refused"))]),
    in_container=st.booleans(),
    siblings=st.sampled_from([(), ((7496, "TWS live"),)]),
    siblings_checked=st.booleans(),
    signature=st.sampled_from(Signature),
    elapsed_ms=st.sampled_from([0.0, 3.0, 4000.0]),
    closed=st.sampled_from([None, "fin", "rst"]),
    prefix_sent=st.booleans(),
    start_sent=st.booleans(),
    received=st.sampled_from([b"", b"RFB 003", HOSTILE.encode()]),
    service=st.sampled_from([None, "http", "tls", "ssh", "other"]),
    redirect=st.sampled_from([None, HOSTILE]),
    offered=st.sampled_from([None, (100, 157), (100, 226), (226, 100)]),
    server_version=st.sampled_from([None, -1, 76, 178, 226]),
    time_zone=st.sampled_from([None, "EST", HOSTILE]),
    accounts=st.sampled_from([(), ("DU1234567",), ("U1", "U2"), (HOSTILE,)]),
    client_id=st.sampled_from([None, 0, 7]),
    client_id_chosen=st.booleans(),
    notices=st.lists(st.tuples(st.sampled_from([0, 100, 321, 326, 1100, 1300, 2104, 10141, 10197, 4711]), st.just(HOSTILE))).map(tuple),
    missing=st.sampled_from([(), ("nextValidId",), ("managedAccounts",)]),
    stalled_request=st.sampled_from([None, "reqPositions", "reqCurrentTime"]),
    missing_end=st.sampled_from([None, "accountDownloadEnd"]),
    retry=st.sampled_from([None, "ready", "failed"]),
)


@given(observations)
def test_what_holds_for_every_observation(observation: Observation) -> None:
    ranked = rank(observation)
    places = [cause.confidence.place for cause in ranked]
    assert places == sorted(places)
    if observation.signature is not Signature.READY:
        assert ranked[0].confidence is not Confidence.EXCLUDED
        assert failing_layer(observation, ranked) is ranked[0].layer
    for cause in ranked:
        for one in cause.evidence:
            assert "\x1b" not in one.sentence, "text of the peer in the evidence"
            assert not set("{}") & set(one.sentence)
            assert all(len(sentence) <= 200 for sentence in re.split(r"(?<=[.?!]) ", one.sentence))
        if cause.confidence is Confidence.EXCLUDED:
            assert any(one.side == "against" for one in cause.evidence), "excluded without a reason"
