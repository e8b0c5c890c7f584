"""What a message says, held against another: contents, gates, and fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.capture.sessions import TO_CLIENT
from twsprobe.capture.belonging import Half, Item, Payload, Stream
from twsprobe.capture.comparing import REMEMBERED, Comparing, LeftOut, contents_of, first_set, message_of, outcome, request_of, restored
from twsprobe.capture.differences import Place, Request
from twsprobe.capture.model import Gap
from twsprobe.capture.seen import Seen
from twsprobe.capture.volatile import Rules
from twsprobe.wire.events import Decoded, Resynced, SyncLost, Undecodable, Unknown
from twsprobe.wire.registry import decode, encode


def tick(version: int, **fields: Any) -> Decoded:
    """A tickPrice as it arrives at a server version."""
    event = decode(encode("tickPrice", TO_CLIENT, version, tickType=1, size=Decimal(1), attrMask=0, **fields)[4:], TO_CLIENT, version)
    assert isinstance(event, Decoded)
    return event


def placed(event: Decoded, other: int | None = None) -> Item:
    """What waits for a message's counterpart."""
    _, item = Comparing(Rules()).placed(0, 0, Half(0), other, Seen(0, 5, 5, event), 1)
    assert item is not None
    return item


def test_digests_stand_for_what_is_compared() -> None:
    one = placed(tick(178, reqId=1, price=1.5))
    assert placed(tick(178, reqId=2, price=1.5)).digest == one.digest
    assert placed(tick(178, reqId=1, price=2.5)).digest != one.digest
    assert placed(tick(178, reqId=1, price=2.5)).kind == one.kind
    assert placed(tick(226, reqId=1, price=1.5), 178).digest == placed(tick(178, reqId=1, price=1.5), 226).digest


def test_what_waits_is_kept_as_bytes_and_comes_back() -> None:
    event = tick(226, reqId=1, price=1.5)
    item = placed(event)
    assert isinstance(item.kept, Payload)
    back = restored(item)
    assert isinstance(back, Decoded)
    assert back.fields == event.fields


def test_contents_of_everything() -> None:
    assert contents_of(tick(178, reqId=1, price=1.5))["price"] == 1.5
    odd = tick(178, reqId=1, price=1.5)._replace(anomalies=("odd",), extra=("more",))
    assert contents_of(odd).items() >= {"anomalies": ["odd"], "extra": ["more"]}.items()
    assert contents_of(Unknown(TO_CLIENT, 9, 178, "text", "why", b"\1")) == {"id": 9, "reason": "why", "raw": "01"}
    assert contents_of(SyncLost(TO_CLIENT, "why", b"\1")) == {"reason": "why", "raw": "01"}
    assert contents_of(Resynced(TO_CLIENT, "why", 9, b"\1")) == {"reason": "why", "raw": "01"}
    assert contents_of(Gap(0, TO_CLIENT, 5, 3)) == {"size": 3}
    broken = Undecodable(TO_CLIENT, 1, "tickPrice", 178, "text", "is no number", "price", 4, b"\1")
    assert contents_of(broken) == {"reason": "is no number", "path": "price", "raw": "01"}
    assert outcome(broken) == "undecodable: price: is no number"
    assert outcome(broken._replace(path="")) == "undecodable: is no number"


def test_what_text_has_flat_is_flat() -> None:
    fields = {"reqId": 1, "tickType": 1, "historicalTickLast": {"price": 1.5}}
    event = Decoded(TO_CLIENT, 99, "tickByTick", 226, "protobuf", fields, b"", 0)
    assert contents_of(event, flat=True) == {"reqId": 1, "tickType": 1, "price": 1.5}
    assert contents_of(event) == fields


def test_the_first_value_that_is_set() -> None:
    assert first_set({"a": [{"b": ""}, {"b": "x"}]}, ["a", "b"], loose=False) == "x"
    assert first_set({"a": 0}, ["a"], loose=True) is None
    assert first_set({"a": 0}, ["a"], loose=False) == 0
    assert first_set({"a": 1}, ["a", "b"], loose=False) is None


def test_answers_about_fields_are_remembered_within_bounds() -> None:
    left = LeftOut(Rules(), "tickPrice", None, frozenset({"price"}))
    assert [left["price"], left["reqId"], left["size"]] == [True, True, False]
    assert not any(left[f"#{number}"] for number in range(2 * REMEMBERED))
    assert len(left) == REMEMBERED


def test_names() -> None:
    one, other = Stream("reqMktData", 1), Stream("reqMktData", 2)
    assert request_of(one, other) == Request("reqMktData", 1, 2)
    assert request_of(Stream(), other) == Request("reqMktData", None, 2)
    assert request_of(Stream(), Stream()) is None
    assert message_of(None, "opened") is None
    assert message_of(TO_CLIENT, "nothing") is None
    assert Place(1, 2, 3, None).offset is None
