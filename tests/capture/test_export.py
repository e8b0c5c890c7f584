"""The table of everything that a capture holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from twsprobe.capture.export import FRAMES, frame_rows
from twsprobe.capture.filtering import read_filter
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.seen import seen_in
from twsprobe.capture.tables import Row
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.registry import encode

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
PRICE = encode("tickPrice", TO_CLIENT, 176, reqId=7, tickType=1, price=1.5, size="3", attrMask=0)
ERROR = encode("error", TO_CLIENT, 176, id=-1, errorCode=2104, errorMsg="fine")
ORDER = encode("orderStatus", TO_CLIENT, 176, orderId=42, status="Filled")
RECORDS: list[Record] = [
    Opened(3, 1000, "a:1", "b:2"),
    Chunk(3, TO_SERVER, 1100, offer(100, 176)),
    Chunk(3, TO_CLIENT, 1200, greeting(176, b"20240501 12:00:00 GMT") + PRICE),
    Chunk(3, TO_CLIENT, 1300, ERROR + ORDER),
    Chunk(3, TO_CLIENT, 1400, frame(b"999\0a\0") + frame(b"9\0001\0x\0") + PRICE[:-1]),
    Gap(3, TO_CLIENT, 1500, 1),
    Note(3, TO_CLIENT, 1600, "fault: a byte was dropped"),
    Chunk(3, TO_CLIENT, 1700, b"\xff\xff\xff\xff"),
    Closed(3, 1800, TO_CLIENT, Close.RST),
]


def rows(records: list[Record], where: str | None = None) -> list[dict[str, Any]]:
    wanted = None if where is None else read_filter(where).wants
    names = [column.name for column in FRAMES.columns]
    return [dict(zip(names, row, strict=True)) for _, row in frame_rows("a.pcapng", seen_in(records), wanted)]


def test_a_message_has_every_column() -> None:
    assert rows(RECORDS)[3] == {
        "capture": "a.pcapng",
        "connection": 3,
        "sequence": 3,
        "time_ns": 1200,
        "direction": "to_client",
        "id": 1,
        "name": "tickPrice",
        "server_version": 176,
        "request_id": 7,
        "size": len(PRICE),
        "anomaly": None,
        "fields": '{"version": 6, "reqId": 7, "tickType": 1, "price": 1.5, "size": "3", "attrMask": 0}',
        "raw": PRICE[4:],
    }


def test_everything_that_was_seen_is_a_row() -> None:
    found = rows(RECORDS)
    assert [row["sequence"] for row in found] == list(range(len(found)))
    assert [(row["name"], row["id"], row["request_id"], row["anomaly"]) for row in found] == [
        ("opened", None, None, None),
        ("version_offer", None, None, None),
        ("greeting", None, None, None),
        ("tickPrice", 1, 7, None),
        ("error", 4, None, None),
        ("orderStatus", 3, 42, None),
        ("unknown", 999, None, "no message with this id is declared"),
        ("nextValidId", 9, None, "orderId: 'x' is not int32"),
        ("gap", None, None, "bytes are missing: 1"),
        ("tickPrice", None, None, f"1 of its {len(PRICE) - 4} bytes is missing from the capture"),
        ("note", None, None, None),
        ("sync_lost", None, None, "a frame of 4,294,967,295 bytes was announced; the limit is 16,777,215"),
        ("closed", None, None, None),
    ]
    by_name = {row["name"]: row for row in found}
    assert json.loads(by_name["opened"]["fields"]) == {"client": "a:1", "server": "b:2"}
    assert json.loads(by_name["closed"]["fields"]) == {"how": "rst"}
    assert json.loads(by_name["gap"]["fields"]) == {"size": 1}
    assert json.loads(by_name["note"]["fields"]) == {"text": "fault: a byte was dropped"}
    assert [by_name[name]["fields"] for name in ("unknown", "nextValidId", "sync_lost")] == [None] * 3
    assert by_name["opened"]["direction"] is None
    assert by_name["closed"]["direction"] == "to_client"
    assert by_name["sync_lost"]["raw"] == b"\xff\xff\xff\xff"
    assert [by_name[name]["size"] for name in ("opened", "gap", "note", "closed")] == [None] * 4


def test_half_a_frame_is_undecodable() -> None:
    last = rows([*RECORDS[:3], Chunk(3, TO_CLIENT, 1300, PRICE[:9])])[-1]
    assert (last["name"], last["size"], last["anomaly"]) == ("undecodable", 9, "ends inside a frame")


def test_an_unknown_number_of_missing_bytes_is_said() -> None:
    assert [row["anomaly"] for row in rows([Gap(0, TO_CLIENT, 5, None)])] == ["bytes are missing: nobody knows how many"]


def test_what_is_odd_about_a_message_is_said_beside_its_fields() -> None:
    longer = frame(PRICE[4:] + b"more\0")
    last = rows([*RECORDS[:3], Chunk(3, TO_CLIENT, 1300, longer)])[-1]
    assert last["anomaly"] == "1 text field behind the last known one"
    assert json.loads(last["fields"])["price"] == 1.5


def test_a_filter_leaves_the_numbers_as_they_are() -> None:
    assert [(row["sequence"], row["name"]) for row in rows(RECORDS, "name in (error, orderStatus)")] == [(4, "error"), (5, "orderStatus")]


def test_a_time_beyond_64_bits_is_unset() -> None:
    assert rows([Opened(0, 2**63, "", "b:2")])[0]["time_ns"] is None


def test_the_rows_before_a_fault_come_first() -> None:
    def torn() -> Iterator[Record]:
        yield from RECORDS[:3]
        raise CaptureError("x", 9, "torn")

    found: list[tuple[int, Row]] = []
    with pytest.raises(CaptureError, match="torn"):
        found.extend(frame_rows("x", seen_in(torn())))
    assert len(found) == 4
