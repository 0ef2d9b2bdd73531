"""The message classes, and the values that several services carry: times, Any, descriptors and mounts."""

from typing import Any

from wherry.containerd.gen.fields import FIELDS
from wherry.containerd.gen.pool import Message, make_classes

CLASSES = make_classes(FIELDS)
NANO = 1_000_000_000

AnyValue: Message = CLASSES["google.protobuf.Any"]
Empty: Message = CLASSES["google.protobuf.Empty"]
FieldMask: Message = CLASSES["google.protobuf.FieldMask"]
Timestamp: Message = CLASSES["google.protobuf.Timestamp"]


def message(full_name: str) -> Message:
    """Return the class of a message; KeyError if the field list has none of that name."""
    return CLASSES[full_name]


def nanoseconds(timestamp: Message) -> int:
    """Return a Timestamp as nanoseconds since the epoch; 0 for one that is unset or Go's zero time (year 1)."""
    return max(0, int(timestamp.seconds) * NANO + int(timestamp.nanos))


def as_dict(value: Message) -> dict[str, Any]:
    """Return a message as plain values by field name: every field is there, times are nanoseconds, maps are dicts."""
    return {field.name: _plain(field, getattr(value, field.name)) for field in value.DESCRIPTOR.fields}


def _plain(field: Any, value: Any) -> Any:
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    if field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [as_dict(item) for item in value]
    return nanoseconds(value) if isinstance(value, Timestamp) else as_dict(value)
