"""Columns are what rows are: all messages, versions and encodings, whole and broken frames."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.wire.generate import Maker, encodings
from twsprobe.capture.message_rows import Frames, MessageTable, Sent, heads, message_named
from twsprobe.capture.tables import Kind, Row
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import PROTOBUF, TEXT, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.versions import HIGHEST

pa = pytest.importorskip("pyarrow")
from twsprobe.capture.message_columns import TYPES, Columns, from_rows, schema_of  # noqa: E402

TO_CLIENT = Direction.TO_CLIENT


def frames_of(message: Message, version: int, payloads: Sequence[bytes]) -> Frames:
    """Frames, of which each has a connection, a number and a time of its own."""
    found = Frames("x", MessageTable(message), version)
    for number, payload in enumerate(payloads):
        if payload.startswith(heads(message, version)):
            found.connections.append(number % 3)
            found.sequences.append(number)
            found.times.append(number * 1000)
            found.payloads.append(payload)
    return found


def assert_same(frames: Frames) -> list[Any]:
    """The tables of frames are those of their rows; returns them."""
    tables = list(Columns().tables(frames))
    expected = from_rows(frames.of.table, frames.rows())
    assert repr(pa.concat_tables([*tables, expected.slice(0, 0)]).to_pylist()) == repr(expected.to_pylist())
    assert all(table.schema.equals(schema_of(frames.of.table)) for table in tables)
    return tables


def prices(version: int, count: int) -> list[bytes]:
    return [
        encode("tickPrice", TO_CLIENT, version, reqId=at, tickType=1, price=at / 2, size=str(at), attrMask=at % 2)[4:]
        for at in range(count)
    ]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
@pytest.mark.parametrize("version", [176, 201, int(HIGHEST)])
def test_columns_are_what_rows_are(message: Message, version: int) -> None:
    seed = Random().getrandbits(32)
    sys.stdout.write(f"seed {seed}\n")
    maker = Maker(Random(seed))
    possible = encodings(message, version)
    payloads = [maker.payload(message, version, maker.random.choice(possible)) for _ in range(20 if possible else 0)]
    assert_same(frames_of(message, version, payloads))
    assert_same(frames_of(message, version, [maker.broken(payload) for payload in payloads for _ in range(4)]))


@pytest.mark.parametrize("version", [178, 200])
def test_plain_text_is_cut_without_a_look_at_its_frames(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = frames_of(message_named("tickPrice"), version, prices(version, 300))
    monkeypatch.setattr(Frames, "row", pytest.fail)
    monkeypatch.setattr(Columns, "from_objects", pytest.fail)
    (table,) = Columns().tables(frames)
    assert table.column("reqId").to_pylist() == list(range(300))
    assert table.column("price").to_pylist() == [at / 2 for at in range(300)]


def test_what_is_not_plain_text_becomes_objects_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Frames, "row", pytest.fail)
    (table,) = Columns().tables(frames_of(message_named("tickPrice"), 226, prices(226, 300)))
    assert table.column("price").to_pylist() == [at / 2 for at in range(300)]


@pytest.mark.parametrize(
    "odd", [b"1\x006\x00x\x001\x001.5\x003\x000\x00", b"1\x006\x00\xff\x00", b"1\x006\x00\n\r\x1f\x00", b"01\x006\x00"]
)
def test_one_odd_frame_does_not_slow_down_all(odd: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    payloads = prices(178, 2000)
    payloads[777] = odd
    frames = frames_of(message_named("tickPrice"), 178, payloads)
    tables = assert_same(frames)
    assert len(tables) > 2
    decoded: list[int] = []
    row = Frames.row

    def noted(part: Frames, index: int) -> Row | None:
        decoded.append(index)
        return row(part, index)

    monkeypatch.setattr(Frames, "row", noted)
    list(Columns().tables(frames))
    assert 1 <= len(decoded) <= 64


def test_text_and_protobuf_in_one_stream_are_one_table() -> None:
    message = message_named("tickPrice")
    values = {"reqId": 1, "tickType": 1, "price": 2.5}
    payloads = [encode("tickPrice", TO_CLIENT, 226, encoding=encoding, **values)[4:] for encoding in (TEXT, PROTOBUF)]
    (table,) = assert_same(frames_of(message, 226, payloads))
    assert table.column("price").to_pylist() == [2.5, 2.5]


def test_what_was_decoded_on_the_way_comes_behind() -> None:
    frames = frames_of(message_named("tickPrice"), 178, prices(178, 2))
    event = decode(prices(178, 1)[0], TO_CLIENT, 178)
    assert not isinstance(event, type(None))
    frames.sent.append(Sent(9, 8, 7, event))  # type: ignore[arg-type]  # it is no unknown message
    assert [row["connection"] for row in assert_same(frames)[-1].to_pylist()] == [9]


def test_every_kind_has_a_type() -> None:
    assert set(TYPES) == set(Kind)
    table = MessageTable(message_named("tickPrice")).table
    assert from_rows(table, []).num_rows == 0
