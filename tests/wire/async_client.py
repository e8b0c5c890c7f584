"""ib_async 2.1.0 as a second oracle, in text at the server versions that it speaks: what its client writes, and what its decoder reads.

``async_paths`` says where the values of most messages are there, ``EXPECTED`` what its decoder makes of those that it takes apart, and
``OTHERS`` holds requests that have no such paths.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NoReturn

import ib_async
from ib_async.client import Client
from ib_async.decoder import Decoder

from tests.wire.asking import argument, without_options
from tests.wire.async_paths import ANSWERS, REQUESTS
from tests.wire.client_orders import AsyncClient, OfficialOrders, async_order
from tests.wire.conformance import FORGOTTEN, Case, Cases, Choices, contained, decoded, differences, frame
from tests.wire.generate import walk
from tests.wire.oracle import ASCII, SHARES, UNICODE, Call, Sampler
from tests.wire.test_messages_orders import ORDER
from twsprobe.wire.events import Decoded
from twsprobe.wire.fields import EscapedString
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.layout import Values, lookup
from twsprobe.wire.message import TEXT, Message
from twsprobe.wire.registry import decode, encode, reencode
from twsprobe.wire.versions import ServerVersion as V

IB_ASYNC = "ib_async"
VERSIONS = range(Client.MinClientVersion, Client.MaxClientVersion + 1)

OBJECTS: Mapping[str, Callable[[], Any]] = {
    "Contract": ib_async.Contract,
    "ComboLeg": ib_async.ComboLeg,
    "DeltaNeutralContract": ib_async.DeltaNeutralContract,
    "ScannerSubscription": ib_async.ScannerSubscription,
    "TagValue": lambda: SimpleNamespace(tag="", value=""),
    "WshEventDataRequest": ib_async.WshEventData,
    "ExecutionFilter": ib_async.ExecutionFilter,
}
COUNTED = {"calculateImpliedVolatility": "impliedVolatilityOptions", "calculateOptionPrice": "optionPriceOptions"}
"""Requests in which it writes a count of the options before them, which makes a field of them too many; of which it gets none here."""

CONDITION = {"isConjunctionConnection": "conjunction", "type": "condType", "exchange": "exch"}
"""Its names for the values of a condition."""
STATE = {
    "commissionAndFees": "commission",
    "minCommissionAndFees": "minCommission",
    "maxCommissionAndFees": "maxCommission",
    "commissionAndFeesCurrency": "commissionCurrency",
}
"""Its names for the values of an order's state."""


def bar(values: Values) -> Values:
    return {"average" if name == "WAP" else name: value for name, value in values.items()}


def historical_data(ours: Values) -> list[Call]:
    end = Call("historicalDataEnd", (ours["reqId"], ours["startDateStr"], ours["endDateStr"]))
    return [*(Call("historicalData", (ours["reqId"], bar(one))) for one in ours["historicalDataBars"]), end]


def scanner_data(ours: Values) -> list[Call]:
    calls = []
    for row in ours["scannerDataElement"]:
        details = {"contract": row["contract"], "marketName": row["marketName"]}
        others = (row[name] for name in ("distance", "benchmark", "projection", "comboKey"))
        calls.append(Call("scannerData", (ours["reqId"], row["rank"], details, *others)))
    return [*calls, Call("scannerDataEnd", (ours["reqId"],))]


def contract_details(ours: Values) -> list[Call]:
    return [Call("contractDetails", (ours["reqId"], {**ours["contractDetails"], "contract": ours["contract"]}))]


def bond_details(ours: Values) -> list[Call]:
    contract = dict(ours["contract"])
    details = {**ours["contractDetails"], "maturity": contract.pop("lastTradeDateOrContractMonth")}
    return [Call("bondContractDetails", (ours["reqId"], {**details, "contract": contract}))]


def exec_details(ours: Values) -> list[Call]:
    return [Call("execDetails", (ours["reqId"], ours["contract"], {**ours["execution"], "time": at(ours["execution"]["time"])}))]


def at(time: str | int) -> datetime:
    """A time as an object: seconds, or text in UTC."""
    return datetime.fromtimestamp(int(time), UTC) if str(time).isdigit() else datetime.strptime(f"{time} +0000", "%Y%m%d-%H:%M:%S %z")


def flags(mask: int | None, *names: str) -> Values:
    return {name: bool((mask or 0) >> bit & 1) for bit, name in enumerate(names)}


def ticks(name: str, attributes: str, *names: str) -> Callable[[Values], list[Call]]:
    """Historical ticks, with times as objects and flags in place of the mask."""

    def made(ours: Values) -> list[Call]:
        found = [{**tick, "time": at(tick["time"])} for tick in ours[name]]
        for tick in found:
            mask = tick.pop("mask")
            tick.update({attributes: flags(mask, *names)} if names else {})
        return [Call(name, (ours["reqId"], found, ours["isDone"]))]

    return made


def option_parameters(ours: Values) -> list[Call]:
    names = ("reqId", "exchange", "underlyingConId", "tradingClass", "multiplier", "expirations", "strikes")
    return [Call("securityDefinitionOptionParameter", tuple(str(ours[name]) if name == names[2] else ours[name] for name in names))]


def with_conditions(name: str, *paths: str) -> Callable[[Values], list[Call]]:
    """An order whose conditions are as its objects name their values."""

    def made(ours: Values) -> list[Call]:
        conditions = [
            {CONDITION.get(key, key): "ao"[not value] if key == "isConjunctionConnection" else value for key, value in one.items()}
            for one in ours["order"]["conditions"]
        ]
        legs = [{"price": price} for price in ours["order"]["orderComboLegs"]]
        state = {STATE.get(key, key): value for key, value in ours["orderState"].items()}
        changed = {**ours, "order": {**ours["order"], "conditions": conditions, "orderComboLegs": legs}, "orderState": state}
        return [Call(name, tuple(changed[path] for path in paths))]

    return made


def tick_by_tick(ours: Values) -> list[Call]:
    id, kind, time = ours["reqId"], ours["tickType"], ours["time"]
    if kind == 4:
        return [Call("tickByTickMidPoint", (id, time, ours["price"]))]
    if kind == 3:
        prices = (ours[name] for name in ("priceBid", "priceAsk", "sizeBid", "sizeAsk"))
        return [Call("tickByTickBidAsk", (id, time, *prices, flags(ours["mask"], "bidPastLow", "askPastHigh")))]
    trade = (ours["price"], ours["size"], flags(ours["mask"], "pastLimit", "unreported"), ours["exchange"], ours["specialConditions"])
    return [Call("tickByTickAllLast", (id, kind, time, *trade))]


EXPECTED: dict[str, Callable[[Values], list[Call]]] = {
    "tickPrice": lambda ours: [Call("priceSizeTick", tuple(ours[name] for name in ("reqId", "tickType", "price", "size")))],
    "historicalData": historical_data,
    "historicalDataUpdate": lambda ours: [Call("historicalDataUpdate", (ours["reqId"], bar(ours["historicalDataBar"])))],
    "scannerData": scanner_data,
    "contractDetails": contract_details,
    "bondContractDetails": bond_details,
    "execDetails": exec_details,
    "commissionAndFeesReport": lambda ours: [
        Call(
            "commissionReport",
            ({("commission" if name == "commissionAndFees" else name): value for name, value in ours.items() if name != "version"},),
        )
    ],
    "openOrder": with_conditions("openOrder", "orderId", "contract", "order", "orderState"),
    "completedOrder": with_conditions("completedOrder", "contract", "order", "orderState"),
    "securityDefinitionOptionParameter": option_parameters,
    "histogramData": lambda ours: [
        Call("histogramData", (ours["reqId"], [{"price": one["price"], "count": one["size"]} for one in ours["histogramDataEntries"]]))
    ],
    "historicalTicks": ticks("historicalTicks", ""),
    "historicalTicksBidAsk": ticks("historicalTicksBidAsk", "tickAttribBidAsk", "askPastHigh", "bidPastLow"),
    "historicalTicksLast": ticks("historicalTicksLast", "tickAttribLast", "pastLimit", "unreported"),
    "tickByTick": tick_by_tick,
}


class Recorder:
    """ib_async's wrapper, which notes every call."""

    defaultTimezone = UTC
    ib = SimpleNamespace(TimezoneTWS="UTC")

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append(Call(name, arguments))


class Raising(logging.Logger):
    """Its decoder's logger: what it would note of an exception, and go on, is raised."""

    def exception(self, msg: object, *args: object, **options: object) -> NoReturn:
        raise ValueError(msg)


def heard(data: bytes, version: int) -> list[Call]:
    """What ib_async calls for a frame. Raises ValueError where it would drop the message."""
    recorder: Any = Recorder()
    decoder = Decoder(recorder, version)
    decoder.logger = Raising("decoder")
    decoder.interpret(data[LENGTH.size :].decode(errors="backslashreplace").split("\0")[:-1])
    calls: list[Call] = recorder.calls
    return calls


NUMBERS_NEEDED = {
    *("updatePortfolio", "tickOptionComputation", "deltaNeutralValidation", "positionMulti", "softDollarTiers", "symbolSamples"),
    *("mktDepthExchanges", "smartComponents", "histogramData", "marketRule", "historicalSchedule", "historicalData", "scannerData"),
    *("contractDetails", "bondContractDetails", "execDetails", "historicalTicks", "historicalTicksBidAsk", "historicalTicksLast"),
    *("tickByTick", "tickPrice", "historicalDataUpdate", "securityDefinitionOptionParameter", "error", "openOrder", "completedOrder"),
}
"""Answers that its decoder drops when a number is empty."""

TIMES = (0, 1711315139, 2**33)
DETAILS: Choices = {
    "contract.lastTradeDateOrContractMonth": ("20261218", "202612"),
    "contractDetails.longName": ("APPLE INC", "A"),
    "contractDetails.evMultiplier": (0.0, 100.0),
}
# Of an increment of zero it makes none, and of an infinite one it expects no scale.
ASYNC_ORDER: Choices = {**ORDER, "order.scalePriceIncrement": (0.25, -1.0, None)}
CHOICES: dict[str, Choices] = {
    "openOrder": ASYNC_ORDER,
    "completedOrder": ASYNC_ORDER,
    "contractDetails": DETAILS,
    # A coupon is parsed as a whole number, which no text of a fraction is.
    "bondContractDetails": {**DETAILS, "contractDetails.coupon": (None,)},
    "histogramData": {"histogramDataEntries[].size": (Decimal(0), Decimal(300))},
    **{name: {options: ([],)} for name, options in COUNTED.items()},
    "reqFundamentalData": {"fundamentalsDataOptionsCount": (None,)},
    "execDetails": {"execution.time": ("20260102-09:30:00", "1767345000")},
    "commissionAndFeesReport": {"yieldRedemptionDate": ("20301231", "0", "")},
    "historicalTicks": {"historicalTicks[].time": TIMES},
    "historicalTicksBidAsk": {"historicalTicksBidAsk[].time": TIMES, "historicalTicksBidAsk[].mask": (0, 1, 2, 3)},
    "historicalTicksLast": {"historicalTicksLast[].time": TIMES, "historicalTicksLast[].mask": (0, 1, 2, 3)},
    "tickByTick": {"tickType": (1, 2, 3, 4), "mask": (0, 1, 2, 3)},
}


def is_known(message: Message) -> bool:
    """Whether ib_async has code for a message that it can be held against."""
    return message.name in ({*REQUESTS, *OTHERS} if message.direction is Direction.TO_SERVER else {*ANSWERS, *EXPECTED})


def agreed(message: Message) -> Cases:
    """Hold a message against ib_async."""
    if message.direction is Direction.TO_SERVER:
        return check_request(message, CHOICES.get(message.name, {}))
    return check_answer(message, CHOICES.get(message.name, {}))


def check_answer(message: Message, choices: Choices) -> Cases:
    """Its callbacks get our values, at every server version."""
    cases = Cases()
    shares = {"all": 1.0, "more": 1.0, "again": 1.0} if message.name in NUMBERS_NEEDED else SHARES
    for version in VERSIONS:
        if version >= message.since:
            layout = message.layout(version)
            escaped = any(isinstance(vars(node).get("leaf"), EscapedString) for node in walk(layout.nodes))
            for kind, share in shares.items():
                # Of an order's duration its decoder knows a version late.
                chosen = {**choices, "order.duration": (None,)} if version == V.DURATION else choices
                values = Sampler(f"{message.name} {version} {kind}", share, chosen, ASCII if escaped else UNICODE).layout(layout)
                data = encode(message.name, Direction.TO_CLIENT, version, **values)
                ours = decoded(data, Direction.TO_CLIENT, version).fields
                for our_call, their_call in zip(expected(message.name, ours), heard(data, version), strict=True):
                    assert our_call.name == their_call.name
                    pairs = zip(our_call.arguments, their_call.arguments, strict=True)
                    assert [line for our, their in pairs for line in differences(our, their, their_call.name)] == [], (version, kind)
                cases[Case(IB_ASYNC, TEXT, version)] += 1
    return cases


def expected(name: str, ours: Values) -> list[Call]:
    if name in EXPECTED:
        return EXPECTED[name](ours)
    return [Call(name, tuple(lookup(ours, path.split(".")) for path in ANSWERS[name].split()))]


def check_request(message: Message, choices: Choices) -> Cases:
    """We read the arguments of what it writes, at every server version, and write the same bytes for them."""
    cases = Cases()
    for version in VERSIONS:
        if version >= message.since:
            for kind, share in SHARES.items():
                if message.name in OTHERS:
                    OTHERS[message.name](version, kind, share)
                else:
                    sample = Sampler(f"{message.name} {version} {kind}", share, choices)
                    check_sample(message, sample.layout(message.layout(version)), version)
                cases[Case(IB_ASYNC, TEXT, version)] += 1
    return cases


def counted(data: bytes, direction: Direction, version: int) -> Decoded:
    """A calculation, in which it counts the options, where the official client does not: a zero is read as an option, and all is kept."""
    event = decode(data[LENGTH.size :], direction, version)
    assert isinstance(event, Decoded)
    assert event.extra == ("",)
    assert reencode(event) == data
    options = COUNTED[event.name]
    assert event.fields[options] == [{"tag": "0"}]
    return event._replace(fields={**event.fields, options: []})


def check_sample(message: Message, values: Values, version: int) -> None:
    paths = REQUESTS[message.name].split(" ") if REQUESTS[message.name] else []
    arguments = [argument(message.record, path, values, OBJECTS) for path in paths]
    client = AsyncClient(version)
    getattr(client, message.name)(*arguments)
    fields = (counted if message.name in COUNTED else decoded)(frame(client.sent), Direction.TO_SERVER, version).fields
    assert contained(values, fields) == [], version
    for path, given in zip(paths, arguments, strict=True):
        ours = lookup(fields, path.split(".")) if path else {key: value for key, value in fields.items() if key != "reqId"}
        assert differences(without_options(ours), given, path) == [], version


def check_order(version: int, kind: str, share: float) -> None:
    """An order with every kind of condition and of block, and a share of its attributes set."""
    maker = OfficialOrders(f"{version} {kind}", share, version)
    contract, order = async_order()
    maker.filled(contract)
    maker.filled(order)
    contract.secType, order.orderType = "BAG", maker.random.choice(("LMT", "PEG BENCH", "PEG MID", "PEG BEST"))
    client = AsyncClient(version)
    client.placeOrder(7, contract, order)
    fields = decoded(frame(client.sent), Direction.TO_SERVER, version).fields
    ours = {name: value for name, value in fields["order"].items() if name not in ("conditions", "orderComboLegs", *FORGOTTEN)}
    assert fields["orderId"] == 7
    assert differences(ours, order, "order") + differences(fields["contract"], contract, "contract") == []
    assert fields["order"]["orderComboLegs"] == [leg.price for leg in order.orderComboLegs]
    assert [condition["type"] for condition in fields["order"]["conditions"]] == [1, 3, 4, 5, 6, 7]
    assert [condition["isConjunctionConnection"] for condition in fields["order"]["conditions"]] == [True, False, *[True] * 4]


def check_cancel(version: int, kind: str, share: float) -> None:
    client, time = AsyncClient(version), "20260105 15:00:00" if share else ""
    client.cancelOrder(7, time)
    fields = decoded(frame(client.sent), Direction.TO_SERVER, version).fields
    assert fields["orderId"] == 7
    assert fields.get("orderCancel", {}).get("manualOrderCancelTime", "") == (time if version >= V.MANUAL_ORDER_TIME else "")


def check_start(version: int, kind: str, share: float) -> None:
    client = AsyncClient(version)
    client.clientId, client.optCapab = 7, "a b" if share else ""
    client.startApi()
    fields = decoded(frame(client.sent), Direction.TO_SERVER, version).fields
    assert fields == {"version": 2, "clientId": 7, "optionalCapabilities": client.optCapab}


OTHERS = {"placeOrder": check_order, "cancelOrder": check_cancel, "startApi": check_start}
"""Requests that take what no path of ours is."""
