"""A directory of plain files as a tar, and back; links and devices are refused both ways. All of it blocks."""

import errno
import os
import stat
import tarfile
from hashlib import sha256
from typing import IO, cast

PIECE = 1 << 20
"""Bytes in one go."""


def pack(directory: str, file: IO[bytes]) -> None:
    """Append all below a directory, in order of names; OSError EINVAL for what is neither file nor directory."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        for root, directories, names in os.walk(directory, onerror=_raise):
            directories.sort()
            for name in [*directories, *sorted(names)]:
                path = os.path.join(root, name)
                _check(path, os.lstat(path).st_mode)
                tar.add(path, os.path.relpath(path, directory), recursive=False)


def unpack(file: IO[bytes], directory: str) -> None:
    """Write what a tar holds below a directory that is ours alone; OSError EINVAL when it is broken or leads out."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                _write(tar, member, directory)
    except tarfile.TarError as error:
        raise OSError(errno.EINVAL, f"not a tar: {error}") from error


def digest(file: IO[bytes]) -> tuple[str, int]:
    """Return digest, `sha256:…`, and size of a whole file."""
    found, size = sha256(), 0
    while piece := os.pread(file.fileno(), PIECE, size):
        found.update(piece)
        size += len(piece)
    return f"sha256:{found.hexdigest()}", size


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, directory: str) -> None:
    name = os.path.normpath(member.name)
    if name == ".":
        return
    if name.startswith(("/", "../")) or name == ".." or not (member.isfile() or member.isdir()):
        raise OSError(errno.EINVAL, "neither a file nor a directory of this tree", member.name)
    path = os.path.join(directory, name)
    os.makedirs(path if member.isdir() else os.path.dirname(path), 0o700, exist_ok=True)
    if member.isfile():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as target:
            source = cast(IO[bytes], tar.extractfile(member))
            while piece := source.read(PIECE):
                target.write(piece)


def _check(path: str, mode: int) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "neither a file nor a directory", path)


def _raise(error: OSError) -> None:
    raise error
