import json
from typing import Any

import pytest

from tests.net.asking import ACCOUNT, ask, names
from twsprobe.net.answers_news import HEADLINES, PROVIDERS
from twsprobe.net.asked import Said, State


def headlines(**fields: Any) -> list[Said]:
    asked: dict[str, Any] = {
        "conId": 265598,
        "providerCodes": "BRFG+BRFUPDN+DJNL",
        "startDateTime": "",
        "endDateTime": "",
        "totalResults": 10,
    }
    return ask("reqHistoricalNews", reqId=3, **asked | fields)


def test_headlines_are_by_known_providers_and_have_articles() -> None:
    [(_, fields)] = ask("reqNewsProviders")
    assert {each["providerCode"] for each in fields["newsProviders"]} == {row[1] for row in HEADLINES} == PROVIDERS.keys()
    for _, provider, article, _ in HEADLINES:
        [(name, _)] = ask("reqNewsArticle", reqId=3, providerCode=provider, articleId=article)
        assert name == "newsArticle"
    assert names(ask("reqNewsArticle", reqId=3, providerCode="BRFG", articleId="x")) == ["error 10172"]


@pytest.mark.parametrize(
    ("fields", "count", "more"),
    [
        ({}, 3, False),
        ({"totalResults": 2}, 2, True),
        ({"totalResults": 3}, 3, False),
        ({"providerCodes": "DJNL"}, 1, False),
        ({"startDateTime": "2026-11-21 00:00:00.0"}, 2, False),
        ({"startDateTime": "20261121 00:00:00"}, 2, False),
        ({"endDateTime": "2026-11-23 14:00:00.0"}, 2, False),
        ({"endDateTime": "2026-11-01 00:00:00.0"}, 0, False),
    ],
)
def test_headlines_of_the_past(fields: dict[str, Any], count: int, more: bool) -> None:
    *found, end = headlines(**fields)
    assert names(found) == ["historicalNews"] * count
    assert end == ("historicalNewsEnd", {"reqId": 3, "hasMore": more})


@pytest.mark.parametrize("fields", [{"conId": 1}, {"providerCodes": "BRFG+NOSUCH"}, {"providerCodes": ""}])
def test_headlines_of_what_is_not_known(fields: dict[str, Any]) -> None:
    assert names(headlines(**fields)) == ["error 321"]


def test_bulletins_of_the_day_or_new_ones_alone() -> None:
    state = State(ACCOUNT)
    assert names(ask("reqNewsBulletins", state=state, allMessages=True)) == ["updateNewsBulletin"]
    assert ask("reqNewsBulletins", state=state, allMessages=False) == []
    assert state.subscriptions.keys() == {(5, "reqNewsBulletins", None)}
    assert ask("cancelNewsBulletins", state=state) == []
    assert state.subscriptions == {}


def test_events_need_their_types_first() -> None:
    state = State(ACCOUNT)
    assert names(ask("reqWshEventData", state=state, reqId=3, conId=265598)) == ["error 10282"]
    [(_, types)] = ask("reqWshMetaData", state=state, reqId=2)
    assert json.loads(types["dataJson"])["meta_data"]["event_types"]
    [(_, events)] = ask("reqWshEventData", state=state, reqId=3, conId=265598)
    assert json.loads(events["dataJson"])[0]["data"]["conid"] == 265598
    assert names(ask("reqWshEventData", state=state, reqId=3, filter="{}")) == ["wshEventData"]
    assert names(ask("reqWshEventData", state=state, reqId=3)) == ["error 10283"]
    state.forget(5)
    assert names(ask("reqWshEventData", state=state, reqId=3, conId=265598)) == ["error 10282"]


@pytest.mark.parametrize(
    ("version", "report", "found"),
    [
        (100, "ReportSnapshot", "fundamentalData"),
        (224, "RESC", "fundamentalData"),
        (225, "RESC", "error 10358"),
        (224, "Gossip", "error 430"),
    ],
)
def test_reports_about_companies_until_they_were_dropped(version: int, report: str, found: str) -> None:
    contract = {"symbol": "AAPL", "secType": "STK"}
    assert names(ask("reqFundamentalData", version, reqId=3, contract=contract, reportType=report)) == [found]
    assert names(ask("reqFundamentalData", 224, reqId=3, contract={}, reportType=report)) == ["error 200"]
