"""Step volumes: the source of every mount of the user's is there, and an empty volume has what the image has."""

from wherry.base.offload import offload
from wherry.containers.news import News
from wherry.containers.steps.rootfs import Root
from wherry.model.container import MountPoint
from wherry.state.record import Phase, Record
from wherry.state.store import Slot
from wherry.volumes.realise import realise
from wherry.volumes.registry import VolumeRegistry
from wherry.volumes.wishes import volumes_of


class Volumes:
    """After acquire: missing sources that may be made exist; before a first start, empty volumes are filled.

    The runtime mounts them in the container's own mount namespace, which ends with it; what was made is the user's,
    and an anonymous volume goes with the container if asked. So release has nothing to give back, it only tells.
    """

    name = "volumes"

    def __init__(self, registry: VolumeRegistry, data_root: str, news: News) -> None:
        """Take the volumes, the engine's root, which mounts must not hold, and who is told."""
        self._registry = registry
        self._data_root = data_root
        self._news = news

    async def acquire(self, slot: Slot, root: Root) -> tuple[MountPoint, ...]:
        """Make, check and fill; returns the mounts as the spec takes them."""
        rec = slot.rec
        points = await offload(realise, rec.mounts, self._data_root)
        for point in volumes_of(rec):
            if not (point.no_copy or rec.started_before):
                await self._registry.fill(point, root.path)
        for point in volumes_of(rec):
            self._news.volume(rec, "mount", point)
        return points

    async def release(self, rec: Record) -> None:
        """Tell that the volumes of a run are free; a run that has ended has told it already."""
        if rec.alive or rec.phase is Phase.STARTING:
            for point in volumes_of(rec):
                self._news.volume(rec, "unmount", point)
