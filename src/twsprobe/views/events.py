"""Events of a conversation as a line of text, and as a JSON object."""

from __future__ import annotations

import decimal
import math
from typing import Any

from twsprobe.capture.model import Closed, Opened
from twsprobe.capture.seen import fields_of, iso_time, size_of
from twsprobe.views.safe import safe
from twsprobe.wire.events import Decoded, Event, Greeted, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import Direction

ARROWS = {Direction.TO_SERVER: ">>>", Direction.TO_CLIENT: "<<<"}
"""The direction marks that ib_async's log uses: out to the server, in from it."""


def summary(event: Event) -> str:
    """What an event says, for one line: its name, and what it holds. Safe to print."""
    return safe(f"{title(event)}  {holdings(event)}".rstrip())


def title(event: Event) -> str:
    """What an event is."""
    if isinstance(event, Decoded):
        return event.name
    if isinstance(event, Undecodable):
        return f"undecodable {event.name or event.id or ''}".rstrip()
    if isinstance(event, Unknown):
        return f"unknown {'' if event.id is None else event.id}".rstrip()
    return {"version_offer": "version offer", "greeting": "greeting", "sync_lost": "not frames"}[event.event]


def holdings(event: Event) -> str:
    """What an event holds; not yet safe."""
    if isinstance(event, Decoded):
        odd = "".join(f"  ! {anomaly}" for anomaly in event.anomalies)
        return " ".join(f"{name}={brief(value)}" for name, value in event.fields.items() if value not in (None, "", [], {})) + odd
    if isinstance(event, VersionOffered):
        options = f" {event.connect_options}" if event.connect_options else ""
        return f"v{event.minimum}..{event.maximum}{options}"
    if isinstance(event, Greeted):
        return f"server version {event.server_version}, {event.redirect or event.time} {event.zone}".rstrip()
    if isinstance(event, Undecodable):
        return f"{event.path}: {event.reason}" if event.path else event.reason
    if isinstance(event, Unknown):
        return f"{event.reason}: {event.raw[:40]!r}"
    return f"{event.reason}: {event.raw[:40]!r}"


def brief(value: Any) -> str:
    """A field's value in a few characters."""
    if isinstance(value, dict):
        return "{" + " ".join(f"{name}={brief(inner)}" for name, inner in value.items() if inner not in (None, "", [], {})) + "}"
    if isinstance(value, list):
        return f"[{len(value)}]" if len(value) > 3 else "[" + ", ".join(map(brief, value)) + "]"
    return str(value)


def event_object(event: Event, connection: int, time_ns: int, *, raw: bool) -> dict[str, Any]:
    """The JSON object of an event; ``raw`` adds its bytes in hexadecimal."""
    found: dict[str, Any] = {
        "event": event.event,
        "time": iso_time(time_ns),
        "connection": connection,
        "direction": event.direction.value,
    }
    if isinstance(event, (Decoded, Unknown, Undecodable)):
        found["id"] = event.id
        found["name"] = event.name if not isinstance(event, Unknown) else None
        found["server_version"] = event.server_version
        found["encoding"] = event.encoding
    found["size"] = size_of(event)
    if isinstance(event, Decoded):
        found["fields"] = plain(event.fields)
        if event.extra:
            found["extra"] = list(event.extra)
        if event.anomalies:
            found["anomalies"] = list(event.anomalies)
    elif isinstance(event, (VersionOffered, Greeted)):
        found["fields"] = fields_of(event)
    else:
        found["reason"] = event.reason
    if isinstance(event, Undecodable):
        found["path"], found["offset"] = event.path, event.at
    elif isinstance(event, SyncLost):
        found["offset"] = event.offset
    if raw:
        found["raw"] = event.raw.hex()
    return found


def record_object(record: Opened | Closed) -> dict[str, Any]:
    """The JSON object of a connection that opened or ended."""
    found: dict[str, Any] = {
        "event": "opened" if isinstance(record, Opened) else "closed",
        "time": iso_time(record.time_ns),
        "connection": record.connection,
    }
    if isinstance(record, Closed):
        found["direction"] = record.direction.value
    return found | fields_of(record)


def plain(value: Any) -> Any:
    """A field's value in JSON's own types: decimals as text, numbers that JSON lacks as text, unknown protobuf fields in hexadecimal."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, tuple):
        wire_type, held = value
        return {"wire_type": wire_type, "value": held.hex() if isinstance(held, bytes) else held}
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
