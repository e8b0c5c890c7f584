"""Finding the next frame behind bytes that are missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.registry import BY_ID, encode
from twsprobe.wire.resync import LARGEST, Place, Search, end_of

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
NEXT_ID = frame(b"9\x001\x008\x00")
ACCOUNTS = frame(b"15\x001\x00DU1234567\x00")


def found(data: bytes, size: int, *, binary: bool | None = None, final: bool = False) -> Place | None:
    """What a search gives for bytes in pieces of a size, the rest of the bytes added to it."""
    search = Search(TO_CLIENT, binary)
    for start in range(0, len(data), size):
        place = search.feed(data[start : start + size])
        if place is not None:
            return place._replace(rest=place.rest + data[start + size :])
    return search.feed(b"", final=True) if final else None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "torn", [b"", b"rest of a text\x00", b"\x00\x00\x00", b"\x00\x00\x00\x051\x00", bytes(300), b"\x00\x00\x00\xff9\x00" * 50]
)
def test_frames_are_found_behind_the_rest_of_one(torn: bytes, size: int) -> None:
    place = found(torn + NEXT_ID + ACCOUNTS + b"more", size)
    assert place == Place(NEXT_ID + ACCOUNTS + b"more", len(torn), torn[:64])


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("version", [176, 201, 203, 226])
def test_each_encoding_is_found(version: int, size: int) -> None:
    frames = encode("managedAccounts", TO_CLIENT, version, accountsList="DU1") + encode("nextValidId", TO_CLIENT, version, orderId=8)
    for binary in (None, version >= 201):
        assert found(b"torn\x00" + frames, size, binary=binary, final=True) == Place(frames, 5, b"torn\x00")
    assert found(b"torn\x00" + frames, size, binary=version < 201, final=True) is None


def test_one_frame_is_enough_only_where_the_bytes_end_with_it() -> None:
    assert found(b"torn" + NEXT_ID, 1) is None
    assert found(b"torn" + NEXT_ID, 1, final=True) == Place(NEXT_ID, 4, b"torn")
    assert found(b"torn" + NEXT_ID + b"\x00", 1, final=True) == Place(NEXT_ID + b"\x00", 4, b"torn")
    assert found(b"torn" + NEXT_ID + b"HTTP/1.1", 1, final=True) is None


@pytest.mark.parametrize(
    "data",
    [
        frame(b"9\x001\x008"),  # no NUL at the end
        frame(b"999\x001\x00"),  # no such id
        frame(b"\x00\x00\x00\x09" + b"8"),
        frame(b"\x00\x00\x00\xd1" + b"\x07\x01"),  # no field of protobuf
        frame(b""),
        b"\x00\x20\x00\x00" + b"9\x00",  # too long
        b"\xff\xff\xff\xff" + b"9\x00",
    ],
)
def test_what_is_no_frame(data: bytes) -> None:
    assert end_of(data, 0, TO_CLIENT, None) is None
    assert found(data + NEXT_ID + ACCOUNTS, 1000) == Place(NEXT_ID + ACCOUNTS, len(data), data)


def test_a_frame_that_is_not_whole_is_judged_by_what_is_there() -> None:
    for size in range(len(ACCOUNTS) + 1):
        end = end_of(ACCOUNTS[:size], 0, TO_CLIENT, None)
        assert end is not None
        assert end >= min(len(ACCOUNTS), size + 1)


def test_an_id_counts_for_its_direction() -> None:
    ids = {direction: {id for way, id in BY_ID if way is direction} for direction in Direction}
    for direction in Direction:
        only = frame(b"%d\x001\x00" % min(ids[direction] - ids[direction.opposite]))
        assert end_of(only, 0, direction, None) == len(only)
        assert end_of(only, 0, direction.opposite, None) is None


def test_what_shows_first_is_taken_however_the_bytes_come() -> None:
    outer = frame(b"9\x00" + NEXT_ID + ACCOUNTS + NEXT_ID + bytes(20)) + NEXT_ID + ACCOUNTS
    inner = outer.index(NEXT_ID)
    for size in (1, 3, 1000):
        place = found(outer, size)
        assert place is not None
        assert place.skipped == inner


def test_no_frame_goes_on_across_missing_bytes() -> None:
    search = Search(TO_CLIENT, None)
    assert search.feed(NEXT_ID[:6]) is None
    search.miss()
    assert search.feed(NEXT_ID[6:] + ACCOUNTS + NEXT_ID) == Place(ACCOUNTS + NEXT_ID, len(NEXT_ID), NEXT_ID)


def test_little_is_kept_of_a_long_search() -> None:
    search = Search(TO_CLIENT, None)
    for _ in range(64):
        assert search.feed(b"\x00\x0f\xff\xff9\x00aa" * (64 << 7)) is None
        assert len(search._held) <= LARGEST + (128 << 10)
    assert search.skipped == 64 * (64 << 10)
    assert search.shown == (b"\x00\x0f\xff\xff9\x00aa" * 8)


pieces = st.sampled_from(
    [NEXT_ID, ACCOUNTS, NEXT_ID[:-1], ACCOUNTS[5:], b"\x00", b"9\x00", frame(b"9\x00" + bytes(40)), b"\x00\x00\x00\x104\x00"]
)


@given(st.lists(pieces | st.binary(max_size=12), max_size=12).map(b"".join), st.integers(1, 9))
def test_the_split_does_not_matter(data: bytes, size: int) -> None:
    whole = found(data, max(len(data), 1), final=True)
    assert found(data, size, final=True) == whole
    if whole is not None:
        assert data.endswith(whole.rest)
        assert whole.skipped + len(whole.rest) == len(data)
        assert end_of(whole.rest, 0, TO_CLIENT, None) is not None
