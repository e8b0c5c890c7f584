"""Machines made up for tests of the local evidence."""

from __future__ import annotations

from pathlib import Path

from tests.net.fake_system import FakeSystem
from twsprobe.probing.local_machine import Machine, steps
from twsprobe.probing.local_table import pieces
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Signature

NOW = 1_700_000_000.0


def seen(signature: Signature, port: int = 4002, peer: str = "127.0.0.1", source: str | None = None, **facts: object) -> Observation:
    """How a run against this machine ended."""
    local = (source or peer, 50000)
    known = {"address": (peer, port), "local_address": local, "target_host": peer, "target_port": port, "stage": signature.stage}
    return Observation(signature=signature, **{**known, **facts})  # type: ignore[arg-type]


def machine_of(observation: Observation, system: FakeSystem, home: Path) -> Machine:
    """The facts that a look gathers."""
    machine = Machine(observation, now=NOW)
    for step in steps(system, home):
        step(machine)
    return machine


def found(observation: Observation, system: FakeSystem, home: Path) -> dict[str, str]:
    """The evidence of a look: texts by id."""
    return {piece.id: piece.text for piece in pieces(machine_of(observation, system, home))}
