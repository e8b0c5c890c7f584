"""A field is changed and nothing else is, in both encodings and in what opens a connection."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from twsprobe.net.corruption import Impossible, corrupted, declared_type, read_again, values_meant
from twsprobe.wire.events import Decoded, Event, Greeted, Undecodable, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import PREFIX, frame, greeting, read_greeting, read_offer
from twsprobe.wire.registry import decode, encode

CLIENT = Direction.TO_CLIENT


def made(name: str, version: int, **fields: Any) -> Decoded:
    event = decode(encode(name, CLIENT, version, **fields)[4:], CLIENT, version)
    assert isinstance(event, Decoded)
    return event


def offered(payload: bytes) -> VersionOffered:
    found = read_offer(payload, 0)
    assert found is not None
    return found


def greeted(payload: bytes) -> Greeted:
    found = read_greeting(payload, 0)
    assert found is not None
    return found


@pytest.mark.parametrize("version", [176, 226])
def test_a_field_holds_another_value(version: int) -> None:
    event = made("tickPrice", version, reqId=3, tickType=1, price=191.25, size=Decimal("100"), attrMask=0)
    changed = corrupted(event, ("price",), "0")
    assert changed == encode("tickPrice", CLIENT, version, reqId=3, tickType=1, price=0.0, size=Decimal("100"), attrMask=0)
    again = read_again(changed, event)
    assert isinstance(again, Decoded)
    assert again.fields["price"] == 0.0


@pytest.mark.parametrize("version", [176, 226])
def test_a_field_is_unset(version: int) -> None:
    event = made("error", version, id=3, errorCode=200, errorMsg="m")
    again = read_again(corrupted(event, ("errorMsg",), None), event)
    assert isinstance(again, Decoded)
    assert not again.fields.get("errorMsg")


def test_an_element_of_a_list_cannot_be_unset() -> None:
    event = made("securityDefinitionOptionParameter", 226, reqId=1, expirations=["a", "b"])
    assert b"c" in corrupted(event, ("expirations", 1), "c")
    with pytest.raises(Impossible, match="cannot be unset"):
        corrupted(event, ("expirations", 1), None)


def test_the_rest_keeps_its_spelling() -> None:
    event = decode(b"1\x006\x0003\x001\x00191.250\x00100\x000\x00", CLIENT, 176)
    assert corrupted(event, ("tickType",), "2") == frame(b"1\x006\x0003\x002\x00191.250\x00100\x000\x00")


def test_the_largest_number_is_a_number_here() -> None:
    event = made("nextValidId", 176, orderId=1)
    assert b"2147483647\0" in corrupted(event, ("orderId",), "2147483647")


@pytest.mark.parametrize("version", [178, 226])
def test_fields_inside_records_and_lists(version: int) -> None:
    bars = [{"date": "a", "open": 1.0}, {"date": "b", "open": 2.0}]
    event = made("historicalData", version, reqId=1, historicalDataBars=bars)
    again = read_again(corrupted(event, ("historicalDataBars", 1, "open"), "7.5"), event)
    assert isinstance(again, Decoded)
    assert [bar["open"] for bar in again.fields["historicalDataBars"]] == [1.0, 7.5]
    assert [bar["open"] for bar in event.fields["historicalDataBars"]] == [1.0, 2.0], "the event is as it was"
    with pytest.raises(Impossible, match="it has no element 2"):
        corrupted(event, ("historicalDataBars", 2, "open"), "7.5")


def test_a_record_that_lacks_is_made_in_protobuf() -> None:
    event = made("position", 226, account="DU1")
    again = read_again(corrupted(event, ("contract", "symbol"), "AAPL"), event)
    assert isinstance(again, Decoded)
    assert again.fields == {"account": "DU1", "contract": {"symbol": "AAPL"}}


def test_what_has_no_place_is_impossible() -> None:
    event = made("error", 178, id=1, errorCode=1, errorMsg="m")
    with pytest.raises(Impossible, match="errorTime"):
        corrupted(event, ("errorTime",), "5")
    event = made("nextValidId", 226, orderId=1)
    with pytest.raises(Impossible, match="is not int32"):
        corrupted(event, ("orderId",), "99999999999")
    unread = Undecodable(CLIENT, 1, "tickPrice", 178, "text", "", "", 0, b"1\0x\0")
    with pytest.raises(Impossible, match="cannot be read"):
        corrupted(unread, ("price",), "5")


@pytest.mark.parametrize(
    ("payload", "field", "text", "changed"),
    [
        (b"v100..226", "minimum", "99", b"v99..226"),
        (b"v100..226", "maximum", "150", b"v100..150"),
        (b"v100..226 +PACEAPI", "maximum", "150", b"v100..150 +PACEAPI"),
        (b"v100..226 +PACEAPI", "connectOptions", "x y", b"v100..226 x y"),
        (b"v100..226", "connectOptions", "x", b"v100..226 x"),
        (b"v100", "maximum", "150", b"v100..150"),
        (b"v100", "connectOptions", "x", b"v100 x"),
        (b"v100..226\0", "maximum", "1", b"v100..1\0"),
    ],
)
def test_offers(payload: bytes, field: str, text: str, changed: bytes) -> None:
    assert corrupted(offered(payload), (field,), text) == PREFIX + frame(changed)


@pytest.mark.parametrize(
    ("second", "field", "text", "changed"),
    [
        (b"20261124 09:24:16 EST", "serverVersion", "100", b"100\x0020261124 09:24:16 EST\x00"),
        (b"20261124 09:24:16 EST", "time", "yesterday", b"226\x00yesterday EST\x00"),
        (b"20261124 09:24:16 \xd6\xd0", "time", "20200101 00:00:00", b"226\x0020200101 00:00:00 \xd6\xd0\x00"),
        (b"20261124 09:24:16 EST", "zone", "CET", b"226\x0020261124 09:24:16 CET\x00"),
        (b"noon", "zone", "CET", b"226\x00noon CET\x00"),
        (b"noon", "time", "", b"226\x00\x00"),
    ],
)
def test_greetings(second: bytes, field: str, text: str, changed: bytes) -> None:
    assert corrupted(greeted(greeting(226, second)[4:]), (field,), text) == frame(changed)


def test_an_opening_may_be_none_afterwards() -> None:
    event: Event = greeted(greeting(226, b"noon")[4:])
    assert isinstance(read_again(corrupted(event, ("serverVersion",), "100"), event), Greeted)
    event = offered(b"v100..226")
    assert isinstance(read_again(corrupted(event, ("minimum",), "1"), event), VersionOffered)
    assert read_again(corrupted(event, ("minimum",), "-1"), event) is None


def test_values_that_a_text_can_mean() -> None:
    assert values_meant("tickPrice", ("price",), "7") == [7.0, 7, Decimal(7)]
    assert values_meant("tickPrice", ("size",), "7") == [Decimal(7), 7, Decimal(7)]
    assert values_meant("error", ("errorMsg",), "yes") == ["yes"]
    assert values_meant("historicalNewsEnd", ("hasMore",), "true") == [True]
    for path, text in ((("price",), "x"), (("tickType",), "1.5"), (("size",), "NaN"), (("reqId",), "9" * 5000), (("reqId",), "1_0")):
        assert values_meant("tickPrice", path, text) == []
    assert values_meant("greeting", ("time",), "a\0b") == []


def test_types() -> None:
    assert declared_type("tickPrice", ("price",)) == "double"
    assert declared_type("offer", ("maximum",)) == "int32"
    assert isinstance(declared_type("offer", ("maximum", "x")), KeyError)
    assert isinstance(declared_type("position", ("contract",)), KeyError)
    assert isinstance(declared_type("position", ("contract", 0)), KeyError)
