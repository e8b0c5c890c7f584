import pytest

from twsprobe.net.fitting import encode_fitting, placed
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import EncodeError
from twsprobe.wire.registry import decode

EXECUTION = {
    "reqId": 3,
    "contract": {"conId": 1, "symbol": "A", "multiplier": 100.0},
    "execution": {"execId": "x", "modelCode": "m", "lastLiquidity": 2, "submitter": "s", "optExerciseOrLapseType": 1},
}


def fitted(name: str, version: int, fields: dict[str, object]) -> Decoded:
    frame = encode_fitting(name, version, fields)
    assert LENGTH.unpack_from(frame)[0] == len(frame) - LENGTH.size
    found = decode(frame[LENGTH.size :], Direction.TO_CLIENT, version)
    assert isinstance(found, Decoded)
    assert not found.anomalies
    return found


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        (102, {"execId": "x"}),
        (103, {"execId": "x", "modelCode": "m"}),
        (136, {"execId": "x", "modelCode": "m", "lastLiquidity": 2}),
        (198, {"execId": "x", "modelCode": "m", "lastLiquidity": 2, "submitter": "s"}),
        (201, EXECUTION["execution"]),
    ],
)
def test_fields_behind_a_closed_gate_are_left_out(version: int, kept: dict[str, object]) -> None:
    found = fitted("execDetails", version, EXECUTION)
    assert {name: value for name, value in found.fields["execution"].items() if value not in (None, "")} == kept


@pytest.mark.parametrize(("version", "multiplier"), [(200, "100"), (201, 100.0)])
def test_a_multiplier_is_a_word_in_text_and_a_number_in_protobuf(version: int, multiplier: object) -> None:
    assert fitted("execDetails", version, EXECUTION).fields["contract"]["multiplier"] == multiplier


def test_the_caller_s_fields_are_not_changed() -> None:
    before = repr(EXECUTION)
    encode_fitting("execDetails", 100, EXECUTION)
    assert repr(EXECUTION) == before


def test_parts_that_follow_from_other_values_are_kept() -> None:
    condition = {
        "type": 1,
        "isConjunctionConnection": True,
        "isMore": True,
        "price": 9.5,
        "conId": 7,
        "exchange": "SMART",
        "triggerMethod": 0,
    }
    order = {
        "algoStrategy": "Vwap",
        "algoParams": [{"tag": "a", "value": "b"}],
        "conditions": [condition],
        "hedgeType": "D",
        "hedgeParam": "2",
    }
    fields = fitted("openOrder", 178, {"orderId": 1, "contract": {}, "order": order, "orderState": {}}).fields["order"]
    assert fields["algoParams"] == order["algoParams"]
    assert fields["conditions"] == [condition]
    assert fields["hedgeParam"] == "2"
    older = fitted("openOrder", 101, {"orderId": 1, "contract": {}, "order": order, "orderState": {}}).fields["order"]
    assert "conditions" not in older
    assert older["algoParams"] == order["algoParams"]


@pytest.mark.parametrize(("version", "kept"), [(215, {"action": "BUY"}), (216, {"action": "BUY", "deactivate": True})])
def test_gates_and_text_only_fields_of_protobuf(version: int, kept: dict[str, object]) -> None:
    order = {"action": "BUY", "deactivate": True, "sharesAllocation": "x"}
    found = fitted("openOrder", version, {"orderId": 1, "contract": {}, "order": order, "orderState": {}})
    assert found.fields["order"] == kept


def test_empty_text_is_absent_in_protobuf() -> None:
    found = fitted("commissionAndFeesReport", 226, {"execId": "x", "yieldRedemptionDate": ""})
    assert found.fields == {"execId": "x"}


@pytest.mark.parametrize("version", [100, 226])
def test_a_name_that_no_version_has_is_refused(version: int) -> None:
    with pytest.raises(KeyError, match="colour"):
        encode_fitting("nextValidId", version, {"colour": 1})
    with pytest.raises(KeyError, match="colourChanged"):
        encode_fitting("colourChanged", version, {})


def test_a_message_that_a_version_lacks_is_refused() -> None:
    with pytest.raises(EncodeError, match="server version 197"):
        encode_fitting("currentTimeInMillis", 196, {"currentTimeInMillis": 1})


def test_placed_keeps_nothing_without_a_place() -> None:
    assert placed({"a": {"b": 1}, "c": [1]}, "", {"x"}) is None
    assert placed({"a": {"b": 1, "d": 2}, "c": [{"e": 3}]}, "", {"a.b", "len(c)", "c[0].e"}) == {"a": {"b": 1}, "c": [{"e": 3}]}
    assert placed({"c": [{"e": None}, {"e": 3}, None]}, "", {"len(c)", "c[0].e", "c[1].e"}) == {"c": [{}, {"e": 3}, None]}
