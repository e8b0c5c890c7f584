"""Packets as a network was listened to, and the TCP segments in them.

What a packet says about its own length is believed only where it is shorter than what was captured: Ethernet pads short packets, and
padding is no data. Where it is longer, the bytes that the capture lacks are counted, never made up. A packet that cannot be read is
skipped with the reason; the bytes that it carried show up as missing as soon as their receiver acknowledges them.

Layouts are those of the pcap-linktype manual page of libpcap, RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP) and IEEE 802.1Q.
"""

from __future__ import annotations

import enum
from struct import Struct
from typing import NamedTuple

NULL, ETHERNET, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2 = 0, 1, 108, 113, 228, 229, 276
RAW = (12, 14, 101)
"""Link types of packets that begin with an IP header of either version; 12 and 14 were written by the BSDs."""
MOST_TAGS = 8
"""VLAN tags that are taken off one packet."""
MOST_EXTENSIONS = 16
"""IPv6 extension headers that are read in one packet."""

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

_VLAN = (0x8100, 0x88A8, 0x9100, 0x9200)
_ETHERTYPES = {0x0800: 4, 0x86DD: 6}
_FAMILIES = {2: 4, 10: 6, 24: 6, 28: 6, 30: 6}
"""What systems call IPv4 and IPv6 in front of a packet of their loopback: IPv4 is 2 everywhere."""
_TCP = 6
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _OPTIONS, _MOBILITY, _HIP, _SHIM6 = 0, 43, 44, 51, 60, 135, 139, 140
_EXTENSIONS = (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _OPTIONS, _MOBILITY, _HIP, _SHIM6)

_SHORT = Struct(">H")
_IPV4 = Struct(">BxHxxHxBxx4s4s")
_IPV6 = Struct(">IHBx16s16s")
_TCP_HEADER = Struct(">HHIIBBH")


class Packet(NamedTuple):
    """A packet of a capture file."""

    time_ns: int
    """Nanoseconds since the epoch, UTC."""
    link_type: int
    """What its bytes begin with, by the numbers of libpcap's LINKTYPE."""
    data: bytes
    """What was captured of it."""
    length: int
    """How many bytes it had; more than ``data`` where the capture was told to keep less."""
    comments: tuple[str, ...] = ()
    """What the file says about it."""


class Endpoint(NamedTuple):
    """One end of a connection: an address of 4 or 16 bytes, and a port."""

    address: bytes
    port: int

    def __str__(self) -> str:
        from ipaddress import ip_address

        address = str(ip_address(self.address))
        return f"{address}:{self.port}" if len(self.address) == 4 else f"[{address}]:{self.port}"


class Segment(NamedTuple):
    """A TCP segment."""

    time_ns: int
    source: Endpoint
    target: Endpoint
    sequence: int
    """The number of its first byte, or of its SYN."""
    acknowledged: int
    """The number of the byte that its sender expects next; means something only with the flag ``ACK``."""
    flags: int
    data: bytes
    lacking: int = 0
    """How many bytes behind ``data`` belong to it and were not captured."""


class Skipped(enum.Enum):
    """Why a packet gives no segment."""

    OTHER = "hold no TCP"
    FRAGMENT = "are parts of an IP packet"
    CUT = "end, or were cut off, inside their headers"
    LINK = "come from a kind of link that is not read"


def segment_of(packet: Packet) -> Segment | Skipped:
    """The TCP segment that a packet holds, or why it gives none. Never raises."""
    network = _network(packet.link_type, packet.data)
    if isinstance(network, Skipped):
        return network
    version, start = network
    data, length = packet.data[start:], max(packet.length, len(packet.data)) - start
    if not version and data:
        version = data[0] >> 4
    if version == 4:
        return _ipv4(packet.time_ns, data, length)
    return _ipv6(packet.time_ns, data, length) if version == 6 else Skipped.OTHER if data else Skipped.CUT


def _network(link_type: int, data: bytes) -> tuple[int, int] | Skipped:
    """The version of the IP packet in a packet, 0 if its header has to tell, and where that begins."""
    if link_type == ETHERNET:
        return _ethertype(data, 12)
    if link_type == LINUX_SLL:
        return _ethertype(data, 14)
    if link_type == LINUX_SLL2:
        if len(data) < 20:
            return Skipped.CUT
        found = _SHORT.unpack_from(data)[0]
        # Behind the 20 bytes a VLAN tag's own type stands where it does behind an Ethernet header.
        return _ethertype(data, 22) if found in _VLAN else (_ETHERTYPES[found], 20) if found in _ETHERTYPES else Skipped.OTHER
    if link_type in (NULL, LOOP):
        if len(data) < 4:
            return Skipped.CUT
        # The byte order of the machine that captured, which need not be that of the file.
        family = min(int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
        return (_FAMILIES[family], 4) if family in _FAMILIES else Skipped.OTHER
    if link_type in RAW:
        return 0, 0
    return (4 if link_type == IPV4 else 6, 0) if link_type in (IPV4, IPV6) else Skipped.LINK


def _ethertype(data: bytes, position: int) -> tuple[int, int] | Skipped:
    """What follows a type of Ethernet at a position, behind any VLAN tags."""
    for _ in range(MOST_TAGS + 1):
        if len(data) < position + 2:
            return Skipped.CUT
        found = _SHORT.unpack_from(data, position)[0]
        if found not in _VLAN:
            return (_ETHERTYPES[found], position + 2) if found in _ETHERTYPES else Skipped.OTHER
        position += 4
    return Skipped.OTHER


def _ipv4(time_ns: int, data: bytes, length: int) -> Segment | Skipped:
    if len(data) < _IPV4.size:
        return Skipped.CUT
    first, total, fragment, protocol, source, target = _IPV4.unpack_from(data)
    header = (first & 0xF) * 4
    # A total of 0 is what a network card that splits packets itself was given.
    total = total or length
    if first >> 4 != 4 or protocol != _TCP or not _IPV4.size <= header <= total:
        return Skipped.OTHER
    if fragment & 0x3FFF:
        return Skipped.FRAGMENT
    return _tcp(time_ns, source, target, data[header:total], total - header)


def _ipv6(time_ns: int, data: bytes, length: int) -> Segment | Skipped:
    if len(data) < _IPV6.size:
        return Skipped.CUT
    first, size, following, source, target = _IPV6.unpack_from(data)
    if first >> 28 != 6:
        return Skipped.OTHER
    position, end = _IPV6.size, _IPV6.size + size if size else length
    for _ in range(MOST_EXTENSIONS):
        if following not in _EXTENSIONS:
            break
        if len(data) < position + 8:
            return Skipped.CUT
        # A "fragment" that is the whole packet is one.
        if following == _FRAGMENT and _SHORT.unpack_from(data, position + 2)[0] & 0xFFF9:
            return Skipped.FRAGMENT
        units = data[position + 1]
        size = 8 if following == _FRAGMENT else (units + 2) * 4 if following == _AUTHENTICATION else (units + 1) * 8
        following, position = data[position], position + size
    if following != _TCP or position > end:
        return Skipped.OTHER
    return _tcp(time_ns, source, target, data[position:end], end - position)


def _tcp(time_ns: int, source: bytes, target: bytes, data: bytes, length: int) -> Segment | Skipped:
    """The segment of ``length`` bytes that ``data`` are, or begin."""
    if len(data) < 20:
        return Skipped.CUT
    source_port, target_port, sequence, acknowledged, offset, flags, _ = _TCP_HEADER.unpack_from(data)
    header = (offset >> 4) * 4
    if header < 20 or header > length:
        return Skipped.OTHER
    if header > len(data):
        return Skipped.CUT
    ends = Endpoint(source, source_port), Endpoint(target, target_port)
    return Segment(time_ns, *ends, sequence, acknowledged, flags, data[header:], length - len(data))
