"""Events of a conversation as a line of text, and as a JSON object."""

from __future__ import annotations

import decimal
import json
import math
from typing import Any

from twsprobe.capture.model import Mark, Opened
from twsprobe.capture.seen import fields_of, iso_time, size_of
from twsprobe.views.safe import safe
from twsprobe.wire.events import Decoded, Event, Greeted, Resynced, SyncLost, Undecodable, Unknown, VersionOffered
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
    return {"version_offer": "version offer", "greeting": "greeting", "sync_lost": "not frames"}.get(event.event, event.event)


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
    if isinstance(event, Resynced):
        passed = f"; {event.skipped:,} bytes passed over: {event.raw[:40]!r}" if event.skipped else ""
        return event.reason + passed
    return f"{event.reason}: {event.raw[:40]!r}"


def brief(value: Any) -> str:
    """A field's value in a few characters."""
    if isinstance(value, dict):
        return "{" + " ".join(f"{name}={brief(inner)}" for name, inner in value.items() if inner not in (None, "", [], {})) + "}"
    if isinstance(value, list):
        return f"[{len(value)}]" if len(value) > 3 else "[" + ", ".join(map(brief, value)) + "]"
    return str(value)


def event_json(event: Event, connection: int, time_ns: int, *, raw: bool) -> str:
    """The JSON text of ``event_object``, the fast way: values that JSON has or that are decimals go to the encoder as they are."""
    if isinstance(event, Decoded) and not event.anomalies:
        try:
            fields = DIRECT.encode(event.fields)
        except ValueError:
            pass  # a number that JSON lacks
        else:
            return (
                f'{{"event": "message", "time": "{iso_time(time_ns)}", "connection": {connection}, '
                f'"direction": "{event.direction.value}", "id": {event.id}, "name": "{event.name}", '
                f'"server_version": {event.server_version:d}, "encoding": "{event.encoding}", "size": {size_of(event)}, '
                f'"fields": {fields}{raw_json(event.raw) if raw else ""}}}'
            )
    return json.dumps(event_object(event, connection, time_ns, raw=raw))


def raw_json(data: bytes) -> str:
    """The last member of an object, which holds an event's bytes."""
    return f', "raw": "{data.hex()}"'


def exactly(value: object) -> str:
    """A decimal as text. Raises TypeError for anything else."""
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(f"no place in JSON for {type(value).__name__}")


DIRECT = json.JSONEncoder(default=exactly, allow_nan=False, check_circular=False)
"""Encodes the fields of a message without a change to them, but for those that have unknown protobuf fields."""


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
    elif isinstance(event, (SyncLost, Resynced)):
        found["offset"] = event.offset
    if raw:
        found["raw"] = event.raw.hex()
    return found


def record_object(record: Mark) -> dict[str, Any]:
    """The JSON object of a record that is no bytes."""
    found: dict[str, Any] = {
        "event": type(record).__name__.lower(),
        "time": iso_time(record.time_ns),
        "connection": record.connection,
    }
    if not isinstance(record, Opened):
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
