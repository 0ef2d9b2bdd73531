"""An entry of HostConfig.Mounts (`--mount`), checked and read (api-containers.md 3.5)."""

import posixpath

from wherry.base.errors import InvalidParameter, Unimplemented
from wherry.model.container import BindOptions, Mount, MountPoint, TmpfsOptions, VolumeOptions
from wherry.volumes.syntax import (
    DRIVER,
    PROPAGATIONS,
    UNNAMED_MODE,
    check_absolute,
    check_destination,
    check_volume_name,
    clean,
    prefix_of,
)

SIZE_UNITS = ("", "k", "m", "g")
"""Suffixes that tmpfs(5) knows, each 1024 times the one before."""


def parse_mount(mount: Mount) -> MountPoint:
    """Return the mount point of an entry; that of a volume has no source yet, that of an anonymous one no name.

    Whether a bind's source exists is asked later (volumes.realise), since that may block. InvalidParameter in
    Docker's words for a wrong entry, Unimplemented for images.
    """
    prefix = prefix_of(mount.type)
    _check_foreign_options(mount, prefix)
    check_destination(mount.target, prefix)
    match mount.type:
        case "bind":
            return _bind(mount, mount.bind_options or BindOptions(), prefix)
        case "tmpfs":
            return _tmpfs(mount, mount.tmpfs_options or TmpfsOptions(), prefix)
        case "volume":
            return _volume(mount, mount.volume_options or VolumeOptions(), prefix)
        case "image":
            raise Unimplemented("mounts of type image are not supported by this engine yet")
        case _:
            raise InvalidParameter(f"{prefix}mount type unknown")


def _check_foreign_options(mount: Mount, prefix: str) -> None:
    """Refuse the option block of another type; Docker words the older three in their own way."""
    blocks = {"bind": mount.bind_options, "tmpfs": mount.tmpfs_options, "volume": mount.volume_options}
    for kind, block in blocks.items():
        if block is not None and kind != mount.type:
            raise InvalidParameter(f'{kind.title()}Options must not be specified on mount type "{mount.type}"')
    newer = {"image": mount.image_options, "cluster": mount.cluster_options}
    for kind, given in newer.items():
        if given is not None and kind != mount.type:
            raise InvalidParameter(f"{prefix}field {kind.title()}Options must not be specified")


def _bind(mount: Mount, options: BindOptions, prefix: str) -> MountPoint:
    if not mount.source:
        raise InvalidParameter(f"{prefix}field Source must not be empty")
    if options.propagation and options.propagation not in PROPAGATIONS:
        raise InvalidParameter(f"{prefix}invalid propagation mode: {options.propagation}")
    check_absolute(mount.source, prefix)
    return MountPoint(
        type="bind",
        source=clean(mount.source),
        destination=clean(mount.target),
        rw=not mount.read_only,
        propagation=options.propagation,
        create_source=options.create_mountpoint,
        recursive=not options.non_recursive,
        options=_readonly_word(mount.read_only, options),
    )


def _readonly_word(read_only: bool, options: BindOptions) -> list[str] | None:
    """`ro` or `rro` when the request insists on one; contradictions are refused here, not at start as in Docker."""
    if options.read_only_non_recursive and options.read_only_force_recursive:
        raise InvalidParameter("mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive")
    wishes = {"ReadOnlyNonRecursive": options.read_only_non_recursive}
    wishes["ReadOnlyForceRecursive"] = options.read_only_force_recursive
    for name, wanted in wishes.items():
        if wanted and not read_only:
            raise InvalidParameter(f"mount options conflict: !ReadOnly && BindOptions.{name}")
    if options.read_only_non_recursive:
        return ["ro"]
    return ["rro"] if options.read_only_force_recursive else None


def _tmpfs(mount: Mount, options: TmpfsOptions, prefix: str) -> MountPoint:
    if mount.source:
        raise InvalidParameter(f"{prefix}field Source must not be specified")
    words = ["ro"] if mount.read_only else []
    if options.mode:
        words.append(f"mode={options.mode:o}")
    if options.size_bytes:
        words.append(f"size={_size(options.size_bytes)}")
    words += [_word(option, prefix) for option in options.options or ()]
    return MountPoint(type="tmpfs", destination=clean(mount.target), rw=not mount.read_only, options=words)


def _size(size: int) -> str:
    """Write bytes in the largest unit that they are a whole number of."""
    unit = 0
    while size % 1024 == 0 and unit < len(SIZE_UNITS) - 1:
        size, unit = size // 1024, unit + 1
    return f"{size}{SIZE_UNITS[unit]}"


def _word(option: list[str], prefix: str) -> str:
    if not 1 <= len(option) <= 2:
        raise InvalidParameter(f"{prefix}invalid option array length")
    if option not in (["exec"], ["noexec"]):
        raise InvalidParameter(f"{prefix}invalid option: {option[0]}")
    return option[0]


def _volume(mount: Mount, options: VolumeOptions, prefix: str) -> MountPoint:
    subpath = options.subpath
    if mount.source:
        if subpath.startswith("/") or f"{posixpath.normpath(subpath)}/".startswith("../"):
            raise InvalidParameter(f"{prefix}subpath must be a relative path within the volume")
        check_volume_name(mount.source)
    elif subpath:
        raise InvalidParameter(f"{prefix}must not set Subpath when using anonymous volumes")
    elif mount.read_only:
        raise InvalidParameter(f"{prefix}must not set ReadOnly mode when using anonymous volumes")
    driver = options.driver_config.name if options.driver_config else ""
    return MountPoint(
        type="volume",
        name=mount.source,
        destination=clean(mount.target),
        driver=driver or DRIVER,
        mode=UNNAMED_MODE,
        rw=not mount.read_only,
        named=bool(mount.source),
        no_copy=options.no_copy or bool(subpath),  # what of the image would go there is not known
        subpath=subpath,
    )
