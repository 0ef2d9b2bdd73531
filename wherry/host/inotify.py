"""Changes of files, told by the kernel (inotify(7))."""

import ctypes
import os
import struct
from dataclasses import dataclass
from typing import Final

MODIFY: Final = 0x002
MOVED_FROM: Final = 0x040
MOVED_TO: Final = 0x080
CREATE: Final = 0x100
DELETE: Final = 0x200
OVERFLOW: Final = 0x4000
ONLYDIR: Final = 0x01000000
"""linux/inotify.h"""

READ: Final = 64 * 1024

_HEADER: Final = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an entry of a watched directory; `name` is empty for an OVERFLOW."""

    mask: int
    name: str


class Inotify:
    """An inotify instance; non-blocking."""

    def __init__(self) -> None:
        """Open it; OSError when the user's limit is reached."""
        self._fd = _checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify")

    def fileno(self) -> int:
        """Return the descriptor that is readable when something has changed."""
        return self._fd

    def watch(self, path: str, mask: int) -> None:
        """Watch a directory or file; OSError names it."""
        _checked(_libc.inotify_add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(mask)), path)

    def read(self) -> list[Change]:
        """Return what has happened; empty when nothing has."""
        try:
            data = os.read(self._fd, READ)
        except BlockingIOError:
            return []
        changes = []
        while data:
            _, mask, _, length = _HEADER.unpack_from(data)
            end = _HEADER.size + length
            changes.append(Change(mask, os.fsdecode(data[_HEADER.size : end].rstrip(b"\0"))))
            data = data[end:]
        return changes

    def close(self) -> None:
        """Close it; twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result
