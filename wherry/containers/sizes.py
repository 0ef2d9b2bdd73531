"""Disk use of a container, as `ps -s` and `inspect -s` show it: measured by the snapshotter."""

from wherry.base.errors import NotFound
from wherry.containerd.snapshots import Snapshots
from wherry.state.record import Record


class Sizes:
    """Asks the snapshotter."""

    def __init__(self, snapshots: Snapshots) -> None:
        """Take the service."""
        self._snapshots = snapshots

    async def __call__(self, rec: Record) -> tuple[int, int]:
        """Return bytes of the writable layer, and of it with all layers below."""
        own, _ = await self._snapshots.usage(rec.id)
        total, parent = own, rec.image_chain
        while parent:
            try:
                size, _ = await self._snapshots.usage(parent)
                parent = (await self._snapshots.stat(parent)).parent
            except NotFound:
                break
            total += size
        return own, total
