"""What a TWS speaks with each client library, as plain data: its answer to each offer, the messages that follow, and where they differ.

A server version is a dialect of its own, so one session is enough for all offers that are answered with it. A report names messages and
fields and says nothing of their values, so that it can be given to others: it holds no account, no address and no text of a peer.

A field is present where at least one message had a value for it. The known doubt: an account without positions shows no position, and one
that has never set a field does not show that field, so what is absent here is not necessarily unknown to that TWS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from twsprobe.probing.signatures import Signature
from twsprobe.wire.events import Decoded, Event, Undecodable, Unknown

SCHEMA = "twsprobe.versions/1"
_INDEX = re.compile(r"\[\d+\]")
_NOT_IN_SCHEMA = "is not in our schema"
"""How a Decoded says that it has a protobuf field that is not declared; those are listed apart."""

MOST_MESSAGES, MOST_PATHS = 500, 1000
"""Kinds of message of one session, and paths or differences of one message, that are kept: more than any TWS has."""

Verdict = Literal["works", "fails", "unknown"]


class Offer(NamedTuple):
    """Versions that are offered, and the libraries that offer just these."""

    minimum: int
    maximum: int
    libraries: tuple[str, ...] = ()
    starts: bool = True
    """False where only the answer is wanted: it may be a version that is not declared here."""

    @property
    def text(self) -> str:
        """Such as 100..226."""
        return f"{self.minimum}..{self.maximum}"


class Form(NamedTuple):
    """How a message was seen in a session, and how often.

    Paths are dotted, with ``[]`` behind a list; a protobuf field that is not declared is ``#`` and its number.
    """

    message: str
    encoding: str
    times: int = 0
    fields: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


class Forms:
    """Collects the forms of the messages of one session, in the order in which they came first."""

    def __init__(self) -> None:
        self._forms: dict[tuple[str, str], Form] = {}

    def take(self, event: Event) -> Form | None:
        """Take note of a message; None for what is none."""
        seen = form_of(event)
        if seen is None:
            return None
        key = seen.message, seen.encoding
        before = self._forms.get(key)
        if before is None:
            if len(self._forms) < MOST_MESSAGES:
                self._forms[key] = seen
            return seen
        self._forms[key] = seen._replace(
            times=before.times + 1,
            fields=merged(before.fields, seen.fields),
            unknown=merged(before.unknown, seen.unknown),
            differences=merged(before.differences, seen.differences),
        )
        return seen

    @property
    def all(self) -> tuple[Form, ...]:
        """What was seen so far."""
        return tuple(self._forms.values())


def merged(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """Both, each once, in their order."""
    return tuple(dict.fromkeys((*one, *other)))[:MOST_PATHS]


def form_of(event: Event) -> Form | None:
    """The form of one message; None for what is no message. Values, and sentences that quote them, are left out."""
    if isinstance(event, Decoded):
        paths = merged((), [*paths_of(event.fields)])
        odd = tuple(_INDEX.sub("[]", text) for text in event.anomalies if not text.endswith(_NOT_IN_SCHEMA))
        known = tuple(path for path in paths if "#" not in path)
        return Form(event.name, event.encoding, 1, known, tuple(path for path in paths if "#" in path), odd)
    if isinstance(event, Undecodable) and event.name is not None:
        where = f" at {_INDEX.sub('[]', event.path)}" if event.path else ""
        return Form(event.name, event.encoding or "text", 1, differences=(f"does not follow our declaration{where}",))
    if isinstance(event, (Undecodable, Unknown)) and event.id is not None:
        return Form(f"message {event.id}", event.encoding or "text", 1, differences=("no message with this id is declared",))
    return None


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    """The paths at which there are values."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            here = f"{path}.{name}" if path else name
            # What stands below an undeclared field is bytes as they came.
            yield from (here,) if name.startswith("#") else paths_of(inner, here)
    elif isinstance(value, list):
        for element in value:
            yield from paths_of(element, f"{path}[]")
    elif value is not None and value != "":
        yield path


class Said(NamedTuple):
    """A message at the start of a session, as text or protobuf, and how often it came."""

    message: str
    encoding: str
    times: int


@dataclass(frozen=True)
class Session:
    """What a session at a server version showed: what came at the start unasked, and the form of every message."""

    server_version: int
    signature: Signature
    """READY, or what was wrong."""
    started: bool
    start: tuple[Said, ...] = ()
    notices: tuple[int, ...] = ()
    sync: tuple[tuple[str, bool], ...] = ()
    """Each request of the sync, and whether its answer came to its end."""
    forms: tuple[Form, ...] = ()

    @property
    def odd(self) -> tuple[Form, ...]:
        """The messages that differ from the declarations here."""
        return tuple(form for form in self.forms if form.unknown or form.differences)


class Tried(NamedTuple):
    """An offer, and what came of it. ``signature`` says what went wrong before a session; None where nothing did."""

    offer: Offer
    answer: int | None
    signature: Signature | None


class Library(NamedTuple):
    """What the answer means for a client library: a judgement, ``how`` in a sentence."""

    name: str
    offer: Offer
    answer: int | None
    verdict: Verdict
    how: str


@dataclass(frozen=True)
class Versions:
    """The result of a look at the versions of a target."""

    target: str
    port: int
    offers: tuple[Offer, ...]
    tried: tuple[Tried, ...]
    sessions: tuple[Session, ...]
    connections_opened: int
    stopped: Signature | None = None
    """What ended the look before every offer was made, and has nothing to do with versions; None where nothing did."""
    account_data: bool = False
    """The account data were asked for as well, so that the sessions show more than a start."""

    @property
    def highest(self) -> int | None:
        """The highest version that the server speaks, where an answer below its offer gives it away; None where it may be higher."""
        below = [each.answer for each in self.tried if each.answer is not None and 0 <= each.answer < each.offer.maximum]
        return max(below) if below else None

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it means for each client library."""
        return tuple(self._judge(name, offer) for offer in self.offers for name in offer.libraries)

    def _judge(self, name: str, offer: Offer) -> Library:
        tried = next((each for each in self.tried if each.offer == offer), None)
        if tried is None:
            ended = self.stopped.value if self.stopped else "the end"
            return Library(name, offer, None, "unknown", f"Not tried: {ended} came before, which is not about versions.")
        session = next((each for each in self.sessions if each.server_version == tried.answer), None)
        return Library(name, offer, tried.answer, *judged(tried, session))

    @property
    def ok(self) -> bool:
        """A session starts with the offer of every library."""
        return self.stopped is None and all(each.verdict == "works" for each in self.libraries)

    @property
    def exit_code(self) -> int:
        """0 where every library works, 1 where one does not, and the signature's own code where that has nothing to do with versions."""
        return self.stopped.exit_code if self.stopped is not None else 0 if self.ok else 1

    def to_dict(self) -> dict[str, Any]:
        """The object of ``--json`` (``SCHEMA``), of plain JSON types."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "port": self.port,
            "ok": self.ok,
            "highest": self.highest,
            "offers": [
                {
                    "offer": each.offer.text,
                    "libraries": list(each.offer.libraries),
                    "answer": each.answer,
                    "signature": each.signature.value if each.signature else None,
                }
                for each in self.tried
            ],
            "libraries": [
                {"library": each.name, "offer": each.offer.text, "answer": each.answer, "verdict": each.verdict, "how": each.how}
                for each in self.libraries
            ],
            "sessions": [session_object(each) for each in self.sessions],
            "account_data": self.account_data,
            "stopped": self.stopped.value if self.stopped else None,
            "connections_opened": self.connections_opened,
        }


def session_object(session: Session) -> dict[str, Any]:
    """A session, of plain JSON types."""
    return {
        "server_version": session.server_version,
        "signature": session.signature.value,
        "started": session.started,
        "start": [said._asdict() for said in session.start],
        "notices": list(session.notices),
        "sync": [{"request": request, "ok": ok} for request, ok in session.sync],
        "messages": [{**form._asdict(), **{name: list(getattr(form, name)) for name in LISTS}} for form in session.forms],
    }


LISTS = ("fields", "unknown", "differences")
"""What a message of a report lists."""


def judged(tried: Tried, session: Session | None) -> tuple[Verdict, str]:
    """What an offer's answer, and a session at that version, mean for a library that makes the offer."""
    offer, answer = tried.offer, tried.answer
    if tried.signature is Signature.VERSION_UNSUPPORTED and answer is not None:
        if answer < offer.minimum:
            return "fails", f"The server is too old: {answer} is below {offer.minimum}, the lowest version that the library speaks."
        return "fails", f"The server answers {answer}, which is above the offer: the library cannot read what follows."
    if tried.signature is not None or answer is None:
        return "fails", f"No answer to the offer ({tried.signature.value if tried.signature else 'none came'})."
    if session is None:
        return "unknown", "No session was started."
    if not session.started:
        return "fails", f"The version is agreed, and the session does not start ({session.signature.value})."
    return "works", f"A session starts; {encodings(answer)}{oddities(session)}."


def encodings(server_version: int) -> str:
    """How messages to the client are sent at a server version, by their declarations."""
    from twsprobe.wire.framing import Direction
    from twsprobe.wire.message import PROTOBUF
    from twsprobe.wire.messages import MESSAGES

    there = [message for message in MESSAGES if message.direction is Direction.TO_CLIENT and message.since <= server_version]
    binary = sum(message.encoding(server_version) == PROTOBUF for message in there)
    return f"{binary} of {len(there)} kinds of message are protobuf" if binary else "all messages are text"


def oddities(session: Session) -> str:
    """How many messages are not as declared, for the end of a sentence."""
    count = len(session.odd)
    return f"; {count} kind{'s' if count != 1 else ''} of message differ{'s' if count == 1 else ''} from our declarations" if count else ""
