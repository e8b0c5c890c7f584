"""The recipes of docs/readiness.md: parsed, and run against a simulated TWS; and a start script that waits for one that comes up."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from tests.cli.program import PATIENCE, PROGRAM, environment, served
from tests.probing.phases import DISCLAIMER, GREETS, REFUSED, SILENT, WELL, Phases
from tests.views.test_metrics import read
from twsprobe.probing.transitions import Kind

DOCUMENT = (Path(__file__).parents[1] / "docs" / "readiness.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```(?:yaml|sh|ini)\n# (\S+)\n(.+?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE))
"""The recipes, by the name of the file that each is."""
SHELL = shutil.which("sh") or "sh"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the recipes are for systems with a shell")


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """A folder whose ``twsprobe`` is the program as it is here."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "twsprobe"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    script.chmod(0o755)
    return folder


def path_of(binary: Path) -> dict[str, str]:
    """An environment that finds it."""
    return environment(PATH=f"{binary}{os.pathsep}{os.environ.get('PATH', os.defpath)}")


def at(port: int, text: str) -> str:
    """A recipe's text with another port than the gateway's."""
    return text.replace("127.0.0.1:4002", f"127.0.0.1:{port}")


def ran(command: list[str], binary: Path, port: int) -> int:
    """The exit code of a recipe's command for a TWS at a port."""
    words = [at(port, word) for word in command]
    return subprocess.run(words, env=path_of(binary), capture_output=True, timeout=PATIENCE, check=False).returncode


def healthcheck() -> list[str]:
    found = re.search(r"^```dockerfile\nHEALTHCHECK (.+?)\\\n +CMD (.+)\n```$", DOCUMENT, re.MULTILINE)
    assert found is not None
    return shlex.split(found[2])


def compose() -> Any:
    return yaml.safe_load(BLOCKS["compose.yaml"])


def container() -> Any:
    return yaml.safe_load(BLOCKS["deployment.yaml"])["spec"]["template"]["spec"]["containers"][0]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of a recipe that is to succeed for a TWS that is well, and fail for a port on which nothing listens."""
    yield "docker", healthcheck()
    check = compose()["services"]["gateway"]["healthcheck"]["test"]
    assert check[0] == "CMD"
    yield "compose", check[1:]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        yield probe, container()[probe]["exec"]["command"]
    started = re.search(r"^ExecStart=(.+)$", BLOCKS["tws-ready.service"], re.MULTILINE)
    assert started is not None
    yield "systemd", shlex.split(started[1])


COMMANDS = dict(commands())


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m|min)?", text).groups()  # type: ignore[union-attr]  # the recipes hold nothing else
    return float(number) * (60 if unit in ("m", "min") else 1)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_tells_a_tws_that_is_well_from_none(name: str, binary: Path) -> None:
    with served() as port:
        assert ran(COMMANDS[name], binary, port) == 0
    at_once = [re.sub(r"^(15s|10m)$", "1s", word) for word in COMMANDS[name]]
    with served("refused") as port:
        assert ran(at_once, binary, port) == 1


def test_compose_starts_the_client_when_the_gateway_is_healthy() -> None:
    services = compose()["services"]
    (name, how), *others = services["strategy"]["depends_on"].items()
    assert (how, others) == ({"condition": "service_healthy"}, [])
    assert "healthcheck" in services[name]


def test_each_command_ends_before_it_is_given_up_on() -> None:
    check = compose()["services"]["gateway"]["healthcheck"]
    limits = {"compose": check["timeout"], "docker": re.search(r"--timeout=(\d+s)", DOCUMENT)[1]}  # type: ignore[index]  # it is there
    limits |= {name: str(container()[name]["timeoutSeconds"]) for name in COMMANDS if name.endswith("Probe")}
    limits["systemd"] = re.search(r"TimeoutStartSec=(\S+)", BLOCKS["tws-ready.service"])[1]  # type: ignore[index]  # it is there
    assert limits.keys() == COMMANDS.keys()
    for name, command in COMMANDS.items():
        assert seconds(command[command.index("--timeout") + 1]) < seconds(limits[name]), name


def test_the_deployment_is_whole() -> None:
    deployment = yaml.safe_load(BLOCKS["deployment.yaml"])
    assert (deployment["apiVersion"], deployment["kind"]) == ("apps/v1", "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels


def test_the_units_are_well_formed(tmp_path: Path, binary: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    for name in ("tws-ready.service", "strategy.service"):
        (tmp_path / name).write_text(BLOCKS[name].replace("ExecStart=twsprobe", f"ExecStart={binary}/twsprobe"))
    checked = subprocess.run(
        [program, "verify", "--man=no", str(tmp_path / "strategy.service"), str(tmp_path / "tws-ready.service")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    about = [line for line in checked.stderr.splitlines() if "tws-ready" in line or "strategy" in line]
    assert about == []


def test_the_unit_is_told_of_readiness(tmp_path: Path, binary: Path) -> None:
    with served() as port, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        where = Path(os.path.relpath(tmp_path)) / "n"
        sock.bind(str(where))
        sock.settimeout(PATIENCE)
        command = [at(port, word) for word in COMMANDS["systemd"]]
        env = path_of(binary) | {"NOTIFY_SOCKET": str(where)}
        assert subprocess.run(command, env=env, capture_output=True, timeout=PATIENCE, check=False).returncode == 0
        assert sock.recv(1000).startswith(b"READY=1\nSTATUS=backend reached")


def relabelled(job: Any, address: str) -> tuple[str, dict[str, str]]:
    """Where Prometheus scrapes for a target: its address and its parameters, by the three rules that a recipe has."""
    labels = {"__address__": address}
    for rule in job.get("relabel_configs", ()):
        value = ";".join(labels[name] for name in rule["source_labels"]) if "source_labels" in rule else ""
        labels[rule["target_label"]] = rule.get("replacement", value)
    return labels["__address__"], {name.removeprefix("__param_"): value for name, value in labels.items() if name.startswith("__param_")}


def test_prometheus_scrapes_what_the_exporter_serves(tmp_path: Path, binary: Path) -> None:
    jobs = {job["job_name"]: job for job in yaml.safe_load(BLOCKS["prometheus.yml"])["scrape_configs"]}
    with served() as port, served() as other:
        ports = {"127.0.0.1:4002": f"127.0.0.1:{port}", "127.0.0.1:4001": f"127.0.0.1:{other}", "127.0.0.1:9440": "127.0.0.1:0"}
        script = BLOCKS["exporter.sh"]
        for usual, here in ports.items():
            script = script.replace(usual, here)
        (tmp_path / "exporter.sh").write_text(script)
        with subprocess.Popen(
            [SHELL, str(tmp_path / "exporter.sh")], env=path_of(binary), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stderr is not None
                assert process.stdout is not None
                found = re.search(r"http://(\S+)/metrics", process.stderr.readline())
                assert found is not None
                process.stdout.readline()
                for name, metric in (("twsprobe", "twsprobe_up"), ("twsprobe-targets", "probe_success")):
                    job = jobs[name]
                    (target,) = job["static_configs"][0]["targets"]
                    address, parameters = relabelled(job, target)
                    assert address == "127.0.0.1:9440", "the exporter is what is scraped"
                    query = "".join(f"?{key}={ports[value]}" for key, value in parameters.items())
                    url = f"http://{found[1]}{job.get('metrics_path', '/metrics')}{query}"
                    with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                        assert read(response.read().decode())[metric][0][1] == 1
            finally:
                process.terminate()


@contextlib.asynccontextmanager
async def running(command: list[str], env: dict[str, str]) -> AsyncIterator[trio.Process]:
    """A process whose outputs are piped, while the block runs."""
    process = await trio.lowlevel.open_process(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


class Lines:
    """The lines that come out of a pipe."""

    def __init__(self, stream: trio.abc.ReceiveStream | None) -> None:
        assert stream is not None
        self._stream, self._rest = stream, b""
        self.seen: list[str] = []

    async def until(self, part: str) -> str:
        """The next line with ``part`` in it."""
        while True:
            line, end, rest = self._rest.partition(b"\n")
            if end:
                self._rest = rest
                self.seen.append(line.decode())
                if part in self.seen[-1]:
                    return self.seen[-1]
                continue
            received = bytes(await self._stream.receive_some())
            assert received, f"no {part!r} in {self.seen}"
            self._rest += received


async def test_a_start_script_is_held_back_until_tws_is_ready_and_a_watch_sees_it_all(tmp_path: Path, binary: Path) -> None:
    """Refused, silent, handshake, 10141, ready, backend lost, ready: the script starts its program at the first "ready"."""
    (tmp_path / "start.sh").write_text(BLOCKS["start.sh"])
    phases = Phases()
    with trio.fail_after(2 * PATIENCE):
        async with phases.sockets() as port, contextlib.AsyncExitStack() as stack:
            env = path_of(binary) | {"TWS": f"127.0.0.1:{port}"}
            script = await stack.enter_async_context(running([SHELL, str(tmp_path / "start.sh"), "echo", "started"], env))
            watch = await stack.enter_async_context(running([*PROGRAM, "watch", str(port), "--json"], env))
            progress, output, seen = Lines(script.stderr), Lines(script.stdout), Lines(watch.stdout)
            for phase, signature in (
                (REFUSED, "tcp-refused"),
                (SILENT, "silent-handshake"),
                (GREETS, "silent-start"),
                (DISCLAIMER, "paper-disclaimer"),
            ):
                phases.switch(phase)
                await progress.until(f"{signature}: ")
                await progress.until(" cause: ")
                assert json.loads(await seen.until(f'"signature": "{signature}"'))["cause"] is not None
                assert script.returncode is None, "nothing is started yet"
            phases.switch(WELL)
            await output.until("started")
            assert await script.wait() == 0
            await seen.until('"transition": "ready"')
            for code, kind in ((1100, Kind.BACKEND_LOST), (1102, Kind.BACKEND_RESTORED)):
                await phases.push(code, "Connectivity between IBKR and Trader Workstation has changed.")
                await seen.until(f'"transition": "{kind.value}"')
            watch.terminate()
            assert await watch.wait() == 0
            counts = [await progress.until("opened and closed"), await Lines(watch.stderr).until("opened and closed")]
    numbers = [int(number) for line in counts for number in re.findall(r"(\d+) connections? opened", line)]
    assert len(numbers) == len(counts)
    assert sum(numbers) == phases.accepted
    assert phases.ends == ["fin"] * phases.accepted
