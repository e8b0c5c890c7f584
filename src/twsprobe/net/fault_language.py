"""The language in which people name faults, one on a line::

    drop 3rd nextValidId
    delay every error where errorCode == 2104 by 2s

A fault is an action, the messages it is about, and what the action needs besides; ``fault_forms`` lists them all. Conditions are in the
language of ``capture.filtering``, whose pieces of text and whose parser are used here, so a condition ends where a word comes that cannot
go on with it. Nothing is run, and no number is so large that it would make a server wait or hold bytes beyond reason.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from twsprobe.capture.filtering import (
    Comparison,
    Filter,
    FilterError,
    Joined,
    Node,
    Parser,
    Value,
    check_fields,
    comparisons,
    tokens,
)
from twsprobe.capture.model import Close
from twsprobe.net.corruption import declared_type, values_meant
from twsprobe.net.fault_forms import (
    ANY,
    GREETING,
    OFFER,
    Corrupt,
    CorruptByte,
    Delay,
    Drop,
    Duplicate,
    End,
    Fault,
    Rate,
    Reorder,
    Slice,
    Stall,
    Target,
    Truncate,
)
from twsprobe.wire.framing import LENGTH, MAX_FRAME, Direction
from twsprobe.wire.messages import MESSAGES

LONGEST_DELAY = 86_400.0
"""Seconds: a day."""
LARGEST_COUNT = 10**9
WHOLE_FRAME = MAX_FRAME + LENGTH.size
ORDINAL = re.compile(r"([1-9][0-9]{0,8})(st|nd|rd|th)", re.ASCII)
PATH_STEP = re.compile(r"([A-Za-z#][A-Za-z0-9#]*)((?:\[[0-9]{1,6}\])*)", re.ASCII)
SIDES = MappingProxyType({"client": Direction.TO_SERVER, "server": Direction.TO_CLIENT})
DIRECTIONS: Mapping[str, Direction] = MappingProxyType(
    {GREETING: Direction.TO_CLIENT, OFFER: Direction.TO_SERVER, **{message.name: message.direction for message in MESSAGES}}
)
"""By name, which way a message goes; no name goes both ways."""


class FaultError(ValueError):
    """A text names no fault: ``position`` is the character, counted from 1, at which that shows."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"{text!r}, character {position}: {reason}")
        self.text, self.position, self.reason = text, position, reason


def read_fault(text: str) -> Fault:
    """The fault that a text names. Raises FaultError."""
    try:
        return FaultParser(text).fault()
    except FilterError as fault:
        raise FaultError(text, fault.position, fault.reason) from None


def read_faults(faults: Iterable[str | Fault]) -> tuple[Fault, ...]:
    """Faults, as they are or by their text. Raises FaultError."""
    return tuple(read_fault(fault) if isinstance(fault, str) else fault for fault in faults)


class FaultParser(Parser):
    """A text to a fault, by recursive descent."""

    def __init__(self, text: str) -> None:
        super().__init__(list(tokens(text)))
        self.text = text
        self.target = Target()

    def fault(self) -> Fault:
        """The whole text. Raises FilterError."""
        if not self.next_is("word", *ACTIONS):
            raise self.unexpected(f"one of {', '.join(ACTIONS)}")
        fault = ACTIONS[self.take().text](self)
        self.qualifiers()
        if not self.next_is("end"):
            raise self.unexpected("the end, 'from', 'connection' or 'where'" if self.target.where is None else "the end, 'and' or 'or'")
        return fault._replace(target=self.target, text=" ".join(self.text.split()))

    def drop(self) -> Fault:
        """Behind ``drop``."""
        self.messages()
        return Drop(self.target)

    def delay(self) -> Fault:
        """Behind ``delay``."""
        self.messages()
        self.word("by")
        return Delay(self.target, self.seconds())

    def duplicate(self) -> Fault:
        """Behind ``duplicate``."""
        self.messages()
        return Duplicate(self.target)

    def reorder(self) -> Fault:
        """Behind ``reorder``."""
        self.messages()
        self.word("after")
        count = self.number("a number of messages", 1, LARGEST_COUNT)
        self.optional("message", "messages")
        return Reorder(self.target, count)

    def corrupt(self) -> Fault:
        """Behind ``corrupt``."""
        self.messages()
        if self.next_is("word", "byte"):
            self.take()
            position = self.number("the number of a byte, counted from 1,", 1, WHOLE_FRAME)
            self.word("to")
            return CorruptByte(self.target, position, self.number("a byte, 0 to 255 or 0x00 to 0xff,", 0, 255, hexadecimal=True))
        at = self.found[self.index].position
        if self.target.name is None:
            raise self.unexpected("'byte' (a field takes the name of its message)")
        if not self.next_is("word") or self.next_is("word", "to"):
            raise self.unexpected("the name of a field, or 'byte',")
        path = self.path(self.take().text, at)
        type_name = declared_type(self.target.name, path)
        if isinstance(type_name, KeyError):
            raise FilterError(at, str(type_name.args[0]))
        self.word("to")
        return Corrupt(self.target, path, self.new_value(path, type_name))

    def new_value(self, path: tuple[str | int, ...], type_name: str) -> str | None:
        """The value that a field is to hold; None for the bare word ``unset``."""
        if not self.next_is("word") and not self.next_is("text"):
            raise self.unexpected("a value, a text in quotes, or 'unset',")
        token = self.take()
        if token.kind == "word" and token.text == "unset":
            return None
        assert self.target.name is not None
        if not values_meant(self.target.name, path, token.text):
            raise FilterError(token.position, f"{clipped(token.text)!r} is not {type_name}")
        return token.text

    def path(self, text: str, position: int) -> tuple[str | int, ...]:
        """The path of a field, ``contract.symbol`` or ``bars[0].close``. Raises FilterError."""
        steps: list[str | int] = []
        for part in text.removeprefix("fields.").split("."):
            found = PATH_STEP.fullmatch(part)
            if found is None:
                raise FilterError(position, f"{clipped(text)!r} is not the path of a field, as contract.symbol or bars[0].close are")
            steps.append(found[1])
            steps += map(int, re.findall("[0-9]+", found[2]))
        return tuple(steps)

    def truncate(self) -> Fault:
        """Behind ``truncate``."""
        self.messages()
        self.word("to")
        return Truncate(self.target, self.size(0))

    def slice(self) -> Fault:
        """Behind ``slice``."""
        self.messages()
        self.word("into")
        return Slice(self.target, self.size(1))

    def stall(self) -> Fault:
        """Behind ``stall``."""
        before = self.is_before()
        self.messages()
        return Stall(self.target, before)

    def fin(self) -> Fault:
        """Behind ``fin``."""
        before = self.is_before()
        self.messages()
        return End(self.target, Close.FIN, before)

    def rst(self) -> Fault:
        """Behind ``rst``."""
        before = self.is_before()
        self.messages()
        return End(self.target, Close.RST, before)

    def rate(self) -> Fault:
        """Behind ``rate``."""
        rate = self.number("a number of bytes a second", 1, LARGEST_COUNT)
        self.word("bytes/s")
        self.qualifiers(conditions=False)
        if not self.next_is("end"):
            raise self.unexpected("the end, 'from' or 'connection'")
        return Rate(self.target, rate)

    def messages(self) -> None:
        """Which messages it is about."""
        self.optional("the")
        if self.next_is("word", "all"):
            self.take()
            self.qualifiers()
            return
        ordinal = self.ordinal()
        token = self.found[self.index]
        if not self.next_is("word") or (token.text not in DIRECTIONS and token.text != ANY):
            raise self.unexpected("the name of a message, greeting, offer, message or all" + near(token.text))
        self.take()
        name = None if token.text == ANY else token.text
        where = None
        if name == "error" and self.next_is("word") and self.found[self.index].text.isdecimal():
            code = str(self.number("the code of an error", 0, LARGEST_COUNT))
            where = Filter(Comparison(("fields", "errorCode"), "==", (Value(code, Decimal(code)),)))
        self.target = Target(name, DIRECTIONS[name] if name is not None else None, ordinal, where)
        self.qualifiers()

    def ordinal(self) -> int | None:
        """Which of its messages, counted from 1; None for every one."""
        token = self.found[self.index]
        if self.next_is("word", "every"):
            self.take()
            return None
        found = ORDINAL.fullmatch(token.text) if token.kind == "word" else None
        if found is None:
            if token.kind == "word" and token.text[:1].isdecimal():
                raise self.unexpected("an ordinal, as 1st, 2nd, 3rd or 4th are,")
            return None
        number = int(found[1])
        if found[2] != suffix(number):
            raise FilterError(token.position, f"the ordinal of {number} is {number}{suffix(number)}")
        self.take()
        return number

    def qualifiers(self, conditions: bool = True) -> None:
        """Direction, connection and condition, in any order."""
        while True:
            if self.next_is("word", "from"):
                self.side()
            elif self.next_is("word", "on", "connection"):
                if self.take().text == "on":
                    self.word("connection")
                self.target = self.target._replace(connection=self.number("the number of a connection", 1, LARGEST_COUNT))
            elif conditions and self.next_is("word", "where"):
                self.condition()
            else:
                return

    def side(self) -> None:
        """Who sends the messages."""
        self.take()
        if not self.next_is("word", *SIDES):
            raise self.unexpected("'client' or 'server'")
        token = self.take()
        direction = SIDES[token.text]
        if self.target.name is not None and self.target.direction is not direction:
            sender = "server" if token.text == "client" else "client"
            raise FilterError(token.position, f"{self.target.name} comes from the {sender}")
        self.target = self.target._replace(direction=direction)

    def condition(self) -> None:
        """What must hold of the messages."""
        self.take()
        node = self.alternatives(0)
        check_fields(node)
        for comparison in comparisons(node):
            if comparison.path == ("time",):
                raise FilterError(comparison.position, "a fault cannot ask for the time")
        earlier = self.target.where
        whole: Node = node if earlier is None else Joined("and", (earlier.node, node))
        self.target = self.target._replace(where=Filter(whole))

    def is_before(self) -> bool:
        """Whether it happens before the message, and not after it."""
        if not self.next_is("word", "before", "after"):
            raise self.unexpected("'before' or 'after'")
        return self.take().text == "before"

    def size(self, least: int) -> int:
        """A number of bytes."""
        size = self.number("a number of bytes", least, WHOLE_FRAME)
        self.optional("byte", "bytes")
        return size

    def seconds(self) -> float:
        """A length of time, ``2s`` or ``200ms``."""
        token = self.found[self.index]
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(s|ms)?", token.text, re.ASCII) if token.kind == "word" else None
        if found is None:
            raise self.unexpected("a time, as 2s or 200ms are,")
        self.take()
        if found[2] is None and not self.next_is("word", "s", "ms"):
            raise self.unexpected("'s' or 'ms'")
        seconds = float(found[1]) / (1000 if (found[2] or self.take().text) == "ms" else 1)
        if seconds > LONGEST_DELAY:
            raise FilterError(token.position, f"more than a day ({LONGEST_DELAY:.0f}s) is too long")
        return seconds

    def number(self, wanted: str, least: int, most: int, hexadecimal: bool = False) -> int:
        """A whole number within bounds."""
        token = self.found[self.index]
        digits = r"[0-9]{1,12}|0[xX][0-9a-fA-F]{1,8}" if hexadecimal else r"[0-9]{1,12}"
        if token.kind != "word" or not re.fullmatch(digits, token.text, re.ASCII):
            raise self.unexpected(wanted.removesuffix(",") if token.kind == "end" else wanted)
        self.take()
        value = int(token.text, 16 if token.text[:2] in ("0x", "0X") else 10)
        if not least <= value <= most:
            raise FilterError(token.position, f"{token.text} is not within {least} and {most}")
        return value

    def word(self, wanted: str) -> None:
        """A word that must be there."""
        self.expect("word", wanted, repr(wanted))

    def optional(self, *words: str) -> None:
        """A word that may be there."""
        if self.next_is("word", *words):
            self.take()


ACTIONS: Mapping[str, Callable[[FaultParser], Fault]] = MappingProxyType(
    {
        "drop": FaultParser.drop,
        "delay": FaultParser.delay,
        "duplicate": FaultParser.duplicate,
        "reorder": FaultParser.reorder,
        "corrupt": FaultParser.corrupt,
        "truncate": FaultParser.truncate,
        "slice": FaultParser.slice,
        "stall": FaultParser.stall,
        "fin": FaultParser.fin,
        "rst": FaultParser.rst,
        "rate": FaultParser.rate,
    }
)


def suffix(number: int) -> str:
    """What makes a number an ordinal."""
    return "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def near(name: str) -> str:
    """The names that resemble one, in words."""
    close = difflib.get_close_matches(name[:40], list(DIRECTIONS), n=3)
    return f" (there is {', '.join(close)})" if close else ""


def clipped(text: str) -> str:
    """A text short enough for a line."""
    return text if len(text) <= 40 else text[:40] + "..."
