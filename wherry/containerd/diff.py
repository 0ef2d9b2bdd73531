"""The diff service: unpacks a layer into a snapshot (images.md 3)."""

from collections.abc import Iterable

from wherry.containerd.channel import Channel
from wherry.containerd.gen.messages import message
from wherry.containerd.snapshots import MountSpec, to_mounts
from wherry.containerd.values import from_descriptor, to_descriptor
from wherry.model.image import Descriptor

ApplyRequest = message("containerd.services.diff.v1.ApplyRequest")
ApplyResponse = message("containerd.services.diff.v1.ApplyResponse")
APPLY_DEADLINE = 1800.0
"""Seconds for one layer: gigabytes onto a slow disk."""


class Diff:
    """containerd's diff service."""

    def __init__(self, channel: Channel) -> None:
        """Take the channel whose namespace the layers are in."""
        self._channel = channel

    async def apply(self, layer: Descriptor, mounts: Iterable[MountSpec], lease: str) -> Descriptor:
        """Unpack a layer of the content store onto a snapshot's mounts; return what the uncompressed tar is.

        The media type tells the compression (tar, tar+gzip, tar+zstd). NotFound if the blob is missing, Unimplemented
        for a media type that containerd does not know.
        """
        request = ApplyRequest(diff=to_descriptor(layer), mounts=to_mounts(mounts))
        reply = await self._channel.call(
            "containerd.services.diff.v1.Diff/Apply", request, ApplyResponse, deadline=APPLY_DEADLINE, lease=lease
        )
        return from_descriptor(reply.applied)
