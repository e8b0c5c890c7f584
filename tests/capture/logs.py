"""Logs to import: real ones, of clients that meet the simulator, and ones in the forms of TWS, made from messages that are known."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import trio

from twsprobe.capture.imported import Tally
from twsprobe.capture.importing import open_source
from twsprobe.capture.model import Chunk, Note, Record
from twsprobe.capture.seen import Seen, seen_in
from twsprobe.net.simulator import simulator
from twsprobe.wire.events import Decoded, Greeted, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.registry import encode, head

CLIENTS = Path(__file__).parent.parent / "clients"
TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
ARROWS = {TO_CLIENT: "->", TO_SERVER: "<-"}
BANNER = "==================== Log file: /Users/someone/Jts/abc/api.0.20220220.100521.ibgzenc ===================="


class Kept:
    """A recorder that keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record, /) -> None:
        self.records.append(record)


async def logged(log: Path, program: str, version: int, *arguments: str) -> list[Record]:
    """Run a client program against the simulator with its DEBUG log in a file; gives what the simulator recorded.

    Arguments may hold ``{host}`` and ``{port}``.
    """
    kept = Kept()
    with trio.fail_after(60):
        async with simulator(server_version=version, recorder=kept) as (host, port):
            told = [each.format(host=host, port=port) for each in arguments]
            script = [sys.executable, str(CLIENTS / "logged.py"), str(log), str(CLIENTS / program), *told]
            done = await trio.run_process(script, capture_stdout=True, capture_stderr=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), f"{program} ended with {done.returncode} and said {done.stderr.decode()}"
    return kept.records


def imported(path: Path, **options: Any) -> tuple[list[Record], Tally]:
    """The records of a source, and its tally."""
    with open_source(path, **options) as source:
        return list(source), source.tally


def imported_text(path: Path, text: str | bytes, **options: Any) -> tuple[list[Record], Tally]:
    """The same of a file with this text."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return imported(path, **options)


def messages(records: Iterable[Record]) -> list[tuple[Direction, str, dict[str, Any]]]:
    """The messages of records, which must hold nothing else that has bytes but openings."""
    return [(each.direction, each.name, each.fields) for each in decoded(records)]


def decoded(records: Iterable[Record]) -> Iterator[Decoded]:
    for seen in seen_in(records):
        if not isinstance(seen.what, Decoded):
            assert is_no_message(seen), seen
        else:
            yield seen.what


def is_no_message(seen: Seen) -> bool:
    return isinstance(seen.what, VersionOffered | Greeted) or seen.event in ("opened", "closed", "note")


def payloads(records: Iterable[Record]) -> Counter[tuple[Direction, bytes]]:
    """The messages of records as bytes; a client's log may be in another order than a server's records."""
    return Counter((each.direction, each.raw) for each in decoded(records))


def notes(records: Iterable[Record]) -> list[str]:
    return [each.text for each in records if isinstance(each, Note)]


def greetings(records: Iterable[Record]) -> list[Greeted]:
    return [seen.what for seen in seen_in(records) if isinstance(seen.what, Greeted)]


def chunks(records: Iterable[Record]) -> list[Chunk]:
    return [each for each in records if isinstance(each, Chunk)]


def joined(payload: bytes, version: int, joiner: bytes) -> bytes:
    """A text message as a log joins it: the id in digits, and ``joiner`` for each NUL."""
    found = head(payload, version)
    return (b"%d\0" % (found.id or 0) + payload[found.start :]).replace(b"\0", joiner)


def tws_line(direction: Direction, payload: bytes, version: int, *, dashes: bool, time: str = "10:05:21:715") -> bytes:
    """A message as TWS logs it, in the older form with dashes, or in the newer one."""
    arrow = f"{time} {ARROWS[direction]} ".encode()
    if dashes:
        return arrow + b"--- " + joined(payload, version, b"-") + b"\n"
    return arrow + b"[" + joined(payload, version, b";")[:-1] + b"]\n"


def tws_message(name: str, direction: Direction, version: int, *, dashes: bool, **fields: Any) -> bytes:
    """The same of a message that is named."""
    return tws_line(direction, encode(name, direction, version, encoding="text", **fields)[4:], version, dashes=dashes)
