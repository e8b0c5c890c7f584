"""Probes at the wish of others, such as a scraper, of targets that were allowed beforehand.

Whoever may ask must not be able to flood a gateway: one probe a target at a time, and none until ``REST`` seconds after the last; in
between everybody gets its result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import trio

from twsprobe.net.address import shown_address
from twsprobe.probing.options import Options
from twsprobe.probing.probe import probe
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Network
from twsprobe.probing.targets import Target, parse_target

REST = 5.0
TIMEOUT = 9.0
"""Seconds for a whole probe: Prometheus gives up on a scrape after ten."""


class Result(NamedTuple):
    """A probe's report, how long it took, and when it ended on Trio's clock."""

    report: ProbeReport
    seconds: float
    ended: float


class OnDemand:
    """Probes of ``allowed`` targets. ``connections_opened`` counts over all of them."""

    def __init__(self, allowed: Iterable[Target], options: Options, network: Network | None = None) -> None:
        self.allowed = frozenset(allowed)
        self.connections_opened = 0
        self._options, self._network = options, network
        self._locks = {target: trio.Lock() for target in self.allowed}
        self._results: dict[Target, Result] = {}

    def find(self, text: str) -> Target | None:
        """The target that a text names, if it is allowed."""
        try:
            target = parse_target(text)
        except ValueError:
            return None
        return target if target in self.allowed else None

    async def look(self, target: Target) -> Result:
        """The result of a probe of an allowed target that is no older than REST seconds."""
        async with self._locks[target]:
            known = self._results.get(target)
            if known is not None and trio.current_time() - known.ended < REST:
                return known
            began = trio.current_time()
            report = await probe(*target, self._options, network=self._network)
            self.connections_opened += report.connections_opened
            ended = trio.current_time()
            self._results[target] = Result(report, ended - began, ended)
            return self._results[target]

    @property
    def names(self) -> list[str]:
        """The allowed targets, as text."""
        return sorted(map(shown_address, self.allowed))
