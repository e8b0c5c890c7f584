"""The official Python client as an oracle, and values to ask it about.

What it makes of a frame from TWS (`received`), what it writes for a request (`sent`), and what its protobuf schemas are (`schema`).
`Sampler` makes up the values of a layout or a record; the same seed makes the same values.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from ibapi import comm
from ibapi.client import EClient
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER, UNSET_LONG
from ibapi.decoder import Decoder
from ibapi.wrapper import EWrapper

from twsprobe.wire import fields
from twsprobe.wire.layout import Conditional, Layout, Node, Presence, Repetition, Slot, Values, Version, lookup, place
from twsprobe.wire.message import PROTOBUF_OFFSET
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.versions import HIGHEST, LOWEST, ServerVersion

VERSIONS = range(LOWEST, HIGHEST + 1)
SHARES = {"all": 1.0, "none": 0.0, "some": 0.6}
"""How many of the values are set, by the name of the kind of sample."""


class Call(NamedTuple):
    """A callback of the official client."""

    name: str
    arguments: tuple[Any, ...]


class Recorder(EWrapper):
    """Notes every callback."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name not in vars(EWrapper):
            return super().__getattribute__(name)
        return lambda *arguments: self.calls.append(Call(name, arguments))


class Fields(tuple[bytes, ...]):
    """The fields of a text message, which remember how far they were read."""

    read: Iterator[bytes] = iter(())

    def __iter__(self) -> Iterator[bytes]:
        self.read = super().__iter__()
        return self.read


class Received(NamedTuple):
    """What the official client made of a frame: its callbacks, and the text fields that it left unread."""

    calls: list[Call]
    left: list[bytes]

    def call(self) -> Call:
        """The one callback with the values of a message, all of which was read."""
        (found,) = (call for call in self.calls if not call.name.endswith("ProtoBuf"))
        assert self.left == []
        return found

    def message(self) -> Any:
        """The protobuf message that the official client parsed."""
        (found,) = (call for call in self.calls if call.name.endswith("ProtoBuf"))
        return found.arguments[0]


@cache
def decoder(server_version: int) -> Decoder:
    return Decoder(None, server_version)


def received(frame: bytes, server_version: int) -> Received:
    """Give a frame from TWS to the official client, in the way of its message loop."""
    official, recorder = decoder(server_version), Recorder()
    official.wrapper = recorder
    payload = frame[4:]
    if server_version >= ServerVersion.PROTOBUF:
        message_id, payload = int.from_bytes(payload[:4], "big"), payload[4:]
    else:
        digits, _, payload = payload.partition(b"\0")
        message_id = int(digits)
    if message_id > PROTOBUF_OFFSET:
        official.processProtoBuf(payload, message_id - PROTOBUF_OFFSET)
        return Received(recorder.calls, [])
    pieces = Fields(comm.read_fields(payload))
    official.interpret(pieces, message_id)
    return Received(recorder.calls, list(pieces.read))


class Connection:
    """Stands in for the official client's socket and keeps what it would send."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, frame: bytes) -> None:
        self.frames.append(frame)


def sent(server_version: int, request: str, *arguments: object) -> bytes:
    """The frame that the official client sends for a request. Raises AssertionError where it refuses to."""
    recorder, connection = Recorder(), Connection()
    client = EClient(recorder)
    client.serverVersion_, client.conn = server_version, connection
    client.setConnState(EClient.CONNECTED)
    client.extraAuth = True
    getattr(client, request)(*arguments)
    assert recorder.calls == []
    (frame,) = connection.frames
    return frame


def is_unset(value: object) -> bool:
    """Whether the official client says "not given" with this value: a sentinel, or what it fills in."""
    return value in (None, "", 0, UNSET_INTEGER, UNSET_LONG, UNSET_DOUBLE, UNSET_DECIMAL)


def same(ours: object, official: object) -> bool:
    """Whether a value of ours and one of the official client's text decoder mean the same."""
    return is_unset(official) if ours in (None, "") else ours == official


ASCII = "aZ09 _.,;=<>/\\\"'~"
UNICODE = ASCII + "äßéЖ語😀"


@dataclass
class Sampler:
    """Makes up values: ``share`` of them are set, text is of ``alphabet``.

    ``choices`` overrules what a type would give, by path (``order.conditions[].type``); such a value is always set, unless None is chosen.
    A record of a protobuf form is left out where None is chosen, and made up where anything else is.
    """

    seed: str
    share: float
    choices: Mapping[str, Sequence[object]] = field(default_factory=dict)
    alphabet: str = UNICODE
    version: int = HIGHEST

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def layout(self, layout: Layout) -> Values:
        """Values for a text layout of one server version."""
        values: Values = {}
        self.nodes(layout.nodes, values, "")
        return values

    def nodes(self, nodes: Sequence[Node], values: Values, inside: str) -> None:
        for node in nodes:
            if isinstance(node, Version):
                if "version" in self.choices:
                    place(values, node.path, self.random.choice(self.choices["version"]))
            elif isinstance(node, Slot):
                self.put(values, node.path, node.leaf, inside + node.dotted)
            elif isinstance(node, Repetition) and self.random.random() < self.share:
                self.repeat(node, values, f"{inside}{node.dotted}[]")
            elif isinstance(node, Conditional) and node.test.holds(lookup(values, node.path)):
                self.nodes(node.nodes, values, inside)
            elif isinstance(node, Presence) and self.random.random() < self.share:
                place(values, node.path, {})
                self.nodes(node.nodes, values, inside)

    def repeat(self, node: Repetition, values: Values, inside: str) -> None:
        elements: list[Any] = []
        place(values, node.path, elements)
        for _ in range(self.random.randint(1, 3)):
            if node.leaf is not None:
                elements.append(self.value(node.leaf))
            else:
                element: Values = {}
                elements.append(element)
                self.nodes(node.nodes, element, f"{inside}.")

    def record(self, record: Record, inside: str = "") -> Values:
        """Values for the protobuf form of a record at the server version."""
        values: Values = {}
        for name, leaf in record.fields.items():
            path = inside + name
            if leaf.number is None or (leaf.since is not None and self.version < leaf.since):
                continue
            if isinstance(leaf, (Nested, Many)):
                chosen = self.choices.get(path, ()) if isinstance(leaf, Nested) else ()
                if self.random.choice(chosen) is not None if chosen else self.random.random() < self.share:
                    values[name] = self.compound(leaf, path)
            else:
                self.put(values, (name,), leaf, path)
        return values

    def compound(self, leaf: Nested | Many, path: str) -> Any:
        if isinstance(leaf, Nested):
            return self.record(leaf.record, f"{path}.")
        count = self.random.randint(1, 3)
        if leaf.leaf is not None:
            return [self.value(leaf.leaf) for _ in range(count)]
        assert leaf.record is not None
        if leaf.record.type_name == "TagValue":
            # A map in protobuf: every tag once, sorted. Tags are of one length, because the official order of prefixes is its own.
            tags = sorted({"".join(self.random.choices(self.alphabet, k=6)) for _ in range(count)})
            return [{"tag": tag, "value": self.value(leaf.record.fields["value"])} for tag in tags]
        return [self.record(leaf.record, f"{path}[].") for _ in range(count)]

    def put(self, values: Values, path: Sequence[str], leaf: fields.Leaf, dotted: str) -> None:
        if dotted in self.choices:
            value = self.random.choice(self.choices[dotted])
            if value is not None:
                place(values, path, value)
        elif self.random.random() < self.share:
            place(values, path, self.value(leaf))

    def value(self, leaf: fields.Leaf) -> Any:
        """A value that is set, of a leaf's type."""
        for kind, make in self.makers():
            if isinstance(leaf, kind):
                return make()
        raise TypeError(leaf)

    def makers(self) -> Sequence[tuple[type[fields.Leaf], Callable[[], Any]]]:
        draw = self.random
        return (
            (fields.Bool, lambda: draw.random() < 0.5),
            (fields.Long, lambda: draw.choice((1, -1)) * draw.randint(1, 2**62)),
            (fields.Int, lambda: draw.choice((1, -1)) * draw.randint(1, 2**31 - 2)),
            (fields.Double, lambda: draw.choice((1e4, 1e4, -1.0, 1e-9, 1e22)) * (draw.random() + 0.1)),
            (fields.Decimal, lambda: Decimal(draw.randint(-(10**12), 10**12)).scaleb(draw.choice((0, 0, -2, -8, 3)))),
            (fields.String, lambda: "".join(draw.choices(self.alphabet, k=draw.randint(1, 12)))),
            (fields.TagValues, self.tag_values),
        )

    def tag_values(self) -> list[Values]:
        """Tags and values for a text field, which has no way to write some characters."""
        alphabet = self.alphabet.replace(";", "").replace("=", "")
        made = ["".join(self.random.choices(alphabet, k=6)) for _ in range(2 * self.random.randint(1, 3))]
        return [{"tag": tag, "value": value} for tag, value in zip(sorted(made[::2]), made[1::2], strict=True)]


SCALARS = {1: fields.Double, 3: fields.Long, 5: fields.Int, 8: fields.Bool, 9: fields.String}
"""Our leaves by the type numbers of protobuf descriptors."""


def schema(message_type: Any) -> dict[int, tuple[str, str]]:
    """The fields of an official protobuf message type: number to name and type, as `described` writes ours."""
    found = {}
    for entry in message_type.DESCRIPTOR.fields:
        name = "TagValue" if entry.message_type is not None and entry.message_type.GetOptions().map_entry else ""
        name = name or (entry.message_type.name if entry.message_type is not None else SCALARS[entry.type].type_name)
        found[entry.number] = (entry.name, f"list of {name}" if entry.is_repeated else name)
    return found


def described(record: Record) -> dict[int, tuple[str, str]]:
    """The protobuf fields of a record of ours."""
    return {number: (entry.name, kind_of(entry.leaf)) for number, entry in sorted(record.by_number.items())}


def kind_of(leaf: fields.Leaf) -> str:
    """A leaf's type as a schema names it; a decimal is a string there."""
    if isinstance(leaf, Many):
        return f"list of {leaf.record.type_name if leaf.record is not None else kind_of(leaf.leaf or fields.Leaf())}"
    if isinstance(leaf, Nested):
        return leaf.record.type_name
    return next(kind.type_name for kind in SCALARS.values() if isinstance(leaf, (fields.Decimal, kind) if kind is fields.String else kind))


def official(message_type: Any, values: Values, record: Record) -> Any:
    """An official protobuf message with these values."""
    message = message_type()
    fill(message, values, record)
    return message


def fill(message: Any, values: Values, record: Record) -> None:
    message.SetInParent()
    for name, value in values.items():
        leaf, target = record.fields[name], getattr(message, name)
        if isinstance(leaf, Nested):
            fill(target, value, leaf.record)
        elif isinstance(leaf, Many) and leaf.record is not None:
            if hasattr(target, "items"):
                target.update({element["tag"]: element["value"] for element in value})
            else:
                for element in value:
                    fill(target.add(), element, leaf.record)
        elif isinstance(leaf, Many):
            target.extend(value)
        else:
            setattr(message, name, str(value) if isinstance(value, Decimal) else value)


def read_back(message: Any, record: Record) -> Values:
    """The values of an official protobuf message, in our form; what is absent there is absent here, and maps are sorted by tag."""
    values: Values = {}
    for entry, value in message.ListFields():
        leaf = record.fields[entry.name]
        if isinstance(leaf, Nested):
            values[entry.name] = read_back(value, leaf.record)
        elif isinstance(leaf, Many) and hasattr(value, "items"):
            values[entry.name] = [{"tag": tag, "value": text} for tag, text in sorted(value.items())]
        elif isinstance(leaf, Many):
            values[entry.name] = [read_back(element, leaf.record) if leaf.record is not None else element for element in value]
        else:
            values[entry.name] = Decimal(value) if isinstance(leaf, fields.Decimal) else value
    return values


def without_unknown(message: Any) -> bytes:
    """An official protobuf message serialised, less the fields that its schema lacks."""
    copy = type(message)()
    copy.CopyFrom(message)
    copy.DiscardUnknownFields()
    data: bytes = copy.SerializeToString(deterministic=True)
    return data
