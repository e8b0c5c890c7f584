"""Packets to the records of a capture: every TCP connection in them that carries the TWS protocol.

A connection is told by the addresses and ports of its ends; a SYN that does not belong to the one that is known begins another. Each
direction is put in order by ``streams.Half``. The time of a chunk is that of the packet with which its bytes could be given out, so
bytes that waited for others have the time of these.

A connection that began before the capture has no Opened. A note says so and what told the server, and each direction begins with a gap
of unknown size, unless the client's API prefix is the first thing in it. Records of a connection of which it is not yet known whether it is
TWS are held back until it is, with the times they have.

Known doubts: a connection that a machine forwards under another address is in a capture of all its interfaces twice, and here too. And of a
connection that was forgotten, because ``MOST_CONNECTIONS`` others were heard of since, what comes later is taken for another one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator

from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.packets import ACK, FIN, RST, SYN, Endpoint, Packet, Segment, Skipped, segment_of
from twsprobe.capture.recognition import Recognition, Sign
from twsprobe.capture.streams import Budget, Found, Half
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import PREFIX

MOST_CONNECTIONS = 1024
"""Connections that are followed at once."""
LEFT_OUT = "left_out"
"""The key in a capture's header under which it says, once it was read to its end, what of it is in no record."""

_FROM = (Direction.TO_SERVER, Direction.TO_CLIENT)
"""The direction of what an end sent, if end 0 is the client."""


def records_in(packets: Iterable[Packet], header: dict[str, str]) -> Iterator[Record]:
    """The records of a capture's packets. Raises what ``packets`` raises, after all records before it.

    Says in ``header`` at the end, under ``left_out``, how many connections and packets are in no record, and why.
    """
    assembly = _Assembly()
    fault: CaptureError | None = None
    try:
        for packet in packets:
            yield from assembly.take(packet)
    except CaptureError as torn:
        fault = torn
    yield from assembly.finish()
    if assembly.left_out:
        header[LEFT_OUT] = "; ".join(f"{what}: {count:,}" for what, count in assembly.left_out.items())
    if fault is not None:
        raise fault


class _Assembly:
    """All connections of a file."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()
        self._streams: OrderedDict[tuple[Endpoint, Endpoint], _Stream] = OrderedDict()
        self._budget = Budget()
        self._numbers = 0

    def take(self, packet: Packet) -> Iterator[Record]:
        """The records that a packet completes."""
        segment = segment_of(packet)
        if isinstance(segment, Skipped):
            if segment is not Skipped.OTHER:
                self.left_out[f"packets that {segment.value}"] += 1
            return
        ends = min(segment.source, segment.target), max(segment.source, segment.target)
        stream = self._streams.get(ends)
        if stream is not None and stream.is_followed_by(segment):
            yield from self._forget(stream)
            stream = None
        if stream is None:
            if len(self._streams) >= MOST_CONNECTIONS:
                yield from self._forget(next(iter(self._streams.values())))
            stream = self._streams[ends] = _Stream(ends, segment, self._budget)
        else:
            self._streams.move_to_end(ends)
        stream.take(segment)
        yield from self._released(stream)

    def finish(self) -> Iterator[Record]:
        """The records that nothing more is waited for."""
        while self._streams:
            yield from self._forget(next(iter(self._streams.values())))

    def _forget(self, stream: _Stream) -> Iterator[Record]:
        del self._streams[stream.ends]
        stream.finish()
        if stream.recognition.is_tws is False:
            self.left_out["connections that are not TWS"] += 1
        yield from self._released(stream)

    def _released(self, stream: _Stream) -> Iterator[Record]:
        """The records of a connection, if it is TWS, with its number and their direction as it is."""
        if stream.recognition.is_tws is None:
            return
        records, stream.records = stream.records, []
        if not records or not stream.recognition.is_tws:
            return
        if stream.number is None:
            stream.number = self._numbers
            self._numbers += 1
            if stream.recognition.sign is not Sign.HANDSHAKE:
                yield Note(stream.number, Direction.TO_CLIENT, records[0].time_ns, stream.introduction())
        for record in records:
            if not isinstance(record, Opened) and stream.recognition.server == 0:
                record = record._replace(direction=record.direction.opposite)
            yield record._replace(connection=stream.number)


class _Stream:
    """One connection, with what it has to give out. Directions in ``records`` are right if end 0 is the client."""

    def __init__(self, ends: tuple[Endpoint, Endpoint], first: Segment, budget: Budget) -> None:
        self.ends = ends
        self.number: int | None = None
        self.records: list[Record] = []
        self._halves = Half(budget), Half(budget)
        self._first: list[int | None] = [None, None]
        """The sequence number of each end's SYN."""
        self._packets = 0
        self._last_ns = first.time_ns
        self._opened = False
        self._introduced = False
        self._closed = [False, False]
        self._tried = 0
        sender = ends.index(first.source)
        client = (sender if not first.flags & ACK else 1 - sender) if first.flags & SYN else None
        self._client = client
        self.recognition = Recognition(ends, client)

    def is_followed_by(self, segment: Segment) -> bool:
        """Whether a segment begins another connection between the same ends."""
        first = self._first[self.ends.index(segment.source)]
        return bool(segment.flags & SYN) and (self._client is None or first not in (None, segment.sequence))

    def take(self, segment: Segment) -> None:
        """Take the next segment."""
        if self.recognition.is_tws is False:
            return
        self._packets += 1
        self._last_ns = segment.time_ns
        sender = self.ends.index(segment.source)
        half, other = self._halves[sender], self._halves[1 - sender]
        if segment.flags & SYN:
            self._begin(sender, segment)
        if segment.flags & RST and not self._opened and self._client == 1 - sender:
            self._refuse(sender)
            return
        if self._client is not None and not self._opened and (segment.data or segment.flags & ACK):
            self._open(segment.time_ns)
        if segment.flags & ACK:
            if not other.begun and self._client is not None and not segment.flags & (SYN | RST):
                self._first[1 - sender] = (segment.acknowledged - 1) & 0xFFFFFFFF
                other.begin(segment.acknowledged)
            if other.begun:
                self._give(1 - sender, other.acknowledge(other.offset(segment.acknowledged), self._packets))
        self._take_bytes(sender, half, segment)
        for end in (0, 1):
            self._give(end, self._halves[end].settle(self._packets))
        self._close()

    def introduction(self) -> str:
        """What there is to say of a connection that began before the capture."""
        server, client = self.ends[self.recognition.server], self.ends[1 - self.recognition.server]
        return f"the capture begins inside this connection, from {client} to {server}; {self.recognition.sign.value} tells the server"

    def finish(self) -> None:
        """Nothing more comes."""
        for end in (0, 1):
            self._give(end, self._halves[end].finish())
        self._close()
        if self._tried > 0 and not self._opened and not any(self._closed):
            text = f"the client asked {self._tried} time{'s' if self._tried > 1 else ''} to connect; the capture holds no answer"
            self._note(self._client or 0, text)
        self.recognition.conclude()

    def _begin(self, sender: int, segment: Segment) -> None:
        """A SYN: it tells where the bytes of its sender begin, and one that answers, where those of the other."""
        self._tried += not segment.flags & ACK
        if not self._halves[sender].begun:
            self._first[sender] = segment.sequence
            self._halves[sender].begin((segment.sequence + 1) & 0xFFFFFFFF)
        other = self._halves[1 - sender]
        if segment.flags & ACK and not other.begun:
            self._first[1 - sender] = (segment.acknowledged - 1) & 0xFFFFFFFF
            other.begin(segment.acknowledged)

    def _open(self, time_ns: int) -> None:
        client, server = (self.ends[0], self.ends[1]) if self._client == 0 else (self.ends[1], self.ends[0])
        self.records.append(Opened(0, time_ns, str(client), str(server)))
        self._opened = True

    def _refuse(self, sender: int) -> None:
        if not self._closed[sender]:
            self._closed[sender] = True
            self.records.append(Closed(0, self._last_ns, _FROM[sender], Close.REFUSED))

    def _take_bytes(self, sender: int, half: Half, segment: Segment) -> None:
        sequence = segment.sequence + bool(segment.flags & SYN)
        if not half.begun:
            if not (segment.data or segment.lacking or segment.flags & (FIN | RST)):
                return
            half.begin(sequence)
            self._introduce(sender, segment)
        offset = half.offset(sequence & 0xFFFFFFFF)
        if segment.data or segment.lacking:
            self._give(sender, half.take(offset, segment.data, segment.lacking, self._packets))
            if half.conflict is not None:
                self._note(sender, f"a segment has other bytes than an earlier one at offset {half.conflict:,}: the first are kept")
        if segment.flags & (FIN | RST) and half.end is None:
            half.end_at(offset + len(segment.data) + segment.lacking, Close.FIN if segment.flags & FIN else Close.RST, self._packets)

    def _introduce(self, sender: int, segment: Segment) -> None:
        """Say of a connection that began before the capture that it did."""
        other = self._halves[1 - sender]
        if self._introduced or self._client is not None:
            return
        self._introduced = True
        if segment.data.startswith(PREFIX):
            if segment.flags & ACK and not other.begun:
                other.begin(segment.acknowledged)
            return
        for end in (0, 1):
            self.records.append(Gap(0, _FROM[end], segment.time_ns, None))

    def _give(self, sender: int, found: list[Found]) -> None:
        for each in found:
            if isinstance(each, int):
                self.records.append(Gap(0, _FROM[sender], self._last_ns, each))
                self.recognition.miss(sender)
            else:
                self.records.append(Chunk(0, _FROM[sender], self._last_ns, each))
                self.recognition.look(sender, each)

    def _close(self) -> None:
        for end in (0, 1):
            half = self._halves[end]
            if half.ended and half.how is not None and not self._closed[end]:
                self._closed[end] = True
                self.records.append(Closed(0, self._last_ns, _FROM[end], half.how))

    def _note(self, sender: int, text: str) -> None:
        self.records.append(Note(0, _FROM[sender], self._last_ns, text))
