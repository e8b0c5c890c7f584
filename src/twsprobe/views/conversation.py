"""What passed between a client and a server, for the report of a failed test: without secrets, and safe to print.

Reports end up in build logs that others read. So accounts and all else that says who somebody is are replaced as in a capture that is
shared, and what cannot be read, and may hold a secret for that, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from twsprobe.capture.model import Opened, Record
from twsprobe.capture.redact import Survey, redacted
from twsprobe.capture.redactor import CannotPromise, Redactor
from twsprobe.capture.seen import seen_in
from twsprobe.net.matching import Mismatch
from twsprobe.views.decode import event_line, record_line
from twsprobe.views.line import fitted
from twsprobe.views.replay import mismatch_lines
from twsprobe.views.safe import safe
from twsprobe.wire.events import Decoded
from twsprobe.wire.identity import pattern_of
from twsprobe.wire.sensitive import Rule, Text, rule_in

LONGEST = 40
"""Lines of a conversation that are shown: the last ones."""


class Report:
    """Shows records and mismatches without the secrets of any of the records."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._redactor = Redactor()
        self._survey = Survey(self._redactor)
        self._survey.read(records)

    def mismatch(self, mismatch: Mismatch) -> list[str]:
        """What a client did that was not recorded."""
        rules = [rule_of(mismatch, difference.path) for difference in mismatch.differences]
        for difference, rule in zip(mismatch.differences, rules, strict=True):
            for value in (difference.recorded, difference.received):
                if isinstance(value, str):
                    self._redactor.learn(value, rule)
        shown = (
            difference._replace(recorded=self._shown(difference.recorded, rule), received=self._shown(difference.received, rule))
            for difference, rule in zip(mismatch.differences, rules, strict=True)
        )
        return mismatch_lines(replace(mismatch, reason=self._redactor.text(mismatch.reason), differences=tuple(shown)))

    def _shown(self, value: Any, rule: Rule) -> Any:
        return self._redactor.text(value, rule) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """A text about the conversation."""
        return safe(self._redactor.text(text))

    def conversation(self, width: int, longest: int = LONGEST) -> list[str]:
        """The last things that happened, a line each; ``width`` in characters."""
        lines = list(self._lines(width))
        left_out = len(lines) - longest
        return lines if left_out <= 0 else [f"... {left_out} before", *lines[left_out:]]

    def _lines(self, width: int) -> Iterator[str]:
        first_ns = self._records[0].time_ns if self._records else 0
        try:
            for seen in seen_in(redacted(self._records, self._redactor, self._survey.doubts)):
                if isinstance(seen.what, Record):
                    yield fitted(record_line(seen.what, first_ns), width)
                else:
                    yield event_line(seen.what, seen.connection, seen.elapsed_ns, width)
        except CannotPromise as fault:
            yield f"the rest is not shown: {safe(fault.reason)}"


def rule_of(mismatch: Mismatch, path: str) -> Rule:
    """What a field of the message that did not match may hold."""
    event = mismatch.received
    return rule_in(event.name, pattern_of(path).replace("[]", ""), event.fields) if isinstance(event, Decoded) else Text.FREE


def connections_in(records: Iterable[Record]) -> int:
    """How many connections were made."""
    return sum(isinstance(record, Opened) for record in records)
