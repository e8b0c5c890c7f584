import dataclasses
import re

import pytest

from twsprobe.net.scenario_table import ASKED_ID, SCENARIOS, Endpoint, Scenario, broken_order_id
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Layer, Signature, Stage
from twsprobe.wire.events import Undecodable
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.registry import decode


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_is_what_a_prober_can_report(scenario: Scenario) -> None:
    signature = Signature(scenario.signature)
    assert signature.stage == (Stage(scenario.stage) if scenario.stage else None)
    assert {Layer(layer) for layer in (scenario.layer, scenario.remote_layer) if layer} or signature is Signature.READY
    assert scenario.facts.keys() <= {field.name for field in dataclasses.fields(Observation)}
    assert (scenario.script is not None) is (scenario.endpoint is Endpoint.SERVER)
    assert scenario.ask.sync is (scenario.stage == "sync")


@pytest.mark.parametrize("name", SCENARIOS)
def test_names_and_meanings_are_fit_to_be_read(name: str) -> None:
    scenario = SCENARIOS[name]
    assert scenario.name == name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert re.fullmatch(r"[^.]+\.", scenario.meaning)


def test_every_signature_has_a_scenario() -> None:
    assert {scenario.signature for scenario in SCENARIOS.values()} == {signature.value for signature in Signature}


@pytest.mark.parametrize(
    ("platform", "missing"), [("linux", set()), ("darwin", {"timeout", "unreachable"}), ("win32", {"timeout", "unreachable"})]
)
def test_what_a_system_cannot_set_up_is_said(platform: str, missing: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert {name for name, scenario in SCENARIOS.items() if not scenario.supported} == missing
    assert all(scenario.unsupported for scenario in SCENARIOS.values() if not scenario.supported)


def test_the_taken_id_is_the_one_to_ask_for() -> None:
    taking = {name: scenario for name, scenario in SCENARIOS.items() if scenario.script and scenario.script.taken}
    assert taking.keys() == {"client-id-in-use", "client-id-bare-close"}
    for scenario in taking.values():
        assert scenario.script is not None
        assert scenario.script.taken == {scenario.ask.client_id} == {ASKED_ID}


@pytest.mark.parametrize("version", [100, 176, 201, 212, 213, 226])
def test_a_broken_order_id_is_a_whole_frame_that_cannot_be_read(version: int) -> None:
    data = broken_order_id(version)
    assert LENGTH.unpack_from(data)[0] == len(data) - LENGTH.size
    found = decode(data[LENGTH.size :], Direction.TO_CLIENT, version)
    assert isinstance(found, Undecodable)
    assert found.name == "nextValidId"
