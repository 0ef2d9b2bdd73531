"""The device nodes of the host, for containers that ask for some or, when privileged, for all (start.md 5.3, 5.8)."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace

ROOT = "/dev"
LEFT_OUT = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"})
"""Directories that every container has of its own, or that are no devices."""

CONSOLE = "/dev/console"


class NotADevice(OSError):
    """A path that is there and is no device node."""

    def __init__(self, path: str) -> None:
        """Take the path; the text is Docker's."""
        super().__init__(errno.ENODEV, "not a device node", path)


@dataclass(frozen=True, slots=True)
class Node:
    """A device node; `kind` is `c`, `b` or `p`, `mode` the permission bits."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int


def host_devices(root: str = ROOT) -> Iterator[Node]:
    """Yield the device nodes below /dev (blocking, memory only); links and what vanishes meanwhile are passed over."""
    for node in _walk(root, LEFT_OUT):
        if node.kind != "p" and node.path != CONSOLE:
            yield node


def read_node(path: str) -> Node:
    """Return the device node at a path, a link not followed (blocking); NotADevice, or another OSError."""
    info = os.lstat(path)
    for kind, fits in (("c", stat.S_ISCHR), ("b", stat.S_ISBLK), ("p", stat.S_ISFIFO)):
        if fits(info.st_mode):
            major, minor = (os.major(info.st_rdev), os.minor(info.st_rdev)) if kind != "p" else (0, 0)
            return Node(path, kind, major, minor, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
    raise NotADevice(path)


def find_devices(path: str, inside: str) -> list[Node]:
    """Return the nodes of one `--device`, with the paths that they get inside (blocking).

    A link means what it points at, a directory every node below it. NotADevice when there is none, or another OSError.
    """
    resolved = os.path.realpath(path) if os.path.islink(path) else path
    try:
        return [replace(read_node(resolved), path=inside)]
    except NotADevice:
        found = [replace(node, path=inside + node.path[len(resolved) :]) for node in _walk(resolved, frozenset())]
        if not found:
            raise
        return found


def block_number(path: str) -> tuple[int, int]:
    """Return major and minor of the device that a path names, links followed (blocking); OSError if it is not there."""
    number = os.stat(path).st_rdev
    return os.major(number), os.minor(number)


def _walk(root: str, left_out: frozenset[str]) -> Iterator[Node]:
    for directory, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in left_out)
        for name in sorted(files):
            try:
                yield read_node(os.path.join(directory, name))
            except (NotADevice, FileNotFoundError):
                continue
