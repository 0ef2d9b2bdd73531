"""Ending an engine and starting it again as it was started: same words, environment, namespaces, directory, output."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.memory import listener, parse_stat
from wherry.base.errors import System

NAMESPACES = {"mnt": "mount", "net": "net", "uts": "uts", "ipc": "ipc", "cgroup": "cgroup"}
"""Names below /proc/PID/ns and the flags of nsenter(1)."""
SECONDS = 60.0
"""How long an engine may take to end, or to answer."""
PAUSE_SECONDS = 0.001
"""Between two looks whether it answers: far below what is measured."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a daemon was started; the descriptors hold what the command refers to by number."""

    command: list[str]
    environment: dict[bytes, bytes]
    held: list[int]
    output: tuple[int, int]


@contextlib.contextmanager
def captured(path: str) -> Iterator[Launch]:
    """Yield how the daemon behind a socket was started (proc(5)).

    System when systemd runs it, which would start it itself, or when it is not the caller's to read.
    """
    pid = listener(path)
    process = Path(f"/proc/{pid}")
    with contextlib.ExitStack() as stack:

        def hold(name: str, flags: int) -> int:
            handle = os.open(process / name, flags)
            stack.callback(os.close, handle)
            return handle

        try:
            _, after = parse_stat((process / "stat").read_text())
            if after[1] == "1" and ".service" in (process / "cgroup").read_text():
                raise System(f"process {pid} is a service of systemd: start the engine by hand to measure its boot")
            words = (process / "cmdline").read_text().split("\0")[:-1]
            pairs = (word.partition(b"=") for word in (process / "environ").read_bytes().split(b"\0") if word)
            held = [hold("root", os.O_PATH), hold("cwd", os.O_PATH)]
            command = ["nsenter", f"--root=/proc/self/fd/{held[0]}", f"--wd=/proc/self/fd/{held[1]}"]
            for name, flag in NAMESPACES.items():
                if not os.path.samefile(process / "ns" / name, f"/proc/self/ns/{name}"):
                    held.append(hold(f"ns/{name}", os.O_RDONLY))
                    command.append(f"--{flag}=/proc/self/fd/{held[-1]}")
            output = hold("fd/1", os.O_WRONLY | os.O_APPEND), hold("fd/2", os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise System(f"process {pid} cannot be started again as it was: {error}: run as root") from error
        yield Launch([*command, "--", *words], {key: value for key, _, value in pairs}, held, output)


def end(path: str) -> None:
    """Ask the daemon behind a socket to end, and wait until it has; System when it does not."""
    pid = listener(path)
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], SECONDS)[0]:
            raise System(f"process {pid} does not end {SECONDS:.0f} s after SIGTERM")
    finally:
        os.close(handle)


def begin(launch: Launch) -> "subprocess.Popen[bytes]":
    """Start a daemon as it was started, in a session of its own: it outlives the bench."""
    return subprocess.Popen(
        launch.command,
        env=launch.environment,
        stdin=subprocess.DEVNULL,
        stdout=launch.output[0],
        stderr=launch.output[1],
        pass_fds=launch.held,
        start_new_session=True,
    )


def wait_until(ready: Callable[[], bool], daemon: "subprocess.Popen[bytes]") -> None:
    """Return once the daemon answers as it should; System when it ends before, or takes too long."""
    last = time.monotonic() + SECONDS
    while not ready():
        if daemon.poll() is not None:
            raise System(f"{daemon.args!r} ended with status {daemon.returncode}: see its log")
        if time.monotonic() > last:
            raise System(f"{daemon.args!r} does not answer within {SECONDS:.0f} s: see its log")
        time.sleep(PAUSE_SECONDS)
