"""Decisions over memory and over sockets: the right cause, no connection too many, nothing left open."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema
import pytest
import trio
import trio.testing

from tests.probing.peers import LAN, OTHER, OWN, Peers, Serve, with_settings
from tests.probing.scenes import Scene, options_for
from twsprobe.capture.model import Close, Closed, Opened, Record
from twsprobe.net.account import simulated_account
from twsprobe.net.address import Address
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.net.script import Script
from twsprobe.net.serving import close_with_fin, listening
from twsprobe.net.simulator import Simulator
from twsprobe.probing.deciding import PAUSE, RETRY, decide
from twsprobe.probing.experiment_table import EXPERIMENTS
from twsprobe.probing.judgement import Confidence
from twsprobe.probing.options import Options
from twsprobe.probing.probe import probe
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Quiet
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import VersionOffered
from twsprobe.wire.framing import Direction

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "probe.schema.json").read_text(encoding="utf-8"))
QUICK = Options(stage_timeouts=tuple((stage, 0.5) for stage in Stage), max_connections=4)
WELL, SILENT, CLOSES = Script(), Script(on_offer=()), Script(on_offer=(Close.FIN,))
PORT = 7497


class Watching(Quiet):
    """Keeps what is announced."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)


class Kept:
    """A recorder in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record, /) -> None:
        self.records.append(record)


class Decided:
    """A report, and what the peers saw."""

    def __init__(self, report: ProbeReport, peers: Peers, notes: list[str], records: list[Record], seconds: float) -> None:
        self.report, self.peers, self.notes, self.records, self.seconds = report, peers, notes, records, seconds

    @property
    def first(self) -> tuple[str, str]:
        cause = self.report.causes[0]
        return cause.id, cause.confidence.value

    @property
    def tried(self) -> list[tuple[str, str]]:
        assert self.report.decision is not None
        return [(each.experiment, each.outcome) for each in self.report.decision.tried]


async def decision_about(
    host: str, at: Mapping[Address, Serve | Script], port: int = PORT, options: Options = QUICK, retries: bool = False
) -> Decided:
    watching, kept = Watching(), Kept()
    async with trio.open_nursery() as nursery:
        peers = Peers(nursery, at)
        began = trio.current_time()
        report = await probe(host, port, options, network=peers.network, recorder=kept)
        report = await decide(
            report,
            options,
            max_connections=options.max_connections,
            watcher=watching,
            recorder=kept,
            network=peers.network,
            addresses=OWN,
        )
        seconds = trio.current_time() - began
        await trio.testing.wait_all_tasks_blocked()
        assert peers.open == 0, "no connection stays open"
        nursery.cancel_scope.cancel()
    assert sum(peers.dials.values()) == report.connections_opened <= options.max_connections
    if not retries:
        assert peers.most <= 1, "one connection at a time"
        assert seconds >= PAUSE * (report.connections_opened - 1)
    opened = [record.connection for record in kept.records if isinstance(record, Opened)]
    assert len(set(opened)) == report.connections_opened
    closed = [record for record in kept.records if isinstance(record, Closed) and record.connection in opened]
    assert all(record.how is not Close.RST for record in closed if record.direction is Direction.TO_SERVER)
    seen = json.loads(json.dumps(report.to_dict()))
    jsonschema.validate(seen, SCHEMA)
    assert len(watching.notes) >= len(seen["experiments"]) - 1
    return Decided(report, peers, watching.notes, kept.records, seconds)


def tws(**settings: object) -> Serve:
    """A TWS that is well, with these API settings."""
    return Simulator(account=with_settings(simulated_account(), **settings)).serve


async def web_server(stream: trio.abc.Stream) -> None:
    """Answers once a request has come to its end."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = await stream.receive_some()
        if not data:
            return await close_with_fin(stream)
        head += data
    await stream.send_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    return await close_with_fin(stream)


async def tls_server(stream: trio.abc.Stream) -> None:
    """Waits for the opening of TLS, and answers that."""
    head: bytes | bytearray = b""
    while not head.startswith(b"\x16\x03"):
        data = await stream.receive_some()
        if not data:
            break
        head = data
    else:
        await stream.send_all(b"\x15\x03\x03\x00\x02\x02\x28")
    await close_with_fin(stream)


def late_forwarder(seconds: float) -> Serve:
    """Closes after a time, whatever it is sent: as a forwarder does whose own attempt to connect fails slowly."""

    async def serve(stream: trio.abc.Stream) -> None:
        await trio.sleep(seconds)
        await close_with_fin(stream)

    return serve


def answering(until: int, then: Script = WELL, otherwise: Script = SILENT) -> Serve:
    """Answers an offer whose highest version is at most ``until``, and any other as ``otherwise`` says."""

    async def serve(stream: trio.abc.Stream) -> None:
        data = b""
        conversation = Conversation()
        offers: list[VersionOffered] = []
        while not offers:
            more = bytes(await stream.receive_some())
            if not more:
                return await close_with_fin(stream)
            data += bytes(more)
            offers = [event for event in conversation.feed(Direction.TO_SERVER, more) if isinstance(event, VersionOffered)]
        script = then if (offers[0].maximum or offers[0].minimum) <= until else otherwise
        return await Simulator(scenario=script).serve(Replayed(stream, data))

    return serve


class Replayed(trio.abc.HalfCloseableStream):
    """A stream whose first bytes were read already, and come again."""

    def __init__(self, inner: trio.abc.Stream, data: bytes) -> None:
        self.inner, self.data = inner, data

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data, self.data = self.data, b""
        return data or bytes(await self.inner.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        assert isinstance(self.inner, trio.abc.HalfCloseableStream)
        await self.inner.send_eof()

    async def aclose(self) -> None:
        await self.inner.aclose()


LOCAL: Address = ("127.0.0.1", PORT)
HERE: Address = (LAN, PORT)
SIX: Address = ("::1", PORT)
SITUATIONS: dict[str, tuple[str, dict[Address, Serve | Script], int, str, str, str | None]] = {
    "TWS refuses the address, and says so": (LAN, {HERE: CLOSES, LOCAL: tws()}, PORT, "untrusted-address", "proven", "add-address"),
    "TWS refuses the address, and does not say so": (
        LAN,
        {HERE: CLOSES, LOCAL: Simulator(178).serve},
        PORT,
        "untrusted-address",
        "likely",
        "add-address",
    ),
    "TWS asks about the address": (
        LAN,
        {HERE: SILENT, LOCAL: tws(allowLocalhostOnly=False, trustedIPs=["192.168.1.77"])},
        PORT,
        "dialog-pending",
        "likely",
        "answer-dialog",
    ),
    "TWS trusts the address, something else closes": (
        LAN,
        {HERE: CLOSES, LOCAL: tws(allowLocalhostOnly=False, trustedIPs=[LAN])},
        PORT,
        "forwarder-dead-backend",
        "likely",
        "not-trusted-ips",
    ),
    "TWS hangs for everybody": (LAN, {HERE: SILENT, LOCAL: SILENT}, PORT, "api-wedged", "likely", "not-trusted-ips"),
    "a web server that waits for a request": ("127.0.0.1", {LOCAL: web_server}, PORT, "web-server", "proven", None),
    "a TLS service that waits for its opening": ("127.0.0.1", {LOCAL: tls_server}, PORT, "tls-service", "proven", None),
    "::1 hangs, 127.0.0.1 is served": ("localhost", {SIX: SILENT, LOCAL: WELL}, PORT, "ipv6-localhost", "proven", None),
    "::1 is closed on, 127.0.0.1 is served": ("localhost", {SIX: CLOSES, LOCAL: WELL}, PORT, "ipv6-localhost", "proven", None),
    "an inner port of a container": (
        "172.18.0.5",
        {("172.18.0.5", 4002): CLOSES, ("172.18.0.5", 4004): WELL},
        4002,
        "container-inner-port",
        "likely",
        "open",
    ),
    "a forwarder that fails slowly": (
        "127.0.0.1",
        {LOCAL: late_forwarder(0.3)},
        PORT,
        "forwarder-dead-backend",
        "likely",
        "not-trusted-ips",
    ),
    "a server that does not take a high offer": (
        "127.0.0.1",
        {LOCAL: answering(178)},
        PORT,
        "greeting-not-understood",
        "likely",
        "not-trusted-ips",
    ),
    "a server that starts only text sessions": (
        "127.0.0.1",
        {LOCAL: answering(178, otherwise=Script(on_start=(), serves=False))},
        PORT,
        "protobuf-desync",
        "likely",
        "not-trusted-ips",
    ),
    "refused on loopback, served at another address": ("127.0.0.1", {HERE: WELL}, PORT, "wrong-address", "likely", None),
}


@pytest.mark.parametrize("name", SITUATIONS)
async def test_the_cause_is_found(name: str, autojump_clock: trio.testing.MockClock) -> None:
    host, at, port, cause, confidence, verdict = SITUATIONS[name]
    found = await decision_about(host, at, port)
    decision = found.report.decision
    assert decision is not None
    assert found.first == (cause, confidence), (found.tried, [(each.id, each.confidence.value) for each in found.report.causes])
    assert (decision.trust.verdict if decision.trust else None) == verdict
    assert decision.conclusion.startswith(f"Decided: {cause} ")


async def test_what_is_said_of_a_trusted_address(autojump_clock: trio.testing.MockClock) -> None:
    found = await decision_about(LAN, {HERE: CLOSES, LOCAL: tws()})
    decision = found.report.decision
    assert decision is not None
    assert decision.trust is not None
    assert decision.trust.text == f'Untick "Allow connections from localhost only", and add {LAN} to "Trusted IPs".'
    assert found.notes[0].startswith("To decide: the same port at 127.0.0.1, which TWS trusts, instead of 192.168.1.20 (connection 2")
    assert found.tried == [("loopback", "only-localhost")]
    assert found.peers.dials == {HERE: 1, LOCAL: 1}


@pytest.mark.parametrize("most", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_no_scenario_makes_more_connections_than_allowed(name: str, most: int, autojump_clock: trio.testing.MockClock) -> None:
    scenario = SCENARIOS[name]
    options = options_for(scenario, max_connections=most)
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, scenario)
        first = await probe("localhost", PORT, options, network=scene.network)
        report = await decide(first, options, max_connections=most, network=scene.network, addresses=OWN)
        await trio.testing.wait_all_tasks_blocked()
        assert scene.simulator is None or not scene.simulator.clients
        nursery.cancel_scope.cancel()
    assert scene.dials == report.connections_opened <= most
    assert report.decision is not None
    assert report.decision.conclusion
    if first.ok:
        assert not report.decision.tried
    proven = {cause.id for cause in first.causes if cause.confidence is Confidence.PROVEN}
    assert proven <= {cause.id for cause in report.causes if cause.confidence is Confidence.PROVEN}, "what the wire proved stands"


async def test_a_run_that_has_used_up_its_connections_says_so(autojump_clock: trio.testing.MockClock) -> None:
    found = await decision_about(LAN, {HERE: CLOSES, LOCAL: tws()}, options=Options(max_connections=1))
    assert found.tried == []
    decision = found.report.decision
    assert decision is not None
    assert decision.conclusion.startswith("Not decided: the 1 connection")


async def test_the_second_try_of_the_run_counts_as_one(autojump_clock: trio.testing.MockClock) -> None:
    options = Options(client_id=7, max_connections=4)
    taken = Script(taken=frozenset({7}), says_taken=False)
    found = await decision_about("127.0.0.1", {LOCAL: taken}, options=options, retries=True)
    assert found.tried == [(RETRY, "ready")]
    assert found.first == ("client-id-clash", "proven")
    assert found.report.connections_opened == 2
    alone = await decision_about("127.0.0.1", {LOCAL: taken}, options=Options(client_id=7, max_connections=1))
    assert alone.report.connections_opened == 1


async def test_a_silent_start_is_tried_with_another_id(autojump_clock: trio.testing.MockClock) -> None:
    options = Options(client_id=7, max_connections=4, maximum=178, stage_timeouts=QUICK.stage_timeouts)
    found = await decision_about("127.0.0.1", {LOCAL: Script(on_start=(), serves=False)}, options=options)
    assert found.tried[0] == ("random-id", "no-better")
    assert found.first == ("api-not-accepted", "likely")


async def test_experiments_are_recorded_under_numbers_of_their_own(autojump_clock: trio.testing.MockClock) -> None:
    found = await decision_about(LAN, {HERE: SILENT, LOCAL: SILENT})
    numbers = [record.connection for record in found.records if isinstance(record, Opened)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_remote_target_is_not_compared_with_loopback(autojump_clock: trio.testing.MockClock) -> None:
    found = await decision_about("192.168.1.99", {("192.168.1.99", PORT): SILENT, LOCAL: WELL})
    assert LOCAL not in found.peers.dials
    decision = found.report.decision
    assert decision is not None
    assert decision.trust is not None
    assert (decision.trust.verdict, decision.trust.address) == ("open", OTHER)


async def test_over_sockets_what_was_opened_is_what_the_peer_counted_and_nothing_stays(free_address: Callable[[], str]) -> None:
    """The address of another loopback network stands for one of a local network."""
    ended = 0
    simulators = {"127.0.0.1": Simulator(scenario=WELL), free_address(): Simulator(scenario=SILENT)}
    (_, there), counts = simulators, dict.fromkeys(simulators, 0)

    def counting(ip: str) -> Serve:
        async def serve(stream: trio.abc.Stream) -> None:
            nonlocal ended
            counts[ip] += 1
            await simulators[ip].serve(stream)
            ended += 1

        return serve

    async with listening(counting("127.0.0.1")) as (_, port), listening(counting(there), there, port):
        options = Options(stage_timeouts=((Stage.HANDSHAKE, 0.3),), max_connections=4)
        report = await probe(there, port, options)
        report = await decide(report, options)
        with trio.fail_after(5):
            while ended < sum(counts.values()):
                await trio.lowlevel.checkpoint()
        assert states(port) <= {"LISTEN", "TIME_WAIT"}
    assert report.signature is Signature.SILENT_HANDSHAKE
    assert sum(counts.values()) == report.connections_opened
    assert counts[there] >= 1


async def test_a_program_that_accepts_nobody_is_left_without_a_connection_in_close_wait() -> None:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        port = listener.getsockname()[1]
        options = Options(stage_timeouts=((Stage.HANDSHAKE, 0.2),), max_connections=3)
        report = await decide(await probe("127.0.0.1", port, options), options, max_connections=3)
        assert "CLOSE_WAIT" not in states(port)
    assert report.connections_opened == 3


def states(port: int) -> set[str]:
    """The states of this machine's sockets with a port at either end."""
    import psutil

    found = psutil.net_connections(kind="tcp")
    return {each.status for each in found if port in {each.laddr.port if each.laddr else 0, each.raddr.port if each.raddr else 0}}


@pytest.fixture
def free_address() -> Callable[[], str]:
    """An address of this machine besides 127.0.0.1."""
    import sys

    if sys.platform != "linux":
        pytest.skip("only Linux has the whole of 127.0.0.0/8 on loopback")
    return lambda: "127.0.0.2"


def test_no_experiment_costs_more_than_one_connection() -> None:
    assert all(experiment.connections == 1 for experiment in EXPERIMENTS)
