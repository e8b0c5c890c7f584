"""Two version reports against each other: which answers, libraries, messages and fields appeared, vanished or changed.

Messages are compared offer by offer, because that is what stays the same when a TWS is updated: the session behind an offer's answer in the
one report stands against the session behind its answer in the other. The rules:
- How often a message came is not compared.
- Fields are compared where both sessions sent the message in the same encoding: text has a place for every field, and a zero in it may be
  a field that protobuf leaves out.
- Where only one report has account data, messages are compared that came at the start in at least one of them.
Known doubt: an account in which something changed meanwhile, such as the first position, shows as a difference as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from twsprobe.probing.compatibility import LISTS, SCHEMA, Form, merged

BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\"schema\"\s*:\s*\"" + re.escape(SCHEMA.encode()) + rb"\"")
"""How a version report begins: the schema comes first in what we write."""

Kind = Literal["appeared", "vanished", "changed"]


class Difference(NamedTuple):
    """A difference between two reports: at which offer or library, in which message, and what.

    ``a`` and ``b`` are what the reports have there, None where one has nothing.
    """

    kind: Kind
    where: str
    message: str | None
    what: str
    a: str | None = None
    b: str | None = None


class Report(NamedTuple):
    """A version report, read. Sessions are keyed by their server version, and hold the form of each message by its name."""

    highest: int | None
    answers: dict[str, int | None]
    libraries: dict[str, str]
    sessions: dict[int, dict[str, Form]]
    starts: dict[int, frozenset[str]]
    account_data: bool


def is_report(beginning: bytes) -> bool:
    """Whether a file that begins so is a version report."""
    return BEGINNING.match(beginning) is not None


def read_report(data: bytes) -> Report:
    """Read a version report. Raises ValueError with a sentence that says what is wrong, and where."""
    try:
        found = json.loads(data)
    except UnicodeDecodeError:
        raise ValueError("the report is no UTF-8 text") from None
    except json.JSONDecodeError as fault:
        raise ValueError(f"line {fault.lineno}, column {fault.colno}: {fault.msg}") from None
    except RecursionError:
        raise ValueError("the report nests too deeply") from None
    report = Reading(found, "")
    if report.text("schema") != SCHEMA:
        raise ValueError(f"schema is not {SCHEMA}")
    sessions = {each.number("server_version") or 0: each for each in report.objects("sessions")}
    return Report(
        report.number("highest", none=True),
        # The huge offer is made where it is needed; what it tells is the highest version.
        {each.text("offer"): each.number("answer", none=True) for each in report.objects("offers") if each.texts("libraries")},
        {each.text("library"): each.text("verdict") for each in report.objects("libraries")},
        {version: forms_of(session) for version, session in sessions.items()},
        {version: frozenset(said.text("message") for said in session.objects("start")) for version, session in sessions.items()},
        report.get("account_data", bool) is True,
    )


def forms_of(session: Reading) -> dict[str, Form]:
    """The messages of a session. One that came in both encodings has both."""
    forms: dict[str, Form] = {}
    for each in session.objects("messages"):
        form = Form(each.text("message"), each.text("encoding"), 0, *(each.texts(name) for name in LISTS))
        before = forms.get(form.message)
        if before is not None:
            encoding = " and ".join(sorted({before.encoding, form.encoding}))
            form = Form(form.message, encoding, 0, *(merged(getattr(before, name), getattr(form, name)) for name in LISTS))
        forms[form.message] = form
    return forms


class Reading:
    """An object of a file, read key by key; what is not as it should be raises ValueError with its place."""

    def __init__(self, found: Any, place: str) -> None:
        if not isinstance(found, dict):
            raise ValueError(f"{place or 'the report'} is not an object")
        self._found, self._place = found, place

    def get(self, key: str, kind: type, none: bool = False) -> Any:
        """The value of a key."""
        value = self._found.get(key)
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not fits and not (none and value is None and key in self._found):
            raise ValueError(f"{self._place}{'.' if self._place else ''}{key} is missing, or is not what it should be")
        return value

    def text(self, key: str) -> str:
        """A text."""
        return str(self.get(key, str))

    def number(self, key: str, none: bool = False) -> int | None:
        """A whole number, or None where that is allowed."""
        value: int | None = self.get(key, int, none)
        return value

    def objects(self, key: str) -> list[Reading]:
        """A list of objects."""
        place = f"{self._place}{'.' if self._place else ''}{key}"
        return [Reading(each, f"{place}[{index}]") for index, each in enumerate(self.get(key, list))]

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self.get(key, list)
        if not all(isinstance(each, str) for each in found):
            raise ValueError(f"{self._place}.{key} is not a list of texts")
        return tuple(found)


def compare(a: Report, b: Report) -> Iterator[Difference]:
    """The differences: answers, then what they mean for libraries, then the messages behind each offer."""
    if a.highest is not None and b.highest is not None and a.highest != b.highest:
        yield Difference("changed", "server", None, "highest version", str(a.highest), str(b.highest))
    for offer in merged(tuple(a.answers), tuple(b.answers)):
        yield from of_values(f"offer {offer}", "answer", a.answers, b.answers, offer)
    for library in merged(tuple(a.libraries), tuple(b.libraries)):
        yield from of_values(library, "verdict", a.libraries, b.libraries, library)
    done: set[tuple[int, int]] = set()
    for offer in a.answers:
        one, other = a.answers[offer], b.answers.get(offer)
        if one is None or other is None or one not in a.sessions or other not in b.sessions or (one, other) in done:
            continue
        done.add((one, other))
        yield from of_sessions(offer, a, b, one, other)


def of_values(where: str, what: str, a: Mapping[str, object], b: Mapping[str, object], key: str) -> Iterator[Difference]:
    """The difference of one value of two mappings, if there is one."""
    if a.get(key) != b.get(key) or (key in a) != (key in b):
        one, other = (None if key not in each else str(each[key] if each[key] is not None else "none") for each in (a, b))
        yield Difference("changed" if key in a and key in b else "appeared" if key in b else "vanished", where, None, what, one, other)


def of_sessions(offer: str, a: Report, b: Report, version_a: int, version_b: int) -> Iterator[Difference]:
    """The differences of two sessions, message by message."""
    one, other = a.sessions[version_a], b.sessions[version_b]
    where = f"offer {offer}, {version_a}" if version_a == version_b else f"offer {offer}, {version_a} -> {version_b}"
    names = merged(tuple(one), tuple(other))
    if a.account_data != b.account_data:
        starts = a.starts[version_a] | b.starts[version_b]
        names = tuple(name for name in names if name in starts)
    for name in names:
        if name not in other:
            yield Difference("vanished", where, name, "message", one[name].encoding)
        elif name not in one:
            yield Difference("appeared", where, name, "message", None, other[name].encoding)
        else:
            yield from of_forms(where, one[name], other[name])


def of_forms(where: str, a: Form, b: Form) -> Iterator[Difference]:
    """The differences of one message."""
    if a.encoding != b.encoding:
        yield Difference("changed", where, a.message, "encoding", a.encoding, b.encoding)
    for name, what in zip(LISTS, ("field", "undeclared field", "difference from our declaration"), strict=True):
        if name == "fields" and a.encoding != b.encoding:
            continue
        one, other = getattr(a, name), getattr(b, name)
        for path in merged(one, other):
            if path not in other:
                yield Difference("vanished", where, a.message, what, path)
            elif path not in one:
                yield Difference("appeared", where, a.message, what, None, path)
