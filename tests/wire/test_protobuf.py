"""The protobuf wire format, by its own rules and against Google's implementation."""

import re
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import Maker, examples, makers
from tests.wire.google_protobuf import google_type, parsed_by_google, values_of
from twsprobe.wire.fields import Bool, Decimal, Double, Field, Int, Long, String
from twsprobe.wire.layout import TextReader, Values
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import DEEPEST, Many, Nested, Record
from twsprobe.wire.tokens import MAX_FIELDS, Malformed, Piece, UnknownField, tagged
from twsprobe.wire.versions import ServerVersion as V

INNER = Record("Inner", "a" / Int(1), "texts" / Many(String(), 2), "deep" / Nested(Record("Deep", "b" / Int(1), "c" / Int(2)), 3))
OUTER = Record(
    "Outer",
    "i" / Int(1),
    "l" / Long(2),
    "f" / Bool(3),
    "d" / Double(4),
    "q" / Decimal(5),
    "s" / String(6),
    "inner" / Nested(INNER, 7),
    "inners" / Many(INNER, 8),
    "ints" / Many(Int(), 9),
    "doubles" / Many(Double(), 10),
    "flags" / Many(Bool(), 11),
    "texts" / Many(String(), 12),
    "gated" / Int(16, since=V.CONFIG),
    "text" / String(None),
)
RECORDS = [OUTER, *{message.record.type_name: message.record for message in MESSAGES}.values()]

# Payloads and what they hold.
HELD: list[tuple[str, Values]] = [
    ("", {}),
    ("0800", {"i": 0}),
    ("08ffffffffffffffffff01", {"i": -1}),
    ("08ffffffff0f", {"i": -1}),
    ("10ffffffffffffffffff01", {"l": -1}),
    ("1802", {"f": True}),
    ("21000000000000f83f", {"d": 1.5}),
    ("2a04312e3530", {"q": D("1.50")}),
    ("2a00", {"q": None}),
    ("3203e8aa9e", {"s": "語"}),
    ("3a00", {"inner": {}}),
    ("3a020805", {"inner": {"a": 5}}),
    ("420042020805", {"inners": [{}, {"a": 5}]}),
    ("4803", {"ints": [3]}),
    ("480348044800", {"ints": [3, 4, 0]}),
    ("4a0403048001", {"ints": [3, 4, 128]}),
    ("48034a0204054806", {"ints": [3, 4, 5, 6]}),
    ("4a00", {"ints": []}),
    ("4a0affffffffffffffffff01", {"ints": [-1]}),
    ("5210000000000000f83f000000000000f0bf51000000000000f03f", {"doubles": [1.5, -1.0, 1.0]}),
    ("5a020001", {"flags": [False, True]}),
    ("62016162006201 62", {"texts": ["a", "", "b"]}),
    ("08010802", {"i": 2}),
    ("3a0208013a05120161203a", {"inner": {"a": 1, "texts": ["a"], "#4": [UnknownField(0, 58)]}}),
    ("3a0312016108053a050801120162", {"inner": {"a": 1, "texts": ["a", "b"]}, "i": 5}),
    ("3a041a0208013a041a021002", {"inner": {"deep": {"b": 1, "c": 2}}}),
    ("d00101", {"#26": [UnknownField(0, 1)]}),
    ("0d01020304", {"#1": [UnknownField(5, b"\1\2\3\4")]}),
    ("0a0178", {"#1": [UnknownField(2, b"x")]}),
    ("3801", {"#7": [UnknownField(0, 1)]}),
    ("f8ffffff0f01", {f"#{2**29 - 1}": [UnknownField(0, 1)]}),
    ("800101d00102800103", {"gated": 3, "#26": [UnknownField(0, 2)]}),
]
MALFORMED = {
    "08": ("", 1, "a varint runs over the end"),
    "080108": ("", 3, "a varint runs over the end"),
    "0b080113": ("", 0, "wire type 3 of field 1 does not exist"),
    "0c": ("", 0, "wire type 4 of field 1 does not exist"),
    "2a0178": ("q", 0, "b'x' is not decimal"),
    "2a034e614e": ("q", 0, "b'NaN' is not decimal"),
    "3201ff": ("s", 0, r"b'\xff' is not string"),
    "3a0108": ("inner", 3, "a varint runs over the end"),
    "3a0312056132026161": ("inner", 2, "field 2 of 5 bytes runs over the end"),
    "08013a030a0178ff": ("", 7, "a varint runs over the end"),
    "420042011a": ("inners[1]", 5, "a varint runs over the end"),
    "42031201ff": ("inners[0].texts[0]", 2, r"b'\xff' is not string"),
    "4a0180": ("ints[0]", 2, "a varint runs over the end"),
    "5209000000000000f83f00": ("doubles[0]", 10, "a packed double runs over the end"),
    "320a61": ("", 0, "field 6 of 10 bytes runs over the end"),
    "32ffffffff7f": ("", 0, "field 6 of 34359738367 bytes runs over the end"),
}


def parsed(record: Record, data: bytes) -> Values:
    found = record.parse(data)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("data", "values"), HELD)
def test_a_payload_holds(data: str, values: Values) -> None:
    assert parsed(OUTER, bytes.fromhex(data)) == values


@pytest.mark.parametrize("data", MALFORMED)
def test_what_is_malformed_is_named_with_its_place(data: str) -> None:
    with pytest.raises(Malformed) as caught:
        parsed(OUTER, bytes.fromhex(data))
    assert (caught.value.field, caught.value.offset, caught.value.reason) == MALFORMED[data]


def test_every_value_is_traced_to_its_bytes() -> None:
    reader, trace = TextReader(bytes.fromhex("0807 4207 120161 1a020805 4a020304")), list[Piece]()
    reader.trace = trace
    OUTER._parse(reader, None, "")
    assert trace == [Piece("i", 0, 2), Piece("inners[0].texts[0]", 4, 7), Piece("inners[0].deep.b", 9, 11), Piece("ints[0]", 11, 15)]


def recursive() -> Record:
    record = Record("Recursive", "i" / Int(1))
    leaf = Nested(record, 2)
    record.fields["inner"], record.by_number[2] = leaf, Field("inner", leaf)
    return record


def nested(depth: int) -> bytes:
    data = b"\x08\x01"
    for _ in range(depth):
        data = tagged(2, 2, data)
    return data


def test_records_nest_only_so_deep() -> None:
    values = parsed(recursive(), nested(DEEPEST))
    for _ in range(DEEPEST):
        values = values["inner"]
    assert values == {"i": 1}
    with pytest.raises(Malformed, match=f"records nest deeper than {DEEPEST}") as caught:
        parsed(recursive(), nested(DEEPEST + 1))
    assert caught.value.field == ".".join(["inner"] * (DEEPEST + 1))
    with pytest.raises(Malformed, match="records nest deeper"):
        parsed(recursive(), nested(20_000))


def test_fields_that_no_schema_has_are_not_entered() -> None:
    data = tagged(99, 2, nested(5_000))
    assert OUTER.build(parsed(OUTER, data)) == data


@pytest.mark.parametrize(
    "data",
    [b"\x08\x01" * MAX_FIELDS, tagged(9, 2, b"\x01" * (MAX_FIELDS - 1)), b"\x42\x02\x08\x01" * (MAX_FIELDS // 2)],
    ids=["fields", "packed", "records"],
)
def test_a_payload_has_only_so_many_fields(data: bytes) -> None:
    parsed(OUTER, data)
    with pytest.raises(Malformed, match="has more than 1,000,000 fields"):
        parsed(OUTER, data + b"\x08\x01")


@pytest.mark.parametrize(
    ("values", "data"),
    [
        ({}, ""),
        ({"i": None, "inner": None}, ""),
        ({"i": 0}, "0800"),
        ({"s": "", "i": -1}, "08ffffffffffffffffff013200"),
        ({"f": 1, "d": 2, "q": 3}, "18012100000000000000402a0133"),
        ({"q": "1.50"}, "2a04312e3530"),
        ({"inner": {}}, "3a00"),
        ({"inners": [{"a": 1}, {}], "ints": (3, 128)}, "4202080142004a03038001"),
        ({"ints": [], "texts": [], "inners": []}, ""),
        ({"texts": ["a", ""]}, "6201616200"),
        ({"#26": [UnknownField(0, 1), UnknownField(2, b"x")], "i": 1}, "0801d00101d2010178"),
        ({"inner": {"#9": [UnknownField(5, b"abcd")], "a": 1}}, "3a0708014d61626364"),
    ],
)
def test_values_are_written(values: Values, data: str) -> None:
    assert OUTER.build(values).hex() == data


@pytest.mark.parametrize(
    ("values", "path", "reason"),
    [
        ([], "", "a dict is wanted, not list"),
        ({"x": 1}, "x", "Outer has no such protobuf field"),
        ({"x": None}, "x", "Outer has no such protobuf field"),
        ({"text": "x"}, "text", "Outer has no such protobuf field"),
        ({5: 1}, "5", "Outer has no such protobuf field"),
        ({"inner": {"x": 1}}, "inner.x", "Inner has no such protobuf field"),
        ({"inner": []}, "inner", "a dict is wanted, not list"),
        ({"inners": {}}, "inners", "a list is wanted, not dict"),
        ({"inners": "ab"}, "inners", "a list is wanted, not str"),
        ({"inners": [{}, None]}, "inners[1]", "a dict is wanted, not NoneType"),
        ({"ints": 5}, "ints", "a list is wanted, not int"),
        ({"ints": [1, 2**31]}, "ints[1]", "2147483648 is not int32"),
        ({"ints": [None]}, "ints[0]", "None is not int32"),
        ({"i": "1"}, "i", "'1' is not int32"),
        ({"i": 2**31}, "i", "2147483648 is not int32"),
        ({"l": 2**63}, "l", "9223372036854775808 is not int64"),
        ({"inners": [{"deep": {"b": 1.5}}]}, "inners[0].deep.b", "1.5 is not int32"),
        ({"s": "\ud800"}, "s", r"'\ud800' is not string"),
    ],
)
def test_values_that_cannot_be_written_are_named(values: Any, path: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        OUTER.build(values)
    assert (caught.value.field, caught.value.reason) == (path, reason)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("#0", [UnknownField(0, 1)]),
        ("#-1", [UnknownField(0, 1)]),
        (f"#{2**29}", [UnknownField(0, 1)]),
        ("#", [UnknownField(0, 1)]),
        ("#x", [UnknownField(0, 1)]),
        ("#007", [UnknownField(0, 1)]),
        ("#1", [UnknownField(3, b"")]),
        ("#1", [UnknownField(7, b"")]),
        ("#1", [UnknownField(0, -1)]),
        ("#1", [UnknownField(0, 2**64)]),
        ("#1", [UnknownField(0, b"x")]),
        ("#1", [UnknownField(1, b"short")]),
        ("#1", [UnknownField(1, 10**12)]),
        ("#1", [UnknownField(5, b"12345")]),
        ("#1", [UnknownField(2, 5)]),
        ("#1", [5]),
        ("#1", 5),
        ("#1", None),
    ],
)
def test_unknown_fields_that_could_not_be_read_again_are_refused(name: str, held: Any) -> None:
    with pytest.raises(Malformed, match=r"a list of UnknownField under #<number> is wanted") as caught:
        OUTER.build({name: held})
    assert caught.value.field == name


def test_a_gate_holds_for_writing_at_a_version() -> None:
    assert OUTER.written({"gated": 1}, "", V.CONFIG, {}) == OUTER.written({"gated": 1}, "", None, {}) == b"\x80\x01\x01"
    with pytest.raises(Malformed, match=r"needs server version 219 \(CONFIG\)") as caught:
        OUTER.written({"gated": 1}, "", V.CONFIG - 1, {})
    assert caught.value.field == "gated"


def test_an_earlier_spelling_is_kept_while_it_means_the_same() -> None:
    spelling = {"i": bytes.fromhex("08878000"), "f": bytes.fromhex("1802"), "q": bytes.fromhex("2a00")}
    assert OUTER.written({"i": 7, "f": True, "q": None}, "", None, spelling) == b"".join(spelling.values())
    assert OUTER.written({"i": 8, "f": False, "q": 1}, "", None, spelling) == bytes.fromhex("080818002a0131")


def test_the_shape_of_values_is_checked() -> None:
    OUTER.check({"text": 1, "inner": {"a": "any"}, "inners": ({}, {"deep": None}), "ints": [object()], "i": None}, "")


@pytest.mark.parametrize(
    ("values", "path", "reason"),
    [
        (5, "m", "a dict is wanted, not int"),
        ({"x": None}, "m.x", "Outer has no such field"),
        ({3: None}, "m.3", "Outer has no such field"),
        ({"inner": []}, "m.inner", "a dict is wanted, not list"),
        ({"inner": {"deep": {"x": 1}}}, "m.inner.deep.x", "Deep has no such field"),
        ({"inners": {}}, "m.inners", "a list is wanted, not dict"),
        ({"inners": [{}, {"x": 1}]}, "m.inners[1].x", "Inner has no such field"),
        ({"ints": 5}, "m.ints", "a list is wanted, not int"),
    ],
)
def test_values_of_another_shape_are_named(values: Any, path: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        OUTER.check(values, "m")
    assert (caught.value.field, caught.value.reason) == (path, reason)


def test_a_record_knows_its_leaves_by_path() -> None:
    assert OUTER.leaf(("inner", "deep", "b")) is OUTER.leaf(("inner",)).record.leaf(("deep", "b"))  # type: ignore[attr-defined]  # a Nested
    for path in (("x",), ("inner", "x"), ("i", "x"), ("inners", "a")):
        with pytest.raises(KeyError):
            OUTER.leaf(path)


def test_two_fields_of_one_number_are_an_error_where_they_are_declared() -> None:
    with pytest.raises(ValueError, match="Twice has two fields 1"):
        Record("Twice", "a" / Int(1), "b" / Int(1))


def test_types_are_named_for_people() -> None:
    names = {name: leaf.type_name for name, leaf in OUTER.fields.items() if isinstance(leaf, (Nested, Many))}
    assert names == {
        "inner": "Inner",
        "inners": "list of Inner",
        "ints": "list of int32",
        "doubles": "list of double",
        "flags": "list of bool",
        "texts": "list of string",
    }
    for leaf in (OUTER.fields["inner"], OUTER.fields["ints"]):
        with pytest.raises(ValueError, match=r"^x$"):
            leaf.from_text("x")
        with pytest.raises(TypeError, match=r"^x$"):
            leaf.to_text("x")


def comparable(value: Any) -> Any:
    """Without the order of keys, and without lists of nothing, which Google does not tell from absent ones."""
    if isinstance(value, dict):
        return sorted((name, comparable(held)) for name, held in value.items() if held != [])
    if isinstance(value, list):
        return [comparable(one) for one in value]
    return repr(value)


OURS_ALONE_REFUSES = ("wire type 3", "wire type 4", "is not decimal", "0 is not a field number")
"""Groups; decimals, which are strings to Google; and field 0, which Google lets pass in a record without fields."""


LONG_VARINT = re.compile(rb"[\x80-\xff]{5}")


def check_same(record: Record, data: bytes) -> bool:
    """Both read the same from a payload, or neither reads it; whether they did."""
    message = parsed_by_google(record, data)
    refused = ""
    try:
        ours = record.parse(data)
    except Malformed as fault:
        ours, refused = None, fault.reason
    if ours is None:
        assert message is None or any(reason in refused for reason in OURS_ALONE_REFUSES)
        return False
    if message is None:
        assert LONG_VARINT.search(data)  # of a key or a length, which Google takes 5 bytes of at most
        return False
    assert comparable(ours) == comparable(values_of(message, record))
    return True


@examples(5)
@given(st.sampled_from(RECORDS), makers)
def test_google_reads_what_we_write_and_writes_the_same(record: Record, maker: Maker) -> None:
    values = maker.record(record)
    data = record.build(values)
    message = google_type(record).FromString(data)
    assert comparable(values_of(message, record)) == comparable(values) == comparable(record.parse(data))
    assert message.SerializeToString(deterministic=True) == data


@examples(5)
@given(st.sampled_from(RECORDS), makers)
def test_google_reads_broken_payloads_as_we_do(record: Record, maker: Maker) -> None:
    data = record.build(maker.record(record))
    check_same(record, maker.broken(data))
    assert check_same(record, data + record.build(maker.record(record)))  # two payloads in a row are one, merged


@examples(5)
@given(st.binary(max_size=60))
def test_google_reads_any_bytes_as_we_do(data: bytes) -> None:
    check_same(OUTER, data)
