"""A buffer of whole frames to typed objects: the way in for whoever decodes much.

For each message of a direction, at one server version, the declaration becomes one flat function, written on first use (``flat_text``,
``flat_protobuf``), and a loop over the frames calls it: construct is entered once a buffer. A frame that surprises its function is decoded
as ``registry.decode`` does, so what comes out is the same, faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from struct import Struct
from struct import error as StructError
from typing import Any

from construct import Construct

from twsprobe.wire.conversion import Conversion
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.flat_protobuf import compile_protobuf
from twsprobe.wire.flat_text import compile_text, taking
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET, Message
from twsprobe.wire.objects import Classes, Object
from twsprobe.wire.registry import BY_ID, BY_NAME, decode
from twsprobe.wire.versions import ServerVersion

SURPRISES = (ValueError, IndexError, KeyError, ArithmeticError, StructError)
TWO_WORDS = Struct(">II")
ONE_WORD = Struct(">I")
Result = Object | Decoded | Unknown | Undecodable


class Stream(Construct):
    """Frames of one direction at one server version.

    As a construct it parses a buffer of whole frames to a list with an object for each message. What has no place in an object stays the
    event that ``registry.decode`` gives: a message with anything odd about it, an unknown or undecodable frame.
    """

    def __init__(self, direction: Direction, server_version: int) -> None:
        super().__init__()
        self.direction, self.server_version = direction, server_version
        self.cut = BINARY_ID.size if server_version >= ServerVersion.PROTOBUF else 0
        self.classes = Classes()
        self.text = Functions(self.write_text)
        self.protobuf = Functions(self.write_protobuf)
        self.projections: dict[tuple[int, tuple[str, ...]], list[Callable[[list[str]], Any]]] = {}
        self.conversions: dict[tuple[str, int], dict[tuple[str, ...], Conversion]] = {}

    def write_text(self, id: Any) -> Callable[..., Object]:
        """Write the function of a text message, and put it into the table."""
        if isinstance(id, str) and not (id.isascii() and id.isdigit() and len(id) < 10):
            raise KeyError(id)
        message = BY_ID[self.direction, int(id)]
        if message.text is None:
            raise KeyError(id)
        conversions = self.conversions.setdefault(("text", message.id), {})
        self.text[id] = written(compile_text, message, self.server_version, self.classes, conversions, partial(self.write_text, id))
        return self.text[id]

    def write_protobuf(self, id: Any) -> Callable[..., Object]:
        """Write the function of a protobuf message, and put it into the table."""
        message = BY_ID[self.direction, id - PROTOBUF_OFFSET]
        conversions = self.conversions.setdefault(("protobuf", message.id), {})
        self.protobuf[id] = written(compile_protobuf, message, self.classes, conversions, partial(self.write_protobuf, id))
        return self.protobuf[id]

    def write_projection(self, message: Message, fields: tuple[str, ...], conversions: dict[tuple[str, ...], Conversion]) -> None:
        """Write the function that takes some fields of a text message, and put it into the table."""
        again = partial(self.write_projection, message, fields, conversions)
        arguments = message, self.server_version, self.classes, conversions, again, fields
        self.projections[message.id, fields][:] = [written(compile_text, *arguments)]

    def _parse(self, stream: Any, context: Any, path: str) -> list[Result]:
        return self.read(stream.read())

    def parse(self, data: bytes, **contextkw: Any) -> list[Result]:
        """The messages of a buffer. Raises ValueError where it does not end with a whole frame."""
        return self.read(bytes(data))

    def read(self, data: bytes) -> list[Result]:
        """The messages of a buffer."""
        return self.read_binary(data) if self.server_version >= ServerVersion.PROTOBUF else self.read_text(data)

    def read_text(self, data: bytes) -> list[Result]:
        """The loop over frames below 201."""
        table, unpack, size, position = self.text, ONE_WORD.unpack_from, len(data), 0
        found: list[Result] = []
        append = found.append
        try:
            while position < size:
                start = position + 4
                position = start + unpack(data, position)[0]
                try:
                    pieces = data[start:position].decode().split("\0")
                    append(table[pieces[0]](pieces))
                except SURPRISES:
                    append(self.odd(data[start:position]))
        except StructError:
            position = size + 1
        if position != size:
            raise ValueError("the buffer ends inside a frame")
        return found

    def read_binary(self, data: bytes) -> list[Result]:
        """The loop over frames from 201 on."""
        text, protobuf, unpack, size, position = self.text, self.protobuf, TWO_WORDS.unpack_from, len(data), 0
        found: list[Result] = []
        append = found.append
        # Behind the last frame there is no second word to read: four bytes more make room for that.
        padded = data + b"\0\0\0\0"
        try:
            while position < size:
                start = position + 8
                length, id = unpack(padded, position)
                position += length + 4
                try:
                    if id > PROTOBUF_OFFSET and length > 3:
                        append(protobuf[id](data, start, position))
                    elif length > 3:
                        append(text[id](data[start:position].decode().split("\0")))
                    else:
                        append(self.odd(data[start - 4 : position]))
                except SURPRISES:
                    append(self.odd(data[start - 4 : position]))
        except StructError:
            position = size + 1
        if position != size:
            raise ValueError("the buffer ends inside a frame")
        return found

    def project(self, data: bytes, name: str, fields: Sequence[str]) -> list[Any]:
        """Some fields of one message, as a tuple for each of its frames in a buffer; the other frames are passed over by their id.

        A frame of that message with anything odd about it stays the event that ``registry.decode`` gives. Raises KeyError for a message or
        a field that is not declared, ValueError where the buffer does not end with a whole frame.
        """
        message = BY_NAME[self.direction, name]
        key = message.id, tuple(fields)
        if key not in self.projections:
            for field in fields:
                if field not in self.classes.of_message(message).__struct_fields__:
                    raise KeyError(field)
            self.projections[key] = []
            if message.text is not None:
                self.write_projection(message, tuple(fields), {})
        read = self.projections[key]
        take = taking(fields)

        def odd(payload: bytes) -> Any:
            """A frame with a surprise in it."""
            found = self.odd(payload)
            return found if isinstance(found, tuple) else take(found)

        data = bytes(data)
        if self.server_version >= ServerVersion.PROTOBUF:
            return self.project_binary(data, message.id, read, take, odd)
        return self.project_text(data, message.id, read, odd)

    def project_text(self, data: bytes, id: int, read: Sequence[Callable[[list[str]], Any]], odd: Callable[[bytes], Any]) -> list[Any]:
        """The loop over frames below 201: the length and the beginning of the payload are looked at together."""
        head = b"%d\0" % id
        unpack, size, position = Struct(f">I{len(head)}s").unpack_from, len(data), 0
        padded = data + bytes(len(head))
        found: list[Any] = []
        try:
            while position < size:
                start = position + 4
                length, begins = unpack(padded, position)
                position = start + length
                # A frame that is shorter than the beginning ends before the bytes that were taken for it.
                if begins == head and length >= len(head):
                    try:
                        found.append(read[0](data[start:position].decode().split("\0")))
                    except SURPRISES:
                        found.append(odd(data[start:position]))
        except StructError:
            position = size + 1
        if position != size:
            raise ValueError("the buffer ends inside a frame")
        return found

    def project_binary(
        self,
        data: bytes,
        id: int,
        read: Sequence[Callable[[list[str]], Any]],
        take: Callable[[Object], Any],
        odd: Callable[[bytes], Any],
    ) -> list[Any]:
        """The loop over frames from 201 on."""
        padded, unpack, size, position = data + b"\0\0\0\0", TWO_WORDS.unpack_from, len(data), 0
        found: list[Any] = []
        try:
            while position < size:
                start = position + 8
                length, begins = unpack(padded, position)
                position += length + 4
                if length < 4 or (begins != id and begins != id + PROTOBUF_OFFSET):
                    continue
                try:
                    if begins == id:
                        found.append(read[0](data[start:position].decode().split("\0")))
                    else:
                        found.append(take(self.protobuf[begins](data, start, position)))
                except SURPRISES:
                    found.append(odd(data[start - self.cut : position]))
        except StructError:
            position = size + 1
        if position != size:
            raise ValueError("the buffer ends inside a frame")
        return found

    def odd(self, payload: bytes) -> Result:
        """A frame that is no plain case, decoded piece by piece."""
        event = decode(payload, self.direction, self.server_version)
        if not isinstance(event, Decoded) or event.anomalies:
            return event
        return self.classes.object_of(BY_ID[self.direction, event.id], event.fields)


def written(compile_function: Callable[..., Callable[..., Object]], *arguments: Any) -> Callable[..., Object]:
    """A function that was written; RuntimeError where it cannot be, which is no surprise of a frame's but a mistake in a declaration."""
    try:
        return compile_function(*arguments)
    except SURPRISES as fault:
        raise RuntimeError(f"a message cannot be compiled: {fault!r}") from fault


class Functions(dict[Any, Callable[..., Object]]):
    """A message's id to its function, written on first use. Raises KeyError for an id that is not declared, ValueError for no text form."""

    def __init__(self, write: Callable[[Any], Callable[..., Object]]) -> None:
        super().__init__()
        self.write = write

    def __missing__(self, id: Any) -> Callable[..., Object]:
        return self.write(id)


def stream(direction: Direction, server_version: int) -> Stream:
    """The fast way to decode much: ``stream(direction, server_version).parse(buffer)``, a buffer of whole frames to a list of objects."""
    return Stream(direction, server_version)
