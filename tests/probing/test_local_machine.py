"""Which program a target stands for, and whose files count."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.net.fake_system import GATEWAY, TWS, FakeSystem, java, listener
from tests.probing.machines import NOW, machine_of, seen
from tests.probing.test_local_files import IBC_INI, JTS_INI, SECRET, USER, written
from twsprobe.net.local_system import Process, Queue, TcpSocket
from twsprobe.probing.signatures import Signature

SILENT = seen(Signature.SILENT_HANDSHAKE)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with the files of a Gateway and of IBC."""
    written(tmp_path / "Jts" / "jts.ini", JTS_INI)
    written(tmp_path / "Jts" / USER / "ibg.xml", b"IBGZENC")
    written(tmp_path / "Jts" / "launcher.log", f"Authenticating {SECRET}\nReceived NS_AUTH_START".encode())
    written(tmp_path / "ibc" / "config.ini", IBC_INI)
    written(tmp_path / "ibc" / "logs" / "ibc-3.24.0_GATEWAY-1030_Monday.txt", f"{SECRET} IBC: Login has completed".encode())
    return tmp_path


def gateway(home: Path, *sockets: TcpSocket, port: int = 4002, pid: int | None = 7) -> FakeSystem:
    """A Gateway under IBC that listens."""
    return FakeSystem(
        all_sockets=(listener(port, pid), *sockets),
        all_queues=(Queue("::", port, 0, 50, 1000),),
        all_processes=(Process(7, "java", NOW - 3600),),
        command_lines={7: java(GATEWAY, "/ini", SECRET, SECRET, folder=str(home / "Jts"))},
    )


def test_the_files_of_the_listener_count(home: Path) -> None:
    machine = machine_of(SILENT, gateway(home), home)
    assert machine.app is not None
    assert machine.owner == machine.app
    assert machine.files_apply
    assert machine.ibc_applies
    assert machine.jts["TrustedIPs"] == "127.0.0.1,192.0.2.7"
    assert machine.settings is not None
    assert machine.settings.form == "encrypted"
    assert machine.launcher_marks == ("authenticating", "authenticated")
    assert machine.ibc_marks == ("login-completed",)
    assert machine.unread == []
    assert SECRET not in repr(machine)


def test_an_owner_that_is_not_shown_is_said_and_the_only_program_stands_in(home: Path) -> None:
    machine = machine_of(SILENT, gateway(home, pid=None), home)
    assert machine.app is not None
    assert machine.owner is None
    assert machine.files_apply
    assert machine.unread == ["The program that listens on port 4002, which user 1000 runs, is not shown to this user."]


def test_behind_a_container_s_forwarder_files_count_for_nothing(home: Path) -> None:
    system = gateway(home, port=4001)
    system.all_sockets = (listener(4001, 7), listener(4002, 9))
    system.all_processes = (*(system.all_processes or ()), Process(9, "docker-proxy", NOW))
    machine = machine_of(SILENT, system, home)
    assert machine.forwarder is not None
    assert machine.app is None
    assert not machine.files_apply


def test_a_forwarder_is_known_by_its_command_line_where_the_owner_is_hidden(home: Path) -> None:
    system = gateway(home)
    system.all_sockets = (listener(4002, 7), listener(4004))
    system.all_processes = (*(system.all_processes or ()), Process(9, "socat", NOW), Process(10, "socat", NOW))
    system.command_lines = {
        **system.command_lines,
        9: ["socat", "TCP-LISTEN:4003", "TCP:127.0.0.1:4001"],
        10: ["socat", "TCP-LISTEN:4004", "TCP:127.0.0.1:4002"],
    }
    machine = machine_of(seen(Signature.SILENT_HANDSHAKE, 4004), system, home)
    assert machine.forwarder is not None
    assert machine.forwarder.pid == 10
    assert machine.backend_port == 4002
    assert machine.app is not None
    assert machine.app.pid == 7


def test_ports_of_a_program_are_those_of_the_api(home: Path) -> None:
    system = gateway(home, listener(7462, 7), listener(39001, 7, "127.0.0.1"))
    machine = machine_of(SILENT, system, home)
    (app,) = machine.apps
    assert machine.ports_of(app) == (4002,)
    system.all_sockets = (listener(5555, 7), listener(39001, 7, "127.0.0.1"))
    assert machine_of(SILENT, system, home).ports_of(app) == (5555,)


def test_what_is_not_permitted_is_a_sentence_each(tmp_path: Path) -> None:
    system = FakeSystem(None, True, None, None)
    machine = machine_of(SILENT, system, tmp_path)
    assert machine.unread == ["The sockets are not shown.", "The queues are not shown.", "The processes are not shown."]
    assert machine.port is None
    assert machine.listens(4002) is None
    part = machine_of(SILENT, FakeSystem(whole=False), tmp_path)
    assert part.unread == ["Only the sockets of this user's own processes are shown."]
    assert part.listens(4002) is None


def test_files_that_cannot_be_read_are_a_sentence_each(home: Path) -> None:
    system = gateway(home)
    for path in (home / "Jts" / "jts.ini", home / "ibc" / "config.ini"):
        path.unlink()
        path.mkdir()
    machine = machine_of(SILENT, system, home)
    assert len(machine.unread) == 3
    assert all("jts.ini" in sentence or "config.ini" in sentence for sentence in machine.unread)
    assert machine.ibc is None
    assert not machine.files_apply


def test_programs_of_other_users_are_counted(home: Path) -> None:
    system = gateway(home)
    system.command_lines = {}
    assert machine_of(SILENT, system, home).unread == ["1 Java program could not be looked into: another user runs it."]


def test_several_programs_and_no_owner_leave_it_open(home: Path) -> None:
    system = gateway(home, pid=None)
    system.all_processes = (*(system.all_processes or ()), Process(8, "java", NOW))
    system.command_lines = {**system.command_lines, 8: java(TWS)}
    assert machine_of(SILENT, system, home).app is None
