"""Recorded connections as turns: what belongs to which request."""

from __future__ import annotations

import pytest

from tests.net.sessions import GREETING, OFFER, SHORT_START, TO_CLIENT, TO_SERVER, asks, recorded, says, started
from twsprobe.capture.model import Chunk, Close, Gap, Note, Record
from twsprobe.net.turns import Piece, Session, Unplayable, by_connection, session_of
from twsprobe.wire.events import Decoded, Greeted, VersionOffered
from twsprobe.wire.handshake import frame


def name_of(piece: Piece) -> str:
    return piece.event.name if isinstance(piece.event, Decoded) else piece.event.event if piece.event is not None else repr(piece.data)


def owners(session: Session) -> list[tuple[str, str | None, bool, bool]]:
    """Of each piece behind the start: what it is, the request it belongs to, whether it is part of its answer, and the end of it."""
    found: list[tuple[str, str | None, bool, bool]] = []
    for piece in session.pieces[3:]:
        owner = session.turns[piece.owned.owner].event if piece.owned.owner is not None else None
        found.append((name_of(piece), owner.name if isinstance(owner, Decoded) else None, piece.owned.answers, piece.owned.ends))
    return found


def test_the_opening() -> None:
    session = session_of(started(says("error", id=-1, errorCode=2104, errorMsg="ok")))
    assert isinstance(session.turns[0].event, VersionOffered)
    assert session.offer is session.turns[0].event
    assert session.server_version == 178
    assert list(session.accounts) == ["DU1"]
    assert [(name_of(piece), piece.after, piece.owned.owner) for piece in session.pieces] == [
        ("greeting", 1, 0),
        ("managedAccounts", 2, 1),
        ("nextValidId", 2, 1),
        ("error", 2, None),
    ]


def test_answers_that_overlap() -> None:
    steps = (
        asks("reqPositions"),
        asks("reqExecutions", reqId=1, executionFilter={"clientId": 0}),
        asks("reqOpenOrders"),
        says("execDetailsEnd", reqId=1),
        says("openOrderEnd"),
        says("positionEnd"),
        says("positionEnd"),
        says("error", id=1, errorCode=321, errorMsg="no"),
    )
    assert owners(session_of(started(*steps))) == [
        ("execDetailsEnd", "reqExecutions", True, True),
        ("openOrderEnd", "reqOpenOrders", True, True),
        ("positionEnd", "reqPositions", True, True),
        ("positionEnd", None, False, False),
        ("error", "reqExecutions", False, False),
    ]


def test_what_goes_on_is_no_answer_with_an_end() -> None:
    tick = says("tickSize", reqId=5, tickType=0, size=1)
    steps = (asks("reqMktData", reqId=5), tick, asks("cancelMktData", reqId=5), tick)
    assert owners(session_of(started(*steps))) == [
        ("tickSize", "reqMktData", False, False),
        ("tickSize", "cancelMktData", False, False),
    ]


def test_an_error_ends_an_answer() -> None:
    error = says("error", id=5, errorCode=200, errorMsg="none")
    session = session_of(started(asks("reqContractDetails", reqId=5), error, error))
    assert owners(session) == [("error", "reqContractDetails", True, True), ("error", "reqContractDetails", False, False)]


def test_two_of_a_kind_are_answered_in_their_order() -> None:
    session = session_of(started(asks("reqCurrentTime"), asks("reqCurrentTime"), *(says("currentTime", currentTime=t) for t in (1, 2))))
    assert [piece.owned.owner for piece in session.pieces[3:]] == [2, 3]
    assert [name_of(piece) for piece in session.answers(3)] == ["currentTime"]


@pytest.mark.parametrize(("client_id", "owner"), [(7, "placeOrder"), (8, None)])
def test_the_order_of_another_client_is_not_ours(client_id: int, owner: str | None) -> None:
    order = {"orderId": 8, "action": "BUY", "totalQuantity": 1, "orderType": "MKT"}
    status = says("orderStatus", 226, orderId=8, status="Filled", clientId=client_id)
    session = session_of(started(asks("placeOrder", 226, orderId=8, order=order), status, version=226))
    assert owners(session) == [("orderStatus", owner, False, False)]


def test_a_commission_goes_with_its_execution() -> None:
    steps = (
        asks("reqExecutions", reqId=3),
        says("execDetails", reqId=3, execution={"execId": "a"}),
        says("commissionAndFeesReport", execId="a"),
        says("commissionAndFeesReport", execId="b"),
        says("execDetailsEnd", reqId=3),
    )
    assert [owner for _, owner, _, _ in owners(session_of(started(*steps)))] == ["reqExecutions", "reqExecutions", None, "reqExecutions"]


def test_a_cancelled_account_subscription_awaits_nothing() -> None:
    steps = (
        asks("reqAccountUpdates", subscribe=False, acctCode="DU1"),
        asks("reqAccountUpdates", subscribe=True, acctCode="DU1"),
        says("accountDownloadEnd", accountName="DU1"),
    )
    assert session_of(started(*steps)).pieces[-1].owned.owner == 3


def bytes_of(session: Session) -> list[bytes]:
    return [piece.data for piece in session.pieces]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_bytes_are_kept_however_they_were_cut(size: int) -> None:
    said = GREETING + frame(b"15\x001\x00DU1\0") + b"\x00\x00\x00\x20half"
    chunks = [(TO_CLIENT, said[start : start + size]) for start in range(0, len(said), size)]
    session = session_of(recorded((TO_SERVER, OFFER), *chunks, (TO_SERVER, SHORT_START), (TO_CLIENT, Close.RST)))
    assert isinstance(session.pieces[0].event, Greeted)
    assert b"".join(bytes_of(session)) == said
    assert bytes_of(session)[:2] == [GREETING, frame(b"15\x001\x00DU1\0")]
    assert session.pieces[-1].close is Close.RST
    assert [piece.after for piece in session.pieces[:-1]] == [1] * (len(session.pieces) - 1)
    assert session.pieces[-1].after == 2


@pytest.mark.parametrize("behind", [b"", b"more"])
def test_bytes_that_are_no_frames(behind: bytes) -> None:
    lost = b"HTTP/1.1 400 Bad Request\r\n"
    chunks = [(TO_CLIENT, GREETING + lost), (TO_SERVER, SHORT_START), (TO_CLIENT, behind)]
    session = session_of(recorded((TO_SERVER, OFFER), *(chunk for chunk in chunks if chunk[1])))
    assert bytes_of(session) == [GREETING, lost, *([behind] if behind else [])]
    assert [piece.after for piece in session.pieces] == [1, 1, 2][: len(session.pieces)]


def test_marks_of_a_recorder_say_nothing_and_gaps_too_much() -> None:
    records: list[Record] = recorded((TO_SERVER, OFFER), (TO_CLIENT, GREETING))
    assert session_of([*records, Note(1, TO_CLIENT, 9, "dropped")]).pieces == session_of(records).pieces
    with pytest.raises(Unplayable, match="connection 1 lacks bytes, and a replay needs all of them"):
        session_of([*records, Gap(1, TO_CLIENT, 9, None)])


def test_connections_are_in_the_order_of_their_opening() -> None:
    two = recorded((TO_SERVER, OFFER), connection=2)
    one = recorded((TO_SERVER, OFFER), connection=1)
    mixed = [two[0], one[0], one[1], two[1]]
    assert by_connection(mixed) == [two, one]
    assert by_connection([record for record in mixed if isinstance(record, Chunk)]) == [one[1:], two[1:]]
