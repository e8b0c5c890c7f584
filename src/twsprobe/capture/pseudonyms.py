"""Pseudonyms: for a secret, made-up text of the same form, which nobody without the key can turn back.

A pseudonym is drawn from a keyed hash of the secret, so the same secret gets the same one wherever it stands, and with the same key in
another capture too. Digits become digits, letters letters of the same case, characters beyond ASCII characters of as many bytes; all else
stays, so the length in bytes is the same in Latin-1, in UTF-8 and as escapes. An account keeps its letters (``DU`` says that it is
on paper) and only its digits change. A pseudonym is never what it stands for; nor is it, as far as there is room, another secret, or
another secret's pseudonym. That is settled by drawing again, so two captures made with one key may differ in such a case.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Iterator

ACCOUNT = re.compile(r"D?[UFI]([0-9]{5,})", re.IGNORECASE | re.ASCII)
"""What looks like an account: ``U``, ``F`` or ``I``, behind a ``D`` on paper, and 5 to 9 digits."""
SHORTEST, LONGEST = 5, 9
"""Digits of an account."""
DRAWS = 200
"""How often a pseudonym is drawn before a clash with another is taken."""

_UPPER, _LOWER, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
_ACCENTED = "".join(map(chr, range(0xE0, 0xF7)))
_EXTENDED = "".join(map(chr, range(0x100, 0x180)))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Draw:
    """Keyed random numbers for one secret: the same key, secret and attempt give the same."""

    def __init__(self, key: bytes, secret: str, attempt: int) -> None:
        self._seed = f"{attempt}\0{secret}".encode("utf-8", "surrogatepass")
        self._numbers = self._words(key)

    def _words(self, key: bytes) -> Iterator[int]:
        block = 0
        while True:
            digest = hmac.digest(key, block.to_bytes(4) + self._seed, hashlib.sha256)
            yield from (int.from_bytes(digest[start : start + 4]) for start in range(0, len(digest), 4))
            block += 1

    def below(self, limit: int) -> int:
        """A number from 0 up to ``limit``."""
        return next(self._numbers) % limit

    def one_of(self, choices: str) -> str:
        """A character."""
        return choices[self.below(len(choices))]


def like(character: str, draw: Draw) -> str:
    """A character of the same kind, of as many bytes; itself where it is neither a letter nor a digit."""
    if character.isascii():
        alphabet = next((alphabet for alphabet in (_UPPER, _LOWER, _DIGITS) if character in alphabet), character)
        return draw.one_of(alphabet)
    if not character.isalnum():
        return character
    code = ord(character)
    if code < 0x800:
        return draw.one_of(_ACCENTED if code < 0x100 else _EXTENDED)
    return chr(0x4E00 + draw.below(0x5000)) if code < 0x10000 else chr(0x20000 + draw.below(0xA000))


class Pseudonyms:
    """The pseudonyms of one share. ``key`` are bytes that nobody can guess."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._given: dict[str, str] = {}
        self._used: set[str] = set()
        self.secrets: set[str] = set()
        """What no pseudonym may be, nor contain where it is the digits of an account."""

    def of(self, secret: str) -> str:
        """The pseudonym of a text; the text itself where it has neither letters nor digits."""
        if not any(map(str.isalnum, secret)):
            return secret
        return self._drawn(secret, lambda draw: "".join(like(character, draw) for character in secret))

    def of_account(self, account: str) -> str:
        """The pseudonym of what ``ACCOUNT`` matches: its letters, and other digits, the same for the same digits."""
        digits = account.lstrip("DUFIdufi")
        return account[: -len(digits)] + self.of(digits)

    def of_address(self, address: str) -> str:
        """The pseudonym of an IP address, of its family; itself for loopback and "any". Raises ValueError for what is none."""
        parsed = ipaddress.ip_address(address)
        if parsed.is_loopback or parsed.is_unspecified or is_loopback_inside(parsed):
            return address
        return self._drawn(address, lambda draw: address_like(address, draw))

    def _drawn(self, secret: str, make: Callable[[Draw], str]) -> str:
        if secret in self._given:
            return self._given[secret]
        chosen = secret
        for attempt in range(DRAWS):
            candidate = make(Draw(self._key, secret, attempt))
            if candidate != secret:
                chosen = candidate
            if self._is_fresh(candidate, secret):
                break
        self._given[secret] = chosen
        self._used.add(chosen)
        return chosen

    def _is_fresh(self, candidate: str, secret: str) -> bool:
        if candidate == secret or candidate in self._used or candidate in self.secrets:
            return False
        return not any(digits[:size] in self.secrets for digits in runs(candidate) for size in range(SHORTEST, LONGEST + 1))


def runs(candidate: str) -> list[str]:
    """The digits of a pseudonym that could be read as an account's."""
    return [candidate] if candidate.isdigit() else [found[1] for found in ACCOUNT.finditer(candidate)]


def is_loopback_inside(address: Address) -> bool:
    """Whether an IPv6 address is an IPv4 loopback address in disguise."""
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None and address.ipv4_mapped.is_loopback


def address_like(address: str, draw: Draw) -> str:
    """An address of the same family, spelled with as many characters in the same places."""
    if ":" not in address:
        return ".".join(octet_like(octet, index == 0, draw) for index, octet in enumerate(address.split(".")))
    address, percent, zone = address.partition("%")
    groups = address.split(":")
    tail = [address_like(groups.pop(), draw)] if "." in groups[-1] else []
    mapped = bool(tail) and address.lower().startswith("::ffff:")
    groups = [group if mapped else group_like(group, draw) for group in groups]
    return ":".join(groups + tail) + percent + "".join(like(character, draw) for character in zone)


def octet_like(octet: str, is_first: bool, draw: Draw) -> str:
    """A number of as many digits that an IPv4 address may hold there; the first one is no loopback's and no group's."""
    low, high = {1: (1 if is_first else 0, 9), 2: (10, 99), 3: (100, 223 if is_first else 255)}[len(octet)]
    number = low + draw.below(high - low + 1)
    return str(126 if is_first and number == 127 else number)


def group_like(group: str, draw: Draw) -> str:
    """As many hexadecimal digits, the first of them no zero; a zero stays, as zeros are what ``::`` stands for."""
    if not group.strip("0"):
        return group
    alphabet = "0123456789ABCDEF" if group != group.lower() else "0123456789abcdef"
    return draw.one_of(alphabet[1:]) + "".join(draw.one_of(alphabet) for _ in group[1:])
