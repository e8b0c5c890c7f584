from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.wire.declaration import Many, Nested, Optional, Part, Record, Repeat, Since, Until, Version, When, text
from twsprobe.wire.emit import compile_layout
from twsprobe.wire.fields import MAX_DOUBLE, Bool, Double, EscapedString, Int, String
from twsprobe.wire.layout import (
    IS_POSITIVE,
    IS_SET,
    IS_TRUE,
    Ended,
    Layout,
    TextReader,
    TextWriter,
    Values,
    at_least,
    lookup,
    one_of,
    place,
)
from twsprobe.wire.layout import Test as Condition  # pytest collects what is called Test
from twsprobe.wire.tokens import Malformed, Piece
from twsprobe.wire.versions import ServerVersion as V

ROW = Record("Row", "a" / Int(1), "b" / String(2))
ALL = Record(
    "All",
    "i" / Int(1),
    "d" / Double(2),
    "s" / String(3),
    "e" / EscapedString(4),
    "f" / Bool(5),
    "row" / Nested(ROW, 6),
    "rows" / Many(ROW, 7),
    "numbers" / Many(Int(), 8),
)


def layout(*parts: Part, version: int = 176) -> Layout:
    return text(ALL, *parts).at(version)


def bars(data: str | bytes) -> bytes:
    return (data.encode() if isinstance(data, str) else data).replace(b"|", b"\0")


def read(found: Layout, data: str | bytes) -> tuple[Values, TextReader, list[Piece]]:
    reader, trace = TextReader(bars(data)), list[Piece]()
    reader.trace = trace
    return found._parse(reader, None, ""), reader, trace


def built(found: Layout, values: Values, **keywords: Any) -> bytes:
    writer = TextWriter(**keywords)
    found._build(dict(values), writer, None, "")
    return writer.getvalue()


def test_every_value_is_traced_to_its_bytes() -> None:
    found = layout(Version(2), "i", Optional("row", "a b"), Repeat("rows", "a"), Repeat("numbers"))
    data = "2|007|1|5|é|1|8|2|-1||"
    _, _, trace = read(found, data)
    assert [(piece.path, bars(data)[piece.start : piece.end].decode()) for piece in trace] == [
        ("version", "2"),
        ("i", "007"),
        ("has(row)", "1"),
        ("row.a", "5"),
        ("row.b", "é"),
        ("len(rows)", "1"),
        ("rows[0].a", "8"),
        ("len(numbers)", "2"),
        ("numbers[0]", "-1"),
        ("numbers[1]", ""),
    ]


@pytest.mark.parametrize(
    ("data", "values", "ended"),
    [
        ("", {}, "i"),
        ("1|", {"i": 1}, "row.a"),
        ("1", {"i": 1}, "row.a"),
        ("1|2|", {"i": 1, "row": {"a": 2}}, "len(rows)"),
        ("1|2|2|3|x|", {"i": 1, "row": {"a": 2}, "rows": [{"a": 3, "b": "x"}, {}]}, "rows[1].a"),
        ("1|2|2|3|x|4|", {"i": 1, "row": {"a": 2}, "rows": [{"a": 3, "b": "x"}, {"a": 4}]}, "rows[1].b"),
        ("1|2|1|3|x|", {"i": 1, "row": {"a": 2}, "rows": [{"a": 3, "b": "x"}]}, "len(numbers)"),
        ("1|2|0|2|5|", {"i": 1, "row": {"a": 2}, "rows": [], "numbers": [5]}, "numbers[1]"),
        ("1|2|0|0", {"i": 1, "row": {"a": 2}, "rows": [], "numbers": []}, None),
    ],
)
def test_a_short_message_gives_what_it_has(data: str, values: Values, ended: str | None) -> None:
    found, reader, _ = read(layout("i row.a", Repeat("rows", "a b"), Repeat("numbers")), data)
    assert (found, reader.ended) == (values, ended)


def test_a_plain_stream_must_hold_all_of_a_layout() -> None:
    with pytest.raises(Ended, match="the message ends before this field"):
        layout("i s").parse(b"1\0")


@pytest.mark.parametrize(
    ("data", "path", "offset", "reason"),
    [
        ("x|", "i", 0, "'x' is not int32"),
        ("1|y|", "row.a", 2, "'y' is not int32"),
        ("1|2|x|", "len(rows)", 4, "'x' is not int32"),
        ("1|2|3|", "rows", 4, "3 elements are announced and 0 bytes are left"),
        ("1|2|99|3|x|", "rows", 4, "99 elements are announced and 4 bytes are left"),
        ("1|2|1|x|", "rows[0].a", 6, "'x' is not int32"),
        ("1|2|0|1|z|", "numbers[0]", 8, "'z' is not int32"),
    ],
)
def test_what_a_field_cannot_be_is_named_with_its_place(data: str, path: str, offset: int, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(layout("i row.a", Repeat("rows", "a b"), Repeat("numbers")), data)
    assert (caught.value.field, caught.value.offset, caught.value.reason) == (path, offset, reason)


@pytest.mark.parametrize("version", [100, 152, 153, 193, 194, 226])
def test_gates_follow_the_server_version(version: int) -> None:
    found = layout(Until(V.ERROR_TIME, Version(2)), Since(V.ENCODE_MSG_ASCII7, "i"), "e", version=version)
    expected = ["version"] * (version < 194) + ["i"] * (version >= 153) + ["e"]
    assert [piece.path for piece in read(found, "1|1|1|")[2]] == expected
    assert built(found, {"e": "é"}).endswith(b"\\u00e9\0" if version >= 153 else "é\0".encode())


def test_gates_inside_other_parts_are_folded_too() -> None:
    gated = Since(V.PROTOBUF, "b")
    parts = (When("i", IS_SET, Since(V.PROTOBUF, "s")), Optional("row", "a", gated), Repeat("rows", "a", gated))
    values = {"i": 1, "s": "x", "row": {"a": 1, "b": "y"}, "rows": [{"a": 2, "b": "z"}]}
    assert built(layout("i", *parts, version=200), values) == bars("1|1|1|1|2|")
    assert built(layout("i", *parts, version=201), values) == bars("1|x|1|1|y|1|2|z|")


# Values that a leaf takes, some of which are not the same when they are read back.
given_values = st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.decimals() | st.sampled_from([2**31 - 1, MAX_DOUBLE])
TESTS = [IS_SET, IS_TRUE, IS_POSITIVE, one_of(1), one_of("a", "b"), one_of(1, 3, 7), at_least(2), at_least(0)]
HOLDS: list[tuple[Condition, Any, bool]] = [
    (IS_SET, None, False),
    (IS_SET, "", False),
    (IS_SET, [], False),
    (IS_SET, 0, True),
    (IS_SET, "x", True),
    (IS_SET, [0], True),
    (IS_TRUE, True, True),
    (IS_TRUE, False, False),
    (IS_TRUE, None, False),
    (IS_POSITIVE, None, False),
    (IS_POSITIVE, 0.0, False),
    (IS_POSITIVE, -1.0, False),
    (IS_POSITIVE, 0.25, True),
    (IS_POSITIVE, float("nan"), False),
    (one_of(1, 3), 3, True),
    (one_of(1, 3), None, False),
    (one_of("a"), "a", True),
    (at_least(2), 2, True),
    (at_least(2), 1, False),
    (at_least(2), None, False),
]


@pytest.mark.parametrize(("test", "value", "holds"), HOLDS)
def test_a_condition_holds(test: Condition, value: Any, holds: bool) -> None:
    assert test.holds(value) is holds


@given(st.sampled_from(["i", "d", "f"]), st.sampled_from(TESTS), given_values)
def test_a_condition_says_the_same_to_writer_and_reader(name: str, test: Condition, value: Any) -> None:
    found = layout(name, When(name, test, "row.b"))
    try:
        payload = built(found, {name: value, "row": {"b": "there"}})
    except Malformed:
        return
    values, reader, _ = read(found, payload)
    assert reader.ended is None
    assert reader.tell() == len(payload)
    assert ("row" in values) is payload.endswith(b"there\0")
    assert repr(compile_layout(found)(payload.decode().split("\0"), 0)[0]) == repr(values)


def test_an_empty_list_is_not_set() -> None:
    found = layout(Repeat("numbers"), When("numbers", IS_SET, "s"))
    assert built(found, {"numbers": (), "s": "x"}) == built(found, {"numbers": [], "s": "x"}) == built(found, {"s": "x"}) == bars("0|")
    assert built(found, {"numbers": (1,), "s": "x"}) == bars("1|1|x|")


@pytest.mark.parametrize(
    ("values", "path", "reason"),
    [
        ({"i": "1"}, "i", "'1' is not int32"),
        ({"row": {"a": 1.5}}, "row.a", "1.5 is not int32"),
        ({"rows": {"a": 1}}, "rows", "a list is wanted, not dict"),
        ({"rows": "ab"}, "rows", "a list is wanted, not str"),
        ({"rows": 5}, "rows", "a list is wanted, not int"),
        ({"rows": iter([{}])}, "rows", "a list is wanted, not list_iterator"),
        ({"rows": [5]}, "rows[0]", "a dict is wanted, not int"),
        ({"rows": [{}, {"a": "x"}]}, "rows[1].a", "'x' is not int32"),
        ({"numbers": [1, "2"]}, "numbers[1]", "'2' is not int32"),
        ({"numbers": {1}}, "numbers", "a list is wanted, not set"),
        ({"version": "2"}, "version", "'2' is not int32"),
    ],
)
def test_values_of_the_wrong_shape_are_named(values: Values, path: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        built(layout(Version(2), "i row.a", Repeat("rows", "a b"), Repeat("numbers")), values)
    assert (caught.value.field, caught.value.reason) == (path, reason)


def test_what_is_unset_is_written_as_such() -> None:
    found = layout(Version(2), "i s", Optional("row", "a"), Repeat("rows", "a"), Repeat("numbers"))
    assert built(found, {}) == bars("2|||0|0|0|")
    assert built(found, {"version": 1, "row": {}, "rows": (), "numbers": [None]}) == bars("1|||1||0|1||")


def test_an_earlier_spelling_is_kept_while_it_means_the_same() -> None:
    found = layout("i d", Repeat("numbers"), Optional("row", "b"))
    spelling = {"i": b"007", "d": b"1.50", "len(numbers)": b"02", "numbers[0]": b"+1", "has(row)": b"true", "row.b": b"\xff"}
    values: Values = {"i": 7, "d": 1.5, "numbers": [1, 2], "row": {"b": "ÿ"}}
    assert built(found, values, spelling=spelling) == b"007\x001.50\x0002\0+1\x002\0true\0\xff\0"
    changed: Values = {"i": 8, "d": 1.25, "numbers": [3], "row": {"b": "y"}}
    assert built(found, changed, spelling=spelling) == b"8\x001.25\x001\x003\0true\0y\0"
    assert built(found, {}, spelling=spelling) == b"\0\x000\x000\0"


def test_a_short_message_stays_short_where_nothing_was_added() -> None:
    found = layout(Version(2), "i s", Optional("row", "a"), Repeat("numbers"))
    spelling = {"version": b"2", "i": b"1"}
    assert built(found, {"version": 2, "i": 1}, spelling=spelling, short=True) == b"2\x001\0"
    assert built(found, {"version": 2, "i": 1, "s": "x"}, spelling=spelling, short=True) == b"2\x001\0x\0"
    assert built(found, {}, spelling={}, short=True) == b""


def test_a_layout_is_a_construct_that_parses_builds_and_compiles() -> None:
    found = layout(Version(2), "i", Repeat("rows", "a"))
    for form in (found, found.compile()):
        assert form.parse(bars("2|1|1|5|")) == {"version": 2, "i": 1, "rows": [{"a": 5}]}
        assert form.build({"i": 1, "rows": [{"a": 5}]}) == bars("2|1|1|5|")


def test_places_are_looked_up_as_they_were_set() -> None:
    values: Values = {}
    place(values, ("a", "b"), 1)
    place(values, ("a", "c"), 2)
    assert values == {"a": {"b": 1, "c": 2}}
    assert (lookup(values, ("a", "c")), lookup(values, ("a", "x")), lookup(values, ("a", "b", "c"))) == (2, None, None)
