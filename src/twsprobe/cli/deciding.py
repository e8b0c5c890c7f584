"""``twsprobe probe --decide``: experiments after a run, each announced before it begins."""

from __future__ import annotations

import click

from twsprobe.net.address import shown_address
from twsprobe.net.connection import Recorder
from twsprobe.probing.deciding import decide
from twsprobe.probing.options import Options
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Quiet, Watcher
from twsprobe.probing.targets import Target
from twsprobe.views.safe import safe


class Announcing(Quiet):
    """Says on standard error what is tried, where standard output is for something else."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def noted(self, text: str) -> None:
        click.echo(safe(f"{shown_address(self.target)}: {text}"), err=True)


async def decided(
    report: ProbeReport, options: Options, target: Target, watcher: Watcher | None, recorder: Recorder | None, number: int
) -> ProbeReport:
    """The report with what experiments decide. Without a ``watcher`` they are announced on standard error.

    ``number`` is that of the run's first connection in the capture. Raises what ``recorder`` raises.
    """
    return await decide(
        report,
        options,
        max_connections=options.max_connections,
        watcher=watcher or Announcing(target),
        recorder=recorder,
        connection_number=number + max(report.connections_opened, 1),
    )
