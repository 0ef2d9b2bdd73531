"""From field lists to message classes: one private descriptor pool, so that nobody else's containerd protos clash."""

from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

Message = Any
"""A message class or a message: protobuf makes its attributes at run time."""

SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
}


def make_classes(fields: dict[str, str]) -> dict[str, Message]:
    """Return a class for each message of a field list, by its full name; KeyError or TypeError if the list is wrong."""
    pool = DescriptorPool()
    for file in _files(fields):
        pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(name)) for name in fields}


def _files(fields: dict[str, str]) -> list[FileDescriptorProto]:
    """Group the messages by package, a file each, with the files that its fields need."""
    files: dict[str, FileDescriptorProto] = {}
    for full_name, listed in fields.items():
        package, _, name = full_name.rpartition(".")
        file = files.setdefault(package, FileDescriptorProto(name=package, package=package, syntax="proto3"))
        message = file.message_type.add(name=name)
        for field in listed.split():
            _add_field(message, full_name, field)
        needed = {field.type_name.lstrip(".").rpartition(".")[0] for field in message.field if field.type_name}
        file.dependency.extend(sorted((needed & _packages(fields)) - {package} - set(file.dependency)))
    return list(files.values())


def _packages(fields: dict[str, str]) -> set[str]:
    return {name.rpartition(".")[0] for name in fields}


def _add_field(message: DescriptorProto, owner: str, text: str) -> None:
    """Read one `name=number:type` into the message."""
    name, _, rest = text.partition("=")
    number, _, kind = rest.partition(":")
    repeated = kind.endswith("*") or kind == "map"
    field = message.field.add(name=name, number=int(number))
    field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    kind = kind.rstrip("*") or "string"
    if kind in SCALARS:
        field.type = SCALARS[kind]
        return
    field.type = FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = f".{_add_entry(message, owner, name)}" if kind == "map" else f".{kind}"


def _add_entry(message: DescriptorProto, owner: str, name: str) -> str:
    """Add the message that protobuf keeps a map's entries in and return its full name."""
    entry = message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
    entry.options.map_entry = True
    for number, member in enumerate(("key", "value"), start=1):
        entry.field.add(
            name=member,
            number=number,
            type=FieldDescriptorProto.TYPE_STRING,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
        )
    return f"{owner}.{entry.name}"
