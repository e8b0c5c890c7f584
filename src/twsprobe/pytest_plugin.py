"""The pytest plugin: a simulated TWS, a replayed capture or a recording relay for a test, started and stopped by a fixture.

pytest loads it in every project that has twsprobe installed, so nothing is imported before a fixture is used. Each server runs in a
thread of its own, so that tests may be synchronous, or have asyncio's or Trio's loop. docs/testing.md explains it with examples.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest

from twsprobe.testing import ReplayServer, Serve, Server

if TYPE_CHECKING:
    from twsprobe.capture.model import Record

MODES = ("none", "once", "all")
MARKERS = (
    "tws_simulator(*, server_version=226, scenario='ready', delivery='message', faults=()): what the fixture tws_simulator is",
    "tws_capture(capture, *, match='strict', pace='none', speed=1.0, ignored=(), faults=(), check=True, to=None, redact=True): "
    "the capture that the fixture tws_replay plays, or records",
    "tws_relay(to='tws_simulator', *, faults=()): where the fixture tws_relay leads: to the server of another fixture, or to HOST:PORT",
)
NARROWEST, USUAL_WIDTH = 80, 120
"""Characters of a line of a report: the least, and where there is no terminal."""
AnyServer = TypeVar("AnyServer", bound=Server)
Wishes = TypeVar("Wishes")


@dataclass(frozen=True, kw_only=True)
class SimulatorWishes:
    """What the marker ``tws_simulator`` says."""

    server_version: int | None = None
    scenario: str = "ready"
    delivery: str = "message"
    faults: Sequence[str] = ()


@dataclass(frozen=True)
class CaptureWishes:
    """What the marker ``tws_capture`` says."""

    capture: str
    match: str = "strict"
    pace: str = "none"
    speed: float = 1.0
    ignored: Sequence[str] = ()
    faults: Sequence[str] = ()
    check: bool = True
    to: str | None = None
    redact: bool = True


@dataclass(frozen=True)
class RelayWishes:
    """What the marker ``tws_relay`` says."""

    to: str = "tws_simulator"
    faults: Sequence[str] = ()


SERVERS = pytest.StashKey[list[Server]]()
"""The servers of a test."""
PASSED = pytest.StashKey[bool]()
RECORDED = pytest.StashKey[set[Path]]()
"""The captures that were recorded in this session."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, on the command line and in the configuration file."""
    group = parser.getgroup("twsprobe", "TWS captures")
    group.addoption("--tws-record", choices=MODES, help="record captures: none (the default), once (those that are missing), or all anew")
    group.addoption("--tws-target", metavar="HOST:PORT", help="the TWS to record with; a test that places orders places them there")
    parser.addini("tws_record", "the same as --tws-record", default="none")
    parser.addini("tws_target", "the same as --tws-target", default="")
    parser.addini("tws_captures", "the folder of captures, from that of this file on (default: the folder of each test)", default="")
    parser.addini("tws_allow_hosts", "other hosts that tests may talk to while a capture is replayed", type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers. Raises pytest.UsageError for a mode that is none."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if mode_of(config) not in MODES:
        raise pytest.UsageError(f"tws_record is one of {', '.join(MODES)}, not {mode_of(config)!r}")


def mode_of(config: pytest.Config) -> str:
    """When captures are recorded."""
    return str(config.getoption("tws_record") or config.getini("tws_record"))


@pytest.hookimpl(wrapper=True, trylast=True)  # around the test alone: not in the way of what others find there
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test in which a client did what was not recorded, whatever the client made of it."""
    result = yield
    servers: list[Server] = item.stash.get(SERVERS, [])
    complain(servers)
    return result


def complain(servers: Sequence[Server]) -> None:
    """Fail where one of the servers has a reason to."""
    reasons = [reason for server in servers for reason in server.complaints()]
    if reasons:
        pytest.fail("\n".join(reasons), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the conversations of a failed test."""
    report = yield
    servers = item.stash.get(SERVERS, [])
    was_shown = report.when == "teardown" and not item.stash.get(PASSED, True)
    if report.when == "call":
        item.stash[PASSED] = report.passed
    if report.failed and not was_shown:
        for server in servers:
            lines = server.report(max(shutil.get_terminal_size((USUAL_WIDTH, 24)).columns, NARROWEST))
            if lines:
                report.sections.append((f"{server.title} on port {server.port}", "\n".join(lines)))
    if report.when == "teardown":
        servers.clear()
    return report


@pytest.fixture
def tws_simulator(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A simulated TWS: a ``Server``, as the marker ``tws_simulator`` wants it."""
    wishes = wishes_of(request, "tws_simulator", SimulatorWishes)
    server = Server("TWS simulator")

    def serve() -> AbstractAsyncContextManager[tuple[str, int]]:
        from twsprobe.net.simulator import simulator

        version: dict[str, Any] = {} if wishes.server_version is None else {"server_version": wishes.server_version}
        how: dict[str, Any] = {"scenario": wishes.scenario, "delivery": wishes.delivery, "faults": tuple(wishes.faults)}
        return simulator(**version, **how, recorder=server)

    yield from served(request, "tws_simulator", server, serve)


@pytest.fixture
def tws_relay(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A relay to a TWS, by default to ``tws_simulator``: a ``Server`` that keeps what passes."""
    wishes = wishes_of(request, "tws_relay", RelayWishes)
    if wishes.to.isidentifier():
        behind = request.getfixturevalue(wishes.to)
        target = behind.host, behind.port
    else:
        target = target_of(wishes.to, "marker tws_relay")
    yield from relayed(request, "tws_relay", Server("TWS relay"), target, wishes.faults)


@pytest.fixture
def tws_replay(request: pytest.FixtureRequest) -> Iterator[ReplayServer]:
    """The TWS of the capture that the marker ``tws_capture`` names, or the one that it is to be recorded from: a ``ReplayServer``."""
    wishes = wishes_of(request, "tws_capture", CaptureWishes)
    path = folder_of(request) / wishes.capture
    mode, recorded = mode_of(request.config), request.config.stash.setdefault(RECORDED, set())
    is_recording = (mode == "all" and path not in recorded) or (mode == "once" and not path.exists())
    server = ReplayServer(is_recording, wishes.check)
    yield from (recording if is_recording else replaying)(request, wishes, server, path)


def replaying(request: pytest.FixtureRequest, wishes: CaptureWishes, server: ReplayServer, path: Path) -> Iterator[ReplayServer]:
    """Play a capture, and let nobody talk to another machine meanwhile."""
    from twsprobe.net.guard import loopback_only
    from twsprobe.net.replay import Replay, Unplayable, replay_server

    records = records_of(path)
    try:
        replay = Replay(records, match=wishes.match, pace=wishes.pace, speed=wishes.speed, ignored=tuple(wishes.ignored))
    except Unplayable as fault:
        stop(f"{path}: {fault}")
    except (TypeError, ValueError) as fault:
        stop(f"marker tws_capture: {fault}")
    if not replay.connections:
        stop(f"{path}: holds no connection that was open")
    server.replay = replay

    def serve() -> AbstractAsyncContextManager[tuple[str, int]]:
        return replay_server(replay, faults=tuple(wishes.faults), recorder=server)

    with loopback_only(request.config.getini("tws_allow_hosts")) as server.guard:
        yield from served(request, "tws_capture", server, serve)


def recording(request: pytest.FixtureRequest, wishes: CaptureWishes, server: ReplayServer, path: Path) -> Iterator[ReplayServer]:
    """Record a capture, which is kept if the test passes."""
    config = request.config
    named = wishes.to or config.getoption("tws_target") or config.getini("tws_target")
    if not named:
        stop(f"{path} is to be recorded, and no TWS is named: say --tws-target HOST:PORT")
    yield from relayed(request, "tws_capture", server, target_of(str(named), "--tws-target"), wishes.faults)
    if request.node.stash.get(PASSED, False):
        write(server.records, path, wishes.redact)
        config.stash[RECORDED].add(path)


def relayed(
    request: pytest.FixtureRequest, marker: str, server: AnyServer, target: tuple[str, int], faults: Sequence[str]
) -> Iterator[AnyServer]:
    """Relay to a target while a test runs."""

    def serve() -> AbstractAsyncContextManager[tuple[str, int]]:
        from twsprobe.net.threaded import settling_relay

        return settling_relay(target, server, tuple(faults))

    yield from served(request, marker, server, serve)


def served(request: pytest.FixtureRequest, marker: str, server: AnyServer, serve: Serve) -> Iterator[AnyServer]:
    """Serve while a test runs, and fail it afterwards where there is a reason."""
    request.node.stash.setdefault(SERVERS, []).append(server)
    with ExitStack() as undo:
        try:
            server.run(serve, undo)
        except (TypeError, ValueError) as fault:
            stop(f"marker {marker}: {fault}")
        yield server
    if request.node.stash.get(PASSED, False):
        complain([server])


def wishes_of(request: pytest.FixtureRequest, marker: str, kind: type[Wishes]) -> Wishes:
    """What the nearest marker of a name says; without one, what it would say if it said nothing."""
    found = request.node.get_closest_marker(marker)
    try:
        return kind(*found.args, **found.kwargs) if found is not None else kind()
    except TypeError as fault:
        stop(f"marker {marker}: {str(fault).partition('() ')[2] or fault}")


def folder_of(request: pytest.FixtureRequest) -> Path:
    """Where the captures of a test are."""
    named, config = request.config.getini("tws_captures"), request.config
    return (config.inipath.parent if config.inipath else config.rootpath) / named if named else Path(request.path).parent


def target_of(text: str, where: str) -> tuple[str, int]:
    """A TWS that was named; ``where`` it was."""
    from twsprobe.probing.targets import parse_target

    try:
        return parse_target(text)
    except ValueError as fault:
        stop(f"{where}: {fault}")


def records_of(path: Path) -> list[Record]:
    """The records of a capture."""
    from twsprobe.capture.model import CaptureError
    from twsprobe.capture.reading import open_capture

    try:
        with open_capture(path) as capture:
            return list(capture)
    except FileNotFoundError:
        stop(f"{path} is not there: record it with pytest --tws-record once --tws-target HOST:PORT")
    except CaptureError as fault:
        stop(str(fault))
    except OSError as fault:
        stop(f"{path}: {fault.strerror}")


def write(records: Sequence[Record], path: Path, is_redacted: bool) -> None:
    """Write a recording to its place, whole or not at all."""
    from twsprobe.capture.keeping import keep
    from twsprobe.capture.model import CaptureError
    from twsprobe.capture.redactor import CannotPromise, Redactor

    if not records:
        stop(f"{path} was not recorded: the test passed without a connection")
    try:
        keep(records, path, Redactor() if is_redacted else None)
    except CannotPromise as fault:
        doubts = "".join(f"\n  {doubt}" for doubt in fault.doubts)
        stop(f"{path} was not recorded: {fault}; a test without secrets can say redact=False{doubts}")
    except CaptureError as fault:
        stop(str(fault))
    except OSError as fault:
        stop(f"{path}: {fault.strerror}")


def stop(text: str) -> NoReturn:
    """Fail for a reason that lies outside of the test, in its words alone."""
    from twsprobe.views.safe import safe

    raise pytest.fail.Exception("\n".join(map(safe, text.splitlines())), pytrace=False) from None
