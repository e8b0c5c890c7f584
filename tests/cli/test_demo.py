"""``twsprobe demo``."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Run
from tests.views.hostile import live
from twsprobe.capture.reading import open_capture
from twsprobe.cli.demo import Tried
from twsprobe.cli.exits import ExitCode
from twsprobe.cli.main import run
from twsprobe.net import scenarios
from twsprobe.net.scenarios import SCENARIOS, Scenario

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[2] / "docs" / "probe.schema.json").read_text(encoding="utf-8")))
SUPPORTED = [name for name, scenario in SCENARIOS.items() if scenario.supported]


class Shown(NamedTuple):
    """What a demo came to."""

    code: int
    out: str
    folder: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The whole demo, once."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = run(["demo", str(folder)])
    return Shown(code, out.getvalue(), folder)


def test_every_verdict_is_right(demo: Shown) -> None:
    assert demo.code == ExitCode.OK
    assert demo.out.endswith(f"\nCaptures and report.json are in {demo.folder}\nAll {len(SUPPORTED)} verdicts were right.\n")


def test_every_scenario_is_shown_as_a_person_sees_it(demo: Shown) -> None:
    for name in SUPPORTED:
        head = f"== {name} ".ljust(80, "=")
        assert demo.out.count(head) == 1
        part = demo.out.partition(head)[2].partition("\n== ")[0]
        assert ("\nPASS  " in part) == (SCENARIOS[name].signature == "ready")
        assert ("\nFAIL  " in part) == (SCENARIOS[name].signature != "ready")


def test_it_fits_80_columns_and_is_inert(demo: Shown) -> None:
    assert not live(demo.out), "hostile-texts is among the scenarios"
    for line in demo.out.splitlines():
        assert len(line) <= 80 or str(demo.folder) in line, line


def test_the_table_names_every_verdict(demo: Shown) -> None:
    table = demo.out.rpartition("\nscenario ")[2].splitlines()
    rows = {row.split()[0]: row.split() for row in table[1 : 1 + len(SCENARIOS)]}
    assert list(rows) == list(SCENARIOS)
    for name in SUPPORTED:
        assert (rows[name][1], rows[name][-1]) == (SCENARIOS[name].signature, "ok")


def test_the_report_is_of_the_schema(demo: Shown) -> None:
    text = (demo.folder / "report.json").read_text(encoding="utf-8")
    assert text.isascii()
    found = json.loads(text)
    assert [each["scenario"] for each in found] == list(SCENARIOS)
    for each in found:
        assert each["right"]
        if each["report"] is not None:
            SCHEMA.validate(each["report"])
            assert {name: each["report"][name] for name in ("signature", "stage", "layer")} == each["expected"]


def test_every_scenario_has_its_capture(demo: Shown) -> None:
    for name in SUPPORTED:
        with open_capture(demo.folder / f"{name}.jsonl") as capture:
            assert capture.header["scenario"] == name
            assert list(capture)


def only(monkeypatch: pytest.MonkeyPatch, **some: Scenario) -> None:
    """Leave only some scenarios."""
    monkeypatch.setattr(scenarios, "SCENARIOS", some)


def test_a_wrong_verdict_fails(tmp_path: Path, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = SCENARIOS["refused"]
    for wrong in (
        refused._replace(signature="tcp-timeout"),
        refused._replace(stage="resolve"),
        refused._replace(layer="session"),
        refused._replace(facts={"service": "http"}),
    ):
        only(monkeypatch, refused=wrong)
        found = ran("demo", str(tmp_path))
        assert found.code == ExitCode.FINDINGS
        assert found.out.endswith("WRONG: refused\n")
        assert " NO" in found.out
    only(monkeypatch, refused=refused)
    assert ran("demo", str(tmp_path)).code == ExitCode.OK, "a folder of an earlier demo is used again"


class Unsupported(Scenario):
    """A scenario that this system cannot set up."""

    unsupported = "only another system fails in this way"
    supported = False


def test_what_a_system_cannot_do_is_skipped(tmp_path: Path, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, refused=SCENARIOS["refused"], timeout=Unsupported(*SCENARIOS["timeout"]))
    found = ran("demo", str(tmp_path))
    assert found.code == ExitCode.OK
    assert "skipped: only another system fails in this way" in found.out
    assert found.out.endswith("All 1 verdicts were right.\n")
    assert json.loads((tmp_path / "report.json").read_text())[1]["report"] is None
    assert Tried(SCENARIOS["timeout"], None).right


def test_without_a_folder_it_makes_one(tmp_path: Path, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, refused=SCENARIOS["refused"])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = ran("demo")
    assert found.code == ExitCode.OK
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("twsprobe-demo-")
    assert sorted(path.name for path in folder.iterdir()) == ["refused.jsonl", "report.json"]


def test_a_folder_that_cannot_be_made(tmp_path: Path, ran: Run) -> None:
    (tmp_path / "file").touch()
    found = ran("demo", str(tmp_path / "file" / "folder"))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: {tmp_path / 'file' / 'folder'}: Not a directory\n"
