"""The table of one message: its columns, its rows, and that taking frames alone gives what decoding everything gives."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given

from tests.wire.generate import Maker, examples, randoms
from twsprobe.capture import message_rows
from twsprobe.capture.message_rows import AFTER, BEFORE, Frames, MessageTable, Reader, message_named
from twsprobe.capture.message_rows import message_rows as rows_seen
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.seen import seen_in
from twsprobe.capture.tables import Kind, Row
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.message import Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import HIGHEST

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
PRICE = encode("tickPrice", TO_CLIENT, 176, reqId=7, tickType=1, price=1.5, size="3", attrMask=0)
OPENING: list[Record] = [
    Opened(0, 10, "a:1", "b:2"),
    Chunk(0, TO_SERVER, 11, offer(100, 176)),
    Chunk(0, TO_CLIENT, 12, greeting(176, b"20240501 12:00:00 GMT")),
]


def taken(records: list[Record], message: str) -> list[dict[str, Any]]:
    """The rows that a Reader gives, as dicts."""
    of = MessageTable(message_named(message))
    names = [column.name for column in of.table.columns]
    return [dict(zip(names, row, strict=True)) for batch in Reader("x", of).read(records) for row in batch.rows()]


def in_order(rows: list[Row]) -> list[str]:
    """Rows as texts, in which a NaN equals a NaN, by their numbers."""
    return [repr(row) for row in sorted(rows, key=lambda row: row[2])]


def assert_same(records: list[Record], message: Message) -> int:
    """The reader gives what decoding everything gives; returns how many rows that is."""
    of = MessageTable(message)
    found = [row for batch in Reader("x", of).read(records) for row in batch.rows()]
    wanted = [row for _, row in rows_seen("x", of, seen_in(records))]
    assert in_order(found) == in_order(wanted)
    return len(found)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_every_message_makes_a_table(message: Message) -> None:
    assert message_named(message.name) is message
    names = [column.name for column in MessageTable(message).table.columns]
    assert len(names) == len(set(names))
    assert names[: len(BEFORE)] == ["capture", "connection", "sequence", "time_ns", "server_version"]
    assert names[-len(AFTER) :] == ["anomaly"]


def test_a_message_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        message_named("tickPrise")


def test_each_field_has_a_column_of_its_kind() -> None:
    kinds = {column.name: column.kind for column in MessageTable(message_named("openOrder")).table.columns}
    assert kinds["orderId"] is Kind.INTEGER
    assert kinds["contract.symbol"] is Kind.TEXT
    assert kinds["contract.strike"] is Kind.DOUBLE
    assert kinds["order.totalQuantity"] is Kind.DECIMAL
    assert kinds["order.outsideRth"] is Kind.BOOLEAN
    assert kinds["order.conditions"] is Kind.JSON


def test_a_row_holds_the_fields_and_where_they_stand() -> None:
    assert taken([*OPENING, Chunk(0, TO_CLIENT, 13, PRICE)], "tickPrice") == [
        {
            "capture": "x",
            "connection": 0,
            "sequence": 3,
            "time_ns": 13,
            "server_version": 176,
            "reqId": 7,
            "tickType": 1,
            "price": 1.5,
            "size": decimal.Decimal(3),
            "attrMask": 0,
            "anomaly": None,
        }
    ]


@pytest.mark.parametrize(
    ("payload", "anomaly", "price"),
    [
        (PRICE[4:].replace(b"1.5", b"x"), "price: 'x' is not double", None),
        (PRICE[4:] + b"more\0", "1 text field behind the last known one", 1.5),
        (PRICE[4:].replace(b"\x003\0", b"\x001E+40\0"), "size: '1E+40' has too many digits for its column", 1.5),
    ],
)
def test_what_is_odd_about_a_row_is_said(payload: bytes, anomaly: str, price: float | None) -> None:
    (row,) = taken([*OPENING, Chunk(0, TO_CLIENT, 13, frame(payload))], "tickPrice")
    assert (row["anomaly"], row["price"]) == (anomaly, price)


@pytest.mark.parametrize(
    ("text", "value", "anomaly"), [("100", 100.0, None), ("", None, None), ("x", None, "contract.multiplier: 'x' is not double")]
)
def test_a_multiplier_is_a_number_in_text_too(text: str, value: float | None, anomaly: str | None) -> None:
    position = encode("position", TO_CLIENT, 176, account="DU1", contract={"multiplier": text}, position="1", avgCost=1.0)
    (row,) = taken([*OPENING, Chunk(0, TO_CLIENT, 13, position)], "position")
    assert (row["contract.multiplier"], row["anomaly"]) == (value, anomaly)


def test_frames_that_only_begin_alike_are_told_apart() -> None:
    others = frame(b"10\0001\0") + frame(b"01\0006\x007\0001\x001.5\x003\x000\0") + frame(b"0") + frame(b"09\0001\x008\0")
    assert [row["sequence"] for row in taken([*OPENING, Chunk(0, TO_CLIENT, 13, others + PRICE)], "tickPrice")] == [4, 7]


def test_rows_come_in_lists_that_are_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_rows, "MOST_FRAMES", 2)
    of = MessageTable(message_named("tickPrice"))
    records = [*OPENING, *(Chunk(0, TO_CLIENT, 13 + at, PRICE) for at in range(5))]
    assert [len(batch) for batch in Reader("x", of).read(records)] == [2, 2, 1]


def test_the_frames_before_a_fault_come_first() -> None:
    def torn() -> Iterator[Record]:
        yield from [*OPENING, Chunk(0, TO_CLIENT, 13, PRICE + PRICE[:5])]
        raise CaptureError("x", 9, "torn")

    found: list[Frames] = []
    with pytest.raises(CaptureError, match="torn"):
        found.extend(Reader("x", MessageTable(message_named("tickPrice"))).read(torn()))
    assert [len(batch) for batch in found] == [1]


@pytest.mark.parametrize(
    "between",
    [
        [Gap(0, TO_CLIENT, 20, 3), Chunk(0, TO_CLIENT, 21, PRICE * 4)],
        [Gap(0, TO_CLIENT, 20, None), Chunk(0, TO_CLIENT, 21, b"rest" + PRICE * 4)],
        [Chunk(0, TO_CLIENT, 20, PRICE[:9]), Gap(0, TO_CLIENT, 21, 2), Chunk(0, TO_CLIENT, 22, PRICE[11:] + PRICE)],
        [Chunk(0, TO_CLIENT, 20, PRICE[:9]), Gap(0, TO_SERVER, 21, 2), Chunk(0, TO_CLIENT, 22, PRICE[9:] + PRICE)],
        [
            Chunk(0, TO_CLIENT, 20, PRICE[:9]),
            Closed(0, 21, TO_CLIENT, Close.FIN),
            Note(0, TO_CLIENT, 22, "x"),
            Closed(0, 23, TO_CLIENT, Close.FIN),
        ],
        [
            Chunk(0, TO_CLIENT, 20, PRICE[:9]),
            Closed(0, 21, TO_CLIENT, Close.FIN),
            Gap(0, TO_SERVER, 22, 9),
            Closed(0, 23, TO_CLIENT, Close.FIN),
            Chunk(0, TO_CLIENT, 24, PRICE[9:]),
        ],
        [
            Chunk(0, TO_CLIENT, 20, b"\xff\xff\xff\xff"),
            Chunk(0, TO_CLIENT, 21, PRICE),
            Gap(0, TO_CLIENT, 22, 1),
            Chunk(0, TO_CLIENT, 23, PRICE * 3),
        ],
        [
            Chunk(0, TO_SERVER, 20, b"\xff\xff\xff\xff"),
            Gap(0, TO_CLIENT, 21, 1),
            Chunk(0, TO_SERVER, 22, b"x"),
            Chunk(0, TO_CLIENT, 23, PRICE * 3),
        ],
    ],
)
def test_gaps_ends_and_lost_streams_are_as_everywhere_else(between: list[Record]) -> None:
    records = [*OPENING, Chunk(0, TO_CLIENT, 13, PRICE * 2), *between, Chunk(0, TO_CLIENT, 30, PRICE * 3), Note(0, TO_CLIENT, 31, "end")]
    assert assert_same(records, message_named("tickPrice")) >= 2


@pytest.mark.parametrize("lost", [TO_CLIENT, TO_SERVER])
def test_a_stream_that_is_lost_with_its_opening_stays_lost(lost: Direction) -> None:
    opening: list[Record] = [
        Chunk(0, TO_SERVER, 11, offer(100, 176) + (b"\xff" * 8 if lost is TO_SERVER else b"")),
        Chunk(0, TO_CLIENT, 12, greeting(176, b"") + (b"\xff" * 8 if lost is TO_CLIENT else b"")),
    ]
    rows = assert_same([*opening, Chunk(0, TO_SERVER, 13, b"\0\0\0\4"), Chunk(0, TO_CLIENT, 14, PRICE * 2)], message_named("tickPrice"))
    assert rows == (0 if lost is TO_CLIENT else 2)


@examples(1)
@given(randoms)
def test_taking_frames_alone_gives_what_decoding_everything_gives(random: Random) -> None:
    """Any conversations, cut and torn anywhere, some of their frames broken, some of their bytes missing."""
    maker = Maker(random)
    queues: dict[tuple[int, Direction], list[Record]] = {}
    present: list[Message] = []
    for number in range(random.randint(1, 3)):
        version = random.choice((random.randint(100, int(HIGHEST)), 178, 200, 201, int(HIGHEST)))
        parts = maker.conversation(version, random.randint(0, 12))
        if random.random() < 0.3:
            parts = parts[random.randint(1, 2) :]
        for direction in Direction:
            data = b"".join(maker.broken(part) if random.random() < 0.05 else part for to, part in parts if to is direction)
            queue = queues.setdefault((number, direction), [])
            for piece in maker.cut(data):
                queue.append(Chunk(number, direction, 0, piece))
                if random.random() < 0.05:
                    queue.append(random.choice((Gap(number, direction, 0, random.choice((None, 1, 9))), Note(number, direction, 0, "x"))))
                if random.random() < 0.05:
                    queue.append(Closed(number, 0, direction, Close.FIN))
    records: list[Record] = []
    while left := [queue for queue in queues.values() if queue]:
        records.append(random.choice(left).pop(0)._replace(time_ns=len(records)))
    for seen in seen_in(records):
        present += [message for message in MESSAGES if (message.direction, message.name) == (seen.direction, seen.name)]
    for message in {*present, message_named("tickPrice")}:
        assert_same(records, message)
