from typing import Any

import pytest

from tests.net.asking import ACCOUNT, NOW, ask, names
from twsprobe.net.answers_market_data import MAX_LINES
from twsprobe.net.asked import Said, State

STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
PAIR = {"symbol": "EUR", "secType": "CASH"}
OPTION = {"conId": 731548236}


def ticks(said: list[Said]) -> dict[int, Any]:
    return {fields["tickType"]: fields for _, fields in said if "tickType" in fields}


def data(state: State | None = None, id: int = 3, version: int = 226, contract: dict[str, Any] = STOCK, **fields: Any) -> list[Said]:
    return ask("reqMktData", version, state, reqId=id, contract=contract, **fields)


def test_a_snapshot_has_all_values_and_an_end() -> None:
    state = State(ACCOUNT)
    said = data(state, snapshot=True)
    assert names(said)[:2] == ["marketDataType", "tickReqParams"]
    assert said[-1] == ("tickSnapshotEnd", {"reqId": 3})
    found = ticks(said)
    assert [found[number]["price"] for number in (1, 2, 4, 6, 7, 9, 14)] == [191.23, 191.25, 191.24, 191.64, 190.84, 191.21, 191.04]
    assert [int(found[number]["size"]) for number in (0, 3, 5, 8)] == [300, 300, 300, 41_250_000]
    assert found[45]["value"] == str(NOW // 10**9)
    assert state.subscriptions == {}


def test_a_subscription_goes_on_with_what_moves() -> None:
    state = State(ACCOUNT)
    data(state)
    [feed] = state.feeds(5)
    moves = [ticks(list(next(feed.messages))) for _ in range(8)]
    assert [move[4]["price"] for move in moves] == [191.25, 191.26, 191.25, 191.24, 191.23, 191.22, 191.23, 191.24]
    assert all(move.keys() == {0, 1, 2, 3, 4, 5, 8, 45} for move in moves)
    assert moves[0][8]["size"] < moves[7][8]["size"]
    assert ask("cancelMktData", state=state, reqId=3) == []
    assert state.feeds(5) == []
    assert names(ask("cancelMktData", state=state, reqId=3)) == ["error 300"]


@pytest.mark.parametrize(
    ("version", "sizes"), [(158, (3, 412_500)), (159, (300, 412_500)), (219, (300, 412_500)), (220, (300, 41_250_000))]
)
def test_sizes_are_in_lots_for_old_clients(version: int, sizes: tuple[int, int]) -> None:
    found = ticks(data(version=version, snapshot=True))
    assert (found[0]["size"], found[8]["size"]) == sizes


def test_a_currency_pair_has_quotes_alone_and_an_option_greeks() -> None:
    assert ticks(data(contract=PAIR, snapshot=True)).keys() == {0, 1, 2, 3, 9, 49}
    found = ticks(data(contract=OPTION, snapshot=True))
    assert found[10]["optPrice"] == pytest.approx(11.1, abs=1e-3)
    assert found[10]["impliedVol"] < found[13]["impliedVol"] < found[11]["impliedVol"]


@pytest.mark.parametrize(("kind", "bid", "moves"), [(1, 1, True), (2, 1, False), (3, 66, True), (4, 66, False)])
def test_a_client_gets_the_kind_of_data_that_it_chose(kind: int, bid: int, moves: bool) -> None:
    state = State(ACCOUNT)
    assert ask("reqMarketDataType", state=state, marketDataType=kind) == []
    said = data(state)
    assert said[0] == ("marketDataType", {"reqId": 3, "marketDataType": kind})
    assert ticks(said)[bid]["price"] == 191.23
    assert (len(state.feeds(5)) == 1) is moves
    assert ask("reqMktData", state=state, client_id=6, reqId=3, contract=STOCK)[0][1]["marketDataType"] == 1
    assert names(ask("reqMarketDataType", marketDataType=5)) == ["error 321"]


def test_generic_ticks_come_when_asked_for() -> None:
    found = ticks(data(genericTickList="100,101,104,106,165,221,225,233,236,293,294,295,318,375,411,456,595,588"))
    assert {
        15,
        16,
        17,
        18,
        19,
        20,
        21,
        23,
        24,
        27,
        28,
        29,
        30,
        34,
        35,
        36,
        37,
        46,
        48,
        54,
        55,
        56,
        57,
        58,
        59,
        61,
        63,
        64,
        65,
        77,
        86,
        89,
    } < (found.keys())
    assert found[48]["value"].startswith("191.24;300;")
    assert names(data(genericTickList="mdoff,292")) == ["marketDataType", "tickReqParams", "tickNews"]
    assert 105 in ticks(data(version=225, genericTickList="787"))
    assert 105 not in ticks(data(version=224, genericTickList="787"))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"contract": {"symbol": "NOSUCH"}}, "error 200"),
        ({"contract": {"symbol": "AAPL"}}, "error 200"),
        ({"genericTickList": "100,9999"}, "error 321"),
        ({"genericTickList": "all"}, "error 321"),
        ({"genericTickList": "100", "snapshot": True}, "error 321"),
    ],
)
def test_what_cannot_be_quoted(fields: dict[str, Any], code: str) -> None:
    assert names(data(**fields)) == [code]


def test_a_contract_for_difference_leads_elsewhere() -> None:
    contract = {"symbol": "AAPL", "secType": "CFD"}
    assert data(contract=contract) == [("rerouteMktDataReq", {"reqId": 3, "conId": 265598, "exchange": "SMART"})]
    assert ticks(data(contract=contract, version=124))[4]["price"] == 191.24


def test_an_id_serves_once_and_lines_end() -> None:
    state = State(ACCOUNT)
    data(state)
    assert names(data(state)) == ["error 102"]
    for id in range(100, 100 + MAX_LINES - 1):
        data(state, id)
    assert names(data(state, 99)) == ["error 101"]


def test_smart_components_answer_the_code_of_a_subscription() -> None:
    [code] = [fields["bboExchange"] for name, fields in data() if name == "tickReqParams"]
    [(_, fields)] = ask("reqSmartComponents", reqId=4, bboExchange=code)
    letters = {each["exchangeLetter"] for each in fields["smartComponents"]}
    assert set(ticks(data())[32]["value"]) <= letters
    assert names(ask("reqSmartComponents", reqId=4, bboExchange="x")) == ["error 321"]


@pytest.mark.parametrize(
    ("kind", "number", "past", "value"),
    [
        ("Last", 1, "historicalTicksLast", {"price": 191.24}),
        ("AllLast", 2, "historicalTicksLast", {"price": 191.24}),
        ("BidAsk", 3, "historicalTicksBidAsk", {"priceBid": 191.23, "priceAsk": 191.25}),
        ("MidPoint", 4, "historicalTicks", {"price": 191.24}),
    ],
)
def test_tick_by_tick(kind: str, number: int, past: str, value: dict[str, float]) -> None:
    state = State(ACCOUNT)
    before, (_, tick) = ask("reqTickByTickData", state=state, reqId=4, contract=STOCK, tickType=kind, numberOfTicks=3)
    assert (before[0], len(before[1][past])) == (past, 3)
    assert before[1][past][-1]["time"] < tick["time"] == NOW // 10**9
    assert tick["tickType"] == number
    assert value.items() <= tick.items()
    [inner] = [fields for name, fields in tick.items() if name.startswith("historicalTick")]
    assert value.items() <= inner.items()
    [feed] = state.feeds(5)
    assert [fields["time"] - tick["time"] for _ in range(3) for _, fields in next(feed.messages)] == [1, 2, 3]
    assert ask("cancelTickByTickData", state=state, reqId=4) == []
    assert state.feeds(5) == []


@pytest.mark.parametrize(
    ("contract", "kind", "code"),
    [(STOCK, "Every", "error 321"), (PAIR, "Last", "error 10189"), ({"symbol": "NOSUCH"}, "Last", "error 200")],
)
def test_tick_by_tick_of_what_has_none(contract: dict[str, Any], kind: str, code: str) -> None:
    assert names(ask("reqTickByTickData", reqId=4, contract=contract, tickType=kind)) == [code]
