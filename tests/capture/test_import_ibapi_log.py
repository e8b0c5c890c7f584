"""Logs of the official client: real ones tell, byte by byte, what the simulator recorded."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.logs import TO_CLIENT, TO_SERVER, chunks, decoded, greetings, imported, imported_text, logged, payloads
from tests.test_real_clients import ACCOUNT
from tests.wire.generate import examples
from twsprobe.capture.import_ibapi_log import begins, bytes_of, is_logged, joined, records_in, tuple_of
from twsprobe.capture.imported import Connections, Tally, VersionUnknown, Wish
from twsprobe.capture.importing import Form
from twsprobe.capture.log_lines import entries_in, lines_in
from twsprobe.capture.log_times import Clock
from twsprobe.capture.model import CaptureError, Close, Closed, Gap, Opened, Record
from twsprobe.capture.seen import seen_in
from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.registry import encode

VERSIONS = (178, 203, 226)
"""Text; binary ids and some protobuf; protobuf."""
DAY = datetime.date(2024, 5, 1)
HEAD = "2024-05-01 12:00:00,250 ibapi.client DEBUG "
GREETING = greeting(203, b"20240501 12:00:00 EST")
ACCOUNTS = encode("managedAccounts", TO_CLIENT, 203, accountsList="DU1234567")
ERROR = encode("error", TO_CLIENT, 203, id=-1, errorCode=2104, errorMsg='it\'s "OK" \\')
START = encode("startApi", TO_SERVER, 203, clientId=1, optionalCapabilities="")
OPENING = f"{HEAD}Connecting to 127.0.0.1:7497 w/ id:1\n{HEAD}REQUEST {offer(100, 203)!r}\n"
SENT = f"2024-05-01 12:00:00,300 ibapi.client INFO SENDING startApi {START!r}\n"


def read(tmp_path: Path, text: str | bytes, **options: Any) -> tuple[list[Record], Tally]:
    return imported_text(tmp_path / "client.log", text, **options)


Session = tuple[Path, list[Record]]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Session]:
    """A log of the client at each version, and what the simulator recorded."""
    folder = tmp_path_factory.mktemp("logs")
    found: dict[int, Session] = {}

    async def one(version: int) -> None:
        log = folder / f"{version}.log"
        found[version] = log, await logged(log, "ibapi_session.py", 226, "{host}", "{port}", ACCOUNT.code, str(version))

    async def all_of_them() -> None:
        async with trio.open_nursery() as nursery:
            for version in VERSIONS:
                nursery.start_soon(one, version)

    trio.run(all_of_them)
    return found


def stream(records: list[Record], direction: Direction) -> bytes:
    return b"".join(chunk.data for chunk in chunks(records) if chunk.direction is direction)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_log_tells_what_was_recorded_byte_by_byte(real: dict[int, Session], version: int) -> None:
    path, recorded = real[version]
    records, tally = imported(path)
    for direction in Direction:
        assert stream(records, direction) == stream(recorded, direction)
    assert (tally.messages, tally.opaque) == (payloads(recorded).total(), 0)
    assert isinstance(records[0], Opened)
    assert records[0].server == next(each.server for each in recorded if isinstance(each, Opened))


@pytest.mark.parametrize("version", VERSIONS)
def test_without_what_the_socket_received_frames_are_the_same(real: dict[int, Session], tmp_path: Path, version: int) -> None:
    path, recorded = real[version]
    lines = path.read_text().splitlines(keepends=True)
    records, _ = read(tmp_path, "".join(line for line in lines if " raw:b" not in line))
    assert payloads(records) == payloads(recorded)
    assert greetings(records)[0].raw == greetings(recorded)[0].raw


def test_a_log_of_level_info_has_the_requests(real: dict[int, Session], tmp_path: Path) -> None:
    path, recorded = real[178]
    lines = path.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if " INFO " in line)
    wanted = [(direction, raw) for direction, raw in payloads(recorded).elements() if direction is TO_SERVER]
    records, _ = read(tmp_path, text, server_version=178)
    assert [(each.direction, each.raw) for each in decoded(records)] == wanted
    unsaid, _ = read(tmp_path, text)
    assert [type(each) for each in unsaid[:3]] == [Opened, Gap, Gap]
    found = [seen.what for seen in seen_in(unsaid) if isinstance(seen.what, Decoded)]
    assert [(each.direction, each.raw) for each in found] == wanted


def test_a_log_that_begins_amid_a_connection(real: dict[int, Session], tmp_path: Path) -> None:
    path, recorded = real[178]
    lines = path.read_text().splitlines(keepends=True)
    answered = next(at for at, line in enumerate(lines) if " ANSWER " in line)
    received = [at for at, line in enumerate(lines) if at > answered and " raw:b" in line]
    text = "".join(lines[received[len(received) // 3] :])
    for version in (None, 178):
        records, _ = read(tmp_path, text, server_version=version)
        found = [(seen.what.direction, seen.what.raw) for seen in seen_in(records) if isinstance(seen.what, Decoded)]
        assert 3 < len(found) < payloads(recorded).total()
        assert set(found) <= set(payloads(recorded))
    without = "".join(line for line in text.splitlines(keepends=True) if " raw:b" not in line)
    with pytest.raises(VersionUnknown):
        read(tmp_path, without)
    records, _ = read(tmp_path, without, server_version=178)
    assert set(payloads(records)) <= set(payloads(recorded))


@pytest.mark.parametrize("version", [None, 178])
def test_a_message_that_looks_like_the_answer_is_a_message(tmp_path: Path, version: int | None) -> None:
    said = [encode("positionEnd", TO_CLIENT, 178), *(encode("nextValidId", TO_CLIENT, 178, orderId=number) for number in range(4))]
    text = "".join(f"{HEAD}len {len(each)} raw:{each!r}|\n" for each in said)
    records, _ = read(tmp_path, text, server_version=version)
    names = [seen.what.name for seen in seen_in(records) if isinstance(seen.what, Decoded)]
    assert names == ["positionEnd", *["nextValidId"] * 4]


FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda head: (
        f"{head}len 9 raw:{GREETING!r}|\n{SENT}{head}len 9 raw:{ACCOUNTS[:9]!r}|\n{head}len 9 raw:{ACCOUNTS[9:] + ERROR!r}|\n"
    ),
    "frames": lambda head: (
        f"{head}ANSWER {GREETING!r}\n{head}fields (b'203', b'20240501 12:00:00 EST')\n{SENT}"
        f"{head}msgId: 15, fields: (b'1', b'DU1234567')\n{head}msgId: 4, protobuf: {ERROR[8:]!r}\n"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("head", ["", HEAD, "(MainThread) 240501_12:00:00.250 DEBUG client.py:512 "])
def test_both_forms_of_what_was_received(tmp_path: Path, form: str, head: str) -> None:
    text = OPENING.replace(HEAD, head) + FORMS[form](head)
    assert is_logged(text.splitlines()[1].encode())
    records, tally = read(tmp_path, text, form=Form.IBAPI_LOG)
    assert stream(records, TO_SERVER) == offer(100, 203) + START
    assert stream(records, TO_CLIENT) == GREETING + ACCOUNTS + ERROR
    assert (tally.messages, tally.opaque) == (3, 0)


def test_an_older_client_logs_fields_with_the_id_first(tmp_path: Path) -> None:
    old = greeting(176, b"20240501 12:00:00 EST")
    text = f"{OPENING}{HEAD}ANSWER {old!r}\n{HEAD}fields (b'176', b'20240501 12:00:00 EST')\n"
    text += f"{HEAD}fields (b'9', b'1', b'8')\n{HEAD}fields ()\n"
    records, _ = read(tmp_path, text)
    assert stream(records, TO_CLIENT) == old + frame(b"9\x001\x008\0")


def test_ends_and_another_connection(tmp_path: Path) -> None:
    end = f"{HEAD}len 0 raw:b''|\n{HEAD}socket either closed or broken, disconnecting\n{HEAD}disconnecting\n"
    records, _ = read(tmp_path, (OPENING + FORMS["raw"](HEAD) + end) * 2)
    assert [(each.connection, each.direction, each.how) for each in records if isinstance(each, Closed)] == [
        (number, *rest) for number in (1, 2) for rest in ((TO_CLIENT, Close.FIN), (TO_SERVER, Close.ABANDONED))
    ]
    assert [each.server for each in records if isinstance(each, Opened)] == ["127.0.0.1:7497"] * 2
    again, _ = read(tmp_path, (f"{HEAD}REQUEST {offer(100, 203)!r}\n" + FORMS["raw"](HEAD)) * 2)
    assert [each.connection for each in again if isinstance(each, Opened)] == [1, 2]


def test_a_greeting_alone_makes_the_offer(tmp_path: Path) -> None:
    records, _ = read(tmp_path, FORMS["raw"](HEAD))
    assert [each.name for each in decoded(records)] == ["startApi", "managedAccounts", "error"]


def test_what_others_log_is_no_message(tmp_path: Path) -> None:
    others = [
        f"2024-05-01 12:00:00,250 ibapi.wrapper ERROR ERROR -1 1 201 SENDING placeOrder {START!r}",
        f"{HEAD}msg: 'SENDING placeOrder {START!r}",
        f"{HEAD}REQUEST placeOrder {{'a': {START!r}}}",
        f"{HEAD}read_msg: size: 12",
        f"{HEAD}size:1 msg.size:1 msg:|b'x'| buf:||",
    ]
    assert not any(is_logged(line.encode()) for line in others)
    records, tally = read(tmp_path, OPENING + "".join(f"{line}\n" for line in others))
    assert (stream(records, TO_SERVER), tally.passed_over) == (offer(100, 203), len(others))


@pytest.mark.parametrize("line", ["len 3 raw:b'abc", "SENDING x b'\\x0'", "msgId: 4, fields: (b'1', 7)", "ANSWER b'\\q'", "REQUEST b'no'"])
def test_half_a_form_is_kept_and_at_the_end_a_tear(tmp_path: Path, line: str) -> None:
    records, tally = read(tmp_path, f"{OPENING}{HEAD}{line}\n")
    assert tally.opaque == 1
    assert len(chunks(records)) == 1
    if line != "REQUEST b'no'":
        with pytest.raises(CaptureError, match=f"torn at byte {len(OPENING)}"):
            read(tmp_path, f"{OPENING}{HEAD}{line}")


@given(st.binary(max_size=50), st.lists(st.binary(max_size=9)))
def test_bytes_as_python_writes_them(data: bytes, fields: list[bytes]) -> None:
    assert bytes_of(repr(data).encode()) == data
    assert tuple_of(repr(tuple(fields)).encode()) == tuple(fields)
    assert joined(tuple(fields)) == b"".join(field + b"\0" for field in fields)
    assert is_logged(f"x msgId: 4, fields: {tuple(fields)!r}".encode())
    assert is_logged(f"x len 7 raw:{data!r}|".encode())


PIECES = st.sampled_from(
    [OPENING, SENT, *FORMS["raw"](HEAD).splitlines(), *FORMS["frames"]("").splitlines(), "\n", "b'", "'", "|", "(", "\\"]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=20).map("\n".join).map(str.encode) | st.binary(max_size=60)


@examples(3)
@given(TEXTS, st.sampled_from([None, 157, 203]))
def test_any_text_is_read_or_refused(text: bytes, version: int | None) -> None:
    connections = Connections("x", Tally(), Wish(version))
    records: list[Record] = []
    try:
        records.extend(records_in(entries_in(lines_in([text]), begins), connections, Clock(DAY)))
    except CaptureError:
        return
    list(seen_in(records))
