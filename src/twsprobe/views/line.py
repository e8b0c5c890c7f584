"""A line of output for people, before anyone decides about colours."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """A line to print: ``lead`` in ``style`` (ok, fail, warn, strong, faint or none), then ``rest`` as it is."""

    lead: str
    rest: str = ""
    style: str = ""


def fitted(text: str, width: int) -> str:
    """``text`` cut to a width, with dots where something is missing."""
    return text if len(text) <= width else text[: width - 3] + "..."
