"""``twsprobe export``: what it writes, what it prints, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.capture.packet_making import SERVER, Talk, pcap_file
from tests.cli.conftest import Run
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import Chunk, Opened, Record
from twsprobe.cli import export
from twsprobe.cli.export import capture_names
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import encode

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
HOSTILE = "=cmd|' /C calc'!A0\n\0\u202e"
RECORDS: list[Record] = [
    Opened(0, 10**9, "a:1", "b:2"),
    Chunk(0, TO_SERVER, 2 * 10**9, offer(100, 176)),
    Chunk(0, TO_CLIENT, 3 * 10**9, greeting(176, b"20240501 12:00:00 GMT")),
    Chunk(0, TO_CLIENT, 4 * 10**9, encode("tickPrice", TO_CLIENT, 176, reqId=7, tickType=1, price=1.5, size="3", attrMask=0)),
    Chunk(0, TO_CLIENT, 5 * 10**9, encode("error", TO_CLIENT, 176, id=7, errorCode=200, errorMsg=HOSTILE.replace("\0", "\x01"))),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in.jsonl")


def write(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    with Writer(path, created_ns=0) as writer:
        for record in RECORDS:
            writer.write(record)
    return path


def objects(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_everything_is_written_and_counted(ran: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = ran("export", str(source), "-o", str(out))
    assert (done.code, done.out, done.err) == (0, f"{out}: 5 rows of 1 capture\n", "")
    assert [row["name"] for row in objects(out)] == ["opened", "version_offer", "greeting", "tickPrice", "error"]
    assert {row["capture"] for row in objects(out)} == {"in.jsonl"}
    if os.name == "posix":
        assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_several_captures_are_one_table(ran: Run, source: Path, tmp_path: Path) -> None:
    other, same = write(tmp_path / "other.jsonl"), write(tmp_path / "folder" / "in.jsonl")
    assert ran("export", str(source), str(other), "-o", str(tmp_path / "a.jsonl")).out.endswith(": 10 rows of 2 captures\n")
    assert [row["capture"] for row in objects(tmp_path / "a.jsonl")] == ["in.jsonl"] * 5 + ["other.jsonl"] * 5
    assert ran("export", str(source), str(same), "-o", str(tmp_path / "b.jsonl")).code == 0
    assert {row["capture"] for row in objects(tmp_path / "b.jsonl")} == {str(source), str(same)}


def test_a_capture_that_is_given_twice_is_refused(ran: Run, source: Path, tmp_path: Path) -> None:
    done = ran("export", str(source), str(source), "-o", str(tmp_path / "a.jsonl"))
    assert done.code == 2
    assert "is given twice" in done.err


def test_a_name_that_is_no_text_is_shown_as_an_escape() -> None:
    assert capture_names(["a\udcff.jsonl"]) == ["a\\udcff.jsonl"]


def test_a_filter_and_a_message_choose_rows(ran: Run, source: Path, tmp_path: Path) -> None:
    assert ran("export", str(source), "-o", str(tmp_path / "a.jsonl"), "--where", "reqId == 7").code == 0
    assert [row["sequence"] for row in objects(tmp_path / "a.jsonl")] == [3]
    assert ran("export", str(source), "-o", str(tmp_path / "b.jsonl"), "--message", "tickPrice").code == 0
    (row,) = objects(tmp_path / "b.jsonl")
    assert (row["sequence"], row["reqId"], row["price"], row["size"], row["time_ns"]) == (3, 7, 1.5, "3", 4 * 10**9)
    assert ran("export", str(source), "-o", str(tmp_path / "c.jsonl"), "--message", "tickPrice", "--where", "price > 1").code == 0
    assert objects(tmp_path / "c.jsonl") == [row]
    assert ran("export", str(source), "-o", str(tmp_path / "d.jsonl"), "--message", "tickPrice", "--where", "price > 2").code == 0
    assert objects(tmp_path / "d.jsonl") == []


@pytest.mark.parametrize("raw", [False, True])
def test_csv_is_harmless_unless_it_is_asked_raw(raw: bool, ran: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert ran("export", str(source), "-o", str(out), "--message", "error", *(["--csv-raw"] if raw else [])).code == 0
    with out.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    hostile = HOSTILE.replace("\0", "\x01")
    assert row["errorMsg"] == (hostile if raw else "'" + r"=cmd|' /C calc'!A0\x0a\x01\u202e")


def test_parquet_is_a_file_or_a_folder(ran: Run, source: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    for arguments in ([], ["--message", "tickPrice"]):
        assert ran("export", str(source), "-o", str(tmp_path / "a.parquet"), "--overwrite", *arguments).code == 0
        assert ran("export", str(source), "-o", str(tmp_path / "db"), "--parquet", *arguments).code == 0
    assert pq.read_table(tmp_path / "a.parquet").to_pylist()[0]["price"] == 1.5
    files = sorted(path.relative_to(tmp_path / "db").as_posix() for path in (tmp_path / "db").rglob("*.parquet"))
    assert files == [f"{name}/date=1970-01-01/capture=in.jsonl/{name}.parquet" for name in ("frames", "tickPrice")]
    done = ran("export", str(source), "-o", str(tmp_path / "db"), "--parquet")
    assert done.code == 3
    assert "the file exists and is not overwritten" in done.err


def test_parquet_without_pyarrow_names_the_extra(ran: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("pyarrow", "twsprobe.capture.parquet", "twsprobe.capture.message_columns"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delattr("twsprobe.capture.parquet", raising=False)
    out = tmp_path / "out.parquet"
    done = ran("export", str(source), "-o", str(out))
    assert (done.code, done.err) == (3, f"twsprobe: {out}: writing Parquet needs pyarrow: install twsprobe[parquet]\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "out.xlsx"], "does not end with .parquet, .csv, .jsonl; for a folder of Parquet files say --parquet"),
        (["-o", "out"], "does not end with"),
        (["-o", "out.csv", "--message", "tickPrise"], "no message is called 'tickPrise'"),
        (["-o", "out.csv", "--where", "price >"], "--where, character"),
        ([], "Missing option '-o'"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(
    arguments: list[str], said: str, ran: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = ran("export", str(source), *arguments)
    assert done.code == 2
    assert said in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_file_in_place_of_a_folder_is_refused(ran: Run, source: Path, tmp_path: Path) -> None:
    done = ran("export", str(source), "--parquet", "-o", str(source))
    assert done.code == 2
    assert "is a file, not a folder" in done.err


def test_nothing_is_overwritten_unasked(ran: Run, source: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mine")
    done = ran("export", str(source), "-o", str(tmp_path / "a.csv"))
    assert done.code == 3
    assert "choose another name, or say --overwrite" in done.err
    assert (tmp_path / "a.csv").read_text() == "mine"
    assert ran("export", str(source), "-o", str(tmp_path / "a.csv"), "--overwrite").code == 0


def test_a_folder_that_is_not_there_is_one_line(ran: Run, source: Path, tmp_path: Path) -> None:
    done = ran("export", str(source), "-o", str(tmp_path / "no" / "a.csv"))
    assert (done.code, done.err) == (3, f"twsprobe: {tmp_path / 'no' / 'a.csv'}: No such file or directory\n")


@pytest.mark.parametrize("arguments", [["-o", "a.jsonl"], ["-o", "a.jsonl", "--message", "tickPrice"], ["-o", "a.parquet"]])
def test_of_a_torn_capture_what_is_whole_is_written(
    arguments: list[str], ran: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if arguments[1].endswith(".parquet"):
        pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    torn, other = tmp_path / "torn.jsonl", tmp_path / "none.jsonl"
    torn.write_bytes(source.read_bytes()[:-5])
    other.write_text("nothing")
    done = ran("export", str(torn), str(other), str(source), *arguments)
    assert done.code == 4
    assert f"{torn}: torn at byte" in done.err
    assert f"{other}: is not a capture" in done.err
    assert done.err.endswith("; what is whole was written\n")
    rows = 2 if "--message" in arguments else 4 + 5
    assert done.out == f"{arguments[1]}: {rows} rows of 3 captures\n"


def test_a_disk_that_is_full_names_the_file(ran: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr("twsprobe.capture.table_files.created", lambda path, overwrite: io.BufferedWriter(io.FileIO("/dev/full", "wb")))
    done = ran("export", str(source), "-o", str(tmp_path / "a.jsonl"))
    assert (done.code, done.err) == (3, f"twsprobe: {tmp_path / 'a.jsonl'}: No space left on device\n")


def test_a_long_capture_shows_how_far_it_is(source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(export, "LONG_FILE", 1)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with export.progress([str(source)]) as advanced:
        advanced(source.stat().st_size)
    assert "100%" in capsys.readouterr().err


def test_what_a_capture_of_packets_leaves_out_is_said(ran: Run, tmp_path: Path) -> None:
    talk, web = Talk().open(), Talk(server=SERVER._replace(port=80)).open()
    talk.send(0, offer(100, 176))
    web.send(0, b"GET / HTTP/1.1")
    (tmp_path / "x.pcap").write_bytes(pcap_file(talk.packets + web.packets))
    done = ran("export", str(tmp_path / "x.pcap"), "-o", str(tmp_path / "a.csv"))
    assert (done.code, done.err) == (0, "x.pcap: left out: connections that are not TWS: 1\n")


def test_text_formats_load_no_pyarrow(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from twsprobe.cli.main import run; "
        f"assert run(['export', {str(source)!r}, '-o', {str(tmp_path / 'a.csv')!r}, '--message', 'tickPrice']) == 0; "
        "sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_its_help_names_every_option(ran: Run) -> None:
    shown = ran("export", "--help").out
    assert isinstance(export.command, click.Command)
    assert all(name in shown for name in ("--output", "--parquet", "--message", "--where", "--csv-raw", "--overwrite"))
