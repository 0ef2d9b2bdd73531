"""Files: atomic writes of ours, and access below a container's root where every path is hostile."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from typing import IO, cast

from wherry.host import syscalls

IN_ROOT = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS


def write_atomic(path: str, data: bytes, mode: int = 0o644) -> None:
    """Write, fsync and rename, so that a reader finds the old file or the new one whole."""
    temporary = f"{path}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_in_place(path: str, data: bytes, mode: int = 0o644) -> None:
    """Truncate and write the same inode: for files that are bind-mounted into a container."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def spool(directory: str) -> IO[bytes]:
    """Open a file without a name below a directory, which is made if it is missing: its space is free at its close."""
    os.makedirs(directory, 0o700, exist_ok=True)
    return cast(IO[bytes], tempfile.TemporaryFile(dir=directory, buffering=0))


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of it to an unbuffered file."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def open_in_root(root: str, path: str, flags: int, mode: int = 0) -> int:
    """Open a path as the container would see it: every link resolves below `root` (openat2, RESOLVE_IN_ROOT)."""
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return syscalls.openat2(directory, path, flags, mode, IN_ROOT)
    finally:
        os.close(directory)


def read_in_root(root: str, path: str, limit: int) -> bytes:
    """Read a regular file of a container, at most `limit` bytes; a missing one is empty.

    OSError EFBIG when it is larger, EINVAL when it is no regular file (a fifo would block the reader).
    """
    try:
        fd = open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes", path)
    return data


def make_dirs_in_root(root: str, path: str, mode: int = 0o755) -> None:
    """Make a directory and its missing parents below a container's root; NotADirectoryError if a file is in the way."""
    walked = "/"
    for part in filter(None, os.path.normpath("/" + path).split("/")):
        parent = open_in_root(root, walked, os.O_PATH | os.O_DIRECTORY)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, mode, dir_fd=parent)
        finally:
            os.close(parent)
        walked = os.path.join(walked, part)
    os.close(open_in_root(root, walked, os.O_PATH | os.O_DIRECTORY))


def touch_in_root(root: str, path: str, mode: int = 0o755) -> None:
    """Make an empty file below a container's root unless something is there."""
    with contextlib.suppress(FileExistsError):
        os.close(open_in_root(root, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))


def remove_tree(path: str) -> None:
    """Remove a directory of ours with all below it, following no link; a missing one is fine."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
