"""The report as data."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from twsprobe.probing.local import Evidence, Local
from twsprobe.probing.observation import Observation
from twsprobe.probing.report import SCHEMA, ProbeReport, StageReport, judged, milliseconds
from twsprobe.probing.signatures import Layer, Signature, Stage

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "probe.schema.json"


def report_of(signature: Signature, **facts: object) -> ProbeReport:
    observation = Observation(signature=signature, stage=signature.stage, **facts)  # type: ignore[arg-type]
    stages = (StageReport("resolve", True, 1.23456789, "127.0.0.1"),)
    return ProbeReport("127.0.0.1:7497", observation, stages, judged(observation), 1)


@pytest.mark.parametrize("signature", list(Signature))
def test_every_signature_makes_an_object_of_the_schema(signature: Signature) -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    report = report_of(signature, redirect="192.0.2.1", received=b"\xff\x00", attempts=(("::1", "refused"),), accounts=("DU1", "U2"))
    seen = json.loads(json.dumps(report.to_dict()))
    jsonschema.validate(seen, schema)
    assert seen["signature"] == signature.value
    assert seen["ok"] is (signature is Signature.READY)
    assert report.exit_code == signature.exit_code


def test_the_schema_names_what_the_program_names() -> None:
    properties = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))["properties"]
    assert properties["schema"]["const"] == SCHEMA
    assert set(properties["signature"]["enum"]) == {signature.value for signature in Signature}
    assert set(properties["stage"]["enum"]) == {None} | {stage.value for stage in Stage}
    assert set(properties["layer"]["enum"]) == {None} | {layer.value for layer in Layer}
    assert properties["stages"]["items"]["properties"]["name"]["enum"] == [stage.value for stage in Stage]


def test_a_report_is_judged_again_with_more_facts() -> None:
    report = report_of(Signature.TCP_REFUSED, target_port=7497, address=("127.0.0.1", 7497))
    again = report.judged_again({"siblings": ((7496, "TWS live"),), "siblings_checked": True})
    assert report.causes[0].id != again.causes[0].id or report.causes[0].evidence != again.causes[0].evidence
    assert again.observation.siblings == ((7496, "TWS live"),)


def test_a_session_that_works_has_no_layer_but_may_have_remarks() -> None:
    report = report_of(Signature.READY, target_port=7496, accounts=("DU1",), notices=((2103, "farm"),))
    assert report.layer is None
    assert {"farm-outage", "live-paper-mixup"} <= {cause.id for cause in report.causes}


def test_milliseconds_are_finite_and_short() -> None:
    assert milliseconds(1.23456789) == 1.235
    assert milliseconds(float("inf")) == 0.0


def test_what_this_machine_tells_is_part_of_the_report_and_stays_in_it() -> None:
    local = Local((Evidence("queue-full", "The queue is full.", ("accept-queue-full",), ("firewall",)),), ("Something was not shown.",))
    report = report_of(Signature.TCP_TIMEOUT, target_port=7497).with_local(local)
    seen = json.loads(json.dumps(report.to_dict()))
    jsonschema.validate(seen, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    piece = {"id": "queue-full", "text": "The queue is full.", "raises": ["accept-queue-full"], "lowers": ["firewall"]}
    assert seen["local"] == {"evidence": [piece], "unread": ["Something was not shown."]}
    assert seen["causes"][0]["id"] == "accept-queue-full"
    assert {"side": "for", "text": "The queue is full."} in seen["causes"][0]["evidence"]
    assert report.judged_again({"in_container": True}).causes[0].id == "accept-queue-full"
    assert report_of(Signature.TCP_TIMEOUT).to_dict()["local"] is None
