"""What a simulated server does at each moment of a connection, as data.

A script has a series of steps for each of three moments (a client connected, offered its versions, sent startApi) and, where a request
is not to be answered as usual, for that request. Between moments the server waits for the client; a script that says nothing is silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from twsprobe.capture.model import Close
from twsprobe.net.account import PAPER_CODE, Fields
from twsprobe.net.delivery import Delivery


class Usual(Enum):
    """Steps that every session takes."""

    ACCOUNTS = "managedAccounts"
    ORDER_ID = "nextValidId"
    FARMS = "notices that the data farms are connected"
    ANSWER = "the answer to the request at hand"


class Greet(NamedTuple):
    """The answer to the offer. ``version`` None is the negotiated one; ``zone`` is the time zone as it stands on the wire."""

    version: int | None = None
    zone: bytes = b"Greenwich Mean Time"


class Say(NamedTuple):
    """A message, encoded as the connection's version wants it."""

    name: str
    fields: Fields


class Raw(NamedTuple):
    """Bytes as they are, or made for a server version."""

    data: bytes | Callable[[int], bytes]


class Begin(NamedTuple):
    """The first messages of the usual answer to the request at hand."""

    messages: int


class Wait(NamedTuple):
    """A pause, in seconds."""

    seconds: float


class Drip(NamedTuple):
    """Bytes one at a time, ``pause`` seconds apart, over and over until the client leaves."""

    data: bytes
    pause: float


Step = Usual | Greet | Say | Raw | Begin | Wait | Drip | Close
"""One thing that a server does; Close.FIN and Close.RST end the connection."""
Steps = tuple[Step, ...]

START: Steps = (Usual.ACCOUNTS, Usual.ORDER_ID, Usual.FARMS)


def notice(code: int, text: str) -> Say:
    """An error or notice that is about no request."""
    return Say("error", {"id": -1, "errorCode": code, "errorMsg": text})


class Script(NamedTuple):
    """What a server does; the defaults are those of a TWS that is well."""

    on_connect: Steps = ()
    on_offer: Steps = (Greet(),)
    on_start: Steps = START
    on_request: Mapping[str, Steps] = MappingProxyType({})
    """Steps for a request, by its name, in place of ``Usual.ANSWER``."""
    withheld: frozenset[str] = frozenset()
    """Messages that are never sent."""
    taken: frozenset[int] = frozenset()
    """Client ids that somebody else is using."""
    says_taken: bool = True
    """Whether error 326 says so before the close."""
    serves: bool = True
    """Whether requests behind startApi are answered; otherwise they vanish."""
    account_code: str = PAPER_CODE
    delivery: Delivery | None = None
    """A way to send that belongs to the scenario, whatever the simulator was asked for."""
