"""Processes by identity: boot id, pid and start time, signalled through a pidfd (proc(5), pidfd_open(2)).

Files are read as bytes: the first text file of a forked process costs 1 ms, for pages of memory that it must copy.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that no reused pid can be mistaken for. `start_time` is in clock ticks since boot."""

    boot_id: str
    pid: int
    start_time: int


def boot_id() -> str:
    """Return the random id of this boot."""
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        return file.read().decode().strip()


def start_time(pid: int) -> int:
    """Return field 22 of /proc/PID/stat; ProcessLookupError when there is no such process or only its zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error
    if fields[0] in (b"Z", b"X"):
        raise ProcessLookupError(pid)
    return int(fields[19])


def identity(pid: int) -> Identity:
    """Return the identity of a living process; ProcessLookupError otherwise."""
    return Identity(boot_id(), pid, start_time(pid))


def command_lines() -> Iterator[tuple[Identity, list[str]]]:
    """Yield every living process that has a command line, with its arguments."""
    for name in os.listdir("/proc"):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if name.isdecimal() and (argv := _arguments(name)):
                yield identity(int(name)), argv


def children(pid: int) -> list[Identity]:
    """Return the living children of a process, whichever of its threads began them; a gone one has none."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                pids = [int(text) for text in file.read().split()]
            for child in pids:
                with contextlib.suppress(ProcessLookupError):
                    found.append(identity(child))
    return found


def _arguments(name: str) -> list[str]:
    with open(f"/proc/{name}/cmdline", "rb") as file:
        return [os.fsdecode(part) for part in file.read().split(b"\0")[:-1]]


def kill_group(pid: int) -> None:
    """SIGKILL the process group of a process that leads one, or that has lost its leader; else and gone is fine.

    A command that has started it and ended may have been the leader; one that lives is somebody else.
    """
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        start_time(pid)  # it lives: its number means nobody else
        group = os.getpgid(pid)
        if group == pid or not _lives(group):
            os.killpg(group, signal.SIGKILL)


def _lives(pid: int) -> bool:
    try:
        start_time(pid)
    except ProcessLookupError:
        return False
    return True


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
