"""Binds, Mounts, Tmpfs and Volumes of a request become one list of mount points (api-containers.md 3.5, 3.6)."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.base.ids import new_id
from wherry.model.container import ContainerConfig, HostConfig, MountPoint
from wherry.volumes.local import LocalVolumes
from wherry.volumes.mounts import parse_mount
from wherry.volumes.syntax import DRIVER, check_destination, clean, parse_bind

DEFAULT_PROPAGATION = "rprivate"
IN_DATA_ROOT = "rslave"
"""A container that holds the engine's own mounts for itself would keep them from being unmounted."""


def resolve_mountpoints(
    config: ContainerConfig,
    host_config: HostConfig,
    *,
    data_root: str,
    inherited: Iterable[MountPoint] = (),
    new_name: Callable[[], str] = new_id,
) -> tuple[MountPoint, ...]:
    """Return the mount points of a container by destination; pure, nothing is made and no source is looked at.

    Volumes have their name and path; whoever creates the container makes them (Volumes.claimed). HostConfig.Tmpfs is
    no mount point, it only takes its destinations. What was `inherited` of other containers gives way to the request.
    InvalidParameter in Docker's words.
    """
    shadowed = _tmpfs_destinations(host_config.tmpfs or ())
    asked: set[str] = set()
    points = {point.destination: point for point in inherited}
    for point in _asked(host_config):
        if point.destination in asked or (point.type != "tmpfs" and point.destination in shadowed):
            raise InvalidParameter(f"Duplicate mount point: {point.destination}")
        asked.add(point.destination)
        points[point.destination] = _placed(point, data_root)
    for point in _declared(config):
        if point.destination not in shadowed:
            points.setdefault(point.destination, point)
    local = LocalVolumes(data_root)
    return tuple(_located(points[path], local, host_config.volume_driver, new_name) for path in sorted(points))


def _tmpfs_destinations(paths: Iterable[str]) -> set[str]:
    for path in paths:
        check_destination(path)
    return {clean(path) for path in paths}


def _asked(host_config: HostConfig) -> Iterator[MountPoint]:
    for raw in host_config.binds or ():
        yield parse_bind(raw)
    for mount in host_config.mounts or ():
        yield parse_mount(mount)


def _declared(config: ContainerConfig) -> Iterator[MountPoint]:
    """Config.Volumes, of the request and the image: a path of its own unless something is mounted there."""
    for path in config.volumes or ():
        if clean(path) == "/":
            raise InvalidParameter("invalid specification: destination can't be '/'")
        yield MountPoint(type="volume", destination=clean(path))


def _located(point: MountPoint, local: LocalVolumes, driver: str, new_name: Callable[[], str]) -> MountPoint:
    """Give a volume its place, an anonymous one a name, and the container's driver unless it has its own."""
    if point.type != "volume":
        return point
    name = point.name or new_name()
    return msgspec.structs.replace(point, name=name, source=local.path(name), driver=point.driver or driver or DRIVER)


def _placed(point: MountPoint, data_root: str) -> MountPoint:
    """Settle the propagation of a bind: of the data root, of what is below or above it, mounts must not stay held."""
    if point.type != "bind":
        return point
    related = touches(point.source, data_root)
    if related and point.propagation not in ("", "rslave", "rshared"):
        raise InvalidParameter(
            'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within '
            f'the daemon root, daemon root: "{data_root}", bind mount source: "{point.source}", propagation: '
            f'"{point.propagation}"'
        )
    default = IN_DATA_ROOT if related else DEFAULT_PROPAGATION
    return msgspec.structs.replace(point, propagation=point.propagation or default)


def touches(source: str, data_root: str) -> bool:
    """Tell whether one of the paths is the other or lies below it."""
    one, other = source.rstrip("/") + "/", data_root.rstrip("/") + "/"
    return one.startswith(other) or other.startswith(one)
