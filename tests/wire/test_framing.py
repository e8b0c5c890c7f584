import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import Maker, examples, makers
from twsprobe.wire.framing import LENGTH, MAX_FRAME, SHOWN_WHEN_LOST, Direction, Framer, Lost
from twsprobe.wire.handshake import frame

HTTP = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
TLS_ALERT = bytes.fromhex("15030100020228")
TLS_HELLO = bytes.fromhex("16030100a5010000a10303")
SSH = b"SSH-2.0-OpenSSH_9.6\r\n"
NO_FRAMES = {
    "one more than the limit": LENGTH.pack(0x1000000),
    "the largest signed number": LENGTH.pack(0x7FFFFFFF),
    "the smallest signed number": LENGTH.pack(0x80000000),
    "the largest number": LENGTH.pack(0xFFFFFFFF),
    "HTTP": HTTP,
    "TLS alert": TLS_ALERT,
    "TLS hello": TLS_HELLO,
    "SSH": SSH,
}
MIB = 1 << 20

streams = st.builds(lambda payloads, tail: b"".join(map(frame, payloads)) + tail, st.lists(st.binary(max_size=40)), st.binary(max_size=90))


def fed(chunks: Iterable[bytes]) -> tuple[list[bytes], Framer]:
    framer = Framer()
    return [payload for chunk in chunks for payload in framer.feed(chunk)], framer


def one_by_one(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def unsplit(lost: Lost | None) -> Lost | None:
    """What is the same in every split: a Lost shows at least the length word, and as much more as had come."""
    return lost and lost._replace(data=lost.data[: LENGTH.size])


def peak(work: Callable[[], object]) -> int:
    """The most memory, in bytes, that was allocated at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def check_splits(data: bytes, splits: Iterable[list[bytes]]) -> None:
    whole, framer = fed([data])
    for chunks in splits:
        found, other = fed(chunks)
        assert (found, other.offset, other.pending) == (whole, framer.offset, framer.pending)
        assert unsplit(other.lost) == unsplit(framer.lost)
        assert other.lost is None or data.startswith(other.lost.data, other.lost.offset)


@examples(5)
@given(streams, makers)
def test_any_split_gives_the_same_frames(data: bytes, maker: Maker) -> None:
    check_splits(data, [one_by_one(data), *(maker.cut(data) for _ in range(4))])


@pytest.mark.parametrize("tail", [b"", b"\0\0\0", HTTP, LENGTH.pack(5) + b"half"])
def test_every_split_in_two_gives_the_same_frames(tail: bytes) -> None:
    data = b"".join(map(frame, [b"71\0", b"", b"\0" * 5, b"x"])) + tail
    check_splits(data, [[data[:place], data[place:]] for place in range(len(data) + 1)])


@examples(5)
@given(streams)
def test_every_byte_is_in_a_frame_or_pending_or_behind_the_loss(data: bytes) -> None:
    found, framer = fed([data])
    whole = b"".join(map(frame, found))
    assert data.startswith(whole)
    assert framer.offset == len(whole)
    assert framer.lost is None or framer.lost.offset == len(whole)
    assert framer.pending == (b"" if framer.lost else data[len(whole) :])


def test_offsets_count_from_where_the_framer_was_told_it_begins() -> None:
    framer = Framer(100)
    assert framer.feed(frame(b"ab") + frame(b"")) == [b"ab", b""]
    assert framer.offset == 110
    assert framer.feed(frame(b"c") + b"\xff") == [b"c"]
    assert framer.offset == 115
    assert framer.feed(b"\xff\xff\xff") == []
    assert framer.lost is not None
    assert framer.lost.offset == 115


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("length", [0, 1, MAX_FRAME])
def test_every_length_up_to_the_limit_is_a_frame(length: int, before: int) -> None:
    payload = bytes(length)
    found, framer = fed([frame(b"x") * before, LENGTH.pack(length), payload])
    assert found[before:] == [payload]
    assert (framer.lost, framer.pending) == (None, b"")


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("name", NO_FRAMES)
def test_a_length_above_the_limit_is_refused_from_its_four_bytes(name: str, before: int) -> None:
    data = NO_FRAMES[name]
    framer = Framer()
    frames = framer.feed(frame(b"x") * before + data[:3])
    assert len(frames) == before
    assert framer.pending == data[:3]
    assert framer.feed(data[3:4]) == []
    length = int.from_bytes(data[:4], "big")
    assert framer.lost == Lost(f"a frame of {length:,} bytes was announced; the limit is 16,777,215", 5 * before, data[:4])


def test_a_lost_stream_shows_what_had_come_and_gives_nothing_more() -> None:
    data = HTTP + b"x" * 100
    found, framer = fed([data])
    assert found == []
    assert framer.lost is not None
    assert framer.lost.data == data[:SHOWN_WHEN_LOST]
    assert framer.feed(frame(b"71\0")) == []
    assert framer.pending == b""


@pytest.mark.parametrize("name", NO_FRAMES)
def test_nothing_is_allocated_for_a_length_that_is_refused(name: str) -> None:
    framer = Framer()

    def work() -> None:
        framer.feed(NO_FRAMES[name][:4])
        for _ in range(100):
            framer.feed(bytes(10_000))

    assert peak(work) < 100_000


def test_nothing_is_allocated_for_a_frame_before_it_comes() -> None:
    assert peak(lambda: Framer().feed(LENGTH.pack(MAX_FRAME) + b"71")) < 100_000


def test_the_largest_frame_takes_no_more_than_twice_its_size() -> None:
    chunk, framer = bytes(MIB // 16), Framer()

    def work() -> None:
        framer.feed(LENGTH.pack(MAX_FRAME))
        while not (found := framer.feed(chunk)):
            pass
        (only,) = found
        assert len(only) == MAX_FRAME

    assert peak(work) <= 2 * MAX_FRAME + 8 * MIB


class Counting(list[bytes]):
    """Parts put aside; counts the bytes that are copied when they are put here and when they are joined."""

    copied = 0

    def append(self, part: bytes) -> None:
        self.copied += len(part)
        super().append(part)

    def clear(self) -> None:
        self.copied += sum(map(len, self))
        super().clear()


class CountingFramer(Framer):
    def __init__(self) -> None:
        super().__init__()
        self._parts = self.parts = Counting()


def test_copying_is_linear_for_many_frames_in_one_piece() -> None:
    data, framer = frame(b"9\0") * 200_000 + b"\0", CountingFramer()
    assert len(framer.feed(data)) == 200_000
    assert framer.parts.copied < 100


def test_copying_is_linear_for_a_large_frame_byte_by_byte() -> None:
    data, framer = frame(bytes(MIB)), CountingFramer()
    found = [one for index in range(len(data)) for one in framer.feed(data[index : index + 1])]
    assert found == [bytes(MIB)]
    assert len(data) < framer.parts.copied <= 3 * len(data)


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2 * MAX_FRAME])
def test_a_frame_above_the_limit_is_refused_though_it_came_whole(length: int) -> None:
    found, framer = fed([frame(b"x") + frame(bytes(length))])
    assert found == [b"x"]
    assert framer.lost is not None
    assert framer.lost.offset == 5


def test_each_direction_has_its_opposite() -> None:
    assert Direction.TO_SERVER.opposite is Direction.TO_CLIENT
    assert Direction.TO_CLIENT.opposite is Direction.TO_SERVER
