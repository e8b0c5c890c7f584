"""Which recorded request one that arrives is, and what differs where it is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.sessions import asks, says, started
from twsprobe.net.matching import SHOWN, Difference, Identities, Match, Matched, Matcher, Mismatch, mapped
from twsprobe.net.turns import Named, names_in, session_of
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import offer
from twsprobe.wire.identity import Identity
from twsprobe.wire.registry import decode, encode

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
AAPL = {"symbol": "AAPL", "secType": "STK"}


def said(name: str, version: int = 178, **fields: Any) -> Event:
    return decode(encode(name, TO_SERVER, version, **fields)[LENGTH.size :], TO_SERVER, version)


def matcher(*steps: tuple[Direction, bytes], match: Match = Match.STRICT, ignored: tuple[str, ...] = (), version: int = 178) -> Matcher:
    """A matcher whose client has started, under another client id."""
    made = Matcher(session_of(started(*steps, version=version)), match, ignored)
    [opened] = Conversation().feed(TO_SERVER, offer(100, 226, "+PACEAPI"))
    assert made.take(opened) == Matched(0)
    assert made.take(said("startApi", version, clientId=123456789)) == Matched(1)
    return made


def refused(found: Matched | Mismatch) -> Mismatch:
    assert isinstance(found, Mismatch)
    return found


@pytest.mark.parametrize("version", [178, 226])
def test_ids_are_whatever_they_are(version: int) -> None:
    steps = (asks("reqMktData", version, reqId=1, contract=AAPL), asks("cancelMktData", version, reqId=1))
    made = matcher(*steps, version=version)
    assert made.take(said("reqMktData", version, reqId=55, contract=AAPL)) == Matched(2)
    assert refused(made.take(said("cancelMktData", version, reqId=1))).differences == (Difference("reqId", 55, 1),)
    assert made.take(said("cancelMktData", version, reqId=55)) == Matched(3)
    assert made.missing == []


def test_requests_come_in_any_order() -> None:
    made = matcher(asks("reqPositions"), asks("reqOpenOrders"), asks("reqContractDetails", reqId=1, contract=AAPL))
    assert [made.take(said("reqContractDetails", reqId=9, contract=AAPL)), made.take(said("reqOpenOrders"))] == [Matched(4), Matched(3)]
    assert [turn.index for turn in made.missing] == [2]


def test_of_two_that_fit_the_one_whose_ids_are_tied_is_it() -> None:
    order = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}
    made = matcher(asks("placeOrder", orderId=8, order=order), asks("placeOrder", orderId=9, order=order), asks("cancelOrder", orderId=9))
    assert made.take(said("placeOrder", orderId=20, order=order)) == Matched(2)
    assert made.take(said("placeOrder", orderId=21, order=order)) == Matched(3)
    assert refused(made.take(said("cancelOrder", orderId=20))).differences == (Difference("orderId", 21, 20),)
    assert made.take(said("cancelOrder", orderId=21)) == Matched(4)


def test_a_changed_order_is_the_order_that_it_changes() -> None:
    order = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}
    steps = [asks("placeOrder", orderId=id, order=order) for id in (8, 9, 8)]
    made = matcher(*steps)
    found = [made.take(said("placeOrder", orderId=id, order=order)) for id in (20, 20, 21)]
    assert found == [Matched(2), Matched(4), Matched(3)]


def test_a_parent_is_the_parent_that_was_recorded() -> None:
    order = {"action": "BUY", "totalQuantity": 1, "orderType": "MKT"}
    made = matcher(asks("placeOrder", orderId=8, order=order), asks("placeOrder", orderId=9, order={**order, "parentId": 8}))
    made.take(said("placeOrder", orderId=20, order=order))
    assert refused(made.take(said("placeOrder", orderId=21, order={**order, "parentId": 8}))).differences == (
        (Difference("order.parentId", 20, 8),)
    )
    assert made.take(said("placeOrder", orderId=21, order={**order, "parentId": 20})) == Matched(3)


def test_another_account_stands_for_the_recorded_one_throughout() -> None:
    steps = [asks("reqAccountUpdates", subscribe=subscribe, acctCode="DU1") for subscribe in (True, False)]
    made = matcher(*steps)
    assert made.take(said("reqAccountUpdates", subscribe=True, acctCode="U777")) == Matched(2)
    assert made.identities.live(Identity.ACCOUNT, "DU1") == "U777"
    assert made.identities.live(Identity.ACCOUNT, "DU1,DU2") == "U777,DU2"
    assert refused(made.take(said("reqAccountUpdates", subscribe=False, acctCode="U778"))).differences == (
        (Difference("acctCode", "U777", "U778"),)
    )
    assert made.take(said("reqAccountUpdates", subscribe=False, acctCode="U777")) == Matched(3)


def test_what_differs_is_named_against_the_nearest() -> None:
    steps = [asks("reqContractDetails", reqId=id, contract={"conId": con, "symbol": "A"}) for id, con in ((1, 5), (2, 123456))]
    found = refused(matcher(*steps).take(said("reqContractDetails", reqId=3, contract={"conId": 123457, "symbol": "A"})))
    assert found.differences == (Difference("contract.conId", 123456, 123457),)
    assert isinstance(found.nearest, Decoded)
    assert found.nearest.fields["reqId"] == 2
    assert str(found) == "connection 1: reqContractDetails is not as it was recorded\n  contract.conId: recorded 123456, received 123457"


def test_what_one_side_lacks_is_nothing() -> None:
    found = refused(matcher(asks("reqMatchingSymbols", reqId=1, pattern="\x1b[2J")).take(said("reqMatchingSymbols", reqId=1)))
    assert str(found.differences[0]) == r"pattern: recorded '\x1b[2J', received nothing"


def test_a_request_that_was_never_recorded() -> None:
    made = matcher(asks("reqPositions"), asks("reqIds", numIds=1), asks("reqPositions"))
    found = refused(made.take(said("reqOpenOrders")))
    assert (found.nearest, found.differences) == (None, ())
    assert str(found) == "connection 1: reqOpenOrders was never recorded; still to come: reqPositions, reqIds"


def test_a_request_that_comes_once_too_often() -> None:
    made = matcher(asks("reqPositions"))
    assert made.take(said("reqPositions")) == Matched(2)
    assert str(refused(made.take(said("reqPositions")))) == "connection 1: reqPositions came once more than it was recorded"
    lenient = matcher(asks("reqPositions"), match=Match.LENIENT)
    assert [lenient.take(said("reqPositions")) for _ in range(2)] == [Matched(2), Matched(2)]
    assert "never recorded" in str(refused(lenient.take(said("reqOpenOrders"))))


def test_lenient_takes_the_nearest_and_says_how_it_differs() -> None:
    steps = [asks("reqContractDetails", reqId=id, contract={"conId": con, "symbol": "A"}) for id, con in ((1, 5), (2, 123456))]
    made = matcher(*steps, match=Match.LENIENT)
    found = made.take(said("reqContractDetails", reqId=3, contract={"conId": 123457, "symbol": "A"}))
    assert found == Matched(3, (Difference("contract.conId", 123456, 123457),))
    assert made.identities.live(Identity.REQUEST_ID, 2) == 3


@pytest.mark.parametrize("ignored", ["endDateTime", "reqHistoricalData.endDateTime"])
def test_a_field_may_be_anything(ignored: str) -> None:
    step = asks("reqHistoricalData", reqId=1, endDateTime="20261120 21:00:00 UTC", duration="1 D")
    now = said("reqHistoricalData", reqId=1, endDateTime="20261121 21:00:00 UTC", duration="1 D")
    assert matcher(step, ignored=(ignored,)).take(now) == Matched(2)
    assert isinstance(matcher(step, ignored=("reqMktData.endDateTime",)).take(now), Mismatch)


@pytest.mark.parametrize(("minimum", "maximum", "fits"), [(100, 226, True), (178, 178, True), (100, 177, False), (179, 226, False)])
def test_the_recorded_version_has_to_be_offered(minimum: int, maximum: int, fits: bool) -> None:
    [opened] = Conversation().feed(TO_SERVER, offer(minimum, maximum))
    found = Matcher(session_of(started())).take(opened)
    assert isinstance(found, Matched) is fits
    if not fits:
        assert str(found) == (
            "connection 1: the client does not speak the recorded server version\n"
            f"  serverVersion: recorded 178, received 'an offer of {minimum} to {maximum}'"
        )


@pytest.mark.parametrize("data", [b"\x00\x00\x00\x05abcde", b"\x00\x00\x00\x069999\x00\x00", b"\xff\xff\xff\xffxx"])
def test_what_cannot_be_read_has_to_be_the_same_bytes(data: bytes) -> None:
    made = matcher((TO_SERVER, data))
    conversation = Conversation()
    conversation.feed(TO_SERVER, offer(100, 178))
    conversation.feed(TO_CLIENT, made.session.pieces[0].data)
    [event] = conversation.feed(TO_SERVER, data)
    assert made.take(event) == Matched(2)
    assert "connection 1: " in str(refused(made.take(event)))


def test_the_end_of_a_client() -> None:
    assert matcher().end() is None


def test_many_differences_are_counted() -> None:
    fields = {f"f{number}": number for number in range(SHOWN + 3)}
    found = Mismatch(1, "no", said("reqIds"), None, tuple(Difference(path, value, None) for path, value in fields.items()))
    assert str(found).splitlines()[-1] == "  and 3 more"


def test_the_order_of_another_client_keeps_its_number() -> None:
    identities = Identities()
    identities.tie(Identity.ORDER_ID, 8, 20)
    identities.tie(Identity.CLIENT_ID, 7, 99)
    ours = [Named("orderId", Identity.ORDER_ID, 8), Named("clientId", Identity.CLIENT_ID, 7)]
    assert identities.changes(ours) == {"orderId": 20, "clientId": 99}
    assert identities.changes([ours[0], Named("clientId", Identity.CLIENT_ID, 6)]) == {}


def test_an_error_is_about_a_request_or_an_order() -> None:
    identities = Identities()
    identities.tie(Identity.ORDER_ID, 8, 20)
    identities.tie(Identity.REQUEST_ID, 3, 30)
    assert [identities.live(Identity.EITHER_ID, id) for id in (8, 3, -1)] == [20, 30, -1]


@pytest.mark.parametrize("version", [178, 226])
def test_a_mapped_message_is_the_same_but_for_what_changed(version: int) -> None:
    _, whole = says("tickPrice", version, reqId=5, tickType=1, price=1.5, size=3)
    event = decode(whole[LENGTH.size :], TO_CLIENT, version)
    assert isinstance(event, Decoded)
    assert [named.path for named in names_in(event)] == ["reqId"]
    _, other = says("tickPrice", version, reqId=123456, tickType=1, price=1.5, size=3)
    assert mapped(event, {"reqId": 123456}) == other
    assert mapped(event, {}) == whole
