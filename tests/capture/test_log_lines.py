"""Lines and entries of text files, in any split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.capture import log_lines
from twsprobe.capture.log_lines import Entry, Line, entries_in, lines_in

TEXT = b"one\r\n\nthree\nlast"


def test_lines_have_their_positions() -> None:
    assert list(lines_in([TEXT])) == [Line(0, b"one", True), Line(5, b"", True), Line(6, b"three", True), Line(12, b"last", False)]
    assert list(lines_in([b""])) == []


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"x", b"\n"))))
def test_the_split_of_blocks_plays_no_part(blocks: list[bytes]) -> None:
    whole = b"".join(blocks)
    found = list(lines_in(blocks))
    assert found == list(lines_in([whole]))
    assert [line.data for line in found] == [line.removesuffix(b"\r") for line in whole.split(b"\n")][: len(found)]
    assert [line.position for line in found] == [0, *(at + 1 for at, byte in enumerate(whole) if byte == 10)][: len(found)]


def test_an_endless_line_is_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "LONGEST", 10)
    blocks = [b"a" * 7, b"b" * 7, b"c" * 30, b"d\nnext\n"]
    assert list(lines_in(blocks)) == [Line(0, b"aaaaaaabbb", True, 35), Line(46, b"next", True)]
    assert list(lines_in([b"e" * 12])) == [Line(0, b"e" * 10, False, 2)]


def entries(text: bytes) -> list[Entry]:
    return list(entries_in(lines_in([text]), lambda line: line.startswith(b">")))


def test_lines_that_begin_nothing_come_with_the_entry_before_them() -> None:
    found = entries(b"noise\n>a\nb\n>c\n")
    assert [entry.data for entry in found] == [b"noise", b">a\nb", b">c"]
    assert all(entry.ended for entry in found)
    assert not entries(b">a\nb")[0].ended


def test_too_many_lines_come_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "MOST_LINES", 2)
    assert [entry.data for entry in entries(b">a\nb\nc\nd\n>e\n")] == [b">a\nb\nc", b"d", b">e"]
    monkeypatch.setattr(log_lines, "LONGEST", 4)
    assert [entry.data for entry in entries(b">a\nbbbb\nc\n")] == [b">a", b"bbbb", b"c"]
