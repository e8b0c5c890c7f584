"""Google's protobuf as an oracle: message types made from our records, and what such messages hold."""

from functools import cache
from importlib import import_module
from typing import Any

from twsprobe.wire.fields import Bool, Decimal, Double, Int, Leaf, Long, String
from twsprobe.wire.layout import Values
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.tokens import UnknownField

# Google's modules carry no types.
descriptor_pb2 = import_module("google.protobuf.descriptor_pb2")
descriptor_pool = import_module("google.protobuf.descriptor_pool")
message_factory = import_module("google.protobuf.message_factory")
DECODE_ERROR = import_module("google.protobuf.message").DecodeError
UNKNOWN_FIELDS = import_module("google.protobuf.unknown_fields").UnknownFieldSet

KINDS = {Bool: "TYPE_BOOL", Long: "TYPE_INT64", Int: "TYPE_INT32", Double: "TYPE_DOUBLE", Decimal: "TYPE_STRING", String: "TYPE_STRING"}
"""Google's types by our leaves, subclasses first."""


@cache
def google_type(record: Record) -> Any:
    """Google's message type of the same fields."""
    file = descriptor_pb2.FileDescriptorProto(name="made.proto", package="made", syntax="proto3")
    describe(record, file.message_type.add(name="Root"), file)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("made.Root"))


def parsed_by_google(record: Record, data: bytes) -> Any:
    """Google's message of a payload; None where Google refuses it."""
    message = google_type(record)()
    try:
        message.ParseFromString(data)
    except DECODE_ERROR:
        return None
    return message


def describe(record: Record, message: Any, file: Any) -> None:
    for number, entry in sorted(record.by_number.items()):
        leaf, field = entry.leaf, message.field.add(name=entry.name, number=number)
        field.label = field.LABEL_REPEATED if isinstance(leaf, Many) else field.LABEL_OPTIONAL
        inner = leaf.record if isinstance(leaf, (Nested, Many)) else None
        if inner is not None:
            below = file.message_type.add(name=f"Type{len(file.message_type)}")
            field.type, field.type_name = field.TYPE_MESSAGE, f".made.{below.name}"
            describe(inner, below, file)
            continue
        scalar = leaf.leaf if isinstance(leaf, Many) else leaf
        field.type = getattr(field, next(name for kind, name in KINDS.items() if isinstance(scalar, kind)))
        if not isinstance(leaf, Many):
            field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{entry.name}")


def values_of(message: Any, record: Record) -> Values:
    """The values of a message of Google's in our form, unknown fields included."""
    found: Values = {}
    for field, value in message.ListFields():
        found[field.name] = our_form(value, record.fields[field.name])
    for unknown in UNKNOWN_FIELDS(message):
        raw = unknown.data
        if unknown.wire_type in (1, 5):
            raw = raw.to_bytes(8 if unknown.wire_type == 1 else 4, "little")
        found.setdefault(f"#{unknown.field_number}", []).append(UnknownField(unknown.wire_type, raw))
    return found


def our_form(value: Any, leaf: Leaf) -> Any:
    if isinstance(leaf, Nested):
        return values_of(value, leaf.record)
    if isinstance(leaf, Many):
        return [values_of(one, leaf.record) if leaf.record else our_form(one, leaf.leaf or leaf) for one in value]
    return leaf.from_wire(value.encode()) if isinstance(leaf, Decimal) else value
