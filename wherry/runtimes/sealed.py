"""Programs of runtimes in sealed memory (memfd_create(2), fcntl(2) F_ADD_SEALS).

A container must not reach the file of the runtime that makes it (CVE-2019-5736). So crun and runc look whether they run
from memory with all seals, and where they do not, make such a copy and exec it: crun in each command, 1.4 of 2.8 ms.
Here the copy is made once. It is made anew when the file has changed.
"""

import fcntl
import os

from wherry.base.offload import offload

MAGIC = b"\x7fELF"
MOST = 64 << 20
"""Bytes that a program may have to be kept in memory."""
MFD_EXEC = 0x10
"""linux/memfd.h, since Linux 6.3; others make what can be executed anyway."""
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
"""Exactly these: both compare."""
NONE = -1

Identity = tuple[int, int, int, int, int]


class Programs:
    """The copies, by path; for the loop."""

    def __init__(self) -> None:
        """Begin with none."""
        self._sealed: dict[str, tuple[Identity, int]] = {}

    async def lend(self, path: str) -> list[int]:
        """Return a descriptor of a program's copy, which the caller closes; none for what is to be run by its path.

        That is a script, and whatever cannot be copied: to run it says why.
        """
        try:
            identity = _identity(os.stat(path))
        except OSError:
            return []
        known = self._sealed.get(path)
        if known is None or known[0] != identity:
            self._keep(path, identity, await offload(_seal, path))
        _, fd = self._sealed[path]
        return [] if fd == NONE else [os.dup(fd)]

    def _keep(self, path: str, identity: Identity, fd: int) -> None:
        _, old = self._sealed.get(path, ((), NONE))
        if old != NONE:
            os.close(old)
        self._sealed[path] = identity, fd


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _seal(path: str) -> int:
    """Copy a program and return the descriptor; NONE for what is none or cannot be copied."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST + 1)
        if not data.startswith(MAGIC) or len(data) > MOST:
            return NONE
        fd = _make(os.path.basename(path))
    except OSError:
        return NONE
    try:
        with open(fd, "wb", closefd=False) as copy:
            copy.write(data)
        os.fchmod(fd, 0o500)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    except OSError:
        os.close(fd)
        return NONE
    return fd


def _make(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | MFD_EXEC)
    except OSError:
        return os.memfd_create(name, flags)
