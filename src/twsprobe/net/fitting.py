"""Messages of one content at any server version: what a version has no place for is left out.

``wire.registry.encode`` refuses a value that a version cannot carry, which is right for a caller who means it. The simulator says one
thing to clients of every version, as TWS does, so it first drops what the version of a connection does not have. For text the layout
itself tells: it is built once with everything, and the writer notes which values it had a place for.
"""

from __future__ import annotations

from typing import Any

from twsprobe.wire.fields import Leaf
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import TextWriter, Values
from twsprobe.wire.message import TEXT
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import BY_NAME, encode
from twsprobe.wire.tokens import joined


def encode_fitting(name: str, server_version: int, fields: Values) -> bytes:
    """A server's message as one whole frame, without the fields that this version lacks.

    ``fields`` are as in protobuf; a contract's multiplier is a number. Raises KeyError for a message or a field that no version has,
    EncodeError or Malformed for a value of the wrong type, EncodeError for a message that this version does not have.
    """
    message = BY_NAME[Direction.TO_CLIENT, name]
    fitting = protobuf_values(message.record, fields, server_version)
    if message.encoding(server_version) == TEXT:
        layout: Any = message.layout(server_version)  # what it has from construct carries no types
        everything, writer = text_values(fields), TextWriter()
        layout.build_stream(dict(everything), writer)
        fitting = placed(everything, "", set(writer.pieces)) or {}
    return encode(name, Direction.TO_CLIENT, server_version, **fitting)


def text_values(fields: Values) -> Values:
    """The values that text spells differently: a multiplier is a word there."""
    contract = fields.get("contract")
    if not isinstance(contract, dict) or contract.get("multiplier") is None:
        return fields
    return fields | {"contract": contract | {"multiplier": f"{contract['multiplier']:g}"}}


def placed(value: Any, path: str, paths: set[str]) -> Any:
    """What of a value has a place among ``paths``, as layouts spell them; None for nothing."""
    if isinstance(value, dict):
        kept = {name: placed(inner, joined(path, name), paths) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner is not None} or None
    if isinstance(value, (list, tuple)):
        if f"len({path})" not in paths:
            return None
        kept_elements = (placed(element, f"{path}[{index}]", paths) for index, element in enumerate(value))
        return [{} if kept is None and isinstance(element, dict) else kept for kept, element in zip(kept_elements, value, strict=True)]
    return value if path in paths else None


def protobuf_values(record: Record, values: Values, server_version: int) -> Values:
    """The values that a protobuf record has a field for at this server version. Raises KeyError for a name that it never has.

    Empty texts are left out, as TWS does, likely: the official client fails on an empty date that is there.
    """
    found: Values = {}
    for name, value in values.items():
        leaf = record.fields[name]
        if value not in (None, "") and leaf.number is not None and (leaf.since is None or server_version >= leaf.since):
            found[name] = inner_values(leaf, value, server_version)
    return found


def inner_values(leaf: Leaf, value: Any, server_version: int) -> Any:
    """The same for what a field holds, where that is made of records."""
    if isinstance(leaf, Nested):
        return protobuf_values(leaf.record, value, server_version)
    if isinstance(leaf, Many) and leaf.record is not None:
        return [protobuf_values(leaf.record, element, server_version) for element in value]
    return value
