"""Mounts in the engine's own mount namespace (mount(2), umount2(2), proc(5) mountinfo)."""

import contextlib
import errno
import os
from dataclasses import dataclass

from wherry.host import syscalls

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8

FLAGS = {
    "ro": MS_RDONLY,
    "nosuid": MS_NOSUID,
    "nodev": MS_NODEV,
    "noexec": MS_NOEXEC,
    "bind": MS_BIND,
    "rbind": MS_BIND | MS_REC,
}

PAGE = 4096
"""mount(2) takes one page of options."""


@dataclass(frozen=True, slots=True)
class MountInfo:
    """One line of mountinfo."""

    target: str
    fstype: str
    source: str
    shared: bool
    master: bool


def mount(source: str, target: str, fstype: str, options: tuple[str, ...]) -> None:
    """Mount as a list of options says, as containerd's snapshotters write them."""
    flags, data = 0, []
    for option in options:
        if option in FLAGS:
            flags |= FLAGS[option]
        elif option != "rw":
            data.append(option)
    text = ",".join(data)
    if len(text) >= PAGE:
        raise OSError(errno.E2BIG, f"mount options take {len(text)} bytes of {PAGE}", target)
    syscalls.mount(source, target, fstype, flags, text)


def unmount(target: str) -> None:
    """Unmount all layers mounted at a path; nothing there is fine, EBUSY falls back to a lazy unmount."""
    while True:
        try:
            syscalls.umount2(target, UMOUNT_NOFOLLOW)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return
            if error.errno != errno.EBUSY:
                raise
            syscalls.umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH)


def remove_mountpoint(target: str) -> None:
    """Unmount a path and remove its directory or file; all may be gone already."""
    unmount(target)
    with contextlib.suppress(FileNotFoundError):
        try:
            os.rmdir(target)
        except NotADirectoryError:
            os.unlink(target)


def _unescape(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _parse(line: str) -> MountInfo:
    left, _, right = line.partition(" - ")
    fields, tail = left.split(" "), right.split(" ")
    tags = fields[6:]
    return MountInfo(
        target=_unescape(fields[4]),
        fstype=tail[0],
        source=_unescape(tail[1]),
        shared=any(tag.startswith("shared:") for tag in tags),
        master=any(tag.startswith("master:") for tag in tags),
    )


def table() -> list[MountInfo]:
    """Return the mounts of this namespace in mount order."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return [_parse(line.rstrip("\n")) for line in file]


def mounts_below(path: str) -> list[MountInfo]:
    """Return the mounts at or below a path, deepest last mounted first: the order to unmount them in."""
    prefix = path.rstrip("/") + "/"
    return [info for info in reversed(table()) if (info.target + "/").startswith(prefix)]
