"""How far a recording is, and what came of it, for people."""

from __future__ import annotations

from typing import NamedTuple

from twsprobe.net.relay import Counters
from twsprobe.views.safe import safe


class Progress(NamedTuple):
    """A recording so far: ``captured`` and ``skipped`` (by the view) in bytes; ``names`` are the first and the last file of ``files``."""

    counters: Counters
    captured: int
    skipped: int
    seconds: float
    names: tuple[str, ...] = ()
    files: int = 1


def status_line(progress: Progress) -> str:
    """How far things are, on one line."""
    found = progress.counters
    parts = [
        f"{found.open} open of {found.connections}",
        f"to server {size_text(found.to_server)}",
        f"to client {size_text(found.to_client)}",
        time_text(progress.seconds),
        f"captured {size_text(progress.captured)}",
    ]
    return "  ".join([*parts, f"not shown {size_text(progress.skipped)}"] if progress.skipped else parts)


def summary_lines(progress: Progress) -> list[str]:
    """What came of it."""
    found = progress.counters
    connections = [str(found.connections)]
    connections += [f"{found.failed} found no TWS"] if found.failed else []
    connections += [f"{found.turned_away} were too many"] if found.turned_away else []
    names = " to ".join(map(safe, dict.fromkeys(progress.names)))
    files = names if progress.files == 1 and names else f"{names}, {progress.files} files".removeprefix(", ")
    rows = [
        ("connections", ", ".join(connections)),
        ("to server", size_text(found.to_server)),
        ("to client", size_text(found.to_client)),
        ("duration", time_text(progress.seconds)),
        ("capture", f"{files}, {size_text(progress.captured)}"),
    ]
    if progress.skipped:
        rows.append(("not shown", f"{size_text(progress.skipped)}, the view fell behind"))
    return [f"{name:<12} {value}" for name, value in rows]


def size_text(size: int) -> str:
    """A number of bytes, in few digits."""
    if size < 1 << 10:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 4)
    return f"{size / (1 << 10 * power):.1f} {' KMGT'[power]}iB"


def time_text(seconds: float) -> str:
    """A length of time as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
