"""Every request at every server version, as bytes in both directions."""

import math
from decimal import Decimal
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.net.asking import ACCOUNT, NOW, ask, last
from tests.net.requests import REQUESTS, STOCK, encoded, end_of, since
from tests.wire.oracle import Sampler
from twsprobe.net.answers import ANSWERS
from twsprobe.net.asked import Asked, Said, State
from twsprobe.net.fitting import encode_fitting
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import TEXT
from twsprobe.wire.registry import BY_NAME, decode
from twsprobe.wire.versions import HIGHEST, LOWEST


def test_every_answered_request_is_declared_and_tried() -> None:
    assert {name for name, _, _ in REQUESTS} == ANSWERS.keys()
    assert not [name for name in ANSWERS if (Direction.TO_SERVER, name) not in BY_NAME]


def test_what_is_not_answered_would_change_more_than_the_simulator_holds() -> None:
    asked = {name for direction, name in BY_NAME if direction is Direction.TO_SERVER}
    assert asked - ANSWERS.keys() == {"startApi", "exerciseOptions", "updateConfig"}


def delivered(said: Said, version: int) -> Decoded:
    """A message as a client of a server version gets it."""
    name, fields = said
    found = decode(encode_fitting(name, version, fields)[LENGTH.size :], Direction.TO_CLIENT, version)
    assert isinstance(found, Decoded), found
    assert (found.anomalies, found.missing, found.extra) == ((), None, ()), found
    assert found.encoding == BY_NAME[Direction.TO_CLIENT, name].encoding(version)
    return found


@pytest.mark.parametrize("version", range(LOWEST, HIGHEST + 1))
def test_every_request_is_answered_at_every_server_version(version: int) -> None:
    state = State(ACCOUNT)
    for name, fields, end in REQUESTS:
        if version >= since(name):
            request = decode(encoded(name, version, fields)[LENGTH.size :], Direction.TO_SERVER, version)
            assert isinstance(request, Decoded), request
            said = list(ANSWERS[name](Asked(request.fields, 5, version, state, NOW)))
            assert last(said) == end_of(name, end, version), (name, fields)
            if (id := request.fields.get("reqId")) is not None:
                assert {each.get("reqId", each.get("id", id)) for _, each in said} <= {id}
            later = [message for feed in state.feeds(5) for _ in range(3) for message in next(feed.messages)]
            for message in (*said, *later):
                delivered(message, version)
    assert state.feeds(5) == []


@pytest.mark.parametrize("version", [100, 178, 226])
@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_request_without_values_is_answered_too(name: str, version: int) -> None:
    if version >= since(name):
        for message in ask(name, version):
            delivered(message, version)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from((0, -1, 1, 2, 3, 5, 1000, 2**31 - 1, -(2**31))),
)
TEXTS = st.one_of(
    st.none(), st.sampled_from(("", "AAPL", "1 day", "3 D", "99999 Y", "1 S", "20261120-20:00:00", "TRADES", "x", "20269999"))
)


@hypothesis.given(st.data(), st.sampled_from(sorted(ANSWERS)), st.sampled_from([100, 178, 226]))
@hypothesis.settings(max_examples=400)
def test_odd_values_do_no_harm(data: st.DataObject, name: str, version: int) -> None:
    """Each value of a request that is answered well is replaced by odd ones of its type, now and then."""
    fields: dict[str, Any] = next(dict(fields) for each, fields, _ in REQUESTS if each == name)
    for key, value in fields.items():
        if data.draw(st.booleans()) and not isinstance(value, dict):
            fields[key] = data.draw(TEXTS if isinstance(value, str) else VALUES)
    if version >= since(name):
        for message in ask(name, version, **fields):
            delivered(message, version)


CHOICES: dict[str, tuple[Any, ...]] = {
    "order.orderType": ("LMT", "MKT", "PEG BEST"),
    "order.action": ("BUY", "SELL"),
    "order.totalQuantity": (Decimal(1), Decimal("0.5"), Decimal("NaN"), Decimal("1e400")),
    "order.lmtPrice": (None, 1.0, 250.0, math.nan, math.inf),
    "order.parentId": (0, 1, 2),
    "order.transmit": (True, False),
    "order.conditions[].type": (1, 3, 4, 5, 6, 7),
    "orderId": (1, 2, 6, 2**31 - 1),
    "reqId": (1, 2, 3),
    "underPrice": (1e-300, 191.24, 1e300, math.nan),
    "optionPrice": (11.0, 1e300, math.nan),
    "volatility": (1e-300, 0.2, 1e300),
}
"""Values that get further than any value would."""


@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize("version", [100, 145, 178, 200, 203, 226])
def test_made_up_requests_do_no_harm(version: int, turn: int) -> None:
    state = State(ACCOUNT)
    for name in ANSWERS:
        message = BY_NAME[Direction.TO_SERVER, name]
        if version >= message.since:
            sample = Sampler(f"{turn} {version} {name}", (0.0, 0.5, 1.0)[turn % 3], CHOICES, version=version)
            is_text = message.encoding(version) == TEXT
            fields = sample.layout(message.layout(version)) if is_text else sample.record(message.record)
            if "contract" in message.record.fields:
                fields["contract"] = ({"conId": 265598}, {"conId": 731548236}, STOCK)[turn % 3]
            for said in ANSWERS[name](Asked(fields, 5, version, state, NOW)):
                delivered(said, version)
            for feed in state.feeds(5):
                for said in next(feed.messages):
                    delivered(said, version)


def test_single_answers() -> None:
    assert ask("reqIds") == [("nextValidId", {"orderId": 8})]
    assert ask("reqManagedAccts") == [("managedAccounts", {"accountsList": "DU1234567"})]
    assert ask("reqCurrentTime") == [("currentTime", {"currentTime": 1_795_500_061})]
    assert ask("reqCurrentTimeInMillis") == [("currentTimeInMillis", {"currentTimeInMillis": 1_795_500_061_234})]
    assert ask("setServerLogLevel", logLevel=5) == []
    [(name, fields)] = ask("reqConfig", reqId=3)
    assert (name, fields["reqId"], fields["api"]["settings"]["socketPort"]) == ("configResponse", 3, 7497)
