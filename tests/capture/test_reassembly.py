"""Packets to records: connections, what happens to their packets, and how they begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.packet_making import CLIENT, MILLISECOND, SERVER, START_NS, Talk, ethernet, ipv4, tcp
from twsprobe.capture import reassembly
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.packets import ACK, ETHERNET, FIN, RST, SYN, Endpoint, Packet
from twsprobe.capture.reassembly import records_in
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
OFFER, GREETING = offer(100, 176), greeting(176, b"20240501 12:00:00 GMT")
NEXT_ID, ACCOUNTS = frame(b"9\x001\x008\x00"), frame(b"15\x001\x00DU1234567\x00")
CUSTOM = SERVER._replace(port=5000)


def read(packets: Iterable[Packet]) -> list[Record]:
    return list(records_in(packets, {}))


def left_out(packets: Iterable[Packet]) -> str | None:
    header: dict[str, str] = {}
    list(records_in(packets, header))
    return header.get("left_out")


def at(number: int) -> int:
    return START_NS + number * MILLISECOND


def sent(records: Iterable[Record], direction: Direction, connection: int = 0) -> bytes:
    """The bytes of a direction, a question mark for each that is missing."""
    found = b""
    for record in records:
        if record.connection == connection and isinstance(record, (Chunk, Gap)) and record.direction is direction:
            found += record.data if isinstance(record, Chunk) else b"?" * (record.size or 0)
    return found


def session(talk: Talk | None = None) -> Talk:
    """A short session, from its first packet to its last."""
    talk = (talk or Talk()).open()
    talk.send(0, OFFER)
    talk.send(1, GREETING)
    talk.send(0)
    talk.send(1, NEXT_ID)
    talk.send(1, ACCOUNTS)
    talk.send(0, flags=ACK | FIN)
    talk.send(1, flags=ACK | FIN)
    talk.send(0)
    return talk


EXPECTED: list[Record] = [
    Opened(0, at(1), "10.0.0.1:51234", "10.0.0.2:7497"),
    Chunk(0, TO_SERVER, at(3), OFFER),
    Chunk(0, TO_CLIENT, at(4), GREETING),
    Chunk(0, TO_CLIENT, at(6), NEXT_ID),
    Chunk(0, TO_CLIENT, at(7), ACCOUNTS),
    Closed(0, at(8), TO_SERVER, Close.FIN),
    Closed(0, at(9), TO_CLIENT, Close.FIN),
]


def test_a_session_from_its_first_packet_to_its_last() -> None:
    assert read(session().packets) == EXPECTED
    assert left_out(session().packets) is None


def test_each_packet_twice_is_each_byte_once() -> None:
    assert read(packet for packet in session().packets for _ in range(2)) == EXPECTED


def test_numbers_may_wrap_around_anywhere() -> None:
    for shift in range(120):
        assert read(session(Talk(first=(2**32 - shift, 2**32 - 120 + shift))).packets) == EXPECTED


def test_ipv6() -> None:
    ends = Endpoint(bytes(15) + b"\1", 50000), Endpoint(bytes(15) + b"\1", 7497)
    packets = [
        Packet(
            1,
            229,
            b"\x60\0\0\0"
            + (20 + len(data)).to_bytes(2, "big")
            + b"\x06\x40"
            + ends[0].address * 2
            + tcp(ends[sender], ends[1 - sender], number, 5, flags, data),
            60 + len(data),
        )
        for sender, number, flags, data in [(0, 9, SYN, b""), (1, 4, SYN | ACK, b""), (0, 10, ACK, OFFER)]
    ]
    assert read(packets) == [Opened(0, 1, "[::1]:50000", "[::1]:7497"), Chunk(0, TO_SERVER, 1, OFFER)]


# Several connections


def test_connections_are_told_by_their_ends() -> None:
    one, other = session(), session(Talk(client=CLIENT._replace(port=51235)))
    mixed = [packet for pair in zip(one.packets, other.packets, strict=True) for packet in pair]
    found = read(mixed)
    for number in (0, 1):
        assert [record._replace(connection=0) for record in found if record.connection == number][1:] == EXPECTED[1:]


def test_a_syn_between_the_same_ends_is_another_connection() -> None:
    first, second = session(), session(Talk(first=(77_000, 88_000)))
    found = read(first.packets + second.packets)
    assert found == EXPECTED + [record._replace(connection=1) for record in EXPECTED]
    # Even where the first one never ended.
    found = read(first.packets[:6] + second.packets)
    assert found == EXPECTED[:3] + [record._replace(connection=1) for record in EXPECTED]


def test_a_syn_behind_the_rest_of_an_earlier_connection_is_another_connection() -> None:
    found = read(session(Talk(first=(77_000, 88_000))).packets[7:] + session().packets)
    assert [record for record in found if record.connection == 1] == [record._replace(connection=1) for record in EXPECTED]


def test_a_syn_may_carry_bytes() -> None:
    talk = Talk()
    talk.send(0, OFFER, flags=SYN)
    talk.send(1, flags=SYN | ACK)
    talk.send(1, GREETING)
    found = read(talk.packets)
    assert [sent(found, direction) for direction in Direction] == [OFFER, GREETING]


def test_a_syn_that_comes_again_is_the_same_connection() -> None:
    packets = session().packets
    assert read([packets[0], packets[0], packets[1], packets[0], packets[1], *packets[2:]]) == EXPECTED


@pytest.mark.parametrize("start", [0, 1, 2])
def test_neighbours_that_changed_places_give_the_same(start: int) -> None:
    packets = session().packets
    for index in range(start, len(packets) - 1, 3):
        packets[index], packets[index + 1] = packets[index + 1], packets[index]
    found = read(packets)
    assert sorted(map(repr, (record._replace(time_ns=0) for record in found))) == sorted(
        map(repr, (record._replace(time_ns=0) for record in EXPECTED))
    )
    for direction in Direction:
        assert sent(found, direction) == sent(EXPECTED, direction)


def test_as_many_connections_are_followed_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reassembly, "MOST_CONNECTIONS", 2)
    talks = [session(Talk(client=CLIENT._replace(port=50_000 + number))) for number in range(5)]
    found = read(packet for talk in talks for packet in talk.packets)
    assert [sent(found, TO_CLIENT, number) for number in range(5)] == [GREETING + NEXT_ID + ACCOUNTS] * 5
    # One that is heard of is not forgotten, however old it is.
    long = session().packets
    mixed = [packet for one, talk in zip(long, talks, strict=False) for packet in (one, *talk.packets)]
    found = read(mixed + long[5:])
    [number] = [record.connection for record in found if isinstance(record, Opened) and record.client == "10.0.0.1:51234"]
    assert sent(found, TO_CLIENT, number) == GREETING + NEXT_ID + ACCOUNTS


# What the network does


def test_the_time_is_that_of_the_packet_that_let_the_bytes_go() -> None:
    talk = Talk().open()
    talk.send(0, OFFER)
    talk.send(1, GREETING[10:], shift=10)
    talk.send(1, GREETING[:10], shift=-len(GREETING), quiet=True)
    found = read(talk.packets)
    assert found[2:] == [Chunk(0, TO_CLIENT, at(5), GREETING[:10]), Chunk(0, TO_CLIENT, at(5), GREETING[10:])]


def test_a_segment_that_differs_from_an_earlier_one_is_noted() -> None:
    talk = Talk().open()
    talk.send(0, OFFER)
    talk.send(0, b"XPI" + OFFER[3:], shift=-len(OFFER), quiet=True)
    found = read(talk.packets)
    assert sent(found, TO_SERVER) == OFFER
    assert found[-1] == Note(0, TO_SERVER, at(4), "a segment has other bytes than an earlier one at offset 0: the first are kept")


def test_lost_bytes_are_a_gap_once_they_were_acknowledged() -> None:
    talk = Talk().open()
    talk.send(0, OFFER)
    talk.send(1, GREETING)
    lost = talk.send(1, NEXT_ID)
    talk.send(1, ACCOUNTS)
    for _ in range(30):
        talk.send(0)
    talk.send(1, NEXT_ID)
    found = read(packet for packet in talk.packets if packet is not lost)
    assert found[3:5] == [Gap(0, TO_CLIENT, found[3].time_ns, len(NEXT_ID)), Chunk(0, TO_CLIENT, found[3].time_ns, ACCOUNTS)]
    assert at(7) < found[3].time_ns < at(30)
    assert found[5] == Chunk(0, TO_CLIENT, at(37), NEXT_ID)


@pytest.mark.parametrize("flags", [0, FIN, RST])
def test_lost_bytes_are_a_gap_at_the_end(flags: int) -> None:
    talk = Talk().open()
    talk.send(0, OFFER)
    lost = talk.send(1, GREETING)
    talk.send(1, NEXT_ID, flags=ACK | flags)
    found = read(packet for packet in talk.packets if packet is not lost)
    assert found[2:4] == [Gap(0, TO_CLIENT, at(5), len(GREETING)), Chunk(0, TO_CLIENT, at(5), NEXT_ID)]
    assert found[4:] == ([Closed(0, at(5), TO_CLIENT, Close.FIN if flags == FIN else Close.RST)] if flags else [])


def test_a_direction_that_was_not_captured_at_all_is_missing() -> None:
    packets = [packet for index, packet in enumerate(session().packets) if index in (0, 1, 4, 6, 7, 9)]
    found = read(packets)
    assert sent(found, TO_CLIENT) == GREETING + NEXT_ID + ACCOUNTS
    # The FIN of the client was not captured either, and its acknowledgement counts it.
    assert sent(found, TO_SERVER) == b"?" * (len(OFFER) + 1)


def test_packets_that_were_cut_are_gaps() -> None:
    head = len(ethernet(ipv4(CLIENT, SERVER, tcp(CLIENT, SERVER, 0, 0, 0))))
    found = read(packet._replace(data=packet.data[: head + 5]) for packet in session().packets)
    assert sent(found, TO_CLIENT) == b"".join(data[:5] + b"?" * (len(data) - 5) for data in (GREETING, NEXT_ID, ACCOUNTS))
    assert found[1:3] == [Chunk(0, TO_SERVER, at(3), OFFER[:5]), Gap(0, TO_SERVER, at(3), len(OFFER) - 5)]
    bare = read(packet._replace(data=packet.data[:head]) for packet in session().packets)
    assert sent(bare, TO_CLIENT) == b"?" * len(GREETING + NEXT_ID + ACCOUNTS)
    assert [record for record in bare if isinstance(record, Closed)] == EXPECTED[-2:]


def test_connections_are_kept_alive_and_windows_closed_without_a_byte_more() -> None:
    talk = Talk().open()
    talk.send(0, OFFER)
    talk.send(1, GREETING)
    talk.send(1, b"\0", shift=-1, quiet=True)
    talk.send(1, b"", shift=-1, quiet=True)
    talk.send(1, NEXT_ID[:1], quiet=True)
    talk.send(1, NEXT_ID[:1], quiet=True)
    talk.send(1, NEXT_ID)
    found = read(talk.packets)
    assert sent(found, TO_CLIENT) == GREETING + NEXT_ID
    assert not any(isinstance(record, (Note, Gap)) for record in found)


def test_parts_of_packets_are_missing_and_said_to_be() -> None:
    talk = Talk().open()
    talk.send(0, OFFER)
    whole = talk.send(1, GREETING)
    talk.send(0)
    first = whole._replace(data=whole.data[:20] + b"\x20\0" + whole.data[22:])
    packets = [first if packet is whole else packet for packet in talk.packets]
    assert sent(read(packets), TO_CLIENT) == b"?" * len(GREETING)
    assert left_out(packets) == "packets that are parts of an IP packet: 1"


# How connections begin and end


def test_a_connection_that_is_refused() -> None:
    talk = Talk()
    talk.send(0, flags=SYN)
    talk.send(1, flags=RST | ACK, quiet=True)
    assert read(talk.packets) == [Closed(0, at(1), TO_CLIENT, Close.REFUSED)]


def test_a_connection_that_nobody_answers() -> None:
    talk = Talk()
    talk.send(0, flags=SYN)
    talk.send(0, flags=SYN, shift=-1, quiet=True)
    assert read(talk.packets) == [Note(0, TO_SERVER, at(1), "the client asked 2 times to connect; the capture holds no answer")]


@pytest.mark.parametrize("sender", [0, 1])
def test_a_reset_ends_the_direction_of_its_sender(sender: int) -> None:
    talk = Talk().open()
    talk.send(0, OFFER)
    talk.send(sender, flags=RST)
    talk.send(sender, flags=RST, quiet=True)
    talk.send(1 - sender, NEXT_ID)
    direction = (TO_SERVER, TO_CLIENT)[sender]
    assert read(talk.packets)[2:] == [Closed(0, at(4), direction, Close.RST), Chunk(0, (TO_CLIENT, TO_SERVER)[sender], at(6), NEXT_ID)]


def test_a_half_closed_connection_goes_on_the_other_way() -> None:
    talk = Talk().open()
    talk.send(0, OFFER, flags=ACK | FIN)
    talk.send(1, GREETING)
    talk.send(1, NEXT_ID, flags=ACK | FIN)
    assert read(talk.packets)[1:] == [
        Chunk(0, TO_SERVER, at(3), OFFER),
        Closed(0, at(3), TO_SERVER, Close.FIN),
        Chunk(0, TO_CLIENT, at(4), GREETING),
        Chunk(0, TO_CLIENT, at(5), NEXT_ID),
        Closed(0, at(5), TO_CLIENT, Close.FIN),
    ]


@pytest.mark.parametrize("begin", range(3, 8))
def test_a_capture_may_begin_in_the_middle(begin: int) -> None:
    found = read(session().packets[begin:])
    told = "its known port" if begin > 3 else "the client's API prefix"
    text = f"the capture begins inside this connection, from 10.0.0.1:51234 to 10.0.0.2:7497; {told} tells the server"
    assert found[0] == Note(0, TO_CLIENT, found[1].time_ns, text)
    unknown = [record for record in found if isinstance(record, Gap)]
    assert {gap.direction for gap in unknown} == (set() if begin == 3 else set(Direction))
    assert all(gap.size is None for gap in unknown)
    assert [record for record in found if not isinstance(record, (Note, Gap))] == [r for r in EXPECTED[1:] if r.time_ns >= at(begin)]


@pytest.mark.parametrize("begin", [3, 4, 6])
def test_the_server_is_told_at_a_port_that_nobody_knows(begin: int) -> None:
    found = read(session(Talk(server=CUSTOM)).packets[begin:])
    assert isinstance(found[0], Note)
    assert found[0].text.startswith("the capture begins inside this connection, from 10.0.0.1:51234 to 10.0.0.2:5000; ")
    assert sent(found, TO_CLIENT) == (GREETING if begin < 6 else b"") + NEXT_ID + ACCOUNTS


def test_what_is_not_tws_is_left_out_and_counted() -> None:
    web = Talk(server=SERVER._replace(port=80)).open()
    web.send(0, b"GET / HTTP/1.1\r\n\r\n")
    web.send(1, b"HTTP/1.1 200 OK\r\n\r\n")
    shell = Talk(client=CLIENT._replace(port=2000), server=SERVER._replace(port=22))
    shell.send(1, b"\x00\x01\x02" * 50)
    packets = web.packets + session(Talk(server=CUSTOM)).packets + shell.packets
    found = read(packets)
    assert [record for record in found if not isinstance(record, Opened)] == EXPECTED[1:]
    assert left_out(packets) == "connections that are not TWS: 2"
    # What comes to a port of TWS is shown, whatever it is.
    asked = Talk().open()
    asked.send(0, b"GET / HTTP/1.1\r\n\r\n")
    assert sent(read(asked.packets), TO_SERVER) == b"GET / HTTP/1.1\r\n\r\n"


def test_what_was_read_comes_before_a_fault() -> None:
    def torn() -> Iterator[Packet]:
        yield from session().packets[:6]
        raise CaptureError("x", 9, "torn")

    found: list[Record] = []
    with pytest.raises(CaptureError, match="torn"):
        found.extend(records_in(torn(), {}))
    assert found == EXPECTED[:3]


def test_packets_that_cannot_be_read_are_counted() -> None:
    packets = [Packet(1, 9999, b"", 0), Packet(1, ETHERNET, bytes(5), 5), Packet(1, ETHERNET, ethernet(b"", 0x0806), 14)]
    header: dict[str, str] = {}
    assert list(records_in(packets, header)) == []
    assert header["left_out"].split("; ") == [
        "packets that come from a kind of link that is not read: 1",
        "packets that end, or were cut off, inside their headers: 1",
    ]


# Whatever happens


@given(st.data(), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_segments_cut_shuffled_doubled_and_dropped(data: st.DataObject, first: int, second: int) -> None:
    streams = OFFER + NEXT_ID * 3, GREETING + ACCOUNTS * 4 + NEXT_ID
    talk = Talk(first=(first, second)).open()
    places = [0, 0]
    pieces: list[tuple[Packet, int, int, int]] = []
    while places != [len(stream) for stream in streams]:
        sender = data.draw(st.sampled_from([each for each in (0, 1) if places[each] < len(streams[each])]))
        size = min(data.draw(st.integers(2, 30)), len(streams[sender]) - places[sender])
        start, places[sender] = places[sender], places[sender] + size
        pieces.append((talk.send(sender, streams[sender][start : places[sender]]), sender, start, places[sender]))
    dropped = data.draw(st.lists(st.sampled_from(pieces), max_size=2, unique_by=id))
    gone = [packet for packet, *_ in dropped]
    body = [packet for packet in talk.packets[3:] if not any(packet is each for each in gone)]
    for index in data.draw(st.lists(st.integers(0, max(len(body) - 2, 0)), max_size=6)):
        if index + 1 < len(body):
            body[index], body[index + 1] = body[index + 1], body[index]
    for index in data.draw(st.lists(st.integers(0, len(body)), max_size=3)):
        if index < len(body):
            body.insert(data.draw(st.integers(index, min(index + 3, len(body)))), body[index])
    acknowledgements = [talk.send(sender) for sender in (0, 1)]
    found = read(talk.packets[:3] + body + acknowledgements)
    for sender, direction in enumerate((TO_SERVER, TO_CLIENT)):
        expected = bytearray(streams[sender])
        for _, end, start, stop in dropped:
            if end == sender:
                expected[start:stop] = b"?" * (stop - start)
        assert sent(found, direction) == bytes(expected)
    assert not any(isinstance(record, Note) for record in found)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 400), st.integers(0, 400), st.integers(0, 31), st.binary(max_size=9)), max_size=30)
)
def test_any_segments_give_records(segments: list[tuple[int, int, int, int, bytes]]) -> None:
    talk = Talk(first=(0, 0))
    for sender, sequence, acknowledged, flags, data in segments:
        talk.next = [sequence, acknowledged] if sender == 0 else [acknowledged, sequence]
        talk.send(sender, data, flags)
    found = read(talk.packets)
    numbers = [record.connection for record in found]
    assert sorted(set(numbers)) == list(range(len(set(numbers))))
