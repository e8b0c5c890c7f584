"""Packets for tests: what one end sends the other, as Ethernet, IPv4 and TCP, and files of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from twsprobe.capture.packets import ACK, ETHERNET, SYN, Endpoint, Packet

CLIENT, SERVER = Endpoint(bytes((10, 0, 0, 1)), 51234), Endpoint(bytes((10, 0, 0, 2)), 7497)
START_NS = 1_714_564_800 * 10**9
MILLISECOND = 10**6


def tcp(source: Endpoint, target: Endpoint, sequence: int, acknowledged: int, flags: int, data: bytes = b"", options: bytes = b"") -> bytes:
    """A TCP segment; a checksum is not made, for none is checked."""
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack(">HHIIBBHHH", source.port, target.port, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, offset, flags, 65535, 0, 0)
    return head + options + data


def ipv4(source: Endpoint, target: Endpoint, payload: bytes, *, options: bytes = b"", fragment: int = 0, total: int | None = None) -> bytes:
    """An IPv4 packet."""
    size = 20 + len(options)
    total = size + len(payload) if total is None else total
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | size // 4, 0, total, 7, fragment, 64, 6, 0, source.address, target.address)
    return head + options + payload


def ethernet(payload: bytes, ethertype: int = 0x0800) -> bytes:
    """An Ethernet frame."""
    return bytes(12) + ethertype.to_bytes(2, "big") + payload


def packet(number: int, source: Endpoint, target: Endpoint, sequence: int, acknowledged: int, flags: int, data: bytes = b"") -> Packet:
    """A packet a millisecond after the one before it."""
    whole = ethernet(ipv4(source, target, tcp(source, target, sequence, acknowledged, flags, data)))
    return Packet(START_NS + number * MILLISECOND, ETHERNET, whole, len(whole))


class Talk:
    """A connection, packet by packet, with the sequence numbers that its ends would choose."""

    def __init__(self, client: Endpoint = CLIENT, server: Endpoint = SERVER, first: tuple[int, int] = (1000, 5000)) -> None:
        self.ends = client, server
        self.next = list(first)
        self.packets: list[Packet] = []

    def send(self, sender: int, data: bytes = b"", flags: int = ACK, *, shift: int = 0, quiet: bool = False) -> Packet:
        """End 0 is the client. ``shift`` moves the sequence number; a ``quiet`` packet is not counted, as one that comes again."""
        sequence = self.next[sender] + shift
        acknowledged = self.next[1 - sender] if flags & ACK else 0
        made = packet(len(self.packets), self.ends[sender], self.ends[1 - sender], sequence, acknowledged, flags, data)
        self.packets.append(made)
        if not quiet:
            self.next[sender] = (sequence + len(data) + bool(flags & SYN) + bool(flags & 1)) & 0xFFFFFFFF
        return made

    def open(self) -> Talk:
        """The handshake of TCP."""
        self.send(0, flags=SYN)
        self.send(1, flags=SYN | ACK)
        self.send(0)
        return self


def pcap_file(packets: Iterable[Packet], *, order: str = "<", nanoseconds: bool = True, link_type: int = ETHERNET) -> bytes:
    """A classic pcap file."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)]
    for each in packets:
        seconds, rest = divmod(each.time_ns, 10**9)
        parts.append(struct.pack(order + "IIII", seconds, rest // (1 if nanoseconds else 1000), len(each.data), each.length) + each.data)
    return b"".join(parts)
