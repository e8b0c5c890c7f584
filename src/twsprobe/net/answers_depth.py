"""What the simulator answers to requests for market depth: a book of a few rows, of which the best one changes every second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from types import MappingProxyType

from twsprobe.net.answers_market_data import contract_of
from twsprobe.net.asked import Answer, Asked, Feed, Said, ending, error
from twsprobe.net.instruments import Instrument
from twsprobe.wire.versions import ServerVersion

PERIOD = 1.0
MAX_BOOKS = 3
"""How many books a login may follow at a time (IBKR documentation)."""
MAX_ROWS = 5
INSERT, UPDATE = 0, 1
OFFERS, BIDS = 0, 1
OF_MARKET_MAKERS = frozenset(("ISLAND", "NASDAQ"))
"""Exchanges whose books name market makers."""
MAKERS = ("NSDQ", "CDRG", "JANE", "UBSS", "GSCO")
VENUES = ("ISLAND", "ARCA", "NYSE", "IEX", "AMEX")
EXCHANGES = (
    ("ISLAND", "STK", "", "Deep2", 1),
    ("ARCA", "STK", "", "Deep", 1),
    ("NYSE", "STK", "", "Deep", 1),
    ("CME", "FUT", "", "Deep", 2),
    ("IDEALPRO", "CASH", "", "Deep", 4),
)
"""The exchanges that give depth: name, type of instrument, listing exchange, kind of book, group of SMART routing."""


def depth(asked: Asked) -> Iterator[Said]:
    instrument = contract_of(asked)
    smart = bool(asked.fields.get("isSmartDepth"))
    exchange = asked.contract.get("exchange") or ""
    if not isinstance(instrument, Instrument):
        yield instrument
    elif (is_for_difference := instrument.contract["secType"] == "CFD") and asked.has("rerouteMktDepthReq"):
        yield "rerouteMktDepthReq", {"reqId": asked.id, "conId": instrument.details["underConId"], "exchange": "ISLAND"}
    elif is_for_difference or (not smart and exchange in ("", "SMART")):
        yield error(10092, "Deep market data is not supported for this combination of security type/exchange", asked.id)
    elif asked.is_subscribed("reqMktDepth"):
        yield error(102, "Duplicate ticker ID for API market depth request", asked.id)
    elif asked.state.count("reqMktDepth") >= MAX_BOOKS:
        yield error(309, f"Max number ({MAX_BOOKS}) of market depth requests has been reached", asked.id)
    else:
        makers = VENUES if smart else MAKERS if exchange in OF_MARKET_MAKERS else None
        rows = range(max(min(asked.number("numRows") or MAX_ROWS, MAX_ROWS), 1))
        changes = ([row(asked, instrument, makers, 0, UPDATE, side, step) for side in (OFFERS, BIDS)] for step in count(1))
        asked.subscribe("reqMktDepth", Feed(PERIOD, changes))
        for side in (OFFERS, BIDS):
            for position in rows:
                yield row(asked, instrument, makers, position, INSERT, side, 0)


def row(asked: Asked, instrument: Instrument, makers: tuple[str, ...] | None, position: int, operation: int, side: int, step: int) -> Said:
    """One change of a book. ``makers`` are the names of its rows, None for a book of prices alone."""
    away = position * instrument.tick
    size = instrument.amount(instrument.size * (1 + (position + step) % 3), asked.server_version, ServerVersion.MARKET_DATA_IN_SHARES)
    data = {
        "position": position,
        "operation": operation,
        "side": side,
        "price": round(instrument.ask() + away if side == OFFERS else instrument.bid() - away, 6),
        "size": size,
    }
    if makers is None:
        return "updateMktDepth", {"reqId": asked.id, "marketDepthData": data}
    named = {"marketMaker": makers[position], "isSmartDepth": makers is VENUES}
    return "updateMktDepthL2", {"reqId": asked.id, "marketDepthData": data | named}


def depth_exchanges(asked: Asked) -> Iterator[Said]:
    names = ("exchange", "secType", "listingExch", "serviceDataType", "aggGroup")
    rows = [dict(zip(names, each, strict=True)) | {"isL2": each[3] == "Deep2"} for each in EXCHANGES]
    yield "mktDepthExchanges", {"depthMarketDataDescriptions": rows}


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqMktDepth": depth,
        "cancelMktDepth": ending("reqMktDepth", 310, "Can't find the subscribed market depth with tickerId:"),
        "reqMktDepthExchanges": depth_exchanges,
    }
)
"""The answers about market depth, by the name of the request."""
