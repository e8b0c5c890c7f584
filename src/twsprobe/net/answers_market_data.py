"""What the simulator answers to requests for market data: ticks of a subscription or a snapshot, and tick by tick.

A subscription gets all its values at once and then, four times a second, those that moved. A client that chose delayed or frozen data
with reqMarketDataType gets that, though it could have live data, so that a client can be tried with each: TWS would send live data then.
Frozen data stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import count
from types import MappingProxyType

from twsprobe.net.account import Fields
from twsprobe.net.answers_contracts import UNKNOWN, valued_at_price
from twsprobe.net.asked import Answer, Asked, Feed, Said, ending, error, invalid
from twsprobe.net.instruments import Instrument, by_number, matching
from twsprobe.wire.tick_types import GENERIC, PRICE, SIZE, STRING, TICK_TYPES
from twsprobe.wire.versions import ServerVersion

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
MAX_LINES = 100
"""How many subscriptions to market data a login has (IBKR documentation)."""
PERIOD = 0.25
"""How often TWS sends what moved, in seconds (IBKR documentation: market data are sampled)."""
TICK_PERIOD = 1.0
"""How often there is a trade or a new quote, in seconds."""
BBO_EXCHANGE = "9c0001"
LETTERS: Mapping[str, str] = MappingProxyType({"AMEX": "A", "ARCA": "P", "CBOE": "C", "IEX": "V", "ISLAND": "Q", "NYSE": "N"})
"""The letters that stand for exchanges in ticks."""
DELAYED_TYPES: Mapping[int, int] = MappingProxyType(
    {0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 10: 80, 11: 81, 12: 82, 13: 83, 14: 76, 45: 88, 49: 90}
)
"""The types of delayed data, by those of live data. A type that has none is not sent with delayed data."""


def contract_of(asked: Asked) -> Instrument | Said:
    """The one instrument that a request names, or the error that says why there is none."""
    found = matching(asked.contract)
    if not found:
        return error(200, UNKNOWN, asked.id)
    if len(found) > 1:
        return error(200, f"The contract description specified for {asked.contract.get('symbol') or ''} is ambiguous.", asked.id)
    return found[0]


def market_data_type(asked: Asked) -> Iterator[Said]:
    wanted = asked.number("marketDataType")
    if wanted in (LIVE, FROZEN, DELAYED, DELAYED_FROZEN):
        asked.state.data_types[asked.client_id] = wanted
    else:
        yield invalid(asked, f"Market data type {wanted} is not valid")


def market_data(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    listed = [each.strip().partition(":")[0] for each in asked.text("genericTickList").split(",") if each.strip()]
    once = asked.fields.get("snapshot") or asked.fields.get("regulatorySnapshot")
    wrong = [each for each in listed if each != "mdoff" and not (each.isdecimal() and int(each) in GENERIC_TICKS)]
    if not isinstance(instrument, Instrument):
        yield instrument
    elif wrong:
        yield invalid(asked, f"Incorrect generic tick list of {wrong[0]}.")
    elif once and listed:
        yield invalid(asked, "Snapshot market data subscription is not applicable to generic ticks")
    elif asked.is_subscribed("reqMktData"):
        yield error(102, "Duplicate ticker ID for API market data request", asked.id)
    elif asked.state.count("reqMktData") >= MAX_LINES:
        yield error(101, "Max number of tickers has been reached", asked.id)
    elif instrument.contract["secType"] == "CFD" and asked.has("rerouteMktDataReq"):
        yield "rerouteMktDataReq", {"reqId": asked.id, "conId": instrument.details["underConId"], "exchange": "SMART"}
    else:
        yield from quoted(asked, instrument, listed, bool(once))


def quoted(asked: Asked, instrument: Instrument, listed: list[str], once: bool) -> Iterator[Said]:
    """The values of an instrument: all of them, and then their end or those that move."""
    kind = asked.state.data_types.get(asked.client_id, LIVE)
    if not once:
        moving = kind in (LIVE, DELAYED) and "mdoff" not in listed
        feed = Feed(PERIOD, (ticks(asked, kind, moved(asked, instrument, step)) for step in count(1)))
        asked.subscribe("reqMktData", feed if moving else None)
    yield "marketDataType", {"reqId": asked.id, "marketDataType": kind}
    if asked.has("tickReqParams"):
        parameters = {"minTick": instrument.details["minTick"], "bboExchange": BBO_EXCHANGE, "snapshotPermissions": 3}
        precision = {name: instrument.details[name] for name in ("lastPricePrecision", "lastSizePrecision")}
        yield "tickReqParams", {"reqId": asked.id} | parameters | precision
    if "mdoff" not in listed:
        yield from ticks(asked, kind, moved(asked, instrument, 0))
        yield from ticks(asked, kind, of_the_day(asked, instrument))
    for each in listed:
        if each != "mdoff":
            yield from generic_ticks(asked, int(each), instrument)
    if once:
        yield "tickSnapshotEnd", {"reqId": asked.id}


Tick = tuple[int, Fields]
"""A tick type of live data, and what its message says besides."""


def ticks(asked: Asked, kind: int, found: Iterator[Tick]) -> Iterator[Said]:
    """Ticks as messages, in the types of the kind of data that a client chose."""
    for number, fields in found:
        chosen = DELAYED_TYPES.get(number) if kind in (DELAYED, DELAYED_FROZEN) else number
        if chosen is not None:
            yield TICK_TYPES[chosen].message, {"reqId": asked.id, "tickType": chosen} | fields


def priced(price: float, size: Decimal = Decimal(0), mask: int = 0) -> Fields:
    return {"price": price, "size": size, "attrMask": mask}


def moved(asked: Asked, instrument: Instrument, step: int) -> Iterator[Tick]:
    """The quotes and the last trade after so many steps."""
    size = instrument.amount(instrument.size, asked.server_version, ServerVersion.MARKET_DATA_IN_SHARES)
    volume = instrument.amount(
        instrument.volume + step * instrument.size, asked.server_version, ServerVersion.MARKET_DATA_VOLUMES_IN_SHARES
    )
    is_traded = instrument.volume > 0
    # Bit 1 of the mask: can be executed at once.
    for price, number, sized in ((instrument.bid(step), 1, 0), (instrument.ask(step), 2, 3)):
        yield number, priced(price, size, 1)
        yield sized, {"size": size}
    if is_traded:
        yield 4, priced(instrument.last(step), size)
        yield 5, {"size": size}
        yield 8, {"size": volume}
        yield 45, {"value": str(asked.now + int(step * PERIOD))}
    if instrument.contract["secType"] == "OPT":
        yield from computed(asked, instrument, step)


def computed(asked: Asked, option: Instrument, step: int) -> Iterator[Tick]:
    """The greeks of an option at its bid, its offer, its last price and in the model."""
    underlying = by_number(option.details["underConId"])
    prices = {10: option.bid(step), 11: option.ask(step), 12: option.last(step), 13: option.last(step)}
    for number, price in prices.items():
        found = valued_at_price(option, price, underlying.last(), asked.now) if underlying is not None else None
        if found is not None:
            yield number, found


def of_the_day(asked: Asked, instrument: Instrument) -> Iterator[Tick]:
    """What holds for all of the day."""
    span = 40 * instrument.tick
    if instrument.volume > 0:
        yield 14, priced(round(instrument.price - span / 2, 6))
        yield 6, priced(round(instrument.price + span, 6))
        yield 7, priced(round(instrument.price - span, 6))
    yield 9, priced(round(instrument.price - 3 * instrument.tick, 6))
    yield 49, {"value": 0.0}
    if instrument.contract["secType"] == "STK" and asked.has("tickReqParams"):
        for number, letters in ((32, "PQV"), (33, "NPQ"), (84, "Q")):
            yield number, {"value": letters}


def generic_ticks(asked: Asked, number: int, instrument: Instrument) -> Iterator[Said]:
    """The ticks that a generic tick asks for, as far as the server version has them."""
    if number == 292:
        if asked.has("tickNews"):
            headline = {
                "providerCode": "BRFG",
                "articleId": "BRFG$0a1b2c3d",
                "headline": "Shares little changed at midday",
                "extraData": "K:n/a",
            }
            yield "tickNews", {"reqId": asked.id, "timestamp": asked.now_ns // 10**6} | headline
        return
    for each in TICK_TYPES.values():
        if each.asked == number and asked.server_version >= each.since:
            yield each.message, {"reqId": asked.id, "tickType": each.number} | plausible(asked, each.message, each.number, instrument)


def plausible(asked: Asked, message: str, number: int, instrument: Instrument) -> Fields:
    """A value for a tick that a generic tick asks for."""
    if message == PRICE:
        return priced(round(instrument.price * PART_OF_PRICE.get(number, 1.0), 2))
    if message == SIZE:
        return {"size": Decimal(max(instrument.volume, 1000) // 10)}
    if message == STRING:
        trade = f"{instrument.last():.2f};{instrument.size};{asked.now_ns // 10**6};{instrument.volume};{instrument.price:.5f};true"
        return {"value": trade if number in (48, 77) else WORDS.get(number, "")}
    return {"value": NUMBERS.get(number, 1.0)}


PART_OF_PRICE: Mapping[int, float] = MappingProxyType({15: 0.92, 16: 1.05, 17: 0.88, 18: 1.08, 19: 0.71, 20: 1.12})
"""Prices of the past weeks, as parts of the price of now."""
WORDS: Mapping[int, str] = MappingProxyType({59: "0.96,1.00,20270205,0.25", 109: "Q", 110: "P"})
NUMBERS: Mapping[int, float] = MappingProxyType(
    {23: 0.214, 24: 0.238, 31: 4.75, 46: 3.0, 54: 184_020.0, 55: 412.0, 56: 92_400.0, 58: 0.221}
)
GENERIC_TICKS = frozenset(
    each.asked for each in TICK_TYPES.values() if each.asked is not None and each.message in (PRICE, SIZE, STRING, GENERIC)
)
"""The generic ticks that can be asked for."""


def smart_components(asked: Asked) -> Iterator[Said]:
    if asked.fields.get("bboExchange") != BBO_EXCHANGE:
        yield invalid(asked, f"BBO exchange {asked.text('bboExchange')} is not found")
        return
    rows = [{"bitNumber": bit, "exchange": name, "exchangeLetter": letter} for bit, (name, letter) in enumerate(LETTERS.items())]
    yield "smartComponents", {"reqId": asked.id, "smartComponents": rows}


def trade(asked: Asked, instrument: Instrument, step: int, time: int) -> Fields:
    """A trade, as tick by tick and ticks of the past have it."""
    size = instrument.amount(LOT_SIZES[step % len(LOT_SIZES)] * 100, asked.server_version, ServerVersion.HMDS_MARKET_DATA_IN_SHARES)
    flags = {"pastLimit": False, "unreported": False}
    conditions = {"exchange": "ISLAND", "specialConditions": ""}
    return {"time": time, "mask": 0, "tickAttribLast": flags, "price": instrument.last(step), "size": size} | conditions


def quote(asked: Asked, instrument: Instrument, step: int, time: int) -> Fields:
    """Quotes, as tick by tick and ticks of the past have them."""
    size = instrument.amount(instrument.size, asked.server_version, ServerVersion.HMDS_MARKET_DATA_IN_SHARES)
    flags = {"bidPastLow": False, "askPastHigh": False}
    prices = {"priceBid": instrument.bid(step), "priceAsk": instrument.ask(step), "sizeBid": size, "sizeAsk": size}
    return {"time": time, "mask": 0, "tickAttribBidAsk": flags} | prices


def midpoint(asked: Asked, instrument: Instrument, step: int, time: int) -> Fields:
    """The middle of the quotes, as tick by tick and ticks of the past have it."""
    return {"time": time, "mask": 0, "price": instrument.last(step), "size": Decimal(0)}


LOT_SIZES = (1, 3, 2, 5)
"""The sizes of trades, in lots."""
MakeTick = Callable[[Asked, Instrument, int, int], Fields]
TICK_KINDS: Mapping[str, tuple[int, str, MakeTick, str, str]] = MappingProxyType(
    {
        "Last": (1, "historicalTickLast", trade, "historicalTicksLast", "historicalTicksLast"),
        "AllLast": (2, "historicalTickLast", trade, "historicalTicksLast", "historicalTicksLast"),
        "BidAsk": (3, "historicalTickBidAsk", quote, "historicalTicksBidAsk", "historicalTicksBidAsk"),
        "MidPoint": (4, "historicalTickMidPoint", midpoint, "historicalTicks", "historicalTicks"),
    }
)
"""The kinds of tick by tick: number, field of a tick, how it is made, and the message of ticks of the past with its field."""


def past_ticks(asked: Asked, instrument: Instrument, kind: str, number: int, end: int) -> Said:
    """The last ``number`` ticks before a time in seconds since the epoch, one a second."""
    _, _, make, message, field = TICK_KINDS[kind]
    found = [make(asked, instrument, step, end - number + step) for step in range(number)]
    return message, {"reqId": asked.id, field: found, "isDone": True}


def tick_by_tick(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    kind = asked.text("tickType")
    if not isinstance(instrument, Instrument):
        yield instrument
    elif kind not in TICK_KINDS:
        yield invalid(asked, f"Tick type {kind} is not valid")
    elif asked.is_subscribed("reqTickByTickData"):
        yield error(102, "Duplicate ticker ID for API tick-by-tick request", asked.id)
    elif kind in ("Last", "AllLast") and instrument.volume < 0:
        yield error(10189, f"Failed to request tick-by-tick data:No trades for {instrument.contract['localSymbol']}", asked.id)
    else:
        past = min(asked.number("numberOfTicks"), MAX_TICKS)
        if past > 0:
            yield past_ticks(asked, instrument, kind, past, asked.now)
        asked.subscribe("reqTickByTickData", Feed(TICK_PERIOD, ([one_tick(asked, instrument, kind, step)] for step in count(1))))
        yield one_tick(asked, instrument, kind, 0)


MAX_TICKS = 1000
"""How many ticks of the past one request can have (IBKR documentation)."""


def one_tick(asked: Asked, instrument: Instrument, kind: str, step: int) -> Said:
    """One tick of tick by tick; in protobuf it is a record of its kind, in text the fields themselves."""
    number, field, make, _, _ = TICK_KINDS[kind]
    fields = make(asked, instrument, step, asked.now + int(step * TICK_PERIOD))
    return "tickByTick", {"reqId": asked.id, "tickType": number, field: fields} | {name: fields[name] for name in fields if name in FLAT}


FLAT = frozenset(
    (
        *("time", "price", "size", "mask", "exchange", "specialConditions"),
        *("priceBid", "priceAsk", "sizeBid", "sizeAsk"),
    )
)

ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqMktData": market_data,
        "cancelMktData": ending("reqMktData", 300, "Can't find EId with tickerId:"),
        "reqMarketDataType": market_data_type,
        "reqSmartComponents": smart_components,
        "reqTickByTickData": tick_by_tick,
        "cancelTickByTickData": ending("reqTickByTickData"),
    }
)
"""The answers about market data, by the name of the request."""
