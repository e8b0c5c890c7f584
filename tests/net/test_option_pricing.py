import math

import pytest

from twsprobe.net.option_pricing import implied_volatility, value


def test_a_known_value() -> None:
    # At the money, without interest: the price times twice the normal distribution at half of the volatility, less one.
    call, put = (value(right, 42.0, 42.0, 0.2, 182.5) for right in "CP")
    assert call.price == pytest.approx(put.price) == pytest.approx(2.3676, abs=1e-3)
    assert call.delta - put.delta == pytest.approx(1.0)
    assert (call.gamma, call.vega, call.theta) == (put.gamma, put.vega, put.theta)


@pytest.mark.parametrize("right", ["C", "P"])
def test_greeks_are_slopes(right: str) -> None:
    def price(underlying: float = 100.0, volatility: float = 0.3, days: float = 90.0) -> float:
        return value(right, 105.0, underlying, volatility, days).price

    found = value(right, 105.0, 100.0, 0.3, 90.0)
    assert found.delta == pytest.approx((price(100.01) - price(99.99)) / 0.02, abs=1e-5)
    assert found.gamma == pytest.approx((price(100.1) - 2 * price() + price(99.9)) / 0.01, rel=1e-3)
    assert found.vega == pytest.approx((price(volatility=0.301) - price(volatility=0.299)) / 0.2, rel=1e-4)
    assert found.theta == pytest.approx((price(days=89.99) - price(days=90.01)) / 0.02, rel=1e-3)


@pytest.mark.parametrize("right", ["C", "P"])
@pytest.mark.parametrize("volatility", [0.05, 0.3, 2.0])
def test_the_volatility_explains_the_price(right: str, volatility: float) -> None:
    found = implied_volatility(right, 105.0, 100.0, value(right, 105.0, 100.0, volatility, 90.0).price, 90.0)
    assert found == pytest.approx(volatility, abs=1e-5)


@pytest.mark.parametrize("price", [-1.0, 0.0, 49.0, 101.0, math.inf, math.nan])
def test_a_price_that_no_volatility_explains(price: float) -> None:
    assert implied_volatility("C", 50.0, 100.0, price, 90.0) is None


def test_an_option_on_nothing_has_no_value() -> None:
    with pytest.raises(ValueError, match="positive"):
        value("C", 100.0, 0.0, 0.2, 30.0)
