"""How the fast path turns a field's text or bytes into its value.

A session repeats its values, so a field converts through a cache of its own: a hit costs a third of a conversion. Where values do
not repeat, a cache costs more than it saves, and nobody knows beforehand. So a cache that has filled up puts its field on trial: for
some values hits are counted, and then the field keeps its cache or converts directly from then on. Whoever holds the field's
expression writes it anew at each change.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

CAPACITY = 1 << 14
"""Values that one field's cache holds."""
LONGEST = 64
"""Characters or bytes of a value that is worth keeping; long ones seldom come twice."""
TRIAL = 1 << 12
"""Values that are counted before it is decided whether a field repeats itself."""


class Mode(Enum):
    """How a field converts now."""

    CACHED = "through its cache"
    COUNTED = "through its cache, counting hits"
    DIRECT = "without a cache"


class Cache(dict[Any, Any]):
    """What was converted before, emptied when full."""

    def __init__(self, convert: Callable[[Any], Any], filled: Callable[[], None]) -> None:
        super().__init__()
        self.convert, self.filled = convert, filled

    def __missing__(self, key: Any) -> Any:
        value = self.convert(key)
        if len(key) <= LONGEST:
            if len(self) >= CAPACITY:
                self.clear()
                self.filled()
            self[key] = value
        return value


class Conversion:
    """The conversion of one field; ``changed`` is called when its mode has changed."""

    def __init__(self, convert: Callable[[Any], Any], changed: Callable[[], None], mode: Mode = Mode.CACHED) -> None:
        self.convert, self.changed, self.mode = convert, changed, mode
        self.cache = Cache(convert, self.put_on_trial)
        self.seen = self.hits = 0

    def put_on_trial(self) -> None:
        """The cache was full: count for a while."""
        if self.mode is Mode.CACHED:
            self.mode, self.seen, self.hits = Mode.COUNTED, 0, 0
            self.changed()

    def count(self, key: Any) -> Any:
        """Convert and count; at the end of the trial decide."""
        self.seen += 1
        self.hits += key in self.cache
        if self.seen == TRIAL:
            self.mode = Mode.CACHED if self.hits * 2 > self.seen else Mode.DIRECT
            self.changed()
        return self.cache[key]

    @property
    def function(self) -> Callable[[Any], Any]:
        """The function that converts now."""
        return {Mode.CACHED: self.cache.__getitem__, Mode.COUNTED: self.count, Mode.DIRECT: self.convert}[self.mode]

    def expression(self, names: dict[str, Any], name: str, key: str) -> str:
        """The Python expression that converts ``key``; what it needs is put into ``names`` under ``name``."""
        if self.mode is Mode.CACHED:
            names[name] = self.cache
            return f"{name}[{key}]"
        names[name] = self.function
        return f"{name}({key})"
