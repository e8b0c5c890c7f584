"""Compressing a capture while it is written, so that whatever was written can be unpacked.

A compressor keeps bytes back until it has enough of them. Here each record is flushed: the bytes in the file always unpack to whole
records, and a file that was cut short loses its end mark and no more. That costs size: a record is never in one block with the next.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any


class Gzip:
    """Compresses with gzip. The file carries neither a name nor a time."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)

    def pack(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._compressor.flush(zlib.Z_FINISH)


class Zstandard:
    """Compresses with zstd. Raises ImportError if this installation cannot."""

    def __init__(self) -> None:
        self._compressor = zstandard().ZstdCompressor()

    def pack(self, data: bytes) -> bytes:
        packed: bytes = self._compressor.compress(data, self._compressor.FLUSH_BLOCK)
        return packed

    def finish(self) -> bytes:
        ending: bytes = self._compressor.flush(self._compressor.FLUSH_FRAME)
        return ending


def zstandard() -> Any:
    """The module for zstd: in the standard library from Python 3.14 on, a package of the extra ``zstd`` before. Raises ImportError."""
    try:
        return import_module("compression.zstd")
    except ImportError:
        return import_module("backports.zstd")
