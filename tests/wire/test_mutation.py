"""Broken frames of every message, at every server version, in every encoding: an event each time, at once, and never an exception.

The mistakes are of the kinds that cables, forwarders and other implementations make. Timing is that of the process, not of the clock, and
what seems slow is measured again: a busy machine is no fault.
"""

import time
from collections.abc import Iterator
from random import Random

import hypothesis
import pytest

from tests.wire.generate import VERSIONS, Maker, encodings
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import PROTOBUF
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_ID, decode, head

SEED = 20_260_105
PARTS = 10
"""The messages are dealt to this many tests, so that each is short."""

FRAMES, DEEP_FRAMES = 100_000, 1_000_000
LONGEST = 0.05
"""Seconds of process time that no frame may take to decode."""

COMPARED = 10
"""Of this many frames one is also read field by field, and must give the same."""

KINDS = ("bytes", "bits", "insert", "delete", "splice", "duplicate", "length", "swap")
Seed = tuple[Direction, int, str, bytes]


def frames() -> int:
    deep = hypothesis.settings.get_profile("deep").max_examples
    return DEEP_FRAMES if hypothesis.settings().max_examples >= deep else FRAMES


def seeds(part: int) -> list[Seed]:
    """Sound payloads: of each message of a part, one for each version and encoding."""
    found = []
    for message in MESSAGES[part::PARTS]:
        maker = Maker(Random(f"{SEED} {message.name}"))
        for version in VERSIONS:
            for encoding in encodings(message, version):
                found.append((message.direction, version, encoding, maker.payload(message, version, encoding)))
    return found


def mutated(payload: bytes, encoding: str, other: bytes, draw: Random) -> bytes:
    """A payload with one to three mistakes; what is spliced in or swapped may come from another payload."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        payload = mistake(payload, KINDS[int(draw.random() * len(KINDS))], encoding, other, draw)
    return payload


def mistake(data: bytes, kind: str, encoding: str, other: bytes, draw: Random) -> bytes:
    size = len(data)
    at = int(draw.random() * (size + 1))
    end = min(size, at + 1 + int(draw.random() * 8))
    if kind == "bytes":
        return data[:at] + draw.randbytes(end - at) + data[end:]
    if kind == "bits":
        return data[:at] + bytes([data[at] ^ 1 << int(draw.random() * 8)]) + data[at + 1 :] if at < size else data
    if kind == "insert":
        return data[:at] + draw.randbytes(1 + int(draw.random() * 4)) + data[at:]
    if kind == "delete":
        return data[:at] + data[end:]
    if kind == "splice":
        return data[:at] + other[int(draw.random() * (len(other) + 1)) :]
    if kind == "duplicate":
        return data[:end] + data[at:]
    if kind == "length":  # a count or a length one off, or the whole one byte off
        if encoding == PROTOBUF or not size:
            return data[:at] + bytes([data[at] + draw.choice((1, 255)) & 255]) + data[at + 1 :] if at < size else data[:-1]
        return data[:-1] if draw.random() < 0.3 else one_off(data, draw)
    pieces = data.split(b"\0")
    first, second = int(draw.random() * len(pieces)), int(draw.random() * len(pieces))
    pieces[first], pieces[second] = pieces[second], pieces[first]
    return b"\0".join(pieces)


def one_off(data: bytes, draw: Random) -> bytes:
    """Text in which one number of one digit, which a count may be, is one more or less."""
    pieces = data.split(b"\0")
    digits = [place for place, piece in enumerate(pieces) if len(piece) == 1 and piece.isdigit()]
    if digits:
        place = draw.choice(digits)
        pieces[place] = b"%d" % (int(pieces[place]) + draw.choice((1, -1)))
    return b"\0".join(pieces)


def mutants(part: int, count: int) -> Iterator[tuple[Direction, int, bytes]]:
    """Broken payloads; every sound one is broken before any is broken again."""
    draw = Random(f"{SEED} {part}")
    sound = seeds(part)
    for turn in range(count):
        direction, version, encoding, payload = sound[turn * 7919 % len(sound)]
        other = sound[int(draw.random() * len(sound))][3]
        yield direction, version, mutated(payload, encoding, other, draw)


def taken(direction: Direction, version: int, payload: bytes) -> float:
    """The shortest process time of three that a payload takes to decode."""
    times = []
    for _ in range(3):
        begin = time.process_time()
        decode(payload, direction, version)
        times.append(time.process_time() - begin)
    return min(times)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS), ids=lambda part: f"seed {SEED} part {part}")
def test_broken_frames_are_events_at_once(part: int) -> None:
    count = frames() // PARTS
    kinds = dict.fromkeys((Decoded, Unknown, Undecodable), 0)
    clock = time.process_time
    for turn, (direction, version, payload) in enumerate(mutants(part, count)):
        begin = clock()
        event = decode(payload, direction, version)
        spent = clock() - begin
        assert spent <= LONGEST or taken(direction, version, payload) <= LONGEST, (SEED, part, turn, version, payload)
        kinds[type(event)] += 1
        assert event.raw == payload
        if turn % COMPARED == 0 and not isinstance(event, Unknown):
            found = head(payload, version)
            assert found.id is not None
            interpreted = BY_ID[direction, found.id].interpret(payload, found.start, found.encoding, version)
            assert repr(interpreted) == repr(event), (SEED, part, turn)
    assert sum(kinds.values()) == count
    assert all(kinds.values()), kinds


def test_the_parts_hold_every_message_at_every_version() -> None:
    expected = {(message.direction, message.id, version) for message in MESSAGES for version in VERSIONS if encodings(message, version)}
    found = {(direction, head(payload, version).id, version) for part in range(PARTS) for direction, version, _, payload in seeds(part)}
    assert found == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mistake_breaks_something(kind: str) -> None:
    draw, sound = Random(SEED), b"10\x008\x007\0AAPL\0STK\x002\0a\0b\0"
    changed = [mistake(sound, kind, "text", b"45\x006\x009\0", draw) != sound for _ in range(50)]
    assert sum(changed) > 20
