r"""Finds secrets in text: by their form, by where the text stands, and because they are known from elsewhere.

By its form: what looks like an account, a mail address or an IP address. By the rule of the field that the text is: all of it, the parts
of a list, or what stands between the tags of a financial advisor's XML. Known: a secret that was learnt is found again in any text; one
that is also a word ("LMT" as an order's reference) would take that word out of every message, so those of three to five characters are
found as whole words only, and shorter ones not at all.

A text is looked at as the characters that it says, ``\uXXXX`` read: TWS writes the same name plainly in one field and escaped in the next.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from twsprobe.capture.pseudonyms import ACCOUNT, LONGEST, SHORTEST
from twsprobe.wire.fields import ESCAPE, escaped
from twsprobe.wire.sensitive import VOCABULARY, Kind, Rule, Text

SHORTEST_WORD, SHORTEST_ANYWHERE = 3, 6
"""Characters of a secret that is looked for as a word of its own, and inside of other words."""

MAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")
IPV4 = re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)", re.ASCII)
IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]*:[0-9A-Fa-f.]*:)[0-9A-Fa-f:.]++(?!\w)", re.ASCII)
PORT = re.compile(r"\[(.*)\](?::\d{1,5})?|([^:]*)(?::\d{1,5})?|(.*)", re.DOTALL)
NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?%?")
ACCOUNT_AND_MORE = re.compile(r"D?[UFI][0-9]{5,9}(?![0-9])(.*)", re.ASCII | re.DOTALL)
PARTS, WORDS = re.compile(r"[^,;/]+"), re.compile(r"[^,;\s]+")
MARKUP = re.compile(r"<!\[CDATA\[(?P<data>.*?)\]\]>|<!--(?P<comment>.*?)-->|<[?/]?\s*(?P<name>[\w:.-]*)(?P<attributes>[^<>]*)>", re.DOTALL)
ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
SEPARATORS = " \t\r\n\0"

ACCOUNT_ELEMENTS = frozenset({"account", "acct", "String"})
PLAIN_ELEMENTS = frozenset({"defaultMethod", "method", "type", "amount", "ratio"})
PLAIN_ATTRIBUTES = frozenset({"varName", "version", "encoding"})
LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


class Span(NamedTuple):
    """A part of a text that is a secret."""

    start: int
    end: int
    kind: Kind


class Known:
    """Secrets that were learnt, to be found again in any text."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._by_beginning: dict[str, list[str]] = {}

    def add(self, secret: str, kind: Kind) -> None:
        """Learn a secret. The first kind it is learnt as stays."""
        if secret in self._kinds or len(secret) < SHORTEST_WORD or not any(map(str.isalnum, secret)):
            return
        self._kinds[secret] = kind
        found = self._by_beginning.setdefault(secret[:SHORTEST_WORD], [])
        found.append(secret)
        found.sort(key=len, reverse=True)

    def holds(self, kind: Kind) -> bool:
        """Whether any secret of a kind was learnt."""
        return kind in self._kinds.values()

    def find(self, text: str, wanted: Callable[[Span], bool]) -> Iterator[Span]:
        """Every secret in a text that is wanted, the longest of those at each place."""
        end = 0
        for at in range(len(text) - SHORTEST_WORD + 1 if self._kinds else 0):
            for secret in self._by_beginning.get(text[at : at + SHORTEST_WORD], ()):
                if at >= end and text.startswith(secret, at) and stands_alone(text, at, secret):
                    span = Span(at, at + len(secret), self._kinds[secret])
                    if wanted(span):
                        end = span.end
                        yield span


def stands_alone(text: str, at: int, secret: str) -> bool:
    """Whether what was found is the secret, not a part of a longer word or number."""
    around = text[max(at - 1, 0) : at] + text[at + len(secret) : at + len(secret) + 1]
    if NUMBER.fullmatch(secret):
        return not any(character.isdigit() or character == "." for character in around)
    return len(secret) >= SHORTEST_ANYWHERE or not any(map(str.isalnum, around))


def spelled(text: str) -> tuple[str, list[str]]:
    r"""The characters that a text says, ``\uXXXX`` read, and how each of them is written."""
    if "\\u" not in text:
        return text, list(text)
    characters, spellings, end = "", [], 0
    for found in ESCAPE.finditer(text):
        between = text[end : found.start()]
        characters += between + bytes.fromhex(found[3] or found[1] + found[2]).decode("utf-16-be")
        spellings += [*between, found[0]]
        end = found.end()
    return characters + text[end:], spellings + list(text[end:])


def respelled(before: str, after: str, spelling: str) -> str:
    """A character written as the one in its place was."""
    return spelling if before == after else after if spelling == before else escaped(after)


def accounts_in(text: str, known: Collection[str]) -> Iterator[Span]:
    """What looks like an account: in capitals at the start of a word, anywhere and in any case where it is a known one."""
    for found in ACCOUNT.finditer(text):
        before = text[found.start() - 1 : found.start()]
        if len(found[1]) <= LONGEST and found[0].isupper() and not (before.isascii() and (before.isdigit() or before.isupper())):
            yield Span(found.start(), found.end(), Kind.ACCOUNT)
        elif size := known_size(found, known):
            yield Span(found.start(), found.start(1) + size, Kind.ACCOUNT)


def known_in(text: str, known: Collection[str]) -> Iterator[Span]:
    """Known accounts, wherever they stand."""
    for found in ACCOUNT.finditer(text):
        if size := known_size(found, known):
            yield Span(found.start(), found.start(1) + size, Kind.ACCOUNT)


def known_size(found: re.Match[str], known: Collection[str]) -> int:
    """How many of the digits belong to a known account, 0 for none."""
    letters, digits = found[0][: -len(found[1])].upper(), found[1]
    for size in range(min(LONGEST, len(digits)), SHORTEST - 1, -1):
        if letters + digits[:size] in known or letters[-1] + digits[:size] in known:
            return size
    return 0


def addresses_in(text: str) -> Iterator[Span]:
    """Mail addresses, and IP addresses of either family; an IPv4 address may be the end of an IPv6 address that came before it."""
    if "@" in text:
        yield from (Span(*found.span(), Kind.USER) for found in MAIL.finditer(text))
    if text.count(":") > 1:
        for found in IPV6.finditer(text):
            address = found[0] if found[0].endswith("::") else found[0].rstrip(":.")
            if is_address(address):
                yield Span(found.start(), found.start() + len(address), Kind.ADDRESS)
    if text.count(".") > 2:
        yield from (Span(*found.span(), Kind.ADDRESS) for found in IPV4.finditer(text) if is_address(found[0]))


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parts(text: str, rule: Rule) -> Iterator[Span]:
    """The secrets that stand in a text because of where the text stands."""
    if rule in (Kind.ACCOUNT, Text.ALLOCATION):
        yield from account_parts(text, rule)
    elif rule is Text.ADVISOR_XML:
        yield from advisor_parts(text)
    elif rule is Kind.ADDRESS:
        for word in WORDS.finditer(text):
            host = PORT.fullmatch(word[0])
            assert host is not None
            start, end = (word.start() + place for place in host.span(host.lastindex or 0))
            if text[start:end].lower() not in LOOPBACK_NAMES and not is_address(text[start:end]):
                yield Span(start, end, Kind.ADDRESS)
    elif isinstance(rule, Kind) and text.strip(SEPARATORS) not in VOCABULARY:
        yield stripped(text, 0, len(text), rule)


def account_parts(text: str, rule: Rule) -> Iterator[Span]:
    """Accounts that do not look like one, and what stands behind one that does: a model or an alias."""
    for part in PARTS.finditer(text):
        start, end, _ = stripped(text, part.start(), part.end(), Kind.ACCOUNT)
        held = text[start:end]
        more = ACCOUNT_AND_MORE.fullmatch(held)
        if more is not None:
            # A single letter tells the master account of a family from its members, and nothing else.
            if sum(map(str.isalnum, more[1])) > 1:
                yield Span(start + more.start(1), end, Kind.ADVISOR)
        elif held not in VOCABULARY and not (rule is Text.ALLOCATION and NUMBER.fullmatch(held)):
            yield Span(start, end, Kind.ACCOUNT)


def stripped(text: str, start: int, end: int, kind: Kind) -> Span:
    """A part of a text without what surrounds it."""
    held = text[start:end]
    start += len(held) - len(held.lstrip(SEPARATORS))
    return Span(start, start + len(held.strip(SEPARATORS)), kind)


def advisor_parts(text: str) -> Iterator[Span]:
    """What a financial advisor wrote in XML: all between the tags, and attributes, but for methods and numbers."""
    element, end = "", 0
    for tag in MARKUP.finditer(text):
        yield from element_part(text, end, tag.start(), element)
        element, end = tag["name"] or "", tag.end()
        for name in ("data", "comment"):
            if tag[name] is not None:
                yield from element_part(text, *tag.span(name), "")
        for attribute in ATTRIBUTE.finditer(text, *tag.span("attributes")) if tag["attributes"] else ():
            if attribute[1] not in PLAIN_ATTRIBUTES:
                yield from element_part(text, *attribute.span(2 if attribute[2] is not None else 3), "")
    yield from element_part(text, end, len(text), element)


def element_part(text: str, start: int, end: int, element: str) -> Iterator[Span]:
    """What stands in an element, where that can be a secret."""
    part = stripped(text, start, end, Kind.ACCOUNT if element in ACCOUNT_ELEMENTS else Kind.ADVISOR)
    if part.end > part.start and element not in PLAIN_ELEMENTS:
        yield part
