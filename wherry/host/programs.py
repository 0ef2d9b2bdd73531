"""Programs of this machine, run with a deadline. Spawned, not forked: the caller has threads."""

import os
import select
import shutil
import signal
import time

OUTPUT_LIMIT = 65536


def program_output(name: str, *arguments: str, seconds: float = 5.0) -> str:
    """Run a program found on PATH and return what it printed, both streams; empty when it is missing or fails."""
    path = shutil.which(name)
    code, output = run_program(path, *arguments, seconds=seconds) if path else (1, "")
    return output if code == 0 else ""


def run_program(path: str, *arguments: str, stdin: bytes = b"", seconds: float = 5.0) -> tuple[int, str]:
    """Return the exit code, negative for a signal, and what was printed, both streams.

    A program that does not end in time is killed. One that cannot be started has the code 127 and says why.
    """
    given, output = os.memfd_create("input"), os.memfd_create("output")
    try:
        os.pwrite(given, stdin, 0)
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in ((given, 0), (output, 1), (output, 2))]
        try:
            pid = os.posix_spawn(path, [path, *arguments], os.environ, file_actions=actions)
        except OSError as error:
            return 127, str(error)
        code = _reap(pid, time.monotonic() + seconds)
        return code, os.pread(output, OUTPUT_LIMIT, 0).decode("utf-8", "replace")
    finally:
        os.close(output)
        os.close(given)


def _reap(pid: int, deadline: float) -> int:
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    finally:
        os.close(pidfd)
