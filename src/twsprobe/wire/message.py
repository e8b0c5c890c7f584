"""A message, declared once: what it is called, what it means, what it holds, and how that stands in each encoding.

A frame's payload begins with the message id. Below server version 201 it is text like the other fields; from 201 on it is a 32-bit
big-endian number, and its value tells the encoding of what follows: above 200 the rest is protobuf and the message is the number less
200, otherwise the rest is text. So decoding looks at the frame, and only encoding asks which version sends a message in which form.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from struct import Struct
from typing import Any

from twsprobe.wire.conversion import Conversions
from twsprobe.wire.emit import SURPRISES, Flat, compile_layout
from twsprobe.wire.events import Decoded, Undecodable
from twsprobe.wire.framing import MAX_FRAME, Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.layout import Layout, TextReader, TextWriter, Values
from twsprobe.wire.protobuf import Record
from twsprobe.wire.text import text_of
from twsprobe.wire.tokens import MAX_FIELDS, Malformed, Piece
from twsprobe.wire.versions import HIGHEST, ServerVersion

TEXT, PROTOBUF = "text", "protobuf"
PROTOBUF_OFFSET = 200
"""What is added to a message's id when it is sent as protobuf."""
BINARY_ID = Struct(">I")


class EncodeError(ValueError):
    """A message cannot be written as asked: ``path`` names the field, empty for the message as a whole."""

    def __init__(self, message: str, path: str, reason: str) -> None:
        super().__init__(f"{message}{'.' if path else ''}{path}: {reason}")
        self.message, self.path, self.reason = message, path, reason


class Message:
    """One message of one direction.

    ``since`` is the server version that brought the message, ``protobuf`` the one from which it is sent as protobuf (None: never),
    ``text`` its layout (None: it has no text form).
    """

    def __init__(
        self,
        name: str,
        id: int,
        direction: Direction,
        meaning: str,
        record: Record,
        text: Layout | None,
        *,
        since: ServerVersion = ServerVersion.V100_PLUS,
        protobuf: ServerVersion | None,
    ) -> None:
        self.name, self.id, self.direction, self.meaning = name, id, direction, meaning
        self.record, self.text, self.since, self.protobuf = record, text, since, protobuf
        self._layouts: dict[int, Layout] = {}
        self._flat: dict[int, Flat] = {}
        self._read: Callable[[bytes, int, int], Values] | None = None
        self._conversions = Conversions({}, self._changed)

    def __repr__(self) -> str:
        return f"<Message {self.name} {self.id} {self.direction.value}>"

    def layout(self, server_version: int) -> Layout:
        """The text layout at a server version. Raises ValueError where the message has no text form."""
        if self.text is None:
            raise ValueError(f"{self.name} has no text form")
        key = min(server_version, int(HIGHEST))
        if key not in self._layouts:
            self._layouts[key] = self.text.at(key)
        return self._layouts[key]

    def flat(self, server_version: int) -> Flat:
        """The compiled text layout at a server version."""
        key = min(server_version, int(HIGHEST))
        if key not in self._flat:
            self._flat[key] = compile_layout(self.layout(key))
        return self._flat[key]

    def reader(self) -> Callable[[bytes, int, int], Values]:
        """The compiled protobuf form; it is written again when one of its fields converts in another way."""
        if self._read is None:
            from twsprobe.wire.flat_protobuf import compile_record

            self._read = compile_record(self.record, self._conversions)
        return self._read

    def _changed(self) -> None:
        self._read = None

    def encoding(self, server_version: int) -> str:
        """The encoding in which this message is sent at a server version."""
        return PROTOBUF if self.protobuf is not None and server_version >= self.protobuf else TEXT

    def decode(self, payload: bytes, start: int, encoding: str, server_version: int, offset: int = 0) -> Decoded | Undecodable:
        """Decode a payload whose fields begin at ``start``, of a frame that begins at ``offset`` in its stream; never raises."""
        if encoding == TEXT and self.text is not None:
            try:
                if payload.count(b"\0", start) > MAX_FIELDS:
                    raise ValueError
                pieces = payload[start:].decode().split("\0")
                values, used = self.flat(server_version)(pieces, 0)
                if used == len(pieces) - 1 and not pieces[used]:
                    return Decoded(self.direction, self.id, self.name, server_version, encoding, values, payload, start, offset=offset)
            except SURPRISES:
                pass  # the slow path below says where and why
        elif encoding == PROTOBUF and len(payload) - start <= MAX_FIELDS:
            read = self.reader()
            try:
                values = read(payload, start, len(payload))
                return Decoded(self.direction, self.id, self.name, server_version, encoding, values, payload, start, offset=offset)
            except SURPRISES:
                pass
        return self.interpret(payload, start, encoding, server_version)._replace(offset=offset)

    def interpret(
        self, payload: bytes, start: int, encoding: str, server_version: int, trace: list[Piece] | None = None
    ) -> Decoded | Undecodable:
        """Decode field by field: the slow path, which knows where each value stands (``trace``) and what is odd."""
        extra: tuple[str, ...] = ()
        reader = TextReader(payload)
        reader.seek(start)
        reader.trace = trace
        try:
            if encoding == TEXT:
                if payload.count(b"\0", start) > MAX_FIELDS:
                    raise Malformed(f"has more than {MAX_FIELDS:,} fields", "", start)
                values = self.layout(server_version)._parse(reader, None, "")
                extra, anomalies = left_over(payload, start, reader)
            else:
                values = self.record._parse(reader, None, "")
                anomalies = unknown_fields(values, "")
        except Malformed as fault:
            at = fault.offset if encoding == TEXT else fault.offset + start
            return Undecodable(self.direction, self.id, self.name, server_version, encoding, fault.reason, fault.field, at, payload)
        except ValueError as fault:
            return Undecodable(self.direction, self.id, self.name, server_version, encoding, str(fault), "", start, payload)
        return Decoded(self.direction, self.id, self.name, server_version, encoding, values, payload, start, extra, reader.ended, anomalies)

    def encode(self, values: Values, server_version: int, encoding: str | None = None, like: Decoded | None = None) -> bytes:
        """The whole frame, length word included.

        ``values`` follows the record; ``encoding`` overrules the version's choice. With ``like``, values that mean what they meant in
        that decoded message keep its spelling, so what was decoded is written back byte by byte. Raises EncodeError.
        """
        encoding = encoding or (like.encoding if like is not None else self.encoding(server_version))
        spelling, tail = spelled(self, like) if like is not None else ({}, None)
        short = like is not None and like.missing is not None
        try:
            if like is None and server_version < self.since:
                raise Malformed(f"needs server version {int(self.since)} ({self.since.name})", "", 0)
            if encoding == PROTOBUF:
                if server_version < ServerVersion.PROTOBUF:
                    raise Malformed(f"protobuf needs server version {int(ServerVersion.PROTOBUF)}", "", 0)
                version = server_version if like is None else None
                body = BINARY_ID.pack(self.id + PROTOBUF_OFFSET) + self.record.written(values, "", version, spelling)
            else:
                body = self.encode_text(values, server_version, TextWriter(spelling, short=short), like, tail)
        except Malformed as fault:
            raise EncodeError(self.name, fault.field, fault.reason) from None
        if len(body) > MAX_FRAME:
            raise EncodeError(self.name, "", f"{len(body)} bytes are more than a frame holds ({MAX_FRAME})")
        return frame(body)

    def encode_text(self, values: Values, server_version: int, writer: TextWriter, like: Decoded | None, tail: bytes | None) -> bytes:
        """The text payload with its id, of which ``like`` keeps the spelling; ``tail`` replaces the last NUL. Raises Malformed."""
        if self.text is None:
            raise Malformed("has no text form", "", 0)
        self.record.check({name: value for name, value in values.items() if name != "version"}, "")
        self.layout(server_version)._build(dict(values), writer, None, "")
        for path in value_paths(values, "", writer.pieces):
            raise Malformed(f"has no place in the text form at server version {server_version}", path, 0)
        if like is not None:
            head = like.raw[: like.start]
        else:
            head = BINARY_ID.pack(self.id) if server_version >= ServerVersion.PROTOBUF else b"%d\0" % self.id
        body = writer.getvalue()
        return head + (body if tail is None else body.removesuffix(b"\0") + tail)


def value_paths(values: Any, path: str, written: Container[str] = ()) -> list[str]:
    """The paths of the values that are set, as layouts spell them, but for those that are ``written`` or inside what is."""
    if path in written:
        return []
    if isinstance(values, dict):
        return [found for name, value in values.items() for found in value_paths(value, f"{path}.{name}" if path else name, written)]
    if isinstance(values, (list, tuple)):
        return [found for index, value in enumerate(values) for found in value_paths(value, f"{path}[{index}]", written)]
    return [] if values is None or values == "" else [path]


def left_over(payload: bytes, start: int, reader: TextReader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text fields behind the last known one, and what is odd about the end of a message."""
    if reader.ended is not None:
        return (), (f"ends before {reader.ended}",)
    rest = payload[reader.tell() :]
    extra: tuple[str, ...] = tuple(text_of(piece) for piece in rest.removesuffix(b"\0").split(b"\0")) if rest else ()
    anomalies: tuple[str, ...] = (f"{len(extra)} text field{'s' if len(extra) > 1 else ''} behind the last known one",) if extra else ()
    if len(payload) > start and not payload.endswith(b"\0"):
        anomalies += ("the last field does not end in NUL",)
    return extra, anomalies


def unknown_fields(values: Any, path: str) -> tuple[str, ...]:
    """A sentence for each protobuf field that the schema lacks."""
    if isinstance(values, list):
        return tuple(found for index, value in enumerate(values) for found in unknown_fields(value, f"{path}[{index}]"))
    if not isinstance(values, dict):
        return ()
    found: list[str] = []
    for name, value in values.items():
        if name.startswith("#"):
            found.append(f"field {name[1:]}{' of ' + path if path else ''} is not in our schema")
        elif isinstance(value, (dict, list)):
            found += unknown_fields(value, f"{path}.{name}" if path else name)
    return tuple(found)


def spelled(message: Message, like: Decoded) -> tuple[dict[str, bytes], bytes]:
    """How a decoded message spelled each value, and in text what stood behind its last field."""
    trace: list[Piece] = []
    start = like.start
    message.interpret(like.raw, start, like.encoding, like.server_version, trace)
    if like.encoding == PROTOBUF:
        return {piece.path: like.raw[piece.start + start : piece.end + start] for piece in trace}, b"\0"
    end = trace[-1].end if trace else start
    return {piece.path: like.raw[piece.start : piece.end] for piece in trace}, like.raw[end:]
