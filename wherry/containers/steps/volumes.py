"""Step volumes: the source of every mount of the user's is there."""

from wherry.base.offload import offload
from wherry.model.container import MountPoint
from wherry.state.record import Record
from wherry.state.store import Slot
from wherry.volumes.local import LocalVolumes
from wherry.volumes.realise import realise


class Volumes:
    """After acquire: missing sources that may be made exist, the anonymous volumes of a first start too.

    The runtime mounts them in the container's own mount namespace, which ends with it; what was made is the user's,
    and an anonymous volume goes with the container if asked. So release has nothing to give back.
    """

    name = "volumes"

    def __init__(self, local: LocalVolumes, data_root: str) -> None:
        """Take the driver of anonymous volumes, and the engine's root, which mounts must not hold."""
        self._local = local
        self._data_root = data_root

    async def acquire(self, slot: Slot) -> tuple[MountPoint, ...]:
        """Make and check; returns the mounts as the spec takes them."""
        return await offload(self._realise, slot.rec)

    async def release(self, rec: Record) -> None:
        """Nothing, see the class."""

    def _realise(self, rec: Record) -> tuple[MountPoint, ...]:
        if not rec.started_before:
            for point in rec.mounts:
                if point.type == "volume":
                    self._local.create(point.name)
        return realise(rec.mounts, self._data_root)
