"""Records of every kind, for tests that write and read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hypothesis import strategies as st

from twsprobe.capture.members import MAX_NUMBER
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.reading import open_capture
from twsprobe.wire.framing import Direction

CREATED_NS = 1_714_564_800_000_000_000
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
FIRST, SECOND = "127.0.0.1:51234", "127.0.0.1:51235"
SERVER = "127.0.0.1:7497"

RECORDS: list[Record] = [
    Opened(0, CREATED_NS + 812_000, FIRST, SERVER),
    Chunk(0, TO_SERVER, CREATED_NS + 1_290_000, b"API\0\0\0\0\tv100..226"),
    Chunk(0, TO_CLIENT, CREATED_NS + 9_000_000, bytes(range(256))),
    Closed(0, CREATED_NS + 9_123_000, TO_CLIENT, Close.FIN),
]
EVERY_KIND: list[Record] = [
    *RECORDS[:3],
    Chunk(0, TO_SERVER, CREATED_NS + 9_000_001, b""),
    Note(0, TO_CLIENT, CREATED_NS + 9_000_002, "fault: this frame was delayed by 2 s, caf\u00e9"),
    Chunk(0, TO_CLIENT, CREATED_NS + 9_000_003, b"odd"),
    Opened(1, CREATED_NS + 9_000_004, "", "[::1]:7497"),
    Chunk(1, TO_SERVER, CREATED_NS + 9_000_005, b"over IPv6"),
    Chunk(1, TO_CLIENT, CREATED_NS + 9_000_006, b"answer"),
    Closed(0, CREATED_NS + 9_000_007, TO_CLIENT, Close.FIN),
    Chunk(0, TO_SERVER, CREATED_NS + 9_000_008, b"after the half-close"),
    Closed(0, CREATED_NS + 9_000_009, TO_SERVER, Close.FIN),
    Gap(1, TO_CLIENT, CREATED_NS + 9_000_010, 1460),
    Chunk(1, TO_CLIENT, CREATED_NS + 9_000_011, b"after the gap"),
    Closed(1, CREATED_NS + 9_000_012, TO_CLIENT, Close.RST),
    *(Closed(2 + number, CREATED_NS + 9_000_013, TO_CLIENT, how) for number, how in enumerate(Close)),
    Gap(20, TO_SERVER, CREATED_NS + 9_000_014, None),
    Chunk(20, TO_SERVER, CREATED_NS + 9_000_015, b"in the middle of a session"),
    Chunk(20, TO_CLIENT, CREATED_NS + 9_000_016, b"of which the opening is not there"),
    Opened(0, CREATED_NS + 9_000_017, FIRST, SERVER),
    Chunk(0, TO_CLIENT, CREATED_NS + 9_000_018, b"the same ports again"),
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
addresses = texts | st.sampled_from([FIRST, SECOND, SERVER, "[::1]:7497", "[fe80::1%eth0]:5", "0.0.0.0:1", "224.0.0.1:1", "1.2.3.4:0"])
numbers = st.integers(0, MAX_NUMBER)
connections = st.integers(0, 2) | numbers
directions = st.sampled_from(Direction)
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(Chunk, connections, directions, numbers, st.binary(max_size=300)),
    st.builds(Opened, connections, numbers, addresses, addresses),
    st.builds(Closed, connections, numbers, directions, st.sampled_from(Close)),
    st.builds(Gap, connections, directions, numbers, st.none() | st.integers(1, MAX_NUMBER)),
    st.builds(Note, connections, directions, numbers, texts),
)
headers = st.dictionaries(texts.filter(lambda key: key not in ("format", "program", "created")), texts, max_size=5)


def in_pieces(data: bytes, size: int = 1 << 16) -> Iterator[bytes]:
    """The bytes of a file as they are read, that many at a time."""
    return (data[start : start + size] for start in range(0, len(data), size))


def all_of(read: Callable[[], Iterable[Record]]) -> tuple[list[Record], CaptureError | None]:
    """The records that can be read, and the error after them."""
    found: list[Record] = []
    try:
        for record in read():
            found.append(record)
    except CaptureError as error:
        return found, error
    return found, None


def all_in(path: Path) -> tuple[list[Record], CaptureError | None]:
    """The records that can be read of a file, and the error after them."""

    def read() -> Iterator[Record]:
        with open_capture(path) as capture:
            yield from capture

    return all_of(read)
