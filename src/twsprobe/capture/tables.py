"""What is seen in captures as the rows of a flat table: which columns it has, of which kinds, and how a value stands in JSON.

A row is a plain tuple, a value for each column, None where there is none. JSON has no whole numbers beyond 2**53 that every reader keeps,
no decimals and no infinities: these are text there.
"""

from __future__ import annotations

import decimal
import enum
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from twsprobe.capture.model import CaptureError

EXACT = (1 << 53) - 1
"""The largest whole number that every reader of JSON keeps as it is."""
LONG_NUMBER = re.compile(r"[0-9]{16}")
"""What a text has that holds a number beyond ``EXACT``."""
DECIMAL_DIGITS, DECIMAL_PLACES = 38, 16
"""The digits of a decimal in a table, and how many of them are behind the point."""
LAST_NS = (1 << 63) - 1
"""The last time that has a place in a table, in the year 2262."""
MOST_ROWS, MOST_BYTES = 1 << 12, 1 << 20
"""Rows that are held together as Python's objects, and bytes of the messages in them."""

Row = tuple[Any, ...]


class Kind(enum.Enum):
    """What a column holds."""

    INTEGER = "whole numbers of 64 bits"
    DOUBLE = "floating-point numbers"
    DECIMAL = "exact decimal numbers"
    BOOLEAN = "true or false"
    TEXT = "text"
    JSON = "JSON"
    BYTES = "bytes"


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind


class Table(NamedTuple):
    """A table: its name and its columns, of which the first is ``capture``."""

    name: str
    columns: tuple[Column, ...]


def together(rows: Iterable[tuple[int, Row]], most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> Iterator[list[Row]]:
    """Rows, each with its size in bytes, in lists that are not too large. Raises what ``rows`` raises, after the rows before it."""
    batch: list[Row] = []
    held = 0
    fault: CaptureError | None = None
    try:
        for size, row in rows:
            batch.append(row)
            held += size
            if len(batch) >= most_rows or held >= most_bytes:
                yield batch
                batch, held = [], 0
    except CaptureError as torn:
        fault = torn
    if batch:
        yield batch
    if fault is not None:
        raise fault


def json_text(value: Any) -> str:
    """A message's fields as JSON in ASCII: decimals, and numbers that JSON lacks or not every reader keeps, as text."""
    try:
        text = DIRECT.encode(value)
        if not LONG_NUMBER.search(text) and '"#' not in text:
            return text
    except ValueError:
        pass  # a number that JSON lacks, or bytes
    # Or a number that is too large, or a protobuf field without a name, or a text that looks like one of these.
    return json.dumps(plain(value))


def exactly(value: object) -> str:
    """A decimal as text. Raises ValueError for anything else, such as the bytes of a field without a name."""
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise ValueError(f"no place in JSON for {type(value).__name__}")


DIRECT = json.JSONEncoder(default=exactly, allow_nan=False)
"""Encodes most fields as they are."""


def plain(value: Any) -> Any:
    """A value in the types that every reader of JSON keeps; an unknown protobuf field as its wire type and what it holds."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, tuple):
        wire_type, held = value
        return {"wire_type": wire_type, "value": held.hex() if isinstance(held, bytes) else plain(held)}
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not -EXACT <= value <= EXACT:
        return str(value)
    return value


def as_json(kind: Kind, value: Any) -> str:
    """A value of a column as JSON text."""
    if value is None:
        return "null"
    if kind is Kind.JSON:
        return str(value)
    return json.dumps(value.hex() if kind is Kind.BYTES else plain(value))


def time_of(time_ns: int) -> int | None:
    """A time, where it has a place in a table."""
    return time_ns if -LAST_NS <= time_ns <= LAST_NS else None


def fits(value: decimal.Decimal) -> bool:
    """Whether a decimal has a place in a table, without a digit lost."""
    if not value:
        return True
    if value.adjusted() >= DECIMAL_DIGITS - DECIMAL_PLACES:
        return False
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    too_small = -DECIMAL_PLACES - exponent
    return too_small <= 0 or not any(digits[-too_small:])
