"""Which fields hold what, and where they stand in a payload."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import pytest
from hypothesis import given

from tests.wire.generate import Maker, encodings, examples, randoms, versions
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import BINARY_ID
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_NAME as MESSAGE_BY_NAME
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.sensitive import BY_NAME, EXCEPTIONS, NAMES, Kind, Text, rule_in, rule_of, rules_in, string_fields, string_pieces
from twsprobe.wire.tokens import FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, tagged

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
DECLARED = {path.rpartition(".")[2] for message in MESSAGES for path in string_fields(message)}


def decoded(name: str, direction: Direction, version: int, **fields: Any) -> Decoded:
    event = decode(encode(name, direction, version, **fields)[LENGTH.size :], direction, version)
    assert isinstance(event, Decoded)
    return event


def held(event: Decoded) -> dict[str, bytes]:
    return {piece.path: event.raw[piece.start : piece.end] for piece in string_pieces(event)}


def test_every_text_field_is_classified() -> None:
    missing = sorted(DECLARED - BY_NAME.keys())
    assert not missing, f"say in NAMES of wire/sensitive.py what these hold, FREE where in doubt: {missing}"


def test_no_classified_field_is_gone() -> None:
    assert not sorted(BY_NAME.keys() - DECLARED)


def test_a_name_is_classified_once() -> None:
    names = [name for held in NAMES.values() for name in held.split()]
    assert sorted(set(names)) == sorted(names)


def test_every_exception_is_met() -> None:
    paths = {f"{message.name}.{path}" for message in MESSAGES for path in string_fields(message)}
    assert EXCEPTIONS.keys() == {".".join(path.split(".")[-2:]) for path in paths} & EXCEPTIONS.keys()


@pytest.mark.parametrize(
    ("message", "path", "rule"),
    [
        ("openOrder", "order.account", Kind.ACCOUNT),
        ("openOrder", "orderState.orderAllocations[2].account", Kind.ACCOUNT),
        ("familyCodes", "familyCodes[0].familyCode", Kind.ACCOUNT),
        ("placeOrder", "order.softDollarTier.name", Kind.ADVISOR),
        ("softDollarTiers", "softDollarTiers[1].value", Kind.ADVISOR),
        ("receiveFA", "xml", Text.ADVISOR_XML),
        ("scannerParameters", "xml", Text.FREE),
        ("configResponse", "api.settings.trustedIPs[0]", Kind.ADDRESS),
        ("verifyMessage", "apiData", Kind.CREDENTIAL),
        ("openOrder", "contract.symbol", Text.HARMLESS),
        ("error", "errorMsg", Text.FREE),
        ("error", "somethingNew", Text.FREE),
    ],
)
def test_rules_follow_names_and_their_exceptions(message: str, path: str, rule: object) -> None:
    assert rule_of(message, path) is rule


@pytest.mark.parametrize(("key", "rule"), [("AccountCode", Kind.ACCOUNT), ("AccountOrGroup", Kind.ACCOUNT), ("NetLiquidation", Text.FREE)])
def test_a_value_is_an_account_under_the_keys_that_say_so(key: str, rule: object) -> None:
    assert rule_in("updateAccountValue", "value", {"key": key}) is rule
    assert rule_in("accountSummary", "value", {"tag": key}) is rule


def test_numbers_are_no_text_fields() -> None:
    assert not string_fields(MESSAGE_BY_NAME[TO_CLIENT, "nextValidId"])
    assert "order.totalQuantity" not in string_fields(MESSAGE_BY_NAME[TO_CLIENT, "openOrder"])


def test_a_message_has_the_rules_of_its_fields() -> None:
    assert rules_in(MESSAGE_BY_NAME[TO_CLIENT, "nextValidId"]) == frozenset()
    assert rules_in(MESSAGE_BY_NAME[TO_CLIENT, "managedAccounts"]) == {Kind.ACCOUNT}
    assert rules_in(MESSAGE_BY_NAME[TO_CLIENT, "error"]) == {Text.FREE}


def test_fields_that_are_text_in_text_alone_are_found() -> None:
    fields = string_fields(MESSAGE_BY_NAME[TO_SERVER, "placeOrder"])
    assert fields["orderMiscOptions" if "orderMiscOptions" in fields else "order.orderMiscOptions"] is Text.FREE
    assert string_fields(MESSAGE_BY_NAME[TO_SERVER, "reqMktData"])["marketDataOptions"] is Text.FREE


def test_pieces_are_the_bytes_of_the_values() -> None:
    text = decoded("updateAccountValue", TO_CLIENT, 176, key="Cash", value="1.5", currency="USD", accountName="DU12345")
    assert held(text) == {"key": b"Cash", "value": b"1.5", "currency": b"USD", "accountName": b"DU12345"}
    binary = decoded("updateAccountValue", TO_CLIENT, 226, key="Cash", value="1.5", currency="USD", accountName="DU12345" * 30)
    assert held(binary) == {"key": b"Cash", "value": b"1.5", "currency": b"USD", "accountName": b"DU12345" * 30}


def test_text_behind_the_last_known_field_is_found() -> None:
    event = decode(b"9\x001\x008\0DU12345\0\0x\0", TO_CLIENT, 176)
    assert isinstance(event, Decoded)
    assert list(held(event).values()) == [b"x"]
    assert [event.raw[piece.start : piece.end] for piece in string_pieces(event)] == [b"DU12345", b"x"]


def test_text_in_fields_that_no_schema_has_is_found() -> None:
    inner = tagged(1, LENGTH_DELIMITED, b"DU12345") + tagged(6, VARINT, 1) + tagged(2, FIXED64, b"U1234567")
    payload = BINARY_ID.pack(209) + tagged(1, VARINT, 8)
    payload += tagged(77, LENGTH_DELIMITED, inner) + tagged(78, LENGTH_DELIMITED, b"plain text") + tagged(79, FIXED32, b"ABCD")
    payload += tagged(80, LENGTH_DELIMITED, b"M\xfcller")
    event = decode(payload, TO_CLIENT, 226)
    assert isinstance(event, Decoded)
    assert [payload[piece.start : piece.end] for piece in string_pieces(event)] == [
        b"DU12345",
        b"U1234567",
        b"plain text",
        b"ABCD",
        b"M\xfcller",
    ]


def test_text_in_unknown_fields_of_records_inside_is_found() -> None:
    contract = tagged(2, LENGTH_DELIMITED, b"SPY") + tagged(999, LENGTH_DELIMITED, b"of DU12345")
    message = MESSAGE_BY_NAME[TO_CLIENT, "openOrder"]
    number = message.record.fields["contract"].number
    assert number is not None
    event = decode(BINARY_ID.pack(200 + message.id) + tagged(number, LENGTH_DELIMITED, contract), TO_CLIENT, 226)
    assert isinstance(event, Decoded)
    assert {piece.path: event.raw[piece.start : piece.end] for piece in string_pieces(event)} == {
        "contract.symbol": b"SPY",
        "": b"of DU12345",
    }


@examples(2)
@given(randoms, versions)
def test_pieces_lie_inside_of_the_payload_and_apart(random: Random, version: int) -> None:
    maker = Maker(random)
    for declared in MESSAGES[:: random.randint(5, 20)]:
        for encoding in encodings(declared, version):
            payload = maker.payload(declared, version, encoding)
            event = decode(payload, declared.direction, version)
            assert isinstance(event, Decoded)
            pieces = sorted(string_pieces(event), key=lambda piece: piece.start)
            assert all(event.start <= piece.start <= piece.end <= len(payload) for piece in pieces)
            assert all(one.end <= other.start for one, other in itertools.pairwise(pieces))
