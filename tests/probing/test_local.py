"""The look as a whole: when it is taken, what limits it, what it does to the ranking, and that no secret comes of it."""

from __future__ import annotations

import gc
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import jsonschema
import pytest
import trio

from tests.net.fake_system import GATEWAY, FakeSystem, java, listener
from tests.probing.machines import NOW, seen
from tests.probing.test_local_files import IBC_INI, JTS_INI, SECRET, USER, written
from tests.probing.test_report import SCHEMA_FILE
from twsprobe.net.local_system import Process, Queue, Sockets
from twsprobe.probing.causes import rank
from twsprobe.probing.judgement import Confidence
from twsprobe.probing.local import Evidence, Local, look, on_this_machine, wanted
from twsprobe.probing.observation import Observation
from twsprobe.probing.report import ProbeReport, judged
from twsprobe.probing.signatures import Signature
from twsprobe.views.probe import one_line, verdict

SILENT = seen(Signature.SILENT_HANDSHAKE)
REMOTE = Observation(address=("192.0.2.1", 4002), local_address=("192.0.2.9", 5), target_port=4002, signature=Signature.SILENT_HANDSHAKE)


def report_of(observation: Observation) -> ProbeReport:
    return ProbeReport("127.0.0.1:4002", observation, (), judged(observation), 1)


def test_when_a_look_is_taken() -> None:
    ready = seen(Signature.READY)
    assert wanted(SILENT, None)
    assert not wanted(ready, None)
    assert wanted(ready, True)
    assert not wanted(SILENT, False)
    assert not wanted(REMOTE, None)
    assert on_this_machine(seen(Signature.SILENT_HANDSHAKE, peer="192.0.2.1"))  # an address of this machine is reached from itself


async def test_another_machine_is_not_looked_at(tmp_path: Path) -> None:
    system = FakeSystem()
    assert await look(REMOTE, system=system, home=tmp_path) == Local(
        (), ("The target is on another machine, of which this one tells nothing.",)
    )
    assert system.asked == []
    own = FakeSystem(own=frozenset({"192.0.2.1"}))
    await look(REMOTE, system=own, home=tmp_path)
    assert own.asked


class Hanging(FakeSystem):
    """A system whose list of processes does not come before it is let go."""

    def __init__(self) -> None:
        super().__init__(all_sockets=(listener(4002, 9),), all_queues=(Queue("::", 4002, 1, 50),))
        self.let_go = threading.Event()

    def processes(self) -> tuple[Process, ...]:
        self.let_go.wait(30)
        return ()


async def test_a_look_is_cut_off_and_keeps_what_it_has(tmp_path: Path) -> None:
    system = Hanging()
    try:
        seen_so_far = await look(SILENT, system=system, home=tmp_path, timeout=0.05)
    finally:
        system.let_go.set()
    assert "queue-waiting" in [piece.id for piece in seen_so_far.evidence]
    assert seen_so_far.unread[-1] == "The look at this machine was cut off after 0.05 s."


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS shows the sockets to root only")
async def test_this_machine_is_looked_at_without_a_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.setblocking(False)
        local = await look(seen(Signature.SILENT_HANDSHAKE, port), home=tmp_path, timeout=30)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "listener-python" in [piece.id for piece in local.evidence]


def test_evidence_raises_and_lowers() -> None:
    plain = {cause.id: cause for cause in rank(SILENT)}
    assert plain["api-wedged"].confidence is Confidence.LIKELY
    assert plain["other-service"].confidence is Confidence.POSSIBLE
    assert plain["dialog-pending"].confidence is Confidence.EXCLUDED
    pieces = (
        Evidence("a", "A.", ("other-service", "dialog-pending"), ("api-wedged",)),
        Evidence("b", "B.", ("app-frozen",), ("other-service",)),
        Evidence("c", "C.", ("other-service", "client-portal", "sync-positions")),
    )
    ranked = rank(SILENT, pieces)
    weighed = {cause.id: cause for cause in ranked}
    assert weighed["other-service"].confidence is Confidence.LIKELY
    assert weighed["api-wedged"].confidence is Confidence.POSSIBLE
    assert weighed["dialog-pending"].confidence is Confidence.EXCLUDED  # what excludes stands
    assert weighed["client-portal"].confidence is Confidence.LIKELY  # needs a clue otherwise
    assert "sync-positions" not in weighed  # explains other signatures only
    assert [cause.id for cause in ranked][:3] == ["client-portal", "other-service", "app-frozen"]
    assert ranked[1].evidence[-3:] == (("for", "A."), ("for", "C."), ("against", "B."))
    assert rank(SILENT, ()) == rank(SILENT)


def test_what_the_wire_proves_stands() -> None:
    proven = Observation(signature=Signature.NOT_TWS, service="http", received=b"HTTP")
    (first, *_) = rank(proven, (Evidence("a", "A.", (), ("web-server",)),))
    assert (first.id, first.confidence) == ("web-server", Confidence.PROVEN)


def files(home: Path) -> None:
    """Files with secrets in every place where there may be one."""
    written(home / "Jts" / "jts.ini", JTS_INI)
    xml = f'<?xml version="1.0"?><Jts><Login user="{SECRET}"/><ApiSettings port="4002" key="{SECRET}" trustedIPs="{SECRET}"/></Jts>'
    written(home / "Jts" / USER / "ibg.xml", xml)
    written(home / "Jts" / "launcher.log", f"user {SECRET} U1234567\nAuthenticating {SECRET}\n".encode())
    written(home / "ibc" / "config.ini", IBC_INI)
    written(home / "ibc" / "logs" / "ibc-3.24.0_GATEWAY-1030_Monday.txt", f"{SECRET} DU7654321 IBC: Login has completed\n")


def planted(home: Path) -> FakeSystem:
    """A machine with secrets in every command line."""
    return FakeSystem(
        all_sockets=(listener(4002, 7),),
        all_processes=(Process(7, "java", NOW), Process(8, "java", NOW), Process(9, "socat", NOW), Process(10, "ssh", NOW)),
        command_lines={
            7: java(GATEWAY, "/ini", SECRET, SECRET, folder=str(home / "Jts")),
            8: ["java", f"-Dpassword={SECRET}", SECRET],
            9: ["socat", "TCP-LISTEN:4004", f"PROXY:host:1,proxyauth={SECRET}:{SECRET}"],
            10: ["ssh", "-L", "4002:localhost:4001", f"{SECRET}@host"],
        },
    )


@pytest.mark.parametrize("signature", list(Signature))
async def test_no_secret_reaches_any_output(signature: Signature, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    files(tmp_path)
    observation = seen(signature, accounts=("DU1",) if signature is Signature.READY else ())
    local = await look(observation, system=planted(tmp_path), home=tmp_path, timeout=30)
    report = report_of(observation).with_local(local)
    assert local.evidence
    as_json = json.dumps(report.to_dict())
    jsonschema.validate(json.loads(as_json), json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    shown = "".join(line.lead + line.rest for verbose in (False, True) for line in verdict(report, verbose=verbose))
    for text in (as_json, shown, one_line(report), repr(local), repr(report), caplog.text):
        assert SECRET not in text
        assert "U1234567" not in text
        assert "DU7654321" not in text


class Faulty(FakeSystem):
    """A system with a bug, met after the command lines were read."""

    def sockets(self) -> Sockets:
        return super().sockets()

    def executable(self, pid: int) -> str:
        raise RuntimeError("a bug")


async def test_no_traceback_holds_a_secret(tmp_path: Path) -> None:
    files(tmp_path)
    good = planted(tmp_path)
    system = Faulty(good.all_sockets, True, (), (*(good.all_processes or ()), Process(11, "tws.exe", NOW)), good.command_lines)
    with pytest.raises(RuntimeError, match="a bug") as caught:
        await look(SILENT, system=system, home=tmp_path, timeout=30)
    trace = caught.value.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        held = {key: value for key, value in trace.tb_frame.f_locals.items() if not isinstance(value, FakeSystem)}
        if name.startswith("twsprobe"):
            assert SECRET not in repr({key: value for key, value in held.items() if key not in ("system", "the_system")}), name
        trace = trace.tb_next


@pytest.mark.skipif(sys.platform != "linux", reason="a program is run under the name of another by a symbolic link")
def test_a_real_gateway_started_by_ibc_gives_its_password_to_nobody(tmp_path: Path) -> None:
    files(tmp_path)
    program = tmp_path / "java"
    python = Path(sys.executable).resolve()
    program.symlink_to(python)
    serve = "-cimport socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    password = os.urandom(8).hex()  # not in this program's own text
    arguments = [str(python), serve, f"-DjtsConfigDir={tmp_path / 'Jts'}", GATEWAY, "/ini", SECRET, password]
    with subprocess.Popen(arguments, executable=program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        local = trio.run(lambda: look(seen(Signature.SILENT_HANDSHAKE, port), home=tmp_path, timeout=30))
        process.communicate()
    texts = {piece.id: piece.text for piece in local.evidence}
    assert f"IB Gateway (process {process.pid}, up " in texts["listener-tws"]
    assert "started by IBC" in texts["listener-tws"]
    assert texts["port-differs"].endswith(f"sets the API port to 4002, not {port}.")
    assert SECRET not in repr(local)
    assert password not in repr(local)
    process.args = ()
    arguments.clear()
    gc.collect()
    assert not [
        each for each in gc.get_objects() if isinstance(each, list | tuple) and any(type(one) is str and one == password for one in each)
    ]
