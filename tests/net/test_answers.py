from typing import Any

import pytest

from twsprobe.net.account import LEDGER, simulated_account
from twsprobe.net.answers import ANSWERS, Asked, Said, Subscription, error
from twsprobe.net.fitting import encode_fitting
from twsprobe.wire.framing import Direction
from twsprobe.wire.registry import BY_NAME

ACCOUNT = simulated_account()
NOW = 1_795_500_061_234_567_890


def ask(request: str, version: int = 226, subscriptions: set[Subscription] | None = None, client_id: int = 5, **fields: Any) -> list[Said]:
    subscribed = set() if subscriptions is None else subscriptions
    return list(ANSWERS[request](Asked(fields, client_id, version, ACCOUNT, NOW, subscribed)))


def names(said: list[Said]) -> list[str]:
    return [name for name, _ in said]


def test_every_request_is_declared() -> None:
    assert not [name for name in ANSWERS if (Direction.TO_SERVER, name) not in BY_NAME]


def test_single_answers() -> None:
    assert ask("reqIds") == [("nextValidId", {"orderId": 8})]
    assert ask("reqManagedAccts") == [("managedAccounts", {"accountsList": "DU1234567"})]
    assert ask("reqCurrentTime") == [("currentTime", {"currentTime": 1_795_500_061})]
    assert ask("reqCurrentTimeInMillis") == [("currentTimeInMillis", {"currentTimeInMillis": 1_795_500_061_234})]
    [(name, fields)] = ask("reqConfig", reqId=3)
    assert (name, fields["reqId"], fields["api"]["settings"]["socketPort"]) == ("configResponse", 3, 7497)


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
    subscriptions: set[Subscription] = set()
    ask("reqAccountUpdates", subscriptions=subscriptions, subscribe=True)
    assert subscriptions == {(5, "reqAccountUpdates", None)}
    assert ask("reqAccountUpdates", subscriptions=subscriptions, subscribe=False) == []
    assert subscriptions == set()


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
    subscriptions: set[Subscription] = set()
    asked: dict[str, Any] = {"subscriptions": subscriptions, "group": "All", "tags": "SMA"}
    assert names(ask("reqAccountSummary", reqId=1, client_id=5, **asked)) == ["accountSummary", "accountSummaryEnd"]
    assert names(ask("reqAccountSummary", reqId=1, client_id=6, **asked)) == ["accountSummary", "accountSummaryEnd"]
    [(_, fields)] = ask("reqAccountSummary", reqId=2, client_id=6, **asked)
    assert (fields["errorCode"], fields["id"]) == (322, 2)
    assert subscriptions == {(5, "reqAccountSummary", 1), (6, "reqAccountSummary", 1)}
    assert ask("cancelAccountSummary", reqId=1, client_id=5, subscriptions=subscriptions) == []
    assert names(ask("reqAccountSummary", reqId=2, client_id=6, **asked)) == ["accountSummary", "accountSummaryEnd"]


def test_orders_belong_to_the_client_that_asks() -> None:
    said = ask("reqAllOpenOrders", client_id=77)
    assert names(said) == ["openOrder", "orderStatus"] * 2 + ["openOrderEnd"]
    assert {fields["order"]["clientId"] for name, fields in said if name == "openOrder"} == {77}
    assert {fields["clientId"] for name, fields in said if name == "orderStatus"} == {77}
    assert names(ask("reqCompletedOrders", apiOnly=True)) == ["completedOrder", "completedOrdersEnd"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 3),
        ({"symbol": "", "clientId": 0}, 3),
        ({"symbol": "MSFT"}, 1),
        ({"secType": "OPT"}, 2),
        ({"secType": "OPT", "exchange": "CBOE"}, 1),
        ({"side": "SELL"}, 3),
        ({"side": "BUY"}, 0),
        ({"side": "SLD"}, 3),
        ({"acctCode": "DU9"}, 0),
        ({"clientId": 5}, 3),
        ({"clientId": 6}, 0),
    ],
)
def test_executions_pass_the_filter(wanted: dict[str, Any], count: int) -> None:
    said = ask("reqExecutions", reqId=2, executionFilter=wanted)
    assert names(said) == ["execDetails", "commissionAndFeesReport"] * count + ["execDetailsEnd"]


def test_a_model_portfolio_holds_nothing() -> None:
    assert ask("reqPositionsMulti", reqId=1, modelCode="Growth") == [("positionMultiEnd", {"reqId": 1})]


@pytest.mark.parametrize("version", [100, 178, 201, 226])
def test_errors_can_be_encoded_at_any_version(version: int) -> None:
    assert encode_fitting(*error_at(version))


def error_at(version: int) -> tuple[str, int, dict[str, Any]]:
    name, fields = error(2104, "fine")
    return name, version, fields
