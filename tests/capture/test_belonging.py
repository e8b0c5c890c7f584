"""Which request a message belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.capture.sessions import STOCK, TO_CLIENT, TO_SERVER
from twsprobe.capture.belonging import MOST_REQUESTS, Half, Item, Payload, name_of, number_of, numbers_in, reach
from twsprobe.capture.differences import Place
from twsprobe.capture.model import Opened
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.identity import Identity

PLACE = Place(0, 0, 0, None)


def told(name: str, direction: Direction = TO_CLIENT, **fields: Any) -> Decoded:
    """A decoded message."""
    return Decoded(direction, 1, name, 178, "text", fields, b"", 0)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (told("tickPrice", reqId=7), [(Identity.REQUEST_ID, 7)]),
        (told("error", id=7), [(Identity.REQUEST_ID, 7), (Identity.ORDER_ID, 7)]),
        (told("error", id=-1), []),
        (told("nextValidId", orderId=7), []),
        (told("orderStatus", orderId=7, parentId=3), [(Identity.ORDER_ID, 7)]),
        (told("openOrder", orderId=7, order={"orderId": 7}), [(Identity.ORDER_ID, 7)]),
        (told("execDetails", reqId=4, execution={"orderId": 7}), [(Identity.REQUEST_ID, 4)]),
        (told("execDetails", reqId=-1, execution={"orderId": 7}), [(Identity.ORDER_ID, 7)]),
        (told("positionEnd"), []),
        (told("exerciseOptions", TO_SERVER, orderId=7), [(Identity.REQUEST_ID, 7)]),
        (told("tickPrice", reqId=None), []),
    ],
)
def test_the_numbers_in_a_message(message: Decoded, expected: list[Any]) -> None:
    assert numbers_in(message)[: len(expected) or None] == expected
    assert number_of(message) == (expected[0] if expected else None)


def test_answers_belong_to_the_last_request_with_their_number() -> None:
    half = Half(0)
    assert half.answered(told("tickPrice", reqId=1)) is half.told
    first = half.open(told("reqMktData", TO_SERVER, reqId=1, contract=STOCK), 11, 1)
    assert half.answered(told("tickPrice", reqId=1)) is first
    second = half.open(told("reqHistoricalData", TO_SERVER, reqId=1), 12, 2)
    assert half.answered(told("tickPrice", reqId=1)) is second is not first


def test_an_error_is_about_the_later_of_a_request_and_an_order() -> None:
    half = Half(0)
    request = half.open(told("reqMktData", TO_SERVER, reqId=1), 11, 1)
    assert half.answered(told("error", id=1)) is request
    order = half.open(told("placeOrder", TO_SERVER, orderId=1), 12, 2)
    assert half.answered(told("error", id=1)) is order
    assert half.answered(told("tickPrice", reqId=1)) is request
    assert half.answered(told("error", id=2)) is half.told


def test_a_cancellation_is_about_a_request_and_opens_none() -> None:
    half = Half(0)
    request = half.open(told("reqMktData", TO_SERVER, reqId=1), 11, 1)
    cancel = told("cancelMktData", TO_SERVER, reqId=1)
    assert half.asked(cancel) is request
    assert half.open(cancel, 12, 2) is None
    assert half.asked(told("reqPositions", TO_SERVER)) is None
    assert half.open(told("reqPositions", TO_SERVER), 13, 3) is None


def test_only_so_many_requests_are_remembered() -> None:
    half = Half(0)
    for number in range(MOST_REQUESTS + 1):
        half.open(told("reqMktData", TO_SERVER, reqId=number), number, number)
    assert half.answered(told("tickPrice", reqId=0)) is half.told
    assert half.answered(told("tickPrice", reqId=1)) is not half.told


def test_names_and_sizes() -> None:
    assert name_of(told("tickPrice")) == "tickPrice"
    assert name_of(Undecodable(TO_CLIENT, None, None, 178, None, "ends inside a frame", "", 0, b"ab")) == "undecodable"
    assert name_of(Unknown(TO_CLIENT, 999, 178, "text", "why", b"abc")) == "unknown"
    assert name_of(Opened(0, 0, "", "")) == "opened"
    kept = (Payload(b"abcd", 178), Unknown(TO_CLIENT, 999, None, None, "why", b"abc"), Opened(0, 0, "", ""))
    assert [Item("x", TO_CLIENT, each, 1, PLACE, 1, 1).size for each in kept] == [4, 3, 0]
    assert reach({"a": {"b": 1}}, ("a", "b")) == 1
    assert reach({"a": 1}, ("a", "b")) is None
