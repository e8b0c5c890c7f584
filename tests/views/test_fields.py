"""Rows: the fields of a layout in words, with every kind of part that a layout has."""

from twsprobe.views.fields import Row, leaves, record_rows, shape, text_rows
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
