"""Folders of recordings, as rust-ibapi's code makes them: a message a file."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from tests.capture.logs import TO_CLIENT, TO_SERVER, decoded, greetings, imported, notes
from twsprobe.capture.import_recordings import began_ns, runs_in
from twsprobe.capture.imported import VersionUnknown
from twsprobe.capture.importing import Form
from twsprobe.capture.log_times import day_ns
from twsprobe.capture.model import CaptureError, Opened

DAY = datetime.date(2024, 5, 1)
HALF_PAST_TWELVE = day_ns(DAY) + 45_000 * 10**9
MESSAGES = {
    "0001-response.msg": "173|20240501 12:30:00 Greenwich Mean Time|",
    "0002-request.msg": "71|2|28||",
    "0003-response.msg": "15|1|DU1234567|",
    "0004-response.msg": "9|1|1|",
    "0010-response.msg": "4|2|-1|2104|a|b|",
}


def made(folder: Path, messages: dict[str, str] = MESSAGES, changed_ns: int = HALF_PAST_TWELVE + 5) -> Path:
    folder.mkdir(parents=True)
    for name, text in messages.items():
        (folder / name).write_text(text)
        os.utime(folder / name, ns=(changed_ns, changed_ns))
    return folder


def test_a_run(tmp_path: Path) -> None:
    records, tally = imported(made(tmp_path / "2024-05-01-12-30"))
    assert [(each.direction, each.name) for each in decoded(records)] == [
        (TO_SERVER, "startApi"),
        (TO_CLIENT, "managedAccounts"),
        (TO_CLIENT, "nextValidId"),
        (TO_CLIENT, "error"),
    ]
    assert [(greeted.server_version, greeted.zone) for greeted in greetings(records)] == [(173, "Greenwich Mean Time")]
    assert {record.time_ns for record in records} == {HALF_PAST_TWELVE + 5}
    assert (tally.messages, tally.opaque) == (4, 0)


def test_a_folder_of_runs_is_as_many_connections(tmp_path: Path) -> None:
    for name in ("2024-05-01-12-31", "2024-05-01-12-30", "other"):
        made(tmp_path / "all" / name, {} if name == "other" else MESSAGES)
    assert [run.name for run in runs_in(tmp_path / "all")] == ["2024-05-01-12-30", "2024-05-01-12-31"]
    records, _ = imported(tmp_path / "all")
    assert [each.connection for each in records if isinstance(each, Opened)] == [1, 2]


def test_times_of_files_that_were_copied_do_not_count(tmp_path: Path) -> None:
    records, _ = imported(made(tmp_path / "2024-05-01-12-30", changed_ns=HALF_PAST_TWELVE + 10**15))
    assert {record.time_ns for record in records} == {HALF_PAST_TWELVE}
    assert began_ns(Path("run"), None) is None
    assert began_ns(Path("2024-99-01-12-30"), None) is None
    assert began_ns(Path("run"), DAY) == day_ns(DAY)


def test_without_a_greeting_the_version_has_to_be_said(tmp_path: Path) -> None:
    run = made(tmp_path / "run", {"0002-request.msg": "71|2|28||"})
    with pytest.raises(VersionUnknown):
        imported(run)
    records, _ = imported(run, server_version=173)
    assert [each.fields["clientId"] for each in decoded(records)] == [28]


def test_what_could_not_be_read_is_kept(tmp_path: Path) -> None:
    odd = {"0005-response.msg": "15|1", "0006-response.msg": "x|", "0007-response.msg": "", "other.msg": "9|1|1|"}
    records, tally = imported(made(tmp_path / "run", MESSAGES | odd))
    assert (tally.messages, tally.opaque) == (4, 3)
    assert notes(records)[-3:] == ["not read: 0005-response.msg: 15|1", "not read: 0006-response.msg: x|", "not read: 0007-response.msg: "]


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    for form in (None, Form.RECORDINGS):
        with pytest.raises(CaptureError, match="a folder without recordings of rust-ibapi"):
            imported(tmp_path, form=form)
    with pytest.raises(CaptureError, match="is a folder, not a log of ibapi"):
        imported(tmp_path, form=Form.IBAPI_LOG)
