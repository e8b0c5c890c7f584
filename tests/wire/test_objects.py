"""Typed objects: one class a message and a record, small, and not to be changed."""

from __future__ import annotations

import gc

import pytest

from twsprobe.wire.framing import Direction
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.objects import Classes, plain
from twsprobe.wire.registry import BY_NAME

POSITION = BY_NAME[Direction.TO_CLIENT, "position"]


def test_an_object_has_every_field_and_none_for_what_is_not_given() -> None:
    classes = Classes()
    made = classes.object_of(POSITION, {"version": 3, "account": "DU1", "contract": {"conId": 1, "comboLegs": [{"conId": 2}]}})
    assert type(made).__name__ == "position"
    assert (made.account, made.contract.conId, made.contract.comboLegs[0].conId) == ("DU1", 1, 2)  # type: ignore[attr-defined]
    assert made.avgCost is None  # type: ignore[attr-defined]
    assert plain(made) == {"version": 3, "account": "DU1", "contract": {"conId": 1, "comboLegs": [{"conId": 2}]}}


def test_classes_are_made_once_and_cannot_be_changed_or_collected() -> None:
    classes = Classes()
    assert classes.of_message(POSITION) is classes.of_message(POSITION)
    assert type(classes.object_of(POSITION, {"contract": {}}).contract) is classes.of_record(POSITION.record.fields["contract"].record)  # type: ignore[attr-defined]
    made = classes.of_message(POSITION)()
    assert not gc.is_tracked(made)
    with pytest.raises(AttributeError):
        made.account = "U1"  # type: ignore[attr-defined]


def test_every_message_has_a_class_with_all_its_fields() -> None:
    classes = Classes()
    for message in MESSAGES:
        names = classes.of_message(message).__struct_fields__
        assert set(message.record.fields) <= set(names)
        assert len(set(names)) == len(names)
