from typing import Any

import pytest

from tests.net.asking import ask, names
from twsprobe.net.answers_contracts import RULES
from twsprobe.net.instruments import INSTRUMENTS

OPTION = {"conId": 731548236}


@pytest.mark.parametrize(
    ("contract", "found"),
    [
        ({"symbol": "MSFT", "secType": "STK"}, ["contractDetails", "contractDetailsEnd"]),
        ({"symbol": "ES", "secType": "FUT"}, ["contractDetails", "contractDetails", "contractDetailsEnd"]),
        ({"symbol": "AAPL", "secType": "BOND"}, ["bondContractDetails", "contractDetailsEnd"]),
        ({"symbol": "NOSUCH", "secType": "STK"}, ["error 200"]),
        ({}, ["error 200"]),
    ],
)
def test_details_of_all_that_match(contract: dict[str, Any], found: list[str]) -> None:
    said = ask("reqContractDetails", reqId=4, contract=contract)
    assert names(said) == found
    assert {fields.get("reqId", fields.get("id")) for _, fields in said} == {4}


def test_option_parameters_are_those_of_the_options() -> None:
    *said, end = ask("reqSecDefOptParams", reqId=4, underlyingSymbol="AAPL", underlyingSecType="STK", underlyingConId=265598)
    assert end == ("securityDefinitionOptionParameterEnd", {"reqId": 4})
    assert [fields["exchange"] for _, fields in said] == ["SMART", "AMEX", "CBOE", "PHLX"]
    assert {(tuple(fields["expirations"]), tuple(fields["strikes"])) for _, fields in said} == {(("20280121",), (180.0, 200.0))}


@pytest.mark.parametrize(
    ("symbol", "con_id", "found"),
    [("MSFT", 272093, ["securityDefinitionOptionParameterEnd"]), ("MSFT", 265598, ["error 200"]), ("AAPL", None, ["error 200"])],
)
def test_option_parameters_of_what_has_no_options(symbol: str, con_id: int | None, found: list[str]) -> None:
    assert names(ask("reqSecDefOptParams", reqId=4, underlyingSymbol=symbol, underlyingConId=con_id)) == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("aap", ["AAPL", "AAPL"]), ("vangu", ["VOO"]), ("EUR", ["EUR"]), ("ES", []), ("", []), ("zz", [])],
)
def test_symbols_match_by_symbol_or_name(pattern: str, found: list[str]) -> None:
    [(_, fields)] = ask("reqMatchingSymbols", reqId=4, pattern=pattern)
    assert [each["contract"]["symbol"] for each in fields["contractDescriptions"]] == found


def test_every_rule_of_an_instrument_can_be_asked_for() -> None:
    wanted = {int(number) for each in INSTRUMENTS for number in each.details["marketRuleIds"].split(",")}
    assert wanted == RULES.keys()
    for number in wanted:
        [(name, fields)] = ask("reqMarketRule", marketRuleId=number)
        assert (name, fields["priceIncrements"][0]["lowEdge"]) == ("marketRule", 0.0)
    assert names(ask("reqMarketRule", marketRuleId=1)) == ["error 321"]


def test_volatility_and_price_are_each_other_s_answer() -> None:
    [(name, implied)] = ask("calculateImpliedVolatility", reqId=4, contract=OPTION, optionPrice=11.15, underPrice=191.24)
    assert (name, implied["tickType"], implied["undPrice"]) == ("tickOptionComputation", 53, 191.24)
    [(_, priced)] = ask("calculateOptionPrice", reqId=4, contract=OPTION, volatility=implied["impliedVol"], underPrice=191.24)
    assert priced["optPrice"] == pytest.approx(11.15, abs=1e-3)
    assert 0.3 < priced["delta"] < 0.7


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"contract": {"symbol": "AAPL", "secType": "STK"}, "optionPrice": 1.0, "underPrice": 1.0}, "error 200"),
        ({"contract": OPTION, "optionPrice": 500.0, "underPrice": 191.24}, "error 321"),
        ({"contract": OPTION, "optionPrice": 1.0, "underPrice": float("nan")}, "error 321"),
        ({"contract": OPTION}, "error 321"),
    ],
)
def test_what_cannot_be_reckoned(fields: dict[str, Any], code: str) -> None:
    assert names(ask("calculateImpliedVolatility", reqId=4, **fields)) == [code]
    other = {
        "volatility" if name == "optionPrice" else name: value and value * 1e9 if name == "optionPrice" else value
        for name, value in fields.items()
    }
    assert names(ask("calculateOptionPrice", reqId=4, **other)) == [code]
