import gzip
import random
import sys
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.capture.packet_making import MILLISECOND, START_NS, Talk, pcap_file
from twsprobe.capture import reading, unpacking
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Opened, Record
from twsprobe.capture.packets import Packet
from twsprobe.capture.reading import open_capture
from twsprobe.wire.framing import Direction

RECORDS: list[Record] = [
    Opened(0, 1_000, "", "127.0.0.1:7497"),
    Chunk(0, Direction.TO_SERVER, 2_000, b"API\0\0\0\0\tv100..226"),
    Chunk(0, Direction.TO_CLIENT, 3_000, b"\0\0\0\x1a176\x0020240501 12:00:00 UTC\0"),
    Closed(0, 4_000, Direction.TO_CLIENT, Close.RST),
]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "capture.jsonl"
    with Writer(path, created_ns=0, program="twsprobe 0.1.0", metadata={"target": "127.0.0.1:7497"}) as writer:
        for record in RECORDS:
            writer.write(record)
    return path


def read_all(path: Path, **options: int) -> tuple[list[Record], CaptureError | None]:
    """The records of a file, and the error after them."""
    found: list[Record] = []
    try:
        with open_capture(path, **options) as capture:
            for record in capture:
                found.append(record)
    except CaptureError as error:
        return found, error
    return found, None


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zstd_packed(data: bytes) -> bytes:
    zstd = import_module("compression.zstd") if sys.version_info >= (3, 14) else pytest.importorskip("backports.zstd")
    return bytes(zstd.compress(data))


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.pcapng", "x"])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_content_decides_and_not_the_name(capture: Path, name: str, compressed: bool) -> None:
    path = capture.with_name("other " + name)
    path.write_bytes(packed(capture.read_bytes()) if compressed else capture.read_bytes())
    for form in (path, str(path)):
        with open_capture(form) as opened:
            assert opened.path == str(path)
            assert opened.header == {
                "format": "twsprobe.capture/1",
                "program": "twsprobe 0.1.0",
                "created": "1970-01-01T00:00:00.000000Z",
                "target": "127.0.0.1:7497",
            }
            assert list(opened) == RECORDS


@pytest.mark.parametrize(
    ("data", "likeness"),
    [
        (b"", ": it is empty"),
        (packed(b""), ": it is empty"),
        (packed(packed(b"{}")), ": it looks like a gzip file inside another"),
        (b"\x34\xcd\xb2\xa1\x02\0\x04\0", ": it looks like a pcap file of a kind that only old systems wrote"),
        (b"\xef\xbb\xbf{", ": it looks like text with a byte order mark"),
        (b"\xff\xfe{\0", ": it looks like UTF-16 text"),
        (b"\n", ""),
        (b"12:00:01 INFO connecting\n", ""),
    ],
)
def test_another_file_is_refused_by_what_it_looks_like(tmp_path: Path, data: bytes, likeness: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    read, error = read_all(path)
    assert read == []
    assert str(error) == f"{path}: is not a capture that twsprobe reads{likeness}"


PACKED: list[tuple[str, Any]] = [("plain", bytes), ("gzip", packed), ("zstd", zstd_packed)]


@pytest.mark.parametrize(("name", "pack"), PACKED, ids=[name for name, _ in PACKED])
def test_what_others_captured_is_read(tmp_path: Path, name: str, pack: Any) -> None:
    path = tmp_path / name
    talk = Talk().open()
    talk.send(0, b"API\0\0\0\0\tv100..226")
    expected = [
        Opened(0, START_NS + MILLISECOND, "10.0.0.1:51234", "10.0.0.2:7497"),
        Chunk(0, Direction.TO_SERVER, START_NS + 3 * MILLISECOND, b"API\0\0\0\0\tv100..226"),
    ]
    path.write_bytes(pack(pcap_file(talk.packets)))
    with open_capture(path) as capture:
        assert list(capture) == expected
        assert capture.header == {"format": "pcap"}
    path.write_bytes(pack(pcap_file([*talk.packets, Packet(0, 1, b"", 0)])))
    with open_capture(path) as capture:
        assert list(capture) == expected
        assert capture.header["left_out"] == "packets that end, or were cut off, inside their headers: 1"
    path.write_bytes(pack(pcap_file(talk.packets)[:-1]))
    read, error = read_all(path)
    assert read == expected[:1]
    assert error is not None
    assert error.reason.startswith("torn at byte ")


@pytest.mark.parametrize(("name", "pack"), PACKED, ids=[name for name, _ in PACKED])
def test_a_capture_of_ours_is_read_from_each_packing(capture: Path, name: str, pack: Any) -> None:
    capture.write_bytes(pack(capture.read_bytes()))
    assert read_all(capture) == (RECORDS, None)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_capture(tmp_path / "x"):
        pass


def test_a_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".*"), open_capture(tmp_path):
        pass


def test_a_cut_file_gives_its_complete_records(capture: Path) -> None:
    data = capture.read_bytes()
    for size in range(len(data)):
        capture.write_bytes(data[:size])
        read, error = read_all(capture)
        assert read == RECORDS[: max(0, data[:size].count(b"\n") - 1)]
        assert (error is None) == data[:size].endswith(b"\n")


def test_a_cut_gzip_file_gives_what_can_be_unpacked(capture: Path) -> None:
    data = packed(capture.read_bytes())
    most: list[Record] = []
    for size in range(1, len(data)):
        capture.write_bytes(data[:size])
        read, error = read_all(capture)
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data[:size])
        assert read == RECORDS[: max(0, unpacked.count(b"\n") - 1)]
        assert error is not None
        if size > 1:  # a file of one byte is no gzip file yet
            assert error.reason == f"torn at byte {size}: the gzip data are incomplete"
            assert error.position == size
        most = max(most, read, key=len)
    assert most == RECORDS  # where only the checksum is missing


def test_any_flipped_bit_of_a_gzip_file_gives_records_or_a_capture_error(capture: Path) -> None:
    data = bytearray(packed(capture.read_bytes()))
    for offset in range(len(data)):
        for bit in range(8):
            data[offset] ^= 1 << bit
            capture.write_bytes(data)
            read, error = read_all(capture)
            assert error is not None or read == RECORDS  # bits of the header that say nothing of the content
            data[offset] ^= 1 << bit


@pytest.mark.parametrize("size", [1, reading.BLOCK // 2, 3 * reading.BLOCK])
def test_a_wrong_checksum_loses_no_record(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x"
    records = [*RECORDS, Chunk(1, Direction.TO_CLIENT, 5_000, random.Random(size).randbytes(size))]
    with Writer(path, created_ns=0) as writer:
        for record in records:
            writer.write(record)
    data = bytearray(packed(path.read_bytes()))
    data[-8] ^= 1
    path.write_bytes(data)
    read, error = read_all(path)
    assert read == records
    assert error is not None
    assert error.reason == f"corrupt at byte {error.position}: the gzip data do not unpack"
    assert len(data) - 8 <= error.position < len(data)


def test_bytes_after_the_gzip_data_are_a_fault(capture: Path) -> None:
    data = packed(capture.read_bytes())
    capture.write_bytes(data + b"garbage")
    read, error = read_all(capture)
    assert read == RECORDS
    assert error is not None
    assert len(data) <= error.position < len(data) + 2


def test_gzip_members_are_read_one_after_the_other(capture: Path) -> None:
    data = capture.read_bytes()
    capture.write_bytes(b"".join(packed(data[offset : offset + 1]) for offset in range(len(data))))
    assert read_all(capture) == (RECORDS, None)


@pytest.mark.parametrize("size", [unpacking.MAX_PIECE - 1, unpacking.MAX_PIECE, unpacking.MAX_PIECE + 1])
def test_a_piece_that_is_just_full_is_no_end(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x"
    with Writer(path, created_ns=0) as writer:
        line = b'{"t": 0, "c": 0, "to": "client", "data": ""}\n'
        record = Chunk(0, Direction.TO_CLIENT, 0, b"x" * (size - writer.position - len(line)))
        writer.write(record)
        assert writer.position == size
    data = packed(path.read_bytes())
    path.write_bytes(data)
    assert read_all(path) == ([record], None)
    path.write_bytes(data[:-8])
    read, error = read_all(path)
    assert read == [record]
    assert error is not None
    assert error.reason.startswith("torn at byte")


def test_a_cut_just_after_a_full_piece_loses_no_record(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with Writer(path, created_ns=0) as writer:
        while writer.position < unpacking.MAX_PIECE + 1000:
            writer.write(Chunk(0, Direction.TO_CLIENT, 0, b""))
    data = packed(path.read_bytes())
    cuts = {size: zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data[:size]) for size in range(len(data))}
    near = {size: unpacked.count(b"\n") - 1 for size, unpacked in cuts.items() if 0 < len(unpacked) - unpacking.MAX_PIECE < 300}
    assert near
    for size, count in near.items():
        path.write_bytes(data[:size])
        read, error = read_all(path)
        assert len(read) == count
        assert error is not None
        assert error.reason == f"torn at byte {size}: the gzip data are incomplete"


def test_unpacking_stops_at_a_limit(capture: Path) -> None:
    data = capture.read_bytes()
    lines = data.split(b"\n")
    bomb = packed(lines[0] + b"\n") + packed((lines[2] + b"\n") * 50_000) * 400
    assert len(bomb) < 20 << 20
    capture.write_bytes(bomb)
    read, error = read_all(capture, max_unpacked=1 << 20)
    assert error is not None
    assert error.reason == f"unpacks to more than {1 << 20} bytes"
    assert (1 << 20) - unpacking.MAX_PIECE < (len(read) + 2) * (len(lines[2]) + 1) <= 1 << 20


def test_zeros_that_unpack_to_a_gigabyte_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(packed(b"{") + packed(bytes(16 << 20)) * 64)
    _, error = read_all(path)
    assert error is not None
    assert error.reason == "line 1 at byte 0 is longer than 65536 bytes"


@settings(max_examples=3000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100), st.sampled_from([b"", b"{", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", packed(b"{")[:-9]]), st.booleans())
def test_a_file_of_random_bytes_is_refused(tmp_path: Path, tail: bytes, start: bytes, compressed: bool) -> None:
    path = tmp_path / "x"
    path.write_bytes(packed(start + tail) if compressed else start + tail)
    read, error = read_all(path)
    assert read == []
    assert error is not None


@pytest.mark.parametrize("compressed", [False, True])
def test_the_position_goes_from_the_start_to_the_end_of_the_file(capture: Path, compressed: bool) -> None:
    with Writer(capture, overwrite=True) as writer:
        for number in range(3000):
            writer.write(Chunk(0, Direction.TO_CLIENT, number, random.Random(number).randbytes(50)))
    if compressed:
        capture.write_bytes(packed(capture.read_bytes()))
    with open_capture(capture) as opened:
        positions = [opened.position() for _ in opened]
        size = capture.stat().st_size
        assert 0 < positions[0] < size / 2
        assert positions == sorted(positions)
        assert positions[-1] == opened.position() == size
