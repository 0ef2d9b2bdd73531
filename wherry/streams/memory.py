"""Out-of-memory kills of a cgroup, as the kernel tells them (cgroup-v1/memory.rst 10, cgroup-v2.rst memory.events)."""

import errno
import os
from collections.abc import Callable

from wherry.host.inotify import MODIFY, READ, Inotify
from wherry.streams.reactor import IN, Reactor

EVENTS = "memory.events"
CONTROL = "memory.oom_control"


class MemoryWatch:
    """Tells each kill of a cgroup once."""

    def __init__(self, reactor: Reactor, group: str, killed: Callable[[], None]) -> None:
        """Call `killed` after each kill in a memory cgroup, given by its directory; OSError."""
        self._reactor = reactor
        self._killed = killed
        unified = os.path.exists(f"{group}/{EVENTS}")
        self._path = f"{group}/{EVENTS if unified else CONTROL}"
        self._fd = _watch_file(self._path) if unified else _watch_control(group)
        self._count = _kills(self._path)
        reactor.watch(self._fd, IN, self._told)

    def check(self) -> None:
        """Look now: the end of a process may be seen before what the kernel tells of its cause."""
        count = _kills(self._path)
        if count > self._count:
            self._count = count
            self._killed()

    def close(self) -> None:
        """Watch no more; twice is fine."""
        if self._reactor.watches(self._fd):
            self._reactor.forget(self._fd)
            os.close(self._fd)

    def _told(self, _events: int) -> None:
        os.read(self._fd, READ)
        self.check()


def _watch_file(path: str) -> int:
    inotify = Inotify()
    inotify.watch(path, MODIFY)
    return inotify.fileno()


def _watch_control(group: str) -> int:
    """Version 1 tells by an eventfd, also when the group goes: what counts is the count."""
    told = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    control = os.open(f"{group}/{CONTROL}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with open(f"{group}/cgroup.event_control", "wb", buffering=0) as file:
            file.write(f"{told} {control}".encode())
    finally:
        os.close(control)
    return told


def _kills(path: str) -> int:
    """Return the count of kills, 0 when the group is gone."""
    try:
        with open(path, "rb") as file:
            counts = dict(line.split() for line in file)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return 0
        raise
    return int(counts.get(b"oom_kill", 0))
