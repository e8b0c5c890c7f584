"""The vocabulary of judgements: how sure, which cause, on what evidence."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

from twsprobe.probing.signatures import Layer

if TYPE_CHECKING:
    from twsprobe.probing.clues import Clue


class Confidence(Enum):
    """How sure a cause is, strongest first. `PROVEN` is kept for what the wire itself says."""

    PROVEN = "proven"
    LIKELY = "likely"
    POSSIBLE = "possible"
    EXCLUDED = "excluded"

    @property
    def place(self) -> int:
        """0 for the strongest."""
        return _PLACES[self]


_PLACES = {confidence: place for place, confidence in enumerate(Confidence)}


class Cause(NamedTuple):
    """Something that explains a failure, whatever the signature it shows as."""

    id: str
    title: str
    """One plain sentence: what is wrong."""
    remedy: str
    """What to do, as an order to the reader."""
    source: str
    """Where this is known from: public threads ("ib_insync#386"), IBKR's documents, a measurement."""
    layer: Layer | None = None
    """None: the layer of the signature it explains."""
    for_: tuple[tuple[Clue, Confidence], ...] = ()
    """Clues that speak for it, each with the confidence it raises it to, if that is higher."""
    against: tuple[tuple[Clue, Confidence], ...] = ()
    """Clues that speak against it, each with the confidence it lowers it to, if that is lower."""


class Explanation(NamedTuple):
    """That a cause may explain a signature. Its place in the signature's list is its rank among equals."""

    cause: str
    """The cause's id."""
    confidence: Confidence
    """Before any clue is weighed."""
    only_with: tuple[Clue, ...] = ()
    """The cause is worth a word only when one of these clues is there; empty: always."""


class Evidence(NamedTuple):
    """One clue, as a sentence, and the side it speaks for."""

    side: Literal["for", "against"]
    sentence: str


class RankedCause(NamedTuple):
    """A cause as judged for one observation."""

    id: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    title: str
    remedy: str
    source: str
    layer: Layer
