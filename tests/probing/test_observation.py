"""Observation: what can be read off the facts of a run."""

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from twsprobe.probing.observation import API_PORTS, Observation, is_loopback
from twsprobe.probing.signatures import Signature

LAN = ("192.168.1.20", 7497)
HOME = ("127.0.0.1", 7497)


def test_an_observation_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Observation().elapsed_ms = 1.0  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::FFFF:127.0.0.1", True),
        ("128.0.0.1", False),
        ("10.127.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("::", False),
        ("", False),
    ],
)
def test_loopback_addresses(ip: str, expected: bool) -> None:
    assert is_loopback(ip) is expected


def test_without_an_address_the_peer_is_neither_loopback_nor_remote() -> None:
    nothing = Observation()
    assert nothing.peer is None
    assert not nothing.loopback
    assert not nothing.remote
    assert not nothing.loopback_source
    assert not nothing.remote_source


@pytest.mark.parametrize("ip", ["0.0.0.0", "::"])  # noqa: S104  # not bound here, only judged
def test_an_unspecified_address_is_no_other_machine(ip: str) -> None:
    assert not Observation(address=(ip, 7497)).remote


def test_the_address_tried_last_stands_in_for_the_one_that_answered() -> None:
    tried = Observation(attempts=(("::1", "refused"), ("10.0.0.5", "timeout")))
    assert tried.peer == "10.0.0.5"
    assert tried.remote


def test_the_source_is_the_local_address_and_for_a_loopback_peer_loopback() -> None:
    assert Observation(address=HOME).source == "127.0.0.1"
    assert Observation(address=HOME).loopback_source
    assert Observation(address=LAN).source is None
    assert Observation(address=LAN).remote_source


def test_a_machine_that_calls_its_own_lan_address_does_not_leave_from_loopback() -> None:
    own = Observation(address=LAN, local_address=("192.168.1.20", 50000))
    assert own.remote_source
    assert not own.loopback_source


@pytest.mark.parametrize(
    ("port", "product", "mode", "forwarded"),
    [
        (7496, "tws", "live", False),
        (7497, "tws", "paper", False),
        (4001, "gateway", "live", False),
        (4002, "gateway", "paper", False),
        (4003, "gateway", "live", True),
        (4004, "gateway", "paper", True),
        (7498, "tws", "live", True),
        (7499, "tws", "paper", True),
    ],
)
def test_product_and_mode_by_port(port: int, product: str, mode: str, forwarded: bool) -> None:
    observation = Observation(target_port=port)
    assert (observation.product, observation.mode, API_PORTS[port].forwarded) == (product, mode, forwarded)


def test_an_unknown_port_tells_neither_product_nor_mode() -> None:
    assert Observation(target_port=7500).product is None
    assert Observation(target_port=7500).mode is None


def test_port_labels() -> None:
    assert API_PORTS[7496].label == "TWS live"
    assert API_PORTS[4004].label == "IB Gateway paper (container forwarder)"


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [((), None), (("DU123",), True), (("DF1", "DU2"), True), (("U123", "F9"), False), (("U1", "DU2"), None)],
)
def test_paper_or_live_by_account(accounts: tuple[str, ...], expected: bool | None) -> None:
    assert Observation(accounts=accounts).paper is expected


@pytest.mark.parametrize(("elapsed_ms", "text"), [(0.24, "0.2 ms"), (9.96, "10.0 ms"), (90.4, "90 ms"), (4000.0, "4.0 s")])
def test_elapsed_time_for_people(elapsed_ms: float, text: str) -> None:
    assert Observation(elapsed_ms=elapsed_ms).elapsed == text


def test_the_last_error_passes_over_warnings_and_information() -> None:
    notices = ((326, "in use"), (2104, "OK"), (2103, "broken"))
    assert Observation(notices=notices).last_error == 326
    assert Observation(notices=(*notices, (4711, "?"))).last_error == 4711
    assert Observation(notices=notices[1:]).last_error is None


@pytest.mark.parametrize("signature", Signature)
def test_the_sentence_is_whole_without_any_other_fact(signature: Signature) -> None:
    sentence = Observation(signature=signature).sentence
    assert sentence.endswith(".")
    assert sentence[0].isupper()
    assert not set("{}") & set(sentence)
    assert "None" not in sentence
    assert len(sentence) <= 120


@pytest.mark.parametrize(
    ("observation", "sentence"),
    [
        (
            Observation(signature=Signature.TCP_REFUSED, target_host="localhost", target_port=7497),
            "Nothing accepts connections on localhost, port 7497.",
        ),
        (Observation(signature=Signature.NOT_TWS, service="http", target_port=5000), "A web server answers on port 5000, not TWS."),
        (Observation(signature=Signature.CLIENT_ID_IN_USE, client_id=7), "Client id 7 is in use by another connection."),
        (
            Observation(signature=Signature.REJECTED, notices=((1300, "port 7499"), (2104, "OK"))),
            "The server refused the session with code 1300, then closed the connection.",
        ),
        (
            Observation(signature=Signature.PARTIAL_START, missing=("nextValidId",)),
            "The session started only in part: nextValidId never came.",
        ),
        (
            Observation(signature=Signature.SYNC_STALLED, stalled_request="reqPositions", missing_end="positionEnd"),
            "reqPositions was never answered in full: positionEnd did not come.",
        ),
        (
            Observation(signature=Signature.VERSION_UNSUPPORTED, server_version=76, offered=(100, 226)),
            "The server answered with version 76, which the range offered does not cover.",
        ),
        (Observation(), ""),
    ],
)
def test_sentences(observation: Observation, sentence: str) -> None:
    assert observation.sentence == sentence


def test_braces_in_a_host_name_are_only_text() -> None:
    assert Observation(signature=Signature.NAME_UNRESOLVED, target_host="{port}").sentence.endswith("the name {port}.")


def test_judging_loads_none_of_the_slow_libraries() -> None:
    slow = "{'trio', 'construct', 'click', 'rich', 'json', 'ipaddress', 'msgspec', 'psutil'}"
    # What measures the coverage of subprocesses loads some of them before the script begins.
    script = f"import sys; had = set(sys.modules); import twsprobe.probing.causes; print(sorted({slow} & (sys.modules.keys() - had)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
