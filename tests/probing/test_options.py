"""Wishes for a run."""

from __future__ import annotations

from twsprobe.probing.options import HIGHEST_OFFER, LOWEST_OFFER, OFFERS, STAGE_TIMEOUTS, Options, random_client_id
from twsprobe.probing.signatures import Stage
from twsprobe.wire.versions import HIGHEST, LOWEST


def test_the_offer_is_everything_that_is_declared() -> None:
    assert (LOWEST_OFFER, HIGHEST_OFFER) == (LOWEST, HIGHEST)
    assert (Options().minimum, Options().highest) == (LOWEST, HIGHEST)


def test_a_single_version() -> None:
    assert Options(minimum=203, maximum=None).highest == 203


def test_offers_of_clients() -> None:
    assert OFFERS["ib_async"] == (157, 178)
    assert all(LOWEST_OFFER <= low <= high <= HIGHEST_OFFER for low, high in OFFERS.values())


def test_every_stage_has_a_timeout_and_may_have_another() -> None:
    assert set(STAGE_TIMEOUTS) == set(Stage)
    options = Options(stage_timeouts=((Stage.START, 1.5),))
    assert options.stage_timeout(Stage.START) == 1.5
    assert options.stage_timeout(Stage.HANDSHAKE) == STAGE_TIMEOUTS[Stage.HANDSHAKE]


def test_random_client_ids_are_high() -> None:
    assert all(100_000 <= random_client_id() < 2**31 for _ in range(1000))
