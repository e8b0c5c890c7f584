"""Link layers, IP and TCP."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.packet_making import CLIENT, SERVER, ethernet, ipv4, tcp
from twsprobe.capture.packets import (
    ACK,
    ETHERNET,
    IPV4,
    IPV6,
    LINUX_SLL,
    LINUX_SLL2,
    LOOP,
    MOST_EXTENSIONS,
    MOST_TAGS,
    NULL,
    RAW,
    Endpoint,
    Packet,
    Segment,
    Skipped,
    segment_of,
)

SEGMENT = tcp(CLIENT, SERVER, 7, 9, ACK, b"data")
FOUR = ipv4(CLIENT, SERVER, SEGMENT)
V6 = Endpoint(bytes(15) + b"\x01", 51234), Endpoint(bytes.fromhex("20010db8") + bytes(11) + b"\x02", 7497)
EXPECTED = Segment(5, CLIENT, SERVER, 7, 9, ACK, b"data")
EXPECTED_V6 = Segment(5, *V6, 7, 9, ACK, b"data")


def ipv6(payload: bytes, following: int = 6, size: int | None = None) -> bytes:
    size = len(payload) if size is None else size
    return struct.pack(">IHBB16s16s", 6 << 28, size, following, 64, V6[0].address, V6[1].address) + payload


SIX = ipv6(tcp(*V6, 7, 9, ACK, b"data"))


def taken(link_type: int, data: bytes, length: int | None = None) -> Segment | Skipped:
    return segment_of(Packet(5, link_type, data, len(data) if length is None else length))


def sll(ethertype: int) -> bytes:
    return bytes(14) + ethertype.to_bytes(2, "big")


def sll2(ethertype: int) -> bytes:
    return ethertype.to_bytes(2, "big") + bytes(18)


def tag(ethertype: int) -> bytes:
    return b"\0\x07" + ethertype.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("link_type", "head4", "head6"),
    [
        (ETHERNET, ethernet(b""), ethernet(b"", 0x86DD)),
        (ETHERNET, ethernet(tag(0x0800), 0x8100), ethernet(tag(0x86DD), 0x8100)),
        (ETHERNET, ethernet(tag(0x8100) + tag(0x0800), 0x88A8), ethernet(tag(0x8100) + tag(0x86DD), 0x88A8)),
        (NULL, (2).to_bytes(4, "little"), (30).to_bytes(4, "little")),
        (NULL, (2).to_bytes(4, "big"), (24).to_bytes(4, "big")),
        (LOOP, (2).to_bytes(4, "big"), (28).to_bytes(4, "big")),
        (LINUX_SLL, sll(0x0800), sll(0x86DD)),
        (LINUX_SLL, sll(0x8100) + tag(0x0800), sll(0x8100) + tag(0x86DD)),
        (LINUX_SLL2, sll2(0x0800), sll2(0x86DD)),
        (LINUX_SLL2, sll2(0x8100) + tag(0x0800), sll2(0x8100) + tag(0x86DD)),
        *((raw, b"", b"") for raw in RAW),
    ],
)
def test_link_layers(link_type: int, head4: bytes, head6: bytes) -> None:
    assert taken(link_type, head4 + FOUR) == EXPECTED
    assert taken(link_type, head6 + SIX) == EXPECTED_V6
    # Padding is no data.
    assert taken(link_type, head4 + FOUR + bytes(9)) == EXPECTED
    assert taken(link_type, head6 + SIX + bytes(9)) == EXPECTED_V6
    for size in range(len(head4 + FOUR)):
        found = taken(link_type, (head4 + FOUR)[:size], len(head4 + FOUR))
        lacking = len(head4 + FOUR) - size
        assert found == (Skipped.CUT if lacking > 4 else EXPECTED._replace(data=b"data"[: 4 - lacking], lacking=lacking))


def test_link_layers_of_one_version() -> None:
    assert taken(IPV4, FOUR) == EXPECTED
    assert taken(IPV6, SIX) == EXPECTED_V6
    assert taken(IPV6, FOUR) is Skipped.OTHER


def test_ends_are_shown_as_people_write_them() -> None:
    assert (str(CLIENT), str(V6[0]), str(V6[1])) == ("10.0.0.1:51234", "[::1]:51234", "[2001:db8::2]:7497")


def test_options_are_passed_over() -> None:
    assert taken(IPV4, ipv4(CLIENT, SERVER, SEGMENT, options=bytes(8))) == EXPECTED
    assert taken(IPV4, ipv4(CLIENT, SERVER, tcp(CLIENT, SERVER, 7, 9, ACK, b"data", bytes(12)))) == EXPECTED


def test_a_length_of_nothing_is_that_of_the_packet() -> None:
    assert taken(IPV4, ipv4(CLIENT, SERVER, SEGMENT, total=0)) == EXPECTED
    assert taken(IPV6, ipv6(tcp(*V6, 7, 9, ACK, b"data"), size=0)) == EXPECTED_V6


def test_a_packet_that_says_more_than_it_has_lacks_the_rest() -> None:
    assert taken(IPV4, ipv4(CLIENT, SERVER, SEGMENT, total=len(FOUR) + 6)) == EXPECTED._replace(lacking=6)


@pytest.mark.parametrize("fragment", [0x2000, 0x0001, 0x2007])
def test_a_part_of_a_packet_is_never_taken_for_a_whole_one(fragment: int) -> None:
    assert taken(IPV4, ipv4(CLIENT, SERVER, SEGMENT, fragment=fragment)) is Skipped.FRAGMENT
    part = struct.pack(">BBHI", 6, 0, (fragment & 0x1FFF) << 3 | fragment >> 13, 1)
    assert taken(IPV6, ipv6(part + SEGMENT, 44)) is Skipped.FRAGMENT


def test_extension_headers_are_passed_over() -> None:
    segment = tcp(*V6, 7, 9, ACK, b"data")
    whole = struct.pack(">BBHI", 6, 0, 0, 1)
    hop = b"\x2b\x01" + bytes(14)
    routing = b"\x33\x00" + bytes(6)
    authentication = b"\x2c\x04" + bytes(22)
    assert taken(IPV6, ipv6(hop + routing + authentication + whole + segment, 0)) == EXPECTED_V6
    assert taken(IPV6, ipv6((b"\0\0" + bytes(6)) * (MOST_EXTENSIONS + 1) + segment, 0)) is Skipped.OTHER


@pytest.mark.parametrize(
    ("link_type", "data", "why"),
    [
        (9999, FOUR, Skipped.LINK),
        (ETHERNET, ethernet(bytes(40), 0x0806), Skipped.OTHER),
        (ETHERNET, ethernet(tag(0x8100) * (MOST_TAGS + 1) + FOUR, 0x8100), Skipped.OTHER),
        (NULL, (7).to_bytes(4, "big") + FOUR, Skipped.OTHER),
        (LINUX_SLL2, sll2(0x0806) + FOUR, Skipped.OTHER),
        (101, b"", Skipped.CUT),
        (101, b"\x75" + FOUR[1:], Skipped.OTHER),
        (IPV4, b"\x44" + FOUR[1:], Skipped.OTHER),  # a header of 16 bytes
        (IPV4, FOUR[:9] + b"\x11" + FOUR[10:], Skipped.OTHER),  # UDP
        (IPV4, ipv4(CLIENT, SERVER, SEGMENT, total=19), Skipped.OTHER),
        (IPV4, ipv4(CLIENT, SERVER, SEGMENT[:12] + b"\x40" + SEGMENT[13:]), Skipped.OTHER),  # a TCP header of 16 bytes
        (IPV4, ipv4(CLIENT, SERVER, SEGMENT[:12] + b"\xf0" + SEGMENT[13:]), Skipped.OTHER),  # and one longer than the packet
        (IPV6, ipv6(SEGMENT, 59), Skipped.OTHER),
        (IPV6, ipv6(b"\x06\xff" + bytes(6) + SEGMENT, 0), Skipped.OTHER),
    ],
)
def test_what_gives_no_segment(link_type: int, data: bytes, why: Skipped) -> None:
    assert taken(link_type, data) is why


@given(
    st.sampled_from([NULL, ETHERNET, LOOP, LINUX_SLL, LINUX_SLL2, IPV4, IPV6, *RAW]),
    st.sampled_from([b"", ethernet(b""), sll(0x86DD), sll2(0x0800), FOUR[:9], SIX[:30], ethernet(FOUR)[:40]]),
    st.binary(max_size=60),
    st.integers(0, 200),
)
def test_any_bytes_are_a_segment_or_none(link_type: int, head: bytes, data: bytes, length: int) -> None:
    found = taken(link_type, head + data, length)
    if isinstance(found, Segment):
        assert found.data in head + data
        assert found.lacking >= 0
