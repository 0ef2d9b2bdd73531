"""Disk use of images: compressed content that is present, and unpacked layers (images.md 6.4, 7)."""

from collections.abc import Iterable
from dataclasses import dataclass

from wherry.base.errors import NotFound
from wherry.containerd.content import Content
from wherry.containerd.snapshots import Snapshots
from wherry.images.cache import Cache
from wherry.images.manifests import Part, PlatformImage, Survey

REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a manifest with all that it refers to; `complete` if its content is there to the last blob."""

    content: int
    unpacked: int
    complete: bool

    @property
    def total(self) -> int:
        """Bytes on disk."""
        return self.content + self.unpacked


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

    async def parts(self, survey: Survey) -> list[Sizes]:
        """Return the sizes of every part of an image, in their order."""
        return [await self._part(part) for part in survey.parts]

    async def layers(self, chains: Iterable[str]) -> int:
        """Return bytes of snapshots; one that is missing has none."""
        total = 0
        for chain in chains:
            try:
                total += await self._layer(chain)
            except NotFound:
                continue
        return total

    async def _part(self, part: Part) -> Sizes:
        present = [blob for blob in part.blobs if await self._is_present(blob.digest)]
        unpacked = 0 if part.image is None else await self._unpacked(part.image)
        complete = part.manifest is not None and len(present) == len(part.blobs)
        return Sizes(sum(blob.size for blob in present), unpacked, complete)

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
