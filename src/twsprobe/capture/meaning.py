"""What values mean, whichever encoding and spelling they came in, so that equal meanings compare equal.

Numbers compare by value, whatever their type: 1, 1.0 and the decimal 1.00. An unset field, an absent one, and an empty text, list or
record are the same, for text cannot tell them apart. Where two messages come in different encodings, False and 0 count as absent too,
because text has to write something where protobuf leaves a field out, and clients take an absent field for just that; and a text that is
a number compares with the number. The known doubt: a server that leaves out a 0 in one encoding and means "not given" is not found out
across encodings.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

from twsprobe.capture.alignment import aligned
from twsprobe.wire.tokens import UnknownField

NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)
EXACT_INTEGER = 2**53
"""Up to here every whole number is a double."""
_ZERO = "0"

Skips = Callable[[str], bool]
"""Says by its path, without indices, whether a field is left out."""


class FieldChange(NamedTuple):
    """How a field differs: ``what`` is "appeared", "vanished", "changed" or, of an element of a list, "moved", from index to index."""

    what: str
    path: str
    old: Any
    new: Any


@functools.lru_cache(1 << 14, typed=True)
def number(value: float | Decimal) -> str:
    """A number as a text that is the same for equal numbers."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        if value.is_integer() and abs(value) <= EXACT_INTEGER:
            return str(int(value))
        value = Decimal(repr(value))
    elif isinstance(value, int):
        if abs(value) <= EXACT_INTEGER:
            return str(value)
        value = Decimal(value)
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return str(value)
    written = "".join(map(str, digits)).lstrip("0")
    exponent += len(written) - len(written.rstrip("0"))
    written = written.rstrip("0") or _ZERO
    if written == _ZERO:
        return _ZERO
    if 0 <= exponent <= 16 and len(written) + exponent <= 16:  # as whole numbers above are written
        written, exponent = written + "0" * exponent, 0
    return f"{'-' if sign else ''}{written}{f'e{exponent}' if exponent else ''}"


def meaning(value: Any, loose: bool, path: str, skips: Skips) -> Any:
    """A value as texts and tuples that are equal where it means the same; None where it is as good as absent.

    ``loose`` is for messages in different encodings. A text carries a mark in front, so that no text is a number.
    """
    if isinstance(value, str):
        if loose and NUMBER.fullmatch(value):
            shown = number(Decimal(value))
            return None if shown == _ZERO else shown
        return f"'{value}" if value else None
    if value is None:
        return None
    if isinstance(value, bool):
        return None if loose and not value else ("no", "yes")[value]
    if isinstance(value, (int, float, Decimal)):
        shown = number(value)
        return None if loose and shown == _ZERO else shown
    if isinstance(value, dict):
        return record_meaning(value, loose, path, skips)
    if isinstance(value, list):
        return tuple(meaning(element, loose, path, skips) for element in value) or None
    if isinstance(value, UnknownField):
        return f"#{value.wire_type}:{value.value.hex() if isinstance(value.value, bytes) else value.value}"
    return f"'{value}"


def record_meaning(fields: dict[str, Any], loose: bool, path: str, skips: Skips) -> Any:
    """What a record means, without the fields that are left out."""
    found = []
    for name, value in fields.items():
        here = f"{path}.{name}" if path else name
        if value is None or skips(here):
            continue
        shown = meaning(value, loose, here, skips)
        if shown is not None:
            found.append((name, shown))
    found.sort()
    return tuple(found) or None


def digest(*parts: Any) -> int:
    """64 bits of a meaning; two different ones share them by chance once in 2**32 messages that are held against each other."""
    return int.from_bytes(blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def field_changes(old: Any, new: Any, loose: bool, skips: Skips, path: str = "", plain: str = "") -> Iterator[FieldChange]:
    """How two values differ, field by field; ``path`` has indices, those of the old value where it has the element, ``plain`` has none."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            here = f"{plain}.{name}" if plain else name
            if not skips(here):
                yield from field_changes(old.get(name), new.get(name), loose, skips, f"{path}.{name}" if path else name, here)
        return
    if isinstance(old, list) and isinstance(new, list):
        yield from list_changes(old, new, loose, skips, path, plain)
        return
    before, after = meaning(old, loose, plain, skips), meaning(new, loose, plain, skips)
    if before == after:
        return
    if before is None or after is None:
        yield FieldChange("appeared" if before is None else "vanished", path, old, new)
    else:
        yield FieldChange("changed", path, old, new)


def list_changes(old: list[Any], new: list[Any], loose: bool, skips: Skips, path: str, plain: str) -> Iterator[FieldChange]:
    """How two lists differ, element by element."""
    keys, other_keys = ([repr(meaning(element, loose, plain, skips)) for element in elements] for elements in (old, new))
    found = aligned(keys, other_keys, [""] * len(old), [""] * len(new))
    for row, column in found.moved:
        yield FieldChange("moved", f"{path}[{row}]", row, column)
    for row, column in found.changed:
        yield from field_changes(old[row], new[column], loose, skips, f"{path}[{row}]", plain)
    for row in found.only_one:
        yield FieldChange("vanished", f"{path}[{row}]", old[row], None)
    for column in found.only_other:
        yield FieldChange("appeared", f"{path}[{column}]", None, new[column])
