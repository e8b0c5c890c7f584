"""The opening of a conversation: what is said before there are messages.

The client sends ``API`` and a NUL outside of any frame, then one frame with ``vMIN..MAX`` or ``vN``, and after a blank its connect
options. The server answers with one frame of two text fields, its version and its time; this answer has no binary message id at any
version. The time ends in the name of a zone, which is localised and stands in the host's code page. Frames may come before the
answer (official clients skip them), so the answer is the first frame that has two fields of which the first is a number. The
version -1 was once a redirect: an address follows.
"""

from __future__ import annotations

import re

from twsprobe.wire.events import Greeted, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.text import text_of

PREFIX = b"API\0"
OFFER = re.compile(rb"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: (.*?))?\0?", re.DOTALL)
VERSION = re.compile(rb"-?\d{1,9}")
TIME = re.compile(r"(\d{8} \d\d:\d\d:\d\d) ?(.*)", re.DOTALL)


def frame(payload: bytes) -> bytes:
    """A payload behind its length word."""
    return LENGTH.pack(len(payload)) + payload


def offer(minimum: int, maximum: int | None, connect_options: str = "") -> bytes:
    """The client's opening: ``vMIN..MAX``, or ``vMIN`` without a maximum.

    Raises ValueError for connect options that are not printable ASCII, which official clients refuse with error 579.
    """
    if not (connect_options.isascii() and connect_options.isprintable()):
        raise ValueError("connect options are printable ASCII")
    versions = f"v{minimum}" if maximum is None else f"v{minimum}..{maximum}"
    return PREFIX + frame(f"{versions} {connect_options}".rstrip(" ").encode("ascii"))


def greeting(server_version: int, time: bytes) -> bytes:
    """The server's answer; ``time`` as it stands on the wire."""
    return frame(b"%d\0%s\0" % (server_version, time))


def read_offer(payload: bytes, offset: int) -> VersionOffered | None:
    """The client's first frame, None if it is no offer. ``raw`` includes the prefix and the length word."""
    found = OFFER.fullmatch(payload)
    if found is None:
        return None
    low = int(found[1])
    options = text_of(found[3] or b"")
    return VersionOffered(Direction.TO_SERVER, low, int(found[2] or low), options, PREFIX + frame(payload), offset)


def read_greeting(payload: bytes, offset: int) -> Greeted | None:
    """The server's answer, None if the frame is something else."""
    pieces = payload.split(b"\0")
    if len(pieces) != 3 or pieces[2] or not VERSION.fullmatch(pieces[0]):
        return None
    version, second = int(pieces[0]), text_of(pieces[1])
    if version < 0:
        return Greeted(Direction.TO_CLIENT, version, "", "", second, payload, offset)
    found = TIME.fullmatch(second)
    time, zone = (found[1], found[2]) if found else (second, "")
    return Greeted(Direction.TO_CLIENT, version, time, zone, "", payload, offset)


def is_certain(greeted: Greeted) -> bool:
    """Whether an answer tells the time or redirects, as every real one does. Another may be a message: positionEnd looks like one."""
    return greeted.server_version < 0 or TIME.fullmatch(greeted.time) is not None
