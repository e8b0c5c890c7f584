"""What every format's writer does with its file; each test runs for both formats that lose nothing."""

import errno
import io
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.capture.recording import CREATED_NS, RECORDS, all_in
from twsprobe.capture import files, jsonl, pcapng_writing
from twsprobe.capture.model import CaptureError

New = type[jsonl.Writer] | type[pcapng_writing.Writer]
LAST = {jsonl.Writer: "line", pcapng_writing.Writer: "record"}
"""What a reader calls a record that is incomplete."""


@pytest.fixture(params=LAST, ids=lambda writer: writer.__module__.rpartition(".")[2], name="Writer")
def writer_of_a_format(request: pytest.FixtureRequest) -> New:
    """A format's writer."""
    new: New = request.param
    return new


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_only_the_owner_may_read(Writer: New, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        Writer(tmp_path / "new").close()
        Writer(path, overwrite=True).close()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new", path)] == [0o600, 0o600]


def test_a_file_is_not_overwritten_unless_told(Writer: New, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("precious")
    with pytest.raises(CaptureError) as caught:
        Writer(path)
    assert str(caught.value) == f"{path}: the file exists and is not overwritten: choose another name, or remove it first"
    assert path.read_text() == "precious"
    Writer(path, overwrite=True).close()
    assert all_in(path) == ([], None)


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_what_a_link_points_to_is_never_overwritten(Writer: New, tmp_path: Path) -> None:
    target, link, dangling = tmp_path / "target", tmp_path / "link", tmp_path / "dangling"
    target.write_text("precious")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "nowhere")
    for path in (link, dangling):
        with pytest.raises(CaptureError):
            Writer(path)
    Writer(link, overwrite=True).close()
    assert target.read_text() == "precious"
    assert not link.is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_is_not_replaced(Writer: New, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="not a file that can be replaced"):
        Writer(tmp_path, overwrite=True)


def test_a_missing_folder_is_an_os_error(Writer: New, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Writer(tmp_path / "nowhere" / "x")


def test_a_line_is_whole_however_little_is_taken_at_a_time() -> None:
    class Dripping(io.BytesIO):
        def write(self, data: object, /) -> int:
            assert isinstance(data, bytes | memoryview)
            return super().write(data[:3])

    file = Dripping()
    files.write_whole(file, b"0123456789\n")
    assert file.getvalue() == b"0123456789\n"


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel takes what fits below ``size`` and then refuses, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_earlier_records_whole(Writer: New, tmp_path: Path) -> None:
    path = tmp_path / "x"
    with Writer(path, created_ns=CREATED_NS) as writer:
        for record in RECORDS[:2]:
            writer.write(record)
        end = writer.position
        with file_size_limit(end + 10), pytest.raises(CaptureError) as caught:
            writer.write(RECORDS[2])
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.EFBIG
        assert caught.value.position == end
        assert f"could not be written at byte {end}: " in str(caught.value)
        with pytest.raises(CaptureError, match="could not be written at byte"):
            writer.write(RECORDS[3])  # there is room again, but a record is missing and half a line is there
    assert path.stat().st_size == end + 10
    read, error = all_in(path)
    assert read == RECORDS[:2]
    assert error is not None
    assert error.reason == f"torn at byte {end}: the last {LAST[Writer]} is incomplete"


def test_a_file_that_cannot_take_its_header_is_removed(Writer: New, tmp_path: Path) -> None:
    with file_size_limit(10), pytest.raises(CaptureError, match="could not be written at byte 0"):
        Writer(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_nothing_follows_a_line_that_was_interrupted(Writer: New, tmp_path: Path) -> None:
    class Interrupted(io.FileIO):
        def write(self, data: object, /) -> int:
            assert isinstance(data, bytes)
            super().write(data[:5])
            raise SystemExit

    path = tmp_path / "x"
    with Writer(path, created_ns=CREATED_NS) as writer:
        writer.write(RECORDS[0])
        end = writer.position
        writer._file.close()
        writer._file = Interrupted(path, "a")
        with pytest.raises(SystemExit):
            writer.write(RECORDS[1])
        with pytest.raises(CaptureError, match=f"writing was interrupted at byte {end}"):
            writer.write(RECORDS[1])
    read, error = all_in(path)
    assert read == RECORDS[:1]
    assert error is not None
    assert error.reason == f"torn at byte {end}: the last {LAST[Writer]} is incomplete"


def test_a_record_is_one_write(Writer: New, tmp_path: Path) -> None:
    class Counting(io.FileIO):
        writes = 0

        def write(self, data: object, /) -> int:
            assert isinstance(data, bytes)
            self.writes += 1
            return super().write(data)

    with Writer(tmp_path / "x") as writer:
        writer._file.close()
        writer._file = counting = Counting(tmp_path / "x", "a")
        for record in RECORDS:
            writer.write(record)
        assert counting.writes == len(RECORDS)


def test_closing_says_when_the_disk_refuses(Writer: New, tmp_path: Path) -> None:
    class Detached(io.FileIO):
        def fileno(self) -> int:
            raise OSError(errno.EIO, "Input/output error")

    writer = Writer(tmp_path / "x")
    writer._file.close()
    writer._file = Detached(tmp_path / "x", "a")
    with pytest.raises(CaptureError, match="could not be brought to the disk: Input/output error"):
        writer.close()
    assert writer._file.closed


def test_closing_twice_does_nothing(Writer: New, tmp_path: Path) -> None:
    writer = Writer(tmp_path / "x")
    writer.close()
    writer.close()
