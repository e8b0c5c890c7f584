import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.capture.recording import (
    CREATED_NS,
    EVERY_KIND,
    FIRST,
    RECORDS,
    SERVER,
    TO_CLIENT,
    TO_SERVER,
    all_of,
    headers,
    in_pieces,
    records,
)
from twsprobe.capture import jsonl, pcapng
from twsprobe.capture.members import FORMAT, MAX_CHUNK, MAX_NUMBER
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.pcapng_blocks import FORMATS, MAX_BLOCK
from twsprobe.capture.pcapng_writing import Writer
from twsprobe.capture.segments import Segments

OPENED = Opened(0, 1, FIRST, SERVER)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(path: Path, given: list[Record], metadata: dict[str, str] | None = None) -> tuple[bytes, list[int]]:
    """A file of some records: its bytes, and where the header and each record end."""
    with Writer(path, program="twsprobe 0.1.0", created_ns=CREATED_NS, metadata=metadata, overwrite=True) as writer:
        ends = [writer.position]
        for record in given:
            writer.write(record)
            ends.append(writer.position)
    return path.read_bytes(), ends


def read_all(data: bytes, size: int = 1 << 16) -> tuple[list[Record], CaptureError | None]:
    """The records that can be read, and the error after them."""
    return all_of(lambda: pcapng.read(in_pieces(data, size), "x.pcapng")[1])


def blocks(data: bytes) -> list[bytes]:
    """The blocks of a file."""
    found, start = [], 0
    while start < len(data):
        [length] = struct.unpack_from("<I", data, start + 4)
        found.append(data[start : start + length])
        start += length
    return found


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_every_kind_of_record_is_read_as_it_was_written(tmp_path: Path, size: int) -> None:
    data, _ = written(tmp_path / "x", EVERY_KIND, {"target": SERVER})
    header, read = pcapng.read(in_pieces(data, size), "x")
    assert header == {"format": FORMAT, "program": "twsprobe 0.1.0", "created": "2024-05-01T12:00:00.000000Z", "target": SERVER}
    assert list(read) == EVERY_KIND


@in_one_folder
@given(st.lists(records, max_size=8), headers, st.integers(1, 400))
@example([Chunk(MAX_NUMBER, TO_CLIENT, MAX_NUMBER, b"")], {}, 1)
@example([OPENED, Closed(0, 1, TO_CLIENT, Close.RST), OPENED._replace(connection=1), Chunk(0, TO_CLIENT, 2, b"late")], {}, 9)
@example([Closed(0, 1, TO_CLIENT, Close.FIN), Closed(0, 1, TO_SERVER, Close.REFUSED), Chunk(0, TO_SERVER, 1, b"x")], {}, 9)
@example([OPENED, Closed(0, 1, TO_CLIENT, Close.FIN), Opened(0, 1, "", ""), Closed(0, 2, TO_SERVER, Close.FIN)] * 2, {}, 9)
@example([OPENED, Closed(0, 1, TO_CLIENT, Close.FIN), OPENED, Closed(0, 2, TO_SERVER, Close.FIN), Chunk(0, TO_CLIENT, 3, b"x")], {}, 9)
@example([Chunk(0, TO_SERVER, 1, b"x" * 200_000), Note(0, TO_SERVER, 1, "\U0001f600" * 60_000)], {}, 400)
def test_nothing_is_lost_on_the_way_from_json_lines_and_back(
    tmp_path: Path, given: list[Record], metadata: dict[str, str], size: int
) -> None:
    there, back = tmp_path / "there.jsonl", tmp_path / "back.jsonl"
    with jsonl.Writer(there, program="p", metadata=metadata, created_ns=CREATED_NS, overwrite=True) as lines:
        for record in given:
            lines.write(record)
    header, read = jsonl.read([there.read_bytes()], "x")
    with Writer(tmp_path / "x", program="p", metadata=metadata, created_ns=CREATED_NS, overwrite=True) as writer:
        for record in read:
            writer.write(record)
    through, read = pcapng.read(in_pieces((tmp_path / "x").read_bytes(), size), "x")
    assert through == header
    found = list(read)
    assert found == given
    with jsonl.Writer(back, program="p", metadata=metadata, created_ns=CREATED_NS, overwrite=True) as lines:
        for record in found:
            lines.write(record)
    assert back.read_bytes() == there.read_bytes()


def test_a_chunk_of_the_longest_kind_comes_back_whole(tmp_path: Path) -> None:
    chunk = Chunk(3, TO_CLIENT, CREATED_NS, bytes(range(256)) * (MAX_CHUNK >> 8))
    assert read_all(written(tmp_path / "x", [chunk])[0]) == ([chunk], None)
    longer = chunk._replace(data=chunk.data + b"!")
    assert read_all(written(tmp_path / "x", [longer])[0]) == ([chunk, chunk._replace(data=b"!")], None)


def test_our_file_is_known_by_its_beginning(tmp_path: Path) -> None:
    data, _ = written(tmp_path / "x", [])
    assert pcapng.is_ours(data[:46])
    assert not pcapng.is_ours(data[:45])
    assert not pcapng.is_ours(b"")
    assert not pcapng.is_ours(data.replace(b"capture/1", b"capture/2"))
    assert not pcapng.is_ours(data[:8] + data[8:12][::-1] + data[12:])


# Files that are not as they should be


@pytest.mark.parametrize("size", [11, 1 << 16])
def test_a_file_cut_anywhere_gives_exactly_the_complete_records(tmp_path: Path, size: int) -> None:
    given = [*RECORDS, *EVERY_KIND[3:6], Chunk(9, TO_CLIENT, 1, bytes(70_000))] if size > 11 else EVERY_KIND
    data, ends = written(tmp_path / "x", given)
    cuts = range(len(data)) if len(data) < 20_000 else [*range(4_000), *range(ends[-2] + 65_000, len(data), 7), len(data) - 1]
    for cut in cuts:
        read, error = read_all(data[:cut], size)
        whole = [end for end in ends if end <= cut]
        assert read == given[: max(0, len(whole) - 1)]
        if cut in ends:
            assert error is None
            continue
        assert error is not None
        assert error.reason.startswith(f"torn at byte {error.position}: ")
        assert error.position in ([whole[-1]] if whole else [0, len(blocks(data)[0])])


def test_any_flipped_bit_is_found_before_anything_wrong_is_read(tmp_path: Path) -> None:
    data, ends = written(tmp_path / "x", RECORDS)
    changed = bytearray(data)
    for offset in range(len(data)):
        before = max(0, sum(end <= offset for end in ends) - 1)
        for bit in range(8):
            changed[offset] ^= 1 << bit
            read, error = read_all(bytes(changed))
            assert read == RECORDS[:before]
            assert error is not None
            changed[offset] ^= 1 << bit


@pytest.mark.parametrize("filler", [0x00, 0x41, 0xFF])
def test_an_overwritten_sector_is_found(tmp_path: Path, filler: int) -> None:
    given: list[Record] = [*RECORDS[:3], *(Chunk(0, TO_CLIENT, number, bytes((number,)) * 100) for number in range(100))]
    data, ends = written(tmp_path / "x", given)
    for start in range(0, len(data), 512):
        read, error = read_all(data[:start] + bytes((filler,)) * len(data[start : start + 512]) + data[start + 512 :])
        assert read == given[: max(0, sum(end <= start for end in ends) - 1)]
        assert error is not None


def test_a_block_that_is_missing_or_there_twice_or_elsewhere_is_found(tmp_path: Path) -> None:
    data, _ = written(tmp_path / "x", EVERY_KIND)
    parts = blocks(data)
    for number in range(len(parts) - 1):
        one, two = parts[number], parts[number + 1]
        for wrong in ([two], [one, one, two], [two, one]):
            read, error = read_all(b"".join([*parts[:number], *wrong, *parts[number + 2 :]]))
            assert read == EVERY_KIND[: len(read)]
            assert error is not None


@pytest.mark.parametrize("length", [0, 1, 3, 8, 11, 12, 13, 84, 86, MAX_BLOCK + 4, (1 << 31) - 1, (1 << 32) - 1])
@pytest.mark.parametrize("tail", [b"", bytes(100)])
def test_a_length_that_no_block_has_is_refused_at_once(tmp_path: Path, length: int, tail: bytes) -> None:
    data, ends = written(tmp_path / "x", RECORDS[:1])
    read, error = read_all(data + struct.pack("<II", 6, length) + tail)
    assert read == RECORDS[:1]
    assert error is not None
    assert error.reason == f"corrupt at byte {ends[-1]}: a block of type 6 with {length} bytes"
    for start in (0, len(blocks(data)[0])):
        read, error = read_all(data[: start + 4] + struct.pack("<I", length) + data[start + 8 :])
        assert read == []
        assert error is not None
        assert error.position == start


def test_a_length_that_differs_at_the_end_is_found(tmp_path: Path) -> None:
    data, ends = written(tmp_path / "x", RECORDS)
    read, error = read_all(data[:-4] + struct.pack("<I", 12))
    assert read == RECORDS[:-1]
    assert error is not None
    assert error.reason == f"corrupt at byte {ends[-2]}: the block does not match its checksum"


def test_memory_is_bounded_by_a_block_whatever_it_says(tmp_path: Path) -> None:
    data, _ = written(tmp_path / "x", [])
    head = struct.pack("<IIIIIII", 6, MAX_BLOCK, 0, 0, 0, MAX_BLOCK - 100, MAX_BLOCK - 100)

    def pieces() -> Iterator[bytes]:
        yield data + head
        for _ in range(640):
            yield bytes(64 << 10)

    tracemalloc.start()
    try:
        with pytest.raises(CaptureError, match="corrupt"):
            list(pcapng.read(pieces(), "x")[1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_BLOCK


# Blocks with a right checksum, and something wrong in them


def sealed_packet(number: int, packet: bytes, comment: bytes = b"", captured: int | None = None, time_ns: int = 1) -> bytes:
    """An enhanced packet block as the writer would make it."""
    captured = len(packet) if captured is None else captured
    body = FORMATS["<"].enhanced_packet.pack(0, time_ns >> 32, time_ns & 0xFFFFFFFF, captured, captured) + packet + bytes(-len(packet) % 4)
    body += pcapng.comments(comment)
    length = 8 + len(body) + 20
    return pcapng.sealed(struct.pack("<II", 6, length) + body, number, length)


def packet_of(record: Record, *before: Record) -> bytes:
    """The last packet of a record."""
    segments = Segments()
    for other in before:
        segments.of(other)
    return segments.of(record)[-1][-1].data


DATA = packet_of(Chunk(0, TO_CLIENT, 1, b"data"))
PART = packet_of(Chunk(0, TO_CLIENT, 1, b"data"))[:33] + b"\x10" + DATA[34:]
OTHER = packet_of(Chunk(1, TO_CLIENT, 1, b"data"), Chunk(0, TO_CLIENT, 1, b""))


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([(DATA, b"")], "a packet of a connection that did not begin"),
        ([(DATA[:19], b'{"c": 0, "to": "client"}' * 2)], "a packet that twsprobe does not write"),
        ([(b"\x55" + DATA[1:], b"")], "a packet that twsprobe does not write"),
        ([(DATA, b"{")], "is not a flat JSON object"),
        ([(DATA, b'{"c": 0, "to": "both"}')], 'has a "to" that is none of'),
        ([(DATA, b'{"c": -1, "to": "client"}')], 'has a "c" that is out of range'),
        ([(DATA, b'{"c": 0, "event": "lost", "to": "client"}')], 'has no "data"'),
        ([(PART, b'{"c": 0, "to": "client"}'), (OTHER, b'{"c": 1, "to": "client"}')], "a packet amid a chunk of another connection"),
    ],
)
def test_what_the_writer_would_not_write_is_named(tmp_path: Path, blocks: list[tuple[bytes, bytes]], reason: str) -> None:
    data, _ = written(tmp_path / "x", [])
    *sound, last = [sealed_packet(2 + number, packet, comment) for number, (packet, comment) in enumerate(blocks)]
    read, error = read_all(data + b"".join([*sound, last]))
    position = len(data) + sum(map(len, sound))
    assert read == []
    assert error is not None
    assert error.reason.startswith(f"corrupt at byte {position}: {reason}")
    assert error.position == position


@pytest.mark.parametrize(("captured", "time_ns"), [(len(DATA) + 5, 1), (0xFFFFFFFF, 1), (len(DATA), MAX_NUMBER + 1)])
def test_a_packet_longer_than_its_block_or_too_late_is_refused(tmp_path: Path, captured: int, time_ns: int) -> None:
    data, _ = written(tmp_path / "x", [Chunk(0, TO_CLIENT, 1, b"data")])
    read, error = read_all(data + sealed_packet(3, DATA, captured=captured, time_ns=time_ns))
    assert len(read) == 1
    assert error is not None
    assert error.reason.endswith("a packet that is longer than its block, or from after 2262")


def test_a_chunk_that_never_ends_is_not_kept(tmp_path: Path) -> None:
    data, _ = written(tmp_path / "x", [])
    part = PART + bytes(60_000)
    more = b"".join(sealed_packet(number, part, b'{"c": 0, "to": "client"}') for number in range(2, 40))
    read, error = read_all(data + more)
    assert read == []
    assert error is not None
    assert error.reason.endswith(f"a chunk of more than {MAX_CHUNK} bytes")


PACKETS = [DATA, PART, OTHER, packet_of(Opened(0, 1, "[::1]:1", "[::1]:1")), packet_of(RECORDS[-1], RECORDS[0]), b"\x45", b"`"]
COMMENTS = [b"", b'{"c": 0, "to": "client"}', b'{"c": 0, "event": "closed", "to": "client", "how": "fin"}']
any_packet = st.tuples(
    st.sampled_from(PACKETS), st.binary(max_size=40), st.sampled_from(COMMENTS) | st.binary(max_size=9), st.integers(0, 60)
)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The header of a file."""
    return written(tmp_path_factory.getbasetemp() / "beginning.pcapng", [])[0]


@settings(max_examples=500)
@given(st.lists(any_packet, max_size=6))
def test_any_packets_and_comments_give_records_or_a_capture_error(beginning: bytes, given: list[tuple[bytes, bytes, bytes, int]]) -> None:
    made = [sealed_packet(2 + number, first[:cut] + rest, text) for number, (first, rest, text, cut) in enumerate(given)]
    assert all(isinstance(record, Record) for record in read_all(beginning + b"".join(made))[0])


def test_what_belongs_to_a_connection_that_ended_is_forgotten(tmp_path: Path) -> None:
    given: list[Record] = []
    for number in range(500):
        given += [Opened(number, 1, f"10.0.0.1:{1024 + number}", SERVER), Closed(number, 2, TO_CLIENT, Close.FIN)]
        given.append(Closed(number, 3, TO_SERVER, Close.ABANDONED))
    data, ends = written(tmp_path / "x", given)
    reader = pcapng._Reader("x", ends[0])
    assert list(reader.records(data[ends[0] :], iter([]))) == given
    assert (reader.flows, reader.half_closed) == ({}, {})


def test_a_gap_is_read_with_and_without_its_size(tmp_path: Path) -> None:
    gaps: list[Record] = [Gap(0, TO_CLIENT, 1, 1), Gap(0, TO_SERVER, 1, MAX_NUMBER), Gap(0, TO_SERVER, 1, None)]
    assert read_all(written(tmp_path / "x", gaps)[0]) == (gaps, None)
