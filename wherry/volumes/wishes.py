"""What clients and containers want of volumes that may not be there yet, and what of it is refused. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from wherry.base.errors import InvalidParameter, NotFound, Unimplemented
from wherry.base.ids import new_id
from wherry.model.container import HostConfig, MountPoint, VolumeOptions
from wherry.model.volume import CreateOptions
from wherry.state.record import Record
from wherry.volumes.filters import ANONYMOUS
from wherry.volumes.syntax import DRIVER, check_volume_name, clean

OPTIONS = ("type", "o", "device", "size")
"""What Docker's driver `local` can mount elsewhere; this one has no options yet."""

IGNORED = (
    "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. "
    "Use '--mount type=volume,volume-driver=...' instead"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A volume that somebody wants to be there."""

    name: str
    driver: str = DRIVER
    options: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    maker: str = ""
    """Of an anonymous volume: the container that is being created with it."""


def volumes_of(rec: Record) -> list[MountPoint]:
    """Return the mounts of a container that are volumes."""
    return [point for point in rec.mounts if point.type == "volume"]


def wish_of(asked: CreateOptions) -> Wish:
    """Return what a request wants; without a name it gets one and is anonymous."""
    labels = asked.labels if asked.name else {**(asked.labels or {}), ANONYMOUS: ""}
    return Wish(asked.name or new_id(), asked.driver or DRIVER, asked.driver_opts, labels)


def wishes(rec: Record) -> Iterator[Wish]:
    """Yield what a container wants of each of its volumes; options and labels count for those that are missing."""
    mounts = [mount for mount in rec.host_config.mounts or () if mount.type == "volume"]
    asked = {clean(mount.target): mount.volume_options or VolumeOptions() for mount in mounts}
    for point in volumes_of(rec):
        options = asked.get(point.destination, VolumeOptions())
        opts = options.driver_config.options if options.driver_config else None
        if point.named:
            yield Wish(point.name, point.driver, opts, options.labels)
        else:
            yield Wish(point.name, point.driver, opts, {**(options.labels or {}), ANONYMOUS: ""}, maker=rec.id)


def driver_warnings(host: HostConfig, version: tuple[int, int]) -> list[str]:
    """Return Docker's warning when the container's driver does not reach a volume of Mounts."""
    options = [mount.volume_options or VolumeOptions() for mount in host.mounts or () if mount.type == "volume"]
    own = [asked.driver_config is not None and bool(asked.driver_config.name) for asked in options]
    return [IGNORED] if host.volume_driver and version >= (1, 48) and not all(own) else []


def check_driver(wish: Wish) -> None:
    """Raise NotFound for a driver that there is not, InvalidParameter for a name that ours does not take."""
    if wish.driver != DRIVER:
        raise NotFound(
            f'create {wish.name}: error looking up volume plugin {wish.driver}: plugin "{wish.driver}" not found'
        )
    check_volume_name(wish.name)


def check_options(wish: Wish) -> None:
    """Refuse the options of the driver: InvalidParameter for those that Docker does not know, else Unimplemented."""
    asked = wish.options or {}
    for option in asked:
        if option not in OPTIONS:
            raise InvalidParameter(f'create {wish.name}: invalid option: "{option}"')
    if asked:
        option = min(asked, key=OPTIONS.index)
        raise Unimplemented(
            f"create {wish.name}: option {option} of the volume driver local (--opt {option}) is not supported by this "
            "engine yet"
        )
