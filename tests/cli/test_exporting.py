"""What ``watch`` gives to Prometheus."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.probing.phases import WELL, Phases
from tests.views.test_metrics import read
from twsprobe.cli.exits import IOFailed
from twsprobe.cli.exporting import Exporter, Textfile, epoch
from twsprobe.net.http import Request
from twsprobe.probing.on_demand import OnDemand
from twsprobe.probing.options import Options
from twsprobe.probing.targets import Target
from twsprobe.probing.transitions import Level
from twsprobe.views.metrics import FIRST_LINE, Snapshot


def snapshot() -> Snapshot:
    return Snapshot("h:1", None, Level.NOTHING, 0.0, None, None, {}, Counter(), 0)


async def test_what_it_answers(autojump_clock: trio.testing.MockClock) -> None:
    phases = Phases()
    phases.switch(WELL)
    async with trio.open_nursery() as nursery:
        probes = OnDemand([Target("127.0.0.1", 7497)], Options(), phases.network(nursery))
        exporter = Exporter(snapshot, probes)
        metrics = await exporter.answer(Request("/metrics"))
        assert (metrics.status, read(metrics.body.decode())["twsprobe_up"]) == (200, [({"target": "h:1"}, 0.0)])
        probed = await exporter.answer(Request("/probe", {"target": "127.0.0.1:7497"}))
        assert (probed.status, read(probed.body.decode())["probe_success"]) == (200, [({}, 1.0)])
        for target in ("127.0.0.1:22", "localhost:7497", ""):
            assert (await exporter.answer(Request("/probe", {"target": target}))).status == 400
        assert (await exporter.answer(Request("/"))).status == 200
        assert (await exporter.answer(Request("/../etc/passwd"))).status == 404
        assert phases.accepted == 1
        nursery.cancel_scope.cancel()


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "twsprobe.prom"
    file = Textfile(str(path))
    assert not path.exists()
    file.write(f"{FIRST_LINE}a\nfirst")
    before = path.stat().st_ino
    with path.open() as reader:
        Textfile(str(path)).write(f"{FIRST_LINE}a\nsecond")
        assert reader.read().endswith("first"), "who reads the old file reads all of it"
    assert path.read_text().endswith("second")
    assert [each.name for each in tmp_path.iterdir()] == ["twsprobe.prom"]
    if sys.platform != "win32":
        assert path.stat().st_ino != before
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(IOFailed, match="holds no metrics"):
        Textfile(str(path))
    assert path.read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that may not be written to")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(IOFailed, match="Permission denied"):
        Textfile(str(tmp_path / "a.prom")).write("x")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IOFailed, match="No such file"):
        Textfile(str(tmp_path / "none" / "a.prom")).write("x")
    with pytest.raises(IOFailed):
        Textfile(str(tmp_path))


def test_an_instant_since_the_epoch() -> None:
    assert epoch(100.0, 160.0) < epoch(100.0, 100.0)
