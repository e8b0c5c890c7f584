"""``twsprobe explain``: what is printed, and what is refused."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.views.hostile import HOSTILE, live
from twsprobe.cli.exits import ExitCode


def test_a_word_is_explained(ran: Run) -> None:
    found = ran("explain", "tickprice")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("tickPrice  message 1, to the client\n")
    assert max(map(len, found.out.splitlines())) <= 80


def test_a_number_is_all_that_it_is(ran: Run) -> None:
    found = ran("explain", "105")
    headings = [line for line in found.out.splitlines() if line and not line.startswith(" ")]
    assert "EXT_OPERATOR  server version 105" in headings
    assert len(headings) == len(ran("explain", "105", "--json").out.splitlines())


def test_the_layout_at_a_server_version(ran: Run) -> None:
    text = ran("explain", "orderStatus", "--server-version", "130").out
    assert "At server version 130, text:" in text
    assert "mktCapPrice" not in text
    assert "mktCapPrice" in ran("explain", "orderStatus", "--server-version", "131").out


def test_objects_a_line(ran: Run) -> None:
    found = ran("explain", "4", "--json", "--server-version", "178")
    assert (found.code, found.err) == (0, "")
    assert [(each["kind"], each["name"]) for each in map(json.loads, found.out.splitlines())] == [
        ("message", "cancelOrder"),
        ("message", "error"),
    ]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tickPrise", "'tickPrise' is no message, server version or error code; like it are tickPrice, "),
        ("reqGlobalCancl", "; like it is reqGlobalCancel"),
        ("zzzzzzzz", "'zzzzzzzz' is no message, server version or error code. See twsprobe explain --help.\n"),
        ("133", "'133' is no message"),
        ("", "'' is no message"),
        ("y" * 1000, f"'{'y' * 60}...' is no message"),
    ],
)
def test_an_unknown_word_is_one_line(word: str, said: str, ran: Run) -> None:
    found = ran("explain", word)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert said in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("tickPrice", "--server-version", "99"), ("tickPrice", "--server-version", "227")])
def test_wrong_arguments(arguments: tuple[str, ...], ran: Run) -> None:
    found = ran("explain", *arguments)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert found.err.count("\n") == 1


LOG = b"start\nAPI connection failed: TimeoutError()\n\xff\xfe\0\nERROR -1 502 Couldn't connect to TWS.\n"


def kinds(out: str) -> list[str]:
    return [str(each.get("id") or each["code"]) for each in map(json.loads, out.splitlines())]


def test_a_pasted_line_is_explained(ran: Run) -> None:
    found = ran("explain", "API connection failed: TimeoutError()")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("line 1  API connection failed: TimeoutError()\n")
    assert "run next  twsprobe probe HOST:PORT --as ib_async --sync" in found.out
    assert max(map(len, found.out.splitlines())) <= 80
    assert kinds(ran("explain", LOG.decode("latin-1"), "--json").out) == ["client-timeout", "code-502", "502"]


def test_a_file_is_explained(tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "client log.txt"
    path.write_bytes(LOG)
    found = ran("explain", str(path), "--json")
    assert (found.code, found.err) == (0, "")
    assert kinds(found.out) == ["client-timeout", "code-502", "502"]


def test_standard_input_is_explained(ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LOG)))
    assert kinds(ran("explain", "-", "--json").out) == ["client-timeout", "code-502", "502"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    found = ran("explain", "-")
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert found.err.startswith("twsprobe: standard input holds no line of a log, and no error code, that is known.")


def test_what_is_not_known_is_one_line(tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "x.txt"
    path.write_text("hello\n")
    found = ran("explain", str(path))
    assert (found.code, found.out, found.err.count("\n")) == (ExitCode.USAGE, "", 1)
    assert "holds no line of a log, and no error code, that is known" in found.err
    assert "'hello world' is no line of a log that is known" in ran("explain", "hello world").err


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="this user may read every file")
def test_a_file_that_cannot_be_read(tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "x.txt"
    path.write_text("hello\n")
    path.chmod(0)
    found = ran("explain", str(path))
    assert (found.code, found.err) == (ExitCode.IO_FAILED, f"twsprobe: {path}: Permission denied\n")


def test_hostile_words_do_nothing(ran: Run) -> None:
    for text in HOSTILE:
        found = ran("explain", "--", text)
        assert found.code in (ExitCode.USAGE, ExitCode.OK)
        assert not live(found.out + found.err)
        assert found.err.count("\n") == (found.code == ExitCode.USAGE)
