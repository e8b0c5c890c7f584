"""What the simulator answers about instruments: their details, options, symbols and price steps, and what an option is worth."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from twsprobe.net.account import Fields
from twsprobe.net.asked import Answer, Asked, Said, error, invalid, nothing
from twsprobe.net.instruments import INSTRUMENTS, Instrument, by_number, matching
from twsprobe.net.option_pricing import Valuation, implied_volatility, value

UNKNOWN = "No security definition has been found for the request"
CUSTOM = 53
"""The tick type of a calculation that a client asked for."""
LEAST, MOST = 1e-3, 1e6
"""The prices and volatilities that are reckoned with."""
RULES: Mapping[int, tuple[tuple[float, float], ...]] = MappingProxyType(
    {
        26: ((0.0, 0.0001), (1.0, 0.01)),
        67: ((0.0, 0.25),),
        109: ((0.0, 0.01), (3.0, 0.05)),
        200: ((0.0, 0.001),),
        239: ((0.0, 0.00005),),
    }
)
"""Market rules: the price from which on a step holds, and the step."""
DERIVATIVES: Mapping[str, tuple[str, ...]] = MappingProxyType({"STK": ("CFD", "OPT", "WAR"), "CASH": ("CFD",)})
"""The types of derivatives that there are on a type of instrument."""
SAMPLED = ("conId", "symbol", "secType", "primaryExch", "currency", "issuerId")
"""What a sample of symbols says of a contract, besides its description."""


def contract_details(asked: Asked) -> Iterator[Said]:
    found = matching(asked.contract)
    if not found:
        yield error(200, UNKNOWN, asked.id)
        return
    for each in found:
        name = "bondContractDetails" if each.contract["secType"] == "BOND" else "contractDetails"
        yield name, {"reqId": asked.id, "contract": each.contract, "contractDetails": each.details}
    yield "contractDetailsEnd", {"reqId": asked.id}


def option_parameters(asked: Asked) -> Iterator[Said]:
    underlying = by_number(asked.number("underlyingConId"))
    if underlying is None or underlying.contract["symbol"] != asked.fields.get("underlyingSymbol"):
        yield error(200, UNKNOWN, asked.id)
        return
    options = [
        each for each in INSTRUMENTS if each.contract["secType"] == "OPT" and each.details["underConId"] == asked.fields["underlyingConId"]
    ]
    for exchange in options[0].details["validExchanges"].split(",") if options else ():
        yield (
            "securityDefinitionOptionParameter",
            {
                "reqId": asked.id,
                "exchange": exchange,
                "underlyingConId": asked.fields["underlyingConId"],
                "tradingClass": options[0].contract["tradingClass"],
                "multiplier": f"{options[0].contract['multiplier']:g}",
                "expirations": sorted({each.contract["lastTradeDateOrContractMonth"] for each in options}),
                "strikes": sorted({each.contract["strike"] for each in options}),
            },
        )
    yield "securityDefinitionOptionParameterEnd", {"reqId": asked.id}


def matching_symbols(asked: Asked) -> Iterator[Said]:
    """What trades under a symbol, or in a company's name, that begins as asked for; no derivatives."""
    pattern = asked.text("pattern").upper()
    found = [
        {
            "contract": {name: each.contract.get(name, "") for name in SAMPLED} | {"description": each.details["longName"]},
            "derivativeSecTypes": list(DERIVATIVES.get(each.contract["secType"], ())),
        }
        for each in INSTRUMENTS
        if pattern and each.contract["secType"] in ("STK", "CASH", "BOND") and begins(each, pattern)
    ]
    yield "symbolSamples", {"reqId": asked.id, "contractDescriptions": found}


def begins(instrument: Instrument, pattern: str) -> bool:
    """Whether an instrument's symbol, or a word of its name, begins with a pattern."""
    words = [instrument.contract["symbol"], *instrument.details["longName"].upper().split()]
    return any(word.startswith(pattern) for word in words)


def market_rule(asked: Asked) -> Iterator[Said]:
    number = asked.number("marketRuleId")
    if number not in RULES:
        yield invalid(asked, f"Market rule {number} is not found")
        return
    steps = [{"lowEdge": edge, "increment": step} for edge, step in RULES[number]]
    yield "marketRule", {"marketRuleId": number, "priceIncrements": steps}


def days_left(option: Instrument, now: int) -> float:
    """Days from now, in seconds since the epoch, until an option expires; at least one."""
    day = time.strptime(option.contract["lastTradeDateOrContractMonth"], "%Y%m%d")
    return max((calendar.timegm(day) - now) / 86400, 1.0)


def computation(found: Valuation, volatility: float, underlying: float) -> Fields:
    """A valuation as tickOptionComputation says it."""
    greeks = {name: round(getattr(found, name), 6) for name in ("delta", "gamma", "vega", "theta")}
    prices = {"optPrice": round(found.price, 4), "pvDividend": 0.0, "undPrice": underlying}
    return {"tickAttrib": 0, "impliedVol": round(volatility, 6)} | greeks | prices


def valued_at_price(option: Instrument, price: float, underlying: float, now: int) -> Fields | None:
    """The volatility and greeks that explain an option's price; None where none does."""
    terms = option.contract["right"], option.contract["strike"], underlying
    volatility = implied_volatility(*terms, price, days_left(option, now)) if LEAST <= underlying <= MOST else None
    if volatility is None:
        return None
    return computation(value(*terms, volatility, days_left(option, now)), volatility, underlying)


def calculate_volatility(asked: Asked) -> Iterator[Said]:
    option = only_option(asked)
    underlying, price = float(asked.fields.get("underPrice") or 0), float(asked.fields.get("optionPrice") or 0)
    found = valued_at_price(option, price, underlying, asked.now) if option is not None else None
    yield calculated(asked, option, found)


def calculate_price(asked: Asked) -> Iterator[Said]:
    option = only_option(asked)
    underlying, volatility = float(asked.fields.get("underPrice") or 0), float(asked.fields.get("volatility") or 0)
    found = None
    if option is not None and LEAST <= underlying <= MOST and LEAST <= volatility <= MOST:
        contract = option.contract
        priced = value(contract["right"], contract["strike"], underlying, volatility, days_left(option, asked.now))
        found = computation(priced, volatility, underlying)
    yield calculated(asked, option, found)


def only_option(asked: Asked) -> Instrument | None:
    """The one option that a request names, None for none or several."""
    found = [each for each in matching(asked.contract) if each.contract["secType"] == "OPT"]
    return found[0] if len(found) == 1 else None


def calculated(asked: Asked, option: Instrument | None, found: Fields | None) -> Said:
    """The answer to a calculation, or why there is none."""
    if option is None:
        return error(200, UNKNOWN, asked.id)
    if found is None:
        return invalid(asked, "The values do not fit each other")
    return "tickOptionComputation", {"reqId": asked.id, "tickType": CUSTOM} | found


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqContractDetails": contract_details,
        "cancelContractData": nothing,
        "reqSecDefOptParams": option_parameters,
        "reqMatchingSymbols": matching_symbols,
        "reqMarketRule": market_rule,
        "calculateImpliedVolatility": calculate_volatility,
        "cancelCalculateImpliedVolatility": nothing,
        "calculateOptionPrice": calculate_price,
        "cancelCalculateOptionPrice": nothing,
    }
)
"""The answers about instruments, by the name of the request."""
