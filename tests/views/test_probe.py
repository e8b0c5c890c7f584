"""What a person sees of a probe."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.views.hostile import HOSTILE, HUGE, encodable, live, one_field, wire
from tests.views.reports import hostile_script, probed, scenario_reports
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.net.script import Raw, Script
from twsprobe.probing.deciding import Decision
from twsprobe.probing.experiments import Tried
from twsprobe.probing.judgement import Confidence
from twsprobe.probing.local import Evidence, Local
from twsprobe.probing.observation import API_PORTS, Observation
from twsprobe.probing.options import Options
from twsprobe.probing.report import ProbeReport, StageReport, judged
from twsprobe.probing.settings import Finding
from twsprobe.probing.signatures import Signature
from twsprobe.probing.trust import Trust, trust
from twsprobe.views.line import Line
from twsprobe.views.probe import (
    LONGEST_TEXT,
    MOST_LOCAL,
    OTHER_CAUSES,
    WIDTH,
    duration,
    heading,
    nagios_line,
    one_line,
    stage_line,
    verdict,
    waiting_text,
    wrapped,
)
from twsprobe.wire.handshake import frame, greeting

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[2] / "docs" / "probe.schema.json").read_text(encoding="utf-8")))
FAILING = [name for name, scenario in SCENARIOS.items() if scenario.signature != "ready"]
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(HOSTILE)

# The form that the Monitoring Plugins guidelines ask for: 'label'=value[UOM];[warn];[crit];[min];[max]
PERFDATA = re.compile(r"'?[^='|\s]+'?=-?[0-9.]+(s|us|ms|%|B|KB|MB|TB|c)?(;[0-9.:~@-]*){0,4}")


def shown(lines: list[Line]) -> list[str]:
    return [(line.lead + line.rest).rstrip() for line in lines]


def whole(report: ProbeReport, *, verbose: bool = False) -> list[str]:
    """All that a run shows."""
    stages = [line for stage in report.stages for line in shown(stage_line(stage))]
    return stages + shown(verdict(report, verbose=verbose))


def prose(lines: list[str]) -> str:
    """Lines without their breaks."""
    return " ".join(" ".join(lines).split())


def assert_inert(report: ProbeReport) -> None:
    for line in [*whole(report, verbose=True), one_line(report), nagios_line(report, "OK")]:
        assert not live(line, allowed="")
    assert nagios_line(report, "OK").count("|") == 1, "what stands behind a bar is taken for perfdata"
    found = json.dumps(report.to_dict())
    assert found.isascii()
    assert not live(found, allowed="")
    SCHEMA.validate(json.loads(found))


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_fits_80_columns(name: str, verbose: bool) -> None:
    report = dataclasses.replace(scenario_reports()[name], capture="folder/" * 20 + "capture.jsonl")
    for line in whole(report, verbose=verbose):
        words = line.removeprefix("recorded in ").split()
        assert len(line) <= WIDTH or len(words) == 1, line


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_json_object_of_a_scenario_is_of_the_schema(name: str) -> None:
    report = scenario_reports()[name]
    found = json.dumps(report.to_dict())
    assert found.isascii()
    seen = json.loads(found)
    SCHEMA.validate(seen)
    scenario = SCENARIOS[name]
    assert (seen["signature"], seen["stage"], seen["layer"]) == (scenario.signature, scenario.stage, scenario.layer)


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_says_what_was_seen_why_and_what_to_do(name: str) -> None:
    report = scenario_reports()[name]
    lines = whole(report)
    text = prose(lines)
    facts = report.observation
    assert f"FAIL {facts.sentence}" in text
    assert f"{report.signature.value} in {SCENARIOS[name].stage} after {facts.elapsed}" in text
    cause = report.causes[0]
    assert prose([cause.title]) in text
    assert f"What to do {prose([cause.remedy])[:60]}" in text
    heads = {Confidence.PROVEN: "Cause (proven)", Confidence.LIKELY: "Likely cause", Confidence.POSSIBLE: "Possible cause"}
    assert f"{heads[cause.confidence]}  layer {cause.layer.value}" in lines
    for evidence in cause.evidence:
        assert f"{'+' if evidence.side == 'for' else '-'} {prose([evidence.sentence])}" in text
    for code, said in facts.notices:
        assert prose([f"{code} {said}"]) in text


@pytest.mark.parametrize("name", FAILING)
def test_verbose_shows_every_cause(name: str) -> None:
    report = scenario_reports()[name]
    ranked = [cause for cause in report.causes if cause.confidence is not Confidence.EXCLUDED]
    brief, full = prose(whole(report)), prose(whole(report, verbose=True))
    for cause in report.causes:
        assert prose([cause.title]) in full
    for cause in ranked[: 1 + OTHER_CAUSES]:
        assert prose([cause.title]) in brief
    rest = len(ranked) - 1 - OTHER_CAUSES
    assert (f"and {rest} more: -v shows them all" in brief) == (rest > 0)
    assert "-v shows them all" not in full


@pytest.mark.parametrize("name", ["ready", "ready-live"])
def test_a_pass_says_what_answered(name: str) -> None:
    report = scenario_reports()[name]
    facts = report.observation
    text = prose(whole(report))
    kind = {"ready": "paper", "ready-live": "live"}[name]
    assert f"PASS {facts.sentence} server version 226 server time {facts.server_time} {facts.time_zone}" in text
    assert f"accounts {facts.accounts[0]} ({kind}) next order id {facts.next_order_id} client id {facts.client_id}" in text
    assert "notices 2104 Market data farm connection is OK:usfarm 2106 HMDS" in text
    assert "API settings" in text
    assert "* allowLocalhostOnly = True" in text


def test_accounts_of_both_kinds_and_of_none() -> None:
    report = scenario_reports()["ready"]
    for accounts, seen in (((), "none (unknown)"), (("DU1", "U2"), "DU1, U2 (unknown)"), (("U2",), "U2 (live)")):
        other = dataclasses.replace(report, observation=dataclasses.replace(report.observation, accounts=accounts))
        assert f"accounts {seen}" in prose(whole(other))


def test_what_was_received_in_place_of_tws_is_shown() -> None:
    text = prose(whole(scenario_reports()["http"]))
    assert r"first bytes HTTP/1.1 400 Bad Request\r\nContent-Type" in text
    assert "redirect to 192.0.2.10:4001 (not followed)" in prose(whole(scenario_reports()["redirect"]))


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "no connection was opened"), (1, "1 connection opened and closed"), (2, "2 connections opened and closed")],
)
def test_the_number_of_connections_is_said(count: int, said: str) -> None:
    report = dataclasses.replace(scenario_reports()["ready"], connections_opened=count)
    assert whole(report)[-1] == said


def test_a_capture_is_named_whole_on_a_line_of_its_own() -> None:
    path = "a folder/" * 20 + "capture.jsonl"
    report = dataclasses.replace(scenario_reports()["ready"], capture=path)
    assert whole(report)[-1] == f"recorded in {path}"


@pytest.mark.parametrize(
    ("ok", "elapsed_ms", "line"),
    [
        (True, 0.04, "  ok   start          0.0 ms  it went well"),
        (False, 9999.94, "  FAIL start          10.0 s  it went well"),
        (None, 12345.0, "  ?    start          12.3 s  it went well"),
    ],
)
def test_a_stage_is_a_line(ok: bool | None, elapsed_ms: float, line: str) -> None:
    assert shown(stage_line(StageReport("start", ok, elapsed_ms, "it went well"))) == [line]


def test_a_stage_waited_for_stands_where_its_line_will() -> None:
    line = shown(stage_line(StageReport("start", True, 1.0, "")))[0]
    assert waiting_text("start").index("start") - 1 == line.index("start")
    assert len(waiting_text("handshake")) <= 40, "the live view wipes 40 columns"


def test_long_details_hang_below_their_column() -> None:
    lines = shown(stage_line(StageReport("sync", False, 10.0, "reqPositions: 4 messages, but no positionEnd; " * 4)))
    assert len(lines) > 2
    assert all(line.startswith(" " * 31) and len(line) <= WIDTH for line in lines[1:])


def test_text_is_cut_to_a_length_that_a_person_reads() -> None:
    lines = shown(wrapped("word " * 1000, 10, "lead"))
    assert lines[0].startswith("lead      word word")
    assert len(" ".join(lines)) < LONGEST_TEXT * 2
    assert lines[-1].endswith(f"... {5000 - LONGEST_TEXT} more")


@pytest.mark.parametrize(("milliseconds", "text"), [(0.0, "0.0 ms"), (999.9, "999.9 ms"), (1_000.0, "1.0 s"), (86_400_000.0, "86400.0 s")])
def test_durations(milliseconds: float, text: str) -> None:
    assert duration(milliseconds) == text


@pytest.mark.parametrize("port", [*API_PORTS, 12345])
@pytest.mark.parametrize("host", ["127.0.0.1", "gateway.a-rather-long-name.example.net"])
@pytest.mark.parametrize("maximum", [226, None])
@pytest.mark.parametrize("client_id", [None, 0, 999_999_999])
def test_the_heading_says_what_is_tried(port: int, host: str, maximum: int | None, client_id: int | None) -> None:
    lines = shown(heading(f"{host}:{port}", port, Options(minimum=100, maximum=maximum), client_id))
    assert all(len(line) <= WIDTH for line in lines)
    text = prose(lines)
    assert text.startswith(f"{host}:{port}")
    assert ("(" in text) == (port in API_PORTS)
    assert ("v100..226" if maximum else "offering v100 as") in text
    assert ("a random client id" if client_id is None else f"client id {client_id}") in text
    assert ("placed by hand" in text) == (client_id == 0)


def test_a_heading_of_one_long_name_is_not_broken() -> None:
    name = "x" * 253 + ":7497"
    assert shown(heading(name, 7497, Options(), None)) == [name, "  (TWS paper) offering v100..226 as a random client id"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_line_of_a_plug_in(name: str) -> None:
    report = scenario_reports()[name]
    line = nagios_line(report, "CRITICAL")
    text, bar, perfdata = line.partition(" | ")
    assert bar
    assert "|" not in text + perfdata
    assert text.startswith(f"TWS CRITICAL - localhost:7497 {report.signature.value}")
    values = perfdata.split(" ")
    assert all(PERFDATA.fullmatch(value) for value in values), perfdata
    assert [value.partition("=")[0] for value in values] == [*(stage.name for stage in report.stages), "connections"]
    assert values[-1] == f"connections={report.connections_opened}"


@pytest.mark.parametrize("text", HUGE, ids=["letters", "controls", "directions", "markup"])
def test_the_line_of_a_plug_in_keeps_its_perfdata_within_what_a_monitor_reads(text: str) -> None:
    report = scenario_reports()["ready"]
    observation = dataclasses.replace(report.observation, accounts=(text,))
    line = nagios_line(dataclasses.replace(report, observation=observation), "OK")
    assert len(line) < 8192
    assert line.endswith("connections=1")


@pytest.mark.parametrize(("version", "begin"), [(176, 0), (226, 1)])
def test_hostile_texts_of_a_session_do_nothing(version: int, begin: int) -> None:
    for text in HOSTILE[begin::2]:
        text = encodable(text if version == 226 else text.replace("\0", "\1"))
        report, _ = probed(SCENARIOS["ready"], hostile_script(text), version, sync=True, config=True)
        assert report.observation.server_version == version
        assert "ready" in [stage.name for stage in report.stages]
        assert_inert(report)


@pytest.mark.parametrize("text", HUGE, ids=["letters", "controls", "directions", "markup"])
def test_huge_texts_of_a_session_do_nothing(text: str) -> None:
    report, _ = probed(SCENARIOS["ready"], hostile_script(text), config=True)
    assert report.ok
    assert_inert(report)
    assert sum(map(len, whole(report, verbose=True))) < 60_000
    assert report.to_dict()["notices"][-1]["text"] == text, "the report has it whole"


def test_hostile_bytes_in_place_of_a_greeting_do_nothing() -> None:
    forms = (
        wire,
        lambda text: b"HTTP/1.1 400 " + wire(text),
        lambda text: b"SSH-2.0-" + wire(text),
        lambda text: greeting(-1, one_field(text)),
        lambda text: greeting(176, one_field(text)),
        lambda text: frame(wire(text)),
    )
    # Each sequence stands in the corpus three times, and so meets three forms.
    for text, form in zip(HOSTILE, itertools.cycle(forms), strict=False):
        report, _ = probed(SCENARIOS["dialog-pending"], Script(on_offer=(Raw(form(text)),)), timeout=1.0)
        assert not report.ok
        assert_inert(report)


observations = st.builds(
    Observation,
    signature=st.sampled_from(Signature),
    target_host=ANY_TEXT.filter(bool),
    target_port=st.sampled_from([7497, 4001, 8888, 1]),
    received=st.binary(max_size=64),
    service=st.sampled_from(["http", "tls", "ssh", "other", None]),
    redirect=ANY_TEXT | st.none(),
    server_version=st.integers(-1, 999) | st.none(),
    server_time=ANY_TEXT | st.none(),
    time_zone=ANY_TEXT | st.none(),
    accounts=st.lists(ANY_TEXT, max_size=3).map(tuple),
    notices=st.lists(st.tuples(st.sampled_from([-1, 0, 321, 326, 1100, 2104, 10141, 99999]), ANY_TEXT), max_size=3).map(tuple),
    elapsed_ms=st.floats(0, 1e9),
    next_order_id=st.integers(-(2**31), 2**31 - 1) | st.none(),
    missing=st.sampled_from([(), ("managedAccounts",), ("managedAccounts", "nextValidId")]),
    stalled_request=st.just("reqPositions") | st.none(),
    missing_end=st.just("positionEnd") | st.none(),
    siblings=st.sampled_from([(), ((7496, "TWS live"),)]),
)
findings = st.builds(
    Finding,
    setting=st.just("trustedIPs"),
    value=ANY_TEXT | st.lists(ANY_TEXT, max_size=3) | st.booleans() | st.none() | st.integers(),
    verdict=st.sampled_from(["fine", "note", "problem", "unknown"]),
    meaning=ANY_TEXT,
)


@given(observations, st.lists(findings, max_size=2), st.sampled_from(["start", "sync"]), ANY_TEXT, ANY_TEXT | st.none())
def test_whatever_was_observed_the_outputs_are_inert(
    observation: Observation, settings: list[Finding], stage: str, detail: str, capture: str | None
) -> None:
    signature = observation.signature
    assert signature is not None
    observation = dataclasses.replace(observation, stage=signature.stage)
    stages = (StageReport(stage, False, 1.5, detail),)
    report = ProbeReport("127.0.0.1:7497", observation, stages, judged(observation), 1, (), tuple(settings), capture)
    assert_inert(report)
    for line in whole(report, verbose=True):
        assert len(line) <= WIDTH or line.startswith("recorded in ")


def test_what_this_machine_tells_is_shown_short_and_safe() -> None:
    texts = [f"Fact {number} {'of this machine ' * 6}end." for number in range(MOST_LOCAL + 2)]
    pieces = tuple(Evidence(f"fact-{number}", text, ("firewall",)) for number, text in enumerate(texts))
    base = ProbeReport("h:1", Observation(signature=Signature.TCP_TIMEOUT, target_port=4002), (), (), 0)
    report = base.with_local(Local((*pieces, Evidence("odd", "[/x]\x1b[2J.")), ("Some file could not be read.",)))
    short, full = shown(verdict(report)), shown(verdict(report, verbose=True))
    for lines in (short, full):
        assert all(len(line) <= WIDTH for line in lines)
        assert not live("".join(lines))
        assert lines.count("On this machine") == 1
        assert "  ?Some file could not be read." in lines or "? Some file could not be read." in lines
    assert "  and 3 more: -v shows them all" in short
    assert "Fact 7" in prose(full)
    assert "Fact 7" not in prose(short[short.index("On this machine") :])


def test_without_a_look_or_with_nothing_found_no_section_is_shown() -> None:
    report = ProbeReport("h:1", Observation(signature=Signature.TCP_TIMEOUT), (), (), 0)
    for each in (report, report.with_local(Local())):
        assert "On this machine" not in shown(verdict(each))


def decided_report() -> ProbeReport:
    """A report with a decision, as one of the experiments makes it."""
    facts = Observation(
        signature=Signature.CLOSED_AFTER_PREFIX,
        stage=Signature.CLOSED_AFTER_PREFIX.stage,
        address=("192.168.1.20", 7497),
        local_address=("192.168.1.20", 50000),
        target_port=7497,
        closed="fin",
        prefix_sent=True,
    )
    text = "127.0.0.1 is let in at the same port, so the address is the matter."
    tried = Tried(
        "loopback",
        "the same port at 127.0.0.1",
        "127.0.0.1:7497",
        "let-in",
        text,
        1,
        2.0,
        ("untrusted-address",),
        excludes=("app-starting",),
    )
    decision = Decision((tried,), "Decided: untrusted-address alone is likely.", trust(facts, (tried,)))
    return ProbeReport("192.168.1.20:7497", facts, (), judged(facts), 1).with_decision(decision, 1)


def test_what_was_tried_to_decide_is_shown_with_what_it_says() -> None:
    report = decided_report()
    lines = whole(report)
    began = lines.index("What was tried to decide")
    assert lines[began + 1] == "  1  the same port at 127.0.0.1"
    text = prose(lines[began:])
    assert "-> 127.0.0.1 is let in at the same port, so the address is the matter." in text
    assert "for untrusted-address; rules out app-starting" in text
    assert 'Trusted IPs Untick "Allow connections from localhost only", and add 192.168.1.20 to "Trusted IPs".' in text
    assert "2 connections opened and closed" in text
    assert "ruled out TWS or IB Gateway has started but is not ready to serve the API yet. By experiment 1, below." in prose(lines)
    assert all(len(line) <= WIDTH for line in lines)
    SCHEMA.validate(json.loads(json.dumps(report.to_dict())))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_of_experiments_are_harmless(text: str) -> None:
    report = decided_report()
    assert report.decision is not None
    tried = report.decision.tried[0]._replace(question=text, text=text)
    verdict_on = Trust("open", text, text, (text,))
    assert_inert(dataclasses.replace(report, decision=Decision((tried,), text, verdict_on)))
