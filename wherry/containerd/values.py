"""Values that several services take and give, and their way to messages and back: descriptors, shim options."""

from dataclasses import dataclass

from wherry.containerd.gen.messages import AnyValue, message
from wherry.containerd.gen.pool import Message
from wherry.model.image import Descriptor

DescriptorMessage = message("containerd.types.Descriptor")


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """Options for a shim: an encoded value and the name of its message."""

    type_url: str
    value: bytes


def from_descriptor(found: Message) -> Descriptor:
    """Read a descriptor; containerd keeps neither URLs nor the platform."""
    return Descriptor(
        media_type=found.media_type,
        digest=found.digest,
        size=found.size,
        annotations=dict(found.annotations) or None,
    )


def to_descriptor(descriptor: Descriptor) -> Message:
    """Write a descriptor for containerd."""
    return DescriptorMessage(
        media_type=descriptor.media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        annotations=descriptor.annotations,
    )


def to_any(options: RuntimeOptions | None) -> Message | None:
    """Write options as an Any; None stays None, which leaves the field out."""
    return None if options is None else AnyValue(type_url=options.type_url, value=options.value)
