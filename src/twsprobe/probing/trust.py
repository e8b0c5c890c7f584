"""The verdict on trusted addresses: whether TWS keeps a client out because of the address that it comes from, and what to do.

TWS lets loopback in without a question. It closes on a client of another address while "Allow connections from localhost only" is ticked;
otherwise it lets in the addresses of its list, and asks on its screen about all others, in silence towards the client. So a close is a
refusal, silence may be a question, and the same port at loopback tells whether the address is the matter.
The address to add is the one that TWS sees: that of this side's socket, unless something on the way (NAT, a container's bridge, a
forwarder) puts its own in its place. Where both ends are this machine, nothing lies between.
Known doubt: whether ::1 counts as trusted; nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from twsprobe.probing.experiments import Tried
from twsprobe.probing.local import Evidence
from twsprobe.probing.observation import Observation
from twsprobe.probing.signatures import Signature

Verdict = Literal["add-address", "answer-dialog", "not-trusted-ips", "open"]

_REFUSES = frozenset({Signature.CLOSED_BEFORE_PREFIX, Signature.CLOSED_AFTER_PREFIX})
_ASKS = frozenset({Signature.SILENT_HANDSHAKE, Signature.SILENT_START})
_LET_IN = frozenset({"only-localhost", "listed", "not-listed", "let-in"})
"""Outcomes of the loopback experiment in which loopback is let in."""
_NO_BETTER = frozenset({"silent", "closed", "no-better"})
_LOCAL = frozenset({"trusted-listed", "trusted-missing", "localhost-only", "incoming-manual", "incoming-reject", "incoming-accept"})
"""Evidence of this machine's files that bears on trust."""


class Trust(NamedTuple):
    """The verdict, the address that TWS sees, what to do in a sentence, and what that rests on."""

    verdict: Verdict
    address: str
    text: str
    evidence: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For the report's object, of plain JSON types."""
        return {"verdict": self.verdict, "address": self.address, "text": self.text, "evidence": list(self.evidence)}


def trust(observation: Observation, tried: Iterable[Tried] = (), local: Sequence[Evidence] = ()) -> Trust | None:
    """What is to be said of trusted addresses; None where the run ended in a way that has nothing to do with them."""
    source = observation.source
    if source is None or observation.signature not in _REFUSES | _ASKS:
        return None
    if observation.loopback_source:
        if source != "127.0.0.1":
            return None
        return Trust("not-trusted-ips", source, f"It is not the trusted-IP list: {source} is always let in.", (_behaviour(observation),))
    loopback = next((each for each in tried if each.experiment == "loopback"), None)
    files = {piece.id: piece.text for piece in local if piece.id in _LOCAL}
    evidence = [_address(observation), _behaviour(observation)]
    evidence += [loopback.text] if loopback else []
    evidence += files.values()
    verdict = _verdict(observation, loopback.outcome if loopback else None, files)
    return Trust(verdict, source, _advice(verdict, source, observation, loopback), tuple(evidence))


def _verdict(observation: Observation, outcome: str | None, files: dict[str, str]) -> Verdict:
    """What TWS says over the wire comes first, then the comparison with loopback, then what files say."""
    by_behaviour: Verdict = "add-address" if observation.signature in _REFUSES else "answer-dialog"
    if outcome == "listed" or outcome in _NO_BETTER:
        return "not-trusted-ips"
    if outcome in _LET_IN:
        return by_behaviour
    if "trusted-listed" in files and "localhost-only" not in files:
        return "not-trusted-ips"
    return by_behaviour if "trusted-missing" in files or "localhost-only" in files else "open"


def _address(observation: Observation) -> str:
    """Which address TWS sees, and how surely."""
    source, peer = observation.source, observation.peer
    if source == peer:
        return f"TWS sees this client as {source}: both ends are this machine."
    return f"TWS sees this client as {source}, unless NAT, a container's bridge or a forwarder on the way puts its own address there."


def _behaviour(observation: Observation) -> str:
    """Whether the peer refuses or asks."""
    if observation.signature in _REFUSES:
        return "The peer closes, as TWS does to an address that it refuses without asking."
    return "The peer is silent, as TWS is while it asks on its screen whether to accept a connection."


def _advice(verdict: Verdict, source: str, observation: Observation, loopback: Tried | None) -> str:
    """What to do, as a sentence."""
    if verdict == "add-address":
        untick = 'Untick "Allow connections from localhost only", and add' if not loopback or loopback.outcome != "not-listed" else "Add"
        return f'{untick} {source} to "Trusted IPs".'
    if verdict == "answer-dialog":
        return f'Answer the dialog on the screen of TWS; to be let in without one, add {source} to "Trusted IPs".'
    if verdict == "not-trusted-ips":
        return "It is not the trusted-IP list."
    where = "" if source == observation.peer else " Run this program on the machine of TWS, against 127.0.0.1, to compare."
    return f"It may be the trusted-IP list ({source} is no loopback address); nothing here decides it.{where}"
