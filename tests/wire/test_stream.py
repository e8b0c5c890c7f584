"""The fast path gives what the slow path gives: all messages, all versions, valid and broken frames, however a field converts."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import pytest

from tests.wire.generate import Maker, encodings, steps
from twsprobe import stream as library_stream
from twsprobe.wire import conversion
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.objects import plain
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.stream import Stream, stream
from twsprobe.wire.versions import HIGHEST, LOWEST

TO_CLIENT = Direction.TO_CLIENT


def bare(value: Any) -> Any:
    """Fields without what is not set, as an object shows them."""
    if isinstance(value, dict):
        found = {name: bare(inner) for name, inner in value.items()}
        return {name: inner for name, inner in found.items() if inner is not None and inner != {}}
    return [bare(element) for element in value] if isinstance(value, list) else value


def spelled(value: Any) -> str:
    """A value as text that does not depend on the order of names, and in which a NaN equals a NaN."""
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{name}: {spelled(inner)}" for name, inner in value.items())) + "}"
    return "[" + ", ".join(map(spelled, value)) + "]" if isinstance(value, list) else repr(value)


def assert_same(found: Any, payload: bytes, direction: Direction, version: int) -> bool:
    """An object holds what decode gives; anything else is the event that decode gives. True for an object."""
    event = decode(payload, direction, version)
    if isinstance(found, tuple):
        assert repr(found) == repr(event)
        assert not isinstance(event, Decoded) or event.anomalies
        return False
    assert isinstance(event, Decoded)
    assert not event.anomalies
    assert spelled(plain(found)) == spelled(bare(event.fields)), (event.name, version, payload)
    return True


@pytest.mark.parametrize("capacity", [conversion.CAPACITY, 4])
def test_both_paths_agree_on_every_frame(capacity: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tiny capacity every field goes through all its modes."""
    monkeypatch.setattr(conversion, "CAPACITY", capacity)
    monkeypatch.setattr(conversion, "TRIAL", conversion.TRIAL if capacity > 4 else 4)
    seed = Random().getrandbits(32)
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    maker, objects = Maker(random), 0
    streams: dict[tuple[Direction, int], Stream] = {}
    for _ in range(12_000):
        version = random.choice((random.randint(LOWEST, HIGHEST + 2), 178, 200, 201, int(HIGHEST)))
        direction, whole = maker.message(min(version, int(HIGHEST)))
        payload = whole[4:] if random.random() < 0.5 else maker.broken(whole[4:])
        reader = streams.setdefault((direction, version), stream(direction, version))
        (found,) = reader.parse(frame(payload))
        objects += assert_same(found, payload, direction, version)
    assert objects > 4000


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message.name}-{message.direction.value}")
def test_every_message_compiles_at_every_version(message: Any) -> None:
    random = Random(message.id)
    maker = Maker(random)
    for version in steps(message):
        for encoding in encodings(message, version):
            payloads = [maker.payload(message, version, encoding) for _ in range(2)]
            found = stream(message.direction, version).parse(b"".join(map(frame, payloads)))
            assert len(found) == 2
            assert all(assert_same(each, payload, message.direction, version) for each, payload in zip(found, payloads, strict=True))


@pytest.mark.parametrize("version", [178, 226])
def test_a_buffer_is_parsed_in_order_and_must_be_whole(version: int) -> None:
    frames = [encode("tickPrice", TO_CLIENT, version, reqId=number, tickType=1, price=1.5, size="3", attrMask=0) for number in range(5)]
    reader = library_stream(TO_CLIENT, version)
    assert [found.reqId for found in reader.parse(b"".join(frames))] == [0, 1, 2, 3, 4]  # type: ignore[union-attr]
    assert reader.parse(b"") == []
    for cut in range(1, len(frames[0])):
        with pytest.raises(ValueError, match="ends inside a frame"):
            reader.parse(frames[0] + frames[1][:cut])
    assert isinstance(reader, Stream)


@pytest.mark.parametrize("version", [178, 201, 226])
def test_what_is_no_message_stays_an_event(version: int) -> None:
    reader = stream(TO_CLIENT, version)
    good = encode("nextValidId", TO_CLIENT, version, orderId=7)
    for payload in (b"", b"\0", b"x", b"\xff" * 12, b"\0\0\0\x01", b"999\0", b"9\0", b"\n9\x001\x007\0"):
        first, event, last = reader.parse(good + frame(payload) + good)
        assert isinstance(event, (Unknown, Undecodable, Decoded)), payload
        assert repr(event) == repr(decode(payload, TO_CLIENT, version))
        assert first.orderId == last.orderId == 7  # type: ignore[union-attr]


@pytest.mark.parametrize("version", [150, 178, 200, 201, 205, 226])
def test_a_projection_gives_the_fields_of_one_message(version: int) -> None:
    said = b"".join(
        encode("tickPrice", TO_CLIENT, version, reqId=number, tickType=1, price=number / 4, size="3", attrMask=0)
        + encode("tickSize", TO_CLIENT, version, reqId=number, tickType=0, size="3")
        + encode("orderStatus", TO_CLIENT, version, orderId=number, status="Filled")
        for number in range(20)
    )
    reader = stream(TO_CLIENT, version)
    assert [tuple(map(float, row)) for row in reader.project(said, "tickPrice", ("price", "size"))] == [(n / 4, 3.0) for n in range(20)]
    assert reader.project(said, "orderStatus", ("status",)) == [("Filled",)] * 20
    assert reader.project(said, "openOrder", ("contract",)) == []
    with pytest.raises(KeyError):
        reader.project(said, "tickPrice", ("prize",))
    with pytest.raises(KeyError):
        reader.project(said, "tickPrize", ("price",))
    with pytest.raises(ValueError, match="ends inside a frame"):
        reader.project(said[:-1], "tickPrice", ("price",))
