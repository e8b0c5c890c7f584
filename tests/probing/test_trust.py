"""The verdict on trusted addresses."""

from __future__ import annotations

import pytest

from twsprobe.probing.experiments import Tried
from twsprobe.probing.local import Evidence
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Signature
from twsprobe.probing.trust import Trust, trust

LAN, AWAY = "192.168.1.20", "192.168.1.9"
CLOSED, SILENT = Signature.CLOSED_AFTER_PREFIX, Signature.SILENT_HANDSHAKE


def seen(signature: Signature, peer: str = LAN, source: str = LAN) -> Observation:
    return Observation(signature=signature, address=(peer, 7497), local_address=(source, 50000), target_port=7497)


def loopback(outcome: str) -> tuple[Tried, ...]:
    return (Tried("loopback", "q", "127.0.0.1:7497", outcome, f"Loopback: {outcome}.", 1, 1.0),)


def verdict(observation: Observation, outcome: str | None = None, *files: str) -> str | None:
    local = [Evidence(name, f"A file says {name}.") for name in files]
    found = trust(observation, loopback(outcome) if outcome else (), local)
    return found.verdict if found else None


@pytest.mark.parametrize(
    ("signature", "outcome", "files", "expected"),
    [
        (CLOSED, "only-localhost", (), "add-address"),
        (CLOSED, "let-in", (), "add-address"),
        (CLOSED, "not-listed", (), "add-address"),
        (CLOSED, "listed", (), "not-trusted-ips"),
        (CLOSED, "closed", (), "not-trusted-ips"),
        (CLOSED, "silent", ("trusted-missing",), "not-trusted-ips"),
        (CLOSED, "refused", (), "open"),
        (CLOSED, None, (), "open"),
        (CLOSED, None, ("trusted-missing",), "add-address"),
        (CLOSED, None, ("localhost-only", "trusted-listed"), "add-address"),
        (CLOSED, None, ("trusted-listed",), "not-trusted-ips"),
        (CLOSED, None, ("queue-full",), "open"),
        (SILENT, "let-in", (), "answer-dialog"),
        (SILENT, "not-listed", (), "answer-dialog"),
        (SILENT, "listed", (), "not-trusted-ips"),
        (SILENT, "silent", (), "not-trusted-ips"),
        (SILENT, None, ("trusted-missing", "incoming-manual"), "answer-dialog"),
        (SILENT, None, (), "open"),
    ],
)
def test_the_verdict(signature: Signature, outcome: str | None, files: tuple[str, ...], expected: str) -> None:
    assert verdict(seen(signature), outcome, *files) == expected


@pytest.mark.parametrize("signature", [Signature.READY, Signature.TCP_REFUSED, Signature.CLIENT_ID_IN_USE, Signature.NOT_TWS])
def test_what_has_nothing_to_do_with_trust_gets_none(signature: Signature) -> None:
    assert trust(seen(signature)) is None
    assert trust(Observation(signature=CLOSED)) is None, "no address is known"


def test_loopback_is_always_let_in_and_of_ipv6_nothing_is_said() -> None:
    found = trust(seen(CLOSED, "127.0.0.1", "127.0.0.1"))
    assert found is not None
    assert (found.verdict, found.address) == ("not-trusted-ips", "127.0.0.1")
    assert trust(seen(CLOSED, "::1", "::1")) is None


def told(observation: Observation, outcome: str | None = None) -> Trust:
    found = trust(observation, loopback(outcome) if outcome else ())
    assert found is not None
    return found


def test_the_advice_names_the_address_that_tws_sees() -> None:
    found = told(seen(CLOSED), "let-in")
    assert found.text == f'Untick "Allow connections from localhost only", and add {LAN} to "Trusted IPs".'
    assert told(seen(CLOSED), "not-listed").text == f'Add {LAN} to "Trusted IPs".'
    assert told(seen(SILENT), "let-in").text.startswith("Answer the dialog on the screen of TWS; ")
    assert "Loopback: let-in." in found.evidence
    assert found.evidence[0] == f"TWS sees this client as {LAN}: both ends are this machine."


def test_over_a_network_the_address_may_be_changed_on_the_way_and_the_comparison_is_left_to_the_reader() -> None:
    found = told(seen(CLOSED, LAN, AWAY))
    assert (found.verdict, found.address) == ("open", AWAY)
    assert "unless NAT" in found.evidence[0]
    assert found.text.endswith("Run this program on the machine of TWS, against 127.0.0.1, to compare.")
    assert not told(seen(CLOSED), "refused").text.endswith("to compare.")


def test_as_an_object() -> None:
    assert told(seen(CLOSED), "let-in").to_dict().keys() == {"verdict", "address", "text", "evidence"}
