"""Recordings of sessions with a real gateway, where they lie beside the repository: every byte of them is in an event."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Greeted, Unknown, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.registry import BY_ID, head, reencode

RECORDINGS = Path(__file__).parents[3] / "shared" / "real-sessions"
SESSIONS = ("account-summary", "contract-error", "historical-bars")

# The client of the recordings is no official one: it ends these requests with one more, empty, field than they have.
WORDY_REQUESTS = {"reqAccountSummary", "reqContractDetails", "reqHistoricalData", "reqMarketDataType"}
ONE_MORE = ("1 text field behind the last known one",)


class Line(NamedTuple):
    direction: Direction
    data: bytes


def recorded(session: str) -> list[Line]:
    path = RECORDINGS / f"{session}.frames.jsonl"
    if not path.is_file():
        pytest.skip(f"no recording at {path}")
    objects = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    return [Line(Direction(f"to_{found['to']}"), bytes.fromhex(found["hex"])) for found in objects]


def travelled(event: Event) -> bytes:
    """An event's bytes as they travelled, with the length word or the prefix."""
    return event.raw if isinstance(event, VersionOffered) else LENGTH.pack(len(event.raw)) + event.raw


def events(session: str) -> list[Event]:
    conversation = Conversation()
    found = [event for line in recorded(session) for event in conversation.feed(line.direction, line.data)]
    assert not any(conversation.pending(direction) for direction in Direction)
    return found


@pytest.mark.parametrize("session", SESSIONS)
def test_every_byte_is_in_an_event(session: str) -> None:
    found = events(session)
    for direction in Direction:
        fed = b"".join(line.data for line in recorded(session) if line.direction is direction)
        assert b"".join(travelled(event) for event in found if event.direction is direction) == fed


@pytest.mark.parametrize("session", SESSIONS)
def test_a_message_is_decoded_if_it_is_declared_and_unknown_if_not(session: str) -> None:
    offered, greeted, *messages = events(session)
    assert isinstance(offered, VersionOffered)
    assert (offered.minimum, offered.maximum) == (176, 176)
    assert isinstance(greeted, Greeted)
    assert greeted.server_version == 176
    for event in messages:
        message_id = head(event.raw, greeted.server_version).id
        if (event.direction, message_id) in BY_ID:
            assert isinstance(event, Decoded)
            assert event.anomalies == (ONE_MORE if event.name in WORDY_REQUESTS else ())
            assert reencode(event) == travelled(event)
        else:
            assert isinstance(event, Unknown)
            assert event.id == message_id


def test_an_account_summary_is_read() -> None:
    found = [event for event in events("account-summary") if isinstance(event, Decoded)]
    names = [event.name for event in found]
    summary = [event.fields for event in found if event.name == "accountSummary"]
    request = next(event.fields for event in found if event.name == "reqAccountSummary")
    assert names[:3] == ["startApi", "managedAccounts", "nextValidId"]
    assert (request["reqId"], request["group"]) == (-10, "All")
    assert {values["tag"] for values in summary} <= set(request["tags"].split(","))
    assert summary[0] == {"version": 1, "reqId": -10, "account": "DU1234567", "tag": "AccountType", "value": "INDIVIDUAL", "currency": ""}
    assert summary[-1]["value"] == "867613.74"
    assert found[-1].name == "accountSummaryEnd"


def test_a_contract_is_read() -> None:
    found = {event.name: event.fields for event in events("historical-bars") if isinstance(event, Decoded)}
    contract, details = found["contractDetails"]["contract"], found["contractDetails"]["contractDetails"]
    assert (contract["conId"], contract["lastTradeDateOrContractMonth"], contract["multiplier"]) == (559753506, "20240430-17:10:00", "2000")
    assert (details["longName"], details["contractMonth"], details["underSecType"]) == ("MILK CLASS III INDEX", "202404", "IND")
    assert (str(details["minTick"]), details["evMultiplier"], details["aggGroup"]) == ("0.01", None, None)
    assert (details["realExpirationDate"], str(details["suggestedSizeIncrement"])) == ("20240501", "1")
    assert found["contractDetailsEnd"]["reqId"] == found["reqContractDetails"]["reqId"]


def test_bars_are_read() -> None:
    found = {event.name: event.fields for event in events("historical-bars") if isinstance(event, Decoded)}
    request, answer = found["reqHistoricalData"], found["historicalData"]
    assert (request["contract"]["localSymbol"], request["duration"], request["whatToShow"]) == ("DCJ4", "5 D", "TRADES")
    assert (answer["reqId"], answer["endDateStr"]) == (request["reqId"], request["endDateTime"])
    assert [bar["date"] for bar in answer["historicalDataBars"]] == ["20240318", "20240319", "20240320", "20240321", "20240322"]
    assert all(bar["low"] <= bar["WAP"] <= bar["high"] and bar["barCount"] > 300 for bar in answer["historicalDataBars"])


def test_the_sessions_are_the_same_byte_by_byte() -> None:
    for session in SESSIONS:
        conversation = Conversation()
        slowly = [
            event
            for line in recorded(session)
            for position in range(len(line.data))
            for event in conversation.feed(line.direction, line.data[position : position + 1])
        ]
        assert slowly == events(session)
