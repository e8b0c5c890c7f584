"""How the fast path turns a field's text or bytes into its value.

A session repeats its values, so fields convert through a cache: a hit costs a third of a conversion. Fields of one type share theirs,
because a price comes back in ticks, depth and bars, and a small cache stays in the processor's. Where values do not repeat, a cache costs
more than it saves and drives out what others need, and nobody knows beforehand. So a cache that has filled up puts its fields on trial,
each once: for some values hits are counted, and then the field keeps the cache or converts directly from then on. Whoever holds the
field's expression writes it anew at each change.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

CAPACITY = 1 << 14
"""Values that one cache holds."""
LONGEST = 64
"""Characters or bytes of a value that is worth keeping; long ones seldom come twice."""
TRIAL = 1 << 12
"""Values of a field that are counted before it is decided whether it repeats itself."""
Path = tuple[str, ...]


class Mode(Enum):
    """How a field converts now."""

    CACHED = "through a cache, not tried yet"
    COUNTED = "through a cache, counting hits"
    KEPT = "through a cache, for good"
    DIRECT = "without a cache, for good"


class Cache(dict[Any, Any]):
    """What was converted before, emptied when full; then the fields that convert through it are put on trial."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self.convert = convert
        self.untried: list[Conversion] = []

    def __missing__(self, key: Any) -> Any:
        value = self.convert(key)
        if len(key) <= LONGEST:
            if len(self) >= CAPACITY:
                self.clear()
                while self.untried:
                    self.untried.pop().put_on_trial()
            self[key] = value
        return value


Caches = dict[Any, Cache]


class Conversion:
    """The conversion of one field; ``changed`` is called when its mode has changed. Without ``cached`` it is direct from the beginning."""

    def __init__(self, cache: Cache, changed: Callable[[], object], *, cached: bool = True) -> None:
        self.cache, self.changed = cache, changed
        self.mode = Mode.CACHED if cached else Mode.DIRECT
        self.seen = self.hits = 0
        if cached:
            cache.untried.append(self)

    def put_on_trial(self) -> None:
        """The cache was full: count for a while."""
        self.mode = Mode.COUNTED
        self.changed()

    def count(self, key: Any) -> Any:
        """Convert and count; at the end of the trial decide."""
        self.seen += 1
        self.hits += key in self.cache
        if self.seen == TRIAL:
            self.mode = Mode.KEPT if self.hits * 2 > self.seen else Mode.DIRECT
            self.changed()
        return self.cache[key]

    @property
    def function(self) -> Callable[[Any], Any]:
        """The function that converts now."""
        if self.mode is Mode.COUNTED:
            return self.count
        return self.cache.convert if self.mode is Mode.DIRECT else self.cache.__getitem__

    def expression(self, name_of: Callable[[str, Any], str], key: str) -> str:
        """The Python expression that converts ``key``; ``name_of`` gives the name that stands for an object, from a stem."""
        if self.mode in (Mode.CACHED, Mode.KEPT):
            return f"{name_of('cache', self.cache)}[{key}]"
        return f"{name_of('convert', self.function)}({key})"


class Conversions(dict[Path, Conversion]):
    """The conversions of a message's fields in one encoding. ``changed`` is called when one of them has changed its mode."""

    def __init__(self, caches: Caches, changed: Callable[[], object]) -> None:
        super().__init__()
        self.caches, self.changed = caches, changed

    def field(self, path: Path, kind: Any, convert: Callable[[Any], Any], *, cached: bool = True) -> Conversion:
        """The conversion of the field at a path; fields of one ``kind`` convert in the same way and share a cache."""
        if path not in self:
            if kind not in self.caches:
                self.caches[kind] = Cache(convert)
            self[path] = Conversion(self.caches[kind], self.changed, cached=cached)
        return self[path]
