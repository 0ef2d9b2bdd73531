"""The device nodes of the host, for privileged containers (start.md 5.8)."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = "/dev"
LEFT_OUT = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"})
"""Directories that every container has of its own, or that are no devices."""
CONSOLE = "/dev/console"


@dataclass(frozen=True, slots=True)
class Node:
    """A device node; `kind` is `c` or `b`, `mode` the permission bits."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int


def host_devices(root: str = ROOT) -> Iterator[Node]:
    """Yield the device nodes below /dev (blocking, memory only); links and what vanishes meanwhile are passed over."""
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if name not in LEFT_OUT]
        for name in files:
            path = os.path.join(directory, name)
            try:
                info = os.lstat(path)
            except FileNotFoundError:
                continue
            kind = "c" if stat.S_ISCHR(info.st_mode) else "b" if stat.S_ISBLK(info.st_mode) else ""
            if kind and path != CONSOLE:
                major, minor = os.major(info.st_rdev), os.minor(info.st_rdev)
                yield Node(path, kind, major, minor, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
