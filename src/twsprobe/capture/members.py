"""Records and headers as flat objects of texts and whole numbers: the lines of a JSON Lines capture, the comments of a pcapng one.

``capture.jsonl`` says what the members mean. Reading has to bear anything, so the text of an object is held against the flat shape before
it is parsed: a general JSON parser can be made to recurse, to overflow and to make gigabytes from megabytes. A member that is not known is
refused, for a misspelt key in a hand-made file must not pass in silence.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from twsprobe.capture.model import Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.wire.framing import Direction

FORMAT = "twsprobe.capture/1"
MAX_HEADER = 64 << 10
"""Longest header, in bytes of JSON."""
MAX_NUMBER = (1 << 63) - 1
"""Largest connection number, size of a gap, and time in nanoseconds since the epoch."""
MAX_TEXT = 64 << 10
"""Longest text of a record, in characters."""
MAX_CHUNK = 1 << 20
"""A chunk of more bytes is written as several: a line has six characters a byte at worst."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)

# Possessive throughout, so that time and memory stay linear in a hostile text.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_MEMBER = rb"\s*+" + _TEXT + rb"\s*+:\s*+(?:" + _TEXT + rb"|-?[0-9]{1,19}+)\s*+"
_FLAT_OBJECT = re.compile(rb"\s*+\{" + _MEMBER + rb"(?:," + _MEMBER + rb"){0,63}+\}\s*+")

_DIRECTIONS = {"server": Direction.TO_SERVER, "client": Direction.TO_CLIENT}
_RECEIVERS = {direction: receiver for receiver, direction in _DIRECTIONS.items()}
_CLOSES = {close.value: close for close in Close}

Members = dict[str, str | int]
Choice = TypeVar("Choice")


def shown(members: Mapping[str, str | int]) -> bytes:
    """The object as one line of printable ASCII, without the line feed."""
    return json.dumps(members).encode("ascii")


def new_header(metadata: Mapping[str, str] | None, program: str, created_ns: int) -> tuple[Members, int]:
    """The members of a new capture's header, and the time from which its lines count, in nanoseconds since the epoch.

    Raises ValueError if ``metadata`` set what the header says itself.
    """
    created = created_ns // 1000
    text = (_EPOCH + created * _MICROSECOND).isoformat(timespec="microseconds").replace("+00:00", "Z")
    header = {"format": FORMAT, "program": program, "created": text}
    if metadata and not header.keys().isdisjoint(metadata):
        raise ValueError(f"metadata may not set {', '.join(header)}")
    return {key: _encodable(value) for key, value in {**header, **(metadata or {})}.items()}, created * 1000


def members_of(record: Record) -> Members:
    """What a record's line says but for its time and its bytes.

    Raises ValueError for what could not be read again: a number outside 0 to ``MAX_NUMBER``, a gap of no bytes, a text that is too long.
    """
    if not (0 <= record.time_ns <= MAX_NUMBER and 0 <= record.connection <= MAX_NUMBER):
        raise ValueError(f"out of range: {record.connection=} {record.time_ns=}")
    members: Members = {"c": record.connection}
    match record:
        case Chunk():
            members["to"] = _RECEIVERS[record.direction]
        case Opened():
            members |= {"event": "opened", "client": _kept(record.client), "server": _kept(record.server)}
        case Closed():
            members |= {"event": "closed", "to": _RECEIVERS[record.direction], "how": record.how.value}
        case Gap():
            members |= {"event": "gap", "to": _RECEIVERS[record.direction]}
            if record.size is not None:
                if not 1 <= record.size <= MAX_NUMBER:
                    raise ValueError(f"out of range: {record.size=}")
                members["size"] = record.size
        case Note():
            members |= {"event": "note", "to": _RECEIVERS[record.direction], "text": _kept(record.text)}
    return members


def _kept(text: str) -> str:
    encodable = _encodable(text)
    if len(encodable) > MAX_TEXT:
        raise ValueError(f"out of range: a text of {len(encodable)} characters")
    return encodable


def direction_of(members: Members) -> Direction:
    """The direction that "to" names. Raises ValueError if it names none."""
    return _choice(members, "to", _DIRECTIONS)


def members_in(line: bytes) -> Members:
    """The keys and values of an object, as text. Raises ValueError that says what the text is instead."""
    if not line.isascii():
        raise ValueError("has a byte that is not ASCII")
    if not _FLAT_OBJECT.fullmatch(line):
        raise ValueError("is not a flat JSON object of texts and whole numbers")
    try:
        pairs: list[tuple[str, str | int]] = json.loads(line, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON at its byte {error.pos}: {error.msg}") from None
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("has a key twice")
    return members


def header_of(members: Members) -> tuple[dict[str, str], int]:
    """The header, and the nanoseconds since the epoch that its times count from."""
    if not str(members.get("format", "")).startswith("twsprobe.capture/"):
        raise ValueError(f'has no "format": "{FORMAT}"')
    if members["format"] != FORMAT:
        raise ValueError(f"has a format other than {FORMAT}: a newer twsprobe may read it")
    header = {key: _text(members, key) for key in members}
    if any(not _is_encodable(key) for key in header):
        raise ValueError("has a key with half a surrogate pair")
    text = _text(members, "created")
    if not _CREATED.fullmatch(text):
        raise ValueError('has a "created" that is not like 2024-05-01T12:00:00.000000Z')
    try:
        created = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('has a "created" that is no time') from None
    return header, (created - _EPOCH) // _MICROSECOND * 1000


def record_of(members: Members, start_ns: int) -> Record:
    """The record that an object holds, whose times count from ``start_ns``. Raises ValueError that says what is wrong with it."""
    time_ns = _number(members, "t") + start_ns
    connection = _number(members, "c")
    if not 0 <= time_ns <= MAX_NUMBER:
        raise ValueError("is at a time before 1970 or after 2262")
    if not 0 <= connection <= MAX_NUMBER:
        raise ValueError('has a "c" that is out of range')
    record: Record
    if "data" in members:
        expected = 4
        try:
            data = _text(members, "data").encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError('has a character above U+00FF in "data"') from None
        record = Chunk(connection, _choice(members, "to", _DIRECTIONS), time_ns, data)
    elif members.get("event") == "opened":
        expected = 5
        record = Opened(connection, time_ns, _short_text(members, "client"), _short_text(members, "server"))
    elif members.get("event") == "closed":
        expected = 5
        record = Closed(connection, time_ns, _choice(members, "to", _DIRECTIONS), _choice(members, "how", _CLOSES))
    elif members.get("event") == "gap":
        expected = 5 if "size" in members else 4
        size = _number(members, "size") if "size" in members else None
        if size is not None and not 1 <= size <= MAX_NUMBER:
            raise ValueError('has a "size" that is out of range')
        record = Gap(connection, _choice(members, "to", _DIRECTIONS), time_ns, size)
    elif members.get("event") == "note":
        expected = 5
        record = Note(connection, _choice(members, "to", _DIRECTIONS), time_ns, _short_text(members, "text"))
    else:
        raise ValueError('has no "data", and no "event" that is "opened", "closed", "gap" or "note"')
    if len(members) != expected:
        raise ValueError("has a key that does not belong there")
    return record


def _number(members: Members, key: str) -> int:
    value = members.get(key)
    if not isinstance(value, int):
        raise ValueError(f'has no whole number "{key}"')
    return value


def _text(members: Members, key: str) -> str:
    value = members.get(key)
    if not isinstance(value, str):
        raise ValueError(f"has no text {key[:40]!a}")
    if not _is_encodable(value):
        raise ValueError(f"has half a surrogate pair in {key[:40]!a}")
    return value


def _short_text(members: Members, key: str) -> str:
    text = _text(members, key)
    if len(text) > MAX_TEXT:
        raise ValueError(f"has a text of more than {MAX_TEXT} characters in {key!a}")
    return text


def _choice(members: Members, key: str, choices: Mapping[str, Choice]) -> Choice:
    choice = choices.get(_text(members, key))
    if choice is None:
        raise ValueError(f'has a "{key}" that is none of {", ".join(choices)}')
    return choice


def _encodable(text: str) -> str:
    # An argument or a host name that was not UTF-8 arrives with lone surrogates, which no reader of JSON has to accept.
    return text.encode("utf-8", "backslashreplace").decode()


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
