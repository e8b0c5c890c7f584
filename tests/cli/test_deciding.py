"""``twsprobe probe --decide``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Run
from tests.cli.program import served
from tests.views.hostile import HOSTILE, live
from twsprobe.capture.model import Opened
from twsprobe.capture.reading import open_capture
from twsprobe.cli.deciding import Announcing
from twsprobe.cli.exits import ExitCode
from twsprobe.net.script import Script
from twsprobe.probing.signatures import Signature
from twsprobe.probing.targets import Target

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[2] / "docs" / "probe.schema.json").read_text(encoding="utf-8")))
BRIEFLY = ("--handshake-timeout", "0.3", "--no-local")


def test_what_is_tried_is_announced_and_explained(ran: Run) -> None:
    with served("wedged") as port:
        found = ran("probe", str(port), "--decide", "--max-connections", "2", *BRIEFLY)
    assert found.code == Signature.SILENT_HANDSHAKE.exit_code
    assert "To decide: offering versions 100 to 178 only (connection 2 of at most 2," in " ".join(found.out.split())
    lines = found.out.splitlines()
    assert "What was tried to decide" in lines
    assert "Trusted IPs" in lines
    assert lines[-1] == "2 connections opened and closed"
    assert all(len(line) <= 80 for line in lines)
    assert not live(found.out)


def test_as_json_the_announcement_goes_to_standard_error(ran: Run, tmp_path: Path) -> None:
    record = tmp_path / "capture.jsonl"
    with served("wedged") as port:
        found = ran("probe", str(port), "--decide", "--json", "--record", str(record), *BRIEFLY)
    (seen,) = map(json.loads, found.out.splitlines())
    SCHEMA.validate(seen)
    assert seen["experiments"]
    assert seen["connections_opened"] == 4 == 1 + sum(each["connections"] for each in seen["experiments"])
    assert seen["conclusion"]
    assert found.err.count("To decide: ") == len(seen["experiments"])
    with open_capture(record) as capture:
        assert [each.connection for each in capture if isinstance(each, Opened)] == [1, 2, 3, 4]


def test_without_it_nothing_is_tried(ran: Run) -> None:
    with served("wedged") as port:
        found = ran("probe", str(port), "--json", *BRIEFLY)
    seen = json.loads(found.out)
    assert (seen["experiments"], seen["conclusion"], seen["trusted_ip"], seen["connections_opened"]) == ([], None, None, 1)
    assert found.err == ""


def test_a_single_connection_leaves_no_second_try(ran: Run) -> None:
    with served(Script(taken=frozenset({7}), says_taken=False)) as port:
        found = ran("probe", str(port), "--client-id", "7", "--decide", "--max-connections", "1", "--json", "--no-local")
    seen = json.loads(found.out)
    assert (seen["connections_opened"], seen["observation"]["retry"]) == (1, None)


def test_a_run_that_is_well_opens_one_connection(ran: Run) -> None:
    with served() as port:
        found = ran("probe", str(port), "--decide")
    assert found.code == ExitCode.OK
    assert found.out.splitlines()[-1] == "1 connection opened and closed"


@pytest.mark.parametrize(
    "arguments", [("--max-connections", "3"), ("--decide", "--max-connections", "0"), ("--decide", "--max-connections", "17")]
)
def test_bad_usage_is_one_line(arguments: tuple[str, ...], ran: Run) -> None:
    found = ran("probe", "7497", *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert "--max-connections" in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_harmless(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Announcing(Target("h", 1)).noted(text)
    assert not live(capsys.readouterr().err)
