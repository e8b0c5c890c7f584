"""What a capture holds, as events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Mark, Note, Opened, Record
from twsprobe.capture.seen import Seen, fields_of, iso_time, seen_in, size_of
from twsprobe.wire.events import Decoded, Resynced, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
RECORDS: list[Record] = [
    Opened(0, 1000, "a:1", "b:2"),
    Chunk(0, TO_SERVER, 1100, offer(100, 176)),
    Chunk(0, TO_CLIENT, 1200, greeting(176, b"20240501 12:00:00 GMT") + frame(b"9\x001\x008\x00")),
    Chunk(0, TO_CLIENT, 1300, frame(b"999\x00a\x00") + frame(b"9\x001\x00x\x00") + b"\0\0"),
    Closed(0, 1400, TO_CLIENT, Close.FIN),
]


def facts(found: Iterator[Seen]) -> list[tuple[object, ...]]:
    return [(seen.event, seen.elapsed_ns, seen.direction, seen.id, seen.name) for seen in found]


def test_everything_is_seen_in_its_order() -> None:
    assert facts(seen_in(RECORDS)) == [
        ("opened", 0, None, None, "opened"),
        ("version_offer", 100, TO_SERVER, None, "version_offer"),
        ("greeting", 200, TO_CLIENT, None, "greeting"),
        ("message", 200, TO_CLIENT, 9, "nextValidId"),
        ("unknown", 300, TO_CLIENT, 999, "unknown"),
        ("undecodable", 300, TO_CLIENT, 9, "nextValidId"),
        ("undecodable", 400, TO_CLIENT, None, None),
        ("closed", 400, TO_CLIENT, None, "closed"),
    ]


def test_messages_that_are_not_wanted_are_passed_over_unread() -> None:
    asked: list[tuple[Direction, int | None]] = []

    def wanted(direction: Direction, id: int | None) -> bool:
        asked.append((direction, id))
        return id == 999

    assert [seen.event for seen in seen_in(RECORDS, wanted)] == ["opened", "version_offer", "greeting", "unknown", "undecodable", "closed"]
    assert asked == [(TO_CLIENT, 9), (TO_CLIENT, 999), (TO_CLIENT, 9)]


def test_what_had_begun_is_seen_before_the_fault_is_raised() -> None:
    def torn() -> Iterator[Record]:
        yield from RECORDS[:-1]
        raise CaptureError("x", 9, "torn")

    found: list[str] = []
    with pytest.raises(CaptureError, match="torn"):
        found.extend(seen.event for seen in seen_in(torn()))
    assert found[-2:] == ["undecodable", "undecodable"]


def test_sizes_add_up_to_what_was_sent() -> None:
    sizes = [size_of(seen.what) for seen in seen_in(RECORDS) if not isinstance(seen.what, Mark)]
    assert sum(sizes) == sum(len(record.data) for record in RECORDS if isinstance(record, Chunk))


def test_the_fields_of_what_is_no_message() -> None:
    named = {seen.event: fields_of(seen.what) for seen in seen_in(RECORDS) if not isinstance(seen.what, (Decoded, Unknown))}
    assert named == {
        "opened": {"client": "a:1", "server": "b:2"},
        "version_offer": {"minimum": 100, "maximum": 176, "connectOptions": ""},
        "greeting": {"serverVersion": 176, "time": "20240501 12:00:00", "zone": "GMT", "redirect": None},
        "undecodable": {},
        "closed": {"how": "fin"},
    }


def test_what_is_missing_is_seen_and_then_what_comes_of_it() -> None:
    records: list[Record] = [
        *RECORDS[:3],
        Chunk(0, TO_CLIENT, 1300, frame(b"9\x001\x008\x00")[:7]),
        Gap(0, TO_CLIENT, 1310, 3),
        Gap(0, TO_CLIENT, 1320, None),
        Chunk(0, TO_CLIENT, 1330, b"torn" + frame(b"9\x001\x008\x00") * 2),
    ]
    assert facts(seen_in(records))[4:] == [
        ("gap", 310, TO_CLIENT, None, "gap"),
        ("undecodable", 310, TO_CLIENT, None, "nextValidId"),
        ("gap", 320, TO_CLIENT, None, "gap"),
        ("resynced", 330, TO_CLIENT, None, "resynced"),
        ("message", 330, TO_CLIENT, 9, "nextValidId"),
        ("message", 330, TO_CLIENT, 9, "nextValidId"),
    ]
    [resynced] = [seen.what for seen in seen_in(records) if isinstance(seen.what, Resynced)]
    assert size_of(resynced) == len(b"torn")


def test_a_server_version_may_be_named_for_a_connection_that_began_before() -> None:
    records: list[Record] = [Gap(0, TO_CLIENT, 1, None), Chunk(0, TO_CLIENT, 1, frame(b"9\x001\x008\x00") * 2)]
    versions = [
        [seen.what.server_version for seen in seen_in(records, server_version=named) if isinstance(seen.what, Decoded)]
        for named in (None, 151)
    ]
    assert versions == [[200, 200], [151, 151]]


def test_what_is_no_bytes_is_seen_as_it_is() -> None:
    marks: list[Mark] = [Note(0, TO_CLIENT, 1350, "fault: delayed"), Gap(0, TO_SERVER, 1360, None)]
    seen = list(seen_in([*RECORDS[:-1], *marks]))
    assert facts(each for each in seen if each.what in marks) == [
        ("note", 350, TO_CLIENT, None, "note"),
        ("gap", 360, TO_SERVER, None, "gap"),
    ]
    assert fields_of(marks[0]) == {"text": "fault: delayed"}
    assert fields_of(marks[1]) == {"size": None}


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (999, "1970-01-01T00:00:00.000000Z"),
        (1_714_564_800_123_456_789, "2024-05-01T12:00:00.123456Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999Z"),
        (253_402_300_800_000_000_000, "253402300800000000000"),
        (-62_135_596_800_000_000_001, "-62135596800000000001"),
        (10**21, str(10**21)),
        (10**40, str(10**40)),
    ],
)
def test_times(time_ns: int, text: str) -> None:
    assert iso_time(time_ns) == text
