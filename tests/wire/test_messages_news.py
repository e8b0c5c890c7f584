"""News, held against the official client."""

from collections.abc import Iterator

import pytest

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    Choices,
    check_protobuf,
    check_text,
)
from tests.wire.oracle import UNICODE, received
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.news import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}
BULLETIN: Choices = {"newsMsgId": (1, 7, 2**31 - 2), "newsMsgType": (1, 2, 3)}

# The paths of what the official callback gets, in order; what a sample chooses from; the characters it is made of.
CALLBACKS: dict[str, tuple[str, Choices, str]] = {
    "updateNewsBulletin": ("newsMsgId newsMsgType newsMessage originatingExch", BULLETIN, UNESCAPABLE),
    "newsArticle": ("reqId articleType articleText", {}, UNICODE),
    "tickNews": ("reqId timestamp providerCode articleId headline extraData", {}, UNICODE),
    "newsProviders": ("newsProviders", {}, UNICODE),
    "historicalNews": ("reqId time providerCode articleId headline", {}, UNICODE),
    "historicalNewsEnd": ("reqId hasMore", {}, UNICODE),
}
REQUESTS = {
    "reqNewsBulletins": "allMessages",
    "cancelNewsBulletins": "",
    "reqNewsArticle": "reqId providerCode articleId newsArticleOptions",
    "reqNewsProviders": "",
    "reqHistoricalNews": "reqId conId providerCodes startDateTime endDateTime totalResults historicalNewsOptions",
}
SCHEMAS = {
    "updateNewsBulletin": "NewsBulletin",
    "newsArticle": "NewsArticle",
    "tickNews": "TickNews",
    "newsProviders": "NewsProviders",
    "historicalNews": "HistoricalNews",
    "historicalNewsEnd": "HistoricalNewsEnd",
    "reqNewsBulletins": "NewsBulletinsRequest",
    "cancelNewsBulletins": "CancelNewsBulletins",
    "reqNewsArticle": "NewsArticleRequest",
    "reqNewsProviders": "NewsProvidersRequest",
    "reqHistoricalNews": "HistoricalNewsRequest",
}
GATES = {
    "newsArticle": V.REQ_NEWS_ARTICLE,
    "tickNews": V.TICK_NEWS,
    "newsProviders": V.REQ_NEWS_PROVIDERS,
    "historicalNews": V.REQ_HISTORICAL_NEWS,
    "historicalNewsEnd": V.REQ_HISTORICAL_NEWS,
    "reqNewsArticle": V.REQ_NEWS_ARTICLE,
    "reqNewsProviders": V.REQ_NEWS_PROVIDERS,
    "reqHistoricalNews": V.REQ_HISTORICAL_NEWS,
}
OPTIONS = [{"tag": "origin", "value": "1"}]


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        paths, choices, alphabet = CALLBACKS[name]
        yield check_text(name, paths.split(), choices, alphabet)
    else:
        yield check_requests(name, REQUESTS[name].split(), {})
    assert message.protobuf == V.PROTOBUF_NEWS_DATA
    yield check_protobuf(message, SCHEMAS[name], {})


def test_which_version_brought_what() -> None:
    since = {message.name: message.since for message in MESSAGES}
    assert since.items() >= GATES.items()
    assert {since[name] for name in SCHEMAS.keys() - GATES.keys()} == {V.V100_PLUS}


@pytest.mark.parametrize("name", GATES)
def test_news_need_their_version(name: str) -> None:
    with pytest.raises(EncodeError, match=f"needs server version {int(GATES[name])} "):
        encode(name, BY_NAME[name].direction, GATES[name] - 1)


@pytest.mark.parametrize(
    ("name", "version", "fields", "expected"),
    [
        ("updateNewsBulletin", 152, {"newsMsgId": 5, "newsMsgType": 1, "newsMessage": "für"}, "14|1|5|1|für||"),
        ("updateNewsBulletin", 153, {"newsMsgId": 5, "newsMsgType": 2, "newsMessage": "für"}, r"14|1|5|2|f\u00fcr||"),
        ("newsArticle", 178, {"reqId": 7, "articleType": 0, "articleText": "<p>Text</p>"}, "83|7|0|<p>Text</p>|"),
        ("tickNews", 178, {"reqId": 7, "timestamp": 1767625200000, "providerCode": "BRFG"}, "84|7|1767625200000|BRFG||||"),
        ("newsProviders", 178, {"newsProviders": [{"providerCode": "BRFG", "providerName": "Briefing"}]}, "85|1|BRFG|Briefing|"),
        ("historicalNews", 178, {"reqId": 7, "time": "2026-01-05 14:30:00.0", "articleId": "X$1"}, "86|7|2026-01-05 14:30:00.0||X$1||"),
        ("historicalNewsEnd", 178, {"reqId": 7, "hasMore": True}, "87|7|1|"),
        ("reqNewsBulletins", 178, {"allMessages": True}, "12|1|1|"),
        ("cancelNewsBulletins", 178, {}, "13|1|"),
        ("reqNewsArticle", 127, {"reqId": 7, "providerCode": "BRFG", "articleId": "BRFG$1"}, "84|7|BRFG|BRFG$1|"),
        ("reqNewsArticle", 128, {"reqId": 7, "providerCode": "BRFG", "newsArticleOptions": OPTIONS}, "84|7|BRFG||origin=1;|"),
        ("reqNewsProviders", 178, {}, "85|"),
        ("reqHistoricalNews", 127, {"reqId": 7, "conId": 8314, "totalResults": 10}, "86|7|8314||||10|"),
        ("reqHistoricalNews", 128, {"reqId": 7, "providerCodes": "BRFG+DJNL"}, "86|7||BRFG+DJNL|||||"),
    ],
)
def test_news_as_they_stand_on_the_wire(name: str, version: int, fields: Values, expected: str) -> None:
    data = encode(name, BY_NAME[name].direction, version, **fields)
    assert data[LENGTH.size :].decode().replace("\0", "|") == expected


@pytest.mark.parametrize(("name", "option"), [("reqNewsArticle", "newsArticleOptions"), ("reqHistoricalNews", "historicalNewsOptions")])
def test_options_need_their_version(name: str, option: str) -> None:
    fields: Values = {option: OPTIONS}
    with pytest.raises(EncodeError, match=rf"{option}\[0\]\.tag: has no place in the text form at server version 127"):
        encode(name, TO_SERVER, V.NEWS_QUERY_ORIGINS - 1, **fields)


def test_the_official_client_drops_a_bulletin_without_a_number() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        received(encode("updateNewsBulletin", TO_CLIENT, 178, newsMsgType=1), 178)


def test_the_official_client_leaves_escapes_in_headlines() -> None:
    # Nobody has seen whether TWS escapes them, as it does bulletins; they are kept as they came.
    call = received(encode("historicalNews", TO_CLIENT, 178, headline=r"f\u00fcr"), 178).call()
    assert call.arguments[4] == r"f\u00fcr"
