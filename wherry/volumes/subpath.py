"""A part of a volume at a mountpoint of the engine's own, found once and safe from links that change (openat2(2)).

Blocking, callers offload it.
"""

import errno
import os
import stat

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.host import mounts, syscalls
from wherry.host.errors import translate


def bind_subpath(root: str, subpath: str, target: str) -> None:
    """Bind what is at `subpath` of a volume's data onto `target`, which is made as a directory or a file.

    Links are followed as far as they stay in the volume. NotFound and InvalidParameter in Docker's words for what is
    not there or leads out, System for the rest.
    """
    with translate("mount a part of a volume"):
        fd = open_subpath(root, subpath)
        try:
            _make_target(target, directory=stat.S_ISDIR(os.fstat(fd).st_mode))
            mounts.mount(f"/proc/self/fd/{fd}", target, "", ("bind",))
        finally:
            os.close(fd)


def open_subpath(root: str, subpath: str) -> int:
    """Return a path descriptor (O_PATH) of what is there; the refusals of `bind_subpath`."""
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        resolve = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_MAGICLINKS
        return syscalls.openat2(directory, subpath, os.O_PATH, 0, resolve)
    except OSError as error:
        if error.errno == errno.EXDEV:
            text = f"path concatenation escapes the base directory, base: {root}, subpath: {subpath}"
            raise InvalidParameter(text) from error
        path = os.path.normpath(f"{root}/{subpath}")
        text = f"cannot access path {path}: lstat {path}: {(error.strerror or '').lower()}"
        raise (NotFound if isinstance(error, FileNotFoundError) else System)(text) from error
    finally:
        os.close(directory)


def _make_target(target: str, directory: bool) -> None:
    mounts.remove_mountpoint(target)
    if directory:
        os.makedirs(target, mode=0o700)
        return
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
