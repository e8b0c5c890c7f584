import shutil
import subprocess
from pathlib import Path

import dpkt
import pytest

from tests.capture.recording import CREATED_NS, EVERY_KIND, RECORDS, TO_CLIENT, all_in
from twsprobe.capture.model import Chunk, Record
from twsprobe.capture.pcap_writing import Writer


def written(path: Path, given: list[Record]) -> bytes:
    with Writer(path, created_ns=CREATED_NS, metadata={"target": "is not in it"}) as writer:
        for record in given:
            writer.write(record)
    return path.read_bytes()


def test_the_file_is_what_libpcap_says(tmp_path: Path) -> None:
    data = written(tmp_path / "x", RECORDS)
    assert data[:24].hex(" ", 4) == "4d3cb2a1 02000400 00000000 00000000 00000400 65000000"
    assert data[24:40] == (1_714_564_800).to_bytes(4, "little") + (812_000).to_bytes(4, "little") + (48).to_bytes(4, "little") * 2


def test_packets_that_say_all_come_back_with_their_times(tmp_path: Path) -> None:
    written(tmp_path / "x", RECORDS)
    assert all_in(tmp_path / "x") == (RECORDS, None)


def test_the_data_of_every_connection_to_a_port_of_tws_come_back(tmp_path: Path) -> None:
    written(tmp_path / "x", EVERY_KIND)
    found, error = all_in(tmp_path / "x")
    assert error is None
    expected = [record.data for record in EVERY_KIND if isinstance(record, Chunk) and record.data and record.connection < 2]
    assert sorted(record.data for record in found if isinstance(record, Chunk)) == sorted(expected)


def test_a_time_after_2106_is_refused(tmp_path: Path) -> None:
    with Writer(tmp_path / "x") as writer:
        writer.write(Chunk(0, TO_CLIENT, (1 << 32) * 10**9 - 1, b"the last"))
        with pytest.raises(ValueError, match="out of range"):
            writer.write(Chunk(0, TO_CLIENT, (1 << 32) * 10**9, b"one too many"))


def test_dpkt_reads_the_same_data(tmp_path: Path) -> None:
    written(tmp_path / "x", RECORDS)
    with (tmp_path / "x").open("rb") as file:
        packets = [(time, dpkt.ip.IP(data).data.data) for time, data in dpkt.pcap.Reader(file)]
    assert [data for _, data in packets if data] == [record.data for record in RECORDS if isinstance(record, Chunk)]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_it_without_a_complaint(tmp_path: Path) -> None:
    written(tmp_path / "x", RECORDS)
    command = ["tshark", "-r", str(tmp_path / "x"), "-Y", "_ws.expert.severity >= 0x600000 || _ws.malformed"]
    assert subprocess.run(command, capture_output=True, check=True, timeout=50).stdout == b""
