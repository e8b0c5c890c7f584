"""Trio, run so that what goes wrong leaves it as it was raised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


def run(work: Callable[[], Awaitable[Result]]) -> Result:
    """Run ``work`` under Trio to its end. Raises what it raised: of several, an interrupt before all else, otherwise the first."""
    import trio

    try:
        return trio.run(work)
    except BaseExceptionGroup as group:
        raise first(group) from group


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The exception of a group that says why it all ended."""
    interrupts, others = group.split(KeyboardInterrupt)
    fault: BaseException = interrupts or others or group
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault
