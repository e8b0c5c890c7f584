"""The functions that text layouts become; that they agree with the slow path is in test_stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.wire.generate import steps
from twsprobe.wire.conversion import Conversions
from twsprobe.wire.emit import walk
from twsprobe.wire.fields import Leaf
from twsprobe.wire.flat_text import compile_text, taking
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import Node, Repetition, Slot
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.objects import Classes
from twsprobe.wire.registry import BY_NAME, encode

TO_CLIENT = Direction.TO_CLIENT


def pieces(name: str, version: int, **fields: Any) -> list[str]:
    return encode(name, TO_CLIENT, version, **fields)[4:].decode().split("\0")


def test_a_flat_layout_is_one_unpacking() -> None:
    conversions = Conversions({}, lambda: None)
    read = compile_text(BY_NAME[TO_CLIENT, "tickPrice"], 178, Classes(), conversions)
    found = read(pieces("tickPrice", 178, reqId=3, tickType=1, price=1.25, size="7", attrMask=0))
    assert (found.reqId, found.price, str(found.size)) == (3, 1.25, "7")
    assert ("price",) in conversions


CHANGES = {
    "short": lambda f: f[:-2],
    "long": lambda f: [*f, ""],
    "unfinished": lambda f: [*f[:-1], "x"],
    "no number": lambda f: ["1", "x", *f[2:]],
    "empty": lambda f: [],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_surprise_raises(change: str) -> None:
    for name in ("tickPrice", "openOrder", "historicalData"):
        read = compile_text(BY_NAME[TO_CLIENT, name], 178, Classes(), Conversions({}, lambda: None))
        with pytest.raises((ValueError, IndexError, ArithmeticError)):
            read(CHANGES[change](pieces(name, 178)))


def test_only_the_fields_that_are_wanted_are_looked_at() -> None:
    read = compile_text(BY_NAME[TO_CLIENT, "tickPrice"], 178, Classes(), Conversions({}, lambda: None), ("size", "price"))
    frame = pieces("tickPrice", 178, reqId=3, tickType=1, price=1.25, size="7", attrMask=0)
    frame[2] = "no number"
    size, price = read(frame)
    assert (str(size), price) == ("7", 1.25)


def test_fields_of_a_layout_with_conditions_are_taken_from_the_object() -> None:
    read = compile_text(BY_NAME[TO_CLIENT, "openOrder"], 178, Classes(), Conversions({}, lambda: None), ("orderId", "contract"))
    order_id, contract = read(pieces("openOrder", 178, orderId=5, contract={"symbol": "AAPL"}))
    assert (order_id, contract.symbol) == (5, "AAPL")
    made = Classes().object_of(BY_NAME[TO_CLIENT, "nextValidId"], {"orderId": 9})
    assert taking(("orderId",))(made) == (9,)


def leaves_in(nodes: Sequence[Node]) -> Iterator[Leaf]:
    for node in walk(nodes):
        if isinstance(node, Slot):
            yield node.leaf
        elif isinstance(node, Repetition):
            yield from (node.count, *([node.leaf] if node.leaf is not None else ()), *leaves_in(node.nodes))


def test_fields_of_one_type_read_alike() -> None:
    """They share what was converted, so that a leaf holds nothing on which its reading depends."""
    held = {
        name
        for message in MESSAGES
        if message.text is not None
        for version in steps(message)
        for leaf in leaves_in(message.layout(version).nodes)
        for name in vars(leaf)
    }
    assert held == vars(Leaf()).keys()
