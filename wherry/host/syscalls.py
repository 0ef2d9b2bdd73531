"""System calls that the standard library lacks, by ctypes; errno becomes OSError with the object's name."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

SYS_OPENAT2 = 437
"""The same number on every architecture (asm-generic/unistd.h)."""

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10


class OpenHow(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def _fail(name: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), name)


def mount(source: str, target: str, fstype: str, flags: int, data: str) -> None:
    """mount(2)."""
    words = (os.fsencode(source), os.fsencode(target), fstype.encode())
    if _libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)) != 0:
        raise _fail(target)


def umount2(target: str, flags: int) -> None:
    """umount2(2)."""
    if _libc.umount2(os.fsencode(target), flags) != 0:
        raise _fail(target)


def openat2(directory: int, path: str, flags: int, mode: int, resolve: int) -> int:
    """openat2(2), Linux 5.6."""
    how = OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    fd = _libc.syscall(ctypes.c_long(SYS_OPENAT2), directory, os.fsencode(path), ctypes.byref(how), size)
    if fd < 0:
        raise _fail(path)
    return int(fd)


def unshare(flags: int) -> None:
    """unshare(2): moves the calling thread; for helper children only."""
    if _libc.unshare(flags) != 0:
        raise _fail("unshare")


def setns(fd: int, kind: int) -> None:
    """setns(2): moves the calling thread; for helper children only."""
    if _libc.setns(fd, kind) != 0:
        raise _fail("setns")
