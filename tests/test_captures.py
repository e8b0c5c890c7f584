"""The committed captures: made by their generator, one a signature, and each replays to its signature; those of examples aside."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import trio
import trio.testing

from tests.examples import SESSIONS
from tests.net.memory import memory_pair
from tests.probing.scenes import options_for
from twsprobe import open_capture
from twsprobe.capture.model import Chunk, Close, Closed, Record
from twsprobe.net.address import Address
from twsprobe.net.dial import Attempt, Dialed, NoConnection, Unresolved
from twsprobe.net.replay import Replay
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.probing.probe import probe
from twsprobe.probing.run import Network
from twsprobe.probing.signatures import Signature
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.framing import Direction

FOLDER = Path(__file__).parents[1] / "captures"
SIGNATURES = list(Signature)


def slug(signature: Signature) -> str:
    return signature.value


def generator() -> ModuleType:
    """The module that wrote the captures."""
    spec = importlib.util.spec_from_file_location("captures_generate", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def records_of(signature: Signature) -> list[Record]:
    with open_capture(FOLDER / f"{signature.value}.jsonl") as capture:
        assert capture.header["signature"] == signature.value
        return list(capture)


@pytest.mark.parametrize("signature", SIGNATURES, ids=slug)
def test_a_capture_is_what_its_generator_writes(signature: Signature, tmp_path: Path) -> None:
    made: Path = generator().write(signature, tmp_path)
    committed = FOLDER / made.name
    assert made.read_bytes() == committed.read_bytes(), f"{committed.name} is stale: run python captures/generate.py"


def test_there_is_one_capture_a_signature() -> None:
    captures = {path.name for path in FOLDER.glob("*.jsonl")} - set(SESSIONS.values())
    assert captures == {f"{signature.value}.jsonl" for signature in Signature}


@pytest.mark.parametrize("signature", SIGNATURES, ids=slug)
async def test_a_capture_replays_to_its_signature(signature: Signature, autojump_clock: trio.testing.MockClock) -> None:
    records = records_of(signature)
    replay = Replay(records)
    with open_capture(FOLDER / f"{signature.value}.jsonl") as capture:
        scenario = SCENARIOS[capture.header["scenario"]]

    async with trio.open_nursery() as nursery:

        async def resolve(host: str, port: int) -> list[Address]:
            if signature is Signature.NAME_UNRESOLVED:
                raise Unresolved("no such name")
            return [("127.0.0.1", port)]

        async def dial(addresses: list[Address], timeout: float) -> Dialed:
            end = next(record for record in records if isinstance(record, Closed)) if len(records) == 1 else None
            if end is not None and end.how not in (Close.FIN, Close.RST):
                raise NoConnection((Attempt(addresses[0], end.how, ""),), end.how)
            client, server = memory_pair()
            nursery.start_soon(replay.serve, server)
            return Dialed(client, ("127.0.0.1", 50000), addresses[0], (Attempt(addresses[0], None, ""),))

        report = await probe("localhost", 7497, options_for(scenario), network=Network(resolve, dial))
        nursery.cancel_scope.cancel()
    assert report.signature is signature
    assert report.exit_code == signature.exit_code


@pytest.mark.parametrize("signature", SIGNATURES, ids=slug)
def test_every_byte_of_a_capture_is_in_an_event(signature: Signature) -> None:
    conversations: dict[int, Conversation] = {}
    for record in records_of(signature):
        if isinstance(record, Chunk):
            conversations.setdefault(record.connection, Conversation()).feed(record.direction, record.data)
    for conversation in conversations.values():
        assert conversation.pending(Direction.TO_SERVER) == b""
        assert not conversation.pending(Direction.TO_CLIENT) or signature is Signature.FRAME_INCOMPLETE
