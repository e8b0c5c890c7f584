"""Every request that the simulator answers: what is asked, and the message that the answer ends with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from twsprobe.net.account import AAPL
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import EncodeError
from twsprobe.wire.registry import BY_NAME, encode

STOCK = {name: AAPL[name] for name in ("symbol", "secType", "exchange", "currency")}
OPTION = {"conId": 731548236, "exchange": "SMART"}
BARS = {"barSizeSetting": "1 day", "duration": "3 D", "useRTH": True, "formatDate": 1, "endDateTime": ""}
ORDER = {"action": "BUY", "totalQuantity": Decimal(10), "orderType": "LMT", "lmtPrice": 150.0, "tif": "DAY", "transmit": True}
FILTER = {"numberOfRows": 2, "instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": "MOST_ACTIVE"}
REPORT = {"contract": STOCK, "reportType": "ReportSnapshot"}

Request = tuple[str, dict[str, Any], str]
"""A request, its fields, and the last message of its answer: an error with its code, empty for none."""

REQUESTS: tuple[Request, ...] = (
    ("reqIds", {"numIds": 1}, "nextValidId"),
    ("reqManagedAccts", {}, "managedAccounts"),
    ("reqCurrentTime", {}, "currentTime"),
    ("reqCurrentTimeInMillis", {}, "currentTimeInMillis"),
    ("setServerLogLevel", {"logLevel": 5}, ""),
    ("reqPositions", {}, "positionEnd"),
    ("cancelPositions", {}, ""),
    ("reqOpenOrders", {}, "openOrderEnd"),
    ("reqAllOpenOrders", {}, "openOrderEnd"),
    ("reqAutoOpenOrders", {"autoBind": True}, "error 327"),
    ("reqCompletedOrders", {"apiOnly": False}, "completedOrdersEnd"),
    ("reqAccountUpdates", {"subscribe": True, "acctCode": ""}, "accountDownloadEnd"),
    ("reqAccountSummary", {"reqId": 1, "group": "All", "tags": "NetLiquidation,$LEDGER:ALL"}, "accountSummaryEnd"),
    ("cancelAccountSummary", {"reqId": 1}, ""),
    ("reqPositionsMulti", {"reqId": 2, "account": "", "modelCode": ""}, "positionMultiEnd"),
    ("cancelPositionsMulti", {"reqId": 2}, ""),
    ("reqAccountUpdatesMulti", {"reqId": 3, "account": "", "modelCode": "", "ledgerAndNLV": False}, "accountUpdateMultiEnd"),
    ("cancelAccountUpdatesMulti", {"reqId": 3}, ""),
    ("reqExecutions", {"reqId": 4, "executionFilter": {}}, "execDetailsEnd"),
    ("reqConfig", {"reqId": 5}, "configResponse"),
    ("reqPnL", {"reqId": 6, "account": "DU1234567"}, "pnl"),
    ("cancelPnL", {"reqId": 6}, ""),
    ("reqPnLSingle", {"reqId": 7, "account": "DU1234567", "conId": 265598}, "pnlSingle"),
    ("cancelPnLSingle", {"reqId": 7}, ""),
    ("reqContractDetails", {"reqId": 8, "contract": {"symbol": "AAPL"}}, "contractDetailsEnd"),
    ("reqContractDetails", {"reqId": 8, "contract": {"symbol": "ES", "secType": "FUT"}}, "contractDetailsEnd"),
    ("reqContractDetails", {"reqId": 8, "contract": {"symbol": "EUR", "secType": "CASH"}}, "contractDetailsEnd"),
    ("reqContractDetails", {"reqId": 8, "contract": {"symbol": "AAPL", "secType": "BOND"}}, "contractDetailsEnd"),
    ("reqContractDetails", {"reqId": 8, "contract": {"symbol": "NOSUCH", "secType": "STK"}}, "error 200"),
    ("cancelContractData", {"reqId": 8}, ""),
    (
        "reqSecDefOptParams",
        {"reqId": 9, "underlyingSymbol": "AAPL", "underlyingSecType": "STK", "underlyingConId": 265598},
        "securityDefinitionOptionParameterEnd",
    ),
    ("reqMatchingSymbols", {"reqId": 10, "pattern": "aap"}, "symbolSamples"),
    ("reqMarketRule", {"marketRuleId": 26}, "marketRule"),
    ("calculateImpliedVolatility", {"reqId": 11, "contract": OPTION, "optionPrice": 11.15, "underPrice": 191.24}, "tickOptionComputation"),
    ("cancelCalculateImpliedVolatility", {"reqId": 11}, ""),
    ("calculateOptionPrice", {"reqId": 12, "contract": OPTION, "volatility": 0.2, "underPrice": 191.24}, "tickOptionComputation"),
    ("cancelCalculateOptionPrice", {"reqId": 12}, ""),
    ("reqMktData", {"reqId": 13, "contract": STOCK, "snapshot": True}, "tickSnapshotEnd"),
    ("reqMktData", {"reqId": 13, "contract": OPTION, "snapshot": True}, "tickSnapshotEnd"),
    ("reqMktData", {"reqId": 14, "contract": STOCK, "genericTickList": "100,101,104,106,165,221,225,233,236,293,318"}, "tickPrice"),
    ("cancelMktData", {"reqId": 14}, ""),
    ("cancelMktData", {"reqId": 14}, "error 300"),
    ("reqMarketDataType", {"marketDataType": 3}, ""),
    ("reqMktData", {"reqId": 15, "contract": OPTION, "snapshot": True}, "tickSnapshotEnd"),
    ("reqMktData", {"reqId": 42, "contract": {"symbol": "AAPL", "secType": "CFD"}, "snapshot": True}, "rerouteMktDataReq"),
    ("reqMktDepth", {"reqId": 43, "contract": {"symbol": "AAPL", "secType": "CFD", "exchange": "NYSE"}}, "rerouteMktDepthReq"),
    ("reqMktData", {"reqId": 44, "contract": STOCK, "genericTickList": "mdoff,292"}, "tickNews"),
    ("reqSmartComponents", {"reqId": 16, "bboExchange": "9c0001"}, "smartComponents"),
    ("reqMktDepth", {"reqId": 17, "contract": STOCK | {"exchange": "ARCA"}, "numRows": 3}, "updateMktDepth"),
    ("cancelMktDepth", {"reqId": 17}, ""),
    ("reqMktDepth", {"reqId": 18, "contract": STOCK | {"exchange": "ISLAND"}, "numRows": 3}, "updateMktDepthL2"),
    ("cancelMktDepth", {"reqId": 18}, ""),
    ("cancelMktDepth", {"reqId": 18}, "error 310"),
    ("reqMktDepth", {"reqId": 19, "contract": STOCK, "numRows": 3}, "error 10092"),
    ("reqMktDepthExchanges", {}, "mktDepthExchanges"),
    ("reqTickByTickData", {"reqId": 20, "contract": STOCK, "tickType": "Last", "numberOfTicks": 3}, "tickByTick"),
    ("reqTickByTickData", {"reqId": 21, "contract": STOCK, "tickType": "AllLast"}, "tickByTick"),
    ("reqTickByTickData", {"reqId": 22, "contract": STOCK, "tickType": "BidAsk", "numberOfTicks": 2}, "tickByTick"),
    ("reqTickByTickData", {"reqId": 23, "contract": STOCK, "tickType": "MidPoint", "numberOfTicks": 1}, "tickByTick"),
    *(("cancelTickByTickData", {"reqId": number}, "") for number in range(20, 24)),
    ("reqHistoricalData", {"reqId": 24, "contract": STOCK, "whatToShow": "TRADES"} | BARS, "historicalDataEnd"),
    ("reqHistoricalData", {"reqId": 25, "contract": STOCK, "whatToShow": "MIDPOINT", "keepUpToDate": True} | BARS, "historicalDataEnd"),
    ("reqHistoricalData", {"reqId": 26, "contract": STOCK, "whatToShow": "SCHEDULE"} | BARS, "historicalSchedule"),
    ("cancelHistoricalData", {"reqId": 25}, "error 162"),
    ("cancelHistoricalData", {"reqId": 25}, "error 366"),
    ("reqRealTimeBars", {"reqId": 27, "contract": STOCK, "barSize": 5, "whatToShow": "TRADES", "useRTH": True}, "realtimeBar"),
    ("cancelRealTimeBars", {"reqId": 27}, ""),
    ("reqHeadTimeStamp", {"reqId": 28, "contract": STOCK, "useRTH": True, "whatToShow": "TRADES", "formatDate": 1}, "headTimestamp"),
    ("cancelHeadTimeStamp", {"reqId": 28}, ""),
    ("reqHistogramData", {"reqId": 29, "contract": STOCK, "useRTH": True, "timePeriod": "3 days"}, "histogramData"),
    ("cancelHistogramData", {"reqId": 29}, ""),
    *(
        (
            "reqHistoricalTicks",
            {"reqId": 30, "contract": STOCK, "endDateTime": "20261120-20:00:00", "numberOfTicks": 4, "whatToShow": shows, "useRTH": True},
            message,
        )
        for shows, message in (
            ("TRADES", "historicalTicksLast"),
            ("BID_ASK", "historicalTicksBidAsk"),
            ("MIDPOINT", "historicalTicks"),
        )
    ),
    ("cancelHistoricalTicks", {"reqId": 30}, ""),
    ("reqNewsProviders", {}, "newsProviders"),
    ("reqNewsArticle", {"reqId": 31, "providerCode": "BRFG", "articleId": "BRFG$0a1b2c3d"}, "newsArticle"),
    ("reqHistoricalNews", {"reqId": 32, "conId": 265598, "providerCodes": "BRFG+DJNL", "totalResults": 10}, "historicalNewsEnd"),
    ("reqNewsBulletins", {"allMessages": True}, "updateNewsBulletin"),
    ("cancelNewsBulletins", {}, ""),
    ("reqWshMetaData", {"reqId": 33}, "wshMetaData"),
    ("cancelWshMetaData", {"reqId": 33}, ""),
    ("reqWshEventData", {"reqId": 34, "conId": 265598}, "wshEventData"),
    ("cancelWshEventData", {"reqId": 34}, ""),
    ("reqFundamentalData", {"reqId": 35} | REPORT, "fundamentalData"),
    ("cancelFundamentalData", {"reqId": 35}, ""),
    ("reqScannerParameters", {}, "scannerParameters"),
    ("reqScannerSubscription", {"reqId": 36, "scannerSubscription": FILTER}, "scannerData"),
    ("cancelScannerSubscription", {"reqId": 36}, ""),
    ("queryDisplayGroups", {"reqId": 37}, "displayGroupList"),
    ("subscribeToGroupEvents", {"reqId": 38, "groupId": 1}, "displayGroupUpdated"),
    ("updateDisplayGroup", {"reqId": 38, "contractInfo": "265598@SMART"}, "displayGroupUpdated"),
    ("unsubscribeFromGroupEvents", {"reqId": 38}, ""),
    ("reqSoftDollarTiers", {"reqId": 39}, "softDollarTiers"),
    ("reqFamilyCodes", {}, "familyCodes"),
    ("reqUserInfo", {"reqId": 40}, "userInfo"),
    ("requestFA", {"faDataType": 1}, "error 321"),
    ("replaceFA", {"reqId": 41, "faDataType": 1, "xml": ""}, "error 321"),
    ("verifyRequest", {"apiName": "program", "apiVersion": "1"}, "verifyCompleted"),
    ("verifyMessage", {"apiData": "data"}, "verifyCompleted"),
    ("verifyAndAuthRequest", {"apiName": "program", "apiVersion": "1", "opaqueIsvKey": "key"}, "verifyAndAuthCompleted"),
    ("verifyAndAuthMessage", {"apiData": "data", "xyzResponse": "answer"}, "verifyAndAuthCompleted"),
    ("placeOrder", {"orderId": 8, "contract": STOCK, "order": ORDER}, "orderStatus"),
    ("cancelOrder", {"orderId": 8}, "error 202"),
    ("cancelOrder", {"orderId": 8}, "error 10148"),
    ("cancelOrder", {"orderId": 99}, "error 10147"),
    ("placeOrder", {"orderId": 9, "contract": STOCK, "order": ORDER | {"orderType": "MKT"}}, "updatePortfolio"),
    ("placeOrder", {"orderId": 10, "contract": STOCK, "order": ORDER | {"whatIf": True}}, "openOrder"),
    ("placeOrder", {"orderId": 11, "contract": {"symbol": "NOSUCH"}, "order": ORDER}, "error 200"),
    ("placeOrder", {"orderId": 12, "contract": STOCK, "order": ORDER | {"totalQuantity": Decimal(100000)}}, "error 201"),
    ("reqGlobalCancel", {}, "error 202"),
)


def since(name: str) -> int:
    """The server version that brought a request."""
    return int(BY_NAME[Direction.TO_SERVER, name].since)


def end_of(name: str, end: str, version: int) -> str:
    """What the answer ends with at a server version."""
    if end == "historicalDataEnd" and version < 196:
        return "historicalData"
    if name == "cancelHistoricalData" and version < 124:
        return "error 366"  # nothing is kept up to date yet
    if end.startswith("reroute") and version < 125:
        return "error 10092" if end == "rerouteMktDepthReq" else "tickSnapshotEnd"
    if end == "tickNews" and version < 113:
        return "marketDataType"
    if end == "historicalSchedule" and version < 165:
        return "error 321"
    if name == "reqFundamentalData" and version >= 225:
        return "error 10358"
    return end


def encoded(name: str, version: int, fields: dict[str, Any]) -> bytes:
    """A request as a client of a server version writes it: without what that version has no place for."""
    fields = {key: dict(value) if isinstance(value, dict) else value for key, value in fields.items()}
    while True:
        try:
            return encode(name, Direction.TO_SERVER, version, **fields)
        except EncodeError as fault:
            outer, _, inner = fault.path.partition(".")
            del (fields[outer] if inner else fields)[inner or outer]
