"""Network namespaces: made and entered by helper children only, released by anyone (network_namespaces(7), setns(2)).

Standard library only: the zygote imports it. `make` and `open_socket` move the calling process into the namespace, so
they run in a short-lived child without threads.
"""

import contextlib
import errno
import fcntl
import os
import socket
import struct
import traceback

from wherry.host import syscalls

CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1
FLAGS = struct.Struct("=16sH22x")
"""struct ifreq with ifr_flags."""
SIOCGSKNS = 0x894C
SELF = "/proc/thread-self/ns/net"


def make(source: str = "") -> int:
    """Make a namespace with its loopback up; returns the descriptor of a NETLINK_ROUTE socket inside, which keeps it.

    `source` is a pin whose namespace is taken instead, if it is still one. Moves the caller.
    """
    if not (source and _entered(source)):
        syscalls.unshare(CLONE_NEWNET)
    _raise_loopback()
    return _socket()


def pin(source: str, path: str) -> None:
    """Hold a namespace, given as a file of /proc, by a bind mount at a path; nothing stays if that fails.

    A stale pin at the path is replaced; it must lie in an existing directory.
    """
    release(path)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))
    try:
        syscalls.mount(source, path, "", MS_BIND, "")
    except BaseException:
        release(path)
        raise


def open_socket(path: str) -> int:
    """Return the descriptor of a NETLINK_ROUTE socket in the namespace pinned at a path. Moves the caller."""
    enter(path)
    return _socket()


def enter(path: str) -> None:
    """Move the caller, which must be a helper child, into the namespace pinned at a path."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(fd, CLONE_NEWNET)
    finally:
        os.close(fd)


def socket_beside(neighbour: int, family: int, kind: int) -> socket.socket:
    """Return a new socket in the namespace of an open one (SIOCGSKNS); for a process of one thread, never the daemon.

    The caller is back in its own namespace before anything else of it can run; if the kernel refuses that, the
    process ends at once rather than ask the wrong network from then on.
    """
    home = os.open(SELF, os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = fcntl.ioctl(neighbour, SIOCGSKNS)
        try:
            syscalls.setns(there, CLONE_NEWNET)
        finally:
            os.close(there)
        try:
            return socket.socket(family, kind | socket.SOCK_CLOEXEC)
        finally:
            _go_home(home)
    finally:
        os.close(home)


def release(path: str) -> None:
    """Unpin the namespace and remove the file; either may be gone. The kernel ends it once nothing is in it."""
    while True:
        try:
            syscalls.umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise
            break
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _entered(path: str) -> bool:
    """Enter the namespace pinned at a path; False when it is pinned there no more."""
    try:
        enter(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL):
            return False
        raise
    return True


def _go_home(home: int) -> None:
    try:
        syscalls.setns(home, CLONE_NEWNET)
    except OSError:
        traceback.print_exc()
        os._exit(1)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        request = fcntl.ioctl(sock.fileno(), SIOCGIFFLAGS, FLAGS.pack(b"lo", 0))
        _, flags = FLAGS.unpack(request)
        fcntl.ioctl(sock.fileno(), SIOCSIFFLAGS, FLAGS.pack(b"lo", flags | IFF_UP))


def _socket() -> int:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE).detach()
