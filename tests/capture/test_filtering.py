"""The filter language: what it means, what it refuses, and that neither a filter nor a message can hurt it."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.views.hostile import HOSTILE
from twsprobe.capture.filtering import (
    DEEPEST,
    FOLLOWED,
    SEEN,
    Comparison,
    Filter,
    FilterError,
    Joined,
    Negation,
    Value,
    compared,
    field_names,
    following,
    going,
    named,
    read_filter,
)
from twsprobe.capture.model import Close, Closed, Opened
from twsprobe.capture.seen import Seen
from twsprobe.wire.events import Decoded, Event, Greeted, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Nested
from twsprobe.wire.registry import BY_NAME
from twsprobe.wire.tokens import UnknownField

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
TIME = 1_714_564_805 * 10**9
"""2024-05-01, 12:00:05 UTC; the capture began five seconds before."""


def message(name: str, fields: dict[str, Any], direction: Direction = TO_CLIENT, **changes: Any) -> Seen:
    known = BY_NAME[direction, name]
    event = Decoded(direction, known.id, name, 178, "text", fields, b"x" * 96, 2)._replace(**changes)
    return Seen(3, TIME, 5 * 10**9, event)


TICK = message("tickPrice", {"version": 6, "reqId": 7, "tickType": 4, "price": 100.1, "size": Decimal("2.50"), "attrMask": None})
ORDER = message(
    "openOrder",
    {
        "orderId": 7,
        "contract": {"symbol": "AAPL", "multiplier": "100", "comboLegs": [{"conId": 1, "exchange": "SMART"}, {"conId": 2}], "conId": 5},
        "order": {"action": "BUY", "outsideRth": True, "orderRef": 'say "hi" and \\ go', "account": "", "lmtPrice": float("nan")},
        "#99": [UnknownField(0, 12), UnknownField(2, b"\xff\x00")],
    },
    encoding="protobuf",
    server_version=226,
    anomalies=("field 99 is not in our schema",),
)


@pytest.mark.parametrize(
    "text",
    [
        "name == tickPrice",
        "name in (tickPrice, tickSize) and reqId == 7 and price > 100",
        "name in (tickPrice)",
        "name ~ Price",
        "name ~ 'ckPr'",
        "id == 1",
        "id == 1.0",
        "price == 100.1",
        "price >= 100.10",
        "price < 1.002e2",
        "fields.size == 2.5",
        "fields.size <= 2.50",
        "size == 100",
        "size > 99",
        "tickType != 5",
        "not reqId == 8",
        "not not reqId == 7",
        "reqId == 8 or reqId == 7",
        "reqId == 7 or reqId == 8 and reqId == 9",
        "(reqId == 8 or reqId == 7) and not (price < 100 or price > 101)",
        "direction == to_client",
        "connection == 3",
        "encoding == text",
        "event == message",
        "server_version >= 157",
        "time == 5",
        "time > 4.999 and time < 5.001",
        "time >= 2024-05-01T12:00:05 and time < '2024-05-01T12:00:06'",
        "time ~ 05-01",
        "fields.version == 6",
        "fields.version==6 and(reqId==7)",
    ],
)
def test_what_fits_a_tick(text: str) -> None:
    assert read_filter(text).wants(TICK)
    assert not read_filter(f"not ({text})").wants(TICK)


@pytest.mark.parametrize(
    "text",
    [
        "contract.symbol == AAPL",
        'contract.symbol == "AAPL"',
        "contract.symbol in (MSFT, 'AAPL')",
        "contract.symbol > AAA",
        "contract.multiplier > 50",
        "contract.multiplier == 100.0",
        "contract.multiplier != 99",
        "contract.comboLegs.conId == 2",
        "contract.comboLegs.conId != 2",
        "contract.comboLegs.exchange ~ MART",
        "order.outsideRth == true",
        "order.outsideRth == 1",
        "order.outsideRth != false",
        r"order.orderRef == 'say \"hi\" and \\ go'",
        r'order.orderRef ~ "\"hi\""',
        "order.account == ''",
        "#99 == 12",
        "#99 == ff00",
        "anomalies ~ schema",
        "fields.contract.conId == 5",
    ],
)
def test_what_fits_an_order(text: str) -> None:
    assert read_filter(text).wants(ORDER)


@pytest.mark.parametrize(
    "text",
    [
        "contract.conId == 1",
        "contract == AAPL",
        "contract.symbol == aapl",
        "contract.symbol == 5",
        "contract.symbol > 5",
        "contract.comboLegs == 1",
        "contract.comboLegs.conId > 2",
        "order == 1",
        "orderId ~ 7",
        "orderId == seven",
        "orderId == '7'",
        "orderId != '8'",
        "order.outsideRth ~ t",
        "order.lmtPrice > 0",
        "order.lmtPrice != 0",
        "order.lmtPrice == nan",
        "price > 0",
        "price != 0",
        "orderId.conId == 7",
        "name.symbol == openOrder",
        "reason ~ a",
    ],
)
def test_what_cannot_be_compared_does_not_fit(text: str) -> None:
    assert not read_filter(text).wants(ORDER)


def test_what_is_unset_does_not_fit() -> None:
    assert not read_filter("attrMask == 0 or attrMask != 0 or attrMask ~ N").wants(TICK)


NO_MESSAGES: list[Event | Opened | Closed] = [
    Opened(1, TIME, "127.0.0.1:5", "[::1]:7497"),
    Closed(1, TIME, TO_CLIENT, Close.RST),
    VersionOffered(TO_SERVER, 100, 226, "+PACEAPI", b"API"),
    Greeted(TO_CLIENT, 178, "20240501 12:00:00", "GMT", "", b"178"),
    Unknown(TO_CLIENT, 999, 178, "text", "not declared", b"999"),
    Undecodable(TO_CLIENT, 9, "nextValidId", 178, "text", "is short", "orderId", 4, b"9"),
    Undecodable(TO_CLIENT, None, None, None, None, "ends inside a frame", "", 0, b"\0\0"),
    SyncLost(TO_CLIENT, "no frame", b"HTTP"),
]


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("event == opened", [0]),
        ("name == closed and direction == to_client", [1]),
        ("server ~ 7497", [0]),
        ("how == rst", [1]),
        ("maximum > 200", [2]),
        ("server_version == 178", [3, 4, 5]),
        ("serverVersion == 178", [3]),
        ("zone == GMT", [3]),
        ("id == 999", [4]),
        ("name == unknown", [4]),
        ("name == nextValidId", [5]),
        ("event in (undecodable, sync_lost)", [5, 6, 7]),
        ("reason ~ frame", [6, 7]),
        ("size < 5", [2, 6, 7]),
        ("connection == 1 and not encoding == text", [0, 1, 2, 3, 6, 7]),
        ("direction == to_server", [2]),
    ],
)
def test_what_is_no_message_has_facts_too(text: str, fitting: list[int]) -> None:
    wanted = read_filter(text)
    assert [index for index, what in enumerate(NO_MESSAGES) if wanted.wants(Seen(1, TIME, 0, what))] == fitting


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 1, "the name of a field is expected"),
        ("   ", 4, "the name of a field is expected"),
        ("reqId", 6, "one of < <= > >= == != ~ in is expected"),
        ("reqId 7", 7, "one of < <= > >= == != ~ in is expected, not '7'"),
        ("reqId = 7", 7, "'=' is no comparison; there are < <= > >= == != ~ in"),
        ("reqId ! 7", 7, "'!' is no comparison; there are < <= > >= == != ~ in"),
        ("reqId ==", 9, "a value is expected"),
        ("reqId == and", 10, "a value is expected, not 'and'"),
        ("reqId == == 7", 10, "a value is expected, not '=='"),
        ("reqId == 7 price > 1", 12, "'and' or 'or' is expected, not 'price'"),
        ("reqId == 7)", 11, "'and' or 'or' is expected, not ')'"),
        ("(reqId == 7", 12, "'and', 'or' or ')' is expected"),
        ("()", 2, "the name of a field is expected, not ')'"),
        ("not", 4, "the name of a field is expected"),
        ("'name' == tickPrice", 1, "the name of a field is expected, not 'name'"),
        ("or name == a", 1, "the name of a field is expected, not 'or'"),
        ("name in tickPrice", 9, "a list in parentheses is expected, not 'tickPrice'"),
        ("name in ()", 10, "a value is expected, not ')'"),
        ("name in (a b)", 12, "',' or ')' is expected, not 'b'"),
        ("name in (a,", 12, "a value is expected"),
        ("name == 'tickPrice", 9, "the quote that opens here does not close"),
        ("name == 'tick\\'", 9, "the quote that opens here does not close"),
        ("contract..symbol == A", 1, "a name is missing beside a point"),
        (".symbol == A", 1, "a name is missing beside a point"),
        ("a == 1", 1, "no message has a field 'a'"),
        ("id == 1 and reqid == 7", 13, "no message has a field 'reqid'; there is reqId"),
        ("contract.symbl == A", 1, "no message has a field 'symbl'; there is symbol"),
        ("name == " + "x" * 50 + " " + "y" * 50, 60, f"'and' or 'or' is expected, not '{'y' * 40}...'"),
    ],
)
def test_what_is_no_filter_is_refused_where_it_shows(text: str, position: int, reason: str) -> None:
    with pytest.raises(FilterError) as caught:
        read_filter(text)
    assert caught.value.position == position
    assert caught.value.reason.startswith(reason)
    assert str(caught.value).startswith(f"character {position}: {reason}")


@pytest.mark.parametrize("opening", ["(", "not ", "(not ", "not ("])
def test_a_bomb_of_parentheses_is_refused(opening: str) -> None:
    bomb = opening * 100_000 + "id == 1" + ")" * opening.count("(") * 100_000
    with pytest.raises(FilterError, match=f"more than {DEEPEST} parentheses and 'not' deep"):
        read_filter(bomb)


def test_the_deepest_filter_works() -> None:
    assert read_filter("(" * DEEPEST + "id == 1" + ")" * DEEPEST).wants(TICK)
    assert read_filter("not " * DEEPEST + "id == 1").wants(TICK)
    with pytest.raises(FilterError):
        read_filter("(" * (DEEPEST + 1) + "id == 1" + ")" * (DEEPEST + 1))


def test_a_long_filter_is_no_deep_one() -> None:
    began = time.monotonic()
    assert read_filter(" or ".join(f"reqId == {number}" for number in range(10_000, 0, -1))).wants(TICK)
    assert read_filter(f"reqId in ({', '.join(map(str, range(10_000)))})").wants(TICK)
    assert time.monotonic() - began < 5


def test_fields_are_those_of_the_messages() -> None:
    names = field_names()
    assert {"reqId", "symbol", "conId", "lmtPrice", "conditions", "version"} <= names
    for path in FOLLOWED:
        record, *rest = path.split(".")
        assert record in names
        assert set(rest) <= names


def test_following_a_request() -> None:
    wanted = following(7)
    assert wanted.wants(TICK)
    assert wanted.wants(ORDER)
    assert wanted.wants(message("reqMktData", {"reqId": 7}, TO_SERVER))
    assert wanted.wants(message("error", {"id": 7, "errorCode": 200}))
    assert wanted.wants(message("execDetails", {"reqId": -1, "execution": {"orderId": 7}}))
    assert not wanted.wants(message("tickPrice", {"reqId": 8, "tickType": 7, "price": 7.0}))
    assert not wanted.wants(message("managedAccounts", {"accountsList": "7"}))
    assert not wanted.can_want(TO_CLIENT, BY_NAME[TO_CLIENT, "managedAccounts"].id)


def test_messages_by_name_and_id_and_direction() -> None:
    assert named(["tickPrice"], []).wants(TICK)
    assert named([], [1, 2]).wants(TICK)
    assert named(["x"], [1]).wants(TICK)
    assert not named(["x"], [2]).wants(TICK)
    assert (named(["tickPrice"], []) & going("to_client")).wants(TICK)
    assert not (named(["tickPrice"], []) & going("to_server")).wants(TICK)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name == tickPrice", {"tickPrice"}),
        ("name in (tickPrice, tickSize) and price > 100", {"tickPrice"}),
        ("id == 1 and direction == to_server", {"reqMktData"}),
        ("id == 1 and (name == reqMktData or price > 0)", {"reqMktData", "tickPrice"}),
        ("#5 == 1 and name == tickPrice or name == nextValidId and price == 1", {"tickPrice"}),
        ("numIds > 0", {"reqIds"}),
        ("name ~ tickP and not name == tickPrice", set()),
    ],
)
def test_only_what_can_be_wanted_is_worth_decoding(text: str, names: set[str]) -> None:
    wanted = read_filter(text)
    assert {each.name for each in MESSAGES if wanted.can_want(each.direction, each.id)} == names


def test_what_only_the_message_tells_is_decoded() -> None:
    for text in ("event == undecodable", "reason ~ a", "anomalies ~ a", "time > 1", "encoding == text", "size > 1", "not price > 5"):
        wanted = read_filter(text)
        assert all(wanted.can_want(each.direction, each.id) for each in MESSAGES), text
    assert read_filter("event == unknown").can_want(TO_CLIENT, 999)
    assert read_filter("id == 999").can_want(TO_CLIENT, 999)
    assert read_filter("name == unknown").can_want(TO_CLIENT, None)
    assert not read_filter("price > 5").can_want(TO_CLIENT, 999)


words = st.sampled_from(
    [*SEEN, "reqId", "price", "contract.symbol", "fields.size", "and", "or", "not", "in", "(", ")", ",", "==", "!=", "<"]
)
marks = st.sampled_from([">=", "~", "'", '"', "\\", ".", "=", "!", "1", "-1.5e3", "1e99999", "nan", "tickPrice", "7", " ", "#9"])
texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.lists(words | marks | st.sampled_from(HOSTILE), max_size=14).map(" ".join),
    st.lists(words | marks, max_size=14).map("".join),
)
names = st.sampled_from(["reqId", "price", "contract", "symbol", "size", "id", "version", "name", "#9", "comboLegs"]) | st.text(max_size=5)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(st.characters(exclude_categories=()), max_size=8),
    st.binary(max_size=4), st.builds(UnknownField, st.integers(0, 5), st.integers() | st.binary(max_size=4)),
    st.sampled_from([Decimal("sNaN"), Decimal("1e999999"), float("inf"), "1e99999", "1" * 5000, 10**4000, "AAPL", "7", 7]),
)  # fmt: skip
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8)
fields = st.dictionaries(names, values, max_size=6)
paths = st.lists(names, min_size=1, max_size=3).map(tuple) | st.sampled_from([(name,) for name in SEEN])
literals = st.text(max_size=5).map(Value) | st.decimals().filter(Decimal.is_finite).map(lambda number: Value(str(number), number))
comparisons = st.builds(
    Comparison, paths, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~", "in"]), st.lists(literals, min_size=1, max_size=3).map(tuple)
)
nodes = st.recursive(
    comparisons,
    lambda inner: st.builds(Negation, inner) | st.builds(Joined, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=6,
)


def filter_or_fault(text: str) -> Filter | FilterError:
    try:
        return read_filter(text)
    except FilterError as fault:
        return fault


@settings(max_examples=3000, deadline=None)
@given(texts)
def test_a_text_is_a_filter_or_one_clear_error(text: str) -> None:
    wanted = filter_or_fault(text)
    if isinstance(wanted, FilterError):
        assert 1 <= wanted.position <= len(text) + 1
        assert len(wanted.reason) < 300
        return
    for seen in (TICK, ORDER, *(Seen(1, TIME, 0, what) for what in NO_MESSAGES)):
        assert isinstance(wanted.wants(seen), bool)


@settings(max_examples=3000, deadline=None)
@given(nodes, fields, st.sampled_from(MESSAGES))
def test_no_fields_make_a_filter_raise_and_what_is_passed_over_is_not_wanted(node: Any, held: dict[str, Any], known: Any) -> None:
    wanted = Filter(node)
    # What a decoder gives has no other fields than the message has.
    there = {name: value for name, value in held.items() if name in known.record.fields or name == "version" or name.startswith("#")}
    seen = message(known.name, there, known.direction)
    assert wanted.wants(message(known.name, held, known.direction)) in (True, False)
    assert wanted.can_want(known.direction, known.id) or not wanted.wants(seen)
    assert Filter(Negation(node)).wants(seen) is not wanted.wants(seen)


@settings(max_examples=500)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_numbers_compare_as_numbers(one: Decimal, other: Decimal) -> None:
    for held in (one, str(one)):
        assert compared(held, "<", Value(str(other), other)) is (one < other)
        assert compared(held, "==", Value(str(other), other)) is (one == other)


def test_records_that_are_followed_are_records() -> None:
    for name in ("order", "execution"):
        assert any(isinstance(each.record.fields.get(name), Nested) for each in MESSAGES)
