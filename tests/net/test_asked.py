from itertools import repeat

from tests.net.asking import ACCOUNT, NOW
from twsprobe.net.asked import Asked, Feed, State, ending, error, invalid, nothing


def asked(state: State, client_id: int = 5, **fields: object) -> Asked:
    return Asked(fields, client_id, 178, state, NOW)


def test_what_a_request_lacks_is_empty() -> None:
    empty = asked(State(ACCOUNT))
    assert (empty.id, empty.contract, empty.text("group"), empty.number("numRows"), empty.now) == (None, {}, "", 0, NOW // 10**9)
    assert empty.names_account("acctCode")
    assert not asked(State(ACCOUNT), acctCode="DU9").names_account("acctCode")


def test_messages_come_with_their_version() -> None:
    assert asked(State(ACCOUNT)).has("userInfo")
    assert not asked(State(ACCOUNT)).has("historicalDataEnd")


def test_feeds_belong_to_their_client_and_end_with_it() -> None:
    state = State(ACCOUNT)
    feed = Feed(1.0, repeat(()))
    asked(state, 1, reqId=3).subscribe("reqPnL", feed)
    asked(state, 1, reqId=4).subscribe("reqPositions")
    asked(state, 2, reqId=3).subscribe("reqPnL", Feed(1.0, repeat(())))
    assert (state.feeds(1), state.count("reqPnL"), state.count("reqPnL", "reqPositions")) == ([feed], 2, 3)
    state.forget(1)
    assert (state.feeds(1), state.count("reqPnL")) == ([], 1)


def test_a_cancel_of_nothing() -> None:
    state = State(ACCOUNT)
    assert list(ending("reqPnL")(asked(state, reqId=3))) == []
    assert list(ending("reqPnL", 300, "no ")(asked(state, reqId=3))) == [error(300, "no 3", 3)]
    assert list(nothing(asked(state))) == []


def test_errors_are_about_a_request_or_about_none() -> None:
    state = State(ACCOUNT)
    assert error(1, "x")[1]["id"] == -1
    assert invalid(asked(state, reqId=0), "x")[1]["id"] == 0
