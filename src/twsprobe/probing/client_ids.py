"""Which client ids are free: each is tried on a connection of its own, one after the other, and closed with a FIN.

The problem: TWS tells of a taken id in one of two ways. Some builds send error 326 and close; others close without a word, as they also do
for other reasons. The rules:
- A random id, which hardly anybody uses, goes first. Where it gets in, a bare close of another id means that this one is taken; where
  nobody gets in, a bare close says nothing about the id.
- What fails before the session starts, or in a way that has nothing to do with the id, ends the look: every other id would fare the same.
- At least ``PAUSE`` seconds lie between two connections: TWS mistakes faster clients for the old one. No id is tried twice.
- Client id 0 and the master id get orders and executions of others. Neither is ever part of a range, and the master id, where TWS tells
  which it is, is left out unless it is asked for by the name ``MASTER``.
Known doubt: a client that was killed may hold its id until TWS notices; such an id is taken as well.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import trio

from twsprobe.net.address import shown_address
from twsprobe.net.connection import Recorder
from twsprobe.probing.options import Options, random_client_id
from twsprobe.probing.probe import attempt, stages_of
from twsprobe.probing.report import milliseconds
from twsprobe.probing.run import Network, Quiet, Run
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.sync import config_stage
from twsprobe.probing.targets import Target

SCHEMA = "twsprobe.client-ids/1"
PAUSE = 1.0
"""Seconds between the end of a connection and the next one, at least."""
MOST_IDS = 64
"""Ids that one look tries at most: each costs the peer a connection."""
HIGHEST_CLIENT_ID = 2**31 - 1
MASTER = "master"
"""The name for the id that TWS has as its master client id."""
WARNINGS = {
    0: "Client id 0 also receives, and may bind, the orders that are placed by hand in TWS, for as long as it is connected.",
    MASTER: "The master client id also receives the orders and executions of all other clients, for as long as it is connected.",
}
"""What changes in TWS while an id is connected that is tried only by its name."""

State = Literal["free", "taken", "unknown", "skipped"]


class Tried(NamedTuple):
    """What was seen of one id. ``client_id`` is None for the master id while it is not known; ``elapsed_ms`` is None where no connection
    was tried."""

    client_id: int | None
    state: State
    detail: str
    """Why the state is told, in a sentence."""
    random: bool = False
    signature: Signature | None = None
    """How the try ended; READY for a free id, None where it was not tried."""
    elapsed_ms: float | None = None


@dataclass(frozen=True)
class ClientIds:
    """The result of a look. ``tried`` stands in the order of the tries."""

    target: str
    tried: tuple[Tried, ...]
    connections_opened: int
    server_version: int | None = None
    master_id: int | None = None
    """TWS's master client id; None where there is none or TWS did not tell."""
    stopped: Signature | None = None
    """What ended the look before all ids were tried, and has nothing to do with the id; None where nothing did."""

    @property
    def ok(self) -> bool:
        """Every id that was asked about is free."""
        return self.stopped is None and all(each.state == "free" for each in self.tried)

    @property
    def exit_code(self) -> int:
        """0 where every id is free, 1 where one is not, and the signature's own code where no id could be told."""
        return self.stopped.exit_code if self.stopped is not None else 0 if self.ok else 1

    def to_dict(self) -> dict[str, Any]:
        """The object of ``--json`` (``SCHEMA``), of plain JSON types."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "ok": self.ok,
            "server_version": self.server_version,
            "master_id": self.master_id,
            "ids": [
                {
                    "client_id": each.client_id,
                    "state": each.state,
                    "random": each.random,
                    "signature": each.signature.value if each.signature else None,
                    "detail": each.detail,
                    "elapsed_ms": None if each.elapsed_ms is None else milliseconds(each.elapsed_ms),
                }
                for each in self.tried
            ],
            "stopped": self.stopped.value if self.stopped else None,
            "connections_opened": self.connections_opened,
        }


def parse_ids(text: str) -> tuple[int | str, ...]:
    """Ids as a user lists them: ``1,2,10-12,0,master``, each once, in the order given. Raises ValueError with what is wrong."""
    found: dict[int | str, None] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        found |= dict.fromkeys(_part(part))
        if len(found) > MOST_IDS:
            raise ValueError(f"{text!r}: more than {MOST_IDS} ids, and each costs TWS a connection")
    if not found:
        raise ValueError(f"{text!r} holds no id")
    return tuple(found)


def _part(part: str) -> Sequence[int | str]:
    if part == MASTER:
        return (MASTER,)
    low, dash, high = part.partition("-")
    ends = [low, high] if dash else [low]
    if not all(end.isascii() and end.isdigit() and len(end) <= 10 and int(end) <= HIGHEST_CLIENT_ID for end in ends):
        raise ValueError(f"{part!r} is no client id, no range such as 1-5, and not {MASTER!r}")
    if not dash:
        return (int(low),)
    if int(low) == 0:
        raise ValueError(f"{part!r}: id 0 changes what TWS sends, so it is tried only where it is named by itself")
    if int(low) > int(high):
        raise ValueError(f"{part!r}: the first id is above the last")
    if int(high) - int(low) >= MOST_IDS:
        raise ValueError(f"{part!r}: more than {MOST_IDS} ids, and each costs TWS a connection")
    return range(int(low), int(high) + 1)


class Look:
    """One look at the ids of a target. ``tell`` hears of each id as soon as it was tried, ``warn`` of what an id changes before it is."""

    def __init__(
        self,
        target: Target,
        options: Options | None = None,
        *,
        tell: Callable[[Tried], None] = lambda tried: None,
        warn: Callable[[str], None] = lambda text: None,
        pause: float = PAUSE,
        network: Network | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.target, self.options, self.tell, self.warn = target, options or Options(), tell, warn
        self.pause, self.network, self.recorder = pause, network or Network(), recorder
        self.connections_opened = 0
        self.server_version: int | None = None
        self.master_id: int | None = None
        self.tried: list[Tried] = []
        self._attempts = 0
        self._bare: list[int] = []
        """Where in ``tried`` the bare closes stand that no id has explained yet."""
        self._stopped: Signature | None = None

    async def ask(self, ids: Sequence[int | str], random: int = 1) -> ClientIds:
        """Try ``random`` random ids, then ``ids``. Must run under Trio. Raises what ``recorder`` raises, and nothing that a peer does."""
        for _ in range(random):
            await self._try(random_client_id(), random=True)
        for each in ids:
            if each == MASTER:
                await self._try_master()
            elif each == self.master_id:
                if MASTER not in ids:
                    self._note(Tried(self.master_id, "skipped", f"It is the master id, which is tried only by the name {MASTER!r}."))
            else:
                await self._try(int(each))
        return ClientIds(
            shown_address(self.target), tuple(self.tried), self.connections_opened, self.server_version, self.master_id, self._stopped
        )

    async def _try_master(self) -> None:
        if self._stopped is not None:
            return
        if self.master_id is None:
            self._note(Tried(None, "unknown", "TWS did not tell its master client id, or has none."))
            return
        await self._try(self.master_id, warning=WARNINGS[MASTER])

    async def _try(self, client_id: int, *, random: bool = False, warning: str = "") -> None:
        if self._stopped is not None:
            return
        warning = warning or WARNINGS.get(client_id, "")
        if warning:
            self.warn(warning)
        if self._attempts:
            await trio.sleep(max(self.pause, PAUSE))
        run = await self._attempt(client_id, reads_settings=random and self._attempts == 0)
        self._attempts += 1
        self.connections_opened += run.connections_opened
        self._judge(run, random)

    async def _attempt(self, client_id: int, *, reads_settings: bool) -> Run:
        options = dataclasses.replace(self.options, client_id=client_id, sync=False, config=False, timeout=math.inf)
        run = Run(*self.target, options, client_id, Quiet(), self.recorder, self.network)
        run.number = self._attempts + 1
        stages = [(stage, work) for stage, work in stages_of(options) if stage is not Stage.READY]
        await attempt(run, [*stages, (Stage.CONFIG, config_stage)] if reads_settings else stages)
        return run

    def _judge(self, run: Run, random: bool) -> None:
        facts = run.observation
        if facts.server_version is not None:
            self.server_version = facts.server_version
        self.master_id = next((one.value for one in run.settings if one.setting == "masterClientId"), self.master_id)
        spent = sum(stage.elapsed_ms for stage in run.stages)
        started = any(stage.name == Stage.START.value and stage.ok for stage in run.stages)
        if started:
            self._note(Tried(run.client_id, "free", "The session started.", random, Signature.READY, spent))
            self._settle()
        elif facts.signature is Signature.CLIENT_ID_IN_USE:
            self._note(Tried(run.client_id, "taken", "TWS says so (error 326).", random, facts.signature, spent))
        elif facts.signature is Signature.CLOSED_AFTER_START:
            self._bare.append(len(self.tried))
            self._note(self._of_bare_close(Tried(run.client_id, "unknown", "", random, facts.signature, spent)))
        else:
            self._stopped = facts.signature
            self._note(Tried(run.client_id, "unknown", facts.sentence, random, facts.signature, spent))

    @property
    def _somebody_got_in(self) -> bool:
        return any(each.state == "free" for each in self.tried)

    def _of_bare_close(self, tried: Tried) -> Tried:
        """A try that ended in a bare close, judged by whether another id got in."""
        if self._somebody_got_in:
            return tried._replace(state="taken", detail="TWS closed without a word, and lets another id in.")
        return tried._replace(state="unknown", detail="TWS closed without a word, and has let no other id in so far.")

    def _settle(self) -> None:
        """Judge the bare closes that came before the first id got in."""
        for index in self._bare:
            self.tried[index] = self._of_bare_close(self.tried[index])
        self._bare.clear()

    def _note(self, tried: Tried) -> None:
        self.tried.append(tried)
        self.tell(tried)
