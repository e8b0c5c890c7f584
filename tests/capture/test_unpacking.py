"""Compressed captures. What reading them gives is tested in test_reading.py."""

from __future__ import annotations

import gzip
import random
import sys
from importlib import import_module
from typing import Any

import pytest

from twsprobe.capture.model import CaptureError
from twsprobe.capture.unpacking import MAX_PIECE, ZSTD, unpacked

DATA = random.Random(5).randbytes(3000) + bytes(MAX_PIECE) + b"end"


@pytest.fixture
def zstd() -> Any:
    """The module, of whichever Python."""
    return import_module("compression.zstd") if sys.version_info >= (3, 14) else pytest.importorskip("backports.zstd")


def read(data: bytes, limit: int = 1 << 30, block: int = 1000) -> tuple[bytes, CaptureError | None]:
    blocks = (data[start : start + block] for start in range(0, len(data), block))
    found = b""
    try:
        pieces = unpacked(data[:16], blocks, "x", limit)
        assert pieces is not None
        for piece in pieces:
            assert 0 < len(piece) <= MAX_PIECE
            found += piece
    except CaptureError as error:
        return found, error
    return found, None


def test_what_is_not_compressed_is_left_alone() -> None:
    assert unpacked(b"{", iter([b"{"]), "x", 1) is None


def test_gzip_is_unpacked() -> None:
    assert read(gzip.compress(DATA)) == (DATA, None)


@pytest.mark.parametrize("block", [1, 1000, 1 << 16])
def test_zstd_is_unpacked_frame_by_frame(zstd: Any, block: int) -> None:
    frames = zstd.compress(DATA) + zstd.compress(b"") + b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstd.compress(b"more")
    assert read(frames, block=block) == (DATA + b"more", None)


def test_a_cut_zstd_file_is_torn(zstd: Any) -> None:
    data = zstd.compress(DATA[:200])
    for size in range(4, len(data)):
        found, error = read(data[:size])
        assert DATA.startswith(found)
        assert error is not None
        assert error.reason == f"torn at byte {size}: the zstd data are incomplete"
    several = zstd.ZstdCompressor()
    first = several.compress(DATA[:2000], zstd.ZstdCompressor.FLUSH_BLOCK)
    assert read(first)[0] == DATA[:2000]
    assert read(data + data[:3])[0] == DATA[:200]


def test_a_corrupt_zstd_file_gives_what_was_before(zstd: Any) -> None:
    good = zstd.compress(DATA[:1000])
    found, error = read(good + b"garbage that is no frame")
    assert found == DATA[:1000]
    assert error is not None
    assert error.reason.startswith(f"corrupt at byte {error.position}: the zstd data do not unpack")
    flipped = bytearray(zstd.compress(DATA, options={zstd.CompressionParameter.checksum_flag: 1}))
    flipped[-1] ^= 1
    assert read(bytes(flipped))[1] is not None


def test_a_zstd_bomb_stops_at_the_limit(zstd: Any) -> None:
    found, error = read(zstd.compress(bytes(64 << 20)), limit=1 << 20)
    assert len(found) <= 1 << 20
    assert error is not None
    assert error.reason == f"unpacks to more than {1 << 20} bytes"


def test_where_zstd_cannot_be_read_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression", "compression.zstd", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    _, error = read(ZSTD + bytes(20))
    assert error is not None
    assert error.reason.endswith("install twsprobe[zstd], or unpack it with zstd -d")
