import gzip
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from twsprobe.capture.files import Packer
from twsprobe.capture.packing import Gzip, Zstandard, zstandard

PIECES = [b"first", b"", b"second" * 100, bytes(range(256)) * 300]


def gzip_unpacker() -> Any:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def zstd_unpacker() -> Any:
    try:
        return zstandard().ZstdDecompressor()
    except ImportError:
        return pytest.skip("zstd is not installed")


@pytest.mark.parametrize(("packer", "unpacker"), [(Gzip, gzip_unpacker), (Zstandard, zstd_unpacker)])
def test_each_piece_can_be_unpacked_at_once(packer: Callable[[], Packer], unpacker: Callable[[], Any]) -> None:
    reading = unpacker()
    writing = packer()
    for piece in PIECES:
        assert reading.decompress(writing.pack(piece)) == piece
    assert not reading.eof
    assert reading.decompress(writing.finish()) == b""
    assert reading.eof


def test_what_gzip_made_carries_neither_a_name_nor_a_time() -> None:
    packer = Gzip()
    data = packer.pack(b"same") + packer.finish()
    assert gzip.decompress(data) == b"same"
    assert data[3:8] == bytes(5)


def test_without_zstd_it_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        Zstandard()
