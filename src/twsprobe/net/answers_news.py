"""What the simulator answers about news, corporate events and companies: a few headlines, and reports with next to nothing in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from twsprobe.net.answers_market_data import contract_of
from twsprobe.net.asked import Answer, Asked, Said, ending, error, invalid, nothing
from twsprobe.net.instruments import Instrument, by_number

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {"BRFG": "Briefing.com General Market Columns", "BRFUPDN": "Briefing.com Analyst Actions", "DJNL": "Dow Jones Newsletters"}
)
HEADLINES = (
    ("2026-11-23 15:02:11.0", "BRFG", "BRFG$0a1b2c3d", "Shares little changed at midday"),
    ("2026-11-23 13:30:00.0", "BRFUPDN", "BRFUPDN$0a1b2c3c", "{A:800015:L:en}Rating raised to buy"),
    ("2026-11-20 21:10:45.0", "DJNL", "DJNL$0a1b2c3b", "Week ends where it began"),
)
"""Headlines: when, who published it, the article, and the headline itself; the newest first."""
ARTICLE = "<html><body><p>There is no more to say than the headline does.</p></body></html>"
BULLETIN = {"newsMsgId": 1, "newsMsgType": 1, "newsMessage": "Exchange holiday on Thursday.", "originatingExch": "NYSE"}
MOST_HEADLINES = 300
REPORT = '<?xml version="1.0" encoding="UTF-8"?><{0} Major="1" Minor="0"><CoIDs><CoID Type="CompanyName">{1}</CoID></CoIDs></{0}>'
REPORTS = frozenset(("ReportSnapshot", "ReportsFinSummary", "ReportRatios", "ReportsFinStatements", "RESC", "CalendarReport"))
FUNDAMENTALS_DROPPED = 225
"""The first server version that IBKR's clients without reports about companies know, likely: those of release 10.47."""
EVENT_TYPES = {
    "meta_data": {
        "event_types": [{"tag": "wshe_ed", "name": "Earnings Date"}, {"tag": "wshe_ipo", "name": "IPO Date"}],
        "filters": [{"tag": "country", "name": "Country"}],
    }
}


def providers(asked: Asked) -> Iterator[Said]:
    rows = [{"providerCode": code, "providerName": name} for code, name in PROVIDERS.items()]
    yield "newsProviders", {"newsProviders": rows}


def article(asked: Asked) -> Iterator[Said]:
    known = {(provider, id) for _, provider, id, _ in HEADLINES}
    if (asked.fields.get("providerCode"), asked.fields.get("articleId")) not in known:
        yield error(10172, "Failed to request news article:No data available", asked.id)
        return
    yield "newsArticle", {"reqId": asked.id, "articleType": 0, "articleText": ARTICLE}


def historical_news(asked: Asked) -> Iterator[Said]:
    """Headlines of the publishers and the time that were asked for; all are about every instrument."""
    codes = set(asked.text("providerCodes").split("+"))
    start, end = digits(asked.text("startDateTime")), digits(asked.text("endDateTime"))
    if by_number(asked.number("conId")) is None or not codes <= PROVIDERS.keys():
        yield invalid(asked, "The contract or a provider is not known")
        return
    found = [row for row in HEADLINES if row[1] in codes and digits(row[0]) > start and (not end or digits(row[0]) <= end)]
    most = min(asked.number("totalResults"), MOST_HEADLINES)
    for time, provider, id, headline in found[:most]:
        yield "historicalNews", {"reqId": asked.id, "time": time, "providerCode": provider, "articleId": id, "headline": headline}
    yield "historicalNewsEnd", {"reqId": asked.id, "hasMore": len(found) > most}


def digits(moment: str) -> str:
    """A time down to the second, so that times in different spellings can be compared."""
    return "".join(each for each in moment if each in "0123456789")[:14]


def bulletins(asked: Asked) -> Iterator[Said]:
    asked.subscribe("reqNewsBulletins")
    if asked.fields.get("allMessages"):
        yield "updateNewsBulletin", BULLETIN


def event_types(asked: Asked) -> Iterator[Said]:
    asked.state.calendars.add(asked.client_id)
    yield "wshMetaData", {"reqId": asked.id, "dataJson": json.dumps(EVENT_TYPES)}


def events(asked: Asked) -> Iterator[Said]:
    instrument = by_number(asked.number("conId"))
    if asked.client_id not in asked.state.calendars:
        yield error(10282, "WSH metadata not requested", asked.id)
    elif instrument is None and not asked.fields.get("filter"):
        yield error(10283, "Fail request WSH event data", asked.id)
    else:
        con_id = instrument.contract["conId"] if instrument is not None else 0
        event = {"event_type": "wshe_ed", "data": {"conid": con_id, "wshe_earnings_date": "20270128"}}
        yield "wshEventData", {"reqId": asked.id, "dataJson": json.dumps([event])}


def fundamental_data(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    report = asked.text("reportType")
    if asked.server_version >= FUNDAMENTALS_DROPPED:
        yield error(10358, "Fundamentals data is not allowed", asked.id)
    elif not isinstance(instrument, Instrument):
        yield instrument
    elif report not in REPORTS:
        yield error(430, "The fundamentals data for the security specified is not available", asked.id)
    else:
        yield "fundamentalData", {"reqId": asked.id, "data": REPORT.format(report, instrument.details["longName"])}


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqNewsProviders": providers,
        "reqNewsArticle": article,
        "reqHistoricalNews": historical_news,
        "reqNewsBulletins": bulletins,
        "cancelNewsBulletins": ending("reqNewsBulletins"),
        "reqWshMetaData": event_types,
        "cancelWshMetaData": nothing,
        "reqWshEventData": events,
        "cancelWshEventData": nothing,
        "reqFundamentalData": fundamental_data,
        "cancelFundamentalData": nothing,
    }
)
"""The answers about news, events and companies, by the name of the request."""
