"""Decoding, measured against the clients that its users run: the official decoder, and ib_async.

Every ratio is measured side by side in one run: each round times both on the same stream, in turns, and the ratio is the median over the
rounds of the other's time by ours; each row runs in a process of its own. The official decoder is driven as it drives itself, by its own
loops, with callbacks that do nothing: reads of 4 KiB, ``EReader.run`` with ``read_msg``, its queue, ``EClient.run`` with ``interpret``. Two
rows without a goal tell what is left against ``read_msg`` and ``interpret`` called directly. Ours keeps every object. Run it with the
project's environment: ``python bench/decode.py``.
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


def official_alone(server_version: int) -> Callable[[bytes], None]:
    """The official decoder without the loops of its client, below 201."""

    def run(data: bytes) -> None:
        decoder = Decoder(idle(), server_version)
        for text in read_alone(data):
            end = text.index(b"\0")
            decoder.interpret(comm.read_fields(text[end + 1 :]), int(text[:end]))

    return run


def read_alone(data: bytes) -> list[bytes]:
    """The frames of reads of 4 KiB, by ``read_msg`` without the loop of its reader."""
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
    print(
        f"{what:<52} {value:>6.2f}  {'at most' if most else 'at least'} {least:<4} aim {aim:<4} {'held' if held else 'MISSED'}", flush=True
    )


def mixed(server_version: int, other: Callable[[int], Callable[[bytes], None]]) -> float:
    """The mixed stream at a version."""
    data, reader = b"".join(frames(server_version, COUNT)), ours(server_version)
    return ratio(lambda: other(server_version)(data), lambda: reader(data))


def only(kind: str, count: int) -> float:
    """A stream of one kind at 178."""
    data, reader = b"".join(frames(178, count, {kind: 1})), ours(178)
    return ratio(lambda: official(178)(data), lambda: reader(data))


def projection() -> float:
    """One message's two fields, against decoding the mixed stream."""
    data, reader = b"".join(frames(178, COUNT)), ours(178)
    return ratio(lambda: reader(data), one_message(data, 178))


def never_repeating() -> float:
    """Ticks without a value that comes twice."""
    data, reader = b"".join(frames(178, COUNT, TICKS, adversarial=True)), ours(178)
    return ratio(lambda: official(178)(data), lambda: reader(data))


def framing_alone() -> float:
    """Cutting frames, by ``read_msg`` called directly."""
    data = b"".join(frames(178, COUNT))
    return ratio(lambda: read_alone(data), framing(data)[1])


ROWS: tuple[tuple[str, Callable[[], float], float | None, float | None], ...] = (
    ("mixed text at 178 / official", lambda: mixed(178, official), 4.5, 6),
    ("  its interpret alone, without its loops", lambda: mixed(178, official_alone), None, None),
    ("mixed text at 178 / ib_async", lambda: mixed(178, by_ib_async), 2.2, 3),
    ("mixed text at 200 / official", lambda: mixed(200, official), 4.5, 6),
    ("openOrder at 178 / official", lambda: only("openOrder", 1000), 6, 8),
    ("historicalData, 1,000 bars, at 178 / official", lambda: only("historicalData", 30), 4, 6),
    ("protobuf mix at 226 / official (upb)", lambda: mixed(226, official), 2.2, 3.5),
    ("framing / official reader with read_msg", lambda: ratio(*framing(b"".join(frames(178, COUNT)))), 6, 7),
    ("  its read_msg alone, without its loop", framing_alone, None, None),
    ("one message, two fields / decoding everything", projection, 5, 7),
    ("values that never repeat / official", never_repeating, 2.8, 3.3),
    ("bytes of a kept tick / object with a __dict__", lambda: bytes_kept(b"".join(frames(178, COUNT, {"tickPrice": 1})), 178), 0.4, 0.2),
)
"""What is measured, at least how much (the last: at most), and the aim; rows without both are against a part of the official way."""


def main() -> None:
    """Measure and print the table, each row in a process of its own: what one leaves in memory would slow the next."""
    for place, (what, _, bound, aim) in enumerate(ROWS):
        command = [sys.executable, __file__, str(place)]
        value = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        if bound is None or aim is None:
            print(f"{what:<52} {value:>6.2f}", flush=True)
        else:
            show(what, value, bound, aim, most=place == len(ROWS) - 1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(ROWS[int(sys.argv[1])][1]())
    else:
        main()
