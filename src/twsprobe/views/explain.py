"""What the protocol's own words and numbers mean: messages, server versions and error codes, from the declarations, at 80 columns.

They are the facts of docs/protocol.md, which is too long to look one thing up in. A number can be an id in two directions, a server
version and an error code at once; all of them are found.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twsprobe.views.fields import (
    Row,
    effects,
    inner_records,
    protobuf_rows,
    record_rows,
    record_rows_at,
    row_type,
    rows_at,
    sent_words,
    text_rows,
)
from twsprobe.views.line import Line, fitted
from twsprobe.views.probe import WIDTH, wrapped
from twsprobe.views.safe import safe
from twsprobe.wire.codes import Code, Origin, code
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import PROTOBUF, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Record
from twsprobe.wire.versions import ServerVersion

if TYPE_CHECKING:
    from twsprobe.probing.log_lines import Match

RECIPIENTS = {Direction.TO_SERVER: "to TWS", Direction.TO_CLIENT: "to the client"}
IBKR_PREFIX = "min_server_ver_"
"""How IBKR's clients begin the names of gates, in lower case."""
LONGEST_WORD = 60
"""Characters of a word that are compared with those that exist."""
NARROWEST = 32
"""Columns that a meaning needs to stand beside its field."""


class Found(NamedTuple):
    """All that a word names."""

    messages: list[Message]
    gates: list[ServerVersion]
    codes: list[Code]
    lines: Sequence[Match] = ()
    """Lines of a log that are known."""


def find(word: str) -> Found:
    """What a word names: messages and gates by name, whatever its capitals, and by number, error codes by number."""
    if word.isascii() and word.isdigit() and len(word) < 10:
        number = int(word)
        known = code(number)
        messages = [message for direction in RECIPIENTS for message in MESSAGES if (message.direction, message.id) == (direction, number)]
        return Found(messages, [gate for gate in ServerVersion if gate == number], [] if known is None else [known])
    name = word.casefold()
    messages = [message for message in MESSAGES if message.name.casefold() == name]
    return Found(messages, [gate for gate in ServerVersion if gate.name.casefold() == name.removeprefix(IBKR_PREFIX)], [])


def find_in_log(lines: Iterable[str]) -> Found:
    """What is known of the lines of a log or a traceback, and of the error codes in them."""
    from twsprobe.probing.log_lines import read_log

    read = read_log(lines)
    codes = [known for known in map(code, read.codes) if known is not None]
    return Found([], [], codes, read.matches)


def near(word: str) -> list[str]:
    """Names that are like a word, the likest first."""
    names = {name.casefold(): name for name in (*(message.name for message in MESSAGES), *(gate.name for gate in ServerVersion))}
    asked = word[:LONGEST_WORD].casefold().removeprefix(IBKR_PREFIX)
    return [names[name] for name in difflib.get_close_matches(asked, sorted(names), n=4)]


def explanation(found: Found, version: int | None) -> Iterator[Line]:
    """All that was found, each with its heading; messages as they are at a server version, or at all of them."""
    parts = [log_lines(match) for match in found.lines]
    parts += [message_lines(message, version) for message in found.messages]
    parts += [gate_lines(gate) for gate in found.gates]
    parts += [code_lines(known) for known in found.codes]
    for index, lines in enumerate(parts):
        if index:
            yield Line("")
        yield from lines


def log_lines(match: Match) -> Iterator[Line]:
    """A line of a log: what it means, what may be behind it, and what to run next."""
    known = match.known
    times = "" if match.times == 1 else f" and {match.times - 1} more"
    lead = f"line {match.number}{times}"
    yield Line(lead, fitted(f"  {safe(match.text)}", WIDTH - len(lead)), "strong")
    yield from wrapped(known.meaning, 2)
    if known.signatures:
        yield from wrapped(", ".join(signature.value for signature in known.signatures), 12, "  may be")
    yield from wrapped(known.command, 12, "  run next")
    yield from wrapped(known.source, 12, "  source")


def message_lines(message: Message, version: int | None) -> Iterator[Line]:
    """A message: what it means, how it is sent, and its fields."""
    yield Line(message.name, f"  message {message.id}, {RECIPIENTS[message.direction]}", "strong")
    yield from wrapped(message.meaning, 2)
    yield from wrapped(sent_words(message), 2)
    if version is not None:
        if version < message.since:
            yield from wrapped(f"Server version {version} does not have it.", 2)
            return
        yield from table_lines(f"At server version {version}, {message.encoding(version)}:", rows_at(message, version))
        inner = inner_records(message.record) if message.encoding(version) == PROTOBUF else {}
    else:
        rows, others = text_rows(message), protobuf_rows(message)
        inner = inner_records(message.record) if message.protobuf is not None else {}
        if rows and others:
            yield from table_lines("In text:", rows)
            yield from table_lines("In protobuf alone, or with records in it:", others)
        else:
            yield from table_lines("Fields:", rows or others)
    for name, record in inner.items():
        yield from table_lines(f"Record {name}, in protobuf:", record_table(record, version))


def record_table(record: Record, version: int | None) -> list[Row]:
    """The protobuf fields of a record, at a server version or at all."""
    return [row for row in record_rows(record) if row.number] if version is None else record_rows_at(record, version)


def table_lines(caption: str, rows: Sequence[Row]) -> Iterator[Line]:
    """Fields below a caption: place in text, protobuf number, name, type, and beside them or below what they mean."""
    yield Line("")
    if not rows:
        yield Line("", "  No fields.")
        return
    yield Line("", f"  {caption}")
    heads = ("#", "pb", "field", "type", "meaning")
    cells = [(row.place, row.number, row.name, row_type(row)) for row in rows]
    kept = [index for index in range(4) if any(line[index] for line in cells)]
    widths = [max(len(line[index]) for line in (heads, *cells)) + 2 for index in kept]
    fits = WIDTH - 2 - sum(widths) >= NARROWEST
    # The columns in front of the text that is wrapped: all of them, or only the numbers, with name and type in the text's first line.
    leading = len(kept) if fits else len(kept) - 2
    indent = 2 + sum(widths[:leading])
    yield Line(aligned(heads, kept[:leading], widths) + ("meaning" if fits else "field  type"), style="faint")
    for row, line in zip(rows, cells, strict=True):
        meaning, lead = row.meaning + (f" [{'; '.join(row.when)}]" if row.when else ""), aligned(line, kept[:leading], widths)
        if fits:
            yield from wrapped(meaning, indent, lead)
        else:
            yield from wrapped("  ".join(line[2:]), indent, lead)
            yield from wrapped(meaning, indent + 4) if meaning else ()


def aligned(line: Sequence[str], kept: Sequence[int], widths: Sequence[int]) -> str:
    """The cells of a line that are kept, each in its width."""
    return "  " + "".join(f"{line[index]:<{width}}" for index, width in zip(kept, widths, strict=False))


def gate_lines(gate: ServerVersion) -> Iterator[Line]:
    """A server version: what it brought, since which release it is known, and which messages it changed."""
    yield Line(gate.name, f"  server version {int(gate)}", "strong")
    yield from wrapped(gate.change, 2)
    yield from wrapped(f"API release: {gate.api_release}", 2)
    how = {"new": "New", "protobuf": "Protobuf from here on", "fields": "Other fields than before"}
    for kind, messages in effects(gate).items():
        yield from wrapped(f"{how[kind]}: {', '.join(message.name for message in messages)}", 2)


def code_lines(known: Code) -> Iterator[Line]:
    """An error code: how severe, who says it, what it means, and what to conclude."""
    yield Line(f"error code {known.number}", f"  {known.severity.value}, {origin_words(known)}", "strong")
    yield from wrapped(known.meaning, 2)
    yield from wrapped(known.conclusion, 2)


def origin_words(known: Code) -> str:
    """Who makes a code up."""
    return "sent by TWS" if known.origin is Origin.WIRE else "made up by the client, never on the wire"


def objects(found: Found, version: int | None) -> Iterator[dict[str, Any]]:
    """All that was found as JSON objects, which ``kind`` tells apart."""
    for match in found.lines:
        yield {
            "kind": "line",
            "id": match.known.id,
            "line": match.number,
            "times": match.times,
            "text": match.text,
            "meaning": match.known.meaning,
            "signatures": [signature.value for signature in match.known.signatures],
            "command": match.known.command,
            "source": match.known.source,
        }
    for message in found.messages:
        yield message_object(message, version)
    for gate in found.gates:
        changed = {how: [message.name for message in messages] for how, messages in effects(gate).items()}
        yield {
            "kind": "gate",
            "server_version": int(gate),
            "name": gate.name,
            "change": gate.change,
            "api_release": gate.api_release,
            "messages": changed,
        }
    for known in found.codes:
        yield {
            "kind": "code",
            "code": known.number,
            "severity": known.severity.value,
            "origin": known.origin.value,
            "meaning": known.meaning,
            "conclusion": known.conclusion,
        }


def message_object(message: Message, version: int | None) -> dict[str, Any]:
    """A message as a JSON object. ``text`` holds fields, ``protobuf`` names a record: null where, or when, it is not sent so."""
    there = version is None or version >= message.since
    text = message.text is not None and there and (version is None or message.encoding(version) != PROTOBUF)
    protobuf = message.protobuf is not None and there and (version is None or message.encoding(version) == PROTOBUF)
    records = {message.record.type_name: message.record} | inner_records(message.record) if protobuf else {}
    return {
        "kind": "message",
        "name": message.name,
        "id": message.id,
        "direction": message.direction.value,
        "meaning": message.meaning,
        "since": int(message.since),
        "protobuf_since": None if message.protobuf is None else int(message.protobuf),
        "server_version": version,
        "text": [row_object(row) for row in (text_rows(message) if version is None else rows_at(message, version))] if text else None,
        "protobuf": message.record.type_name if protobuf else None,
        "records": {name: [row_object(row) for row in record_table(record, version)] for name, record in records.items()},
    }


def row_object(row: Row) -> dict[str, Any]:
    """A field as a JSON object: ``place`` in text and ``number`` in protobuf where it has them, else null."""
    return {
        "place": row.place or None,
        "number": row.number or None,
        "name": row.name,
        "type": row_type(row),
        "when": list(row.when),
        "meaning": row.meaning,
    }
