"""One message type to Parquet, measured against the official decoder whose callbacks make rows, which pyarrow then writes.

Both sides read the same session from memory in pieces of 4 KiB and write a Parquet file with the same compression. The official decoder
is driven by its own loops as in ``bench/decode.py``; a row is what its callback is given. Ours is the way of ``twsprobe export --message``:
the records of a capture, with each row's time, connection and number besides the fields. The ratio is the median over the rounds of the
other's processor time by ours, timed in turns. Run it with the project's environment: ``python bench/export.py``.
"""

from __future__ import annotations

import queue
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pyarrow as pa
import pyarrow.parquet

from bench.decode import READ, Decoder, EClient, EReader, Reads, idle, ratio
from bench.streams import SHARES, frames
from twsprobe.capture.message_rows import MessageTable, Reader, message_named
from twsprobe.capture.model import Chunk, Opened, Record
from twsprobe.capture.table_files import open_table
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer

COUNT = 60_000
LEAST = 8
BEGIN_NS = 1_767_366_245_000_000_000
STEP_NS = 50_000


def records(server_version: int, data: bytes) -> Iterator[Record]:
    """A session's records: its opening, and what the server sends in reads of 4 KiB."""
    yield Opened(0, BEGIN_NS, "10.0.0.1:50000", "10.0.0.2:7497")
    yield Chunk(0, Direction.TO_SERVER, BEGIN_NS, offer(100, server_version))
    yield Chunk(0, Direction.TO_CLIENT, BEGIN_NS, greeting(server_version, b"20260102 16:00:00 EST"))
    for number, start in enumerate(range(0, len(data), READ)):
        yield Chunk(0, Direction.TO_CLIENT, BEGIN_NS + number * STEP_NS, data[start : start + READ])


def theirs(server_version: int, callback: str, data: bytes, path: Path) -> None:
    """The official decoder, rows, Parquet."""
    rows: list[tuple[Any, ...]] = []

    def kept(request: int, kind: int, value: Any, more: Any = None) -> None:
        """What a tick's callback is given; the attributes of a price are an object, of which the fields are kept."""
        rows.append((request, kind, value) if more is None else (request, kind, value, more.canAutoExecute, more.pastLimit, more.preOpen))

    wrapper = idle()
    setattr(wrapper, callback, kept)
    client = EClient(wrapper)
    client.reset()
    client.serverVersion_ = server_version
    client.decoder = Decoder(wrapper, server_version)
    client.msg_queue = queue.Queue()
    EReader(Reads(data), client.msg_queue).run()
    client.run()
    columns = list(zip(*rows, strict=True))
    table = pa.table([pa.array(column) for column in columns], names=[str(number) for number in range(len(columns))])
    pa.parquet.write_table(table, path, compression="zstd")


def ours(server_version: int, name: str, session: list[Record], path: Path) -> None:
    """The records of a capture to Parquet."""
    of = MessageTable(message_named(name))
    with open_table(str(path), of.table, overwrite=True) as writer:
        for batch in Reader("session", of).read(session):
            writer.write(batch)


def measured(server_version: int, name: str, shares: dict[str, float], folder: Path) -> float:
    """How many times faster ours is; both must have written as many rows."""
    data = b"".join(frames(server_version, COUNT, shares))
    session = list(records(server_version, data))
    one, other = folder / "theirs.parquet", folder / "ours.parquet"
    found = ratio(lambda: theirs(server_version, name, data, one), lambda: ours(server_version, name, session, other))
    counts = [pa.parquet.read_metadata(path).num_rows for path in (one, other)]
    if counts[0] != counts[1]:
        raise SystemExit(f"{name} at {server_version}: the official decoder gave {counts[0]:,} rows, ours {counts[1]:,}")
    return found


def main() -> None:
    """Measure and print the table."""
    print(f"{COUNT:,} messages; official decoder, rows, Parquet / ours")
    with tempfile.TemporaryDirectory() as name:
        for what, version, message, shares, least in ROWS:
            found = measured(version, message, shares, Path(name))
            print(
                f"{what:<44} {found:>6.2f}  "
                + (f"at least {least}  {'held' if found >= least else 'MISSED'}" if least else "(for comparison)")
            )


ROWS: list[tuple[str, int, str, dict[str, float], int]] = [
    ("tickPrice, alone in its session, at 178", 178, "tickPrice", {"tickPrice": 1}, LEAST),
    ("tickPrice out of the mixed session, at 178", 178, "tickPrice", SHARES, LEAST),
    ("tickPrice, alone in its session, at 200", 200, "tickPrice", {"tickPrice": 1}, LEAST),
    ("tickPrice as protobuf, alone, at 226", 226, "tickPrice", {"tickPrice": 1}, 0),
]

if __name__ == "__main__":
    main()
