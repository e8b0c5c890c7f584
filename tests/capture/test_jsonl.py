import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.capture.recording import CREATED_NS, RECORDS, all_of, headers, in_pieces, records
from twsprobe.capture import jsonl
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.members import MAX_HEADER, MAX_NUMBER, members_of, shown
from twsprobe.capture.model import CaptureError, Chunk, Gap, Note, Opened, Record
from twsprobe.wire.framing import Direction

HEADER = b'{"format": "twsprobe.capture/1", "created": "2024-05-01T12:00:00Z"}\n'
SOUND = b'{"t": 1, "c": 0, "to": "client", "data": "ok"}\n'

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_all(data: bytes, block: int = 1 << 16) -> tuple[list[Record], CaptureError | None]:
    """The records that ``data`` give, read in blocks of that many bytes, and the error after them."""
    return all_of(lambda: jsonl.read(in_pieces(data, block), "x.jsonl")[1])


def written(path: Path, records: list[Record]) -> bytes:
    with Writer(path, program="twsprobe 0.1.0", created_ns=CREATED_NS, overwrite=True) as writer:
        for record in records:
            writer.write(record)
    return path.read_bytes()


def test_the_file_is_what_the_format_says(tmp_path: Path) -> None:
    lines = written(tmp_path / "x", RECORDS[:2] + RECORDS[3:]).decode("ascii").split("\n")
    assert lines == [
        '{"format": "twsprobe.capture/1", "program": "twsprobe 0.1.0", "created": "2024-05-01T12:00:00.000000Z"}',
        '{"t": 812000, "c": 0, "event": "opened", "client": "127.0.0.1:51234", "server": "127.0.0.1:7497"}',
        r'{"t": 1290000, "c": 0, "to": "server", "data": "API\u0000\u0000\u0000\u0000\tv100..226"}',
        '{"t": 9123000, "c": 0, "event": "closed", "to": "client", "how": "fin"}',
        "",
    ]


def test_what_is_missing_and_what_was_done_are_in_the_file(tmp_path: Path) -> None:
    marks: list[Record] = [
        Gap(0, Direction.TO_CLIENT, CREATED_NS + 1, 1460),
        Gap(0, Direction.TO_SERVER, CREATED_NS + 2, None),
        Note(0, Direction.TO_CLIENT, CREATED_NS + 3, "fault: caf\u00e9"),
    ]
    data = written(tmp_path / "x", marks)
    assert data.decode("ascii").split("\n")[1:] == [
        '{"t": 1, "c": 0, "event": "gap", "to": "client", "size": 1460}',
        '{"t": 2, "c": 0, "event": "gap", "to": "server"}',
        r'{"t": 3, "c": 0, "event": "note", "to": "client", "text": "fault: caf\u00e9"}',
        "",
    ]
    assert read_all(data) == (marks, None)


@pytest.mark.parametrize("size", [0, -1, MAX_NUMBER + 1])
def test_a_gap_that_is_none_is_not_written(tmp_path: Path, size: int) -> None:
    with Writer(tmp_path / "x") as writer, pytest.raises(ValueError, match="out of range"):
        writer.write(Gap(0, Direction.TO_CLIENT, CREATED_NS, size))


def test_every_byte_is_written_as_printable_ascii(tmp_path: Path) -> None:
    data = written(tmp_path / "x", RECORDS)
    assert all(0x20 <= byte < 0x7F or byte == 0x0A for byte in data)
    assert read_all(data) == (RECORDS, None)


@in_one_folder
@given(st.lists(records, max_size=5), headers, st.integers(0, MAX_NUMBER), st.integers(1, 400))
@example([Chunk(0, Direction.TO_CLIENT, 0, b"")], {}, MAX_NUMBER, 1)
@example([Chunk(MAX_NUMBER, Direction.TO_CLIENT, MAX_NUMBER, b"")], {}, 0, 1)
def test_what_is_written_is_read(tmp_path: Path, expected: list[Record], metadata: dict[str, str], created_ns: int, block: int) -> None:
    path = tmp_path / "x"
    with Writer(path, metadata=metadata, created_ns=created_ns, overwrite=True) as writer:
        for record in expected:
            writer.write(record)
    data = path.read_bytes()
    header, read = jsonl.read((data[start : start + block] for start in range(0, len(data), block)), "x")
    assert list(read) == expected
    assert header.items() >= metadata.items()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(records, max_size=5))
def test_each_line_is_what_the_members_are_as_json(tmp_path: Path, given: list[Record]) -> None:
    with Writer(tmp_path / "x", created_ns=CREATED_NS, overwrite=True) as writer:
        for record in given:
            writer.write(record)
    _, *lines = (tmp_path / "x").read_bytes().splitlines()
    for record, line in zip(given, lines, strict=True):
        data = {"data": record.data.decode("latin-1")} if isinstance(record, Chunk) else {}
        assert line == shown({"t": record.time_ns - CREATED_NS, **members_of(record), **data})


def test_text_that_is_not_unicode_is_still_readable(tmp_path: Path) -> None:
    with Writer(tmp_path / "x", metadata={"target": "h\udcff"}) as writer:
        writer.write(Opened(0, 1, "", "h\udcff:1"))
    header, records = jsonl.read([(tmp_path / "x").read_bytes()], "x")
    assert header["target"] == r"h\udcff"
    assert [record.server for record in records if isinstance(record, Opened)] == [r"h\udcff:1"]


def test_a_chunk_too_long_for_a_line_becomes_several(tmp_path: Path) -> None:
    data = os.urandom(1 << 10) * (3 << 10)
    read, error = read_all(written(tmp_path / "x", [Chunk(7, Direction.TO_CLIENT, CREATED_NS, data + b"\0")]))
    assert error is None
    assert len(read) == 4
    assert b"".join(chunk.data for chunk in read if isinstance(chunk, Chunk)) == data + b"\0"


@pytest.mark.parametrize(("connection", "time_ns"), [(-1, 0), (0, -1), (MAX_NUMBER + 1, 0), (0, MAX_NUMBER + 1)])
def test_a_record_that_could_not_be_read_is_not_written(tmp_path: Path, connection: int, time_ns: int) -> None:
    with Writer(tmp_path / "x") as writer, pytest.raises(ValueError, match="out of range"):
        writer.write(Chunk(connection, Direction.TO_CLIENT, time_ns, b""))


@pytest.mark.parametrize("metadata", [{"comment": "x" * MAX_HEADER}, {str(key): "" for key in range(65)}])
def test_a_header_that_could_not_be_read_is_not_written(tmp_path: Path, metadata: dict[str, str]) -> None:
    with pytest.raises(CaptureError):
        Writer(tmp_path / "x", metadata=metadata)
    assert not (tmp_path / "x").exists()


def test_metadata_leave_the_required_keys_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="created"):
        Writer(tmp_path / "x", metadata={"created": "yesterday"})


# Reading files that are not as they should be


@pytest.mark.parametrize("block", [1, 1 << 16])
def test_a_file_cut_anywhere_gives_exactly_the_complete_records(tmp_path: Path, block: int) -> None:
    data = written(tmp_path / "x", RECORDS)
    for size in range(len(data)):
        lines = data[:size].count(b"\n")
        read, error = read_all(data[:size], block)
        assert read == RECORDS[: max(0, lines - 1)]
        if data[:size].endswith(b"\n"):
            assert error is None
        elif size:
            assert error is not None
            position = data.rfind(b"\n", 0, size) + 1
            assert error.reason == f"torn at byte {position}: the last line is incomplete"
            assert error.position == position


def test_any_flipped_bit_gives_records_or_a_capture_error(tmp_path: Path) -> None:
    data = bytearray(written(tmp_path / "x", RECORDS))
    line_of = [data.count(b"\n", 0, offset) for offset in range(len(data))]
    for offset in range(len(data)):
        for bit in range(8):
            data[offset] ^= 1 << bit
            read, _ = read_all(bytes(data))
            before = max(0, line_of[offset] - 1)
            assert read[:before] == RECORDS[:before]
            data[offset] ^= 1 << bit


@settings(max_examples=2000)
@given(st.binary(max_size=200), st.sampled_from([b"", b"{", HEADER, HEADER + SOUND, HEADER + SOUND[:-9]]), st.integers(1, 99))
def test_random_bytes_give_records_or_a_capture_error(tail: bytes, start: bytes, block: int) -> None:
    assert read_all(start + tail, block)[0][:1] in ([], read_all(HEADER + SOUND)[0])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["client", "server", "opened", "closed", "rst", "gap", "note"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
json_lines = st.dictionaries(
    st.sampled_from(["t", "c", "to", "data", "event", "client", "server", "how", "size", "text", "x"]), json_values, max_size=6
)


@settings(max_examples=500)
@given(st.lists(json_lines | json_values, max_size=3))
def test_any_json_gives_records_or_a_capture_error(values: list[object]) -> None:
    read_all(HEADER + b"".join(json.dumps(value).encode() + b"\n" for value in values))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 100_000, "is not a flat JSON object"),
        (b'{"t": ' * 100_000, "is not a flat JSON object"),
        (b'{"t": {}}', "is not a flat JSON object"),
        (b"", "is not a flat JSON object"),
        (b"null", "is not a flat JSON object"),
        (b'{"t": %s, "c": 0, "to": "client", "data": ""}' % (b"9" * 100_000), "is not a flat JSON object"),
        (b'{"t": NaN, "c": 0, "to": "client", "data": ""}', "is not a flat JSON object"),
        (b'{"t": 1e3, "c": 0, "to": "client", "data": ""}', "is not a flat JSON object"),
        (b'{"t": true, "c": 0, "to": "client", "data": ""}', "is not a flat JSON object"),
        (b'{"t": 1, "c": 0, "to": "client", "data": null}', "is not a flat JSON object"),
        (b'{"t": 01, "c": 0, "to": "client", "data": ""}', "is not JSON at its byte"),
        (b'{"t": 1, "c": 0, "to": "client", "data": "\\x41"}', "is not JSON at its byte"),
        (b'{"t": 1, "c": 0, "to": "client", "data": "\x00"}', "is not JSON at its byte"),
        (b'{"t": 1, "c": 0, "to": "client", "data": "\xc3\xa9"}', "has a byte that is not ASCII"),
        (b'\xef\xbb\xbf{"t": 1, "c": 0, "to": "client", "data": ""}', "has a byte that is not ASCII"),
        (b'{"t": 1, "t": 1, "c": 0, "to": "client", "data": ""}', "has a key twice"),
        (b'{"t": 1, "c": 0, "to": "client", "data": "\\u0100"}', 'has a character above U+00FF in "data"'),
        (b'{"t": 1, "c": 0, "to": "client", "data": "\\ud83d\\ude00"}', 'has a character above U+00FF in "data"'),
        (b'{"t": 1, "c": 0, "to": "client", "data": "\\ud83d"}', "has half a surrogate pair in 'data'"),
        (b'{"t": 1, "c": 0, "event": "opened", "client": "\\udc00", "server": ""}', "has half a surrogate pair in 'client'"),
        (b'{"t": "1", "c": 0, "to": "client", "data": ""}', 'has no whole number "t"'),
        (b'{"t": 1, "to": "client", "data": ""}', 'has no whole number "c"'),
        (b'{"t": 1, "c": 0, "to": "client", "data": 5}', "has no text 'data'"),
        (b'{"t": 1, "c": 0, "data": ""}', "has no text 'to'"),
        (b'{"t": 1, "c": 0, "to": "to_client", "data": ""}', 'has a "to" that is none of server, client'),
        (b'{"t": 1, "c": -1, "to": "client", "data": ""}', 'has a "c" that is out of range'),
        (b'{"t": -1714564800000000001, "c": 0, "to": "client", "data": ""}', "is at a time before 1970"),
        (b'{"t": 9223372036854775807, "c": 0, "to": "client", "data": ""}', "is at a time before 1970 or after 2262"),
        (b'{"t": 1, "c": 0, "to": "client", "data": "", "x": 1}', "has a key that does not belong there"),
        (b'{"t": 1, "c": 0, "to": "client"}', 'has no "data", and no "event"'),
        (b'{"t": 1, "c": 0, "event": "lost", "to": "client"}', 'has no "data", and no "event"'),
        (b'{"t": 1, "c": 0, "event": "closed", "to": "client", "how": "reset"}', 'has a "how" that is none of fin, rst'),
        (b'{"t": 1, "c": 0, "event": "gap", "to": "client", "size": 0}', 'has a "size" that is out of range'),
        (b'{"t": 1, "c": 0, "event": "gap", "to": "client", "size": "1"}', 'has no whole number "size"'),
        (b'{"t": 1, "c": 0, "event": "gap", "to": "client", "text": ""}', "has a key that does not belong there"),
        (b'{"t": 1, "c": 0, "event": "note", "to": "client"}', "has no text 'text'"),
        (b'{"t": 1, "c": 0, "event": "opened", "to": "client", "client": "", "server": ""}', "has a key that does not belong there"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_position(line: bytes, reason: str) -> None:
    position = len(HEADER + SOUND)
    read, error = read_all(HEADER + SOUND + line + b"\n" + SOUND)
    assert len(read) == 1
    assert error is not None
    assert error.reason.startswith(f"line 3 at byte {position} {reason}")
    assert error.position == position
    assert "\n" not in str(error)


def test_a_last_line_that_is_not_json_is_torn() -> None:
    read, error = read_all(HEADER + SOUND + SOUND[:20] + b"\n")
    assert len(read) == 1
    assert error is not None
    assert error.reason.startswith(f"torn at byte {len(HEADER + SOUND)}: the last line is incomplete (it is not a flat JSON object")


def test_a_bad_line_before_a_torn_one_is_the_fault_that_is_named() -> None:
    _, error = read_all(HEADER + b"{}\n" + SOUND[:20])
    assert error is not None
    assert error.reason.startswith(f"line 2 at byte {len(HEADER)} is not")


def test_line_ends_of_windows_and_other_spacing_are_read() -> None:
    data = (HEADER + SOUND).replace(b"\n", b"\r\n").replace(b", ", b" ,\t").replace(b": ", b":")
    assert read_all(data) == read_all(HEADER + SOUND)


def test_the_order_of_keys_does_not_matter() -> None:
    assert read_all(HEADER + b'{"data": "ok", "to": "client", "c": 0, "t": 1}\n') == read_all(HEADER + SOUND)


def test_a_clock_that_was_set_back_gives_negative_times() -> None:
    read, error = read_all(HEADER + b'{"t": -5, "c": 0, "to": "client", "data": ""}\n')
    assert (read, error) == ([Chunk(0, Direction.TO_CLIENT, CREATED_NS - 5, b"")], None)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"{}", "is not a flat JSON object"),
        (b'{"a": 1}', 'has no "format": "twsprobe.capture/1"'),
        (b'{"format": 1}', 'has no "format": "twsprobe.capture/1"'),
        (b'{"format": "twsprobe.capture/2"}', "has a format other than twsprobe.capture/1: a newer twsprobe may read it"),
        (b'{"format": "twsprobe.capture/1"}', "has no text 'created'"),
        (b'{"format": "twsprobe.capture/1", "created": 5}', "has no text 'created'"),
        (b'{"format": "twsprobe.capture/1", "created": "now"}', 'has a "created" that is not like'),
        (b'{"format": "twsprobe.capture/1", "created": "2024-02-30T00:00:00Z"}', 'has a "created" that is no time'),
        (b'{"format": "twsprobe.capture/1", "created": "2024-02-03T24:00:00Z"}', 'has a "created" that is not like'),
        (b'{"format": "twsprobe.capture/1", "created": "2024-05-01T12:00:00Z", "x": 1}', "has no text 'x'"),
        (b'{"format": "twsprobe.capture/1", "created": "2024-05-01T12:00:00Z", "\\ud800": ""}', "has a key with half a surrogate pair"),
        (b'{"format": "twsprobe.capture/1", "created": "2024-05-01T12:00:00Z", "x": "\\ud800"}', "has half a surrogate pair in 'x'"),
    ],
)
def test_a_bad_header_is_named(header: bytes, reason: str) -> None:
    read, error = read_all(header + b"\n" + SOUND)
    assert read == []
    assert error is not None
    assert error.reason.startswith(f"is not a capture that twsprobe reads: its first line {reason}")


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_too_long_is_refused(end: bytes) -> None:
    read, error = read_all(HEADER + SOUND + b"x" * (jsonl.MAX_LINE + 1) + end)
    assert len(read) == 1
    assert error is not None
    assert error.reason == f"line 3 at byte {len(HEADER + SOUND)} is longer than {jsonl.MAX_LINE} bytes"


@pytest.mark.parametrize(
    ("start", "filler", "limit"),
    [
        (b"{", b"x", 2 << 20),
        (HEADER + SOUND, b"x", 64 << 20),
        (HEADER + b'{"t": [', b"{},", 64 << 20),
        (HEADER + b'{"t": 1, "c": 0, "to": "client", "data": "', b"\\u0000", 64 << 20),
        (HEADER + b'{"a": 1', b',"":""', 64 << 20),
    ],
)
def test_memory_is_bounded_in_a_file_without_line_feeds(start: bytes, filler: bytes, limit: int) -> None:
    block = filler * (64 << 10)
    blocks = (start if number == 0 else block for number in range((64 << 20) // len(block)))
    tracemalloc.start()
    try:
        with pytest.raises(CaptureError, match="is longer than"):
            list(jsonl.read(blocks, "x")[1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


@pytest.mark.parametrize(
    "line", [b'{"t": [' + b"{}," * (5 << 20), b'{"a": 1' + b',"":""' * (2 << 20) + b"}", b'{"a": "' + b"\\u0000" * (2 << 20)]
)
def test_a_hostile_line_of_the_longest_kind_costs_a_small_multiple_of_itself(line: bytes) -> None:
    tracemalloc.start()
    try:
        read_all(HEADER + line + b"\n")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * jsonl.MAX_LINE
