"""What sockets and processes say, and what that does to the ranking."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.net.fake_system import GATEWAY, TWS, FakeSystem, java, listener
from tests.probing.machines import NOW, found, machine_of, seen
from twsprobe.net.local_system import CLOSE_WAIT, ESTABLISHED, Process, Queue, TcpSocket
from twsprobe.probing.cause_table import CAUSES
from twsprobe.probing.causes import rank
from twsprobe.probing.judgement import Confidence
from twsprobe.probing.local_table import ROWS, length, pieces
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Signature

SILENT = seen(Signature.SILENT_HANDSHAKE)
REFUSED = seen(Signature.TCP_REFUSED, local_address=None)


def app(main_class: str = GATEWAY, age: float = 3600, heap: str = "-Xmx768m") -> FakeSystem:
    """One TWS or Gateway that runs as process 7."""
    return FakeSystem(all_processes=(Process(7, "java", NOW - age),), command_lines={7: java(main_class, heap=heap)})


def program(name: str, *arguments: str) -> FakeSystem:
    """One program that listens on port 4002 as process 9."""
    return FakeSystem(
        all_sockets=(listener(4002, 9),),
        all_processes=(Process(9, name, NOW - 60),),
        command_lines={9: [name, *arguments]} if arguments else {},
    )


def first(observation: Observation, system: FakeSystem, home: Path) -> str:
    """The cause that is ranked first with the evidence of a machine."""
    return rank(observation, pieces(machine_of(observation, system, home)))[0].id


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_a_row_names_causes_that_exist_and_is_not_of_two_minds(row: object) -> None:
    assert hasattr(row, "raises")
    assert hasattr(row, "lowers")
    assert {*row.raises, *row.lowers} <= set(CAUSES)
    assert not {*row.raises} & {*row.lowers}
    assert re.fullmatch(r"[a-z0-9-]+", getattr(row, "id", ""))


def test_ids_of_rows_are_their_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_a_gateway_that_listens(tmp_path: Path) -> None:
    system = app()
    system.all_sockets = (listener(4002, 7),)
    system.all_queues = (Queue("::", 4002, 0, 50),)
    texts = found(SILENT, system, tmp_path)
    assert texts["listener-tws"] == (
        "IB Gateway 10.30 (process 7, up 60 min, at most 768 MB of memory, started by IBC) listens on port 4002."
    )
    assert texts["queue-empty"].startswith("No connection to port 4002 waits")
    assert texts["bound-everywhere"]
    assert texts["app-old"]


@pytest.mark.parametrize("name", ["socat", "docker-proxy", "com.docker.backend.exe", "ssh", "wslrelay.exe"])
def test_a_forwarder_that_listens(name: str, tmp_path: Path) -> None:
    dead = seen(Signature.CLOSED_BEFORE_PREFIX, closed="fin")
    assert found(dead, program(name), tmp_path)["listener-forwarder"].startswith(f"The forwarder {name.removesuffix('.exe')} (process 9)")
    assert first(dead, program(name), tmp_path) == "forwarder-dead-backend"
    assert first(SILENT, program(name), tmp_path) == "forwarder-backend-hangs"


def test_a_forwarder_in_front_of_nothing_and_in_front_of_something(tmp_path: Path) -> None:
    closed = seen(Signature.CLOSED_AFTER_PREFIX, closed="fin", prefix_sent=True)
    system = program("socat", "TCP-LISTEN:4002,fork", "TCP:127.0.0.1:4001")
    assert (
        found(closed, system, tmp_path)["backend-gone"] == "Nothing listens on port 4001 of this machine, where the forwarder passes on to."
    )
    assert first(closed, system, tmp_path) == "forwarder-dead-backend"
    system.all_sockets = (listener(4002, 9), listener(4001))
    system.all_queues = (Queue("::", 4001, 3, 50),)
    texts = found(SILENT, system, tmp_path)
    assert texts["backend-listens"]
    assert texts["backend-queue"] == "3 connections to port 4001, behind the forwarder, wait to be accepted."
    assert first(SILENT, system, tmp_path) == "forwarder-backend-hangs"


@pytest.mark.parametrize(("inner", "piece"), [("4002", "container-inner-port"), ("4004", "container-outer-port")])
def test_docker_tells_the_port_inside(inner: str, piece: str, tmp_path: Path) -> None:
    system = program("docker-proxy", "-host-port", "4002", "-container-ip", "172.17.0.2", "-container-port", inner)
    assert found(SILENT, system, tmp_path)[piece].startswith(f"Docker passes this port on to {inner} in the container")


def test_other_programs_that_listen(tmp_path: Path) -> None:
    assert "The program nginx (process 9)" in found(SILENT, program("nginx"), tmp_path)["listener-other"]
    assert first(SILENT, program("nginx"), tmp_path) == "other-service"
    assert "A Java program other than TWS" in found(SILENT, program("java", "-jar", "x.jar"), tmp_path)["listener-other"]
    portal = program("java", "-cp", "x", "ibgroup.web.core.clientportal.gw.GatewayStart")
    assert first(SILENT, portal, tmp_path) == "client-portal"
    texts = found(SILENT, program("python3.11"), tmp_path)
    assert "listener-python" in texts
    assert "listener-other" not in texts
    assert "listener-other" not in found(SILENT, program("java"), tmp_path)  # of another user, so it may be TWS


def test_a_full_queue_and_connections_left_behind(tmp_path: Path) -> None:
    system = app()
    left = tuple(TcpSocket("127.0.0.1", 4002, CLOSE_WAIT, ("127.0.0.1", 50001 + each), 7) for each in range(3))
    system.all_sockets = (listener(4002, 7), *left)
    system.all_queues = (Queue("::", 4002, 51, 50),)
    timeout = seen(Signature.TCP_TIMEOUT, local_address=None)
    texts = found(timeout, system, tmp_path)
    assert texts["queue-full"] == "The accept queue of port 4002 is full: 51 connections wait, its limit is 50."
    assert texts["close-wait"] == "3 connections on port 4002 were closed by the client, but not yet by the program (CLOSE_WAIT)."
    assert first(timeout, system, tmp_path) == "accept-queue-full"
    system.all_queues = (Queue("::", 4002, 1, 50),)
    assert found(SILENT, system, tmp_path)["queue-waiting"].startswith("1 connection to port 4002 waits to be accepted (the queue")
    assert first(SILENT, system, tmp_path) == "api-wedged"


def test_our_own_connection_is_none_that_was_left_behind(tmp_path: Path) -> None:
    system = app()
    system.all_sockets = (listener(4002, 7), TcpSocket("127.0.0.1", 4002, CLOSE_WAIT, ("127.0.0.1", 50000), 7))
    assert "close-wait" not in found(SILENT, system, tmp_path)


def test_clients_by_number(tmp_path: Path) -> None:
    taken = seen(Signature.CLOSED_BEFORE_PREFIX)
    system = app()

    def clients(count: int) -> FakeSystem:
        connected = (TcpSocket("127.0.0.1", 4002, ESTABLISHED, ("127.0.0.1", 50001 + each), 7) for each in range(count))
        system.all_sockets = (listener(4002, 7), *connected)
        return system

    assert "clients-none" in found(taken, clients(0), tmp_path)
    assert found(taken, clients(1), tmp_path)["clients-connected"] == "1 client is connected to port 4002 besides this one."
    assert found(taken, clients(32), tmp_path)["clients-full"] == "32 clients are connected to port 4002; TWS takes 32."
    assert first(taken, clients(32), tmp_path) == "too-many-clients"


def test_refused_while_the_program_listens_elsewhere(tmp_path: Path) -> None:
    system = app()
    system.all_sockets = (listener(4001, 7),)
    texts = found(REFUSED, system, tmp_path)
    assert texts["app-elsewhere"].endswith("listens on port 4001 instead.")
    assert texts["app-other-mode"]
    assert first(REFUSED, system, tmp_path) in ("wrong-port", "live-paper-mixup")
    system.all_sockets = (listener(5555, 7),)
    assert first(REFUSED, system, tmp_path) == "wrong-port"


@pytest.mark.parametrize(("main_class", "cause"), [(GATEWAY, "login-unfinished"), (TWS, "api-not-enabled")])
def test_refused_while_the_program_listens_nowhere(main_class: str, cause: str, tmp_path: Path) -> None:
    texts = found(REFUSED, app(main_class), tmp_path)
    assert texts["app-without-port"].endswith("runs, but listens on no API port.")
    ranked = rank(REFUSED, pieces(machine_of(REFUSED, app(main_class), tmp_path)))
    assert cause in [each.id for each in ranked[:2]]
    assert next(each for each in ranked if each.id == "app-not-running").confidence is Confidence.POSSIBLE


def test_refused_by_a_program_that_has_just_been_started(tmp_path: Path) -> None:
    texts = found(REFUSED, app(age=30), tmp_path)
    assert texts["app-without-port-yet"].endswith("runs, but listens on no API port yet.")
    assert "app-without-port" not in texts
    assert first(REFUSED, app(age=30), tmp_path) == "app-starting"


def test_refused_with_nothing_there(tmp_path: Path) -> None:
    assert set(found(REFUSED, FakeSystem(), tmp_path)) == {"no-listener", "app-absent"}
    assert first(REFUSED, FakeSystem(), tmp_path) == "app-not-running"
    hidden = FakeSystem(all_processes=(Process(7, "java", NOW),))
    assert "app-absent" not in found(REFUSED, hidden, tmp_path)
    assert "app-absent" not in found(REFUSED, FakeSystem(whole=False), tmp_path)
    assert "app-absent" not in found(REFUSED, FakeSystem(all_sockets=(listener(4001),)), tmp_path)
    assert "app-absent" not in found(seen(Signature.TCP_REFUSED, in_container=True), FakeSystem(), tmp_path)


def test_a_listener_at_another_address(tmp_path: Path) -> None:
    system = FakeSystem(all_sockets=(listener(4002, 9, "127.0.0.1"),))
    six = seen(Signature.TCP_REFUSED, peer="::1", local_address=None)
    assert found(six, system, tmp_path)["not-at-ipv6"] == "Port 4002 listens at 127.0.0.1 only, not at ::1."
    assert first(six, system, tmp_path) == "ipv6-localhost"
    lan = seen(Signature.TCP_REFUSED, peer="192.0.2.1")
    assert "not-at-address" in found(lan, system, tmp_path)


def test_age_and_memory(tmp_path: Path) -> None:
    young = app(age=30, heap="-Xmx256m")
    young.all_sockets = (listener(4002, 7),)
    texts = found(SILENT, young, tmp_path)
    assert texts["app-young"] == "IB Gateway 10.30 was started 30 s ago."
    assert "256 MB" in texts["small-heap"]
    assert "app-old" not in texts


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (40, "40 s"), (720, "12 min"), (10800, "3 h"), (259200, "3 days")])
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert length(seconds) == text


def test_every_sentence_ends_and_says_nothing_where_nothing_is_known(tmp_path: Path) -> None:
    for signature in Signature:
        observation = seen(signature)
        assert not found(observation, FakeSystem(None, True, None, None), tmp_path)
        system = app()
        system.all_sockets = (listener(4002, 7),)
        assert all(text.endswith(".") for text in found(observation, system, tmp_path).values())
