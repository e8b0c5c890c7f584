"""The blocks of a pcapng file, and the packets in them, whoever wrote the file.

A file is a row of blocks: a type, a length, a body, the length again. A section header says in which byte order the blocks after it are,
and interfaces, which the section numbers from 0 as they are described, say of what kind their packets are and in which unit they count
time. Unknown blocks and options are passed over. Shape and numbers: draft-ietf-opsawg-pcapng.

Lengths are the writer's word: a block longer than ``MAX_BLOCK`` is refused before any of it is kept, and every length within a block is
held against what the block has. A block that the file's end cut short is torn, anything else that does not fit is corrupt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from twsprobe.capture.model import CaptureError
from twsprobe.capture.packets import Packet

MAX_BLOCK = 16 << 20
"""Longest block that is read, in bytes."""
MAX_INTERFACES = 1 << 16
"""Most interfaces that one section may describe."""

SECTION = 0x0A0D0D0A
INTERFACE = 1
OLD_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D

OPT_END = 0
OPT_COMMENT = 1
IF_TSRESOL = 9
IF_TSOFFSET = 14

_SHORTEST = 12
_BYTE_ORDERS = {BYTE_ORDER_MAGIC.to_bytes(4, "little"): "<", BYTE_ORDER_MAGIC.to_bytes(4, "big"): ">"}
_SECTION_TYPE = SECTION.to_bytes(4, "big")
_MICROSECONDS = 10**6


class Block(NamedTuple):
    """A whole block: its type, the offset of its first byte in the file, and what is between its two lengths."""

    kind: int
    position: int
    formats: Formats
    body: bytes


class Formats:
    """The layouts of a section, in its byte order."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.head = Struct(order + "II")
        self.word = Struct(order + "I")
        self.option = Struct(order + "HH")
        self.seconds = Struct(order + "q")
        self.section = Struct(order + "IHHq")
        self.interface = Struct(order + "HHI")
        self.old_packet = Struct(order + "HHIIII")
        self.enhanced_packet = Struct(order + "IIIII")


class Interface(NamedTuple):
    """What an interface says of its packets; times are in ``1 / units`` seconds, from ``offset_ns``."""

    link_type: int
    snap_length: int
    """Bytes of a packet that are kept at most; 0 for all."""
    units: int
    offset_ns: int


FORMATS = {order: Formats(order) for order in "<>"}


def blocks_in(pieces: Iterable[bytes], path: str) -> Iterator[Block]:
    """The blocks of a pcapng file, from its bytes, split anywhere.

    Raises CaptureError after the last whole block: "torn at byte N", where the torn block begins, or "corrupt at byte N" and why.
    """
    buffer = bytearray()
    position = 0
    formats: Formats | None = None
    for piece in pieces:
        buffer += piece
        start = 0
        while len(buffer) - start >= _SHORTEST:
            if buffer.startswith(_SECTION_TYPE, start):
                formats = _formats(buffer[start + 8 : start + 12], path, position)
            if formats is None:
                raise CaptureError(path, position, f"corrupt at byte {position}: a pcapng file begins with a section header")
            kind, length = formats.head.unpack_from(buffer, start)
            if length < _SHORTEST or length % 4 or length > MAX_BLOCK:
                raise CaptureError(path, position, f"corrupt at byte {position}: a block of {length} bytes")
            if len(buffer) - start < length:
                break
            [again] = formats.word.unpack_from(buffer, start + length - 4)
            if again != length:
                raise CaptureError(path, position, f"corrupt at byte {position}: a block's length is {length}, and {again} at its end")
            yield Block(kind, position, formats, bytes(memoryview(buffer)[start + 8 : start + length - 4]))
            start += length
            position += length
        del buffer[:start]
    if buffer:
        raise CaptureError(path, position, f"torn at byte {position}: the last block is incomplete")


def _formats(magic: bytes | bytearray, path: str, position: int) -> Formats:
    order = _BYTE_ORDERS.get(bytes(magic))
    if order is None:
        raise CaptureError(path, position, f"corrupt at byte {position}: a section header without a byte order")
    return FORMATS[order]


def packets_in(pieces: Iterable[bytes], path: str) -> Iterator[Packet]:
    """The packets of a pcapng file, of all its sections and interfaces, in the order of the file. Raises what ``blocks_in`` raises.

    A simple packet block has no time and gets that of the packet before it, or 0.
    """
    interfaces: list[Interface] = []
    time_ns = 0
    for block in blocks_in(pieces, path):
        try:
            if block.kind == ENHANCED_PACKET:
                packet = _enhanced(block, interfaces)
            elif block.kind == SIMPLE_PACKET:
                packet = _simple(block, interfaces, time_ns)
            elif block.kind == OLD_PACKET:
                packet = _old(block, interfaces)
            else:
                if block.kind == SECTION:
                    _check_section(block)
                    interfaces = []
                elif block.kind == INTERFACE:
                    interfaces.append(_interface(block, len(interfaces)))
                continue
        except ValueError as fault:
            raise CaptureError(path, block.position, f"corrupt at byte {block.position}: {fault}") from None
        time_ns = packet.time_ns
        yield packet


def options_of(block: Block, start: int) -> Iterator[tuple[int, bytes]]:
    """The options of a block, from that byte of its body on. Raises ValueError if one is longer than the block."""
    body, size, formats = block.body, len(block.body), block.formats
    while start + 4 <= size:
        code, length = formats.option.unpack_from(body, start)
        start += 4
        if code == OPT_END:
            return
        if start + length > size:
            raise ValueError(f"an option of {length} bytes, which is more than its block has")
        yield code, body[start : start + length]
        start += padded(length)


def padded(length: int) -> int:
    """A length, rounded up to whole 32-bit words."""
    return -(-length // 4) * 4


def _needs(block: Block, layout: Struct) -> None:
    if len(block.body) < layout.size:
        raise ValueError(f"a block of type {block.kind} with {len(block.body)} bytes in it, which needs {layout.size}")


def _check_section(block: Block) -> None:
    _needs(block, block.formats.section)
    _, major, minor, _ = block.formats.section.unpack_from(block.body)
    if major != 1:
        raise ValueError(f"a section of pcapng version {major}.{minor}, which is not known")


def _interface(block: Block, number: int) -> Interface:
    _needs(block, block.formats.interface)
    if number >= MAX_INTERFACES:
        raise ValueError(f"a section with more than {MAX_INTERFACES} interfaces")
    link_type, _, snap_length = block.formats.interface.unpack_from(block.body)
    units, offset = _MICROSECONDS, 0
    for code, value in options_of(block, block.formats.interface.size):
        if code == IF_TSRESOL and value:
            exponent = value[0] & 0x7F
            units = 1 << exponent if value[0] & 0x80 else 10**exponent
        elif code == IF_TSOFFSET and len(value) == block.formats.seconds.size:
            [offset] = block.formats.seconds.unpack(value)
    return Interface(link_type, snap_length, units, offset * 10**9)


def _described(interfaces: list[Interface], number: int) -> Interface:
    if number >= len(interfaces):
        raise ValueError(f"a packet of interface {number}, which was not described")
    return interfaces[number]


def _enhanced(block: Block, interfaces: list[Interface]) -> Packet:
    layout = block.formats.enhanced_packet
    _needs(block, layout)
    number, high, low, captured, length = layout.unpack_from(block.body)
    return _packet(block, _described(interfaces, number), high << 32 | low, layout.size, captured, length)


def _old(block: Block, interfaces: list[Interface]) -> Packet:
    layout = block.formats.old_packet
    _needs(block, layout)
    number, _, high, low, captured, length = layout.unpack_from(block.body)
    return _packet(block, _described(interfaces, number), high << 32 | low, layout.size, captured, length)


def _packet(block: Block, interface: Interface, ticks: int, start: int, captured: int, length: int) -> Packet:
    if captured > len(block.body) - start:
        raise ValueError(f"a packet of {captured} bytes in a block that has {len(block.body) - start} for it")
    comments: tuple[str, ...] = ()
    if len(block.body) - start - captured >= 4:
        options = options_of(block, start + padded(captured))
        comments = tuple(value.decode("utf-8", "replace") for code, value in options if code == OPT_COMMENT)
    time_ns = ticks * 10**9 // interface.units + interface.offset_ns
    return Packet(time_ns, interface.link_type, block.body[start : start + captured], length, comments)


def _simple(block: Block, interfaces: list[Interface], time_ns: int) -> Packet:
    _needs(block, block.formats.word)
    interface = _described(interfaces, 0)
    [length] = block.formats.word.unpack_from(block.body)
    captured = min(length, interface.snap_length or length)
    start = block.formats.word.size
    if captured > len(block.body) - start:
        raise ValueError(f"a packet of {captured} bytes in a block that has {len(block.body) - start} for it")
    return Packet(time_ns, interface.link_type, block.body[start : start + captured], length, ())
