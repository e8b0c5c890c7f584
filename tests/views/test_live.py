"""The live view: what it shows, what it skips, and that it never holds anything up."""

from __future__ import annotations

import io
import re
import threading
from typing import Any

import pytest

from tests.views.hostile import HOSTILE, live
from twsprobe.capture.model import Chunk, Close, Closed, Gap, Opened, Record
from twsprobe.views.decode import HEADER
from twsprobe.views.live import DUTY, OPENING, RECORD_COST, STEP, Backlog, LiveView, Plain, Screen, steps
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting, offer
from twsprobe.wire.registry import encode

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
PATIENCE = 20.0
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What rich moves and colours with."""


def message(name: str, **fields: Any) -> bytes:
    return encode(name, TO_CLIENT, 178, **fields)


def beginning(connection: int = 1) -> list[Record]:
    return [
        Opened(connection, 0, "127.0.0.1:5", "127.0.0.1:7497"),
        Chunk(connection, TO_SERVER, 1_000_000, offer(100, 178)),
        Chunk(connection, TO_CLIENT, 2_000_000, greeting(178, b"20240501 12:00:00 UTC")),
    ]


def shown(records: list[Record], most: int = 1 << 20) -> tuple[list[str], Backlog]:
    """The lines for records that were all there before the view began."""
    backlog, stream = Backlog(most), io.StringIO()
    for record in records:
        backlog.offer(record)
    view = LiveView(backlog, Plain(stream))
    view.end()
    view.run()
    assert view.failure is None
    return stream.getvalue().splitlines(), backlog


def test_messages_are_shown_as_decode_shows_them() -> None:
    lines, _ = shown(
        [*beginning(), Chunk(1, TO_CLIENT, 3_000_000, message("nextValidId", orderId=8)), Closed(1, 4_000_000, TO_CLIENT, Close.FIN)]
    )
    assert lines == [
        HEADER,
        "   0.000000    1 ---      opened                   connection from 127.0.0.1:5 to 127.0.0.1:7497",
        "   0.001000    1 >>>      version offer            v100..178",
        "   0.002000    1 <<<      greeting                 server version 178, 20240501 12:00:00 UTC",
        "   0.003000    1 <<<    9 nextValidId              orderId=8",
        "   0.004000    1 ---      closed                   the server: fin",
    ]


def ticks(count: int, first: int = 0) -> list[Record]:
    return [Chunk(1, TO_CLIENT, 10_000_000 + n, message("nextValidId", orderId=n)) for n in range(first, first + count)]


def orders(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.search(r"orderId=(\d+)", line))]


def all_of(backlog: Backlog) -> list[Record]:
    """What waits in a backlog."""
    found = []
    while (record := backlog.take()) is not None:
        found.append(record)
    return found


def test_a_view_that_is_behind_says_how_much_it_skips_and_finds_its_way_back() -> None:
    backlog = Backlog(most=20_000)
    for record in [*beginning(), *ticks(2000)]:
        backlog.offer(record)
    waited = all_of(backlog)
    for record in ticks(50, 2000):
        backlog.offer(record)
    lines, _ = shown([*waited, *all_of(backlog)])
    assert backlog.skipped > 0
    [told] = [line for line in lines if "the view fell behind" in line]
    assert told.endswith(f"{backlog.skipped:,} bytes are not shown here, but are recorded")
    found = orders(lines)
    before = len(waited) - len(beginning())
    assert found[:before] == list(range(before))
    # It may take a few messages until one is plausible enough to go on from.
    assert found[before:] == list(range(found[before], 2050))
    assert found[before] <= 2010
    assert not any("not frames" in line for line in lines)


def test_the_opening_of_a_connection_is_never_skipped() -> None:
    backlog = Backlog(most=0)
    for record in beginning():
        backlog.offer(record)
    assert backlog.skipped == 0
    for record in ticks(1000):
        backlog.offer(record)
    # Whole chunks only: the first that begins behind the opening is the first to go.
    sizes = [len(each.data) for each in ticks(1000) if isinstance(each, Chunk)]
    assert 0 < backlog.skipped <= sum(sizes) - OPENING + max(sizes) + 100
    assert not any(isinstance(each, Gap) for each in all_of(backlog))


def test_what_waits_is_bounded_whatever_comes() -> None:
    backlog = Backlog(most=1000)
    for n in range(10_000):
        backlog.offer(Opened(n, 0, "", ""))
    assert len(all_of(backlog)) <= 1000 // RECORD_COST + 1


def test_a_gap_tells_exactly_what_was_skipped_of_its_direction() -> None:
    backlog = Backlog(most=RECORD_COST + OPENING)
    big = Chunk(1, TO_CLIENT, 1, bytes(OPENING))
    small = Chunk(1, TO_CLIENT, 2, bytes(7))
    for record in (big, small, small, small):
        backlog.offer(record)
    assert backlog.take() == big
    backlog.offer(small)
    assert [backlog.take(), backlog.take()] == [Gap(1, TO_CLIENT, 2, 21), small]
    assert backlog.skipped == 21


def test_what_is_left_at_the_end_counts_as_skipped() -> None:
    backlog = Backlog()
    for record in ticks(3):
        backlog.offer(record)
    backlog.drop()
    assert backlog.skipped == sum(len(each.data) for each in ticks(3) if isinstance(each, Chunk))
    backlog.closed = True
    backlog.offer(ticks(1)[0])
    assert backlog.take() is None


def test_a_large_chunk_is_decoded_in_steps() -> None:
    chunk = Chunk(1, TO_CLIENT, 5, bytes(range(256)) * 20)
    found = list(steps(chunk))
    assert all(isinstance(each, Chunk) and len(each.data) <= STEP for each in found)
    assert b"".join(each.data for each in found if isinstance(each, Chunk)) == chunk.data
    opened = beginning()[0]
    assert list(steps(opened)) == [opened]


class Resting(threading.Event):
    """Takes note of how long it was asked to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        return self.is_set()


def test_the_view_rests_four_times_as_long_as_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def thread_time() -> float:
        now[0] += 0.001
        return now[0]

    backlog = Backlog()
    view = LiveView(backlog, Plain(io.StringIO()))
    resting = Resting()
    view._ending = resting
    monkeypatch.setattr("twsprobe.views.live.time.thread_time", thread_time)
    for record in ticks(10):
        backlog.offer(record)
    records = view._records()
    for _ in range(10):
        next(records)
    assert len(resting.waits) == 9
    assert all(wait == pytest.approx(0.001 * (1 / DUTY - 1)) for wait in resting.waits)


class Gone(io.StringIO):
    """A pipe that nobody reads."""

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_an_output_that_is_gone_ends_the_view_and_nothing_else() -> None:
    backlog = Backlog()
    view = LiveView(backlog, Plain(Gone()))
    view.run()
    assert isinstance(view.failure, BrokenPipeError)
    backlog.offer(ticks(1)[0])
    assert backlog.take() is None


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(text: str) -> None:
    told = text.replace("\0", "\1").encode("utf-8", "surrogatepass")
    error = message("error", id=-1, errorCode=2104, errorMsg="X").replace(b"X", told)
    error = (len(error) - 4).to_bytes(4, "big") + error[4:]
    records = [*beginning(), Chunk(1, TO_CLIENT, 3_000_000, error)]
    lines, _ = shown(records)
    assert live("\n".join(lines)) == set()
    assert len(lines) == 5

    stream = Terminal()
    with Screen(stream, lambda: "status") as screen:
        screen.show([(line, "yellow") for line in lines])
        screen.refresh()
    assert live(CODES.sub("", stream.getvalue()), allowed="\n\r") == set()
    # No markup was taken for markup, nothing was cut.
    printed = CODES.sub("", stream.getvalue()).splitlines()
    assert all(line in printed for line in lines)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_screen_shows_lines_above_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream, states = Terminal(), iter(["first", "second", "third", *["last"] * 9])
    with Screen(stream, lambda: next(states)) as screen:
        assert screen.width == 80
        screen.show([("a message", ""), ("another", "red")])
        screen.refresh()
    text = CODES.sub("", stream.getvalue())
    assert text.index("first") < text.index("a message") < text.index("another") < text.rindex("second")
    # What the screen hid it shows again.
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_colours_are_left_out_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Screen(stream, lambda: "status") as screen:
        screen.show([("a message", "red")])
    assert not re.search(r"\x1b\[3[0-9]m", stream.getvalue())
