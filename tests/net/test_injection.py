"""Each fault does what it says to the message that it names, and to no other byte: the rest of both streams is identical, in order."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import Chunk, Maker
from twsprobe.capture.model import Close
from twsprobe.net.effects import Applied, End, Send, Stall, Step, Wait, kind_of
from twsprobe.net.fault_language import read_fault, read_faults
from twsprobe.net.injection import Injector
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import PREFIX, frame, greeting, offer
from twsprobe.wire.registry import decode, encode, locate

SERVER, CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
VERSIONS = {"text": 187, "protobuf": 226}
SEEDS = range(20)
CHUNKINGS = ("messages", "bytes", "whole", "cut")


class Scene(NamedTuple):
    """A conversation, each of its parts a message; the message that a fault is to name, as ``1st name`` or so; and its event."""

    chunks: list[Chunk]
    at: int
    target: str
    event: Event

    @property
    def direction(self) -> Direction:
        return self.chunks[self.at][0]

    @property
    def data(self) -> bytes:
        return self.chunks[self.at][1]

    def stream(self, direction: Direction, without: range = range(0), instead: bytes = b"") -> bytes:
        """A direction's bytes; with others in place of some messages."""
        kept = [data if index not in without else b"" for index, (way, data) in enumerate(self.chunks) if way is direction]
        if direction is self.direction and without:
            kept[self.chunks_of(direction).index(without.start)] = instead
        return b"".join(kept)

    def chunks_of(self, direction: Direction) -> list[int]:
        return [index for index, (way, _) in enumerate(self.chunks) if way is direction]

    def before(self, direction: Direction, inclusive: bool = False) -> bytes:
        """A direction's bytes up to the message."""
        end = self.at + inclusive
        return b"".join(data for way, data in self.chunks[:end] if way is direction)


@functools.cache
def scene(seed: int, encoding: str) -> Scene:
    """A conversation of random messages, and one of them that is decoded and holds a few bytes."""
    random = Random(seed)
    chunks = Maker(random, share=0.5).conversation(VERSIONS[encoding], 30)
    conversation = Conversation()
    events = [conversation.feed(*chunk)[0] for chunk in chunks]
    fit = [index for index, event in enumerate(events) if isinstance(event, Decoded) and index > 1 and len(event.raw) > 6]
    index = random.choice([index for index in fit if sum(chunks[index][0] is way for way, _ in chunks[index:]) > 3] or fit)
    name = kind_of(events[index])
    ordinal = sum(kind_of(event) == name for event in events[: index + 1])
    ending = "th" if ordinal > 3 else ("st", "nd", "rd")[ordinal - 1]
    return Scene(chunks, index, f"{ordinal}{ending} {name}", events[index])


def rechunked(chunks: list[Chunk], chunking: str, random: Random) -> Iterable[Chunk]:
    """The same bytes of both directions in the same order, in other pieces."""
    if chunking == "messages":
        return chunks
    joined: list[Chunk] = []
    for direction, data in chunks:
        if joined and joined[-1][0] is direction:
            joined[-1] = (direction, joined[-1][1] + data)
        else:
            joined.append((direction, data))
    if chunking == "whole":
        return joined
    if chunking == "bytes":
        return [(direction, data[at : at + 1]) for direction, data in joined for at in range(len(data))]
    return [(direction, piece) for direction, data in joined for piece in Maker(random).cut(data)]


def run(scene: Scene, chunking: str, *faults: str) -> list[Step]:
    """What an injector makes of a conversation, its ends included."""
    injector = Injector(read_faults(faults))
    steps = [step for chunk in rechunked(scene.chunks, chunking, Random(1)) for step in injector.feed(*chunk)]
    return steps + [step for direction in Direction for step in injector.end(direction)]


def sent(steps: list[Step], direction: Direction) -> bytes:
    return b"".join(step.data for step in steps if isinstance(step, Send) and step.direction is direction)


def told(steps: list[Step]) -> list[str]:
    return [step.text for step in steps if isinstance(step, Applied)]


def check(found: Scene, steps: list[Step], instead: bytes) -> None:
    """All is as it came but for the message, in whose place something else, or nothing, is."""
    assert sent(steps, found.direction) == found.stream(found.direction, range(found.at, found.at + 1), instead)
    assert sent(steps, found.direction.opposite) == found.stream(found.direction.opposite)


every_scene = pytest.mark.parametrize(
    ("seed", "encoding", "chunking"), [(seed, encoding, chunking) for seed in SEEDS for encoding in VERSIONS for chunking in CHUNKINGS]
)


@every_scene
def test_drop(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"drop {found.target}")
    check(found, steps, b"")
    [text] = told(steps)
    assert text.startswith(f"dropped {kind_of(found.event)} (fault: drop {found.target}), bytes {found.data[:8].hex()}")


@every_scene
def test_duplicate(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"duplicate {found.target}")
    check(found, steps, found.data * 2)
    assert told(steps) == [f"duplicated {kind_of(found.event)} (fault: duplicate {found.target})"]


@every_scene
def test_delay(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"delay {found.target} by 1500ms")
    check(found, steps, found.data)
    [wait] = [index for index, step in enumerate(steps) if isinstance(step, Wait)]
    assert steps[wait] == Wait(found.direction, 1.5)
    assert sent(steps[:wait], found.direction) == found.before(found.direction)
    assert steps[wait + 1] == Send(found.direction, found.data)


@every_scene
def test_truncate(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"truncate {found.target} to 7 bytes")
    check(found, steps, found.data[:7])
    assert len(told(steps)) == 1


@every_scene
def test_slice(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"slice {found.target} into 3 bytes")
    check(found, steps, found.data)
    [at] = [index for index, step in enumerate(steps) if isinstance(step, Applied)]
    writes = [found.data[start : start + 3] for start in range(0, len(found.data), 3)]
    assert steps[at + 1 : at + 1 + len(writes)] == [Send(found.direction, write) for write in writes]


@every_scene
def test_corrupt_byte(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    position = Random(seed).randint(1, len(found.data))
    steps = run(found, chunking, f"corrupt {found.target} byte {position} to 0xa5")
    check(found, steps, found.data[: position - 1] + b"\xa5" + found.data[position:])


def texts(event: Decoded) -> list[tuple[str, str]]:
    """Fields of an event that hold a single value, and another value as text."""
    other = {int: "41", float: "41.5", str: "forty-one"}
    return [(name, other[type(value)]) for name, value in event.fields.items() if type(value) in other and name != "version"]


@every_scene
def test_corrupt(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    assert isinstance(found.event, Decoded)
    if not texts(found.event):
        pytest.skip("this message has no single value")
    field, text = Random(seed).choice(texts(found.event))
    steps = run(found, chunking, f'corrupt {found.target} {field} to "{text}"')
    [note] = told(steps)
    changed = corrupted_frame(found, steps)
    check(found, steps, changed)
    again = decode(changed[4:], found.direction, VERSIONS[encoding])
    assert isinstance(again, Decoded), (found.event, again)
    assert str(again.fields.pop(field)) == text
    if encoding == "text":
        [piece] = [piece for piece in locate(found.event) if piece.path == field]
        raw = found.event.raw
        assert changed[4:] == raw[: piece.start] + text.encode() + raw[piece.end :]
    else:
        rest = {name: value for name, value in found.event.fields.items() if name != field}
        assert repr(sorted(again.fields.items())) == repr(sorted(rest.items()))
    assert note.startswith(f"corrupted {field} of {kind_of(found.event)} (fault: corrupt {found.target} {field} to")


def corrupted_frame(found: Scene, steps: list[Step]) -> bytes:
    """The frame that stands where the message was."""
    stream, before = sent(steps, found.direction), found.before(found.direction)
    assert stream.startswith(before)
    behind = found.stream(found.direction)[len(before) + len(found.data) :]
    assert stream.endswith(behind)
    changed = stream[len(before) : len(stream) - len(behind)]
    assert changed == frame(changed[4:])
    return changed


@every_scene
def test_reorder(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"reorder {found.target} after 2")
    mine = [found.chunks[index][1] for index in found.chunks_of(found.direction)]
    place = found.chunks_of(found.direction).index(found.at)
    moved = mine[:place] + mine[place + 1 : place + 3] + [mine[place]] + mine[place + 3 :]
    assert sent(steps, found.direction) == b"".join(moved)
    assert sent(steps, found.direction.opposite) == found.stream(found.direction.opposite)
    assert [text.split()[0] for text in told(steps)] == ["held", "sent"]


@every_scene
@pytest.mark.parametrize("place", ["before", "after"])
def test_stall(seed: int, encoding: str, chunking: str, place: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"stall {place} {found.target}")
    passed = found.before(found.direction, inclusive=place == "after")
    assert sent(steps, found.direction) == passed
    assert sent(steps, found.direction.opposite) == found.stream(found.direction.opposite)
    assert [step for step in steps if isinstance(step, Stall)] == [Stall(found.direction, f"stall {place} {found.target}")]
    kept = "".join(text.rpartition(" ")[2] for text in told(steps) if "bytes" in text and "..." not in text)
    if not any("..." in text for text in told(steps)):
        assert bytes.fromhex(kept) == found.stream(found.direction)[len(passed) :], "each byte that vanished is told"


@every_scene
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("how", [Close.FIN, Close.RST])
def test_end(seed: int, encoding: str, chunking: str, place: str, how: Close) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, f"{how.value} {place} {found.target}")
    assert [step for step in steps if isinstance(step, End)] == [End(found.direction, how)]
    assert sent(steps, found.direction) == found.before(found.direction, inclusive=place == "after")
    assert sent(steps[steps.index(End(found.direction, how)) :], found.direction) == b""
    assert sent(steps, found.direction.opposite) == found.stream(found.direction.opposite), "that is for who owns the streams to end"


@every_scene
def test_rate(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, chunking, "rate 50 bytes/s from server")
    check(found, steps, found.data)
    waits = [step.seconds for step in steps if isinstance(step, Wait) and step.direction is CLIENT]
    assert sum(waits) == pytest.approx(len(found.stream(CLIENT)) / 50)
    pieces = [step.data for step in steps if isinstance(step, Send) and step.direction is CLIENT]
    assert [len(piece) / 50 for piece in pieces] == pytest.approx(waits)
    assert max(map(len, pieces)) == (1 if chunking == "bytes" else 5), "a tenth of a second's worth at most"
    assert len(told(steps)) == 1


@every_scene
def test_faults_that_name_no_message_change_nothing(seed: int, encoding: str, chunking: str) -> None:
    found = scene(seed, encoding)
    never = ("drop 1000th message", "corrupt error 77777777 errorMsg to x", "fin before 1st message connection 2")
    steps = run(found, chunking, *never, "slice greeting connection 9 into 1")
    assert all(isinstance(step, Send) for step in steps)
    for direction in Direction:
        assert sent(steps, direction) == found.stream(direction)


@pytest.mark.parametrize("encoding", VERSIONS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_not_named_keeps_its_pieces(seed: int, encoding: str) -> None:
    found = scene(seed, encoding)
    steps = run(found, "messages", f"drop {found.target}")
    passed = [step for step in steps if isinstance(step, Send)]
    assert passed == [Send(*chunk) for index, chunk in enumerate(found.chunks) if index != found.at]


@pytest.mark.parametrize("chunking", CHUNKINGS)
@pytest.mark.parametrize("target", ["greeting", "offer"])
def test_what_opens_a_connection_is_named_like_messages(target: str, chunking: str) -> None:
    found = scene(0, "protobuf")
    steps = run(found, chunking, f"drop 1st {target}")
    cut = {"offer": (len(found.chunks[0][1]), SERVER), "greeting": (len(found.chunks[1][1]), CLIENT)}[target]
    for direction in Direction:
        assert sent(steps, direction) == found.stream(direction)[cut[0] if direction is cut[1] else 0 :]


def test_all_is_both_directions_and_what_opens_them() -> None:
    found = scene(3, "text")
    steps = run(found, "messages", "slice all into 3 bytes")
    assert max(len(step.data) for step in steps if isinstance(step, Send)) == 3
    assert len(told(steps)) == len(found.chunks)
    for direction in Direction:
        assert sent(steps, direction) == found.stream(direction)


class Talk:
    """A short conversation with an injector."""

    def __init__(self, *faults: str, version: int = 178, connection: int = 1) -> None:
        self.injector, self.version = Injector(read_faults(faults), connection), version
        self.injector.feed(SERVER, offer(100, version))
        self.injector.feed(CLIENT, greeting(version, b"20261124 09:24:16 UTC"))

    def error(self, code: int, number: int = -1) -> bytes:
        return encode("error", CLIENT, self.version, id=number, errorCode=code, errorMsg="m")

    def said(self, *frames: bytes) -> list[Step]:
        return [step for data in frames for step in self.injector.feed(CLIENT, data)]


def test_conditions_count_what_they_name() -> None:
    talk = Talk("drop 2nd error where errorCode == 2104 and fields.id < 5")
    frames = [talk.error(*each) for each in ((2104,), (2106,), (2104, 7), (2104,), (2104,))]
    assert sent(talk.said(*frames), CLIENT) == b"".join(frames[:3] + frames[4:])


def test_a_code_names_errors() -> None:
    talk = Talk("drop every error 2104")
    frames = [talk.error(code) for code in (2104, 2106, 2104)]
    assert sent(talk.said(*frames), CLIENT) == frames[1]


@pytest.mark.parametrize(("connection", "hit"), [(1, False), (2, True)])
def test_a_connection_is_aimed_at(connection: int, hit: bool) -> None:
    talk = Talk("drop 1st error connection 2", connection=connection)
    assert bool(told(talk.said(talk.error(1)))) is hit


def test_several_faults_of_one_message_are_all_done() -> None:
    last_first = ("fin after error", "slice error into 40 bytes", "duplicate error", "truncate error to 12")
    talk = Talk(*last_first, "corrupt error errorMsg to changed", "corrupt error id to 7", "delay error by 1s")
    steps = talk.said(talk.error(2104))
    changed_frame = encode("error", CLIENT, 178, id=7, errorCode=2104, errorMsg="changed")
    assert [step for step in steps if not isinstance(step, Applied)] == [
        Wait(CLIENT, 1.0),
        Send(CLIENT, changed_frame[:12]),
        Send(CLIENT, changed_frame[:12]),
        End(CLIENT, Close.FIN),
    ]
    assert [each.split()[0] for each in told(steps)] == ["delayed", "corrupted", "corrupted", "truncated", "duplicated", "sliced", "ended"]


def test_a_dropped_message_is_told_of_once() -> None:
    talk = Talk("drop error", "corrupt error errorMsg to x", "duplicate error")
    assert [each.split()[0] for each in told(talk.said(talk.error(1)))] == ["dropped"]


def test_two_that_are_held_back_come_in_their_order() -> None:
    talk = Talk("reorder 1st error after 3", "reorder 2nd error after 1", "reorder 5th error after 9")
    frames = [talk.error(code) for code in range(1, 7)]
    assert sent(talk.said(*frames), CLIENT) == b"".join(frames[index] for index in (2, 1, 3, 0, 5))
    assert sent(talk.injector.end(CLIENT), CLIENT) == frames[4], "the end of the direction lets out what is held"


def test_many_bytes_are_told_in_part() -> None:
    talk = Talk("drop error")
    data = encode("error", CLIENT, 178, id=1, errorCode=1, errorMsg="x" * 5000)
    [text] = told(talk.said(data))
    assert text.endswith(f"{data[:1024].hex()}... (1024 of {len(data)})")


def test_a_field_that_cannot_be_is_told_and_passes() -> None:
    talk = Talk("corrupt historicalData historicalDataBars[3].close to 1", "corrupt error byte 900 to 0")
    history = encode("historicalData", CLIENT, 178, reqId=1, startDateStr="a", endDateStr="b", historicalDataBars=[])
    steps = talk.said(history, talk.error(1))
    assert sent(steps, CLIENT) == history + talk.error(1)
    assert told(steps) == [
        "could not corrupt historicalDataBars[3].close of historicalData: it has no element 3"
        " (fault: corrupt historicalData historicalDataBars[3].close to 1)",
        f"could not corrupt byte 900 of error: it has {len(talk.error(1))} bytes (fault: corrupt error byte 900 to 0)",
    ]


def test_a_message_that_cannot_be_read_keeps_its_fields() -> None:
    talk = Talk("corrupt tickPrice price to 1", "drop message where id == 999")
    broken = frame(b"1\x006\x001\x00nonsense\x00")
    steps = talk.said(broken, frame(b"999\x00a\x00"))
    assert sent(steps, CLIENT) == broken
    assert [each.split(" (")[0] for each in told(steps)] == [
        "could not corrupt price of tickPrice: its fields cannot be read",
        "dropped unknown",
    ]


def test_half_a_message_that_no_fault_is_about_is_not_held() -> None:
    talk = Talk("drop nextValidId")
    data = talk.error(2104)
    assert sent(talk.said(data[:5]), CLIENT) == b"", "the id is not yet known"
    assert sent(talk.said(data[5:9]), CLIENT) == data[:9]
    assert sent(talk.said(data[9:12], data[12:]), CLIENT) == data[9:]
    wanted = encode("nextValidId", CLIENT, 178, orderId=5)
    assert sent(talk.said(wanted[:8], wanted[8:]), CLIENT) == b""


def test_what_follows_half_a_message_is_not_taken_for_another() -> None:
    talk = Talk("drop nextValidId")
    data = encode("error", CLIENT, 178, id=-1, errorCode=1, errorMsg="xxxx9")
    cut = data.index(b"xxxx9\0")
    assert sent(talk.said(data[:cut]), CLIENT) == data[:cut]
    assert sent(talk.said(data[cut : cut + 6]), CLIENT) == data[cut : cut + 6], "it looks like a length word and the id of nextValidId"


def test_a_low_rate_is_kept_byte_by_byte() -> None:
    talk = Talk("rate 2 bytes/s from server")
    steps = talk.said(talk.error(1)[:3])
    assert steps[-2:] == [Wait(CLIENT, 0.5), Send(CLIENT, talk.error(1)[2:3])]


def test_a_fault_that_is_spent_holds_nothing() -> None:
    talk = Talk("drop 1st error")
    talk.said(talk.error(1))
    assert sent(talk.said(talk.error(2)[:9]), CLIENT) == talk.error(2)[:9]


def test_half_a_message_at_the_end_passes() -> None:
    talk = Talk("drop error")
    data = talk.error(2104)
    assert sent(talk.said(data[:11]), CLIENT) == b""
    assert sent(talk.injector.end(CLIENT), CLIENT) == data[:11]
    assert talk.injector.end(CLIENT) == []


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\n", PREFIX + frame(b"hello")])
def test_other_protocols_pass(opening: bytes) -> None:
    injector = Injector(read_faults(["drop offer", "corrupt startApi clientId to 5"]))
    answer = b"HTTP/1.1 400 Bad Request\r\n"
    assert sent(injector.feed(SERVER, opening) + injector.end(SERVER), SERVER) == opening
    assert sent(injector.feed(CLIENT, answer), CLIENT) == answer


FAULTS = (
    *("drop message", "delay 2nd message by 1s", "duplicate greeting", "reorder message after 2", "corrupt error errorMsg to x"),
    *("corrupt message byte 3 to 9", "corrupt greeting serverVersion to 100", "corrupt offer connectOptions to a", "truncate offer to 6"),
    *("slice all into 2", "stall before 3rd message", "fin after greeting", "rst before 5th message from client", "rate 10 bytes/s"),
)


@given(st.lists(st.sampled_from(FAULTS), max_size=4), st.lists(st.tuples(st.sampled_from(Direction), st.binary(max_size=40)), max_size=20))
def test_whatever_comes_nothing_is_raised(faults: list[str], chunks: list[Chunk]) -> None:
    injector = Injector(read_faults(faults))
    for chunk in chunks:
        injector.feed(*chunk)
    for direction in Direction:
        injector.end(direction)


@given(st.lists(st.tuples(st.sampled_from(Direction), st.binary(max_size=40)), max_size=20), st.booleans())
def test_bytes_that_are_no_messages_all_pass(chunks: list[Chunk], opened: bool) -> None:
    injector = Injector([read_fault("drop error"), read_fault("fin after 3rd startApi")])
    start = [(SERVER, offer(100, 178)), (CLIENT, greeting(178, b"now"))] if opened else []
    steps = [step for chunk in start + chunks for step in injector.feed(*chunk)]
    steps += [step for direction in Direction for step in injector.end(direction)]
    if not told(steps):
        for direction in Direction:
            assert sent(steps, direction) == b"".join(data for way, data in start + chunks if way is direction)
