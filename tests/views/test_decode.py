"""A capture for people."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.views.hostile import HOSTILE, HUGE, live
from tests.views.reports import probed
from twsprobe.capture.model import Close, Closed, Gap, Mark, Note, Opened
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.views.decode import HEADER, SHOWN_BYTES, dump, event_line, field_lines, record_line, value_at
from twsprobe.wire.events import Decoded, Greeted, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import offer
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.tokens import read_varint

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
PIECE = re.compile(r" {13} *(\d+) (\S+) = (.*)  \[([0-9a-f ]*)(\.\.\.)?\]", re.DOTALL)
ROW = re.compile(r" {13}([ \d]{6}) (.{47})  (.{1,16})")


def decoded(name: str, version: int = 176, **fields: Any) -> Decoded:
    event = decode(encode(name, TO_CLIENT, version, **fields)[LENGTH.size :], TO_CLIENT, version)
    assert isinstance(event, Decoded)
    return event


def test_the_columns_stand_below_their_heads() -> None:
    event = decoded("nextValidId", orderId=8)
    line = event_line(event, 12, 1_234_567_000, 200)
    assert HEADER == "    seconds conn       id message                  what it says"
    assert line == "   1.234567   12 <<<    9 nextValidId              orderId=8"
    assert HEADER.index("what") == line.index("orderId=8")
    assert HEADER.index("message") == line.index("nextValidId")
    assert HEADER.index("id") + 2 == line.index(" nextValidId")


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            Opened(1, 5_000_000_000, "127.0.0.1:50000", "[::1]:7497"),
            "opened                   connection from 127.0.0.1:50000 to [::1]:7497",
        ),
        (Opened(1, 5_000_000_000, "", ""), "opened                   connection from ? to ?"),
        (Closed(1, 5_000_000_000, TO_CLIENT, Close.FIN), "closed                   the server: fin"),
        (Closed(1, 5_000_000_000, TO_SERVER, Close.RST), "closed                   the client: rst"),
        (Closed(1, 5_000_000_000, TO_CLIENT, Close.REFUSED), "closed                   the server: refused"),
    ],
)
def test_a_connection_opens_and_closes(record: Mark, line: str) -> None:
    assert record_line(record, 2_000_000_000) == f"   3.000000    1 ---      {line}"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (Gap(1, TO_CLIENT, 3 * 10**9, 1460), "<<<      gap                      1,460 bytes are missing from the capture"),
        (Gap(1, TO_SERVER, 3 * 10**9, 1), ">>>      gap                      1 byte is missing from the capture"),
        (Gap(1, TO_SERVER, 3 * 10**9, None), ">>>      gap                      an unknown number of bytes is missing from the capture"),
        (Note(1, TO_CLIENT, 3 * 10**9, "\x1b[2Jlate"), r"<<<      note                     \x1b[2Jlate"),
    ],
)
def test_what_is_missing_and_what_was_done(record: Mark, line: str) -> None:
    assert record_line(record, 10**9) == f"   2.000000    1 {line}"


@pytest.mark.parametrize(
    ("event", "end"),
    [
        (VersionOffered(TO_SERVER, 100, 226, "", offer(100, 226)), ">>>      version offer            v100..226"),
        (Greeted(TO_CLIENT, 176, "20240501", "GMT", "", b""), "<<<      greeting                 server version 176, 20240501 GMT"),
        (Unknown(TO_CLIENT, 999, 176, "text", "not declared", b"999\0"), r"<<<  999 unknown                  not declared: b'999\x00'"),
        (Unknown(TO_CLIENT, None, 176, "text", "not declared", b"x"), "<<<      unknown                  not declared: b'x'"),
        (
            Undecodable(TO_CLIENT, 9, "nextValidId", 176, "text", "no number", "orderId", 4, b""),
            "<<<    9 undecodable nextValidId  orderId: no number",
        ),
        (SyncLost(TO_CLIENT, "no frame", b"HTTP"), "<<<      not frames               no frame: b'HTTP'"),
    ],
    ids=["version_offer", "greeting", "unknown", "unreadable id", "undecodable", "sync_lost"],
)
def test_what_is_no_message(event: Any, end: str) -> None:
    assert event_line(event, 1, 0, 200) == f"   0.000000    1 {end}"


def test_a_line_has_the_fields_that_say_most_first() -> None:
    contract = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "strike": 0.0, "currency": "USD"}
    order = {"orderId": 7, "action": "BUY", "totalQuantity": Decimal(100), "orderType": "LMT", "lmtPrice": 190.5, "tif": "DAY"}
    event = decoded("openOrder", 226, orderId=7, contract=contract, order=order, orderState={"status": "Submitted"})
    assert event_line(event, 1, 0, 10**6).partition("openOrder")[2].strip() == (
        "orderId=7 orderState.status=Submitted contract.symbol=AAPL contract.secType=STK order.action=BUY order.totalQuantity=100 "
        "order.orderType=LMT order.lmtPrice=190.5  (4 more)"
    )


def test_a_short_message_is_shown_whole() -> None:
    event = decoded("orderStatus", 226, orderId=7, status="Filled", filled=Decimal(3), remaining=Decimal(0), whyHeld="", clientId=0)
    assert event_line(event, 1, 0, 200).endswith("orderId=7 status=Filled filled=3 remaining=0 clientId=0")


def test_what_is_odd_is_shown_behind_the_fields() -> None:
    event = decoded("nextValidId", orderId=8)._replace(anomalies=("field 9 is not in our schema",))
    assert event_line(event, 1, 0, 200).endswith("orderId=8  ! field 9 is not in our schema")


def test_a_line_is_cut_to_the_width_of_the_terminal() -> None:
    event = decoded("managedAccounts", accountsList="DU1234567," * 50)
    line = event_line(event, 1, 0, 100)
    assert len(line) == 100
    assert line.endswith("...")
    assert event_line(event, 1, 0, 10**6).startswith(line[:-3])


def meaning(data: bytes, value: object) -> object:
    """What the bytes of a text field say, as the type of the value that is shown for them."""
    text = data.decode()
    if isinstance(value, bool):
        return text in ("1", "a")  # conditions are joined by "a" for and, "o" for or
    if isinstance(value, (int, float, Decimal)):
        return type(value)(text)
    return text


@pytest.mark.parametrize("version", [100, 157, 176, 200, 201, 210, 226])
def test_offsets_and_bytes_are_true(version: int) -> None:
    _, kept = probed(SCENARIOS["ready"], server_version=version, sync=True, config=True)
    messages = [event for event in kept.events if isinstance(event, Decoded)]
    encodings = {event.encoding for event in messages}
    assert encodings == ({"text"} if version < 201 else {"protobuf", "text"} if version < 220 else {"protobuf"})
    for event in messages:
        pieces = [PIECE.fullmatch(line) for line in field_lines(event)]
        assert all(pieces), event
        end = event.start
        for piece in pieces:
            assert piece
            offset, path, shown, data, cut = int(piece[1]), piece[2], piece[3], bytes.fromhex(piece[4]), piece[5]
            assert event.raw[offset : offset + len(data)] == data
            assert (len(data) == SHOWN_BYTES) if cut else (len(data) <= SHOWN_BYTES)
            value = value_at(event.fields, path)
            assert shown == ("None" if value is None else str(value))
            if event.encoding == "text":
                assert offset == end, "fields of text stand one behind the other"
                end = event.raw.index(b"\0", offset) + 1
                assert cut or offset + len(data) + 1 == end, "a field of text ends at its NUL"
                assert cut or value is None or meaning(data, value) == value, path
            elif not cut:
                key, _ = read_varint(data, 0, len(data), "")
                assert key >> 3 > 0
                assert offset >= end
                end = offset + len(data)
                if isinstance(value, str):
                    assert data.endswith(value.encode())
        assert event.encoding != "text" or end == len(event.raw), "every byte of a message is in one of its fields"


def test_every_field_of_a_message_has_a_line() -> None:
    event = decoded("error", id=-1, errorCode=2104, errorMsg="fine", advancedOrderRejectJson="{}")
    assert [line.strip() for line in field_lines(event)] == [
        "2 version = 2  [32]",
        "4 id = -1  [2d31]",
        "7 errorCode = 2104  [32313034]",
        "12 errorMsg = fine  [66696e65]",
        "17 advancedOrderRejectJson = {}  [7b7d]",
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("orderId", 7),
        ("contract.symbol", "AAPL"),
        ("contract.comboLegs[1].conId", 2),
        ("len(contract.comboLegs)", 2),
        ("len(contract.symbol)", None),
        ("contract.comboLegs[2].conId", None),
        ("contract.comboLegs[x].conId", None),
        ("tags[0]", "a"),
        ("nothing", None),
        ("orderId.nothing", None),
        ("", None),
    ],
)
def test_a_value_is_found_by_its_path(path: str, value: object) -> None:
    fields = {"orderId": 7, "contract": {"symbol": "AAPL", "comboLegs": [{"conId": 1}, {"conId": 2}]}, "tags": ["a"]}
    assert value_at(fields, path) == value


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 255, 256, 257, 5000])
def test_a_dump_shows_bytes_as_they_are(size: int) -> None:
    data = bytes(index * 7 % 256 for index in range(size))
    rows = dump(data)
    told = bytearray()
    for row in rows[: (min(size, 256) + 15) // 16]:
        found = ROW.fullmatch(" " * 13 + row)
        assert found, row
        assert int(found[1]) == len(told)
        part = bytes.fromhex(found[2])
        assert found[3] == "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        told += part
    assert told == data[:256]
    assert rows[len(range(0, min(size, 256), 16)) :] == ([f"       ... {size - 256} bytes more"] if size > 256 else [])


def test_what_is_no_message_is_dumped() -> None:
    lost = SyncLost(TO_CLIENT, "no frame", b"HTTP/1.1 400")
    assert field_lines(lost) == ["                  0 48 54 54 50 2f 31 2e 31 20 34 30 30              HTTP/1.1 400"]


def test_an_undecodable_message_shows_the_fault_and_what_stands_before_it() -> None:
    event = decode(b"4\x002\x00-1\x00abc\x00text\x00", TO_CLIENT, 157)
    assert isinstance(event, Undecodable)
    lines = field_lines(event)
    assert lines[0].split() == ["2", "version", "=", "[32]"]
    assert lines[1].split() == ["4", "id", "=", "[2d31]"]
    fault = next(line for line in lines if " at " in line)
    assert fault.strip().startswith("at 7: errorCode: ")
    assert event.raw[7:10] == b"abc"
    assert lines[-1].endswith("4.2.-1.abc.text.")


def test_fields_behind_the_last_known_one_are_shown() -> None:
    event = decode(b"9\x001\x008\x00more\x00\x1b[2J\x00", TO_CLIENT, 176)
    assert isinstance(event, Decoded)
    assert field_lines(event)[-1].strip() == r"behind the last known field: ['more', '\x1b[2J']"


def test_hostile_texts_do_nothing() -> None:
    for text in HOSTILE:
        event = decoded("error", 226, id=-1, errorCode=1, errorMsg=text.encode("utf-8", "replace").decode(), errorTime=1)
        lines = [event_line(event, 1, 0, 80), event_line(event, 1, 0, 10**6), *field_lines(event)]
        lines += [record_line(Opened(1, 0, text, text), 0)]
        lines += field_lines(event._replace(extra=(text,)))
        lines += field_lines(Undecodable(TO_CLIENT, 4, "error", 176, "text", text, text, 0, text.encode("utf-8", "surrogatepass")))
        assert not live("".join(lines), allowed="")


@pytest.mark.parametrize("text", HUGE, ids=["letters", "controls", "directions", "markup"])
def test_huge_texts_are_cut(text: str) -> None:
    event = decoded("error", 226, id=-1, errorCode=1, errorMsg=text, errorTime=1)
    lines = [event_line(event, 1, 0, 10**6), *field_lines(event), record_line(Opened(1, 0, text, text), 0)]
    assert sum(map(len, lines)) < 130_000
    assert not live("".join(lines), allowed="")
