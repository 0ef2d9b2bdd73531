"""What others have put into the store without unpacking it (`ctr images pull`) becomes ready for containers."""

import asyncio

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.containerd.leases import Leases
from wherry.containerd.snapshots import Snapshots
from wherry.images.held import hold
from wherry.images.manifests import PlatformImage
from wherry.images.unpack import Unpacker


class Ready:
    """Unpacks images when they are needed, one at a time: of many who want the same one the first does it for all."""

    def __init__(self, snapshots: Snapshots, leases: Leases, unpack: Unpacker, mark: dict[str, str]) -> None:
        """Take containerd's services, who unpacks, and the labels of our leases."""
        self._snapshots = snapshots
        self._leases = leases
        self._unpack = unpack
        self._mark = mark
        self._lock = asyncio.Lock()

    async def __call__(self, image: PlatformImage) -> None:
        """Unpack an image unless it is; System if it cannot be."""
        chains = image.chain_ids
        if chains and not await self._exists(chains[-1]):
            async with self._lock, hold(self._leases, self._mark) as lease:
                try:
                    await self._unpack(image.manifest, image.config, lease)
                except InvalidParameter as error:
                    raise System(f"image {image.descriptor.digest} cannot be unpacked: {error}") from error

    async def _exists(self, chain: str) -> bool:
        try:
            return (await self._snapshots.stat(chain)).kind == "committed"
        except NotFound:
            return False
