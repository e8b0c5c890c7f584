"""What the README shows is what the program prints, and its table of signatures is the program's."""

from __future__ import annotations

import re
from pathlib import Path

import trio
import trio.testing

from tests.probing.scenes import Scene, options_for
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.probing.options import Options
from twsprobe.probing.probe import probe
from twsprobe.probing.signatures import Signature
from twsprobe.views.probe import heading, stage_line, verdict

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def shown(command: str) -> list[str]:
    """The output that the README shows under a command."""
    block = README.split(f"$ {command}\n", 1)[1].split("```", 1)[0]
    return normal(block)


def normal(text: str) -> list[str]:
    """Lines without their numbers and the room that those take."""
    lines = [re.sub(r"\d+(\.\d+)?", "0", line).split() for line in text.splitlines()]
    return [" ".join(line) for line in lines if line]


async def printed(name: str, port: int, target: str) -> list[str]:
    """What the program prints for a scenario."""
    scenario = SCENARIOS[name]
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery, scenario, peer=("127.0.0.1", port))
        report = await probe("127.0.0.1", port, options_for(scenario), network=scene.network)
        nursery.cancel_scope.cancel()
    if not report.ok:
        # In memory a close takes no time at all; on a network it takes some.
        report = report.judged_again({"elapsed_ms": 0.8})
    lines = heading(target, port, Options(), None)
    for stage in report.stages:
        lines += stage_line(stage)
    lines += verdict(report)
    return normal("\n".join(line.lead + line.rest for line in lines))


async def test_the_failing_run(autojump_clock: trio.testing.MockClock) -> None:
    assert shown("twsprobe probe 127.0.0.1:4002") == await printed("forwarder-dead-backend", 4002, "127.0.0.1:4002")


async def test_the_passing_run(autojump_clock: trio.testing.MockClock) -> None:
    assert shown("twsprobe probe tws-paper") == await printed("ready", 7497, "127.0.0.1:7497")


def test_the_table_of_signatures() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+) \| .+ \|$", README, re.MULTILINE))
    assert rows == {signature.value: str(signature.exit_code) for signature in Signature}
