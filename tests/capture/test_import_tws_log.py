"""API logs as TWS exports them, in both forms: every message comes back, and what could not be read is kept."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.logs import (
    BANNER,
    TO_CLIENT,
    TO_SERVER,
    decoded,
    greetings,
    imported_text,
    messages,
    notes,
    tws_line,
    tws_message,
)
from tests.net.asking import ask
from tests.net.requests import REQUESTS, encoded, since
from tests.wire.generate import examples
from twsprobe.capture.import_tws_log import begins, records_in
from twsprobe.capture.imported import Connections, Tally, VersionUnknown, Wish
from twsprobe.capture.log_lines import entries_in, lines_in
from twsprobe.capture.log_times import Clock
from twsprobe.capture.model import CaptureError, Note, Opened, Record
from twsprobe.capture.seen import seen_in
from twsprobe.net.fitting import encode_fitting
from twsprobe.wire.framing import Direction

FIRST_NS = 1_645_351_521_715 * 10**6
"""2022-02-20 10:05:21.715 UTC."""
DAY = datetime.date(2024, 5, 1)
SAMPLE = f"{BANNER}\n10:05:21:715 -> --- 15-1-DUXXXXXXX-\n10:05:21:720 -> --- 9-1-1-\n"
START = "10:05:21:700 <- --- 71-2-0--\n"


def read(tmp_path: Path, text: str | bytes, version: int | None = 176, **options: Any) -> tuple[list[Record], Tally]:
    return imported_text(tmp_path / "exported.txt", text, server_version=version, **options)


def test_the_form_that_was_seen_of_the_older_dialect(tmp_path: Path) -> None:
    records, tally = read(tmp_path, SAMPLE)
    accounts, order_id = decoded(records)
    assert (accounts.name, accounts.fields["accountsList"]) == ("managedAccounts", "DUXXXXXXX")
    assert (order_id.name, order_id.fields["orderId"]) == ("nextValidId", 1)
    assert [seen.time_ns - FIRST_NS for seen in seen_in(records) if seen.event == "message"] == [0, 5_000_000]
    assert [greeted.server_version for greeted in greetings(records)] == [176]
    assert (tally.messages, tally.opaque, tally.ambiguous, tally.unfitting) == (2, 0, 0, 0)


def test_the_form_that_was_seen_of_the_newer_dialect(tmp_path: Path) -> None:
    fields = "3;16246;4815747;NVDA;STK;;0.0;;;NYSE;NASDAQ;USD;NVDA;NMS;;;BUY;5;LMT;187.39;;IOC"
    records, _ = read(tmp_path, f"10:05:21:715 <- [{fields}]\n", day=DAY)
    [order] = decoded(records)
    assert (order.direction, order.name, order.missing) == (TO_SERVER, "placeOrder", "order.ocaGroup")
    assert order.fields["contract"]["symbol"] == "NVDA"
    assert (order.fields["orderId"], order.fields["order"]["lmtPrice"], order.fields["order"]["tif"]) == (16246, 187.39, "IOC")
    assert "no reading fits placeOrder" in notes(records)[-1]


def test_an_id_of_minus_one(tmp_path: Path) -> None:
    records, tally = read(tmp_path, f"{SAMPLE}10:05:22:001 -> --- 4-2--1-2104-Market data farm connection is OK:usfarm--\n")
    error = list(decoded(records))[-1]
    assert error.fields == {
        "version": 2,
        "id": -1,
        "errorCode": 2104,
        "errorMsg": "Market data farm connection is OK:usfarm",
        "advancedOrderRejectJson": "",
    }
    assert tally.ambiguous == 0


ARTICLE = "first\nsecond - third;\n\nlast; no\n-of all"
CHOSEN = (157, 176, 200)


@pytest.mark.parametrize("dashes", [True, False], ids=["dashes", "semicolons"])
@pytest.mark.parametrize("version", CHOSEN)
def test_every_request_and_answer_of_the_simulator_comes_back_or_is_marked(tmp_path: Path, version: int, dashes: bool) -> None:
    said: list[tuple[Direction, bytes]] = []
    for name, fields, _ in REQUESTS:
        if since(name) <= version:
            said.append((TO_SERVER, encoded(name, version, fields)[4:]))
            said += [(TO_CLIENT, encode_fitting(each, version, held)[4:]) for each, held in ask(name, version, **fields)]
    text = b"".join(tws_line(direction, payload, version, dashes=dashes) for direction, payload in said)
    records, tally = read(tmp_path, text, version, day=DAY)
    found = [(each.direction, each.raw) for each in decoded(records)]
    assert len(found) == len(said) == tally.messages
    assert (tally.opaque, tally.unfitting) == (0, 0)
    wrong = sum(one != other for one, other in zip(found, said, strict=True))
    assert wrong <= tally.ambiguous <= len(said) // 50


def test_texts_with_joiners_come_back(tmp_path: Path) -> None:
    said: list[tuple[Direction, str, dict[str, Any]]] = [
        (
            TO_CLIENT,
            "error",
            {"id": 7, "errorCode": 201, "errorMsg": "Order rejected - reason: price; size", "advancedOrderRejectJson": ""},
        ),
        (TO_CLIENT, "tickPrice", {"reqId": 1, "tickType": 1, "price": -1.0, "size": 0, "attrMask": 0}),
        (TO_CLIENT, "headTimestamp", {"reqId": 2, "headTimestamp": "20241124-10:00:00"}),
    ]
    for dashes in (True, False):
        text = b"".join(tws_message(name, direction, 176, dashes=dashes, **fields) for direction, name, fields in said)
        records, tally = read(tmp_path, text, day=DAY)
        for (_, name, found), (_, wanted, fields) in zip(messages(records), said, strict=True):
            assert (name, {key: found[key] for key in fields}) == (wanted, fields)
        assert tally.ambiguous == 0


def test_what_could_not_be_read_is_kept_where_it_stood(tmp_path: Path) -> None:
    odd = ["-- began --", "10:05:21:716 -> nothing", "10:05:21:716 -> [9;1;1", "25:05:21:716 -> --- 9-1-1-", "10:05:21:717 -> --- 9-1-1-x"]
    records, tally = read(tmp_path, SAMPLE + "".join(f"{line}\n" for line in odd) + "\n \n10:05:21:720 -> --- 9-1-2-\n")
    assert [text for text in notes(records) if text.startswith("not read")] == [f"not read: {line}" for line in odd]
    assert (tally.opaque, tally.messages) == (5, 3)
    assert isinstance(records[-2], Note)


def test_a_client_that_starts_again_has_connected_anew(tmp_path: Path) -> None:
    lines = SAMPLE.partition("\n")[2]
    records, _ = read(tmp_path, f"{BANNER}\n{START}{lines}{START}{lines}{BANNER.replace('0220.', '0221.')}\n{START}{lines}")
    opened = [record for record in records if isinstance(record, Opened)]
    assert [each.connection for each in opened] == [1, 2, 3]
    assert opened[2].time_ns - opened[1].time_ns == 86_400 * 10**9
    assert len(greetings(records)) == 3
    assert [each.name for each in decoded(records)] == ["startApi", "managedAccounts", "nextValidId"] * 3


def test_a_message_of_several_lines(tmp_path: Path) -> None:
    for dashes in (True, False):
        text = tws_message("newsArticle", TO_CLIENT, 176, dashes=dashes, reqId=1, articleType=0, articleText=ARTICLE)
        records, tally = read(tmp_path, text + b"not of it\n10:05:21:720 -> --- 9-1-2-\n", day=DAY)
        article, order_id = decoded(records)
        assert (article.fields["articleText"], order_id.fields["orderId"]) == (ARTICLE, 2)
        assert (tally.opaque, notes(records)[-1]) == (1, "not read: not of it")


def test_the_server_version_is_taken_from_a_line_of_the_other_log(tmp_path: Path) -> None:
    line = "2022-02-20 10:05:20.952 [TE] INFO [JTS-EServerSocket-1971] - [-:157:157:1:0:0:0:SYS] Server version is 157\n"
    records, tally = read(tmp_path, SAMPLE.replace("\n", f"\n{line}", 1), None)
    assert [greeted.server_version for greeted in greetings(records)] == [157]
    assert tally.opaque == 1


def test_without_a_server_version_nothing_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(VersionUnknown, match="say it with --server-version N"):
        read(tmp_path, SAMPLE, None)


@pytest.mark.parametrize("end", ["10:05:22:001 -> --- 15-1-DU", "10:05:22:001 -> [15;1;DU", "10:05:22:001 -> "])
def test_a_torn_log_gives_what_is_whole(tmp_path: Path, end: str) -> None:
    path = tmp_path / "exported.txt"
    path.write_text(SAMPLE + end)
    found: list[Record] = []
    connections, clock = Connections(str(path), Tally(), Wish(176)), Clock(DAY)
    with pytest.raises(CaptureError, match=f"torn at byte {len(SAMPLE)}: the last line is incomplete"):
        found.extend(records_in(entries_in(lines_in([path.read_bytes()]), begins), connections, clock))
    records, _ = read(tmp_path, SAMPLE + "10:05:22:001 -> --- 9-1-3-")  # which lacks the line feed alone
    assert [each.name for each in decoded(records)] == ["managedAccounts", "nextValidId", "nextValidId"]


def test_protobuf_is_kept_as_it_is(tmp_path: Path) -> None:
    records, tally = read(tmp_path, SAMPLE + "10:05:22:001 -> [204;x]\n", 203)
    assert (tally.opaque, notes(records)[-1]) == (1, "not read: 10:05:22:001 -> [204;x]")


PIECES = st.sampled_from(
    [BANNER, "10:05:21:715 ", "-> ", "<- ", "--- ", "[", "]", "4", "-", ";", "2", "\n", "\r\n", "\0", "\x1b[2J", "é", " "]
)
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
