"""How much more memory a large capture takes than a small one: none that counts, whatever is done with it.

Captures of two sizes are made in a temporary folder: two clients of different server versions, a frame a chunk, with requests among the
ticks. Each command runs on each of them as a process of its own, what it prints thrown away, and the system tells the most memory that it
had resident. It takes POSIX, and room for four times the large capture. Run it with the project's environment:
``python bench/memory.py [SMALL_MB LARGE_MB]``; with a gigabyte it runs for an hour or more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.streams import SHARES, frames
from twsprobe.capture.model import Chunk, Opened, Record
from twsprobe.capture.writing import open_writer
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import encode

SMALL, LARGE = 10, 1000
"""Sizes of the captures, in millions of bytes."""
MOST = 32
"""MiB by which a command may take more for the large one."""
VERSIONS = (178, 226)
SUFFIXES = (".pcapng", ".jsonl")
REPEATED = 20_000
BEGIN_NS = 1_767_366_245_000_000_000
STEP_NS = 50_000


def session() -> Iterator[Record]:
    """Clients of two server versions in turns, without an end: the same messages over and over, each time for another request."""
    blocks = [list(frames(version, REPEATED, SHARES)) for version in VERSIONS]
    time_ns = BEGIN_NS
    for number, version in enumerate(VERSIONS):
        yield Opened(number, time_ns, f"10.0.0.1:{50000 + number}", "10.0.0.2:7497")
        yield Chunk(number, Direction.TO_SERVER, time_ns, offer(100, version))
        yield Chunk(number, Direction.TO_CLIENT, time_ns, greeting(version, b"20260102 16:00:00 EST"))
    asked = 0
    while True:
        for at in range(REPEATED):
            for number, block in enumerate(blocks):
                time_ns += STEP_NS
                yield Chunk(number, Direction.TO_CLIENT, time_ns, block[at])
            if at % 50 == 0:
                asked += 1
                contract = {"symbol": f"S{asked}", "secType": "STK", "exchange": "SMART", "currency": "USD"}
                for number, version in enumerate(VERSIONS):
                    data = encode("reqMktData", Direction.TO_SERVER, version, reqId=asked, contract=contract)
                    yield Chunk(number, Direction.TO_SERVER, time_ns, data)


def write(path: Path, size: int) -> None:
    """Write a capture of at least a size in bytes."""
    with open_writer(path) as writer:
        for record in session():
            writer.write(record)
            if writer.position >= size:
                return


def resident(command: Sequence[str]) -> tuple[float, float]:
    """The most MiB that a command had resident, and its seconds. Raises SystemExit where it fails."""
    with Path(os.devnull).open("wb") as nowhere:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    # Linux counts in KiB, macOS in bytes.
    return usage.ru_maxrss / ((1 << 20) if sys.platform == "darwin" else (1 << 10)), time.perf_counter() - began


def commands(source: Path, folder: Path) -> dict[str, list[str]]:
    """What is done with a capture; what it writes goes into the folder."""
    other = ".jsonl" if source.suffix == ".pcapng" else ".pcapng"
    return {
        "decode --json": ["decode", "--json", str(source)],
        "decode": ["decode", str(source)],
        "convert": ["convert", str(source), str(folder / f"out{other}")],
        "diff": ["diff", str(source), str(source)],
        "export to Parquet": ["export", str(source), "-o", str(folder / "out.parquet")],
        "export to CSV": ["export", str(source), "-o", str(folder / "out.csv")],
        "export of tickPrice to Parquet": ["export", str(source), "--message", "tickPrice", "-o", str(folder / "ticks.parquet")],
    }


def measured(sources: Sequence[Path], folder: Path) -> Iterator[tuple[str, list[float], list[float]]]:
    """Each command, with its MiB and its seconds for each capture."""
    for what in commands(sources[0], folder):
        found = []
        for source in sources:
            found.append(resident([sys.executable, "-m", "twsprobe", *commands(source, folder)[what]]))
            for made in folder.iterdir():
                made.unlink()
        yield what, [size for size, _ in found], [seconds for _, seconds in found]


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    small, large = [int(word) for word in arguments] or [SMALL, LARGE]
    print(f"MiB resident at most, for captures of {small:,} and {large:,} MB; at most {MOST} more", flush=True)
    for suffix in SUFFIXES:
        with tempfile.TemporaryDirectory() as captures, tempfile.TemporaryDirectory() as made:
            sources = [Path(captures) / f"{size}{suffix}" for size in (small, large)]
            for source, size in zip(sources, (small, large), strict=True):
                write(source, size * 1_000_000)
            for what, sizes, seconds in measured(sources, Path(made)):
                more = sizes[1] - sizes[0]
                shown = f"{suffix:<8} {what:<31} {sizes[0]:7.1f} {sizes[1]:7.1f}  {more:+7.1f}  {'held' if more <= MOST else 'MISSED'}"
                print(f"{shown:<74} {seconds[0]:6.1f} {seconds[1]:8.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
