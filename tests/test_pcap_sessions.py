"""Packets that others wrote, and others that read packets: the same messages, the same bytes.

Sessions with a real gateway lie beside the repository as frames and as pcap files. Other readers of the same files have to agree with
ours: scapy, dpkt and, where it is installed, tshark.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.capture.packet_making import CLIENT, SERVER, Talk, ethernet, ipv4, pcap_file, tcp
from twsprobe.capture import pcap
from twsprobe.capture.model import Chunk, Gap, Note
from twsprobe.capture.packets import Packet, Segment, segment_of
from twsprobe.capture.reading import open_capture
from twsprobe.capture.seen import seen_in
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Event
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer

RECORDINGS = Path(__file__).parents[2] / "shared" / "real-sessions"
SESSIONS = ("account-summary", "contract-error", "historical-bars")
TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER


def recorded(session: str) -> tuple[bytes, list[Event]]:
    """The pcap file of a session, and the events of its frames file."""
    frames, packets = RECORDINGS / f"{session}.frames.jsonl", RECORDINGS / f"{session}.pcap"
    if not (frames.is_file() and packets.is_file()):
        pytest.skip(f"no recording at {packets}")
    conversation = Conversation()
    lines = map(json.loads, frames.read_text(encoding="ascii").splitlines())
    events = [event for line in lines for event in conversation.feed(Direction(f"to_{line['to']}"), bytes.fromhex(line["hex"]))]
    return packets.read_bytes(), events


def events_in(path: Path) -> list[Event]:
    with open_capture(path) as capture:
        found: list[Any] = [seen.what for seen in seen_in(capture)]
    return [what for what in found if hasattr(what, "event")]


def by_direction(events: list[Event]) -> dict[Direction, list[Event]]:
    return {direction: [event for event in events if event.direction is direction] for direction in Direction}


def rough(packets: list[Packet], seed: int) -> list[Packet]:
    """The packets with every segment in three, neighbours in each other's place, and some twice."""
    chance = random.Random(seed)
    cut: list[Packet] = []
    for packet in packets:
        segment = segment_of(packet)
        assert isinstance(segment, Segment)
        size = len(segment.data)
        if size < 3:
            cut.append(packet)
            continue
        first, second = sorted(chance.sample(range(1, size), 2))
        for start, end in ((0, first), (first, second), (second, size)):
            flags = segment.flags if end == size else segment.flags & ~0x01
            part = tcp(segment.source, segment.target, segment.sequence + start, segment.acknowledged, flags, segment.data[start:end])
            data = ethernet(ipv4(segment.source, segment.target, part))
            cut.append(packet._replace(data=data, length=len(data)))
    for index in range(chance.randrange(2), len(cut) - 1, 2):
        if chance.random() < 0.5:
            cut[index], cut[index + 1] = cut[index + 1], cut[index]
    return [packet for packet in cut for _ in range(2 if chance.random() < 0.2 else 1)]


@pytest.mark.parametrize("session", SESSIONS)
def test_a_real_session_gives_the_same_messages_as_packets(session: str, tmp_path: Path) -> None:
    data, events = recorded(session)
    path = tmp_path / "session.pcap"
    path.write_bytes(data)
    assert events_in(path) == events


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("session", SESSIONS)
def test_and_after_every_segment_was_split_and_neighbours_were_shuffled_and_some_doubled(session: str, seed: int, tmp_path: Path) -> None:
    data, events = recorded(session)
    path = tmp_path / "session.pcap"
    path.write_bytes(pcap_file(rough(list(pcap.packets_in([data], "session.pcap")), seed)))
    with open_capture(path) as capture:
        assert not [record for record in capture if isinstance(record, (Gap, Note))]
    assert by_direction(events_in(path)) == by_direction(events)


# Other readers


Streams = dict[int, bytes]
"""The bytes that were sent to a port."""


def ours(path: Path) -> Streams:
    found: dict[int, bytes] = defaultdict(bytes)
    with open_capture(path) as capture:
        for record in capture:
            assert not isinstance(record, (Gap, Note))
            if isinstance(record, Chunk):
                found[SERVER.port if record.direction is TO_SERVER else CLIENT.port] += record.data
    return dict(found)


def joined(segments: list[tuple[int, int, bytes]]) -> Streams:
    """What segments (port, sequence number, bytes) add up to: each byte at its place."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for port, sequence, data in segments:
        for place, byte in enumerate(data, sequence):
            found[port].setdefault(place, byte)
    return {port: bytes(places[place] for place in sorted(places)) for port, places in found.items()}


def by_scapy(path: Path) -> Streams:
    pytest.importorskip("scapy")
    from scapy.layers.inet import TCP
    from scapy.utils import rdpcap

    return joined([(each[TCP].dport, each[TCP].seq, bytes(each[TCP].payload)) for each in rdpcap(str(path)) if each[TCP].payload])


def by_dpkt(path: Path) -> Streams:
    dpkt = pytest.importorskip("dpkt")
    with path.open("rb") as file:
        found = [dpkt.ethernet.Ethernet(data).data.data for _, data in dpkt.pcap.Reader(file)]
    return joined([(each.dport, each.seq, each.data) for each in found])


def by_tshark(path: Path) -> Streams:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    run = subprocess.run([program, "-r", str(path), "-q", "-z", "follow,tcp,raw,0"], capture_output=True, check=True, text=True, timeout=50)
    lines = run.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("Node 1"))
    found = {SERVER.port: b"", CLIENT.port: b""}
    first = SERVER.port if f":{CLIENT.port}" in lines[start - 1] else CLIENT.port
    for line in lines[start + 1 :]:
        if not line.startswith("==="):
            port = (SERVER.port + CLIENT.port - first) if line.startswith("\t") else first
            found[port] += bytes.fromhex(line.strip())
    return found


def troubled(seed: int, *, start: int) -> tuple[list[Packet], Streams]:
    """A session in which segments come late and again, and what it says."""
    chance = random.Random(seed)
    talk = Talk(first=(start, start)).open()
    asked, told = offer(100, 176), greeting(176, b"20240501 12:00:00 GMT")
    talk.send(0, asked)
    talk.send(1, told)
    for number in range(40):
        data = frame(b"9\x001\x00%d\x00" % number) + frame(b"15\x001\x00" + b"DU%d," % number * chance.randrange(60) + b"\x00")
        told += data
        while data:
            size = chance.randrange(1, 200)
            talk.send(1, data[:size])
            data = data[size:]
        talk.send(0)
    packets = talk.packets
    carries = {id(packet) for packet in packets if len(packet.data) > 60}
    for index in range(6, len(packets) - 4):
        # Not an acknowledgement with what it is for: tshark takes that for missing at once.
        if chance.random() < 0.3 and {id(packets[index]), id(packets[index + 1])} <= carries:
            packets[index], packets[index + 1] = packets[index + 1], packets[index]
        if chance.random() < 0.1:
            packets.insert(index + chance.randrange(1, 4), packets[index])
    return packets, {SERVER.port: asked, CLIENT.port: told}


def scapy_file(path: Path, packets: list[Packet]) -> None:
    """The packets as scapy writes them, with its own lengths and checksums."""
    pytest.importorskip("scapy")
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    made = []
    for packet in packets:
        segment = segment_of(packet)
        assert isinstance(segment, Segment)
        layer: Any = TCP(sport=segment.source.port, dport=segment.target.port, flags=segment.flags, options=[("NOP", None)])
        layer.seq, layer.ack = segment.sequence, segment.acknowledged
        source, target = (".".join(map(str, end.address)) for end in (segment.source, segment.target))
        whole = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=source, dst=target) / layer / segment.data
        whole.time = packet.time_ns / 1e9
        made.append(whole)
    wrpcap(str(path), made)


@pytest.mark.parametrize("reader", [by_scapy, by_dpkt, by_tshark])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_others_agree_on_what_scapy_writes(reader: Callable[[Path], Streams], seed: int, tmp_path: Path) -> None:
    packets, expected = troubled(seed, start=1000)
    path = tmp_path / "troubled.pcap"
    scapy_file(path, packets)
    assert ours(path) == expected
    assert reader(path) == expected


def test_the_same_where_numbers_wrap_around(tmp_path: Path) -> None:
    packets, expected = troubled(4, start=2**32 - 900)
    path = tmp_path / "troubled.pcap"
    scapy_file(path, packets)
    assert ours(path) == by_tshark(path) == expected
