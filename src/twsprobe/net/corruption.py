"""One field of a message, changed: the rest of it keeps its spelling, and its length word is true.

The new value is given as text. Which type a field has depends on the encoding at times, so a text stands for several values, of which the
first that can be written is taken: 2147483647 is that number here, and not "unset" as it is when it is read.
"""

from __future__ import annotations

import copy
import decimal
import itertools
import re
from collections.abc import Sequence
from typing import Any

from twsprobe.net.fault_forms import GREETING, OFFER
from twsprobe.wire import fields
from twsprobe.wire.events import Decoded, Event, Greeted, VersionOffered
from twsprobe.wire.framing import LENGTH
from twsprobe.wire.handshake import OFFER as OFFER_PATTERN
from twsprobe.wire.handshake import PREFIX, frame, read_greeting, read_offer
from twsprobe.wire.message import EncodeError
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import BY_ID, decode

Path = Sequence[str | int]
OPENINGS = {
    GREETING: {"serverVersion": "int32", "time": "string", "zone": "string"},
    OFFER: {"minimum": "int32", "maximum": "int32", "connectOptions": "string"},
}
"""The fields of what comes before messages, and their types."""
NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
RECORDS = {message.name: message.record for message in MESSAGES}


class Impossible(ValueError):
    """A message cannot hold what it is to hold."""


def leaf_at(record: Record, path: Path) -> fields.Leaf:
    """The leaf of a single value. Raises KeyError, with what is wrong in words."""
    name, rest = str(path[0]), path[1:]
    leaf = record.fields.get(name)
    if leaf is None:
        raise KeyError(f"{record.type_name} has no field {name!r}; it has {', '.join(record.fields) or 'none'}")
    if isinstance(leaf, Many):
        if not rest or not isinstance(rest[0], int):
            raise KeyError(f"{name} is a list: name an element, as {name}[0] does")
        element, rest = leaf.record or leaf.leaf, rest[1:]
        if isinstance(element, Record):
            return inner(element, name, rest)
        assert element is not None
        leaf = element
    elif isinstance(leaf, Nested):
        return inner(leaf.record, name, rest)
    if rest:
        raise KeyError(f"{name} is a single value")
    return leaf


def inner(record: Record, name: str, rest: Path) -> fields.Leaf:
    """The leaf at a path in a record that is the field ``name``. Raises KeyError."""
    if not rest or isinstance(rest[0], int):
        raise KeyError(f"{name} holds fields: name one of {', '.join(record.fields)}")
    return leaf_at(record, rest)


def declared_type(name: str, path: Path) -> str | KeyError:
    """The type of a field of a message, of a greeting or of an offer; where there is none, a KeyError that says what there is."""
    if name in OPENINGS:
        known = OPENINGS[name]
        found = known.get(str(path[0])) if len(path) == 1 else None
        return found or KeyError(f"{name} has no such field; it has {', '.join(known)}")
    try:
        return leaf_at(RECORDS[name], path).type_name
    except KeyError as fault:
        return fault


def values_meant(name: str, path: Path, text: str) -> list[Any]:
    """What a text can mean as a value of a field, the likeliest first; nothing where it can be no such value."""
    if name in OPENINGS:
        is_number = OPENINGS[name][str(path[0])] == "int32"
        return [text] if "\0" not in text and (not is_number or NUMBER.fullmatch(text)) else []
    leaf = leaf_at(RECORDS[name], path)
    try:
        value = value_of(leaf, text)
        leaf.to_text(value)
    except (TypeError, ValueError, ArithmeticError):
        return []
    numbers = [int(text), decimal.Decimal(text)] if NUMBER.fullmatch(text) else []
    return [value, *numbers]


def value_of(leaf: fields.Leaf, text: str) -> Any:
    """A text as the type of a leaf. Raises ValueError or ArithmeticError."""
    if isinstance(leaf, fields.Int):
        return int(fields.number_text(text))
    if isinstance(leaf, fields.Double):
        return float(fields.number_text(text))
    if isinstance(leaf, fields.Decimal):
        return decimal.Decimal(fields.number_text(text))
    return text if isinstance(leaf, fields.String) else leaf.from_text(text)


def corrupted(event: Event, path: Path, text: str | None) -> bytes:
    """The whole bytes of a message in which a field holds another value, or none. Raises Impossible."""
    if isinstance(event, VersionOffered):
        return changed_offer(event, str(path[0]), text or "")
    if isinstance(event, Greeted):
        return changed_greeting(event, str(path[0]), text or "")
    if not isinstance(event, Decoded):
        raise Impossible("its fields cannot be read")
    reason = ""
    for value in (None,) if text is None else values_meant(event.name, path, text):
        fields_changed = copy.deepcopy(event.fields)
        put(fields_changed, path, value)
        try:
            return BY_ID[event.direction, event.id].encode(fields_changed, event.server_version, like=event)
        except EncodeError as fault:
            reason = reason or str(fault)
    raise Impossible(reason)


def put(holder: Any, path: Path, value: Any) -> None:
    """Set the value at a path, or unset it, in records that are made where they lack. Raises Impossible where a list lacks the element."""
    for step, following in itertools.pairwise(path):
        if isinstance(step, int) or isinstance(following, int):
            holder = element(holder, step)
        else:
            if holder.get(step) is None:
                holder[step] = {}
            holder = holder[step]
    last = path[-1]
    if isinstance(last, int):
        element(holder, last)
        if value is None:
            raise Impossible("an element of a list cannot be unset")
    if value is None:
        holder.pop(last, None)
    else:
        holder[last] = value


def element(holder: Any, step: str | int) -> Any:
    """What is at a step of a path. Raises Impossible."""
    try:
        found = holder[step]
    except (KeyError, IndexError, TypeError):
        found = None
    if found is None:
        raise Impossible(f"it has no element {step}" if isinstance(step, int) else f"its {step} is empty")
    return found


def changed_offer(event: VersionOffered, name: str, text: str) -> bytes:
    """An offer in which a number, or the connect options, are others."""
    payload = event.raw[len(PREFIX) + LENGTH.size :]
    found = OFFER_PATTERN.fullmatch(payload)
    assert found is not None
    group = {"minimum": 1, "maximum": 2, "connectOptions": 3}[name]
    start, end = found.span(group)
    value = text.encode("utf-8")
    if start < 0:
        # "v100" has no maximum, and an offer without options no blank in front of them.
        start = end = found.end(1) if group == 2 else found.end(2) if found[2] is not None else found.end(1)
        value = (b".." if group == 2 else b" ") + value
    return PREFIX + frame(payload[:start] + value + payload[end:])


def changed_greeting(event: Greeted, name: str, text: str) -> bytes:
    """A server's answer in which the version, the time or the zone are others."""
    version, second, _ = event.raw.split(b"\0")
    cut = len(event.time.encode("utf-8")) if event.zone else len(second)
    time, zone = second[:cut], second[cut:].lstrip(b" ")
    value = text.encode("utf-8")
    parts = {"serverVersion": version, "time": time, "zone": zone} | {name: value}
    answer = parts["time"] + (b" " + parts["zone"] if parts["zone"] else b"")
    return frame(b"%s\0%s\0" % (parts["serverVersion"], answer))


def read_again(data: bytes, event: Event) -> Event | None:
    """What the changed bytes of a message say; None for an opening that is none any more."""
    if isinstance(event, VersionOffered):
        return read_offer(data[len(PREFIX) + LENGTH.size :], event.offset)
    if isinstance(event, Greeted):
        return read_greeting(data[LENGTH.size :], event.offset)
    assert isinstance(event, Decoded)
    return decode(data[LENGTH.size :], event.direction, event.server_version)
