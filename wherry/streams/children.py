"""The children of a keeper that is its container's parent: runtime commands, and the processes that they leave to it.

A runtime command forks the container's process and ends; the process comes to the keeper, which is a subreaper
(prctl(2), PR_SET_CHILD_SUBREAPER). SIGCHLD is a byte in a pipe (signal(7), wakeup descriptor), so statuses are reaped
in the keeper's loop and in one place.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from wherry.host.forkserver import PR_SET_CHILD_SUBREAPER, prctl
from wherry.streams.reactor import IN, Reactor

BYTES: Final = 4096

Ended = Callable[[int], None]
"""Called once with the exit status, 128 + n for signal n."""


class Children:
    """Spawns commands, adopts processes, reaps both."""

    def __init__(self, reactor: Reactor) -> None:
        """Become a subreaper and begin to listen for SIGCHLD; OSError."""
        self._waiting: dict[int, Ended] = {}
        self._commands: set[int] = set()
        self._unasked: dict[int, int] = {}
        self._pipe, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        reactor.watch(self._pipe, IN, self._woken)

    def spawn(
        self,
        argv: list[str],
        environ: Mapping[str, str],
        directory: str,
        stdio: Sequence[int],
        ended: Ended,
        program: int = -1,
    ) -> None:
        """Run a command with these descriptors as its 0 to 2 (-1 for /dev/null) in a directory; OSError.

        `program` is a copy of the program to run in its place, if the system lets it be run. The descriptors stay open
        here. The command leads a session of its own: what an exec that has none sends to its process group must not
        reach this process.
        """
        try:
            process = _spawn(argv, environ, directory, stdio, program)
        except OSError:
            if program < 0:
                raise
            process = _spawn(argv, environ, directory, stdio, -1)
        process.returncode = 0  # who waits for it is `_woken`
        self._commands.add(process.pid)
        self._waiting[process.pid] = ended

    def adopt(self, pid: int, ended: Ended) -> None:
        """Wait for a process that a command has left; it may have ended before anybody knew its pid."""
        if pid in self._unasked:
            ended(self._unasked.pop(pid))
        else:
            self._waiting[pid] = ended

    def kill_commands(self) -> None:
        """SIGKILL the commands under way; each still tells its end."""
        for pid in self._commands:
            os.kill(pid, signal.SIGKILL)

    def _woken(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._pipe, BYTES)
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0] != 0:
                self._reaped(*found)

    def _reaped(self, pid: int, raw: int) -> None:
        code = os.waitstatus_to_exitcode(raw)
        status = code if code >= 0 else 128 - code
        self._commands.discard(pid)
        ended = self._waiting.pop(pid, None)
        if ended is not None:
            ended(status)
        elif self._commands:  # a command under way may be about to name it
            self._unasked[pid] = status
        if not self._commands:
            self._unasked.clear()


def _spawn(
    argv: list[str],
    environ: Mapping[str, str],
    directory: str,
    stdio: Sequence[int],
    program: int,
) -> subprocess.Popen[bytes]:
    """Not by posix_spawn(3): glibc leaves its internal signals ignored there, which a container would inherit."""
    stdin, stdout, stderr = (fd if fd >= 0 else subprocess.DEVNULL for fd in stdio)
    return subprocess.Popen(
        argv,
        executable=f"/proc/self/fd/{program}" if program >= 0 else None,
        env=environ,
        cwd=directory,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        pass_fds=[program] if program >= 0 else [],
    )
