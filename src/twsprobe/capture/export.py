"""The table ``frames``: a row for everything that captures hold, messages and what is none, whole in fields and in bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twsprobe.capture.belonging import name_of, numbers_in
from twsprobe.capture.model import Gap, Mark
from twsprobe.capture.seen import Seen, fields_of, size_of
from twsprobe.capture.tables import Column, Kind, Row, Table, json_text, time_of
from twsprobe.wire.events import Decoded, Event, Greeted, Undecodable, VersionOffered

FRAMES = Table(
    "frames",
    (
        Column("capture", Kind.TEXT),
        Column("connection", Kind.INTEGER),
        Column("sequence", Kind.INTEGER),
        Column("time_ns", Kind.INTEGER),
        Column("direction", Kind.TEXT),
        Column("id", Kind.INTEGER),
        Column("name", Kind.TEXT),
        Column("server_version", Kind.INTEGER),
        Column("request_id", Kind.INTEGER),
        Column("size", Kind.INTEGER),
        Column("anomaly", Kind.TEXT),
        Column("fields", Kind.JSON),
        Column("raw", Kind.BYTES),
    ),
)
"""What was seen, in its order: ``sequence`` counts it in each capture, from 0.

``name`` is a message's, and of what is none its kind as ``decode --json`` has it; half a frame is ``undecodable``. ``request_id`` is the
number of the request, or the order, that a message is or belongs to. ``size`` counts bytes of the stream with the length word, and ``raw``
has them without it. ``anomaly`` says what is odd, or why there are no fields.
"""


def frame_rows(capture: str, found: Iterator[Seen], wanted: Callable[[Seen], bool] | None = None) -> Iterator[tuple[int, Row]]:
    """The rows of what was seen in a capture, as far as it is ``wanted``, each with its size in bytes. Raises what ``found`` raises."""
    for sequence, seen in enumerate(found):
        if wanted is None or wanted(seen):
            yield frame_row(capture, sequence, seen)


def frame_row(capture: str, sequence: int, seen: Seen) -> tuple[int, Row]:
    """The row of something seen, and its size in bytes."""
    what = seen.what
    fields = json_text(fields_of(what)) if isinstance(what, Mark | Decoded | VersionOffered | Greeted) else None
    raw = None if isinstance(what, Mark) else what.raw
    row = (
        capture,
        seen.connection,
        sequence,
        time_of(seen.time_ns),
        None if seen.direction is None else seen.direction.value,
        seen.id,
        name_of(what),
        None if isinstance(what, Mark) else getattr(what, "server_version", None),
        request_id(what),
        None if isinstance(what, Mark) else size_of(what),
        anomaly_of(what),
        fields,
        raw,
    )
    return len(raw or b"") + len(fields or ""), row


def request_id(what: Event | Mark) -> int | None:
    """The number of the request, or the order, that a message is or belongs to; None for none, and for what cannot be read."""
    numbers = numbers_in(what) if isinstance(what, Decoded) else []
    return numbers[0][1] if numbers else None


def anomaly_of(what: Event | Mark) -> str | None:
    """What is odd about something seen, or why it could not be read; None for nothing."""
    if isinstance(what, Gap):
        return f"bytes are missing: {'nobody knows how many' if what.size is None else what.size}"
    if isinstance(what, Decoded):
        return "; ".join(what.anomalies) or None
    if isinstance(what, Mark | VersionOffered | Greeted):
        return None
    return f"{what.path}: {what.reason}" if isinstance(what, Undecodable) and what.path else what.reason
