"""Which messages of the server answer which request, and which one is the last.

A message that carries a request's id belongs to that request, so for those only the end is listed. A request without an id is answered by
messages that carry none either: they are listed, and belong to the oldest such request that has not been answered to its end. A request
that is not in the table has no end: what it subscribed to goes on until it is cancelled. An error under a request's id ends it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from twsprobe.wire.versions import ServerVersion


class Answer(NamedTuple):
    """The answer to a request: the messages that carry no request id (none where all do), and those of which any is the last."""

    parts: frozenset[str]
    ends: frozenset[str]


def anonymous(*names: str) -> Answer:
    """An answer without an id, of which the last name is the end."""
    return Answer(frozenset(names), frozenset(names[-1:]))


def identified(*ends: str) -> Answer:
    """An answer under the request's id."""
    return Answer(frozenset(), frozenset(ends))


OPEN_ORDERS = anonymous("openOrder", "orderStatus", "openOrderEnd")

ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "startApi": anonymous("managedAccounts", "nextValidId"),
        "reqIds": anonymous("nextValidId"),
        "reqManagedAccts": anonymous("managedAccounts"),
        "reqCurrentTime": anonymous("currentTime"),
        "reqCurrentTimeInMillis": anonymous("currentTimeInMillis"),
        "reqPositions": anonymous("position", "positionEnd"),
        "reqOpenOrders": OPEN_ORDERS,
        "reqAllOpenOrders": OPEN_ORDERS,
        "reqCompletedOrders": anonymous("completedOrder", "completedOrdersEnd"),
        "reqAccountUpdates": anonymous("updateAccountValue", "updatePortfolio", "updateAccountTime", "accountDownloadEnd"),
        "reqFamilyCodes": anonymous("familyCodes"),
        "reqMarketRule": anonymous("marketRule"),
        "reqMktDepthExchanges": anonymous("mktDepthExchanges"),
        "reqNewsProviders": anonymous("newsProviders"),
        "reqScannerParameters": anonymous("scannerParameters"),
        "requestFA": anonymous("receiveFA"),
        "replaceFA": identified("replaceFAEnd"),
        "reqAccountSummary": identified("accountSummaryEnd"),
        "reqPositionsMulti": identified("positionMultiEnd"),
        "reqAccountUpdatesMulti": identified("accountUpdateMultiEnd"),
        "reqExecutions": identified("execDetailsEnd"),
        "reqContractDetails": identified("contractDetailsEnd"),
        "reqSecDefOptParams": identified("securityDefinitionOptionParameterEnd"),
        "calculateImpliedVolatility": identified("tickOptionComputation"),
        "calculateOptionPrice": identified("tickOptionComputation"),
        "reqSoftDollarTiers": identified("softDollarTiers"),
        "reqMatchingSymbols": identified("symbolSamples"),
        "reqUserInfo": identified("userInfo"),
        "reqSmartComponents": identified("smartComponents"),
        # Before its end became a message of its own, the bars themselves were the whole answer.
        "reqHistoricalData": identified("historicalData", "historicalSchedule"),
        "reqHeadTimeStamp": identified("headTimestamp"),
        "reqHistogramData": identified("histogramData"),
        "reqHistoricalTicks": identified("historicalTicks", "historicalTicksBidAsk", "historicalTicksLast"),
        "reqNewsArticle": identified("newsArticle"),
        "reqHistoricalNews": identified("historicalNewsEnd"),
        "reqFundamentalData": identified("fundamentalData"),
        "reqWshMetaData": identified("wshMetaData"),
        "reqWshEventData": identified("wshEventData"),
        "queryDisplayGroups": identified("displayGroupList"),
        "reqConfig": identified("configResponse"),
        "updateConfig": identified("updateConfigResponse"),
    }
)
"""The answers, by the name of the request."""


def ends_at(request: str, server_version: int) -> frozenset[str]:
    """The messages of which any ends the answer to a request; none for a request that has no end."""
    answer = ANSWERS.get(request)
    if answer is None:
        return frozenset()
    if request == "reqHistoricalData" and server_version >= ServerVersion.HISTORICAL_DATA_END:
        return frozenset({"historicalDataEnd", "historicalSchedule"})
    return answer.ends


def refers(request: str) -> bool:
    """Whether a request is about an earlier one, whose id it carries, rather than the first to use its id."""
    return request.startswith(("cancel", "unsubscribe")) or request == "updateDisplayGroup"
