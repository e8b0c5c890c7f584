import json
import shutil
import subprocess
from pathlib import Path

import dpkt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.capture.recording import (
    CREATED_NS,
    EVERY_KIND,
    FIRST,
    RECORDS,
    SERVER,
    TO_CLIENT,
    TO_SERVER,
    all_in,
    directions,
    numbers,
    records,
)
from twsprobe import __version__
from twsprobe.capture import files, pcapng
from twsprobe.capture.members import MAX_CHUNK, MAX_HEADER, MAX_NUMBER, MAX_TEXT
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Note, Opened, Record
from twsprobe.capture.packets import RAW
from twsprobe.capture.pcapng_blocks import OPT_COMMENT, blocks_in, options_of, packets_in
from twsprobe.capture.pcapng_writing import SHB_USERAPPL, Writer
from twsprobe.capture.segments import LONGEST_SUMMED
from twsprobe.wire.framing import Direction

OPENED_6 = Opened(0, CREATED_NS, "[::1]:51234", "[::1]:7497")
LONG = Chunk(0, TO_CLIENT, CREATED_NS + 9_050_000, bytes(range(256)) * 800)


def written(path: Path, given: list[Record], metadata: dict[str, str] | None = None) -> bytes:
    with Writer(path, metadata=metadata, created_ns=CREATED_NS, overwrite=True) as writer:
        for record in given:
            writer.write(record)
    return path.read_bytes()


def test_the_section_says_who_wrote_it_and_what_the_header_says(tmp_path: Path) -> None:
    section, interface = blocks_in([written(tmp_path / "x", [], {"target": SERVER})], "x")
    options = dict(options_of(section, 16))
    assert options[SHB_USERAPPL] == f"twsprobe {__version__}".encode()
    created = "2024-05-01T12:00:00.000000Z"
    header = {"format": "twsprobe.capture/1", "program": f"twsprobe {__version__}", "created": created, "target": SERVER}
    assert json.loads(options[OPT_COMMENT]) == header
    assert interface.body[:8] == RAW[-1].to_bytes(4, "little") + bytes(4)
    assert dict(options_of(interface, 8))[9] == b"\x09"


def test_packets_have_their_records_times_and_comments_where_they_say_too_little(tmp_path: Path) -> None:
    packets = list(packets_in([written(tmp_path / "x", [*RECORDS, Note(0, TO_SERVER, CREATED_NS, "caf\u00e9")])], "x"))
    asked, answered, agreed, offer, data, end, note = packets
    assert asked.time_ns == answered.time_ns == agreed.time_ns == RECORDS[0].time_ns
    assert [packet.time_ns for packet in (offer, data, end)] == [record.time_ns for record in RECORDS[1:]]
    assert [packet.comments for packet in (asked, answered, offer, data, end)] == [()] * 5
    assert agreed.comments == (f'{{"c": 0, "event": "opened", "client": "{FIRST}", "server": "{SERVER}"}}',)
    assert note.comments == (r'{"c": 0, "event": "note", "to": "server", "text": "caf\u00e9"}',)
    assert offer.data[40:] + data.data[40:] == b"".join(record.data for record in RECORDS if isinstance(record, Chunk))


def test_a_comment_that_is_too_long_for_one_goes_on_in_the_next(tmp_path: Path) -> None:
    note = Note(0, TO_CLIENT, CREATED_NS, "\U0001f600" * MAX_TEXT)
    [packet] = packets_in([written(tmp_path / "x", [note])], "x")
    assert [len(comment) for comment in packet.comments[:-1]] == [pcapng.MAX_OPTION] * (len(packet.comments) - 1)
    assert json.loads("".join(packet.comments))["text"] == note.text
    assert all_in(tmp_path / "x") == ([note], None)


def test_a_header_of_the_longest_kind_is_read_and_a_longer_one_is_not_written(tmp_path: Path) -> None:
    beginning = written(tmp_path / "x", [], {"comment": ""})
    used = len(dict(options_of(next(blocks_in([beginning], "x")), 16))[OPT_COMMENT])
    metadata = {"comment": "x" * (MAX_HEADER - used)}
    header, _ = pcapng.read([written(tmp_path / "x", [], metadata)], "x")
    assert header["comment"] == metadata["comment"]
    with pytest.raises(CaptureError, match=f"its header is longer than {MAX_HEADER} bytes"):
        written(tmp_path / "y", [], {"comment": metadata["comment"] + "x"})
    assert not (tmp_path / "y").exists()


def test_a_record_is_one_write(tmp_path: Path) -> None:
    with Writer(tmp_path / "x", created_ns=CREATED_NS) as writer:
        for record in EVERY_KIND:
            before = writer.position
            writer.write(record)
            assert writer.position > before
            assert len(list(writer._encoded(record))) == 1
        assert len(list(writer._encoded(LONG._replace(data=bytes(MAX_CHUNK + 1))))) == 2


class Slow(Writer):
    """A writer for which no record is a plain one."""

    write = files.Writer.write


chunks = st.builds(Chunk, st.integers(0, 1), directions, numbers, st.binary(max_size=9) | st.integers(1400, 70_000).map(bytes))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(records | chunks, max_size=12))
@example([OPENED_6, Chunk(0, TO_CLIENT, MAX_NUMBER, b"x"), Chunk(0, TO_CLIENT, 0, b"xy"), Chunk(0, TO_SERVER, 1, bytes(65_475))])
@example([OPENED_6, *(Chunk(0, TO_CLIENT, 0, bytes(65_475)) for _ in range(10)), Chunk(0, TO_SERVER, 1, bytes(65_476))])
def test_plain_chunks_are_written_as_all_others_are(tmp_path: Path, given: list[Record]) -> None:
    with Slow(tmp_path / "slow", created_ns=CREATED_NS, overwrite=True) as slow:
        for record in given:
            slow.write(record)
    assert written(tmp_path / "x", given) == (tmp_path / "slow").read_bytes()


@pytest.mark.parametrize("time_ns", [-1, MAX_NUMBER + 1])
def test_a_time_that_no_record_has_is_refused(tmp_path: Path, time_ns: int) -> None:
    with Writer(tmp_path / "x") as writer:
        writer.write(RECORDS[0])
        writer.write(RECORDS[1])
        with pytest.raises(ValueError, match="out of range"):
            writer.write(Chunk(0, TO_SERVER, time_ns, b"x"))
        writer.write(RECORDS[2])
    assert all_in(tmp_path / "x") == (RECORDS[:3], None)


# What other programs make of it

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
needs_editcap = pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A file with three sessions, two of them over the same ports, and an attempt."""
    at = CREATED_NS + 10_000_000
    given: list[Record] = [
        *RECORDS[:3],
        LONG,
        Note(0, TO_CLIENT, CREATED_NS + 9_060_000, "a fault"),
        Chunk(0, TO_SERVER, CREATED_NS + 9_060_000, b""),
        Opened(1, at, "[::1]:51234", "[::1]:7497"),
        Chunk(1, TO_SERVER, at + 1, b"over IPv6"),
        Chunk(1, TO_CLIENT, at + 2, bytes(range(256)) * 300),
        Closed(0, at + 3, TO_CLIENT, Close.FIN),
        Closed(0, at + 4, TO_SERVER, Close.FIN),
        Closed(1, at + 5, TO_SERVER, Close.FIN),
        Closed(1, at + 6, TO_CLIENT, Close.FIN),
        Opened(2, at + 7, FIRST, SERVER),
        Chunk(2, TO_CLIENT, at + 8, b"the same ports again"),
        Closed(3, at + 9, TO_CLIENT, Close.TIMEOUT),
    ]
    written(tmp_path / "session.pcapng", given, {"target": SERVER})
    return tmp_path / "session.pcapng"


def run(*arguments: str) -> str:
    """Run a program of Wireshark's and give its output."""
    return subprocess.run(arguments, capture_output=True, check=True, encoding="utf-8", timeout=50).stdout


def streams(path: Path) -> dict[tuple[int, Direction], bytes]:
    """The bytes of each direction of each connection, as our reader has them."""
    found: dict[tuple[int, Direction], bytes] = {}
    for record in all_in(path)[0]:
        if isinstance(record, Chunk) and record.data:
            key = record.connection, record.direction
            found[key] = found.get(key, b"") + record.data
    return found


CHECKED = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
IS_LONG = f"tcp.len > {LONGEST_SUMMED}"


@needs_tshark
def test_tshark_has_nothing_to_warn_of(session: Path) -> None:
    severe = "_ws.expert.severity >= 0x600000 || _ws.malformed"
    assert run("tshark", "-r", str(session), "-Y", severe) == ""
    assert run("tshark", "-r", str(session), *CHECKED, "-Y", f"({severe}) && !({IS_LONG})") == ""
    shown = run("tshark", "-r", str(session), *CHECKED, "-T", "fields", *(f"-e{name}" for name in ("tcp.len", "tcp.checksum.status")))
    sizes, checked = zip(*(map(int, line.split()) for line in shown.splitlines()), strict=True)
    assert [status == 1 for status in checked] == [size <= LONGEST_SUMMED for size in sizes]
    assert len(sizes) == len(list(packets_in([session.read_bytes()], "x")))
    assert set(run("tshark", "-r", str(session), *CHECKED, "-T", "fields", "-e", "ip.checksum.status").split()) == {"1"}


@needs_tshark
def test_tshark_warns_of_a_byte_that_is_wrong(tmp_path: Path, session: Path) -> None:
    data = session.read_bytes()
    at = data.index(b"over IPv6")
    session.write_bytes(data[:at] + b"O" + data[at + 1 :])
    severe = f"(_ws.expert.severity >= 0x600000 || _ws.malformed) && !({IS_LONG})"
    assert len(run("tshark", "-r", str(session), *CHECKED, "-Y", severe).splitlines()) == 1


@needs_tshark
def test_tshark_follows_each_stream_byte_by_byte(session: Path) -> None:
    for connection in range(3):
        shown = run("tshark", "-r", str(session), "-q", "-z", f"follow,tcp,raw,{connection}")
        lines = shown.split("Node 1:")[1].splitlines()[1:-1]
        sides = {False: b"", True: b""}
        for line in lines:
            sides[line.startswith("\t")] += bytes.fromhex(line.strip())
        expected = streams(session)
        assert {sides[False], sides[True]} == {expected.get((connection, direction), b"") for direction in Direction}


@needs_tshark
def test_tshark_shows_the_comments_and_the_times(session: Path) -> None:
    shown = run(
        "tshark", "-r", str(session), "-T", "fields", "-e", "frame.comment", "-e", "frame.time_epoch", "-Y", 'frame.comment contains "note"'
    )
    assert shown.split("\t") == ['{"c": 0, "event": "note", "to": "client", "text": "a fault"}', "1714564800.009060000\n"]


@needs_editcap
def test_what_editcap_changed_is_no_longer_taken_for_ours(tmp_path: Path, session: Path) -> None:
    run("editcap", "-t", "3600", str(session), str(tmp_path / "later.pcapng"))
    data = (tmp_path / "later.pcapng").read_bytes()
    assert pcapng.is_ours(session.read_bytes())
    assert not pcapng.is_ours(data)
    later, error = all_in(tmp_path / "later.pcapng")
    assert error is None
    before, after = list(streams(session).values()), list(streams(tmp_path / "later.pcapng").values())
    assert sorted(after) == sorted(before)
    assert later[0].time_ns == RECORDS[0].time_ns + 3600 * 10**9


@pytest.mark.skipif(shutil.which("capinfos") is None, reason="capinfos is not installed")
def test_capinfos_reads_the_file(session: Path) -> None:
    shown = run("capinfos", str(session))
    assert f"twsprobe {__version__}" in shown
    assert "nanoseconds (9)" in shown


def test_dpkt_reads_the_same_data(session: Path) -> None:
    found: dict[bytes, bytes] = {}
    with session.open("rb") as file:
        for _, data in dpkt.pcapng.Reader(file):
            ip = dpkt.ip.IP(data) if data[0] >> 4 == 4 else dpkt.ip6.IP6(data)
            key = ip.src + ip.data.sport.to_bytes(2, "big")
            found[key] = found.get(key, b"") + ip.data.data
    expected = streams(session)
    joined = [expected[0, TO_CLIENT] + expected[2, TO_CLIENT], *(expected[key] for key in ((0, TO_SERVER), (1, TO_SERVER), (1, TO_CLIENT)))]
    assert sorted(filter(None, found.values())) == sorted(joined)


def test_scapy_reads_the_same_data(session: Path) -> None:
    utils = pytest.importorskip("scapy.utils", exc_type=ImportError)
    from scapy.layers.inet import TCP

    with utils.PcapNgReader(str(session)) as packets:
        found = [bytes(packet[TCP].payload) for packet in packets]
    data = [packet.data for packet in packets_in([session.read_bytes()], "x")]
    sizes = [20 if packet[0] >> 4 == 4 else 40 for packet in data]
    own = [packet[size + (packet[size + 12] >> 4) * 4 :] for packet, size in zip(data, sizes, strict=True)]
    assert found == own
    assert b"".join(own).count(b"over IPv6") == 1
