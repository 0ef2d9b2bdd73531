"""After a failed start: nothing may be mounted below what was the container's. What is, is a bug of a release."""

import logging

from wherry.base.offload import offload
from wherry.containers.layout import Layout
from wherry.host import mounts
from wherry.state.record import Record

log = logging.getLogger("wherry.steps")


class MountSweep:
    """Unmounts what releases have left, and counts it."""

    def __init__(self, layout: Layout) -> None:
        """Take the paths."""
        self._layout = layout
        self.leftover_mounts = 0
        """Mounts that were found, since the engine was started; the metrics show it."""

    async def __call__(self, rec: Record) -> None:
        """Sweep what is mounted below the container's directory and its root filesystem; what stays is logged too."""
        for target, problem in await offload(self._unmount, rec):
            self.leftover_mounts += 1
            log.error(
                "container %s: %s was still mounted after its start had failed, and %s: this is an engine bug, please "
                "report it with the lines above",
                rec.id,
                target,
                f"cannot be unmounted: {problem}" if problem else "is unmounted",
            )

    def _unmount(self, rec: Record) -> list[tuple[str, str]]:
        places = (self._layout.directory(rec.id), self._layout.rootfs(rec))
        return [(info.target, _try(info.target)) for place in places for info in mounts.mounts_below(place)]


def _try(target: str) -> str:
    """Unmount, and return what was in the way."""
    try:
        mounts.unmount(target)
    except OSError as error:
        return error.strerror or str(error)
    return ""
