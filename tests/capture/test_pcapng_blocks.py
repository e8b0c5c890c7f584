import struct
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.recording import in_pieces
from twsprobe.capture import pcapng_blocks
from twsprobe.capture.model import CaptureError
from twsprobe.capture.packets import ETHERNET, Packet
from twsprobe.capture.pcapng_blocks import MAX_BLOCK, blocks_in, options_of, packets_in, padded

MAGIC = 0x1A2B3C4D
RAW = 101


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<", *, options: bytes = b"", major: int = 1) -> bytes:
    return block(order, pcapng_blocks.SECTION, struct.pack(order + "IHHq", MAGIC, major, 0, -1) + options)


def interface(order: str = "<", link_type: int = RAW, snap: int = 0, options: bytes = b"") -> bytes:
    return block(order, pcapng_blocks.INTERFACE, struct.pack(order + "HHI", link_type, 0, snap) + options)


def enhanced(data: bytes, ticks: int = 0, *, order: str = "<", number: int = 0, length: int | None = None, options: bytes = b"") -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) if length is None else length)
    return block(order, pcapng_blocks.ENHANCED_PACKET, head + data + bytes(-len(data) % 4) + options)


def read_all(data: bytes, size: int = 1 << 16) -> tuple[list[Packet], CaptureError | None]:
    """The packets that can be read, and the error after them."""
    found: list[Packet] = []
    try:
        for packet in packets_in(in_pieces(data, size), "x.pcapng"):
            found.append(packet)
    except CaptureError as error:
        return found, error
    return found, None


START = section() + interface()


@pytest.mark.parametrize("size", [1, 5, 1 << 16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_packet_is_read_in_both_byte_orders(order: str, size: int) -> None:
    old = struct.pack(order + "HHIIII", 0, 7, 0, 3, 3, 3) + b"old\0"
    data = (
        section(order)
        + interface(order, ETHERNET)
        + enhanced(b"a", 1, order=order)
        + block(order, pcapng_blocks.SIMPLE_PACKET, struct.pack(order + "I", 6) + b"simple\0\0")
        + block(order, pcapng_blocks.OLD_PACKET, old + option(order, 1, b"older than the rest"))
        + block(order, 0xBAD, b"unknown!")
        + enhanced(b"cut", (5 << 32) + 4, order=order, length=1500)
    )
    assert read_all(data, size) == (
        [
            Packet(1_000, ETHERNET, b"a", 1, ()),
            Packet(1_000, ETHERNET, b"simple", 6, ()),
            Packet(3_000, ETHERNET, b"old", 3, ("older than the rest",)),
            Packet(((5 << 32) + 4) * 1000, ETHERNET, b"cut", 1500, ()),
        ],
        None,
    )


def test_each_section_has_its_byte_order_and_its_interfaces() -> None:
    other = section(">") + interface(">", ETHERNET) + interface(">", RAW) + enhanced(b"b", order=">", number=1) + enhanced(b"c", order=">")
    read, error = read_all(START + enhanced(b"a") + other)
    assert [(packet.link_type, packet.data) for packet in read] == [(RAW, b"a"), (RAW, b"b"), (ETHERNET, b"c")]
    assert error is None


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time_ns"),
    [
        (None, None, 1_714_564_800_123_456, 1_714_564_800_123_456_000),
        (0, None, 5, 5_000_000_000),
        (3, None, 5, 5_000_000),
        (9, None, 1_714_564_800_123_456_789, 1_714_564_800_123_456_789),
        (12, None, 1_999, 1),
        (127, None, (1 << 64) - 1, 0),
        (0x80, None, 3, 3_000_000_000),
        (0x80 | 10, None, 1536, 1_500_000_000),
        (0x80 | 127, None, (1 << 64) - 1, 0),
        (9, 1_714_564_800, 5, 1_714_564_800_000_000_005),
        (9, -3, 5, -2_999_999_995),
    ],
)
def test_times_are_in_the_units_of_their_interface(resolution: int | None, offset: int | None, ticks: int, time_ns: int) -> None:
    options = b"" if resolution is None else option("<", pcapng_blocks.IF_TSRESOL, bytes((resolution,)))
    options += b"" if offset is None else option("<", pcapng_blocks.IF_TSOFFSET, struct.pack("<q", offset))
    read, _ = read_all(section() + interface(options=options) + enhanced(b"", ticks))
    assert [packet.time_ns for packet in read] == [time_ns]


def test_options_end_where_they_say() -> None:
    options = (
        option("<", 0x8001, b"local use") + option("<", 1, b"caf\xc3\xa9") + option("<", 1, b"\xff") + bytes(4) + option("<", 1, b"no more")
    )
    assert read_all(START + enhanced(b"abcde", options=options))[0][0].comments == ("caf\u00e9", "\ufffd")


def test_a_simple_packet_is_as_long_as_its_interface_keeps() -> None:
    simple = block("<", pcapng_blocks.SIMPLE_PACKET, struct.pack("<I", 1500) + b"12345678")
    read, error = read_all(section() + interface(snap=8) + simple)
    assert (read, error) == ([Packet(0, RAW, b"12345678", 1500, ())], None)
    assert "a packet of 1500 bytes" in str(read_all(START + simple)[1])


GOLDEN = (
    START + enhanced(b"first", 1, options=option("<", 1, b"a comment") + bytes(4)) + enhanced(b"second", 2) + section(">") + interface(">")
)


def test_a_file_cut_anywhere_gives_exactly_the_complete_packets() -> None:
    ends = [end for end, _ in walked(GOLDEN)]
    for size in range(len(GOLDEN)):
        read, error = read_all(GOLDEN[:size])
        whole = [end for end in ends if end <= size]
        assert len(read) == min(2, max(0, len(whole) - 2))
        position = whole[-1] if whole else 0
        if size == position:
            assert error is None
        else:
            assert error is not None
            assert (error.position, error.reason) == (position, f"torn at byte {position}: the last block is incomplete")


def walked(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each block ends, and its type."""
    for found in blocks_in([data], "x"):
        yield found.position + 12 + len(found.body), found.kind


@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize("length", [0, 1, 3, 11, 13, MAX_BLOCK + 4, (1 << 31) - 1, (1 << 32) - 1])
def test_a_length_that_no_block_has_is_refused(length: int, size: int) -> None:
    data = START + enhanced(b"sound")
    read, error = read_all(data + struct.pack("<III", 6, length, 0), size)
    assert len(read) == 1
    assert error is not None
    assert (error.position, error.reason) == (len(data), f"corrupt at byte {len(data)}: a block of {length} bytes")


@pytest.mark.parametrize(
    ("start", "wrong", "reason"),
    [
        (b"", b"\0" * 12, "a pcapng file begins with a section header"),
        (b"", b"\x0a\x0d\x0d\x0a" + bytes(8), "a section header without a byte order"),
        (b"", section(major=2), "a section of pcapng version 2.0, which is not known"),
        (b"", block("<", pcapng_blocks.SECTION, struct.pack("<I", MAGIC)), "a block of type 168627466 with 4 bytes in it, which needs 16"),
        (section(), interface()[:8] + interface()[8:-4] + struct.pack("<I", 24), "a block's length is 20, and 24 at its end"),
        (section(), enhanced(b"a"), "a packet of interface 0, which was not described"),
        (section(), block("<", pcapng_blocks.SIMPLE_PACKET, bytes(4)), "a packet of interface 0, which was not described"),
        (section(), block("<", pcapng_blocks.INTERFACE, bytes(4)), "a block of type 1 with 4 bytes in it, which needs 8"),
        (section(), interface(options=struct.pack("<HH", 9, 1)), "an option of 1 bytes, which is more than its block has"),
        (START, enhanced(b"a", number=1), "a packet of interface 1, which was not described"),
        (START, block("<", 6, struct.pack("<IIIII", 0, 0, 0, 5, 5) + b"abcd"), "a packet of 5 bytes in a block that has 4 for it"),
        (START, block("<", 6, struct.pack("<IIIII", 0, 0, 0, 0xFFFFFFFF, 0)), "a packet of 4294967295 bytes in a block that has 0 for it"),
        (START, block("<", 6, bytes(16)), "a block of type 6 with 16 bytes in it, which needs 20"),
        (START, block("<", 2, bytes(16)), "a block of type 2 with 16 bytes in it, which needs 20"),
        (START, block("<", 3, b""), "a block of type 3 with 0 bytes in it, which needs 4"),
        (START, enhanced(b"a", options=struct.pack("<HH", 1, 999)), "an option of 999 bytes, which is more than its block has"),
    ],
)
def test_what_does_not_fit_is_named_with_its_position(start: bytes, wrong: bytes, reason: str) -> None:
    read, error = read_all(start + wrong + enhanced(b"after"))
    assert read == []
    assert error is not None
    assert (error.position, error.reason) == (len(start), f"corrupt at byte {len(start)}: {reason}")


def test_interfaces_are_counted() -> None:
    _, error = read_all(section() + interface() * (pcapng_blocks.MAX_INTERFACES + 1))
    assert error is not None
    assert error.reason.endswith(f"a section with more than {pcapng_blocks.MAX_INTERFACES} interfaces")


def test_any_flipped_bit_gives_packets_or_a_capture_error() -> None:
    data = bytearray(GOLDEN)
    for offset in range(len(data)):
        for bit in range(8):
            data[offset] ^= 1 << bit
            read_all(bytes(data))
            data[offset] ^= 1 << bit


@settings(max_examples=500)
@given(st.binary(max_size=100), st.sampled_from([b"", START, GOLDEN]), st.integers(1, 40))
def test_random_bytes_give_packets_or_a_capture_error(tail: bytes, start: bytes, size: int) -> None:
    read_all(start + tail, size)


@settings(max_examples=500)
@given(st.integers(0, 7), st.binary(max_size=60))
def test_random_bodies_give_packets_or_a_capture_error(kind: int, body: bytes) -> None:
    read_all(START + block("<", kind, body + bytes(-len(body) % 4)))


def test_memory_is_bounded_by_a_block_whatever_it_says() -> None:
    def pieces() -> Iterator[bytes]:
        yield START + struct.pack("<II", 6, MAX_BLOCK)
        for _ in range(640):
            yield bytes(64 << 10)

    tracemalloc.start()
    try:
        with pytest.raises(CaptureError):
            list(packets_in(pieces(), "x"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_BLOCK


def test_blocks_are_found_with_their_options() -> None:
    found = list(blocks_in([section(options=option("<", 4, b"a tool"))], "x"))
    assert [(each.kind, each.position) for each in found] == [(pcapng_blocks.SECTION, 0)]
    assert list(options_of(found[0], 16)) == [(4, b"a tool")]
    assert [padded(length) for length in (0, 1, 4, 5)] == [0, 4, 4, 8]
