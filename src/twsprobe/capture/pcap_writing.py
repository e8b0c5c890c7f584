"""Writing classic pcap with times in nanoseconds, for tools that read nothing else: packets alone, and so not all of a capture.

The header and its metadata are not in it, nor the numbers of the connections, nor what no packet says: empty chunks, notes, gaps of unknown
size, connections left behind, and why one was never made. A chunk that is longer than a packet comes back as several.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from twsprobe.capture import files
from twsprobe.capture.members import Members
from twsprobe.capture.model import Record
from twsprobe.capture.packets import RAW
from twsprobe.capture.segments import Segments

MAGIC = 0xA1B23C4D
"""Says that times are in seconds and nanoseconds (pcap-savefile of libpcap)."""
SNAP_LENGTH = 262144
"""The longest packet that the file may have, as libpcap's tools say it."""

_FILE = Struct("<IHHIIII")
_PACKET = Struct("<IIII")


class Writer(files.Writer):
    """A new pcap capture. ``write`` also raises ValueError for a time after 2106, which the format cannot hold."""

    def _beginning(self, header: Members) -> bytes:
        self._segments = Segments()
        return _FILE.pack(MAGIC, 2, 4, 0, 0, SNAP_LENGTH, RAW[-1])

    def _encoded(self, record: Record) -> Iterator[bytes]:
        seconds, nanoseconds = divmod(record.time_ns, 10**9)
        if seconds > 0xFFFFFFFF:
            raise ValueError(f"out of range: {record.time_ns=}")
        for segments in self._segments.of(record):
            packets = [segment.data for segment in segments]
            yield b"".join([_PACKET.pack(seconds, nanoseconds, len(data), len(data)) + data for data in packets])
