"""Messages of which a log joined the fields, taken apart again.

The problem: a log that writes a text message with ``-``, ``;`` or ``,`` in place of each NUL has lost where fields end, as values hold
those characters, too: ``4-2--1-2104-...`` is an error of version 2 about -1, not about nothing and 1.

The rule: the declaration of the message at its server version says how many fields there are and of which type. If splitting at every
joiner gives just those fields, that is the message. If not, or if a number may have lost its sign, some joiners belong to values, and the
search is for the cheapest reading that follows the declaration to its end. Negative numbers and exponents cost nothing; a joiner inside
a text costs more the less such texts are known to have any (``field_shapes``).

Known doubt: two texts side by side share their joiners in more than one way. A reading for which another costs the same is marked, with the
first field that differs; that a dearer one was meant cannot be excluded. Where nothing follows the declaration, every joiner counts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, NamedTuple

from twsprobe.capture.field_shapes import UNLIKELY, number_cost, text_cost
from twsprobe.wire.events import Decoded
from twsprobe.wire.fields import Bool, Leaf, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import Conditional, Node, Presence, Repetition, Slot
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET, TEXT, Message
from twsprobe.wire.registry import BY_ID
from twsprobe.wire.text import text_of
from twsprobe.wire.tokens import Malformed, joined
from twsprobe.wire.versions import ServerVersion

MOST_PIECES = 200_000
"""Pieces of a message that are looked at; one of more is split at every joiner."""
LONGEST_SEARCH = 4_000
"""Places that are looked at for a message, and as many as it has pieces besides."""
MOST_JOINED = 128
"""Pieces that are joined to one text, but for a text that takes all there are."""

_ID = re.compile(rb"[0-9]{1,9}")
_UNSIGNED = re.compile(rb"[0-9][0-9.]*(?:[eE]\+?[0-9]+)?")
_HALF_EXPONENT = re.compile(rb"[0-9][0-9.]*[eE]")
_ZERO = re.compile(rb"-0*\.?0*")
_ELEMENT = re.compile(r"\[-[0-9]+\]")


class Split(NamedTuple):
    """A message as it was on the wire, without the length word, as far as its log can tell.

    ``name`` is None for an id that is not declared; ``fits`` says whether the fields follow the declaration, and ``doubt`` what else they
    could be, empty where there is no other reading as good.
    """

    payload: bytes
    id: int
    name: str | None
    fits: bool
    doubt: str


class Todo(NamedTuple):
    """What of a declaration is still to be read: a part, the path of its record, the rest, and how many pieces all takes at least.

    Of a repetition ``left`` counts the elements that are still to come; None before its count was read.
    """

    node: Node
    path: str
    rest: Todo | None
    least: int
    left: int | None = None


class Trail(NamedTuple):
    """A field that was read, behind those before it."""

    path: str
    piece: bytes
    value: Any
    before: Trail | None


class Asked(NamedTuple):
    """A value on which conditions may turn, as text, behind those before it."""

    path: str
    value: str
    before: Asked | None


class Option(NamedTuple):
    """A way to read the next field: how many pieces it takes, what it is then, and what that costs."""

    taken: int
    piece: bytes
    value: Any
    cost: int


def split(text: bytes, joiner: bytes, direction: Direction, server_version: int, *, open_end: bool = False) -> Split | None:
    """Take apart a message, its id first, of which ``joiner`` (one byte) stands between the fields; None if it can be no text message.

    With ``open_end`` it is unknown whether a joiner follows the last field, too.
    """
    id, *pieces = text.split(joiner)
    if b"\0" in text or not _ID.fullmatch(id):
        return None
    number = int(id)
    binary = server_version >= ServerVersion.PROTOBUF
    if binary and number > PROTOBUF_OFFSET:
        return None
    message = BY_ID.get((direction, number))
    head = BINARY_ID.pack(number) if binary else id + b"\0"
    shorter = [pieces[:-1]] if open_end and pieces and not pieces[-1] else []
    name = None if message is None else message.name
    if message is None or message.text is None:
        return Split(payload_of(head, pieces), number, name, False, "")
    shape = shape_of(message, server_version)
    # A negative number that was taken apart may fit as well, where fields depend on others.
    signed = joiner == b"-" and not shape.fixed and any(not piece and after[:1].isdigit() for piece, after in pairwise(pieces))
    for taken in () if signed else (pieces, *([] for each in shorter if not each)):
        payload = payload_of(head, taken)
        found = message.decode(payload, len(head), TEXT, server_version)
        if isinstance(found, Decoded) and not found.anomalies:
            return Split(payload, number, name, True, "")
    if len(pieces) > MOST_PIECES:
        return Split(payload_of(head, pieces), number, name, False, "")
    best, other = readings(shape, pieces, joiner, open_end)
    if best is None:
        return Split(payload_of(head, (shorter or [pieces])[0]), number, name, False, "")
    return Split(payload_of(head, [step.piece for step in steps_of(best)]), number, name, True, difference(best, other))


def payload_of(head: bytes, pieces: list[bytes]) -> bytes:
    """An id and fields as they stand in a frame."""
    return head + b"".join([piece + b"\0" for piece in pieces])


def steps_of(trail: Trail | None) -> list[Trail]:
    """The fields of a reading, in their order."""
    found = []
    while trail is not None:
        found.append(trail)
        trail = trail.before
    return found[::-1]


def difference(trail: Trail, other: Trail | None) -> str:
    """The first field that another reading reads otherwise, in words; empty where there is no other."""
    for step, instead in zip(steps_of(trail), steps_of(other), strict=False):
        if step.piece != instead.piece:
            return f"{_ELEMENT.sub('[]', step.path)} could also be {text_of(instead.piece)[:60]!a}"
    return ""


class Place(NamedTuple):
    """How far a reading has come: what it cost, its pieces and fields, what is next, and the values that conditions will ask for."""

    cost: int
    at: int
    todo: Todo | None
    trail: Trail | None
    asked: Asked | None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for places from which everything goes on alike."""
        todo = self.todo
        return self.at, self.asked, *((id(todo.node), todo.path, todo.left) if todo is not None else ())


class Shape(NamedTuple):
    """A declaration at a server version: its parts, whether their number is fixed, and the last names of fields that conditions ask for."""

    nodes: tuple[Node, ...]
    fixed: bool
    conditions: frozenset[str]


@functools.lru_cache(1024)
def shape_of(message: Message, server_version: int) -> Shape:
    """The declaration of a message that has a text form."""
    nodes = message.layout(server_version).nodes
    return Shape(nodes, all(isinstance(node, Slot) for node in nodes), frozenset(names_asked(nodes)))


def readings(shape: Shape, pieces: list[bytes], joiner: bytes, open_end: bool) -> tuple[Trail | None, Trail | None]:
    """The cheapest reading that follows the declaration, and another that costs as much; None for what was not found.

    The other may end before the first does: from there on they are the same. This is Dijkstra's search, deepest first among equals.
    """
    ends = {len(pieces), len(pieces) - 1} if open_end and pieces and not pieces[-1] else {len(pieces)}
    heap = [(0, 0, 0, Place(0, 0, settled(following(shape.nodes, "", None), None), None, None))]
    serial = 0
    reached: dict[tuple[object, ...], Place] = {}
    others: dict[int, Trail | None] = {}
    best: Place | None = None
    for _ in range(LONGEST_SEARCH + len(pieces)):
        if not heap or (best is not None and heap[0][0] > best.cost):
            break
        place = heappop(heap)[-1]
        first = reached.setdefault(place.key, place)
        if first is not place:
            if first.cost == place.cost:
                others.setdefault(id(first.trail), place.trail)
        elif place.todo is None:
            if best is None:
                best = place
            else:
                others.setdefault(id(best.trail), place.trail)
        else:
            for behind in onward(place, pieces, joiner, shape.conditions):
                whole = behind.todo is not None or behind.at in ends
                further = behind if whole else with_empty_rest(behind, pieces)
                if further is not None:
                    serial += 1
                    heappush(heap, (further.cost, -further.at, serial, further))
    if best is None:
        return None, None
    return best.trail, next((others[id(trail)] for trail in reversed(steps_of(best.trail)) if id(trail) in others), None)


def with_empty_rest(place: Place, pieces: list[bytes]) -> Place | None:
    """A reading that has come to the end of its declaration before its pieces, if what is left are empty fields that nobody declared."""
    rest = pieces[place.at :]
    if any(rest):
        return None
    trail = place.trail
    for index, piece in enumerate(rest):
        trail = Trail(f"extra[{index}]", piece, None, trail)
    return place._replace(cost=place.cost + UNLIKELY, at=len(pieces), trail=trail)


def onward(place: Place, pieces: list[bytes], joiner: bytes, conditions: frozenset[str]) -> Iterator[Place]:
    """The places that are one field further."""
    assert place.todo is not None
    path = path_of(place.todo)
    for option, todo in read(place.todo, pieces, place.at, joiner):
        index = place.at + option.taken
        if todo is not None and todo.least > len(pieces) - index:
            continue
        trail = Trail(path, option.piece, option.value, place.trail)
        asked = place.asked
        if path.rpartition(".")[2] in conditions:
            asked = Asked(path, repr(option.value), asked)
        yield Place(place.cost + option.cost, index, settled(todo, trail), trail, asked)


def names_asked(nodes: Iterable[Node]) -> Iterator[str]:
    """The last names of the fields that conditions ask for."""
    for node in nodes:
        if isinstance(node, Conditional):
            yield node.path[-1]
        if isinstance(node, (Conditional, Presence, Repetition)):
            yield from names_asked(node.nodes)


def following(nodes: tuple[Node, ...], path: str, rest: Todo | None) -> Todo | None:
    """Parts, and what comes behind them."""
    for node in reversed(nodes):
        least = (0 if isinstance(node, Conditional) else 1) + (0 if rest is None else rest.least)
        rest = Todo(node, path, rest, least)
    return rest


def settled(todo: Todo | None, trail: Trail | None) -> Todo | None:
    """What is to be read from a field on: conditions are decided by what was read, and repetitions go to their next element."""
    while todo is not None:
        node = todo.node
        if isinstance(node, Conditional):
            holds = node.test.holds(value_at(trail, joined(todo.path, ".".join(node.path))))
            todo = following(node.nodes, todo.path, todo.rest) if holds else todo.rest
        elif isinstance(node, Repetition) and todo.left is not None and (not todo.left or not node.nodes):
            if todo.left and node.leaf is not None:
                return todo
            todo = todo.rest
        elif isinstance(node, Repetition) and todo.left is not None:
            again = todo._replace(left=todo.left - 1)
            todo = following(node.nodes, f"{joined(todo.path, node.dotted)}[-{todo.left}]", again)
        else:
            return todo
    return None


def value_at(trail: Trail | None, path: str) -> Any:
    """The value of a field that was read; None where it was not."""
    while trail is not None:
        if trail.path == path:
            return trail.value
        trail = trail.before
    return None


def path_of(todo: Todo) -> str:
    """The path of the field that is next."""
    assert isinstance(todo.node, (Slot, Repetition, Presence))
    path = joined(todo.path, todo.node.dotted)
    return path if todo.left is None else f"{path}[-{todo.left}]"


def read(todo: Todo, pieces: list[bytes], index: int, joiner: bytes) -> Iterator[tuple[Option, Todo | None]]:
    """The ways to read the next field, each with what is to be read behind it."""
    node, rest = todo.node, todo.rest
    if isinstance(node, Slot):
        for option in options(node.leaf, node.path[-1], pieces, index, joiner, rest):
            yield option, rest
    elif isinstance(node, Presence):
        for option in options(node.flag, "", pieces, index, joiner, rest):
            yield option._replace(value=option.value), following(node.nodes, todo.path, rest) if option.value else rest
    elif isinstance(node, Repetition) and todo.left is not None:
        assert node.leaf is not None
        behind = todo._replace(left=todo.left - 1, least=todo.least - 1) if todo.left > 1 else rest
        for option in options(node.leaf, node.path[-1], pieces, index, joiner, behind):
            yield option, behind
    elif isinstance(node, Repetition):
        for option in options(node.count, "", pieces, index, joiner, rest):
            count = option.value or 0
            each = 1 if node.leaf is not None else 0
            if 0 <= count <= len(pieces) - index - option.taken:
                least = count * each + (0 if rest is None else rest.least)
                yield option._replace(value=[None] * count), Todo(node, todo.path, rest, least, count)


def options(leaf: Leaf, name: str, pieces: list[bytes], index: int, joiner: bytes, behind: Todo | None) -> Iterator[Option]:
    """The ways to read a field whose first piece is at ``index``."""
    if index >= len(pieces):
        return
    if isinstance(leaf, (String, TagValues)):
        found = texts(name, pieces, index, joiner, behind)
    else:
        found = numbers(leaf, name, pieces, index, joiner)
    for taken, piece, cost in found:
        try:
            yield Option(taken, piece, leaf.read(piece, "", 0), cost)
        except Malformed:
            continue


def numbers(leaf: Leaf, name: str, pieces: list[bytes], index: int, joiner: bytes) -> Iterator[tuple[int, bytes, int]]:
    """What a number may be: how many pieces, the bytes, the cost."""
    piece = pieces[index]
    following = pieces[index + 1 : index + 3] if joiner == b"-" else []
    signed = not piece and bool(following) and not isinstance(leaf, Bool)
    if signed and _UNSIGNED.fullmatch(following[0]):
        negative = b"-" + following[0]
        yield 2, negative, UNLIKELY if _ZERO.fullmatch(negative) else number_cost(name, negative)
    if len(following) == 2 and signed and _HALF_EXPONENT.fullmatch(following[0]):
        yield 3, b"-" + b"-".join(following), 0
    if following and _HALF_EXPONENT.fullmatch(piece):
        yield 2, piece + b"-" + following[0], 0
    odd = isinstance(leaf, Bool) and text_of(piece) not in leaf.words
    yield 1, piece, UNLIKELY if odd else int(signed and following[0][:1].isdigit()) + number_cost(name, piece)


def texts(name: str, pieces: list[bytes], index: int, joiner: bytes, behind: Todo | None) -> Iterator[tuple[int, bytes, int]]:
    """What a text may be: how many pieces, the bytes, the cost."""
    most = len(pieces) - index - (0 if behind is None else behind.least)
    counts = {*range(1, min(most, MOST_JOINED) + 1), most} if behind is not None else {1, most - 1, most}
    for count in sorted(counts):
        if 1 <= count <= most:
            text = joiner.join(pieces[index : index + count])
            at_edges = int(not pieces[index]) + int(not pieces[index + count - 1]) if count > 1 else 0
            yield count, text, text_cost(name, text, count - 1, at_edges)
