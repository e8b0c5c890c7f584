"""Which fields there are at a version, and the gates between two."""

from __future__ import annotations

import pytest

from twsprobe.capture.gates import gate_between, gate_of_message, paths_alone, paths_at
from twsprobe.wire.framing import Direction
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_NAME
from twsprobe.wire.versions import HIGHEST, LOWEST
from twsprobe.wire.versions import ServerVersion as V

OPEN_ORDER = BY_NAME[Direction.TO_CLIENT, "openOrder"]
TICK = BY_NAME[Direction.TO_CLIENT, "tickByTick"]


def test_paths_in_text_and_in_protobuf() -> None:
    assert {"orderId", "contract", "contract.symbol", "order.conditions", "order.conditions.type"} <= paths_at(OPEN_ORDER, 178)
    assert {"orderId", "contract", "contract.symbol", "order.conditions", "order.conditions.type"} <= paths_at(OPEN_ORDER, 226)
    assert "version" in paths_at(OPEN_ORDER, 144)
    assert paths_at(OPEN_ORDER, 10**6) == paths_at(OPEN_ORDER, HIGHEST)
    assert paths_at(OPEN_ORDER, 0) == paths_at(OPEN_ORDER, LOWEST)


def test_what_text_has_flat_has_one_path_in_both() -> None:
    assert {"price", "size", "priceBid", "time"} <= paths_at(TICK, 178) & paths_at(TICK, 226)


@pytest.mark.parametrize(
    ("path", "one", "other", "gate"),
    [
        ("order.customerAccount", 178, 200, V.CUSTOMER_ACCOUNT),
        ("order.customerAccount", 200, 178, V.CUSTOMER_ACCOUNT),
        ("order.faProfile", 176, 178, V.FA_PROFILE_DESUPPORT),
        ("version", 100, 226, V.ORDER_CONTAINER),
        ("order.hedgeMaxSize", 204, 226, V.HEDGE_MAX_SIZE),
        ("order.customerAccount", 200, 201, None),
    ],
)
def test_the_gate_between(path: str, one: int, other: int, gate: V | None) -> None:
    assert gate_between(OPEN_ORDER, path, one, other) is gate


def test_what_only_one_version_has() -> None:
    assert "order.customerAccount" in paths_alone(OPEN_ORDER, 200, 178)
    assert "order.customerAccount" not in paths_alone(OPEN_ORDER, 178, 200)
    assert not paths_alone(OPEN_ORDER, 178, 178)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_every_field_that_only_one_version_has_has_a_gate(message: object) -> None:
    declared = next(each for each in MESSAGES if each is message)
    for one, other in ((100, 178), (178, 200), (200, 226), (178, 226)):
        for path in paths_alone(declared, other, one) | paths_alone(declared, one, other):
            gate = gate_between(declared, path, one, other)
            assert gate is not None, (path, one, other)
            assert one < gate <= other


def test_the_gate_of_a_message() -> None:
    end = BY_NAME[Direction.TO_CLIENT, "historicalDataEnd"]
    assert gate_of_message(end, 178, 200) is V.HISTORICAL_DATA_END
    assert gate_of_message(end, 200, 178) is V.HISTORICAL_DATA_END
    assert gate_of_message(end, 200, 226) is None
    assert gate_of_message(end, None, 226) is None
    assert gate_of_message(None, 178, 226) is None
