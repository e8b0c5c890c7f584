"""How likely a text is the value of a field: what helps where a log does not say where fields end.

Costs only order the readings of one message. A field whose values have a form of their own, a date for example, may hold a joiner for next
to nothing as long as it has that form, and hardly if it has not. For other fields it matters whether they hold sentences, names or codes,
and whether the joiner is amid the text. The forms are those that TWS and its official clients write, as far as they are known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

IN_FORM, IN_PROSE, IN_TEXT, IN_CODE = 1, 4, 8, 16
"""Costs of joiners in a text: in one that has the form of its field, in a sentence, in a name, in a code."""
ANOTHER, AT_EDGE, UNLIKELY = 1, 8, 12
"""Costs of one joiner more in the same text, of one at its edge, and of a value that is odd."""

PROSE = frozenset(
    {
        *("errorMsg", "errorText", "warningText", "rejectReason", "text"),
        *("headline", "articleText", "newsMessage", "xml", "data", "dataJson"),
    }
)
"""Fields whose values are sentences or documents."""
CODES = frozenset(
    {
        *("secType", "right", "exchange", "primaryExch", "action", "side", "orderType", "tif", "openClose", "status", "multiplier"),
        *("providerCode", "whatToShow", "settlingFirm"),
    }
)
"""Fields whose values are short words."""

_DAYS = re.compile(rb"([0-9]{8}):(?:CLOSED|[0-9]{4}-(?:[0-9]{8}:)?[0-9]{4}(?:,[0-9]{4}-(?:[0-9]{8}:)?[0-9]{4})*+)(?:;|\Z)")


def is_hours(text: bytes) -> bool:
    """Whether a text is trading hours: days in their order, each with its times."""
    days, end = [], 0
    while found := _DAYS.match(text, end):
        days.append(found[1])
        end = found.end()
    return end == len(text) and days == sorted(set(days))


def _form(pattern: bytes) -> Callable[[bytes], bool]:
    match = re.compile(pattern, re.DOTALL).fullmatch
    return lambda text: match(text) is not None


_TIME = _form(rb"[0-9]*|(?:[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T-] ?[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: [A-Za-z/_ ]*)?)?")
_DAY = _form(rb"(?:[0-9]{6}|[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2})?")

FORMS: MappingProxyType[str, Callable[[bytes], bool]] = MappingProxyType(
    {
        "tradingHours": is_hours,
        "liquidHours": is_hours,
        # Order types and exchanges stand side by side; where there is smart routing, it is the first of the exchanges.
        "orderTypes": _form(rb"(?!(?:.*,)?SMART(?:,|\Z))[A-Za-z0-9,]*"),
        "validExchanges": _form(rb"(?:SMART(?:,|\Z))?(?!(?:.*,)?SMART(?:,|\Z))[A-Z0-9,.]*"),
        "marketRuleIds": _form(rb"[0-9,]*"),
        "genericTickList": _form(rb"[A-Za-z0-9,:.]*"),
        "accountsList": _form(rb"[A-Za-z0-9,]*"),
        "stockType": _form(rb"[A-Z &]*"),
        "advancedOrderRejectJson": _form(rb"(?:\{.*\})?"),
        "currency": _form(rb"(?:[A-Z]{3,4})?"),
        "value": _form(rb"-?[0-9][0-9.]*(?:E-?[0-9]+)?|[^-,]*"),
        "rule80A": _form(rb"[A-Z]?"),
        "exemptCode": _form(rb"-?[0-9]+"),
        "ocaType": _form(rb"[0-3]?"),
        **dict.fromkeys(("time", "date", "startDateTime", "endDateTime", "startDateStr", "endDateStr", "headTimestamp"), _TIME),
        **dict.fromkeys(("goodTillDate", "goodAfterTime", "activeStartTime", "activeStopTime"), _TIME),
        **dict.fromkeys(("refDate", "contractMonth", "realExpirationDate", "lastTradeDateOrContractMonth", "lastTradeDate"), _DAY),
    }
)
"""The forms of values, by the last name of the field's path; an empty value has the form where it is usual."""


def text_cost(name: str, text: bytes, joiners: int, at_edges: int) -> int:
    """What it costs to take a text, with so many joiners in it and so many of them at its edges, for a field's value."""
    form = FORMS.get(name)
    if form is not None:
        return (IN_FORM + at_edges if joiners else 0) if form(text) else UNLIKELY + joiners * ANOTHER
    if not joiners:
        return 0
    each = IN_PROSE if name in PROSE else IN_CODE if name in CODES else IN_TEXT
    return each + (joiners - 1) * ANOTHER + at_edges * AT_EDGE


def number_cost(name: str, text: bytes) -> int:
    """What it costs to take the text of a number for a field's value."""
    form = FORMS.get(name)
    return 0 if form is None or form(text) else UNLIKELY
