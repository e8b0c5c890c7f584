"""Processes are recognised by their main class, and nothing behind it is kept."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.net.fake_system import GATEWAY, TWS, FakeSystem, java
from twsprobe.net.local_processes import JavaFacts, forwarding, java_facts, newest, running, version_beside
from twsprobe.net.local_system import Process, ThisSystem, Unseen

USER, PASSWORD = "planted-user", "planted-password"  # planted, to be looked for
SECRETS = (USER, PASSWORD, "planted-key", "planted-proxy")


class Breaks(list[str]):
    """Arguments that raise in the middle of being read."""

    def __getitem__(self, key: object) -> Breaks:  # type: ignore[override]  # stands for a list, and only slices are asked for
        return Breaks(super().__getitem__(slice(1, None)))

    def __iter__(self) -> Iterator[str]:
        for index, each in enumerate(super().__iter__()):
            if index == 9:  # behind the key, before the main class
                raise RuntimeError("broken")
            yield each


@pytest.mark.parametrize(
    ("main_class", "product", "by_ibc"),
    [
        (GATEWAY, "gateway", True),
        ("ibcalpha.ibc.IbcTws", "tws", True),
        (TWS, "tws", False),
        ("install4j.ibgateway.GWClient", "gateway", False),
        ("ibgroup.web.core.clientportal.gw.GatewayStart", "client-portal", False),
        ("org.example.ibgateway.Monitor", "other", False),
    ],
)
def test_a_main_class_and_the_flags_before_it(main_class: str, product: str, by_ibc: bool) -> None:
    arguments = java(main_class, "/home/me/ibc/config.ini", USER, PASSWORD, "-Xmx1m", "-DjtsConfigDir=/behind")
    facts = java_facts(lambda: arguments)
    assert facts == JavaFacts(product, by_ibc, "/srv/jts", 768, "10.30")  # type: ignore[arg-type]
    assert arguments == []
    assert not any(secret in repr(facts) for secret in SECRETS)


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["java", "-jar", "ibcalpha.ibc.IbcGateway.jar", GATEWAY], JavaFacts("other")),
        (["java", "-cp", GATEWAY], JavaFacts("other")),
        (["java", "-m", f"module/{GATEWAY}"], JavaFacts("gateway", True)),
        (["java", "@options", "-Xmx2G", TWS], JavaFacts("tws", heap_mib=2048)),
        (["java", "-Xmx1048576k", "-DjtsConfigDir=${installer:jtsConfigDir}", TWS], JavaFacts("tws", heap_mib=1024)),
        (["java"], JavaFacts("other")),
        ([], JavaFacts("other")),
    ],
)
def test_command_lines_of_other_forms(arguments: list[str], facts: JavaFacts) -> None:
    assert java_facts(lambda: arguments) == facts


@given(st.lists(st.text(max_size=20), max_size=12))
def test_any_command_line_is_read_and_emptied(arguments: list[str]) -> None:
    assert isinstance(java_facts(lambda: arguments), JavaFacts)
    assert arguments == []


def test_no_frame_of_a_traceback_keeps_an_argument() -> None:
    arguments = Breaks(java(GATEWAY, "/ini", USER, PASSWORD))
    with pytest.raises(RuntimeError) as caught:
        java_facts(lambda: arguments)
    assert arguments == []
    trace = caught.value.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "java_facts":
            held = {name: repr(value) for name, value in trace.tb_frame.f_locals.items()}
            assert not any(secret in text for text in held.values() for secret in SECRETS), held
        trace = trace.tb_next


@pytest.mark.parametrize(
    ("name", "arguments", "port", "target"),
    [
        ("socat", ["socat", "TCP-LISTEN:4004,fork", "TCP:127.0.0.1:4002"], 4004, ("127.0.0.1", 4002)),
        ("socat", ["socat", "-d", "TCP4-LISTEN:4004,fork,reuseaddr", "TCP6-CONNECT:[::1]:4002,retry"], 4004, ("::1", 4002)),
        ("socat", ["socat", "TCP-L:4004", "PROXY:host:4002,proxyauth=planted-user:planted-proxy"], 4004, None),
        (
            "docker-proxy",
            ["docker-proxy", "-proto", "tcp", "-host-port", "4002", "-container-ip", "172.17.0.2", "-container-port", "4004"],
            4002,
            ("172.17.0.2", 4004),
        ),
        ("ssh", ["ssh", "-N", "-L", "4002:localhost:4001", "planted-user@host"], 4002, ("localhost", 4001)),
        ("ssh", ["ssh", "-L127.0.0.1:4002:localhost:4001", "host"], 4002, ("localhost", 4001)),
        ("haproxy", ["haproxy", "-f", "file"], None, None),
    ],
)
def test_where_a_forwarder_passes_on_to(name: str, arguments: list[str], port: int | None, target: object) -> None:
    found = forwarding(name, lambda: arguments)
    assert found == (port, target)
    assert arguments == []
    assert not any(secret in repr(found) for secret in SECRETS)


def test_the_processes_that_matter() -> None:
    system = FakeSystem(
        all_processes=(
            Process(1, "java", 100.0),
            Process(2, "java", 100.0),
            Process(3, "socat", 100.0),
            Process(4, "ibgateway-watch.sh", 100.0),
            Process(5, "ibgateway1.exe", 100.0),
            Process(6, "JavaApplicationStub", 100.0),
            Process(7, "docker-proxy", 100.0),
        ),
        command_lines={1: java(GATEWAY, "/ini", USER, PASSWORD), 3: ["socat", "TCP-LISTEN:4004", "TCP:127.0.0.1:4002"], 4: [GATEWAY]},
        executables={5: "C:/Jts/ibgateway/1030/ibgateway1.exe", 6: "/Applications/Trader Workstation 10.30/x.app/JavaApplicationStub"},
    )
    seen = running(system)
    assert [(app.pid, app.product, app.by_ibc) for app in seen.apps] == [(1, "gateway", True), (5, "gateway", True), (6, "tws", False)]
    assert seen.apps[0].label == "IB Gateway 10.30"
    assert seen.hidden == 1
    assert [(each.pid, each.port, each.target) for each in seen.forwarders] == [(3, 4004, ("127.0.0.1", 4002)), (7, None, None)]
    assert seen.names[5] == "ibgateway1"
    assert "command line of 4" not in system.asked
    assert not any(secret in repr(seen) for secret in SECRETS)


def test_without_a_list_of_processes() -> None:
    with pytest.raises(Unseen):
        running(FakeSystem(all_processes=None))


def test_the_version_by_the_names_of_jars(tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    for name in ("twslaunch-1022.jar", "jts4launch-981.jar", "other-9999.jar"):
        (tmp_path / "jars" / name).touch()
    assert version_beside(tmp_path / "tws.exe") == "10.22"
    assert newest(["twslaunch-981.jar"]) == "9.81"
    assert newest(["other.jar"]) is None
    assert version_beside(Path("/no/such/folder/tws.exe")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="a program is run under the name of another by a symbolic link")
def test_a_real_process_is_recognised_and_its_password_is_kept_nowhere(tmp_path: Path) -> None:
    program = tmp_path / "java"
    python = Path(sys.executable).resolve()
    program.symlink_to(python)
    waits = "-cimport sys; print(1, flush=True); sys.stdin.read()"
    secret = os.urandom(8).hex()  # not in this program's own text
    arguments = [
        str(python),
        waits,
        "-Xmx512m",
        "-DjtsConfigDir=/srv/jts",
        "-cp",
        "/jars/twslaunch-1030.jar",
        GATEWAY,
        "/ini",
        "me",
        secret,
    ]
    with subprocess.Popen(arguments, executable=program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        seen = running(ThisSystem())
        process.communicate()
    process.args = ()
    arguments.clear()
    (app,) = [each for each in seen.apps if each.pid == process.pid]
    assert (app.product, app.by_ibc, app.settings_folder, app.heap_mib, app.version) == ("gateway", True, "/srv/jts", 512, "10.30")
    assert app.started > 0
    gc.collect()
    holders = [
        each for each in gc.get_objects() if isinstance(each, list | tuple) and any(isinstance(one, str) and one == secret for one in each)
    ]
    assert not [each for each in holders if each is not holders]
