"""The Wireshark dissector: every declaration as a Lua table, and in front of the Lua in ``lua/``, which reads packets by it.

The table says what the declarations say and nothing more: types, records, and text layouts with their gates, conditions, counts and flags.
So a message that is declared is dissected; only a new class of leaf, or a condition in words of its own, has to be told here.
Lua has neither None nor empty lists: ``nil`` is a value that is not given, and a list is a table whose first element says that there is
one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from twsprobe import __version__
from twsprobe.wire.codes import CODES, RANGES
from twsprobe.wire.fields import MAX_DOUBLE, UNSET_DECIMALS, Bool, Decimal, Double, EscapedString, Int, Leaf, String, TagValues
from twsprobe.wire.framing import MAX_FRAME, Direction
from twsprobe.wire.handshake import PREFIX
from twsprobe.wire.layout import Conditional, Gate, Node, Presence, Repetition, Slot, Version
from twsprobe.wire.message import PROTOBUF_OFFSET, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.tick_types import TICK_TYPES
from twsprobe.wire.versions import HIGHEST, ServerVersion

MARK = "-- TWS API dissector for Wireshark, written by twsprobe"
"""How the first line of the dissector begins, whichever version wrote it."""
FOLDER = "lua"
PARTS = "values.lua", "messages.lua", "frames.lua"
"""The Lua that reads by the declarations, in the order in which its parts follow them: one chunk."""
BASES: tuple[tuple[type[Leaf], str], ...] = (
    (Bool, "bool"),
    (Int, "int"),
    (Double, "double"),
    (Decimal, "decimal"),
    (EscapedString, "escaped"),
    (String, "string"),
    (TagValues, "tags"),
)
"""The classes of leaves that the Lua part reads, and what it calls them; the first that fits counts."""
NAME = r"(?!(?:true|false|and|or|not|end|if|for|in|do|nil)$)[A-Za-z_]\w*"
"""What a key has to look like to be written without brackets; the keywords of Lua that could be a field's name are none."""
OPERATORS = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "~=", ast.Is: "==", ast.IsNot: "~="}


class Code(str):
    """Lua that is written as it is."""

    __slots__ = ()


def dissector() -> str:
    """The whole dissector, with LF line ends."""
    folder = files("twsprobe.views").joinpath(FOLDER)
    parts = [declarations(MESSAGES) + "\n", *(folder.joinpath(part).read_text("utf-8") for part in PARTS)]
    return "\n".join([f"{MARK} {__version__}. Do not edit it: write it anew with a newer twsprobe.", *parts])


def is_ours(text: str) -> bool:
    """Whether a file's text is a dissector that some version of twsprobe wrote."""
    return text.startswith(MARK)


def declarations(messages: Sequence[Message]) -> str:
    """The messages as the Lua statement that sets ``declarations``. Raises TypeError for an unknown leaf, ValueError for a condition."""
    tables = Tables()
    told = [tables.message(message) for message in messages]
    constants = {
        "highest": int(HIGHEST),
        "binary_ids": int(ServerVersion.PROTOBUF),
        "escaped_text": int(ServerVersion.ENCODE_MSG_ASCII7),
        "protobuf_offset": PROTOBUF_OFFSET,
        "max_frame": MAX_FRAME,
        "prefix": PREFIX.decode("ascii"),
        "max_double": repr(MAX_DOUBLE),
        "unset_decimals": dict.fromkeys(sorted(UNSET_DECIMALS), True),
    }
    lines = ["local declarations = {", *(f"{entry(name, value)}," for name, value in constants.items())]
    for part, table in (("names", value_names()), ("kinds", tables.kinds)):
        lines += [f"{part} = {{", *(f"{entry(name, held)}," for name, held in table.items()), "},"]
    for part, rows in (("records", tables.records), ("messages", told)):
        lines += [f"{part} = {{", *(f"{lua(row)}," for row in rows), "},"]
    return "\n".join([*lines, "}"])


def lua(value: Any) -> str:
    """A value as a Lua literal: None as nil, dicts and sequences as tables."""
    if isinstance(value, Code):
        return value
    if isinstance(value, str):
        return '"' + "".join(character if is_plain(character) else escaped(character) for character in value) + '"'
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(entry(key, held) for key, held in value.items()) + "}"
    if isinstance(value, Iterable):
        return "{" + ", ".join(map(lua, value)) + "}"
    return repr(value)


def entry(key: Any, held: Any) -> str:
    """A key of a table and what it holds."""
    return f"{key if isinstance(key, str) and re.fullmatch(NAME, key) else f'[{lua(key)}]'} = {lua(held)}"


def is_plain(character: str) -> bool:
    """Whether a character stands for itself in a Lua string."""
    return " " <= character <= "~" and character not in '"\\'


def escaped(character: str) -> str:
    """A character as the escapes of its bytes, which all versions of Lua read."""
    return "".join(f"\\{byte:03d}" for byte in character.encode("utf-8"))


def value_names() -> dict[str, dict[int, str]]:
    """What numbers mean, by the name of the list."""
    codes = {number: series.meaning for series in RANGES for number in range(series.first, series.last + 1)}
    codes |= {number: code.meaning for number, code in CODES.items()}
    return {
        "tick_types": {number: tick.name for number, tick in TICK_TYPES.items()},
        "error_codes": dict(sorted(codes.items())),
    }


def named_values(message: Message) -> dict[str, str]:
    """The fields of a message whose numbers have names, and in which list."""
    if message.name in {tick.message for tick in TICK_TYPES.values()}:
        return {"tickType": "tick_types"}
    return {"errorCode": "error_codes"} if "errorCode" in message.record.fields else {}


def lua_test(expression: str) -> Code:
    """A condition's Python expression as a Lua function of the value. Raises ValueError for what has no translation."""
    return Code(f"function(v) return {translated(ast.parse(expression.format('v'), mode='eval').body)} end")


def translated(node: ast.expr) -> str:
    """A Python expression as Lua. Raises ValueError."""
    match node:
        case ast.Name(id="v"):
            return "v"
        case ast.Constant(value=float(number)) if number == float("inf"):
            return "math.huge"
        case ast.Constant(value=value):
            return lua(value)
        case ast.BoolOp(op=joint, values=values):
            return "(" + (" and " if isinstance(joint, ast.And) else " or ").join(map(translated, values)) + ")"
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as within], comparators=[ast.Tuple(elts=elements)]):
            fits = " or ".join(equal(translated(left), element) for element in elements)
            return f"({fits})" if isinstance(within, ast.In) else f"not ({fits})"
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in OPERATORS:
            return f"{translated(left)} {OPERATORS[type(operator)]} {translated(right)}"
    raise ValueError(f"the condition {ast.unparse(node)!r} has no translation to Lua: add it to translated")


def equal(left: str, right: ast.expr) -> str:
    """Whether a value is this one, in Lua; an empty list is a table without a first element."""
    if isinstance(right, ast.List) and not right.elts:
        return f'(type({left}) == "table" and {left}[1] == nil)'
    return f"{left} == {translated(right)}"


class Tables:
    """The declarations as they are told: kinds of leaves by name, records by number, both written once however often they are used."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Any]] = {}
        self.records: list[tuple[str, list[list[Any]]]] = []
        self._numbers: dict[int, int] = {}

    def message(self, message: Message) -> dict[str, Any]:
        """A message; without a text form it has no layout."""
        nodes = list(message.text.nodes) if message.text is not None else None
        return {
            "name": message.name,
            "id": message.id,
            "to_server": message.direction is Direction.TO_SERVER,
            "meaning": message.meaning,
            "record": self.record(message.record),
            "values": named_values(message),
            "as_text": dict.fromkeys(spelled_differently(nodes or [], message.record), True),
            "text": None if nodes is None else self.nodes(nodes, message.record),
        }

    def record(self, record: Record) -> int:
        """A record, by its number: its name, and of each field the name, protobuf number (0: none), type, meaning.

        The type is a kind's name or the number of a record, in a table of its own for a list.
        """
        if id(record) not in self._numbers:
            self._numbers[id(record)] = len(self.records) + 1
            fields: list[list[Any]] = []
            self.records.append((record.type_name, fields))
            for name, leaf in record.fields.items():
                fields.append([name, leaf.number or 0, self.type_of(leaf), leaf.meaning])
        return self._numbers[id(record)]

    def type_of(self, leaf: Leaf) -> Any:
        """What a field holds."""
        if isinstance(leaf, Nested):
            return self.record(leaf.record)
        if isinstance(leaf, Many):
            return [self.record(leaf.record)] if leaf.record is not None else [self.kind(leaf.leaf)]
        return self.kind(leaf)

    def kind(self, leaf: Leaf | None) -> str:
        """A class of leaves, by its name. Raises TypeError."""
        base = next((base for kind, base in BASES if isinstance(leaf, kind)), None)
        if base is None or leaf is None:
            raise TypeError(f"the dissector reads no {type(leaf).__name__}: tell BASES and {PARTS[0]}")
        kind: dict[str, Any] = {"base": base, "wire": leaf.wire_type, "type": leaf.type_name}
        if isinstance(leaf, Bool):
            kind["words"] = {word: "unset" if value is None else value for word, value in leaf.words.items()}
        elif isinstance(leaf, Int):
            kind |= {"bits": leaf.bits, "unset": str(leaf.unset)}
            known = getattr(leaf, "known", None)
            if known is not None:
                kind["known"] = dict.fromkeys(sorted(known), True)
        name = type(leaf).__name__
        if self.kinds.setdefault(name, kind) != kind:
            raise TypeError(f"two kinds of leaves are named {name}")
        return name

    def nodes(self, nodes: Iterable[Node], record: Record) -> list[Any]:
        """The parts of a layout; fields of the record's own types that follow each other are one string of their paths."""
        found: list[Any] = []
        for node in nodes:
            told = self.node(node, record)
            if isinstance(told, str) and found and isinstance(found[-1], str):
                found[-1] += f" {told}"
            else:
                found.append(told)
        return found

    def node(self, node: Node, record: Record) -> Any:
        """One part of a layout. Raises TypeError."""
        if isinstance(node, Version):
            return ["version", self.kind(node.leaf)]
        if isinstance(node, Slot):
            return node.dotted if type(node.leaf) is type(record.leaf(node.path)) else ["as", node.dotted, self.kind(node.leaf)]
        if isinstance(node, Gate):
            return ["gate", int(node.since or 0), int(node.until or 0), self.nodes(node.nodes, record)]
        if isinstance(node, Conditional):
            return ["when", ".".join(node.path), lua_test(node.test.expression), self.nodes(node.nodes, record)]
        if isinstance(node, Presence):
            return ["flag", node.dotted, self.kind(node.flag), self.nodes(node.nodes, record)]
        if isinstance(node, Repetition):
            inside = self.nodes(node.nodes, node.record) if node.leaf is None else None
            return ["list", node.dotted, self.kind(node.count), inside]
        raise TypeError(f"the dissector reads no {type(node).__name__}: tell Tables.node and {PARTS[1]}")


def spelled_differently(nodes: Iterable[Node], record: Record, prefix: str = "") -> Iterator[str]:
    """The paths of fields that are one type in text and another in protobuf. A field of Wireshark has one: text holds both."""
    for node in nodes:
        if isinstance(node, Gate | Conditional | Presence):
            yield from spelled_differently(node.nodes, record, prefix)
        elif isinstance(node, Repetition) and node.leaf is None:
            yield from spelled_differently(node.nodes, node.record, f"{prefix}{node.dotted}.")
        elif isinstance(node, Slot) and not isinstance(node, Version):
            declared = record.leaf(node.path)
            if not isinstance(declared, Nested | Many) and base_of(declared) != base_of(node.leaf):
                yield f"{prefix}{node.dotted}"


def base_of(leaf: Leaf) -> type[Leaf]:
    """The class of leaves that a leaf is of; strings count as one, whether they have escapes or not."""
    return next(String if issubclass(kind, String) else kind for kind, _ in BASES if isinstance(leaf, kind))
