"""Events as a line, and as JSON."""

from __future__ import annotations

import decimal
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.views.hostile import HOSTILE, HUGE, live, one_field, wire
from tests.views.reports import probed
from tests.wire.generate import Maker, makers
from twsprobe.capture.model import Close, Closed, Gap, Note, Opened
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.views.decode import event_line, field_lines, record_line
from twsprobe.views.events import ARROWS, brief, event_json, event_object, plain, record_object, summary
from twsprobe.views.safe import LONGEST
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Greeted, Resynced, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import PREFIX, frame, greeting, offer
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.tokens import LENGTH_DELIMITED, UnknownField, tagged

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
TIME = 1_714_564_800_123_456_789
"""2024-05-01, 12:00 UTC and a bit."""

ALWAYS = {"event", "time", "connection", "direction", "size"}
FRAMED = ALWAYS | {"id", "name", "server_version", "encoding"}


def decoded(name: str, direction: Direction, version: int, **fields: Any) -> Decoded:
    event = decode(encode(name, direction, version, **fields)[LENGTH.size :], direction, version)
    assert isinstance(event, Decoded)
    return event


OFFERED = VersionOffered(TO_SERVER, 100, 226, "+PACEAPI", offer(100, 226, "+PACEAPI"))
GREETED = Greeted(TO_CLIENT, 176, "20240501 12:00:00", "GMT", "", b"176\x0020240501 12:00:00 GMT\0")
REDIRECTED = Greeted(TO_CLIENT, -1, "", "", "192.0.2.1:4001", b"-1\x00192.0.2.1:4001\0")
MESSAGE = decoded("nextValidId", TO_CLIENT, 176, orderId=8)
PROTOBUF = decoded("nextValidId", TO_CLIENT, 226, orderId=8)
UNKNOWN = Unknown(TO_CLIENT, 999, 176, "text", "no message with this id is declared", b"999\0a\0")
UNDECODABLE = Undecodable(TO_CLIENT, 9, "nextValidId", 176, "text", "'x' is no whole number", "orderId", 4, b"9\x001\0x\0")
HALF = Undecodable(TO_CLIENT, None, None, 176, None, "ends inside a frame", "", 0, b"\0\0\0\x05ab")
LOST = SyncLost(TO_CLIENT, "a frame of 1,213,486,160 bytes was announced; the limit is 16,777,215", b"HTTP/1.1", 12)
RESYNCED = Resynced(TO_CLIENT, "frames go on behind missing bytes", 1200, b"more\0", 12)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (OFFERED, "version offer  v100..226 +PACEAPI"),
        (GREETED, "greeting  server version 176, 20240501 12:00:00 GMT"),
        (REDIRECTED, "greeting  server version -1, 192.0.2.1:4001"),
        (MESSAGE, "nextValidId  version=1 orderId=8"),
        (
            MESSAGE._replace(anomalies=("1 text field behind the last known one",)),
            "nextValidId  version=1 orderId=8  ! 1 text field behind the last known one",
        ),
        (UNKNOWN, r"unknown 999  no message with this id is declared: b'999\x00a\x00'"),
        (UNKNOWN._replace(id=None), r"unknown  no message with this id is declared: b'999\x00a\x00'"),
        (UNDECODABLE, "undecodable nextValidId  orderId: 'x' is no whole number"),
        (HALF, "undecodable  ends inside a frame"),
        (RESYNCED, r"resynced  frames go on behind missing bytes; 1,200 bytes passed over: b'more\x00'"),
        (RESYNCED._replace(skipped=0, raw=b""), "resynced  frames go on behind missing bytes"),
        (LOST, "not frames  a frame of 1,213,486,160 bytes was announced; the limit is 16,777,215: b'HTTP/1.1'"),
    ],
)
def test_an_event_in_a_line(event: Event, line: str) -> None:
    assert summary(event) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (False, "False"),
        (decimal.Decimal("1.50"), "1.50"),
        ({"symbol": "AAPL", "conId": None, "comboLegs": [], "right": "", "strike": 0.0}, "{symbol=AAPL strike=0.0}"),
        ([1, 2, 3], "[1, 2, 3]"),
        ([1, 2, 3, 4], "[4]"),
        ([{"tag": "a", "value": "b"}], "[{tag=a value=b}]"),
    ],
)
def test_a_value_in_brief(value: object, text: str) -> None:
    assert brief(value) == text


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (OFFERED, ALWAYS | {"fields"}),
        (GREETED, ALWAYS | {"fields"}),
        (MESSAGE, FRAMED | {"fields"}),
        (MESSAGE._replace(extra=("a",), anomalies=("b",)), FRAMED | {"fields", "extra", "anomalies"}),
        (UNKNOWN, FRAMED | {"reason"}),
        (UNDECODABLE, FRAMED | {"reason", "path", "offset"}),
        (LOST, ALWAYS | {"reason", "offset"}),
        (RESYNCED, ALWAYS | {"reason", "offset"}),
    ],
    ids=["version_offer", "greeting", "message", "odd message", "unknown", "undecodable", "sync_lost", "resynced"],
)
def test_the_keys_of_an_object(event: Event, keys: set[str]) -> None:
    found = event_object(event, 3, TIME, raw=False)
    assert found.keys() == keys
    assert found["event"] == event.event
    assert (found["connection"], found["time"], found["direction"]) == (3, "2024-05-01T12:00:00.123456Z", event.direction.value)
    again = event_object(event, 3, TIME, raw=True)
    assert again == found | {"raw": event.raw.hex()}
    assert json.loads(json.dumps(again)) == again


def test_the_objects_of_messages() -> None:
    seen = event_object(MESSAGE, 0, TIME, raw=False)
    wanted = {
        "id": 9,
        "name": "nextValidId",
        "server_version": 176,
        "encoding": "text",
        "size": 4 + len(MESSAGE.raw),
        "fields": {"version": 1, "orderId": 8},
    }
    assert {name: seen[name] for name in wanted} == wanted
    assert event_object(PROTOBUF, 0, TIME, raw=False)["encoding"] == "protobuf"
    assert event_object(UNKNOWN, 0, TIME, raw=False)["name"] is None
    undecodable = event_object(UNDECODABLE, 0, TIME, raw=False)
    assert (undecodable["path"], undecodable["offset"]) == ("orderId", 4)
    assert event_object(OFFERED, 0, TIME, raw=False)["fields"] == {"minimum": 100, "maximum": 226, "connectOptions": "+PACEAPI"}
    greeted = event_object(GREETED, 0, TIME, raw=False)["fields"]
    assert greeted == {"serverVersion": 176, "time": "20240501 12:00:00", "zone": "GMT", "redirect": None}
    assert event_object(REDIRECTED, 0, TIME, raw=False)["fields"]["redirect"] == "192.0.2.1:4001"


def test_the_objects_of_records() -> None:
    opened = record_object(Opened(1, TIME, "127.0.0.1:50000", "127.0.0.1:7497"))
    common = {"time": "2024-05-01T12:00:00.123456Z", "connection": 1}
    assert opened == {"event": "opened", "client": "127.0.0.1:50000", "server": "127.0.0.1:7497", **common}
    closed = record_object(Closed(1, TIME, TO_CLIENT, Close.RST))
    assert closed == {"event": "closed", "direction": "to_client", "how": "rst", **common}
    gap = record_object(Gap(1, TO_SERVER, TIME, None))
    assert gap == {"event": "gap", "direction": "to_server", "size": None, **common}
    note = record_object(Note(1, TO_CLIENT, TIME, "cut"))
    assert note == {"event": "note", "direction": "to_client", "text": "cut", **common}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1),
        (1.5, 1.5),
        (2**70, 2**70),
        (None, None),
        (True, True),
        (decimal.Decimal("1.50"), "1.50"),
        (decimal.Decimal("NaN"), "NaN"),
        (decimal.Decimal("1E+999999"), "1E+999999"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        ({"a": [decimal.Decimal(1), {"b": float("inf")}]}, {"a": ["1", {"b": "inf"}]}),
        (UnknownField(0, 7), {"wire_type": 0, "value": 7}),
        (UnknownField(2, b"\x1b\xff"), {"wire_type": 2, "value": "1bff"}),
    ],
)
def test_values_of_json(value: object, found: object) -> None:
    assert plain(value) == found
    json.loads(json.dumps(plain(value), allow_nan=False))


def all_inert(event: Event) -> None:
    """Nothing that is made of an event does anything to who looks at it."""
    for line in (summary(event), event_line(event, 1, 0, 10**6), event_line(event, 1, 0, 80), *field_lines(event)):
        assert not live(line, allowed="")
    found = json.dumps(event_object(event, 1, TIME, raw=True), allow_nan=False)
    assert found.isascii()
    assert not live(found, allowed="")
    assert json.loads(found)["event"] == event.event


def text_payload(id: int, version: int, fields: bytes) -> bytes:
    head = BINARY_ID.pack(id) if version >= 201 else b"%d\0" % id
    return head + fields


@pytest.mark.parametrize("version", [100, 157, 200, 203, 226])
def test_hostile_texts_in_every_field_of_every_message_do_nothing(version: int) -> None:
    texts = [one_field(text) for text in HOSTILE]
    seen = set()
    for index, message in enumerate(MESSAGES):
        for step in range(8):
            at = 37 * (8 * index + step)
            some = [texts[(at + field) % len(texts)] for field in range(40)]
            # Numbers before the text let the layout get further before a text stands where a number has to.
            numbers = [b"1"] * (5 * step)
            event = decode(
                text_payload(message.id, version, b"".join(field + b"\0" for field in numbers + some)), message.direction, version
            )
            seen.add(type(event))
            all_inert(event)
    assert {Decoded, Undecodable} <= seen


def test_hostile_texts_in_every_field_of_every_protobuf_message_do_nothing() -> None:
    texts = [wire(text) for text in HOSTILE]
    seen = set()
    for index, message in enumerate(MESSAGES):
        for step in range(8):
            at = 41 * (8 * index + step)
            fields = b"".join(
                tagged(number, LENGTH_DELIMITED, texts[(at + number) % len(texts)]) for number in range(1, 40) if number % 8 != step
            )
            inner = b"".join(tagged(number, LENGTH_DELIMITED, fields) for number in range(1, 5)) if step % 2 else fields
            event = decode(BINARY_ID.pack(message.id + PROTOBUF_OFFSET) + inner, message.direction, 226)
            seen.add(type(event))
            all_inert(event)
    assert Undecodable in seen


def test_hostile_texts_in_fields_of_text_do_nothing() -> None:
    for text in HOSTILE:
        text = text.encode("utf-8", "replace").decode()
        all_inert(decoded("error", TO_CLIENT, 226, id=-1, errorCode=399, errorMsg=text, advancedOrderRejectJson=text, errorTime=1))
        all_inert(decoded("managedAccounts", TO_CLIENT, 226, accountsList=text))
        all_inert(
            decoded(
                "openOrder", TO_CLIENT, 226, orderId=1, contract={"symbol": text}, order={"orderRef": text}, orderState={"status": text}
            )
        )
        all_inert(decoded("startApi", TO_SERVER, 226, clientId=1, optionalCapabilities=text))


def test_escapes_that_text_spells_out_do_nothing() -> None:
    """TWS escapes what is not ASCII in some texts, so a server can spell a control character, or half a surrogate pair, in ASCII."""
    event = decode(text_payload(4, 176, b"2\x00-1\x00399\x00\\u001b[2J\\u202e\\ud800\x00\x00"), TO_CLIENT, 176)
    assert isinstance(event, Decoded)
    all_inert(event)


@pytest.mark.parametrize("text", HUGE, ids=["letters", "controls", "directions", "markup"])
def test_huge_texts_do_nothing(text: str) -> None:
    event = decoded("error", TO_CLIENT, 226, id=-1, errorCode=399, errorMsg=text, errorTime=1)
    all_inert(event)
    assert len(summary(event)) <= LONGEST * len("\\u0000") + 40
    assert sum(map(len, field_lines(event))) < 10 * LONGEST


def test_hostile_connect_options_and_zones_and_records_do_nothing() -> None:
    for text in HOSTILE:
        conversation = Conversation()
        events = conversation.feed(TO_SERVER, PREFIX + frame(b"v100..226 " + wire(text)))
        events += conversation.feed(
            TO_CLIENT, greeting(176, b"20240501 12:00:00 " + one_field(text)) + frame(wire(text)) + frame(b"4\0" + wire(text))
        )
        events += conversation.feed(TO_CLIENT, b"\xff" + wire(text))
        events += conversation.end(TO_SERVER) + conversation.end(TO_CLIENT)
        for event in events:
            all_inert(event)
        for record in (Opened(1, TIME, text, text), Closed(1, TIME, TO_CLIENT, Close.FIN), Note(1, TO_CLIENT, TIME, text)):
            assert not live(record_line(record, 0), allowed="")
            found = json.dumps(record_object(record))
            assert found.isascii()
            assert json.loads(found)["time"] == "2024-05-01T12:00:00.123456Z"


frames = st.binary(max_size=40) | st.sampled_from(HOSTILE).map(wire)
payloads = st.builds(
    text_payload,
    st.sampled_from([message.id for message in MESSAGES]) | st.integers(0, 10**6),
    st.sampled_from([176, 226]),
    st.lists(frames, max_size=12).map(b"\0".join),
)


@given(st.integers(0, 250), st.lists(payloads | frames, max_size=5), st.binary(max_size=12))
def test_whatever_a_server_sends_is_inert_and_accounted_for(version: int, payloads: list[bytes], rest: bytes) -> None:
    data = greeting(version, b"20240501 12:00:00 GMT") + b"".join(map(frame, payloads)) + rest
    conversation = Conversation()
    events = conversation.feed(TO_CLIENT, data) + conversation.end(TO_CLIENT)
    for event in events:
        all_inert(event)
    if not any(isinstance(event, SyncLost) for event in events):
        assert sum(event_object(event, 1, TIME, raw=False)["size"] for event in events) == len(data)


@given(st.binary(max_size=60) | st.lists(frames, max_size=4).map(lambda found: offer(100, 226) + b"".join(map(frame, found))))
def test_whatever_a_client_sends_is_inert_and_accounted_for(data: bytes) -> None:
    conversation = Conversation()
    conversation.feed(TO_CLIENT, greeting(226, b"20240501 12:00:00 GMT"))
    events = conversation.feed(TO_SERVER, data) + conversation.end(TO_SERVER)
    for event in events:
        all_inert(event)
    if not any(isinstance(event, SyncLost) for event in events):
        assert sum(event_object(event, 1, TIME, raw=False)["size"] for event in events) == len(data)


@pytest.mark.parametrize("version", [157, 226])
def test_a_whole_session_is_accounted_for(version: int) -> None:
    _, kept = probed(SCENARIOS["ready"], server_version=version, sync=True)
    assert {event.direction for event in kept.events} == set(ARROWS)
    for event in kept.events:
        assert isinstance(event, (VersionOffered, Greeted, Decoded))
        all_inert(event)
        found = event_object(event, 1, TIME, raw=True)
        assert found["size"] == len(event.raw) + (0 if isinstance(event, VersionOffered) else LENGTH.size)
        assert bytes.fromhex(found["raw"]) == event.raw


@given(makers, st.sampled_from((178, 226)))
def test_the_fast_way_to_json_gives_the_same_text(maker: Maker, version: int) -> None:
    direction, data = maker.message(version)
    for payload in (data[LENGTH.size :], data[LENGTH.size :] + tagged(99, LENGTH_DELIMITED, b"x")):
        event = decode(payload, direction, version)
        assert event_json(event, 1, TIME, raw=True) == json.dumps(event_object(event, 1, TIME, raw=True))
    for other in (OFFERED, GREETED, UNKNOWN, UNDECODABLE, LOST, RESYNCED):
        assert event_json(other, 1, TIME, raw=False) == json.dumps(event_object(other, 1, TIME, raw=False))
