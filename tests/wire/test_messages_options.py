"""Messages about options, held against the official client."""

from collections.abc import Iterator
from typing import Any

import pytest
from ibapi.const import UNSET_DOUBLE, UNSET_INTEGER
from ibapi.contract import Contract
from ibapi.tag_value import TagValue

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    Cases,
    Choices,
    check_protobuf,
    check_text,
    decoded,
    frame,
)
from tests.wire.oracle import UNICODE, VERSIONS, sent
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.options import MESSAGES
from twsprobe.wire.registry import decode, encode, reencode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BY_NAME = {message.name: message for message in MESSAGES}

CALLBACKS = {
    "securityDefinitionOptionParameter": "reqId exchange underlyingConId tradingClass multiplier expirations strikes",
    "securityDefinitionOptionParameterEnd": "reqId",
    "deltaNeutralValidation": "reqId deltaNeutralContract",
}
SCHEMAS = {
    "securityDefinitionOptionParameter": ("SecDefOptParameter", V.PROTOBUF_REST_MESSAGES_2),
    "securityDefinitionOptionParameterEnd": ("SecDefOptParameterEnd", V.PROTOBUF_REST_MESSAGES_2),
    "reqSecDefOptParams": ("SecDefOptParamsRequest", V.PROTOBUF_REST_MESSAGES_2),
    "calculateImpliedVolatility": ("CalculateImpliedVolatilityRequest", V.PROTOBUF_REST_MESSAGES_1),
    "calculateOptionPrice": ("CalculateOptionPriceRequest", V.PROTOBUF_REST_MESSAGES_1),
    "cancelCalculateImpliedVolatility": ("CancelCalculateImpliedVolatility", V.PROTOBUF_REST_MESSAGES_1),
    "cancelCalculateOptionPrice": ("CancelCalculateOptionPrice", V.PROTOBUF_REST_MESSAGES_1),
    "exerciseOptions": ("ExerciseOptionsRequest", V.PROTOBUF_REST_MESSAGES_1),
}
REQUESTS = {
    "reqSecDefOptParams": "reqId underlyingSymbol futFopExchange underlyingSecType underlyingConId",
    "calculateImpliedVolatility": "reqId contract optionPrice underPrice impliedVolatilityOptions",
    "calculateOptionPrice": "reqId contract volatility underPrice optionPriceOptions",
    "cancelCalculateImpliedVolatility": "reqId",
    "cancelCalculateOptionPrice": "reqId",
    "exerciseOptions": (
        "orderId contract exerciseAction exerciseQuantity account override manualOrderTime customerAccount professionalCustomer"
    ),
}
# In text the official client refuses options; of protobuf this says nothing, and has some.
NO_OPTIONS: Choices = {"impliedVolatilityOptions": (None,), "optionPriceOptions": (None,)}
CALCULATIONS = {
    "calculateImpliedVolatility": ("optionPrice", "impliedVolatilityOptions"),
    "calculateOptionPrice": ("volatility", "optionPriceOptions"),
}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLBACKS:
        yield check_text(name, CALLBACKS[name].split(), {}, UNICODE)
    else:
        yield check_requests(name, REQUESTS[name].split(), NO_OPTIONS)
    if message.protobuf is not None:
        type_name, gate = SCHEMAS[name]
        assert message.protobuf == gate
        yield check_protobuf(message, type_name, {})


def test_a_chain_as_it_stands_on_the_wire() -> None:
    payload = b"75|9|SMART|265598|AAPL|100|2|20260117|20260220|3|180.0|182.5|0.5|".replace(b"|", b"\0")
    assert decoded(frame(payload), TO_CLIENT, 178).fields == {
        "reqId": 9,
        "exchange": "SMART",
        "underlyingConId": 265598,
        "tradingClass": "AAPL",
        "multiplier": "100",
        "expirations": ["20260117", "20260220"],
        "strikes": [180.0, 182.5, 0.5],
    }


def test_strikes_are_packed_in_protobuf() -> None:
    data = encode("securityDefinitionOptionParameter", TO_CLIENT, 226, reqId=9, expirations=["20260117"], strikes=[1.0, 0.5])
    assert data[LENGTH.size :] == bytes.fromhex("00000113 0809 3208") + b"20260117" + bytes.fromhex(
        "3a10 000000000000f03f 000000000000e03f"
    )


def test_a_validated_hedge_is_text_at_every_server_version() -> None:
    hedge = {"conId": 756733, "delta": 0.5, "price": 600.25}
    for version in VERSIONS:
        data = encode("deltaNeutralValidation", TO_CLIENT, version, reqId=3, deltaNeutralContract=hedge)
        assert data.endswith(b"1\0003\x00756733\x000.5\x00600.25\0")
        assert decoded(data, TO_CLIENT, version).fields == {"version": 1, "reqId": 3, "deltaNeutralContract": hedge}
    with pytest.raises(EncodeError, match="has no such protobuf field"):
        encode("deltaNeutralValidation", TO_CLIENT, 226, encoding="protobuf", reqId=3)


def option() -> Contract:
    contract = Contract()
    contract.conId, contract.secType, contract.strike, contract.multiplier = 7, "OPT", 180.0, "100"
    return contract


@pytest.mark.parametrize("name", CALCULATIONS)
def test_an_unset_number_of_a_calculation_is_spelled_out(name: str) -> None:
    first, options = CALCULATIONS[name]
    data = sent(178, name, UNSET_INTEGER, option(), UNSET_DOUBLE, UNSET_DOUBLE, [])
    expected = f"{BY_NAME[name].id}|3|2147483647|7||OPT||180.0||100||||||1.7976931348623157e+308|1.7976931348623157e+308||"
    assert data[LENGTH.size :].decode().replace("\0", "|") == expected
    fields = decoded(data, TO_SERVER, 178).fields
    assert (fields["reqId"], fields[first], fields["underPrice"], fields[options]) == (None, None, None, None)
    assert fields["contract"]["multiplier"] == "100"


@pytest.mark.parametrize("name", CALCULATIONS)
def test_options_of_a_calculation_are_a_list_in_both_encodings(name: str) -> None:
    first, options = CALCULATIONS[name]
    values: list[dict[str, str]] = [{"tag": "a", "value": "1"}, {"tag": "b", "value": ""}]
    fields: dict[str, Any] = {"reqId": 7, "contract": {"conId": 7}, first: 0.25, "underPrice": 180.5, options: values}
    text = encode(name, TO_SERVER, 178, **fields)
    assert text.endswith(b"\x000.25\x00180.5\0a=1;b=;\0")
    assert decoded(text, TO_SERVER, 178).fields[options] == values
    theirs = sent(226, name, 7, option(), 0.25, 180.5, [TagValue("a", "1"), TagValue("b", "")])
    assert sorted(decoded(theirs, TO_SERVER, 226).fields[options], key=str) == values


@pytest.mark.parametrize("name", CALCULATIONS)
@pytest.mark.parametrize(("behind", "tags"), [(b"0\0\0", ["0"]), (b"1\0a=1;\0", ["1"])])
def test_older_clients_put_a_count_before_the_options(name: str, behind: bytes, tags: list[str]) -> None:
    """IBKR's own up to 10.30 at least, and ib_async."""
    payload = encode(name, TO_SERVER, 178, reqId=7, underPrice=180.5)[LENGTH.size : -1] + behind
    event = decode(payload, TO_SERVER, 178)
    assert isinstance(event, Decoded)
    assert event.fields[CALCULATIONS[name][1]] == [{"tag": tag} for tag in tags]
    assert event.extra == (behind[2:-1].decode(),)
    assert reencode(event) == frame(payload)


EXERCISE: dict[str, Any] = {"orderId": 5, "exerciseAction": 1, "exerciseQuantity": 2, "account": "DU1", "override": True}


@pytest.mark.parametrize(
    ("version", "end"),
    [
        (V.MANUAL_ORDER_TIME_EXERCISE_OPTIONS - 1, ""),
        (V.MANUAL_ORDER_TIME_EXERCISE_OPTIONS, "|"),
        (V.CUSTOMER_ACCOUNT, "||"),
        (V.PROFESSIONAL_CUSTOMER, "|||"),
        (V.PROTOBUF_REST_MESSAGES_1 - 1, "|||"),
    ],
)
def test_an_exercise_as_it_stands_on_the_wire(version: int, end: str) -> None:
    head = "21|" if version < V.PROTOBUF else "\0\0\0\x15".replace("\0", "|")
    data = encode("exerciseOptions", TO_SERVER, version, **EXERCISE)
    assert data[LENGTH.size :].decode().replace("\0", "|") == f"{head}2|5||||||||||||1|2|DU1|1|{end}"


@pytest.mark.parametrize(
    ("field", "value", "gate"),
    [
        ("manualOrderTime", "20260105 15:00:00", V.MANUAL_ORDER_TIME_EXERCISE_OPTIONS),
        ("customerAccount", "C1", V.CUSTOMER_ACCOUNT),
        ("professionalCustomer", True, V.PROFESSIONAL_CUSTOMER),
    ],
)
def test_a_field_of_an_exercise_needs_its_version(field: str, value: Any, gate: V) -> None:
    data = encode("exerciseOptions", TO_SERVER, gate, **EXERCISE, **{field: value})
    assert decoded(data, TO_SERVER, gate).fields[field] == value
    with pytest.raises(EncodeError, match=rf"^exerciseOptions\.{field}: has no place in the text form"):
        encode("exerciseOptions", TO_SERVER, gate - 1, **EXERCISE, **{field: value})


@pytest.mark.parametrize("override", [0, 1])
def test_an_override_is_a_number_there(override: int) -> None:
    for version in (178, 226):
        data = sent(version, "exerciseOptions", 5, option(), 2, 1, "", override, "", "", False)
        assert bool(decoded(data, TO_SERVER, version).fields.get("override")) == bool(override)


CHAINS = ["securityDefinitionOptionParameter", "securityDefinitionOptionParameterEnd", "reqSecDefOptParams"]


@pytest.mark.parametrize("name", CHAINS)
def test_chains_need_their_version(name: str) -> None:
    with pytest.raises(EncodeError, match=r"needs server version 104 \(SEC_DEF_OPT_PARAMS_REQ\)"):
        encode(name, BY_NAME[name].direction, V.SEC_DEF_OPT_PARAMS_REQ - 1)
