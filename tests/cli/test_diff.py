"""``twsprobe diff``: exit codes, options, torn and hostile captures, and how much is shown."""

from __future__ import annotations

import gzip
import io
import json
import re
import shlex
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sessions import BEGIN, STOCK, TO_CLIENT, say, session
from tests.cli.conftest import Run
from tests.cli.program import finished
from tests.views.hostile import HOSTILE, live, one_field
from tests.views.reports import probed
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import Record
from twsprobe.cli import diff
from twsprobe.cli.exits import ExitCode
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.views.line import Line
from twsprobe.wire.handshake import frame

KEYS = {"kind", "connection", "direction", "message", "request", "field", "old", "new", "gate", "count", "a", "b"}


def written(path: Path, records: list[Record]) -> str:
    """A capture of records."""
    with Writer(path, created_ns=BEGIN, overwrite=True) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def quotes(version: int, *prices: float, request: int = 1, client_id: int = 1) -> list[Record]:
    """A session with some prices."""
    asked = say("reqMktData", reqId=request, contract=STOCK, genericTickList="", snapshot=False, regulatorySnapshot=False)
    ticks = [say("tickPrice", reqId=request, tickType=1, price=each, size=Decimal(1), attrMask=0) for each in prices]
    return session(version, asked, *ticks, client_id=client_id)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two captures that differ in one price."""
    one, other = quotes(178, 1.5, 2.5, 3.5), quotes(178, 1.5, 2.75, 3.5, request=8, client_id=2)
    return written(tmp_path / "a.jsonl", one), written(tmp_path / "b.jsonl", other)


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of ``--json``, of which the last is the summary."""
    assert text.isascii()
    assert not live(text)
    *found, summary = [json.loads(line) for line in text.splitlines()]
    assert all(each.keys() == KEYS for each in found)
    assert summary["kind"] == "summary"
    return [*found, summary]


def test_a_difference(pair: tuple[str, str], ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(pair[0]).parent)
    found = ran("diff", "a.jsonl", "b.jsonl")
    assert (found.code, found.err) == (ExitCode.FINDINGS, "")
    assert found.out.splitlines() == [
        "A  a.jsonl: server version 178, 12 seen",
        "B  b.jsonl: server version 178, 12 seen",
        "",
        "different: 1 changed, 11 the same",
        "",
        "         same  appeared  vanished     moved   changed message",
        "<<<         2         0         0         0         1 tickPrice",
        "",
        "<<< tickPrice of reqMktData 1/8  A 0.009 s byte 80, B 0.009 s byte 80",
        "  changed  price  2.5 -> 2.75",
    ]


def test_the_same_with_other_ids(pair: tuple[str, str], tmp_path: Path, ran: Run) -> None:
    again = written(tmp_path / "again.jsonl", quotes(178, 1.5, 2.5, 3.5, request=77, client_id=5))
    for other in (pair[0], again):
        found = ran("diff", pair[0], other)
        assert (found.code, found.err) == (ExitCode.OK, "")
        assert found.out.endswith("\nno difference: 12 the same\n")


def test_objects(pair: tuple[str, str], ran: Run) -> None:
    found = ran("diff", *pair, "--json")
    assert found.code == ExitCode.FINDINGS
    difference, summary = objects(found.out)
    assert (difference["kind"], difference["message"], difference["field"]) == ("changed", "tickPrice", "price")
    assert (difference["old"], difference["new"], difference["request"]) == (2.5, 2.75, {"name": "reqMktData", "a": 1, "b": 8})
    assert summary["different"] is True
    assert [each["path"] for each in summary["captures"]] == list(pair)
    same = ran("diff", pair[0], pair[0], "--json")
    assert same.code == ExitCode.OK
    assert objects(same.out)[0]["different"] is False


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--ignore", "tickPrice.price"), 0),
        (("--ignore", "tickPrice"), 0),
        (("--ignore", "*.size"), 1),
        (("--only", "tickPrice"), 1),
        (("--only", "tickPrice.size"), 0),
        (("--only", "error"), 0),
        (("--only", "tick*.price", "--only", "error"), 1),
        (("--ignore", "tickPrice.price", "--compare", "startApi.clientId"), 1),
    ],
)
def test_patterns(arguments: tuple[str, ...], code: int, pair: tuple[str, str], ran: Run) -> None:
    assert ran("diff", *pair, *arguments).code == code


@pytest.mark.parametrize("option", ["--ignore", "--only", "--compare"])
def test_a_pattern_that_fits_no_message_is_refused(option: str, pair: tuple[str, str], ran: Run) -> None:
    found = ran("diff", *pair, option, "tikPrice.price")
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert found.err == f"twsprobe: {option}: no message is called 'tikPrice'. See twsprobe diff --help.\n"


def test_what_is_set_aside_is_listed(ran: Run) -> None:
    found = ran("diff", "--volatile")
    assert (found.code, found.err) == (ExitCode.OK, "")
    assert "*.reqId                     chosen by the client" in found.out
    assert all(len(line) <= 80 for line in found.out.splitlines())


def test_every_byte_of_a_torn_capture(pair: tuple[str, str], tmp_path: Path, ran: Run) -> None:
    whole = Path(pair[0]).read_bytes()
    lines = whole.count(b"\n")
    torn = tmp_path / "torn.jsonl"
    for size in range(whole.index(b"\n") + 1, len(whole), 41):
        torn.write_bytes(whole[:size])
        cut = not whole[:size].endswith(b"\n")
        for order in ((pair[0], str(torn)), (str(torn), pair[0])):
            found = ran("diff", *order, "--json")
            *differences, summary = objects(found.out)
            if cut:
                assert found.code == ExitCode.CAPTURE_CORRUPT
                assert found.err.startswith(f"twsprobe: {torn}: torn at byte ")
                assert found.err.endswith("; what is whole was compared\n")
                assert differences == []
                assert summary["same"] + summary["uncompared"] == lines - 1
            assert len(found.err.splitlines()) == cut


def test_both_torn(pair: tuple[str, str], ran: Run) -> None:
    for path in pair:
        Path(path).write_bytes(Path(path).read_bytes()[:-5])
    found = ran("diff", *pair)
    assert found.code == ExitCode.CAPTURE_CORRUPT
    assert found.err.count("torn at byte") == 2
    assert "tickPrice" in found.out


def test_no_capture(pair: tuple[str, str], tmp_path: Path, ran: Run) -> None:
    (tmp_path / "text").write_text("hello")
    for order in ((pair[0], str(tmp_path / "text")), (str(tmp_path / "text"), pair[0])):
        found = ran("diff", *order)
        assert (found.code, found.out) == (ExitCode.CAPTURE_CORRUPT, "")
        assert found.err.startswith(f"twsprobe: {tmp_path / 'text'}: is not a capture")
    assert ran("diff", pair[0], str(tmp_path / "absent")).code == ExitCode.USAGE
    assert ran("diff", pair[0]).code == ExitCode.USAGE


def test_a_packed_capture_is_read_like_another(pair: tuple[str, str], tmp_path: Path, ran: Run) -> None:
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(Path(pair[1]).read_bytes()))
    assert objects(ran("diff", pair[0], str(packed), "--json").out)[:-1] == objects(ran("diff", *pair, "--json").out)[:-1]


def test_of_many_alike_the_first_are_shown(tmp_path: Path, ran: Run) -> None:
    one = written(tmp_path / "a", quotes(178, *(number + 0.25 for number in range(40))))
    other = written(tmp_path / "b", quotes(178, *(number + 0.75 for number in range(40))))
    found = ran("diff", one, other)
    assert found.out.count("changed  price") == diff.SHOWN
    assert found.out.splitlines()[-1] == f"{40 - diff.SHOWN} more messages differ in the same ways; -v shows all."
    assert ran("diff", one, other, "-v").out.count("changed  price") == 40
    assert len(objects(ran("diff", one, other, "--json").out)) == 41


def test_versions(tmp_path: Path, ran: Run) -> None:
    one, other = written(tmp_path / "a", quotes(178, 1.5)), written(tmp_path / "b", quotes(226, 1.5))
    found = ran("diff", one, other)
    assert found.code == ExitCode.FINDINGS
    assert "  changed  serverVersion  178 -> 226\n" in found.out
    assert "  changed  encoding  'text' -> 'protobuf'  206 PROTOBUF_MARKET_DATA\n" in found.out
    assert all(len(line) <= 80 for line in found.out.splitlines() if not line.startswith(("A ", "B ")))


def test_hostile_captures(tmp_path: Path, ran: Run) -> None:
    texts = [(TO_CLIENT, frame(b"4\x002\x00-1\x002104\0" + one_field(hostile) + b"\0")) for hostile in HOSTILE]
    one, other = written(tmp_path / "a", session(100, *texts[::2])), written(tmp_path / "b", session(100, *texts[1::2]))
    for arguments in ((), ("-v",), ("--json",)):
        found = ran("diff", one, other, *arguments)
        assert found.code == ExitCode.FINDINGS
        assert not live(found.out)
        assert found.err == ""


def test_colours_only_on_a_terminal(pair: tuple[str, str], ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in ran("diff", *pair).out
    monkeypatch.setattr("twsprobe.cli.output.coloured", lambda stream: True)
    assert "\x1b[33m  changed  \x1b[0m" in ran("diff", *pair).out


def test_long_files_show_how_far_they_are(pair: tuple[str, str], ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(diff, "LONG_FILE", 1)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert ran("diff", *pair).code == ExitCode.FINDINGS
    assert "comparing" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


def test_lines_wait_as_they_are() -> None:
    waiting = io.StringIO()
    lines = [Line("lead", "rest", "ok"), Line(""), Line("", "rest")]
    for line in lines:
        diff.put(line, waiting)
    waiting.seek(0)
    assert list(diff.taken(waiting)) == lines


def test_as_a_process(pair: tuple[str, str]) -> None:
    found = finished("diff", *pair)
    assert (found.code, found.err) == (1, "")
    assert "  changed  price  2.5 -> 2.75\n" in found.out


def test_the_page_shows_what_is_printed(tmp_path: Path, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "diff.md").read_text(encoding="utf-8")
    command = "twsprobe diff old.jsonl new.jsonl --ignore '*.encoding'"
    monkeypatch.chdir(tmp_path)
    for name, version in (("old", 178), ("new", 226)):
        written(tmp_path / f"{name}.jsonl", probed(SCENARIOS["ready"], sync=True, server_version=version)[1].records)
    shown = page.split(f"$ {command}\n", 1)[1].split("```", 1)[0]
    assert untimed(ran(*shlex.split(command)[1:]).out) == untimed(shown)


def untimed(text: str) -> str:
    """An output without times, which no two runs share."""
    return re.sub(r"\d+\.\d+ s byte \d+", "a place", text)
