"""Copying a tree of files of somebody else's, entry by entry, with owners, modes, times, xattrs and hard links.

The source is hostile: every open is below it and follows no link; what is no file, directory or link is made again,
never opened. The target is a directory of ours that nobody else sees yet.
"""

import contextlib
import errno
import os
import posixpath
import stat
from collections.abc import Iterator

from wherry.host import syscalls

CHUNK = 4 << 20
"""Bytes between two yields."""
BELOW = (
    syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS | syscalls.RESOLVE_NO_XDEV
)
Links = dict[tuple[int, int], str]
"""Device and inode of a source with several names, to the path of its first copy."""


def copy_tree(source: int, target: int) -> Iterator[None]:
    """Copy what is below one open directory into another, the directory's own attributes too; OSError as it comes.

    Yields often: the caller decides how long to go on. Memory grows with the number of directories, not of files.
    """
    links: Links = {}
    pending, seen = ["."], []
    while pending:
        path = pending.pop()
        seen.append(path)
        with _both(source, target, path) as (src, dst), os.scandir(src) as entries:
            for entry in entries:
                below = posixpath.join(path, entry.name)
                found = os.stat(entry.name, dir_fd=src, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    os.mkdir(entry.name, 0o700, dir_fd=dst)
                    pending.append(below)
                elif (first := links.get((found.st_dev, found.st_ino))) is not None:
                    os.link(first, entry.name, src_dir_fd=target, dst_dir_fd=dst, follow_symlinks=False)
                else:
                    yield from _copy_one(entry.name, found, src, dst)
                    if found.st_nlink > 1:
                        links[found.st_dev, found.st_ino] = below
                yield
    for path in reversed(seen):  # times last, children first: what is made in a directory changes its times
        with _both(source, target, path) as (src, dst):
            copy_attributes(src, dst)
        yield


def copy_attributes(source: int, target: int) -> None:
    """Give one open file or directory the owner, mode, xattrs and times of another; unsupported xattrs are left out."""
    found = os.fstat(source)
    os.fchown(target, found.st_uid, found.st_gid)
    os.fchmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source):
        with _unsupported():
            os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


@contextlib.contextmanager
def _unsupported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA):
            raise


@contextlib.contextmanager
def _both(source: int, target: int, path: str) -> Iterator[tuple[int, int]]:
    flags = os.O_RDONLY | os.O_DIRECTORY
    src = syscalls.openat2(source, path, flags, 0, BELOW)
    try:
        dst = syscalls.openat2(target, path, flags, 0, BELOW)
        try:
            yield src, dst
        finally:
            os.close(dst)
    finally:
        os.close(src)


def _copy_one(name: str, found: os.stat_result, src: int, dst: int) -> Iterator[None]:
    if stat.S_ISREG(found.st_mode):
        yield from _copy_file(name, src, dst)
        return
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=src), name, dir_fd=dst)
        os.chown(name, found.st_uid, found.st_gid, dir_fd=dst, follow_symlinks=False)
    else:
        os.mknod(name, found.st_mode, found.st_rdev, dir_fd=dst)
        os.chown(name, found.st_uid, found.st_gid, dir_fd=dst, follow_symlinks=False)
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=dst)
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=dst, follow_symlinks=False)


def _copy_file(name: str, src: int, dst: int) -> Iterator[None]:
    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=src)
    try:
        if not stat.S_ISREG(os.fstat(reading).st_mode):
            raise OSError(errno.EINVAL, "changed while it was copied", name)
        writing = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=dst)
        try:
            yield from _copy_data(reading, writing)
            copy_attributes(reading, writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_data(reading: int, writing: int) -> Iterator[None]:
    """Copy what is data, by sendfile(2), which works between all file systems; holes stay holes."""
    size = os.fstat(reading).st_size
    os.ftruncate(writing, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(reading, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from here on
                return
            raise
        end = os.lseek(reading, at, os.SEEK_HOLE)
        os.lseek(writing, at, os.SEEK_SET)
        while at < end:
            count = os.sendfile(writing, reading, at, min(end - at, CHUNK))
            if count == 0:
                return
            at += count
            yield
