"""HostConfig.VolumesFrom: a container takes over the mounts of others (api-containers.md 3.5). Pure."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from wherry.base.errors import InvalidParameter, NotFound
from wherry.model.container import MountPoint
from wherry.state.record import Record
from wherry.volumes.syntax import PROPAGATIONS, valid_mode

NEVER = PROPAGATIONS | {"nocopy"}
"""Words of a mode that make no sense for a mount that is there already."""


def inherit(entries: Iterable[str], find: Callable[[str], Record]) -> Iterator[MountPoint]:
    """Yield the mounts of the containers named by `<container>[:<mode>]`; InvalidParameter in Docker's words.

    They can be written where they could be before and the mode agrees; nothing is copied into them any more. A tmpfs
    is nobody else's (Docker fails there with `get: no such volume`).
    """
    for entry in entries:
        ref, _, mode = entry.partition(":")
        if not entry:
            raise InvalidParameter("volumes-from specification cannot be an empty string")
        words = set(mode.split(","))
        if not valid_mode(mode) or words & NEVER:
            raise InvalidParameter(f"invalid mode: {mode}")
        try:
            source = find(ref)
        except NotFound as error:
            raise InvalidParameter(str(error)) from error
        for point in (point for point in source.mounts if point.type != "tmpfs"):
            yield msgspec.structs.replace(point, rw=point.rw and "ro" not in words, mode="", no_copy=True)
