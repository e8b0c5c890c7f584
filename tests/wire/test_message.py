from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import VERSIONS, Maker, encodings, examples, makers, versions
from twsprobe.wire.declaration import As, Many, Nested, Optional, Record, Repeat, Since, Version, When, text
from twsprobe.wire.events import Decoded, Undecodable
from twsprobe.wire.fields import Bool, Decimal, Double, EscapedString, Int, Long, String
from twsprobe.wire.framing import LENGTH, MAX_FRAME, Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.layout import IS_POSITIVE, IS_SET, Values
from twsprobe.wire.message import PROTOBUF, TEXT, EncodeError, Message, value_paths
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import decode, encode, reencode
from twsprobe.wire.tokens import MAX_FIELDS, UnknownField
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT = Direction.TO_CLIENT
LEG = Record("Leg", "conId" / Int(1, "."), "price" / Double(2, "."))
SAMPLE = Record(
    "Sample",
    "reqId" / Int(1, "."),
    "permId" / Long(2, "."),
    "flag" / Bool(3, "."),
    "price" / Double(4, "."),
    "size" / Decimal(5, "."),
    "name" / String(6, "."),
    "note" / EscapedString(7, ".", V.CONFIG),
    "legs" / Many(LEG, 8, "."),
    "hedge" / Nested(LEG, 9, "."),
    "days" / Many(Int(), 10, "."),
    "multiplier" / Double(11, "."),
    "trigger" / Double(12, "."),
    "old" / String(None, "."),
)
EVERYTHING = Message(
    "sample",
    150,
    TO_CLIENT,
    "Has every kind of field.",
    SAMPLE,
    text(
        SAMPLE,
        Version(2),
        "reqId permId flag price size name note",
        Repeat("legs", "conId price"),
        Optional("hedge", "conId"),
        Repeat("days"),
        As("multiplier", String()),
        When("price", IS_POSITIVE, "trigger"),
        When("name", IS_SET, Since(V.BOND_ISSUERID, "old")),
    ),
    since=V.MODELS_SUPPORT,
    protobuf=V.PROTOBUF_CONTRACT_DATA,
)
BEGIN = b"150\0"


def bars(data: str) -> bytes:
    return data.replace("|", "\0").encode("latin-1")


def read(data: str | bytes, version: int = 176) -> Decoded | Undecodable:
    payload = BEGIN + (bars(data) if isinstance(data, str) else data)
    return EVERYTHING.decode(payload, len(BEGIN), TEXT, version)


def written(values: Values, version: int = 176, encoding: str | None = None) -> bytes:
    return EVERYTHING.encode(values, version, encoding)[LENGTH.size :]


def again(event: Decoded) -> bytes:
    return EVERYTHING.encode(event.fields, event.server_version, like=event)[LENGTH.size :]


WHOLE = "2|1|7|1|1.5|100|X|é|1|5|2.5|1|6|2|20240101|20240102|100.0|3.5|y|"


def test_a_message_is_written_field_by_field() -> None:
    values: Values = {
        "reqId": 1,
        "permId": 7,
        "flag": True,
        "price": 1.5,
        "size": 100,
        "name": "X",
        "note": "é",
        "legs": [{"conId": 5, "price": 2.5}],
        "hedge": {"conId": 6},
        "days": [20240101, 20240102],
        "multiplier": "100.0",
        "trigger": 3.5,
        "old": "y",
    }
    assert written(values) == BEGIN + bars(WHOLE).replace(b"\xe9", rb"\u00e9")
    assert written({}) == BEGIN + bars("2||||||||0|0|0||")
    assert written({}, 201, TEXT) == b"\0\0\0\x96" + bars("2||||||||0|0|0||")
    assert written({"reqId": 1}, 205) == bytes.fromhex("0000015e 0801")


SPELLINGS = {
    "as it is written": WHOLE,
    "numbers": "02|007|+7|2|1.50|1E2|X|e|01|5|2.5|7|6|2|+20240101|02|1e2|3.50|y|",
    "sentinels": "2|2147483647|9223372036854775807||1.7976931348623157E308|2147483647|X|||||2147483647||y|",
    "words": "2|1|7|true|Infinity|1.50|X||0|false|0||nan|y|",
    "escapes": r"2|1|7|0|0|1|\u00e9|\u00E9 \ud83d\ude00 \ud83d \u0000|0|0|0|||",
    "not UTF-8": "2|1|7|0|0|1|\xd6\xd0|\xff|0|0|0|\x80|\xfe|",
    "negative counts": "2|1|7|0|0|1|X||-1|0|-2147483648||y|",
    "no final NUL": WHOLE[:-1],
    "no final NUL behind a count": "2|1|7|0|0|1||||0|0|0|",
    "one field more": WHOLE + "more|",
    "fields more, the last without NUL": WHOLE + "||more||x",
    "an empty field more": WHOLE + "|",
    "nothing": "",
    "one field": "2|",
    "one field without NUL": "2",
    "no version": "|1|",
    "short": "2|1|7|1|1.50|",
    "short inside a list": "2|1|7|0|0|1|X||3|5|2.5|6|",
    "short behind a count, without NUL": "2|1|7|0|0|1|X||0",
    "short inside a record": "2|1|7|0|0|1|X||0|1|",
    "short inside a list of numbers": "2|1|7|0|0|1|X||0|0|3|20240101|",
    "short before a conditional field": "2|1|7|0|1.50|1|||0|0|0||",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_text_is_written_back_as_it_came(name: str) -> None:
    event = read(SPELLINGS[name])
    assert isinstance(event, Decoded)
    assert again(event) == event.raw == BEGIN + bars(SPELLINGS[name])


@pytest.mark.parametrize("digits", [b"150", b"0150", b"000000150"])
def test_the_id_is_written_back_as_it_came(digits: bytes) -> None:
    event = EVERYTHING.decode(digits + b"\0" + bars(WHOLE), len(digits) + 1, TEXT, 176)
    assert isinstance(event, Decoded)
    assert again(event) == event.raw


@pytest.mark.parametrize(
    ("name", "extra", "missing", "anomalies"),
    [
        ("as it is written", (), None, ()),
        ("no final NUL", (), None, ("the last field does not end in NUL",)),
        ("one field more", ("more",), None, ("1 text field behind the last known one",)),
        ("an empty field more", ("",), None, ("1 text field behind the last known one",)),
        (
            "fields more, the last without NUL",
            ("", "", "more", "", "x"),
            None,
            ("5 text fields behind the last known one", "the last field does not end in NUL"),
        ),
        ("nothing", (), "version", ("ends before version",)),
        ("short", (), "size", ("ends before size",)),
        ("short inside a list", (), "legs[1].price", ("ends before legs[1].price",)),
        ("short behind a count, without NUL", (), "has(hedge)", ("ends before has(hedge)",)),
        ("short inside a record", (), "hedge.conId", ("ends before hedge.conId",)),
        ("short before a conditional field", (), "trigger", ("ends before trigger",)),
    ],
)
def test_what_is_odd_is_said(name: str, extra: tuple[str, ...], missing: str | None, anomalies: tuple[str, ...]) -> None:
    event = read(SPELLINGS[name])
    assert isinstance(event, Decoded)
    assert (event.extra, event.missing, event.anomalies) == (extra, missing, anomalies)


def test_a_changed_value_is_written_anew_and_the_others_as_they_came() -> None:
    event = read("2|007|+7|2|1.50|1E2|X|e|1|5|2.50|0|0|1e2|3.50|y|more|")
    assert isinstance(event, Decoded)
    event.fields["reqId"] = 8
    event.fields["legs"].append({"conId": 6})
    assert again(event) == BEGIN + bars("2|8|+7|2|1.50|1E2|X|e|2|5|2.50|6||0|0|1e2|3.50|y|more|")


PROTOBUFS = {
    "as it is written": "0801 1002 1801 32024142",
    "longer varints": "08878000 1802",
    "unknown fields": "0801 d00101 d20103616263 9d0201020304",
    "unknown fields in records": "4205 0801 980105 4205 0802 980106 4a03 980107",
    "lists": "4202 0801 4200 5203 010203",
    "a decimal of nothing": "2a00",
    "not a number": "21000000000000f87f",
    "nothing": "",
}


@pytest.mark.parametrize("name", PROTOBUFS)
def test_protobuf_is_written_back_as_it_came(name: str) -> None:
    payload = bytes.fromhex("0000015e" + PROTOBUFS[name])
    event = EVERYTHING.decode(payload, 4, PROTOBUF, 226)
    assert isinstance(event, Decoded)
    assert again(event) == payload


def test_unknown_protobuf_fields_are_kept_and_said() -> None:
    event = EVERYTHING.decode(bytes.fromhex("0000015e d00101 4205 0801 980105 0a0178"), 4, PROTOBUF, 226)
    assert isinstance(event, Decoded)
    assert event.fields == {
        "#26": [UnknownField(0, 1)],
        "legs": [{"conId": 1, "#19": [UnknownField(0, 5)]}],
        "#1": [UnknownField(2, b"x")],
    }
    assert event.anomalies == ("field 26 is not in our schema", "field 19 of legs[0] is not in our schema", "field 1 is not in our schema")


@pytest.mark.parametrize(
    ("data", "path", "at", "reason"),
    [
        ("2|x|", "reqId", 6, "'x' is not int32"),
        ("2|1|7|yes|", "flag", 10, "'yes' is not bool"),
        ("2|1|7|1|1|nan|", "size", 14, "'nan' is not decimal"),
        ("2|1|7|0|0|1|X||9|5|", "legs", 19, "9 elements are announced and 2 bytes are left"),
        ("2|1|7|0|0|1|X||1|5|z|", "legs[0].price", 23, "'z' is not double"),
        ("2|1|7|0|0|1|X||0|z|", "has(hedge)", 21, "'z' is not bool"),
        ("2|" + "9" * 5000 + "|", "reqId", 6, "'" + "9" * 56 + "... is not int32"),
    ],
)
def test_text_that_does_not_follow_its_layout_is_named_with_its_place(data: str, path: str, at: int, reason: str) -> None:
    event = read(data)
    assert event == Undecodable(TO_CLIENT, 150, "sample", 176, TEXT, reason, path, at, BEGIN + bars(data))


def test_protobuf_that_does_not_follow_its_schema_is_named_with_its_place() -> None:
    event = EVERYTHING.decode(bytes.fromhex("0000015e 0801 3201ff"), 4, PROTOBUF, 226)
    assert isinstance(event, Undecodable)
    assert (event.path, event.at, event.reason) == ("name", 6, r"b'\xff' is not string")


def test_a_message_without_a_text_form_is_undecodable_as_text() -> None:
    message = Message("only", 151, TO_CLIENT, ".", SAMPLE, None, protobuf=V.CONFIG)
    event = message.decode(b"\0\0\0\x97x\0", 4, TEXT, 226)
    assert event == Undecodable(TO_CLIENT, 151, "only", 226, TEXT, "only has no text form", "", 4, b"\0\0\0\x97x\0")
    with pytest.raises(EncodeError, match=r"^only: has no text form$"):
        message.encode({}, 226, TEXT)


def test_a_text_has_only_so_many_fields() -> None:
    assert isinstance(read(b"\0" * MAX_FIELDS), Decoded)
    event = read(b"\0" * (MAX_FIELDS + 1))
    assert isinstance(event, Undecodable)
    assert (event.reason, event.path, event.at) == ("has more than 1,000,000 fields", "", 4)


def test_layouts_are_made_once_a_version_and_beyond_the_highest_not_at_all() -> None:
    assert EVERYTHING.layout(176) is EVERYTHING.layout(176)
    assert EVERYTHING.flat(176) is EVERYTHING.flat(176)
    assert EVERYTHING.layout(VERSIONS[-1]) is EVERYTHING.layout(999)
    assert EVERYTHING.flat(VERSIONS[-1]) is EVERYTHING.flat(999)
    assert EVERYTHING.layout(175) is not EVERYTHING.layout(176)


REFUSED: list[tuple[Values, int, str | None, str]] = [
    ({"reqId": "1"}, 176, None, "sample.reqId: '1' is not int32"),
    ({"reqId": 1.0}, 176, None, "sample.reqId: 1.0 is not int32"),
    ({"reqId": 2**63}, 176, None, "sample.reqId: 9223372036854775808 is not int32"),
    ({"reqId": 2**31}, 226, None, "sample.reqId: 2147483648 is not int32"),
    ({"reqId": 10**5000}, 176, None, "sample.reqId: this int is not int32"),
    ({"size": 10**5000}, 226, None, "sample.size: this int is not decimal"),
    ({"flag": 2}, 176, None, "sample.flag: 2 is not bool"),
    ({"price": "1"}, 176, None, "sample.price: '1' is not double"),
    ({"size": 1.5}, 176, None, "sample.size: 1.5 is not decimal"),
    ({"name": 5}, 176, None, "sample.name: 5 is not string"),
    ({"name": "a\0b"}, 176, None, r"sample.name: 'a\x00b' is not string"),
    ({"note": "a\0b"}, 150, None, r"sample.note: 'a\x00b' is not string"),
    ({"name": "\udc80"}, 176, None, r"sample.name: '\udc80' is not string"),
    ({"name": "\ud800"}, 226, None, r"sample.name: '\ud800' is not string"),
    ({"version": "2"}, 176, None, "sample.version: '2' is not int32"),
    ({"version": 2}, 226, None, "sample.version: Sample has no such protobuf field"),
    ({"nonsense": 1}, 176, None, "sample.nonsense: Sample has no such field"),
    ({"nonsense": None}, 176, None, "sample.nonsense: Sample has no such field"),
    ({"nonsense": None}, 226, None, "sample.nonsense: Sample has no such protobuf field"),
    ({"hedge": {"nonsense": 1}}, 176, None, "sample.hedge.nonsense: Leg has no such field"),
    ({"hedge": []}, 176, None, "sample.hedge: a dict is wanted, not list"),
    ({"hedge": "x"}, 226, None, "sample.hedge: a dict is wanted, not str"),
    ({"legs": {}}, 176, None, "sample.legs: a list is wanted, not dict"),
    ({"legs": [None]}, 176, None, "sample.legs[0]: a dict is wanted, not NoneType"),
    ({"legs": [{"conId": 1}, {"conId": "x"}]}, 176, None, "sample.legs[1].conId: 'x' is not int32"),
    ({"legs": [{"conId": 1}, {"conId": "x"}]}, 226, None, "sample.legs[1].conId: 'x' is not int32"),
    ({"days": [1, "x"]}, 176, None, "sample.days[1]: 'x' is not int32"),
    ({"#5": [UnknownField(0, 1)]}, 176, None, "sample.#5: Sample has no such field"),
    ({"#5": 1}, 226, None, "sample.#5: a list of UnknownField under #<number> is wanted"),
    ({"multiplier": 100.0}, 176, None, "sample.multiplier: 100.0 is not string"),
    ({"name": "x", "old": "y"}, 175, None, "sample.old: has no place in the text form at server version 175"),
    ({"old": "y"}, 176, None, "sample.old: has no place in the text form at server version 176"),
    ({"price": 0.0, "trigger": 1.0}, 176, None, "sample.trigger: has no place in the text form at server version 176"),
    ({"old": "y"}, 226, None, "sample.old: Sample has no such protobuf field"),
    ({"note": "x"}, 218, None, "sample.note: needs server version 219 (CONFIG)"),
    ({}, 102, None, "sample: needs server version 103 (MODELS_SUPPORT)"),
    ({}, 200, PROTOBUF, "sample: protobuf needs server version 201"),
    ({"name": "x" * MAX_FRAME}, 176, None, "sample: 16777236 bytes are more than a frame holds (16777215)"),
    ({"name": "x" * MAX_FRAME}, 226, None, "sample: 16777224 bytes are more than a frame holds (16777215)"),
]


@pytest.mark.parametrize(
    ("values", "version", "encoding", "error"),
    REFUSED,
    ids=[f"{number}-{error.partition(':')[0]}-{version}" for number, (_, version, _, error) in enumerate(REFUSED)],
)
def test_what_cannot_be_written_is_refused_by_name(values: Values, version: int, encoding: str | None, error: str) -> None:
    with pytest.raises(EncodeError) as caught:
        written(values, version, encoding)
    assert str(caught.value) == error
    assert f"{caught.value.message}.{caught.value.path}: {caught.value.reason}".replace(".:", ":") == error


def test_the_largest_frame_can_be_written() -> None:
    room = MAX_FRAME - len(written({}))
    assert len(written({"multiplier": "x" * room})) == MAX_FRAME
    with pytest.raises(EncodeError, match=r"16777216 bytes are more than a frame holds \(16777215\)"):
        written({"multiplier": "x" * (room + 1)})


def test_what_reads_back_as_unset_is_unset_for_conditions_too() -> None:
    """A sentinel of the official clients is no positive number, whoever asks."""
    data = written({"price": 1.7976931348623157e308})
    assert data == BEGIN + bars("2||||1.7976931348623157e+308||||0|0|0||")
    event = EVERYTHING.decode(data, len(BEGIN), TEXT, 176)
    assert isinstance(event, Decoded)
    assert event.anomalies == ()


def test_paths_of_values_are_those_that_are_set() -> None:
    values = {"a": None, "b": "", "c": 0, "d": {"e": 1, "f": {}}, "g": [{"h": 2}, {}], "i": [], "j": [3, None], "k": False}
    assert value_paths(values, "") == ["c", "d.e", "g[0].h", "j[0]", "k"]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=5) | st.binary(max_size=5)
scalars |= st.sampled_from([2**31 - 1, 2**31, 2**63, 1e400, "\0", "\udc80", UnknownField(0, 1), object()])
names = st.text(max_size=5) | st.integers() | st.none() | st.sampled_from(["#1", "#99", "#x", "version", "contract", "order", "type"])
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=5)


def spoilt(values: Any, draw: Random, strange: Any) -> Any:
    """The same values, one of them replaced by something strange, or something strange added."""
    if isinstance(values, dict) and values and draw.random() < 0.8:
        name = draw.choice(list(values))
        return values | {name: spoilt(values[name], draw, strange)}
    if isinstance(values, list) and values and draw.random() < 0.8:
        index = draw.randrange(len(values))
        return [*values[:index], spoilt(values[index], draw, strange), *values[index + 1 :]]
    return strange


def check_encode(message: Message, values: Values, version: int, encoding: str | None) -> None:
    """Values are refused with an EncodeError that names a field, or what is written is read back without anything odd."""
    data, refused = b"", None
    try:
        data = message.encode(values, version, encoding)
    except EncodeError as error:
        refused = error
    if refused is not None:
        assert refused.message == message.name
        assert refused.path or "" in values or version < message.since
        return
    event = decode(data[LENGTH.size :], message.direction, version)
    assert isinstance(event, Decoded), event
    assert (event.extra, event.missing) == ((), None)
    assert reencode(event) == data


@examples(10)
@given(st.sampled_from(MESSAGES), versions, makers, anything)
def test_one_strange_value_is_refused_or_written_well(message: Message, version: int, maker: Maker, strange: Any) -> None:
    for encoding in encodings(message, version):
        values = spoilt(maker.values(message, version, encoding), maker.random, strange)
        if isinstance(values, dict):
            check_encode(message, values, version, encoding)


@examples(5)
@given(st.sampled_from(MESSAGES), versions, st.dictionaries(st.text(), anything, max_size=3), st.data())
def test_strange_values_are_refused_or_written_well(message: Message, version: int, values: Values, data: st.DataObject) -> None:
    if fields := sorted(message.record.fields):
        values |= data.draw(st.dictionaries(st.sampled_from(fields), anything, max_size=3))
    check_encode(message, values, version, None)


@examples(2)
@given(st.sampled_from(MESSAGES), versions, st.dictionaries(st.text(), anything, max_size=3))
def test_the_function_that_programs_use_raises_nothing_else(message: Message, version: int, values: Values) -> None:
    values = {f"_{name}": value for name, value in values.items()}  # no other argument's name
    if not values:
        return
    with pytest.raises(EncodeError):
        encode(message.name, message.direction, version, **values)


@examples(3)
@given(makers, st.booleans())
def test_any_text_that_is_read_is_written_back(maker: Maker, broken: bool) -> None:
    payload = maker.payload(EVERYTHING, 176, TEXT)
    if broken:
        payload = BEGIN + maker.broken(payload[len(BEGIN) :])
    event = EVERYTHING.decode(payload, len(BEGIN), TEXT, 176)
    if isinstance(event, Decoded):
        assert EVERYTHING.encode(event.fields, 176, like=event) == frame(payload)
