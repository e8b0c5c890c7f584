"""Messages as typed objects: a class for each message and for each record, made from the declarations.

An object has an attribute for every field, None where it was not given; records inside are objects, repeated fields lists. They cannot be
changed: equal records of a session may be one object. They hold values and nothing else, so the garbage collector need not look at them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from twsprobe.wire.layout import Conditional, Gate, Node, Presence, Repetition, Slot
from twsprobe.wire.message import Message
from twsprobe.wire.protobuf import Many, Nested, Record

Object = msgspec.Struct


class Classes:
    """The classes of records and messages, each made once."""

    def __init__(self) -> None:
        self._records: dict[Record, type[Object]] = {}
        self._messages: dict[Message, type[Object]] = {}

    def of_record(self, record: Record) -> type[Object]:
        """The class of a record inside a message."""
        if record not in self._records:
            self._records[record] = make_class(record.type_name, list(record.fields))
        return self._records[record]

    def of_message(self, message: Message) -> type[Object]:
        """The class of a message: the fields in the order of its text form, then those that only protobuf has."""
        if message not in self._messages:
            names = dict.fromkeys(first_names(message.text.nodes)) if message.text is not None else {}
            self._messages[message] = make_class(message.name, list(names | dict.fromkeys(message.record.fields)))
        return self._messages[message]

    def object_of(self, message: Message, values: dict[str, Any]) -> Object:
        """The object of a decoded message's fields."""
        return self._filled(values, message.record, self.of_message(message))

    def _filled(self, values: dict[str, Any], record: Record, cls: type[Object]) -> Object:
        found: dict[str, Any] = {}
        for name in cls.__struct_fields__:
            value, leaf = values.get(name), record.fields.get(name)
            if isinstance(leaf, Nested) and value is not None:
                value = self._filled(value, leaf.record, self.of_record(leaf.record))
            elif isinstance(leaf, Many) and leaf.record is not None and value is not None:
                value = [self._filled(element, leaf.record, self.of_record(leaf.record)) for element in value]
            found[name] = value
        return cls(**found)


def first_names(nodes: tuple[Node, ...]) -> list[str]:
    """The names of a message's own fields, in the order of its layout at any version."""
    found: list[str] = []
    for node in nodes:
        if isinstance(node, (Gate, Conditional, Presence)):
            found += first_names(node.nodes)
        elif isinstance(node, (Slot, Repetition)):
            found.append(node.path[0])
    return found


def make_class(name: str, fields: list[str]) -> type[Object]:
    """A class with these attributes, None by default."""
    made: type[Object] = msgspec.defstruct(name, [(field, Any, None) for field in fields], gc=False, frozen=True, module=__name__)
    return made


def plain(value: Any) -> Any:
    """An object as a dict of what is set; ``event.fields`` of the same message, without what is None or an empty record there."""
    if isinstance(value, msgspec.Struct):
        found = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        return {name: held for name, held in found.items() if held is not None and held != {}}
    return [plain(element) for element in value] if isinstance(value, list) else value
