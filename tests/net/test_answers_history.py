from typing import Any

import pytest

from tests.net.asking import ACCOUNT, ask, names
from twsprobe.net.asked import Said, State

STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
PAIR = {"symbol": "EUR", "secType": "CASH"}
END = "20261120-21:00:00"


def history(state: State | None = None, version: int = 226, **fields: Any) -> list[Said]:
    asked: dict[str, Any] = {
        "contract": STOCK,
        "barSizeSetting": "1 hour",
        "duration": "7200 S",
        "whatToShow": "TRADES",
        "endDateTime": END,
        "formatDate": 1,
    }
    return ask("reqHistoricalData", version, state, reqId=3, **asked | fields)


def test_bars_and_their_end() -> None:
    (name, fields), end = history()
    bars = fields["historicalDataBars"]
    assert name == "historicalData"
    assert [each["date"] for each in bars] == ["20261120 19:30:00 UTC", "20261120 20:30:00 UTC"]
    assert bars[0]["close"] == bars[1]["open"]
    ends = {"startDateStr": "20261120 19:30:00 UTC", "endDateStr": "20261120 21:00:00 UTC"}
    assert end == ("historicalDataEnd", {"reqId": 3} | ends)
    [(_, old)] = history(version=195)
    assert ends.items() <= old.items()


def test_times_come_as_they_were_asked_for() -> None:
    [(_, fields), _] = history(formatDate=2)
    assert [each["date"] for each in fields["historicalDataBars"]] == ["1795203000", "1795206600"]
    [(_, fields), _] = history(formatDate=2, barSizeSetting="1 day", duration="2 D")
    assert [each["date"] for each in fields["historicalDataBars"]] == ["20261119", "20261120"]


def test_bars_are_kept_up_to_date() -> None:
    state = State(ACCOUNT)
    history(state, endDateTime="", keepUpToDate=True, barSizeSetting="1 min")
    [feed] = state.feeds(5)
    updates = [fields["historicalDataBar"]["date"] for _ in range(13) for _, fields in next(feed.messages)]
    assert (feed.period, len(set(updates))) == (5.0, 2)
    assert names(ask("cancelHistoricalData", state=state, reqId=3)) == ["error 162"]
    assert state.feeds(5) == []
    assert names(ask("cancelHistoricalData", state=state, reqId=3)) == ["error 366"]


def test_a_schedule() -> None:
    [(name, fields)] = history(whatToShow="SCHEDULE", duration="2 D", barSizeSetting="1 day")
    assert (name, fields["timeZone"], fields["startDateTime"], fields["endDateTime"]) == (
        "historicalSchedule",
        "UTC",
        "20261119-14:30:00",
        "20261120-21:00:00",
    )
    assert [each["refDate"] for each in fields["historicalSessions"]] == ["20261119", "20261120"]
    assert names(history(version=164, whatToShow="SCHEDULE")) == ["error 321"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"contract": {"symbol": "NOSUCH"}}, "error 200"),
        ({"barSizeSetting": "7 mins"}, "error 321"),
        ({"duration": "1 fortnight"}, "error 321"),
        ({"whatToShow": "GOSSIP"}, "error 321"),
        ({"endDateTime": "tomorrow"}, "error 10314"),
        ({"keepUpToDate": True}, "error 321"),
        ({"contract": PAIR}, "error 162"),
    ],
)
def test_what_has_no_bars(fields: dict[str, Any], code: str) -> None:
    assert names(history(**fields)) == [code]


@pytest.mark.parametrize(("version", "lots"), [(219, True), (220, False)])
def test_real_time_bars(version: int, lots: bool) -> None:
    state = State(ACCOUNT)
    [(name, first)] = ask("reqRealTimeBars", version, state, reqId=3, contract=STOCK, barSize=5, whatToShow="TRADES")
    [feed] = state.feeds(5)
    [(_, second)] = list(next(feed.messages))
    assert (name, second["time"] - first["time"], first["time"] % 5) == ("realtimeBar", 5, 0)
    assert (first["volume"] < 1000) is lots
    assert first["close"] == second["open"]
    assert names(ask("reqRealTimeBars", version, state, reqId=3, contract=STOCK, whatToShow="TRADES")) == ["error 102"]
    assert ask("cancelRealTimeBars", version, state, reqId=3) == []
    assert state.feeds(5) == []


def test_real_time_bars_of_what_is_not_traded() -> None:
    assert names(ask("reqRealTimeBars", reqId=3, contract=PAIR, whatToShow="TRADES")) == ["error 420"]
    [(_, fields)] = ask("reqRealTimeBars", reqId=3, contract=PAIR, whatToShow="MIDPOINT")
    assert (fields["volume"], fields["count"]) == (-1, -1)


@pytest.mark.parametrize(("form", "found"), [(1, "19801212-14:30:00"), (2, "345479400")])
def test_the_head_of_the_data(form: int, found: str) -> None:
    said = ask("reqHeadTimeStamp", reqId=3, contract=STOCK, whatToShow="TRADES", formatDate=form)
    assert said == [("headTimestamp", {"reqId": 3, "headTimestamp": found})]
    assert names(ask("reqHeadTimeStamp", reqId=3, contract=STOCK, whatToShow="GOSSIP")) == ["error 321"]


def test_a_histogram_is_about_the_price() -> None:
    [(_, fields)] = ask("reqHistogramData", reqId=3, contract=STOCK, timePeriod="3 days")
    entries = fields["histogramDataEntries"]
    assert max(entries, key=lambda each: each["size"])["price"] == 191.24
    assert names(ask("reqHistogramData", reqId=3, contract={})) == ["error 200"]


@pytest.mark.parametrize(
    ("shows", "message"), [("TRADES", "historicalTicksLast"), ("BID_ASK", "historicalTicksBidAsk"), ("MIDPOINT", "historicalTicks")]
)
@pytest.mark.parametrize("edge", ["startDateTime", "endDateTime"])
def test_ticks_of_the_past(shows: str, message: str, edge: str) -> None:
    asked: dict[str, Any] = {"contract": STOCK, "numberOfTicks": 4, "whatToShow": shows, edge: END}
    [(name, fields)] = ask("reqHistoricalTicks", reqId=3, **asked)
    times = [each["time"] for each in fields[message]]
    first = 1795208400 - (4 if edge == "endDateTime" else 0)
    assert (name, times, fields["isDone"]) == (message, list(range(first, first + 4)), True)


@pytest.mark.parametrize(
    "fields",
    [
        {"whatToShow": "GOSSIP"},
        {"numberOfTicks": 0},
        {"startDateTime": END},
        {"endDateTime": ""},
        {"contract": PAIR, "whatToShow": "TRADES"},
    ],
)
def test_ticks_of_the_past_that_there_are_none_of(fields: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"contract": STOCK, "numberOfTicks": 4, "whatToShow": "TRADES", "endDateTime": END}
    assert names(ask("reqHistoricalTicks", reqId=3, **asked | fields)) == ["error 10187"]
