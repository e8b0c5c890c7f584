"""Runs situations, each in a process and a network of its own where that is possible, and tells what the probe made of them.

Where it is not, a situation that is on loopback runs on this machine's, one after another; its verdict may then be another one, as other
programs of the machine take part.
"""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import trio

from tests.lab.building import Place, close_waits
from tests.lab.networks import own_network
from tests.lab.situations import SITUATIONS, Situation
from twsprobe.net.local_system import Process, ThisSystem
from twsprobe.probing.deciding import MAX_CONNECTIONS, decide
from twsprobe.probing.local import look, wanted
from twsprobe.probing.probe import probe
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.targets import local_facts

AT_ONCE = 4
PRELOADED = ("psutil", "twsprobe.net.policy", "twsprobe.probing.local_table", "twsprobe.probing.sync")
"""What the processes would import one by one."""
BY_NAME = {situation.name: situation for situation in SITUATIONS}
LONGEST = 30.0
SETTLE_TIMEOUT, GLANCE = 3.0, 0.02
"""Seconds that the two ends of a connection get to be closed in order, and from one look at them to the next."""


class Outcome(NamedTuple):
    """What came of a situation. ``skipped`` says why it was not run, and is empty where it was."""

    name: str
    skipped: str = ""
    signature: str = ""
    sentence: str = ""
    causes: tuple[tuple[str, str], ...] = ()
    """The id of each cause and its confidence, in the order of the report."""
    said: int = 0
    """Connections that the probe says it has opened."""
    arrived: int = 0
    """Connections that came to the peer."""
    left: int = 0
    """Sockets in CLOSE_WAIT at the end, at either end."""
    isolated: bool = False
    """It had a network of its own."""

    @property
    def first(self) -> str | None:
        """The id of the cause that is ranked first."""
        return self.causes[0][0] if self.causes else None


def outcomes(situations: Sequence[Situation] = SITUATIONS) -> list[Outcome]:
    """Run situations, and give their outcomes in the same order."""
    linux = sys.platform == "linux"
    context = multiprocessing.get_context("forkserver" if linux else "spawn")
    if linux:
        context.set_forkserver_preload([__name__, *PRELOADED])
    with ProcessPoolExecutor(AT_ONCE, context, max_tasks_per_child=1) as pool:
        found = {each.name: each for each in pool.map(isolated, [situation.name for situation in situations])}
    # They would meet on the same ports, so those that can do without a network of their own run one by one.
    others = [situation.name for situation in situations if not found[situation.name].isolated and not situation.alone]
    with ProcessPoolExecutor(1, context) as pool:
        found |= {each.name: each for each in pool.map(run, others)}
    return [found[situation.name] for situation in situations]


def isolated(name: str) -> Outcome:
    """Run a situation in a network of its own, for which this process is given up."""
    reason = own_network()
    return Outcome(name, reason) if reason else run(name)._replace(isolated=True)


def run(name: str) -> Outcome:
    """Run a situation where this process is. One that cannot be set up there is skipped."""
    try:
        return trio.run(ran, BY_NAME[name])
    except OSError as fault:
        # Such as a port that another program has.
        return Outcome(name, f"It cannot be set up on this machine: {fault.strerror or fault}.")


async def ran(situation: Situation) -> Outcome:
    """Build a situation, do what ``twsprobe probe`` does, and look at what is left of its connections."""
    with trio.fail_after(LONGEST):
        async with situation.build() as place:
            before = place.arrived()
            report = await probed(situation, place)
            left = await settled(place, situation.kept)
            return Outcome(
                situation.name,
                signature=report.signature.value,
                sentence=report.observation.sentence,
                causes=tuple((cause.id, cause.confidence.value) for cause in report.causes),
                said=report.connections_opened,
                arrived=place.arrived() - before,
                left=left,
            )


class OwnMachine(ThisSystem):
    """This machine with no other processes than the situation's own."""

    def processes(self) -> tuple[Process, ...]:
        """This process, and those that it has started."""
        import psutil

        own = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
        return tuple(process for process in super().processes() if process.pid in own)


async def probed(situation: Situation, place: Place) -> ProbeReport:
    """What the command line does with a target. Whether this machine is itself a container is the situation's to say."""
    options = dataclasses.replace(situation.options, max_connections=MAX_CONNECTIONS) if situation.decide else situation.options
    report = await probe(place.host, place.port, options, network=place.network)
    if not report.ok:
        report = report.judged_again(local_facts(place.port) | {"in_container": situation.in_container})
    if wanted(report.observation, None):
        with tempfile.TemporaryDirectory() as home:
            report = report.with_local(await look(report.observation, system=OwnMachine(), home=Path(home), timeout=math.inf))
    if situation.decide:
        report = await decide(report, options, max_connections=MAX_CONNECTIONS, network=place.network)
    return report


async def settled(place: Place, kept: int) -> int:
    """Sockets in CLOSE_WAIT, when there are no more of them than are kept, or after a while."""
    for _ in range(round(SETTLE_TIMEOUT / GLANCE)):
        if close_waits(place) <= kept:
            break
        # The kernel tells nobody when a socket of another process is closed.
        await trio.sleep(GLANCE)
    return close_waits(place)
