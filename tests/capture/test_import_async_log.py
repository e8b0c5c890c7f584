"""Logs of ib_async: a real one tells what the simulator recorded; and what forms of logging and other loggers do to it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.logs import TO_CLIENT, TO_SERVER, decoded, greetings, imported, imported_text, logged, notes, payloads
from tests.wire.generate import examples
from twsprobe.capture.import_async_log import begins, is_logged, records_in
from twsprobe.capture.imported import Connections, Tally, VersionUnknown, Wish
from twsprobe.capture.importing import Form
from twsprobe.capture.log_lines import entries_in, lines_in
from twsprobe.capture.log_times import Clock, day_ns
from twsprobe.capture.model import CaptureError, Close, Closed, Opened, Record
from twsprobe.capture.seen import seen_in

DAY = datetime.date(2024, 5, 1)
HEAD = "2024-05-01 12:00:00,250 ib_async.client DEBUG "
LOG = f"""\
2024-05-01 12:00:00,000 ib_async.client INFO Connecting to 127.0.0.1:7497 with clientId 3...
2024-05-01 12:00:00,000 ib_async.client INFO Connected
{HEAD}<<< 178,20240501 12:00:00 Central European, or so
{HEAD}>>> 71,2,3,
2024-05-01 12:00:00,256 ib_async.client INFO Logged on to server version 178
{HEAD}<<< 15,1,DU1234567,DU7654321,
{HEAD}<<< 9,1,8
"""


def read(tmp_path: Path, text: str | bytes, **options: Any) -> tuple[list[Record], Tally]:
    return imported_text(tmp_path / "client.log", text, **options)


async def test_a_real_log_tells_what_was_recorded(tmp_path: Path) -> None:
    recorded = await logged(tmp_path / "client.log", "ib_async_session.py", 226, "{host}:{port}")
    records, tally = imported(tmp_path / "client.log")
    assert payloads(records) == payloads(recorded)
    assert tally.messages == payloads(recorded).total() > 100
    assert (tally.ambiguous, tally.unfitting, tally.opaque) == (0, 0, 0)
    [real], [known] = greetings(records), greetings(recorded)
    assert real.raw == known.raw
    assert [type(each) for each in (records[0], records[-1])] == [Opened, Closed]


def test_the_usual_form(tmp_path: Path) -> None:
    records, tally = read(tmp_path, LOG)
    assert records[0] == Opened(1, day_ns(DAY) + 43_200 * 10**9, "", "127.0.0.1:7497")
    assert [(greeted.server_version, greeted.zone) for greeted in greetings(records)] == [(178, "Central European, or so")]
    start, accounts, order_id = decoded(records)
    assert (start.direction, start.fields["clientId"]) == (TO_SERVER, 3)
    assert (accounts.direction, accounts.fields["accountsList"]) == (TO_CLIENT, "DU1234567,DU7654321,")
    assert order_id.fields["orderId"] == 8
    assert (tally.messages, tally.passed_over) == (3, 3)
    assert len(notes(records)) == 1


@pytest.mark.parametrize("head", ["", "DEBUG:ib_insync.client:", "12:00:00.250 | client | ", "[2024-05-01T12:00:00Z DEBUG] "])
def test_other_forms_of_logging(tmp_path: Path, head: str) -> None:
    records, _ = read(tmp_path, LOG.replace(HEAD, head), form=Form.ASYNC_LOG)
    assert [each.name for each in decoded(records)] == ["startApi", "managedAccounts", "nextValidId"]


def test_what_others_log_is_no_message(tmp_path: Path) -> None:
    others = [
        "2024-05-01 12:00:00,260 ib_async.wrapper ERROR Error 201, reqId 3: <<< 9,1,99",
        "2024-05-01 12:00:00,260 ib_async.wrapper DEBUG <<< 9,1,99",
        "2024-05-01 12:00:00,260 mine WARNING >>> 3,1",
        "2024-05-01 12:00:00,260 mine DEBUG x <a> <<< 9,1,99",
        ">>> import ib_async",
    ]
    _, tally = read(tmp_path, LOG + "".join(f"{line}\n" for line in others))
    assert (tally.messages, tally.passed_over) == (3, 3 + len(others))
    assert not any(is_logged(line.encode()) for line in others)


def test_a_message_of_several_lines(tmp_path: Path) -> None:
    text = f"{LOG}{HEAD}<<< 83,7,0,first\nsecond, third\n\nlast\n{HEAD}<<< 9,1,9\nTraceback (most recent call last):\n  no message\n"
    records, tally = read(tmp_path, text)
    *_, article, order_id = decoded(records)
    assert article.fields["articleText"] == "first\nsecond, third\n\nlast"
    assert (order_id.fields["orderId"], tally.unfitting, tally.passed_over) == (9, 0, 3 + 2)


def test_ends_and_another_connection(tmp_path: Path) -> None:
    ends = [
        "2024-05-01 12:00:01,000 ib_async.client INFO Disconnecting",
        "2024-05-01 12:00:01,000 ib_async.client INFO Disconnected.",
        "2024-05-01 12:00:02,000 ib_async.client ERROR Peer closed connection. clientId 3 already in use?",
    ]
    records, _ = read(tmp_path, LOG + "".join(f"{line}\n" for line in ends) + LOG)
    assert [(each.connection, each.direction, each.how) for each in records if isinstance(each, Closed)] == [
        (1, TO_SERVER, Close.ABANDONED),
        (1, TO_CLIENT, Close.FIN),
    ]
    assert [each.connection for each in records if isinstance(each, Opened)] == [1, 2]
    again, _ = read(tmp_path, "".join(LOG.splitlines(keepends=True)[2:]) * 2)
    assert [each.connection for each in again if isinstance(each, Opened)] == [1, 2]
    assert len(greetings(again)) == 2


def test_a_log_that_begins_amid_a_connection_needs_the_version(tmp_path: Path) -> None:
    with pytest.raises(VersionUnknown):
        read(tmp_path, f"{HEAD}<<< 9,1,8\n")
    records, _ = read(tmp_path, f"{HEAD}<<< 9,1,8\n", server_version=178)
    assert [each.fields["orderId"] for each in decoded(records)] == [8]
    assert [greeted.zone for greeted in greetings(records)] == ["(not in the log)"]


def test_a_torn_log_gives_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "client.log"
    path.write_text(f"{LOG}{HEAD}<<< 9,1")
    found: list[Record] = []
    connections = Connections(str(path), Tally(), Wish())
    with pytest.raises(CaptureError, match=f"torn at byte {len(LOG)}: the last line is incomplete"):
        found.extend(records_in(entries_in(lines_in([path.read_bytes()]), begins), connections, Clock(DAY)))
    records, _ = read(tmp_path, LOG.removesuffix("\n"))
    assert [each.name for each in decoded(records)] == ["startApi", "managedAccounts", "nextValidId"]


PIECES = st.sampled_from([HEAD, "<<< ", ">>> ", "178,20240501 12:00:00 x", "4", ",", "2", "\n", "\r\n", "\0", "\x1b[2J", "é", "0,", "-1,"])
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join).map(str.encode) | st.binary(max_size=60)


@examples(3)
@given(TEXTS, st.sampled_from([None, 157, 203]))
def test_any_text_is_read_or_refused(text: bytes, version: int | None) -> None:
    connections = Connections("x", Tally(), Wish(version))
    records: list[Record] = []
    try:
        records.extend(records_in(entries_in(lines_in([text]), begins), connections, Clock(DAY)))
    except CaptureError:
        return
    assert len(list(seen_in(records))) >= len(records) - 2
