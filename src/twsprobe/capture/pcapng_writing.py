"""Writing pcapng; ``capture.pcapng`` says what is in such a file."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

from twsprobe.capture import files, pcapng
from twsprobe.capture.members import FORMAT, MAX_NUMBER, Members, shown
from twsprobe.capture.model import Chunk, Record
from twsprobe.capture.packets import RAW
from twsprobe.capture.pcapng import HEAD, OPT_SEAL, PACKET_HEAD, SEALED, TAIL
from twsprobe.capture.pcapng_blocks import BYTE_ORDER_MAGIC, ENHANCED_PACKET, FORMATS, IF_TSRESOL, INTERFACE, SECTION
from twsprobe.capture.segments import Segments

SHB_USERAPPL = 4
_NANOSECONDS = bytes((9,))
_PADDING = [bytes(-size % 4) for size in range(4)]
_OVERHEAD = PACKET_HEAD.size + SEALED.size + TAIL.size


class Writer(files.Writer):
    """A new pcapng capture."""

    def _beginning(self, header: Members) -> bytes:
        self._segments = Segments()
        self._number = 0
        formats = FORMATS["<"]
        program = pcapng.option(SHB_USERAPPL, files.PROGRAM.encode())
        mark = pcapng.option(pcapng.OPT_FORMAT, FORMAT.encode())
        described = formats.section.pack(BYTE_ORDER_MAGIC, 1, 0, -1) + mark + program + pcapng.comments(shown(header))
        interface = formats.interface.pack(RAW[-1], 0, 0) + pcapng.option(IF_TSRESOL, _NANOSECONDS)
        beginning = self._block(SECTION, described) + self._block(INTERFACE, interface)
        pcapng.read([beginning], self.path)  # what is written can be read
        return beginning

    def write(self, record: Record) -> None:
        # Traffic waits for this. Nearly every record is a chunk that one packet says, and so does not take the long way.
        if isinstance(record, Chunk) and 0 <= record.time_ns <= MAX_NUMBER:
            head = self._segments.head_of(record)
            if head is not None:
                self._write(self._packet(head, record.data, record.time_ns))
                return
        super().write(record)

    def _encoded(self, record: Record) -> Iterator[bytes]:
        for segments in self._segments.of(record):
            yield b"".join([self._packet(b"", segment.data, record.time_ns, segment.members) for segment in segments])

    def _packet(self, head: bytes, data: bytes, time_ns: int, members: Members | None = None) -> bytes:
        """The block with a packet, of which ``head`` is the first part and ``data`` the rest."""
        size = len(head) + len(data)
        end = _PADDING[size % 4]
        if members is not None:
            end += pcapng.comments(shown(members))
        length = _OVERHEAD + size + len(end)
        start = PACKET_HEAD.pack(ENHANCED_PACKET, length, 0, time_ns >> 32, time_ns & 0xFFFFFFFF, size, size)
        block = b"".join((start, head, data, end, SEALED.pack(OPT_SEAL, 8, self._number)))
        self._number = (self._number + 1) & 0xFFFFFFFF
        return block + TAIL.pack(crc32(block), 0, length)

    def _block(self, kind: int, body: bytes) -> bytes:
        length = HEAD.size + len(body) + SEALED.size + TAIL.size
        block = pcapng.sealed(HEAD.pack(kind, length) + body, self._number, length)
        self._number = (self._number + 1) & 0xFFFFFFFF
        return block
