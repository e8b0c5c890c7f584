"""Which client ids are free, over memory and over sockets; what is counted is counted at the peer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.probing.peers import with_settings
from tests.probing.scenes import Scene
from twsprobe.capture.model import Close
from twsprobe.net.scenarios import SCENARIOS, Ask, Scenario
from twsprobe.net.script import Greet, Script, Usual, notice
from twsprobe.net.serving import listening
from twsprobe.net.simulator import Simulator
from twsprobe.probing.client_ids import MASTER, MOST_IDS, PAUSE, WARNINGS, ClientIds, Look, Tried, parse_ids
from twsprobe.probing.options import Options
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.targets import Target

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "client-ids.schema.json").read_text(encoding="utf-8"))
TARGET = Target("127.0.0.1", 7497)
QUICK = Options(stage_timeouts=tuple((stage, 0.3) for stage in Stage))


def scenario_of(script: Script) -> Scenario:
    return Scenario("made up", "For this test.", "ready", None, None, script, Ask())


def states(found: ClientIds) -> list[tuple[int | None, str]]:
    return [(each.client_id, each.state) for each in found.tried if not each.random]


class Looked:
    """What a look came to, and what the peer saw of it."""

    def __init__(self, found: ClientIds, scene: Scene, warnings: list[str], told: list[Tried], seconds: float) -> None:
        self.found, self.scene, self.warnings, self.told, self.seconds = found, scene, warnings, told, seconds


async def look(script: Script | str, *ids: int | str, randoms: int = 1, master: int | None = None) -> Looked:
    scenario = SCENARIOS[script] if isinstance(script, str) else scenario_of(script)
    warnings: list[str] = []
    told: list[Tried] = []
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, scenario)
        if master is not None and scene.simulator is not None:
            scene.simulator.state.account = with_settings(scene.simulator.state.account, masterClientId=master)
        began = trio.current_time()
        found = await Look(TARGET, QUICK, tell=told.append, warn=warnings.append, network=scene.network).ask(ids, randoms)
        seconds = trio.current_time() - began
        if scene.simulator is not None:
            await trio.testing.wait_all_tasks_blocked()
            assert not scene.simulator.clients, "every connection was closed"
        nursery.cancel_scope.cancel()
    assert scene.dials == found.connections_opened
    jsonschema.validate(json.loads(json.dumps(found.to_dict())), SCHEMA)
    assert told or not found.tried
    return Looked(found, scene, warnings, told, seconds)


async def test_free_and_taken_by_error_326(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look(Script(taken=frozenset({2, 100})), 1, 2, 10, 100)
    assert states(looked.found) == [(1, "free"), (2, "taken"), (10, "free"), (100, "taken")]
    assert looked.found.tried[0].random
    assert looked.found.tried[0].state == "free"
    assert looked.found.tried[2].signature is Signature.CLIENT_ID_IN_USE
    assert (looked.found.exit_code, looked.found.connections_opened, looked.found.server_version) == (1, 5, 226)
    assert looked.seconds >= 4 * PAUSE
    assert not looked.warnings


async def test_all_free(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look("ready", 1, 2)
    assert looked.found.ok
    assert looked.found.exit_code == 0


async def test_a_bare_close_is_a_taken_id_where_another_gets_in(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look(Script(taken=frozenset({7}), says_taken=False), 7, 8)
    assert states(looked.found) == [(7, "taken"), (8, "free")]


async def test_a_bare_close_is_judged_once_another_gets_in(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look(Script(taken=frozenset({7}), says_taken=False), 7, 8, randoms=0)
    assert looked.told[0].state == "unknown"
    assert states(looked.found) == [(7, "taken"), (8, "free")]


async def test_a_bare_close_says_nothing_where_nobody_gets_in(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look("closed-after-start", 7, 8)
    assert states(looked.found) == [(7, "unknown"), (8, "unknown")]
    assert looked.found.exit_code == 1


@pytest.mark.parametrize("name", ["refused", "dialog-pending", "http", "paper-disclaimer", "api-not-accepted", "unresolved"])
async def test_what_is_not_about_the_id_ends_the_look(name: str, autojump_clock: trio.testing.MockClock) -> None:
    looked = await look(name, 1, 2, 3)
    assert len(looked.found.tried) == 1
    assert looked.found.stopped is not None
    assert looked.found.stopped.value == SCENARIOS[name].signature
    assert looked.found.exit_code == looked.found.stopped.exit_code
    assert looked.found.connections_opened == (0 if name in ("refused", "unresolved") else 1)


async def test_zero_is_tried_where_it_is_named_and_warned_of(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look("ready", 1, 0)
    assert states(looked.found) == [(1, "free"), (0, "free")]
    assert looked.warnings == [WARNINGS[0]]


async def test_the_master_id_is_left_out_unless_it_is_asked_for_by_name(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look("ready", 9, 10, master=10)
    assert looked.found.master_id == 10
    assert states(looked.found) == [(9, "free"), (10, "skipped")]
    assert looked.found.connections_opened == 2
    assert not looked.warnings
    named = await look("ready", 9, 10, MASTER, master=10)
    assert states(named.found) == [(9, "free"), (10, "free")]
    assert named.warnings == [WARNINGS[MASTER]]


async def test_a_master_id_that_is_not_told_is_unknown(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look("ready", MASTER)
    assert states(looked.found) == [(None, "unknown")]
    assert looked.found.connections_opened == 1


async def test_over_sockets_connections_come_one_at_a_time_and_end_with_a_fin() -> None:
    simulator = Simulator(scenario=Script(taken=frozenset({2})))
    open_now, most, ended = 0, 0, []

    async def serve(stream: trio.abc.Stream) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        watched = Watched(stream)
        await simulator.serve(watched)
        open_now -= 1
        ended.append(watched.saw_fin)

    async with listening(serve) as (host, port):
        found = await Look(Target(host, port), QUICK).ask((2, 3), 1)
        with trio.fail_after(5):
            while len(ended) < 3:
                await trio.lowlevel.checkpoint()
    assert states(found) == [(2, "taken"), (3, "free")]
    assert (found.connections_opened, len(ended), most) == (3, 3, 1)
    assert all(ended), "each connection ended with a FIN, none with a RST"


class Watched(trio.abc.HalfCloseableStream):
    """A stream that notes whether the other side ended it with a FIN."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.saw_fin = inner, False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = bytes(await self.inner.receive_some(max_bytes))
        self.saw_fin |= not data
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self.inner.send_eof()

    async def aclose(self) -> None:
        await self.inner.aclose()


def test_lists_of_ids() -> None:
    assert parse_ids("1,2, 10-12,2") == (1, 2, 10, 11, 12)
    assert parse_ids("0,master") == (0, "master")
    assert len(parse_ids(f"1-{MOST_IDS}")) == MOST_IDS


@pytest.mark.parametrize("text", ["", ",", "x", "-1", "1-", "2-1", "0-5", "1-99999", f"1-{MOST_IDS},100", "2147483648", "²", "1--2"])
def test_what_is_no_list_of_ids_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="id"):
        parse_ids(text)


@given(st.text(alphabet="0123456789,-master \x1b\u0662", max_size=30))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        found = parse_ids(text)
    except ValueError:
        return
    assert 1 <= len(found) <= MOST_IDS


async def test_as_an_object(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look(Script(on_offer=(Greet(),), on_start=(Usual.ACCOUNTS, notice(322, "no"), Close.FIN)), 5)
    seen = looked.found.to_dict()
    assert seen["schema"] == "twsprobe.client-ids/1"
    assert (seen["target"], seen["ok"], seen["stopped"], seen["connections_opened"]) == ("127.0.0.1:7497", False, "rejected", 1)
