"""The classic pcap file."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.packet_making import pcap_file
from twsprobe.capture import pcap
from twsprobe.capture.model import CaptureError
from twsprobe.capture.packets import Packet

PACKETS = [Packet(1_714_564_800_123_456_789, 1, b"one", 3), Packet(1_714_564_801_000_000_000, 1, b"", 0), Packet(5_000, 1, b"three", 900)]


def read_all(data: bytes, block: int = 1 << 16) -> tuple[list[Packet], CaptureError | None]:
    found: list[Packet] = []
    try:
        for packet in pcap.packets_in((data[start : start + block] for start in range(0, len(data), block)), "x.pcap"):
            found.append(packet)
    except CaptureError as error:
        return found, error
    return found, None


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [True, False])
def test_packets_are_read_in_each_form(order: str, nanoseconds: bool, block: int) -> None:
    data = pcap_file(PACKETS, order=order, nanoseconds=nanoseconds)
    assert pcap.is_pcap(data)
    unit = 1 if nanoseconds else 1000
    assert read_all(data, block) == ([packet._replace(time_ns=packet.time_ns // unit * unit) for packet in PACKETS], None)


def test_the_link_type_stands_beside_what_is_no_part_of_it() -> None:
    data = bytearray(pcap_file(PACKETS[:1]))
    struct.pack_into("<I", data, 20, 0x54000071)
    assert read_all(bytes(data))[0][0].link_type == 0x71


@pytest.mark.parametrize("block", [1, 1 << 16])
def test_a_file_cut_anywhere_gives_exactly_the_complete_packets(block: int) -> None:
    data = pcap_file(PACKETS)
    ends = [24, 24 + 19, 24 + 19 + 16, len(data)]
    for size in range(len(data)):
        found, error = read_all(data[:size], block)
        whole = sum(end <= size for end in ends[1:])
        assert found == PACKETS[:whole]
        if size in ends:
            assert error is None
        else:
            assert error is not None
            assert error.position == (0 if size < 24 else ends[whole])
            assert error.reason.startswith(f"torn at byte {error.position}: ")


def test_a_packet_that_cannot_be_as_long_as_it_says_is_corrupt() -> None:
    data = bytearray(pcap_file(PACKETS))
    struct.pack_into("<I", data, 24 + 19 + 8, 0xFFFFFFF0)
    found, error = read_all(bytes(data))
    assert found == PACKETS[:1]
    assert error is not None
    assert error.reason == "corrupt at byte 43: a packet of 4,294,967,280 bytes; the limit is 1,048,576"


def test_another_file_is_none() -> None:
    assert read_all(bytes(40))[1] is not None
    assert not pcap.is_pcap(b"\n\r\r\n")


@given(st.binary(max_size=80), st.sampled_from([b"", *pcap.FORMS, pcap_file(PACKETS)[:30]]), st.integers(1, 50))
def test_any_bytes_give_packets_or_a_capture_error(tail: bytes, start: bytes, block: int) -> None:
    assert read_all(start + tail, block)[0] == read_all(start + tail)[0]
