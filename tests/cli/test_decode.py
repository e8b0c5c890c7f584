"""``twsprobe decode``: what a capture holds, whole, torn and hostile."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.capture.packet_making import SERVER, Talk, pcap_file
from tests.cli.conftest import Run
from tests.views.hostile import HOSTILE, HUGE, encodable, live, one_field, wire
from tests.views.reports import hostile_script, probed
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.cli import decode
from twsprobe.cli.exits import ExitCode
from twsprobe.cli.main import run
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.views.decode import HEADER
from twsprobe.views.statistics import HEADER as STATISTICS_HEADER
from twsprobe.wire import registry
from twsprobe.wire.events import Decoded, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.registry import encode

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
BEGIN = 1_714_564_800 * 10**9
"""2024-05-01, 12:00 UTC."""

ALWAYS = {"event", "time", "connection"}
KEYS = {
    "opened": ALWAYS | {"client", "server"},
    "closed": ALWAYS | {"direction", "how"},
    "gap": ALWAYS | {"direction", "size"},
    "note": ALWAYS | {"direction", "text"},
    "version_offer": ALWAYS | {"direction", "size", "fields"},
    "greeting": ALWAYS | {"direction", "size", "fields"},
    "message": ALWAYS | {"direction", "size", "id", "name", "server_version", "encoding", "fields"},
    "unknown": ALWAYS | {"direction", "size", "id", "name", "server_version", "encoding", "reason"},
    "undecodable": ALWAYS | {"direction", "size", "id", "name", "server_version", "encoding", "reason", "path", "offset"},
    "sync_lost": ALWAYS | {"direction", "size", "reason", "offset"},
    "resynced": ALWAYS | {"direction", "size", "reason", "offset"},
}
ODD: list[Record] = [
    Opened(0, BEGIN, "127.0.0.1:50000", "127.0.0.1:7497"),
    Chunk(0, TO_SERVER, BEGIN + 1_000_000, offer(100, 176, "+PACEAPI")),
    Chunk(0, TO_CLIENT, BEGIN + 2_000_000, greeting(176, b"20240501 12:00:00 GMT") + frame(b"9\x001\x008\x00")),
    Chunk(0, TO_CLIENT, BEGIN + 3_000_000, frame(b"9\x001\x00x\x00") + frame(b"999\x00a\x00") + frame(b"9\x001\x008\x00more\x00")),
    Chunk(0, TO_SERVER, BEGIN + 4_000_000, frame(b"71\x002\x007\x00\x00") + b"\0\0\0\x09half"),
    Chunk(0, TO_CLIENT, BEGIN + 5_000_000, b"HTTP/1.1 400"),
    Closed(0, BEGIN + 6_000_000, TO_CLIENT, Close.RST),
]


def written(path: Path, records: list[Record], **metadata: str) -> str:
    """A capture of records."""
    with Writer(path, metadata=metadata, created_ns=BEGIN, overwrite=True) as writer:
        for record in records:
            writer.write(record)
    return str(path)


@pytest.fixture
def odd(tmp_path: Path) -> str:
    """A capture with an event of every kind."""
    return written(tmp_path / "odd.jsonl", ODD)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A capture of a whole session."""
    return written(tmp_path_factory.mktemp("captures") / "session.jsonl", probed(SCENARIOS["ready"], sync=True)[1].records)


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of ``--json``, one a line."""
    assert text.isascii()
    assert not live(text)
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        added = each.keys() - {"raw", "extra", "anomalies"}
        assert added == KEYS[each["event"]], each
    return found


def test_what_is_missing_is_shown(tmp_path: Path, ran: Run) -> None:
    path = written(tmp_path / "x", [*ODD[:3], Gap(0, TO_CLIENT, BEGIN + 3, 12), Note(0, TO_SERVER, BEGIN + 4, "fault: delayed")])
    table = ran("decode", path).out
    assert " <<<      gap                      12 bytes are missing from the capture\n" in table
    assert " >>>      note                     fault: delayed\n" in table
    assert [each["event"] for each in objects(ran("decode", path, "--json").out)][-2:] == ["gap", "note"]
    [gap] = objects(ran("decode", path, "--json", "--where", "size == 12").out)
    assert gap["event"] == "gap"
    [note] = objects(ran("decode", path, "--json", "--where", "text ~ fault").out)
    assert note["event"] == "note"


def test_a_capture_that_begins_in_the_middle(tmp_path: Path, ran: Run) -> None:
    missing: list[Record] = [Gap(0, TO_CLIENT, BEGIN, None), Chunk(0, TO_CLIENT, BEGIN, frame(b"9\x001\x008\x00") * 2)]
    path = written(tmp_path / "x", missing)
    table = ran("decode", path).out
    assert "resynced                 frames go on behind missing bytes; server version 200 is a guess\n" in table
    versions = [
        [each.get("server_version") for each in objects(ran("decode", path, "--json", *more).out)]
        for more in ((), ("--server-version", "151"))
    ]
    assert versions == [[None, None, 200, 200], [None, None, 151, 151]]
    assert ran("decode", path, "--server-version", "99").code == ExitCode.USAGE


def test_packets_are_read_and_what_is_left_out_is_said(tmp_path: Path, ran: Run) -> None:
    talk = Talk().open()
    talk.send(0, offer(100, 176))
    web = Talk(server=SERVER._replace(port=80)).open()
    web.send(0, b"GET / HTTP/1.1")
    path = tmp_path / "x"
    path.write_bytes(pcap_file(talk.packets + web.packets))
    for arguments in ((), ("--json",), ("--stats",)):
        found = ran("decode", str(path), *arguments)
        assert (found.code, found.err) == (0, "left out: connections that are not TWS: 1\n")
        assert "version" in found.out
    path.write_bytes(pcap_file(talk.packets)[:-3])
    torn = ran("decode", str(path), "--json")
    assert (torn.code, [each["event"] for each in objects(torn.out)]) == (ExitCode.CAPTURE_CORRUPT, ["opened"])
    assert "torn at byte" in torn.err


def test_a_capture_as_a_table(odd: str, ran: Run) -> None:
    found = ran("decode", odd)
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines() == [
        HEADER,
        "   0.000000    0 ---      opened                   connection from 127.0.0.1:50000 to 127.0.0.1:7497",
        "   0.001000    0 >>>      version offer            v100..176 +PACEAPI",
        "   0.002000    0 <<<      greeting                 server version 176, 20240501 12:00:00 GMT",
        "   0.002000    0 <<<    9 nextValidId              orderId=8",
        "   0.003000    0 <<<    9 undecodable nextValidId  orderId: 'x' is not int32",
        r"   0.003000    0 <<<  999 unknown                  no message with this id is declared: b'999\x00a\x00'",
        "   0.003000    0 <<<    9 nextValidId              orderId=8  ! 1 text field behind the last known one",
        "   0.004000    0 >>>   71 startApi                 clientId=7",
        "   0.005000    0 <<<      not frames               a frame of 1,213,486,160 bytes was announced; the limit is 16,777,215: "
        "b'HTTP/1.1 400'",
        "   0.006000    0 ---      closed                   the server: rst",
        "   0.006000    0 >>>      undecodable              ends inside a frame",
    ]


def test_fields_with_their_offsets_and_bytes(odd: str, ran: Run) -> None:
    lines = ran("decode", odd, "-v").out.splitlines()
    at = lines.index("   0.002000    0 <<<    9 nextValidId              orderId=8")
    assert [line.strip() for line in lines[at + 1 : at + 3]] == ["2 version = 1  [31]", "4 orderId = 8  [38]"]
    assert "                  0 41 50 49 00 00 00 00 12 76 31 30 30 2e 2e 31 37  API.....v100..17" in lines
    assert "             at 4: orderId: 'x' is not int32" in lines
    assert "                  0 00 00 00 09 68 61 6c 66                          ....half" in lines
    assert any(line.strip() == "behind the last known field: ['more']" for line in lines)


def test_objects_a_line(odd: str, ran: Run) -> None:
    found = ran("decode", odd, "--json")
    assert (found.code, found.err) == (0, "")
    seen = objects(found.out)
    assert {each["event"] for each in seen} == KEYS.keys() - {"gap", "note", "resynced"}
    assert [each["time"] for each in seen] == sorted(each["time"] for each in seen)
    assert seen[0]["time"] == "2024-05-01T12:00:00.000000Z"
    message = next(each for each in seen if each["event"] == "message")
    assert message == {
        "event": "message", "time": "2024-05-01T12:00:00.002000Z", "connection": 0, "direction": "to_client", "id": 9,
        "name": "nextValidId", "server_version": 176, "encoding": "text", "size": 10, "fields": {"version": 1, "orderId": 8},
    }  # fmt: skip
    assert all("raw" not in each for each in seen)


def test_raw_bytes_on_request_are_all_the_bytes(session: str, odd: str, ran: Run) -> None:
    for path in (session, odd):
        seen = objects(ran("decode", path, "--json", "-v").out)
        for direction in ("to_server", "to_client"):
            told = b""
            for each in seen:
                if each.get("direction") == direction and "raw" in each:
                    raw = bytes.fromhex(each["raw"])
                    told += raw if each["size"] == len(raw) else len(raw).to_bytes(4, "big") + raw
            records = [json.loads(line) for line in Path(path).read_text().splitlines()]
            sent = "".join(each["data"] for each in records if each.get("to") == direction[3:] and "data" in each)
            assert told == sent.encode("latin-1")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--name", "nextValidId"), ["nextValidId"]),
        (("--name", "nextValidId", "--name", "managedAccounts"), ["managedAccounts", "nextValidId"]),
        (("--id", "9"), ["nextValidId"]),
        (("--id", "71", "--id", "15"), ["startApi", "managedAccounts"]),
        (("--id", "49"), ["reqCurrentTime", "currentTime"]),
        (("--id", "49", "--direction", "to_client"), ["currentTime"]),
        (("--id", "49", "--name", "startApi", "--direction", "to_server"), ["startApi", "reqCurrentTime"]),
        (("--name", "nobody"), []),
        (("--id", "12345"), []),
    ],
)
def test_filters(arguments: tuple[str, ...], names: list[str], session: str, ran: Run) -> None:
    found = ran("decode", session, "--json", *arguments)
    assert found.code == 0
    assert [each["name"] for each in objects(found.out)] == names
    table = ran("decode", session, *arguments).out.splitlines()
    assert table[0] == HEADER
    assert [line[26:].split()[0] for line in table[1:]] == names


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_a_direction_is_all_that_went_that_way(direction: str, session: str, ran: Run) -> None:
    seen = objects(ran("decode", session, "--json").out)
    wanted = [each for each in seen if each.get("direction") == direction and each["event"] != "closed"]
    assert objects(ran("decode", session, "--json", "--direction", direction).out) == wanted
    assert len(wanted) > 5


@pytest.mark.parametrize(
    ("arguments", "events"),
    [
        (("--id", "9"), ["message", "undecodable", "message"]),
        (("--id", "999"), ["unknown"]),
        (("--name", "unknown"), ["unknown"]),
        (("--name", "sync_lost"), ["sync_lost"]),
        (("--name", "version_offer", "--name", "greeting"), ["version_offer", "greeting"]),
    ],
)
def test_filters_of_what_is_no_message(arguments: tuple[str, ...], events: list[str], odd: str, ran: Run) -> None:
    assert [each["event"] for each in objects(ran("decode", odd, "--json", *arguments).out)] == events


def test_several_connections_are_told_apart(tmp_path: Path, ran: Run) -> None:
    mixed = [record._replace(connection=number) for record in ODD for number in (3, 5)]
    seen = objects(ran("decode", written(tmp_path / "x.jsonl", mixed), "--json").out)
    alone = objects(ran("decode", written(tmp_path / "y.jsonl", ODD), "--json").out)
    for number in (3, 5):
        assert [each | {"connection": 0} for each in seen if each["connection"] == number] == alone


@pytest.mark.parametrize("arguments", [(), ("-v",), ("--json",)])
def test_a_torn_capture_is_shown_up_to_the_tear(arguments: tuple[str, ...], session: str, tmp_path: Path, ran: Run) -> None:
    data = Path(session).read_bytes()
    whole = ran("decode", session, *arguments).out.splitlines()
    path = tmp_path / "torn.jsonl"
    path.write_bytes(data[: data.rindex(b'"data"')])
    found = ran("decode", str(path), *arguments)
    at = data.rindex(b"\n", 0, data.rindex(b'"data"')) + 1
    assert found.code == ExitCode.CAPTURE_CORRUPT
    assert found.err == f"twsprobe: {path}: torn at byte {at}: the last line is incomplete\n"
    seen = found.out.splitlines()
    assert len(seen) > 10
    assert seen == whole[: len(seen)]


def test_a_packed_capture(session: str, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(gzip.compress(Path(session).read_bytes()))
    assert ran("decode", str(path)).out == ran("decode", session).out
    path.write_bytes(path.read_bytes()[:-20])
    found = ran("decode", str(path))
    assert found.code == ExitCode.CAPTURE_CORRUPT
    assert found.err.startswith(f"twsprobe: {path}: torn at byte ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"nothing", "is not a capture"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "corrupt at byte 0: a section header"),
        (b"{}\n", "is not a capture"),
        (b'{"format": "twsprobe.capture/2"}\n', "a newer twsprobe may read it"),
        (b"[" * 100_000, "is not a capture"),
        (b"{" * 100_000, "is longer than"),
    ],
)
def test_what_is_no_capture(data: bytes, said: str, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    found = ran("decode", str(path))
    assert (found.code, found.out) == (ExitCode.CAPTURE_CORRUPT, "")
    assert found.err.startswith(f"twsprobe: {path}: ")
    assert said in found.err
    assert found.err.count("\n") == 1


def test_an_empty_capture_has_no_lines(tmp_path: Path, ran: Run) -> None:
    path = written(tmp_path / "x.jsonl", [])
    assert ran("decode", path) == (0, f"{HEADER}\n", "")
    assert ran("decode", path, "--json") == (0, "", "")
    assert ran("decode", path, "--json", "--stats") == (0, "", "")
    assert ran("decode", path, "--stats").out.splitlines()[0] == STATISTICS_HEADER


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("name in (nextValidId, managedAccounts)", ["managedAccounts", "nextValidId"]),
        ("orderId == 8", ["nextValidId"]),
        ("id == 49 and direction == to_server", ["reqCurrentTime"]),
        ("errorMsg ~ 'farm connection' and errorCode > 2105", ["error", "error"]),
        ("name ~ Time and not name == currentTime", ["reqCurrentTime", "updateAccountTime"]),
        ("event == message and size < 13 and time < 60 and id < 10", ["nextValidId", "reqOpenOrders"]),
        ("fields.id == 5", []),
    ],
)
def test_a_filter(expression: str, names: list[str], session: str, ran: Run) -> None:
    found = ran("decode", session, "--json", "--where", expression)
    assert (found.code, found.err) == (0, "")
    assert [each["name"] for each in objects(found.out)] == names
    assert len(ran("decode", session, "--where", expression).out.splitlines()) == len(names) + 1


def test_a_filter_of_what_is_no_message(odd: str, ran: Run) -> None:
    def kinds(*arguments: str) -> list[str]:
        return [each["event"] for each in objects(ran("decode", odd, "--json", *arguments).out)]

    assert kinds("--where", "event in (opened, closed)") == ["opened", "closed"]
    assert kinds("--where", "time >= 0.005") == ["sync_lost", "closed", "undecodable"]
    assert kinds("--where", "time >= 0.005", "--direction", "to_client") == ["sync_lost"]
    assert kinds("--where", "not event == message", "--id", "9") == ["undecodable"]


def test_a_filter_with_the_other_options_is_both(session: str, ran: Run) -> None:
    both = ran("decode", session, "--json", "--where", "id == 49", "--direction", "to_client")
    assert [each["name"] for each in objects(both.out)] == ["currentTime"]


def test_following_a_request(tmp_path: Path, ran: Run) -> None:
    def said(direction: Direction, name: str, **fields: Any) -> Chunk:
        return Chunk(0, direction, BEGIN, encode(name, direction, 176, **fields))

    contract = {"conId": 7, "symbol": "AAPL"}
    records: list[Record] = [
        Opened(0, BEGIN, "", ""),
        Chunk(0, TO_SERVER, BEGIN, offer(100, 176)),
        Chunk(0, TO_CLIENT, BEGIN, greeting(176, b"")),
        said(TO_SERVER, "reqMktData", reqId=7, contract=contract),
        said(TO_SERVER, "reqMktData", reqId=8, contract=contract),
        said(TO_CLIENT, "tickPrice", reqId=8, tickType=7, price=7.0, size=Decimal(7)),
        said(TO_CLIENT, "tickPrice", reqId=7, tickType=1, price=1.0, size=Decimal(1)),
        said(TO_CLIENT, "error", id=7, errorCode=200, errorMsg="none"),
        said(TO_CLIENT, "error", id=-1, errorCode=7, errorMsg="7"),
        said(TO_CLIENT, "orderStatus", orderId=7, permId=7, status="Filled"),
        said(TO_CLIENT, "orderStatus", orderId=9, permId=7, status="Filled"),
        said(TO_CLIENT, "execDetails", reqId=1, contract=contract, execution={"orderId": 7}),
    ]
    path = written(tmp_path / "x.jsonl", records)
    found = objects(ran("decode", path, "--json", "--follow", "7").out)
    assert [each["name"] for each in found] == ["reqMktData", "tickPrice", "error", "orderStatus", "execDetails"]
    assert [each["name"] for each in objects(ran("decode", path, "--json", "--follow", "-1").out)] == ["error"]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("reqid == 7", "character 1: no message has a field 'reqid'; there is reqId"),
        ("reqId = 7", "character 7: '=' is no comparison"),
        ("reqId == 7 and", "character 15: the name of a field is expected"),
        ("", "character 1: the name of a field is expected"),
        ("(" * 10_000, "character 66: this is more than 64 parentheses and 'not' deep"),
        ("reqId == '\x1b[2J' x\x1b", r"'x\x1b'"),
    ],
)
def test_what_is_no_filter_is_one_line(expression: str, said: str, odd: str, ran: Run) -> None:
    found = ran("decode", odd, "--where", expression)
    assert (found.code, found.out) == (ExitCode.USAGE, "")
    assert found.err.startswith("twsprobe: --where, character ")
    assert said in found.err.replace("\\\\", "\\")
    assert found.err.count("\n") == 1
    assert not live(found.err)


def test_hostile_filters_do_nothing(odd: str, ran: Run) -> None:
    for text in HOSTILE:
        found = ran("decode", odd, "--where", f"name == {text} or reason ~ '{text}'", "--stats")
        assert found.code in (ExitCode.OK, ExitCode.USAGE)
        assert not live(found.out + found.err)


def test_statistics_as_a_table(odd: str, ran: Run) -> None:
    found = ran("decode", odd, "--stats")
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines() == [
        STATISTICS_HEADER,
        "<<<    9        2     25    400   0.001   0.002   0.003 nextValidId",
        "<<<             1     30    200       -   0.002   0.002 greeting",
        "<<<             1     12    200       -   0.005   0.005 not frames",
        "<<<    9        1     10    200       -   0.003   0.003 undecodable nextValidId",
        "<<<  999        1     10    200       -   0.003   0.003 unknown",
        ">>>             1      8    200       -   0.006   0.006 undecodable",
        ">>>             1     26    200       -   0.001   0.001 version offer",
        ">>>   71        1     12    200       -   0.004   0.004 startApi",
        "                9    133  1.80k                         all",
    ]


def test_statistics_as_objects(odd: str, session: str, ran: Run) -> None:
    first, *_ = found = [json.loads(line) for line in ran("decode", odd, "--stats", "--json").out.splitlines()]
    assert first == {
        "event": "message", "direction": "to_client", "id": 9, "name": "nextValidId", "count": 2, "bytes": 25, "rate": 400.0,
        "largest_gap": 0.001, "first": "2024-05-01T12:00:00.002000Z", "last": "2024-05-01T12:00:00.003000Z",
    }  # fmt: skip
    assert all(each.keys() == first.keys() for each in found)
    everything = objects(ran("decode", session, "--json").out)
    counted = [json.loads(line) for line in ran("decode", session, "--stats", "--json").out.splitlines()]
    assert sum(each["count"] for each in counted) == len([each for each in everything if "size" in each])
    assert sum(each["bytes"] for each in counted) == sum(each.get("size", 0) for each in everything)


def test_statistics_of_what_is_wanted(session: str, ran: Run) -> None:
    found = [json.loads(line) for line in ran("decode", session, "--stats", "--json", "--name", "error").out.splitlines()]
    assert [(each["name"], each["count"]) for each in found] == [("error", 3)]


def test_statistics_of_a_torn_capture_go_up_to_the_tear(session: str, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / "torn.jsonl"
    path.write_bytes(Path(session).read_bytes()[:-20])
    found = ran("decode", str(path), "--stats")
    assert found.code == ExitCode.CAPTURE_CORRUPT
    assert found.out.splitlines()[-1].endswith(" all")
    assert found.err.startswith(f"twsprobe: {path}: torn at byte ")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("arguments", "terminals", "shown"),
    [
        (("--json",), {"stderr"}, True),
        (("--stats",), {"stdout", "stderr"}, True),
        (("--json",), {"stdout", "stderr"}, False),
        (("--stats",), {"stdout"}, False),
        (("--stats",), set(), False),
    ],
)
def test_a_long_file_shows_how_far_it_is(
    arguments: tuple[str, ...], terminals: set[str], shown: bool, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = {name: Terminal() if name in terminals else io.StringIO() for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    assert run(["decode", session, *arguments]) == 0
    assert not streams["stderr"].getvalue(), "the file is short"
    monkeypatch.setattr(decode, "LONG_FILE", 1000)
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(["decode", session, *arguments]) == 0
    assert ("100%" in streams["stderr"].getvalue()) is shown
    assert not streams["stdout"].getvalue().count("%")


def test_no_color_and_no_terminal_mean_no_colours(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in ((), ("--stats",)):
        for no_color, bold in (("", True), ("1", False)):
            stream = Terminal()
            monkeypatch.setattr(sys, "stdout", stream)
            monkeypatch.setenv("NO_COLOR", no_color)
            monkeypatch.setenv("COLUMNS", "80")
            assert run(["decode", odd, *arguments]) == 0
            assert ("\x1b[1m" in stream.getvalue()) is bold
            assert not live(stream.getvalue(), coloured=True)
            assert all(len(line) <= 80 for line in stream.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())


def test_what_cannot_be_wanted_is_not_decoded(session: str, ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int | None] = []
    original = registry.decode

    def noted(payload: bytes, direction: Direction, server_version: int) -> Decoded | Unknown | Undecodable:
        decoded.append(registry.head(payload, server_version).id)
        return original(payload, direction, server_version)

    monkeypatch.setattr(registry, "decode", noted)
    for arguments in (
        ("--id", "9"),
        ("--name", "nextValidId"),
        ("--where", "name == nextValidId and orderId > 0"),
        ("--where", "numIds > 0"),
    ):
        decoded.clear()
        ran("decode", session, *arguments)
        assert set(decoded) <= {9, 8}, arguments
    assert ran("decode", session, "--where", "orderId == 8").out.count("nextValidId") == 1


def test_memory_stays_flat(tmp_path: Path, ran: Run) -> None:
    tick = encode("tickPrice", TO_CLIENT, 176, reqId=7, tickType=1, price=1.0, size=Decimal(1))
    begin = [Chunk(0, TO_SERVER, BEGIN, offer(100, 176)), Chunk(0, TO_CLIENT, BEGIN, greeting(176, b""))]

    def peak(chunks: int) -> int:
        path = written(tmp_path / "x.jsonl", [*begin, *(Chunk(0, TO_CLIENT, BEGIN, tick * 100) for _ in range(chunks))])
        tracemalloc.start()
        try:
            assert ran("decode", path, "--stats").code == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(300) < peak(30) + 500_000


VIEWS = ((), ("-v",), ("--json",), ("--json", "-v"), ("--direction", "to_client", "-v"), ("--stats",), ("--follow", "8"))


def inert(ran: Run, path: str) -> None:
    """Decode a capture in every way and check what was printed."""
    for arguments in VIEWS:
        found = ran("decode", path, *arguments)
        assert found.code in (ExitCode.OK, ExitCode.CAPTURE_CORRUPT), found.err
        assert not live(found.out + found.err)
        assert found.err.count("\n") == (found.code != ExitCode.OK)
        if "--json" in arguments:
            objects(found.out)


def test_hostile_texts_of_sessions_do_nothing(tmp_path: Path, ran: Run) -> None:
    records: list[Record] = []
    for number, text in enumerate(HOSTILE[::9]):
        _, kept = probed(SCENARIOS["ready"], hostile_script(encodable(text)), sync=True, config=True)
        records += [record._replace(connection=number) for record in kept.records]
    inert(ran, written(tmp_path / "x.jsonl", records))


def test_hostile_texts_of_a_file_do_nothing(tmp_path: Path, ran: Run) -> None:
    """What a file says about itself and its connections, odd bytes, offers, zones, and text in the place of numbers."""
    records: list[Record] = []
    for number, text in enumerate(HOSTILE):
        raw = wire(text)
        records += [
            Opened(number, BEGIN, text, text),
            Chunk(number, TO_SERVER, BEGIN, offer(100, 176)[:4] + frame(b"v100..176 " + raw) + frame(raw)),
            Chunk(number, TO_CLIENT, BEGIN, frame(raw) + greeting(176, one_field(text)) + frame(b"9\x001\x00" + raw + b"\0")),
            Chunk(number, TO_CLIENT, BEGIN, frame(b"999\0" + raw) + frame(b"9\x001\x008\x00" + raw + b"\0") + b"\xff\xff" + raw),
            Closed(number, BEGIN, TO_CLIENT, Close.FIN),
        ]
    inert(ran, written(tmp_path / "x.jsonl", records, **{f"key{number}": text for number, text in enumerate(HOSTILE[::6])}))


@pytest.mark.parametrize("text", HUGE[:2], ids=["letters", "controls"])
def test_huge_texts_do_nothing(text: str, tmp_path: Path, ran: Run) -> None:
    records = [Opened(0, BEGIN, text[:1000], ""), *probed(SCENARIOS["ready"], hostile_script(text))[1].records[1:]]
    path = written(tmp_path / "x.jsonl", records)
    inert(ran, path)
    assert max(map(len, ran("decode", path, "-v").out.splitlines())) < 50_000


def test_hostile_names_of_files_do_nothing(tmp_path: Path, ran: Run) -> None:
    for name in ("\x1b[2J", "a\nb", "\u202egpj.exe", "[red]", "\udcff", "-v", "x" * 200, " ", "\\x1b"):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"nothing")
        inert(ran, str(path))


@pytest.fixture
def decoded_lines(ran: Run, tmp_path: Path) -> Callable[[bytes], None]:
    """Writes lines to a file and decodes it in every way."""

    def decode_lines(data: bytes) -> None:
        path = tmp_path / "x.jsonl"
        path.write_bytes(data)
        inert(ran, str(path))

    return decode_lines


HEADER_LINE = b'{"format": "twsprobe.capture/1", "created": "2024-05-01T12:00:00.000000Z"}\n'
texts = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(HOSTILE)
bytes_as_text = st.binary(max_size=60).map(lambda data: data.decode("latin-1"))
times, connections = st.integers(-(10**18), 10**19), st.integers(0, 3)
lines = st.one_of(
    st.fixed_dictionaries({"t": times, "c": connections, "to": st.sampled_from(["client", "server"]), "data": bytes_as_text}),
    st.fixed_dictionaries({"t": times, "c": connections, "event": st.just("opened"), "client": texts, "server": texts}),
    st.fixed_dictionaries(
        {"t": times, "c": connections, "event": st.just("closed"), "to": st.just("client"), "how": st.just("fin") | texts}
    ),
    st.dictionaries(texts, texts | st.integers() | st.none() | st.booleans(), max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(lines, max_size=6), st.binary(max_size=20))
def test_whatever_a_file_holds_does_nothing(decoded_lines: Callable[[bytes], None], found: list[dict[str, Any]], rest: bytes) -> None:
    decoded_lines(HEADER_LINE + b"".join(json.dumps(line).encode() + b"\n" for line in found) + rest)
