"""Compares two captures: what appeared, vanished, moved or changed, field by field.

Connections are held against each other in the order in which they appear. Of each, what the client says is aligned by name, contents and
order; that pairs the requests, whatever their numbers. What the server says is aligned within the request that it belongs to, or
within the session; how the answers to different requests interleave is a matter of time and plays no part. Which fields play no part is
said in ``volatile``, what counts as equal in ``meaning``, and how sequences are aligned in ``alignment``.

Where the server versions differ, fields that only one of them can have are named once for each message, with the gate that brought or took
them, as is the encoding. So what is left is what the server says otherwise.

Both captures are read once, side by side. What has no counterpart yet waits, at most ``WINDOW`` messages or ``MOST_BYTES`` of each capture.
So captures of fewer messages are aligned as a whole; in larger ones, what is farther apart than that is taken for vanished and appeared,
and differences come window by window. Memory is bounded by that, whatever the size of the captures. Where one of them is torn, what the
other has behind the last thing that both have is not compared.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace

from twsprobe.capture.alignment import Alignment, aligned
from twsprobe.capture.belonging import Half, Item, Stream
from twsprobe.capture.comparing import Comparing, contents_of, message_of, request_of, restored
from twsprobe.capture.differences import Difference, Kind, Totals
from twsprobe.capture.gates import gate_of_message
from twsprobe.capture.model import CaptureError, Record
from twsprobe.capture.seen import Seen, seen_in
from twsprobe.capture.volatile import Rules
from twsprobe.wire.events import Decoded, Greeted, Undecodable, Unknown

WINDOW = 1 << 14
"""Messages of one capture that wait for their counterparts."""
MOST_BYTES = 8 << 20
"""Bytes of one capture's messages that wait for their counterparts."""

Cuts = tuple[float, float]
"""For each capture, up to which message everything is settled, found or not."""


class Pair:
    """A connection of the first capture and its counterpart of the second; one of them there may not be."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.halves = Half(-1), Half(-1)

    @property
    def versions(self) -> tuple[int | None, int | None]:
        """The server versions, None where not known."""
        return self.halves[0].version, self.halves[1].version


class Side:
    """One capture, being read; ``waiting`` and ``held`` are the messages, and their bytes, that have no counterpart yet."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._events = seen_in(records)
        self.next: Seen | None = None
        self.fault: CaptureError | None = None
        self.pairs: dict[int, Pair] = {}
        self.read = self.waiting = self.held = 0

    def advance(self) -> None:
        """Look at what comes next."""
        try:
            self.next = next(self._events, None)
        except CaptureError as fault:
            self.next, self.fault = None, fault

    def wait_for(self, item: Item, by: int) -> None:
        """Count an item that begins to wait (1), or waits no longer (-1)."""
        self.waiting += by
        self.held += by * item.size


class Comparison:
    """Two captures' records, compared as they are read: iterate over it once for the differences. ``totals`` are complete after that.

    Differences come as soon as they are certain: of small captures all at the end, by connection and request. Raises what reading raises
    but CaptureError, which ends a capture and is found in ``totals.faults``.
    """

    def __init__(self, one: Iterable[Record], other: Iterable[Record], rules: Rules | None = None, *, window: int = WINDOW) -> None:
        self.totals = Totals()
        self._window = window
        self._comparing = Comparing(rules or Rules())
        self._pairs: list[Pair] = []
        self._sides = Side(one), Side(other)

    def __iter__(self) -> Iterator[Difference]:
        for side in self._sides:
            side.advance()
        while chosen := self._chosen():
            for number in chosen:
                self._take(number)
            if any(side.waiting >= self._window or side.held >= MOST_BYTES for side in self._sides):
                yield from self._settle((0, 0))
                yield from self._settle((self._cut(self._sides[0]), self._cut(self._sides[1])))
        one, other = self._sides
        self.totals.faults = one.fault, other.fault
        self.totals.read = one.read, other.read
        yield from self._settle((math.inf, math.inf))
        for difference in self._comparing.explained():
            self.totals.explained += 1
            yield difference
        if self._pairs:
            self.totals.versions = self._pairs[0].versions

    def _cut(self, side: Side) -> int:
        """Up to where a capture waits no longer: half of the window stays, but nothing where messages are few and large."""
        if side.held > MOST_BYTES // 2:
            return side.read
        return max(side.read - self._window // 2, 0)

    def _chosen(self) -> list[int]:
        """Which captures to read on: that in which less waits, or else that is behind in time; both where neither is."""
        active = [number for number in (0, 1) if self._sides[number].next is not None]
        ready = [number for number in active if not self._lacks_version(number)] or active
        if len(ready) < 2:
            return ready
        one, other = self._sides
        assert one.next is not None
        assert other.next is not None
        here, there = (one.waiting, one.next.elapsed_ns), (other.waiting, other.next.elapsed_ns)
        return ready if here == there else [0] if here < there else [1]

    def _lacks_version(self, number: int) -> bool:
        """Whether what comes next is to be held against another server version that is still to be learnt."""
        here, there = self._sides[number], self._sides[1 - number]
        seen = here.next
        if (
            seen is None
            or there.next is None
            or there.waiting >= self._window
            or not isinstance(seen.what, (Decoded, Undecodable, Unknown))
        ):
            return False
        versions = self._pair(number, seen.connection).versions
        return versions[number] is not None and versions[1 - number] is None

    def _pair(self, number: int, connection: int) -> Pair:
        """The pair that a connection is in: the first of one capture goes with the first of the other, and so on."""
        pairs = self._sides[number].pairs
        pair = pairs.get(connection)
        if pair is None:
            index = len(pairs)
            if index == len(self._pairs):
                self._pairs.append(Pair(index))
            pair = pairs[connection] = self._pairs[index]
            pair.halves[number].number = connection
        return pair

    def _take(self, number: int) -> None:
        """Put what comes next where it belongs, and look further."""
        side = self._sides[number]
        seen = side.next
        assert seen is not None
        side.read += 1
        pair = self._pair(number, seen.connection)
        half = pair.halves[number]
        # A capture that begins in the middle of a session has no greeting, but messages decoded for the version that they seem to be of.
        if half.version is None and isinstance(seen.what, (Greeted, Decoded)) and seen.what.server_version >= 0:
            half.version = seen.what.server_version
        stream, item = self._comparing.placed(number, pair.index, half, pair.versions[1 - number], seen, side.read)
        if item is not None:
            stream.items.append(item)
            side.wait_for(item, 1)
            if stream is not half.said and stream is not half.told:
                half.streams[stream] = None
        side.advance()

    def _settle(self, cuts: Cuts) -> Iterator[Difference]:
        """Give out what is certain, and of what was read before the cuts everything."""
        if math.isinf(cuts[0]):
            self._drop_torn_halves()
        for pair in self._pairs:
            one, other = pair.halves
            yield from self._settle_streams(pair, one.said, other.said, cuts)
            yield from self._settle_streams(pair, one.told, other.told, cuts)
            for stream in list(one.streams):
                yield from self._settle_request(pair, stream, stream.peer, cuts)
            for stream in [stream for stream in other.streams if stream.peer is None or stream.peer not in one.streams]:
                yield from self._settle_request(pair, stream.peer, stream, cuts)

    def _settle_request(self, pair: Pair, one: Stream | None, other: Stream | None, cuts: Cuts) -> Iterator[Difference]:
        """The same for the answers to a request, once it is known which request of the other capture it is, or that it is none."""
        known = one or other
        assert known is not None
        if one is None or other is None:
            if not known.alone:
                return
            cuts = math.inf, math.inf
        yield from self._settle_streams(pair, one or Stream(), other or Stream(), cuts)
        for half, stream in zip(pair.halves, (one, other), strict=True):
            if stream is not None and not stream.items:
                half.streams.pop(stream, None)

    def _drop_torn_halves(self) -> None:
        """Forget the frames that a tear cut: they are no message."""
        for number, side in enumerate(self._sides):
            for stream in (stream for pair in self._pairs for half in (pair.halves[number],) for stream in (half.said, half.told)):
                last = stream.items[-1] if stream.items and side.fault is not None else None
                if last is not None and isinstance(last.kept, Undecodable) and last.kept.id is None:
                    side.wait_for(stream.items.pop(), -1)

    def _settle_streams(self, pair: Pair, one: Stream, other: Stream, cuts: Cuts) -> Iterator[Difference]:
        """Align two streams and give out what is certain: all up to the last thing that both have, and all before the cuts."""
        if not one.items and not other.items:
            return
        items = one.items, other.items
        found = aligned(*([item.digest for item in side] for side in items), *([item.kind for item in side] for side in items))
        last = found.same[-1] if found.same else (-1, -1)
        certain = [
            {index for index, item in enumerate(side) if index <= last[number] or item.sequence <= cuts[number]}
            for number, side in enumerate(items)
        ]
        gone: tuple[set[int], set[int]] = set(), set()
        for row, column, kind in steps(found):
            if row not in certain[0] and column not in certain[1]:
                continue
            gone[0].add(row)
            gone[1].add(column)
            behind = column > last[1] if row < 0 else row > last[0]
            yield from self._settled(
                pair, (one, other), (None if row < 0 else items[0][row], None if column < 0 else items[1][column]), kind, behind
            )
        for number, stream in enumerate((one, other)):
            for index in gone[number] - {-1}:
                self._sides[number].wait_for(items[number][index], -1)
            stream.items = [item for index, item in enumerate(items[number]) if index not in gone[number]]

    def _settled(
        self, pair: Pair, streams: tuple[Stream, Stream], items: tuple[Item | None, Item | None], kind: Kind | None, behind: bool
    ) -> Iterator[Difference]:
        """Two things that belong together, or one that belongs to none; ``behind`` the last thing in common. A kind of None is the same."""
        old, new = items
        opened = old.stream if old is not None else None, new.stream if new is not None else None
        if old is not None and new is not None:
            if opened[0] is not None and opened[1] is not None:
                opened[0].peer, opened[1].peer = opened[1], opened[0]
        else:
            missing = 0 if old is None else 1
            torn = behind and self._sides[missing].fault is not None
            present = streams[1 - missing]
            torn = torn or present.uncompared
            alone = opened[1 - missing]
            if alone is not None:
                alone.alone, alone.uncompared = True, torn
            if torn:
                self.totals.uncompared += 1
                return
        yield from self._told(pair, streams, items, kind)

    def _told(
        self, pair: Pair, streams: tuple[Stream, Stream], items: tuple[Item | None, Item | None], kind: Kind | None
    ) -> Iterator[Difference]:
        """The differences between two things, and their count."""
        old, new = items
        shown = old or new
        assert shown is not None
        name, rules = (shown.direction, shown.name), self._comparing.rules
        if not rules.concerns(shown.name):
            return
        opened = [item.stream or Stream() if item is not None else Stream() for item in items]
        request = request_of(*streams) or request_of(opened[0], opened[1])
        places = [item.place if item is not None else None for item in items]
        template = Difference(kind or Kind.CHANGED, pair.index, *name, request, one=places[0], other=places[1])
        if kind is None:
            self.totals.same[name] += 1
        elif old is not None and new is not None and kind is Kind.CHANGED:
            changes = list(self._comparing.changes(template, old, new, pair.versions))
            if changes:
                self.totals.different[name, kind] += 1
            else:
                self.totals.same[name] += 1
            yield from changes
        elif rules.reports(shown.name):
            self.totals.different[name, kind] += 1
            if kind is Kind.MOVED:
                yield template
                return
            gate = gate_of_message(message_of(*name), *pair.versions)
            fields = contents_of(restored(shown))
            yield replace(template, old=fields if new is None else None, new=fields if old is None else None, gate=gate)


def steps(found: Alignment) -> list[tuple[int, int, Kind | None]]:
    """What an alignment says, in the order of the sequences: an index in each, -1 for none, and what happened, None for nothing."""
    keyed: list[tuple[tuple[int, int, int], tuple[int, int, Kind | None]]] = [
        ((row, 0, column), (row, column, None)) for row, column in found.same
    ]
    keyed += [((row, 0, column), (row, column, Kind.MOVED)) for row, column in found.moved]
    keyed += [((row, 0, column), (row, column, Kind.CHANGED)) for row, column in found.changed]
    keyed += [((row, 0, -1), (row, -1, Kind.VANISHED)) for row in found.only_one]
    # What only the second sequence has goes behind the last thing in common before it.
    columns = [column for _, column in found.same]
    for column in found.only_other:
        at = bisect_left(columns, column)
        keyed.append(((found.same[at - 1][0] if at else -1, 1, column), (-1, column, Kind.APPEARED)))
    return [step for _, step in sorted(keyed, key=lambda each: each[0])]
