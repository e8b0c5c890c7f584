from typing import Any

import pytest

from tests.net.asking import ACCOUNT, ask, names
from twsprobe.net.account import LEDGER
from twsprobe.net.asked import State


@pytest.mark.parametrize("request_name", ["reqPositions", "reqPositionsMulti"])
@pytest.mark.parametrize(("version", "size"), [(100, "12"), (101, "12.5")])
def test_old_clients_get_whole_positions(request_name: str, version: int, size: str) -> None:
    *found, (end, _) = ask(request_name, version, reqId=1)
    assert end == f"{request_name.removeprefix('req')[0].lower()}{request_name[4:]}".replace("positions", "position") + "End"
    assert [str(fields["position"]) for _, fields in found] == ["200", size, "-2", "5000"]


def test_account_updates() -> None:
    said = ask("reqAccountUpdates", subscribe=True, acctCode="")
    assert names(said) == ["updateAccountValue"] * len(ACCOUNT.values) + ["updatePortfolio"] * 4 + [
        "updateAccountTime",
        "accountDownloadEnd",
    ]
    assert said[-2] == ("updateAccountTime", {"timeStamp": "06:01"})


def test_account_updates_end_when_asked() -> None:
    state = State(ACCOUNT)
    ask("reqAccountUpdates", state=state, subscribe=True)
    assert state.subscriptions == {(5, "reqAccountUpdates", None): None}
    assert ask("reqAccountUpdates", state=state, subscribe=False) == []
    assert state.subscriptions == {}


def test_account_updates_multi() -> None:
    everything = ask("reqAccountUpdatesMulti", reqId=4, account="DU1234567", ledgerAndNLV=False)
    assert names(everything) == ["accountUpdateMulti"] * len(ACCOUNT.values) + ["accountUpdateMultiEnd"]
    ledger = ask("reqAccountUpdatesMulti", reqId=4, account="DU1234567", ledgerAndNLV=True)
    assert {fields["key"] for _, fields in ledger[:-1]} == LEDGER | {"NetLiquidation"}
    assert ledger[-1] == ("accountUpdateMultiEnd", {"reqId": 4})


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("NetLiquidation,BuyingPower", [("BuyingPower", "USD"), ("NetLiquidation", "USD")]),
        ("$LEDGER:EUR", [("CashBalance", "EUR"), ("ExchangeRate", "EUR")]),
        ("$LEDGER", [(value.key, "BASE") for value in ACCOUNT.values if value.key in LEDGER and value.currency == "BASE"]),
        ("$LEDGER:ALL", [(value.key, value.currency) for value in ACCOUNT.values if value.key in LEDGER]),
        ("Nonsense", []),
    ],
)
def test_account_summary(tags: str, found: list[tuple[str, str]]) -> None:
    *said, end = ask("reqAccountSummary", reqId=9, group="All", tags=tags)
    assert [(fields["tag"], fields["currency"]) for _, fields in said] == found
    assert end == ("accountSummaryEnd", {"reqId": 9})


@pytest.mark.parametrize(
    ("request_name", "fields", "cause"),
    [
        ("reqPositionsMulti", {"account": "DU9"}, "Invalid account code 'DU9'"),
        ("reqAccountUpdatesMulti", {"account": "DU9"}, "Invalid account code 'DU9'"),
        ("reqAccountUpdates", {"acctCode": "DU9", "subscribe": True}, "Invalid account code 'DU9'"),
        ("reqAccountSummary", {"group": "", "tags": "NetLiquidation"}, "Group name cannot be null"),
        ("reqAccountSummary", {"group": "All", "tags": " , "}, "Tags cannot be null"),
    ],
)
def test_invalid_requests_get_an_error_and_no_end(request_name: str, fields: dict[str, Any], cause: str) -> None:
    [(name, found)] = ask(request_name, reqId=6, **fields)
    assert (name, found["id"], found["errorCode"]) == ("error", 6, 321)
    assert found["errorMsg"].endswith(f"cause - {cause}")


def test_a_third_summary_is_refused_until_one_of_any_client_ends() -> None:
    state = State(ACCOUNT)
    asked: dict[str, Any] = {"state": state, "group": "All", "tags": "SMA"}
    assert names(ask("reqAccountSummary", reqId=1, client_id=5, **asked)) == ["accountSummary", "accountSummaryEnd"]
    assert names(ask("reqAccountSummary", reqId=1, client_id=6, **asked)) == ["accountSummary", "accountSummaryEnd"]
    [(_, fields)] = ask("reqAccountSummary", reqId=2, client_id=6, **asked)
    assert (fields["errorCode"], fields["id"]) == (322, 2)
    assert state.subscriptions.keys() == {(5, "reqAccountSummary", 1), (6, "reqAccountSummary", 1)}
    assert ask("cancelAccountSummary", reqId=1, client_id=5, state=state) == []
    assert names(ask("reqAccountSummary", reqId=2, client_id=6, **asked)) == ["accountSummary", "accountSummaryEnd"]


def test_a_model_portfolio_holds_nothing() -> None:
    assert ask("reqPositionsMulti", reqId=1, modelCode="Growth") == [("positionMultiEnd", {"reqId": 1})]


def test_profit_and_loss_comes_now_and_every_second() -> None:
    state = State(ACCOUNT)
    first = ask("reqPnL", state=state, reqId=3, account="DU1234567")
    unrealized = round(sum(held.unrealized for held in ACCOUNT.holdings), 2)
    assert first == [("pnl", {"reqId": 3, "dailyPnL": unrealized / 8, "unrealizedPnL": unrealized, "realizedPnL": 0.0})]
    [feed] = state.feeds(5)
    assert (feed.period, [list(next(feed.messages)) for _ in range(3)]) == (1.0, [first] * 3)
    assert ask("cancelPnL", state=state, reqId=3) == []
    assert state.feeds(5) == []


@pytest.mark.parametrize(("con_id", "position", "worth"), [(265598, 200, 38248.0), (731548236, -2, -2230.0), (1, 0, 0.0)])
def test_profit_and_loss_of_one_position(con_id: int, position: int, worth: float) -> None:
    [(name, fields)] = ask("reqPnLSingle", reqId=3, account="", conId=con_id)
    assert (name, fields["position"], fields["value"]) == ("pnlSingle", position, worth)


@pytest.mark.parametrize("request_name", ["reqPnL", "reqPnLSingle"])
def test_profit_and_loss_of_another_account_is_refused(request_name: str) -> None:
    [(_, fields)] = ask(request_name, reqId=3, account="DU9")
    assert (fields["id"], fields["errorCode"]) == (3, 321)
