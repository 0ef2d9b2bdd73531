"""Disk use of images: compressed content that is present, and unpacked layers (images.md 6.4, 7)."""

from collections.abc import Iterable

from wherry.base.errors import NotFound
from wherry.containerd.content import Content
from wherry.containerd.snapshots import Snapshots
from wherry.images.cache import Cache
from wherry.images.manifests import PlatformImage, Survey
from wherry.model.image import Descriptor

REMEMBERED = 20_000


class Meter:
    """Measures; remembers which blobs are present and how large layers are, neither of which changes by itself."""

    def __init__(self, content: Content, snapshots: Snapshots) -> None:
        """Take the stores."""
        self._content = content
        self._snapshots = snapshots
        self._present: Cache[bool] = Cache(REMEMBERED)
        self._layers: Cache[int] = Cache(REMEMBERED)

    def forget(self) -> None:
        """Forget everything: content has been deleted."""
        self._present.clear()
        self._layers.clear()

    async def whole(self, survey: Survey) -> int:
        """Return bytes of all platforms of an image."""
        return await self._blobs(survey.blobs) + sum([await self._unpacked(image) for image in survey.images])

    async def one(self, image: PlatformImage) -> int:
        """Return bytes of the image of one platform."""
        blobs = [image.descriptor, image.manifest.config, *image.manifest.layers]
        return await self._blobs(blobs) + await self._unpacked(image)

    async def _blobs(self, blobs: Iterable[Descriptor]) -> int:
        return sum([blob.size for blob in blobs if await self._is_present(blob.digest)])

    async def _is_present(self, digest: str) -> bool:
        if self._present.get(digest):
            return True
        present = await self._content.exists(digest)
        if present:
            self._present.put(digest, present)
        return present

    async def _unpacked(self, image: PlatformImage) -> int:
        """Return bytes of an image's snapshots; 0 if it is not unpacked."""
        try:
            return sum([await self._layer(chain) for chain in reversed(image.chain_ids)])
        except NotFound:
            return 0

    async def _layer(self, chain: str) -> int:
        known = self._layers.get(chain)
        if known is not None:
            return known
        size, _ = await self._snapshots.usage(chain)
        self._layers.put(chain, size)
        return size
