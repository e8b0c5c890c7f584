"""The rows of a conversation."""

from __future__ import annotations

import itertools

import pytest

from tests.views.reports import probed
from twsprobe.capture.model import Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.seen import seen_in
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.views.sequence import FIRST_ROWS, LAST_ROWS, MOST_FIELDS, Row, diagram, diagrams, elapsed
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import encode

IN, OUT = Direction.TO_CLIENT, Direction.TO_SERVER
START: list[Record] = [
    Opened(1, 0, "127.0.0.1:5000", "127.0.0.1:7497"),
    Chunk(1, OUT, 1_000_000, offer(100, 226)),
    Chunk(1, IN, 2_000_000, greeting(226, b"20250102 03:04:05 GMT")),
]


def rows(records: list[Record]) -> tuple[Row, ...]:
    (found,) = diagrams(seen_in(records))
    return found.rows


def after_start(*records: Record) -> Row:
    """The last row of a session that had just been greeted."""
    return rows([*START, *records])[-1]


def test_a_session_from_its_opening() -> None:
    found = rows(START)
    assert [(row.way, row.state, row.time, row.name, row.says, row.opens) for row in found] == [
        ("none", "", "0.0 ms", "connection opened", "", False),
        ("to-server", "", "1.0 ms", "version offer", "v100..226", True),
        ("to-client", "", "2.0 ms", "greeting", "server version 226, 20250102 03:04:05 GMT", True),
    ]
    assert [(value.path, value.value) for value in found[2].values] == [
        ("serverVersion", "226"),
        ("time", "20250102 03:04:05"),
        ("zone", "GMT"),
    ]
    assert found[1].dump[0].startswith("     0 41 50 49 00")
    (shown,) = diagrams(seen_in(START))
    assert (shown.number, shown.client, shown.server) == (1, "127.0.0.1:5000", "127.0.0.1:7497")


@pytest.mark.parametrize("version", [178, 226])
def test_a_message_opens_to_its_fields_and_their_bytes(version: int) -> None:
    records: list[Record] = [
        Chunk(1, OUT, 1_000_000, offer(100, version)),
        Chunk(1, IN, 2_000_000, greeting(version, b"20250102 03:04:05 GMT")),
        Chunk(1, IN, 3_000_000, encode("nextValidId", IN, version, orderId=4711)),
    ]
    row = rows(records)[-1]
    assert (row.way, row.name, row.says) == ("to-client", "nextValidId", "orderId=4711")
    value = next(value for value in row.values if value.path == "orderId")
    assert value.value == "4711"
    assert bytes.fromhex(value.raw) in (b"4711", b"4711\0", b"\x08\xe7\x24", b"\xe7\x24")
    facts = dict(row.facts)
    assert facts["id"] == "9"
    assert facts["encoding"] == ("text" if version == 178 else "protobuf")


@pytest.mark.parametrize(
    ("code", "state"), [(2104, ""), (326, "error"), (100_000, "error")], ids=["information", "an error", "one that is not known"]
)
def test_an_error_is_told_from_information(code: int, state: str) -> None:
    frame = encode("error", IN, 226, id=-1, errorTime=0, errorCode=code, errorMsg="x", advancedOrderRejectJson="")
    row = after_start(Chunk(1, IN, 3_000_000, frame))
    assert (row.name, row.state) == ("error", state)


def test_bytes_that_are_no_message() -> None:
    row = after_start(Chunk(1, IN, 3_000_000, b"\xff\xff\xff\xff"), Closed(1, 4_000_000, IN, Close.RST))
    assert (row.way, row.state, row.name) == ("to-client", "end", "the server reset the connection (RST)")
    odd = rows([*START, Chunk(1, IN, 3_000_000, b"\xff\xff\xff\xff")])[-1]
    assert (odd.state, odd.name) == ("odd", "not frames")
    assert any(name == "reason" for name, _ in odd.facts)
    unknown = after_start(Chunk(1, IN, 3_000_000, b"\0\0\0\x08\0\0\x23\x29abcd"))
    assert (unknown.state, unknown.opens) == ("odd", True)


@pytest.mark.parametrize(
    ("record", "way", "state", "name", "says"),
    [
        (Closed(1, 3_000_000, IN, Close.FIN), "to-client", "end", "the server closed the connection (FIN)", ""),
        (Closed(1, 3_000_000, OUT, Close.FIN), "to-server", "end", "the client closed the connection (FIN)", ""),
        (Closed(1, 3_000_000, IN, Close.REFUSED), "to-client", "end", "the connection was refused", ""),
        (Closed(1, 3_000_000, IN, Close.TIMEOUT), "none", "end", "the attempt to connect got no answer", ""),
        (Closed(1, 3_000_000, IN, Close.UNREACHABLE), "none", "end", "the server could not be reached", ""),
        (Closed(1, 3_000_000, IN, Close.UNRESOLVED), "none", "end", "the name has no address", ""),
        (Note(1, IN, 3_000_000, "some words"), "none", "odd", "note", "some words"),
    ],
)
def test_records_that_are_no_bytes(record: Record, way: str, state: str, name: str, says: str) -> None:
    row = after_start(record)
    assert (row.way, row.state, row.name, row.says, row.opens) == (way, state, name, says, False)


def test_every_way_to_end_has_words() -> None:
    for how, direction in itertools.product(Close, Direction):
        assert after_start(Closed(1, 3_000_000, direction, how)).name


def test_missing_bytes() -> None:
    assert "1,460 bytes are missing from the capture" in [row.name for row in rows([*START, Gap(1, IN, 3_000_000, 1460)])]


def test_a_silence_has_a_row() -> None:
    quick = [*START, Closed(1, 501_999_999, OUT, Close.FIN)]
    slow = [*START, Closed(1, 4_002_000_000, OUT, Close.FIN)]
    assert [row.way for row in rows(quick)] == ["none", "to-server", "to-client", "to-server"]
    found = rows(slow)
    assert [(row.way, row.name) for row in found[3:]] == [
        ("silence", "4.0 s without a word"),
        ("to-server", "the client closed the connection (FIN)"),
    ]


def test_connections_stand_apart() -> None:
    _, kept = probed(SCENARIOS["client-id-bare-close"])
    found = diagrams(seen_in(kept.records))
    assert [each.number for each in found] == [1, 2]
    assert [each.rows[0].name for each in found] == ["connection opened"] * 2
    assert diagrams([]) == []


def test_of_a_long_conversation_the_beginning_and_the_end_are_shown() -> None:
    frame = encode("nextValidId", IN, 226, orderId=1)
    last = encode("nextValidId", IN, 226, orderId=2)
    records = [*START, *(Chunk(1, IN, 3_000_000, frame) for _ in range(1000)), Chunk(1, IN, 3_000_000, last)]
    found = rows(records)
    assert len(found) == FIRST_ROWS + 1 + LAST_ROWS
    assert found[FIRST_ROWS].name == f"{1004 - FIRST_ROWS - LAST_ROWS} more"
    assert (found[0].name, found[-1].says) == ("connection opened", "orderId=2")
    seen = list(seen_in([*START, *(Chunk(1, IN, 3_000_000, frame) for _ in range(FIRST_ROWS + LAST_ROWS - 2))]))
    assert len(seen) == FIRST_ROWS + LAST_ROWS + 1
    assert len(diagram(1, seen).rows) == len(seen), "a row is not left out for a row that says so"


def test_of_a_message_with_very_many_fields_the_first_are_shown() -> None:
    accounts = encode("managedAccounts", IN, 226, accountsList="DU1")
    assert after_start(Chunk(1, IN, 3_000_000, accounts)).rest == ""
    names = [{"accountId": f"DU{number}", "familyCode": "F"} for number in range(200)]
    row = after_start(Chunk(1, IN, 3_000_000, encode("familyCodes", IN, 226, familyCodes=names)))
    assert len(row.values) == MOST_FIELDS
    assert row.rest.endswith("more fields")


@pytest.mark.parametrize(
    ("nanoseconds", "text"), [(0, "0.0 ms"), (1_250_000, "1.2 ms"), (9_999_900_000, "9999.9 ms"), (10_000_000_000, "10.000 s")]
)
def test_times(nanoseconds: int, text: str) -> None:
    assert elapsed(nanoseconds) == text
