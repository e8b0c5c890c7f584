"""Decoding a capture to all its fields, measured against tshark with our own dissector.

Both read the same pcapng from disk and write what they found to a file that is thrown away, as processes of their own, start-up included:
``twsprobe decode --json`` one object a message, tshark with ``-T fields`` and every field of the messages that occur. Ours writes more
(all names, times and ids) and gives exact decimals. The ratio is the median over the rounds of tshark's time by ours, timed in turns.
Needs tshark; run it with the project's environment: ``python bench/tshark.py [MESSAGES]``.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.streams import SHARES, frames
from twsprobe.capture.model import Chunk, Opened
from twsprobe.capture.writing import open_writer
from twsprobe.views.dissector import dissector
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer

ROUNDS = 5
MESSAGES = 20_000
"""Of 100,000 a round of tshark takes most of a minute, and start-up, which both have, weighs more here."""
READ = 4096
LEAST = 5
STEP_NS = 50_000
BEGIN_NS = 1_767_366_245_000_000_000
VERSIONS = 178, 226


def chunks(server_version: int, count: int, *, together: bool) -> Iterator[Chunk]:
    """A session: one chunk a message, or all in reads of 4 KiB."""
    yield Chunk(1, Direction.TO_SERVER, BEGIN_NS, offer(100, server_version))
    yield Chunk(1, Direction.TO_CLIENT, BEGIN_NS, greeting(server_version, b"20260102 16:00:00 EST"))
    made: Iterator[bytes] = frames(server_version, count)
    if together:
        data = b"".join(made)
        made = (data[start : start + READ] for start in range(0, len(data), READ))
    for number, piece in enumerate(made, 1):
        yield Chunk(1, Direction.TO_CLIENT, BEGIN_NS + number * STEP_NS, piece)


def write(path: Path, records: Iterator[Chunk]) -> None:
    """Write a capture."""
    with open_writer(path, overwrite=True) as writer:
        writer.write(Opened(1, BEGIN_NS, "10.0.0.1:50000", "10.0.0.2:7497"))
        for record in records:
            writer.write(record)


def every_field(tshark: str, environment: dict[str, str]) -> list[str]:
    """The fields of the messages that occur, as tshark lists them."""
    shown = subprocess.run([tshark, "-G", "fields"], capture_output=True, env=environment, encoding="utf-8", check=True).stdout
    rows = [line.split("\t") for line in shown.splitlines() if line.startswith("F\t")]
    occurring = {kind.split()[0] for kind in SHARES}
    return [row[2] for row in rows if row[2].startswith("tws.") and row[3] != "FT_NONE" and row[2].split(".")[1] in occurring]


def seconds(command: Sequence[str], environment: dict[str, str], output: Path) -> float:
    """How long a command takes, from its start to its end, with its output in a file."""
    with output.open("wb") as file:
        began = time.perf_counter()
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, env=environment, check=True)
        return time.perf_counter() - began


def measured(ours: Sequence[str], theirs: Sequence[str], environment: dict[str, str], folder: Path) -> tuple[float, float, float]:
    """The median ratio, and the median seconds of tshark and of ours."""
    pairs = []
    for number in range(ROUNDS + 1):
        pair = seconds(theirs, environment, folder / "theirs"), seconds(ours, environment, folder / "ours")
        pairs += [pair] if number else []  # the first round fills the system's caches
    return statistics.median(other / own for other, own in pairs), *(statistics.median(column) for column in zip(*pairs, strict=True))


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    count = int(arguments[0]) if arguments else MESSAGES
    tshark = shutil.which("tshark")
    if tshark is None:
        print("tshark is not installed")
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Neither what this user set in Wireshark nor a dissector that is installed plays a part.
        environment = {**os.environ, "HOME": name, "XDG_CONFIG_HOME": name, "WIRESHARK_CONFIG_DIR": name}
        plugins = folder / ".local" / "lib" / "wireshark" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "tws.lua").write_text(dissector(), "utf-8")
        fields = [word for field in every_field(tshark, environment) for word in ("-e", field)]
        print(f"{count:,} messages, {len(fields) // 2} fields; tshark's seconds / ours")
        for version in VERSIONS:
            for together in (False, True):
                path = folder / "session.pcapng"
                write(path, chunks(version, count, together=together))
                theirs = [tshark, "-r", str(path), "-T", "fields", *fields]
                ours = [sys.executable, "-m", "twsprobe", "decode", "--json", str(path)]
                ratio, their_seconds, our_seconds = measured(ours, theirs, environment, folder)
                what = f"{version}, {'reads of 4 KiB' if together else 'a segment a message'}"
                held = "held" if ratio >= LEAST else "MISSED"
                print(f"{what:<32} {their_seconds:6.2f} / {our_seconds:5.2f} s = {ratio:5.1f}  at least {LEAST}  {held}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
