"""What a source is, by its content; and its day, its compression, and its size."""

from __future__ import annotations

import datetime
import gzip
import itertools
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.logs import BANNER, decoded, imported, imported_text, messages, notes
from tests.capture.recording import EVERY_KIND
from twsprobe.capture.importing import TITLES, Form, form_of, open_source
from twsprobe.capture.log_times import day_ns
from twsprobe.capture.model import CaptureError
from twsprobe.capture.writing import open_writer

TWS = "10:05:21:715 -> --- 15-1-DU1234567-\n"
ASYNC = "2024-05-01 12:00:00,250 ib_async.client DEBUG <<< 178,20240501 12:00:00 EST\n"
IBAPI = "2024-05-01 12:00:00,250 ibapi.client DEBUG REQUEST b'API\\x00\\x00\\x00\\x00\\tv100..203'\n"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (BANNER, Form.TWS_LOG),
        (TWS, Form.TWS_LOG),
        ("\ufeff" + TWS, Form.TWS_LOG),
        ("10:05:21:715 <- [9;1;1]\r\n", Form.TWS_LOG),
        (ASYNC, Form.ASYNC_LOG),
        (IBAPI, Form.IBAPI_LOG),
        ("2024-05-01 12:00:00,250 mine INFO ready\n" * 500 + IBAPI, Form.IBAPI_LOG),
        ("hello\n", None),
        ("", None),
    ],
)
def test_the_first_line_that_tells_decides(text: str, form: Form | None) -> None:
    assert form_of(text.encode()) is form


@given(st.binary(max_size=300))
def test_anything_is_something_or_nothing(data: bytes) -> None:
    assert form_of(data) in (None, *Form)


def test_a_line_far_behind_the_beginning_tells_as_well(tmp_path: Path) -> None:
    noise = "2024-05-01 12:00:00,250 mine INFO " + "x" * 1000 + "\n"
    _, tally = imported_text(tmp_path / "a.log", noise * 1000 + ASYNC)
    assert tally.passed_over == 1000


def test_every_form_has_a_title() -> None:
    assert TITLES.keys() == set(Form)


@pytest.mark.parametrize("suffix", [".jsonl", ".pcapng", ".jsonl.gz", ".pcapng.zst"])
def test_captures_are_opened_as_what_they_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with open_writer(path, metadata={"target": "x"}, created_ns=10**18) as writer:
        for record in EVERY_KIND:
            writer.write(record)
    path = path.rename(tmp_path / "named.log")
    with open_source(path) as source:
        assert (source.form, source.metadata, source.created_ns) == (Form.CAPTURE, {"target": "x"}, 10**18)
        assert list(source) == EVERY_KIND
        assert source.position() == path.stat().st_size


@pytest.mark.parametrize("text", [TWS, ASYNC + "x\n"])
def test_compressed_logs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(gzip.compress(text.encode()))
    records, _ = imported(path, server_version=176)
    assert len(records) > 3
    path.write_bytes(gzip.compress((text * 50).encode())[:-10])
    with open_source(path, server_version=176) as source:
        whole = list(itertools.islice(source, 20))
        with pytest.raises(CaptureError, match="torn at byte"):
            list(source)
    assert len(whole) == 20


def times(path: Path, text: str, **options: object) -> set[str]:
    records, _ = imported_text(path, text, server_version=176, **options)
    return {str(datetime.datetime.fromtimestamp(record.time_ns // 10**9, datetime.UTC).date()) for record in records}


def test_the_day_of_a_log_without_one(tmp_path: Path) -> None:
    said = datetime.date(2023, 3, 3)
    named, plain = tmp_path / "api-2024-05-01.log", tmp_path / "api.log"
    assert times(plain, f"{BANNER}\n{TWS}", day=said) == {"2022-02-20"}
    assert times(named, TWS, day=said) == {"2023-03-03"}
    assert times(named, TWS) == {"2024-05-01"}
    plain.write_text(TWS)
    os.utime(plain, ns=(day_ns(said), day_ns(said)))
    records, _ = imported(plain, server_version=176)
    assert notes(records)[0] == "the log does not tell the day: 2023-03-03 is a guess, when it was last changed; --date says it"
    assert len(messages(records)) == 1
    records, _ = imported_text(plain, ASYNC)
    assert not any("guess" in text for text in notes(records))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.log", b"hello\n", "is neither a capture nor a log that twsprobe reads"),
        ("api.0.20220220.100521.ibgzenc", b"IBGZENC", "logs of TWS are encrypted until TWS exports them"),
        ("x.log", TWS.encode("utf-16"), "it looks like UTF-16 text"),
        ("x.log", b"", "is not a capture that twsprobe reads: it is empty"),
        ("x.log", b"{}\n", "is not a capture that twsprobe reads"),
    ],
)
def test_what_is_nothing_is_refused(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(CaptureError, match=reason):
        imported_text(tmp_path / name, data)


def test_a_form_can_be_forced(tmp_path: Path) -> None:
    _, tally = imported_text(tmp_path / "x.log", "hello\n", form=Form.IBAPI_LOG)
    assert tally.passed_over == 1
    with pytest.raises(CaptureError, match="is not a capture that twsprobe reads"):
        imported_text(tmp_path / "x.log", TWS, form=Form.CAPTURE)
    with pytest.raises(CaptureError, match="recordings of rust-ibapi are a folder"):
        imported_text(tmp_path / "x.log", TWS, form=Form.RECORDINGS)


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    records, tally = imported_text(tmp_path / "x.log", "\ufeff" + TWS, server_version=176)
    assert ([each.name for each in decoded(records)], tally.opaque) == (["managedAccounts"], 0)


def test_memory_does_not_grow_with_a_log(tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        path = tmp_path / "x.log"
        path.write_text(TWS * lines)
        tracemalloc.start()
        with open_source(path, server_version=176) as source:
            for _ in source:
                pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    assert peak(6_000) < peak(2_000) + (100 << 10)
