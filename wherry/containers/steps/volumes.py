"""Step volumes: the source of every mount of the user's is there, and an empty volume has what the image has."""

import msgspec

from wherry.base.offload import offload
from wherry.containers.layout import Layout
from wherry.containers.news import News
from wherry.containers.steps.rootfs import Root
from wherry.host import mounts
from wherry.host.errors import translate
from wherry.model.container import MountPoint
from wherry.state.record import Phase, Record
from wherry.state.store import Slot
from wherry.volumes.realise import realise
from wherry.volumes.registry import VolumeRegistry
from wherry.volumes.subpath import bind_subpath
from wherry.volumes.wishes import volumes_of


class Volumes:
    """After acquire: missing sources that may be made exist; before a first start, empty volumes are filled.

    The runtime mounts them in the container's own mount namespace, which ends with it; what was made is the user's,
    and an anonymous volume goes with the container if asked. A part of a volume is bound below the container's
    directory, by the number of the mount: that alone release gives back.
    """

    name = "volumes"

    def __init__(self, registry: VolumeRegistry, layout: Layout, news: News) -> None:
        """Take the volumes, the paths, whose data root mounts must not hold, and who is told."""
        self._registry = registry
        self._layout = layout
        self._news = news

    async def acquire(self, slot: Slot, root: Root) -> tuple[MountPoint, ...]:
        """Make, check and fill; returns the mounts as the spec takes them."""
        rec = slot.rec
        if not rec.mounts:
            return ()
        points = await offload(realise, rec.mounts, self._layout.data_root)
        for point in volumes_of(rec):
            if not (point.no_copy or rec.started_before):
                await self._registry.fill(point, root.path)
        for point in volumes_of(rec):
            self._news.volume(rec, "mount", point)
        return await offload(self._bind_parts, rec.id, points) if _parts(rec) else points

    async def release(self, rec: Record) -> None:
        """Unmount parts, and tell that the volumes of a run are free; a run that has ended has told it already."""
        if _parts(rec):
            await offload(self._unmount_parts, rec)
        if rec.alive or rec.phase is Phase.STARTING:
            for point in volumes_of(rec):
                self._news.volume(rec, "unmount", point)

    def _bind_parts(self, ident: str, points: tuple[MountPoint, ...]) -> tuple[MountPoint, ...]:
        """Return the mounts with the bound parts as sources."""
        found = []
        for number, point in enumerate(points):
            if point.subpath:
                target = self._layout.volume_part(ident, number)
                bind_subpath(point.source, point.subpath, target)
                point = msgspec.structs.replace(point, source=target)
            found.append(point)
        return tuple(found)

    def _unmount_parts(self, rec: Record) -> None:
        with translate("unmount a part of a volume"):
            for number in _parts(rec):
                mounts.remove_mountpoint(self._layout.volume_part(rec.id, number))


def _parts(rec: Record) -> list[int]:
    return [number for number, point in enumerate(rec.mounts) if point.subpath]
