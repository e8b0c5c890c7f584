"""Every proof of a message, and how many cases passed: what docs/conformance.md is written from."""

from importlib import import_module
from types import ModuleType

from ibapi.message import IN, OUT

from tests.wire.conformance import Cases, check_the_rest, check_unknown_fields
from twsprobe.wire import messages
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message


def is_official(message: Message) -> bool:
    """Whether the official client has code for a message."""
    return message.id in {int(id) for id in (IN if message.direction is Direction.TO_CLIENT else OUT)}


def domain(message: Message) -> ModuleType:
    """The tests of the module that declares a message."""
    (name,) = (name for name, module in vars(messages).items() if message in getattr(module, "MESSAGES", ()))
    return import_module(f"tests.wire.test_messages_{name}")


def proved(message: Message) -> Cases:
    """Run every proof of a message, and count what passed. Raises AssertionError, or whatever a proof stumbles over.

    What the official client knows is held against it by ``prove`` in the tests of its domain; the rest comes from the declaration alone.
    """
    cases = Cases()
    for found in domain(message).prove(message) if is_official(message) else ():
        cases += found
    cases += check_the_rest(message, cases)
    return cases if message.protobuf is None else cases + check_unknown_fields(message)
