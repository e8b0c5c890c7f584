"""What answers what: every name is declared, and ids are where the table counts on them."""

from __future__ import annotations

import pytest

from twsprobe.wire.exchanges import ANSWERS, ends_at, refers
from twsprobe.wire.framing import Direction
from twsprobe.wire.identity import identity_fields
from twsprobe.wire.registry import BY_NAME
from twsprobe.wire.versions import ServerVersion as V

REQUESTS = sorted(ANSWERS)


@pytest.mark.parametrize("request_name", REQUESTS)
def test_names_are_declared(request_name: str) -> None:
    assert (Direction.TO_SERVER, request_name) in BY_NAME
    answer = ANSWERS[request_name]
    for name in answer.parts | answer.ends:
        assert (Direction.TO_CLIENT, name) in BY_NAME


@pytest.mark.parametrize("request_name", REQUESTS)
def test_parts_are_listed_where_there_is_no_id_to_tell(request_name: str) -> None:
    answer = ANSWERS[request_name]
    asked = "reqId" in identity_fields(BY_NAME[Direction.TO_SERVER, request_name])
    assert bool(answer.parts) is not asked
    for end in answer.ends:
        assert ("reqId" in identity_fields(BY_NAME[Direction.TO_CLIENT, end])) is asked


def test_bars_ended_with_themselves_once() -> None:
    assert ends_at("reqHistoricalData", V.HISTORICAL_DATA_END - 1) == {"historicalData", "historicalSchedule"}
    assert ends_at("reqHistoricalData", V.HISTORICAL_DATA_END) == {"historicalDataEnd", "historicalSchedule"}
    assert ends_at("reqMktData", 226) == frozenset()


@pytest.mark.parametrize(
    ("name", "about_another"),
    [
        ("cancelMktData", True),
        ("unsubscribeFromGroupEvents", True),
        ("updateDisplayGroup", True),
        ("updateConfig", False),
        ("reqIds", False),
    ],
)
def test_requests_about_others(name: str, about_another: bool) -> None:
    assert refers(name) is about_another
