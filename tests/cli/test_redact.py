"""``twsprobe redact``: what it writes, what it prints, and what it refuses."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import Chunk, Opened, Record
from twsprobe.capture.reading import open_capture
from twsprobe.capture.redactor import CannotPromise
from twsprobe.cli.redact import KINDS, explained
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.registry import encode
from twsprobe.wire.sensitive import Kind

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
ACCOUNTS = encode("managedAccounts", TO_CLIENT, 176, accountsList="U1234567,DU7654321,")
ERROR = encode("error", TO_CLIENT, 176, id=-1, errorCode=201, errorMsg="rejected for U1234567")
RECORDS: list[Record] = [
    Opened(0, 1, "192.168.1.7:51234", "127.0.0.1:7497"),
    Chunk(0, TO_SERVER, 1, offer(100, 176)),
    Chunk(0, TO_CLIENT, 2, greeting(176, b"20240501 12:00:00 CET")),
    Chunk(0, TO_CLIENT, 3, ACCOUNTS + ERROR),
]
UNKNOWN = Chunk(0, TO_CLIENT, 4, frame(b"999\0U1234567\0"))
SECRETS = ("1234567", "7654321", "192.168.1.7")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in.jsonl", RECORDS)


def write(path: Path, records: Iterable[Record]) -> Path:
    with Writer(path, metadata={"target": "127.0.0.1:7497"}, created_ns=0) as writer:
        for record in records:
            writer.write(record)
    return path


def left_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def test_a_redacted_copy_is_written_and_counted_without_a_word_of_it(ran: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = ran("redact", str(source), str(out))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{out}: redacted",
        "  account                 2 different          3 replaced",
        "  address                 1 different          1 replaced",
    ]
    assert not left_in(out.read_text())
    if os.name == "posix":
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
    decoded = ran("decode", str(out))
    assert decoded.code == 0
    assert "managedAccounts" in decoded.out
    assert not left_in(decoded.out)


def test_each_run_has_a_key_of_its_own(ran: Run, source: Path, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        assert ran("redact", str(source), str(tmp_path / name)).code == 0
    assert (tmp_path / "a.jsonl").read_bytes() != (tmp_path / "b.jsonl").read_bytes()


def test_a_key_that_is_kept_gives_the_same_pseudonyms_again(ran: Run, source: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    for name in ("a.jsonl", "b.jsonl"):
        assert ran("redact", "--key", str(key), str(source), str(tmp_path / name)).code == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert len(key.read_bytes()) == 32
    if os.name == "posix":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_short_key_is_refused(ran: Run, source: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    done = ran("redact", "--key", str(tmp_path / "key"), str(source), str(tmp_path / "out.jsonl"))
    assert done.code == 2
    assert "holds 5 bytes; a key has at least 16" in done.err


def test_what_cannot_be_decoded_is_refused_and_named_and_nothing_is_left(ran: Run, tmp_path: Path) -> None:
    accounts = Chunk(0, TO_CLIENT, 5, ACCOUNTS)
    source = write(tmp_path / "in.jsonl", [*RECORDS, *[UNKNOWN, accounts] * 4])
    out = tmp_path / "out.jsonl"
    done = ran("redact", str(source), str(out))
    assert (done.code, done.out) == (1, "")
    assert "nothing was written: parts of the capture may hold a secret" in done.err
    assert "a message 999 that is not declared" in done.err
    assert "and 1 more" in done.err
    assert "--drop-undecodable" in done.err
    assert done.err.count("\n") == 1
    assert not left_in(done.err)
    assert not out.exists()


def test_what_cannot_be_decoded_is_dropped_on_request_and_a_note_says_so(ran: Run, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", [*RECORDS, UNKNOWN]), tmp_path / "out.jsonl"
    done = ran("redact", "--drop-undecodable", str(source), str(out))
    assert done.code == 0
    assert "1 part that could not be decoded was dropped" in done.out
    assert not left_in(out.read_text())
    assert "bytes were dropped here" in out.read_text()
    two = write(tmp_path / "two.jsonl", [*RECORDS, UNKNOWN, RECORDS[-1], UNKNOWN])
    assert "2 parts that could not be decoded were dropped" in ran("redact", "--drop-undecodable", str(two), str(tmp_path / "x.jsonl")).out


def test_a_refusal_without_a_place_says_why_alone() -> None:
    assert explained(CannotPromise("the capture changed while it was read")) == "nothing was written: the capture changed while it was read"


def test_kinds_are_kept_on_request_and_that_is_said(ran: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = ran("redact", "--keep", "address", str(source), str(out))
    assert "left as they are: address" in done.out
    with open_capture(out) as capture:
        assert "address" not in capture.header["redacted_kinds"].split()
        assert next(iter(capture)) == RECORDS[0]


def test_the_names_of_kinds_are_those_of_the_rules() -> None:
    assert list(KINDS) == [kind.value for kind in Kind]


def test_a_capture_without_secrets_is_said_to_be_one(ran: Run, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", RECORDS[1:3])
    assert "nothing had to be replaced" in ran("redact", str(source), str(tmp_path / "out.jsonl")).out


def test_a_file_is_overwritten_on_request_alone(ran: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    done = ran("redact", str(source), str(out))
    assert done.code == 3
    assert "--overwrite" in done.err
    assert out.read_text() == "mine"
    assert ran("redact", "--overwrite", str(source), str(out)).code == 0
    assert not left_in(out.read_text())


def test_a_capture_is_not_written_over_itself(ran: Run, source: Path) -> None:
    before = source.read_bytes()
    assert ran("redact", "--overwrite", str(source), str(source)).code == 2
    assert source.read_bytes() == before


def test_a_file_that_cannot_be_written_is_our_failure(ran: Run, source: Path, tmp_path: Path) -> None:
    done = ran("redact", str(source), str(tmp_path / "missing" / "out.jsonl"))
    assert done.code == 3
    assert "missing" in done.err


def test_a_torn_capture_is_copied_up_to_the_tear(ran: Run, source: Path, tmp_path: Path) -> None:
    source.write_bytes(source.read_bytes()[:-9])
    out = tmp_path / "out.jsonl"
    done = ran("redact", str(source), str(out))
    assert done.code == 4
    assert "torn" in done.err
    assert "redacted" in done.out
    with open_capture(out) as capture:
        assert len(list(capture)) == 3


def test_what_is_no_capture_is_refused(ran: Run, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"hello")
    done = ran("redact", str(tmp_path / "in"), str(tmp_path / "out.jsonl"))
    assert done.code == 4
    assert not (tmp_path / "out.jsonl").exists()
