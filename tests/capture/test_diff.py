"""Two captures compared: sessions by hand, of the simulator, and at random."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.sessions import BEGIN, STOCK, TO_CLIENT, TO_SERVER, Said, brief, compared, say, session
from tests.views.reports import probed
from twsprobe.capture import diff
from twsprobe.capture.diff import Comparison
from twsprobe.capture.differences import Difference, Kind, Request
from twsprobe.capture.model import CaptureError, Chunk, Gap, Note, Record
from twsprobe.capture.volatile import Rules
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.wire.handshake import frame
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

VERSIONS = (178, 226)


def market_data(number: int, symbol: str = "AAPL") -> Said:
    """A request for market data."""
    return say(
        "reqMktData", reqId=number, contract=STOCK | {"symbol": symbol}, genericTickList="", snapshot=False, regulatorySnapshot=False
    )


def price(number: int, value: float, tick_type: int = 1) -> Said:
    """A price."""
    return say("tickPrice", reqId=number, tickType=tick_type, price=value, size=Decimal(100), attrMask=0)


def notice(code: int) -> Said:
    """A notice of the session."""
    return say("error", id=-1, errorCode=code, errorMsg=f"notice {code}")


def mirrored(difference: Difference) -> tuple[Any, ...]:
    """What the swapped comparison says of the same."""
    kinds = {Kind.APPEARED: Kind.VANISHED, Kind.VANISHED: Kind.APPEARED}
    moved_element = difference.kind is Kind.MOVED and difference.field
    # Of a list's element that moved the index in the path is the old one, which the swapped comparison calls the new.
    field = difference.field.rpartition("[")[0] if moved_element else difference.field
    return told(difference, kinds.get(difference.kind, difference.kind), field, difference.new, difference.old)


def told(difference: Difference, kind: Kind | None = None, field: str | None = None, old: Any = None, new: Any = None) -> tuple[Any, ...]:
    """A difference without its places, for comparing."""
    if kind is None:
        moved_element = difference.kind is Kind.MOVED and difference.field
        field = difference.field.rpartition("[")[0] if moved_element else difference.field
        kind, old, new = difference.kind, difference.old, difference.new
    return kind.value, difference.connection, difference.message, field, repr(old), repr(new), difference.gate, difference.count


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_with_other_ids_is_the_same(version: int) -> None:
    one = session(version, market_data(1), price(1, 1.5), market_data(2, "IBM"), price(2, 2.5), price(1, 1.6), client_id=1, port=50000)
    other = session(version, market_data(9), price(9, 1.5), market_data(4, "IBM"), price(4, 2.5), price(9, 1.6), client_id=7, port=61234)
    differences, totals = compared(one, other)
    assert differences == []
    assert not totals.differ
    assert totals.same.total() == len(one)
    assert totals.read == (len(one), len(other))
    assert totals.versions == (version, version)


def test_ids_count_where_they_are_asked_for() -> None:
    one, other = session(178, market_data(1), price(1, 1.5)), session(178, market_data(2), price(2, 1.5), client_id=2)
    differences, _ = compared(one, other, Rules(compare=("*.reqId", "startApi.*")))
    assert ("changed", "startApi", "clientId", 1, 2) in brief(differences)
    assert ("changed", "tickPrice", "reqId", 1, 2) in brief(differences)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_price_that_changed(version: int) -> None:
    one = session(version, market_data(1), price(1, 1.5), price(1, 2.5), price(1, 9.0, 2))
    other = session(version, market_data(5), price(5, 1.5), price(5, 2.75), price(5, 9.0, 2))
    [difference], totals = compared(one, other)
    assert brief([difference]) == [("changed", "tickPrice", "price", 2.5, 2.75)]
    assert difference.request == Request("reqMktData", 1, 5)
    assert difference.direction is TO_CLIENT
    assert difference.one is not None
    assert difference.other is not None
    assert difference.one.elapsed_ns == difference.other.elapsed_ns == 9_000_000
    assert difference.one.offset is not None
    assert totals.different == {((TO_CLIENT, "tickPrice"), Kind.CHANGED): 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_that_vanished_and_one_that_appeared(version: int) -> None:
    one = session(version, market_data(1), price(1, 1.5), price(1, 2.5, 2), price(1, 3.5))
    other = session(version, market_data(1), price(1, 1.5), price(1, 3.5), price(1, 4.5, 4))
    differences, _ = compared(one, other)
    assert brief(differences) == [("vanished", "tickPrice", ""), ("appeared", "tickPrice", "")]
    assert differences[0].old["price"] == 2.5
    assert differences[0].other is None
    assert differences[1].new["price"] == 4.5
    assert differences[1].one is None


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_changed(version: int) -> None:
    differences, totals = compared(
        session(version, notice(2104), notice(2106), notice(2158)), session(version, notice(2106), notice(2158), notice(2104))
    )
    assert brief(differences) == [("moved", "error", "")]
    assert totals.different.total() == 1


def test_how_answers_interleave_is_no_difference() -> None:
    asked = market_data(1), market_data(2, "IBM")
    differences, _ = compared(session(178, *asked, price(1, 1.5), price(2, 2.5)), session(178, *asked, price(2, 2.5), price(1, 1.5)))
    assert differences == []


def test_requests_in_another_order_keep_their_answers() -> None:
    one = session(178, market_data(1), market_data(2, "IBM"), price(1, 1.5), price(2, 2.5))
    other = session(178, market_data(1, "IBM"), market_data(2), price(2, 1.5), price(1, 2.5))
    assert brief(compared(one, other)[0]) == [("moved", "reqMktData", "")]


def test_a_request_that_changed_keeps_its_answers() -> None:
    one = session(178, market_data(1), price(1, 1.5), say("reqCurrentTime"))
    other = session(178, market_data(3, "IBM"), price(3, 1.5), say("reqCurrentTime"))
    differences, _ = compared(one, other)
    assert brief(differences) == [("changed", "reqMktData", "contract.symbol", "AAPL", "IBM")]
    assert differences[0].request == Request("reqMktData", 1, 3)


def test_a_request_that_vanished_takes_its_answers_along() -> None:
    one = session(178, market_data(1), price(1, 1.5), say("reqCurrentTime"))
    differences, _ = compared(one, session(178, say("reqCurrentTime")))
    assert brief(differences) == [("vanished", "reqMktData", ""), ("vanished", "tickPrice", "")]
    assert {each.request for each in differences} == {Request("reqMktData", 1, None)}


def test_a_cancellation_says_what_it_cancels() -> None:
    asked = market_data(1), market_data(2, "IBM")
    one, other = session(178, *asked, say("cancelMktData", reqId=1)), session(178, *asked, say("cancelMktData", reqId=2))
    assert compared(one, one)[0] == []
    assert brief(compared(one, other)[0]) == [("changed", "cancelMktData", "reqId", 1, 2)]
    assert brief(compared(one, session(178, market_data(7), market_data(3, "IBM"), say("cancelMktData", reqId=7)))[0]) == []


def test_a_field_behind_a_gate_is_named_once_with_the_gate() -> None:
    order = {"orderId": 7, "contract": STOCK, "order": {"action": "BUY", "totalQuantity": Decimal(1), "orderType": "LMT", "lmtPrice": 1.5}}
    newer = order | {"order": {**order["order"], "customerAccount": "me"}}  # type: ignore[dict-item]  # it is a dict
    one = session(178, *[say("openOrder", **order)] * 3)
    other = session(200, *[say("openOrder", **newer)] * 3)
    differences, totals = compared(one, other)
    assert brief(differences) == [
        ("changed", "greeting", "serverVersion", 178, 200),
        ("appeared", "openOrder", "order.customerAccount", None, "me"),
    ]
    assert (differences[1].gate, differences[1].count) == (V.CUSTOMER_ACCOUNT, 3)
    assert totals.explained == 1
    assert totals.same[TO_CLIENT, "openOrder"] == 3
    back, _ = compared(other, one)
    assert (back[1].kind, back[1].old, back[1].gate) == (Kind.VANISHED, "me", V.CUSTOMER_ACCOUNT)


def test_the_encoding_is_named_once_with_the_gate() -> None:
    differences, _ = compared(session(178, market_data(1), price(1, 1.0)), session(226, market_data(1), price(1, 1.0)))
    encodings = {each.message: each for each in differences if each.field == "encoding"}
    assert encodings.keys() == {"startApi", "managedAccounts", "nextValidId", "reqMktData", "tickPrice"}
    tick = encodings["tickPrice"]
    assert (tick.old, tick.new, tick.gate, tick.count) == ("text", "protobuf", V.PROTOBUF_MARKET_DATA, 1)
    assert len(differences) == 1 + len(encodings)


def test_a_message_that_a_gate_brought() -> None:
    end = say("historicalDataEnd", reqId=1, startDateStr="a", endDateStr="b")
    asked = say("reqHistoricalData", reqId=1, contract=STOCK, duration="1 D", barSizeSetting="1 day", whatToShow="TRADES", useRTH=True)
    differences, _ = compared(session(178, asked), session(200, asked, end))
    [came] = [each for each in differences if each.message == "historicalDataEnd"]
    assert (came.kind, came.gate) == (Kind.APPEARED, V.HISTORICAL_DATA_END)


def test_unknown_fields_and_what_is_odd_are_differences() -> None:
    plain = encode("tickPrice", TO_CLIENT, 226, reqId=1, tickType=1, price=1.5)
    one = session(226, market_data(1), (TO_CLIENT, plain))
    other = session(226, market_data(1), (TO_CLIENT, frame(plain[4:] + b"\xd0\x0f\x07")))
    fields = {each.field: each.new for each in compared(one, other)[0]}
    assert fields.keys() == {"#250", "anomalies"}
    assert fields["anomalies"] == ["field 250 is not in our schema"]
    text = encode("tickSize", TO_CLIENT, 178, reqId=1, tickType=0, size=Decimal(1))
    longer = session(178, market_data(1), (TO_CLIENT, frame(text[4:] + b"more\0")))
    fields = {each.field: each.new for each in compared(session(178, market_data(1), (TO_CLIENT, text)), longer)[0]}
    assert fields == {"extra": ["more"], "anomalies": ["1 text field behind the last known one"]}


def test_a_message_that_is_no_longer_decodable() -> None:
    text = encode("familyCodes", TO_CLIENT, 178, familyCodes=[{"accountId": "DU1", "familyCode": "F"}])
    [difference], _ = compared(session(178, (TO_CLIENT, text)), session(178, (TO_CLIENT, text.replace(b"78\x001\0", b"78\x00x\0"))))
    assert brief([difference]) == [("changed", "familyCodes", "")]
    assert (difference.old, difference.new) == ("message", "undecodable: len(familyCodes): 'x' is not int32")


def test_gaps_and_notes_are_compared() -> None:
    one = session(178)
    other = [*one[:3], Gap(0, TO_CLIENT, one[2].time_ns, 5), Note(0, TO_SERVER, one[2].time_ns, "fault: delayed"), *one[3:]]
    differences, _ = compared(one, [*other])
    assert ("appeared", "gap", "") in brief(differences)
    assert ("appeared", "note", "") in brief(differences)


def test_connections_are_paired_in_their_order() -> None:
    one = session(178, price(1, 1.5)) + session(178, price(1, 2.5), connection=1, client_id=2)
    other = session(178, price(1, 1.5), connection=5) + session(178, price(1, 2.75), connection=9, client_id=3)
    [difference] = compared(one, other)[0]
    assert (difference.connection, difference.old, difference.new) == (1, 2.5, 2.75)
    assert difference.one is not None
    assert difference.other is not None
    assert (difference.one.connection, difference.other.connection) == (1, 9)
    lonely, _ = compared(one, session(178, price(1, 1.5)))
    assert {each.connection for each in lonely} == {1}
    assert {each.kind for each in lonely} == {Kind.VANISHED}


def torn(records: list[Record]) -> Iterator[Record]:
    """Records that end in a tear."""
    yield from records
    raise CaptureError("torn.jsonl", 99, "torn at byte 99")


def test_behind_a_tear_nothing_is_compared() -> None:
    whole = session(178, market_data(1), price(1, 1.5), price(1, 2.5), market_data(2, "IBM"), price(2, 3.5))
    for cut in range(1, len(whole)):
        differences, totals = compared(torn(whole[:cut]), whole)
        assert differences == []
        assert totals.uncompared == len(whole) - cut
        assert [fault is not None for fault in totals.faults] == [True, False]
        assert compared(whole, torn(whole[:cut]))[0] == []


def test_half_a_frame_before_a_tear_is_no_message() -> None:
    whole = session(178, price(1, 1.5))
    last = whole[-3]
    assert isinstance(last, Chunk)
    assert compared(torn([*whole[:-3], last._replace(data=last.data[:7])]), whole)[0] == []


def test_only_and_ignore() -> None:
    one = session(178, market_data(1), price(1, 1.5), notice(1))
    other = session(178, market_data(2, "IBM"), price(2, 2.5), notice(2))
    names = {("changed", "reqMktData"), ("changed", "tickPrice"), ("vanished", "error"), ("appeared", "error")}
    assert {each[:2] for each in brief(compared(one, other)[0])} == names
    assert {each[:2] for each in brief(compared(one, other, Rules(ignore=("error", "*.symbol")))[0])} == {("changed", "tickPrice")}
    differences, totals = compared(one, other, Rules(only=("tickPrice.price",)))
    assert brief(differences) == [("changed", "tickPrice", "price", 1.5, 2.5)]
    assert totals.different.total() == 1
    assert not compared(one, other, Rules(only=("tickPrice.size",)))[1].differ


def test_lists_are_compared_by_element() -> None:
    bars = [{"date": f"2024050{day}", "open": float(day), "volume": Decimal(day)} for day in range(1, 8)]
    asked = say("reqHistoricalData", reqId=1, contract=STOCK, duration="1 D", barSizeSetting="1 day", whatToShow="TRADES", useRTH=True)

    def answer(bars: list[dict[str, Any]]) -> list[Record]:
        return session(200, asked, say("historicalData", reqId=1, historicalDataBars=bars))

    changed = [*bars[:2], bars[3] | {"open": 9.0}, *bars[4:]]
    differences, _ = compared(answer(bars), answer(changed))
    assert [each[:3] for each in brief(differences)] == [
        ("changed", "historicalData", "historicalDataBars[2].date"),
        ("changed", "historicalData", "historicalDataBars[2].open"),
        ("changed", "historicalData", "historicalDataBars[2].volume"),
        ("vanished", "historicalData", "historicalDataBars[3]"),
    ]
    assert [each[:3] for each in brief(compared(answer(bars), answer(bars[1:]))[0])] == [
        ("vanished", "historicalData", "historicalDataBars[0]")
    ]


SESSIONS = {version: probed(SCENARIOS["ready"], sync=True, server_version=version)[1].records for version in (178, 200, 226)}


@pytest.mark.parametrize("version", SESSIONS)
def test_a_whole_session_of_the_simulator_is_itself(version: int) -> None:
    again = probed(SCENARIOS["ready"], sync=True, server_version=version)[1].records
    for other in (SESSIONS[version], again):
        differences, totals = compared(SESSIONS[version], other)
        assert differences == []
        assert totals.same.total() == totals.read[0] > 50


@pytest.mark.parametrize(("one", "other"), [(178, 226), (178, 200), (200, 226)])
def test_versions_of_a_session_differ_in_what_the_versions_explain(one: int, other: int) -> None:
    differences, totals = compared(SESSIONS[one], SESSIONS[other])
    rest = [each for each in differences if each.gate is None]
    assert brief(rest) == [("changed", "greeting", "serverVersion", one, other)]
    assert totals.explained == len(differences) - 1
    assert {each.gate for each in differences if each.gate is not None} <= {gate for gate in V if one < gate <= other}


TICKS = st.lists(
    st.one_of(
        st.builds(price, st.integers(1, 3), st.integers(1, 3).map(float), st.integers(1, 2)),
        st.builds(market_data, st.integers(1, 3), st.sampled_from(["AAPL", "IBM"])),
        st.builds(notice, st.integers(1, 3)),
        st.builds(say, st.just("cancelMktData"), reqId=st.integers(1, 3)),
        st.just(say("reqCurrentTime")),
        st.binary(max_size=6).map(lambda data: (TO_CLIENT, frame(data))),
    ),
    max_size=25,
)
CHOSEN = st.sampled_from([178, 200, 226])


@settings(max_examples=60)
@given(CHOSEN, TICKS, st.integers(4, 40))
def test_a_capture_is_itself(version: int, said: list[Said], window: int) -> None:
    records = session(version, *said)
    differences, totals = compared(records, records, window=window)
    assert differences == []
    assert totals.same.total() == totals.read[0]


@settings(max_examples=100)
@given(CHOSEN, TICKS, CHOSEN, TICKS)
def test_swapped_captures_give_the_swapped_differences(version: int, said: list[Said], other: int, also: list[Said]) -> None:
    one, two = session(version, *said), session(other, *also)
    there, totals = compared(one, two)
    back, _ = compared(two, one)
    assert sorted(map(told, there), key=repr) == sorted(map(mirrored, back), key=repr)
    counted = totals.different.copy()
    pairs = totals.same.total() + sum(count for (_, kind), count in counted.items() if kind in (Kind.MOVED, Kind.CHANGED))
    alone = sum(count for (_, kind), count in counted.items() if kind in (Kind.APPEARED, Kind.VANISHED))
    assert 2 * pairs + alone == sum(totals.read)


@settings(max_examples=60)
@given(TICKS, TICKS, st.integers(2, 12))
def test_a_small_window_loses_no_message(said: list[Said], also: list[Said], window: int) -> None:
    one, two = session(178, *said), session(178, *also)
    _, totals = compared(one, two, window=window)
    twice = totals.same.total() + sum(count for (_, kind), count in totals.different.items() if kind in (Kind.MOVED, Kind.CHANGED))
    once = sum(count for (_, kind), count in totals.different.items() if kind in (Kind.APPEARED, Kind.VANISHED))
    assert 2 * twice + once == sum(totals.read)


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rolled = random.Random(5)
    one, other = (session(178, market_data(1), *(price(1, rolled.random()) for _ in range(900))) for _ in range(2))
    most = 0
    comparison = Comparison(one, other, window=100)
    take = comparison._take

    def watched(number: int) -> None:
        nonlocal most
        take(number)
        most = max(most, *(side.waiting for side in comparison._sides))

    monkeypatch.setattr(comparison, "_take", watched)
    differences = list(comparison)
    assert most <= 101
    assert len(differences) >= 900
    assert [side.waiting for side in comparison._sides] == [0, 0]
    assert [side.held for side in comparison._sides] == [0, 0]


def ticks(count: int, seed: int) -> Iterator[Record]:
    """A session with so many prices, none of which another seed has, made as they are read."""
    yield from session(178, market_data(1))[:-2]
    for number in range(count):
        yield Chunk(0, TO_CLIENT, BEGIN + 10_000_000 + number, frame(b"1\x006\x001\x001\x00%d.%07d\x00100\x000\x00" % (seed, number % 200)))


def test_memory_does_not_grow_with_the_captures() -> None:
    peaks = []
    for count in (800, 3_200):
        tracemalloc.start()
        comparison = Comparison(ticks(count, 1), ticks(count, 2), window=128)
        assert sum(1 for _ in comparison) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_large_messages_do_not_wait_in_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "MOST_BYTES", 10_000)
    texts = [say("scannerParameters", xml=letter * 3000) for letter in "abcdefgh"]
    differences, totals = compared(session(178, *texts), session(178, *texts[::-1]))
    assert differences
    assert sum(totals.read) == 2 * len(session(178, *texts))


def test_captures_that_begin_in_the_middle_of_a_session() -> None:
    whole = session(178, market_data(1), *(price(1, number + 0.5) for number in range(30)))
    later = [whole[0], Gap(0, TO_CLIENT, BEGIN, None), Gap(0, TO_SERVER, BEGIN, None), *whole[8:]]
    differences, totals = compared(later, later)
    assert differences == []
    assert totals.same.total() == totals.read[0] > 25
