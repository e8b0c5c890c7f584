"""A recording is written whole, redacted, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capture.sessions import TO_CLIENT, say, session
from twsprobe.capture.keeping import keep
from twsprobe.capture.model import CaptureError
from twsprobe.capture.reading import open_capture
from twsprobe.capture.redactor import CannotPromise, Redactor

RECORDS = session(226, say("position", account="DU1234567", contract={"symbol": "AAPL"}, position=1, avgCost=2.0))
NEVER_DECLARED = session(226, (TO_CLIENT, b"\0\0\0\x09\0\0\x7f\x01DU123"))


@pytest.mark.parametrize("name", ["a.jsonl", "made/b.pcapng", "c.jsonl.gz"])
def test_what_is_kept_reads_back(name: str, tmp_path: Path) -> None:
    keep(RECORDS, tmp_path / name)
    with open_capture(tmp_path / name) as capture:
        assert list(capture) == RECORDS
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [Path(name).name]


def test_a_redacted_one_says_so_and_holds_no_account(tmp_path: Path) -> None:
    keep(RECORDS, tmp_path / "a.jsonl", Redactor())
    with open_capture(tmp_path / "a.jsonl") as capture:
        assert capture.header["redacted"] == "yes"
        assert len(list(capture)) == len(RECORDS)
    assert b"DU1234567" not in (tmp_path / "a.jsonl").read_bytes()


def test_one_that_may_hold_a_secret_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("old", "utf-8")
    with pytest.raises(CannotPromise) as caught:
        keep(NEVER_DECLARED, path, Redactor())
    assert len(caught.value.doubts) == 1
    assert [each.read_text("utf-8") for each in tmp_path.iterdir()] == ["old"]
    keep(NEVER_DECLARED, path)
    with open_capture(path) as capture:
        assert list(capture) == NEVER_DECLARED


def test_a_name_of_no_format_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="ends with"):
        keep(RECORDS, tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
