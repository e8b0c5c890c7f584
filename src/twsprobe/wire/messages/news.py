"""News: the bulletins of IBKR, headlines as they come and of the past, and articles."""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Record, Repeat, Since, Version, text
from twsprobe.wire.fields import Bool, EscapedString, Int, Long, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.messages.session import EMPTY
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

NEWS_BULLETIN = Record(
    "NewsBulletin",
    "newsMsgId" / Int(1, "IBKR's number of the bulletin"),
    "newsMsgType" / Int(2, "1 a bulletin, 2 an exchange is not available for trading any more, 3 it is available again"),
    "newsMessage" / EscapedString(3, "the bulletin"),
    "originatingExch" / EscapedString(4, "the exchange that it comes from"),
)
NEWS_ARTICLE = Record(
    "NewsArticle",
    "reqId" / Int(1, "the request that this answers"),
    "articleType" / Int(2, "0 text or HTML, 1 a file"),
    "articleText" / String(3, "the article; a file is written in base64"),
)
TICK_NEWS = Record(
    "TickNews",
    "reqId" / Int(1, "the request for market data that this answers"),
    "timestamp" / Long(2, "milliseconds since the epoch"),
    "providerCode" / String(3, "who publishes it, as in newsProviders"),
    "articleId" / String(4, "what reqNewsArticle asks with"),
    "headline" / String(5, "the headline; perhaps with marks in braces in front, such as language and sentiment"),
    "extraData" / String(6, "more about the headline; the vocabulary is not public"),
)
NEWS_PROVIDER = Record(
    "NewsProvider",
    "providerCode" / String(1, "its code: BRFG, DJNL, ..."),
    "providerName" / String(2, "its name"),
)
NEWS_PROVIDERS = Record("NewsProviders", "newsProviders" / Many(NEWS_PROVIDER, 1, "the publishers that this login subscribes to"))
HISTORICAL_NEWS = Record(
    "HistoricalNews",
    "reqId" / Int(1, "the request that this answers"),
    "time" / String(2, "when it was published, YYYY-MM-DD HH:MM:SS.0, likely in UTC"),
    "providerCode" / String(3, "who published it, as in newsProviders"),
    "articleId" / String(4, "what reqNewsArticle asks with"),
    "headline" / String(5, "the headline; perhaps with marks in braces in front, such as language and sentiment"),
)
HISTORICAL_NEWS_END = Record(
    "HistoricalNewsEnd",
    "reqId" / Int(1, "the request that is answered"),
    "hasMore" / Bool(2, "whether there are more headlines than were asked for"),
)
NEWS_BULLETINS_REQUEST = Record(
    "NewsBulletinsRequest", "allMessages" / Bool(1, "true for the bulletins of the day so far too, false for new ones alone")
)
NEWS_ARTICLE_REQUEST = Record(
    "NewsArticleRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "providerCode" / String(2, "who published it"),
    "articleId" / String(3, "the id that came with the headline"),
    "newsArticleOptions" / Many(TAG_VALUE, 4, "options that have no field of their own; none is public"),
)
HISTORICAL_NEWS_REQUEST = Record(
    "HistoricalNewsRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "conId" / Int(2, "the contract that the news are about"),
    "providerCodes" / String(3, "the publishers, joined by plus signs"),
    "startDateTime" / String(4, "news after then, YYYY-MM-DD HH:MM:SS.0; empty for any"),
    "endDateTime" / String(5, "news up to then, as startDateTime; empty for any"),
    "totalResults" / Int(6, "how many headlines are wanted, up to 300"),
    "historicalNewsOptions" / Many(TAG_VALUE, 7, "options that have no field of their own; none is public"),
)

MESSAGES = (
    Message(
        "updateNewsBulletin",
        14,
        TO_CLIENT,
        "A bulletin of IBKR.",
        NEWS_BULLETIN,
        text(NEWS_BULLETIN, Version(1), "newsMsgId newsMsgType newsMessage originatingExch"),
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "newsArticle",
        83,
        TO_CLIENT,
        "The article that a request asked for.",
        NEWS_ARTICLE,
        text(NEWS_ARTICLE, "reqId articleType articleText"),
        since=V.REQ_NEWS_ARTICLE,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "tickNews",
        84,
        TO_CLIENT,
        "A headline about an instrument, as it is published; comes with market data where its generic tick 292 was asked for.",
        TICK_NEWS,
        text(TICK_NEWS, "reqId timestamp providerCode articleId headline extraData"),
        since=V.TICK_NEWS,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "newsProviders",
        85,
        TO_CLIENT,
        "The publishers whose news this login may read.",
        NEWS_PROVIDERS,
        text(NEWS_PROVIDERS, Repeat("newsProviders", "providerCode providerName")),
        since=V.REQ_NEWS_PROVIDERS,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "historicalNews",
        86,
        TO_CLIENT,
        "One headline that a request asked for.",
        HISTORICAL_NEWS,
        text(HISTORICAL_NEWS, "reqId time providerCode articleId headline"),
        since=V.REQ_HISTORICAL_NEWS,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "historicalNewsEnd",
        87,
        TO_CLIENT,
        "All headlines that a request asked for have come.",
        HISTORICAL_NEWS_END,
        text(HISTORICAL_NEWS_END, "reqId hasMore"),
        since=V.REQ_HISTORICAL_NEWS,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "reqNewsBulletins",
        12,
        TO_SERVER,
        "Asks for updateNewsBulletin.",
        NEWS_BULLETINS_REQUEST,
        text(NEWS_BULLETINS_REQUEST, Version(1), "allMessages"),
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "cancelNewsBulletins",
        13,
        TO_SERVER,
        "Ends reqNewsBulletins.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "reqNewsArticle",
        84,
        TO_SERVER,
        "Asks for newsArticle.",
        NEWS_ARTICLE_REQUEST,
        text(
            NEWS_ARTICLE_REQUEST,
            "reqId providerCode articleId",
            Since(V.NEWS_QUERY_ORIGINS, As("newsArticleOptions", TagValues())),
        ),
        since=V.REQ_NEWS_ARTICLE,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "reqNewsProviders",
        85,
        TO_SERVER,
        "Asks for newsProviders.",
        EMPTY,
        text(EMPTY),
        since=V.REQ_NEWS_PROVIDERS,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
    Message(
        "reqHistoricalNews",
        86,
        TO_SERVER,
        "Asks for historicalNews, the newest first; historicalNewsEnd marks the end.",
        HISTORICAL_NEWS_REQUEST,
        text(
            HISTORICAL_NEWS_REQUEST,
            "reqId conId providerCodes startDateTime endDateTime totalResults",
            Since(V.NEWS_QUERY_ORIGINS, As("historicalNewsOptions", TagValues())),
        ),
        since=V.REQ_HISTORICAL_NEWS,
        protobuf=V.PROTOBUF_NEWS_DATA,
    ),
)
