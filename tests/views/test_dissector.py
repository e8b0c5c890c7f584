"""The dissector names every message and shows the values that our own decoder gives; tshark runs it."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.net.asking import ACCOUNT, NOW
from tests.net.requests import REQUESTS, encoded, since
from tests.views.tshark import Pairs, Segment, dissected, first, needs_tshark, tshark, values_of, write_packets
from tests.wire.generate import Maker, encodings
from twsprobe.capture.reading import open_capture
from twsprobe.capture.writing import open_writer
from twsprobe.net.answers import ANSWERS
from twsprobe.net.asked import Asked, State
from twsprobe.net.fitting import encode_fitting
from twsprobe.views.dissector import MARK, Tables, dissector, is_ours, lua, lua_test
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event
from twsprobe.wire.fields import Leaf
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.tokens import UnknownField
from twsprobe.wire.versions import LOWEST

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
VERSIONS = (178, 200, 203, 226)
ROOT = Path(__file__).parents[2]
ZONE = b"20240308 13:30:34 EST"


def opening(version: int, connection: int = 0) -> list[Segment]:
    return [Segment(TO_SERVER, offer(LOWEST, version), connection), Segment(TO_CLIENT, greeting(version, ZONE), connection)]


def generated(version: int, connection: int) -> list[Segment]:
    """Every message in every encoding that it can have: once with all that it can hold, and twice with some."""
    makers = [Maker(Random(version), 1.0), Maker(Random(version + 1)), Maker(Random(version + 2))]
    return [
        Segment(message.direction, frame(maker.payload(message, version, encoding)), connection)
        for message in MESSAGES
        for encoding in encodings(message, version)
        for maker in makers
    ]


def simulated(version: int, connection: int) -> list[Segment]:
    """Every request that the simulator answers, and all that it sends for it."""
    state = State(ACCOUNT)
    found: list[Segment] = []
    for name, fields, _ in REQUESTS:
        if version < since(name):
            continue
        asked = encoded(name, version, fields)
        request = decode(asked[LENGTH.size :], TO_SERVER, version)
        assert isinstance(request, Decoded)
        said = list(ANSWERS[name](Asked(request.fields, 5, version, state, NOW)))
        said += [message for feed in state.feeds(5) for message in next(feed.messages)]
        found.append(Segment(TO_SERVER, asked, connection))
        found += [Segment(TO_CLIENT, encode_fitting(answer, version, values), connection) for answer, values in said]
    return found


def events_of(segments: list[Segment]) -> list[list[Event]]:
    """What our own decoder makes of each segment."""
    conversations: dict[int, Conversation] = {}
    return [conversations.setdefault(each.connection, Conversation()).feed(each.direction, each.data) for each in segments]


def expected(value: Any, path: str, found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """A message's values by the names that Wireshark has for them; unset ones by their paths under "tws.unset"."""
    if isinstance(value, dict):
        for name, inner in value.items():
            expected(inner, f"{path}.{name}", found)
    elif isinstance(value, list):
        for inner in value:
            expected(inner, path, found)
    elif isinstance(value, UnknownField):
        found.setdefault("tws.unknown_field", []).append(value)
    elif value is None:
        found.setdefault("tws.unset", []).append(path.split(".", 2)[2])
    else:
        found.setdefault(path, []).append(value)
    return found


def same(shown: str, value: Any) -> bool:
    """Whether what tshark shows is a value: to 15 digits, which is what it shows of doubles."""
    if isinstance(value, bool):
        return shown == str(int(value))
    if isinstance(value, (float, Decimal)):
        number = float(shown)
        return math.isclose(number, value, rel_tol=1e-14) or (math.isnan(number) and math.isnan(value))
    return shown == str(value)


def differences(event: Decoded, layer: Pairs) -> Iterator[str]:
    """Where tshark and our decoder differ about a message."""
    shown: dict[str, list[str]] = {}
    for name, value in values_of(layer):
        shown.setdefault(name, []).append(value)
    prefix = f"tws.{event.name}"
    ours = expected(event.fields, prefix, {})
    unset = [re.sub(r"\[\d+\]", "", path) for path in shown.pop("tws.unset", [])]
    told = {name for name in shown if name.endswith((".count", ".present"))}
    if Counter(path for path in unset if "(" not in path) != Counter(ours.pop("tws.unset", [])):
        yield f"unset: {unset}"
    for name in {name for name in shown if name.startswith(prefix + ".")} - told | ours.keys():
        theirs, mine = shown.get(name, []), ours.get(name, [])
        records_alone = not mine and not any(theirs)
        if not records_alone and (len(theirs) != len(mine) or not all(map(same, theirs, mine))):
            yield f"{name}: {theirs} for {mine}"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Segment], list[list[Pairs]]]:
    """Every message at the versions above, each in a segment of its own, and what tshark makes of them."""
    segments: list[Segment] = []
    for connection, version in enumerate(VERSIONS):
        segments += opening(version, connection) + generated(version, connection) + simulated(version, connection)
    path = tmp_path_factory.mktemp("everything") / "everything.pcapng"
    write_packets(path, segments)
    return segments, dissected(path)


@needs_tshark
def test_every_message_has_its_name_and_its_values(everything: tuple[list[Segment], list[list[Pairs]]]) -> None:
    segments, packets = everything
    names = set()
    for number, (events, layers) in enumerate(zip(events_of(segments), packets, strict=True), 1):
        (event,) = events
        if not isinstance(event, Decoded):
            continue
        (layer,) = layers
        names.add(event.name)
        said = {name: first(layer, f"tws.{name}") for name in ("name", "id", "encoding", "server_version", "direction")}
        assert said == {
            "name": event.name,
            "id": str(event.id),
            "encoding": event.encoding,
            "server_version": str(event.server_version),
            "direction": event.direction.value,
        }, number
        assert list(differences(event, layer)) == [], f"packet {number}: {event}"
    assert names == {message.name for message in MESSAGES}


@needs_tshark
def test_nothing_valid_is_marked(everything: tuple[list[Segment], list[list[Pairs]]]) -> None:
    _, packets = everything
    marks = [name for layers in packets for layer in layers for name, _ in values_of(layer) if name.startswith(("_ws", "tws.expert"))]
    assert marks == []


def names_of(packets: list[list[Pairs]]) -> list[str]:
    """The names of all messages, in the order in which they are whole."""
    return [name for layers in packets for layer in layers if (name := first(layer, "tws.name")) is not None]


def experts_of(packets: list[list[Pairs]]) -> list[str]:
    """The names of all marks, in their order."""
    found = [name for layers in packets for layer in layers for name, _ in values_of(layer)]
    return [name.removeprefix("tws.expert.") for name in found if name.startswith("tws.expert.")]


@needs_tshark
@pytest.mark.parametrize("seed", range(3))
def test_frames_across_segments_and_several_in_one(seed: int, tmp_path: Path) -> None:
    maker = Maker(Random(seed))
    chunks = maker.conversation((150, 200, 226)[seed], 60)
    asked, said = (b"".join(data for way, data in chunks[1:] if way is direction) for direction in (TO_SERVER, TO_CLIENT))
    opened = chunks[0][1]
    pieces = [(TO_SERVER, opened[:1]), (TO_SERVER, opened[1:9]), (TO_SERVER, opened[9:])]
    pieces += [(direction, piece) for direction, data in ((TO_CLIENT, said), (TO_SERVER, asked)) for piece in maker.cut(data)]
    path = tmp_path / "cut.pcapng"
    write_packets(path, [Segment(*piece) for piece in pieces if piece[1]])
    packets = dissected(path, *(["-2"] if seed else []))
    events = [event for found in events_of([Segment(*chunk) for chunk in chunks]) for event in found]
    for direction in Direction:
        wanted = [event.id for event in events if isinstance(event, Decoded) and event.direction is direction]
        mine = [layer for layers in packets for layer in layers if first(layer, "tws.direction") == direction.value]
        assert [first(layer, "tws.id") for layer in mine if first(layer, "tws.id")] == [str(id) for id in wanted]
    assert experts_of(packets) == []


@needs_tshark
def test_mutated_messages_are_told_as_our_decoder_tells_them(tmp_path: Path) -> None:
    segments: list[Segment] = []
    for connection, version in enumerate((178, 226)):
        maker = Maker(Random(version + 7), 0.6)
        segments += opening(version, connection)
        for _ in range(500):
            direction, data = maker.message(version)
            start = 8 if version > 200 else data.index(b"\0", LENGTH.size) + 1
            segments.append(Segment(direction, frame(data[LENGTH.size : start] + maker.broken(data[start:])), connection))
    path = tmp_path / "mutated.pcapng"
    write_packets(path, segments)
    kinds = Counter[str]()
    for number, (events, layers) in enumerate(zip(events_of(segments), dissected(path), strict=True), 1):
        (event,) = events
        marks = set(experts_of([layers]))
        kinds[f"{event.event} {sorted(marks)}"] += 1
        if isinstance(event, Decoded):
            assert "malformed" not in marks, f"packet {number}: {event}"
            assert ("missing" in marks) == (event.missing is not None)
            assert ("surplus" in marks) == bool(event.extra)
            if event.encoding == "text":
                assert list(differences(event, layers[0])) == [], f"packet {number}: {event}"
            else:
                assert ("unknown_field" in marks) == bool(event.anomalies)
        elif event.event == "undecodable":
            assert "malformed" in marks, f"packet {number}: {event}"
    assert len(kinds) > 6, kinds


@needs_tshark
def test_broken_streams_do_no_harm(tmp_path: Path) -> None:
    segments: list[Segment] = []
    for connection in range(40):
        maker = Maker(Random(connection), 0.5)
        for direction, data in maker.conversation(maker.random.choice((110, 178, 203)), 8):
            segments.append(Segment(direction, maker.broken(data), connection))
    path = tmp_path / "broken.pcapng"
    write_packets(path, [each for each in segments if each.data])
    shown = tshark(tmp_path, "-r", str(path), "-2", "-T", "fields", "-e", "tws.name", "-e", "_ws.malformed")
    assert "Malformed" not in shown
    assert shown.strip()


@needs_tshark
def test_odd_frames_are_named(tmp_path: Path) -> None:
    price = encode("tickPrice", TO_CLIENT, 200, reqId=1, tickType=2, price=1.5, size=Decimal("123456789012345678.5"))
    body = price[LENGTH.size :]
    frames = {
        "surplus": frame(body + b"7\0x\0"),
        "missing": frame(body[:-2]),
        "unterminated": frame(body[:-1] + b"1"),
        "unknown_message": frame(b"9999\0a\0"),
        "malformed": frame(body.replace(b"1.5", b"1,5")),
        "no id": frame(b"abc\0"),
        "exact": price,
        "not_frames": b"\xff" * 40,
        "found again": price,
    }
    path = tmp_path / "odd.pcapng"
    write_packets(path, [*opening(200), *(Segment(TO_CLIENT, data) for data in frames.values())])
    told = {name: experts_of([layers]) for name, layers in zip(frames, dissected(path)[2:], strict=True)}
    assert told == {
        "surplus": ["surplus"],
        "missing": ["missing"],
        "unterminated": ["unterminated"],
        "unknown_message": ["unknown_message"],
        "malformed": ["malformed"],
        "no id": ["unknown_message"],
        "exact": [],
        "not_frames": ["not_frames"],
        "found again": [],
    }
    lines = tshark(tmp_path, "-r", str(path), "-Y", "tcp.len > 0").splitlines()[2:]
    assert [line.partition(" TWS ")[2].partition(" ")[2] for line in lines[:4]] == [
        "tickPrice reqId=1 tickType=ASK price=1.5 size=123456789012345678.5",
        "tickPrice reqId=1 tickType=ASK price=1.5 size=123456789012345678.5",
        "tickPrice reqId=1 tickType=ASK price=1.5 size=123456789012345678.5 attrMask=1",
        "unknown 9999",
    ]
    assert "size: 1.23456789012346e+17 (123456789012345678.5)" in tshark(tmp_path, "-r", str(path), "-O", "tws")


@needs_tshark
def test_a_session_whose_beginning_is_missing(tmp_path: Path) -> None:
    text, binary = tmp_path / "text.pcapng", tmp_path / "binary.pcapng"
    for path, version in ((text, 178), (binary, 226)):
        said = Segment(TO_CLIENT, encode("tickPrice", TO_CLIENT, version, reqId=1, tickType=2, price=1.5))
        asked = Segment(TO_SERVER, encode("reqIds", TO_SERVER, version, numIds=1))
        write_packets(path, [Segment(TO_CLIENT, b"half a frame"), said, asked, said])
    protobuf = dissected(binary)
    assert names_of(protobuf) == ["tickPrice", "reqIds", "tickPrice"]
    assert first(protobuf[1][0], "tws.tickPrice.price") == "1.5"
    assert experts_of(protobuf) == []
    assert names_of(dissected(text)) == ["tickPrice", "reqIds", "tickPrice"]
    assert experts_of(dissected(text)) == ["no_version"] * 3
    told = dissected(text, "-o", "tws.server_version:178")
    assert (first(told[1][0], "tws.tickPrice.price"), experts_of(told)) == ("1.5", [])


@needs_tshark
def test_other_ports_are_known_by_the_prefix_or_by_being_told(tmp_path: Path) -> None:
    path = tmp_path / "port.pcapng"
    asked = Segment(TO_SERVER, encode("reqIds", TO_SERVER, 178, numIds=1))
    write_packets(path, [*opening(178), asked], server=7555)
    assert names_of(dissected(path)) == ["reqIds"]
    write_packets(path, [Segment(TO_SERVER, b"GET / HTTP/1.1\r\n\r\n"), Segment(TO_SERVER, b"A")], server=7497)
    assert names_of(dissected(path)) == []
    assert " TWS " not in tshark(tmp_path, "-r", str(path), "-o", "tcp.desegment_tcp_streams:FALSE", "-Y", "tcp.len > 1")
    write_packets(path, [asked], server=7555)
    assert names_of(dissected(path)) == []
    assert names_of(dissected(path, "-d", "tcp.port==7555,tws")) == ["reqIds"]
    assert names_of(dissected(path, "-o", "tws.ports:7555")) == ["reqIds"]


@needs_tshark
def test_the_first_answer_of_the_server_decides(tmp_path: Path) -> None:
    early = Segment(TO_CLIENT, frame(b"4\x002\x00-1\x002104\0early\0"))
    second = Segment(TO_CLIENT, greeting(226, ZONE))
    asked = Segment(TO_SERVER, encode("reqMktData", TO_SERVER, 178, reqId=1, contract={"symbol": "A"}))
    path = tmp_path / "answers.pcapng"
    write_packets(path, [opening(178)[0], early, opening(178)[1], second, asked])
    packets = dissected(path)
    assert experts_of(packets[1:2]) == ["no_version"]
    assert first(packets[2][0], "tws.greeting.serverVersion") == "178"
    assert first(packets[3][0], "tws.greeting.serverVersion") is None
    assert first(packets[4][0], "tws.server_version") == "178"


@needs_tshark
def test_filters_and_hostile_text(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pcapng"
    hostile = "\x1b[2J\u202e\x9bA\r\nB"
    said = [Segment(TO_CLIENT, encode("error", TO_CLIENT, 226, id=-1, errorCode=code, errorMsg=hostile)) for code in (2104, 502)]
    zone = Segment(TO_CLIENT, greeting(226, b"20240308 13:30:34 \xd6\xd0\x1b[2J"))
    write_packets(path, [opening(226)[0], zone, *said])
    lines = tshark(tmp_path, "-r", str(path), "-Y", "tws.error.errorCode == 2104").splitlines()
    assert len(lines) == 1
    assert not [character for character in lines[0] if not character.isprintable()]
    assert "error id=-1" in lines[0]
    assert "\x1b" not in tshark(tmp_path, "-r", str(path), "-O", "tws")


def test_the_mark_and_the_line_ends() -> None:
    text = dissector()
    assert text.startswith(MARK)
    assert is_ours(text)
    assert not is_ours("-- TWS API dissector by somebody")
    assert "\r" not in text
    assert text.isascii()


def test_the_same_each_time() -> None:
    assert dissector() == dissector()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "nil"),
        (True, "true"),
        (7, "7"),
        ('a"b\\c\n', '"a\\034b\\092c\\010"'),
        ("\u00e9", '"\\195\\169"'),
        ({"a": 1, "end": 2, "b c": 3, 4: 5}, '{a = 1, ["end"] = 2, ["b c"] = 3, [4] = 5}'),
        (["a", [1]], '{"a", {1}}'),
    ],
)
def test_literals(value: object, written: str) -> None:
    assert lua(value) == written


def test_conditions_in_lua() -> None:
    assert lua_test("({0} in (1, 'a'))") == 'function(v) return (v == 1 or v == "a") end'
    assert lua_test("({0} not in (None, []))") == 'function(v) return not (v == nil or (type(v) == "table" and v[1] == nil)) end'
    assert lua_test("({0} is not None and {0} >= 6)") == "function(v) return (v ~= nil and v >= 6) end"
    assert lua_test("({0} == 1e999)") == "function(v) return v == math.huge end"
    for expression in ("len({0})", "{0} + 1 > 2", "1 < {0} < 3"):
        with pytest.raises(ValueError, match="has no translation to Lua"):
            lua_test(expression)


def test_a_leaf_that_is_not_known_is_refused() -> None:
    class Novel(Leaf):
        wire_type, type_name = 0, "novel"

    with pytest.raises(TypeError, match="reads no Novel"):
        Tables().kind(Novel())


def test_names_in_filters_are_unique() -> None:
    made = [name for message in MESSAGES for name in {f"tws.{message.name}", *paths(message.record, f"tws.{message.name}")}]
    assert len(made) == len(set(made))
    assert {message.name for message in MESSAGES}.isdisjoint(re.findall(r'new_field\("(\w+)"', dissector()))


def paths(record: Record, prefix: str) -> Iterator[str]:
    for name, leaf in record.fields.items():
        yield f"{prefix}.{name}"
        if isinstance(leaf, Nested | Many) and leaf.record is not None:
            yield from paths(leaf.record, f"{prefix}.{name}")


@needs_tshark
def test_tshark_follows_the_streams_byte_by_byte(tmp_path: Path) -> None:
    maker = Maker(Random(11))
    sessions = [maker.conversation(version, 40) for version in (178, 226)]
    path = tmp_path / "streams.pcapng"
    # The two sessions take turns.
    write_packets(path, [Segment(way, data, number) for pair in zip(*sessions, strict=True) for number, (way, data) in enumerate(pair)])
    shown = tshark(tmp_path, "-r", str(path), "-q", "-z", "follow,tcp,raw,0", "-z", "follow,tcp,raw,1")
    streams = dict(re.findall(r"Filter: tcp\.stream eq (\d)\n([^=]+)", shown))
    for number, chunks in enumerate(sessions):
        stream = re.findall(r"^(\t?)([0-9a-f]+)$", streams[str(number)], re.MULTILINE)
        for direction, indent in ((TO_SERVER, ""), (TO_CLIENT, "\t")):
            followed = b"".join(bytes.fromhex(data) for side, data in stream if side == indent)
            assert followed == b"".join(data for way, data in chunks if way is direction)


@needs_tshark
def test_the_page_shows_what_tshark_prints(tmp_path: Path) -> None:
    path = tmp_path / "ready.pcapng"
    with open_capture(ROOT / "captures" / "ready.jsonl") as capture, open_writer(path) as writer:
        for record in capture:
            writer.write(record)
    page = (ROOT / "docs" / "wireshark.md").read_text("utf-8")
    table = page[page.index("| filter |") : page.index("`len(x)`")]
    filters = re.findall(r"`(.+?)`", table)
    assert tshark(tmp_path, "-r", str(path), "-Y", " or ".join(f"({each})" for each in filters))
    blocks = re.findall(r"^\$ tshark -r ready.pcapng (.+)\n([^`]*)```", page, re.MULTILINE)
    assert len(blocks) == 3
    for arguments, printed in blocks:
        shown = tshark(tmp_path, "-r", str(path), *shlex.split(arguments))
        if "-O" in arguments:
            shown = shown[shown.index("Trader Workstation API") :]
        assert [line.rstrip() for line in printed.splitlines()] == [line.rstrip() for line in shown.splitlines() if line.strip()]
