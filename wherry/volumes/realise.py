"""Before a start: the sources of a container's mounts are there, and can do what their propagation asks for.

Looks at paths of the user's, which may lie on a slow or dead file system: blocking, callers offload it.
"""

import os
from collections.abc import Callable, Iterable, Sequence

import msgspec

from wherry.base.errors import InvalidParameter, System
from wherry.host import mounts
from wherry.host.errors import translate
from wherry.host.mounts import MountInfo
from wherry.model.container import MountPoint
from wherry.volumes.mountpoints import DEFAULT_PROPAGATION, touches
from wherry.volumes.syntax import prefix_of

Table = Callable[[], list[MountInfo]]
SHARED = frozenset({"shared", "rshared"})
SLAVE = frozenset({"slave", "rslave"})


def check_sources(points: Iterable[MountPoint]) -> None:
    """Raise InvalidParameter in Docker's words for a bind whose source must exist and does not."""
    for point in points:
        if point.type == "bind" and not point.create_source and not os.path.exists(point.source):
            raise InvalidParameter(f"{prefix_of('bind')}bind source path does not exist: {point.source}")


def realise(points: Sequence[MountPoint], data_root: str, table: Table = mounts.table) -> tuple[MountPoint, ...]:
    """Make missing sources that may be made (directories, root, 0755) and return the mounts as a spec takes them.

    What is made stays: it is the user's. InvalidParameter for a missing source and for a propagation that the mount
    below the source does not have; System for a volume that lost its directory.
    """
    check_sources(points)
    for point in points:
        _make_source(point)
    wanted = [point for point in points if point.propagation in SHARED | SLAVE]
    if not wanted:
        return tuple(points)
    known = table()
    return tuple(_propagated(point, data_root, known) if point in wanted else point for point in points)


def _make_source(point: MountPoint) -> None:
    if point.type == "volume" and not os.path.isdir(point.source):
        raise System(
            f"volume {point.name} has lost its directory {point.source}; make it again or remove the container"
        )
    if point.create_source and not os.path.exists(point.source):
        with translate(f"make the bind source {point.source}"):
            os.makedirs(point.source, 0o755, exist_ok=True)


def _propagated(point: MountPoint, data_root: str, known: Sequence[MountInfo]) -> MountPoint:
    """Check the mount that holds the source; below the data root, where nobody asked for it, fall back to private."""
    holder = holding_mount(os.path.realpath(point.source), known)
    if holder.shared or (holder.master and point.propagation in SLAVE):
        return point
    if point.propagation in SLAVE and touches(point.source, data_root):
        return msgspec.structs.replace(point, propagation=DEFAULT_PROPAGATION)
    missing = "shared" if point.propagation in SHARED else "shared or slave"
    raise InvalidParameter(f"path {point.source} is mounted on {holder.target} but it is not a {missing} mount")


def holding_mount(path: str, known: Sequence[MountInfo]) -> MountInfo:
    """Return the mount that a resolved path lies on: the deepest, and of several there the last."""
    below = [info for info in known if (path.rstrip("/") + "/").startswith(info.target.rstrip("/") + "/")]
    if not below:
        raise System(f"no mount of this namespace holds {path}")
    return max(reversed(below), key=lambda info: len(info.target))
