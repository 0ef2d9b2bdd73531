"""`src:dst[:mode]`, an entry of HostConfig.Binds, and the checks it shares with Mounts (api-containers.md 3.5)."""

import posixpath
import re

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.model.container import MountPoint

PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
MODE_GROUPS = (
    frozenset({"ro", "rw"}),
    frozenset({"z", "Z"}),
    PROPAGATIONS,
    frozenset({"nocopy"}),
    frozenset({"consistent", "cached", "delegated"}),
)
"""The words of a mode; at most one of each group."""

DRIVER = "local"
"""The one driver of volumes there is."""
UNNAMED_MODE = "z"
"""What Docker shows for a volume that came without a mode."""
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def parse_bind(raw: str) -> MountPoint:
    """Return the mount point of an entry; that of a volume has no source yet, that of an anonymous one no name.

    InvalidParameter in Docker's words for a malformed entry.
    """
    source, destination, mode = _split(raw)
    kind = "bind" if source.startswith("/") else "volume"
    prefix = f"invalid volume specification: '{raw}': " + prefix_of(kind)
    check_destination(destination, prefix)
    words = mode.split(",")
    point = MountPoint(type=kind, destination=clean(destination), mode=mode, rw="ro" not in words)
    if kind == "volume":
        return _volume(point, source, words, prefix)
    if "nocopy" in words:
        raise InvalidParameter(f"{prefix}field VolumeOptions must not be specified")
    propagation = next((word for word in words if word in PROPAGATIONS), "")
    return msgspec.structs.replace(point, source=clean(source), propagation=propagation, create_source=True)


def _volume(point: MountPoint, name: str, words: list[str], prefix: str) -> MountPoint:
    if PROPAGATIONS.intersection(words):
        raise InvalidParameter(f"{prefix}field BindOptions must not be specified")
    if name:
        check_volume_name(name)
    return msgspec.structs.replace(
        point, name=name, named=bool(name), no_copy="nocopy" in words, mode=point.mode or UNNAMED_MODE
    )


def _split(raw: str) -> tuple[str, str, str]:
    """Return source, destination and mode; a lone field is a destination, as long as it is no mode."""
    fields = raw.split(":")
    if len(fields) == 1 and raw:
        return "", raw, ""
    if len(fields) == 2 and fields[0] and not valid_mode(fields[1]):
        return fields[0], fields[1], ""
    if len(fields) == 3 and fields[0]:
        if not valid_mode(fields[2]):
            raise InvalidParameter(f"invalid mode: {fields[2]}")
        return fields[0], fields[1], fields[2]
    raise InvalidParameter(f"invalid volume specification: '{raw}'")


def valid_mode(mode: str) -> bool:
    """Tell whether every word is known and no two answer the same question; the empty mode is one."""
    words = mode.split(",") if mode else []
    groups = [group for word in words for group in MODE_GROUPS if word in group]
    return len(groups) == len(words) == len(set(groups))


def prefix_of(kind: str) -> str:
    """Return how Docker begins what is wrong with a mount of a type."""
    return f'invalid mount config for type "{kind}": '


def check_destination(path: str, prefix: str = "") -> None:
    """Raise InvalidParameter unless the path is absolute and not the root itself."""
    if not path:
        raise InvalidParameter(f"{prefix}field Target must not be empty")
    check_absolute(path, prefix)
    if clean(path) == "/":
        raise InvalidParameter(f"{prefix}invalid specification: destination can't be '/'")


def check_absolute(path: str, prefix: str = "") -> None:
    """Raise InvalidParameter unless the path is absolute."""
    if not path.startswith("/"):
        raise InvalidParameter(f"{prefix}invalid mount path: '{path}' mount path must be absolute")


def clean(path: str) -> str:
    """Return an absolute path without `.`, `..`, doubled and trailing slashes."""
    return "/" + posixpath.normpath(f"/{path}").lstrip("/")


def check_volume_name(name: str) -> None:
    """Raise InvalidParameter in Docker's words for a name that the driver `local` does not take."""
    if len(name) == 1:
        raise InvalidParameter(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if not VOLUME_NAME.fullmatch(name):
        raise InvalidParameter(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
