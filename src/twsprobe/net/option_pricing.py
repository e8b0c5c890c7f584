"""What options are worth by the formula of Black and Scholes, at no interest and no dividends; enough for numbers that fit each other."""

from __future__ import annotations

import math
from typing import NamedTuple

DAYS = 365.0
MOST = 5.0
"""The highest volatility that is looked for."""


class Valuation(NamedTuple):
    """An option's price and its derivatives: ``vega`` for a point of volatility, ``theta`` for a day."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def _distribution(value: float) -> float:
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))


def _density(value: float) -> float:
    return math.exp(-value * value / 2) / math.sqrt(2 * math.pi)


def value(right: str, strike: float, underlying: float, volatility: float, days: float) -> Valuation:
    """Value a call ("C") or a put. All numbers but ``right`` must be positive. Raises ValueError."""
    if min(strike, underlying, volatility, days) <= 0:
        raise ValueError("an option is valued at positive numbers alone")
    root = volatility * math.sqrt(days / DAYS)
    first = math.log(underlying / strike) / root + root / 2
    second = first - root
    call = underlying * _distribution(first) - strike * _distribution(second)
    gamma = _density(first) / (underlying * root)
    vega = underlying * _density(first) * math.sqrt(days / DAYS) / 100
    theta = -underlying * _density(first) * volatility / (2 * math.sqrt(days / DAYS)) / DAYS
    if right == "C":
        return Valuation(call, _distribution(first), gamma, vega, theta)
    return Valuation(call - underlying + strike, _distribution(first) - 1, gamma, vega, theta)


def implied_volatility(right: str, strike: float, underlying: float, price: float, days: float) -> float | None:
    """The volatility that explains a price, to a millionth; None where none does. Raises ValueError as ``value`` does."""
    low, high = 1e-4, MOST
    if not value(right, strike, underlying, low, days).price <= price <= value(right, strike, underlying, high, days).price:
        return None
    while high - low > 1e-6:
        middle = (low + high) / 2
        if value(right, strike, underlying, middle, days).price < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2
