"""``twsprobe demo``: the simulator, probed in every scenario, with each verdict as a user would see it."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from twsprobe.cli.exits import ExitCode
from twsprobe.cli.output import print_lines
from twsprobe.cli.running import run
from twsprobe.views.safe import safe

if TYPE_CHECKING:
    from twsprobe.net.scenarios import Scenario
    from twsprobe.probing.report import ProbeReport

TIMEOUT = 10.0
"""Seconds that one scenario may take."""


class Tried(NamedTuple):
    """A scenario and what the probe made of it; None where this system cannot set the scenario up."""

    scenario: Scenario
    report: ProbeReport | None

    @property
    def right(self) -> bool:
        """The verdict is the one that the scenario asks for."""
        if self.report is None:
            return True
        seen = self.report.observation
        return (
            self.report.signature.value == self.scenario.signature
            and (seen.stage.value if seen.stage else None) == self.scenario.stage
            and (self.report.layer.value if self.report.layer else None) == self.scenario.layer
            and all(getattr(seen, name) == value for name, value in self.scenario.facts.items())
        )


@click.command(short_help="Probe every known failure.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
def command(folder: Path | None) -> int:
    """Probe a simulated TWS on loopback, then every known way to fail, and show each verdict.

    The captures and a JSON report are written into FOLDER, which is made; a new temporary one if none is named. The exit code is 0 only if
    every verdict was right.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="twsprobe-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    tried = run(lambda: try_all(folder))
    report = folder / "report.json"
    report.write_text(json.dumps([tried_object(each) for each in tried], indent=1) + "\n", encoding="utf-8")
    summarise(tried)
    wrong = [each.scenario.name for each in tried if not each.right]
    click.echo(f"\nCaptures and report.json are in {safe(str(folder))}")
    if wrong:
        click.echo(f"WRONG: {', '.join(wrong)}")
        return int(ExitCode.FINDINGS)
    click.echo(f"All {sum(each.report is not None for each in tried)} verdicts were right.")
    return int(ExitCode.OK)


async def try_all(folder: Path) -> list[Tried]:
    """Probe every scenario, one after the other."""
    from twsprobe.net.scenarios import SCENARIOS

    return [await try_one(scenario, folder) for scenario in SCENARIOS.values()]


async def try_one(scenario: Scenario, folder: Path) -> Tried:
    """Set a scenario up, probe it, and show the verdict."""
    from twsprobe.capture.jsonl import Writer
    from twsprobe.net.scenarios import scenario_target
    from twsprobe.probing.options import Options
    from twsprobe.probing.probe import probe
    from twsprobe.probing.signatures import Stage
    from twsprobe.views.line import Line
    from twsprobe.views.probe import stage_line, verdict, wrapped

    print_lines([Line(""), Line(f"== {scenario.name} ".ljust(80, "="), "", "strong"), *wrapped(scenario.meaning, 0), Line("")])
    if not scenario.supported:
        click.echo(f"skipped: {scenario.unsupported}")
        return Tried(scenario, None)
    ask = scenario.ask
    times = tuple((stage, ask.timeout) for stage in Stage) if ask.timeout is not None else ()
    options = Options(client_id=ask.client_id, sync=ask.sync, timeout=TIMEOUT, stage_timeouts=times)
    path = folder / f"{scenario.name}.jsonl"
    with Writer(path, metadata={"scenario": scenario.name}, overwrite=True) as writer:
        async with scenario_target(scenario.name) as (host, port):
            report = dataclasses.replace(await probe(host, port, options, recorder=writer), capture=str(path))
    for stage in report.stages:
        print_lines(stage_line(stage))
    print_lines(verdict(report))
    return Tried(scenario, report)


def tried_object(tried: Tried) -> dict[str, object]:
    """A scenario and its verdict as a JSON object."""
    scenario = tried.scenario
    expected = {"signature": scenario.signature, "stage": scenario.stage, "layer": scenario.layer}
    report = tried.report.to_dict() if tried.report is not None else None
    return {"scenario": scenario.name, "meaning": scenario.meaning, "expected": expected, "right": tried.right, "report": report}


def summarise(tried: list[Tried]) -> None:
    """Print one table of all verdicts."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), collapse_padding=True, pad_edge=False)
    for column in ("scenario", "signature", "layer", "likeliest cause", ""):
        table.add_column(column, no_wrap=True)
    for scenario, report in tried:
        mark = "-" if report is None else "ok" if Tried(scenario, report).right else "NO"
        layer = report.layer.value if report is not None and report.layer else ""
        cause = report.causes[0].id if report is not None and report.causes else ""
        table.add_row(scenario.name, report.signature.value if report else "skipped", layer, cause, mark)
    click.echo()
    Console(width=80).print(table)
