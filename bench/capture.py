"""Reading our own pcapng to chunks, measured against dpkt's pcapng reader on the same file.

dpkt gives the bytes of each packet; what it takes to have chunks is the data of the TCP segment in it, so that is the row that counts, and
the row without it is there to compare the reading of blocks alone. Ours checks every block's checksum and gives connection, direction and
time with the bytes. Neither keeps what it read. The ratio is the median over the rounds of dpkt's processor time by ours, in turns on the
same file. Needs dpkt; run it with the project's environment: ``python bench/capture.py [MESSAGES]``.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import dpkt

from bench.streams import frames
from twsprobe.capture.model import Chunk, Opened
from twsprobe.capture.reading import open_capture
from twsprobe.capture.writing import open_writer
from twsprobe.wire.framing import Direction

ROUNDS = 7
MESSAGES = 50_000
SERVER_VERSION = 178
LEAST, AIM = 3, 6
BEGIN_NS = 1_767_366_245_000_000_000
STEP_NS = 50_000
ADDRESSES = {"IPv4": ("127.0.0.1:51234", "127.0.0.1:7497"), "IPv6": ("[::1]:51234", "[::1]:7497")}


def write(path: Path, addresses: tuple[str, str], chunks: list[bytes]) -> None:
    """Record what a server sent."""
    with open_writer(path, created_ns=BEGIN_NS, overwrite=True) as writer:
        writer.write(Opened(0, BEGIN_NS, *addresses))
        for number, data in enumerate(chunks):
            writer.write(Chunk(0, Direction.TO_CLIENT, BEGIN_NS + number * STEP_NS, data))


def ours(path: Path) -> int:
    """Read the chunks of a capture; gives the bytes in them."""
    with open_capture(path) as capture:
        return sum(len(record.data) for record in capture if isinstance(record, Chunk))


def packets_by_dpkt(path: Path) -> int:
    """Read the packets alone; gives the bytes in them."""
    with path.open("rb") as file:
        return sum(len(data) for _, data in dpkt.pcapng.Reader(file))


def chunks_by_dpkt(path: Path) -> int:
    """Read the packets, and in them the data of TCP; gives the bytes in it."""
    with path.open("rb") as file:
        return sum(len((dpkt.ip.IP if data[0] >> 4 == 4 else dpkt.ip6.IP6)(data).data.data) for _, data in dpkt.pcapng.Reader(file))


def seconds(work: Callable[[Path], int], path: Path) -> float:
    """The processor time of some work."""
    gc.collect()
    began = time.process_time()
    work(path)
    return time.process_time() - began


def show(what: str, path: Path, theirs: Callable[[Path], int], count: int, *, least: float | None) -> None:
    """Measure and print one row."""
    pairs = [(seconds(theirs, path), seconds(ours, path)) for _ in range(ROUNDS + 1)][1:]
    ratio = statistics.median(other / own for other, own in pairs)
    bound = "no bound" if least is None else f"at least {least:<4} aim {AIM:<4} {'held' if ratio >= least else 'MISSED'}"
    each = statistics.median(own for _, own in pairs) / count * 1e6
    print(f"{what:<52} {ratio:>6.2f}  {bound}  (ours {each:.2f} us a chunk)")


def main() -> None:
    """Measure and print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    messages = list(frames(SERVER_VERSION, count))
    batches = [b"".join(messages[start : start + 40]) for start in range(0, len(messages), 40)] * 10
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.pcapng"
        for family, addresses in ADDRESSES.items():
            for size, chunks in (("a message a chunk", messages), ("40 messages a chunk", batches)):
                write(path, addresses, chunks)
                assert ours(path) == chunks_by_dpkt(path) == sum(map(len, chunks))
                show(f"{family}, {size} / dpkt to chunks", path, chunks_by_dpkt, len(chunks), least=LEAST)
                show(f"{family}, {size} / dpkt to packets", path, packets_by_dpkt, len(chunks), least=None)


if __name__ == "__main__":
    main()
