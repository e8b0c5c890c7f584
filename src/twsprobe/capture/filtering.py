"""The language in which people say what they want of a capture::

    name in (tickPrice, tickSize) and reqId == 7 and (fields.size > 100 or not contract.symbol ~ "A")

A filter is comparisons joined by ``and``, ``or``, ``not`` and parentheses. A comparison has a field on the left, a value on the right,
and between them ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in`` with a list of values, or ``~`` for "contains". Values are bare words
or stand in quotes, in which a backslash takes the next character as it is.

A field is named as the JSON output has it: one of ``SEEN``, or the path of a message's own field; ``fields.`` in front makes sure of the
latter. A list stands for any of its elements. Numbers compare as numbers, in whichever type or text they are held, and text as text. A
comparison that makes no sense (the message has no such field, it is unset, its type is another) fails, ``!=`` like any other.

The same tree is asked twice: whether something seen is wanted, and, before more of a message than its id is read, whether it can be. So an
answer is yes, no, or None for "that has to be seen". Nothing here runs code of the user's or hands a pattern to ``re``, and the depth is
bounded, so a hostile filter costs no more than its length.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from twsprobe.capture.model import Gap, Mark
from twsprobe.capture.seen import Seen, fields_of, iso_time, size_of
from twsprobe.wire.events import Decoded, Resynced, SyncLost, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import BY_ID
from twsprobe.wire.tokens import UnknownField

DEEPEST = 64
"""How deep parentheses and ``not`` may nest."""
MARKS = ("==", "!=", "<=", ">=", "<", ">", "~", "(", ")", ",")
WORDS = ("and", "or", "not", "in")
QUOTES = "\"'"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,5})?", re.ASCII)
ORDERS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
)
OPERATORS = (*ORDERS, "~", "in")


class FilterError(ValueError):
    """A text is no filter: ``position`` is the character, counted from 1, at which that shows."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"character {position}: {reason}")
        self.position, self.reason = position, reason


class Token(NamedTuple):
    """A piece of a filter's text: a "word", a "text" that stood in quotes, a "mark", or the "end"."""

    kind: str
    text: str
    position: int


class Value(NamedTuple):
    """What a field is compared with; ``number`` is None for what is none, or stood in quotes."""

    text: str
    number: Decimal | None = None


class Comparison(NamedTuple):
    """A field, by its path, compared with values, of which one is enough."""

    path: tuple[str, ...]
    operator: str
    values: tuple[Value, ...]
    position: int = 1


class Negation(NamedTuple):
    """Not what it holds."""

    node: Node


class Joined(NamedTuple):
    """All of its parts ("and"), or any of them ("or")."""

    word: str
    parts: tuple[Node, ...]


Node = Comparison | Negation | Joined


class Filter:
    """Says of what was seen whether it is wanted."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def wants(self, seen: Seen) -> bool:
        """Whether this is wanted. Never raises."""
        return bool(answer(self.node, lambda path: values_seen(seen, path)))

    def can_want(self, direction: Direction, id: int | None) -> bool:
        """Whether a message can be wanted of which nothing else is known."""
        message = BY_ID.get((direction, id)) if id is not None else None
        return answer(self.node, lambda path: values_ahead(direction, id, message, path)) is not False

    def __and__(self, other: Filter) -> Filter:
        return Filter(Joined("and", (self.node, other.node)))


def answer(node: Node, values: Callable[[tuple[str, ...]], Iterable[Any] | None]) -> bool | None:
    """Whether a filter holds, given the values at each path; None where that takes values that are None here."""
    if isinstance(node, Comparison):
        found = values(node.path)
        return None if found is None else any(compared(one, node.operator, value) for one in found for value in node.values)
    if isinstance(node, Negation):
        inner = answer(node.node, values)
        return None if inner is None else not inner
    decisive, open_question = node.word == "or", False
    for part in node.parts:
        inner = answer(part, values)
        if inner is decisive:
            return decisive
        open_question = open_question or inner is None
    return None if open_question else not decisive


def compared(held: Any, by: str, value: Value) -> bool:
    """Whether a single value compares as asked; no where it cannot be compared."""
    if by == "~":
        return isinstance(held, str) and value.text in held
    if isinstance(held, bool):
        held = int(held) if value.number is not None else str(held).lower()
    by = "==" if by == "in" else by
    number = None if value.number is None else number_of(held)
    if number is not None:
        return bool(ORDERS[by](number, value.number))
    if not isinstance(held, str) or (value.number is not None and by not in ("==", "!=")):
        return False
    return bool(ORDERS[by](held, value.text))


def number_of(held: Any) -> Decimal | None:
    """A value as an exact number, a floating-point one as it is written; None for what is no number."""
    if isinstance(held, int):
        return Decimal(held)
    if isinstance(held, float):
        return None if math.isnan(held) else Decimal(repr(held))
    if isinstance(held, Decimal):
        return None if held.is_nan() else held
    return Decimal(held) if isinstance(held, str) and NUMBER.fullmatch(held) else None


SEEN: Mapping[str, Callable[[Seen], Iterable[Any]]] = MappingProxyType(
    {
        "name": lambda seen: (seen.name,),
        "id": lambda seen: (seen.id,),
        "event": lambda seen: (seen.event,),
        "direction": lambda seen: () if seen.direction is None else (seen.direction.value,),
        "connection": lambda seen: (seen.connection,),
        "size": lambda seen: (
            (seen.what.size,) if isinstance(seen.what, Gap) else () if isinstance(seen.what, Mark) else (size_of(seen.what),)
        ),
        "time": lambda seen: (Decimal(seen.elapsed_ns).scaleb(-9), iso_time(seen.time_ns)),
        "server_version": lambda seen: (getattr(seen.what, "server_version", None),),
        "encoding": lambda seen: (getattr(seen.what, "encoding", None),),
        "reason": lambda seen: (seen.what.reason,) if isinstance(seen.what, (Unknown, Undecodable, SyncLost, Resynced)) else (),
        "anomalies": lambda seen: seen.what.anomalies if isinstance(seen.what, Decoded) else (),
    }
)
"""What everything seen has besides its fields. ``time`` is the seconds since the capture began, or in ISO 8601."""


def values_seen(seen: Seen, path: tuple[str, ...]) -> Iterable[Any]:
    """The values at a path of what was seen."""
    if len(path) == 1 and path[0] in SEEN:
        return SEEN[path[0]](seen)
    return reached(fields_of(seen.what), inside(path))


def values_ahead(direction: Direction, id: int | None, message: Message | None, path: tuple[str, ...]) -> Iterable[Any] | None:
    """The values at a path as far as the id of a message tells them, None where it does not."""
    if path == ("direction",):
        return (direction.value,)
    if path == ("id",):
        return (id,)
    if path == ("name",):
        return (message.name if message is not None else "unknown",)
    if len(path) == 1 and path[0] in SEEN:
        return None
    first = inside(path)[0]
    may_be = message is not None and (first in message.record.fields or first == "version" or first.startswith("#"))
    return None if may_be else ()


def inside(path: tuple[str, ...]) -> tuple[str, ...]:
    """A path from a message's own fields."""
    return path[1:] if path[0] == "fields" and len(path) > 1 else path


def reached(fields: Any, path: Sequence[str]) -> Iterator[Any]:
    """The single values at a path; a list on the way stands for all its elements, a protobuf field without a name for what it holds."""
    pending = [(fields, 0)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, UnknownField):
            value = value.value.hex() if isinstance(value.value, bytes) else value.value
        if isinstance(value, list):
            pending += [(element, depth) for element in value]
        elif depth == len(path):
            yield value
        elif isinstance(value, dict):
            pending.append((value.get(path[depth]), depth + 1))


def read_filter(text: str) -> Filter:
    """The filter that a text says. Raises FilterError: it is none, or names a field that nothing has."""
    parser = Parser(list(tokens(text)))
    node = parser.alternatives(0)
    parser.finish()
    check_fields(node)
    return Filter(node)


def tokens(text: str) -> Iterator[Token]:
    """The pieces of a filter, an "end" behind the last one. Raises FilterError."""
    at, size = 0, len(text)
    while at < size:
        start, character = at, text[at]
        if character.isspace():
            at += 1
            continue
        mark = next((mark for mark in MARKS if text.startswith(mark, at)), None)
        if mark is not None:
            at += len(mark)
            yield Token("mark", mark, start + 1)
        elif character in "=!":
            raise FilterError(start + 1, f"{character!r} is no comparison; there are {' '.join(OPERATORS)}")
        elif character in QUOTES:
            held, at = quoted(text, at)
            yield Token("text", held, start + 1)
        else:
            while at < size and not (text[at].isspace() or text[at] in "=!<>~(),\"'"):
                at += 1
            yield Token("word", text[start:at], start + 1)
    yield Token("end", "", size + 1)


def quoted(text: str, start: int) -> tuple[str, int]:
    """The text in the quotes that open at ``start``, and where it goes on behind them. Raises FilterError."""
    held, at = [], start + 1
    while at < len(text) and text[at] != text[start]:
        at += text[at] == "\\" and at + 1 < len(text)
        held.append(text[at])
        at += 1
    if at >= len(text):
        raise FilterError(start + 1, "the quote that opens here does not close")
    return "".join(held), at + 1


class Parser:
    """Tokens to a tree, by recursive descent."""

    def __init__(self, found: list[Token]) -> None:
        self.found, self.index = found, 0

    def next_is(self, kind: str, *texts: str) -> bool:
        """Whether a token of this kind, and one of these texts, comes next."""
        token = self.found[self.index]
        return token.kind == kind and (not texts or token.text in texts)

    def take(self) -> Token:
        """The next token."""
        token = self.found[self.index]
        self.index += token.kind != "end"
        return token

    def expect(self, kind: str, text: str, wanted: str) -> None:
        """Take a token that must be there. Raises FilterError."""
        if not self.next_is(kind, text):
            raise self.unexpected(wanted)
        self.take()

    def unexpected(self, wanted: str) -> FilterError:
        """What is wanted at the next token."""
        token = self.found[self.index]
        shown = token.text if len(token.text) <= 40 else token.text[:40] + "..."
        return FilterError(token.position, f"{wanted} is expected" + (f", not {shown!r}" if token.kind != "end" else ""))

    def finish(self) -> None:
        """Nothing may be left. Raises FilterError."""
        if not self.next_is("end"):
            raise self.unexpected("'and' or 'or'")

    def alternatives(self, depth: int) -> Node:
        """Parts joined by ``or``."""
        return self.joined("or", lambda: self.joined("and", lambda: self.part(depth)))

    def joined(self, word: str, part: Callable[[], Node]) -> Node:
        """Parts joined by a word; one part alone is itself."""
        parts = [part()]
        while self.next_is("word", word):
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def part(self, depth: int) -> Node:
        """A comparison, with ``not`` in front of it or not, or a filter in parentheses."""
        if depth > DEEPEST:
            raise FilterError(self.found[self.index].position, f"this is more than {DEEPEST} parentheses and 'not' deep")
        if self.next_is("word", "not"):
            self.take()
            return Negation(self.part(depth + 1))
        if self.next_is("mark", "("):
            self.take()
            node = self.alternatives(depth + 1)
            self.expect("mark", ")", "'and', 'or' or ')'")
            return node
        return self.comparison()

    def comparison(self) -> Comparison:
        """A field, an operator, and a value or a list of them."""
        if not self.next_is("word") or self.next_is("word", *WORDS):
            raise self.unexpected("the name of a field")
        field = self.take()
        path = tuple(field.text.split("."))
        if not all(path):
            raise FilterError(field.position, "a name is missing beside a point")
        if not (self.next_is("mark", *OPERATORS) or self.next_is("word", "in")):
            raise self.unexpected(f"one of {' '.join(OPERATORS)}")
        by = self.take().text
        return Comparison(path, by, self.values() if by == "in" else (self.value(),), field.position)

    def values(self) -> tuple[Value, ...]:
        """Values in parentheses."""
        self.expect("mark", "(", "a list in parentheses")
        found = [self.value()]
        while self.next_is("mark", ","):
            self.take()
            found.append(self.value())
        self.expect("mark", ")", "',' or ')'")
        return tuple(found)

    def value(self) -> Value:
        """A value."""
        if self.next_is("text"):
            return Value(self.take().text)
        if not self.next_is("word") or self.next_is("word", *WORDS):
            raise self.unexpected("a value")
        text = self.take().text
        return Value(text, number_of(text))


def comparisons(node: Node) -> Iterator[Comparison]:
    """Every comparison of a filter, from left to right."""
    if isinstance(node, Comparison):
        yield node
        return
    for part in node.parts if isinstance(node, Joined) else (node.node,):
        yield from comparisons(part)


def check_fields(node: Node) -> None:
    """Refuse names that nothing has, for a misspelt one would match nothing in silence. Raises FilterError."""
    declared = field_names()
    for comparison in comparisons(node):
        if len(comparison.path) == 1 and comparison.path[0] in SEEN:
            continue
        for name in inside(comparison.path):
            if name not in declared and not name.startswith("#"):
                shown = name if len(name) <= 40 else name[:40] + "..."
                close = difflib.get_close_matches(name[:40], [*SEEN, *sorted(declared)], n=3)
                near = f"; there is {', '.join(close)}" if close else ""
                raise FilterError(comparison.position, f"no message has a field {shown!r}{near}")


def field_names() -> set[str]:
    """The names of all fields, in whichever record."""
    names = {
        "version",
        "minimum",
        "maximum",
        "connectOptions",
        "serverVersion",
        "time",
        "zone",
        "redirect",
        "client",
        "server",
        "how",
        "text",
    }
    pending: list[Record] = [message.record for message in MESSAGES]
    read: set[int] = set()
    while pending:
        record = pending.pop()
        if id(record) not in read:
            read.add(id(record))
            names.update(record.fields)
            pending += [leaf.record for leaf in record.fields.values() if isinstance(leaf, Nested | Many) and leaf.record is not None]
    return names


FOLLOWED = ("reqId", "id", "orderId", "order.orderId", "execution.orderId")
"""The fields that hold the number of a request or an order, in requests, answers and errors."""


def following(number: int) -> Filter:
    """What belongs to the request, or to the order, of a number."""
    wanted = (Value(str(number), Decimal(number)),)
    return Filter(Joined("or", tuple(Comparison(("fields", *path.split(".")), "==", wanted) for path in FOLLOWED)))


def named(names: Sequence[str], ids: Sequence[int]) -> Filter:
    """Messages of these names and these ids."""
    by_name = Comparison(("name",), "in", tuple(map(Value, names)))
    by_id = Comparison(("id",), "in", tuple(Value(str(id), Decimal(id)) for id in ids))
    return Filter(Joined("or", (by_name, by_id)))


def going(direction: str) -> Filter:
    """What went in a direction."""
    return Filter(Comparison(("direction",), "==", (Value(direction),)))
