"""The functions that protobuf records become; that they agree with the slow path is in test_stream."""

from __future__ import annotations

import struct

import pytest

from twsprobe.wire.flat_protobuf import compile_protobuf, long_varint
from twsprobe.wire.framing import Direction
from twsprobe.wire.objects import Classes
from twsprobe.wire.registry import BY_NAME, encode
from twsprobe.wire.tokens import varint

POSITION = BY_NAME[Direction.TO_CLIENT, "position"]
CONTRACT = {"conId": 300, "symbol": "AAPL"}
PAYLOAD = encode("position", Direction.TO_CLIENT, 226, account="DU1", contract=CONTRACT, position="5", avgCost=1.5)[8:]


@pytest.mark.parametrize("value", [128, 300, 2**32, 2**63, 2**64 - 1])
def test_a_long_varint(value: int) -> None:
    data = b"xx" + varint(value) + b"y"
    assert long_varint(data, 2) == (value, len(data) - 1)


@pytest.mark.parametrize("data", [b"\x80", b"\x80" * 10, b"\x80" * 11 + b"\x01"])
def test_a_varint_without_end(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        long_varint(data, 0)


def test_a_record_is_read_wherever_it_stands() -> None:
    read = compile_protobuf(POSITION, Classes(), {}, lambda: None)
    found = read(b"before" + PAYLOAD + b"behind", 6, 6 + len(PAYLOAD))
    assert (found.account, found.contract.conId, found.contract.symbol) == ("DU1", 300, "AAPL")  # type: ignore[attr-defined]
    assert (str(found.position), found.avgCost) == ("5", 1.5)  # type: ignore[attr-defined]


def test_equal_records_are_one_object() -> None:
    read = compile_protobuf(POSITION, Classes(), {}, lambda: None)
    assert read(PAYLOAD, 0, len(PAYLOAD)).contract is read(PAYLOAD, 0, len(PAYLOAD)).contract  # type: ignore[attr-defined]


SURPRISES = (PAYLOAD[:-1], PAYLOAD + b"\x98\x06\x01", b"\x10\x01", b"\0", PAYLOAD + PAYLOAD, b"\x0a\xff\x7f", b"\x0a\x01\xff")


@pytest.mark.parametrize("data", SURPRISES)
def test_a_surprise_raises(data: bytes) -> None:
    read = compile_protobuf(POSITION, Classes(), {}, lambda: None)
    with pytest.raises((ValueError, IndexError, ArithmeticError, struct.error)):
        read(data, 0, len(data))
