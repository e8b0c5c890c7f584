"""What a comparison sets aside."""

from __future__ import annotations

import pytest

from twsprobe.capture.volatile import VOLATILE, Rules, fits_a_message
from twsprobe.wire.identity import Identity, identity_fields
from twsprobe.wire.messages import MESSAGES


@pytest.mark.parametrize(
    ("message", "path", "aside"),
    [
        ("tickPrice", "reqId", True),
        ("tickPrice", "price", False),
        ("error", "id", True),
        ("error", "errorCode", False),
        ("openOrder", "order.permId", True),
        ("openOrder", "order.orderRef", False),
        ("openOrder", "contract.conId", False),
        ("startApi", "clientId", True),
        ("configResponse", "api.settings.masterClientId", False),
        ("opened", "client", True),
        ("greeting", "serverVersion", False),
        ("tickNews", "time", False),
        ("historicalData", "historicalDataBars.date", False),
    ],
)
def test_the_table(message: str, path: str, aside: bool) -> None:
    assert Rules().sets_aside(message, path) is aside


def test_every_number_of_the_client_is_set_aside_and_no_account() -> None:
    for message in MESSAGES:
        for path, kind in identity_fields(message).items():
            plain = path.replace("[]", "")
            settings = plain.endswith("masterClientId")
            assert Rules().sets_aside(message.name, plain) is (kind is not Identity.ACCOUNT and not settings), (message, path)


def test_every_pattern_has_a_reason_and_something_that_it_fits() -> None:
    for one in VOLATILE:
        assert one.reason
        assert fits_a_message(one.pattern), one


def test_tick_types_that_are_times() -> None:
    rules = Rules()
    assert rules.timely(45) == 45
    assert rules.timely(1) is None
    assert rules.timely("45") is None
    assert rules.sets_aside("tickString", "value", 45)
    assert not rules.sets_aside("tickString", "value", None)


def test_patterns_of_a_caller() -> None:
    rules = Rules(ignore=("tickPrice.size", "error"), compare=("*.permId", "tickPrice.size"))
    assert rules.sets_aside("tickPrice", "size")
    assert not rules.sets_aside("openOrder", "order.permId")
    assert rules.sets_aside("openOrder", "order.parentPermId")
    assert not rules.concerns("error")
    assert not rules.reports("error", "errorMsg")
    assert rules.reports("tickPrice")


def test_only_what_is_asked_for_is_reported() -> None:
    rules = Rules(only=("tickPrice", "openOrder.order"))
    assert rules.reports("tickPrice")
    assert rules.reports("tickPrice", "size")
    assert rules.reports("openOrder", "order.lmtPrice")
    assert not rules.reports("openOrder", "contract.conId")
    assert not rules.reports("openOrder")
    assert rules.concerns("openOrder")
    assert not rules.concerns("tickSize")


def test_a_hostile_pattern_takes_no_time() -> None:
    pattern = "*a" * 200 + "b"
    assert not Rules(ignore=(pattern,)).sets_aside("tickPrice", "a" * 4000)


@pytest.mark.parametrize(("pattern", "fits"), [("tickPrice", True), ("tick*.price", True), ("opened", True), ("tikPrice.price", False)])
def test_patterns_that_fit_nothing(pattern: str, fits: bool) -> None:
    assert fits_a_message(pattern) is fits
