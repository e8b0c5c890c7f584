"""Several files of one recording, and what each of them tells by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Opened, Record
from twsprobe.capture.reading import open_capture
from twsprobe.capture.rotating import Closing, File, Live, PerConnection, Rotating, numbered
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
OFFER, GREETING = offer(100, 226), greeting(178, b"20240501 12:00:00 UTC")
OPENED = Opened(1, 10, "127.0.0.1:5", "127.0.0.1:7497")


def records_of(path: str | Path) -> list[Record]:
    with open_capture(path) as capture:
        return list(capture)


def new_file(path: str) -> Writer:
    return Writer(path, created_ns=0)


def chunks(count: int, connection: int = 1, size: int = 50) -> list[Record]:
    return [Chunk(connection, TO_CLIENT, 100 + n, bytes(size)) for n in range(count)]


@pytest.mark.parametrize(
    ("path", "second"),
    [
        ("a.pcapng", "a-0001.pcapng"),
        ("b/a.jsonl.gz", "b/a-0001.jsonl.gz"),
        ("a.b.pcap.zst", "a.b-0001.pcap.zst"),
        ("a", "a-0001"),
    ],
)
def test_a_further_file_has_a_number_before_its_suffix(path: str, second: str) -> None:
    assert Path(numbered(path, 1)) == Path(second)
    assert numbered(path, 0) == path


def test_without_a_limit_there_is_one_file(tmp_path: Path) -> None:
    files = Rotating(str(tmp_path / "a.jsonl"), new_file)
    wanted = [OPENED, *chunks(100)]
    for record in wanted:
        files.write(record)
    size = files.position
    files.close()
    assert files.files == [str(tmp_path / "a.jsonl")]
    assert records_of(files.path) == wanted
    assert size == Path(files.path).stat().st_size


def test_a_large_file_is_followed_by_another_and_nothing_is_lost(tmp_path: Path) -> None:
    files = Rotating(str(tmp_path / "a.jsonl"), new_file, max_size=2000)
    wanted = [OPENED, Chunk(1, TO_SERVER, 20, OFFER), Chunk(1, TO_CLIENT, 30, GREETING), *chunks(40)]
    for record in wanted:
        files.write(record)
    total = files.position
    files.close()
    assert len(files.files) > 3
    assert sum(Path(each).stat().st_size for each in files.files) == total
    found = records_of(files.files[0])
    before = sum(len(each.data) for each in found if isinstance(each, Chunk) and each.direction is TO_CLIENT)
    for path in files.files[1:]:
        opened, said, answered, gap, *rest = records_of(path)
        assert (opened, said, answered) == tuple(wanted[:3])
        assert isinstance(gap, Gap)
        # The gap is all of the direction that stands in earlier files, but for the opening that is said again.
        assert (gap.direction, gap.size, gap.time_ns) == (TO_CLIENT, before - len(GREETING), rest[0].time_ns)
        assert rest
        found += rest
        before += sum(len(each.data) for each in rest if isinstance(each, Chunk))
    assert found == wanted


def test_an_old_file_is_followed_by_another(tmp_path: Path) -> None:
    now = [0.0]
    files = Rotating(str(tmp_path / "a.jsonl"), new_file, max_seconds=60, clock=lambda: now[0])
    files.write(OPENED)
    now[0] = 59.9
    files.write(Chunk(1, TO_SERVER, 20, OFFER[:6]))
    now[0] = 60.0
    files.write(Chunk(1, TO_SERVER, 30, OFFER[6:]))
    files.close()
    # The opening was not complete yet: all of it is said again, and nothing is missing.
    assert records_of(files.files[1]) == [OPENED, Chunk(1, TO_SERVER, 20, OFFER[:6]), Chunk(1, TO_SERVER, 30, OFFER[6:])]


def test_names_that_are_taken_are_passed_over(tmp_path: Path) -> None:
    taken = tmp_path / "a-0001.jsonl"
    taken.write_text("mine")
    files = Rotating(str(tmp_path / "a.jsonl"), new_file, max_size=1, is_free=lambda path: not Path(path).exists())
    for record in [OPENED, *chunks(1)]:
        files.write(record)
    files.close()
    assert [Path(each).name for each in files.files] == ["a.jsonl", "a-0002.jsonl"]
    assert taken.read_text() == "mine"


def test_a_next_file_that_cannot_be_made_leaves_the_one_before_whole(tmp_path: Path) -> None:
    files = Rotating(str(tmp_path / "a.jsonl"), new_file, max_size=1)
    (tmp_path / "a-0001.jsonl").write_text("mine")
    files.write(OPENED)
    with pytest.raises(CaptureError, match="exists"):
        files.write(chunks(1)[0])
    files.close()
    assert records_of(files.path) == [OPENED]


def repeated(*records: Record) -> list[Record]:
    live = Live()
    for record in records:
        live.take(record)
    return live.repeated(99)


def test_what_is_said_again_of_a_connection() -> None:
    fin = Closed(1, 60, TO_SERVER, Close.FIN)
    both = Chunk(1, TO_SERVER, 20, OFFER + b"\0\0\0\x01x")
    assert repeated(OPENED, both, fin) == [OPENED, both._replace(data=OFFER), Gap(1, TO_SERVER, 99, 5), fin]
    assert repeated(OPENED) == [OPENED]


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"API\0\xff\xff\xff\xff", b"API\0" + bytes([0, 0, 16, 0]) + bytes(4096)])
def test_what_does_not_open_as_a_client_does_is_not_said_again(data: bytes) -> None:
    assert repeated(OPENED, Chunk(1, TO_SERVER, 20, data)) == [OPENED, Gap(1, TO_SERVER, 99, len(data))]


@pytest.mark.parametrize(
    "ends",
    [
        [Closed(1, 50, TO_CLIENT, Close.RST)],
        [Closed(1, 50, TO_SERVER, Close.FIN), Closed(1, 51, TO_CLIENT, Close.FIN)],
        [Closed(1, 50, TO_CLIENT, Close.FIN), Closed(1, 50, TO_CLIENT, Close.RST)],
        [Closed(1, 50, TO_SERVER, Close.ABANDONED), Closed(1, 50, TO_CLIENT, Close.ABANDONED)],
    ],
)
def test_a_connection_that_is_over_is_not_said_again(ends: list[Record]) -> None:
    live = Live()
    assert not live.take(OPENED)
    assert [live.take(each) for each in ends] == [*[False] * (len(ends) - 1), True]
    assert live.repeated(99) == []


def test_each_connection_has_its_own_file(tmp_path: Path) -> None:
    files = PerConnection("a{connection}", lambda number: Rotating(str(tmp_path / f"a{number}.jsonl"), new_file))
    one = [OPENED, *chunks(2), Closed(1, 200, TO_CLIENT, Close.RST)]
    two = [OPENED._replace(connection=2), *chunks(3, 2)]
    refused = Closed(3, 300, TO_CLIENT, Close.REFUSED)
    for record in [one[0], two[0], *one[1:], refused, *two[1:]]:
        files.write(record)
    total = files.position
    files.close()
    assert [records_of(path) for path in files.files] == [one, two, [refused]]
    assert sum(Path(path).stat().st_size for path in files.files) == total


class Failing:
    """A file that cannot be brought to the disk."""

    position = 0

    def write(self, record: Record, /) -> None: ...

    def close(self) -> None:
        raise CaptureError("a.jsonl", 0, "could not be brought to the disk")


def test_a_file_that_fails_to_close_is_told_at_the_end() -> None:
    closing = Closing()
    file: File = Failing()
    closing.close(file)
    with pytest.raises(CaptureError, match="brought to the disk"):
        closing.wait()
