"""Write the captures of this folder: one for each signature, from the simulator in memory, the same bytes every time.

    python captures/generate.py [--sessions]

With --sessions, those of the examples in docs/testing.md instead: real clients with the simulator, at the times and in the chunks that they
happened to take. Needs an environment in which twsprobe and its tests are installed. Nothing in them was ever said by a TWS.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import trio
import trio.testing

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from tests.examples import SESSIONS, write_examples  # noqa: E402  # the checkout is no package
from tests.probing.scenes import Scene, options_for  # noqa: E402
from twsprobe.capture.jsonl import Writer  # noqa: E402
from twsprobe.capture.model import Record  # noqa: E402
from twsprobe.net.scenarios import SCENARIOS, Scenario  # noqa: E402
from twsprobe.net.simulator import simulator  # noqa: E402
from twsprobe.net.threaded import ServerThread  # noqa: E402
from twsprobe.probing.probe import probe  # noqa: E402
from twsprobe.probing.signatures import Signature  # noqa: E402

CREATED_NS = 1_767_366_245_000_000_000
"""2 January 2026, 15:04:05 UTC."""
STEP_NS = 1_000_000
CLIENT_ID = 123456


class Kept:
    """A recorder that keeps records in a list, a millisecond apart."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record, /) -> None:
        """Keep a record."""
        self.records.append(record._replace(time_ns=CREATED_NS + STEP_NS * (len(self.records) + 1)))


def scenario_of(signature: Signature) -> Scenario:
    """The first scenario that ends in a signature."""
    return next(scenario for scenario in SCENARIOS.values() if scenario.signature == signature.value)


async def recorded(scenario: Scenario) -> list[Record]:
    """What a probe of a scenario records."""
    kept = Kept()
    async with trio.open_nursery() as nursery:
        # Whole: what is due at once is one chunk, whatever the order in which Trio runs the two sides.
        scene = Scene(nursery, scenario, "whole", clock=lambda: CREATED_NS)
        options = options_for(scenario, client_id=scenario.ask.client_id or CLIENT_ID)
        await probe("localhost", 7497, options, network=scene.network, recorder=kept, retry_id=CLIENT_ID + 1)
        nursery.cancel_scope.cancel()
    return kept.records


def write(signature: Signature, folder: Path = FOLDER) -> Path:
    """Write the capture of a signature."""
    scenario = scenario_of(signature)
    path = folder / f"{signature.value}.jsonl"
    metadata = {"signature": signature.value, "scenario": scenario.name, "comment": "synthetic"}
    records = trio.run(recorded, scenario, clock=trio.testing.MockClock(autojump_threshold=0))
    with Writer(path, metadata=metadata, program="twsprobe", created_ns=CREATED_NS, overwrite=True) as writer:
        for record in records:
            writer.write(record)
    path.chmod(0o644)
    return path


def write_session(example: str, folder: Path = FOLDER) -> Path:
    """Write the capture of an example, as somebody would who runs it for the first time."""
    path = folder / SESSIONS[example]
    server = ServerThread(simulator)
    host, port = server.start()
    with tempfile.TemporaryDirectory() as temporary:
        write_examples(Path(temporary))
        recording = ["--tws-record", "once", "--tws-target", f"{host}:{port}"]
        try:
            subprocess.run(
                [sys.executable, "-m", "pytest", "-q", example, *recording], cwd=temporary, check=True, stdout=subprocess.DEVNULL
            )
        finally:
            server.stop()
        shutil.copyfile(Path(temporary) / "captures" / path.name, path)
    return path


if __name__ == "__main__":
    if sys.argv[1:] == ["--sessions"]:
        for name in SESSIONS:
            write_session(name)
    else:
        for each in Signature:
            write(each)
