"""A probe's report without who its user is, so that it can be given to others.

The report is plain data, and every text in it is one of three things. Some are words of a closed list, such as a stage: they stay. Some
hold an address or an account alone. All the rest are sentences, ours or a peer's, in which a secret may stand; they are searched for the
form of one, and for each that is known from the conversation. A key that is not listed here holds a sentence, so that what is added to
the report later is searched too. Bytes that were not understood may hold anything, and are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from twsprobe.capture.model import Note, Record
from twsprobe.capture.redact import Survey, redacted
from twsprobe.capture.redactor import CannotPromise, Redactor
from twsprobe.wire.framing import Direction
from twsprobe.wire.sensitive import Kind, Rule, Text

_WORDS = """
    schema stage signature layer id confidence side outcome closed family service retry missing name request end setting verdict source
    raises lowers proves excludes"""
WORDS = frozenset(_WORDS.split())
"""Keys that hold words of a closed list, and references to public sources."""
RULES: Mapping[str, Rule] = {
    "target": Kind.ADDRESS,
    "address": Kind.ADDRESS,
    "local_address": Kind.ADDRESS,
    "redirect": Kind.ADDRESS,
    "accounts": Kind.ACCOUNT,
}
UNKNOWN_BYTES = frozenset({"received"})
"""Keys that hold bytes that were not understood, in hexadecimal."""
PATHS = frozenset({"capture"})
"""Keys that hold the path of a file, of which only the file's name stays."""
USUAL_NAMES = frozenset({"localhost", "gateway", "ibgateway", "ib-gateway", "ib_gateway", "tws", "ibkr", "host.docker.internal"})
"""Names of hosts that container images and their users give to a TWS: they say nothing of anybody, and are words of our sentences."""
PERSONAL_FOLDER = re.compile(r"((?:/home/|/Users/|[A-Za-z]:\\Users\\)(?!ibgateway\b))[^/\\\s]+")


def learn(report: Mapping[str, Any], redactor: Redactor) -> None:
    """Take note of the secrets that a report, the object of ``ProbeReport.to_dict``, names in places of their own."""

    def note(value: str, rule: Rule) -> str:
        if host_of(value) not in USUAL_NAMES or rule is not Kind.ADDRESS:
            redactor.learn(value, rule)
        return value

    walk(report, "", note)


def shareable(report: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The same report with pseudonyms for every secret that ``redactor`` knows, or whose form it knows; ``learn`` came before."""

    def change(value: str, rule: Rule) -> str:
        if rule is Kind.ADDRESS and host_of(value) in USUAL_NAMES:
            return value
        return redactor.text(PERSONAL_FOLDER.sub(r"\1...", value.replace(*home())), rule)

    found: dict[str, Any] = walk(report, "", change)
    return found


def walk(value: Any, key: str, change: Callable[[str, Rule], str]) -> Any:
    """A value of the report with each text in it changed, as told its rule; ``key`` is the nearest one above it."""
    if isinstance(value, Mapping):
        return {name: walk(held, name, change) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [walk(held, key, change) for held in value]
    if not isinstance(value, str) or key in WORDS:
        return value
    if key in UNKNOWN_BYTES:
        return ""
    if key in PATHS:
        return PureWindowsPath(PurePosixPath(value).name).name
    return change(value, RULES.get(key, Text.FREE))


def host_of(target: str) -> str:
    """The host of ``HOST:PORT`` in lower case."""
    return target.rpartition(":")[0].strip("[]").lower() or target.lower()


def home() -> tuple[str, str]:
    """This user's home folder, and how it is shown; where there is none, a text that nothing holds."""
    found = os.path.expanduser("~")  # noqa: PTH111  # Path.home raises where a user has none
    return (found, "~") if len(found) > 1 else ("\0", "\0")


def shared(report: Mapping[str, Any], records: Sequence[Record], redactor: Redactor) -> tuple[dict[str, Any], list[Record]]:
    """A report and the records of its conversation with pseudonyms in both, the same for the same secret.

    What cannot be decoded is left out of the records, with a note in its place. A message that cannot be made safe ends them.
    """
    survey = Survey(redactor)
    survey.read(records)
    learn(report, redactor)
    found: list[Record] = []
    try:
        found.extend(redacted(records, redactor, survey.doubts))
    except CannotPromise as fault:
        last = records[-1]
        found.append(Note(last.connection, Direction.TO_CLIENT, last.time_ns, f"redacted: the rest is left out: {fault.reason}"))
    return shareable(report, redactor), found
