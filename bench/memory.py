"""Memory of an engine: the sum of the proportional set sizes (PSS) of its own processes.

Counted are the process that listens on the socket, all its descendants, and processes that run the same program with
a path below the daemon's --exec-root among their arguments. Not counted are containerd and its shims, whoever began
them, and what runs below those: the containers.
"""

import os
import re
import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from wherry.base.errors import System

APART = "containerd"
"""How the names of containerd and of its shims begin."""


@dataclass(frozen=True, slots=True)
class Process:
    """What tells whose a process is."""

    parent: int
    name: str
    program: str
    arguments: tuple[str, ...]


def memory(path: str, containers: Mapping[str, int] | None = None) -> float:
    """Return the MiB of the engine behind a socket; System when it cannot be told.

    Of `containers` (id to pid, those that run) the shims are counted, and the processes in them are not.
    """
    total, processes, containers = 0, running(), containers or {}
    for pid in family(listener(path), processes, set(containers.values())) | shims(processes, containers):
        try:
            total += parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
        except PermissionError as error:
            raise System(f"the memory of process {pid} is not yours to read: run as root") from error
    return total / 1024


def listener(path: str) -> int:
    """Return the process that listens on a unix socket (SO_PEERCRED, unix(7)); System when it is not the daemon's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.connect(path)
        except OSError as error:
            raise System(f"no engine listens at unix://{path}: {error}") from error
        pid, _, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if pid <= 1:
        raise System(f"unix://{path} was opened by process {pid}, not by the engine: give a socket it opens itself")
    return int(pid)


def running() -> dict[int, Process]:
    """Return the machine's processes by pid."""
    found = {}
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit():
                found[int(entry)] = _look(Path("/proc") / entry)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended since, a thread of the kernel, or another user's
    return found


def _look(where: Path) -> Process:
    name, after = parse_stat((where / "stat").read_text())
    arguments = (where / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    return Process(int(after[1]), name, os.readlink(where / "exe"), tuple(arguments))


def parse_stat(text: str) -> tuple[str, list[str]]:
    """Return the name and the fields after it, state and parent first (proc_pid_stat(5)); a name may hold anything."""
    head, _, tail = text.rpartition(")")
    return head.partition("(")[2], tail.split()


def parse_pss(rollup: str) -> int:
    """Return the KiB of the line Pss in smaps_rollup (proc_pid_smaps(5)), 0 for a process without memory."""
    found = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
    return int(found[1]) if found else 0


def exec_root(arguments: tuple[str, ...]) -> str:
    """Return the daemon's --exec-root, empty if its command line has none."""
    for at, word in enumerate(arguments):
        flag, _, value = word.partition("=")
        if flag == "--exec-root":
            return value or "".join(arguments[at + 1 : at + 2])
    return ""


def shims(processes: Mapping[int, Process], idents: Collection[str]) -> set[int]:
    """Return the pids of containerd's shims that name one of the containers."""
    return {
        pid
        for pid, process in processes.items()
        if process.name.startswith(APART) and not set(idents).isdisjoint(process.arguments)
    }


def family(daemon: int, processes: Mapping[int, Process], apart: Collection[int] = ()) -> set[int]:
    """Return the pids that belong to a daemon, itself included, as the docstring of this module says.

    A process `apart` does not, nor does what is below it: a direct runtime's container hangs below its keeper.
    """
    seen: set[int] = set()
    waiting = [daemon, *_kin(daemon, processes)]
    while waiting:
        pid = waiting.pop()
        if pid in seen or pid in apart or (pid in processes and processes[pid].name.startswith(APART)):
            continue
        seen.add(pid)
        waiting += [child for child, process in processes.items() if process.parent == pid]
    return seen


def _kin(daemon: int, processes: Mapping[int, Process]) -> list[int]:
    if daemon not in processes or not (root := exec_root(processes[daemon].arguments)):
        return []
    program, below = processes[daemon].program, re.compile(rf"{re.escape(root.rstrip('/'))}(?:/|$)")
    return [
        pid
        for pid, process in processes.items()
        if process.program == program and pid != os.getpid() and any(map(below.search, process.arguments))
    ]
