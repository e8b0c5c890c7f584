import ipaddress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.recording import FIRST, SERVER, TO_CLIENT, TO_SERVER, directions, records
from twsprobe.capture.members import MAX_CHUNK, MAX_NUMBER
from twsprobe.capture.model import Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.segments import ACK, FIN, LONGEST_SUMMED, PSH, RST, SYN, Segment, Segments, reversed_path


def ones_sum(data: bytes) -> int:
    """The Internet checksum's sum of 16-bit words, as RFC 1071 has it."""
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[start : start + 2], "big") for start in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Read:
    """A packet, read by hand."""

    def __init__(self, segment: Segment) -> None:
        data = segment.data
        self.version = data[0] >> 4
        size = 20 if self.version == 4 else 40
        addresses = data[12:20] if self.version == 4 else data[8:40]
        ips = [ipaddress.ip_address(addresses[: len(addresses) // 2]), ipaddress.ip_address(addresses[len(addresses) // 2 :])]
        tcp = data[size:]
        self.ends = [f"{ip}:{int.from_bytes(tcp[2 * end : 2 * end + 2], 'big')}" for end, ip in enumerate(ips)]
        self.sequence, self.acknowledged = int.from_bytes(tcp[4:8], "big"), int.from_bytes(tcp[8:12], "big")
        self.flags = tcp[13]
        self.window = int.from_bytes(tcp[14:16], "big")
        self.data = tcp[(tcp[12] >> 4) * 4 :]
        self.members = segment.members
        length = int.from_bytes(data[2:4], "big") if self.version == 4 else 40 + int.from_bytes(data[4:6], "big")
        assert length == len(data) <= 0xFFFF
        if self.version == 4:
            assert ones_sum(data[:20]) == 0xFFFF
        assert data[9 if self.version == 4 else 6] == 6
        if len(self.data) > LONGEST_SUMMED:
            assert tcp[16:18] == bytes(2)
            return
        assert ones_sum(addresses + (6).to_bytes(2, "big") + len(tcp).to_bytes(4, "big") + tcp) == 0xFFFF
        # 0xFFFF would be the same number, and tools take it for a fault (RFC 1624).
        assert tcp[16:18] != b"\xff\xff"


def packets(*given: Record) -> list[Read]:
    """The packets of some records."""
    segments = Segments()
    return [Read(segment) for record in given for group in segments.of(record) for segment in group]


OPENED = Opened(0, 1, FIRST, SERVER)


@given(st.lists(records, max_size=6))
def test_lengths_and_checksums_are_right(given: list[Record]) -> None:
    packets(*given)


@given(st.binary(max_size=9), st.sampled_from([OPENED, Opened(0, 1, "[::1]:5", "[::2]:6")]))
def test_the_checksum_of_any_data_is_right(data: bytes, opened: Opened) -> None:
    assert packets(opened, Chunk(0, TO_CLIENT, 2, data))[-1].data == data


@pytest.mark.parametrize("size", [LONGEST_SUMMED, LONGEST_SUMMED + 1])
def test_only_data_that_fit_an_ethernet_frame_are_summed(size: int) -> None:
    packet = Segments().of(Chunk(0, TO_CLIENT, 2, b"x" * size))[0][0].data
    assert (packet[36:38] == bytes(2)) == (size > LONGEST_SUMMED)


chunks = st.builds(Chunk, st.integers(0, 1), directions, st.just(1), st.binary(max_size=9) | st.integers(1400, 70_000).map(bytes))


@given(st.lists(records | chunks, max_size=12))
def test_the_head_of_a_chunk_is_what_its_packet_has_or_none(given: list[Record]) -> None:
    one, other = Segments(), Segments()
    for record in given:
        head = one.head_of(record) if isinstance(record, Chunk) else None
        groups = other.of(record)
        if head is None:
            assert one.of(record) == groups
        else:
            assert isinstance(record, Chunk)
            assert groups == [[Segment(head + record.data, None)]]


def test_a_short_chunk_of_a_known_connection_has_a_head() -> None:
    segments = Segments()
    chunk = Chunk(0, TO_CLIENT, 1, b"x")
    assert segments.head_of(chunk) is None
    segments.of(OPENED)
    assert segments.head_of(chunk) is not None
    assert segments.head_of(chunk._replace(data=b"")) is None
    assert segments.head_of(chunk._replace(data=bytes(70_000))) is None
    many = [segments.head_of(chunk._replace(data=bytes(60_000))) for _ in range((1 << 28) // 60_000 + 2)]
    assert None not in many[:-1]
    assert many[-1] is None


def test_a_connection_is_opened_with_three_packets_and_the_last_says_whose() -> None:
    asked, answered, agreed = packets(OPENED)
    assert [packet.flags for packet in (asked, answered, agreed)] == [SYN, SYN | ACK, ACK]
    assert asked.ends == agreed.ends == [FIRST, SERVER]
    assert answered.ends == [SERVER, FIRST]
    assert (answered.acknowledged, agreed.acknowledged) == (asked.sequence + 1, answered.sequence + 1)
    assert [packet.members for packet in (asked, answered)] == [None, None]
    assert agreed.members == {"c": 0, "event": "opened", "client": FIRST, "server": SERVER}


def test_numbers_count_the_bytes_of_both_directions() -> None:
    *_, agreed, there, back, again, end = packets(
        OPENED,
        Chunk(0, TO_SERVER, 1, b"12345"),
        Chunk(0, TO_CLIENT, 1, b"123"),
        Chunk(0, TO_SERVER, 1, b"6"),
        Closed(0, 2, TO_CLIENT, Close.FIN),
    )
    assert [packet.flags for packet in (there, back, again, end)] == [PSH | ACK, PSH | ACK, PSH | ACK, FIN | ACK]
    assert all(packet.members is None for packet in (there, back, again, end))
    assert there.sequence == agreed.sequence
    assert (again.sequence, again.acknowledged) == (there.sequence + 5, back.sequence + 3)
    assert (end.sequence, end.acknowledged) == (back.sequence + 3, again.sequence + 1)


@pytest.mark.parametrize("opened", [OPENED, Opened(0, 1, "[::1]:5", "[::2]:6")])
def test_a_chunk_longer_than_a_packet_ends_with_the_first_push(opened: Opened) -> None:
    data = bytes(range(256)) * 600
    parts = packets(opened, Chunk(0, TO_CLIENT, 1, data))[3:]
    assert [packet.flags for packet in parts] == [ACK, ACK, PSH | ACK]
    assert b"".join(packet.data for packet in parts) == data
    assert all(two.sequence == one.sequence + len(one.data) for one, two in pairwise(parts))


def test_a_chunk_of_a_megabyte_and_more_is_several() -> None:
    groups = Segments().of(Chunk(0, TO_CLIENT, 1, bytes(2 * MAX_CHUNK + 1)))
    assert [sum(len(Read(segment).data) for segment in group) for group in groups] == [MAX_CHUNK, MAX_CHUNK, 1]


def test_sequence_numbers_wrap_around() -> None:
    before, gap, after = packets(Chunk(0, TO_CLIENT, 1, b"1"), Gap(0, TO_CLIENT, 1, (1 << 32) - 1), Chunk(0, TO_CLIENT, 1, b"2"))
    assert (gap.sequence, after.sequence) == (before.sequence, before.sequence)
    _, across, then = packets(Gap(0, TO_CLIENT, 1, (1 << 32) - 1), Chunk(0, TO_CLIENT, 1, b"123"), Chunk(0, TO_CLIENT, 1, b"4"))
    assert (across.sequence, then.sequence) == ((1 << 32) - 1, 2)
    assert packets(Gap(0, TO_CLIENT, 1, MAX_NUMBER))[0].members == {"c": 0, "event": "gap", "to": "client", "size": MAX_NUMBER}


def test_who_only_listens_acknowledges_now_and_then() -> None:
    segments = Segments()
    segments.of(OPENED)
    chunk = Chunk(0, TO_CLIENT, 1, bytes(MAX_CHUNK))
    first = [segments.of(chunk)[0][0] for _ in range(260)]
    answers = [Read(segment) for segment in first if len(segment.data) == 40]
    assert [(answer.ends, answer.flags, answer.members) for answer in answers] == [([FIRST, SERVER], ACK, None)]
    assert answers[0].acknowledged == 1 + 257 * MAX_CHUNK


@pytest.mark.parametrize(
    "record",
    [
        Chunk(0, TO_SERVER, 1, b""),
        Note(0, TO_SERVER, 1, "a fault"),
        Gap(0, TO_SERVER, 1, None),
        Closed(0, 1, TO_SERVER, Close.ABANDONED),
    ],
)
def test_what_no_packet_says_is_an_acknowledgement_that_is_not_a_second_one(record: Record) -> None:
    *_, before, one, two = packets(OPENED, record, record)
    assert (one.flags, one.data) == (ACK, b"")
    assert one.members is not None
    assert before.window != one.window != two.window


@pytest.mark.parametrize(
    ("how", "flags"),
    [(Close.REFUSED, [SYN, RST | ACK]), (Close.TIMEOUT, [SYN]), (Close.UNREACHABLE, [SYN]), (Close.UNRESOLVED, [SYN])],
)
def test_what_never_opened_was_at_least_tried(how: Close, flags: list[int]) -> None:
    found = packets(OPENED, Closed(4, 1, TO_CLIENT, how))[3:]
    assert [packet.flags for packet in found] == flags
    assert how is not Close.REFUSED or (found[1].sequence, found[1].acknowledged) == (0, found[0].sequence + 1)
    assert found[-1].members == {"c": 4, "event": "closed", "to": "client", "how": how.value}


def test_the_first_packet_of_a_connection_that_was_not_opened_says_whose_it_is() -> None:
    one, two, back, other = packets(
        *(Chunk(c, way, 1, b"x") for c, way in ((7, TO_CLIENT), (7, TO_CLIENT), (7, TO_SERVER), (8, TO_SERVER)))
    )
    assert [packet.members for packet in (one, two, back, other)] == [{"c": 7, "to": "client"}, None, None, {"c": 8, "to": "server"}]
    assert one.ends == back.ends[::-1]
    assert back.ends != other.ends


@pytest.mark.parametrize(
    ("client", "server", "version", "kept"),
    [
        ("", SERVER, 4, "127.0.0.1:7497"),
        ("", "[::1]:7497", 6, "::1:7497"),
        ("10.0.0.1:5", "gateway:4001", 4, None),
        ("[::1]:5", "", 6, None),
        ("10.0.0.1:5", "[::1]:7497", 6, "::1:7497"),
        (SERVER, SERVER, 4, "127.0.0.1:7497"),
        ("0.0.0.0:5", SERVER, 4, "127.0.0.1:7497"),
        ("224.0.0.1:5", SERVER, 4, "127.0.0.1:7497"),
        ("255.255.255.255:5", SERVER, 4, "127.0.0.1:7497"),
        ("10.0.0.1:0", SERVER, 4, "127.0.0.1:7497"),
        ("10.0.0.1:65536", SERVER, 4, "127.0.0.1:7497"),
        ("10.0.0.1:\u0665", SERVER, 4, "127.0.0.1:7497"),
    ],
)
def test_addresses_that_no_packet_can_have_are_replaced(client: str, server: str, version: int, kept: str | None) -> None:
    nobodys = ipaddress.ip_network("198.18.0.0/15" if version == 4 else "2001:db8::/32")
    packet = packets(Opened(0, 1, client, server))[0]
    assert packet.version == version
    assert ipaddress.ip_address(packet.ends[0].rpartition(":")[0]) in nobodys
    assert packet.ends[1] == kept if kept else ipaddress.ip_address(packet.ends[1].rpartition(":")[0]) in nobodys


def test_a_zone_is_no_part_of_an_address() -> None:
    assert packets(Opened(0, 1, "[fe80::1%eth0]:5", "[fe80::2%eth0]:6"))[0].ends == ["fe80::1:5", "fe80::2:6"]


def test_no_two_open_connections_have_the_same_addresses() -> None:
    again = Opened(1, 1, FIRST, SERVER)
    assert packets(OPENED, again)[3].ends != [FIRST, SERVER]
    assert packets(OPENED, again._replace(client=SERVER, server=FIRST))[3].ends != [SERVER, FIRST]
    ended = packets(OPENED, Closed(0, 1, TO_CLIENT, Close.RST), again)
    assert ended[4].ends == [FIRST, SERVER]
    assert ended[4].sequence != ended[0].sequence


def test_many_connections_without_addresses_are_told_apart() -> None:
    segments = Segments()
    seen = {segments.of(Opened(number, 1, "", ""))[0][0].data[12:24] for number in range(17_000)}
    assert len(seen) == 17_000


def test_a_path_is_turned_round() -> None:
    assert reversed_path(bytes(range(12))) == bytes((4, 5, 6, 7, 0, 1, 2, 3, 10, 11, 8, 9))
    assert reversed_path(reversed_path(bytes(range(36)))) == bytes(range(36))
