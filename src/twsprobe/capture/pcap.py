"""The classic pcap file: a header of 24 bytes, then each packet behind a header of 16.

Its first four bytes tell the byte order of all numbers in it and whether times have microseconds or nanoseconds. The layout is that of
the pcap-savefile manual page of libpcap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from twsprobe.capture.model import CaptureError
from twsprobe.capture.packets import Packet

MAX_PACKET = 1 << 20
"""Longest packet that is read, in bytes: libpcap writes none beyond 262,144."""


class Form(NamedTuple):
    """What the first four bytes say: the byte order as ``struct`` names it, and the nanoseconds in a unit of the times' fraction."""

    order: str
    unit_ns: int


FORMS = {
    b"\xa1\xb2\xc3\xd4": Form(">", 1000),
    b"\xd4\xc3\xb2\xa1": Form("<", 1000),
    b"\xa1\xb2\x3c\x4d": Form(">", 1),
    b"\x4d\x3c\xb2\xa1": Form("<", 1),
}
"""The forms of the file by how it begins."""


def is_pcap(head: bytes) -> bool:
    """Whether a file that begins like this is of this format."""
    return head[:4] in FORMS


def packets_in(blocks: Iterable[bytes], path: str) -> Iterator[Packet]:
    """The packets of a file, from the blocks of its bytes, split anywhere.

    Raises CaptureError, after the packets that came before the fault: ``torn at byte N`` if the file ends inside a packet, ``corrupt at
    byte N`` if a packet cannot be as long as it says.
    """
    source = _Source(blocks)
    head = source.take(24)
    if len(head) < 24:
        raise CaptureError(path, 0, "torn at byte 0: the header of the pcap file is incomplete")
    form = FORMS.get(head[:4])
    if form is None:
        raise CaptureError(path, 0, "is no pcap file")
    link_type = Struct(form.order + "I").unpack_from(head, 20)[0] & 0xFFFF
    header = Struct(form.order + "IIII")
    while True:
        position = source.position
        head = source.take(header.size)
        if not head:
            return
        if len(head) < header.size:
            raise CaptureError(path, position, f"torn at byte {position}: the last packet is incomplete")
        seconds, fraction, captured, length = header.unpack(head)
        if captured > MAX_PACKET:
            raise CaptureError(path, position, f"corrupt at byte {position}: a packet of {captured:,} bytes; the limit is {MAX_PACKET:,}")
        data = source.take(captured)
        if len(data) < captured:
            raise CaptureError(path, position, f"torn at byte {position}: the last packet is incomplete")
        yield Packet(seconds * 1_000_000_000 + fraction * form.unit_ns, link_type, data, length)


class _Source:
    """Blocks of bytes, to be taken in other sizes."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._block = b""
        self._at = 0
        self.position = 0

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, or all there are."""
        end = self._at + size
        if end > len(self._block):
            parts = [self._block[self._at :]]
            held = len(parts[0])
            while held < size and (block := next(self._blocks, b"")):
                parts.append(block)
                held += len(block)
            self._block, self._at, end = b"".join(parts), 0, size
        data = self._block[self._at : end]
        self._at += len(data)
        self.position += len(data)
        return data
