"""Parquet: schema and types, the layout of folders, and the same rows in every format and for every reader."""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
import stat
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from twsprobe.capture.export import FRAMES, frame_rows
from twsprobe.capture.message_rows import MessageTable, Reader, message_named
from twsprobe.capture.model import CaptureError, Chunk, Opened, Record
from twsprobe.capture.seen import seen_in
from twsprobe.capture.table_files import open_table
from twsprobe.capture.tables import Kind, Row, Table
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.registry import encode

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BEGIN = 1_767_366_245 * 10**9
"""2026-01-02, 15:04:05 UTC."""
DAY = 86_400 * 10**9
HOSTILE = '=1+1,"\n\u202e\x1b[2J\u00e9'


def session(begin: int = BEGIN, version: int = 178) -> list[Record]:
    """A session with every kind of value, an unknown message and a lost stream."""
    asked = encode("reqMktData", TO_SERVER, version, reqId=1, contract={"symbol": "A"})
    said = [encode("tickPrice", TO_CLIENT, version, reqId=at, tickType=1, price=at / 4, size=f"{at}.5", attrMask=1) for at in range(3)]
    said += [
        encode("error", TO_CLIENT, version, id=1, errorCode=200, errorMsg=HOSTILE),
        encode("openOrder", TO_CLIENT, version, orderId=7, order={"permId": 2**60, "outsideRth": True}),
        frame(b"999\0?\0"),
        b"\xff" * 8,
    ]
    return [
        Opened(0, begin, "a:1", "b:2"),
        Chunk(0, TO_SERVER, begin + 1, offer(100, version)),
        Chunk(0, TO_CLIENT, begin + 2, greeting(version, b"20260102 15:04:05 GMT")),
        Chunk(0, TO_SERVER, begin + 3, asked),
        *(Chunk(0, TO_CLIENT, begin + 3 + at, data) for at, data in enumerate(said)),
    ]


def rows(capture: str, records: list[Record]) -> list[Row]:
    return [row for _, row in frame_rows(capture, seen_in(records))]


def written(path: Path, captures: dict[str, list[Record]], **options: Any) -> Path:
    with open_table(str(path), FRAMES, **options) as writer:
        for name, records in captures.items():
            writer.begin(name, records[0].time_ns if records else None)
            writer.write(rows(name, records))
    return path


def read(path: Path, table: Table = FRAMES) -> list[tuple[Any, ...]]:
    """The rows of a file of any format, in the types that Parquet has."""
    if path.suffix == ".parquet":
        return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]
    with path.open(encoding="utf-8", newline="") as file:
        lines = [json.loads(line) for line in file] if path.suffix == ".jsonl" else list(csv.DictReader(file))
    return [tuple(typed(column.kind, line[column.name]) for column in table.columns) for line in lines]


def typed(kind: Kind, held: Any) -> Any:
    """A value as it was, from JSON or from a cell; an empty cell is unset."""
    if held is None or held == "":
        return None
    types: dict[Kind, Callable[[Any], Any]] = {Kind.INTEGER: int, Kind.DOUBLE: float, Kind.DECIMAL: Decimal, Kind.BYTES: bytes.fromhex}
    if kind is Kind.JSON:
        return json.dumps(held) if not isinstance(held, str) else held
    if kind is Kind.BOOLEAN:
        return held in (True, "true")
    return types.get(kind, str)(held)


def test_a_file_has_a_typed_column_for_everything(tmp_path: Path) -> None:
    schema = pq.read_schema(written(tmp_path / "a.parquet", {"x": session()}))
    assert {field.name: str(field.type) for field in schema} == {
        "capture": "string",
        "connection": "int64",
        "sequence": "int64",
        "time_ns": "int64",
        "direction": "string",
        "id": "int64",
        "name": "string",
        "server_version": "int64",
        "request_id": "int64",
        "size": "int64",
        "anomaly": "string",
        "fields": "string",
        "raw": "binary",
    }


def test_a_message_has_its_fields_as_typed_columns(tmp_path: Path) -> None:
    of = MessageTable(message_named("openOrder"))
    with open_table(str(tmp_path / "a.parquet"), of.table) as writer:
        for batch in Reader("x", of).read(session()):
            writer.write(batch)
    types = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "a.parquet")}
    assert types["orderId"] == "int64"
    assert types["contract.symbol"] == "string"
    assert types["contract.strike"] == "double"
    assert types["order.totalQuantity"] == "decimal128(38, 16)"
    assert types["order.outsideRth"] == "bool"
    assert types["order.conditions"] == "string"
    (row,) = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert (row["orderId"], row["order.permId"], row["order.outsideRth"]) == (7, 2**60, True)
    assert row["sequence"] == 8


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
@pytest.mark.parametrize("version", [178, 226])
def test_every_format_gives_the_same_rows(suffix: str, version: int, tmp_path: Path) -> None:
    captures = {"one": session(version=version), "other": session(BEGIN + DAY, version)}
    path = written(tmp_path / f"a{suffix}", captures)
    assert read(path) == [row for name, records in captures.items() for row in rows(name, records)]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("message", ["tickPrice", "error", "openOrder"])
def test_every_format_gives_the_same_rows_of_a_message(suffix: str, message: str, tmp_path: Path) -> None:
    of = MessageTable(message_named(message))
    found = []
    for name in ("a.parquet", f"a{suffix}"):
        with open_table(str(tmp_path / name), of.table) as writer:
            for batch in Reader("x", of).read(session()):
                writer.write(batch)
        found.append([tuple(None if value == "" else value for value in row) for row in read(tmp_path / name, of.table)])
    assert found[0] == found[1] != []


def test_a_folder_has_a_file_a_capture_below_its_day(tmp_path: Path) -> None:
    folder = written(tmp_path / "db", {"one": session(), "a/b =": session(BEGIN + DAY), "empty": []}, hive=True)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [
        "frames/date=2026-01-02/capture=one/frames.parquet",
        "frames/date=2026-01-03/capture=a%2Fb%20%3D/frames.parquet",
    ]
    assert pq.ParquetFile(folder / files[0]).schema_arrow.names == [column.name for column in FRAMES.columns[1:]]
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")] if path.is_dir()} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_a_time_that_no_calendar_has_is_in_the_folder_of_none(tmp_path: Path) -> None:
    folder = written(tmp_path / "db", {"one": session(2**63 - 100)}, hive=True)
    assert [path.parent.parent.name for path in folder.rglob("*.parquet")] == ["date=2262-04-11"]
    with open_table(str(tmp_path / "db"), FRAMES, hive=True) as writer:
        writer.begin("far", 10**30)
        writer.write(rows("far", session()))
    assert (folder / "frames" / "date=__HIVE_DEFAULT_PARTITION__" / "capture=far").is_dir()


def test_a_second_run_adds_captures_and_doubles_none(tmp_path: Path) -> None:
    written(tmp_path / "db", {"one": session()}, hive=True)
    written(tmp_path / "db", {"other": session()}, hive=True)
    with pytest.raises(CaptureError, match="the file exists and is not overwritten"):
        written(tmp_path / "db", {"one": session()}, hive=True)
    written(tmp_path / "db", {"one": session()}, hive=True, overwrite=True)
    assert len(list((tmp_path / "db").rglob("*.parquet"))) == 2


def test_rows_are_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twsprobe.capture.parquet.MOST_ROWS", 10)
    with open_table(str(tmp_path / "a.parquet"), FRAMES) as writer:
        for _ in range(5):
            writer.write(rows("x", session())[:4])
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    assert [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)] == [12, 8]


def test_an_interrupt_leaves_a_whole_file(tmp_path: Path) -> None:
    def interrupted() -> None:
        with open_table(str(tmp_path / "a.parquet"), FRAMES) as writer:
            writer.write(rows("x", session()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(read(tmp_path / "a.parquet")) == len(rows("x", session()))


def test_a_full_disk_leaves_no_file_without_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("twsprobe.capture.parquet.created", lambda path, overwrite: io.BufferedWriter(io.FileIO("/dev/full", "wb")))
    with pytest.raises(OSError, match="No space left"), open_table(str(tmp_path / "a.parquet"), FRAMES) as writer:
        writer.write(rows("x", session()))
    assert not list(tmp_path.iterdir())


DOCUMENT = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")


def examples(language: str) -> list[str]:
    """What docs/export.md shows in a language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder ``db`` with three captures of two days, two tables of them; it is next to the work."""
    monkeypatch.chdir(tmp_path)
    captures = {"1": session(), "a/b =\u00e9": session(BEGIN + DAY), "other.pcapng": session(BEGIN + DAY, 226)}
    of = MessageTable(message_named("tickPrice"))
    with open_table("db", of.table, hive=True) as writer:
        for name, records in captures.items():
            writer.begin(name, records[0].time_ns)
            for batch in Reader(name, of).read(records):
                writer.write(batch)
    return written(Path("db"), captures, hive=True)


def test_the_queries_of_the_document_read_many_captures_in_duckdb(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    errors, waits = (duckdb.sql(query).fetchall() for query in examples("sql"))
    assert errors == [(200, 3, 3, HOSTILE)]
    assert waits == [("reqMktData", 3, 1e-6)]


def test_duckdb_has_the_columns_of_files_and_folders(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    (source,) = set(re.findall(r"read_parquet\(.*?\)", "".join(examples("sql"))))
    frames = duckdb.sql(f"FROM {source}")
    found = frames.aggregate("date, capture, count(*), min(make_timestamp_ns(time_ns))").order("date, capture").fetchall()
    assert [(date, capture, count) for date, capture, count, _ in found] == [
        (datetime.date(2026, 1, 2), "1", len(rows("x", session()))),
        (datetime.date(2026, 1, 3), "a/b =\u00e9", len(rows("x", session()))),
        (datetime.date(2026, 1, 3), "other.pcapng", len(rows("x", session(version=226)))),
    ]


def test_polars_reads_the_same_files(folder: Path) -> None:
    pl = pytest.importorskip("polars")
    (example,) = examples("python")
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102  # what the document shows is what is to be tried
    found = names["spread"]
    assert found["capture"].to_list() == ["1"] * 2 + ["a/b =\u00e9"] * 2 + ["other.pcapng"] * 2
    assert found["high"].to_list() == [0.25, 0.5] * 3
    assert found["time"][0].year == 2026
    frames = pl.read_parquet("db/frames/**/*.parquet", hive_partitioning=True)
    assert frames.height == sum(len(rows("x", records)) for records in (session(), session(), session(version=226)))
