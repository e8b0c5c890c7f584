"""How long the program takes to start, against what its users run instead.

Two ratios, each measured side by side in one run: ``twsprobe --help`` against importing click, and a whole probe of a simulated TWS
against a script that connects ib_async to the same TWS, waits for its accounts and disconnects. Every round times both, in turns, and
the ratio is the median over the rounds of one time by the other. Run it with the project's environment: ``python bench/startup.py``.
"""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

import trio

import twsprobe

ROUNDS = 11
IB_ASYNC = """
import sys
from ib_async import IB
ib = IB()
ib.connect("127.0.0.1", int(sys.argv[1]), clientId=int(sys.argv[2]))
assert ib.managedAccounts()
ib.disconnect()
"""


def seconds(command: list[str]) -> float:
    """The time that a command takes, its start included."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def ratio(ours: list[str], theirs: list[str]) -> tuple[float, float, float]:
    """The median ratio of two commands over the rounds, and the median seconds of each."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS + 1)][1:]
    return (
        statistics.median(mine / other for mine, other in pairs),
        statistics.median(mine for mine, _ in pairs),
        statistics.median(other for _, other in pairs),
    )


def show(what: str, limit: float, measured: tuple[float, float, float]) -> None:
    """Print one row."""
    value, mine, other = measured
    verdict = "held" if value <= limit else "MISSED"
    print(f"{what:<52} {value:>5.2f}  at most {limit:.2f} {verdict:<7} {mine * 1000:>5.0f} ms / {other * 1000:.0f} ms")


async def main() -> None:
    """Measure both ratios."""
    # An installed program has its byte code, as ib_async has here; a checkout may not.
    compileall.compile_dir(Path(twsprobe.__file__).parent, quiet=1)
    python = sys.executable
    help_ratio = ratio([python, "-m", "twsprobe", "--help"], [python, "-c", "import click"])
    show("twsprobe --help / import click", 1.6, help_ratio)
    async with twsprobe.simulator(server_version=226) as (_, port):
        probe = [python, "-m", "twsprobe", "probe", f"127.0.0.1:{port}"]
        script = [python, "-c", IB_ASYNC, str(port), "77"]
        measured = await trio.to_thread.run_sync(ratio, probe, script)
    show("twsprobe probe / ib_async connect and disconnect", 0.85, measured)


if __name__ == "__main__":
    trio.run(main)
