"""Locks that end with their last holder: flock(2) on an open file description that children may share."""

import asyncio
import errno
import fcntl
import os
import time

from wherry.base.errors import Conflict

WAIT_SECONDS = 10.0
RETRY_SECONDS = 0.02


def take(path: str, what: str) -> int:
    """Take an exclusive lock and return its descriptor; Conflict names the holder's pid.

    The pid of the holder is written into the file for this message alone; the lock is the kernel's.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        if error.errno != errno.EWOULDBLOCK:
            raise
        raise Conflict(
            f"{what} is in use by another engine (pid {holder}): stop that one or give this one its own"
        ) from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode(), 0)
    return fd


async def wait(path: str, what: str, seconds: float = WAIT_SECONDS) -> int:
    """Take the lock as soon as its last holder ends; Conflict names the holder after `seconds`.

    The holders are the helpers of an engine that has just died: flock has no deadline of its own, hence the retries.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return take(path, what)
        except Conflict:
            if time.monotonic() >= deadline:
                raise
        await asyncio.sleep(RETRY_SECONDS)
