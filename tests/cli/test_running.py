"""Trio, and what leaves it."""

from __future__ import annotations

import pytest
import trio

from twsprobe.cli.running import run


def test_a_result_is_returned() -> None:
    async def work() -> int:
        await trio.lowlevel.checkpoint()
        return 7

    assert run(work) == 7


def test_what_a_task_raises_leaves_as_it_was_raised() -> None:
    async def fail(fault: BaseException) -> None:
        raise fault

    async def work(fault: BaseException) -> None:
        async with trio.open_nursery() as outer, trio.open_nursery() as inner:
            outer.start_soon(trio.sleep_forever)
            inner.start_soon(fail, fault)

    for fault in (ValueError("one"), BrokenPipeError(32, "Broken pipe"), KeyboardInterrupt()):
        with pytest.raises(type(fault)) as caught:
            run(lambda fault=fault: work(fault))  # type: ignore[misc]
        assert caught.value is fault


def test_an_exception_outside_of_any_nursery_is_left_alone() -> None:
    async def work() -> None:
        raise OSError(98, "Address already in use")

    with pytest.raises(OSError, match="already in use"):
        run(work)


@pytest.mark.parametrize("first", [0, 1])
def test_an_interrupt_goes_before_all_else(first: int) -> None:
    faults = [OSError("disk full"), BaseExceptionGroup("inner", [ValueError("x"), KeyboardInterrupt()])]

    async def work() -> None:
        raise BaseExceptionGroup("outer", [faults[first], faults[1 - first]])

    with pytest.raises(KeyboardInterrupt):
        run(work)


def test_of_several_the_first_tells() -> None:
    async def work() -> None:
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [OSError("disk full"), ValueError("x")]), TypeError("y")])

    with pytest.raises(OSError, match="disk full") as caught:
        run(work)
    assert isinstance(caught.value.__cause__, ExceptionGroup), "the others are kept for whoever debugs"
