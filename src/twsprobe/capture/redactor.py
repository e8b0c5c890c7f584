"""Replaces what says who somebody is, in texts, fields and frames, by pseudonyms of the same length.

What is replaced in a text, in this order, each only where nothing before it was: what looks like an account, mail and IP addresses, what
the field's rule says is a secret, and every secret that was learnt elsewhere; of the last, in fields that hold the protocol's vocabulary,
long names of accounts alone, and what stands behind an account. Whoever reads the result must be able to decode it as before, so each
frame that was changed is decoded again.
"""

from __future__ import annotations

import html
import re
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from twsprobe.capture.model import Note, Opened, Record
from twsprobe.capture.pseudonyms import Pseudonyms
from twsprobe.capture.secret_text import (
    ENTITY,
    NUMBER,
    SHORTEST_ANYWHERE,
    Known,
    Span,
    accounts_in,
    addresses_in,
    known_in,
    parts,
    respelled,
    spelled,
)
from twsprobe.wire.events import Decoded, Greeted, VersionOffered
from twsprobe.wire.registry import BY_ID, decode
from twsprobe.wire.sensitive import Kind, Rule, Text, pieces_within, rule_in, rules_in, string_fields, string_pieces
from twsprobe.wire.text import text_of
from twsprobe.wire.tokens import UnknownField

LIKE_ACCOUNT = re.compile(rb"[UFIufi][0-9]{5}")
ADDRESS_KEYS = frozenset({"address", "client", "host", "hostname", "local_address", "server", "target"})
"""The keys of a capture's header that hold the address or the name of a host."""
OWN_KEYS = frozenset({"format", "program", "created", "redacted", "redacted_kinds"})
"""The keys of a capture's header that the writer of the file sets."""


class CannotPromise(Exception):
    """Something may hold a secret and cannot be made safe: the message says what, ``doubts`` where, neither with the secret."""

    def __init__(self, reason: str, doubts: Sequence[object] = ()) -> None:
        super().__init__(reason)
        self.reason, self.doubts = reason, doubts


class Redactor:
    """Learns secrets and replaces them. ``key``: random unless given; ``keep``: kinds that are left as they are.

    What is to be replaced in text that came before the secret was seen has to be learnt first (``learn`` and the like).
    """

    def __init__(self, key: bytes | None = None, *, keep: Collection[Kind] = ()) -> None:
        self.kinds = frozenset(Kind) - frozenset(keep)
        self.pseudonyms = Pseudonyms(secrets.token_bytes(32) if key is None else key)
        self.accounts: set[str] = set()
        """All accounts that were learnt and have the form of one."""
        self.found: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        self.replaced: Counter[Kind] = Counter()
        """How often a secret of each kind was replaced."""
        self._known = Known()

    def learn(self, text: str, rule: Rule = Text.FREE) -> None:
        """Take note of the secrets in a text that is wholly known to hold what the rule says."""
        text = spelled(text)[0]
        for found in accounts_in(text, self.accounts):
            account = text[found.start : found.end].upper()
            self.accounts.add(account)
            self.pseudonyms.secrets.add(account.lstrip("DUFI"))
        self.pseudonyms.secrets.update(text[found.start : found.end] for found in addresses_in(text))
        for span in parts(text, rule):
            secret = text[span.start : span.end]
            for spelling in {secret, html.unescape(secret)}:
                self._known.add(spelling, span.kind)
            if secret:
                self.pseudonyms.secrets.add(secret)

    def learn_fields(self, event: Decoded) -> None:
        """Take note of the secrets in a decoded message."""

        if not event.anomalies and not string_fields(BY_ID[event.direction, event.id]):
            return

        def note(text: str, rule: Rule) -> str:
            self.learn(text, rule)
            return text

        walk(event.name, event.fields, event.fields, "", note)
        for text in event.extra:
            self.learn(text)

    def learn_greeting(self, event: Greeted) -> None:
        """Take note of the address in a redirect. The time and its zone are no secret, but nothing says that a peer sent those."""
        self.learn(event.redirect, Kind.ADDRESS)
        self.learn(f"{event.time} {event.zone}", Text.HARMLESS)

    def text(self, text: str, rule: Rule = Text.FREE) -> str:
        """The same text with pseudonyms for the secrets in it; as long in characters and bytes."""
        value, spellings = spelled(text)
        replaced = self._value(value, rule)
        if replaced == value:
            return text
        return "".join(respelled(*pair) for pair in zip(value, replaced, spellings, strict=True))

    def fields(self, event: Decoded) -> dict[str, Any]:
        """The fields of a decoded message with pseudonyms for the secrets in them."""
        self.learn_fields(event)
        replaced: dict[str, Any] = walk(event.name, event.fields, event.fields, "", self.text)
        return replaced

    def payload(self, event: Decoded | Greeted | VersionOffered) -> bytes:
        """The bytes of an event with pseudonyms for the secrets in them: as many, and the same when decoded but for those.

        Raises CannotPromise where that cannot be had.
        """
        raw = event.raw
        if isinstance(event, Greeted):
            version, text, end = raw.split(b"\0")
            return b"\0".join((version, self.piece(text, Kind.ADDRESS if event.redirect else Text.HARMLESS), end))
        if isinstance(event, VersionOffered):
            start = raw.index(b"v")
            return raw[:start] + self.piece(raw[start:], Text.FREE)
        if self._is_clean(event):
            return raw
        changed = bytearray(raw)
        for piece in string_pieces(event):
            changed[piece.start : piece.end] = self.piece(raw[piece.start : piece.end], piece.rule)
        if Kind.ACCOUNT in self.kinds and (found := next(known_in(changed.decode("latin-1"), self.accounts), None)):
            raise CannotPromise(f"an account may stand at byte {found.start} of a {event.name}, in no text that can be replaced")
        if changed == raw:
            return raw
        again = decode(bytes(changed), event.direction, event.server_version)
        if not isinstance(again, Decoded) or (again.name, again.anomalies) != (event.name, event.anomalies) or len(changed) != len(raw):
            raise CannotPromise(f"a {event.name} could not be decoded any more with pseudonyms in it")
        return bytes(changed)

    def piece(self, data: bytes, rule: Rule) -> bytes:
        """The bytes of a text field with pseudonyms in them, in the code page that they were in."""
        return bytes_like(data, lambda text: self.text(text, rule))

    def record(self, record: Record) -> Record:
        """A record with pseudonyms in what is not a peer's bytes; a chunk as it is, as its bytes mean nothing alone (see ``redact``)."""
        if isinstance(record, Opened):
            return record._replace(client=self.text(record.client, Kind.ADDRESS), server=self.text(record.server, Kind.ADDRESS))
        return record._replace(text=self.text(record.text)) if isinstance(record, Note) else record

    def learn_record(self, record: Record) -> None:
        """Take note of the secrets in a record that is no chunk."""
        if isinstance(record, Opened):
            self.learn(record.client, Kind.ADDRESS)
            self.learn(record.server, Kind.ADDRESS)
        elif isinstance(record, Note):
            self.learn(record.text)

    def header(self, header: Mapping[str, str]) -> dict[str, str]:
        """What a capture says about itself, with pseudonyms, and without what the writer of a file says anyway."""
        kept = {key: value for key, value in header.items() if key not in OWN_KEYS}
        rules: dict[str, Rule] = {key: Kind.ADDRESS if key in ADDRESS_KEYS else Text.FREE for key in kept}
        for key, value in kept.items():
            self.learn(value, rules[key])
        return {self.text(key): self.text(value, rules[key]) for key, value in kept.items()}

    def _is_clean(self, event: Decoded) -> bool:
        """Whether a glance shows that a message holds no secret; a no means nothing. Most messages of a session are quotes and bars."""
        if event.anomalies:
            return False
        rules = rules_in(BY_ID[event.direction, event.id])
        if not rules:
            return True
        harmless = rules == {Text.HARMLESS} and not self._known.holds(Kind.ACCOUNT)
        return harmless and not LIKE_ACCOUNT.search(event.raw) and b"\\u" not in event.raw

    def _value(self, text: str, rule: Rule) -> str:
        """A text without escapes, with pseudonyms in it, a character for each."""
        written = Writing(self, text)
        for found in accounts_in(text, self.accounts):
            written.put(found, self.pseudonyms.of_account)
        if rule is not Text.HARMLESS:
            for found in addresses_in(text):
                written.put(found, self.pseudonyms.of_address if found.kind is Kind.ADDRESS else self.pseudonyms.of)
        if rule is Text.ADVISOR_XML:
            written.protect(ENTITY)
        for found in parts(text, rule):
            written.cover(found)
        if not NUMBER.fullmatch(text):
            for found in self._known.find(text, lambda span: written.wants(span, rule)):
                written.cover(found)
        return "".join(written.characters)


class Writing:
    """A text being replaced part by part; what was replaced once is left alone."""

    def __init__(self, redactor: Redactor, text: str) -> None:
        self.redactor, self.text = redactor, text
        self.characters = list(text)
        self.done = bytearray(len(text))

    def put(self, span: Span, pseudonym: Callable[[str], str]) -> None:
        """Replace a part as a whole."""
        start, end, kind = span
        if kind not in self.redactor.kinds or any(self.done[start:end]):
            return
        secret = self.text[start:end]
        self.characters[start:end] = pseudonym(secret)
        self.done[start:end] = b"\1" * (end - start)
        if self.text[start:end] != "".join(self.characters[start:end]):
            self.redactor.replaced[kind] += 1
            self.redactor.found[kind].add(secret)

    def cover(self, span: Span) -> None:
        """Replace what of a part is not yet replaced."""
        for run in re.finditer(rb"\0+", self.done[span.start : span.end]):
            start, end = span.start + run.start(), span.start + run.end()
            if any(map(str.isalnum, self.text[start:end])):
                self.put(Span(start, end, span.kind), self.redactor.pseudonyms.of)

    def wants(self, span: Span, rule: Rule) -> bool:
        """Whether a secret that was found, because it is known, is replaced in a field of this rule."""
        if rule is not Text.HARMLESS:
            return span.kind in self.redactor.kinds
        is_account = span.kind is Kind.ACCOUNT and span.end - span.start >= SHORTEST_ANYWHERE
        return is_account or any(self.done[max(span.start - 1, 0) : span.start])

    def protect(self, pattern: re.Pattern[str]) -> None:
        """Leave what a pattern finds alone."""
        for found in pattern.finditer(self.text):
            self.done[found.start() : found.end()] = b"\1" * len(found[0])


def walk(message: str, value: Any, fields: dict[str, Any], path: str, change: Callable[[str, Rule], str]) -> Any:
    """Values with each text in them changed, as told its rule."""
    if isinstance(value, str):
        return change(value, rule_in(message, path, fields))
    if isinstance(value, UnknownField):
        return value if isinstance(value.value, int) else value._replace(value=changed_within(value.value, change))
    if isinstance(value, dict):
        return {name: walk(message, held, fields, f"{path}.{name}" if path else name, change) for name, held in value.items()}
    return [walk(message, held, fields, path, change) for held in value] if isinstance(value, list) else value


def changed_within(data: bytes, change: Callable[[str, Rule], str]) -> bytes:
    """The bytes of a field that no schema has, with each text in them changed."""
    changed = bytearray(data)
    for piece in pieces_within(data):
        changed[piece.start : piece.end] = bytes_like(data[piece.start : piece.end], lambda text: change(text, Text.FREE))
    return bytes(changed)


def bytes_like(data: bytes, change: Callable[[str], str]) -> bytes:
    """The bytes of a text that was changed, in the code page that they were in."""
    text = text_of(data)
    replaced = change(text)
    if replaced == text:
        return data
    try:
        data.decode("utf-8")
        return replaced.encode("utf-8")
    except UnicodeDecodeError:
        # Latin-1 that would read as UTF-8 now says something else: plain letters cannot.
        if text_of(replaced.encode("latin-1")) != replaced:
            replaced = "".join(new if new == old or new.isascii() else "x" for old, new in zip(text, replaced, strict=True))
        return replaced.encode("latin-1")
