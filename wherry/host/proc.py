"""Processes by identity: boot id, pid and start time, signalled through a pidfd (proc(5), pidfd_open(2))."""

import contextlib
import os
import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that no reused pid can be mistaken for. `start_time` is in clock ticks since boot."""

    boot_id: str
    pid: int
    start_time: int


def boot_id() -> str:
    """Return the random id of this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def start_time(pid: int) -> int:
    """Return field 22 of /proc/PID/stat; ProcessLookupError when there is no such process or only its zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    return int(fields[19])


def identity(pid: int) -> Identity:
    """Return the identity of a living process; ProcessLookupError otherwise."""
    return Identity(boot_id(), pid, start_time(pid))


def alive(known: Identity) -> bool:
    """Tell whether this very process lives."""
    try:
        return known.boot_id == boot_id() and start_time(known.pid) == known.start_time
    except ProcessLookupError:
        return False


def kill(known: Identity, number: signal.Signals) -> bool:
    """Signal this very process; False when it is gone. The pidfd is opened first, so that no other can be hit."""
    try:
        fd = os.pidfd_open(known.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(known):
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, number)
            return True
        return False
    finally:
        os.close(fd)
