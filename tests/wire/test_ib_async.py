"""ib_async 2.1.0 agrees, in both directions and at every server version that it speaks, wherever it knows a message."""

import inspect
import math
from typing import Any

import ib_async
import pytest
from ib_async.client import Client
from ib_async.decoder import Decoder

from docs.conformance import documented
from tests.wire.async_client import IB_ASYNC, VERSIONS, agreed, heard, is_known
from tests.wire.client_orders import AsyncClient
from tests.wire.proofs import is_official
from twsprobe.wire.events import Decoded, Undecodable
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_ID, BY_NAME, decode, encode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
KNOWN = [message for message in MESSAGES if is_known(message)]
MISREAD = {"verifyCompleted", "verifyAndAuthCompleted"}
"""Answers that its decoder drops as TWS writes them; see below."""

# Methods of its client that are no requests.
OTHERS = {
    *("connect", "connectAsync", "disconnect", "reset", "run", "send", "sendMsg", "serverVersion", "isConnected", "isReady"),
    *("connectionStats", "getReqId", "updateReqId", "getAccounts", "setConnectOptions"),
}


@pytest.mark.parametrize("message", KNOWN, ids=lambda message: f"{message.name}-{message.direction.value}")
def test_ib_async_agrees(message: Message) -> None:
    cases = agreed(message)
    assert {case.version for case in cases} == {version for version in VERSIONS if version >= message.since}
    assert {case.against for case in cases} == {IB_ASYNC}
    assert documented(message, IB_ASYNC) == str(cases.total()), "run python -m docs.conformance"


def test_every_request_of_ib_async_is_compared() -> None:
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert methods - OTHERS == {message.name for message in KNOWN if message.direction is TO_SERVER}


def test_every_answer_that_ib_async_reads_is_compared() -> None:
    nobody: Any = None
    names = {BY_ID[TO_CLIENT, id].name for id in Decoder(nobody, 178).handlers}
    assert names - MISREAD == {message.name for message in KNOWN if message.direction is TO_CLIENT}


def test_what_ib_async_has_no_code_for_came_later() -> None:
    missing = [message for message in MESSAGES if is_official(message) and message not in KNOWN and message.name not in MISREAD]
    assert [message.name for message in missing if message.since <= VERSIONS[-1]] == []


# What ib_async gets wrong; the samples stay clear of it. A test that fails here means that they need not any more.


def written(name: str, version: int = 178, **fields: Any) -> bytes:
    return encode(name, TO_CLIENT, version, **fields)


def dropped(data: bytes, version: int = 178) -> bool:
    """Whether its decoder drops a message that we read."""
    assert isinstance(decode(data[LENGTH.size :], TO_CLIENT, version), Decoded)
    try:
        heard(data, version)
    except ValueError:
        return True
    return False


def test_ib_async_misspells_what_is_infinite() -> None:
    client = AsyncClient(178)
    client.placeOrder(7, ib_async.Contract(), ib_async.Order(orderType="PEG BEST", competeAgainstBestOffset=math.inf))
    event = decode(client.sent, TO_SERVER, 178)
    assert isinstance(event, Undecodable)
    assert (event.path, event.reason) == ("order.competeAgainstBestOffset", "'Infinite' is not double")


@pytest.mark.parametrize("name", ["calculateImpliedVolatility", "calculateOptionPrice"])
def test_ib_async_counts_options_of_a_calculation(name: str) -> None:
    client = AsyncClient(178)
    getattr(client, name)(7, ib_async.Contract(), 1.0, 2.0, [ib_async.TagValue("a", "1")])
    event = decode(client.sent, TO_SERVER, 178)
    assert isinstance(event, Decoded)
    assert event.raw.endswith(b"\x002.0\x001\0a=1;\0")
    assert event.extra == ("a=1;",)


@pytest.mark.parametrize("name", ["updatePortfolio", "positionMulti", "execDetails", "historicalSchedule", "tickOptionComputation"])
def test_ib_async_drops_what_has_empty_numbers(name: str) -> None:
    assert dropped(written(name))


def test_ib_async_leaves_escapes() -> None:
    assert heard(written("error", errorMsg="für", id=1, errorCode=2), 178)[0].arguments[2] == r"f\u00fcr"


@pytest.mark.parametrize("name", sorted(MISREAD))
def test_ib_async_drops_words_for_flags(name: str) -> None:
    assert dropped(written(name, isSuccessful=True))
    assert BY_NAME[TO_CLIENT, name].since < VERSIONS[0]


@pytest.mark.parametrize("coupon", [3.625, 4.0])
def test_ib_async_drops_bonds_with_a_coupon(coupon: float) -> None:
    fields: dict[str, Any] = {"reqId": 7, "contract": {"conId": 1}}
    assert dropped(written("bondContractDetails", **fields, contractDetails={"coupon": coupon}))
    assert not dropped(written("bondContractDetails", **fields))


def test_ib_async_drops_fractions_in_a_histogram() -> None:
    assert dropped(written("histogramData", reqId=7, histogramDataEntries=[{"price": 1.0, "size": "0.5"}]))
    assert not dropped(written("histogramData", reqId=7, histogramDataEntries=[{"price": 1.0, "size": "5"}]))


@pytest.mark.parametrize(("version", "expected"), [(V.DURATION, 2**31 - 1), (V.DURATION + 1, 60)])
def test_ib_async_knows_duration_a_version_late(version: int, expected: int) -> None:
    data = written("openOrder", version, orderId=7, order={"duration": 60})
    assert heard(data, version)[0].arguments[2].duration == expected


def test_ib_async_reads_an_increment_of_zero_as_none() -> None:
    assert heard(written("openOrder", orderId=7, order={"scalePriceIncrement": 0.0}), 178)[0].arguments[2].scalePriceIncrement > 1e300
    assert dropped(written("openOrder", orderId=7, order={"scalePriceIncrement": math.inf, "hedgeType": "D", "hedgeParam": "x"}))


def test_ib_async_says_nothing_of_an_empty_price() -> None:
    assert heard(written("tickPrice", reqId=7, tickType=1, size=5), 178) == []
