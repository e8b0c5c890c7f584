"""Local evidence: what this machine tells about a target that is on it, without opening a connection.

A piece of evidence is a fact in a sentence, with the causes that it raises and lowers. Weighing: more pieces for a cause than against it
make it at least likely and put it before its equals; more against than for make it possible at most and put it behind them. What the wire
has proven or excluded stands: nothing here is the wire's own word, and what a file says may be out of date.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import trio

from twsprobe.probing.observation import Observation

if TYPE_CHECKING:
    from twsprobe.net.local_system import System
    from twsprobe.probing.local_machine import Machine

TIMEOUT = 1.0
"""Seconds that a look may take."""


class Evidence(NamedTuple):
    """Something seen besides a run: a slug, a sentence, and the ids of the causes that it speaks for and against.

    Only an experiment, which has the wire's own word, proves a cause or excludes it.
    """

    id: str
    text: str
    raises: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()
    proves: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


class Row(NamedTuple):
    """A row of the table of evidence. ``find`` yields the sentences that hold for a machine, none where the row does not."""

    id: str
    find: Callable[[Machine], Iterable[str]]
    raises: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()


class Local(NamedTuple):
    """What a look at this machine found, and a sentence for each thing that could not be read."""

    evidence: tuple[Evidence, ...] = ()
    unread: tuple[str, ...] = ()


def on_this_machine(observation: Observation) -> bool:
    """Whether the target is this machine: loopback, or an address that a connection to it also leaves from."""
    local, peer = observation.local_address, observation.address
    return observation.loopback or (local is not None and peer is not None and local[0] == peer[0])


def wanted(observation: Observation, asked: bool | None) -> bool:
    """Whether to look. Unless told, only at a target on this machine, and only where the run did not end ready: a look takes time."""
    from twsprobe.probing.signatures import Signature

    return (observation.signature is not Signature.READY and on_this_machine(observation)) if asked is None else asked


async def look(observation: Observation, *, system: System | None = None, home: Path | None = None, timeout: float = TIMEOUT) -> Local:
    """What this machine tells about a run that has ended. Opens no connection and reads no more than ``timeout`` seconds.

    ``system`` stands for the machine and ``home`` for the user's home folder; both are the real ones if not given. Must run under Trio.
    """
    from twsprobe.net.local_system import ThisSystem
    from twsprobe.probing.local_machine import Machine, steps
    from twsprobe.probing.local_table import pieces

    the_system = ThisSystem() if system is None else system
    if not on_this_machine(observation) and not await trio.to_thread.run_sync(is_own_address, observation, the_system):
        return Local(unread=("The target is on another machine, of which this one tells nothing.",))
    machine = Machine(observation)
    done = False
    with trio.move_on_after(timeout):
        for step in steps(the_system, Path.home() if home is None else home):
            # A step that hangs, as on a dead network drive, is left to its daemon thread; it works on a copy, taken over when done.
            machine = await trio.to_thread.run_sync(stepped, step, machine, abandon_on_cancel=True)
        done = True
    unread = (*machine.unread, *(() if done else (f"The look at this machine was cut off after {timeout:g} s.",)))
    return Local(pieces(machine), tuple(dict.fromkeys(unread)))


def stepped(step: Callable[[Machine], None], machine: Machine) -> Machine:
    """A copy of the facts so far, with those of one more step."""
    copy = dataclasses.replace(machine, unread=list(machine.unread))
    step(copy)
    return copy


def is_own_address(observation: Observation, system: System) -> bool:
    """Whether the target's address is one of this machine's."""
    return observation.peer is not None and observation.peer.partition("%")[0] in system.addresses()
