"""Opening a capture, of whichever format: the content says what a file is, never its name."""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from twsprobe.capture import jsonl
from twsprobe.capture.model import CaptureError, Record

MAX_UNPACKED = 1 << 30
"""How many bytes a compressed capture may unpack to."""
BLOCK = 64 << 10
"""How many bytes are read at a time."""
MAX_PIECE = 256 << 10
"""How many bytes are unpacked at a time."""

_GZIP = b"\x1f\x8b"
_LOOKS_LIKE = (
    (b"\x0a\x0d\x0d\x0a", "a pcapng file"),
    (b"\xd4\xc3\xb2\xa1", "a pcap file"),
    (b"\xa1\xb2\xc3\xd4", "a pcap file"),
    (b"\x4d\x3c\xb2\xa1", "a pcap file"),
    (b"\xa1\xb2\x3c\x4d", "a pcap file"),
    (_GZIP, "a gzip file inside another"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PK\x03\x04", "a zip file"),
    (b"\xef\xbb\xbf", "text with a byte order mark"),
    (b"\xff\xfe", "UTF-16 text"),
)


class Capture:
    """An open capture: iterate over it, once, for its records. ``header`` is what the file says about itself.

    ``position`` tells how many bytes of the file have been read.
    """

    def __init__(self, path: str, header: dict[str, str], records: Iterator[Record], position: Callable[[], int]) -> None:
        self.path = path
        self.header = header
        self.position = position
        self._records = records

    def __iter__(self) -> Iterator[Record]:
        return self._records


@contextmanager
def open_capture(path: str | os.PathLike[str], *, max_unpacked: int = MAX_UNPACKED) -> Iterator[Capture]:
    """Open a capture, plain or compressed with gzip, for ``with``; the records are read as they are asked for.

    Raises CaptureError if the file is no capture or, while iterating, where it turns out to be torn or corrupt: all complete
    records come first. Of a corrupt gzip file the last of them may be wrong, as its checksum comes at the end. Raises OSError if the
    file cannot be opened or read.
    """
    name = os.fspath(path)
    with Path(name).open("rb") as file:
        head, blocks = _peek(_blocks(file))
        if head.startswith(_GZIP):
            head, blocks = _peek(_unpacked(blocks, name, max_unpacked))
        if not head.startswith(b"{"):
            raise CaptureError(name, 0, f"is not a capture that twsprobe reads{_likeness(head)}")
        header, records = jsonl.read(blocks, name)
        yield Capture(name, header, records, file.tell)


def _likeness(head: bytes) -> str:
    if not head:
        return ": it is empty"
    return next((f": it looks like {name}" for magic, name in _LOOKS_LIKE if head.startswith(magic)), "")


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """At least the first bytes, if there are as many, and all blocks from the start."""
    head = b""
    while len(head) < 16 and (block := next(blocks, b"")):
        head += block
    return head, chain([head], blocks)


def _unpacked(blocks: Iterator[bytes], path: str, limit: int) -> Iterator[bytes]:
    """What gzip data, one member after the other, unpack to. Raises CaptureError after the last byte that can be had."""
    total = 0
    for piece in _pieces(blocks, path):
        total += len(piece)
        if total > limit:
            raise CaptureError(path, limit, f"unpacks to more than {limit} bytes")
        if piece:
            yield piece


def _pieces(blocks: Iterator[bytes], path: str) -> Iterator[bytes]:
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


def _up_to_fault(unpacker: "zlib._Decompress", data: bytes, position: int, path: str) -> Iterator[bytes]:
    # zlib drops what it unpacked in the call that fails, and with it records that are complete. Byte by byte, only the fault is lost.
    with suppress(zlib.error):
        for byte in data:
            yield unpacker.decompress(bytes((byte,)))
            position += 1
    raise CaptureError(path, position, f"corrupt at byte {position}: the gzip data do not unpack")
