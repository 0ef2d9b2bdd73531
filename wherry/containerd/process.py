"""A process by its identity (boot id, pid, start time), signalled and waited for through a pidfd (pidfd_open(2)).

`host/` has the like for the other rooms; this one stands beside it, on the same floor, and may not look in.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """A process that no reused pid can be mistaken for; `start_time` in clock ticks since boot (proc(5), field 22)."""

    boot_id: str
    pid: int
    start_time: int


def identify(pid: int) -> Identity:
    """Return the identity of a process, ended but not reaped included; ProcessLookupError if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return Identity(file.read().strip(), pid, int(fields[19]))


class Process:
    """One process, held by a pidfd: whatever is done to it cannot hit another one."""

    def __init__(self, identity: Identity, pidfd: int) -> None:
        """Take over a pidfd of this very process."""
        self.identity = identity
        self._pidfd = pidfd

    @classmethod
    def open(cls, known: Identity) -> "Process | None":
        """Take hold of a known process; None if it is gone. The pidfd comes first, so that the check is about it."""
        try:
            pidfd = os.pidfd_open(known.pid)
        except ProcessLookupError:
            return None
        with contextlib.suppress(ProcessLookupError):
            if identify(known.pid) == known:
                return cls(known, pidfd)
        os.close(pidfd)
        return None

    @classmethod
    def spawn(cls, path: str, argv: list[str], environment: Mapping[str, str], log: str) -> "Process":
        """Start a program in a session of its own, stdin empty, stdout and stderr appended to a file; OSError.

        Not by posix_spawn(3): glibc leaves its internal signals ignored there, and every container would inherit that.
        """
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            started = subprocess.Popen(
                argv,
                executable=path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)
        started.returncode = 0  # `reap` waits for it
        # Until it is reaped, below, nothing else can have this pid.
        return cls(identify(started.pid), os.pidfd_open(started.pid))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that is gone is fine."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    async def wait(self) -> None:
        """Wait until it has ended; several may wait."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        # A loop keeps one reader per descriptor number, so each waiter has its own.
        pidfd = os.dup(self._pidfd)
        loop.add_reader(pidfd, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)

    def reap(self) -> str:
        """Say how it ended, in words, and free its entry if it was our child; call it after `wait`."""
        try:
            result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return "status unknown"
        if result is None:
            return "status unknown"
        return f"status {result.si_status}" if result.si_code == os.CLD_EXITED else f"signal {result.si_status}"

    def close(self) -> None:
        """Let go of the process; it lives on."""
        os.close(self._pidfd)
