"""What a failed test shows of a conversation: what happened, to the end, and nothing that says who somebody is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.capture.sessions import TO_CLIENT, TO_SERVER, say, session
from tests.views.hostile import HOSTILE
from twsprobe.capture.model import Opened
from twsprobe.net.matching import Difference, Mismatch
from twsprobe.views.conversation import Report, connections_in
from twsprobe.wire.events import Decoded
from twsprobe.wire.registry import decode, encode

ACCOUNT = "DU1234567"


def request(name: str, **fields: Any) -> Decoded:
    event = decode(encode(name, TO_SERVER, 178, **fields)[4:], TO_SERVER, 178)
    assert isinstance(event, Decoded)
    return event


def test_a_conversation_is_a_line_an_event() -> None:
    lines = Report(session(178, say("reqCurrentTime"), say("currentTime", currentTime=1))).conversation(80)
    assert [line.split()[3] if line.split()[3].isalpha() else line.split()[4] for line in lines] == (
        ["opened", "version", "greeting", "startApi", "managedAccounts", "nextValidId", "reqCurrentTime", "currentTime", "closed", "closed"]
    )
    assert max(map(len, lines)) <= 80


def test_of_a_long_one_the_end_is_shown() -> None:
    lines = Report(session(178, *[say("currentTime", currentTime=each) for each in range(50)])).conversation(80, 5)
    assert lines[0] == "... 53 before"
    assert ["currentTime=49" in line for line in lines] == [False, False, False, True, False, False]


def test_nothing_is_a_conversation_too() -> None:
    assert Report([]).conversation(80) == []


def test_no_account_is_shown() -> None:
    report = Report(session(178, say("updateAccountValue", key="AccountCode", value=ACCOUNT, currency="", accountName=ACCOUNT)))
    mismatch = Mismatch(
        1,
        f"reqAccountUpdates for {ACCOUNT} is not as it was recorded",
        request("reqAccountUpdates", subscribe=True, acctCode=ACCOUNT),
        None,
        (Difference("acctCode", "U7654321", ACCOUNT), Difference("subscribe", None, True)),
    )
    shown = "\n".join([*report.conversation(200), *report.mismatch(mismatch), report.text(f"of {ACCOUNT}")])
    assert shown.count("acctCode: recorded 'U") == 1
    assert "subscribe: recorded nothing, received True" in shown
    for secret in (ACCOUNT, ACCOUNT[2:], "U7654321", "7654321"):
        assert secret not in shown


def test_a_secret_that_only_a_mismatch_holds_is_replaced() -> None:
    received = request("placeOrder", orderId=1, contract={"symbol": "AAPL"}, order={"orderRef": "jane-doe-4"})
    mismatch = Mismatch(1, "placeOrder is not as it was recorded", received, None, (Difference("order.orderRef", "mine", "jane-doe-4"),))
    assert "jane" not in "".join(Report([]).mismatch(mismatch))


def test_what_cannot_be_decoded_is_left_out() -> None:
    lines = Report(session(226, (TO_CLIENT, b"\0\0\0\x09\0\0\x7f\x01DU123"))).conversation(200)
    assert "DU123" not in "\n".join(lines)
    assert any("13 bytes were dropped here" in line for line in lines)


@pytest.mark.parametrize("index", range(0, len(HOSTILE), 7))
def test_hostile_text_is_inert(index: int) -> None:
    text = HOSTILE[index].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    report = Report(session(178, say("error", id=1, errorCode=1, errorMsg=text)))
    received = request("reqMktData", reqId=1, contract={"symbol": text})
    mismatch = Mismatch(1, text, received, None, (Difference("contract.symbol", "AAPL", text),))
    for line in [*report.conversation(120), *report.mismatch(mismatch), report.text(text)]:
        assert line.isprintable()


def test_connections_are_counted() -> None:
    records = session(178) + session(178, connection=1)
    assert connections_in(records) == 2 == sum(isinstance(record, Opened) for record in records)
