"""Tables as files: what they hold, who may read them, and that none is lost."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from twsprobe.capture.model import CaptureError
from twsprobe.capture.table_files import SUFFIXES, Csv, created, open_table
from twsprobe.capture.tables import Column, Kind, Row, Table

TABLE = Table(
    "all",
    tuple(Column(kind.name.lower() if kind is not Kind.TEXT else "capture", kind) for kind in (Kind.TEXT, *(set(Kind) - {Kind.TEXT}))),
)
NAMES = [column.name for column in TABLE.columns]
FULL = {"capture": "x", "integer": -7, "double": 0.5, "decimal": Decimal("-1.50"), "boolean": True, "json": '{"a": 1}', "bytes": b"\0\xff"}
HOSTILE = "=cmd|' /C calc'!A0\r\n\0\u202e,\""


def row(**values: Any) -> Row:
    return tuple(values.get(name) for name in NAMES)


def written(path: Path, *rows: Row, **options: Any) -> Path:
    with open_table(str(path), TABLE, **options) as writer:
        writer.begin("x", None)
        writer.write(rows)
        assert writer.count == len(rows)
    return path


def test_json_lines_have_an_object_a_row(tmp_path: Path) -> None:
    lines = written(tmp_path / "a.jsonl", row(**FULL), row(capture=HOSTILE, integer=2**60)).read_bytes().split(b"\n")
    assert json.loads(lines[0]) == FULL | {"decimal": "-1.50", "json": {"a": 1}, "bytes": "00ff"}
    assert json.loads(lines[1]) == dict.fromkeys(FULL) | {"capture": HOSTILE, "integer": str(2**60)}
    assert lines[2:] == [b""]
    assert all(line.isascii() and line.decode().isprintable() for line in lines)


def test_csv_has_a_line_a_row_below_the_names(tmp_path: Path) -> None:
    with written(tmp_path / "a.csv", row(**FULL), row()).open(encoding="utf-8", newline="") as file:
        head, first, second = csv.reader(file)
    assert head == NAMES
    assert dict(zip(head, first, strict=True)) == {name: str(value) for name, value in FULL.items()} | {"boolean": "true", "bytes": "00ff"}
    assert second == [""] * len(NAMES)


def test_csv_makes_texts_and_nothing_else_harmless(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", row(**FULL), cell=lambda text: f"harmless {text}")
    with path.open(encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert [name for name, held in line.items() if "harmless" in held] == ["capture"]


def test_csv_that_is_raw_gives_every_text_back(tmp_path: Path) -> None:
    with written(tmp_path / "a.csv", row(capture=HOSTILE)).open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["capture"] == HOSTILE


@pytest.mark.parametrize("name", [f"a{suffix}" for suffix in SUFFIXES])
def test_a_file_is_its_owners_and_is_not_overwritten_unasked(name: str, tmp_path: Path) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    path = written(tmp_path / name, row(**FULL))
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(CaptureError, match="the file exists and is not overwritten"):
        open_table(str(path), TABLE)
    assert path.read_bytes() == before
    assert written(path, row(), overwrite=True).read_bytes() != before


def test_what_a_link_points_to_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "a.csv").symlink_to(tmp_path / "kept")
    written(tmp_path / "a.csv", row(), overwrite=True)
    assert (tmp_path / "kept").read_text() == "kept"


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="is not a file that can be replaced"):
        created(str(tmp_path), overwrite=True)


def test_another_suffix_is_no_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.xlsx"):
        open_table(str(tmp_path / "a.xlsx"), TABLE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hive", [False, True])
def test_parquet_without_pyarrow_names_the_extra(hive: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("pyarrow", "twsprobe.capture.parquet", "twsprobe.capture.message_columns"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delattr("twsprobe.capture.parquet", raising=False)
    with pytest.raises(CaptureError, match=r"needs pyarrow: install twsprobe\[parquet\]"):
        open_table(str(tmp_path / "a.parquet"), TABLE, hive=hive)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr("twsprobe.capture.table_files.created", lambda path, overwrite: io.BufferedWriter(io.FileIO("/dev/full", "wb")))
    with pytest.raises(OSError, match="No space left"), Csv(str(tmp_path / "a.csv"), TABLE) as writer:
        writer.write([row(**FULL)])
