import pytest
from hypothesis import given

from tests.capture.recording import CREATED_NS, TO_CLIENT, TO_SERVER, headers, records
from twsprobe.capture.members import (
    MAX_NUMBER,
    MAX_TEXT,
    Members,
    direction_of,
    header_of,
    members_in,
    members_of,
    new_header,
    record_of,
    shown,
)
from twsprobe.capture.model import Chunk, Close, Closed, Gap, Note, Opened, Record


@given(records)
def test_what_a_record_says_is_read_again(record: Record) -> None:
    members = members_in(shown({"t": record.time_ns, **members_of(record)} | ({"data": ""} if isinstance(record, Chunk) else {})))
    assert record_of(members, 0) == (record._replace(data=b"") if isinstance(record, Chunk) else record)


@given(headers)
def test_a_header_is_read_again(metadata: dict[str, str]) -> None:
    header, start_ns = new_header(metadata, "a program", CREATED_NS + 999)
    assert start_ns == CREATED_NS
    read, read_start_ns = header_of(members_in(shown(header)))
    assert read == {"format": "twsprobe.capture/1", "program": "a program", "created": "2024-05-01T12:00:00.000000Z"} | metadata
    assert read_start_ns == CREATED_NS


def test_the_members_are_named_as_in_the_file() -> None:
    assert members_of(Closed(3, 1, TO_CLIENT, Close.RST)) == {"c": 3, "event": "closed", "to": "client", "how": "rst"}
    assert members_of(Gap(3, TO_SERVER, 1, None)) == {"c": 3, "event": "gap", "to": "server"}
    assert shown({"c": 1, "text": "caf\u00e9\n"}) == rb'{"c": 1, "text": "caf\u00e9\n"}'


def test_the_direction_is_named_by_its_receiver() -> None:
    assert direction_of({"to": "server"}) is TO_SERVER
    with pytest.raises(ValueError, match='"to" that is none of server, client'):
        direction_of({"to": "both"})


@pytest.mark.parametrize(
    "record",
    [
        Opened(-1, 0, "", ""),
        Opened(0, MAX_NUMBER + 1, "", ""),
        Opened(0, 0, "x" * (MAX_TEXT + 1), ""),
        Opened(0, 0, "", "\udcff" * (MAX_TEXT // 6 + 1)),
        Note(0, TO_CLIENT, 0, "x" * (MAX_TEXT + 1)),
        Gap(0, TO_CLIENT, 0, 0),
    ],
)
def test_a_record_that_could_not_be_read_is_refused(record: Record) -> None:
    with pytest.raises(ValueError, match="out of range"):
        members_of(record)


def test_a_text_that_is_too_long_is_not_read() -> None:
    note: Members = {"t": 0, "c": 0, "event": "note", "to": "client", "text": "x" * MAX_TEXT}
    assert record_of(note, 0) == Note(0, TO_CLIENT, 0, "x" * MAX_TEXT)
    with pytest.raises(ValueError, match=f"a text of more than {MAX_TEXT} characters in 'text'"):
        record_of(note | {"text": "x" * (MAX_TEXT + 1)}, 0)
