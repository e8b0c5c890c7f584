"""Made-up values, payloads and conversations, from the declarations alone.

A `Maker` makes valid values of whatever is declared, and breaks what is valid. All it does follows from its random numbers, so a failing
property test prints what makes the same again: ``Maker(Random(7))``.
"""

import ast
import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from twsprobe.wire import fields
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.layout import Conditional, Gate, Layout, Node, Presence, Repetition, Slot, Test, Values, Version, lookup, place
from twsprobe.wire.message import PROTOBUF, TEXT, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.tokens import Malformed
from twsprobe.wire.versions import HIGHEST, LOWEST, ServerVersion

VERSIONS = range(LOWEST, HIGHEST + 1)
Chunk = tuple[Direction, bytes]

INTS = (0, 1, -1, 2, 7, 2**31 - 2, -(2**31))
LONGS = (0, -1, 2**31 - 1, 2**53 + 1, 2**63 - 2, -(2**63))
DOUBLES = (0.0, -0.0, 1.5, 0.1, -1e-300, 5e-324, 1e22, 1e308, math.nan, math.inf, -math.inf)
DECIMALS = ("0", "-0.00", "0.1", "1.50", "-12345678901234567890.123456789", "1E+3", "1E-20")
STRINGS = (
    "",
    "USD",
    "a b",
    "é",
    "中国标准时间",
    "😀",
    "\x1b[2J",
    "[/x]",
    "\u202e",
    "\\",
    r"\u00e9",
    r"\ud83d",
    "\\n%s{0}",
    "\ufeff",
    "\x7f\x80",
)
ODD_PIECES = (
    b"",
    b"0",
    b"1",
    b"-1",
    b"007",
    b"1.50",
    b"1e3",
    b"nan",
    b"true",
    b"2147483647",
    b"9" * 5000,
    b"\xff\xfe",
    b"\\u00e9",
    b"x y",
    b"-",
)


def examples(factor: int) -> settings:
    """As many times the examples of the profile in force as a cheap property can afford."""
    return settings(max_examples=factor * settings().max_examples)


class Maker:
    """Makes values, a ``share`` of them set; None: another share each time."""

    def __init__(self, random: Random, share: float | None = None) -> None:
        self.random, self.fixed_share = random, share
        self.share = 1.0

    def _begin(self) -> None:
        self.share = self.random.choice((0.0, 0.2, 0.6, 1.0)) if self.fixed_share is None else self.fixed_share

    def wants(self) -> bool:
        return self.random.random() < self.share

    def scalar(self, leaf: fields.Leaf, encoding: str) -> Any:
        """A valid value of a leaf that says the same when it is read back in this encoding; compare them by their repr."""
        draw = self.random
        if isinstance(leaf, fields.Bool):
            return draw.random() < 0.5
        if isinstance(leaf, fields.Long):
            return draw.choice((*LONGS, draw.randint(-(2**62), 2**62)))
        if isinstance(leaf, fields.Int):
            return draw.choice((*INTS, draw.randint(-(2**31), 2**31 - 2)))
        if isinstance(leaf, fields.Double):
            return draw.choice((*DOUBLES, draw.uniform(-1e6, 1e6), round(draw.uniform(-500, 500), 2)))
        if isinstance(leaf, fields.Decimal):
            return Decimal(draw.choice((*DECIMALS, f"{draw.randint(-(10**12), 10**12)}E{draw.randint(-9, 3)}")))
        if isinstance(leaf, fields.String):
            return "".join(draw.choices(STRINGS, k=draw.choice((1, 1, 3))))
        if isinstance(leaf, fields.TagValues):
            return [{"tag": draw.choice(STRINGS[1:]), "value": draw.choice(STRINGS)} for _ in range(draw.randint(1, 3))]
        raise TypeError(f"no values for {leaf!r}: tell Maker.scalar")

    def record(self, record: Record, version: int = HIGHEST) -> Values:
        """Values for the protobuf form of a record at a server version."""
        self._begin()
        return self._record(record, version)

    def _record(self, record: Record, version: int) -> Values:
        found: Values = {}
        for name, leaf in record.fields.items():
            if leaf.number is None or (leaf.since is not None and version < leaf.since) or not self.wants():
                continue
            if isinstance(leaf, Nested):
                found[name] = self._record(leaf.record, version)
            elif isinstance(leaf, Many):
                found[name] = [self._element(leaf, version) for _ in range(self.random.randint(1, 3))]
            else:
                found[name] = self.scalar(leaf, PROTOBUF)
        return found

    def _element(self, many: Many, version: int) -> Any:
        if many.record is not None:
            return self._record(many.record, version)
        assert many.leaf is not None
        return self.scalar(many.leaf, PROTOBUF)

    def layout(self, layout: Layout) -> Values:
        """Values for a text layout whose gates are folded away."""
        self._begin()
        found: Values = {}
        self._nodes(layout.nodes, found)
        return found

    def _nodes(self, nodes: Sequence[Node], into: Values) -> None:
        """Fill in the values of one record."""
        telling = constants(nodes)
        for node in inside(nodes, into):
            if isinstance(node, Slot):
                suited = [value for value in telling.get(node.path, ()) if is_read_back(node.leaf, value)]
                if suited and self.random.random() < 0.7:
                    place(into, node.path, self.random.choice(suited))
                elif not is_optional(node.leaf) or (self.wants() and not isinstance(node, Version)):
                    value = self.scalar(node.leaf, TEXT)
                    place(into, node.path, value if is_read_back(node.leaf, value) else self.random.choice(suited))
            elif isinstance(node, Repetition) and self.wants():
                elements: list[Any] = []
                place(into, node.path, elements)
                for _ in range(self.random.randint(0, 3)):
                    elements.append({} if node.leaf is None else self.scalar(node.leaf, TEXT))
                    if node.leaf is None:
                        self._nodes(node.nodes, elements[-1])
            elif isinstance(node, Presence) and self.wants():
                place(into, node.path, {})

    def values(self, message: Message, version: int, encoding: str) -> Values:
        """Valid values of a message."""
        return self.record(message.record, version) if encoding == PROTOBUF else self.layout(message.layout(version))

    def payload(self, message: Message, version: int, encoding: str) -> bytes:
        """A message with valid values, without the length word."""
        return message.encode(self.values(message, version, encoding), version, encoding)[LENGTH.size :]

    def message(self, version: int) -> Chunk:
        """A whole frame with any message that goes at a server version, in the encoding of that version or, at times, in another."""
        message = self.random.choice([message for message in MESSAGES if encodings(message, version)])
        possible = encodings(message, version)
        usual = message.encoding(version)
        encoding = usual if usual in possible and self.random.random() < 0.8 else self.random.choice(possible)
        return message.direction, frame(self.payload(message, version, encoding))

    def conversation(self, version: int, length: int) -> list[Chunk]:
        """An opening and as many messages, each of the parts a frame, in order."""
        zone = self.random.choice((b"20240308 13:30:34 EST", "20240308 13:30:34 中国标准时间".encode("gbk"), b"20240308", b""))
        opening = [(Direction.TO_SERVER, offer(LOWEST, version)), (Direction.TO_CLIENT, greeting(version, zone))]
        return opening + [self.message(version) for _ in range(length)]

    def broken(self, data: bytes) -> bytes:
        """The same bytes with one to three mistakes in them."""
        for _ in range(self.random.randint(1, 3)):
            data = self._mistake(data)
        return data

    def _mistake(self, data: bytes) -> bytes:
        draw = self.random
        at = draw.randrange(len(data) + 1)
        behind = min(len(data), at + draw.randint(1, 8))
        kind = draw.randrange(8)
        if kind == 0:
            return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        if kind == 1:
            return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :] if at < len(data) else data + b"\0"
        if kind == 2:
            return data[:at] + draw.randbytes(draw.randint(1, 4)) + data[at:]
        if kind == 3:
            return data[:at] + data[behind:]
        if kind == 4:
            return data[:behind] + data[at:]
        if kind == 5:
            return data[:at]
        pieces = data.split(b"\0")
        index, other = draw.randrange(len(pieces)), draw.randrange(len(pieces))
        pieces[index] = draw.choice(ODD_PIECES) if kind == 6 else pieces[other]
        return b"\0".join(pieces)

    def cut(self, data: bytes) -> list[bytes]:
        """The same bytes in pieces, some of them empty."""
        places = sorted(self.random.randint(0, len(data)) for _ in range(self.random.randint(0, 12)))
        return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


randoms = st.builds(Random, st.integers(0, 2**64 - 1))
makers = st.builds(Maker, randoms)
versions = st.sampled_from(VERSIONS)


def inside(nodes: Sequence[Node], values: Values) -> Iterator[Node]:
    """The nodes of one record for which its values so far ask, those inside conditions and flags included."""
    for node in nodes:
        if isinstance(node, Conditional):
            if node.test.holds(lookup(values, node.path)):
                yield from inside(node.nodes, values)
            continue
        yield node
        if isinstance(node, Presence) and lookup(values, node.path) is not None:
            yield from inside(node.nodes, values)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Every node below, gates and repeated records included."""
    for node in nodes:
        yield node
        if isinstance(node, (Gate, Conditional, Presence, Repetition)):
            yield from walk(node.nodes)


def constants(nodes: Sequence[Node]) -> dict[tuple[str, ...], list[Any]]:
    """By path, the values on which conditions turn: what a test compares with, and the number after it."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for node in walk(nodes):
        if isinstance(node, Conditional):
            found.setdefault(node.path, []).extend(turning(node.test))
    return found


def turning(test: Test) -> list[Any]:
    tree = ast.parse(test.expression.format("value"))
    plain = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value not in (None, "")]
    return plain + [value + 1 for value in plain if type(value) is int]


def is_read_back(leaf: fields.Leaf, value: Any) -> bool:
    """Whether a value can be written as text, and is the same when it is read back."""
    try:
        return repr(leaf.read(leaf.write(value, "")[:-1], "", 0)) == repr(value)
    except Malformed:
        return False


def is_optional(leaf: fields.Leaf) -> bool:
    """Whether the field may be unset in text."""
    try:
        return bool(leaf.write(None, ""))
    except Malformed:
        return False


def encodings(message: Message, version: int) -> list[str]:
    """The encodings that a message can have at a server version; none before the version that brought it."""
    if version < message.since:
        return []
    text = [TEXT] if message.text is not None else []
    return text + ([PROTOBUF] if message.protobuf is not None and version >= ServerVersion.PROTOBUF else [])


def steps(message: Message) -> list[int]:
    """The server versions on both sides of each gate of a message, and the lowest and highest that it has."""
    gates: set[int] = {message.since, LOWEST, HIGHEST, ServerVersion.ENCODE_MSG_ASCII7, ServerVersion.PROTOBUF}
    gates |= {message.protobuf} if message.protobuf is not None else set()
    gates |= {leaf.since for leaf in leaves(message.record) if leaf.since is not None}
    for node in walk(message.text.nodes if message.text is not None else ()):
        if isinstance(node, Gate):
            gates |= {gate for gate in (node.since, node.until) if gate is not None}
    return sorted(version for gate in gates for version in {gate - 1, gate} if max(message.since, LOWEST) <= version <= HIGHEST)


def leaves(record: Record) -> Iterator[fields.Leaf]:
    """Every field of a record and of the records in it."""
    for leaf in record.fields.values():
        yield leaf
        if isinstance(leaf, (Nested, Many)) and leaf.record is not None:
            yield from leaves(leaf.record)
