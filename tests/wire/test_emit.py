from random import Random
from typing import Any

import pytest
from hypothesis import given

from tests.wire.generate import Maker, examples, makers, randoms, versions
from twsprobe.wire.declaration import As, Many, Nested, Optional, Part, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.emit import compile_layout
from twsprobe.wire.fields import Bool, Decimal, Double, EscapedString, Int, Long, String, TagValues
from twsprobe.wire.layout import IS_POSITIVE, IS_SET, IS_TRUE, Layout, TextReader, TextWriter, Values, at_least, one_of
from twsprobe.wire.tokens import Malformed
from twsprobe.wire.versions import ServerVersion

SURPRISES = (ValueError, IndexError, ArithmeticError)
ROW = Record("Row", "a" / Int(1), "b" / String(2), "c" / Bool(3), "numbers" / Many(Int(), 4))
EVERYTHING = Record(
    "Everything",
    "i" / Int(1),
    "l" / Long(2),
    "d" / Double(3),
    "q" / Decimal(4),
    "s" / String(5),
    "e" / EscapedString(6),
    "f" / Bool(7),
    "row" / Nested(ROW, 8),
    "rows" / Many(ROW, 9),
    "numbers" / Many(Int(), 10),
    "texts" / Many(EscapedString(), 11),
)
TESTS = (
    ("i", at_least(2)),
    ("i", one_of(1, 7)),
    ("d", IS_POSITIVE),
    ("s", IS_SET),
    ("s", one_of("USD", "x")),
    ("f", IS_TRUE),
    ("row.a", one_of(1)),
    ("row.c", IS_TRUE),
    ("rows", IS_SET),
    ("numbers", IS_SET),
)


def random_parts(draw: Random, left: list[str], depth: int = 0) -> list[Part]:
    """Parts that place each of some fields at most once, in any order and nested in any way."""
    found: list[Part] = []
    while left and draw.random() < 0.85:
        kind = draw.randrange(8) if depth < 3 else 0
        gate = draw.choice(list(ServerVersion))
        if kind == 1:
            found.append(Since(gate, *random_parts(draw, left, depth + 1)))
        elif kind == 2:
            found.append(Until(gate, *random_parts(draw, left, depth + 1)))
        elif kind == 3:
            found.append(When(*draw.choice(TESTS), *random_parts(draw, left, depth + 1)))
        else:
            found.append(placed(left.pop(draw.randrange(len(left))), draw, gate))
    return found


def placed(name: str, draw: Random, gate: ServerVersion) -> Part:
    if name == "row":
        return draw.choice(
            (Under("row", "a b"), Optional("row", "a c"), Optional("row", Since(gate, "b")), Optional("row", Repeat("numbers")))
        )
    if name == "rows":
        return Repeat("rows", draw.choice(("a b", When("a", one_of(1), "b"), Since(gate, "c"), Repeat("numbers"))), "c")
    if name == "i":
        return draw.choice(("i", As("i", Long())))
    return Repeat(name) if name in ("numbers", "texts") else name


def random_layout(draw: Random) -> Layout:
    begin: tuple[Part, ...] = draw.choice(((), (Version(3), When("version", at_least(3), "i"))))
    names = [name for name in EVERYTHING.fields if not begin or name != "i"]
    return text(EVERYTHING, *begin, *random_parts(draw, names))


def written(layout: Layout, values: Values) -> bytes:
    writer = TextWriter()
    layout._build(dict(values), writer, None, "")
    return writer.getvalue()


def interpreted(layout: Layout, payload: bytes) -> str | None:
    """The values as the slow path reads them; None where it finds anything odd."""
    reader = TextReader(payload)
    try:
        values = layout._parse(reader, None, "")
        payload.decode()
    except (Malformed, UnicodeDecodeError):
        return None
    clean = reader.ended is None and reader.tell() == len(payload) and (payload.endswith(b"\0") or not payload)
    return repr(values) if clean else None


def compiled(layout: Layout, payload: bytes) -> str | None:
    """The same of the fast path."""
    try:
        pieces = payload.decode().split("\0")
        values, used = compile_layout(layout)(pieces, 0)
    except SURPRISES:
        return None
    return repr(values) if used == len(pieces) - 1 and not pieces[used] else None


@examples(5)
@given(randoms, versions, makers)
def test_both_paths_agree_on_any_layout_and_any_payload(draw: Random, version: int, maker: Maker) -> None:
    layout = random_layout(draw).at(version)
    payload = written(layout, maker.layout(layout))
    assert compiled(layout, payload) == interpreted(layout, payload) is not None
    for _ in range(4):
        broken = maker.broken(payload)
        assert compiled(layout, broken) == interpreted(layout, broken)


def flat(*parts: Part) -> Any:
    return compile_layout(text(EVERYTHING, *parts).at(176))


def test_values_come_with_the_index_behind_the_last() -> None:
    assert flat("i s d")(["skipped", "7", "x", "", "left"], 1) == ({"i": 7, "s": "x", "d": None}, 4)


@pytest.mark.parametrize(
    ("parts", "pieces"),
    [
        (("i",), []),
        (("i s",), ["1"]),
        (("i",), ["x"]),
        (("q",), ["1e9999999999999999999"]),
        ((Repeat("numbers"),), []),
        ((Repeat("numbers"),), ["2", "1"]),
        ((Repeat("numbers"),), ["2147483646"]),
        ((Repeat("rows", "a"),), ["9223372036854775807"]),
        ((Repeat("rows", "a"),), ["2", "1"]),
        ((Optional("row", "a"),), ["1"]),
        ((Optional("row", "a"),), ["x", "1"]),
    ],
)
def test_every_surprise_raises(parts: tuple[Part, ...], pieces: list[str]) -> None:
    with pytest.raises(SURPRISES):
        flat(*parts)(pieces, 0)


@pytest.mark.parametrize("count", ["", "0", "-1", "2147483647", "-9223372036854775808"])
def test_a_count_of_none_or_less_is_an_empty_list(count: str) -> None:
    assert flat(Repeat("numbers"), "s")([count, "x"], 0) == ({"numbers": [], "s": "x"}, 2)
    assert flat(Repeat("rows", "a"), "s")([count, "x"], 0) == ({"rows": [], "s": "x"}, 2)


def test_values_that_can_be_changed_are_not_shared() -> None:
    flat = compile_layout(text(Record("R", "a" / String(1)), As("a", TagValues())))
    first, second = (flat(["x=1;", ""], 0)[0]["a"] for _ in range(2))
    assert first == second
    assert first is not second
