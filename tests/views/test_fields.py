"""Rows: the fields of a layout in words, with every kind of part that a layout has."""

from twsprobe.views.fields import (
    Row,
    effects,
    inner_records,
    leaves,
    protobuf_rows,
    record_rows,
    record_rows_at,
    row_type,
    rows_at,
    sent_words,
    shape,
    text_rows,
    type_words,
)
from twsprobe.wire.declaration import As, Many, Nested, Optional, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.fields import Double, EscapedString, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import IS_SET, Layout, one_of
from twsprobe.wire.message import Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.versions import HIGHEST, LOWEST
from twsprobe.wire.versions import ServerVersion as V

LEG = Record("Leg", "conId" / Int(1, "the leg"), "ratio" / Int(2, "how many"), "note" / String(None, "text alone"))
HEDGE = Record("Hedge", "delta" / Double(7, "the delta"))
THING = Record(
    "Thing",
    "kind" / String(1, "which kind"),
    "size" / Double(2, "how large"),
    "legs" / Many(LEG, 3, "its legs"),
    "days" / Many(Int(), 4, "its days"),
    "hedge" / Nested(HEDGE, 5, "its hedge"),
    "late" / String(6, "later than text", V.HEDGE_MAX_SIZE),
)
ASK = Record("Ask", "thing" / Nested(THING, 2, "what is asked"), "words" / EscapedString(9, "for people"))


def message(layout: Layout | None, since: V = V.V100_PLUS, protobuf: V | None = V.PROTOBUF_SCAN_DATA) -> Message:
    return Message("ask", 1, Direction.TO_SERVER, "Asks.", ASK, layout, since=since, protobuf=protobuf)


def columns(rows: list[Row]) -> list[tuple[str, str, str, str]]:
    return [(row.place, row.number, row.name, "; ".join(row.when)) for row in rows]


def test_fields_stand_in_text_order_with_the_numbers_of_protobuf() -> None:
    rows = text_rows(message(text(ASK, Version(4), "words", Under("thing", As("size", String()), "kind"))))
    assert columns(rows) == [
        ("1", "", "version", ""),
        ("2", "9", "words", ""),
        ("3", "2.2", "thing.size", ""),
        ("4", "2.1", "thing.kind", ""),
    ]
    assert [type(row.leaf) for row in rows] == [Int, EscapedString, String, String]
    assert isinstance(rows[2].declared, Double)
    assert [row.meaning for row in rows] == ["version of this message's layout: 4", "for people", "how large", "which kind"]


def test_gates_and_conditions_add_up() -> None:
    layout = text(
        ASK, Since(V.CASH_QTY, Until(V.STOCK_TYPE, "words"), When("words", IS_SET, When("thing.kind", one_of("A", "B"), "thing.size")))
    )
    assert columns(text_rows(message(layout))) == [
        ("1", "9", "words", "from 111 CASH_QTY; before 152 STOCK_TYPE"),
        ("2", "2.2", "thing.size", "from 111 CASH_QTY; if words is not empty; if thing.kind is A or B"),
    ]


def test_gates_that_the_message_itself_is_behind_go_without_saying() -> None:
    layout = text(ASK, Since(V.CASH_QTY, "words"), Until(V.STOCK_TYPE, "thing.kind"), Since(V.DURATION, Since(V.STOCK_TYPE, "thing.size")))
    assert columns(text_rows(message(layout, V.STOCK_TYPE))) == [("1", "9", "words", ""), ("2", "2.2", "thing.size", "from 158 DURATION")]


def test_lists_count_and_their_elements_have_places_of_their_own() -> None:
    layout = text(ASK, "words", Repeat("thing.legs", "conId", When("conId", one_of(3), "note")), Repeat("thing.days"), "thing.kind")
    assert columns(text_rows(message(layout))) == [
        ("1", "9", "words", ""),
        ("2", "", "len(thing.legs)", ""),
        ("2.1", "2.3.1", "thing.legs[].conId", ""),
        ("2.2", "", "thing.legs[].note", "if thing.legs[].conId is 3"),
        ("3", "", "len(thing.days)", ""),
        ("3.1", "2.4", "thing.days[]", ""),
        ("4", "2.1", "thing.kind", ""),
    ]


def test_a_flag_stands_before_an_optional_record() -> None:
    rows = text_rows(message(text(ASK, Since(V.DURATION, Optional("thing.hedge", "delta")))))
    assert columns(rows) == [
        ("1", "", "has(thing.hedge)", "from 158 DURATION"),
        ("2", "2.5.7", "thing.hedge.delta", "from 158 DURATION; if has(thing.hedge) is true"),
    ]


def test_a_message_without_protobuf_has_no_numbers_and_one_without_text_no_rows() -> None:
    assert columns(text_rows(message(text(ASK, "words", Repeat("thing.legs", "conId")), protobuf=None))) == [
        ("1", "", "words", ""),
        ("2", "", "len(thing.legs)", ""),
        ("2.1", "", "thing.legs[].conId", ""),
    ]
    assert text_rows(message(None)) == []


def test_records_show_their_own_fields_and_gates() -> None:
    assert columns(record_rows(THING)) == [
        ("", "1", "kind", ""),
        ("", "2", "size", ""),
        ("", "3", "legs", ""),
        ("", "4", "days", ""),
        ("", "5", "hedge", ""),
        ("", "6", "late", "from 223 HEDGE_MAX_SIZE"),
    ]
    assert len(list(leaves(ASK))) == 2 + 6 + 3 + 1


def test_shapes_differ_where_a_gate_opens_or_a_type_changes() -> None:
    ask = message(text(ASK, "words", Since(V.DURATION, "thing.kind"), Until(V.SIZE_RULES, Version(2))))
    changes = [version for version in range(LOWEST + 1, HIGHEST + 1) if shape(ask, version - 1) != shape(ask, version)]
    assert changes == [V.ENCODE_MSG_ASCII7, V.DURATION, V.SIZE_RULES, V.PROTOBUF_SCAN_DATA, V.HEDGE_MAX_SIZE]


def test_every_declared_message_and_field_has_a_meaning() -> None:
    rows = [row for one in MESSAGES for row in (*text_rows(one), *record_rows(one.record))]
    assert [row.name for row in rows if not row.meaning] == []
    assert [one.name for one in MESSAGES if not one.meaning.endswith(".")] == []


def test_how_a_message_is_sent_in_words() -> None:
    layout = text(ASK, "words")
    assert sent_words(message(layout)) == "At every server version; as protobuf from 210 PROTOBUF_SCAN_DATA on, with id 201."
    assert sent_words(message(layout, V.CASH_QTY, None)) == "From server version 111 CASH_QTY on; always as text."
    assert sent_words(message(None, V.CONFIG, V.CONFIG)) == "From server version 219 CONFIG on; as protobuf alone, with id 201."


def test_types_in_words() -> None:
    leaf = THING.fields["legs"], THING.fields["days"], THING.fields["hedge"], THING.fields["kind"]
    assert [type_words(each) for each in leaf] == ["list of Leg", "list of Int", "Hedge", "String"]
    assert type_words(leaf[0], lambda record: f"<{record.type_name}>") == "list of <Leg>"
    rows = text_rows(message(text(ASK, Under("thing", As("size", String()), "kind"), Repeat("thing.days"))))
    assert [row_type(row) for row in rows] == ["String, pb Double", "String", "Int", "Int"]


def test_protobuf_rows_are_those_that_text_has_not() -> None:
    assert columns(protobuf_rows(message(text(ASK, "words")))) == [("", "2", "thing", "")]
    assert protobuf_rows(message(text(ASK, "words"), protobuf=None)) == []


def test_rows_at_a_version_say_nothing_of_gates() -> None:
    layout = text(ASK, Until(V.STOCK_TYPE, Version(1)), Since(V.CASH_QTY, "words"), When("words", IS_SET, "thing.kind"))
    asked = message(layout)
    assert columns(rows_at(asked, 110)) == [("1", "", "version", ""), ("2", "", "thing.kind", "if words is not empty")]
    assert columns(rows_at(asked, 200)) == [("1", "", "words", ""), ("2", "", "thing.kind", "if words is not empty")]
    assert columns(rows_at(asked, 210)) == [("", "2", "thing", ""), ("", "9", "words", "")]
    assert "late" not in [row.name for row in record_rows_at(THING, V.HEDGE_MAX_SIZE - 1)]
    assert ("", "6", "late", "") in columns(record_rows_at(THING, V.HEDGE_MAX_SIZE))


def test_records_inside_a_record() -> None:
    assert list(inner_records(ASK)) == ["Thing", "Leg", "Hedge"]


def test_the_effects_of_gates() -> None:
    names = {how: [each.name for each in found] for how, found in effects(V.CURRENT_TIME_IN_MILLIS).items()}
    assert names == {"new": ["reqCurrentTimeInMillis", "currentTimeInMillis"]}
    assert "openOrder" in [each.name for each in effects(V.PROTOBUF_PLACE_ORDER)["protobuf"]]
    assert "fields" in effects(V.ERROR_TIME)
    assert effects(V.REMOVE_NULL_ALL_CASTING) == {}
