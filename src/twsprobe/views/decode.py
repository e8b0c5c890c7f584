"""A capture for people: a line an event, and on request a line a field with its offset and its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twsprobe.capture.model import Closed, Gap, Mark, Opened
from twsprobe.views.events import ARROWS, brief, holdings, plain, title
from twsprobe.views.line import fitted
from twsprobe.views.safe import safe
from twsprobe.wire.events import Decoded, Event, Undecodable, Unknown
from twsprobe.wire.registry import locate
from twsprobe.wire.tokens import Piece

HEADER = f"{'seconds':>11} {'conn':>4} {'':3} {'id':>4} {'message':<24} what it says"
SHOWN_BYTES = 24
"""Bytes of one field that are shown."""
SHOWN_FIELDS = 8
"""Fields of one message that its line shows."""
_TELLING = (
    "reqId id orderId tickType status errorCode symbol secType action totalQuantity orderType lmtPrice price size "
    "key value position filled remaining avgFillPrice shares execId currency account errorMsg text"
)
TELLING = {name: rank for rank, name in enumerate(_TELLING.split())}
"""What people look for first, whatever the message: its ids, its state, what is traded, prices and sizes, texts."""


def record_line(record: Mark, first_ns: int) -> str:
    """A record that is no bytes: a connection that opened or ended, bytes that are missing, a note."""
    arrow = "---"
    if isinstance(record, Opened):
        what = f"connection from {record.client or '?'} to {record.server or '?'}"
    elif not isinstance(record, Closed):
        arrow = ARROWS[record.direction]
        what = missing(record.size) if isinstance(record, Gap) else record.text
    else:
        side = {"to_client": "the server", "to_server": "the client"}[record.direction.value]
        what = f"{side}: {record.how.value}"
    return line(record.time_ns - first_ns, record.connection, arrow, "", type(record).__name__.lower(), what)


def missing(size: int | None) -> str:
    """How many bytes a capture lacks."""
    many = "an unknown number of bytes is" if size is None else "1 byte is" if size == 1 else f"{size:,} bytes are"
    return f"{many} missing from the capture"


def event_line(event: Event, connection: int, elapsed_ns: int, width: int) -> str:
    """An event with the fields that tell most, cut to the terminal's width."""
    id = event.id if isinstance(event, (Decoded, Undecodable, Unknown)) and event.id is not None else ""
    name = title(event) if not isinstance(event, Unknown) else "unknown"
    what = telling(event) if isinstance(event, Decoded) else holdings(event)
    return fitted(line(elapsed_ns, connection, ARROWS[event.direction], str(id), name, what), width)


def telling(event: Decoded) -> str:
    """The few fields of a message that say most, how many more are set, and what is odd; not yet safe."""
    fields = sorted(set_fields(event.fields, ""), key=lambda field: rank(*field))
    shown = [f"{name}={brief(value)}" for name, value in fields if not repeats(name, value, event.fields)]
    more = f"  ({len(shown) - SHOWN_FIELDS} more)" if len(shown) > SHOWN_FIELDS else ""
    return " ".join(shown[:SHOWN_FIELDS]) + more + "".join(f"  ! {anomaly}" for anomaly in event.anomalies)


def set_fields(fields: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """The fields that hold something, those of records inside by their paths; the version of a layout says nothing."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from set_fields(value, f"{prefix}{name}.")
        elif value not in (None, "", []) and (prefix or name != "version"):
            yield f"{prefix}{name}", value


def rank(path: str, value: Any) -> tuple[int, bool, int]:
    """Where a field stands among those of its message: those people look for, others, zeros; the less deep first."""
    return TELLING.get(path.rpartition(".")[2], len(TELLING)), not value, path.count(".")


def repeats(path: str, value: Any, fields: dict[str, Any]) -> bool:
    """Whether a field inside a record says again what the message's own field of that name says."""
    record, _, name = path.rpartition(".")
    return bool(record) and fields.get(name) == value


def line(elapsed_ns: int, connection: int, arrow: str, id: str, name: str, what: str) -> str:
    """The columns of a line."""
    return f"{elapsed_ns / 1e9:>11.6f} {connection:>4} {arrow:3} {id:>4} {safe(name):<24} {safe(what)}".rstrip()


def field_lines(event: Event) -> list[str]:
    """Each value of a message with its offset and its bytes; for anything else its bytes."""
    if not isinstance(event, (Decoded, Undecodable)) or event.id is None:
        return [f"{'':13}{row}" for row in dump(event.raw)]
    lines = [f"{'':13}{piece_line(event, piece)}" for piece in locate(event)]
    if isinstance(event, Undecodable):
        lines += [f"{'':13}at {event.at}: {safe(event.path)}: {safe(event.reason)}"] + [f"{'':13}{row}" for row in dump(event.raw)]
    elif event.extra:
        lines.append(f"{'':13}behind the last known field: {safe(repr(list(event.extra)))}")
    return lines


def piece_line(event: Decoded | Undecodable, piece: Piece) -> str:
    """One value: its offset, its bytes, its path, what it means."""
    raw = event.raw[piece.start : piece.end]
    shown = raw[:SHOWN_BYTES].hex(" ", -4) + ("..." if len(raw) > SHOWN_BYTES else "")
    value = safe(str(plain(value_at(event.fields, piece.path)))) if isinstance(event, Decoded) else ""
    return f"{piece.start:>6} {safe(piece.path)} = {value}  [{shown}]"


def value_at(fields: object, path: str) -> object:
    """The value at a path such as ``contract.comboLegs[0].conId``; ``len(path)`` is a count."""
    if path.startswith("len("):
        found = value_at(fields, path[4:-1])
        return len(found) if isinstance(found, list) else None
    for name in path.replace("[", ".[").split("."):
        if isinstance(fields, dict):
            fields = fields.get(name)
        elif isinstance(fields, list) and name.startswith("[") and name[1:-1].isdigit() and int(name[1:-1]) < len(fields):
            fields = fields[int(name[1:-1])]
        else:
            return None
    return fields


def dump(data: bytes) -> list[str]:
    """Bytes as rows of offset, hexadecimal and ASCII; the first 256 of them."""
    rows = []
    for start in range(0, min(len(data), 256), 16):
        row = data[start : start + 16]
        rows.append(f"{start:>6} {row.hex(' '):<47}  {''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in row)}")
    return [*rows, f"       ... {len(data) - 256} bytes more"] if len(data) > 256 else rows
