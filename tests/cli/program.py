"""The program as a process of its own, and servers for it to meet."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import trio

from twsprobe.net.scenarios import SCENARIOS, Endpoint, scenario_target
from twsprobe.net.simulator import simulator

PROGRAM = (sys.executable, "-m", "twsprobe")
PATIENCE = 30.0
"""Seconds that nothing in a test should take."""


class Ran(NamedTuple):
    """What a run came to."""

    code: int
    out: str
    err: str


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would change an output, and with changes. Children measure no coverage: that imports much."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TWSPROBE_DEBUG", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if name not in dropped and not name.startswith("COVERAGE_")}
    return {**kept, "PYTHONUTF8": "1", **changes}


def finished(*arguments: str, **changes: str) -> Ran:
    """Run a command line as a process to its end."""
    done = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, env=environment(**changes), timeout=PATIENCE, encoding="utf-8", check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def started(*arguments: str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command line as a process while the block runs."""
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**changes), encoding="utf-8"
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def served(scenario: Any = "ready", **options: Any) -> Iterator[int]:
    """A scenario, by its name or as a script, in a thread of its own while the block runs; gives its port on 127.0.0.1."""
    told: queue.Queue[tuple[int, trio.lowlevel.TrioToken, trio.Event]] = queue.Queue()

    async def serve() -> None:
        stop = trio.Event()
        named = isinstance(scenario, str) and SCENARIOS[scenario].endpoint is not Endpoint.SERVER
        target = scenario_target(scenario) if named else simulator(scenario=scenario, **options)
        async with target as (_, port):
            told.put((port, trio.lowlevel.current_trio_token(), stop))
            await stop.wait()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    port, token, stop = told.get(timeout=PATIENCE)
    try:
        yield port
    finally:
        token.run_sync_soon(stop.set)
        thread.join(PATIENCE)
