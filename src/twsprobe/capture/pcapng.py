"""pcapng as twsprobe writes it: packets that any tool reads, and beside them what packets cannot say.

The file is one little-endian section (draft-ietf-opsawg-pcapng) with one interface of raw IP packets, whose times are nanoseconds since the
epoch. Each record is one or more enhanced packet blocks with the packets that ``capture.segments`` makes of it. A packet that does not say
all has a comment, visible in Wireshark: the record's members as JSON, as in ``capture.jsonl`` but for the time, which the packet has::

    {"c": 0, "event": "opened", "client": "127.0.0.1:51234", "server": "127.0.0.1:7497"}     on the handshake's last packet
    {"c": 0, "to": "client"}                   whose packet this is, for a connection whose opening was not seen
    {"c": 0, "to": "client", "data": ""}       an empty chunk; gaps, notes and ends that packets do not have are named alike

A chunk goes up to the packet with PSH, so one that is longer than a packet comes back whole. A comment of more than 65,532 bytes goes on in
the next. The section header has the capture's header as its comment, and the program's name and version in ``shb_userappl``.

Every block ends with a seal: an option of a code that the format leaves for local use, with the block's number in the file and a CRC-32 of
the block up to there. It finds any changed bit, in the payload and elsewhere, and any block that is missing or there twice; ``epb_hash``
would cover the packet alone. Wireshark, tshark and editcap drop such options from what they write. So a file that they made of ours, with
other packets or times, is not taken for ours: ``is_ours`` says no, and it is read as any packet capture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from zlib import crc32

from twsprobe.capture.members import FORMAT, MAX_CHUNK, MAX_HEADER, Members, direction_of, header_of, members_in, record_of
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Opened, Record
from twsprobe.capture.pcapng_blocks import (
    BYTE_ORDER_MAGIC,
    ENHANCED_PACKET,
    FORMATS,
    INTERFACE,
    MAX_BLOCK,
    OPT_COMMENT,
    SECTION,
    Block,
    options_of,
    padded,
)
from twsprobe.capture.segments import ACK, FIN, NEVER_OPENED, PSH, RST, SYN, reversed_path
from twsprobe.wire.framing import Direction

OPT_SEAL = 0xF501
OPT_FORMAT = 0xF502
MAX_OPTION = 65532
"""Longest option that is written, in bytes: whole words."""

HEAD = Struct("<II")
PACKET_HEAD = Struct("<IIIIIII")
"""The head of an enhanced packet block: type, length, interface, time (two halves), bytes captured, bytes that the packet had."""
SEALED = Struct("<HHI")
"""The part of the seal that its checksum covers: code, length, the block's number."""
TAIL = Struct("<III")
"""The rest of a block: checksum, end of the options, length."""
OPTION = Struct("<HH")
SECTION_HEAD = Struct("<IHHq")

_SEAL = Struct("<IIIII")
_SEAL_HEAD = 8 << 16 | OPT_SEAL
_OVERHEAD = PACKET_HEAD.size + _SEAL.size
_SHORTEST = _OVERHEAD + 40
"""Bytes of a block with the shortest packet."""
_FAST_4 = Struct("<IIIIIII B11x 12s 8x 2s")
"""The head of a block, and of the IPv4 and TCP headers in it the version, the path, and the offset of the data with the flags."""
_FAST_6 = Struct("<36x 36s 8x 2s")
_IS_4, _IS_6 = 0x45, 0x60
_DATA = bytes((5 << 4, PSH | ACK))
_BODY_4, _BODY_6 = PACKET_HEAD.size + 40, PACKET_HEAD.size + 60
_OURS = OPTION.pack(OPT_FORMAT, len(FORMAT)) + FORMAT.encode()
_FORMAT_AT = HEAD.size + SECTION_HEAD.size

Flow = tuple[int, Direction]


def is_ours(head: bytes) -> bool:
    """Whether a file that begins like this was written by twsprobe, and by nothing after it. Needs the first 46 bytes."""
    return head[8:12] == BYTE_ORDER_MAGIC.to_bytes(4, "little") and head.startswith(_OURS, _FORMAT_AT)


def option(code: int, value: bytes) -> bytes:
    """An option, filled up to whole words."""
    return OPTION.pack(code, len(value)) + value + bytes(-len(value) % 4)


def comments(text: bytes) -> bytes:
    """A text as comments, as many as it needs."""
    return b"".join(option(OPT_COMMENT, text[start : start + MAX_OPTION]) for start in range(0, len(text), MAX_OPTION))


def sealed(block: bytes, number: int, length: int) -> bytes:
    """A block of that length that lacks its seal and what comes after, made whole."""
    block += SEALED.pack(OPT_SEAL, 8, number)
    return block + TAIL.pack(crc32(block), 0, length)


def read(blocks: Iterable[bytes], path: str) -> tuple[dict[str, str], Iterator[Record]]:
    """Read a capture from the blocks of its bytes, split anywhere: the header, and the records as they are asked for.

    Raises CaptureError, here if the header is bad and else from the iterator, after the records that came before the fault: "torn at
    byte N", where the record that is incomplete begins, or "corrupt at byte N", where the block that is wrong begins, and why.
    """
    pieces = iter(blocks)
    buffer = bytearray()
    section = _first(buffer, pieces, path, 0, SECTION)
    end = len(section)
    try:
        texts = [value for code, value in options_of(_block(section), SECTION_HEAD.size) if code == OPT_COMMENT]
        if not is_ours(section):
            raise ValueError("is not one that this twsprobe wrote")
        if sum(map(len, texts)) > MAX_HEADER:
            raise ValueError(f"is longer than {MAX_HEADER} bytes")
        header, _ = header_of(members_in(b"".join(texts)))
    except ValueError as error:
        raise CaptureError(path, 0, f"is not a capture that twsprobe reads: its header {error}") from None
    end += len(_first(buffer, pieces, path, end, INTERFACE))
    return header, _Reader(path, end).records(bytes(buffer[end:]), pieces)


def _first(buffer: bytearray, pieces: Iterator[bytes], path: str, start: int, kind: int) -> bytes:
    """The block of a kind that begins at that byte; the buffer is filled as far as needed. Raises CaptureError if there is none."""
    length = HEAD.size
    while True:
        if len(buffer) - start >= HEAD.size:
            found, length = HEAD.unpack_from(buffer, start)
            if found != kind or length % 4 or not HEAD.size + _SEAL.size <= length <= MAX_BLOCK:
                raise CaptureError(path, start, f"corrupt at byte {start}: a block of type {found} with {length} bytes")
        if len(buffer) - start >= length > HEAD.size:
            break
        piece = next(pieces, None)
        if piece is None:
            raise CaptureError(path, start, f"torn at byte {start}: the header is incomplete")
        buffer += piece
    block = bytes(memoryview(buffer)[start : start + length])
    if not _is_sealed(block, 0 if kind == SECTION else 1):
        raise CaptureError(path, start, f"corrupt at byte {start}: the block does not match its checksum")
    return block


def _is_sealed(block: bytes, number: int) -> bool:
    length = len(block)
    expected = _SEAL_HEAD, number, crc32(memoryview(block)[: length - TAIL.size]), 0, length
    return _SEAL.unpack_from(block, length - _SEAL.size) == expected


def _block(block: bytes) -> Block:
    return Block(HEAD.unpack_from(block)[0], 0, FORMATS["<"], block[HEAD.size : -4])


class _Reader:
    """Reads the packets that come after the header."""

    def __init__(self, path: str, position: int) -> None:
        self.path = path
        self.position = position
        self.flows: dict[bytes, Flow] = {}
        self.half_closed: dict[int, Direction] = {}
        self.parts: list[bytes] = []
        self.parts_path = b""
        self.began: int | None = None
        """Where a record began of which more packets are to come."""

    def records(self, data: bytes, pieces: Iterator[bytes]) -> Iterator[Record]:
        """The records of all blocks, from the first bytes and the pieces that follow."""
        number, flows = 2, self.flows
        held, size, needed = [data], len(data), 0
        while True:
            if size >= needed:
                data, start = b"".join(held), 0
                while size - start >= _SHORTEST:
                    kind, length, _, high, low, captured, _, version, path, flags = _FAST_4.unpack_from(data, start)
                    if kind != ENHANCED_PACKET or length % 4 or not _SHORTEST <= length <= MAX_BLOCK:
                        raise self.corrupt(start, f"a block of type {kind} with {length} bytes")
                    stop = start + length
                    if stop > size:
                        break
                    body = start + _BODY_4
                    if version == _IS_6:
                        path, flags = _FAST_6.unpack_from(data, start)
                        body = start + _BODY_6
                    seal, counted, checksum, over, again = _SEAL.unpack_from(data, stop - 20)
                    whole = seal == _SEAL_HEAD and counted == number and not over and again == length
                    if not whole or checksum != crc32(data[start : stop - 12]):
                        raise self.corrupt(start, "the block does not match its checksum")
                    number = number + 1 & 0xFFFFFFFF
                    end = start + 28 + captured
                    flow = flows.get(path)
                    # Most packets are the data of a known connection, without a comment; the rest takes the long way.
                    if flags == _DATA and flow and self.began is None and 0 <= stop - end - 20 < 4 and end > body and high < 0x80000000:
                        yield Chunk(flow[0], flow[1], high << 32 | low, data[body:end])
                    else:
                        record = self.record(data[start:stop], start)
                        if record is not None:
                            yield record
                    start = stop
                needed = self.needed(data, start)
                self.position += start
                held, size = [data[start:]], size - start
            piece = next(pieces, None)
            if piece is None:
                break
            held.append(piece)
            size += len(piece)
        if size or self.began is not None:
            position = self.position if self.began is None else self.began
            raise CaptureError(self.path, position, f"torn at byte {position}: the last record is incomplete")

    def needed(self, data: bytes, start: int) -> int:
        """How many bytes the next block has, or at least. Raises CaptureError for a length that none can have."""
        if len(data) - start < HEAD.size:
            return HEAD.size
        kind, length = HEAD.unpack_from(data, start)
        if kind != ENHANCED_PACKET or length % 4 or not _SHORTEST <= length <= MAX_BLOCK:
            raise self.corrupt(start, f"a block of type {kind} with {length} bytes")
        return int(length)

    def corrupt(self, start: int, reason: str) -> CaptureError:
        position = self.position + start
        return CaptureError(self.path, position, f"corrupt at byte {position}: {reason}")

    def record(self, block: bytes, start: int) -> Record | None:
        """The record that a block completes, if it does."""
        try:
            record = self.completed(block)
        except ValueError as error:
            raise self.corrupt(start, str(error)) from None
        if record is not None:
            self.began = None
        elif self.began is None:
            self.began = self.position + start
        return record

    def completed(self, block: bytes) -> Record | None:
        """The same. Raises ValueError for a packet that does not belong there."""
        _, length, _, high, low, captured, _ = PACKET_HEAD.unpack_from(block)
        if captured > length - _OVERHEAD or high >= 0x80000000:
            raise ValueError("a packet that is longer than its block, or from after 2262")
        time_ns = high << 32 | low
        packet = block[PACKET_HEAD.size : PACKET_HEAD.size + captured]
        ip = 20 if packet[:1] == b"\x45" else 40
        if captured < ip + 20 or packet[0] not in (_IS_4, _IS_6):
            raise ValueError("a packet that twsprobe does not write")
        path = packet[12:20] + packet[20:24] if ip == 20 else packet[8:44]
        offset, flags = (packet[ip + 12] >> 4) * 4, packet[ip + 13]
        texts = [value for code, value in options_of(_block(block), PACKET_HEAD.size - HEAD.size + padded(captured)) if code == OPT_COMMENT]
        if texts:
            members = members_in(b"".join(texts))
            if members.keys() != {"c", "to"}:
                return self.marked(members, path, time_ns)
            self.begin(path, (record_of({**members, "data": "", "t": time_ns}, 0).connection, direction_of(members)))
        return self.plain(path, flags, time_ns, packet[ip + offset :])

    def marked(self, members: Members, path: bytes, time_ns: int) -> Record:
        """The record that a comment says."""
        record = record_of({**members, "t": time_ns}, 0)
        if not isinstance(record, Closed) or record.how not in NEVER_OPENED:
            flow = record.connection, Direction.TO_SERVER if isinstance(record, Opened) else record.direction
            if isinstance(record, Opened) or self.flows.get(path) != flow:
                self.begin(path, flow)
        if isinstance(record, Closed):
            self.end(path, record)
        return record

    def plain(self, path: bytes, flags: int, time_ns: int, data: bytes) -> Record | None:
        """The record that a packet alone says, if it is its last."""
        if flags & SYN or (not data and flags == ACK):
            return None
        flow = self.flows.get(path)
        if flow is None:
            raise ValueError("a packet of a connection that did not begin")
        if flags & (FIN | RST):
            closed = Closed(flow[0], time_ns, flow[1], Close.FIN if flags & FIN else Close.RST)
            self.end(path, closed)
            return closed
        if self.parts and self.parts_path != path:
            raise ValueError("a packet amid a chunk of another connection")
        self.parts.append(data)
        self.parts_path = path
        if sum(map(len, self.parts)) > MAX_CHUNK:
            raise ValueError(f"a chunk of more than {MAX_CHUNK} bytes")
        if not flags & PSH:
            return None
        whole = b"".join(self.parts)
        self.parts.clear()
        return Chunk(flow[0], flow[1], time_ns, whole)

    def begin(self, path: bytes, flow: Flow) -> None:
        """From here on these packets belong to that connection and direction, and those the other way to its other one."""
        self.flows[path] = flow
        self.flows[reversed_path(path)] = flow[0], flow[1].opposite
        self.half_closed.pop(flow[0], None)

    def end(self, path: bytes, closed: Closed) -> None:
        """A direction ended; after both no more packets of these come."""
        if path not in self.flows:
            return
        if self.half_closed.get(closed.connection, closed.direction) is closed.direction:
            self.half_closed[closed.connection] = closed.direction
            return
        del self.half_closed[closed.connection], self.flows[path]
        self.flows.pop(reversed_path(path), None)
