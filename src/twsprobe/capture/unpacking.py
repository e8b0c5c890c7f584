"""What compressed bytes unpack to, piece by piece: all that can be had before a fault, and never more than a limit.

Decompressors drop what they unpacked in the call that fails, and with it records that are complete. A zlib one can be copied, so that
the block with the fault is done again byte by byte; a zstd one cannot, so it is fed few bytes at a time, and what is lost is what these
few unpack to.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twsprobe.capture.model import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PIECE = 256 << 10
"""How many bytes are unpacked at a time."""
ZSTD_FED = 64
"""How many bytes a zstd decompressor is fed at a time."""

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"


def unpacked(head: bytes, blocks: Iterator[bytes], path: str, limit: int) -> Iterator[bytes] | None:
    """What data that begin like this unpack to, one gzip member or zstd frame after the other; None if they are not compressed.

    Raises CaptureError after the last byte that can be had, and at once if zstd data cannot be read by this installation.
    """
    if head.startswith(GZIP):
        return _limited(_gzip(blocks, path), path, limit)
    return _limited(_zstd(blocks, path, _zstandard(path)), path, limit) if head.startswith(ZSTD) else None


def _limited(pieces: Iterator[bytes], path: str, limit: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise CaptureError(path, limit, f"unpacks to more than {limit} bytes")
        if piece:
            yield piece


def _gzip(blocks: Iterator[bytes], path: str) -> Iterator[bytes]:
    position = 0
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for rest in blocks:
        position += len(rest)
        pending = True
        while pending:
            if unpacker.eof:
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            before = unpacker.copy()
            try:
                piece = unpacker.decompress(rest, MAX_PIECE)
            except zlib.error:
                yield from _up_to_fault(before, rest, position - len(rest), path)
                return
            yield piece
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            pending = bool(rest) or (len(piece) == MAX_PIECE and not unpacker.eof)
    if not unpacker.eof:
        raise CaptureError(path, position, f"torn at byte {position}: the gzip data are incomplete")


def _up_to_fault(unpacker: zlib._Decompress, data: bytes, position: int, path: str) -> Iterator[bytes]:
    with suppress(zlib.error):
        for byte in data:
            yield unpacker.decompress(bytes((byte,)))
            position += 1
    raise CaptureError(path, position, f"corrupt at byte {position}: the gzip data do not unpack")


def _zstandard(path: str) -> Any:
    """The module that unpacks zstd."""
    from twsprobe.capture.packing import zstandard

    try:
        return zstandard()
    except ImportError:
        reason = "is compressed with zstd, which this installation cannot read: install twsprobe[zstd], or unpack it with zstd -d"
        raise CaptureError(path, 0, reason) from None


def _zstd(blocks: Iterator[bytes], path: str, zstandard: Any) -> Iterator[bytes]:
    position = 0
    new: Callable[[], Any] = zstandard.ZstdDecompressor
    unpacker, whole = new(), False
    for block in blocks:
        for start in range(0, len(block), ZSTD_FED):
            rest = block[start : start + ZSTD_FED]
            while rest or not (unpacker.eof or unpacker.needs_input):
                if unpacker.eof:
                    unpacker = new()
                try:
                    piece = unpacker.decompress(rest, MAX_PIECE)
                except zstandard.ZstdError:
                    raise CaptureError(path, position, f"corrupt at byte {position}: the zstd data do not unpack") from None
                yield piece
                rest = unpacker.unused_data if unpacker.eof else b""
            position += min(ZSTD_FED, len(block) - start)
            whole = unpacker.eof
    if not whole:
        raise CaptureError(path, position, f"torn at byte {position}: the zstd data are incomplete")
