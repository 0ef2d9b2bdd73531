"""Image records: a name for a target in the content store (images.md 3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from wherry.containerd.channel import CALL_DEADLINE, SYNC_DEADLINE, Channel
from wherry.containerd.gen.messages import Empty, message, nanoseconds
from wherry.containerd.gen.pool import Message
from wherry.containerd.values import from_descriptor, to_descriptor
from wherry.model.image import Descriptor

IMAGES = "containerd.services.images.v1"
SERVICE = f"{IMAGES}.Images"
ImageMessage = message(f"{IMAGES}.Image")
GetImageRequest = message(f"{IMAGES}.GetImageRequest")
ImageResponse = message(f"{IMAGES}.ImageResponse")
ListImagesRequest = message(f"{IMAGES}.ListImagesRequest")
ListImagesResponse = message(f"{IMAGES}.ListImagesResponse")
CreateImageRequest = message(f"{IMAGES}.CreateImageRequest")
UpdateImageRequest = message(f"{IMAGES}.UpdateImageRequest")
DeleteImageRequest = message(f"{IMAGES}.DeleteImageRequest")


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A named image; times are nanoseconds since the epoch."""

    name: str
    target: Descriptor
    labels: dict[str, str]
    created_ns: int
    updated_ns: int


class Images:
    """containerd's image service."""

    def __init__(self, channel: Channel) -> None:
        """Take the channel whose namespace the images are in."""
        self._channel = channel

    async def get(self, name: str) -> ImageRecord:
        """Return the image of exactly this name; NotFound."""
        reply = await self._channel.call(f"{SERVICE}/Get", GetImageRequest(name=name), ImageResponse)
        return _read(reply.image)

    async def list(self, filters: Sequence[str] = ()) -> list[ImageRecord]:
        """Return the images that match any of the filters in containerd's syntax (`name==…`, `target.digest==…`)."""
        reply = await self._channel.call(f"{SERVICE}/List", ListImagesRequest(filters=filters), ListImagesResponse)
        return [_read(found) for found in reply.images]

    async def create(
        self, name: str, target: Descriptor, labels: dict[str, str] | None = None, lease: str = ""
    ) -> ImageRecord:
        """Make an image; Conflict if the name exists. What the target refers to is safe from now on."""
        request = CreateImageRequest(image=_write(name, target, labels))
        reply = await self._channel.call(f"{SERVICE}/Create", request, ImageResponse, lease=lease)
        return _read(reply.image)

    async def update(
        self, name: str, target: Descriptor, labels: dict[str, str] | None = None, lease: str = ""
    ) -> ImageRecord:
        """Replace target and labels of an image; NotFound if there is none of that name."""
        request = UpdateImageRequest(image=_write(name, target, labels))
        reply = await self._channel.call(f"{SERVICE}/Update", request, ImageResponse, lease=lease)
        return _read(reply.image)

    async def delete(self, name: str, sync: bool = False) -> None:
        """Delete an image; NotFound if it is missing. `sync` waits until what it alone held has been collected."""
        deadline = SYNC_DEADLINE if sync else CALL_DEADLINE
        request = DeleteImageRequest(name=name, sync=sync)
        await self._channel.call(f"{SERVICE}/Delete", request, Empty, deadline=deadline)


def _write(name: str, target: Descriptor, labels: dict[str, str] | None) -> Message:
    return ImageMessage(name=name, target=to_descriptor(target), labels=labels)


def _read(found: Message) -> ImageRecord:
    return ImageRecord(
        found.name,
        from_descriptor(found.target),
        dict(found.labels),
        nanoseconds(found.created_at),
        nanoseconds(found.updated_at),
    )
