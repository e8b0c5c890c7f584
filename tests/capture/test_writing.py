import errno
import io
import os
import random
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.capture.recording import CREATED_NS, EVERY_KIND, SERVER, all_in
from tests.cli.program import finished
from twsprobe.capture.model import CaptureError, Chunk, Record
from twsprobe.capture.packing import zstandard
from twsprobe.capture.reading import open_capture
from twsprobe.capture.writing import open_writer

LOSSLESS = [".jsonl", ".pcapng"]
GOLDEN = EVERY_KIND[:7]
BEGINS = {".jsonl": b'{"format"', ".pcapng": b"\n\r\r\n", ".pcap": b"M<\xb2\xa1", ".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}


def has_zstd() -> bool:
    """Whether this installation can pack with zstd."""
    try:
        zstandard()
    except ImportError:
        return False
    return True


needs_zstd = pytest.mark.skipif(not has_zstd(), reason="zstd is not installed")
packings = pytest.mark.parametrize("packed", ["", ".gz", pytest.param(".zst", marks=needs_zstd)])


def written(path: Path, given: list[Record]) -> list[int]:
    """Write a file of some records, and say where the header and each record end."""
    with open_writer(path, created_ns=CREATED_NS, metadata={"target": SERVER}, overwrite=True) as writer:
        ends = [writer.position]
        for record in given:
            writer.write(record)
            ends.append(writer.position)
    return ends


@packings
@pytest.mark.parametrize("suffix", [*LOSSLESS, ".pcap", ".PCAPNG"])
def test_the_suffix_decides(tmp_path: Path, suffix: str, packed: str) -> None:
    path = tmp_path / f"a.b{suffix}{packed}"
    written(path, EVERY_KIND)
    assert path.read_bytes().startswith(BEGINS[packed or suffix.lower()])
    read, error = all_in(path)
    assert error is None
    if suffix != ".pcap":
        assert read == EVERY_KIND
        with open_capture(path) as capture:
            assert capture.header["target"] == SERVER


@pytest.mark.parametrize("name", ["x", "x.json", "x.gz", "x.pcapng.bz2", "x.gz.pcapng.xz", "jsonl"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaptureError) as caught:
        open_writer(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: a capture's name ends with .pcapng, .jsonl, .pcap, and may then have .gz or .zst"
    assert not (tmp_path / name).exists()


def test_without_zstd_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CaptureError, match=r"cannot compress with zstd: install twsprobe\[zstd\], or choose \.gz"):
        open_writer(tmp_path / "x.pcapng.zst")
    assert not (tmp_path / "x.pcapng.zst").exists()


@packings
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_each_record_can_be_read_as_soon_as_it_is_written(tmp_path: Path, suffix: str, packed: str) -> None:
    path = tmp_path / f"x{suffix}{packed}"
    with open_writer(path, created_ns=CREATED_NS) as writer:
        for number, record in enumerate(EVERY_KIND):
            writer.write(record)
            assert path.stat().st_size == writer.position
            read, error = all_in(path)
            assert read == EVERY_KIND[: number + 1]
            assert (error is None) == (not packed)  # the end of the packed data is not there yet
    assert all_in(path) == (EVERY_KIND, None)


class Full(io.FileIO):
    """A file on a disk that is full."""

    def write(self, data: object, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_packed_file_is_not_ended_after_a_failure(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}.gz"
    writer = open_writer(path, created_ns=CREATED_NS)
    writer.write(EVERY_KIND[0])
    whole = path.read_bytes()
    writer._file.close()
    writer._file = Full(path, "a")
    with pytest.raises(CaptureError, match="could not be written"):
        writer.write(EVERY_KIND[1])
    writer.close()
    assert path.read_bytes() == whole
    read, error = all_in(path)
    assert read == EVERY_KIND[:1]
    assert error is not None
    assert error.reason.startswith("torn at byte")


# Files that were cut short


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_file_cut_anywhere_gives_exactly_the_complete_records(tmp_path: Path, suffix: str, packed: str) -> None:
    path, cut = tmp_path / f"x{suffix}{packed}", tmp_path / "cut"
    ends = written(tmp_path / f"plain{suffix}", GOLDEN)
    written(path, GOLDEN)
    data = path.read_bytes()
    for size in range(1, len(data)):
        cut.write_bytes(data[:size])
        there = len(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data[:size])) if packed else size
        whole = sum(end <= there for end in ends)
        read, error = all_in(cut)
        assert read == GOLDEN[: max(0, whole - 1)]
        assert (error is None) == (not packed and size in ends)
        assert error is None or size < 46 or error.reason.startswith("torn at byte")


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".jsonl.gz", ".pcapng.gz"])
def test_the_program_shows_what_a_cut_file_has_and_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    ends = written(path, EVERY_KIND)
    for size in (ends[0] // 2, ends[4] - 1, ends[-1] - 1):
        path.write_bytes(path.read_bytes()[:size])
        ran = finished("decode", "--json", str(path))
        assert ran.code == 4
        assert str(path) in ran.err
        assert "Traceback" not in ran.err
        assert size < ends[0] or '"event": "opened"' in ran.out
        written(path, EVERY_KIND)


RECORDER = """
import os, sys, time
from twsprobe.capture.model import Chunk
from twsprobe.capture.writing import open_writer
from twsprobe.wire.framing import Direction
while path := sys.stdin.readline().strip():
    child = os.fork()
    if child:
        os.write(1, b"%d\\n" % child)
        os.wait()
        os.write(1, b"dead\\n")
        continue
    with open_writer(path) as writer:
        for number in range(1_000_000):
            data = bytes(range(256)) * (number % 9) + bytes(90_000 if number % 50 == 7 else 0)
            writer.write(Chunk(number, Direction.TO_CLIENT, time.time_ns(), data))
            os.write(1, b"%d\\n" % number)
"""
"""Makes a process for each path that it is told, which records and reports every record, until it is killed."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the recorders are forks of one process: starting a hundred takes too long")
@pytest.mark.parametrize("suffix", [".jsonl", ".pcapng", ".jsonl.gz", ".pcapng.gz"])
def test_a_killed_recorder_keeps_every_record_that_it_reported(tmp_path: Path, suffix: str) -> None:
    moments = random.Random(suffix)
    path = tmp_path / f"x{suffix}"
    kills = 50 if suffix in LOSSLESS else 10
    with subprocess.Popen([sys.executable, "-c", RECORDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(kills):
            process.stdin.write(f"{path}\n".encode())
            process.stdin.flush()
            recorder, reports = int(process.stdout.readline()), []
            for _ in range(moments.randrange(1, 150)):
                reports.append(process.stdout.readline())
            os.kill(recorder, signal.SIGKILL)
            while reports[-1] != b"dead\n":
                reports.append(process.stdout.readline())
            read, error = all_in(path)
            numbers = [record.connection for record in read]
            assert len(numbers) >= len(reports) - 1
            assert numbers == list(range(len(numbers)))
            assert all(isinstance(record, Chunk) and record.data.startswith(bytes(range(256)) * (record.connection % 9)) for record in read)
            assert error is None or error.reason.startswith("torn at byte")
            path.unlink()
        process.stdin.close()
