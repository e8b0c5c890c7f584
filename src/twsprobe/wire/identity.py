"""Which fields of a message say who and which: request ids, order ids, client ids and accounts.

They differ from one run of a program to the next while everything else stays the same, so whoever replays, compares or shares captures
has to know them. Fields of one name mean one thing nearly everywhere, so the kind follows from the name; where a name means something else
in one message, that message is listed. What TWS itself numbers (permId, execId) is no identity of the client's.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.tokens import joined


class Identity(enum.Enum):
    """What a field identifies."""

    REQUEST_ID = "request id"
    ORDER_ID = "order id"
    EITHER_ID = "request or order id"
    """Of an error: the two share one field, and -1 stands for neither."""
    CLIENT_ID = "client id"
    ACCOUNT = "account"
    """An account code, or several joined by commas."""


NAMES: Mapping[str, Identity] = MappingProxyType(
    {
        "reqId": Identity.REQUEST_ID,
        **dict.fromkeys(("orderId", "parentId", "slOrderId", "ptOrderId"), Identity.ORDER_ID),
        **dict.fromkeys(("clientId", "masterClientId"), Identity.CLIENT_ID),
        **dict.fromkeys(("account", "acctCode", "accountName", "acctNumber", "accountId", "accountsList"), Identity.ACCOUNT),
        **dict.fromkeys(("clearingAccount", "deltaNeutralClearingAccount", "customerAccount"), Identity.ACCOUNT),
    }
)
"""The kind of each field by the last name of its path."""
EXCEPTIONS: Mapping[tuple[Direction, str, str], Identity] = MappingProxyType(
    {
        (Direction.TO_CLIENT, "error", "id"): Identity.EITHER_ID,
        # The official client's parameter is a request id: an exercise is answered and cancelled under it as a request is.
        (Direction.TO_SERVER, "exerciseOptions", "orderId"): Identity.REQUEST_ID,
    }
)
"""Fields that are not what their name says, by direction, message and path."""


@functools.cache
def identity_fields(message: Message) -> Mapping[str, Identity]:
    """The fields of a message that identify, by path: ``order.account``, and ``familyCodes[].accountId`` inside a list."""
    found: dict[str, Identity] = {}
    for path in field_paths(message.record):
        kind = EXCEPTIONS.get((message.direction, message.name, path)) or NAMES.get(path.rpartition(".")[2])
        if kind is not None:
            found[path] = kind
    return MappingProxyType(found)


def field_paths(record: Record, path: str = "") -> Iterator[str]:
    """The paths of a record's plain fields."""
    for name, leaf in record.fields.items():
        here = joined(path, name)
        if isinstance(leaf, (Nested, Many)) and leaf.record is not None:
            yield from field_paths(leaf.record, here + ("[]" if isinstance(leaf, Many) else ""))
        else:
            yield here


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The plain values of a message's fields by path, ``order.conditions[0].conId``; what is unset or empty is left out.

    A version may say that a field is unset by leaving it out or by an empty text; neither differs from the other here.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flattened(inner, joined(path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from flattened(inner, f"{path}[{index}]")
    elif value is not None and value != "":
        yield path, value


def pattern_of(path: str) -> str:
    """A value's path as declarations spell it: ``a[0].b[12].c`` is ``a[].b[].c``."""
    if "[" not in path:
        return path
    return ".".join(part.partition("[")[0] + "[]" * part.count("[") for part in path.split("."))


def replaced(fields: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A message's fields with other values at some of their paths."""
    return {name: replaced_value(value, name, changes) for name, value in fields.items()}


def replaced_value(value: Any, path: str, changes: Mapping[str, Any]) -> Any:
    """The same for one of its values."""
    if isinstance(value, dict):
        return {name: replaced_value(inner, joined(path, name), changes) for name, inner in value.items()}
    if isinstance(value, list):
        return [replaced_value(inner, f"{path}[{index}]", changes) for index, inner in enumerate(value)]
    return changes.get(path, value)
