"""Every scenario gets the verdict it asks for: over memory and over sockets, however the bytes are cut."""

from __future__ import annotations

import json
import time

import pytest
import trio
import trio.testing

import twsprobe
from tests.probing.scenes import TIMEOUT, Scene, options_for
from twsprobe.capture.model import Chunk, Close, Closed, Opened, Record
from twsprobe.net.replay import Replay, replay_server
from twsprobe.net.scenarios import SCENARIOS, Endpoint, Scenario, scenario_target
from twsprobe.probing.judgement import Confidence
from twsprobe.probing.options import Options
from twsprobe.probing.probe import probe
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Network
from twsprobe.probing.signatures import Signature
from twsprobe.wire.framing import Direction

ALL = list(SCENARIOS.values())
SERVED = [scenario for scenario in ALL if scenario.endpoint is Endpoint.SERVER]
DELIVERIES = ("message", "byte", "whole")


def name_of(scenario: Scenario) -> str:
    return scenario.name


class Kept:
    """A recorder that keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record, /) -> None:
        self.records.append(record)


def assert_verdict(report: ProbeReport, scenario: Scenario) -> None:
    seen = report.to_dict()
    assert (seen["signature"], seen["stage"], seen["layer"]) == (scenario.signature, scenario.stage, scenario.layer)
    assert report.exit_code == Signature(scenario.signature).exit_code
    assert seen["ok"] is (scenario.signature == "ready")
    facts = {name: getattr(report.observation, name) for name in scenario.facts}
    assert facts == dict(scenario.facts)
    assert report.ok or report.causes[0].confidence is not Confidence.EXCLUDED


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("scenario", ALL, ids=name_of)
async def test_scenario_over_memory(scenario: Scenario, delivery: str, autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, scenario, delivery)
        began = trio.current_time()
        report = await probe("localhost", 7497, options_for(scenario), network=scene.network)
        assert trio.current_time() - began <= TIMEOUT + 1
        assert scene.dials == report.connections_opened
        nursery.cancel_scope.cancel()
    assert_verdict(report, scenario)


@pytest.mark.parametrize("scenario", ALL, ids=name_of)
async def test_scenario_over_sockets(scenario: Scenario) -> None:
    if not scenario.supported:
        pytest.skip(scenario.unsupported)
    options = options_for(scenario)
    async with scenario_target(scenario.name) as (host, port):
        began = time.monotonic()
        report = await probe(host, port, options)
        took = time.monotonic() - began
    assert_verdict(report, scenario)
    assert took <= options.timeout + 1


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("server_version", [100, 150, 157, 176, 178, 200, 201, 207, 213, 219, 226])
async def test_versions(server_version: int, delivery: str, autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, SCENARIOS["ready"], delivery, server_version)
        report = await probe("localhost", 7497, Options(sync=True, config=True), network=scene.network)
        nursery.cancel_scope.cancel()
    assert report.ok, report.to_dict()
    assert report.observation.server_version == server_version
    assert report.observation.accounts
    assert len(report.sync) == (5 if server_version >= 150 else 4)
    assert all(step.ok for step in report.sync)
    assert bool(report.settings) is (server_version >= 219)


@pytest.mark.parametrize("scenario", [scenario for scenario in ALL if scenario.remote_layer], ids=name_of)
async def test_an_address_of_another_machine_makes_trusted_ips_the_suspect(
    scenario: Scenario, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, scenario, peer=("192.0.2.1", 7497), source=("192.0.2.9", 50000))
        report = await probe("192.0.2.1", 7497, options_for(scenario), network=scene.network)
        nursery.cancel_scope.cancel()
    assert report.layer is not None
    assert report.layer.value == scenario.remote_layer == "trusted-ip"


# What a report has of the notices depends on what has arrived by when, and a replay says at once what is due at once.
WHOLE = [scenario for scenario in ALL if scenario.script is None or scenario.script.delivery is None]


@pytest.mark.parametrize("scenario", WHOLE, ids=name_of)
async def test_a_replayed_capture_gives_the_same_report(scenario: Scenario, autojump_clock: trio.testing.MockClock) -> None:
    kept, options = Kept(), options_for(scenario, client_id=scenario.ask.client_id or 123456)
    async with trio.open_nursery() as nursery:
        first = await probe("localhost", 7497, options, network=Scene(nursery, scenario, "whole").network, recorder=kept)
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, scenario)
        if scene.simulator is not None:
            scene.simulator = Replay(kept.records)  # type: ignore[assignment]
        second = await probe("localhost", 7497, options, network=scene.network)
        nursery.cancel_scope.cancel()
    assert timeless(first) == timeless(second)


async def test_a_capture_replays_over_sockets() -> None:
    kept = Kept()
    options = Options(sync=True, timeout=TIMEOUT)
    async with scenario_target("ready") as (host, port):
        first = await probe(host, port, options, recorder=kept)
    async with replay_server(kept.records) as (host, port):
        second = await probe(host, port, options)
    assert first.ok
    assert second.ok
    assert [step.messages for step in first.sync] == [step.messages for step in second.sync]
    assert first.to_dict()["notices"] == second.to_dict()["notices"]


def timeless(report: ProbeReport) -> str:
    """A report without its times, and without the random id of a second try."""

    def stripped(value: object) -> object:
        if isinstance(value, dict):
            return {name: stripped(inner) for name, inner in value.items() if name != "elapsed_ms"}
        return [stripped(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(stripped(report.to_dict()))


async def test_every_byte_is_recorded_before_it_means_anything(autojump_clock: trio.testing.MockClock) -> None:
    kept = Kept()
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, SCENARIOS["ready"])
        report = await probe("localhost", 7497, Options(sync=True), network=scene.network, recorder=kept)
        nursery.cancel_scope.cancel()
    assert isinstance(kept.records[0], Opened)
    received = sum(len(record.data) for record in kept.records if isinstance(record, Chunk) and record.direction is Direction.TO_CLIENT)
    assert received == report.observation.total_bytes_received
    ends = [record for record in kept.records if isinstance(record, Closed)]
    assert [(record.direction, record.how) for record in ends] == [
        (Direction.TO_SERVER, Close.FIN),
        (Direction.TO_CLIENT, Close.FIN),
    ]


async def test_what_opened_no_connection_is_recorded_as_an_attempt(autojump_clock: trio.testing.MockClock) -> None:
    ends = {"unresolved": Close.UNRESOLVED, "refused": Close.REFUSED, "timeout": Close.TIMEOUT, "unreachable": Close.UNREACHABLE}
    for name, end in ends.items():
        kept = Kept()
        async with trio.open_nursery() as nursery:
            await probe("localhost", 7497, options_for(SCENARIOS[name]), network=Scene(nursery, SCENARIOS[name]).network, recorder=kept)
        assert [record.how for record in kept.records if isinstance(record, Closed)] == [end]


async def test_one_connection_and_a_second_only_where_it_decides(autojump_clock: trio.testing.MockClock) -> None:
    for scenario in SERVED:
        async with trio.open_nursery() as nursery:
            scene = Scene(nursery, scenario)
            report = await probe("localhost", 7497, options_for(scenario), network=scene.network)
            nursery.cancel_scope.cancel()
        assert scene.dials == (2 if scenario.signature == "closed-after-start" else 1), scenario.name
        assert report.connections_opened == scene.dials


async def test_the_second_try_proves_a_taken_id(autojump_clock: trio.testing.MockClock) -> None:
    scenario = SCENARIOS["client-id-bare-close"]
    async with trio.open_nursery() as nursery:
        report = await probe("localhost", 7497, options_for(scenario), network=Scene(nursery, scenario).network)
        nursery.cancel_scope.cancel()
    assert report.observation.retry == "ready"
    assert (report.causes[0].id, report.causes[0].confidence) == ("client-id-clash", Confidence.PROVEN)


async def test_the_client_id_is_random_and_never_0_unless_asked(autojump_clock: trio.testing.MockClock) -> None:
    ids = set()
    for _ in range(20):
        async with trio.open_nursery() as nursery:
            report = await probe("localhost", 7497, network=Scene(nursery, SCENARIOS["ready"]).network)
            nursery.cancel_scope.cancel()
        ids.add(report.observation.client_id)
    assert len(ids) > 15
    assert min(number for number in ids if number is not None) >= 100_000
    async with trio.open_nursery() as nursery:
        report = await probe("localhost", 7497, Options(client_id=0), network=Scene(nursery, SCENARIOS["ready"]).network)
        nursery.cancel_scope.cancel()
    assert report.observation.client_id == 0
    assert "client-id-zero" in [cause.id for cause in report.causes]


async def test_the_whole_run_ends_in_its_timeout(autojump_clock: trio.testing.MockClock) -> None:
    for name in ("dialog-pending", "api-not-accepted", "slow-drip", "sync-executions"):
        async with trio.open_nursery() as nursery:
            began = trio.current_time()
            options = Options(timeout=2.0, sync=True)
            report = await probe("localhost", 7497, options, network=Scene(nursery, SCENARIOS[name]).network)
            assert trio.current_time() - began <= 3.0
            nursery.cancel_scope.cancel()
        assert report.signature.value == SCENARIOS[name].signature


async def test_an_endless_flood_ends_in_the_timeout(autojump_clock: trio.testing.MockClock) -> None:
    """A server that never stops talking is cut off by the deadline, and its notices take no more than their share."""
    from tests.net.memory import memory_pair
    from twsprobe.net.address import Address
    from twsprobe.net.dial import Attempt, Dialed
    from twsprobe.wire.handshake import greeting
    from twsprobe.wire.registry import encode

    async def flood(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(greeting(178, b"20260102 15:04:05 EST"))
        number = 0
        try:
            while True:
                number += 1
                await stream.send_all(encode("error", Direction.TO_CLIENT, 178, id=-1, errorCode=2104, errorMsg=str(number)))
                await trio.sleep(0.001)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async with trio.open_nursery() as nursery:

        async def dial(addresses: list[Address], timeout: float) -> Dialed:
            client, server = memory_pair()
            nursery.start_soon(flood, server)
            return Dialed(client, ("127.0.0.1", 5), addresses[0], (Attempt(addresses[0], None, ""),))

        async def resolve(host: str, port: int) -> list[Address]:
            return [(host, port)]

        began = trio.current_time()
        report = await probe("127.0.0.1", 7497, Options(timeout=2.0), network=Network(resolve, dial))
        assert trio.current_time() - began <= 3.0
        nursery.cancel_scope.cancel()
    assert report.signature is Signature.PARTIAL_START
    assert len(report.observation.notices) == 100


def test_probe_sync_blocks_and_reports() -> None:
    report = twsprobe.probe_sync("127.0.0.1", 1, Options(timeout=2.0))
    assert isinstance(report, ProbeReport)
    assert report.signature is Signature.TCP_REFUSED


async def test_the_library_in_a_script() -> None:
    async with twsprobe.simulator(server_version=178) as (host, port):
        report = await twsprobe.probe(host, port)
    assert report.ok
    assert report.observation.server_version == 178
