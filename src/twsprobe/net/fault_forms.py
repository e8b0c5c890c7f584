"""Faults as data: what each does to the messages that it names.

Their docstrings are the reference of the syntax: the form, then the meaning.

Bytes of a message are those of its frame on the wire, the length word among them; the offer's begin with the API prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from twsprobe.capture.model import Close
from twsprobe.wire.framing import Direction

if TYPE_CHECKING:
    from twsprobe.capture.filtering import Filter

GREETING, OFFER, ANY = "greeting", "offer", "message"
"""What a target may name besides messages: the server's answer to the offer, the client's opening, and all of them."""


class Target(NamedTuple):
    """The messages that a fault is about. ``name`` None is any, ``ordinal`` None every one; a connection counts its own, from 1."""

    name: str | None = None
    direction: Direction | None = None
    ordinal: int | None = None
    where: Filter | None = None
    connection: int | None = None


class Drop(NamedTuple):
    """``drop TARGET``: It never arrives."""

    target: Target
    text: str = "drop"


class Delay(NamedTuple):
    """``delay TARGET by TIME``: It arrives later, and what is behind it in its direction waits."""

    target: Target
    seconds: float
    text: str = "delay"


class Duplicate(NamedTuple):
    """``duplicate TARGET``: It arrives twice."""

    target: Target
    text: str = "duplicate"


class Reorder(NamedTuple):
    """``reorder TARGET after N``: It arrives behind the N messages that follow it, or with the end of its direction."""

    target: Target
    messages: int
    text: str = "reorder"


class Corrupt(NamedTuple):
    """``corrupt TARGET FIELD to VALUE``: The field holds another value, or none with ``unset``; the length word is true."""

    target: Target
    path: tuple[str | int, ...]
    value: str | None
    text: str = "corrupt"


class CorruptByte(NamedTuple):
    """``corrupt TARGET byte N to BYTE``: Its Nth byte, counted from 1, is another: 0 to 255, or 0x00 to 0xff."""

    target: Target
    position: int
    byte: int
    text: str = "corrupt"


class Truncate(NamedTuple):
    """``truncate TARGET to N bytes``: Only its first N bytes arrive; the length word still says more."""

    target: Target
    size: int
    text: str = "truncate"


class Slice(NamedTuple):
    """``slice TARGET into N bytes``: It leaves in writes of N bytes."""

    target: Target
    size: int
    text: str = "slice"


class Stall(NamedTuple):
    """``stall before|after TARGET``: Nothing more arrives in its direction, and the connection stays open."""

    target: Target
    before: bool
    text: str = "stall"


class End(NamedTuple):
    """``fin|rst before|after TARGET``: The connection ends there, as if the sender of the message had closed or reset it."""

    target: Target
    how: Close
    before: bool
    text: str = "fin"


class Rate(NamedTuple):
    """``rate N bytes/s``: No direction is faster, or only the one that ``from`` names; counts for all bytes."""

    target: Target
    bytes_per_second: int
    text: str = "rate"


Fault = Drop | Delay | Duplicate | Reorder | Corrupt | CorruptByte | Truncate | Slice | Stall | End | Rate
FAULTS: tuple[type[Fault], ...] = (Drop, Delay, Duplicate, Reorder, Corrupt, CorruptByte, Truncate, Slice, Stall, End, Rate)


def forms() -> list[tuple[str, str]]:
    """Each form of a fault, and its meaning. Empty texts where docstrings were stripped."""
    found = []
    for fault in FAULTS:
        form, _, meaning = (fault.__doc__ or "").partition(": ")
        found.append((form.strip("`"), meaning.replace("``", "'")))
    return found


TARGET_FORM = "[Nth | every] NAME [CODE] [from client | from server] [connection N] [where EXPR]"
TARGET_MEANING = (
    "NAME is a message's, or greeting, offer, or message for any of them; CODE is an error's; all is every message. "
    "EXPR is that of decode --where. Without Nth or every, it is every one. Each connection counts its own."
)
EXAMPLES = (
    "drop 3rd nextValidId",
    "delay every error 2104 by 2s",
    "delay every error where errorCode == 2104 by 2s",
    "duplicate 1st managedAccounts",
    "reorder 1st error after 2",
    "corrupt 1st tickPrice price to 0",
    "corrupt 1st managedAccounts byte 5 to 0xff",
    "truncate 2nd openOrder to 10 bytes",
    "slice all into 3 bytes",
    "stall after 1st managedAccounts",
    "fin before 1st nextValidId",
    "rst after 1st startApi connection 2",
    "rate 1000 bytes/s from server",
)
