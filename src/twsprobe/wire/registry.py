"""Every declared message, by id and by name, and the two functions that the rest of the program decodes and encodes with."""

from __future__ import annotations

from typing import Any, NamedTuple

from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import BINARY_ID, PROTOBUF, PROTOBUF_OFFSET, TEXT, EncodeError
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.tokens import Piece
from twsprobe.wire.versions import LOWEST, ServerVersion

BY_ID = {(message.direction, message.id): message for message in MESSAGES}
BY_NAME = {(message.direction, message.name): message for message in MESSAGES}


class Head(NamedTuple):
    """The beginning of a payload: the message's id and encoding, and where its fields begin. The id is None where it is unreadable."""

    id: int | None
    encoding: str
    start: int


def head(payload: bytes, server_version: int) -> Head:
    """Read a payload's message id."""
    if server_version >= ServerVersion.PROTOBUF:
        if len(payload) < BINARY_ID.size:
            return Head(None, TEXT, 0)
        (id,) = BINARY_ID.unpack_from(payload)
        return Head(id - PROTOBUF_OFFSET, PROTOBUF, 4) if id > PROTOBUF_OFFSET else Head(id, TEXT, 4)
    end = payload.find(b"\0")
    digits = payload[: max(end, 0)]
    if not digits.isdigit() or len(digits) > 9:
        return Head(None, TEXT, 0)
    return Head(int(digits), TEXT, len(digits) + 1)


def decode(payload: bytes, direction: Direction, server_version: int, offset: int = 0) -> Decoded | Unknown | Undecodable:
    """Decode one frame's payload (the bytes behind the length word) as it is at a negotiated server version. Never raises.

    ``offset`` is where the frame begins in its direction's stream; the event repeats it.
    """
    id, encoding, start = head(payload, server_version)
    if id is None:
        return Unknown(direction, None, server_version, encoding, "does not begin with a message id", payload, offset)
    message = BY_ID.get((direction, id))
    if message is None:
        return Unknown(direction, id, server_version, encoding, "no message with this id is declared", payload, offset)
    return message.decode(payload, start, encoding, server_version, offset)


def locate(event: Decoded | Undecodable) -> list[Piece]:
    """Where each value of a decoded message stands in ``event.raw``: path, start, end. Of an undecodable one, up to the fault."""
    if event.id is None or event.server_version is None or event.encoding is None:
        return []
    trace: list[Piece] = []
    start = head(event.raw, event.server_version).start
    BY_ID[event.direction, event.id].interpret(event.raw, start, event.encoding, event.server_version, trace)
    shift = start if event.encoding == PROTOBUF else 0
    return [Piece(piece.path, piece.start + shift, piece.end + shift) for piece in trace]


def encode(name: str, direction: Direction, server_version: int, *, encoding: str | None = None, **fields: Any) -> bytes:
    """Encode a message from plain values to the whole frame, length word included.

    ``fields`` are named as in the message's record, nested records as dicts, repeated fields as lists; what is not given is unset.
    ``encoding`` ("text" or "protobuf") overrules what the server version says. Raises EncodeError: an unknown message or field, a
    value of the wrong type, a value behind a gate that this server version has not opened.
    """
    message = BY_NAME.get((direction, name))
    if message is None:
        raise EncodeError(name, "", f"no message of that name goes {direction.value}")
    if server_version < LOWEST:
        raise EncodeError(name, "", f"server version {server_version} is below {int(LOWEST)}, the first with framed messages")
    if encoding not in (None, TEXT, PROTOBUF):
        raise EncodeError(name, "", f"{encoding!r} is no encoding")
    return message.encode(fields, server_version, encoding)


def reencode(event: Decoded) -> bytes:
    """The whole frame of a decoded message, written from its values in the spelling it came in."""
    return BY_ID[event.direction, event.id].encode(event.fields, event.server_version, like=event)
