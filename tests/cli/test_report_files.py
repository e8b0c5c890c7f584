"""``twsprobe probe -o PREFIX``: the three files, what is in them, and what is left when they cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, environment, served
from twsprobe.capture.model import Chunk, Close, Closed, Note, Record
from twsprobe.capture.reading import open_capture
from twsprobe.cli import report_files
from twsprobe.cli.exits import ExitCode, IOFailed
from twsprobe.cli.report_files import SUFFIXES, Kept, prefixes, reserved
from twsprobe.net.script import START, Raw, Script, notice
from twsprobe.probing.signatures import Signature
from twsprobe.wire.framing import Direction

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[2] / "docs" / "probe.schema.json").read_text(encoding="utf-8")))
SECRET = Script(on_start=(*START, notice(2100, "Account U7654321 of jo@example.net at 10.1.2.3")), account_code="DU7654321")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_report_is_three_files_without_secrets(tmp_path: Path, ran: Run) -> None:
    with served(SECRET) as port:
        found = ran("probe", str(port), "-o", str(tmp_path / "x"), "--sync", "--config")
    assert (found.code, found.err) == (0, "")
    assert found.out.endswith(f"report in {tmp_path / 'x.html'}, with x.json and x.pcapng\n")
    assert "DU7654321" in found.out, "who runs it sees it all"
    assert names(tmp_path) == ["x.html", "x.json", "x.pcapng"]
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
        for secret in (b"7654321", b"jo@example.net", b"10.1.2.3"):
            assert secret not in data, path
    seen = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    SCHEMA.validate(seen)
    assert (seen["signature"], seen["capture"]) == ("ready", "x.pcapng")
    account = seen["server"]["accounts"][0]
    assert account in (tmp_path / "x.html").read_text(encoding="utf-8")
    with open_capture(tmp_path / "x.pcapng") as capture:
        assert account.encode() in b"".join(record.data for record in capture if isinstance(record, Chunk))
        assert capture.header["redacted"] == "yes"
    assert ran("decode", str(tmp_path / "x.pcapng")).code == 0


def test_without_redaction_all_is_as_it_was(tmp_path: Path, ran: Run) -> None:
    with served(SECRET) as port:
        found = ran("probe", str(port), "-o", str(tmp_path / "x"), "--no-redact", "--json", "--record", str(tmp_path / "y.jsonl"))
    assert found.out.count("\n") == 1, "nothing but the object"
    for path in tmp_path.iterdir():
        assert b"DU7654321" in path.read_bytes()
    with open_capture(tmp_path / "x.pcapng") as one, open_capture(tmp_path / "y.jsonl") as other:
        assert "redacted" not in one.header
        assert [record for record in one if isinstance(record, Chunk)] == [record for record in other if isinstance(record, Chunk)]
    assert json.loads(found.out) | {"capture": "x.pcapng"} == json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))


def test_no_redact_without_a_report_is_refused(ran: Run) -> None:
    found = ran("probe", "7497", "--no-redact")
    assert found.code == ExitCode.USAGE
    assert found.err.startswith("twsprobe: --no-redact is about the report of -o.")


def test_a_failure_has_its_exit_code_and_a_report(tmp_path: Path, ran: Run) -> None:
    with served("refused") as port:
        found = ran("probe", str(port), "-o", str(tmp_path / "x.html"), "--exit-style", "nagios")
        assert found.code == 2
        assert found.out.count("\n") == 1
    assert names(tmp_path) == ["x.html", "x.json", "x.pcapng"]
    with open_capture(tmp_path / "x.pcapng") as capture:
        assert any(isinstance(record, Closed) for record in capture)
    with served(Script(on_offer=(Raw(b"HTTP/1.1 302\r\nLocation: http://secret/\r\n"),))) as port:
        assert ran("probe", str(port), "-o", str(tmp_path / "y"), "--timeout", "1").code == Signature.NOT_TWS.exit_code
    assert all(b"secret" not in (tmp_path / f"y{suffix}").read_bytes() for suffix in SUFFIXES)


def test_each_target_has_a_report_of_its_own(tmp_path: Path, ran: Run) -> None:
    with served() as one, served("rejected") as other:
        found = ran("probe", str(one), str(other), "-o", str(tmp_path / "x"))
    assert found.code == Signature.REJECTED.exit_code
    said = [f"report in {tmp_path / f'x-{number}.html'}, with x-{number}.json and x-{number}.pcapng" for number in (1, 2)]
    assert found.out.splitlines()[-2:] == said
    assert names(tmp_path) == sorted(f"x-{number}{suffix}" for number in (1, 2) for suffix in SUFFIXES)
    signatures = [json.loads((tmp_path / f"x-{number}.json").read_text(encoding="utf-8"))["signature"] for number in (1, 2)]
    assert signatures == ["ready", "rejected"]
    for number, port in ((1, one), (2, other)):
        with open_capture(tmp_path / f"x-{number}.pcapng") as capture:
            assert capture.header["target"] == f"127.0.0.1:{port}"
            assert len({record.connection for record in capture}) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file_is_replaced_and_nothing_is_probed(suffix: str, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text("mine")
    found = ran("probe", "tws.invalid:7497", "-o", str(tmp_path / "x"))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: {path}: the file exists and is not overwritten: choose another prefix, or remove it first\n"
    assert names(tmp_path) == [path.name]
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there(tmp_path: Path, ran: Run) -> None:
    found = ran("probe", "tws.invalid:7497", "-o", str(tmp_path / "missing" / "x"))
    assert (found.code, found.out) == (ExitCode.IO_FAILED, "")
    assert found.err == f"twsprobe: {tmp_path / 'missing' / 'x.html'}: No such file or directory\n"


@pytest.mark.skipif(os.name == "nt", reason="sets no limit on the size of files")
@pytest.mark.parametrize("limit", [200, 1400])
def test_a_full_disk_leaves_no_half_report(limit: int, tmp_path: Path) -> None:
    program = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); from twsprobe.cli.main import main; main()"
    with served() as port:
        done = subprocess.run(
            [sys.executable, "-c", program, "probe", str(port), "-o", str(tmp_path / "x")],
            capture_output=True,
            env=environment(PYTHONDONTWRITEBYTECODE="1"),
            timeout=PATIENCE,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == ExitCode.IO_FAILED
    assert done.stderr.startswith(f"twsprobe: {tmp_path / 'x'}.")
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "PASS" in done.stdout
    assert names(tmp_path) == []


def test_an_interrupt_leaves_no_files(tmp_path: Path) -> None:
    held = reserved(str(tmp_path / "x"), 2)
    held.__enter__()
    assert len(names(tmp_path)) == 6
    assert not held.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert names(tmp_path) == []


def test_what_others_raise_is_theirs(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), reserved(str(tmp_path / "x"), 1):
        raise PermissionError(1, "no", "another file")
    with pytest.raises(IOFailed, match=r"x\.html: no"), reserved(str(tmp_path / "x"), 1):
        raise PermissionError(1, "no", str(tmp_path / "x.html"))


@pytest.mark.parametrize(
    ("prefix", "count", "found"),
    [
        ("x", 1, ["x"]),
        ("x.html", 1, ["x"]),
        ("x.json", 2, ["x-1", "x-2"]),
        ("x.pcapng", 1, ["x"]),
        ("x.y", 1, ["x.y"]),
        (".html", 1, [".html"]),
        ("a.html/x", 1, ["a.html/x"]),
    ],
)
def test_prefixes(prefix: str, count: int, found: list[str]) -> None:
    assert prefixes(prefix, count) == found


def test_records_are_kept_up_to_a_size_and_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "MOST_BYTES", 10)
    written: list[Record] = []

    class Further:
        def write(self, record: Record, /) -> None:
            written.append(record)

    kept = Kept()
    assert kept.before(Further()) is kept
    chunks: list[Record] = [Chunk(1, Direction.TO_CLIENT, time, b"1234") for time in range(5)]
    end = Closed(1, 9, Direction.TO_CLIENT, Close.FIN)
    for record in (*chunks, end):
        kept.write(record)
    assert kept.records[:2] == chunks[:2]
    note, last = kept.records[2:]
    assert isinstance(note, Note)
    assert (note.time_ns, last) == (2, end)
    assert note.text.startswith("what follows is not in this report")
    assert written == [*chunks, end]
