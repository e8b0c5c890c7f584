"""Decoding, measured against the clients that its users run: the official decoder, and ib_async.

Every ratio is measured side by side in one run: each round times both on the same stream, in turns, and the ratio is the median over the
rounds of the other's time by ours. The official decoder is driven as it drives itself, by its own loops: reads of 4 KiB, ``EReader.run``
with ``read_msg``, its queue, ``EClient.run`` with ``interpret``, and callbacks that do nothing. Ours keeps every object. Run it with the project's environment: ``python bench/decode.py``.
"""

from __future__ import annotations

import datetime
import gc
import queue
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import ib_async.client
import ib_async.decoder
import ibapi.client
import ibapi.decoder
import ibapi.reader
from ibapi.wrapper import EWrapper

from bench.streams import TICKS, frames
from twsprobe.wire.framing import Direction, Framer
from twsprobe.wire.stream import stream

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


def framing(data: bytes) -> tuple[Callable[[], object], Callable[[], object]]:
    """Cutting frames alone, the loop of the official reader around ``read_msg`` and ours, in reads of 4 KiB."""

    def theirs() -> list[bytes]:
        found = Frames()
        EReader(Reads(data), found).run()
        return found

    def mine() -> list[bytes]:
        framer, found = Framer(), list[bytes]()
        for start in range(0, len(data), READ):
            found += framer.feed(data[start : start + READ])
        return found

    return theirs, mine


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


def show(what: str, value: float, least: float, aim: float, *, most: bool = False) -> None:
    """Print one row."""
    held = value <= least if most else value >= least
    print(f"{what:<52} {value:>6.2f}  {'at most' if most else 'at least'} {least:<4} aim {aim:<4} {'held' if held else 'MISSED'}")


def main() -> None:
    """Measure and print the table."""
    mixed178, mixed200, protobuf = (b"".join(frames(version, COUNT)) for version in (178, 200, 226))
    show("mixed text at 178 / official", ratio(lambda: official(178)(mixed178), lambda: reader178(mixed178)), 4.5, 6)
    show("mixed text at 178 / ib_async", ratio(lambda: by_ib_async(178)(mixed178), lambda: reader178(mixed178)), 2.2, 3)
    reader200 = ours(200)
    show("mixed text at 200 / official", ratio(lambda: official(200)(mixed200), lambda: reader200(mixed200)), 4.5, 6)
    orders = b"".join(frames(178, 1000, {"openOrder": 1}))
    show("openOrder at 178 / official", ratio(lambda: official(178)(orders), lambda: reader178(orders)), 6, 8)
    bars = b"".join(frames(178, 30, {"historicalData": 1}))
    show("historicalData, 1,000 bars, at 178 / official", ratio(lambda: official(178)(bars), lambda: reader178(bars)), 4, 6)
    reader226 = ours(226)
    show("protobuf mix at 226 / official (upb)", ratio(lambda: official(226)(protobuf), lambda: reader226(protobuf)), 2.2, 3.5)
    show("framing / official read_msg", ratio(*framing(mixed178)), 6, 7)
    project = one_message(mixed178, 178)
    show("one message, two fields / decoding everything", ratio(lambda: reader178(mixed178), project), 5, 7)
    adversarial = b"".join(frames(178, COUNT, TICKS, adversarial=True))
    direct = ours(178)
    show("values that never repeat / official", ratio(lambda: official(178)(adversarial), lambda: direct(adversarial)), 2.8, 3.3)
    ticks = b"".join(frames(178, COUNT, {"tickPrice": 1}))
    show("bytes of a kept tick / object with a __dict__", bytes_kept(ticks, 178), 0.4, 0.2, most=True)


reader178 = ours(178)

if __name__ == "__main__":
    main()
