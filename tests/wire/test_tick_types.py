"""Tick types, held against the official client and ib_async."""

import pytest
from ib_async import wrapper as ib_async
from ibapi.ticktype import TickTypeEnum

from twsprobe.wire.messages.market_data import MESSAGES
from twsprobe.wire.tick_types import TICK_TYPES
from twsprobe.wire.versions import ServerVersion as V

# By message, the types that ib_async takes from it; it gets prices and sizes of quotes and trades elsewhere.
EXPECTED = {
    "tickPrice": ib_async.PRICE_TICK_MAP,
    "tickSize": ib_async.SIZE_TICK_MAP,
    "tickGeneric": ib_async.GENERIC_TICK_MAP,
    "tickOptionComputation": ib_async.GREEKS_TICK_MAP,
    "tickEFP": ib_async.EFP_TICK_MAP,
    "tickString": ib_async.STRING_TICK_MAP | ib_async.TIMESTAMP_TICK_MAP | ib_async.RT_VOLUME_TICK_MAP,
}


def test_names_and_numbers_are_those_of_the_official_client() -> None:
    theirs = {number: name for number, name in TickTypeEnum.idx2name.items() if name != "NOT_SET"}
    assert {number: kind.name for number, kind in TICK_TYPES.items()} == theirs
    assert list(TICK_TYPES) == list(range(111)) == [kind.number for kind in TICK_TYPES.values()]


@pytest.mark.parametrize("message", EXPECTED)
def test_messages_are_those_that_ib_async_expects(message: str) -> None:
    assert {number for number in EXPECTED[message] if TICK_TYPES[number].message != message} == set()


def test_every_message_is_one_of_market_data() -> None:
    assert {kind.message for kind in TICK_TYPES.values()} == EXPECTED.keys()
    assert EXPECTED.keys() <= {message.name for message in MESSAGES}


def test_a_size_has_its_price() -> None:
    for kind in TICK_TYPES.values():
        if kind.name.endswith("_SIZE"):
            (price,) = (other for other in TICK_TYPES.values() if other.name == kind.name.removesuffix("_SIZE"))
            assert (price.message, kind.message) == ("tickPrice", "tickSize")
            assert (price.asked, price.since) == (kind.asked, kind.since)


def test_new_types_name_their_gate() -> None:
    assert {kind.number for kind in TICK_TYPES.values() if kind.since == V.IPO_PRICES} == {101, 102}
    assert {kind.number for kind in TICK_TYPES.values() if kind.since == V.ODD_LOT_BID_ASK_QUOTES} == set(range(105, 111))


def test_every_meaning_is_of_its_own() -> None:
    assert len({kind.meaning for kind in TICK_TYPES.values()}) == len(TICK_TYPES)
    assert all(kind.meaning and not kind.meaning.endswith(".") for kind in TICK_TYPES.values())
