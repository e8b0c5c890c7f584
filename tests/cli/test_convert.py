"""``twsprobe convert``: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.capture.logs import BANNER, decoded
from tests.capture.recording import CREATED_NS, EVERY_KIND
from tests.cli.conftest import Run
from tests.views.hostile import HOSTILE, live, one_field
from twsprobe.capture.importing import Form
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import Record
from twsprobe.capture.reading import open_capture
from twsprobe.cli.convert import FORMATS

TWS = f"{BANNER}\n10:05:21:715 -> --- 15-1-DU1234567-\n10:05:21:720 -> --- 9-1-1-\n"
ASYNC = """\
2024-05-01 12:00:00,250 ib_async.client DEBUG <<< 178,20240501 12:00:00 EST
2024-05-01 12:00:00,251 ib_async.client DEBUG >>> 71,2,3,
2024-05-01 12:00:00,252 mine INFO ready
"""


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def records_of(path: Path) -> tuple[list[Record], dict[str, str]]:
    with open_capture(path) as capture:
        return list(capture), capture.header


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    with Writer(path, metadata={"target": "127.0.0.1:7497"}, created_ns=CREATED_NS) as writer:
        for record in EVERY_KIND:
            writer.write(record)
    return path


def test_the_formats_of_the_option_are_those_that_there_are() -> None:
    assert tuple(form.value for form in Form) == FORMATS


@pytest.mark.parametrize("middle", [".pcapng", ".pcapng.gz", ".pcapng.zst", ".jsonl.gz", ".jsonl.zst"])
def test_there_and_back_loses_nothing(ran: Run, capture: Path, tmp_path: Path, middle: str) -> None:
    between, back = tmp_path / f"between{middle}", tmp_path / "back.jsonl"
    for source, target in ((capture, between), (between, back)):
        done = ran("convert", str(source), str(target))
        assert (done.code, done.out) == (0, "")
        assert done.err == f"{target}: {len(EVERY_KIND)} records\n  {source.name}: a capture\n"
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert back.read_bytes() == capture.read_bytes()


def test_to_pcap(ran: Run, capture: Path, tmp_path: Path) -> None:
    assert ran("convert", str(capture), str(tmp_path / "out.pcap")).code == 0
    assert records_of(tmp_path / "out.pcap")[1]["format"] == "pcap"


def test_a_log_becomes_a_capture_that_decode_shows(ran: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng.gz"
    done = ran("convert", write(tmp_path / "exported.txt", TWS), str(out), "--server-version", "176")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [f"{out}: 7 records", "  exported.txt: an API log of TWS or IB Gateway, 2 messages"]
    records, header = records_of(out)
    assert [each.name for each in decoded(records)] == ["managedAccounts", "nextValidId"]
    assert header["imported_from"] == "an API log of TWS or IB Gateway"
    assert header["created"] == "2022-02-20T10:05:21.715000Z"
    shown = ran("decode", str(out))
    assert shown.code == 0
    assert "accountsList=DU1234567" in shown.out


def test_several_sources_follow_each_other(ran: Run, tmp_path: Path, capture: Path) -> None:
    out = tmp_path / "out.jsonl"
    one, other = write(tmp_path / "a.log", ASYNC), write(tmp_path / "b.log", ASYNC)
    done = ran("convert", one, other, str(capture), one, str(out))
    assert done.code == 0
    records, _ = records_of(out)
    order = list(dict.fromkeys(record.connection for record in records))
    assert order == list(range(1, 4 + len({record.connection for record in EVERY_KIND})))
    assert {record.connection for record in records[:5]} == {1}
    assert done.err.count("a log of ib_async or ib_insync, 1 message\n") == 3
    assert done.err.count("1 line of other content passed over") == 3


def test_what_is_a_guess_is_said(ran: Run, tmp_path: Path) -> None:
    lists = "10-7-AAPL-STK--0.0--SMART-USD-AAPL-NMS-NMS-1-0.01-A-B-C-1-0-APPLE----------0------0---"
    lines = [f"10:05:21:721 -> --- {lists}", "10:05:21:722 -> --- 9-1-x-", "10:05:21:723 -> what?", "not a line"]
    source = write(tmp_path / "a.txt", TWS + "".join(f"{line}\n" for line in lines))
    done = ran("convert", source, str(tmp_path / "out.jsonl"), "--server-version", "176")
    assert done.code == 0
    said = done.err.splitlines()[2:]
    assert "  2 lines could not be read; notes keep them" in [line[2:] for line in said]
    assert any("fit no declaration and were split at every joiner" in line for line in said)


def test_the_server_version_is_asked_for_and_nothing_is_left_behind(ran: Run, tmp_path: Path) -> None:
    source, out = write(tmp_path / "a.txt", TWS), tmp_path / "out.jsonl"
    wanted = "the log does not tell the server version: say it with --server-version N. See twsprobe convert --help."
    for text in (TWS, "-- began --\n" + TWS):
        write(tmp_path / "a.txt", text)
        done = ran("convert", source, str(out))
        assert (done.code, done.out, done.err) == (2, "", f"twsprobe: {source}: {wanted}\n")
        assert not out.exists()


def test_the_day_is_said(ran: Run, tmp_path: Path) -> None:
    source, out = write(tmp_path / "a.txt", TWS.partition("\n")[2]), tmp_path / "out.jsonl"
    assert ran("convert", source, str(out), "--server-version", "176", "--date", "2024-05-01").code == 0
    assert records_of(out)[1]["created"].startswith("2024-05-01T10:05:21")
    for date, reason in (("1.5.2024", "'1.5.2024' is no day like 2024-05-01"), ("1900-01-01", "1900-01-01 is not between 1971 and 2200")):
        done = ran("convert", source, str(tmp_path / "b.jsonl"), "--date", date)
        assert (done.code, done.err) == (2, f"twsprobe: --date: {reason}. See twsprobe convert --help.\n")


def test_a_torn_source_is_converted_up_to_the_tear(ran: Run, tmp_path: Path, capture: Path) -> None:
    out = tmp_path / "out.jsonl"
    source = write(tmp_path / "a.txt", TWS + "10:05:22:001 -> --- 15-1-DU")
    done = ran("convert", source, str(out), "--server-version", "176")
    assert done.code == 4
    torn = f"torn at byte {len(TWS)}: the last line is incomplete; what is whole before it was written"
    assert done.err.splitlines()[-1] == f"twsprobe: {source}: {torn}"
    assert [each.name for each in decoded(records_of(out)[0])] == ["managedAccounts", "nextValidId"]
    capture.write_bytes(capture.read_bytes()[:-3])
    done = ran("convert", str(capture), str(tmp_path / "other.pcapng"))
    assert done.code == 4
    assert records_of(tmp_path / "other.pcapng")[0] == EVERY_KIND[:-1]


def test_what_is_nothing_leaves_nothing(ran: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for name, text, code in (("x.log", "hello\n", 4), ("empty.log", "", 4), ("y.jsonl", "{}\n", 4)):
        done = ran("convert", write(tmp_path / name, text), str(out))
        assert (done.code, len(done.err.splitlines()), out.exists()) == (code, 1, False)
    done = ran("convert", str(tmp_path), str(out))
    assert (done.code, "without recordings of rust-ibapi" in done.err) == (4, True)
    done = ran("convert", str(tmp_path / "x.log"), str(out), "--from", "ib-async-log")
    assert (done.code, done.err) == (
        0,
        f"{out}: 0 records\n  x.log: a log of ib_async or ib_insync, 0 messages\n    1 line of other content passed over\n",
    )


def test_targets_that_would_cost_something_are_refused(ran: Run, capture: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.pcapng"
    there.write_text("mine")
    done = ran("convert", str(capture), str(there))
    assert (done.code, there.read_text()) == (3, "mine")
    assert ran("convert", str(capture), str(there), "--overwrite").code == 0
    assert ran("convert", str(capture), str(capture), "--overwrite").code == 2
    assert ran("convert", str(capture), str(tmp_path / "out.txt")).code == 3
    assert ran("convert", str(capture), str(tmp_path / "none" / "out.jsonl")).code == 3
    assert ran("convert", str(capture)).code == 2
    assert ran("convert", str(tmp_path / "missing"), str(there)).code == 2


def test_a_recording_is_a_folder(ran: Run, tmp_path: Path) -> None:
    run = tmp_path / "2024-05-01-12-30"
    run.mkdir()
    write(run / "0001-response.msg", "173|20240501 12:30:00 GMT|")
    write(run / "0002-request.msg", "71|2|28||")
    done = ran("convert", str(run), str(tmp_path / "out.jsonl"))
    assert (done.code, done.err.splitlines()[1]) == (0, "  2024-05-01-12-30: recordings of rust-ibapi, 1 message")


def test_hostile_lines_do_nothing_to_a_terminal(ran: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "\x1b[2Ja.txt", tmp_path / "out.jsonl"
    fields = [one_field(text).replace(b"\n", b" ").replace(b"\r", b" ").replace(b"-", b" ") for text in HOSTILE]
    lines = [b"10:05:21:721 -> --- 4-2--1-201-" + field + b"--\n" + field + b"\n" for field in fields]
    source.write_bytes(TWS.encode() + b"".join(lines) + b"10:05:21:721 -> \x1b[2J")
    done = ran("convert", str(source), str(out), "--server-version", "176")
    assert done.code == 4
    assert not live(done.err)
    assert not live(ran("decode", str(out)).out)
