"""Makes requests of every kind with ib_async, trades, and prints what came of it, as JSON. Run as a program: it needs an asyncio loop."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import ib_async

PATIENCE = 20.0
GOOD_NEWS = (2104, 2106, 2158)
TICKS = {"Last": ("price", "size"), "BidAsk": ("bidPrice", "askPrice", "bidSize"), "MidPoint": ("midPoint",)}
LATE_BAR = datetime.datetime(2026, 11, 20, 21, 0, tzinfo=datetime.UTC)


async def come(ib: ib_async.IB, wanted: Callable[[], Any]) -> Any:
    """What a condition gives once it is true; it is looked at whenever something has come. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not wanted():
            await ib.updateEvent
    return wanted()


def having(ticker: ib_async.Ticker, name: str) -> list[Any]:
    """The ticks of the last moment that have a value of a name."""
    return [each for each in ticker.tickByTicks if hasattr(each, name)]


def bars(found: Any) -> list[Any]:
    return [[str(each.date), each.open, each.high, each.low, each.close, each.volume, each.average, each.barCount] for each in found]


async def contracts(ib: ib_async.IB) -> dict[str, Any]:
    kinds = {
        "stock": ib_async.Stock("AAPL", "SMART", "USD"),
        "option": ib_async.Option("AAPL", "20280121", 180.0, "C", "SMART"),
        "future": ib_async.Future("ES", "202612", "CME"),
        "pair": ib_async.Forex("EURUSD"),
    }  # no bond: this library fails on coupons with a fraction
    found: dict[str, Any] = {}
    for name, contract in kinds.items():
        [details] = await ib.reqContractDetailsAsync(contract)
        held = details.contract
        assert held is not None
        row = [held.conId, held.symbol, held.secType, held.lastTradeDateOrContractMonth, held.strike, held.right, held.multiplier]
        rest = [details.longName, details.minTick, details.validExchanges, len(details.tradingSessions())]
        found[name] = [*row, held.localSymbol, *rest]
    chains = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
    found["chains"] = [[each.exchange, each.multiplier, each.expirations, each.strikes] for each in chains]
    samples = await ib.reqMatchingSymbolsAsync("aap")
    known = [(each.contract, each.derivativeSecTypes) for each in samples or ()]
    found["symbols"] = [[held.conId, held.primaryExchange, types] for held, types in known if held is not None]
    found["rule"] = [[each.lowEdge, each.increment] for each in await ib.reqMarketRuleAsync(26) or ()]
    return found


async def market_data(ib: ib_async.IB, stock: ib_async.Contract) -> dict[str, Any]:
    [snapshot] = await ib.reqTickersAsync(stock)
    found: dict[str, Any] = {
        "snapshot": [snapshot.bid, snapshot.bidSize, snapshot.ask, snapshot.last, snapshot.volume, snapshot.close, snapshot.high]
    }
    streamed = ib.reqMktData(stock, "233,236,165", False, False)
    prices: list[float] = []
    streamed.updateEvent += lambda ticker: prices.append(ticker.last)
    found["moved"] = bool(await come(ib, lambda: len(set(prices)) > 2))
    found["generic"] = [streamed.shortableShares, streamed.high52week]
    ib.cancelMktData(stock)
    for kind, names in TICKS.items():
        ticker = ib.reqTickByTickData(stock, kind, 2)
        ticks = await come(ib, partial(having, ticker, names[0]))
        found[kind] = [getattr(ticks[0], name) for name in names]
        ib.cancelTickByTickData(stock, kind)
    book = ib.reqMktDepth(stock, 3, isSmartDepth=True)
    await come(ib, lambda: len(book.domBids) == 3)
    found["depth"] = [[each.price, each.size, each.marketMaker] for each in (*book.domBids, *book.domAsks)]
    ib.cancelMktDepth(stock, isSmartDepth=True)
    option = ib_async.Contract(conId=731548236, exchange="SMART")
    implied = await ib.calculateImpliedVolatilityAsync(option, 11.15, 191.24)
    assert implied is not None
    assert implied.impliedVol is not None
    priced = await ib.calculateOptionPriceAsync(option, implied.impliedVol, 191.24)
    assert priced is not None
    assert priced.optPrice is not None
    found["option"] = round(priced.optPrice, 2)
    return found


async def history(ib: ib_async.IB, stock: ib_async.Contract) -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["days"] = bars(await ib.reqHistoricalDataAsync(stock, LATE_BAR, "3 D", "1 day", "TRADES", True))
    found["hours"] = bars(await ib.reqHistoricalDataAsync(stock, LATE_BAR, "7200 S", "1 hour", "MIDPOINT", True, formatDate=2))
    schedule = await ib.reqHistoricalScheduleAsync(stock, 2, LATE_BAR)
    found["schedule"] = [[each.startDateTime, each.endDateTime, each.refDate] for each in schedule.sessions]
    found["head"] = str(await ib.reqHeadTimeStampAsync(stock, "TRADES", True, 2))
    found["histogram"] = [[each.price, each.count] for each in await ib.reqHistogramDataAsync(stock, True, "3 days")]
    for shows in ("TRADES", "BID_ASK", "MIDPOINT"):
        found[shows] = len(await ib.reqHistoricalTicksAsync(stock, "", LATE_BAR, 5, shows, True))
    kept = await ib.reqHistoricalDataAsync(stock, "", "1 D", "1 hour", "TRADES", True, keepUpToDate=True)
    found["kept up to date"] = len(kept) > 0
    live = ib.reqRealTimeBars(stock, 5, "TRADES", True)
    found["real time"] = bool(await come(ib, lambda: live))
    ib.cancelRealTimeBars(live)
    return found


async def other(ib: ib_async.IB) -> dict[str, Any]:
    found: dict[str, Any] = {"providers": [each.code for each in await ib.reqNewsProvidersAsync()]}
    news: Any = await ib.reqHistoricalNewsAsync(265598, "BRFG+DJNL", "", "", 10)
    found["headlines"] = [[each.articleId, each.headline] for each in news]
    article = await ib.reqNewsArticleAsync("BRFG", "BRFG$0a1b2c3d")
    found["article"] = [article.articleType, article.articleText]
    found["scan types"] = (await ib.reqScannerParametersAsync()).count("<ScanType>")
    rows = await ib.reqScannerDataAsync(ib_async.ScannerSubscription(2, "STK", "STK.US.MAJOR", "MOST_ACTIVE"))
    scanned = [(each.rank, each.contractDetails.contract) for each in rows]
    found["scan"] = [[rank, contract.symbol] for rank, contract in scanned if contract is not None]
    pnl = ib.reqPnL("DU1234567")
    single = ib.reqPnLSingle("DU1234567", "", 265598)
    await come(ib, lambda: pnl.dailyPnL == pnl.dailyPnL and single.value == single.value)
    found["pnl"] = [pnl.dailyPnL, pnl.unrealizedPnL, pnl.realizedPnL]
    found["pnl single"] = [single.position, single.unrealizedPnL, single.value]
    ib.cancelPnL("DU1234567")
    ib.cancelPnLSingle("DU1234567", "", 265598)
    found["exchanges"] = [each.exchange for each in await ib.reqMktDepthExchangesAsync()]
    found["components"] = [each.exchange for each in await ib.reqSmartComponentsAsync("9c0001")]
    found["events"] = json.loads(await ib.getWshMetaDataAsync())["meta_data"]["event_types"][0]["tag"]
    return found


async def orders(ib: ib_async.IB, stock: ib_async.Contract) -> dict[str, Any]:
    found: dict[str, Any] = {}
    preview = await ib.whatIfOrderAsync(stock, ib_async.LimitOrder("BUY", 10, 150.0))
    found["what if"] = [preview.status, preview.initMarginBefore, preview.initMarginChange, preview.initMarginAfter]
    bought = ib.placeOrder(stock, ib_async.MarketOrder("BUY", 10))
    await come(ib, lambda: bought.isDone() and all(fill.commissionReport.execId for fill in bought.fills))
    [fill] = bought.fills
    found["filled"] = [bought.orderStatus.status, bought.filled(), fill.execution.price, fill.commissionReport.commission]
    waiting = ib.placeOrder(stock, ib_async.LimitOrder("SELL", 5, 250.0))
    await come(ib, lambda: waiting.orderStatus.status == "Submitted")
    waiting.order.lmtPrice = 260.0
    ib.placeOrder(stock, waiting.order)
    found["changed"] = (await come(ib, lambda: [each for each in ib.openTrades() if each.order.lmtPrice == 260.0]))[0].orderStatus.status
    ib.cancelOrder(waiting.order)
    await come(ib, lambda: waiting.isDone())
    found["cancelled"] = waiting.orderStatus.status
    bracket = [ib.placeOrder(stock, order) for order in ib.bracketOrder("BUY", 3, 195.0, 220.0, 180.0)]
    await come(ib, lambda: [each.orderStatus.status for each in bracket] == ["Filled", "Submitted", "Submitted"])
    found["bracket"] = [each.orderStatus.status for each in bracket]
    found["position"] = [each.position for each in await ib.reqPositionsAsync() if each.contract.conId == stock.conId]
    found["bought"] = sorted(each.execution.shares for each in await ib.reqExecutionsAsync() if each.execution.side == "BOT")
    ib.reqGlobalCancel()
    await come(ib, lambda: not ib.openTrades())
    found["open"] = len(ib.openTrades())
    return found


async def main(host: str, port: str) -> None:
    logged: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]  # a handler of one line
    logging.getLogger().addHandler(handler)
    ib = ib_async.IB()
    errors: list[Any] = []
    ib.errorEvent += lambda id, code, text, contract: errors.append(code) if code not in GOOD_NEWS else None
    await ib.connectAsync(host, int(port), clientId=3, timeout=PATIENCE, raiseSyncErrors=True)
    stock = ib_async.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(stock)
    found: dict[str, Any] = {"contracts": await contracts(ib), "data": await market_data(ib, stock), "history": await history(ib, stock)}
    found |= {"other": await other(ib), "errors": list(errors), "logged": list(logged), "orders": await orders(ib, stock)}
    ib.disconnect()
    sys.stdout.write(json.dumps(found | {"order errors": errors[len(found["errors"]) :]}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
