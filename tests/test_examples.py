"""The examples of docs/testing.md are real: real clients replay the committed captures, and record them as they were recorded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import CAPTURES, DOCUMENT, SESSIONS, write_examples
from tests.test_captures import generator
from twsprobe.capture.diff import Comparison
from twsprobe.capture.model import Record
from twsprobe.capture.reading import open_capture
from twsprobe.capture.volatile import Rules

PSEUDONYMS = ("*.account*", "*.acctCode", "*.acctNumber", "*.orderRef", "updateAccountValue.value", "accountUpdateMulti.value")
"""Where each recording has its own."""


def run(folder: Path, *arguments: str) -> str:
    """What pytest says of the examples in a folder."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "--color=no", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True, timeout=50).stdout


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The examples, with their captures."""
    write_examples(tmp_path)
    tmp_path.joinpath("captures").mkdir()
    for name in SESSIONS.values():
        tmp_path.joinpath("captures", name).write_bytes(CAPTURES.joinpath(name).read_bytes())
    return tmp_path


def records_of(path: Path) -> list[Record]:
    with open_capture(path) as capture:
        assert capture.header["redacted"] == "yes"
        return list(capture)


def test_every_example_passes_without_a_tws(examples: Path) -> None:
    assert "3 passed" in run(examples)


def test_a_failing_one_says_what_the_document_shows(examples: Path) -> None:
    test = examples / "test_names.py"
    test.write_text(test.read_text("utf-8").replace('"AAPL") ==', '"MSFT") =='), "utf-8")
    said = run(examples, "test_names.py")
    shown = DOCUMENT.read_text("utf-8").split("```text\n", 1)[1].split("```", 1)[0]
    assert shown in said
    assert "1 failed" in said


@pytest.mark.parametrize("example", SESSIONS)
def test_a_capture_says_what_its_generator_records(example: str, tmp_path: Path) -> None:
    made: Path = generator().write_session(example, tmp_path)
    committed = CAPTURES / made.name
    found = list(Comparison(records_of(committed), records_of(made), Rules(ignore=PSEUDONYMS)))
    assert found == [], f"{committed.name} is stale: run python captures/generate.py --sessions"
