"""One session, kept: pings, notices, its end; and when it has ended, the way back.

A ping is reqCurrentTime, the cheapest request that TWS answers; it may leave a second one within a second unanswered, so none is sent
faster. Half open is a connection on which nothing at all has come for ``silence`` seconds since a ping went out: any byte proves the peer
alive. It is given up then, because the system may take a quarter of an hour to notice, and the next attempt shows what is the matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

import trio

from twsprobe.capture.model import Close
from twsprobe.net.connection import PeerClosed
from twsprobe.probing.attempts import Attempts
from twsprobe.probing.run import Run
from twsprobe.probing.signatures import Signature
from twsprobe.probing.stages import RESTORED
from twsprobe.probing.transitions import Answered, Ended, Fact, Noticed, Unanswered
from twsprobe.wire.events import Decoded

SHORTEST_PING, PING, SILENCE = 1.0, 5.0, 10.0
"""Seconds between pings: at least, and usually; and seconds without a byte that make a connection half open."""

Tell = Callable[[Fact], None]


class Kept(Enum):
    """Why a session is not kept any longer."""

    ENDED = "the peer closed it"
    HALF_OPEN = "nothing came any more"
    RESTORED = "the link to IBKR is back"


async def keep(run: Run, tell: Tell, *, ping: float = PING, silence: float = SILENCE, until_restored: bool = False) -> Kept:
    """Keep a session that has started, and tell what happens in it. The connection stays open; whoever opened it closes it.

    With ``until_restored`` it returns at the notice that the link to IBKR is back. Raises ValueError for a ping faster than once a second.
    """
    if ping < SHORTEST_PING:
        raise ValueError(f"a ping every {ping:g} s: TWS may leave one unanswered that comes within {SHORTEST_PING:g} s of another")
    due = trio.current_time() + ping
    asked = waiting_since = math.inf
    try:
        while True:
            with trio.move_on_at(min(due, waiting_since + silence)) as scope:
                for event in await run.events():
                    if not isinstance(event, Decoded):
                        continue
                    if event.name == "currentTime" and asked < math.inf:
                        tell(Answered(trio.current_time(), trio.current_time() - asked))
                        asked = math.inf
                    elif event.name == "error" and noticed(event, tell) in RESTORED and until_restored:
                        return Kept.RESTORED
                waiting_since = math.inf
            now = trio.current_time()
            if not scope.cancelled_caught:
                continue
            if now >= waiting_since + silence:
                tell(Unanswered(now, now - waiting_since))
                return Kept.HALF_OPEN
            due = now + ping
            asked, waiting_since = now, min(now, waiting_since)
            run.sent(await run.open.send("reqCurrentTime"))
    except PeerClosed as fault:
        tell(Ended(trio.current_time(), "rst" if fault.how is Close.RST else "fin"))
        return Kept.ENDED


def noticed(event: Decoded, tell: Tell) -> int | None:
    """Tell of a notice. Its code."""
    code, text = event.fields.get("errorCode"), event.fields.get("errorMsg")
    if not isinstance(code, int):
        return None
    tell(Noticed(trio.current_time(), code, str(text or "")))
    return code


async def watch(attempts: Attempts, tell: Tell, *, ping: float = PING, silence: float = SILENCE) -> None:
    """Follow a target until cancelled: attempts until a session starts, then that session until it ends, over and over.

    ``attempts`` are to tell the same listener. Raises ValueError as ``keep`` does.
    """
    while True:
        run = await attempts.attempt()
        try:
            if run.observation.signature in (Signature.READY, Signature.BACKEND_LOST):
                attempts.begin_anew()
                await keep(run, tell, ping=ping, silence=silence)
        finally:
            await attempts.close(run)
        await trio.sleep(attempts.pause)
