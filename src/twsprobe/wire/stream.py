"""A buffer of whole frames to typed objects: the way in for whoever decodes much.

For each message of a direction, at one server version, the declaration becomes one flat function, written on first use (``flat_text``,
``flat_protobuf``), and a loop over the frames calls it: construct is entered once a buffer. A frame that surprises its function is decoded
as ``registry.decode`` does, so what comes out is the same, faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from io import SEEK_CUR, BytesIO
from struct import Struct
from struct import error as StructError
from typing import Any

from construct import Construct

from twsprobe.wire.conversion import Caches, Conversions
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.flat_protobuf import compile_protobuf
from twsprobe.wire.flat_text import compile_text, taking
from twsprobe.wire.framing import LENGTHS, WORD, Direction, learn_length
from twsprobe.wire.message import PROTOBUF, PROTOBUF_OFFSET, TEXT, Message
from twsprobe.wire.objects import Classes, Object
from twsprobe.wire.registry import BY_ID, BY_NAME, decode, head
from twsprobe.wire.versions import ServerVersion

SURPRISES = (ValueError, IndexError, KeyError, ArithmeticError, StructError)
TWO_WORDS = Struct(">II")
Result = Object | Decoded | Unknown | Undecodable
Functions = dict[Any, Callable[..., Any]]


class Stream(Construct):
    """Frames of one direction at one server version.

    As a construct it parses a buffer of whole frames to a list with an object for each message. What has no place in an object stays the
    event that ``registry.decode`` gives: a message with anything odd about it, an unknown or undecodable frame.
    """

    def __init__(self, direction: Direction, server_version: int) -> None:
        super().__init__()
        self.direction, self.server_version = direction, server_version
        self.binary = server_version >= ServerVersion.PROTOBUF
        self.classes = Classes()
        # A message's id, as its frame spells it, to its function. One that is not there is written after its message has come, and one
        # whose fields convert in another way from now on is taken out.
        self.text: Functions = {}
        self.protobuf: Functions = {}
        self.projections: dict[tuple[int, tuple[str, ...]], Functions] = {}
        self.caches: dict[str, Caches] = {TEXT: {}, PROTOBUF: {}}
        self.conversions: dict[tuple[int, str, tuple[str, ...] | None], Conversions] = {}

    def key(self, message: Message, encoding: str) -> Any:
        """A message's id as its frame spells it."""
        if encoding == PROTOBUF:
            return message.id + PROTOBUF_OFFSET
        return message.id if self.binary else str(message.id)

    def write(self, functions: Functions, message: Message, encoding: str, fields: tuple[str, ...] | None = None) -> None:
        """Write the function of a message, or of some of its fields. Raises RuntimeError for a mistake in its declaration."""
        key, of = self.key(message, encoding), (message.id, encoding, fields)
        if of not in self.conversions:
            self.conversions[of] = Conversions(self.caches[encoding], partial(functions.pop, key, None))
        try:
            if encoding == TEXT:
                functions[key] = compile_text(message, self.server_version, self.classes, self.conversions[of], fields)
            else:
                functions[key] = compile_protobuf(message, self.classes, self.conversions[of])
        except SURPRISES as fault:
            raise RuntimeError(f"{message.name} cannot be compiled: {fault!r}") from fault

    def _parse(self, stream: Any, context: Any, path: str) -> list[Result]:
        return self.parse(stream.read())

    def parse(self, data: bytes, **contextkw: Any) -> list[Result]:
        """The messages of a buffer. Raises ValueError where it does not end with a whole frame."""
        return self.read_binary(bytes(data)) if self.binary else self.read_text(bytes(data))

    def read_text(self, data: bytes) -> list[Result]:
        """The loop over frames below 201. They are cut as ``Framer`` cuts them, but here: a call for each costs as much as cutting it."""
        functions, stream, lengths = self.text, BytesIO(data), LENGTHS
        read, word, length, payload = stream.read, b"", 0, b""
        found: list[Result] = []
        while True:
            try:
                while True:
                    payload = read(length := lengths[read(4)])
                    try:
                        pieces = payload.decode().split("\0")
                        found.append(functions[pieces[0]](pieces))
                    except SURPRISES:
                        found.append(self.odd(payload))
            except KeyError as unknown:
                word = unknown.args[0]
            if not learn_length(word):
                break
            stream.seek(-WORD, SEEK_CUR)
        if word or len(payload) != length:
            raise ValueError("the buffer ends inside a frame")
        return found

    def read_binary(self, data: bytes) -> list[Result]:
        """The loop over frames from 201 on."""
        text, protobuf, unpack, size, position = self.text, self.protobuf, TWO_WORDS.unpack_from, len(data), 0
        found: list[Result] = []
        # Behind the last frame there is no second word to read: four bytes more make room for that.
        padded = data + bytes(WORD)
        try:
            while position < size:
                start = position + 8
                length, id = unpack(padded, position)
                position += length + 4
                try:
                    if id > PROTOBUF_OFFSET and length > 3:
                        found.append(protobuf[id](data, start, position))
                    elif length > 3:
                        found.append(text[id](data[start:position].decode().split("\0")))
                    else:
                        found.append(self.odd(data[start - 4 : position]))
                except SURPRISES:
                    found.append(self.odd(data[start - 4 : position]))
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
        selection = message.id, tuple(fields)
        if selection not in self.projections:
            for field in fields:
                if field not in self.classes.of_message(message).__struct_fields__:
                    raise KeyError(field)
            self.projections[selection] = {}
        functions, take = self.projections[selection], taking(fields)
        if not functions and message.text is not None:
            self.write(functions, message, TEXT, selection[1])

        def odd(payload: bytes) -> Any:
            """A frame with a surprise in it, or behind which the function was taken out."""
            if not functions and message.text is not None:
                self.write(functions, message, TEXT, selection[1])
            found = self.odd(payload)
            return found if isinstance(found, tuple) else take(found)

        if self.binary:
            return self.project_binary(bytes(data), message.id, functions, take, odd)
        return self.project_text(bytes(data), str(message.id), functions, odd)

    def project_text(self, data: bytes, id: str, functions: Functions, odd: Callable[[bytes], Any]) -> list[Any]:
        """The loop over frames below 201."""
        stream, lengths = BytesIO(data), LENGTHS
        read, word, length, payload = stream.read, b"", 0, b""
        begin = f"{id}\0".encode()
        first, end = begin[0], len(id)
        found: list[Any] = []
        while True:
            try:
                while True:
                    payload = read(length := lengths[read(4)])
                    try:
                        # Two bytes pass over nearly all other frames.
                        if payload[0] == first and payload[end] == 0:
                            pieces = payload.decode().split("\0")
                            if pieces[0] == id:
                                found.append(functions[id](pieces))
                    except SURPRISES:
                        if payload.startswith(begin):
                            found.append(odd(payload))
            except KeyError as unknown:
                word = unknown.args[0]
            if not learn_length(word):
                break
            stream.seek(-WORD, SEEK_CUR)
        if word or len(payload) != length:
            raise ValueError("the buffer ends inside a frame")
        return found

    def project_binary(
        self, data: bytes, id: int, functions: Functions, take: Callable[[Object], Any], odd: Callable[[bytes], Any]
    ) -> list[Any]:
        """The loop over frames from 201 on."""
        padded, unpack, size, position = data + bytes(WORD), TWO_WORDS.unpack_from, len(data), 0
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
                        found.append(functions[id](data[start:position].decode().split("\0")))
                    else:
                        found.append(take(self.protobuf[begins](data, start, position)))
                except SURPRISES:
                    found.append(odd(data[start - 4 : position]))
        except StructError:
            position = size + 1
        if position != size:
            raise ValueError("the buffer ends inside a frame")
        return found

    def odd(self, payload: bytes) -> Result:
        """A frame for whose message there is no function yet, or with a surprise in it."""
        id, encoding, start = head(payload, self.server_version)
        message = BY_ID.get((self.direction, id)) if id is not None else None
        if message is not None:
            functions, key = self.protobuf if encoding == PROTOBUF else self.text, self.key(message, encoding)
            if key not in functions and (encoding == PROTOBUF or message.text is not None):
                self.write(functions, message, encoding)
                try:
                    text = encoding == TEXT
                    arguments = (payload[start if self.binary else 0 :].decode().split("\0"),) if text else (payload, start, len(payload))
                    found: Object = functions[key](*arguments)
                    return found
                except SURPRISES:
                    pass
        event = decode(payload, self.direction, self.server_version)
        if not isinstance(event, Decoded) or event.anomalies:
            return event
        return self.classes.object_of(BY_ID[self.direction, event.id], event.fields)


def stream(direction: Direction, server_version: int) -> Stream:
    """The fast way to decode much: ``stream(direction, server_version).parse(buffer)``, a buffer of whole frames to a list of objects."""
    return Stream(direction, server_version)
