import math
from decimal import Decimal as D
from struct import Struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import Maker, examples, is_read_back, makers
from twsprobe.wire.fields import (
    Bool,
    Conjunction,
    Decimal,
    Double,
    EscapedString,
    Int,
    Leaf,
    Long,
    Reading,
    SpelledOutDouble,
    SpelledOutInt,
    String,
    TagValues,
)
from twsprobe.wire.message import TEXT
from twsprobe.wire.tokens import FIXED32, FIXED64, LENGTH_DELIMITED, MAX_FIELDS, VARINT, Malformed
from twsprobe.wire.versions import ServerVersion

LEAVES: list[Leaf] = [Int(), SpelledOutInt(), Long(), Bool(), Conjunction(), Double(), SpelledOutDouble(), Decimal(), String()]
LEAVES += [EscapedString(), TagValues()]
DOUBLE = Struct("<d")
MINUS = 2**64

# What a text field says, and what is written for that; None where writing gives the same.
READ: list[tuple[Leaf, str, Any, str | None]] = [
    (Int(), "", None, None),
    (Int(), "2147483647", None, ""),
    (Int(), "0", 0, None),
    (Int(), "-1", -1, None),
    (Int(), "007", 7, "7"),
    (Int(), "+5", 5, "5"),
    (Int(), "-0", 0, "0"),
    (Int(), "2147483648", 2**31, None),
    (Int(), "-9223372036854775808", -(2**63), None),
    (SpelledOutInt(), "2147483647", None, None),
    (SpelledOutInt(), "", None, "2147483647"),
    (SpelledOutInt(), "3", 3, None),
    (Long(), "", None, None),
    (Long(), "9223372036854775807", None, ""),
    (Long(), "2147483647", 2**31 - 1, None),
    (Long(), "-9223372036854775808", -(2**63), None),
    (Bool(), "", None, None),
    (Bool(), "0", False, None),
    (Bool(), "1", True, None),
    (Bool(), "false", False, "0"),
    (Bool(), "true", True, "1"),
    (Bool(), "2", True, "1"),
    (Bool(), "-1", True, "1"),
    (Bool(), "00", False, "0"),
    (Conjunction(), "a", True, None),
    (Conjunction(), "o", False, None),
    (Conjunction(), "", None, None),
    (Conjunction(), "n", None, ""),
    (Double(), "", None, None),
    (Double(), "1.7976931348623157E308", None, ""),
    (Double(), "1.7976931348623157e+308", None, ""),
    (SpelledOutDouble(), "1.7976931348623157E308", None, "1.7976931348623157e+308"),
    (SpelledOutDouble(), "", None, "1.7976931348623157e+308"),
    (SpelledOutDouble(), "0.5", 0.5, None),
    (Double(), "1.50", 1.5, "1.5"),
    (Double(), "1e-05", 1e-05, None),
    (Double(), "1E22", 1e22, "1e+22"),
    (Double(), "-0.0", -0.0, None),
    (Double(), "Infinity", math.inf, None),
    (Double(), "-Infinity", -math.inf, None),
    (Double(), "1e400", math.inf, "Infinity"),
    (Double(), "NaN", math.nan, "nan"),
    (Decimal(), "", None, None),
    (Decimal(), "2147483647", None, ""),
    (Decimal(), "9223372036854775807", None, ""),
    (Decimal(), "-9223372036854775808", None, ""),
    (Decimal(), "1.7976931348623157E308", None, ""),
    (Decimal(), "170141183460469231731687303715884105727", None, ""),
    (Decimal(), "1.50", D("1.50"), None),
    (Decimal(), "1E+3", D("1E+3"), None),
    (Decimal(), "1e3", D("1E+3"), "1E+3"),
    (Decimal(), "-0.00", D("-0.00"), None),
    (Decimal(), "12345678901234567890.123456789", D("12345678901234567890.123456789"), None),
    (String(), "", "", None),
    (String(), "2147483647", "2147483647", None),
    (String(), r"\u00e9", r"\u00e9", None),
    (TagValues(), "", None, None),
    (TagValues(), ";;", None, ""),
    (TagValues(), "a=1;b=;", [{"tag": "a", "value": "1"}, {"tag": "b", "value": ""}], None),
    (TagValues(), "a=b=c;=;d", [{"tag": "a", "value": "b=c"}, {"tag": "", "value": ""}, {"tag": "d"}], "a=b=c;=;d;"),
    (EscapedString(), "", "", None),
    (EscapedString(), r"B\u00F6rse", "Börse", r"B\u00f6rse"),
    (EscapedString(), "Börse", "Börse", r"B\u00f6rse"),
    (EscapedString(), r"\ud83d\ude00", "😀", None),
    (EscapedString(), r"\u005cu00e9", r"\u00e9", None),
    (EscapedString(), r"\u0000", "\0", None),
    (EscapedString(), r"\u00e", r"\u00e", None),
    (EscapedString(), r"\n \x41 \\", r"\n \x41 \\", None),
]
HALF_PAIRS = (r"\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83d A", r"\ud83d\ud83d")
NO_NUMBERS = ("x", "1_000", "\uff11", "\u0663", "-", "1,5", "0x10", "1 2", "\u00a01", "--1")
REFUSED_TEXT: list[tuple[Leaf, tuple[str, ...]]] = [
    (Int(), (*NO_NUMBERS, "1.5", "1e3", "nan", "9223372036854775808", "-9223372036854775809", "9" * 5000)),
    (Long(), (*NO_NUMBERS, "1.0", "9223372036854775808")),
    (Bool(), (*NO_NUMBERS, "yes", "True", "1.0")),
    (Conjunction(), (*NO_NUMBERS, "A", "and")),
    (Double(), (*NO_NUMBERS, "Infinite", "1d", "0x1p3")),
    (Decimal(), (*NO_NUMBERS, "nan", "Infinity", "sNaN", "1e9999999999999999999")),
]
LARGE = 10**5000
UNJOINABLE = [[{"tag": tag, "value": value}] for tag, value in (("a;", ""), ("a=b", ""), ("a", ";"), ("a", "\0"))]
REFUSED_VALUES: list[tuple[Leaf, tuple[Any, ...]]] = [
    (Int(), ("1", 1.0, D(1), [], {}, b"1", 2**63, -(2**63) - 1, LARGE)),
    (Long(), ("1", 1.0, 2**63, LARGE)),
    (Bool(), ("1", 1.0, 2, -1, [], "")),
    (Conjunction(), ("a", 2, 1.0)),
    (Double(), ("1.5", [], b"", 1j, LARGE, D("sNaN"))),
    (Decimal(), (1.5, True, "x", "nan", "", D("Infinity"), D("sNaN"), b"1", [], LARGE, "1_0", "\uff11")),
    (String(), (1, b"a", [], "a\0b", "\ud800", "\udc80")),
    (EscapedString(), (1, b"a", [], "\ud800", "a\udc80")),
    (TagValues(), (1, "a=1;", ["a"], [{}], [{"tag": 1}], [{"tag": "a", "value": 1}], [{"tag": "a", "x": "1"}], [{"tag": ""}], *UNJOINABLE)),
]
# What protobuf holds, and the value; the same is written back unless another is given.
WIRE: list[tuple[Leaf, Any, Any, Any]] = [
    (Int(1), 7, 7, 7),
    (Int(1), 2**31 - 1, 2**31 - 1, 2**31 - 1),
    (Int(1), MINUS - 1, -1, MINUS - 1),
    (Int(1), 2**32 - 1, -1, MINUS - 1),
    (Int(1), 2**32 + 5, 5, 5),
    (Int(1), 2**31, -(2**31), MINUS - 2**31),
    (Long(1), 2**63 - 1, 2**63 - 1, 2**63 - 1),
    (Long(1), MINUS - 1, -1, MINUS - 1),
    (Bool(1), 0, False, 0),
    (Bool(1), 1, True, 1),
    (Bool(1), 2**63, True, 1),
    (Conjunction(1), 1, True, 1),
    (Double(1), DOUBLE.pack(1.5), 1.5, DOUBLE.pack(1.5)),
    (Double(1), DOUBLE.pack(1.7976931348623157e308), 1.7976931348623157e308, DOUBLE.pack(1.7976931348623157e308)),
    (Double(1), DOUBLE.pack(-math.inf), -math.inf, DOUBLE.pack(-math.inf)),
    (Decimal(1), b"1.50", D("1.50"), b"1.50"),
    (String(1), "é\0".encode(), "é\0", "é\0".encode()),
    (EscapedString(1), rb"\u00e9", r"\u00e9", rb"\u00e9"),
]
REFUSED_WIRE: list[tuple[Leaf, tuple[bytes, ...]]] = [
    (Decimal(1), (b"x", b"nan", b"\xff", b"1_0")),
    (String(1), (b"\xff", b"\xed\xa0\x80", b"\xc3")),
]
REFUSED_FOR_WIRE: list[tuple[Leaf, tuple[Any, ...]]] = [
    (Int(1), (2**31, -(2**31) - 1, "1", 1.0, None, LARGE)),
    (Long(1), (2**63, "1", None)),
    (Bool(1), (2, "1", None)),
    (Double(1), ("1", None, LARGE, D("sNaN"))),
    (Decimal(1), (1.5, None, "x", D("NaN"))),
    (String(1), (1, None, b"a", "\ud800")),
]


def named(leaf: Leaf) -> str:
    return type(leaf).__name__


@pytest.mark.parametrize(("leaf", "text", "value", "written"), READ, ids=lambda value: named(value) if isinstance(value, Leaf) else None)
def test_text_says(leaf: Leaf, text: str, value: Any, written: str | None) -> None:
    assert repr(leaf.read(text.encode(), "", 0)) == repr(value)
    assert leaf.write(value, "") == (text if written is None else written).encode() + b"\0"


@pytest.mark.parametrize(("leaf", "texts"), REFUSED_TEXT, ids=lambda value: named(value) if isinstance(value, Leaf) else "")
def test_text_that_says_nothing_is_refused(leaf: Leaf, texts: tuple[str, ...]) -> None:
    for text in texts:
        with pytest.raises(Malformed, match=rf"is not {leaf.type_name}$") as caught:
            leaf.read(text.encode(), "a.b", 7)
        assert (caught.value.field, caught.value.offset) == ("a.b", 7)


@pytest.mark.parametrize(("leaf", "values"), REFUSED_VALUES, ids=lambda value: named(value) if isinstance(value, Leaf) else "")
def test_values_that_text_cannot_hold_are_refused(leaf: Leaf, values: tuple[Any, ...]) -> None:
    for value in values:
        with pytest.raises(Malformed, match=rf"is not {leaf.type_name}$") as caught:
            leaf.write(value, "a.b")
        assert caught.value.field == "a.b"


@pytest.mark.parametrize("text", HALF_PAIRS)
def test_half_a_pair_stands_for_nothing(text: str) -> None:
    assert EscapedString().from_text(text) == text


def test_text_that_is_not_utf_8_is_shown_one_character_a_byte() -> None:
    assert String().read("中国".encode("gbk"), "", 0) == "ÖÐ¹ú"
    with pytest.raises(Malformed, match=r"'1ÿ' is not int32"):
        Int().read(b"1\xff", "", 0)


def test_text_is_escaped_from_its_gate_on() -> None:
    gate = ServerVersion.ENCODE_MSG_ASCII7
    leaf = EscapedString(3, "what happened", ServerVersion.PROTOBUF)
    assert (leaf.at(gate - 1).write("é", ""), leaf.at(gate).write("é", "")) == ("é\0".encode(), b"\\u00e9\0")
    before = leaf.at(gate - 1)
    assert (before.number, before.meaning, before.since) == (3, "what happened", ServerVersion.PROTOBUF)
    assert all(other.at(gate - 1) is other for other in LEAVES if not isinstance(other, EscapedString))


@examples(2)
@given(st.text())
def test_any_text_is_escaped_so_that_it_is_read_back(text: str) -> None:
    written = EscapedString().to_text(text)
    assert written.isascii()
    assert EscapedString().from_text(written) == text


@examples(3)
@given(makers)
def test_a_value_is_read_back_as_it_was_written(maker: Maker) -> None:
    for leaf in LEAVES:
        assert is_read_back(leaf, maker.scalar(leaf, TEXT))


@examples(2)
@given(st.binary(max_size=20).map(lambda piece: piece.replace(b"\0", b"")))
def test_reading_text_gives_a_value_that_can_be_written_or_is_malformed(piece: bytes) -> None:
    for leaf in LEAVES:
        try:
            value = leaf.read(piece, "", 0)
        except Malformed:
            continue
        assert is_read_back(leaf, value)


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.lists(st.none())
    | st.complex_numbers()
)


@examples(2)
@given(anything)
def test_writing_anything_gives_bytes_or_is_malformed(value: Any) -> None:
    for leaf in LEAVES:
        try:
            written = leaf.write(value, "")
        except Malformed:
            pass
        else:
            assert written.endswith(b"\0")
            assert b"\0" not in written[:-1]
        try:
            raw = leaf.raw(value, "")
        except Malformed:
            continue
        assert 0 <= raw < 2**64 if leaf.wire_type == VARINT else isinstance(raw, bytes)


@pytest.mark.parametrize(("leaf", "raw", "value", "written"), WIRE, ids=lambda value: named(value) if isinstance(value, Leaf) else None)
def test_protobuf_holds(leaf: Leaf, raw: Any, value: Any, written: Any) -> None:
    assert repr(leaf.from_wire(raw)) == repr(value)
    assert leaf.raw(value, "") == written


def test_a_decimal_without_digits_is_unset() -> None:
    assert Decimal(1).from_wire(b"") is None


@pytest.mark.parametrize(("leaf", "raws"), REFUSED_WIRE, ids=lambda value: named(value) if isinstance(value, Leaf) else "")
def test_what_protobuf_holds_and_cannot_be_read_is_refused(leaf: Leaf, raws: tuple[bytes, ...]) -> None:
    for raw in raws:
        with pytest.raises((ValueError, ArithmeticError)):
            leaf.from_wire(raw)


@pytest.mark.parametrize(("leaf", "values"), REFUSED_FOR_WIRE, ids=lambda value: named(value) if isinstance(value, Leaf) else "")
def test_values_that_protobuf_cannot_hold_are_refused(leaf: Leaf, values: tuple[Any, ...]) -> None:
    for value in values:
        with pytest.raises(Malformed, match=rf"is not {leaf.type_name}$"):
            leaf.raw(value, "a.b")


def test_a_leaf_accepts_its_own_wire_type_alone() -> None:
    accepted = {named(leaf): [kind for kind in (VARINT, FIXED64, LENGTH_DELIMITED, FIXED32) if leaf.accepts(kind)] for leaf in LEAVES}
    assert accepted == {named(leaf): [leaf.wire_type] for leaf in LEAVES}


def test_a_leaf_is_a_construct_of_one_text_field() -> None:
    assert Int().parse(b"007\0rest") == 7
    assert Int().build(7) == b"7\0"
    with pytest.raises(Malformed, match="the message ends before this field"):
        Int().parse(b"007")


def test_fields_are_counted() -> None:
    reading = Reading(b"", None)
    for _ in range(MAX_FIELDS):
        reading.count("a", 7)
    with pytest.raises(Malformed, match="has more than 1,000,000 fields") as caught:
        reading.count("a", 7)
    assert (caught.value.field, caught.value.offset) == ("a", 7)


def test_more_tags_than_a_message_may_have_fields_are_refused() -> None:
    with pytest.raises(Malformed, match="is not list of tags and values"):
        TagValues().read(b"a;" * (MAX_FIELDS + 1), "a", 0)


def test_a_leaf_without_a_form_refuses_everything() -> None:
    with pytest.raises(ValueError, match=r"^x$"):
        Leaf().from_text("x")
    with pytest.raises(ValueError, match=r"^x$"):
        Leaf().to_text("x")
    assert (Leaf().from_wire(b"x"), Leaf().to_wire(b"x")) == (b"x", b"x")
