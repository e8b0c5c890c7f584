"""Contract details, held against the official client."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from ibapi.contract import FundAssetType

from tests.wire.asking import check_requests
from tests.wire.conformance import (
    UNESCAPABLE,
    Cases,
    Choices,
    check_calls,
    check_protobuf,
    check_text,
    decoded,
    frame,
)
from tests.wire.oracle import VERSIONS, Call, received, sent
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values
from twsprobe.wire.message import EncodeError, Message
from twsprobe.wire.messages.contract_details import MESSAGES, ShortDouble
from twsprobe.wire.registry import encode, locate, reencode
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT = Direction.TO_CLIENT
BY_NAME = {message.name: message for message in MESSAGES}

DETAILS: Choices = {
    "contract.secType": ("FUND", "STK", "OPT"),
    "contract.lastTradeDateOrContractMonth": ("20261218", "20261218 08:30 US/Central", "20261218-08:30-US/Central", "202612", None),
    "contractDetails.longName": ("Société 語😀 1", "A", None),
    "contractDetails.evMultiplier": (0.0, 100.0, None),
    "contractDetails.fundDistributionPolicyIndicator": ("N", "Y", None),
    "contractDetails.fundAssetType": ("001", "002", "003", "004", "005", "006", "007", None),
}
# The official client does not un-escape the name of a bond.
BOND_DETAILS: Choices = {**DETAILS, "contractDetails.longName": ("US-T 4.25%", None)}
SCHEMAS = {
    "contractDetails": ("ContractData", V.PROTOBUF_CONTRACT_DATA),
    "bondContractDetails": ("ContractData", V.PROTOBUF_CONTRACT_DATA),
    "contractDetailsEnd": ("ContractDataEnd", V.PROTOBUF_CONTRACT_DATA),
    "reqContractDetails": ("ContractDataRequest", V.PROTOBUF_CONTRACT_DATA),
    "cancelContractData": ("CancelContractData", V.CANCEL_CONTRACT_DATA),
}
REQUESTS = {"reqContractDetails": "reqId contract", "cancelContractData": "reqId"}
BOTH = pytest.mark.parametrize("name", ["contractDetails", "bondContractDetails"])


def cut(date: str) -> tuple[str, str, str]:
    """A date of a contract as the official client takes it apart: the day, the time and the zone."""
    pieces = [*date.split("-" if "-" in date else None), "", "", ""]
    return pieces[0], pieces[1], pieces[2]


def contract_call(ours: Values, version: int) -> list[Call]:
    day, time, _ = cut(ours["contract"]["lastTradeDateOrContractMonth"])
    contract = {**ours["contract"], "lastTradeDateOrContractMonth": day}
    return [Call("contractDetails", (ours["reqId"], {**ours["contractDetails"], "contract": contract, "lastTradeTime": time}))]


def bond_call(ours: Values, version: int) -> list[Call]:
    """A bond has a maturity of its own there, and takes its zone from it where there is no field for that."""
    day, time, zone = cut(ours["contract"]["lastTradeDateOrContractMonth"])
    details = {"timeZoneId": zone, **ours["contractDetails"], "maturity": day, "lastTradeTime": time}
    return [Call("bondContractDetails", (ours["reqId"], {**details, "contract": {**ours["contract"], "lastTradeDateOrContractMonth": ""}}))]


def text_of(name: str, version: int, **fields: Any) -> str:
    """A text message that is read back as it was written, with bars for NULs and without its length."""
    data = encode(name, TO_CLIENT, version, encoding="text", **fields)
    decoded(data, TO_CLIENT, version)
    return data[LENGTH.size :].decode().replace("\0", "|")


def details_there(name: str, version: int, **fields: Any) -> Any:
    """The contract details that the official client makes of a message."""
    return received(encode(name, TO_CLIENT, version, **fields), version).call().arguments[1]


# The official client's calls for our values; what a sample chooses from.
CALLS: dict[str, tuple[Callable[[Values, int], list[Call]], Choices]] = {
    "contractDetails": (contract_call, DETAILS),
    "bondContractDetails": (bond_call, BOND_DETAILS),
}


def prove(message: Message) -> Iterator[Cases]:
    """Hold a message against the official client in every way there is."""
    name = message.name
    if name in CALLS:
        yield check_calls(name, *CALLS[name])
    elif name in REQUESTS:
        yield check_requests(name, REQUESTS[name].split(), {})
    else:
        yield check_text(name, ["reqId"], {"reqId": (-1, 0, 9001)}, UNESCAPABLE)
    type_name, gate = SCHEMAS[name]
    assert message.protobuf == gate
    yield check_protobuf(message, type_name, {}, rounds=40)


STOCK = (
    "10|7|AAPL|STK||||SMART|USD|AAPL|NMS|NMS|265598|0.01||LMT,MKT|SMART,NYSE|1||APPLE INC|NASDAQ||Technology|Computers||US/Eastern|"
    "20260105:0400-20260105:2000|||0|1|ISIN|US0378331005|1|||26,26||COMMON|0.0001|0.0001|100|"
)
BOND = (
    "18|7|US-T|BOND|912810TR9|3.625|20530515|20230515||GOVT||0|0|0||SMART|USD|US-T|US-T|15960420|0.015625|LMT|SMART||||callable|"
    "UNITED STATES TREASURY|US/Eastern|||aussieBond:|100|0|1|41|1000|1000|1000|"
)


def test_a_stock_as_it_stands_on_the_wire() -> None:
    event = decoded(frame(STOCK.replace("|", "\0").encode()), TO_CLIENT, V.PENDING_PRICE_REVISION)
    contract, details = event.fields["contract"], event.fields["contractDetails"]
    assert (contract["conId"], contract["primaryExch"], contract["strike"], contract["tradingClass"]) == (265598, "NASDAQ", None, "NMS")
    assert (str(details["minTick"]), details["marketName"], details["longName"]) == ("0.01", "NMS", "APPLE INC")
    assert (details["priceMagnifier"], details["evMultiplier"], details["aggGroup"]) == (1, 0.0, 1)
    assert details["secIdList"] == [{"tag": "ISIN", "value": "US0378331005"}]
    assert [str(details[name]) for name in ("minSize", "sizeIncrement", "suggestedSizeIncrement")] == ["0.0001", "0.0001", "100"]
    assert (details["stockType"], details["marketRuleIds"], "fundName" in details) == ("COMMON", "26,26", False)


def test_a_bond_as_it_stands_on_the_wire() -> None:
    event = decoded(frame(BOND.replace("|", "\0").encode()), TO_CLIENT, V.BOND_TRADING_HOURS)
    contract, details = event.fields["contract"], event.fields["contractDetails"]
    assert (contract["conId"], contract["lastTradeDateOrContractMonth"], contract["exchange"]) == (15960420, "20530515", "SMART")
    assert (details["cusip"], details["coupon"], details["issueDate"], details["bondNotes"]) == ("912810TR9", 3.625, "20230515", "callable")
    assert (details["convertible"], details["puttable"], details["nextOptionPartial"]) == (False, False, None)
    assert (details["timeZoneId"], details["evRule"], details["evMultiplier"]) == ("US/Eastern", "aussieBond:", 100.0)


def test_a_fund_has_more_fields() -> None:
    details = {"fundName": "n", "fundClosed": True, "fundAssetType": "004"}
    version = V.INELIGIBILITY_REASONS
    fund = text_of("contractDetails", version, contract={"secType": "FUND"}, contractDetails=details)
    other = text_of("contractDetails", version, contract={"secType": "STK"})
    assert fund.endswith("|n|||||||1|||||||||004|0|")
    assert fund.count("|") == other.count("|") + 17
    with pytest.raises(EncodeError, match=r"contractDetails\.contractDetails\.fundName: has no place in the text form"):
        text_of("contractDetails", version, contract={"secType": "STK"}, contractDetails=details)


def test_reasons_stand_at_the_end() -> None:
    reasons = [{"id": "NOT_YOURS", "description": "Not yours"}, {"id": "CLOSED", "description": ""}]
    fields: dict[str, Any] = {"contract": {"secType": "STK"}, "contractDetails": {"ineligibilityReasonList": reasons}}
    for version in (V.INELIGIBILITY_REASONS, V.PROTOBUF_CONTRACT_DATA):
        found = details_there("contractDetails", version, **fields).ineligibilityReasonList
        assert [(reason.id_, reason.description) for reason in found] == [("NOT_YOURS", "Not yours"), ("CLOSED", "")]
    assert text_of("contractDetails", V.INELIGIBILITY_REASONS, **fields).endswith("|||2|NOT_YOURS|Not yours|CLOSED||")


@pytest.mark.parametrize(("name", "number"), [("contractDetails", "8"), ("bondContractDetails", "6")])
def test_the_inner_version_ends_with_size_rules(name: str, number: str) -> None:
    assert text_of(name, V.SIZE_RULES - 1, reqId=7).split("|")[1:3] == [number, "7"]
    assert text_of(name, V.SIZE_RULES, reqId=7).split("|")[1:3] == ["7", ""]


GATES: tuple[tuple[str, str, Any, V, V], ...] = (
    ("contractDetails", "contract.lastTradeDate", "20261218", V.LAST_TRADE_DATE, V.PROTOBUF_CONTRACT_DATA),
    ("contractDetails", "contractDetails.mdSizeMultiplier", 100, V.MD_SIZE_MULTIPLIER, V.SIZE_RULES),
    ("contractDetails", "contractDetails.aggGroup", 1, V.AGG_GROUP, V.PROTOBUF_CONTRACT_DATA),
    ("contractDetails", "contractDetails.underSymbol", "ES", V.UNDERLYING_INFO, V.PROTOBUF_CONTRACT_DATA),
    ("contractDetails", "contractDetails.underSecType", "FUT", V.UNDERLYING_INFO, V.PROTOBUF_CONTRACT_DATA),
    ("contractDetails", "contractDetails.marketRuleIds", "26", V.MARKET_RULES, V.PROTOBUF_CONTRACT_DATA),
    ("contractDetails", "contractDetails.realExpirationDate", "20261218", V.REAL_EXPIRATION_DATE, V.PROTOBUF_CONTRACT_DATA),
    ("contractDetails", "contractDetails.stockType", "ETF", V.STOCK_TYPE, V.PROTOBUF_CONTRACT_DATA),
    ("contractDetails", "contractDetails.sizeMinTick", Decimal("0.1"), V.FRACTIONAL_SIZE_SUPPORT, V.SIZE_RULES),
    ("contractDetails", "contractDetails.minSize", Decimal("0.1"), V.SIZE_RULES, V.PROTOBUF_CONTRACT_DATA),
    ("bondContractDetails", "contractDetails.mdSizeMultiplier", 100, V.MD_SIZE_MULTIPLIER, V.SIZE_RULES),
    ("bondContractDetails", "contractDetails.tradingHours", "CLOSED", V.BOND_TRADING_HOURS, V.PROTOBUF_CONTRACT_DATA),
    ("bondContractDetails", "contractDetails.aggGroup", 1, V.AGG_GROUP, V.PROTOBUF_CONTRACT_DATA),
    ("bondContractDetails", "contractDetails.marketRuleIds", "26", V.MARKET_RULES, V.PROTOBUF_CONTRACT_DATA),
    ("bondContractDetails", "contractDetails.suggestedSizeIncrement", 1, V.SIZE_RULES, V.PROTOBUF_CONTRACT_DATA),
)
NEVER = (
    ("contractDetails", "contractDetails.cusip"),
    ("contractDetails", "contractDetails.minAlgoSize"),
    ("bondContractDetails", "contract.primaryExch"),
    ("bondContractDetails", "contractDetails.underSymbol"),
    ("bondContractDetails", "contractDetails.sizeMinTick"),
    ("bondContractDetails", "contractDetails.ineligibilityReasonList"),
)


@pytest.mark.parametrize(("name", "path", "value", "first", "end"), GATES)
def test_a_text_field_stands_between_its_gates(name: str, path: str, value: Any, first: V, end: V) -> None:
    record, _, field = path.partition(".")
    fields: dict[str, Any] = {record: {field: value}}
    for version in (first - 1, first, end - 1, end):
        if first <= version < end or end == V.PROTOBUF_CONTRACT_DATA == version:
            data = encode(name, TO_CLIENT, version, **fields)
            assert decoded(data, TO_CLIENT, version).fields[record][field] == value
        else:
            with pytest.raises(EncodeError, match=rf"^{name}\.{path}: has no (place in the text form|such protobuf)"):
                encode(name, TO_CLIENT, version, **fields)


@pytest.mark.parametrize(("name", "path"), NEVER)
def test_a_field_that_text_does_not_have(name: str, path: str) -> None:
    record, _, field = path.partition(".")
    value: Any = [{"id": "x"}] if field.endswith("List") else "1"
    for version in VERSIONS:
        with pytest.raises(EncodeError, match=rf"^{name}\.{path}.*: has no place in the text form"):
            encode(name, TO_CLIENT, version, encoding="text", **{record: {field: value}})


@pytest.mark.parametrize(
    ("date", "day", "time", "zone"),
    [
        ("20261218 08:30 US/Central", "20261218", "08:30", "US/Central"),
        ("20261218-08:30-US/Central", "20261218", "08:30", "US/Central"),
        ("20261218  08:30", "20261218", "08:30", ""),
        ("202612", "202612", "", ""),
    ],
)
def test_a_date_that_the_official_client_cuts(date: str, day: str, time: str, zone: str) -> None:
    contract = {"lastTradeDateOrContractMonth": date}
    for version in (V.BOND_TRADING_HOURS - 1, V.PROTOBUF_CONTRACT_DATA):
        future = details_there("contractDetails", version, contract=contract, contractDetails={})
        assert (future.contract.lastTradeDateOrContractMonth, future.lastTradeTime, future.timeZoneId) == (day, time, "")
        bond = details_there("bondContractDetails", version, contract=contract, contractDetails={})
        assert (bond.maturity, bond.lastTradeTime, bond.timeZoneId) == (day, time, zone)


def test_a_date_is_located_whole() -> None:
    data = encode("bondContractDetails", TO_CLIENT, 176, contract={"lastTradeDateOrContractMonth": "20530515 08:30 US/Central"})
    event = decoded(data, TO_CLIENT, 176)
    (piece,) = (piece for piece in locate(event) if piece.path == "contract.lastTradeDateOrContractMonth")
    assert event.raw[piece.start : piece.end] == b"20530515 08:30 US/Central"


@pytest.mark.parametrize(
    ("value", "text"), [(100, "100"), (100.0, "100"), (0.0, "0"), (-0.0, "-0"), (0.5, "0.5"), (1e22, "1e+22"), (float("inf"), "Infinity")]
)
def test_a_short_double_has_no_fraction_where_it_is_whole(value: float, text: str) -> None:
    leaf = ShortDouble()
    assert leaf.to_text(value) == text
    assert repr(leaf.from_text(text)) == repr(float(value))


def test_a_multiplier_keeps_its_spelling() -> None:
    data = encode("contractDetails", TO_CLIENT, 176, contractDetails={"evRule": "a:", "evMultiplier": 100})
    longer = frame(data[LENGTH.size :].replace(b"\0a:\x00100\0", b"\0a:\x00100.0\0"))
    event = decoded(longer, TO_CLIENT, 176)
    assert event.fields["contractDetails"]["evMultiplier"] == 100.0
    assert reencode(event) == longer != data


def test_a_contract_in_protobuf() -> None:
    data = encode("contractDetails", TO_CLIENT, 226, reqId=7, contract={"conId": 265598}, contractDetails={"minTick": "0.01"})
    assert data[LENGTH.size :] == bytes.fromhex("000000d2 0807 1204 08fe9a10 1a06 1204") + b"0.01"


def test_a_request_as_it_stands_on_the_wire() -> None:
    contract = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "includeExpired": True, "issuerId": "e1"}
    data = encode("reqContractDetails", Direction.TO_SERVER, V.BOND_ISSUERID, reqId=7, contract=contract)
    assert data[LENGTH.size :] == b"9|8|7||AAPL|STK|||||SMART||USD|||1|||e1|".replace(b"|", b"\0")
    del contract["issuerId"]
    data = encode("reqContractDetails", Direction.TO_SERVER, V.BOND_ISSUERID - 1, reqId=7, contract=contract)
    assert data[LENGTH.size :] == b"9|8|7||AAPL|STK|||||SMART||USD|||1|||".replace(b"|", b"\0")


def test_a_cancel_is_protobuf_alone() -> None:
    assert sent(V.CANCEL_CONTRACT_DATA, "cancelContractData", 7)[LENGTH.size :] == bytes.fromhex("00000132 0807")
    with pytest.raises(EncodeError, match=r"needs server version 215 \(CANCEL_CONTRACT_DATA\)"):
        encode("cancelContractData", Direction.TO_SERVER, V.CANCEL_CONTRACT_DATA - 1, reqId=7)
    with pytest.raises(EncodeError, match="has no text form"):
        encode("cancelContractData", Direction.TO_SERVER, V.CANCEL_CONTRACT_DATA, encoding="text", reqId=7)


# What the official client gets wrong; the samples above stay clear of it. A test that fails here means that they need not any more.


@BOTH
def test_the_official_client_drops_a_fractional_multiplier(name: str) -> None:
    data = encode(name, TO_CLIENT, 176, contractDetails={"evMultiplier": 0.5})
    with pytest.raises(ValueError, match="invalid literal for int"):
        received(data, 176)
    assert details_there(name, 226, contract={}, contractDetails={"evMultiplier": 0.5}).evMultiplier == 0.5


def test_the_official_client_does_not_know_other_funds() -> None:
    fields: dict[str, Any] = {"contract": {"secType": "FUND"}, "contractDetails": {"fundAssetType": "000"}}
    for version in (V.FUND_DATA_FIELDS, 226):
        assert details_there("contractDetails", version, **fields).fundAssetType is FundAssetType.NoneItem


def test_the_official_client_leaves_escapes_in_the_name_of_a_bond() -> None:
    fields = {"contractDetails": {"longName": "Société"}}
    assert details_there("contractDetails", 176, **fields).longName == "Société"
    assert details_there("bondContractDetails", 176, **fields).longName == r"Soci\u00e9t\u00e9"


@BOTH
def test_the_official_client_drops_a_message_with_one_half_alone(name: str) -> None:
    for fields in ({"contract": {"conId": 1}}, {"contractDetails": {"minTick": "0.01"}}):
        assert [call.name for call in received(encode(name, TO_CLIENT, 226, **fields), 226).calls if "ProtoBuf" not in call.name] == []
