"""Decoding, measured against the clients that its users run: the official decoder, and ib_async.

Every ratio is measured side by side in one run: each round times both on the same stream, in turns, and the ratio is the median over the
rounds of the other's time by ours; each ratio has a process of its own. The official client is driven in two ways, both with callbacks that
do nothing and reads of 4 KiB: by its own loops (``EReader.run``, its queue, ``EClient.run``), as users run it, and by ``read_msg`` and
``interpret`` or ``processProtoBuf`` alone, called directly, which takes less. A row holds where it holds against both. Ours is given the
buffer, and keeps every object. Run it with the project's environment: ``python bench/decode.py``.
"""

from __future__ import annotations

import datetime
import gc
import queue
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import ib_async.client
import ib_async.decoder
import ibapi.client
import ibapi.decoder
import ibapi.reader
from ibapi import comm
from ibapi.wrapper import EWrapper

from bench.streams import TICKS, frames
from twsprobe.wire.framing import Direction, Framer
from twsprobe.wire.message import PROTOBUF_OFFSET, TEXT
from twsprobe.wire.stream import stream
from twsprobe.wire.versions import ServerVersion

ROUNDS = 9
READ = 4096
COUNT = 30_000
# Neither client has types for these.
Client: Any = ib_async.client.Client
AsyncDecoder: Any = ib_async.decoder.Decoder
Decoder: Any = ibapi.decoder.Decoder
EClient: Any = ibapi.client.EClient
EReader: Any = ibapi.reader.EReader


def idle() -> Any:
    """Callbacks that do nothing."""
    names = [name for name in dir(EWrapper) if not name.startswith("_") and callable(getattr(EWrapper, name))]
    return type("Idle", (), {name: lambda *arguments, **more: None for name in names})()


class Reads:
    """A connection of the official client whose reads are pieces of 4 KiB, and which ends with the last."""

    def __init__(self, data: bytes) -> None:
        self.pieces = iter([data[start : start + READ] for start in range(0, len(data), READ)])
        self.left = len(data)

    def isConnected(self) -> bool:
        """Whether there is more to read."""
        return self.left > 0

    def recvMsg(self) -> bytes:
        """The next piece."""
        piece = next(self.pieces)
        self.left -= len(piece)
        return piece


class Frames(list[bytes]):
    """In place of the queue between the official reader and its client, where framing alone is measured."""

    put = list.append


def official(server_version: int) -> Callable[[bytes], None]:
    """The official client's way from bytes to callbacks: the loop of its reader, its queue, the loop of its client, one after the other."""

    def run(data: bytes) -> None:
        client = EClient(idle())
        client.reset()
        client.serverVersion_ = server_version
        client.decoder = Decoder(client.wrapper, server_version)
        client.msg_queue = queue.Queue()
        EReader(Reads(data), client.msg_queue).run()
        client.run()

    return run


def official_calls(server_version: int) -> Callable[[bytes], None]:
    """The official decoder without the loops of its client."""

    def run(data: bytes) -> None:
        decoder = Decoder(idle(), server_version)
        for text in read_calls(data):
            if server_version < ServerVersion.PROTOBUF:
                end = text.index(b"\0")
                decoder.interpret(comm.read_fields(text[end + 1 :]), int(text[:end]))
            elif (id := int.from_bytes(text[:4], "big")) > PROTOBUF_OFFSET:
                decoder.processProtoBuf(text[4:], id - PROTOBUF_OFFSET)
            else:
                decoder.interpret(comm.read_fields(text[4:]), id)

    return run


def read_calls(data: bytes) -> list[bytes]:
    """The frames of reads of 4 KiB, by ``read_msg`` alone."""
    buffer, found = b"", list[bytes]()
    for start in range(0, len(data), READ):
        buffer += data[start : start + READ]
        while buffer:
            _, text, buffer = comm.read_msg(buffer)
            if not text:
                break
            found.append(text)
    return found


def by_ib_async(server_version: int) -> Callable[[bytes], None]:
    """ib_async's way from bytes to callbacks."""

    class Wrapper:
        """Callbacks that do nothing."""

        defaultTimezone = datetime.UTC

        def __getattr__(self, name: str) -> Any:
            return lambda *arguments, **more: None

    def run(data: bytes) -> None:
        client = Client(Wrapper())
        client._serverVersion = server_version
        client.decoder = AsyncDecoder(Wrapper(), server_version)
        client._apiReady = True
        client.connState = Client.CONNECTED
        for start in range(0, len(data), READ):
            client._onSocketHasData(data[start : start + READ])

    return run


def ours(server_version: int) -> Callable[[bytes], list[Any]]:
    """Our way from bytes to objects, through construct's public parse."""
    return stream(Direction.TO_CLIENT, server_version).parse


def seconds(work: Callable[[], object]) -> float:
    """The processor time of some work."""
    gc.collect()
    began = time.process_time()
    kept = work()
    took = time.process_time() - began
    del kept
    return took


def ratio(theirs: Callable[[], object], mine: Callable[[], object]) -> float:
    """How many times faster ours is; the first round warms both up."""
    pairs = []
    for _ in range(ROUNDS + 1):
        pairs.append((seconds(theirs), seconds(mine)))
    return statistics.median(other / own for other, own in pairs[1:])


def read_loop(data: bytes) -> list[bytes]:
    """The frames of reads of 4 KiB, by the official reader's loop around ``read_msg``."""
    found = Frames()
    EReader(Reads(data), found).run()
    return found


def one_message(data: bytes, server_version: int) -> Callable[[], object]:
    """tickPrice alone, two of its fields."""
    reader = stream(Direction.TO_CLIENT, server_version)
    return lambda: reader.project(data, "tickPrice", ("price", "size"))


def bytes_kept(data: bytes, server_version: int) -> float:
    """Memory of a kept tick, against an object with a ``__dict__``."""

    class Tick:
        """What a client that keeps attributes in a dict makes."""

        def __init__(self, values: dict[str, Any]) -> None:
            self.__dict__.update(values)

    reader = stream(Direction.TO_CLIENT, server_version)
    reader.parse(data)
    tracemalloc.start()
    kept: list[Any] = reader.parse(data)
    compact = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    names = kept[0].__struct_fields__
    tracemalloc.start()
    copies = []
    for each in kept:
        tick = Tick({})
        for name in names:
            # A decoder without a cache makes every value anew.
            setattr(tick, name, anew(getattr(each, name)))
        copies.append(tick)
    loose = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return compact / loose


def anew(value: Any) -> Any:
    """An equal value that is another object."""
    return type(value)(str(value)) if value is not None and not isinstance(value, (bool, str)) else value


OFFICIAL: tuple[Callable[[int], Callable[[bytes], None]], ...] = (official, official_calls)


def mixed(server_version: int, other: Callable[[int], Callable[[bytes], None]]) -> float:
    """The mixed stream at a version."""
    data, reader = b"".join(frames(server_version, COUNT)), ours(server_version)
    return ratio(lambda: other(server_version)(data), lambda: reader(data))


def first_pass(other: Callable[[int], Callable[[bytes], None]]) -> float:
    """The mixed stream at 178 with caches emptied before each round."""
    data, reader = b"".join(frames(178, COUNT)), stream(Direction.TO_CLIENT, 178)

    def mine() -> list[Any]:
        for cache in reader.caches[TEXT].values():
            cache.clear()
        return reader.parse(data)

    return ratio(lambda: other(178)(data), mine)


def only(kind: str, count: int, other: Callable[[int], Callable[[bytes], None]]) -> float:
    """A stream of one kind at 178."""
    data, reader = b"".join(frames(178, count, {kind: 1})), ours(178)
    return ratio(lambda: other(178)(data), lambda: reader(data))


def framing(other: Callable[[bytes], list[bytes]]) -> float:
    """Cutting the frames of the mixed stream, nothing else."""
    data = b"".join(frames(178, COUNT))
    return ratio(lambda: other(data), lambda: Framer().feed(data))


def projection() -> float:
    """One message's two fields, against decoding the mixed stream."""
    data, reader = b"".join(frames(178, COUNT)), ours(178)
    return ratio(lambda: reader(data), one_message(data, 178))


def never_repeating(other: Callable[[int], Callable[[bytes], None]]) -> float:
    """Ticks without a value that comes twice."""
    data, reader = b"".join(frames(178, COUNT, TICKS, adversarial=True)), ours(178)
    return ratio(lambda: other(178)(data), lambda: reader(data))


def memory() -> float:
    """The bytes of a kept tick, against those of an object with a ``__dict__``."""
    return bytes_kept(b"".join(frames(178, COUNT, {"tickPrice": 1})), 178)


def both(measure: Callable[[Callable[[int], Callable[[bytes], None]]], float]) -> tuple[Callable[[], float], ...]:
    """A measure against the official client, driven in each of the two ways."""
    return tuple(partial(measure, other) for other in OFFICIAL)


ROWS: tuple[tuple[str, tuple[Callable[[], float], ...], float | None, float | None], ...] = (
    ("mixed text at 178 / official", both(partial(mixed, 178)), 4.5, 6),
    ("  the same, no value seen before", both(first_pass), None, None),
    ("mixed text at 178 / ib_async", (partial(mixed, 178, by_ib_async),), 2.2, 3),
    ("mixed text at 200 / official", both(partial(mixed, 200)), 4.5, 6),
    ("openOrder at 178 / official", both(partial(only, "openOrder", 1000)), 6, 8),
    ("historicalData, 1,000 bars / official", both(partial(only, "historicalData", 30)), 4, 6),
    ("protobuf mix at 226 / official (upb)", both(partial(mixed, 226)), 2.2, 3.5),
    ("framing / official read_msg", (partial(framing, read_loop), partial(framing, read_calls)), 6, 7),
    ("one message, two fields / everything", (projection,), 5, 7),
    ("values that never repeat / official", both(never_repeating), 2.8, 3.3),
    ("bytes of a kept tick / with a __dict__", (memory,), 0.4, 0.2),
)
"""What is measured, against the official client's loops and its calls alone, at least how much (the last: at most), and the aim, if any."""


def main() -> None:
    """Measure and print the table, each ratio in a process of its own: what one leaves in memory would slow the next."""
    print(f"{'':<39} {'loops':>6} {'calls':>6}")
    for place, (what, measures, bound, aim) in enumerate(ROWS):
        values: list[float] = []
        for which in range(len(measures)):
            command = [sys.executable, __file__, str(place), str(which)]
            values.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        most = place == len(ROWS) - 1
        line = f"{what:<39}" + "".join(f" {value:>6.2f}" for value in values)
        if bound is not None and aim is not None:
            held = max(values) <= bound if most else min(values) >= bound
            line = f"{line:<53}  {'at most' if most else 'at least'} {bound:<4} aim {aim:<4} {'held' if held else 'MISSED'}"
        print(line, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(ROWS[int(sys.argv[1])][1][int(sys.argv[2])]())
    else:
        main()
