"""Opening a capture, of whichever format: the content says what a file is, never its name."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from twsprobe.capture import jsonl
from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.unpacking import GZIP, ZSTD, unpacked

MAX_UNPACKED = 1 << 30
"""How many bytes a compressed capture may unpack to."""
BLOCK = 64 << 10
"""How many bytes are read at a time."""
IDENTIFIED = 64
"""How many bytes tell who wrote a pcapng file; no packet in it ends before them."""

_PCAPNG = b"\x0a\x0d\x0d\x0a"
_LOOKS_LIKE = (
    (GZIP, "a gzip file inside another"),
    (ZSTD, "a zstd file inside another"),
    (b"\xa1\xb2\xcd\x34", "a pcap file of a kind that only old systems wrote"),
    (b"\x34\xcd\xb2\xa1", "a pcap file of a kind that only old systems wrote"),
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
    """Open a capture, plain or compressed with gzip or zstd, for ``with``; the records are read as they are asked for.

    It may be JSON Lines, pcapng or pcap. Of packets that others captured, ``header`` says once all were read, under ``left_out``, what
    is in no record.

    Raises CaptureError if the file is no capture or, while iterating, where it turns out to be torn or corrupt: all complete records
    come first. Of a corrupt compressed file the last of them may be wrong, as its checksum comes at the end. Raises OSError if the
    file cannot be opened or read.
    """
    name = os.fspath(path)
    with Path(name).open("rb") as file:
        head, blocks = _peek(_blocks(file))
        packed = unpacked(head, blocks, name, max_unpacked)
        if packed is not None:
            head, blocks = _peek(packed)
        header, records = _read(head, blocks, name)
        yield Capture(name, header, records, file.tell)


def _read(head: bytes, blocks: Iterator[bytes], path: str) -> tuple[dict[str, str], Iterator[Record]]:
    """What a file says about itself, and its records, by how it begins. Raises CaptureError if it is no capture."""
    if head.startswith(b"{"):
        return jsonl.read(blocks, path)
    from twsprobe.capture import pcap

    if not (head.startswith(_PCAPNG) or pcap.is_pcap(head)):
        raise CaptureError(path, 0, f"is not a capture that twsprobe reads{_likeness(head)}")
    from twsprobe.capture import pcapng, pcapng_blocks
    from twsprobe.capture.reassembly import records_in

    if pcapng.is_ours(head):
        return pcapng.read(blocks, path)
    header = {"format": "pcapng" if head.startswith(_PCAPNG) else "pcap"}
    packets = (pcapng_blocks.packets_in if head.startswith(_PCAPNG) else pcap.packets_in)(blocks, path)
    # A file that is damaged from its beginning is refused before anything is made of it.
    first = list(islice(packets, 1))
    return header, records_in(chain(first, packets), header)


def _likeness(head: bytes) -> str:
    if not head:
        return ": it is empty"
    return next((f": it looks like {name}" for magic, name in _LOOKS_LIKE if head.startswith(magic)), "")


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """At least the first bytes, as many as tell the format if there are as many, and all blocks from the start."""
    head = b""
    while len(head) < (IDENTIFIED if head.startswith(_PCAPNG) else 16) and (block := next(blocks, b"")):
        head += block
    return head, chain([head], blocks)
